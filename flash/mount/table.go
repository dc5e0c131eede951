package mount

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

var _ afero.Fs = (*Table)(nil)

// pathError names the whole path in an error of a file system, which only
// knows the rest of it.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe) && err == error(pe):
		err = pe.Err
	case errors.As(err, &le) && err == error(le):
		err = le.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Name says what this is.
func (t *Table) Name() string { return "mount table" }

// Create makes or empties a file and opens it for reading and writing.
func (t *Table) Create(name string) (afero.File, error) {
	return t.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open opens a file or folder for reading.
func (t *Table) Open(name string) (afero.File, error) { return t.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file, or a folder if flag is os.O_RDONLY. The file beyond
// MaxOpen is ErrTooManyOpen; folders do not count.
func (t *Table) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	m, rest := t.find(name)
	if flag == os.O_RDONLY {
		m, rest = t.findFolder(name)
	}
	if m == nil {
		return nil, pathError("open", name, ErrNoMount)
	}
	if t.files >= MaxOpen {
		// Ask first: opening may already empty the file.
		if info, err := m.Fs.Stat(rest); err != nil || !info.IsDir() {
			return nil, pathError("open", name, ErrTooManyOpen)
		}
	}
	f, err := m.Fs.OpenFile(rest, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, pathError("open", name, err)
	}
	o := &openFile{File: f, name: name}
	if !info.IsDir() {
		o.table, o.key = t, openKey{m, rest}
		t.count(o.key, +1)
	}
	return o, nil
}

func (t *Table) count(k openKey, by int) {
	if t.open == nil {
		t.open = make(map[openKey]int)
	}
	t.files += by
	if t.open[k] += by; t.open[k] == 0 {
		delete(t.open, k)
	}
}

// openFile is a file that counts as open until it is closed.
type openFile struct {
	afero.File
	name   string
	table  *Table // nil for a folder
	key    openKey
	closed bool
}

// Name returns the name that the file was opened with.
func (f *openFile) Name() string { return f.name }

// Close ends the use of the file, whatever the error.
func (f *openFile) Close() error {
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	if f.table != nil {
		f.table.count(f.key, -1)
	}
	return f.File.Close()
}

// Stat describes a file or folder.
func (t *Table) Stat(name string) (os.FileInfo, error) {
	m, rest := t.findFolder(name)
	if m == nil {
		return nil, pathError("stat", name, ErrNoMount)
	}
	info, err := m.Fs.Stat(rest)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return info, nil
}

// Remove removes a file or an empty folder. One that is open is a
// *StillOpenError.
func (t *Table) Remove(name string) error {
	m, rest := t.find(name)
	switch {
	case m == nil:
		return pathError("remove", name, ErrNoMount)
	case t.open[openKey{m, rest}] > 0:
		return &StillOpenError{Op: "remove", Path: name}
	}
	return pathError("remove", name, m.Fs.Remove(rest))
}

// RemoveAll removes a file, or a folder with all that is in it, unless one of
// the files is open. No function of LuatOS does this.
func (t *Table) RemoveAll(name string) error {
	m, rest := t.find(name)
	if m == nil {
		return pathError("remove", name, ErrNoMount)
	}
	under := strings.TrimRight(rest, "/") + "/"
	for k := range t.open {
		if k.m == m && (k.name == rest || strings.HasPrefix(k.name, under)) {
			return &StillOpenError{Op: "remove", Path: name}
		}
	}
	return pathError("remove", name, m.Fs.RemoveAll(rest))
}

// Rename gives a file another name on the same mount. A file that is open is a
// *StillOpenError, a name on another mount ErrOtherMount.
func (t *Table) Rename(oldname, newname string) error {
	from, fromRest := t.find(oldname)
	to, toRest := t.find(newname)
	switch {
	case from == nil:
		return pathError("rename", oldname, ErrNoMount)
	case to == nil:
		return pathError("rename", newname, ErrNoMount)
	case from != to:
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: ErrOtherMount}
	case t.open[openKey{from, fromRest}] > 0:
		return &StillOpenError{Op: "rename", Path: oldname}
	}
	return pathError("rename", oldname, from.Fs.Rename(fromRest, toRest))
}

// Mkdir makes a folder. On a file system without folders it does nothing and
// reports success (luatos-runtime.md 7.1).
func (t *Table) Mkdir(name string, perm os.FileMode) error {
	return t.folder("mkdir", name, func(fs afero.Fs, rest string) error { return fs.Mkdir(rest, perm) })
}

// MkdirAll makes a folder and those above it, with the exception of Mkdir.
func (t *Table) MkdirAll(name string, perm os.FileMode) error {
	return t.folder("mkdir", name, func(fs afero.Fs, rest string) error { return fs.MkdirAll(rest, perm) })
}

// Rmdir removes an empty folder. On a file system without folders it does
// nothing and reports success (luatos-runtime.md 7.1).
func (t *Table) Rmdir(name string) error {
	return t.folder("rmdir", name, func(fs afero.Fs, rest string) error {
		info, err := fs.Stat(rest)
		switch {
		case err != nil:
			return err
		case !info.IsDir():
			return handle.ErrNotFolder
		}
		return fs.Remove(rest)
	})
}

// folder changes a folder where there can be any.
func (t *Table) folder(op, name string, change func(fs afero.Fs, rest string) error) error {
	m, rest := t.find(name)
	switch {
	case m == nil:
		return pathError(op, name, ErrNoMount)
	case m.flat():
		return nil
	}
	return pathError(op, name, change(m.Fs, rest))
}

// Chmod refuses with ErrNoAttributes.
func (t *Table) Chmod(name string, _ os.FileMode) error {
	return pathError("chmod", name, ErrNoAttributes)
}

// Chown refuses with ErrNoAttributes.
func (t *Table) Chown(name string, _, _ int) error { return pathError("chown", name, ErrNoAttributes) }

// Chtimes refuses with ErrNoAttributes.
func (t *Table) Chtimes(name string, _, _ time.Time) error {
	return pathError("chtimes", name, ErrNoAttributes)
}
