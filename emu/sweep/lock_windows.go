package sweep

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// busy locks the file, and reports whether somebody else has. Windows keeps others
// from reading what is locked: so it is a byte far behind the end.
func busy(f *os.File) bool {
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	return errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}
