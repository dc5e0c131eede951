package sweep

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash/flashtest"
)

// withFaults prepares a built-in scenario with standing faults, each one line of
// YAML.
func withFaults(t *testing.T, name string, faults ...string) (*Sweep, error) {
	t.Helper()
	s, err := FindBuiltin(name)
	if err != nil {
		t.Fatal(err)
	}
	cases := 24
	if !flashtest.Full() {
		cases = 13 // of which the last is replayed
	}
	text := fmt.Sprintf("name: %s\nchip: %s\nprofile: %s\npackage: %s\nmode: %s\nold: {core_bytes: 12288}\nsample: %d\n", s.Name, s.Chip, s.Profile, s.Package, s.Mode, cases)
	if s.Mode != ModeSystem {
		text += "new: {script_bytes: 3000}\n"
	} else {
		text = strings.Replace(text, fmt.Sprintf("sample: %d\n", cases), "sample: 2\n", 1)
	}
	text += "faults:\n"
	for _, f := range faults {
		text += "  - {kind: " + f + "}\n"
	}
	if s, err = ReadScenario([]byte(text)); err != nil {
		return nil, err
	}
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return New(s, c)
}

// TestStandingFaults has every kind of fault in every mode do what it says: what
// the run without a cut then comes to, and that cuts on top of it come to the same
// twice.
func TestStandingFaults(t *testing.T) {
	for _, c := range []struct {
		scenario, faults string
		want             emu.Outcome // of the run without a cut
		ops              bool        // which has operations on the axis
	}{
		{"xt804-zipped", "flips, part: fota, count: 3000, seed: 1", emu.OutcomeOld, true},
		{"xt804-download", "flips, part: fota, count: 3000, seed: 1", emu.OutcomeNew, true}, // it is erased before
		{"ec618-delta", "stuck, part: fota, count: 200, value: 1", emu.OutcomeOld, true},
		{"xt804-zipped", "unstable, count: 16", emu.OutcomeNew, true},
		{"xt804-zipped", "wear-out, count: 100000", emu.OutcomeNew, true},
		{"xt804-zipped", "program-disturb, count: 1000000000", emu.OutcomeNew, true},
		{"xt804-zipped", "read-disturb, count: 1000000000", emu.OutcomeNew, true},
		{"xt804-download", "deaf-program, part: fota", emu.OutcomeOld, true},
		{"xt804-download", "bad-erase, part: fota", emu.OutcomeNew, true}, // there was nothing to erase
		{"xt804-download", "truncate, bytes: 4000", emu.OutcomeOld, true},
		{"ec618-download", "truncate, bytes: 100", emu.OutcomeOld, true},
		{"xt804-download", "empty", emu.OutcomeOld, true},
		{"xt804-download", "flip, count: 5, seed: 3", emu.OutcomeStuck, true}, // nobody checks the scripts
		{"xt804-download", "header-lie, data: '00000000'", emu.OutcomeOld, true},
		{"ec618-download", "wrong-base", emu.OutcomeOld, true},
		{"xt804-system", "no-name", emu.OutcomeOld, false},
		{"xt804-system", "refused", emu.OutcomeOld, false},
		{"xt804-system", "portal", emu.OutcomeOld, false},
		{"xt804-system", "redirect", emu.OutcomeOld, false},
		{"xt804-system", "unavailable", emu.OutcomeOld, false},
		{"xt804-system", "unavailable, times: 1", emu.OutcomeOld, false}, // the project asks once
		{"xt804-system", "latency, at: 300ms", emu.OutcomeNew, true},
		{"xt804-system", "bandwidth, count: 64000", emu.OutcomeNew, true},
		{"xt804-system", "loss, count: 50", emu.OutcomeNew, true},
		{"xt804-system", "keep-open", emu.OutcomeNew, true},
		{"xt804-system", "truncate, bytes: 4000", emu.OutcomeOld, true},
		{"ec618-system", "portal", emu.OutcomeOld, false},
		{"xt804-zipped", "small-chip, bytes: 4194304", emu.OutcomeStuck, true}, // the scripts lie behind it
		{"xt804-zipped", "address-wrap, bytes: 4194304", emu.OutcomeNew, true}, // on top of the file system
		{"xt804-download", "deaf-erase, part: sysparam", emu.OutcomeNew, true},
		{"xt804-download", "bad-program, part: fota", emu.OutcomeOld, true},
		{"xt804-download", "extend, bytes: 100", emu.OutcomeNew, true}, // what follows is left alone
		{"xt804-download", "swap-blocks, bytes: 256, seed: 2", emu.OutcomeOld, true},
		{"xt804-download", "older", emu.OutcomeOld, true},
		{"xt804-download", "wrong-model, model: Air101", emu.OutcomeOld, true},
		{"ec618-download", "wrong-form, package: script", emu.OutcomeOld, true},
		{"xt804-file", "full-fs", emu.OutcomeOld, true},
		{"xt804-file", "full-fs, bytes: 40000", emu.OutcomeNew, true},
		{"xt804-system", "reset, bytes: 3000", emu.OutcomeOld, true},
		{"xt804-system", "stall, bytes: 3000", emu.OutcomeOld, true},
		{"xt804-system", "truncated, bytes: 3000", emu.OutcomeOld, false},
		{"xt804-system", "truncated-unsaid, bytes: 8192", emu.OutcomeOld, true},
		{"xt804-system", "bad-erase, part: fota", emu.OutcomeNew, true},
		{"xt804-system", "bad-program, part: fota", emu.OutcomeOld, true},
		{"xt804-system", "bad-program, part: app", emu.OutcomeBrick, true},
		{"xt804-download", "bad-program, part: app", emu.OutcomeBrick, true},
		{"xt804-system", "chunked", emu.OutcomeNew, true},
		{"xt804-system", "wrong-range", emu.OutcomeNew, true},
		{"xt804-system", "other-file, bytes: 3000", emu.OutcomeOld, true},
	} {
		t.Run(c.scenario+" "+c.faults, func(t *testing.T) {
			w, err := withFaults(t, c.scenario, c.faults)
			if err != nil {
				t.Fatal(err)
			}
			if w.Clean.Outcome != c.want || c.ops && len(w.Clean.Ops) == 0 {
				t.Errorf("%s with %d operations, expected %s: %s", w.Clean.Outcome, len(w.Clean.Ops), c.want, w.Clean.Detail)
			}
			checkTwice(t, w)
		})
	}
}

