package emu_test

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/demo"
	"airlift/emu/project"
	"airlift/emu/trace"
	"airlift/flash"
	"airlift/flash/flashtest"
	"airlift/flash/luadb"
)

// tape is what a run recorded, one line an event.
type tape []string

func record(rec *trace.Recorder) *tape {
	t := new(tape)
	rec.Sink(func(e *trace.Event) {
		*t = append(*t, fmt.Sprintf("%d %d %s %s %+v %d %d %d %d", e.Time, e.Boot, e.Kind, e.Text, e.Step, e.Op, e.Seq, e.Off, e.Len))
	})
	return t
}

// unwound checks that a run which something ended from outside recorded what
// the clean run did up to that moment, and then nothing but last: the rule of
// the house that an unwind is caught by nothing.
func (t tape) unwound(clean tape, last ...trace.Kind) error {
	n := len(t) - len(last)
	if n < 0 {
		return fmt.Errorf("only %d events", len(t))
	}
	for i, line := range t[:n] {
		if i >= len(clean) || line != clean[i] {
			return fmt.Errorf("event %d of %d differs from the clean run: %s", i, len(t), line)
		}
	}
	for i, kind := range last {
		if line := t[n+i]; strings.Fields(line)[2] != string(kind) {
			return fmt.Errorf("event %d of %d: %s, want %s", n+i, len(t), line, kind)
		}
	}
	return nil
}

// cutter cuts the power of a device once and then watches that it is silent:
// nothing is recorded but the end of the run, no operation starts, no time
// passes.
type cutter struct {
	cut   flashtest.CutAt
	dev   *emu.Device
	clock *emu.Clock
	tape  *tape

	lost bool
	at   time.Duration
	ops  uint64
}

func (c *cutter) Before(op *flash.Op) flash.Fate {
	if c.lost {
		return flash.Fate{}
	}
	f := c.cut.Before(op)
	if f.Kind != flash.FateProceed {
		c.lost, c.at, c.ops = true, c.clock.Now(), c.dev.Power().Ops()
	}
	return f
}

func (c *cutter) After(*flash.Op) {}

// check looks at a run that was cut.
func (c *cutter) check(res emu.Result, clean tape) error {
	switch {
	case !c.lost:
		return fmt.Errorf("the power was not cut; the run ended with %s: %s", res.End, res.Detail)
	case res.End != emu.EndPower:
		return fmt.Errorf("the run ended with %s: %s", res.End, res.Detail)
	case c.clock.Now() != c.at:
		return fmt.Errorf("%v passed after the cut", c.clock.Now()-c.at)
	case c.dev.Power().Ops() != c.ops:
		return fmt.Errorf("%d operations started after the cut", c.dev.Power().Ops()-c.ops)
	}
	return c.tape.unwound(clean, trace.End)
}

// place is where one operation of the clean run belongs.
type place struct {
	stage string // "boot 0 fota program"
	off   int64  // bytes from the start of the chip
}

// placeTap notes the places of a run's operations.
type placeTap struct {
	dev    *emu.Device
	table  flash.Table
	places []place
}

func (s *placeTap) Before(op *flash.Op) flash.Fate {
	name := "?"
	for _, p := range s.table {
		if p.Contains(op.Off) {
			name = p.Name
			break // some generations let partitions overlap
		}
	}
	s.places = append(s.places, place{fmt.Sprintf("boot %d %s %s", s.dev.Boots(), name, op.Kind), op.Off})
	return flash.Fate{}
}

func (s *placeTap) After(*flash.Op) {}

func mustChip(t testing.TB, model, profile string) *chips.Chip {
	t.Helper()
	c, err := all.Chip(model, profile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cutStory is one upgrade whose power is cut everywhere.
type cutStory struct {
	model    string
	profile  string // "" for the model's own
	kind     string // of the package
	coreSize int64
	// want is what the module may run when the power comes back after op whole
	// operations.
	want func(s *cutStory, op int) []emu.Outcome

	clean  tape
	places []place
	made   []byte
	bytes  int   // of the package
	script int64 // more than the script image in it, which is packed last, takes
}

// The whole device through a whole upgrade, the power cut at every operation:
// after the cut nothing moves; when the power comes back the module runs what
// the references say, and goes on to the new version.
func TestPowerCutsDuringUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short, which the race detector is used with: one thing after the other")
	}
	for _, c := range []*cutStory{
		{model: "Air6208", profile: "g3", kind: "fota", coreSize: 12 << 10, want: (*cutStory).wantFotaArea},
		{model: "Air101", profile: "g2-fota", kind: "fota", coreSize: 12 << 10, want: (*cutStory).wantFotaArea},
		{model: "Air601", profile: "g2", kind: "bin", want: (*cutStory).wantFileSystem},
		{model: "Air780E", profile: "full", kind: "bin", coreSize: 12 << 10, want: (*cutStory).wantInfoRecord},
		{model: "Air780E", profile: "full", kind: "combined", coreSize: 70 << 10, want: (*cutStory).wantInfoRecord},
		{model: "Air780EP", profile: "1", kind: "combined", coreSize: 200 << 10, want: (*cutStory).wantInfoRecord},
		{model: "GenAB", kind: "image", coreSize: 12 << 10, want: (*cutStory).wantRecord},
		{model: "GenSwap", kind: "image", coreSize: 12 << 10, want: (*cutStory).wantRecord},
		{model: "GenDelta", kind: "delta", coreSize: 12 << 10, want: (*cutStory).wantRecord},
	} {
		t.Run(c.model+"-"+c.kind, func(t *testing.T) { c.sweep(t) })
	}
}

