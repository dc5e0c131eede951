package littlefs

import (
	"github.com/spf13/afero"
)

// Attr is a user attribute: a small piece of data that belongs to a file or
// directory. Types are up to whoever uses them.
type Attr struct {
	Type byte
	Data []byte
}

func (a Attr) record(id uint32) record {
	data := append([]byte(nil), a.Data...)
	return record{mktag(typeUserAttr|uint32(a.Type), id, uint32(len(data))), data}
}

// SetAttr sets an attribute. Those of the root directory belong to the
// superblock entry.
func (fs *FS) SetAttr(name string, typ byte, data []byte) error {
	err := fs.checkAttr(data)
	if err == nil {
		err = fs.changeAttr(name, func(id uint32) record { return Attr{typ, data}.record(id) })
	}
	return pathError("setattr", name, err)
}

// RemoveAttr removes an attribute. It is no error if there is none.
func (fs *FS) RemoveAttr(name string, typ byte) error {
	return pathError("removeattr", name, fs.changeAttr(name, func(id uint32) record {
		return record{mktag(typeUserAttr|uint32(typ), id, gone), nil}
	}))
}

// GetAttr returns an attribute; ErrNoAttr if there is none.
func (fs *FS) GetAttr(name string, typ byte) ([]byte, error) {
	m, id, err := fs.attrPlace(name)
	if err != nil {
		return nil, pathError("getattr", name, err)
	}
	data, ok := m.attr(id, typ)
	if !ok {
		return nil, pathError("getattr", name, ErrNoAttr)
	}
	return append([]byte(nil), data...), nil
}

// Attrs returns all attributes of a file or directory, the oldest first.
func (fs *FS) Attrs(name string) ([]Attr, error) {
	m, id, err := fs.attrPlace(name)
	if err != nil {
		return nil, pathError("getattr", name, err)
	}
	var list []Attr
	for _, r := range m.log {
		if r.tag.kind() == kindUserAttr && r.tag.id() == id {
			list = append(list, Attr{byte(r.tag.typ()), append([]byte(nil), r.data...)})
		}
	}
	return list, nil
}

// OpenFileAttrs is OpenFile with attributes that are committed together with
// the contents, at the next Sync or Close even if nothing was written.
func (fs *FS) OpenFileAttrs(name string, flag int, attrs ...Attr) (afero.File, error) {
	for _, a := range attrs {
		if err := fs.checkAttr(a.Data); err != nil {
			return nil, pathError("open", name, err)
		}
	}
	return fs.openFile(name, flag, attrs)
}

func (fs *FS) checkAttr(data []byte) error {
	if int64(len(data)) > int64(fs.cfg.AttrMax) {
		return ErrNoSpace
	}
	return nil
}

func (fs *FS) changeAttr(name string, make func(id uint32) record) error {
	// The original does not repair first here. Then the id of an entry behind
	// one that is on the move would be off by one.
	return fs.change(func() error {
		m, id, err := fs.attrPlace(name)
		if err != nil {
			return err
		}
		return fs.commit(&cursor{m: m}, make(id))
	})
}

// attrPlace finds the entry that attributes of name belong to.
func (fs *FS) attrPlace(name string) (*mdir, uint32, error) {
	at, err := fs.resolve(name)
	if err != nil {
		return nil, 0, err
	}
	if at.isRoot() {
		m, err := fs.fetch(fs.root)
		return m, 0, err
	}
	if !at.found {
		return nil, 0, ErrNotExist
	}
	return at.m, at.id, nil
}
