package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash"
)

// Trial is an upgrade with changes: of the package before it is delivered, of
// the flash once it is, and faults on the way. It is what a fuzzer mutates.
type Trial struct {
	Package []fault.Edit  `json:"package,omitempty"`
	Flash   []fault.Edit  `json:"flash,omitempty"`
	Faults  []fault.Fault `json:"faults,omitempty"` // of the power and of the flash
}

// Tried is what came of a trial.
type Tried struct {
	Result  *Result
	Refused string // why the updater refused the package, "" if it did not
	Ops     uint64 // flash operations, from the delivery on
	Lines   []Line // what happened, if it was asked for

	// Of a trial that was to be told: the hash of everything that happened, and
	// the flash chips before it and once the device has settled.
	trace         string
	before, after []*flash.Device
}

// ErrUntried is the error for a trial that cannot be run: no package can be made
// with its edits, or they lead where nobody knows what a module does.
var ErrUntried = errors.New("the trial cannot be run")

// Try runs a trial. Saw is called with every decision of boot code, core and
// updater on the way, as its stage, kind and text without numbers, and with the
// class of the flash after each boot. The same trial always comes to the same.
func (s *Sweep) Try(t *Trial, saw func(string), tell bool) (*Tried, error) {
	if s.Scenario.Mode == ModeSystem || s.Scenario.Mode == ModeVolume {
		return nil, errors.New("a trial is of a package in mode boot or update")
	}
	if err := s.checkFaults(t.Faults); err != nil {
		return nil, err
	}
	for _, edits := range [][]fault.Edit{t.Package, t.Flash} {
		for i := range edits {
			if err := edits[i].Check(); err != nil {
				return nil, err
			}
		}
	}
	s.forking.Lock()
	b := s.base.fork()
	s.forking.Unlock()
	r := &trial{s: s, t: t, b: b, saw: saw, w: &watcher{rec: trace.New()}, out: new(Tried)}
	r.w.rec.Sink(r.event)
	r.power = ofPower(t.Faults)
	r.inject.Faults = r.power
	if tell {
		r.out.before = b.fork().flashes
		r.tell = &teller{sweep: s, w: r.w}
	}
	err := r.run()
	if unknown(err) {
		return nil, fmt.Errorf("%w: %w", ErrUntried, err)
	}
	if err != nil {
		return nil, err
	}
	return r.out, nil
}

// unknown reports an error that says that nobody knows what real code would do.
func unknown(err error) bool {
	var u interface{ NotKnown() bool }
	return errors.As(err, &u) && u.NotKnown()
}

// trial is a trial on its way.
type trial struct {
	s      *Sweep
	t      *Trial
	b      *board
	w      *watcher
	saw    func(string)
	tell   *teller       // nil where nobody listens
	power  []fault.Fault // that strike
	inject fault.Injector
	since  time.Duration // when the power came back
	resets bool          // the fault that struck leaves the power on
	places []Place
	spent  erasures // before the last cut
	ops    uint64
	last   string // decision
	out    *Tried
}

func (r *trial) run() error {
	first, err := r.s.machine.boot(r.b, r.w)
	if err != nil {
		return err
	}
	if first.end != endRuns {
		return fmt.Errorf("the old version does not start: %s", first.why)
	}
	if err := r.weaken(); err != nil {
		return err
	}
	r.b.power.SetTap(r)
	r.b.power.Reset()
	r.since = r.w.now
	if err := r.deliver(first); err != nil {
		return err
	}
	if err := errors.Join(r.corrupt(), r.flip()); err != nil {
		return err
	}
	if err := r.boots(); err != nil {
		return r.notKnown(err)
	}
	r.b.power.SetTap(nil)
	v, err := r.s.settle(r.b.fork())
	if err == nil && v.failed {
		err = errors.New(v.detail)
	}
	if err != nil {
		return r.notKnown(err)
	}
	faults := slices.Clone(r.t.Faults)
	if left := len(r.inject.Faults); left > 0 { // those that never struck are the last of their group
		faults = slices.DeleteFunc(faults, func(f fault.Fault) bool { return !f.Standing() })
		faults = append(faults, r.power[:len(r.power)-left]...)
	}
	r.out.Result, r.out.Ops = r.s.result(Case{Faults: faults}, r.places, v, r.spent), r.ops
	r.out.Result.Faults, r.out.Result.Places = faults, r.places
	if o := r.out.Result; (o.Outcome == emu.OutcomeBrick || slices.Contains(o.Broken, Converges)) && r.last != "" { // which is why
		o.Detail += "; decided last: " + r.last
	}
	r.out.trace, r.out.after = r.w.rec.Sum(), r.b.flashes
	if r.tell != nil {
		r.tell.endOps()
		r.tell.verdict(r.out.Result)
		r.out.Lines = r.tell.lines
	}
	return nil
}

