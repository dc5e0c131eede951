package littlefs

import (
	"errors"
	"fmt"
	"os"

	"airlift/flash/explain"
)

// Error is one of the errors that littlefs knows, with its number there.
// Everything that an operation returns wraps one of them, flash.ErrPowerLost
// or a *flash.RangeError.
type Error struct {
	code int
	text string
	os   error // the standard library's name for it, or nil
}

func (e *Error) Error() string { return e.text }

// Is makes errors.Is(err, os.ErrNotExist) and its like work.
func (e *Error) Is(target error) bool { return e.os != nil && target == e.os }

// The errors of littlefs (lfs.h, enum lfs_error).
var (
	ErrIO          = &Error{-5, "input/output error", nil}
	ErrCorrupt     = &Error{-84, "volume is corrupted", nil}
	ErrNotExist    = &Error{-2, "file does not exist", os.ErrNotExist}
	ErrExist       = &Error{-17, "file already exists", os.ErrExist}
	ErrNotDir      = &Error{-20, "not a directory", nil}
	ErrIsDir       = &Error{-21, "is a directory", nil}
	ErrNotEmpty    = &Error{-39, "directory is not empty", nil}
	ErrBadHandle   = &Error{-9, "handle cannot do that", nil}
	ErrClosed      = &Error{-9, "file already closed", os.ErrClosed}
	ErrTooBig      = &Error{-27, "file too large", nil}
	ErrInvalid     = &Error{-22, "invalid argument", os.ErrInvalid}
	ErrVersion     = &Error{-22, "disk version is not supported", os.ErrInvalid}
	ErrNoSpace     = &Error{-28, "no space left on volume", nil}
	ErrNoAttr      = &Error{-61, "no such attribute", nil}
	ErrNameTooLong = &Error{-36, "name too long", nil}
)

// Code returns the number that littlefs would return: 0 for nil, LFS_ERR_IO
// (-5) for what it does not know, a power loss among it.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	default:
		return ErrIO.code
	}
}

// errBadBlock says that a block did not take what was written to it. It never
// leaves the package: whoever writes moves to another block.
var errBadBlock = errors.New("bad block")

// faultAt is a place on the volume that is wrong.
type faultAt struct {
	kind error
	at   *explain.FormatError
}

func (f *faultAt) Error() string   { return f.at.Error() }
func (f *faultAt) Unwrap() []error { return []error{f.kind, f.at} }

// corrupt reports that the volume at off (bytes from its start) is wrong.
func corrupt(off int64, what, want, format string, args ...any) error {
	return &faultAt{ErrCorrupt, &explain.FormatError{
		Off: off, What: "littlefs " + what, Want: want, Got: fmt.Sprintf(format, args...),
	}}
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}
