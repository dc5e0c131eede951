package littlefs

import (
	"errors"
	"os"
	"path"
)

// Operations on the tree: directories, removing, renaming.

// Mkdir makes a directory; perm has no meaning.
func (fs *FS) Mkdir(name string, perm os.FileMode) error {
	return pathError("mkdir", name, fs.change(func() error { return fs.mkdir(name) }))
}

// mkdir first writes the new, empty pair, which takes over the parent's tail,
// and then links it from the parent, with one commit if the parent is a single
// pair. Otherwise the list gets the new pair before the parent does, and the
// global state says so meanwhile.
func (fs *FS) mkdir(name string) error {
	at, err := fs.resolve(name)
	if err != nil {
		return err
	}
	if at.found {
		return ErrExist
	}
	if err := fs.checkName(at.name); err != nil {
		return err
	}
	fs.checkpoint()
	m, err := fs.newPair()
	if err != nil {
		return err
	}
	last := at.m
	for n := uint32(0); last.split; n++ {
		if n > fs.blocks {
			return fs.loop("directory", last.pair)
		}
		if last, err = fs.fetch(last.tail); err != nil {
			return err
		}
	}
	child := &cursor{m: m}
	if err := fs.commit(child, tailRecord(last.tail, false)); err != nil {
		return err
	}
	parent := &cursor{m: at.m, id: at.id}
	fs.track(parent)
	defer fs.untrack(parent)
	link := []record{
		{mktag(typeCreate, at.id, 0), nil},
		{mktag(typeDir, at.id, uint32(len(at.name))), []byte(at.name)},
		{mktag(typeDirStruct, at.id, 8), child.m.pair.encode()},
	}
	if !at.m.split {
		return fs.commit(parent, append(link, tailRecord(child.m.pair, false))...)
	}
	fs.global.addOrphans(+1)
	if err := fs.commit(&cursor{m: last}, tailRecord(child.m.pair, false)); err != nil {
		return err
	}
	fs.global.addOrphans(-1)
	return fs.commit(parent, link...)
}

