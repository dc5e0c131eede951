package sweep

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/chips/guest"
	"airlift/chips/guest/guesttest"
	"airlift/emu"
	"airlift/flash/flashtest"
)

// guestSweep prepares the upgrade of a guest's board, with the guest as boot
// code and update agent.
func guestSweep(t testing.TB, name string, cuts int, sample uint64) (*Sweep, guest.Description) {
	t.Helper()
	c, d := guesttest.Described(t, name)
	s := Scenario{Name: name, Chip: d.Board, Mode: ModeUpdate, Cuts: cuts, Sample: sample, Old: Version{CoreBytes: 6 << 10}, New: Version{CoreBytes: 7 << 10, ScriptBytes: 1000}}
	w, err := New(&s, c)
	if err != nil {
		t.Fatal(err)
	}
	if w.Clean.Outcome != emu.OutcomeNew || len(w.Clean.Broken) > 0 {
		t.Fatalf("without a fault: %s, broken %v: %s", w.Clean.Outcome, w.Clean.Broken, w.Clean.Detail)
	}
	return w, d
}

// TestGuestsSurvive sweeps the guests that are right: every cut in every way,
// and a sample of two cuts.
func TestGuestsSurvive(t *testing.T) {
	t.Parallel()
	pairs := uint64(400)
	if flashtest.Full() {
		pairs = 50000
	}
	for _, name := range []string{"ab", "ab-rust", "copy", "swap", "inplace-delta"} {
		t.Run(name, func(t *testing.T) {
			for i, sample := range []uint64{0, pairs} {
				cuts := i + 1
				w, _ := guestSweep(t, name, cuts, sample)
				outcomes := map[emu.Outcome]int{}
				for _, r := range collect(t, w, Options{}) {
					outcomes[r.Outcome]++
					if !r.Fine() {
						t.Errorf("%s: %s, broken %v: %s", NewID(w.Scenario, &r.Case), r.Outcome, r.Broken, r.Detail)
					}
				}
				t.Logf("%d cuts, %d operations: %v", cuts, len(w.Clean.Ops), outcomes)
			}
		})
	}
}

// TestGuestsBreak sweeps the guests with a mistake: it must be found, at an
// operation that has to do with it, and a replay must tell the same.
func TestGuestsBreak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		cuts  int
		stage string   // where the last cut of the first finding is
		parts []string // and in what
	}{
		{"naive", 1, "boot", []string{"state", "slot0"}},
		{"broken-flag-first", 1, "updater", []string{"state", "slot1"}},
		{"broken-no-verify", 1, "updater", []string{"slot1"}},
		{"broken-only-copy", 1, "boot", []string{"slot0", "slot1"}},
		{"broken-one-record", 1, "boot", []string{"state"}},
		{"broken-no-journal", 1, "boot", []string{"slot0"}},
		{"broken-no-limit", 1, "updater", []string{"state"}},
		{"broken-mark-early", 2, "boot", []string{"scratch", "slot0", "slot1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sample := uint64(600)
			if c.cuts > 1 {
				sample = 1500
			}
			if flashtest.Full() {
				sample *= 10
			}
			w, d := guestSweep(t, c.name, c.cuts, sample)
			if d.Mistake == "" {
				t.Fatal("the guest does not say what is wrong with it")
			}
			var first *Result
			wrong := 0
			for _, r := range collect(t, w, Options{}) {
				if string(r.Outcome) == d.Expect {
					wrong++
					if first == nil {
						first = r
					}
				}
			}
			if first == nil {
				t.Fatalf("no %s was found: %s", d.Expect, d.Mistake)
			}
			at := first.Places[len(first.Places)-1]
			t.Logf("%s: %d cases, the first %s, %s", d.Mistake, wrong, NewID(w.Scenario, &first.Case), &at)
			if at.Stage != c.stage || !slices.Contains(c.parts, at.Part) {
				t.Errorf("the first finding is at %s, expected %s in one of %v", &at, c.stage, c.parts)
			}
			account, err := w.Replay(first.Path)
			if err != nil {
				t.Fatal(err)
			}
			if r := account.Result; r.Outcome != first.Outcome || r.Detail != first.Detail || !reflect.DeepEqual(r.Places, first.Places) {
				t.Errorf("the replay tells of %s: %s at %v", r.Outcome, r.Detail, r.Places)
			}
		})
	}
}

