package flash

import "fmt"

// OpKind says what an operation does.
type OpKind uint8

const (
	OpProgram OpKind = iota // clear bits within one page
	OpErase                 // set every bit of one sector
)

func (k OpKind) String() string {
	if k == OpErase {
		return "erase"
	}
	return "program"
}

// Op is one flash operation, as a [Tap] sees it. The value and its Data are
// only valid during the call.
type Op struct {
	Seq    uint64 // number of the operation on the board since [Power.Reset], from 0
	Kind   OpKind
	Device *Device
	Chip   int    // position of Device on the board
	Off    int64  // bytes from the start of the chip
	Len    int64  // bytes: at most a page, or exactly a sector
	Data   []byte // what is programmed; nil for an erase. Do not change it.
}

// Old returns a copy of the cells that the operation is about to change (in
// Before) or has changed (in After).
func (o *Op) Old() []byte {
	p := make([]byte, o.Len)
	o.Device.read(p, o.Off)
	return p
}

func (o *Op) String() string {
	return fmt.Sprintf("#%d %s chip %d 0x%06X+0x%X", o.Seq, o.Kind, o.Chip, o.Off, o.Len)
}

// Fate is what becomes of an operation. The zero value lets it happen.
type Fate struct {
	Kind FateKind
	// Torn is what the op.Len cells hold after FateCutTorn or FatePart. A torn program may
	// only have cleared bits that it was to clear, a torn erase may only have
	// set bits; anything else is a bug of the tap and panics.
	Torn []byte
}

// FateKind says how an operation ends.
type FateKind uint8

const (
	FateProceed   FateKind = iota // it happens
	FateCutBefore                 // the power fails before it
	FateCutAfter                  // the power fails right after it
	FateCutTorn                   // the power fails in the middle: the cells hold Fate.Torn
	FateIgnore                    // the chip does nothing and does not say so (brown-out)
	FateFail                      // the chip does nothing and reports ErrOpFailed
	FatePart                      // it happens in part, Fate.Torn, and the chip does not say so
)

// Tap sees every operation of a board. After is called when an operation has
// taken effect and the power is still on.
type Tap interface {
	Before(op *Op) Fate
	After(op *Op)
}

// Power is the supply that all flash chips of a board share. It numbers their
// operations, shows them to the tap and takes the chips away when the power
// is cut. The zero value is switched on.
type Power struct {
	tap Tap
	ops uint64
	// erases counts those of ops that erase a sector.
	erases uint64
	keep   bool     // remember which
	erased []Sector // if keep
	lost   bool
	op     Op // reused, so that an observed operation allocates nothing
}

// SetTap installs t; nil removes it. There is one tap: use [Taps] for more.
func (p *Power) SetTap(t Tap) { p.tap = t }

// Tap returns the tap, or nil.
func (p *Power) Tap() Tap { return p.tap }

// Ops returns how many operations were started since [Power.Reset].
func (p *Power) Ops() uint64 { return p.ops }

// Erases returns how many of them erase a sector.
func (p *Power) Erases() uint64 { return p.erases }

// Reset restarts the operation numbers at 0.
func (p *Power) Reset() { p.ops, p.erases, p.erased = 0, 0, nil }

// Sector is a sector of a board.
type Sector uint32

const sectorBits = 24 // of its number on its chip: 64 GiB of them

// SectorAt is the sector at an offset of a chip.
func SectorAt(chip int, off int64) Sector {
	return Sector(chip)<<sectorBits | Sector(off/DefaultSectorSize)
}

// Place is where the sector is, in bytes.
func (s Sector) Place() (chip int, off int64) {
	return int(s >> sectorBits), int64(s&(1<<sectorBits-1)) * DefaultSectorSize
}

// KeepErased has the supply remember which sectors are erased.
func (p *Power) KeepErased() { p.keep = true }

// Erased lists the sectors that were erased since [Power.Reset], one for each of
// [Power.Erases], if the supply remembers them. The list only grows.
func (p *Power) Erased() []Sector { return p.erased[:len(p.erased):len(p.erased)] }

// countErase counts an erase.
func (p *Power) countErase(d *Device, off int64) {
	p.erases++
	if p.keep {
		p.erased = append(p.erased, SectorAt(d.index, off))
	}
}

