package handle

import (
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/afero"
)

// Folder is an open folder: a list made when it was opened.
type Folder struct {
	name   string
	info   Info
	list   []fs.FileInfo
	pos    int
	closed bool
}

var _ afero.File = (*Folder)(nil)

// NewFolder opens a folder that holds list, in that order.
func NewFolder(name string, info Info, list []fs.FileInfo) *Folder {
	return &Folder{name: name, info: info, list: list}
}

func (d *Folder) fail(op string, err error) error {
	if d.closed {
		err = fs.ErrClosed
	}
	return &fs.PathError{Op: op, Path: d.name, Err: err}
}

// Readdir returns the next count entries, or all that are left if count is
// not positive; with a positive count the end is io.EOF.
func (d *Folder) Readdir(count int) ([]fs.FileInfo, error) {
	if d.closed {
		return nil, d.fail("readdir", fs.ErrClosed)
	}
	rest := d.list[d.pos:]
	if count > 0 {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		rest = rest[:min(count, len(rest))]
	}
	d.pos += len(rest)
	return append([]fs.FileInfo{}, rest...), nil
}

// Readdirnames is Readdir without the sizes.
func (d *Folder) Readdirnames(count int) ([]string, error) {
	list, err := d.Readdir(count)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, err
}

// Stat implements afero.File.
func (d *Folder) Stat() (fs.FileInfo, error) {
	if d.closed {
		return nil, d.fail("stat", fs.ErrClosed)
	}
	return d.info, nil
}

// Seek only knows how to go back to the first entry.
func (d *Folder) Seek(offset int64, whence int) (int64, error) {
	if d.closed || offset != 0 || whence != io.SeekStart {
		return 0, d.fail("seek", ErrIsFolder)
	}
	d.pos = 0
	return 0, nil
}

// Close ends the use of the folder.
func (d *Folder) Close() error {
	if d.closed {
		return d.fail("close", fs.ErrClosed)
	}
	d.closed = true
	return nil
}

// Name returns the name that the folder was opened with.
func (d *Folder) Name() string { return d.name }

// Sync does nothing.
func (d *Folder) Sync() error { return nil }

func (d *Folder) Read([]byte) (int, error)           { return 0, d.fail("read", ErrIsFolder) }
func (d *Folder) ReadAt([]byte, int64) (int, error)  { return 0, d.fail("read", ErrIsFolder) }
func (d *Folder) Write([]byte) (int, error)          { return 0, d.fail("write", ErrIsFolder) }
func (d *Folder) WriteAt([]byte, int64) (int, error) { return 0, d.fail("write", ErrIsFolder) }
func (d *Folder) WriteString(string) (int, error)    { return 0, d.fail("write", ErrIsFolder) }
func (d *Folder) Truncate(int64) error               { return d.fail("truncate", ErrIsFolder) }

// Refuse is embedded by file systems whose list of files cannot be changed.
// Every method fails for the reason Why.
type Refuse struct{ Why error }

func (r Refuse) fail(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: r.Why} }

func (r Refuse) Mkdir(name string, _ os.FileMode) error              { return r.fail("mkdir", name) }
func (r Refuse) MkdirAll(name string, _ os.FileMode) error           { return r.fail("mkdir", name) }
func (r Refuse) Remove(name string) error                            { return r.fail("remove", name) }
func (r Refuse) RemoveAll(name string) error                         { return r.fail("remove", name) }
func (r Refuse) Rename(name, _ string) error                         { return r.fail("rename", name) }
func (r Refuse) Chmod(name string, _ os.FileMode) error              { return r.fail("chmod", name) }
func (r Refuse) Chown(name string, _, _ int) error                   { return r.fail("chown", name) }
func (r Refuse) Chtimes(name string, _ time.Time, _ time.Time) error { return r.fail("chtimes", name) }
