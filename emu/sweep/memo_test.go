package sweep

import (
	"reflect"
	"slices"
	"testing"

	"airlift/emu/fault"
	"airlift/flash/flashtest"
)

// What is remembered changes nothing, neither verdicts at checkpoints nor what
// boot code unpacked: each case alone, in a sweep that remembers nothing, comes
// to what it came to among the others. Where boot code has checkpoints the
// sample has cases of every part of the axis.
func TestMemoChangesNothing(t *testing.T) {
	cases := map[string]struct {
		s     Scenario
		count int
		fresh bool // another chip for each case: boot code itself remembers
	}{
		"xt804":      {s: small["download"], count: 80},
		"xt804-zip":  {s: Scenario{Chip: "Air6208", Old: Version{CoreBytes: 90 << 10}, New: Version{CoreBytes: 140 << 10, ScriptBytes: 70 << 10}, Sample: 120}, count: 20},
		"xt804-copy": {s: Scenario{Chip: "Air101", Profile: "g2-fota", Package: "app.img", Old: Version{CoreBytes: 130 << 10}, New: Version{Core: "V1026", CoreBytes: 150 << 10, SameScripts: true}, Sample: 120}, count: 40},
		"ec618":      {s: Scenario{Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 70 << 10}, New: Version{ScriptBytes: 4000}, Sample: 160}, count: 50},
		"ec7xx":      {s: Scenario{Chip: "Air780EP", Package: "combined", Old: Version{CoreBytes: 70 << 10}, New: Version{ScriptBytes: 4000}, Sample: 160}, count: 50},
		"volume":     {s: small["volume"], count: 100},
		"sffs":       {s: Scenario{Chip: "Air724UG", Mode: ModeVolume, Cuts: 1, Sample: 300}, count: 60},
		"rda8910":    {s: Scenario{Chip: "Air724UG", Old: Version{CoreBytes: 16 << 10}, New: Version{ScriptBytes: 2000}, Sample: 60}, count: 3, fresh: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openScenario(t, name, c.s)
			with := collect(t, w, Options{})
			hits := w.memo.hits
			outcomes, n := map[string]int{}, 0
			for r := range flashtest.Sample(slices.Values(with), c.count, 1) {
				alone := w
				if c.fresh {
					alone = openScenario(t, name, c.s)
				}
				alone.memo = memo{}
				got := collect(t, alone, Options{From: r.Number, Shard: int(r.Number), Shards: len(with)})
				if len(got) != 1 || !reflect.DeepEqual(got[0], r) {
					t.Fatalf("case %d: %+v with the memo, %+v without", r.Number, r, got)
				}
				outcomes[string(r.Outcome)]++
				n++
			}
			t.Logf("%d of %d cases compared, %d verdicts remembered: %v", n, len(with), hits, outcomes)
			if n == 0 || hits == 0 {
				t.Fatal("nothing compared, or nothing remembered")
			}
		})
	}
}

// Brown-outs, cuts at times and single cuts are numbered one behind the other,
// and a brown-out of operations that the cut would have kept from happening
// anyway leaves what the cut leaves.
func TestBrownOutsAndTimes(t *testing.T) {
	s := small["file"]
	s.Hows = []fault.How{{Kind: fault.Before}, {Kind: fault.After}}
	s.BrownOuts, s.Times = []uint64{1, 3}, 40
	w := openScenario(t, "file", s)
	ops := uint64(len(w.Clean.Ops))
	kinds := map[fault.Kind]int{}
	byPath := map[uint64]*Result{}
	for i, r := range collect(t, w, Options{}) {
		f, err := w.space().fault(uint64(i))
		if err != nil || r.Number != uint64(i) {
			t.Fatalf("result %d has number %d (%v)", i, r.Number, err)
		}
		kinds[f.Kind]++
		byPath[r.Number] = r
		if r.Outcome == "" {
			t.Fatalf("case %d has no outcome", i)
		}
	}
	if kinds[fault.Cut] != int(2*ops) || kinds[fault.BrownOut] != int(2*ops) || kinds[fault.CutAt] != 40 {
		t.Fatalf("%v of %d operations", kinds, ops)
	}
	// Case 4n is the cut before operation n, 4n+2 the brown-out of n with the
	// cut before n+1: the same flash, as long as the updater does not look.
	for n := range ops {
		cut, brown := byPath[4*n], byPath[4*n+2]
		if cut.Outcome == brown.Outcome {
			kinds["same"]++
		}
	}
	if kinds["same"] < int(ops)/2 {
		t.Errorf("only %d of %d brown-outs of one operation end as the cut before it", kinds["same"], ops)
	}
	// Replays of both kinds come to the same.
	for number := range flashtest.Sample(slices.Values(numbersOf(byPath, 4*ops)), 30, 2) {
		want := byPath[number]
		a, err := w.Replay([]uint64{number})
		if err != nil {
			t.Fatal(err)
		}
		if a.Result.Outcome != want.Outcome || !slices.Equal(a.Result.Broken, want.Broken) {
			t.Errorf("case %d: %s in the sweep, %s in the replay", number, want.Outcome, a.Result.Outcome)
		}
	}
}

// numbersOf returns the cases that are no plain cuts.
func numbersOf(all map[uint64]*Result, times uint64) (out []uint64) {
	for n := range all {
		if n >= times || n%4 >= 2 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