// new prepares the story afresh: nothing of an earlier run is left but the
// chip's memory of unpacked packages, which changes nothing.
func (c *cutStory) new(t testing.TB, chip *chips.Chip, limit time.Duration, steps uint64) (*demo.Story, *tape) {
	t.Helper()
	cfg := demo.Config{Chip: chip, Seed: 11, CoreSize: c.coreSize, Link: "ideal", Limit: limit, Kind: c.kind, Made: c.made}
	cfg.Script.Steps = steps
	s, err := demo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, record(s.World.Trace)
}

// rehearse runs the story without a cut.
func (c *cutStory) rehearse(t *testing.T, chip *chips.Chip) demo.Report {
	t.Helper()
	s, tape := c.new(t, chip, 0, 0)
	places := &placeTap{dev: s.Device, table: chip.Partitions[0]}
	s.Device.Tap(places)
	r, err := s.Run()
	if err != nil || r.Outcome != emu.OutcomeNew {
		t.Fatalf("the clean run ended with %v, %v", r.Outcome, err)
	}
	c.clean, c.places, c.bytes, c.made = *tape, places.places, s.Package.Bytes, s.Package.Data
	c.script = 8 << 10
	return r
}

func (c *cutStory) sweep(t *testing.T) {
	const seed = 1
	chip := mustChip(t, c.model, c.profile)
	c.rehearse(t, chip)
	rows := map[string]map[string]int{}
	for _, cut := range c.cuts(seed) {
		at := c.places[cut.Op]
		label := fmt.Sprintf("%s %v (%s 0x%X)", c.model, cut, at.stage, at.off)
		s, tape := c.new(t, chip, 0, 0)
		k := &cutter{cut: cut, dev: s.Device, clock: s.World.Clock, tape: tape}
		s.Device.Tap(k)
		once, err := s.Run()
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		if err := k.check(once.End, c.clean); err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		final, err := s.Run()
		if err != nil {
			t.Fatalf("%s: afterwards: %v", label, err)
		}
		row := fmt.Sprintf("%-28s %-10s", at.stage, cut.How)
		if rows[row] == nil {
			rows[row] = map[string]int{}
		}
		rows[row][fmt.Sprintf("%s -> %s", once.Outcome, final.Outcome)]++
		c.judge(t, label, cut, once.Outcome, final)
	}
	t.Logf("%s: outcomes at once -> in the end\n%s", c.model+" "+c.profile, c.table(rows))
}

// cuts are the cuts to make: the last operations of every stage, where things
// change, and a sample of all.
func (c *cutStory) cuts(seed uint64) []flashtest.CutAt {
	ops := len(c.places)
	var list []flashtest.CutAt
	for i := range ops {
		if i+3 >= ops || c.places[i+3].stage != c.places[i].stage {
			list = append(list, flashtest.CutAt{Op: uint64(i), How: flashtest.After, Seed: seed})
		}
	}
	if flashtest.Full() {
		list = nil // they are among all
	}
	for cut := range flashtest.Sample(flashtest.Sweep(uint64(ops), seed), 25, seed) {
		list = append(list, cut)
	}
	return list
}

// judge holds a cut between operations to the reference. What a torn
// operation leads to is reported as found, but a cable is never needed.
func (c *cutStory) judge(t *testing.T, label string, cut flashtest.CutAt, once emu.Outcome, final demo.Report) {
	t.Helper()
	if once == emu.OutcomeBrick || final.Outcome == emu.OutcomeBrick {
		t.Errorf("%s: a brick", label)
	}
	if cut.How != flashtest.Before && cut.How != flashtest.After {
		return
	}
	done := int(cut.Op)
	if cut.How == flashtest.After {
		done++
	}
	ok := false
	want := c.want(c, done)
	for _, o := range want {
		ok = ok || o == once
	}
	if !ok {
		t.Errorf("%s: at once %s, want %v", label, once, want)
	}
	lost := c.kind == "combined" && once == emu.OutcomeMixed
	if final.Outcome != emu.OutcomeNew && once != emu.OutcomeStuck && !lost {
		t.Errorf("%s: in the end %s: %s", label, final.Outcome, final.End.Detail)
	}
}

