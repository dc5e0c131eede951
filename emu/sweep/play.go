package sweep

import (
	"errors"
	"fmt"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash"
)

// play runs the scenario on b from its start: what the mode begins with, then
// boots until nothing changes. A power cut ends it, with endCut.
func (s *Sweep) play(b *board, w *watcher) (*boot, error) {
	if s.struck || s.armed {
		return s.recover(b, w)
	}
	if s.Scenario.Mode == ModeVolume {
		return s.playVolume(b, w)
	}
	r, err := s.machine.boot(b, w)
	if err != nil || r.end != endRuns {
		return r, err
	}
	if r, err = s.deliverOn(b, r, w); err != nil || r.end == endCut {
		return r, err
	}
	if w != nil {
		w.boot++
	}
	return s.recover(b, w)
}

// deliverOn hands the package to the running module b, which then resets.
func (s *Sweep) deliverOn(b *board, r *boot, w *watcher) (*boot, error) {
	if w != nil {
		w.stage = "updater"
	}
	err := s.deliver(r)
	if errors.Is(err, flash.ErrPowerLost) || err == nil && b.power.Lost() {
		return s.machine.stopped(b, new(boot)), nil
	}
	if err != nil {
		if !s.faulty && s.Clean.Trace == "" {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
		if w != nil { // a module whose upgrade fails goes on with what it has
			w.step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: err.Error()})
		}
	}
	return s.machine.reset(b, new(boot), "the scripts restart the module"), nil
}

// recover boots b until nothing changes.
func (s *Sweep) recover(b *board, w *watcher) (*boot, error) {
	if s.Scenario.Mode == ModeVolume {
		return s.recoverVolume(b, w)
	}
	for range bootsBound {
		before := b.key()
		r, err := s.machine.boot(b, w)
		if err != nil || r.end == endDead || r.end == endCut {
			return r, err
		}
		if r.end == endReset {
			if b.key() == before {
				return r, nil
			}
		} else if flashSum(b.flashes) == before.flash {
			return r, nil
		} else {
			b.cause = chips.ResetPower
			clear(b.retained)
		}
		if w != nil {
			w.boot++
		}
	}
	return &boot{end: endReset, why: fmt.Sprintf("it still has not settled after %d boots", bootsBound)}, nil
}

// rehearse makes the start of every case and runs the scenario without a
// fault.
func (s *Sweep) rehearse() error {
	s.touched = map[[2]int64]bool{}
	if s.Scenario.Mode == ModeBoot {
		b := s.start.fork()
		r, err := s.machine.boot(b, nil)
		if err != nil {
			return err
		}
		if r.end != endRuns {
			return fmt.Errorf("the module does not start with these faults: %s", r.why)
		}
		t := &axisTap{sweep: s, w: &watcher{rec: trace.New(), stage: "updater"}, touched: s.touched}
		b.power.SetTap(t)
		if _, err := s.deliverOn(b, r, nil); err != nil {
			return err
		}
		b.power.SetTap(nil)
		if err := s.flips(b); err != nil {
			return err
		}
		for _, f := range b.flashes {
			if x, ok := f.Defects().(*fault.Chip); ok {
				x.Restart()
			}
		}
		s.start, s.armed = b, true
	}
	if faults := s.Scenario.powerFaults(); len(faults) > 0 {
		if !s.faulty {
			if _, err := s.refer(s.start.fork(), &axisTap{}); err != nil {
				return err
			}
		}
		if err := s.strikeFirst(faults); err != nil {
			return err
		}
	}
	b, t := s.start.fork(), new(axisTap)
	w, err := s.refer(b, t)
	if err != nil {
		return err
	}
	s.Clean.Ops, s.Clean.Virtual = t.ops, w.now
	s.wear = newWear(s.Chip, s.Clean.Ops)
	s.Clean.Trace = w.rec.Sum()
	v, err := s.settle(b)
	if err != nil {
		return err
	}
	res := s.result(Case{}, nil, v, erasures{})
	if s.fresh.flashes != nil {
		for i, f := range s.start.flashes {
			f.Expect(s.fresh.flashes[i].Snapshot())
		}
	}
	s.Clean.Outcome, s.Clean.Broken, s.Clean.Detail, s.Clean.Boots = res.Outcome, res.Broken, res.Detail, res.Boots
	return nil
}

