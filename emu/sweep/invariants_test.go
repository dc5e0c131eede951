package sweep

import (
	"slices"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash"
)

// Every invariant has a mistake that breaks it: boot code or an updater that does
// something else than the real one in one situation, after a cut.

// badBoot is boot code with a mistake that shows while the core is half written.
type badBoot struct {
	chips.Bootloader
	app     flash.Partition
	mistake func(*chips.Env) (chips.BootResult, bool)
}

func (b *badBoot) Boot(env *chips.Env) (chips.BootResult, error) {
	sector := make([]byte, flash.DefaultSectorSize)
	if _, err := env.Board.Flash[0].ReadAt(sector, b.app.Off); err != nil {
		return chips.BootResult{}, err
	}
	if flash.Erased(sector) {
		if res, over := b.mistake(env); over {
			return res, nil
		}
	}
	return b.Bootloader.Boot(env)
}

// badCore has an updater that is busy until it has ended, and remembers that
// for ever; or it throws the rest of a package away after a loss of power.
type badCore struct {
	chips.Core
	busy   int64            // where the updater notes that, if it does
	forget *flash.Partition // where the package is
}

func (c *badCore) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	if c.forget != nil && env.Board.Reset == chips.ResetPower {
		if err := env.Board.Flash[0].Erase(c.forget.Off, flash.DefaultSectorSize); err != nil {
			return nil, err
		}
	}
	r, err := c.Core.Start(env, boot)
	if err == nil && r.Updater != nil && c.busy > 0 {
		r.Updater = &busyUpdater{r.Updater, c.busy}
	}
	return r, err
}

type busyUpdater struct {
	chips.Updater
	busy int64
}

func (u *busyUpdater) Init(env *chips.Env, start, length int64) (int, error) {
	d, mark := env.Board.Flash[0], make([]byte, 1)
	if _, err := d.ReadAt(mark, u.busy); err != nil {
		return 0, err
	}
	if mark[0] != 0xFF {
		return -1, nil
	}
	if err := d.Program(u.busy, []byte{0}); err != nil {
		return 0, err
	}
	return u.Updater.Init(env, start, length)
}

func (u *busyUpdater) End(env *chips.Env, ok bool) (int, error) {
	if err := env.Board.Flash[0].Erase(u.busy, flash.DefaultSectorSize); err != nil {
		return 0, err
	}
	return u.Updater.End(env, ok)
}

// mistakes are, for each invariant, boot code that breaks it. Spare is a
// partition that nobody uses.
var mistakes = map[Invariant]func(env *chips.Env, spare, fs flash.Partition) (chips.BootResult, bool){
	Boots: func(*chips.Env, flash.Partition, flash.Partition) (chips.BootResult, bool) {
		return chips.BootResult{Outcome: chips.BootFailed}, true
	},
	Files: func(env *chips.Env, _, fs flash.Partition) (r chips.BootResult, over bool) {
		_ = env.Board.Flash[0].Erase(fs.Off, fs.Size)
		return r, false
	},
	Outside: func(env *chips.Env, spare, _ flash.Partition) (r chips.BootResult, over bool) {
		_ = env.Board.Flash[0].Program(spare.Off, []byte{0})
		return r, false
	},
	Converges: func(env *chips.Env, spare, _ flash.Partition) (chips.BootResult, bool) {
		d, count := env.Board.Flash[0], make([]byte, 10)
		_, _ = d.ReadAt(count, spare.Off)
		n := slices.Index(count, 0xFF)
		if n < 0 {
			return chips.BootResult{}, false
		}
		_ = d.Program(spare.Off+int64(n), []byte{0})
		return chips.BootResult{Outcome: chips.BootReset}, true
	},
	Wear: func(env *chips.Env, spare, _ flash.Partition) (r chips.BootResult, over bool) {
		for range 5 {
			_ = env.Board.Flash[0].Erase(spare.Off, flash.DefaultSectorSize)
		}
		return r, false
	},
}