// TestGuestsAndDamagedPackages delivers damaged packages: guests that are right
// end with the old or the new version, the one that verifies nothing does not.
func TestGuestsAndDamagedPackages(t *testing.T) {
	t.Parallel()
	n := uint64(160)
	if flashtest.Full() {
		n = 5000
	}
	for _, c := range []struct {
		name string
		bad  bool
	}{
		{"ab", false}, {"ab-rust", false}, {"copy", false}, {"swap", false}, {"inplace-delta", false}, {"broken-no-verify", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := guestSweep(t, c.name, 1, 0)
			w.Scenario.Damages = n
			outcomes := map[emu.Outcome]int{}
			var wrong []*Result
			for _, r := range collect(t, w, Options{From: w.space().cuts()}) {
				outcomes[r.Outcome]++
				if !r.Fine() {
					wrong = append(wrong, r)
				}
			}
			t.Logf("%d damaged packages: %v", n, outcomes)
			if outcomes[emu.OutcomeOld] == 0 && !c.bad || outcomes[emu.OutcomeNew] == 0 && c.bad {
				t.Error("no package was refused by a guest that looks, or none taken by one that does not")
			}
			if !c.bad {
				for _, r := range wrong {
					t.Errorf("%s: %s, broken %v: %s", NewID(w.Scenario, &r.Case), r.Outcome, r.Broken, r.Detail)
				}
				return
			}
			if outcomes[emu.Outcome(d.Expect)] == 0 {
				t.Fatalf("no %s was found: %s", d.Expect, d.Mistake)
			}
			for _, first := range wrong[:3] {
				a, err := w.Replay(first.Path)
				if err != nil {
					t.Fatal(err)
				}
				if a.Result.Outcome != first.Outcome || a.Result.Detail != first.Detail || !reflect.DeepEqual(a.Result.Faults, first.Faults) || len(a.Lines) == 0 || a.Trace == "" {
					t.Errorf("%s: the replay tells of %+v", NewID(w.Scenario, &first.Case), a.Result)
				}
				b, err := w.Replay(first.Path)
				if err != nil || b.Trace != a.Trace {
					t.Errorf("%s: another trace at the second replay: %v", NewID(w.Scenario, &first.Case), err)
				}
			}
			x, err := w.Shrink(t.Context(), wrong[0].Path)
			if err != nil {
				t.Fatal(err)
			}
			if got := x.Account.Result; got.Reason() != wrong[0].Reason() || got.Faults[0].Edit == nil {
				t.Errorf("shrunk to %+v", got)
			}
		})
	}
}

// TestDamagesOfScenarios refuses what damages cannot mean.
func TestDamagesOfScenarios(t *testing.T) {
	for text, want := range map[string]string{
		"{name: x, chip: GenAB, damages: 10, cuts: 2}":                                   "damages 10: expected",
		"{name: x, chip: GenAB, damages: 10, mode: volume}":                              "mode volume has no package",
		"{name: x, chip: GenAB, damages: 2000000}":                                       "damages 2000000: expected",
		"{name: x, chip: GenAB, faults: [{kind: damaged}]}":                              "edit is missing",
		"{name: x, chip: GenAB, damages: 10, faults: [{kind: cut, op: 1, how: before}]}": "no faults",
		"{name: x, chip: GenAB, faults: [{kind: damaged, edit: {do: dance}}]}":           "edit",
	} {
		if _, err := ReadScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestGuestsThatNeverEnd are stuck where a watchdog resets them, and bricks
// where nothing does.
func TestGuestsThatNeverEnd(t *testing.T) {
	endless := []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x08\x01\x04boot\x00\x00" +
		"\x0a\x0b\x01\x09\x00\x03\x40\x0c\x00\x0b\x41\x00\x0b") // loop, br 0
	for watchdog, want := range map[time.Duration]emu.Outcome{8 * time.Second: emu.OutcomeStuck, 0: emu.OutcomeBrick} {
		w, _ := guestSweep(t, "ab", 1, 0)
		m, err := guest.Load("endless", endless, guest.Limits{Steps: 1_000_000, Watchdog: watchdog})
		if err != nil {
			t.Fatal(err)
		}
		c := *w.Chip
		c.Bootloader = &guest.Bootloader{Module: m, Tables: c.Partitions}
		w.machine.chip = &c
		v, err := w.settle(w.begin())
		if err != nil || v.outcome != want {
			t.Errorf("watchdog %v: %s, %v; want %s", watchdog, v.outcome, err, want)
		}
	}
}
