package flash

import "errors"

// ProgramUnchecked is [Device.Program] for drivers that do not look at what the
// chip says of itself: where it fails, they go on with the next page.
func (d *Device) ProgramUnchecked(off int64, p []byte) error { return d.program(off, p, passOver) }

// EraseUnchecked is [Device.Erase] for drivers that do not look at what the chip
// says of itself: where it fails, they go on with the next sector.
func (d *Device) EraseUnchecked(off, length int64) error { return d.eraseRange(off, length, passOver) }

// ProgramUnchecked is [Device.ProgramUnchecked] within the region.
func (r *Region) ProgramUnchecked(off int64, p []byte) error { return r.program(off, p, passOver) }

// EraseUnchecked is [Device.EraseUnchecked] within the region.
func (r *Region) EraseUnchecked(off, length int64) error { return r.erase(off, length, passOver) }

// passOver drops what the chip says.
func passOver(err error) error {
	if errors.Is(err, ErrOpFailed) {
		return nil
	}
	return err
}

// stopAt is how Program and Erase take what the chip says.
func stopAt(err error) error { return err }
