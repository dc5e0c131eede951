package guest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The delta that inplace-delta applies. The new image is made sector by
// sector in ascending order; copies may take what is in the slot at that time,
// new sectors below and old ones from there on. All numbers are
// little-endian.
//
//	 0  4  magic "AIRD"
//	 4  4  bytes of the header, 64
//	 8  4  bytes of the payload
//	12  4  CRC-32 of the payload
//	16  4  where the bytes begin that must be in the slot, from its start
//	20  4  how many
//	24  4  their CRC-32
//	28  4  bytes of the new image
//	32  4  CRC-32 of the new image
//	36  4  bytes of a sector
//	60  4  CRC-32 of bytes 0..59
//
// Payload: for each sector of the new image where its instructions begin, from
// the payload's start, as 4 bytes; then the instructions. Each is 4 bytes, how
// many bytes it makes (bits 0..15) and what it is (bits 16..31): 0 means that
// they follow, padded to a multiple of 4; 1 that they are copied from the
// place in the slot that the next 4 bytes give.
const (
	deltaMagic  = "AIRD"
	deltaHeader = 64
	deltaCopy   = 1
	matchMin    = 16 // bytes that a copy is worth
)

// deltaSlack is how much of the old core's head and of its end is left out of
// the check: where the scripts are is there, and the CRC over it.
const deltaSlack = 16

// makeDelta makes the delta to img from an image of which only the core is
// known.
func makeDelta(core, img []byte, sector int64) []byte {
	known := core[deltaSlack : len(core)-deltaSlack]
	from := imageHeader + deltaSlack
	x := indexOf(known, from)
	sectors := (len(img) + int(sector) - 1) / int(sector)
	payload := make([]byte, 4*sectors)
	for i := range sectors {
		binary.LittleEndian.PutUint32(payload[4*i:], uint32(len(payload)))
		at := i * int(sector)
		payload = x.sector(payload, img[at:min(len(img), at+int(sector))], at)
	}
	h := make([]byte, deltaHeader, deltaHeader+len(payload))
	copy(h, deltaMagic)
	for i, v := range [...]uint32{
		deltaHeader, uint32(len(payload)), crc32.ChecksumIEEE(payload), uint32(from), uint32(len(known)), crc32.ChecksumIEEE(known),
		uint32(len(img)), crc32.ChecksumIEEE(img), uint32(sector),
	} {
		binary.LittleEndian.PutUint32(h[4+4*i:], v)
	}
	binary.LittleEndian.PutUint32(h[deltaHeader-4:], crc32.ChecksumIEEE(h[:deltaHeader-4]))
	return append(h, payload...)
}

// oldIndex finds bytes in what is known of the old image.
type oldIndex struct {
	known []byte
	from  int // where known begins in the slot
	at    map[[matchMin]byte][]int
}

const placesMax = 8 // that are looked at for one match

func indexOf(known []byte, from int) *oldIndex {
	x := &oldIndex{known: known, from: from, at: map[[matchMin]byte][]int{}}
	for i := 0; i+matchMin <= len(known); i += 2 {
		k := [matchMin]byte(known[i:])
		if len(x.at[k]) < placesMax {
			x.at[k] = append(x.at[k], i)
		}
	}
	return x
}

// sector appends the instructions that make want, which lies at off.
func (x *oldIndex) sector(out, want []byte, off int) []byte {
	plain := 0 // first byte that nothing makes yet
	for i := 0; i+matchMin <= len(want); {
		at, n := x.match(want[i:], off, off+i)
		if n == 0 {
			i++
			continue
		}
		out = literal(out, want[plain:i])
		out = binary.LittleEndian.AppendUint32(out, deltaCopy<<16|uint32(n))
		out = binary.LittleEndian.AppendUint32(out, uint32(at))
		i += n
		plain = i
	}
	return literal(out, want[plain:])
}

func literal(out, p []byte) []byte {
	if len(p) == 0 {
		return out
	}
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(p))), p...)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	return out
}

// match returns the longest piece of the old image that p begins with and that
// is still in the slot when the sector at off is made. It looks first at the
// same place, then at the others.
func (x *oldIndex) match(p []byte, off, same int) (at, n int) {
	try := func(i int) {
		if i < 0 || i >= len(x.known) || i+x.from < off {
			return
		}
		if k := common(p, x.known[i:]); k >= matchMin && k > n {
			at, n = i+x.from, k
		}
	}
	try(same - x.from)
	if len(p) >= matchMin && n < len(p) {
		for _, i := range x.at[[matchMin]byte(p)] {
			try(i)
		}
	}
	return at, n
}

func common(a, b []byte) int {
	n := min(len(a), len(b))
	if bytes.Equal(a[:n], b[:n]) {
		return n
	}
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