// deliver hands the edited package to the module.
func (r *trial) deliver(b *boot) error {
	edited := Sweep{Chip: r.s.Chip, Package: r.s.Package} // deliver needs no more of it
	if len(r.t.Package) > 0 {
		p, notes, err := r.s.withEdits(r.t.Package)
		if err != nil {
			return err
		}
		edited.Package = p
		for i := range r.t.Package {
			r.line("fault", "the package arrives changed: "+r.t.Package[i].String())
		}
		for _, text := range notes {
			r.line("fault", text)
		}
	}
	r.w.stage = "updater"
	err := edited.deliver(b)
	switch {
	case errors.Is(err, flash.ErrPowerLost) || err == nil && r.b.power.Lost():
		r.cutOff()
		return nil
	case err != nil:
		r.out.Refused = err.Error()
		r.decision("updater refuse " + withoutNumbers(err.Error()))
		r.line("refuse", err.Error())
	}
	r.b.cause = chips.ResetSoftware
	r.w.boot++
	return nil
}

// corrupt changes what lies in flash.
func (r *trial) corrupt() error {
	for i := range r.t.Flash {
		e := &r.t.Flash[i]
		chip, part, err := r.s.findPart(e.Part)
		if err != nil {
			return err
		}
		if err := burnEdit(r.b.flashes[chip], part, e); err != nil {
			return err
		}
		r.line("fault", "the flash changes at rest: "+e.String())
	}
	return nil
}

// findPart finds a partition of the board.
func (s *Sweep) findPart(name string) (int, flash.Partition, error) {
	var known []string
	for i, table := range s.Chip.Partitions {
		for _, p := range table {
			if p.Name == name && !p.Overlay {
				return i, p, nil
			}
			known = append(known, p.Name)
		}
	}
	return 0, flash.Partition{}, fmt.Errorf("no partition is called %q: expected one of %s", name, strings.Join(known, ", "))
}

// Parts lists the partitions in which a package waits: those that the upgrade
// without a fault writes and that hold neither code nor scripts.
func (s *Sweep) Parts() []flash.Partition {
	var out []flash.Partition
	for i, table := range s.Chip.Partitions {
		for _, p := range table {
			code := slices.ContainsFunc(s.regions, func(g region) bool { return g.chip == i && g.off == p.Off })
			if !p.Overlay && !code && p.Name != scriptPartition && s.touched[[2]int64{int64(i), p.Off}] {
				out = append(out, p)
			}
		}
	}
	return out
}

// boots boots until nothing changes, with the faults that are left.
func (r *trial) boots() error {
	for range bootsBound {
		before := r.b.key()
		e, err := r.s.machine.boot(r.b, r.w)
		if err != nil {
			return err
		}
		r.w.boot++
		r.decision("boot ends " + string(e.end) + " " + withoutNumbers(e.why))
		if r.saw != nil {
			r.saw(r.class())
		}
		switch {
		case e.failed:
			return errors.New(e.why)
		case e.end == endDead:
			return nil
		case e.end == endCut:
			r.cutOff()
		case e.end == endReset && r.b.key() == before:
			return nil
		case e.end == endRuns && flashSum(r.b.flashes) == before.flash:
			return nil
		case e.end == endRuns:
			r.b.cause = chips.ResetPower
			clear(r.b.retained)
		}
	}
	return nil
}

