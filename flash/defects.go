package flash

// Defects are what is wrong with a chip: cells that are stuck or unstable,
// operations that fail, lines of the address bus that are missing. They belong
// to the chip and stay with it in every fork. What they do depends on the chip's
// contents, on what they were told, and on [Defects.State], on nothing else.
type Defects interface {
	// Fork returns defects of their own for a fork of the chip.
	Fork() Defects
	// State is equal for defects that will behave equally on equal contents.
	State() uint64
	// Address returns where an operation on off really happens.
	Address(off int64) int64
	// Read changes what was read at off, as far as the chip reads it otherwise.
	Read(d *Device, p []byte, off int64)
	// Before decides on an operation that the tap lets happen.
	Before(op *Op) Fate
	// After is called when an operation has taken effect, whole or in part.
	After(op *Op)
	// Torn is called when the power failed in the middle of an operation. Before
	// are the cells as they were.
	Torn(op *Op, before []byte)
}

// SetDefects makes a chip defective; nil heals it.
func (d *Device) SetDefects(x Defects) { d.defects = x }

// Defects returns what is wrong with the chip, or nil.
func (d *Device) Defects() Defects { return d.defects }

// Cells reads what the cells hold, whatever is wrong with the chip, and with the
// power on or off.
func (d *Device) Cells(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > d.geo.Size-off {
		return &RangeError{Op: "read", Off: off, Len: int64(len(p)), Size: d.geo.Size}
	}
	d.read(p, off)
	return nil
}

// Tear leaves the cells of op, an operation of an equal chip, as the fate says,
// as if the power had failed in the middle of it. It is for forks that are taken
// in front of an operation.
func (d *Device) Tear(op *Op, f Fate) {
	mine := *op
	mine.Device = d
	d.torn(&mine, f.Torn)
}

// torn tears op and tells the defects.
func (d *Device) torn(op *Op, cells []byte) {
	if d.defects == nil {
		d.tear(op, cells)
		return
	}
	before := op.Old()
	d.tear(op, cells)
	d.defects.Torn(op, before)
}

// operate asks tap and defects and carries op out.
func (p *Power) operate(op *Op) error {
	f, d := Fate{}, op.Device
	if p.tap != nil {
		f = p.tap.Before(op)
	}
	if f.Kind == FateProceed && d.defects != nil {
		f = d.defects.Before(op)
	}
	return p.finish(op, f)
}

// address is where an operation on off happens.
func (d *Device) address(off int64) int64 {
	if d.defects == nil {
		return off
	}
	return d.defects.Address(off)
}
