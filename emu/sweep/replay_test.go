package sweep

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"airlift/emu/fault"
)

// A replay is the same every time, and its account tells, in every mode and
// family: which operations there were, what the power cut left of one, bit by bit,
// what boot code and core did after it, and the verdict.
func TestReplayTells(t *testing.T) {
	one := []fault.How{{Kind: fault.Most, Num: 1}}
	for name, s := range map[string]Scenario{
		"boot xt804":    {Chip: "Air6208", Old: Version{CoreBytes: 8 << 10}, New: Version{CoreBytes: 9 << 10}, Hows: one},
		"update xt804":  small["download"],
		"boot ec618":    {Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 8 << 10}, Hows: one},
		"update ec7xx":  {Chip: "Air780EP", Package: "combined", Mode: ModeUpdate, Old: Version{CoreBytes: 8 << 10}, Hows: one},
		"boot 8910":     {Chip: "Air724UG", Old: Version{CoreBytes: 16 << 10}, New: Version{ScriptBytes: 600}, Sample: 40, Hows: one},
		"system xt804":  {Chip: "Air6208", Mode: ModeSystem, Old: Version{CoreBytes: 6 << 10}, Sample: 10, Hows: one},
		"damaged xt804": small["damages"],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openScenario(t, "replay", s)
			choice := w.space().size() / 2
			a, err := w.Replay([]uint64{choice})
			if err != nil {
				t.Fatal(err)
			}
			b, err := w.Replay([]uint64{choice})
			if err != nil || !reflect.DeepEqual(a.Lines, b.Lines) || a.Trace != b.Trace || !reflect.DeepEqual(a.Result, b.Result) {
				t.Fatalf("another replay tells something else: %v", err)
			}
			checkAccount(t, w, a)
		})
	}
}

func checkAccount(t *testing.T, w *Sweep, a *Account) {
	t.Helper()
	find := func(from int, kind, text string) int {
		i := slices.IndexFunc(a.Lines[from:], func(l Line) bool { return l.Kind == kind && strings.Contains(l.Text, text) })
		if i < 0 {
			t.Errorf("no line of kind %q with %q behind line %d of\n%v", kind, text, from, a.Lines)
			return from
		}
		return from + i
	}
	find(0, "flash", " bytes)")
	struck := 0
	if f := a.Result.Faults[0]; f.Kind == fault.Damaged {
		struck = find(0, "fault", "the package arrives changed: "+f.Edit.String())
	} else {
		struck = find(0, "cut", "the power fails at operation #")
		if p := a.Result.Places; len(p) > 0 {
			find(struck, "cut", "the power fails at operation "+p[0].String())
		}
		find(struck, "cut", "bits that were to change have changed")
		find(struck, "power", "reset: ")
	}
	after := func(l Line) bool {
		return l.Kind == "decide" || l.Kind == "do" || l.Kind == "read" || l.Kind == "print"
	}
	if !slices.ContainsFunc(a.Lines[struck:], after) {
		t.Errorf("nothing tells what boot code and core do behind line %d of\n%v", struck, a.Lines)
	}
	if last := a.Lines[find(0, "verdict", string(a.Result.Outcome))]; !strings.HasPrefix(last.Text, string(a.Result.Outcome)) {
		t.Errorf("the account ends with %v", last)
	}
	if !slices.IsSortedFunc(a.Lines, func(x, y Line) int { return int(x.At - y.At) }) {
		t.Error("the lines are not in the order of time")
	}
}
