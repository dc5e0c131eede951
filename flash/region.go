package flash

// Region is a part of a chip seen as a small chip of its own: the same calls,
// with offsets from its start and no way out of its bounds.
type Region struct {
	dev       *Device
	name      string
	off, size int64
}

// Region returns the range [off, off+size) of d. Off and size must be sector
// multiples.
func (d *Device) Region(name string, off, size int64) (*Region, error) {
	t := Table{{Name: name, Off: off, Size: size}}
	if err := t.Check(d.geo); err != nil {
		return nil, err
	}
	return &Region{dev: d, name: name, off: off, size: size}, nil
}

// Partition returns the region that p describes.
func (d *Device) Partition(p Partition) (*Region, error) { return d.Region(p.Name, p.Off, p.Size) }

// Device returns the chip that the region is part of.
func (r *Region) Device() *Device { return r.dev }

// Name returns the region's name.
func (r *Region) Name() string { return r.name }

// Off returns where the region starts on its chip, in bytes.
func (r *Region) Off() int64 { return r.off }

// Size returns the region's size in bytes.
func (r *Region) Size() int64 { return r.size }

// Geometry returns the dimensions of the region as a chip.
func (r *Region) Geometry() Geometry {
	g := r.dev.geo
	g.Size = r.size
	return g
}

// ReadAt is [Device.ReadAt] within the region.
func (r *Region) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || int64(len(p)) > r.size-off {
		if r.dev.power.lost {
			return 0, ErrPowerLost
		}
		return 0, &RangeError{Op: "read", Off: off, Len: int64(len(p)), Size: r.size}
	}
	return r.dev.ReadAt(p, r.off+off)
}

// Program is [Device.Program] within the region.
func (r *Region) Program(off int64, p []byte) error { return r.program(off, p, stopAt) }

func (r *Region) program(off int64, p []byte, judge func(error) error) error {
	if off < 0 || int64(len(p)) > r.size-off {
		if r.dev.power.lost {
			return ErrPowerLost
		}
		return &RangeError{Op: "program", Off: off, Len: int64(len(p)), Size: r.size}
	}
	return r.dev.program(r.off+off, p, judge)
}

// Erase is [Device.Erase] within the region.
func (r *Region) Erase(off, length int64) error { return r.erase(off, length, stopAt) }

func (r *Region) erase(off, length int64, judge func(error) error) error {
	switch sector := r.dev.geo.SectorSize; {
	case r.dev.power.lost:
		return ErrPowerLost
	case off < 0 || length < 0 || length > r.size-off:
		return &RangeError{Op: "erase", Off: off, Len: length, Size: r.size}
	case (off|length)&(sector-1) != 0:
		return &RangeError{Op: "erase", Off: off, Len: length, Sector: sector}
	}
	return r.dev.eraseRange(r.off+off, length, judge)
}
