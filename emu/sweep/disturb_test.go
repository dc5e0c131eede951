package sweep

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash/flashtest"
)

// told plays the upgrade of a family's module without a cut and tells it.
func told(t *testing.T, w *Sweep) (*Result, string) {
	t.Helper()
	tell := &teller{sweep: w, w: new(watcher)}
	r, err := w.playSystem(Case{}, tell)
	if err != nil {
		t.Fatal(err)
	}
	tell.endOps()
	var text strings.Builder
	for _, l := range tell.lines {
		text.WriteString(l.Kind + " " + l.Text + "\n")
	}
	return r, text.String()
}

// TestSystemFaults has faults of network and system do to a module what they are
// there for.
func TestSystemFaults(t *testing.T) {
	second := time.Second
	for c := range flashtest.Sample(slices.Values([]struct {
		family string
		f      fault.Fault
		want   emu.Outcome
		shows  string // regular expression of the account
		times  int    // that it shows, 0 for at least once
	}{
		{"xt804", fault.Fault{Kind: fault.Drip, Bytes: 100, At: fault.Time(500 * time.Millisecond)}, emu.OutcomeNew, "", 0},
		{"xt804", fault.Fault{Kind: fault.Drip, Bytes: 1, At: fault.Time(10 * second)}, emu.OutcomeOld, "", 0},
		{"xt804", fault.Fault{Kind: fault.ServerRestart, Bytes: 2000, At: fault.Time(5 * second)}, emu.OutcomeOld, "body incomplete", 1},
		{"rda8910", fault.Fault{Kind: fault.ServerRestart, Bytes: 2000}, emu.OutcomeNew, "net request .*GET", 0},
		{"rda8910", fault.Fault{Kind: fault.ServerRestart, Bytes: 2000, At: fault.Time(5 * second)}, emu.OutcomeOld, "net failed .*connection refused", 0},
		{"xt804", fault.Fault{Kind: fault.Reboot}, emu.OutcomeNew, "power reset: software", 2},
		{"ec618", fault.Fault{Kind: fault.Reboot, Times: 3}, emu.OutcomeNew, "power reset: software", 4},
		{"ec7xx", fault.Fault{Kind: fault.Reboot, At: fault.Time(50 * time.Millisecond)}, emu.OutcomeNew, "power reset: software", 2},
		{"xt804", fault.Fault{Kind: fault.Reboot, Bytes: 3000}, emu.OutcomeNew, "(?s)net response.*power reset: software.*net response.*power reset: software", 1},
		{"rda8910", fault.Fault{Kind: fault.Reboot, Bytes: 3000}, emu.OutcomeNew, "(?s)net response.*power reset: .*net response.*power reset: ", 1},
		{"xt804", fault.Fault{Kind: fault.SecondRequest}, emu.OutcomeOld, "net request .*GET", 2},
		{"rda8910", fault.Fault{Kind: fault.SecondRequest, Bytes: 1000}, "", "net request .*GET", 0},
		{"xt804", fault.Fault{Kind: fault.OutOfHeap, Bytes: 16000}, emu.OutcomeStuck, "not enough memory", 0},
		{"rda8910", fault.Fault{Kind: fault.OutOfHeap, Bytes: 16000}, emu.OutcomeStuck, "not enough memory", 0},
		{"xt804", fault.Fault{Kind: fault.Watchdog, At: fault.Time(20 * second)}, emu.OutcomeStuck, "power reset: watchdog", 0},
		{"xt804", fault.Fault{Kind: fault.Watchdog, At: fault.Time(20 * second), Times: 1}, emu.OutcomeNew, "power reset: watchdog", 1},
		{"ec618", fault.Fault{Kind: fault.Watchdog, At: fault.Time(2 * second), Times: 2}, emu.OutcomeNew, "power reset: watchdog", 2},
	}), 9, 2) {
		t.Run(c.family+" "+c.f.String(), func(t *testing.T) {
			i := slices.IndexFunc(families, func(s Scenario) bool { return s.Name == c.family })
			w, err := inMode(t, families[i], ModeSystem, c.f)
			if err != nil {
				t.Fatal(err)
			}
			r, text := told(t, w)
			if c.want != "" && (r.Outcome != c.want || w.Clean.Outcome != c.want) {
				t.Errorf("%s, and %s at the rehearsal: expected %s: %s", r.Outcome, w.Clean.Outcome, c.want, r.Detail)
			}
			n := len(regexp.MustCompile(c.shows).FindAllString(text, -1))
			if c.shows != "" && (n == 0 || c.times > 0 && n != c.times) {
				t.Errorf("%q shows %d times, expected %d:\n%s", c.shows, n, c.times, text)
			}
			if c.f.Kind == fault.Drip && w.Clean.Virtual < min(10*time.Minute, time.Duration(len(w.Package))/time.Duration(c.f.Bytes)*time.Duration(c.f.At)) {
				t.Errorf("it took %v", w.Clean.Virtual)
			}
		})
	}
}

