package sweep

import (
	"errors"
	"fmt"
	"os"
)

// ErrBusy is the error for a file that another process writes.
var ErrBusy = errors.New("another process is writing it")

// Lock makes a file that is gone on with this process's own until it is closed;
// others may read it. Where the file system has no locks it does nothing.
func Lock(f *os.File) error {
	if busy(f) {
		return fmt.Errorf("%s: %w", f.Name(), ErrBusy)
	}
	return nil
}
