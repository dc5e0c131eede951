package littlefs

import (
	"encoding/binary"
	"errors"
)

// errNoFit says that tags do not fit the rest of a block.
var errNoFit = errors.New("does not fit the block")

// commitWriter writes one commit: tags, then the CRC that makes them count.
// Pages go out while the commit grows, so a commit that turns out not to fit
// leaves its first pages behind, as in the original.
type commitWriter struct {
	fs    *FS
	block uint32
	off   uint32
	begin uint32
	ptag  tag
	sum   uint32
}

// bytes programs p at the end and takes it into the CRC.
func (c *commitWriter) bytes(p []byte) error {
	if err := c.fs.write(&c.fs.meta, c.block, c.off, p); err != nil {
		return err
	}
	c.sum = crc(c.sum, p)
	c.off += uint32(len(p))
	return nil
}

// tag writes t and its data. The end of the block stays free for a CRC.
func (c *commitWriter) tag(t tag, data []byte) error {
	if c.off+t.span() > c.fs.cfg.BlockSize-8 {
		return errNoFit
	}
	if err := c.bytes(binary.BigEndian.AppendUint32(nil, uint32(t^c.ptag))); err != nil {
		return err
	}
	if err := c.bytes(data[:t.dataLen()]); err != nil {
		return err
	}
	c.ptag = t
	return nil
}

// finish ends the commit: a forward CRC if something may follow, the CRC, and
// padding to the next program unit. A CRC tag spans at most maxTagData bytes
// of padding; larger program units take several. It then reads the commit
// back; what differs makes a bad block.
func (c *commitWriter) finish() error {
	cfg := &c.fs.cfg
	const withForward = 5 * 4 // forward CRC 12 bytes, CRC 8 bytes
	end := alignUp(min(c.off+withForward, cfg.BlockSize), cfg.ProgSize)
	var sumAt, sum uint32
	for c.off < end {
		next := min(end-(c.off+4), maxTagData) + c.off + 4
		if next < end {
			next = min(next, end-withForward)
		}
		first := byte(0xFF)
		if next >= end && next <= cfg.BlockSize-cfg.ProgSize {
			var err error
			if first, err = c.forward(next); err != nil {
				return err
			}
		}
		// The next commit must look unwritten: its valid bit starts as the
		// opposite of what the first erased byte shows.
		flip := uint32(^first >> 7)
		t := mktag(typeCRC+flip, noID, next-(c.off+4))
		if err := c.bytes(binary.BigEndian.AppendUint32(nil, uint32(t^c.ptag))); err != nil {
			return err
		}
		if sumAt == 0 {
			sumAt, sum = c.off, c.sum
		}
		var word [4]byte
		binary.LittleEndian.PutUint32(word[:], c.sum)
		if err := c.bytes(word[:]); err != nil {
			return err
		}
		c.off, c.ptag, c.sum = next, t^tag(flip<<31), crcInit
		if next >= end || next >= c.fs.meta.off+cfg.CacheSize {
			if err := c.fs.flush(&c.fs.meta); err != nil {
				return err
			}
		}
	}
	return c.verify(sumAt, sum)
}

// forward writes the forward CRC over the program unit at next, which is what
// the next commit will look for, and returns that unit's first byte.
func (c *commitWriter) forward(next uint32) (first byte, err error) {
	cfg := &c.fs.cfg
	unit := c.fs.scratch[:cfg.ProgSize]
	if err := c.fs.readBlock(c.block, next, unit); err != nil {
		return 0, err
	}
	first = unit[0]
	if cfg.DiskVersion < DiskVersion21 {
		return first, nil
	}
	var data [8]byte
	binary.LittleEndian.PutUint32(data[:], cfg.ProgSize)
	binary.LittleEndian.PutUint32(data[4:], crc(crcInit, unit))
	return first, c.tag(mktag(typeFCRC, noID, 8), data[:])
}

// verify reads the commit back up to its first CRC at sumAt.
func (c *commitWriter) verify(sumAt, sum uint32) error {
	back := c.fs.scratch[:sumAt+4-c.begin]
	if err := c.fs.readBlock(c.block, c.begin, back); err != nil {
		return err
	}
	n := len(back) - 4
	if crc(crcInit, back[:n]) != sum || binary.LittleEndian.Uint32(back[n:]) != sum {
		return errBadBlock
	}
	return nil
}

