package sweep

import (
	"fmt"
	"testing"

	"airlift/chips/all"
	"airlift/emu/fault"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// families are a module of each family, with a package that takes little time.
var families = []Scenario{
	{Name: "xt804", Chip: "Air6208", Profile: "g3", Package: "fota", Old: Version{CoreBytes: 12 << 10}},
	{Name: "ec618", Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 12 << 10}},
	{Name: "ec7xx", Chip: "Air780EP", Package: "combined", Old: Version{CoreBytes: 12 << 10}},
	{Name: "rda8910", Chip: "Air724UG", Package: "all-stream", Old: Version{CoreBytes: 12 << 10}},
}

// inMode prepares the upgrade of a family's module with faults that hold all the
// time.
func inMode(t testing.TB, family Scenario, mode Mode, faults ...fault.Fault) (*Sweep, error) {
	t.Helper()
	s := family
	s.Mode, s.Faults, s.Sample = mode, faults, 4
	if mode != ModeSystem {
		s.New.ScriptBytes = 3000
	}
	for i := range faults {
		if err := faults[i].Check(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return New(&s, c)
}

// flashFault is a fault of the flash that must show in a run like w, or reports
// false if there is nothing in such a run for it to strike.
func flashFault(w *Sweep, kind fault.Kind) (fault.Fault, bool) {
	f := fault.Fault{Kind: kind, Seed: 5}
	mid := w.Clean.Ops[len(w.Clean.Ops)/2]
	erased := ""
	for _, op := range w.Clean.Ops {
		if op.Kind == flash.OpErase.String() {
			erased = op.Part
		}
	}
	switch kind {
	case fault.Flips, fault.Stuck:
		f.Part, f.Count = map[string]string{"Air6208": "app", "Air724UG": "ap"}[w.Chip.Model.Name], 2000
		if f.Part == "" {
			f.Part = "ap"
		}
		if kind == fault.Flips && w.Scenario.Mode == ModeBoot { // once the package is in place
			f.Part = w.Parts()[0].Name
		}
	case fault.ProgramDisturb, fault.ReadDisturb:
		f.Count = 3
	case fault.BadProgram, fault.DeafProgram:
		f.Part, f.Seed = mid.Part, 0
		for _, op := range w.Clean.Ops {
			if op.Kind == flash.OpProgram.String() {
				f.Part = op.Part
			}
		}
	case fault.BadErase, fault.DeafErase:
		f.Part, f.Seed = erased, 0
	case fault.WearOut:
		f.Seed = 0
		for at, n := range w.wear.clean {
			if n > 0 {
				f.Count = max(f.Count, int(w.fresh.flashes[0].Wear(int64(at)*flash.DefaultSectorSize))-1)
			}
		}
		return f, f.Count > 0
	case fault.SmallChip, fault.AddressWrap:
		f.Seed, f.Bytes = 0, w.Chip.Model.Flash[0].Size/2
	case fault.WrongSector:
		f.Seed, f.Bytes = 0, 1024
	case fault.WrongPage:
		f.Seed, f.Bytes = 0, 64
	}
	return f, true
}

// TestFlashFaultsEverywhere has every fault of the flash in every mode on every
// family: it must change what happens, or be refused by its name.
func TestFlashFaultsEverywhere(t *testing.T) {
	type cell struct {
		family Scenario
		mode   Mode
		kind   fault.Kind
	}
	cells := func(yield func(cell) bool) {
		for _, s := range fault.Specs {
			for _, m := range []Mode{ModeBoot, ModeUpdate, ModeSystem} {
				for _, f := range families {
					if s.Group == "flash" && !yield(cell{f, m, s.Kind}) {
						return
					}
				}
			}
		}
	}
	clean := map[string]*Sweep{}
	for c := range flashtest.Sample(cells, 8, 3) {
		t.Run(fmt.Sprintf("%s %s %s", c.family.Name, c.mode, c.kind), func(t *testing.T) {
			base := clean[c.family.Name+string(c.mode)]
			if base == nil {
				var err error
				if base, err = inMode(t, c.family, c.mode); err != nil {
					t.Fatal(err)
				}
				clean[c.family.Name+string(c.mode)] = base
			}
			f, strikes := flashFault(base, c.kind)
			if !strikes {
				t.Logf("no sector is erased twice")
				return
			}
			w, err := inMode(t, c.family, c.mode, f)
			if err != nil {
				t.Logf("%s: refused: %v", f.String(), err)
				return
			}
			t.Logf("%s: %s, %d operations, was %s with %d: %s", f.String(), w.Clean.Outcome, len(w.Clean.Ops), base.Clean.Outcome, len(base.Clean.Ops), w.Clean.Detail)
			if c.kind == fault.Unstable {
				checkUnstable(t, w)
			} else if w.Clean.Trace == base.Clean.Trace && cellsOf(t, w) == cellsOf(t, base) {
				t.Errorf("%s: the same happens as without it", f.String())
			}
			if flashtest.Full() {
				checkTwice(t, w)
			}
		})
	}
}

// cellsOf is what the chips hold behind the first boot.
func cellsOf(t *testing.T, w *Sweep) flash.Sum {
	t.Helper()
	b := w.begin()
	if _, err := w.machine.boot(b, nil); err != nil {
		t.Fatal(err)
	}
	return flashSum(b.flashes)
}

// checkUnstable tears operations: behind one of them the chip must have cells
// that read differently from time to time.
func checkUnstable(t *testing.T, w *Sweep) {
	t.Helper()
	for n := range 30 { // most are of places that are erased already
		f := fault.Fault{Kind: fault.Cut, Op: uint64(len(w.Clean.Ops) * (n + 1) / 32), How: fault.How{Kind: fault.Front, Num: 1}}
		if readsDiffer(t, afterTear(t, w, &f)) {
			return
		}
	}
	t.Error("all cells read the same every time")
}

// afterTear are the chips behind a fault.
func afterTear(t *testing.T, w *Sweep, f *fault.Fault) []*flash.Device {
	t.Helper()
	if w.Scenario.Mode != ModeSystem {
		u := &unit{fault: *f}
		if err := w.playUnit(u); err != nil {
			t.Fatal(err)
		}
		return u.board.flashes
	}
	st, d, err := w.story()
	if err != nil {
		t.Fatal(err)
	}
	r := &systemRun{s: w, st: st, disturb: d, cut: f, inject: fault.Injector{Faults: []fault.Fault{*f}}}
	r.watch()
	if _, err := r.run(); err != nil {
		t.Fatal(err)
	}
	return boardOf(st.Flash()).flashes // with the power on
}

func readsDiffer(t *testing.T, flashes []*flash.Device) bool {
	t.Helper()
	for _, d := range flashes {
		var first []byte
		for range 4 {
			p := make([]byte, d.Size())
			if _, err := d.ReadAt(p, 0); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = p
			} else if string(p) != string(first) {
				return true
			}
		}
	}
	return false
}
