package mount

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

// RAMTree is a RAM disk with folders, as newer firmware has it
// (luat/vfs/luat_fs_mem.c). A new folder makes those above it, and a file can
// only be made in a folder that is there.
type RAMTree struct {
	*RAMFs
	folders map[string]bool // by path, without the root
}

var _ afero.Fs = (*RAMTree)(nil)

// errNotEmpty says that a folder holds something.
var errNotEmpty = errors.New("folder is not empty")

// RAMWithFolders returns an empty RAM disk with folders for /ram/.
func RAMWithFolders() *RAMTree { return NewRAMTree(DefaultRAMBytes) }

// NewRAMTree returns an empty RAM disk with folders that holds limit bytes.
func NewRAMTree(limit int64) *RAMTree { return &RAMTree{NewRAM(limit), map[string]bool{}} }

// HasFolders reports that there are folders.
func (r *RAMTree) HasFolders() bool { return true }

// treeName is a path without slashes around it; the root is "".
func treeName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (r *RAMTree) isFolder(key string) bool { return key == "" || r.folders[key] }

// Create makes or empties a file and opens it for reading and writing.
func (r *RAMTree) Create(name string) (afero.File, error) {
	return r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// Open opens a file or folder for reading.
func (r *RAMTree) Open(name string) (afero.File, error) { return r.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file.
func (r *RAMTree) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	key := treeName(name)
	switch {
	case r.isFolder(key) && flag != os.O_RDONLY:
		return nil, &fs.PathError{Op: "open", Path: name, Err: handle.ErrIsFolder}
	case r.isFolder(key):
		return handle.NewFolder(name, folderInfo(key), r.children(key)), nil
	case r.files[key] == nil && !r.isFolder(parent(key)):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return r.RAMFs.OpenFile(key, flag, perm)
}

func folderInfo(key string) handle.Info { return handle.FolderInfo("/" + key) }

// parent is the folder that holds key.
func parent(key string) string { return treeName(path.Dir("/" + key)) }

// children lists a folder in the order of names.
func (r *RAMTree) children(key string) []fs.FileInfo {
	var list []fs.FileInfo
	for name := range r.folders {
		if parent(name) == key {
			list = append(list, folderInfo(name))
		}
	}
	for name, f := range r.files {
		if parent(name) == key {
			list = append(list, handle.FileInfo(path.Base(name), f.Size(), 0o644))
		}
	}
	sort.Slice(list, func(i, j int) bool { return path.Base(list[i].Name()) < path.Base(list[j].Name()) })
	return list
}

// Stat describes a file or folder.
func (r *RAMTree) Stat(name string) (os.FileInfo, error) {
	if key := treeName(name); r.isFolder(key) {
		return folderInfo(key), nil
	}
	return r.RAMFs.Stat(treeName(name))
}

// Mkdir makes a folder and those above it.
func (r *RAMTree) Mkdir(name string, _ os.FileMode) error {
	key := treeName(name)
	for k := key; k != ""; k = parent(k) {
		if r.files[k] != nil {
			return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
		}
	}
	if len(r.folders) >= foldersMax {
		return &fs.PathError{Op: "mkdir", Path: name, Err: ErrNoSpace}
	}
	for k := key; k != ""; k = parent(k) {
		r.folders[k] = true
	}
	return nil
}

// foldersMax bounds the folders; RAM_NODE_MAX is for files and folders.
const foldersMax = 512

// MkdirAll makes a folder and those above it.
func (r *RAMTree) MkdirAll(name string, perm os.FileMode) error { return r.Mkdir(name, perm) }

// Remove removes a file or an empty folder.
func (r *RAMTree) Remove(name string) error {
	key := treeName(name)
	if !r.isFolder(key) {
		return r.RAMFs.Remove(key)
	}
	if key == "" || len(r.children(key)) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
	}
	delete(r.folders, key)
	return nil
}

// RemoveAll removes a file, or a folder with everything in it.
func (r *RAMTree) RemoveAll(name string) error {
	key := treeName(name)
	for _, old := range r.below(key) {
		if f := r.files[old]; f != nil {
			r.drop(f)
		}
		delete(r.folders, old)
	}
	return nil
}

// below lists key, if it is there, and everything in it.
func (r *RAMTree) below(key string) []string {
	in := func(name string) bool { return name == key || key == "" || strings.HasPrefix(name, key+"/") }
	var list []string
	for name := range r.folders {
		if in(name) {
			list = append(list, name)
		}
	}
	for name := range r.files {
		if in(name) {
			list = append(list, name)
		}
	}
	sort.Strings(list)
	return list
}

// Rename gives a file or folder another name, in place of a file, or of an
// empty folder, that had it.
func (r *RAMTree) Rename(oldname, newname string) error {
	from, to := treeName(oldname), treeName(newname)
	fail := func(name string, err error) error { return &fs.PathError{Op: "rename", Path: name, Err: err} }
	folder := r.folders[from]
	switch {
	case !folder && r.files[from] == nil:
		return fail(oldname, fs.ErrNotExist)
	case from == to:
		return nil
	case to == "" || r.isFolder(to) != folder && (r.isFolder(to) || r.files[to] != nil):
		return fail(newname, fs.ErrExist)
	case !r.isFolder(parent(to)):
		return fail(newname, fs.ErrNotExist)
	case folder && strings.HasPrefix(to, from+"/"):
		return fail(newname, fs.ErrInvalid)
	case folder && r.folders[to] && len(r.children(to)) > 0:
		return fail(newname, errNotEmpty)
	case !folder:
		return r.RAMFs.Rename(from, to)
	}
	for _, name := range r.below(from) {
		moved := to + strings.TrimPrefix(name, from)
		if f := r.files[name]; f != nil {
			delete(r.files, name)
			f.name, r.files[moved] = moved, f
			continue
		}
		delete(r.folders, name)
		r.folders[moved] = true
	}
	return nil
}
