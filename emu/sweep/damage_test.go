package sweep

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
)

// inside is a small upgrade with packages that are wrong inside.
func inside(t *testing.T) *Sweep {
	t.Helper()
	s := small["download"]
	s.Damages, s.Repair, s.Uncut = 70, true, true
	return openScenario(t, "inside", s)
}

// Damages are by turns in each layer, are the same every time, and change the
// package, of which the outer checksums stay right.
func TestDamageInside(t *testing.T) {
	w := inside(t)
	layers, same := map[string]int{}, 0
	for n := range w.Scenario.Damages {
		e := w.damage(n)
		if again := w.damage(n); !reflect.DeepEqual(e, again) {
			t.Fatalf("damage %d is %v, and then %v", n, &e, &again)
		}
		layers[e.In]++
		p, err := w.edited(w.Package, &e)
		if err != nil {
			t.Fatalf("%s: %v", &e, err)
		}
		if bytes.Equal(p, w.Package) {
			same++
		}
		if l, err := w.Chip.FindLayer(p, "body"); err != nil && e.In != "header" {
			t.Errorf("%s: %v", &e, err) // its CRC would be wrong
		} else if err == nil && len(l.Data) == 0 && e.In != "body" {
			t.Errorf("%s: the package is empty", &e)
		}
	}
	for _, l := range w.layers {
		if layers[l.Name] != 10 {
			t.Errorf("%d of 70 damages are in %s", layers[l.Name], l.Name)
		}
	}
	if same > 20 {
		t.Errorf("%d of 70 damages change nothing", same)
	}
}

// A damage is a case like any other: its result does not depend on what was run
// before, and its replay agrees.
func TestDamagedCases(t *testing.T) {
	w := inside(t)
	all := collect(t, w, Options{Workers: 1})
	if len(all) != 70 {
		t.Fatalf("%d cases", len(all))
	}
	outcomes := map[emu.Outcome]int{}
	for _, r := range all {
		outcomes[r.Outcome]++
	}
	if outcomes[emu.OutcomeBrick] == 0 || outcomes[emu.OutcomeNew] == 0 {
		t.Errorf("outcomes %v", outcomes)
	}
	for _, r := range collect(t, inside(t), Options{Shard: 3, Shards: 7}) {
		if !reflect.DeepEqual(r, all[r.Number]) {
			t.Errorf("case %d is %+v in a shard, %+v in the whole", r.Number, r, all[r.Number])
		}
	}
	for _, n := range []uint64{2, 5, 33} {
		a, err := w.Replay([]uint64{n})
		if err != nil {
			t.Fatal(err)
		}
		if a.Result.Outcome != all[n].Outcome || a.Result.Detail != all[n].Detail || a.Trace == "" {
			t.Errorf("case %d: replay %s %q, sweep %s %q", n, a.Result.Outcome, a.Result.Detail, all[n].Outcome, all[n].Detail)
		}
	}
}

// An edit in a layer can also be one of a scenario's own faults.
func TestDamagedFault(t *testing.T) {
	s := small["zipped"]
	s.Faults = []fault.Fault{{Kind: fault.Damaged, Edit: &fault.Edit{In: "payload", Do: fault.EditFlip, Off: 4711, Bits: 1}}}
	s.Name = "inside"
	w := mustNew(t, &s)
	if w.Clean.Outcome != emu.OutcomeBrick || !strings.Contains(w.Clean.Detail, "status M") {
		t.Errorf("%s: %s", w.Clean.Outcome, w.Clean.Detail)
	}
}

// A version that grows beyond what the module takes is refused, and that is a
// case too: the old version runs on.
func TestSizesRefused(t *testing.T) {
	s := small["file"]
	s.Sizes, s.Uncut, s.Force = &Sizes{From: 30000, To: 70000, Step: 20000}, true, true
	w := openScenario(t, "grows", s)
	var got []emu.Outcome
	for _, r := range collect(t, w, Options{}) {
		got = append(got, r.Outcome)
	}
	if want := []emu.Outcome{emu.OutcomeNew, emu.OutcomeOld, emu.OutcomeOld}; !reflect.DeepEqual(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

// A package that brings no core says nothing about the sizes of cores.
func TestSizesOfNoCore(t *testing.T) {
	s := small["file"]
	s.Name, s.Sizes, s.Uncut = "cores", &Sizes{Of: sizeOfCore, From: 16 << 10, To: 32 << 10, Step: 8 << 10}, true
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(&s, c); err == nil || !strings.Contains(err.Error(), "brings no core") {
		t.Errorf("taken: %v", err)
	}
}

// Packages can be wrong in a sweep of its own, or beside cuts, but not with
// faults, several cuts, scripts, or nothing to be wrong.
func TestPackagesInScenarios(t *testing.T) {
	schema := scenarioSchema(t)
	head := "name: a\nchip: Air601\n"
	for text, good := range map[string]bool{
		"damages: 5\nrepair: true\n": true, "damages: 5\nrepair: true\nuncut: true\n": true,
		"sizes: {to: 5, step: 1}\nuncut: true\n": true, "sizes: {of: core, from: 5, to: 10, step: 5}\n": true,
		"repair: true\n": false, "uncut: true\n": false, "sizes: {to: 5, step: 0}\n": false, "sizes: {to: 9999999, step: 1}\n": false,
		"sizes: {of: house, to: 5, step: 1}\n": false, "sizes: {from: 6, to: 5, step: 1}\n": false,
		"damages: 5\ncuts: 2\nsample: 10\n": false, "sizes: {to: 5, step: 1}\ncuts: 2\nsample: 10\n": false,
		"damages: 5\nmode: system\n": true, "damages: 5\nuncut: true\ntimes: 3\n": false,
		"faults: [{kind: damaged, edit: {in: body, do: flip, off: 1, bits: 1}}]\n":             true,
		"faults: [{kind: damaged, edit: {in: body, part: fota, do: flip, off: 1, bits: 1}}]\n": false,
	} {
		_, err := ReadScenario([]byte(head + text))
		if (err == nil) != good {
			t.Errorf("reader on %q: %v", text, err)
		}
		if invalid := schema.Validate(asJSON(t, []byte(head+text))); good && invalid != nil {
			t.Errorf("schema on %q: %v", text, invalid)
		}
	}
}
