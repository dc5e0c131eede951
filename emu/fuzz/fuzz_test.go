package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/chips/all"
	"airlift/chips/guest/guesttest"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// prepare makes the upgrade of a guest's board with the guest as boot code.
func prepare(t testing.TB, name string) *sweep.Sweep {
	t.Helper()
	c := guesttest.Chip(t, name)
	w, err := sweep.New(&sweep.Scenario{Name: name, Chip: c.Model.Name, Mode: sweep.ModeUpdate, WearMax: 4 * FaultsMax, Old: sweep.Version{CoreBytes: 6 << 10}, New: sweep.Version{CoreBytes: 7 << 10, ScriptBytes: 1000}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// chip prepares a built-in scenario.
func chip(t testing.TB, name string) *sweep.Sweep {
	t.Helper()
	s, err := sweep.FindBuiltin(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Mode = sweep.ModeUpdate
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := sweep.New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPlantedBugs lets the fuzzer find the mistakes of guests, and wants each as
// small as it can be: one power cut and nothing else.
func TestPlantedBugs(t *testing.T) {
	for _, name := range []string{"broken-flag-first", "broken-no-verify", "broken-only-copy", "broken-no-journal"} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t, name)
			f := New(w, 1)
			for f.Stats.Runs < 4096 && !minimal(f) {
				if err := f.Run(context.Background(), Options{Runs: f.Stats.Runs + roundRuns}, Discard); err != nil {
					t.Fatal(err)
				}
			}
			if !minimal(f) {
				t.Fatalf("no finding of one power cut in %d runs, %d findings", f.Stats.Runs, len(f.Findings))
			}
			for _, x := range f.Findings {
				checkFinding(t, w, x)
			}
			t.Logf("%d runs, %d findings", f.Stats.Runs, len(f.Findings))
		})
	}
}

func minimal(f *Fuzzer) bool {
	for _, x := range f.Findings {
		if bad := x.Result.Outcome == emu.OutcomeBrick || x.Result.Outcome == emu.OutcomeStuck; bad && len(x.Trial.Faults) == 1 && len(x.Trial.Package)+len(x.Trial.Flash) == 0 {
			return true
		}
	}
	return false
}

// checkFinding runs a finding again: what was found and what was made of it go
// wrong alike, and none of the changes can be left out.
func checkFinding(t *testing.T, w *sweep.Sweep, x *Finding) {
	t.Helper()
	for _, trial := range []*sweep.Trial{&x.Found, &x.Trial} {
		out, err := w.Try(trial, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if why := out.Result.Reason(); !strings.HasPrefix(x.Signature, why+"; by ") {
			t.Errorf("finding %d: run again it is %s, was %s", x.Number, why, x.Signature)
		}
	}
	if x.Tries >= triesMax {
		return
	}
	n := len(x.Trial.Package) + len(x.Trial.Flash) + len(x.Trial.Faults)
	for i := range n {
		less := cloneTrial(&x.Trial)
		switch j := i - len(less.Package); {
		case j < 0:
			dropEdit(&less.Package, i)
		case j < len(less.Flash):
			dropEdit(&less.Flash, j)
		default:
			j -= len(less.Flash)
			less.Faults = append(less.Faults[:j], less.Faults[j+1:]...)
		}
		out, err := w.Try(&less, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if !out.Result.Fine() && out.Result.Reason() == x.Result.Reason() {
			t.Errorf("finding %d goes wrong without change %d of %d too", x.Number, i, n)
		}
	}
}

// TestSafeGuest wants that power cuts alone break nothing of a boot code that is
// right.
func TestSafeGuest(t *testing.T) {
	f := New(prepare(t, "swap"), 3)
	if err := f.Run(context.Background(), Options{Runs: 1024}, Discard); err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Findings {
		if len(x.Trial.Package)+len(x.Trial.Flash)+len(ofChip(x.Trial.Faults)) == 0 && x.Result.Outcome != emu.OutcomeNew && x.Result.Outcome != emu.OutcomeOld {
			t.Errorf("%s by %v", x.Signature, Describe(&x.Trial))
		}
	}
	if f.Stats.Outcomes[emu.OutcomeNew] == 0 || f.Stats.Outcomes[emu.OutcomeOld] == 0 {
		t.Errorf("outcomes are %v: the runs show too little", f.Stats.Outcomes)
	}
}

// FuzzEdit holds edits against what they must not do: change their input, grow
// without bound, panic.
func FuzzEdit(f *testing.F) {
	f.Add([]byte("package"), `{"do":"swap","off":1,"to":3,"bytes":2}`)
	f.Add([]byte("package"), `{"do":"set","off":9223372036854775807,"data":"00ff"}`)
	f.Add([]byte{}, `{"do":"flip","bits":1}`)
	f.Add([]byte("package"), `{"do":"fill","off":2,"bytes":9223372036854775807,"data":"ff"}`)
	f.Add([]byte("package"), `{"do":"remove","off":2,"bytes":3}`)
	f.Fuzz(func(t *testing.T, p []byte, text string) {
		var e fault.Edit
		if json.Unmarshal([]byte(text), &e) != nil || e.Check() != nil {
			return
		}
		before := bytes.Clone(p)
		out := e.Apply(p)
		if !bytes.Equal(p, before) {
			t.Error("the edit changed its input")
		}
		if len(out) > len(p)+len(e.Data) {
			t.Errorf("%d bytes became %d", len(p), len(out))
		}
		_ = e.String()
	})
}

// FuzzUpgrade tries upgrades with the changes that a trial in JSON says, behind a
// digit that picks the module: nothing may panic or hang, and the same trial comes
// to the same.
func FuzzUpgrade(f *testing.F) {
	boards := []*sweep.Sweep{prepare(f, "swap"), chip(f, "xt804-download"), chip(f, "ec618-download")}
	for _, name := range seeds(f) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var trial sweep.Trial
		if len(data) == 0 || json.Unmarshal(data[1:], &trial) != nil || len(trial.Package)+len(trial.Flash)+len(trial.Faults) > 8 {
			return
		}
		w := boards[int(data[0]-'0')%len(boards)]
		a, err := w.Try(&trial, nil, false)
		if err != nil {
			return
		}
		b, err := w.Try(&trial, nil, false)
		if err != nil || a.Result.Signature() != b.Result.Signature() || a.Ops != b.Ops {
			t.Errorf("once %+v, once %+v, %v", a.Result, b, err)
		}
	})
}

func seeds(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/seeds/FuzzUpgrade/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	return names
}

// TestSeeds wants every seed to be a trial that can be made, and the dictionary to
// have every edit and every way to fail.
func TestSeeds(t *testing.T) {
	for _, name := range seeds(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var trial sweep.Trial
		d := json.NewDecoder(bytes.NewReader(data[1:]))
		d.DisallowUnknownFields()
		if err := d.Decode(&trial); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dict, err := os.ReadFile("testdata/FuzzUpgrade.dict")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range fault.EditKinds {
		if !strings.Contains(string(dict), `\"`+string(k)+`\"`) {
			t.Errorf("the dictionary does not have the edit %s", k)
		}
	}
	for _, k := range chipKinds {
		if !strings.Contains(string(dict), `\"kind\":\"`+string(k)+`\"`) {
			t.Errorf("the dictionary does not have the fault %s", k)
		}
	}
	inside := 0
	for _, name := range []string{"xt804-download", "ec618-download"} {
		for _, l := range layersOf(chip(t, name)) {
			if strings.Contains(string(dict), `\"in\":\"`+l.name+`\"`) {
				inside++
			}
		}
	}
	if n := strings.Count(string(dict), `\"in\":`); inside != n {
		t.Errorf("the dictionary has %d layers, %d of which there are", n, inside)
	}
	for _, h := range fault.DefaultHows() {
		if !strings.Contains(string(dict), `\"how\":\"`+string(h.Kind)) {
			t.Errorf("the dictionary does not have the way %s", h.Kind)
		}
	}
}