// refer runs b without a cut and notes the partitions that change. What comes of
// a run without any fault is the new version.
func (s *Sweep) refer(b *board, t *axisTap) (*watcher, error) {
	w := &watcher{rec: trace.New()}
	t.sweep, t.w, t.touched = s, w, s.touched
	b.power.SetTap(t)
	r, err := s.play(b, w)
	if err != nil {
		return nil, err
	}
	b.power.SetTap(nil)
	switch {
	case s.Scenario.Mode == ModeVolume:
		if r.end != endRuns && !s.faulty {
			return nil, errors.New(r.why)
		}
	case r.end == endRuns && !s.faulty && !s.struck:
		s.fresh.flashes, s.fresh.version, s.fresh.code = b.fork().flashes, r.running.Identity.Version, r.running.Code
		s.fresh.volumes = volumesOf(s.Chip, b.flashes)
		if err := s.learn(r); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// strikeFirst lets the scenario's own faults strike: every case begins behind
// them.
func (s *Sweep) strikeFirst(faults []fault.Fault) error {
	for i := range faults {
		b := s.start.fork()
		if _, err := s.strike(b, &faults[i], &watcher{rec: trace.New()}, s.play); err != nil {
			return err
		}
		s.start, s.struck = b.behind(&faults[i]), true
	}
	return nil
}

// place says where op is.
func (s *Sweep) place(op *flash.Op, number uint64, boot int, stage string) Place {
	p := Place{Number: number, Boot: boot, Stage: stage, Kind: op.Kind.String(), Part: "?", Chip: op.Chip, Off: op.Off, Len: op.Len}
	if part, ok := s.Chip.Partitions[op.Chip].At(op.Off); ok {
		p.Part = part.Name
	} else {
		for _, part := range s.Chip.Partitions[op.Chip] {
			if part.Contains(op.Off) {
				p.Part = part.Name
			}
		}
	}
	return p
}

// cost is how long an operation takes.
func (s *Sweep) cost(op *flash.Op) time.Duration { return s.machine.cost(op) }

// axisTap notes the operations of the clean run.
type axisTap struct {
	sweep   *Sweep
	w       *watcher
	ops     []Place
	touched map[[2]int64]bool // chip and offset of partitions
}

func (t *axisTap) Before(op *flash.Op) flash.Fate {
	t.ops = append(t.ops, t.sweep.place(op, uint64(len(t.ops)), t.w.boot, t.w.stage))
	t.sweep.touches(t.touched, op)
	return flash.Fate{}
}

// touches notes the partitions that an operation is in.
func (s *Sweep) touches(touched map[[2]int64]bool, op *flash.Op) {
	for _, p := range s.Chip.Partitions[op.Chip] {
		if p.Contains(op.Off) {
			touched[[2]int64{int64(op.Chip), p.Off}] = true
		}
	}
}

func (t *axisTap) After(op *flash.Op) {
	t.w.now += t.sweep.cost(op)
	t.w.rec.FlashOp(t.w.now, t.w.boot, op)
}

// begin is a copy of the board with which every case begins.
func (s *Sweep) begin() *board {
	s.forking.Lock()
	defer s.forking.Unlock()
	return s.start.fork()
}

// strike plays the scenario on b until the fault fails the power, and returns
// where that was. It is for faults whose board cannot be forked off the clean
// run, and for accounts.
func (s *Sweep) strike(b *board, f *fault.Fault, w *watcher, play func(*board, *watcher) (*boot, error)) (Place, error) {
	t := &faultTap{sweep: s, w: w, board: b, f: f}
	t.inject.Faults = []fault.Fault{*f}
	b.power.SetTap(t)
	defer b.power.SetTap(nil)
	r, err := play(b, w)
	switch {
	case err != nil || r.end == endCut:
	case f.Kind == fault.CutAt || f.Kind == fault.ResetAt || t.ignored:
		// The time is up, or the ignored operations changed the run, when there
		// is nothing left to do: the power fails all the same.
		if !t.ignored {
			t.place = Place{Number: t.n, Boot: w.boot, Stage: w.stage, Kind: "time", Part: "-"}
		}
		if f.Kind == fault.ResetAt {
			b.reset = resetFault()
		}
		s.machine.stopped(b, r)
	default:
		err = fmt.Errorf("%w: %s: the run is over before that", ErrNoCase, f)
	}
	return t.place, err
}

// faultTap makes one fault happen, in time or by number.
type faultTap struct {
	sweep  *Sweep
	board  *board
	w      *watcher
	f      *fault.Fault
	inject fault.Injector
	n      uint64

	place   Place // where the power failed, or of the last operation that was ignored
	ignored bool
}

func (t *faultTap) Before(op *flash.Op) flash.Fate {
	number := t.n
	t.n++
	fate := flash.Fate{}
	if t.f.Kind == fault.CutAt || t.f.Kind == fault.ResetAt {
		fate = t.inTime(op, number)
	} else {
		fate = t.inject.Before(op)
	}
	if fate.Kind != flash.FateProceed {
		t.place = t.sweep.place(op, number, t.w.boot, t.w.stage)
		t.ignored = t.ignored || fate.Kind == flash.FateIgnore
	}
	return fate
}

// inTime cuts the power when the time is up: before the operation if it was
// up before, in its middle if the operation takes so long.
func (t *faultTap) inTime(op *flash.Op, number uint64) flash.Fate {
	left, cost := time.Duration(t.f.At)-t.w.now, t.sweep.cost(op)
	if t.f.Kind == fault.ResetAt && left < cost {
		t.board.reset = resetFault()
		if left > 0 {
			return flash.Fate{Kind: flash.FateCutAfter}
		}
	}
	switch {
	case left <= 0:
		return flash.Fate{Kind: flash.FateCutBefore}
	case left < cost:
		return fault.How{Kind: fault.Front, Num: uint32(left * 1000 / cost), Den: 1000}.Fate(op, number)
	}
	return flash.Fate{}
}

func (t *faultTap) After(op *flash.Op) {
	t.w.now += t.sweep.cost(op)
	t.w.rec.FlashOp(t.w.now, t.w.boot, op)
}

// result makes the result of a case from its verdict. Spent are the erases before
// the last cut.
func (s *Sweep) result(c Case, places []Place, v *verdict, spent erasures) *Result {
	r := &Result{Case: c, Outcome: v.outcome, Boots: v.boots, Detail: v.detail, Places: places}
	broken := v.broken
	if s.asksAgain() && (v.outcome == emu.OutcomeStuck || v.outcome == emu.OutcomeBrick) {
		broken[indexOf(Reachable)] = true
	}
	if v.boots > s.Scenario.BootsMax {
		broken[indexOf(Converges)] = true
		r.Detail = orText(r.Detail, "it took %d boots to settle", v.boots)
	}
	if !v.endless && s.wants(Wear) {
		if where := s.worn(spent, v.erased); where != "" {
			broken[indexOf(Wear)] = true
			r.Detail = orText(r.Detail, "%s", where)
		}
	}
	for i, name := range Invariants {
		if broken[i] && s.wants(name) {
			r.Broken = append(r.Broken, name)
		}
	}
	if r.Fine() {
		r.Faults, r.Places = nil, nil
		if len(r.Path) == 1 && s.Scenario.Sample == 0 {
			r.Path = nil
		}
	}
	return r
}

func orText(have, format string, args ...any) string {
	if have != "" {
		return have
	}
	return fmt.Sprintf(format, args...)
}

func indexOf(i Invariant) int {
	for n, name := range Invariants {
		if name == i {
			return n
		}
	}
	panic("sweep: unknown invariant " + string(i))
}

func (s *Sweep) wants(i Invariant) bool {
	for _, name := range s.Scenario.Invariants {
		if name == i {
			return true
		}
	}
	return false
}