// MkdirAll makes a directory and those above it that are missing.
func (fs *FS) MkdirAll(name string, perm os.FileMode) error {
	made := ""
	for _, elem := range clean(name) {
		made = path.Join(made, elem)
		err := fs.Mkdir(made, perm)
		if errors.Is(err, ErrExist) {
			i, statErr := fs.Stat(made)
			if statErr != nil {
				return statErr
			}
			if i.IsDir() {
				continue
			}
			err = pathError("mkdir", made, ErrNotDir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Remove removes a file or an empty directory.
func (fs *FS) Remove(name string) error {
	return pathError("remove", name, fs.change(func() error { return fs.remove(name) }))
}

func (fs *FS) remove(name string) error {
	at, err := fs.resolve(name)
	switch {
	case err != nil:
		return err
	case at.isRoot():
		return ErrInvalid
	case !at.found:
		return ErrNotExist
	}
	var victim *cursor
	if at.kind == typeDir {
		if victim, err = fs.condemn(at); err != nil {
			return err
		}
		defer fs.untrack(victim)
	}
	if err := fs.commit(&cursor{m: at.m}, record{mktag(typeDelete, at.id, 0), nil}); err != nil {
		return err
	}
	return fs.bury(victim)
}

// condemn prepares the removal of an empty directory: from the next commit on
// it is an orphan.
func (fs *FS) condemn(at place) (*cursor, error) {
	p, err := fs.directory(at.m, at.id)
	if err != nil {
		return nil, err
	}
	m, err := fs.fetch(p)
	if err != nil {
		return nil, err
	}
	if m.count > 0 || m.split {
		return nil, ErrNotEmpty
	}
	fs.global.addOrphans(+1)
	victim := &cursor{m: m}
	fs.track(victim) // its pair may move when its parent is written
	return victim, nil
}

// bury takes a condemned pair out of the tail list, and its share of the
// global state over.
func (fs *FS) bury(victim *cursor) error {
	if victim == nil {
		return nil
	}
	if fs.global.orphans > 0 { // else the moving of pairs has cleaned up
		fs.global.addOrphans(-1)
	}
	pred, err := fs.predecessor(victim.m.pair)
	if err != nil {
		return err
	}
	if pred == nil {
		return corrupt(fs.offset(victim.m.pair[0]), "tail list", "the pair of the removed directory", "none")
	}
	fs.global.debt = fs.global.debt.xor(victim.m.delta)
	return fs.commit(&cursor{m: pred}, tailRecord(victim.m.tail, victim.m.split))
}

// RemoveAll removes name and everything below. It is no error if name does not
// exist. It is not atomic: every removal is one of its own.
func (fs *FS) RemoveAll(name string) error {
	i, err := fs.Stat(name)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if i.IsDir() {
		names, err := fs.list(name)
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := fs.RemoveAll(path.Join(name, n)); err != nil {
				return err
			}
		}
		if len(clean(name)) == 0 {
			return nil
		}
	}
	return fs.Remove(name)
}

// list returns the names in a directory.
func (fs *FS) list(name string) ([]string, error) {
	d, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Rename moves a file or directory, over an existing file or empty directory
// if there is one. A cut leaves it under the old or under the new name.
func (fs *FS) Rename(oldname, newname string) error {
	err := fs.change(func() error { return fs.rename(oldname, newname) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (fs *FS) rename(oldname, newname string) error {
	from, err := fs.resolve(oldname)
	if err != nil {
		return err
	}
	to, err := fs.resolve(newname)
	switch {
	case err != nil:
		return err
	case from.isRoot() || to.isRoot():
		return ErrInvalid
	case !from.found:
		return ErrNotExist
	}
	if err := fs.checkCycle(from, oldname, newname); err != nil {
		return err
	}
	same := from.m.pair.overlaps(to.m.pair)
	oldID := from.id
	var victim *cursor
	switch {
	case !to.found:
		if err := fs.checkName(to.name); err != nil {
			return err
		}
		if same && to.id <= oldID {
			oldID++
		}
	case to.kind != from.kind:
		if to.kind == typeDir {
			return ErrIsDir
		}
		return ErrNotDir
	case same && to.id == from.id:
		return nil
	case to.kind == typeDir:
		if victim, err = fs.condemn(to); err != nil {
			return err
		}
		defer fs.untrack(victim)
	}
	if err := fs.moveEntry(from, to, oldID, same); err != nil {
		return err
	}
	return fs.bury(victim)
}

// checkCycle refuses to move a directory into itself, which would cut it off
// the tree. The original does not notice.
func (fs *FS) checkCycle(from place, oldname, newname string) error {
	a, b := clean(oldname), clean(newname)
	if from.kind != typeDir || len(b) <= len(a) {
		return nil
	}
	for i := range a {
		if a[i] != b[i] {
			return nil
		}
	}
	return ErrInvalid
}

// moveEntry writes the entry at its new place and deletes the old one: in one
// commit if both are in the same pair, otherwise in two, between which the
// global state says that the old entry is to be ignored.
func (fs *FS) moveEntry(from, to place, oldID uint32, same bool) error {
	var changes []record
	if to.found {
		changes = append(changes, record{mktag(typeDelete, to.id, 0), nil})
	}
	changes = append(changes,
		record{mktag(typeCreate, to.id, 0), nil},
		record{mktag(from.kind, to.id, uint32(len(to.name))), []byte(to.name)})
	for _, r := range from.m.log {
		if k := r.tag.kind(); r.tag.id() == from.id && (k == kindStruct || k == kindUserAttr) {
			changes = append(changes, record{r.tag.withID(to.id), r.data})
		}
	}
	if same {
		return fs.commit(&cursor{m: to.m}, append(changes, record{mktag(typeDelete, oldID, 0), nil})...)
	}
	source := &cursor{m: from.m}
	fs.track(source)
	defer fs.untrack(source)
	fs.global.want = fs.global.want.withMove(oldID, from.m.pair)
	if err := fs.commit(&cursor{m: to.m}, changes...); err != nil {
		return err
	}
	if !fs.global.want.moving() {
		return nil // somebody who wrote the old pair did it already
	}
	fs.global.want = fs.global.want.withoutMove()
	return fs.commit(source, record{mktag(typeDelete, from.id, 0), nil})
}
