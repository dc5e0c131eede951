package littlefs

import "errors"

// Updates of the metadata. A commit to one pair can force commits to others:
// a pair that moved must be told to its parent and to its predecessor in the
// tail list, a pair that became empty must leave the list. All of it follows
// the order of the original, because what a power cut leaves behind depends on
// it.

// cursor is a position in the metadata that stays right while others change
// it: an open file, an open directory, or an operation in several steps.
type cursor struct {
	m       *mdir
	id      uint32
	removed bool // the entry is gone
	file    *File
	dir     *dirCursor
}

func (fs *FS) track(c *cursor) { fs.open = append(fs.open, c) }

func (fs *FS) untrack(c *cursor) {
	for i, o := range fs.open {
		if o == c {
			fs.open = append(fs.open[:i], fs.open[i+1:]...)
			return
		}
	}
}

// outcome is what a commit did to the pair.
type outcome int

const (
	stayed  outcome = iota
	moved           // one of its blocks is another now
	dropped         // it lost its last entry and must leave the tail list
)

// commit applies changes to the pair that c stands in, atomically.
func (fs *FS) commit(c *cursor, changes ...record) error {
	orphans, err := fs.commitAll(c, changes)
	if err != nil {
		return err
	}
	if orphans {
		return fs.deorphan(false)
	}
	return nil
}

// commitAll is commit without the repair of orphans, which the moving of one
// pair leaves behind if it makes others move.
func (fs *FS) commitAll(c *cursor, changes []record) (orphans bool, err error) {
	old := c.m
	m, pred, what, err := fs.commitOne(c, old, changes)
	if err != nil {
		return false, err
	}
	from := old.pair
	if what == dropped {
		fs.global.debt = fs.global.debt.xor(m.delta)
		from = pred.pair
		if m, _, what, err = fs.commitOne(nil, pred, []record{tailRecord(m.tail, m.split)}); err != nil {
			return false, err
		}
	}
	for what == moved {
		var again bool
		if m, from, what, again, err = fs.announce(from, m); err != nil {
			return false, err
		}
		orphans = orphans || again
	}
	return orphans, nil
}

// announce tells parent and predecessor of the pair that was at from that it
// is now m. Either may move in turn; then that is what is left to announce.
func (fs *FS) announce(from pair, m *mdir) (next *mdir, nextFrom pair, what outcome, orphans bool, err error) {
	if from.overlaps(fs.root) {
		fs.root = m.pair
	}
	for _, c := range fs.open {
		if c.m.pair.overlaps(from) {
			moved := *c.m
			moved.pair = m.pair
			c.m = &moved
		}
		if c.dir != nil && c.dir.head.overlaps(from) {
			c.dir.head = m.pair
		}
	}
	parent, link, err := fs.parent(from)
	if err != nil {
		return nil, pair{}, 0, false, err
	}
	if parent != nil {
		// From here on the parent knows the new pair and the tail list the old.
		fs.global.addOrphans(+1)
		changes, id := fs.finishMove(parent, link.id())
		changes = append(changes, record{mktag(typeDirStruct, id, 8), m.pair.encode()})
		n, _, what, err := fs.commitOne(nil, parent, changes)
		if err != nil {
			return nil, pair{}, 0, false, err
		}
		if what == moved {
			return n, parent.pair, moved, true, nil
		}
	}
	pred, err := fs.predecessor(from)
	if err != nil || pred == nil { // nobody points to it: a new pair
		return nil, pair{}, stayed, false, err
	}
	if fs.global.orphans > 0 && parent != nil {
		fs.global.addOrphans(-1)
	}
	changes, _ := fs.finishMove(pred, noID)
	changes = append(changes, tailRecord(m.pair, pred.split))
	n, _, what, err := fs.commitOne(nil, pred, changes)
	if err != nil {
		return nil, pair{}, 0, false, err
	}
	return n, pred.pair, what, false, nil
}

