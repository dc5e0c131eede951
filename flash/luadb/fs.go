package luadb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

// MaxOpen is how many files of one image can be open at a time
// (luatos-runtime.md 7.1).
const MaxOpen = 7

// StatBlockSize is the block size that the file system reports, in bytes
// (luadb-and-packages.md 2).
const StatBlockSize = 512

// ErrTooManyOpen is returned for the file that would be open beyond MaxOpen.
var ErrTooManyOpen = errors.New("too many open files in luadb")

// Fs is the read-only file system of an image, flat, as scripts see it: files
// can be opened for reading or for reading and changing (modes r, rb, r+, rb+),
// writing fails; at most [MaxOpen] are open at a time; seeking from the end
// goes backwards, and every seek ends within the file (luatos-runtime.md 7.1).
// Names may begin with one slash.
type Fs struct {
	handle.Refuse
	img  *Image
	open int
}

var _ afero.Fs = (*Fs)(nil)

// Fs returns the image as a file system. It is not safe for concurrent use.
func (img *Image) Fs() *Fs {
	return &Fs{Refuse: handle.Refuse{Why: handle.ErrReadOnly}, img: img}
}

// Name returns what the device calls this kind of file system.
func (f *Fs) Name() string { return "luadb" }

// HasFolders reports that there are no folders.
func (f *Fs) HasFolders() bool { return false }

// Create refuses: the image cannot be changed.
func (f *Fs) Create(name string) (afero.File, error) {
	return nil, &fs.PathError{Op: "create", Path: name, Err: handle.ErrReadOnly}
}

// Open opens a file, or the folder that holds them all.
func (f *Fs) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file.
func (f *Fs) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	fail := func(err error) (afero.File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if flag&(os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 || flag&(os.O_WRONLY|os.O_RDWR) == os.O_WRONLY {
		return fail(handle.ErrReadOnly)
	}
	if isRoot(name) {
		return handle.NewFolder(name, handle.FolderInfo("/"), f.list()), nil
	}
	e, err := f.lookup(name)
	if err != nil {
		return fail(err)
	}
	if f.open >= MaxOpen {
		return fail(ErrTooManyOpen)
	}
	f.open++
	info := func() fs.FileInfo { return entryInfo(e) }
	return &file{handle.New(name, &content{f.img, e}, flag, info, func() { f.open-- }), int64(len(e.Data))}, nil
}

// Stat describes a file, or the folder that holds them all.
func (f *Fs) Stat(name string) (os.FileInfo, error) {
	if isRoot(name) {
		return handle.FolderInfo("/"), nil
	}
	e, err := f.lookup(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return entryInfo(e), nil
}

func isRoot(name string) bool { return name == "" || name == "/" || name == "." }

func (f *Fs) lookup(name string) (*Entry, error) {
	e, err := f.img.Lookup(strings.TrimPrefix(name, "/"))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return e, nil
}

func (f *Fs) list() []fs.FileInfo {
	list := make([]fs.FileInfo, len(f.img.Files))
	for i := range list {
		list[i] = entryInfo(&f.img.Files[i])
	}
	return list
}

func entryInfo(e *Entry) fs.FileInfo { return handle.FileInfo(e.Name, int64(len(e.Data)), 0o444) }

// content is one file's data.
type content struct {
	img *Image
	e   *Entry
}

func (c *content) Size() int64 { return int64(len(c.e.Data)) }

func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if c.img.live != nil {
		return c.img.live.ReadAt(p, c.e.Off+off)
	}
	return copy(p, c.e.Data[off:]), nil
}

func (c *content) WriteAt([]byte, int64) (int, error) { return 0, handle.ErrReadOnly }
func (c *content) Truncate(int64) error               { return handle.ErrReadOnly }
func (c *content) Sync() error                        { return nil }

// file seeks as the device does.
type file struct {
	*handle.File
	size int64
}

// Seek moves within the file: a position outside becomes the nearest end, and
// io.SeekEnd subtracts the offset from the size (luatos-runtime.md 7.1).
func (f *file) Seek(offset int64, whence int) (int64, error) {
	base := int64(0)
	switch whence {
	case io.SeekCurrent:
		base = f.Pos()
	case io.SeekEnd:
		base, offset = f.size, -max(offset, -f.size)
	}
	// Positions are below 1<<30: only the offset can be out of bounds.
	offset = max(-f.size, min(offset, f.size))
	if whence == io.SeekCurrent || whence == io.SeekEnd {
		whence = io.SeekStart
	}
	return f.File.Seek(max(0, min(base+offset, f.size)), whence)
}
