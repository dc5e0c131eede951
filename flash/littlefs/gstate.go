package littlefs

import "encoding/binary"

// gstate is the volume's global state as it is on disk: the XOR of the deltas
// of all metadata pairs (SPEC.md, "LFS_TYPE_MOVESTATE"). The first word is a
// tag: the sync bit (orphans may exist), and while a file is on its way from
// one pair to another typeDelete and the id of its old entry; the pair is
// where that is.
type gstate struct {
	tag  tag
	pair pair
}

const (
	syncBit   = tag(validBit)
	moveMask  = tag(0x7FF<<20 | 0x3FF<<10)
	gstateLen = 12
)

func (g gstate) zero() bool { return g == gstate{} }

func (g gstate) xor(h gstate) gstate {
	return gstate{g.tag ^ h.tag, pair{g.pair[0] ^ h.pair[0], g.pair[1] ^ h.pair[1]}}
}

func (g gstate) moving() bool { return g.tag.kind() != 0 }

// movingFrom reports whether the file on the move has its old entry in p.
func (g gstate) movingFrom(p pair) bool { return g.moving() && g.pair.overlaps(p) }

func (g gstate) withMove(id uint32, from pair) gstate {
	g.tag = g.tag&^moveMask | mktag(typeDelete, id, 0)
	g.pair = from
	return g
}

func (g gstate) withoutMove() gstate { return gstate{tag: g.tag &^ moveMask} }

func (g gstate) encode() []byte {
	b := make([]byte, gstateLen)
	binary.LittleEndian.PutUint32(b, uint32(g.tag))
	copy(b[4:], g.pair.encode())
	return b
}

func decodeGstate(b []byte) gstate {
	var full [gstateLen]byte
	copy(full[:], b)
	// The size bits of the tag have no meaning on disk.
	t := tag(binary.LittleEndian.Uint32(full[:])) &^ 0x3FF
	return gstate{t, decodePair(full[4:])}
}

// global is what the driver keeps about the global state. Want is what the
// next commit makes of it, disk what the volume says, debt the delta of pairs
// that were dropped from the volume and that the next commit takes over.
type global struct {
	want, disk, debt gstate
	orphans          int  // pairs that may hang in the tail list without a parent
	oldSuperblock    bool // the superblock has an older minor version than we write
}

func (g *global) addOrphans(n int) {
	g.orphans += n
	g.want.tag &^= syncBit
	if g.orphans > 0 {
		g.want.tag |= syncBit
	}
}

// pending is the delta that the next commit has to bring to the disk.
func (g *global) pending() gstate { return g.want.xor(g.disk).xor(g.debt) }

// written notes that the pending delta is on disk.
func (g *global) written() {
	g.disk = g.want
	g.debt = gstate{}
}

// fallBack forgets what a failed operation wanted: the disk is the truth.
func (g *global) fallBack() {
	g.want, g.debt, g.orphans = g.disk, gstate{}, 0
	if g.disk.tag&syncBit != 0 {
		g.orphans = 1
	}
}
