package sffs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

var _ afero.Fs = (*FS)(nil)

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Name implements afero.Fs.
func (f *FS) Name() string { return "SFFS" }

// Create opens a file for reading and writing, empty.
func (f *FS) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// Open opens a file or a folder for reading.
func (f *FS) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file as the flags of package os say; perm has no meaning. A
// new file is on the flash when OpenFile returns, and so is that an old one was
// emptied; what is written is there after Sync or Close at the latest.
func (f *FS) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	file, err := f.open(name, flag)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return file, nil
}

func (f *FS) open(name string, flag int) (afero.File, error) {
	writes := flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0
	if writes {
		if err := f.changes(); err != nil {
			return nil, err
		}
	}
	at, err := f.find(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && at != nil && flag&os.O_CREATE != 0:
		n, err := f.create(at, tagFile)
		if err != nil {
			return nil, err
		}
		return f.openNode(name, n, flag), nil
	case err != nil:
		return nil, err
	case at.isDir() && writes:
		return nil, ErrIsFolder
	case at.isDir():
		return f.openFolder(name, at)
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	}
	if flag&os.O_TRUNC != 0 {
		if err := f.decrease(at.num, 0); err != nil {
			return nil, err
		}
		if err := f.cache.flush(); err != nil {
			return nil, err
		}
	}
	return f.openNode(name, at.num, flag), nil
}

// file is an open file.
type file struct {
	*handle.File
	fs     *FS
	closed bool
}

// Close writes what is still in RAM.
func (o *file) Close() error {
	if !o.closed {
		o.closed = true
		if err := o.fs.cache.flush(); err != nil {
			o.File.Close()
			return pathError("close", o.Name(), err)
		}
	}
	return o.File.Close()
}

func (f *FS) openNode(name string, n, flag int) afero.File {
	c := content{f, n}
	info := func() fs.FileInfo { return handle.FileInfo(path.Base(name), c.Size(), 0o666) }
	f.opened[n]++
	closed := func() {
		if f.opened[n]--; f.opened[n] == 0 {
			delete(f.opened, n)
		}
	}
	return &file{File: handle.New(name, c, flag, info, closed), fs: f}
}

func (f *FS) openFolder(name string, at *node) (afero.File, error) {
	list, err := f.list(at.num)
	if err != nil {
		return nil, err
	}
	return handle.NewFolder(name, handle.FolderInfo(path.Base(path.Clean("/"+name))), list), nil
}