// Lost reports whether the power is off.
func (p *Power) Lost() bool { return p.lost }

// Cut switches the power off between two operations.
func (p *Power) Cut() { p.lost = true }

// Restore switches the power on again.
func (p *Power) Restore() { p.lost = false }

func (p *Power) begin(d *Device, kind OpKind, off, length int64, data []byte) *Op {
	p.op = Op{Seq: p.ops, Kind: kind, Device: d, Chip: d.index, Off: off, Len: length, Data: data}
	p.ops++
	if kind == OpErase {
		p.countErase(d, off)
	}
	return &p.op
}

func (p *Power) finish(op *Op, f Fate) error {
	switch f.Kind {
	case FateProceed, FatePart:
		if f.Kind == FatePart {
			op.Device.tear(op, f.Torn)
		} else {
			op.Device.apply(op)
		}
		if op.Device.defects != nil {
			op.Device.defects.After(op)
		}
		if p.tap != nil {
			p.tap.After(op)
		}
		return nil
	case FateIgnore:
		return nil
	case FateFail:
		return &OpError{Kind: op.Kind, Off: op.Off, Len: op.Len}
	case FateCutAfter:
		op.Device.apply(op)
		if op.Device.defects != nil {
			op.Device.defects.After(op)
		}
	case FateCutTorn:
		op.Device.torn(op, f.Torn)
	case FateCutBefore:
	default:
		panic(fmt.Sprintf("flash: unknown fate %d", f.Kind))
	}
	p.lost = true
	return ErrPowerLost
}

// tear leaves the cells of op half changed.
func (d *Device) tear(op *Op, torn []byte) {
	if int64(len(torn)) != op.Len {
		panic(fmt.Sprintf("flash: torn contents of %v have %d bytes", op, len(torn)))
	}
	cells := d.writable(op.Off)[op.Off&(d.geo.SectorSize-1):][:op.Len]
	for i, old := range cells {
		low, high := old, byte(0xFF) // an erase only sets bits
		if op.Kind == OpProgram {
			low, high = old&op.Data[i], old
		}
		if torn[i]&low != low || torn[i]|high != high {
			panic(fmt.Sprintf("flash: torn byte %d of %v is 0x%02X: a cell between 0x%02X and 0x%02X cannot hold it", i, op, torn[i], low, high))
		}
	}
	copy(cells, torn)
}

// Taps shows operations to several taps in order. The first that wants
// something other than FateProceed decides; the ones behind it are not asked.
type Taps []Tap

// Before implements [Tap].
func (ts Taps) Before(op *Op) Fate {
	for _, t := range ts {
		if f := t.Before(op); f.Kind != FateProceed {
			return f
		}
	}
	return Fate{}
}

// After implements [Tap].
func (ts Taps) After(op *Op) {
	for _, t := range ts {
		t.After(op)
	}
}

// TearFront returns the cells of op when the power fails after the first n of
// its bytes changed, in address order; n is clamped to 0..op.Len.
func TearFront(op *Op, n int64) Fate {
	n = max(0, min(n, op.Len))
	torn := op.Old()
	if op.Kind == OpErase {
		fillErased(torn[:n])
	} else {
		andInto(torn[:n], op.Data[:n])
	}
	return Fate{Kind: FateCutTorn, Torn: torn}
}

// TearBack is TearFront from the other end: the last n bytes changed.
func TearBack(op *Op, n int64) Fate {
	n = max(0, min(n, op.Len))
	torn := op.Old()
	at := op.Len - n
	if op.Kind == OpErase {
		fillErased(torn[at:])
	} else {
		andInto(torn[at:], op.Data[at:])
	}
	return Fate{Kind: FateCutTorn, Torn: torn}
}

// TearBits returns the cells of op when, of the bits that it was to change,
// only those set in pick(i) changed; pick is asked once per byte in address
// order.
func TearBits(op *Op, pick func(i int) byte) Fate {
	torn := op.Old()
	for i := range torn {
		if op.Kind == OpErase {
			torn[i] |= pick(i)
		} else {
			torn[i] &= op.Data[i] | ^pick(i)
		}
	}
	return Fate{Kind: FateCutTorn, Torn: torn}
}
