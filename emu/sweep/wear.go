package sweep

import (
	"fmt"
	"math"
	"sync"

	"airlift/chips"
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

// wear counts erases by sectors of a board.
type wear struct {
	base  []int    // number of a chip's first sector
	clean []uint32 // erases in the run without a cut
	pool  sync.Pool
}

// newWear returns the erases of the run without a cut.
func newWear(c *chips.Chip, ops []Place) *wear {
	w, n := new(wear), 0
	for _, g := range c.Model.Flash {
		w.base = append(w.base, n)
		n += int(g.Size / flash.DefaultSectorSize)
	}
	w.clean = make([]uint32, n)
	w.pool.New = func() any { p := make([]uint16, n); return &p }
	for i := range ops {
		if op := &ops[i]; op.Kind == flash.OpErase.String() {
			w.clean[w.number(flash.SectorAt(op.Chip, op.Off))]++
		}
	}
	return w
}

func (w *wear) number(at flash.Sector) int {
	chip, off := at.Place()
	return w.base[chip] + int(off/flash.DefaultSectorSize)
}

// worst is the sector that is erased most often of those that are erased more
// than most times as often as in the run without a cut.
func (w *wear) worst(most uint32, lists []erasures) (worst flash.Sector, n uint16) {
	p := w.pool.Get().(*[]uint16)
	count := *p
	for _, e := range lists {
		for l := e.list; l != nil; l = l.next {
			for _, at := range l.sectors {
				i := w.number(at)
				if count[i] < math.MaxUint16 {
					count[i]++
				}
				if uint64(count[i]) > uint64(most)*uint64(max(1, w.clean[i])) && (count[i] > n || count[i] == n && at < worst) {
					worst, n = at, count[i]
				}
			}
		}
	}
	for _, e := range lists {
		for l := e.list; l != nil; l = l.next {
			for _, at := range l.sectors {
				count[w.number(at)] = 0
			}
		}
	}
	w.pool.Put(p)
	return worst, n
}

// worn looks for a sector that is erased more than wear_max times as often as in
// the run without a cut; one that it does not erase counts as erased once.
func (s *Sweep) worn(lists ...erasures) string {
	all := uint64(0)
	for _, e := range lists {
		all += e.n
	}
	if all <= uint64(s.Scenario.WearMax) {
		return ""
	}
	at, n := s.wear.worst(s.Scenario.WearMax, lists)
	if n == 0 {
		return ""
	}
	chip, off := at.Place()
	p := s.place(&flash.Op{Kind: flash.OpErase, Chip: chip, Off: off, Len: flash.DefaultSectorSize}, 0, 0, "")
	return fmt.Sprintf("the sector at 0x%06X in %s was erased %d times, %d without a fault", off, p.Part, n, s.wear.clean[s.wear.number(at)])
}
