package sweep

import (
	"fmt"

	"airlift/flash"
)

// A sector wears out by its erases, so wear is counted by sectors. A verdict that
// is remembered says which were erased on the way to it.

// erasures are erases of sectors, one list behind the other. The value is
// immutable: lists are shared.
type erasures struct {
	n    uint64 // in all
	list *erasedList
}

type erasedList struct {
	sectors []flash.Sector
	next    *erasedList
}

// with adds erases.
func (e erasures) with(sectors []flash.Sector) erasures {
	if len(sectors) == 0 {
		return e
	}
	return erasures{e.n + uint64(len(sectors)), &erasedList{sectors, e.list}}
}

// sectorWear counts the erases of the run without a cut by sectors.
func (c *Clean) sectorWear() map[flash.Sector]uint32 {
	m := map[flash.Sector]uint32{}
	for i := range c.Ops {
		if op := &c.Ops[i]; op.Kind == flash.OpErase.String() {
			m[flash.SectorAt(op.Chip, op.Off)]++
		}
	}
	return m
}

// worn looks for a sector that is erased more than wear_max times as often as in
// the run without a cut; one that it does not erase counts as erased once.
func (s *Sweep) worn(lists ...erasures) string {
	most, all := s.Scenario.WearMax, uint64(0)
	for _, e := range lists {
		all += e.n
	}
	if all <= uint64(most) {
		return ""
	}
	count := make(map[flash.Sector]uint32, len(s.cleanWear)+8)
	for _, e := range lists {
		for l := e.list; l != nil; l = l.next {
			for _, at := range l.sectors {
				count[at]++
			}
		}
	}
	worst, found := flash.Sector(0), false
	for at, n := range count {
		if uint64(n) <= uint64(most)*uint64(max(1, s.cleanWear[at])) {
			continue
		}
		if !found || n > count[worst] || n == count[worst] && at < worst {
			worst, found = at, true
		}
	}
	if !found {
		return ""
	}
	chip, off := worst.Place()
	p := s.place(&flash.Op{Kind: flash.OpErase, Chip: chip, Off: off, Len: flash.DefaultSectorSize}, 0, 0, "")
	return fmt.Sprintf("the sector at 0x%06X in %s was erased %d times, %d without a fault", off, p.Part, count[worst], s.cleanWear[worst])
}