// TestClockJumps sweeps a project of one's own that looks at its clock.
func TestClockJumps(t *testing.T) {
	dir := t.TempDir()
	script := `PROJECT = "clock" VERSION = "1.0.0"
PRODUCT_KEY = "0123456789abcdefghijABCDEFGHIJ01"
sys = require("sys")
sys.taskInit(function()
  local was = os.time()
  sys.wait(5000)
  log.info("clock", "moved by", os.time() - was)
end)
sys.run()
`
	script = strings.Replace(script, ` VERSION`, "\nVERSION", 1)
	for _, v := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, v), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, v, "main.lua"), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
		script = strings.Replace(script, "1.0.0", "1.0.1", 1)
	}
	for seconds, want := range map[int64]string{-86400: "moved by -86395", 3600: "moved by 3605"} {
		s := Scenario{Name: "clock", Chip: "Air6208", Profile: "g3", Mode: ModeSystem, Old: Version{Project: "a", CoreBytes: 12 << 10}, New: Version{Project: "b"},
			Faults: []fault.Fault{{Kind: fault.ClockJump, Seconds: seconds, At: fault.Time(time.Second)}}}
		s.In(dir)
		c, err := all.Chip(s.Chip, s.Profile)
		if err != nil {
			t.Fatal(err)
		}
		w, err := New(&s, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, text := told(t, w); !strings.Contains(text, want) {
			t.Errorf("%d seconds: expected %q:\n%s", seconds, want, text)
		}
	}
}

// TestResetAt resets modules with the power on, in every mode, and has the same
// happen in a replay.
func TestResetAt(t *testing.T) {
	type cell struct {
		mode   Mode
		family Scenario
	}
	cells := func(yield func(cell) bool) {
		for _, mode := range []Mode{ModeBoot, ModeUpdate, ModeSystem} {
			for _, family := range families {
				if !yield(cell{mode, family}) {
					return
				}
			}
		}
	}
	for c := range flashtest.Sample(cells, 3, 1) {
		mode, family := c.mode, c.family
		t.Run(family.Name+" "+string(mode), func(t *testing.T) {
			w, err := inMode(t, family, mode)
			if err != nil {
				t.Fatal(err)
			}
			f := []fault.Fault{{Kind: fault.ResetAt, At: fault.Time(w.Clean.Virtual / 2)}}
			a, err := w.ReplayFaults(f)
			if err != nil {
				t.Fatalf("%s %s: %v", family.Name, mode, err)
			}
			b, err := w.ReplayFaults(f)
			if err != nil || a.Trace != b.Trace {
				t.Errorf("%s %s: two replays differ: %v", family.Name, mode, err)
			}
			resets := 0
			for _, l := range a.Lines {
				if l.Kind == "power" && l.Text == "reset: exception" {
					resets++
				}
			}
			if resets != 1 || !a.Result.Fine() {
				t.Errorf("%s %s: %d resets; %s, broken %v: %s", family.Name, mode, resets, a.Result.Outcome, a.Result.Broken, a.Result.Detail)
			}
			in, err := inMode(t, family, mode, f...)
			if err != nil {
				t.Fatalf("%s %s as a fault of the scenario: %v", family.Name, mode, err)
			}
			checkTwice(t, in)
		})
	}
}

// TestWatchdogOfBootCode lets a watchdog bite in the middle of what boot code
// does.
func TestWatchdogOfBootCode(t *testing.T) {
	for _, c := range []struct {
		family string
		at     time.Duration
		times  int
		want   emu.Outcome
	}{
		{"ec618", 1200 * time.Millisecond, 0, emu.OutcomeNew}, // it goes on where it was
		{"ec618", 1200 * time.Millisecond, 2, emu.OutcomeNew},
		{"rda8910", 3 * time.Second, 0, emu.OutcomeStuck},
		{"xt804", 500 * time.Millisecond, 1, emu.OutcomeNew},
		{"xt804", time.Hour, 0, emu.OutcomeNew},
	} {
		i := slices.IndexFunc(families, func(s Scenario) bool { return s.Name == c.family })
		w, err := inMode(t, families[i], ModeBoot, fault.Fault{Kind: fault.Watchdog, At: fault.Time(c.at), Times: c.times})
		if err != nil {
			t.Fatal(err)
		}
		rec, causes := trace.New(), map[string]int{}
		rec.Sink(func(e *trace.Event) { causes[e.Text]++ })
		if _, err := w.play(w.begin(), &watcher{rec: rec}); err != nil {
			t.Fatal(err)
		}
		bites := causes["reset: watchdog"]
		if w.Clean.Outcome != c.want || c.times > 0 && bites > c.times || (bites == 0) != (c.at == time.Hour) {
			t.Errorf("%s, %v, %d times: %s after %d bites: %s", c.family, c.at, c.times, w.Clean.Outcome, bites, w.Clean.Detail)
		}
		checkTwice(t, w)
	}
}

