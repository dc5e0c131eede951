package littlefs

import (
	"bytes"
	"encoding/binary"
)

// mdir is the decoded contents of a metadata pair at one moment. It never
// changes: a commit makes a new one. So open files, directories and pending
// operations may all point to the same.
type mdir struct {
	pair  pair   // the newer block first
	rev   uint32 // its revision count
	off   uint32 // end of its last commit, bytes
	ptag  tag    // what the next tag is XORed with
	count uint32 // entries
	tail  pair
	split bool // the tail belongs to the same directory
	// erased says that the block may be appended to. A compaction does not set
	// it for those who hold the old state, as in the original: they compact
	// again.
	erased bool
	delta  gstate   // this pair's part of the global state
	log    []record // what is live, in the order in which it was written

	content []byte // of the block when it was decoded; see decoded
}

// record is a tag with its data.
type record struct {
	tag  tag
	data []byte // never changed
}

// fold applies one more tag of a log to the live records before it. The slice
// must be the caller's own.
//
// Creating and deleting move the ids behind; everything else replaces what has
// the same name (SPEC.md, "Metadata types").
func fold(live []record, count uint32, r record) ([]record, uint32) {
	id := r.tag.id()
	switch r.tag.kind() {
	case kindSplice:
		switch r.tag.typ() {
		case typeCreate:
			for i := range live {
				if n := live[i].tag.id(); n >= id && n < noID-1 {
					live[i].tag = live[i].tag.withID(n + 1)
				}
			}
			return live, count + 1
		case typeDelete:
			kept := live[:0]
			for _, l := range live {
				switch n := l.tag.id(); {
				case n == id:
					continue
				case n > id:
					l.tag = l.tag.withID(n - 1)
				}
				kept = append(kept, l)
			}
			if count > 0 {
				count--
			}
			return kept, count
		}
	case kindName, kindStruct, kindUserAttr:
		if id == noID {
			return live, count
		}
		for i := range live {
			if r.tag.supersedes(live[i].tag) {
				live = append(live[:i], live[i+1:]...)
				break
			}
		}
		if !r.tag.gone() {
			live = append(live, r)
		}
		if r.tag.kind() == kindName && id >= count {
			count = id + 1
		}
	}
	return live, count
}

// find returns the live record of a kind that belongs to id.
func (m *mdir) find(kind, id uint32) (record, bool) {
	for i := range m.log {
		if t := m.log[i].tag; t.kind() == kind && t.id() == id {
			return m.log[i], true
		}
	}
	return record{}, false
}

// attr returns the user attribute of id with the type typ.
func (m *mdir) attr(id uint32, typ byte) ([]byte, bool) {
	for i := range m.log {
		if t := m.log[i].tag; t.typ() == typeUserAttr|uint32(typ) && t.id() == id {
			return m.log[i].data, true
		}
	}
	return nil, false
}

// lookup returns the id of the entry called name. If there is none it is the
// id that name would get, which is count if it belongs behind all others. The
// entry hidden (its move has begun) is not seen.
func (m *mdir) lookup(name string, hidden uint32) (id uint32, found bool) {
	id = m.count
	for i := range m.log {
		t := m.log[i].tag
		if !t.isFile() || t.id() == hidden {
			continue
		}
		switch order := compareNames(m.log[i].data, name); {
		case order == 0:
			return t.id(), true
		case order > 0 && t.id() < id:
			id = t.id()
		}
	}
	return id, false
}

// compareNames is the order of entries in a directory: by bytes, but of two
// names of which one starts with the other the longer one comes first
// (lfs.c, lfs_dir_find_match; SPEC.md only says alphabetical).
func compareNames(have []byte, want string) int {
	n := min(len(have), len(want))
	for i := range n {
		if have[i] != want[i] {
			if have[i] < want[i] {
				return -1
			}
			return 1
		}
	}
	return len(want) - len(have)
}

// fetch reads the metadata pair p: its newest block that has a whole commit.
func (fs *FS) fetch(p pair) (*mdir, error) {
	var revs [2]uint32
	for i, b := range p {
		if b >= fs.blocks {
			return nil, corrupt(0, "metadata pair", fs.blockRange(), "{%d, %d}", p[0], p[1])
		}
		var word [4]byte
		if err := fs.readBlock(b, 0, word[:]); err != nil {
			return nil, err
		}
		revs[i] = binary.LittleEndian.Uint32(word[:])
	}
	first := 0
	if int32(revs[1]-revs[0]) > 0 { // sequence comparison: the count wraps
		first = 1
	}
	for i := range 2 {
		at := first ^ i
		block := fs.scratch
		if err := fs.readBlock(p[at], 0, block); err != nil {
			return nil, err
		}
		if m := fs.decode(pair{p[at], p[at^1]}, block); m != nil {
			return m, nil
		}
	}
	return nil, corrupt(fs.offset(p[first]), "metadata pair", "a block with a whole commit",
		"none in blocks %d and %d", p[0], p[1])
}

// decoded remembers what a block said, for as long as it holds the same bytes.
// The flash stays the truth: fetch reads the block every time and compares.
type decoded struct {
	content []byte // without the erased end
	m       *mdir
}

