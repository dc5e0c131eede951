package fault

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"airlift/flash"
)

// Range is a part of a flash chip, in bytes.
type Range struct{ Off, Size int64 }

// Chip is the faults of one flash chip. It implements [flash.Defects].
type Chip struct {
	faults []*chipFault
	reads  uint64
	worn   uint64  // sum of the hashes of all erases, which says of which sectors they were
	marks  []cells // that are unstable, by address
	// seen counts, for each fault that hits some operations only, those so far.
	seen   []uint64
	before []byte // cells of a program that wraps, until it is done
}

// chipFault is a fault with what was drawn for it; it never changes.
type chipFault struct {
	Fault
	in    Range
	stuck []cells // by address
	bad   map[int64]bool
}

// cells are some bits of a byte.
type cells struct {
	off  int64
	bits byte
}

// NewChip returns a chip without faults.
func NewChip() *Chip { return new(Chip) }

// Add adds a fault of the group flash, in a range of the chip. [Flips] changes
// contents, not the chip: see [Flipped].
func (c *Chip) Add(f *Fault, in Range) {
	n := &chipFault{Fault: *f, in: in}
	r := rand.New(rand.NewPCG(f.Seed, uint64(in.Off)))
	switch f.Kind {
	case Stuck:
		for range f.Count {
			n.stuck = append(n.stuck, cells{in.Off + r.Int64N(in.Size), 1 << r.IntN(8)})
		}
		slices.SortFunc(n.stuck, func(a, b cells) int { return cmp.Compare(a.off, b.off) })
	case BadProgram, BadErase, DeafProgram, DeafErase:
		if f.Count > 0 {
			n.bad = map[int64]bool{}
			for range f.Count {
				n.bad[(in.Off+r.Int64N(in.Size))/flash.DefaultSectorSize] = true
			}
		}
	}
	c.faults, c.seen = append(c.faults, n), append(c.seen, 0)
}

// Restart counts operations from 0 again.
func (c *Chip) Restart() { clear(c.seen) }

// counted reports a fault that hits some of the operations of its partition
// only.
func (f *chipFault) counted() bool { return f.Op > 0 || f.Times > 0 }

// over is the number of the first operation behind those that are hit.
func (f *chipFault) over() uint64 { return f.Op + uint64(max(1, f.Times)) }

// Fork implements flash.Defects.
func (c *Chip) Fork() flash.Defects {
	return &Chip{faults: c.faults, reads: c.reads, worn: c.worn, marks: slices.Clone(c.marks), seen: slices.Clone(c.seen)}
}

// State implements flash.Defects.
func (c *Chip) State() uint64 {
	h := uint64(len(c.marks)) + 1
	for _, m := range c.marks {
		h = mix(h, uint64(m.off)<<8|uint64(m.bits))
	}
	if c.has(ReadDisturb) || len(c.marks) > 0 {
		h = mix(h, c.reads)
	}
	if c.has(WearOut) {
		h = mix(h, c.worn)
	}
	for i, f := range c.faults {
		if f.counted() {
			h = mix(h, min(c.seen[i], f.over()))
		}
	}
	return h
}

func (c *Chip) has(k Kind) bool {
	return slices.ContainsFunc(c.faults, func(f *chipFault) bool { return f.Kind == k })
}

// splitmix is the finaliser of SplitMix64: sums of what it returns are equal for
// equal numbers of equal terms, and else by chance only.
func splitmix(a uint64) uint64 {
	a += 0x9E3779B97F4A7C15
	a = (a ^ a>>30) * 0xBF58476D1CE4E5B9
	a = (a ^ a>>27) * 0x94D049BB133111EB
	return a ^ a>>31
}

func mix(a, b uint64) uint64 {
	a = (a ^ b) * 0x9E3779B97F4A7C15
	return a ^ a>>29
}

// Address implements flash.Defects.
func (c *Chip) Address(off int64) int64 {
	for _, f := range c.faults {
		if f.Kind == AddressWrap {
			off %= f.Bytes
		}
	}
	return off
}

// Read implements flash.Defects.
func (c *Chip) Read(d *flash.Device, p []byte, off int64) {
	c.reads++
	for _, f := range c.faults {
		switch f.Kind {
		case AddressWrap:
			wrapped(d, p, off, f.Bytes)
		case SmallChip:
			for i := max(0, f.Bytes-off); i < int64(len(p)); i++ {
				p[i] = 0xFF
			}
		case Stuck:
			f.stick(p, off)
		case ReadDisturb:
			if f.Part == "" || f.covers(off) {
				c.disturbed(d, f, off)
			}
		}
	}
	for _, m := range c.marks {
		if i := m.off - off; i >= 0 && i < int64(len(p)) {
			p[i] = p[i]&^m.bits | byte(mix(c.reads, uint64(m.off)))&m.bits
		}
	}
}

