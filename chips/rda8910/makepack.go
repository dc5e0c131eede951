package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"airlift/chips/delta"
)

// PackInput says what a core pack changes (8910.md 2.5).
type PackInput struct {
	OldVersion, NewVersion string // "" for both leaves them out
	Flash                  []FlashChange
	Files                  []FileChange
}

// FlashChange is a change of an image in flash.
type FlashChange struct {
	Base     uint32 // offset in the flash, a multiple of 64 KiB
	Old, New []byte
}

// FileChange is a change of a file: it is removed if New is nil, and inserted
// if neither Old nor Pieces are there.
type FileChange struct {
	Name string
	// Old is the old content of a plain file.
	Old []byte
	// Pieces are the old pieces of a blocked file as they are stored: LZMAR
	// files of 64 KiB each.
	Pieces [][]byte
	New    []byte // plain
}

// MakePack makes a core pack. What is the same before and after is left out;
// if nothing changes the result is nil.
func MakePack(in PackInput) ([]byte, error) {
	m := packMaker{}
	for i := range in.Flash {
		if err := m.flash(&in.Flash[i]); err != nil {
			return nil, fmt.Errorf("image at 0x%X: %w", in.Flash[i].Base, err)
		}
	}
	for i := range in.Files {
		if err := m.file(&in.Files[i]); err != nil {
			return nil, fmt.Errorf("file %q: %w", in.Files[i].Name, err)
		}
	}
	if len(m.bulks) == 0 {
		return nil, nil
	}
	return m.encode(in.OldVersion, in.NewVersion)
}

type packMaker struct {
	bulks  []madeBulk
	blocks int
}

// madeBulk is a bulk with its bundle, whose place is not known yet.
type madeBulk struct {
	Bulk
	packed []byte // nil for BulkRemove
}

func (m *packMaker) add(k Bulk, packed []byte, blocks int) error {
	if len(m.bulks) == maxBulks {
		return fmt.Errorf("a pack holds at most %d changes", maxBulks)
	}
	m.bulks = append(m.bulks, madeBulk{k, packed})
	m.blocks += blocks
	return nil
}

func checkSizes(images ...[]byte) error {
	for _, p := range images {
		if len(p) > maxPlain/2 {
			return fmt.Errorf("%d bytes: expected at most %d", len(p), maxPlain/2)
		}
	}
	return nil
}

func (m *packMaker) flash(c *FlashChange) error {
	switch {
	case bytes.Equal(c.Old, c.New):
		return nil
	case len(c.New) == 0:
		return errors.New("the new image is empty")
	case c.Base%packBlockSize != 0:
		return errors.New("the address is no multiple of 64 KiB")
	}
	if err := checkSizes(c.Old, c.New); err != nil {
		return err
	}
	packed, blocks := changeBundle(c.Old, c.New, c.Base, packBlockSize)
	return m.add(Bulk{Type: BulkFlash, Name: flashName, Base: c.Base, OldSize: uint32(len(c.Old)), OldCRC: packCRC(c.Old)}, packed, blocks)
}

func (m *packMaker) file(c *FileChange) error {
	if n := len(c.Name) + 1; c.Name == "" || n > maxName || strings.Contains(c.Name, "\x00") {
		return fmt.Errorf("the name must have 1 to %d bytes without NULs", maxName-1)
	}
	if err := checkSizes(c.Old, c.New); err != nil {
		return err
	}
	k := Bulk{Name: c.Name, OldSize: uint32(len(c.Old)), OldCRC: packCRC(c.Old), NewSize: uint32(len(c.New))}
	switch {
	case c.Pieces != nil:
		return m.blocked(c)
	case c.New == nil:
		k.Type = BulkRemove
		return m.add(k, nil, 1)
	case c.Old == nil:
		return m.add(Bulk{Type: BulkInsert, Name: c.Name, NewSize: k.NewSize, NewCRC: packCRC(c.New)}, packAlone(c.New), 1)
	case bytes.Equal(c.Old, c.New):
		return nil
	case len(c.New) > packTmpSize:
		return fmt.Errorf("%d bytes: boot code rebuilds a file at once, in a fota.tmp of %d", len(c.New), packTmpSize)
	}
	k.Type = BulkPlain
	packed, blocks := changeBundle(c.Old, c.New, 0, max(1, len(c.New)))
	return m.add(k, packed, blocks)
}

func (m *packMaker) blocked(c *FileChange) error {
	if len(c.New) == 0 {
		return errors.New("the new content of a file in pieces is empty")
	}
	var stored, old []byte
	for i, b := range c.Pieces {
		p, err := unpackLZMAR(b)
		if err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
		if len(p) > lzmarBlock || len(p) < lzmarBlock && i < len(c.Pieces)-1 {
			return fmt.Errorf("piece %d has %d plain bytes: expected %d", i, len(p), lzmarBlock)
		}
		stored, old = append(stored, b...), append(old, p...)
	}
	if bytes.Equal(old, c.New) {
		return nil
	}
	if err := checkSizes(stored, old); err != nil {
		return err
	}
	packed, blocks := changeBundle(old, c.New, 0, lzmarBlock)
	return m.add(Bulk{
		Type: BulkBlocked, Name: c.Name, OldFileSize: uint32(len(stored)), OldFileCRC: packCRC(stored),
		OldSize: uint32(len(old)), OldCRC: packCRC(old), NewSize: uint32(len(c.New)), BlockSize: lzmarBlock,
	}, packed, blocks)
}