// TestInvariantsBreak has each invariant fail in each mode for the mistake that
// it is there for, and hold without it.
func TestInvariantsBreak(t *testing.T) {
	good, err := all.Chip("Air6208", "g3")
	if err != nil {
		t.Fatal(err)
	}
	table := good.Partitions[0]
	part := func(name string) flash.Partition {
		i := slices.IndexFunc(table, func(p flash.Partition) bool { return p.Name == name })
		if i < 0 {
			t.Fatalf("no partition is called %s: %v", name, table)
		}
		return table[i]
	}
	for _, mode := range []Mode{ModeBoot, ModeUpdate, ModeSystem} {
		s := Scenario{Name: "mistakes", Chip: "Air6208", Profile: "g3", Mode: mode, Old: Version{CoreBytes: 12 << 10}, Invariants: Invariants[:]}
		control, err := New(copyOf(s), good)
		if err != nil {
			t.Fatal(err)
		}
		halfApp, halfFota := fault.Fault{Kind: fault.Cut, How: fault.How{Kind: fault.Before}}, fault.Fault{Kind: fault.Cut, How: fault.How{Kind: fault.Before}}
		for i, op := range control.Clean.Ops {
			if op.Part == "app" && op.Kind == flash.OpErase.String() && halfApp.Op == 0 {
				halfApp.Op = uint64(i) + 1
			}
			if op.Part == "fota" && op.Stage == "updater" && op.Kind == flash.OpProgram.String() {
				halfFota.Op = uint64(i) // the last
			}
		}
		spare := spareOf(t, control)
		for _, invariant := range Invariants {
			bad, cut := *good, halfApp
			switch mistake := mistakes[invariant]; {
			case mistake != nil:
				bad.Bootloader = &badBoot{good.Bootloader, part("app"), func(env *chips.Env) (chips.BootResult, bool) { return mistake(env, spare, part("fs")) }}
			case invariant == Exact && mode != ModeSystem:
				fota := part("fota")
				bad.Core = &badCore{Core: good.Core, forget: &fota}
			case mode == ModeBoot:
				continue // no updater takes part: see TestAskedAgain
			default: // in the mode system, what is mixed stays so only if it cannot be reached
				bad.Core, cut = &badCore{Core: good.Core, busy: spare.Off}, halfFota
			}
			t.Run(string(mode)+" "+string(invariant), func(t *testing.T) {
				a, err := control.ReplayFaults([]fault.Fault{cut})
				if err != nil || slices.Contains(a.Result.Broken, invariant) {
					t.Fatalf("without the mistake: %v, %v", a.Result, err)
				}
				w, err := New(copyOf(s), &bad)
				if err != nil {
					t.Fatal(err)
				}
				if a, err = w.ReplayFaults([]fault.Fault{cut}); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s, broken %v: %s", a.Result.Outcome, a.Result.Broken, a.Result.Detail)
				if !slices.Contains(a.Result.Broken, invariant) {
					t.Errorf("%s holds", invariant)
				}
			})
		}
	}
}

// spareOf is a partition that the upgrade leaves alone and nobody needs.
func spareOf(t *testing.T, w *Sweep) flash.Partition {
	t.Helper()
	for _, p := range w.Chip.Partitions[0] {
		if !p.Overlay && p.Kind != fsKind && !w.touched[[2]int64{0, p.Off}] && p.Size >= flash.DefaultSectorSize && flash.Erased(contents(w.begin().flashes[0], p)) {
			return p
		}
	}
	t.Fatal("every partition is used")
	return flash.Partition{}
}

func copyOf(s Scenario) *Scenario { return &s }

// TestAskedAgain asks modules once more that a cut has left with the old version,
// in the modes in which nobody does that unless the scenario says so.
func TestAskedAgain(t *testing.T) {
	n, bad := 0, 0
	for _, s := range []Scenario{
		{Chip: "Air6208", Profile: "g3", Mode: ModeUpdate, Old: Version{CoreBytes: 12 << 10}, New: Version{ScriptBytes: 3000}},
		{Chip: "Air780E", Profile: "full", Package: "combined", Mode: ModeUpdate, Old: Version{CoreBytes: 12 << 10}, New: Version{ScriptBytes: 1000}},
	} {
		s.Name, s.Sample, s.Invariants = "again", 80, []Invariant{Reachable}
		chip, err := all.Chip(s.Chip, s.Profile)
		if err != nil {
			t.Fatal(err)
		}
		w, err := New(&s, chip)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range collect(t, w, Options{}) {
			if r.Outcome == emu.OutcomeOld {
				n++
			}
			broken := slices.Contains(r.Broken, Reachable)
			if broken {
				bad++
			}
			if good := r.Outcome == emu.OutcomeOld || r.Outcome == emu.OutcomeNew; broken == good && r.Outcome != emu.OutcomeMixed {
				t.Errorf("%s: %s, broken %v: %s", NewID(&s, &r.Case), r.Outcome, r.Broken, r.Detail)
			}
		}
	}
	if n == 0 || bad == 0 {
		t.Errorf("%d cases ended with the old version, %d modules could not be reached: expected some of each", n, bad)
	}
}