// finishMove deletes an entry that is on its way out of m along with another
// change to m, since that may make the move's record stale. It also returns
// what id is afterwards.
func (fs *FS) finishMove(m *mdir, id uint32) ([]record, uint32) {
	if !fs.global.want.movingFrom(m.pair) {
		return nil, id
	}
	gone := fs.global.want.tag.id()
	fs.global.want = fs.global.want.withoutMove()
	if gone < id && id != noID {
		id--
	}
	return []record{{mktag(typeDelete, gone, 0), nil}}, id
}

func tailRecord(tail pair, split bool) record {
	if split {
		return record{mktag(typeHardTail, noID, 8), tail.encode()}
	}
	return record{mktag(typeSoftTail, noID, 8), tail.encode()}
}

// commitOne applies changes to the pair m alone and brings everything that is
// open along. Self is the cursor that made the changes and knows its new id.
// For a dropped pair it also returns the predecessor.
func (fs *FS) commitOne(self *cursor, m *mdir, changes []record) (n, pred *mdir, what outcome, err error) {
	saved := fs.global
	n, pred, what, err = fs.writeChanges(m, changes)
	if err != nil {
		// What was written is not linked to the volume, so its share of the
		// global state does not count.
		fs.global.disk, fs.global.debt = saved.disk, saved.debt
		fs.meta.drop()
		return nil, nil, 0, err
	}
	tracked := false
	for _, c := range fs.open {
		tracked = tracked || c == self
		if !c.m.pair.overlaps(m.pair) {
			continue
		}
		c.m = n
		if c.file == nil && c.dir == nil {
			continue // an operation that only needs to know where its pair is
		}
		if c != self {
			c.renumber(changes)
		}
		if err := fs.follow(c); err != nil {
			return nil, nil, 0, err
		}
	}
	if self != nil && !tracked {
		self.m = n
	}
	return n, pred, what, nil
}

// renumber moves the cursor along with the entry it stands on.
func (c *cursor) renumber(changes []record) {
	for _, r := range changes {
		id := r.tag.id()
		switch {
		case r.tag.typ() == typeDelete && c.id == id && c.dir == nil:
			c.removed = true
		case r.tag.typ() == typeDelete && c.id > id:
			c.id--
			if c.dir != nil {
				c.dir.pos--
			}
		case r.tag.typ() == typeCreate && c.id >= id:
			c.id++
			if c.dir != nil {
				c.dir.pos++
			}
		}
	}
}

// follow moves the cursor to where its entry went when the pair was split.
func (fs *FS) follow(c *cursor) error {
	for n := uint32(0); c.id >= c.m.count && c.m.split; n++ {
		if n > fs.blocks {
			return fs.loop("directory", c.m.pair)
		}
		if !c.m.tail.overlaps(fs.root) { // a new root keeps the ids of the old
			c.id -= c.m.count
		}
		m, err := fs.fetch(c.m.tail)
		if err != nil {
			return err
		}
		c.m = m
	}
	return nil
}

// writeChanges brings changes to m to the flash.
func (fs *FS) writeChanges(m *mdir, changes []record) (n, pred *mdir, what outcome, err error) {
	n = m.changed(changes)
	if n.count == 0 && onlyDeletes(changes) {
		if pred, err = fs.predecessor(m.pair); err != nil {
			return nil, nil, 0, err
		}
		if pred != nil && pred.split {
			return n, pred, dropped, nil
		}
	}
	if m.erased && n.count < maxEntries {
		appended, err := fs.appendCommit(m, changes)
		if err == nil {
			return appended, nil, stayed, nil
		}
		if err != errNoFit && err != errBadBlock {
			return nil, nil, 0, err
		}
	}
	fs.meta.drop()
	if k := len(changes); k > 0 && changes[k-1].tag.gone() {
		// The original drops a removal only when it sees what comes after it.
		n.log = append(n.log, changes[k-1])
	}
	n, what, err = fs.compactOrSplit(n)
	if err == errNoFit {
		err = ErrNoSpace
	}
	return n, nil, what, err
}

