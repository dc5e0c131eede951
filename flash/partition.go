package flash

import (
	"fmt"
	"sort"
)

// Partition is a named range of a chip. What Kind means is up to the chip
// family that made the table.
type Partition struct {
	Name string
	Kind string
	Off  int64  // bytes from the start of the chip, sector aligned
	Size int64  // bytes, sector multiple
	Note string // shown to people: assumptions, overlaps
	// Overlay marks a range that shares its sectors with others on purpose (or
	// by a known mistake of the vendor); it is left out of the overlap check.
	Overlay bool
}

// End returns the offset of the first byte behind the partition.
func (p Partition) End() int64 { return p.Off + p.Size }

// Contains reports whether off lies in the partition.
func (p Partition) Contains(off int64) bool { return off >= p.Off && off < p.End() }

// Table is a partition table, in any order.
type Table []Partition

// Lookup returns the partition called name.
func (t Table) Lookup(name string) (Partition, bool) {
	for _, p := range t {
		if p.Name == name {
			return p, true
		}
	}
	return Partition{}, false
}

// At returns the first partition that is no overlay and contains off.
func (t Table) At(off int64) (Partition, bool) {
	for _, p := range t {
		if !p.Overlay && p.Contains(off) {
			return p, true
		}
	}
	return Partition{}, false
}

// Sorted returns a copy in ascending order of offsets.
func (t Table) Sorted() Table {
	s := append(Table(nil), t...)
	sort.SliceStable(s, func(i, j int) bool { return s[i].Off < s[j].Off })
	return s
}

// Check reports the first partition that has no name, a name twice, lies off
// the sector grid or outside the chip, or overlaps another.
func (t Table) Check(g Geometry) error {
	names := map[string]bool{}
	var last Partition
	for _, p := range t.Sorted() {
		switch {
		case p.Name == "":
			return fmt.Errorf("partition at 0x%X has no name", p.Off)
		case names[p.Name]:
			return fmt.Errorf("partition %q is defined twice", p.Name)
		case p.Off < 0 || p.Size <= 0 || p.Size > g.Size-p.Off:
			return fmt.Errorf("partition %q at 0x%X size 0x%X is outside the chip of 0x%X bytes", p.Name, p.Off, p.Size, g.Size)
		case p.Off%g.SectorSize != 0 || p.Size%g.SectorSize != 0:
			return fmt.Errorf("partition %q at 0x%X size 0x%X is not aligned to sectors of 0x%X", p.Name, p.Off, p.Size, g.SectorSize)
		case !p.Overlay && last.Size > 0 && p.Off < last.End():
			return fmt.Errorf("partition %q at 0x%X overlaps %q, which ends at 0x%X", p.Name, p.Off, last.Name, last.End())
		}
		names[p.Name] = true
		if !p.Overlay {
			last = p
		}
	}
	return nil
}
