package flash

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// The contents of a chip: a table of chunks, each a table of sectors. A nil
// chunk or sector is erased and never worn. Nodes carry the token of the
// device that may change them in place; a node with another token is shared
// and is copied before the first change. A fork gives parent and child new
// tokens, so it copies the root table and nothing else.

const sectorsPerChunk = 64

// token identifies one writer. It must not be empty: distinct zero-size
// variables may have equal addresses.
type token struct{ _ byte }

type chunk struct {
	owner   *token
	sectors [sectorsPerChunk]*sector
	hash    atomic.Pointer[[sha256.Size]byte] // nil when a sector changed
	fast    atomic.Pointer[Sum]               // likewise
}

type sector struct {
	owner *token
	wear  uint32 // erases
	hash  atomic.Pointer[[sha256.Size]byte]
	fast  atomic.Pointer[Sum]
	data  []byte // nil while the sector is erased
	// shared says that data belongs to a sector of another owner.
	shared bool
	spare  []byte // a buffer for data, left over from before the erase
}

type tree struct {
	sectorSize int64
	owner      *token
	root       []*chunk
	hint       []*chunk // see Device.Expect; never changed
}

func newTree(g Geometry) tree {
	sectors := g.Size / g.SectorSize
	return tree{
		sectorSize: g.SectorSize,
		owner:      new(token),
		root:       make([]*chunk, (sectors+sectorsPerChunk-1)/sectorsPerChunk),
	}
}

func (t *tree) locate(off int64) (ci, si int64) {
	s := off / t.sectorSize
	return s / sectorsPerChunk, s % sectorsPerChunk
}

// sectorAt returns the sector that holds off, or nil if it was never touched.
func (t *tree) sectorAt(off int64) *sector {
	ci, si := t.locate(off)
	if c := t.root[ci]; c != nil {
		return c.sectors[si]
	}
	return nil
}

func (t *tree) read(p []byte, off int64) {
	for len(p) > 0 {
		at := off & (t.sectorSize - 1)
		n := min(t.sectorSize-at, int64(len(p)))
		if s := t.sectorAt(off); s != nil && s.data != nil {
			copy(p[:n], s.data[at:])
		} else {
			fillErased(p[:n])
		}
		off, p = off+n, p[n:]
	}
}

// ownSector returns the sector at off as one that this tree may change. Its
// data may still be shared: see writable.
func (t *tree) ownSector(off int64) *sector {
	ci, si := t.locate(off)
	c := t.root[ci]
	switch {
	case c == nil:
		c = &chunk{owner: t.owner}
		t.root[ci] = c
	case c.owner != t.owner:
		c = &chunk{owner: t.owner, sectors: c.sectors}
		t.root[ci] = c
	default:
		c.hash.Store(nil)
		c.fast.Store(nil)
	}
	s := c.sectors[si]
	switch {
	case s == nil:
		s = &sector{owner: t.owner}
		c.sectors[si] = s
	case s.owner != t.owner:
		s = &sector{owner: t.owner, wear: s.wear, shared: true, data: s.data}
		c.sectors[si] = s
	default:
		s.hash.Store(nil)
		s.fast.Store(nil)
	}
	return s
}

// writable returns the whole sector that holds off, ready to be changed.
func (t *tree) writable(off int64) []byte {
	s := t.ownSector(off)
	switch {
	case s.data == nil:
		s.data, s.spare = erasedBuffer(s.spare, t.sectorSize), nil
	case s.shared:
		s.data = append([]byte(nil), s.data...)
	}
	s.shared = false
	return s.data
}

// programSector programs a whole sector. An erased one then holds p.
func (t *tree) programSector(off int64, p []byte) {
	s := t.ownSector(off)
	if s.data != nil {
		andInto(t.writable(off), p)
		return
	}
	if e := t.expected(off); e != nil && bytes.Equal(e.data, p) {
		s.data, s.shared = e.data, true
		s.fast.Store(e.fast.Load())
		return
	}
	s.data, s.spare, s.shared = append(s.spare[:0], p...), nil, false
}

// expected returns the sector of the hint at off, or nil.
func (t *tree) expected(off int64) *sector {
	if t.hint == nil {
		return nil
	}
	ci, si := t.locate(off)
	if c := t.hint[ci]; c != nil {
		return c.sectors[si]
	}
	return nil
}

// erasedBuffer returns an erased sector, in buf if there is one.
func erasedBuffer(buf []byte, size int64) []byte {
	if buf == nil && size == int64(len(erasedBlock)) {
		return append([]byte(nil), erasedBlock...) // is not zeroed first
	}
	if buf == nil {
		buf = make([]byte, size)
	}
	fillErased(buf)
	return buf
}

func (t *tree) erase(off int64) {
	s := t.ownSector(off)
	if s.data != nil && !s.shared {
		s.spare = s.data
	}
	s.data, s.shared = nil, false
	s.wear++
}

// wearOut counts an erase of the sector at off, which was touched before, and
// leaves its contents.
func (t *tree) wearOut(off int64) {
	ci, si := t.locate(off)
	c := t.root[ci]
	if c.owner != t.owner {
		was := c
		c = &chunk{owner: t.owner, sectors: was.sectors}
		c.hash.Store(was.hash.Load())
		c.fast.Store(was.fast.Load())
		t.root[ci] = c
	}
	s := c.sectors[si]
	if s.owner != t.owner {
		was := s
		s = &sector{owner: t.owner, wear: was.wear, shared: true, data: was.data}
		s.hash.Store(was.hash.Load())
		s.fast.Store(was.fast.Load())
		c.sectors[si] = s
	}
	s.wear++
}

func (t *tree) fork() tree {
	n := tree{sectorSize: t.sectorSize, owner: new(token), root: make([]*chunk, len(t.root)), hint: t.hint}
	copy(n.root, t.root)
	t.owner = new(token) // what both now see belongs to neither
	return n
}

var erasedBlock = bytes.Repeat([]byte{0xFF}, DefaultSectorSize)

func fillErased(p []byte) {
	for len(p) > 0 {
		p = p[copy(p, erasedBlock):]
	}
}

// isErased reports whether p is all 0xFF.
func isErased(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(erasedBlock))
		if !bytes.Equal(p[:n], erasedBlock[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}

// contentHash is the SHA-256 of the sector size, the number of sectors and
// the hashes of all chunks, each the SHA-256 of its sectors' hashes. Only what
// changed since the last call is hashed again.
func (t *tree) contentHash(sectors int64) [sha256.Size]byte {
	erasedSector := sha256.Sum256(bytes.Repeat([]byte{0xFF}, int(t.sectorSize)))
	h := sha256.New()
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], uint64(t.sectorSize))
	binary.LittleEndian.PutUint64(head[8:], uint64(sectors))
	h.Write(head[:])
	var erasedChunk *[sha256.Size]byte
	for _, c := range t.root {
		if c == nil {
			if erasedChunk == nil {
				sum := new(chunk).sum(&erasedSector)
				erasedChunk = &sum
			}
			h.Write(erasedChunk[:])
			continue
		}
		sum := c.hash.Load()
		if sum == nil {
			fresh := c.sum(&erasedSector)
			sum = &fresh
			c.hash.Store(sum)
		}
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (c *chunk) sum(erased *[sha256.Size]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, s := range c.sectors {
		if s == nil || s.data == nil {
			h.Write(erased[:])
			continue
		}
		sum := s.hash.Load()
		if sum == nil {
			fresh := sha256.Sum256(s.data)
			sum = &fresh
			s.hash.Store(sum)
		}
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