// cutOff takes the power away and gives it back, or resets the chip.
func (r *trial) cutOff() {
	r.spent = r.spent.with(r.b.power.Erased())
	r.b.power.SetTap(nil)
	r.w.boot++
	r.b = r.behindFault()
	r.b.power.SetTap(r)
}

// class says coarsely what the partitions that the upgrade writes hold: how many
// sectors, to a power of two, are as in the old version, as in the new one, or
// otherwise.
func (r *trial) class() string {
	var b strings.Builder
	b.WriteString("flash")
	for i, table := range r.s.Chip.Partitions {
		for _, p := range table {
			if p.Overlay || !r.s.touched[[2]int64{int64(i), p.Off}] {
				continue
			}
			var n [3]int
			for off := p.Off; off < p.Off+p.Size; off += flash.DefaultSectorSize {
				d := r.b.flashes[i]
				isNew := r.s.fresh.flashes != nil && d.SameSector(r.s.fresh.flashes[i], off)
				isOld := d.SameSector(r.s.old.flashes[i], off)
				switch {
				case isNew && isOld:
				case isNew:
					n[1]++
				case isOld:
					n[0]++
				default:
					n[2]++
				}
			}
			fmt.Fprintf(&b, " %s %d %d %d", p.Name, log2(n[0]), log2(n[1]), log2(n[2]))
		}
	}
	return b.String()
}

func log2(n int) int {
	k := 0
	for ; n > 0; n >>= 1 {
		k++
	}
	return k
}

func (r *trial) decision(text string) {
	if r.saw != nil {
		r.saw(text)
	}
}

func (r *trial) line(kind, text string) {
	if r.tell != nil {
		r.tell.endOps()
		r.tell.line(kind, text)
	}
}

// event takes what chip code reports.
func (r *trial) event(e *trace.Event) {
	switch e.Kind {
	case trace.Flash:
	case trace.Power:
		r.line("power", e.Text)
	case trace.Log:
		r.line("log", e.Text)
	default:
		text := strings.TrimRight(e.Step.Text, "\r\n")
		if e.Step.Kind == chips.KindDecide {
			r.last = text
		}
		r.decision(e.Step.Stage + " " + string(e.Step.Kind) + " " + withoutNumbers(text))
		r.line(string(e.Step.Kind), e.Step.Stage+": "+text)
	}
}

// Before implements flash.Tap.
func (r *trial) Before(op *flash.Op) flash.Fate {
	number := r.ops
	r.ops++
	fate := r.inTime(op, number)
	if fate.Kind == flash.FateProceed {
		fate = r.inject.Before(op)
	}
	if fate.Kind == flash.FateProceed && r.tell == nil {
		return fate
	}
	p := r.s.place(op, number, r.w.boot, r.w.stage)
	if fate.Kind == flash.FateProceed {
		r.tell.operation(&p)
		return fate
	}
	if fate.Kind == flash.FateIgnore {
		r.line("ignored", "the chip ignores operation "+p.String())
		return fate
	}
	r.places = append(r.places, p)
	r.decision(fmt.Sprintf("%s %s %s %s", map[bool]string{false: "cut", true: "reset"}[r.resets], p.Stage, p.Kind, p.Part))
	if r.tell != nil {
		r.tell.endOps()
		r.tell.fault = &r.power[len(r.places)-1]
		r.tell.cut(op, &p, fate)
	}
	r.ops = 0
	return fate
}

// After implements flash.Tap.
func (r *trial) After(op *flash.Op) {
	r.w.now += r.s.cost(op)
	if r.tell != nil {
		r.w.rec.FlashOp(r.w.now, r.w.boot, op)
	}
}

// Signature is what results that went wrong alike have in common.
func (r *Result) Signature() string { return signature(r) }

// Reason is what a signature says of the end alone: outcome, broken invariants and
// the evidence, without numbers.
func (r *Result) Reason() string { return ending(r) + "; " + withoutNumbers(r.Detail) }
