// Package handle has the parts that the small file systems of the flash room
// share: an [afero.File] over anything that can be read and written at an
// offset, one over the list of a folder, file information without times, and
// the refusals of file systems that cannot be changed.
//
// Nothing here looks at the clock: every modification time is the zero time,
// so listings are the same on every run.
package handle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/afero"
)

// Errors of an open file.
var (
	ErrNotReadable = fmt.Errorf("file is not open for reading: %w", fs.ErrPermission)
	ErrNotWritable = fmt.Errorf("file is not open for writing: %w", fs.ErrPermission)
	ErrReadOnly    = fmt.Errorf("read-only file system: %w", fs.ErrPermission)
	ErrIsFolder    = errors.New("is a folder")
	ErrNotFolder   = errors.New("is not a folder")
	ErrSeek        = errors.New("seek before the start of the file")
)

// Content is what a [File] shows. ReadAt is only asked for bytes below Size.
type Content interface {
	io.ReaderAt
	io.WriterAt
	Size() int64
	Truncate(size int64) error
	Sync() error
}

// File is an open file.
type File struct {
	name    string // full name, for errors
	info    func() fs.FileInfo
	content Content
	flag    int
	pos     int64
	closed  bool
	onClose func()
}

var _ afero.File = (*File)(nil)

// New opens content as the file name. The flags are those of os.OpenFile, of
// which only the access mode and O_APPEND count. onClose may be nil.
func New(name string, content Content, flag int, info func() fs.FileInfo, onClose func()) *File {
	return &File{name: name, info: info, content: content, flag: flag, onClose: onClose}
}

// fail wraps err, except io.EOF, which readers compare.
func (f *File) fail(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *File) readable() error {
	switch {
	case f.closed:
		return fs.ErrClosed
	case f.flag&(os.O_WRONLY|os.O_RDWR) == os.O_WRONLY:
		return ErrNotReadable
	}
	return nil
}

func (f *File) writable() error {
	switch {
	case f.closed:
		return fs.ErrClosed
	case f.flag&(os.O_WRONLY|os.O_RDWR) == os.O_RDONLY:
		return ErrNotWritable
	}
	return nil
}

// readAt reads up to the end of the contents.
func (f *File) readAt(p []byte, off int64) (int, error) {
	if err := f.readable(); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, ErrSeek
	}
	if len(p) == 0 {
		return 0, nil
	}
	rest := f.content.Size() - off
	if rest <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > rest {
		p = p[:rest]
	}
	return f.content.ReadAt(p, off)
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.readAt(p, f.pos)
	f.pos += int64(n)
	return n, f.fail("read", err)
}

// ReadAt implements io.ReaderAt: a short read comes with io.EOF.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.readAt(p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, f.fail("read", err)
}

// Seek implements io.Seeker. A position behind the end is allowed.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.closed {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	var base int64
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = f.pos
	case io.SeekEnd:
		base = f.content.Size()
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	pos := base + offset
	if pos < 0 { // also when the sum overflows
		return 0, f.fail("seek", ErrSeek)
	}
	f.pos = pos
	return pos, nil
}

// Pos returns the position of the next Read or Write.
func (f *File) Pos() int64 { return f.pos }

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if err := f.writable(); err != nil {
		return 0, f.fail("write", err)
	}
	if f.flag&os.O_APPEND != 0 {
		f.pos = f.content.Size()
	}
	n, err := f.content.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, f.fail("write", err)
}

// WriteAt implements io.WriterAt. As in package os it is no use on a file
// opened for appending.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if err := f.writable(); err != nil {
		return 0, f.fail("write", err)
	}
	if off < 0 || f.flag&os.O_APPEND != 0 {
		return 0, f.fail("write", fs.ErrInvalid)
	}
	n, err := f.content.WriteAt(p, off)
	return n, f.fail("write", err)
}

// WriteString is Write.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// Truncate implements afero.File.
func (f *File) Truncate(size int64) error {
	if err := f.writable(); err != nil {
		return f.fail("truncate", err)
	}
	if size < 0 {
		return f.fail("truncate", fs.ErrInvalid)
	}
	return f.fail("truncate", f.content.Truncate(size))
}

// Sync implements afero.File.
func (f *File) Sync() error {
	if f.closed {
		return f.fail("sync", fs.ErrClosed)
	}
	return f.fail("sync", f.content.Sync())
}

// Close ends the use of the file. A second Close is an error.
func (f *File) Close() error {
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	if f.onClose != nil {
		f.onClose()
	}
	return nil
}

// Name returns the name that the file was opened with.
func (f *File) Name() string { return f.name }

// Stat implements afero.File.
func (f *File) Stat() (fs.FileInfo, error) {
	if f.closed {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	return f.info(), nil
}

// Readdir refuses: this is no folder.
func (f *File) Readdir(int) ([]fs.FileInfo, error) { return nil, f.fail("readdir", ErrNotFolder) }

// Readdirnames refuses: this is no folder.
func (f *File) Readdirnames(int) ([]string, error) { return nil, f.fail("readdir", ErrNotFolder) }

// Info describes a file or folder.
type Info struct {
	name string
	size int64
	mode fs.FileMode
}

// FileInfo describes a file of size bytes.
func FileInfo(name string, size int64, perm fs.FileMode) Info { return Info{name, size, perm} }

// FolderInfo describes a folder.
func FolderInfo(name string) Info { return Info{name: name, mode: fs.ModeDir | 0o755} }

func (i Info) Name() string       { return i.name }
func (i Info) Size() int64        { return i.size }
func (i Info) Mode() fs.FileMode  { return i.mode }
func (i Info) ModTime() time.Time { return time.Time{} }
func (i Info) IsDir() bool        { return i.mode.IsDir() }
func (i Info) Sys() any           { return nil }
