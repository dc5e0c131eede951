// Package mount joins several file systems into one tree, as the VFS of LuatOS
// does, and gives the tree's RAM disk.
//
// A [Table] is a list of mounts, each a path prefix with a file system. A name
// belongs to the last mount whose prefix it begins with, by a plain comparison
// of strings: nothing is cleaned, ".." means nothing here, and a name without
// its leading slash belongs to no mount but one with an empty prefix
// (luatos-runtime.md 7.1). The file system sees the rest of the name, as an
// absolute path.
//
// The table itself is an afero.Fs with the limits and quirks that scripts meet
// on a device: 16 mounts, 32 open files, no removing of files that are open,
// and folders that can always be "made" where there are none.
//
// For the way out of the device, [HostName] turns a name that a host might
// choke on into one that is safe everywhere.
package mount

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/afero"
)

// Limits of the VFS (luatos-runtime.md 7.1).
const (
	MaxMounts = 16
	MaxOpen   = 32 // files, not folders
	MaxPrefix = 15 // bytes of a mount's path
)

// Errors of the VFS.
var (
	ErrNoMount      = errors.New("no file system is mounted there")
	ErrTooManyOpen  = fmt.Errorf("too many open files: at most %d", MaxOpen)
	ErrOtherMount   = errors.New("rename across file systems")
	ErrNoAttributes = errors.New("LuatOS files have no owner, mode or times")
)

// StillOpenError reports that a file cannot be removed or renamed because it
// is open. Its text is what the device logs with level W and tag vfs
// (luatos-runtime.md 7.1).
type StillOpenError struct {
	Op   string // "remove", "rename"
	Path string
}

func (e *StillOpenError) Error() string { return e.Op + ": file " + e.Path + " is still open" }

// Usage is how full a file system is, in blocks.
type Usage struct {
	BlockSize int64 // bytes
	Blocks    int64
	Used      int64
}

// Mount is one file system in the tree.
type Mount struct {
	Path  string // prefix: "/", "/luadb/", "/ram/", or "" for a root without slash
	Type  string // what io.lsmount and io.fsstat call it: "lfs", "luadb", "ram"
	Fs    afero.Fs
	Usage func() (Usage, error) // nil if the file system cannot tell
	// Format makes the file system anew, and goes on with the new one; nil if
	// it cannot be formatted.
	Format func() error
}

// folders is implemented by file systems that have no folders. One that does
// not say has them.
type folders interface{ HasFolders() bool }

// flat reports a file system without folders.
func (m *Mount) flat() bool {
	f, ok := m.Fs.(folders)
	return ok && !f.HasFolders()
}

// Table is a list of mounts and itself an afero.Fs. The zero Table is empty.
// It is not safe for concurrent use.
type Table struct {
	mounts []*Mount
	open   map[openKey]int
	files  int // sum of open
}

// openKey names a file, however it was reached.
type openKey struct {
	m    *Mount
	name string
}

// Add mounts m behind all others, so that its names win.
func (t *Table) Add(m Mount) error { return t.Insert(len(t.mounts), m) }

// Insert mounts m at place i of the list. LuatOS puts the libraries of the
// firmware, /lua/, right behind the first mount (luatos-runtime.md 7.1).
func (t *Table) Insert(i int, m Mount) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("mount %q: %w", m.Path, fmt.Errorf(format, args...))
	}
	switch {
	case m.Fs == nil:
		return fail("no file system")
	case i < 0 || i > len(t.mounts):
		return fail("place %d of %d", i, len(t.mounts))
	case len(t.mounts) >= MaxMounts:
		return fail("at most %d file systems can be mounted", MaxMounts)
	case len(m.Path) > MaxPrefix:
		return fail("the path has %d bytes: at most %d", len(m.Path), MaxPrefix)
	}
	for _, old := range t.mounts {
		if old.Path == m.Path {
			return fail("there is a file system of type %q already", old.Type)
		}
	}
	t.mounts = append(t.mounts, nil)
	copy(t.mounts[i+1:], t.mounts[i:])
	t.mounts[i] = &m
	return nil
}