// appendCommit writes changes behind the last commit of m and returns the new
// state. errNoFit and errBadBlock mean that m has to be compacted instead.
func (fs *FS) appendCommit(m *mdir, changes []record) (*mdir, error) {
	c := commitWriter{fs: fs, block: m.pair[0], off: m.off, begin: m.off, ptag: m.ptag, sum: crcInit}
	for _, r := range changes {
		if err := c.tag(r.tag, r.data); err != nil {
			return nil, err
		}
	}
	delta := m.delta
	if d := fs.global.pending(); !d.zero() {
		delta = delta.xor(d)
		if err := c.tag(mktag(typeMoveState, noID, gstateLen), delta.encode()); err != nil {
			return nil, err
		}
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	fs.global.written()
	n := m.changed(changes)
	n.off, n.ptag, n.delta = c.off, c.ptag, delta
	return n, nil
}

// changed returns a copy of m with changes applied in memory.
func (m *mdir) changed(changes []record) *mdir {
	n := *m
	n.log = append(make([]record, 0, len(m.log)+len(changes)), m.log...)
	for _, r := range changes {
		if r.tag.kind() == kindTail {
			n.tail, n.split = decodePair(r.data), r.tag.typ()&1 != 0
			continue
		}
		n.log, n.count = fold(n.log, n.count, r)
	}
	return &n
}

// slice returns the records of the entries [begin, end), with ids from 0.
func slice(log []record, begin, end uint32) []record {
	var part []record
	for _, r := range log {
		if id := r.tag.id(); begin <= id && id < end {
			part = append(part, record{r.tag.withID(id - begin), r.data})
		}
	}
	return part
}

// size is the number of bytes that the entries [begin, end) take in a log.
func size(log []record, begin, end uint32) (n uint32) {
	for _, r := range log {
		if id := r.tag.id(); begin <= id && id < end {
			n += r.tag.span()
		}
	}
	return n
}

// compact writes log, with count entries, as the only commit of the other
// block of m, under the next revision, and returns the new state. If that block is bad, or due for
// wear-levelling, it takes a fresh one; moved then says that whoever points to
// m has to learn of it, and the pending global state stays pending for that.
func (fs *FS) compact(m *mdir, log []record, count uint32) (n *mdir, moved bool, err error) {
	n = new(mdir)
	*n = *m
	n.log, n.count = log, count
	tired := fs.tired(m)
	n.rev++
	if tired && !m.pair.overlaps(rootPair) {
		moved = true
		if err = fs.replaceHalf(n, true); err != nil {
			return nil, false, err
		}
	}
	for {
		err = fs.writeCompacted(n, m.delta, moved)
		if err == nil {
			return n, moved, nil
		}
		if err != errBadBlock {
			return nil, false, err
		}
		moved = true
		if n.pair.overlaps(rootPair) {
			return nil, false, ErrNoSpace // the superblock cannot move: the volume is frozen
		}
		if err = fs.replaceHalf(n, false); err != nil {
			return nil, false, err
		}
	}
}

// tired reports whether the pair has been erased often enough to move.
func (fs *FS) tired(m *mdir) bool {
	step := fs.cfg.revisionStep()
	return step != 0 && (m.rev+1)%step == 0
}

// replaceHalf gives n another block to be compacted to. Wear-levelling is no
// reason to fail on a full volume.
func (fs *FS) replaceHalf(n *mdir, tired bool) error {
	fs.meta.drop()
	block, err := fs.alloc()
	switch {
	case err == nil:
		n.pair[1] = block
	case !tired || !errors.Is(err, ErrNoSpace):
		return err
	}
	return nil
}

// writeCompacted erases the second block of n, writes it and makes it the
// first.
func (fs *FS) writeCompacted(n *mdir, old gstate, moved bool) error {
	fs.meta.drop() // of a commit that did not fit
	if err := fs.erase(n.pair[1]); err != nil {
		return err
	}
	c := commitWriter{fs: fs, block: n.pair[1], ptag: blankTag, sum: crcInit}
	if err := c.bytes(binary.LittleEndian.AppendUint32(nil, n.rev)); err != nil {
		return err
	}
	for _, r := range n.log {
		if err := c.tag(r.tag, r.data); err != nil {
			return err
		}
	}
	if !n.tail.null() {
		typ := uint32(typeSoftTail)
		if n.split {
			typ = typeHardTail
		}
		if err := c.tag(mktag(typ, noID, 8), n.tail.encode()); err != nil {
			return err
		}
	}
	delta := fs.global.debt.xor(old)
	if !moved {
		delta = delta.xor(fs.global.disk).xor(fs.global.want)
	}
	if !delta.zero() {
		if err := c.tag(mktag(typeMoveState, noID, gstateLen), delta.encode()); err != nil {
			return err
		}
	}
	if err := c.finish(); err != nil {
		return err
	}
	n.pair = n.pair.swapped()
	n.off, n.ptag, n.delta = c.off, c.ptag, delta
	if k := len(n.log); k > 0 && n.log[k-1].tag.gone() {
		n.log = n.log[:k-1]
	}
	fs.global.debt = gstate{}
	if !moved {
		fs.global.written()
	}
	return nil
}
