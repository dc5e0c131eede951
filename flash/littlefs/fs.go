package littlefs

import (
	"errors"
	"os"
	"path"
	"time"

	"github.com/spf13/afero"
)

var _ afero.Fs = (*FS)(nil)

// Name implements afero.Fs.
func (fs *FS) Name() string { return "littlefs" }

// Create opens a file for reading and writing, empty.
func (fs *FS) Create(name string) (afero.File, error) {
	return fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// Open opens a file or a directory for reading.
func (fs *FS) Open(name string) (afero.File, error) { return fs.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file as the flags of package os say; perm has no meaning.
// A new file exists, empty, when OpenFile returns; an old one that is
// truncated keeps its contents until the next Sync or Close.
func (fs *FS) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	return fs.openFile(name, flag, nil)
}

func (fs *FS) openFile(name string, flag int, attrs []Attr) (afero.File, error) {
	var f afero.File
	open := func() (err error) { f, err = fs.openAt(name, flag, attrs); return err }
	var err error
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		err = fs.change(open)
	} else {
		err = open()
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

func (fs *FS) openAt(name string, flag int, attrs []Attr) (afero.File, error) {
	access := flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
	if access == os.O_RDONLY && flag&(os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 {
		return nil, ErrInvalid
	}
	at, err := fs.resolve(name)
	if err != nil {
		return nil, err
	}
	f := &File{
		fs: fs, name: name, attrs: attrs, cursor: cursor{m: at.m, id: at.id},
		canRead: access != os.O_WRONLY, canWrite: access != os.O_RDONLY, appending: flag&os.O_APPEND != 0,
	}
	f.file = f
	switch {
	case !at.found && flag&os.O_CREATE == 0:
		return nil, ErrNotExist
	case !at.found:
		if err := fs.createEntry(f, at.name); err != nil {
			return nil, err
		}
		f.isInline = true
		return f, nil
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, ErrExist
	case at.kind == typeDir && access == os.O_RDONLY:
		return fs.openDir(name, at)
	case at.kind == typeDir:
		return nil, ErrIsDir
	case at.kind != typeReg:
		return nil, corrupt(fs.offset(at.m.pair[0]), "entry type", "0x001 or 0x002", "0x%03X", at.kind)
	}
	if flag&os.O_TRUNC != 0 {
		f.isInline, f.dirty = true, true
	} else if err := f.load(at.m, at.id); err != nil {
		return nil, err
	}
	if f.canWrite && len(attrs) > 0 {
		f.dirty = true
	}
	fs.track(&f.cursor)
	return f, nil
}

// createEntry makes an empty file where f stands and tracks f. The original
// reports a full volume as a name that is too long here; we say what it is.
func (fs *FS) createEntry(f *File, name string) error {
	if err := fs.checkName(name); err != nil {
		return err
	}
	fs.track(&f.cursor)
	err := fs.commit(&f.cursor,
		record{mktag(typeCreate, f.id, 0), nil},
		record{mktag(typeReg, f.id, uint32(len(name))), []byte(name)},
		record{mktag(typeInline, f.id, 0), nil})
	if err != nil {
		fs.untrack(&f.cursor)
		return err
	}
	f.dirty = len(f.attrs) > 0
	return nil
}

func (fs *FS) checkName(name string) error {
	if uint32(len(name)) > fs.cfg.NameMax {
		return ErrNameTooLong
	}
	return nil
}

// Stat describes a file or a directory. There are no times and no permissions.
func (fs *FS) Stat(name string) (os.FileInfo, error) {
	at, err := fs.resolve(name)
	if err == nil && !at.found {
		err = ErrNotExist
	}
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	if at.isRoot() {
		return info{name: "/", mode: dirMode}, nil
	}
	i, err := fs.entryInfo(at.m, at.id)
	return i, pathError("stat", name, err)
}

// entryInfo describes entry id of m.
func (fs *FS) entryInfo(m *mdir, id uint32) (info, error) {
	name, ok := m.find(kindName, id)
	body, hasBody := m.find(kindStruct, id)
	if !ok || !hasBody {
		return info{}, corrupt(fs.offset(m.pair[0]), "entry", "a name and a structure", "entry %d without", id)
	}
	i := info{name: string(name.data)}
	switch name.tag.typ() {
	case typeReg:
		i.mode = fileMode
	case typeDir:
		i.mode = dirMode
	default:
		i.mode = os.ModeIrregular
	}
	switch body.tag.typ() {
	case typeInline:
		i.size = int64(len(body.data))
	case typeCTZ:
		list, err := decodeSkipList(body.data)
		if err != nil {
			return info{}, err
		}
		i.size = int64(list.size)
	}
	return i, nil
}

// Files and directories have fixed modes.
const (
	fileMode = os.FileMode(0o666)
	dirMode  = os.ModeDir | 0o777
)

type info struct {
	name string
	size int64 // bytes
	mode os.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() os.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

func base(name string) string { return path.Base(path.Clean("/" + name)) }

// Chmod is refused: littlefs stores no permissions.
func (fs *FS) Chmod(name string, mode os.FileMode) error {
	return pathError("chmod", name, errors.ErrUnsupported)
}

// Chown is refused: littlefs stores no owners.
func (fs *FS) Chown(name string, uid, gid int) error {
	return pathError("chown", name, errors.ErrUnsupported)
}

// Chtimes is refused: littlefs stores no times.
func (fs *FS) Chtimes(name string, atime, mtime time.Time) error {
	return pathError("chtimes", name, errors.ErrUnsupported)
}
