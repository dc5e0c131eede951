package flash

import (
	"encoding/binary"
	"math/bits"
)

// Sum is a fast hash of a chip's contents; see [Device.Sum].
type Sum [2]uint64

// Sum returns a hash of the contents, equal for equal bytes, whatever the
// history, on every platform. It is no cryptographic hash: it serves to tell
// states of one's own chips apart, many thousand times a second, where
// [Device.Hash] would take most of the time. It is kept per sector, so asking
// again after small changes is cheap.
func (d *Device) Sum() Sum {
	var total Sum
	for ci, c := range d.root {
		if c == nil {
			continue
		}
		sum := c.fast.Load()
		if sum == nil {
			fresh := c.fastSum()
			sum = &fresh
			c.fast.Store(sum)
		}
		total = total.add(sum.at(uint64(ci)))
	}
	return total
}

// fastSum is the sum of a chunk's sectors. Erased sectors add nothing, whether
// they were ever touched or not.
func (c *chunk) fastSum() Sum {
	var total Sum
	for si, s := range c.sectors {
		if s == nil || s.data == nil {
			continue
		}
		total = total.add(s.sum().at(uint64(si)))
	}
	return total
}

// sum is the sum of a sector that is not erased.
func (s *sector) sum() Sum {
	if sum := s.fast.Load(); sum != nil {
		return *sum
	}
	fresh := sumBytes(s.data)
	s.fast.Store(&fresh)
	return fresh
}

func (s Sum) add(t Sum) Sum { return Sum{s[0] + t[0], s[1] + t[1]} }

// at makes a sum depend on its place. The sum of erased cells is zero
// everywhere.
func (s Sum) at(place uint64) Sum {
	if s == (Sum{}) {
		return s
	}
	return Sum{fold(s[0]^sumKeys[0], place^s[1]^sumKeys[1]), fold(s[1]^sumKeys[2], place^s[0]^sumKeys[3])}
}

// sumKeys are the first digits of pi behind the point: nothing up the sleeve.
var sumKeys = [4]uint64{0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89}

// fold multiplies two words and adds the halves of the product, crosswise.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// sumBytes hashes the data of one sector in two lanes.
func sumBytes(p []byte) Sum {
	if isErased(p) {
		return Sum{}
	}
	a, b := sumKeys[0]^uint64(len(p)), sumKeys[2]
	for ; len(p) >= 32; p = p[32:] {
		w, x := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		y, z := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		a = bits.RotateLeft64(a, 23) + fold(w^sumKeys[1]^a, x^sumKeys[3])
		b = bits.RotateLeft64(b, 29) + fold(y^sumKeys[0]^b, z^sumKeys[2]+w)
	}
	var tail [32]byte
	copy(tail[:], p)
	for i := 0; i < len(p); i += 8 {
		a = fold(a^sumKeys[1], binary.LittleEndian.Uint64(tail[i:])^sumKeys[3])
	}
	s := Sum{fold(a^sumKeys[1], b^sumKeys[3]), fold(b^sumKeys[0], a^sumKeys[2])}
	if s == (Sum{}) {
		s[0] = 1
	}
	return s
}

// SameSector reports whether two chips of one size hold the same in the sector
// that off bytes from the start lie in, as far as [Sum] tells contents apart. It
// is faster than [Device.SameRange] where the same sectors are compared again.
func (d *Device) SameSector(o *Device, off int64) bool {
	if off < 0 || off >= d.geo.Size || d.geo != o.geo {
		return false
	}
	a, b := d.sectorAt(off), o.sectorAt(off)
	return a == b || a.sumOrErased() == b.sumOrErased()
}

// sumOrErased is the sum of a sector that may be erased.
func (s *sector) sumOrErased() Sum {
	if s == nil || s.data == nil {
		return Sum{}
	}
	return s.sum()
}

// SameRange reports whether two chips of one size hold the same n bytes from
// off on. Sectors that they share are not looked at, so it is cheap for forks.
func (d *Device) SameRange(o *Device, off, n int64) bool {
	if off < 0 || n < 0 || n > d.geo.Size-off || n > o.geo.Size-off || d.geo != o.geo {
		return false
	}
	var p, q [DefaultSectorSize]byte
	for n > 0 {
		at := off & (d.geo.SectorSize - 1)
		size := min(d.geo.SectorSize-at, n, int64(len(p)))
		if a, b := d.sectorAt(off), o.sectorAt(off); a != b {
			d.read(p[:size], off)
			o.read(q[:size], off)
			if p != q {
				return false
			}
		}
		off, n = off+size, n-size
	}
	return true
}