// holds reports whether block is what d remembers.
func (d *decoded) holds(block []byte) bool {
	n := len(d.content)
	return d.m != nil && bytes.Equal(d.content, block[:n]) && writtenLen(block[n:]) == 0
}

// writtenLen is the length of p without the erased bytes at its end.
func writtenLen(p []byte) int {
	for len(p) >= len(blank) && bytes.Equal(p[len(p)-len(blank):], blank[:]) {
		p = p[:len(p)-len(blank)]
	}
	for len(p) > 0 && p[len(p)-1] == 0xFF {
		p = p[:len(p)-1]
	}
	return len(p)
}

// decode reads the log in block, the first of pair p, and returns the state
// after its last whole commit, or nil if there is none.
func (fs *FS) decode(p pair, block []byte) *mdir {
	known := &fs.known[p[0]%uint32(len(fs.known))]
	if !known.holds(block) {
		m := fs.decodeLog(block)
		if m == nil {
			return nil
		}
		*known = decoded{m.content, m}
	}
	if known.m.pair != p {
		m := *known.m
		m.pair = p
		known.m = &m
	}
	return known.m
}

// decodeLog is decode without memory.
func (fs *FS) decodeLog(block []byte) *mdir {
	fs.scan.reuse()
	s := &fs.scan
	s.read(block)
	if s.off == 0 {
		return nil
	}
	for _, sum := range s.sums {
		var word [4]byte
		binary.LittleEndian.PutUint32(word[:], sum)
		fs.seed = crc(fs.seed, word[:])
	}
	m := &mdir{rev: binary.LittleEndian.Uint32(block), off: s.off, ptag: s.ptag, tail: nullPair}
	m.erased = fs.appendable(block, s)
	data := append([]byte(nil), block[:max(writtenLen(block), int(s.off))]...)
	m.content = data[:writtenLen(data)]
	m.log = make([]record, 0, min(len(s.tags), 64))
	for _, at := range s.tags {
		end := at.off + at.tag.dataLen()
		r := record{at.tag, data[at.off:end:end]}
		switch {
		case r.tag.kind() == kindTail:
			m.tail, m.split = decodePair(r.data), r.tag.typ()&1 != 0
		case r.tag.typ() == typeMoveState:
			m.delta = decodeGstate(r.data)
		default:
			m.log, m.count = fold(m.log, m.count, r)
		}
	}
	return m
}

// tagAt is a tag and where its data starts in the block.
type tagAt struct {
	tag tag
	off uint32
}

// scan is what scanLog finds in a block.
type scan struct {
	off  uint32   // end of the last whole commit; 0: there is none
	ptag tag      // what the next tag is XORed with
	tags []tagAt  // all tags of whole commits
	sums []uint32 // their CRCs
	ends []uint32 // where the commits end
	// clean says that the log ends with a tag that nobody has written, as far
	// as its valid bit can tell.
	clean   bool
	hasFCRC bool
	fcrcLen uint32
	fcrc    uint32
}

// scanLog reads a block commit by commit (SPEC.md, "Directories / Metadata
// pairs"). It cannot fail: a log ends where it stops making sense.
func scanLog(block []byte) *scan {
	s := new(scan)
	s.read(block)
	return s
}

// reuse empties s and keeps its memory.
func (s *scan) reuse() { *s = scan{tags: s.tags[:0], sums: s.sums[:0], ends: s.ends[:0]} }

func (s *scan) read(block []byte) {
	size := uint32(len(block))
	whole := 0 // tags of whole commits
	off, from := uint32(4), uint32(0)
	prev := tag(blankTag)
	for off+4 <= size {
		t := tag(binary.BigEndian.Uint32(block[off:])) ^ prev
		if !t.valid() {
			s.clean = prev.isCRC()
			break
		}
		if off+t.span() > size {
			break
		}
		prev = t
		if t.isCRC() {
			if off+8 > size {
				break
			}
			sum := crc(crcInit, block[from:off+4])
			if sum != binary.LittleEndian.Uint32(block[off+4:]) {
				break
			}
			off += t.span()
			from = off
			prev ^= tag(t.typ()&1) << 31
			whole = len(s.tags)
			s.off, s.ptag = off, prev
			s.sums = append(s.sums, sum)
			s.ends = append(s.ends, off)
			continue
		}
		if t.typ() == typeFCRC && t.size() >= 8 {
			s.hasFCRC = true
			s.fcrcLen = binary.LittleEndian.Uint32(block[off+4:])
			s.fcrc = binary.LittleEndian.Uint32(block[off+8:])
		}
		s.tags = append(s.tags, tagAt{t, off + 4})
		off += t.span()
	}
	s.tags = s.tags[:whole]
}

// appendable reports whether the rest of the block is still erased. Disk
// version 2.0 can only trust the valid bit; 2.1 has the CRC of what an erased
// rest looks like (SPEC.md, "LFS_TYPE_FCRC").
func (fs *FS) appendable(block []byte, s *scan) bool {
	if !s.clean || s.off%fs.cfg.ProgSize != 0 {
		return false
	}
	if fs.cfg.DiskVersion < DiskVersion21 {
		return true
	}
	if !s.hasFCRC || s.fcrcLen > uint32(len(block))-s.off {
		return false
	}
	return crc(crcInit, block[s.off:s.off+s.fcrcLen]) == s.fcrc
}
