package littlefs

import (
	"path"
	"strings"
)

// place is where a path leads: the pair that has, or would get, the entry.
type place struct {
	m     *mdir
	id    uint32 // entry; if not found where a new one would go
	name  string // last element; "" for the root directory
	found bool
	kind  uint32 // typeReg, typeDir or what else the volume says
}

func (p *place) isRoot() bool { return p.name == "" }

// clean returns the elements of a path, which is slash-separated and always
// starts at the root.
func clean(name string) []string {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// resolve walks the path. That the last element does not exist is no error;
// anything else that is missing on the way is.
func (fs *FS) resolve(name string) (place, error) {
	at := place{kind: typeDir, found: true}
	dir := fs.root
	elems := clean(name)
	for i, elem := range elems {
		m, id, found, err := fs.findIn(dir, elem)
		if err != nil {
			return place{}, err
		}
		at = place{m: m, id: id, name: elem, found: found}
		if !found {
			if i < len(elems)-1 {
				return place{}, ErrNotExist
			}
			return at, nil
		}
		r, _ := m.find(kindName, id)
		at.kind = r.tag.typ()
		if i < len(elems)-1 {
			if at.kind != typeDir {
				return place{}, ErrNotDir
			}
			if dir, err = fs.directory(m, id); err != nil {
				return place{}, err
			}
		}
	}
	return at, nil
}

// findIn looks for name in the directory that starts at dir.
func (fs *FS) findIn(dir pair, name string) (m *mdir, id uint32, found bool, err error) {
	for n := uint32(0); n <= fs.blocks; n++ {
		if m, err = fs.fetch(dir); err != nil {
			return nil, 0, false, err
		}
		id, found = m.lookup(name, fs.hidden(m))
		if found || id < m.count || !m.split {
			return m, id, found, nil
		}
		dir = m.tail
	}
	return nil, 0, false, fs.loop("directory", dir)
}

// directory returns the first pair of the directory that is entry id of m.
func (fs *FS) directory(m *mdir, id uint32) (pair, error) {
	r, ok := m.find(kindStruct, id)
	if !ok || r.tag.typ() != typeDirStruct || len(r.data) < 8 {
		return pair{}, corrupt(fs.offset(m.pair[0]), "directory", "a directory structure", "entry %d without one", id)
	}
	return decodePair(r.data), nil
}

// pairOf returns the first pair of the directory at p.
func (fs *FS) pairOf(p place) (pair, error) {
	if p.isRoot() {
		return fs.root, nil
	}
	return fs.directory(p.m, p.id)
}