// TestIgnoredOperationsCount sweeps chips that do not carry out what they are
// told: every case is the one that its number says.
func TestIgnoredOperationsCount(t *testing.T) {
	for _, f := range []string{"deaf-program, part: fota, op: 6, times: 2", "bad-erase, part: script, times: 1", "deaf-erase, part: sysparam"} {
		w, err := withFaults(t, "xt804-download", f)
		if err != nil {
			t.Fatal(err)
		}
		w.Scenario.Sample, w.Scenario.Hows = 0, []fault.How{{Kind: fault.Before}, {Kind: fault.Front, Num: 1, Den: 2}, {Kind: fault.After}}
		results := collect(t, w, Options{From: uint64(max(0, len(w.Clean.Ops)-60) * 3)})
		if want := min(60, len(w.Clean.Ops)) * 3; len(results) != want {
			t.Fatalf("%s: %d cases, expected %d", f, len(results), want)
		}
		for _, r := range results {
			a, err := w.ReplayFaults([]fault.Fault{{Kind: fault.Cut, Op: r.Number / 3, How: w.Scenario.Hows[r.Number%3]}})
			if err != nil || a.Result.Outcome != r.Outcome || a.Result.Detail != r.Detail || a.Result.Boots != r.Boots {
				t.Errorf("%s: case %d: %s %s; its replay: %+v, %v", f, r.Number, r.Outcome, r.Detail, a, err)
				break
			}
		}
	}
}

// TestRecoveries cuts every recovery: each case has a first fault of its own and
// the same row behind it at every replay, and the module settles in the end.
func TestRecoveries(t *testing.T) {
	for _, name := range []string{"zipped", "delta", "system"} {
		s := small[name]
		s.Recoveries, s.Sample = 4, 8
		w := openScenario(t, name, s)
		rows := 0
		for _, r := range collect(t, w, Options{}) {
			if len(r.Path) == 1+s.Recoveries {
				rows++
			}
			if name != "system" && !r.Fine() {
				t.Errorf("%s: %s, broken %v: %s", NewID(w.Scenario, &r.Case), r.Outcome, r.Broken, r.Detail)
			}
			a, err := w.Replay(r.Path)
			if err != nil || a.Result.Outcome != r.Outcome || len(a.Result.Faults) != len(r.Path) {
				t.Errorf("%s: replay %+v, %v", NewID(w.Scenario, &r.Case), a, err)
			}
		}
		if rows < 3 {
			t.Errorf("%s: %d cases have %d cuts", name, rows, 1+s.Recoveries)
		}
	}
}

// TestPowerFaultsInARow has a brown-out, a cut in time and a reset strike before
// the cut of each case; all of it is the same twice, and in replays.
func TestPowerFaultsInARow(t *testing.T) {
	row := []fault.Fault{
		{Kind: fault.BrownOut, Op: 40, Ops: 3, How: fault.How{Kind: fault.Front, Num: 1, Den: 2}},
		{Kind: fault.CutAt, At: fault.Time(250 * time.Millisecond)},
		{Kind: fault.ResetAt, At: fault.Time(200 * time.Millisecond)},
	}
	for _, mode := range []Mode{ModeBoot, ModeUpdate, ModeSystem} {
		w, err := inMode(t, families[0], mode, row...)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		checkTwice(t, w)
		if w, err = inMode(t, families[0], mode); err != nil {
			t.Fatal(err)
		}
		a, err := w.ReplayFaults(row)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		ignored, resets := 0, 0
		for _, l := range a.Lines {
			if l.Kind == "ignored" {
				ignored++
			}
			if l.Text == "reset: exception" {
				resets++
			}
		}
		if len(a.Result.Places) != 3 || ignored != 3 || resets != 1 {
			t.Errorf("%s: %d faults struck, %d operations were ignored, %d resets with the power on", mode, len(a.Result.Places), ignored, resets)
		}
	}
}
