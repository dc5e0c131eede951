package mount

import (
	"errors"
	"io/fs"
	"os"
	"sort"
	"strings"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

// DefaultRAMBytes is how much a RAM disk of [RAM] holds. What a device's heap
// would leave for files is not emulated; the bound keeps a script from filling
// the host's memory.
const DefaultRAMBytes = 4 << 20

// ErrNoSpace is returned when a RAM disk is full.
var ErrNoSpace = errors.New("no space left on the RAM disk")

// RAMFs is a RAM disk: files in memory, gone after a reset. It has no folders:
// a slash in a name is a character like any other. Folders list their files in
// the order of names, and no file has a time.
type RAMFs struct {
	handle.Refuse // folders and attributes
	files         map[string]*ramFile
	limit, used   int64 // bytes
}

var _ afero.Fs = (*RAMFs)(nil)

// RAM returns an empty RAM disk for /ram/.
func RAM() *RAMFs { return NewRAM(DefaultRAMBytes) }

// NewRAM returns an empty RAM disk that holds limit bytes.
func NewRAM(limit int64) *RAMFs {
	return &RAMFs{
		Refuse: handle.Refuse{Why: errors.ErrUnsupported},
		files:  make(map[string]*ramFile),
		limit:  limit,
	}
}

// Name returns what the device calls this kind of file system.
func (r *RAMFs) Name() string { return "ram" }

// HasFolders reports that there are no folders.
func (r *RAMFs) HasFolders() bool { return false }

// Used returns how many bytes the files have together.
func (r *RAMFs) Used() int64 { return r.used }

func ramName(name string) string { return strings.TrimPrefix(name, "/") }

// Create makes or empties a file and opens it for reading and writing.
func (r *RAMFs) Create(name string) (afero.File, error) {
	return r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// Open opens a file for reading, or the folder that holds them all.
func (r *RAMFs) Open(name string) (afero.File, error) { return r.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file.
func (r *RAMFs) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	fail := func(err error) (afero.File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	key := ramName(name)
	if key == "" || key == "." {
		if flag != os.O_RDONLY {
			return fail(handle.ErrIsFolder)
		}
		return handle.NewFolder(name, handle.FolderInfo("/"), r.list()), nil
	}
	f := r.files[key]
	switch {
	case f == nil && flag&os.O_CREATE == 0:
		return fail(fs.ErrNotExist)
	case f == nil:
		f = &ramFile{disk: r, name: key}
		r.files[key] = f
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return fail(fs.ErrExist)
	}
	if flag&os.O_TRUNC != 0 {
		if err := f.Truncate(0); err != nil {
			return fail(err)
		}
	}
	return handle.New(name, f, flag, f.info, nil), nil
}

// Stat describes a file, or the folder that holds them all.
func (r *RAMFs) Stat(name string) (os.FileInfo, error) {
	key := ramName(name)
	if key == "" || key == "." {
		return handle.FolderInfo("/"), nil
	}
	if f := r.files[key]; f != nil {
		return f.info(), nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

// Remove removes a file. Whoever has it open can still read it.
func (r *RAMFs) Remove(name string) error {
	f := r.files[ramName(name)]
	if f == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	r.drop(f)
	return nil
}

// RemoveAll removes a file if it is there.
func (r *RAMFs) RemoveAll(name string) error {
	if f := r.files[ramName(name)]; f != nil {
		r.drop(f)
	}
	return nil
}

func (r *RAMFs) drop(f *ramFile) {
	delete(r.files, f.name)
	r.used -= f.Size()
	f.gone = true
}

// Rename gives a file another name, in place of the file that had it.
func (r *RAMFs) Rename(oldname, newname string) error {
	f, key := r.files[ramName(oldname)], ramName(newname)
	switch {
	case f == nil:
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	case key == "" || key == ".":
		return &fs.PathError{Op: "rename", Path: newname, Err: handle.ErrIsFolder}
	case f.name == key:
		return nil
	}
	if old := r.files[key]; old != nil {
		r.drop(old)
	}
	delete(r.files, f.name)
	f.name = key
	r.files[key] = f
	return nil
}

func (r *RAMFs) list() []fs.FileInfo {
	list := make([]fs.FileInfo, 0, len(r.files))
	for _, f := range r.files {
		list = append(list, f.info())
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list
}

// ramFile is the contents of one file.
type ramFile struct {
	disk *RAMFs
	name string
	data []byte
	gone bool // removed; it can be read and no longer written
}

func (f *ramFile) info() fs.FileInfo { return handle.FileInfo(f.name, f.Size(), 0o644) }

func (f *ramFile) Size() int64 { return int64(len(f.data)) }

func (f *ramFile) Sync() error { return nil }

func (f *ramFile) ReadAt(p []byte, off int64) (int, error) { return copy(p, f.data[off:]), nil }

func (f *ramFile) WriteAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off > f.disk.limit-int64(len(p)) {
		return 0, ErrNoSpace
	}
	if end := off + int64(len(p)); end > f.Size() {
		if err := f.Truncate(end); err != nil {
			return 0, err
		}
	} else if f.gone {
		return 0, fs.ErrNotExist
	}
	return copy(f.data[off:], p), nil
}

// Truncate sets the size; new bytes are zero.
func (f *ramFile) Truncate(size int64) error {
	more := size - f.Size()
	switch {
	case f.gone:
		return fs.ErrNotExist
	case more > f.disk.limit-f.disk.used:
		return ErrNoSpace
	case more > 0:
		f.data = append(f.data, make([]byte, more)...)
	default:
		f.data = f.data[:size]
	}
	f.disk.used += more
	return nil
}