// list describes the children of a folder. Names that no path can reach are left
// out: only damage makes them.
func (f *FS) list(dir int) (list []fs.FileInfo, err error) {
	children, err := f.children(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range children {
		b, err := f.cache.get(n)
		if err != nil {
			return nil, err
		}
		if name := nameOf(b); name != "" && name != "." && name != ".." && !strings.Contains(name, "/") {
			list = append(list, describe(&node{num: n, name: name, head: b}))
		}
	}
	return list, nil
}

func describe(n *node) fs.FileInfo {
	if n.isDir() {
		return handle.FolderInfo(n.name)
	}
	return handle.FileInfo(n.name, n.size(), 0o666)
}

// content is the content of a file.
type content struct {
	fs *FS
	n  int
}

// Size returns the length in bytes; 0 if the head cannot be read.
func (c content) Size() int64 {
	head, err := c.fs.cache.get(c.n)
	if err != nil {
		return 0
	}
	return int64(le.Uint32(head[nodeSize:]))
}

func (c content) ReadAt(p []byte, off int64) (int, error) {
	if err := c.fs.readAt(c.n, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteAt fills a gap behind the end with zeros. The device would not go
// there: its seek stops at the end.
func (c content) WriteAt(p []byte, off int64) (int, error) {
	w, err := c.fs.newWriter(c.n)
	if err != nil {
		return 0, err
	}
	if off > c.fs.dims.most() {
		return 0, ErrTooBig
	}
	for w.size < off {
		gap := make([]byte, min(off-w.size, 1<<16))
		if _, err := w.writeAt(gap, w.size); err != nil {
			return 0, err
		}
	}
	return w.writeAt(p, off)
}

func (c content) Truncate(size int64) error {
	if have := c.Size(); size > have {
		_, err := c.WriteAt(nil, size)
		if err != nil {
			return err
		}
	} else if err := c.fs.decrease(c.n, size); err != nil {
		return err
	}
	return c.fs.cache.flush()
}

func (c content) Sync() error { return c.fs.cache.flush() }

// ReadFile returns a whole file.
func (f *FS) ReadFile(name string) ([]byte, error) {
	at, err := f.find(name)
	switch {
	case err != nil:
		return nil, pathError("open", name, err)
	case at.isDir():
		return nil, pathError("open", name, ErrIsFolder)
	case at.size() > f.dims.most():
		return nil, pathError("open", name, damaged(at.num, "a file of %d bytes", at.size()))
	}
	b := make([]byte, at.size())
	return b, pathError("read", name, f.readAt(at.num, b, 0))
}

// Stat describes a file or folder.
func (f *FS) Stat(name string) (os.FileInfo, error) {
	at, err := f.find(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	if at.num == rootBlock {
		return handle.FolderInfo("/"), nil
	}
	return describe(at), nil
}

// Mkdir makes a folder.
func (f *FS) Mkdir(name string, _ os.FileMode) error {
	return pathError("mkdir", name, f.mkdir(name))
}

func (f *FS) mkdir(name string) error {
	if err := f.changes(); err != nil {
		return err
	}
	at, err := f.find(name)
	switch {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist) || at == nil:
		return err
	}
	_, err = f.create(at, tagDir)
	return err
}

// MkdirAll makes a folder and those above it.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	at := "/"
	for _, part := range clean(name) {
		at = path.Join(at, part)
		info, err := f.Stat(at)
		if err == nil && !info.IsDir() {
			return pathError("mkdir", at, ErrNotFolder)
		}
		if err == nil {
			continue
		}
		if err := f.Mkdir(at, perm); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a file or an empty folder that is not open.
func (f *FS) Remove(name string) error { return pathError("remove", name, f.removeName(name)) }

func (f *FS) removeName(name string) error {
	if err := f.changes(); err != nil {
		return err
	}
	at, err := f.find(name)
	switch {
	case err != nil:
		return err
	case at.num == rootBlock:
		return fs.ErrPermission
	}
	if at.isDir() {
		list, err := f.children(at.num)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return ErrNotEmpty
		}
	}
	return f.unlink(at)
}

// RemoveAll deletes a file, or a folder with all that is in it.
func (f *FS) RemoveAll(name string) error {
	at, err := f.find(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return pathError("remove", name, err)
	}
	if at.isDir() {
		list, err := f.list(at.num)
		if err != nil {
			return pathError("remove", name, err)
		}
		for _, child := range list {
			if err := f.RemoveAll(path.Join("/", name, child.Name())); err != nil {
				return err
			}
		}
		if at.num == rootBlock {
			return nil
		}
	}
	return f.Remove(name)
}

// Rename moves a file or folder, over a file or an empty folder if one is
// there.
func (f *FS) Rename(from, to string) error {
	if err := f.rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (f *FS) rename(from, to string) error {
	if err := f.changes(); err != nil {
		return err
	}
	at, err := f.find(from)
	if err != nil {
		return err
	}
	dst, err := f.find(to)
	missing := errors.Is(err, fs.ErrNotExist) && dst != nil
	switch {
	case err != nil && !missing:
		return err
	case at.num == rootBlock || !missing && dst.num == rootBlock:
		return fs.ErrPermission
	case f.opened[at.num] > 0 || !missing && f.opened[dst.num] > 0:
		return ErrBusy
	case missing && len(dst.name) > nameMax:
		return ErrNameTooLong
	case !missing && dst.num == at.num:
		return nil
	case at.isDir() && within(from, to):
		return fs.ErrInvalid
	case missing:
		return f.move(at, dst, nil)
	case at.isDir() != dst.isDir() && dst.isDir():
		return ErrIsFolder
	case at.isDir() != dst.isDir():
		return ErrNotFolder
	}
	if dst.isDir() {
		list, err := f.children(dst.num)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return ErrNotEmpty
		}
	}
	return f.move(at, dst, dst)
}

// within reports whether the name to lies below the folder from.
func within(from, to string) bool {
	a, b := clean(from), clean(to)
	if len(b) <= len(a) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Chmod is refused: there are no permissions.
func (f *FS) Chmod(name string, _ os.FileMode) error {
	return pathError("chmod", name, errors.ErrUnsupported)
}

// Chown is refused: there are no owners.
func (f *FS) Chown(name string, _, _ int) error {
	return pathError("chown", name, errors.ErrUnsupported)
}

// Chtimes is refused: what a time stamp counts is not known.
func (f *FS) Chtimes(name string, _, _ time.Time) error {
	return pathError("chtimes", name, errors.ErrUnsupported)
}