// checkTwice runs the cases twice, and a replay of some.
func checkTwice(t *testing.T, w *Sweep) {
	t.Helper()
	one, two := collect(t, w, Options{Workers: 1}), collect(t, w, Options{Workers: 3})
	if len(one) != len(two) {
		t.Fatalf("%d cases, then %d", len(one), len(two))
	}
	for i, r := range one {
		if r.Outcome != two[i].Outcome || r.Detail != two[i].Detail || r.Boots != two[i].Boots {
			t.Fatalf("case %d: %s %s, then %s %s", i, r.Outcome, r.Detail, two[i].Outcome, two[i].Detail)
		}
		if i%12 != 0 || len(r.Path) == 0 {
			continue
		}
		a, err := w.Replay(r.Path)
		if err != nil || a.Result.Outcome != r.Outcome || a.Result.Detail != r.Detail {
			t.Fatalf("case %d: %s %s; its replay: %+v, %v", i, r.Outcome, r.Detail, a.Result, err)
		}
	}
}

// TestEveryFaultHasItsPlace wants each kind in the schema and in the docs, and
// refused by name in the modes in which it means nothing.
func TestEveryFaultHasItsPlace(t *testing.T) {
	docs, err := os.ReadFile("../../docs/FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range fault.Specs {
		if !strings.Contains(string(docs), "`"+string(s.Kind)+"`") {
			t.Errorf("docs/FAULTS.md does not have %s", s.Kind)
		}
		if !strings.Contains(string(Schema), `"`+string(s.Kind)+`"`) {
			t.Errorf("schema.json does not have %s", s.Kind)
		}
		for _, m := range Modes {
			err := (&fault.Fault{Kind: s.Kind}).InMode(string(m))
			if (err == nil) != slices.Contains(s.Modes, string(m)) || err != nil && !strings.Contains(err.Error(), string(s.Kind)) {
				t.Errorf("%s in mode %s: %v", s.Kind, m, err)
			}
		}
	}
	for _, bad := range []string{"portal", "stall, bytes: 3"} {
		if _, err := withFaults(t, "xt804-zipped", bad); err == nil || !strings.Contains(err.Error(), "means nothing in mode boot") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"flips, part: nowhere, count: 1", "flips, count: 1", "empty, bytes: 3", "small-chip, bytes: 5", "wrong-model, model: Air0"} {
		if _, err := withFaults(t, "xt804-download", bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