// changeBundle makes the bundle that leads from one content to another, in
// blocks of size bytes, each of which is written over old data. Of the two
// orders it takes the one whose description is cheaper.
func changeBundle(old, new []byte, base uint32, size int) (packed []byte, blocks int) {
	c := change{x: delta.NewIndex(old), old: old, new: new, base: base, size: size}
	list, cost := c.blocks(false)
	if len(list) > 1 {
		if back, less := c.blocks(true); less < cost {
			list = back
		}
	}
	return packAlone(encodeBundle(list)), len(list)
}

// change leads from one content to another.
type change struct {
	x        *delta.Index
	old, new []byte
	base     uint32 // where the content begins
	size     int    // bytes of a block
}

// blocks describes the new content, and says what that costs. A block may use
// what no block before it has overwritten: everything from its own place on
// or, backwards, everything up to its own end.
func (c *change) blocks(backwards bool) (list []Block, cost int64) {
	count := max(1, (len(c.new)+c.size-1)/c.size)
	shift, m := 0, delta.NewModel()
	for n := range count {
		at := n * c.size
		w := delta.Window{From: min(at, len(c.old)), To: len(c.old)}
		if backwards {
			at = (count - 1 - n) * c.size
			w = delta.Window{From: 0, To: min(at+c.size, len(c.old))}
		}
		block := c.new[at:min(len(c.new), at+c.size)]
		steps, last, price := c.x.Steps(block, at, w.From, shift, w, m)
		shift = last
		cost += int64(price)
		list = append(list, makeBlock(steps, block, c.old, w.From, c.base, at))
	}
	return list, cost
}

// makeBlock turns steps, which begin at pos of the old data, into pieces.
func makeBlock(steps []delta.Step, block, old []byte, pos int, base uint32, at int) Block {
	k := Block{NewPos: base + uint32(at), NewCRC: packCRC(block), size: len(block)}
	from := 0
	for _, s := range steps {
		for i := range s.Diff {
			k.diff = append(k.diff, block[from+i]-old[pos+i])
		}
		k.extra = append(k.extra, block[from+s.Diff:from+s.Diff+s.Extra]...)
		if s.Diff+s.Extra > 0 {
			k.Pieces = append(k.Pieces, Piece{OldPos: base + uint32(pos), Diff: uint32(s.Diff), Extra: uint32(s.Extra)})
		}
		from, pos = from+s.Diff+s.Extra, pos+s.Diff+s.Seek
	}
	return k
}

// padded returns a string with at least one NUL behind it, as long as n or,
// for 0, a multiple of 4.
func padded(s string, n int) []byte {
	if n == 0 {
		n = (len(s) + 4) / 4 * 4
	}
	return append([]byte(s), make([]byte, n-len(s))...)
}

// encode writes the file.
func (m *packMaker) encode(oldVersion, newVersion string) ([]byte, error) {
	nameSize := 0
	if oldVersion != "" || newVersion != "" {
		nameSize = max(len(padded(oldVersion, 0)), len(padded(newVersion, 0)))
	}
	if nameSize > maxName {
		return nil, fmt.Errorf("versions of %d and %d bytes: expected at most %d", len(oldVersion), len(newVersion), maxName-1)
	}
	head := packHead + 2*nameSize
	for i := range m.bulks {
		head += len(m.bulks[i].encode(0))
	}
	b := append([]byte(packMagic), make([]byte, 8)...)
	for _, v := range []int{head, packTmpSize, len(m.bulks), m.blocks, nameSize} {
		b = le.AppendUint32(b, uint32(v))
	}
	if nameSize > 0 {
		b = append(append(b, padded(oldVersion, nameSize)...), padded(newVersion, nameSize)...)
	}
	at := head
	for i := range m.bulks {
		b = append(b, m.bulks[i].encode(at)...)
		at += len(m.bulks[i].packed)
	}
	for i := range m.bulks {
		b = append(b, m.bulks[i].packed...)
	}
	le.PutUint32(b[8:], uint32(len(b)))
	le.PutUint32(b[12:], packCRC(b[16:]))
	return b, nil
}

// encode returns the record of a bulk whose bundle lies at at.
func (k *madeBulk) encode(at int) []byte {
	var b []byte
	put := func(words ...uint32) {
		for _, v := range words {
			b = le.AppendUint32(b, v)
		}
	}
	put(uint32(k.Type))
	name := padded(k.Name, 0)
	size, off := uint32(len(k.packed)), uint32(at)
	if k.Type == BulkFlash {
		b = append(b, flashName...)
		put(k.Base, k.OldSize, k.OldCRC, 1, size, off)
		return b
	}
	put(uint32(len(name)))
	b = append(b, name...)
	switch k.Type {
	case BulkBlocked:
		put(k.OldFileSize, k.OldFileCRC, k.OldSize, k.OldCRC, k.NewSize, k.BlockSize, 1, size, off)
	case BulkPlain:
		put(k.OldSize, k.OldCRC, k.NewSize, size, off)
	case BulkRemove:
		put(k.OldSize, k.OldCRC)
	case BulkInsert:
		put(k.NewSize, k.NewCRC, off, size)
	}
	return b
}