// table prints rows in the order of the stages.
func (c *cutStory) table(rows map[string]map[string]int) string {
	var b strings.Builder
	done := map[string]bool{}
	for _, p := range c.places {
		if done[p.stage] {
			continue
		}
		done[p.stage] = true
		for _, how := range flashtest.AllHows {
			row := fmt.Sprintf("%-28s %-10s", p.stage, how)
			var cells []string
			for k, n := range rows[row] {
				cells = append(cells, fmt.Sprintf("%s: %d", k, n))
			}
			sort.Strings(cells)
			if len(cells) > 0 {
				fmt.Fprintf(&b, "%s  %s\n", row, strings.Join(cells, "  "))
			}
		}
	}
	return b.String()
}

// last returns the number of the last operation of a stage, plus one.
func (c *cutStory) last(stage string) int {
	for i := len(c.places) - 1; i >= 0; i-- {
		if c.places[i].stage == stage {
			return i + 1
		}
	}
	return 0
}

// first returns the number of the first operation of a stage.
func (c *cutStory) first(stage string) int {
	for i, p := range c.places {
		if p.stage == stage {
			return i
		}
	}
	return len(c.places)
}

// wantFotaArea is xt804.md 3.7 with P8: old while the package is incomplete,
// mixed while it is whole and the flag is not, new from then on.
//
// V2001 (g3) does not check the body of a package at boot (xt804.md 4.5): it
// unpacks what is there and then erased flash, and what comes out can pass for
// the header of a script image. Then the script area is damaged for good.
func (c *cutStory) wantFotaArea(done int) []emu.Outcome {
	if done > c.first("boot 0 sysparam program") {
		return []emu.Outcome{emu.OutcomeNew}
	}
	last := c.last("boot 0 fota program")
	if done >= last {
		return []emu.Outcome{emu.OutcomeMixed}
	}
	started := done > c.first("boot 0 fota program")
	area := c.places[c.first("boot 0 fota program")].off
	missing := int64(c.bytes) - (c.places[done].off - area)
	switch {
	case c.profile == "g3" && started && missing < c.script:
		return []emu.Outcome{emu.OutcomeOld, emu.OutcomeMixed, emu.OutcomeStuck}
	case c.profile == "g3" && started:
		return []emu.Outcome{emu.OutcomeOld, emu.OutcomeStuck}
	}
	return []emu.Outcome{emu.OutcomeOld}
}

// wantInfoRecord is ec618.md 4.5 and 10.4: old until the info record is whole,
// new from then on, wherever the boot code is cut. Between the erase of the
// placeholder and the record there is neither: the boot code then applies the
// delta and not the script (ec618.md 7, 15), and no delta of the platform fits
// the module any more.
func (c *cutStory) wantInfoRecord(done int) []emu.Outcome {
	switch last := c.last("boot 0 ota-info program"); {
	case done >= last:
		return []emu.Outcome{emu.OutcomeNew}
	case done == last-1 && c.kind == "combined":
		return []emu.Outcome{emu.OutcomeMixed}
	}
	return []emu.Outcome{emu.OutcomeOld}
}

// wantRecord is what the guests of the generic boards promise: old until the
// update agent's record is whole, new from then on.
func (c *cutStory) wantRecord(done int) []emu.Outcome {
	if done >= c.last("boot 0 state program") {
		return []emu.Outcome{emu.OutcomeNew}
	}
	return []emu.Outcome{emu.OutcomeOld}
}

// wantFileSystem is xt804.md 4.2: old until /update.bin is whole, which one
// operation of the file system decides, and new from then on.
func (c *cutStory) wantFileSystem(done int) []emu.Outcome {
	switch whole := c.last("boot 0 fs program"); {
	case done >= whole:
		return []emu.Outcome{emu.OutcomeNew}
	case done >= whole-2:
		return []emu.Outcome{emu.OutcomeOld, emu.OutcomeNew}
	}
	return []emu.Outcome{emu.OutcomeOld}
}