// wrapped reads what a chip of size bytes holds.
func wrapped(d *flash.Device, p []byte, off, size int64) {
	for len(p) > 0 {
		at := off % size
		n := min(int64(len(p)), size-at)
		if d.Cells(p[:n], at) != nil {
			return // a chip smaller than its fault says: nothing wraps
		}
		p, off = p[n:], off+n
	}
}

func (f *chipFault) stick(p []byte, off int64) {
	i, _ := slices.BinarySearchFunc(f.stuck, off, func(c cells, off int64) int { return cmp.Compare(c.off, off) })
	for ; i < len(f.stuck) && f.stuck[i].off < off+int64(len(p)); i++ {
		if at := f.stuck[i].off - off; f.Value == 0 {
			p[at] &^= f.stuck[i].bits
		} else {
			p[at] |= f.stuck[i].bits
		}
	}
}

// disturbed clears a bit of the sector that was read, now and then.
func (c *Chip) disturbed(d *flash.Device, f *chipFault, off int64) {
	h := mix(mix(f.Seed+1, c.reads), uint64(off))
	if h%uint64(f.Count) == 0 {
		clearBit(d, off&^(flash.DefaultSectorSize-1)+int64(h>>32%flash.DefaultSectorSize), byte(1)<<(h>>20&7))
	}
}

func clearBit(d *flash.Device, off int64, bit byte) {
	var p [1]byte
	if d.Cells(p[:], off) == nil && p[0]&bit != 0 {
		p[0] &^= bit
		_ = d.Burn(off, p[:]) // the place was read just now
	}
}

// Before implements flash.Defects.
func (c *Chip) Before(op *flash.Op) flash.Fate {
	for i, f := range c.faults {
		switch {
		case f.Kind == WrongSector && op.Kind == flash.OpErase && f.Bytes < op.Len:
			part := flash.TearFront(op, f.Bytes)
			return flash.Fate{Kind: flash.FatePart, Torn: part.Torn}
		case f.wraps(op):
			c.before = op.Old()
		case f.Kind == SmallChip && op.Off >= f.Bytes:
			return flash.Fate{Kind: flash.FateIgnore}
		case f.Kind == WearOut && op.Kind == flash.OpErase && op.Device.Wear(op.Off) >= uint32(f.Count):
			return flash.Fate{Kind: flash.FateFail}
		case f.hits(op):
			if f.counted() {
				number := c.seen[i]
				c.seen[i]++
				if number < f.Op || number >= f.over() {
					continue
				}
			}
			if f.Kind == DeafProgram || f.Kind == DeafErase {
				return flash.Fate{Kind: flash.FateIgnore}
			}
			return flash.Fate{Kind: flash.FateFail}
		}
	}
	return flash.Fate{}
}

// hits reports an operation that the fault makes fail.
func (f *chipFault) hits(op *flash.Op) bool {
	switch f.Kind {
	case BadProgram, DeafProgram:
		if op.Kind != flash.OpProgram {
			return false
		}
	case BadErase, DeafErase:
		if op.Kind != flash.OpErase {
			return false
		}
	default:
		return false
	}
	if !f.covers(op.Off) {
		return false
	}
	return f.bad == nil || f.bad[op.Off/flash.DefaultSectorSize]
}

// covers reports an address in the range of the fault.
func (f *chipFault) covers(off int64) bool { return off >= f.in.Off && off < f.in.Off+f.in.Size }

// After implements flash.Defects.
func (c *Chip) After(op *flash.Op) {
	c.settle(op)
	if op.Kind == flash.OpErase {
		c.worn += splitmix(uint64(op.Off))
		for _, f := range c.faults {
			if f.Kind == WrongSector && f.Bytes > op.Len {
				eraseBlock(op, f.Bytes)
			}
		}
		return
	}
	for _, f := range c.faults {
		if f.wraps(op) {
			f.programWrapped(op, c.before)
		}
		if f.Kind != ProgramDisturb || f.Part != "" && !f.covers(op.Off) {
			continue
		}
		h := mix(f.Seed+1, uint64(op.Off))
		for _, b := range op.Data {
			h = mix(h, uint64(b))
		}
		if h%uint64(f.Count) == 0 {
			page := (op.Off/flash.DefaultPageSize + 1) % (flash.DefaultSectorSize / flash.DefaultPageSize)
			clearBit(op.Device, op.Off&^(flash.DefaultSectorSize-1)+page*flash.DefaultPageSize+int64(h>>32%flash.DefaultPageSize), byte(1)<<(h>>20&7))
		}
	}
}

