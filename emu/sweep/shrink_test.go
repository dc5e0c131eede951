package sweep

import (
	"cmp"
	"slices"
	"testing"

	"airlift/emu/fault"
	"airlift/flash/flashtest"
)

// A finding of any mode shrinks to a smaller case that goes wrong alike, and that
// case can be replayed.
func TestShrink(t *testing.T) {
	hows := []fault.How{{Kind: fault.Before}, {Kind: fault.Most, Num: 1}, {Kind: fault.After}}
	for name, c := range map[string]struct {
		s       Scenario
		outcome string
		smaller bool // the package gets smaller
		cuts    int  // of the shrunk case
		full    bool // it takes too long for every run of the tests
	}{
		"one cut":  {Scenario{Chip: "Air6208", Mode: ModeUpdate, Old: Version{CoreBytes: 6 << 10}, New: Version{CoreBytes: 9 << 10, ScriptBytes: 4000}, Hows: hows}, "mixed", true, 1, false},
		"two cuts": {Scenario{Chip: "Air6208", Mode: ModeUpdate, Old: Version{CoreBytes: 6 << 10}, New: Version{CoreBytes: 7 << 10, ScriptBytes: 5000}, Hows: hows, Cuts: 2, Sample: 160}, "stuck", true, 1, false},
		"system":   {Scenario{Chip: "Air780E", Profile: "full", Package: "combined", Mode: ModeSystem, Old: Version{CoreBytes: 10 << 10}, Hows: hows}, "mixed", true, 1, true},
		"damaged":  {Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", Mode: ModeUpdate, Old: Version{CoreBytes: 6 << 10}, New: Version{CoreBytes: 7 << 10, ScriptBytes: 3000}, Damages: 60, Repair: true, Uncut: true}, "brick", true, 0, false},
		"sizes":    {Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", NoPad: true, Force: true, Old: Version{CoreBytes: 20480}, New: Version{CoreBytes: 21504}, Uncut: true, Sizes: &Sizes{Of: sizeOfCore, From: 20 << 10, To: 23 << 10, Step: 1024}}, "brick", true, 0, true},
		"8910":     {Scenario{Chip: "Air724UG", Old: Version{CoreBytes: 16 << 10}, New: Version{ScriptBytes: 600}, Sample: 60, Hows: hows}, "stuck", true, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.full && !flashtest.Full() {
				t.Skip("AIRLIFT_SCALE=full runs it")
			}
			w := openScenario(t, "shrink", c.s)
			bad := worst(collect(t, w, Options{}), c.outcome)
			if bad == nil {
				t.Fatalf("no case is %s: the test shows nothing", c.outcome)
			}
			x, err := w.Shrink(t.Context(), bad.Path)
			if err != nil {
				t.Fatal(err)
			}
			r := x.Account.Result
			if r.Reason() != bad.Reason() || len(x.Tried) == 0 {
				t.Fatalf("%s, was %s; %v", r.Reason(), bad.Reason(), x.Tried)
			}
			if c.smaller && x.Package >= len(w.Package) {
				t.Errorf("package of %d bytes, was %d", x.Package, len(w.Package))
			}
			if len(r.Places) != c.cuts {
				t.Errorf("%d cuts: expected %d", len(r.Places), c.cuts)
			}
			again, err := New(x.Scenario, w.Chip)
			if err != nil {
				t.Fatal(err)
			}
			a, err := again.Replay(x.ID.Path)
			if err != nil || a.Trace != x.Account.Trace {
				t.Fatalf("the shrunk case does not replay: %v", err)
			}
			if again.space().size() > x.ID.Path[0]+1 && c.cuts == 1 {
				checkEarliest(t, again, x.ID.Path[0], r)
			}
		})
	}
}

// worst is the last case with an outcome; for damages and sizes those have one.
func worst(list []*Result, outcome string) *Result {
	list = slices.DeleteFunc(list, func(r *Result) bool { return string(r.Outcome) != outcome })
	if len(list) == 0 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *Result) int { return cmp.Compare(a.Number, b.Number) })
}

// checkEarliest wants none of the cases just before to go wrong alike.
func checkEarliest(t *testing.T, w *Sweep, first uint64, r *Result) {
	t.Helper()
	for n := first - min(first, 6); n < first; n++ {
		a, err := w.Replay([]uint64{n})
		if err != nil {
			t.Fatal(err)
		}
		if signature(a.Result) == signature(r) {
			t.Errorf("case %d goes wrong like case %d", n, first)
		}
	}
}

// TestShrinkFaults wants the faults of a scenario left out that a case does not
// need.
func TestShrinkFaults(t *testing.T) {
	t.Parallel()
	s := small["download"]
	s.Hows = []fault.How{{Kind: fault.Before}}
	s.Faults = []fault.Fault{{Kind: fault.ReadDisturb, Count: 1 << 20}}
	w := openScenario(t, "download", s)
	bad := worst(collect(t, w, Options{}), "mixed")
	x, err := w.Shrink(t.Context(), bad.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Scenario.Faults) != 0 || len(w.Scenario.Faults) != 1 {
		t.Errorf("%d faults are left, of %d", len(x.Scenario.Faults), len(w.Scenario.Faults))
	}
	if _, err := w.Shrink(t.Context(), []uint64{0}); err == nil {
		t.Error("a case that goes well was shrunk")
	}
}
