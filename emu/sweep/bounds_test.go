package sweep

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBounds: what no sweep could do, or only by eating all memory and time, is
// refused by its name; what is at the bound is taken.
func TestBounds(t *testing.T) {
	const head = "name: a\nchip: Air601\n"
	steps := func(n int, step string) string {
		return head + "mode: volume\nvolume:\n  steps:\n" + strings.Repeat("    - {"+step+"}\n", n)
	}
	faults := func(n int) string {
		return head + "faults:\n" + strings.Repeat("  - {kind: cut, op: 1, how: after}\n", n)
	}
	for _, c := range []struct{ text, names string }{ // "" is taken
		{head + "hows: []\n", "hows"},
		{head + "hows: []\ntimes: 3\n", "hows"},
		{head + "invariants: []\n", "invariants"},
		{head + "brown_outs: [0]\n", "brown_outs"},
		{head + "brown_outs: [1000000]\n", ""},
		{head + "brown_outs: [1000001]\n", "brown_outs"},
		{head + "brown_outs: [18446744073709551615]\n", "brown_outs"},
		{head + "cuts: 2\nsample: 1000000000\n", ""},
		{head + "cuts: 2\nsample: 1000000001\n", "sample"},
		{head + "cuts: 2\nsample: 18446744073709551615\n", "sample"},
		{head + "boots_max: 64\n", ""},
		{head + "boots_max: 65\n", "boots_max"},
		{faults(64), ""},
		{faults(65), "faults"},
		{head + "faults: [{kind: cut, op: 18446744073709551615, how: after}]\n", "op"},
		{head + "faults: [{kind: brown-out, op: 1, ops: 18446744073709551615, how: after}]\n", "ops"},
		{head + "faults: [{kind: stuck, part: fs, count: 1000000}]\n", ""},
		{head + "faults: [{kind: stuck, part: fs, count: 1000001}]\n", "count"},
		{head + "mode: update\nfaults: [{kind: flip, count: 1000001}]\n", "count"},
		{head + "faults: [{kind: program-disturb, count: 1000000000}]\n", ""}, // one in so many
		{steps(64, "do: write, name: /a, bytes: 1048576"), ""},
		{steps(65, "do: write, name: /a, bytes: 1048576"), "volume"},
		{steps(16, "do: append, name: /a, bytes: 1048576"), ""},
		{steps(17, "do: append, name: /a, bytes: 1048576"), "volume"},
		{steps(1000, "do: append, name: /a, bytes: 1048576"), "volume"},
	} {
		_, err := ReadScenario([]byte(c.text))
		if (err == nil) != (c.names == "") || err != nil && !strings.Contains(err.Error(), c.names) {
			t.Errorf("%.120q: %v", c.text, err)
		}
	}
}

// TestScenarioSurvivesItsFile: a scenario that is read from a results file is the
// one that was swept.
func TestScenarioSurvivesItsFile(t *testing.T) {
	for _, s := range Builtin() {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got Scenario
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if err := got.Fill(); err != nil || got.Digest() != s.Digest() {
			t.Errorf("%s: %s, read again %s (%v)", s.Name, s.Digest(), got.Digest(), err)
		}
	}
}