// Unmount takes away what is mounted at exactly this path; false: nothing is.
func (t *Table) Unmount(path string) bool {
	i := slices.IndexFunc(t.mounts, func(m *Mount) bool { return m.Path == path })
	if i < 0 {
		return false
	}
	t.mounts = slices.Delete(t.mounts, i, i+1)
	return true
}

// Mounts returns the mounts in the order of the list, the first mounted first.
func (t *Table) Mounts() []Mount {
	list := make([]Mount, len(t.mounts))
	for i, m := range t.mounts {
		list[i] = *m
	}
	return list
}

// Find returns the mount that name belongs to and what its file system gets to
// see: an absolute path without trailing slashes, "/" for the mount itself.
func (t *Table) Find(name string) (m Mount, rest string, ok bool) {
	p, rest := t.find(name)
	if p == nil {
		return Mount{}, "", false
	}
	return *p, rest, true
}

// FindFolder is Find for questions about folders and whole file systems, where
// "/ram" means "/ram/" unless the file system below has something called so.
// The device answers io.fsstat("/luadb") in that way (luadb-and-packages.md 2);
// that it goes for every question about a folder is an assumption.
func (t *Table) FindFolder(name string) (m Mount, rest string, ok bool) {
	p, rest := t.findFolder(name)
	if p == nil {
		return Mount{}, "", false
	}
	return *p, rest, true
}

// Usage returns how full the file system is that name belongs to, and its
// type.
func (t *Table) Usage(name string) (Usage, string, error) {
	m, _ := t.findFolder(name)
	switch {
	case m == nil:
		return Usage{}, "", pathError("fsstat", name, ErrNoMount)
	case m.Usage == nil:
		return Usage{}, m.Type, pathError("fsstat", name, fmt.Errorf("file system %s does not tell its size: %w", m.Type, errors.ErrUnsupported))
	}
	u, err := m.Usage()
	return u, m.Type, err
}

// ErrNoFormat is returned for a file system that cannot be formatted, and where
// none is mounted.
var ErrNoFormat = errors.New("nothing that can be formatted is mounted there")

// Format makes the file system that is mounted at exactly this path anew. The
// error is ErrNoFormat, a *StillOpenError if any file is open, or the file
// system's own.
func (t *Table) Format(path string) error {
	for _, m := range t.mounts {
		if m.Path != path || m.Format == nil {
			continue
		}
		for k := range t.open {
			if k.m == m {
				return &StillOpenError{Op: "format", Path: path}
			}
		}
		return m.Format()
	}
	return ErrNoFormat
}

// Mounted reports whether anything is mounted at exactly this path.
func (t *Table) Mounted(path string) bool {
	return slices.ContainsFunc(t.mounts, func(m *Mount) bool { return m.Path == path })
}

// OpenFiles returns how many files are open.
func (t *Table) OpenFiles() int { return t.files }

func (t *Table) find(name string) (*Mount, string) {
	m := t.last(func(m *Mount) bool { return strings.HasPrefix(name, m.Path) })
	if m == nil {
		return nil, ""
	}
	return m, inside(name[len(m.Path):])
}

// last returns the last mount that is right, or nil.
func (t *Table) last(right func(*Mount) bool) *Mount {
	for i := len(t.mounts) - 1; i >= 0; i-- {
		if right(t.mounts[i]) {
			return t.mounts[i]
		}
	}
	return nil
}

// inside is the name that a file system gets to see.
func inside(rest string) string {
	rest = strings.TrimRight(rest, "/")
	if strings.HasPrefix(rest, "/") {
		return rest
	}
	return "/" + rest
}

func (t *Table) findFolder(name string) (*Mount, string) {
	m, rest := t.find(name)
	root := t.last(func(m *Mount) bool { return name != "" && m.Path == name+"/" })
	if root == nil {
		return m, rest
	}
	if m != nil {
		if _, err := m.Fs.Stat(rest); err == nil {
			return m, rest
		}
	}
	return root, "/"
}
