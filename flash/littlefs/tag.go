package littlefs

import (
	"encoding/binary"
	"hash/crc32"
)

// tag is the 32-bit word in front of every piece of metadata (SPEC.md,
// "Metadata tags"): valid bit, 11-bit type, 10-bit id, 10-bit size. On disk it
// is big-endian and XORed with the tag before it.
type tag uint32

// Types of tags (SPEC.md, "Metadata types").
const (
	typeReg        = 0x001 // name of a file
	typeDir        = 0x002 // name of a directory
	typeSuperblock = 0x0FF // name of the superblock entry
	typeDirStruct  = 0x200 // metadata pair of a directory
	typeInline     = 0x201 // contents of a small file
	typeCTZ        = 0x202 // head and size of a skip list
	typeUserAttr   = 0x300 // 0x300..0x3FF
	typeCreate     = 0x401
	typeDelete     = 0x4FF
	typeCRC        = 0x500 // 0x500, 0x501
	typeFCRC       = 0x5FF
	typeSoftTail   = 0x600 // next pair on the volume
	typeHardTail   = 0x601 // next pair of the same directory
	typeMoveState  = 0x7FF
)

// Kinds are the upper three bits of a type.
const (
	kindMask     = 0x700
	kindName     = 0x000
	kindStruct   = 0x200
	kindUserAttr = 0x300
	kindSplice   = 0x400
	kindTail     = 0x600
)

const (
	noID       = 0x3FF      // tags that belong to no file
	gone       = 0x3FF      // size of a tag that removes what it names
	blankTag   = 0xFFFFFFFF // what the first tag of a block is XORed with
	validBit   = 0x80000000 // clear in a tag that is there
	maxEntries = 0xFF       // a pair with more is compacted instead of appended to
)

func mktag(typ, id, size uint32) tag { return tag(typ<<20 | id<<10 | size) }

func (t tag) typ() uint32  { return uint32(t) >> 20 & 0x7FF }
func (t tag) kind() uint32 { return t.typ() & kindMask }
func (t tag) id() uint32   { return uint32(t) >> 10 & 0x3FF }
func (t tag) size() uint32 { return uint32(t) & 0x3FF }
func (t tag) gone() bool   { return t.size() == gone }
func (t tag) valid() bool  { return t&validBit == 0 }

// isCRC reports a tag that ends a commit; the forward CRC is none.
func (t tag) isCRC() bool { return t.typ()&0x780 == typeCRC }

// isFile reports the name of something that users see.
func (t tag) isFile() bool { return t.typ()&0x780 == kindName }

// dataLen is the number of bytes behind the tag.
func (t tag) dataLen() uint32 {
	if t.gone() {
		return 0
	}
	return t.size()
}

// span is the number of bytes that the tag and its data take.
func (t tag) span() uint32 { return 4 + t.dataLen() }

func (t tag) withID(id uint32) tag { return t&^(noID<<10) | tag(id<<10) }

// supersedes reports whether t replaces old. User attributes are told apart by
// their whole type, names and structures only by their kind.
func (t tag) supersedes(old tag) bool {
	if t.id() != old.id() {
		return false
	}
	if t.kind() == kindUserAttr {
		return t.typ() == old.typ()
	}
	return t.kind() == old.kind()
}

// crc continues the CRC-32 of SPEC.md: polynomial 0x04C11DB7 reflected, no
// final inversion. It starts with crcInit.
func crc(sum uint32, p []byte) uint32 { return ^crc32.Update(^sum, crc32.IEEETable, p) }

const crcInit = 0xFFFFFFFF

// pair is the address of two blocks that hold the same metadata. The first is
// the newer one wherever we know it.
type pair [2]uint32

const nullBlock = 0xFFFFFFFF

var nullPair = pair{nullBlock, nullBlock}

// rootPair is where every volume starts.
var rootPair = pair{0, 1}

func (p pair) null() bool { return p[0] == nullBlock || p[1] == nullBlock }

// overlaps reports whether p and q share a block, that is, whether they are
// the same pair, perhaps before and after one half moved.
func (p pair) overlaps(q pair) bool {
	return p[0] == q[0] || p[1] == q[1] || p[0] == q[1] || p[1] == q[0]
}

// same reports whether p and q are the same two blocks in any order.
func (p pair) same(q pair) bool {
	return p[0] == q[0] && p[1] == q[1] || p[0] == q[1] && p[1] == q[0]
}

func (p pair) swapped() pair { return pair{p[1], p[0]} }

func (p pair) encode() []byte {
	b := make([]byte, 8)
	binary.LittleEndian.PutUint32(b, p[0])
	binary.LittleEndian.PutUint32(b[4:], p[1])
	return b
}

// decodePair reads a pair; missing bytes are zero.
func decodePair(b []byte) pair {
	var full [8]byte
	copy(full[:], b)
	return pair{binary.LittleEndian.Uint32(full[:]), binary.LittleEndian.Uint32(full[4:])}
}

func alignUp(n, to uint32) uint32 { return (n + to - 1) / to * to }