// The end of the run's time and of the step budget are unwinds too, and the
// module can be switched on again after them.
func TestTimeUpAndBudgetUnwind(t *testing.T) {
	for _, c := range []*cutStory{{model: "Air6208", coreSize: 12 << 10}, {model: "Air601"}} {
		chip := mustChip(t, c.model, c.profile)
		clean := c.rehearse(t, chip)
		n := 6
		if flashtest.Full() {
			n = 300
		}
		for i := range n {
			limit := clean.Virtual * time.Duration(i+1) / time.Duration(n+1)
			s, tape := c.new(t, chip, limit, 0)
			r, err := s.Run()
			if err != nil {
				t.Fatal(err)
			}
			if r.End.End != emu.EndTime {
				t.Fatalf("%s for %v: ended with %s", c.model, limit, r.End.End)
			}
			last := []trace.Kind{trace.Exit, trace.End}
			if !strings.Contains((*tape)[len(*tape)-2], " exit ") {
				last = last[1:] // between two boots
			}
			if err := tape.unwound(c.clean, last...); err != nil {
				t.Fatalf("%s for %v: %v", c.model, limit, err)
			}
			s.World.Clock.SetLimit(limit + 10*time.Minute)
			if r, err = s.Run(); err != nil || r.Outcome != emu.OutcomeNew {
				t.Fatalf("%s for %v, then on: %s, %v", c.model, limit, r.Outcome, err)
			}
		}
		for i := range n {
			steps := 1 + clean.End.Exit.Steps*uint64(i)/uint64(n)
			s, tape := c.new(t, chip, 0, steps)
			r, err := s.Run()
			if err != nil {
				t.Fatal(err)
			}
			if r.End.End != emu.EndBudget {
				t.Fatalf("%s with %d steps: ended with %s", c.model, steps, r.End.End)
			}
			if err := tape.unwound(c.clean, trace.Exit, trace.End); err != nil {
				t.Fatalf("%s with %d steps: %v", c.model, steps, err)
			}
		}
	}
}

// The power may also fail between two operations: while a packet is on its
// way, while the scripts compute. Here it fails at each thing that the clean
// run recorded but its end.
func TestPowerCutsAtEveryEvent(t *testing.T) {
	for _, c := range []*cutStory{{model: "Air6208", coreSize: 12 << 10}, {model: "Air601"}} {
		chip := mustChip(t, c.model, c.profile)
		c.rehearse(t, chip)
		events := func(yield func(int) bool) {
			for i := range c.clean[:len(c.clean)-1] {
				if !yield(i) {
					return
				}
			}
		}
		for at := range flashtest.Sample(events, 25, 1) {
			if err := c.cutAtEvent(t, chip, at); err != nil {
				t.Errorf("%s, cut at event %d (%s): %v", c.model, at, c.clean[at], err)
			}
		}
	}
}

// cutAtEvent switches the power off when the event is recorded.
func (c *cutStory) cutAtEvent(t *testing.T, chip *chips.Chip, at int) error {
	s, tape := c.new(t, chip, 0, 0)
	k := &cutter{dev: s.Device, clock: s.World.Clock, tape: tape}
	n := 0
	s.World.Trace.Sink(func(*trace.Event) {
		if n++; n == at+1 {
			s.Device.Power().Cut()
			k.lost, k.at, k.ops = true, k.clock.Now(), s.Device.Power().Ops()
		}
	})
	r, err := s.Run()
	if err != nil {
		return err
	}
	if err := k.check(r.End, c.clean); err != nil {
		return err
	}
	once := r.Outcome
	if r, err = s.Run(); err == nil && r.Outcome != emu.OutcomeNew && once != emu.OutcomeStuck {
		err = fmt.Errorf("at once %s, in the end %s", once, r.Outcome)
	}
	return err
}

// A module that never gets to its scripts' first wait still ends when its
// time is over: nothing else would end a run without a bound on boots.
func TestRebootLoopEnds(t *testing.T) {
	for name, text := range map[string]string{
		"reboot":     "rtos.reboot()",
		"pm":         "pm.reboot()",
		"loop":       "while true do end",
		"coroutines": "while true do coroutine.wrap(function() coroutine.yield() end)() end",
	} {
		chip := mustChip(t, "Air601", "")
		script, err := (&project.Project{Files: []luadb.File{{Name: "main.lua", Data: []byte(text)}}}).Image()
		if err != nil {
			t.Fatal(err)
		}
		flashes, err := emu.MakeFlash(chip, chips.MakeInput{Script: script, CoreSize: 4 << 10})
		if err != nil {
			t.Fatal(err)
		}
		dev, err := emu.NewDevice(emu.Config{Chip: chip, Flash: flashes, Clock: emu.NewClock(time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		if res, err := dev.Run(); err != nil || res.End != emu.EndTime {
			t.Errorf("%s: ended with %s: %s, %v", name, res.End, res.Detail, err)
		}
	}
}
