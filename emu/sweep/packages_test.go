package sweep

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash/flashtest"
)

// packageFault is a fault of the package for a family's module. Base is its
// upgrade without a fault.
func packageFault(family *Scenario, base *Sweep, kind fault.Kind) fault.Fault {
	f := fault.Fault{Kind: kind}
	switch kind {
	case fault.Truncate:
		f.Bytes = int64(len(base.Package) / 2)
	case fault.Extend:
		f.Bytes = 5000
	case fault.Flip:
		f.Count, f.Seed = 40, 3
	case fault.SwapBlocks:
		f.Bytes, f.Seed = 256, 2
	case fault.HeaderLie:
		f.Off, f.Data = 8, fault.Hex{1, 2, 3, 4}
	case fault.WrongModel:
		f.Model = map[string]string{"Air6208": "Air101", "Air780E": "Air780EP", "Air780EP": "Air780E", "Air724UG": "Air6208"}[family.Chip]
	case fault.WrongForm:
		f.Package = map[string]string{"Air6208": "sota", "Air780E": "bin", "Air780EP": "bin", "Air724UG": "script-stream"}[family.Chip]
	case fault.Damaged:
		in := map[string]string{"Air6208": "payload", "Air780E": "delta", "Air780EP": "delta", "Air724UG": "stream"}[family.Chip]
		f.Edit = &fault.Edit{In: in, Do: fault.EditFlip, Off: 500, Bits: 16}
	}
	return f
}

// TestPackageFaultsEverywhere has every fault of the package in every mode on
// every family: it must change what happens. Only a package that has no base is
// refused another.
func TestPackageFaultsEverywhere(t *testing.T) {
	type cell struct {
		family Scenario
		mode   Mode
		kind   fault.Kind
	}
	cells := func(yield func(cell) bool) {
		for _, s := range fault.Specs {
			for _, m := range []Mode{ModeBoot, ModeUpdate, ModeSystem} {
				for _, f := range families {
					if s.Group == "package" && s.Kind != fault.Size && !yield(cell{f, m, s.Kind}) {
						return
					}
				}
			}
		}
	}
	clean := map[string]*Sweep{}
	for c := range flashtest.Sample(cells, 5, 1) {
		t.Run(fmt.Sprintf("%s %s %s", c.family.Name, c.mode, c.kind), func(t *testing.T) {
			base := clean[c.family.Name+string(c.mode)]
			if base == nil {
				var err error
				if base, err = inMode(t, c.family, c.mode); err != nil {
					t.Fatal(err)
				}
				clean[c.family.Name+string(c.mode)] = base
			}
			w, err := inMode(t, c.family, c.mode, packageFault(&c.family, base, c.kind))
			if c.kind == fault.WrongBase && !base.Kind.Delta {
				if err == nil || !strings.Contains(err.Error(), "it is no delta") {
					t.Fatalf("expected a refusal that names the reason, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %d operations: %s", w.Clean.Outcome, len(w.Clean.Ops), w.Clean.Detail)
			if string(w.Package) == string(base.Package) {
				t.Error("the package is the same as without it")
			}
			// What follows a package is not stored, so boot code sees the same.
			if unseen := c.mode == ModeBoot && c.kind == fault.Extend; (w.Clean.Trace == base.Clean.Trace) != unseen {
				t.Error("the same happens as without it")
			}
			if flashtest.Full() {
				checkTwice(t, w)
			}
		})
	}
}

// TestOtherForm has the same new version in another form: what boot code takes of
// it is the new version.
func TestOtherForm(t *testing.T) {
	for _, c := range []struct {
		s    Scenario
		form string
		want emu.Outcome
	}{
		{Scenario{Chip: "Air101", Profile: "g2-fota", Package: "app.img", New: Version{SameScripts: true}}, "fota", emu.OutcomeNew},
		{Scenario{Chip: "Air101", Profile: "g2-fota", Package: "fota"}, "sota", emu.OutcomeMixed},
		{Scenario{Chip: "Air780E", Profile: "full", Package: "combined"}, "core", emu.OutcomeMixed},
		{Scenario{Chip: "Air724UG", Package: "core-stream", New: Version{SameScripts: true}}, "all-stream", emu.OutcomeNew},
	} {
		t.Run(c.s.Chip+" "+c.s.Package+" "+c.form, func(t *testing.T) {
			c.s.Name, c.s.Old = "form", Version{CoreBytes: 12 << 10}
			c.s.Faults = []fault.Fault{{Kind: fault.WrongForm, Package: c.form}}
			chip, err := all.Chip(c.s.Chip, c.s.Profile)
			if err != nil {
				t.Fatal(err)
			}
			w, err := New(&c.s, chip)
			if err != nil {
				t.Fatal(err)
			}
			if w.Clean.Outcome != c.want {
				t.Errorf("%s, expected %s: %s", w.Clean.Outcome, c.want, w.Clean.Detail)
			}
		})
	}
}

// TestPackagesInStories has the platform serve packages that are damaged, damaged
// inside, or of another size: every case is told again the same, and none but a
// good package brings the new version.
func TestPackagesInStories(t *testing.T) {
	type cell struct {
		family Scenario
		name   string
		change func(s *Scenario)
		want   emu.Outcome // of one case at least, "" for any
	}
	cells := func(yield func(cell) bool) {
		for _, f := range families {
			ok := yield(cell{f, "damages", func(s *Scenario) { s.Damages = 120 }, emu.OutcomeOld}) &&
				yield(cell{f, "repaired", func(s *Scenario) { s.Damages, s.Repair = 40, true }, ""}) &&
				yield(cell{f, "sizes", func(s *Scenario) { s.Sizes = &Sizes{From: 1000, To: 6000, Step: 2500} }, emu.OutcomeNew}) &&
				yield(cell{f, "cores", func(s *Scenario) { s.Sizes = &Sizes{Of: sizeOfCore, From: 12288, To: 20480, Step: 8192} }, emu.OutcomeNew})
			if !ok {
				return
			}
		}
	}
	for c := range flashtest.Sample(cells, 2, 3) {
		t.Run(c.family.Name+" "+c.name, func(t *testing.T) {
			s := c.family
			s.Mode, s.Uncut, s.Sample = ModeSystem, true, 4
			if flashtest.Full() {
				s.Sample = 12
			}
			c.change(&s)
			chip, err := all.Chip(s.Chip, s.Profile)
			if err != nil {
				t.Fatal(err)
			}
			w, err := New(&s, chip)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[emu.Outcome]int{}
			for _, r := range collect(t, w, Options{}) {
				if seen[r.Outcome]++; slices.Contains(r.Broken, Reachable) {
					t.Errorf("case %v: the server has nothing better, and %q", r.Path, r.Detail)
				}
			}
			t.Log(seen)
			if c.want != "" && seen[c.want] == 0 {
				t.Errorf("no case ends %s: %v", c.want, seen)
			}
			checkTwice(t, w)
		})
	}
}