// onlyDeletes reports changes that a pair leaving the tail list may lose.
func onlyDeletes(changes []record) bool {
	for _, r := range changes {
		if r.tag.typ() != typeDelete {
			return false
		}
	}
	return len(changes) > 0
}

// compactOrSplit rewrites the pair m, whose log in memory is ahead of the
// flash. Entries that would fill more than half of it go to new pairs.
func (fs *FS) compactOrSplit(m *mdir) (*mdir, outcome, error) {
	n := *m
	end := n.count
	for {
		at := fs.splitPoint(m.log, end)
		if at == 0 {
			break
		}
		err := fs.splitOff(&n, m.log, at, end)
		if noRoom(err) {
			break // compact what we have, however full
		}
		if err != nil {
			return nil, 0, err
		}
		end = at
	}
	if fs.tired(&n) && n.pair.overlaps(rootPair) {
		grown, err := fs.growSuperblock(&n, m.log, end)
		if err != nil {
			return nil, 0, err
		}
		if grown {
			end = 1 // what stays behind is the superblock entry
		}
	}
	c, wasMoved, err := fs.compact(&n, slice(m.log, 0, end), end)
	if err != nil {
		return nil, 0, err
	}
	if wasMoved {
		return c, moved, nil
	}
	return c, stayed, nil
}

func noRoom(err error) bool { return err == errNoFit || errors.Is(err, ErrNoSpace) }

// splitPoint returns from which id on entries have to leave, or 0.
//
// The tail, the global state, the end of a move and the CRC need 40 bytes in
// every block; and a pair is left half empty, so that it is not compacted with
// every change.
func (fs *FS) splitPoint(log []record, end uint32) uint32 {
	room := min(fs.cfg.BlockSize-40, alignUp(fs.cfg.BlockSize/2, fs.cfg.ProgSize))
	at := uint32(0)
	for end-at > 1 && end >= at {
		if end-at < maxEntries && size(log, at, end) <= room {
			break
		}
		at += (end - at) / 2
	}
	return at
}

// splitOff moves the entries [at, end) of log to a new pair behind n.
func (fs *FS) splitOff(n *mdir, log []record, at, end uint32) error {
	t, err := fs.newPair()
	if err != nil {
		return err
	}
	t.tail, t.split = n.tail, n.split
	c, _, err := fs.compact(t, slice(log, at, end), end-at)
	if err != nil {
		return err
	}
	n.tail, n.split = c.pair, true
	if at == 0 && n.pair.overlaps(fs.root) {
		fs.root = c.pair
	}
	return nil
}

// growSuperblock moves the root directory out of blocks 0 and 1, which then
// only hold the superblock and wear much slower. It is never undone, so it is
// not done on a volume that is nearly full.
func (fs *FS) growSuperblock(n *mdir, log []record, end uint32) (bool, error) {
	used := uint32(0)
	if err := fs.eachBlock(false, func(uint32) error { used++; return nil }); err != nil {
		return false, err
	}
	if int64(fs.blocks)-int64(used) <= int64(fs.blocks/8) {
		return false, nil
	}
	err := fs.splitOff(n, log, 0, end)
	if noRoom(err) {
		return false, nil
	}
	return err == nil, err
}

// newPair allocates two blocks for a new pair. Nothing is written yet; its
// revision count goes on from what the block held, rounded up so that the pair
// does not move soon.
func (fs *FS) newPair() (*mdir, error) {
	m := &mdir{off: 4, ptag: blankTag, tail: nullPair}
	var err error
	for _, i := range []int{1, 0} { // the second is written first
		if m.pair[i], err = fs.alloc(); err != nil {
			return nil, err
		}
	}
	var word [4]byte
	if err := fs.readBlock(m.pair[0], 0, word[:]); err != nil {
		return nil, err
	}
	m.rev = uint32(word[0]) | uint32(word[1])<<8 | uint32(word[2])<<16 | uint32(word[3])<<24
	if step := fs.cfg.revisionStep(); step != 0 {
		m.rev = alignUp(m.rev, step)
	}
	return m, nil
}
