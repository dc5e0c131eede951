package littlefs

// What a power loss may leave behind, and how the first write after a mount
// puts it right: a superblock of an older version, a file that is in two
// places, and pairs in the tail list that are stale or that no directory knows
// any more. Reading needs none of it.

// makeConsistent repairs the volume if the global state says so. Every
// operation that writes starts with it.
func (fs *FS) makeConsistent() error {
	if err := fs.upgradeSuperblock(); err != nil {
		return err
	}
	if err := fs.endMove(); err != nil {
		return err
	}
	return fs.deorphan(true)
}

func (fs *FS) upgradeSuperblock() error {
	if !fs.global.oldSuperblock {
		return nil
	}
	root, err := fs.fetch(fs.root)
	if err != nil {
		return err
	}
	sb := fs.superblock().encode()
	if err := fs.commit(&cursor{m: root}, record{mktag(typeInline, 0, uint32(len(sb))), sb}); err != nil {
		return err
	}
	fs.global.oldSuperblock = false
	return nil
}

// endMove deletes the old entry of a file that was being moved.
func (fs *FS) endMove() error {
	if !fs.global.disk.moving() {
		return nil
	}
	m, err := fs.fetch(fs.global.disk.pair)
	if err != nil {
		return err
	}
	id := fs.global.disk.tag.id()
	if id >= m.count {
		return corrupt(fs.offset(m.pair[0]), "move state", "an entry of the pair", "entry %d of %d", id, m.count)
	}
	fs.global.want = fs.global.want.withoutMove()
	return fs.commit(&cursor{m: m}, record{mktag(typeDelete, id, 0), nil})
}

// hidden returns the id of the entry of m that is being moved elsewhere, or
// noID.
func (fs *FS) hidden(m *mdir) uint32 {
	if fs.global.disk.movingFrom(m.pair) {
		return fs.global.disk.tag.id()
	}
	return noID
}

// predecessor returns the pair whose tail is p, nil if there is none.
func (fs *FS) predecessor(p pair) (pred *mdir, err error) {
	if rootPair.overlaps(p) {
		return nil, nil
	}
	err = fs.eachPair(func(m *mdir) (bool, error) {
		if m.tail.overlaps(p) {
			pred = m
			return false, nil
		}
		return true, nil
	})
	return pred, err
}

// parent returns the pair with a directory entry for p and the tag of its
// directory structure; nil if there is none.
func (fs *FS) parent(p pair) (parent *mdir, link tag, err error) {
	err = fs.eachPair(func(m *mdir) (bool, error) {
		hidden := fs.hidden(m)
		for _, r := range m.log {
			if r.tag.typ() == typeDirStruct && r.tag.id() != hidden && decodePair(r.data).overlaps(p) {
				parent, link = m, r.tag // of several, the latest
			}
		}
		return parent == nil, nil
	})
	return parent, link, err
}

// deorphan walks the tail list for pairs that should not be in it. Half an
// orphan is a pair that moved and whose parent knows it already: the list gets
// the parent's address. A whole orphan has no parent; after a power loss it is
// what is left of a removed directory, otherwise a directory being made. Half
// orphans go first, since stale ones can point to whole ones.
func (fs *FS) deorphan(powerLoss bool) error {
	if fs.global.orphans == 0 {
		return nil
	}
	rounds := uint32(0)
	for pass := 0; pass < 2; pass++ {
		more := false
		pred := &mdir{tail: rootPair, split: true}
		for !pred.tail.null() {
			if rounds++; rounds > 8*fs.blocks+8 {
				return fs.loop("tail list", pred.tail)
			}
			m, err := fs.fetch(pred.tail)
			if err != nil {
				return err
			}
			if pred.split {
				pred = m
				continue
			}
			tail, found, err := fs.orphanTail(pass, pred, m, powerLoss)
			if err != nil {
				return err
			}
			if !found {
				pred = m
				continue
			}
			c := &cursor{m: pred}
			changes, _ := fs.finishMove(pred, noID)
			fs.track(c)
			again, err := fs.commitAll(c, append(changes, tail))
			fs.untrack(c)
			if err != nil {
				return err
			}
			more = more || again
			pred = c.m
		}
		if more {
			pass = -1
		}
	}
	fs.global.addOrphans(-fs.global.orphans)
	return nil
}

// orphanTail decides whether m, which follows pred in the tail list, is an
// orphan, and what tail pred gets instead.
func (fs *FS) orphanTail(pass int, pred, m *mdir, powerLoss bool) (tail record, found bool, err error) {
	parent, link, err := fs.parent(pred.tail)
	if err != nil {
		return record{}, false, err
	}
	switch {
	case pass == 0 && parent != nil:
		r, _ := parent.find(kindStruct, link.id())
		if p := decodePair(r.data); !p.same(pred.tail) {
			return tailRecord(p, false), true, nil
		}
	case pass == 1 && parent == nil && powerLoss:
		fs.global.debt = fs.global.debt.xor(m.delta)
		return tailRecord(m.tail, m.split), true, nil
	}
	return record{}, false, nil
}