// eraseBlock clears what lies around the sector of op in a block of n bytes. Of
// an erase that is torn the sector alone takes part.
func eraseBlock(op *flash.Op, n int64) {
	off := op.Off &^ (n - 1)
	block := make([]byte, min(n, op.Device.Size()-off))
	for i := range block {
		block[i] = 0xFF
	}
	_ = op.Device.Burn(off, block) // it lies on the chip
}

// wraps reports a program that goes on behind the end of a page.
func (f *chipFault) wraps(op *flash.Op) bool {
	return f.Kind == WrongPage && op.Kind == flash.OpProgram && op.Off/f.Bytes != (op.Off+op.Len-1)/f.Bytes
}

// programWrapped makes of a program what a chip with small pages makes of it: it
// takes the data into a buffer of a page, around and around, and programs that.
// Before are the cells as they were.
func (f *chipFault) programWrapped(op *flash.Op, before []byte) {
	_ = op.Device.Burn(op.Off, before) // it lies on the chip
	page, buffer := op.Off&^(f.Bytes-1), make([]byte, f.Bytes)
	for i := range buffer {
		buffer[i] = 0xFF
	}
	for i, b := range op.Data {
		buffer[(op.Off+int64(i))&(f.Bytes-1)] = b
	}
	cells := make([]byte, f.Bytes)
	_ = op.Device.Cells(cells, page)
	for i := range cells {
		cells[i] &= buffer[i]
	}
	_ = op.Device.Burn(page, cells)
}

// settle takes the marks off cells that an operation has driven to a level.
func (c *Chip) settle(op *flash.Op) {
	c.marks = slices.DeleteFunc(c.marks, func(m cells) bool {
		i := m.off - op.Off
		return i >= 0 && i < op.Len && (op.Kind == flash.OpErase || op.Data[i]&m.bits != m.bits)
	})
}

// unstableCells is how many cells of a tear are unstable unless Count says.
const unstableCells = 64

// Torn implements flash.Defects.
func (c *Chip) Torn(op *flash.Op, before []byte) {
	for _, f := range c.faults {
		if f.Kind != Unstable {
			continue
		}
		left := f.Count
		if left == 0 {
			left = unstableCells
		}
		for i := range before {
			meant := byte(0xFF)
			if op.Kind == flash.OpProgram {
				meant = before[i] & op.Data[i]
			}
			if bits := before[i] ^ meant; bits != 0 && left > 0 && mix(f.Seed+1, uint64(op.Off)+uint64(i))&3 == 0 {
				c.marks = append(c.marks, cells{op.Off + int64(i), bits})
				left--
			}
		}
	}
}

// Flipped turns bits of p over, as [Flips] and [Flip] say.
func (f *Fault) Flipped(p []byte) {
	r := rand.New(rand.NewPCG(f.Seed, 0xF11B))
	for n := 0; n < f.Count && len(p) > 0; n++ {
		p[r.IntN(len(p))] ^= 1 << r.IntN(8)
	}
}

// OfPackage returns what a fault of the package makes of one. Those that need
// another package to be made, it does not know: made is false.
func (f *Fault) OfPackage(p []byte) (out []byte, made bool) {
	r := rand.New(rand.NewPCG(f.Seed, 0x9AC4))
	size := int64(len(p))
	switch f.Kind {
	case Truncate:
		return slices.Clone(p[:min(f.Bytes, size)]), true
	case Empty:
		return []byte{}, true
	case Extend:
		out = slices.Clone(p)
		for range min(f.Bytes, editBytesMax) {
			out = append(out, byte(r.Uint32()))
		}
		return out, true
	case Flip:
		out = slices.Clone(p)
		f.Flipped(out)
		return out, true
	case SwapBlocks:
		blocks := size / f.Bytes
		if blocks < 2 {
			return slices.Clone(p), true
		}
		a := r.Int64N(blocks)
		b := (a + 1 + r.Int64N(blocks-1)) % blocks
		e := Edit{Do: EditSwap, Off: a * f.Bytes, To: b * f.Bytes, Bytes: f.Bytes}
		return e.Apply(p), true
	case HeaderLie:
		e := Edit{Do: EditSet, Off: f.Off, Data: f.Data}
		return e.Apply(p), true
	}
	return nil, false
}
