package lua

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/afero"

	"airlift/flash/mount"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// builtins are our own library files by name, "sys.lua".
var builtins = sync.OnceValue(func() map[string]string {
	list, err := scriptFiles.ReadDir("scripts")
	if err != nil {
		panic(err)
	}
	files := map[string]string{}
	for _, e := range list {
		b, err := scriptFiles.ReadFile("scripts/" + e.Name())
		if err != nil {
			panic(err)
		}
		files[e.Name()] = string(b)
	}
	return files
})

var builtinFs = sync.OnceValue(func() afero.Fs {
	mem := afero.NewMemMapFs()
	for name, text := range builtins() {
		if err := afero.WriteFile(mem, "/"+name, []byte(text), 0o444); err != nil {
			panic(err)
		}
	}
	return mem
})

// libDir is the mount prefix of the firmware's libraries (luatos-runtime.md
// 1.7).
const libDir = "/lua/"

// LibsFromDir returns the files of dir/corelib, dir/libs and dir/libs/sensor,
// a LuatOS script folder, for [Options].Libs. Later ones lie over earlier ones.
func LibsFromDir(dir string) (afero.Fs, error) {
	var all afero.Fs
	for _, sub := range []string{"corelib", "libs", filepath.Join("libs", "sensor")} {
		d := filepath.Join(dir, sub)
		if info, err := os.Stat(d); err != nil || !info.IsDir() {
			continue
		}
		layer := afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), d))
		if all == nil {
			all = layer
		} else {
			all = afero.NewReadOnlyFs(afero.NewCopyOnWriteFs(all, layer))
		}
	}
	if all == nil {
		return nil, fmt.Errorf("%s has neither a folder corelib nor a folder libs: expected the script folder of a LuatOS checkout", dir)
	}
	return all, nil
}

// libFs is /lua/: the built-in libraries with the user's over them.
type libFs struct {
	afero.Fs
	overlay afero.Fs // nil without one
}

// HasFolders tells the mount table that there are none.
func (libFs) HasFolders() bool { return false }

func libraryFiles(overlay afero.Fs) (libFs, error) {
	if overlay == nil {
		return libFs{Fs: afero.NewReadOnlyFs(builtinFs())}, nil
	}
	return libFs{Fs: afero.NewReadOnlyFs(afero.NewCopyOnWriteFs(builtinFs(), overlay)), overlay: overlay}, nil
}

// builtin reports whether the library file is ours, not the user's.
func (l libFs) builtin(name string) (text string, ok bool) {
	if l.overlay != nil {
		if _, err := l.overlay.Stat("/" + name); err == nil {
			return "", false
		}
	}
	text, ok = builtins()[name]
	return text, ok
}

// tree is all files that scripts see: the board's mounts with /lua/ behind the
// first.
type tree struct {
	*mount.Table
	libs libFs
}

func newTree(board *mount.Table, libs libFs) (*tree, error) {
	t := &tree{Table: new(mount.Table), libs: libs}
	var mounts []mount.Mount
	if board != nil {
		mounts = board.Mounts()
	}
	lib := mount.Mount{Path: libDir, Type: "luadb", Fs: libs}
	for i, mt := range mounts {
		if mt.Path == libDir {
			return nil, fmt.Errorf("the board mounts %s itself", libDir)
		}
		if err := t.Add(mt); err != nil {
			return nil, err
		}
		if i == 0 {
			if err := t.Add(lib); err != nil {
				return nil, err
			}
		}
	}
	if len(mounts) == 0 {
		return t, t.Add(lib)
	}
	return t, nil
}

// newTaskTree is the tree of LuaTask: the script image is part of /lua/.
func newTaskTree(board *mount.Table, overlay afero.Fs) (*tree, error) {
	t := &tree{Table: new(mount.Table)}
	var image afero.Fs
	var rest []mount.Mount
	if board != nil {
		for _, mt := range board.Mounts() {
			if mt.Path == libDir || mt.Path == "/luadb/" {
				image = mt.Fs
				continue
			}
			rest = append(rest, mt)
		}
	}
	t.libs = taskFiles(image, overlay)
	for _, mt := range append(rest, mount.Mount{Path: libDir, Type: "luadb", Fs: t.libs}) {
		if err := t.Add(mt); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// embedded is a folder of embedded files as a file system.
func embedded(from embed.FS, dir string) (afero.Fs, error) {
	list, err := from.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	mem := afero.NewMemMapFs()
	for _, e := range list {
		b, err := from.ReadFile(dir + "/" + e.Name())
		if err == nil {
			err = afero.WriteFile(mem, "/"+e.Name(), b, 0o444)
		}
		if err != nil {
			return nil, err
		}
	}
	return mem, nil
}

// exists is what fopen "r" says.
func (t *tree) exists(name string) bool {
	info, err := t.Stat(name)
	return err == nil && !info.IsDir()
}

// readAll reads a file of at most max bytes; builtin says that it is one of
// our own libraries.
func (t *tree) readAll(name string, max int64) (text string, builtin bool, err error) {
	if m, rest, ok := t.Find(name); ok && m.Path == libDir {
		if text, ok := t.libs.builtin(rest[1:]); ok {
			return text, true, nil
		}
	}
	f, err := t.Open(name)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return "", false, err
	}
	if int64(len(b)) > max {
		return "", false, fmt.Errorf("file is larger than %d bytes", max)
	}
	return string(b), false, nil
}

// errno maps an error of a file system to C's numbers and texts.
func errno(err error) (text string, code int) {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, mount.ErrNoMount):
		return "No such file or directory", 2
	case errors.Is(err, fs.ErrExist):
		return "File exists", 17
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied", 13
	case errors.Is(err, mount.ErrTooManyOpen):
		return "Too many open files", 24
	case errors.Is(err, mount.ErrOtherMount):
		return "Cross-device link", 18
	case errors.Is(err, mount.ErrNoSpace):
		return "No space left on device", 28
	}
	return "I/O error", 5
}
