package sweep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/demo"
	"airlift/emu/fault"
	"airlift/emu/link"
	"airlift/emu/trace"
	"airlift/flash"
)

// The mode system plays the whole story of an upgrade: scripts ask a platform,
// download over a link, store and restart. What happens after a cut depends on
// the server, the clock and the link too, and what was in RAM is gone, so a case
// is the story from its beginning, with the faults put in. Flash and package
// are made once; verdicts are not remembered.

// systemBootsMax is how often a module of the mode system may start for each
// power-on.
const systemBootsMax = 6

// story makes the world of a case.
func (s *Sweep) story() (*demo.Story, *disturber, error) { return s.storyOf(s.Package) }

// storyOf is story with a package of one's own on the platform.
func (s *Sweep) storyOf(pkg []byte) (*demo.Story, *disturber, error) {
	c := s.Scenario
	cfg := demo.Config{
		Chip: s.Chip, Seed: c.Seed, CoreSize: c.Old.CoreBytes, NewCore: c.New.CoreBytes, Kind: c.Package, Link: c.Link, Made: pkg,
		NoPad: c.NoPad, Force: c.Force, BootsMax: systemBootsMax * (2 + c.again() + len(c.powerFaults())),
	}
	if c.New.ScriptBytes > 0 {
		cfg.Extra = scriptFiles(c.Seed, newMark, c.New.ScriptBytes)[1:]
	}
	empty := pkg != nil && len(pkg) == 0
	if empty {
		cfg.Made = []byte{0} // the platform takes no empty file: see emptyServer
	}
	var d *disturber
	if faults := c.standing("system"); s.faulty && len(faults) > 0 {
		d = newDisturber(faults, &cfg.Script)
		for _, n := range d.left {
			cfg.BootsMax += n
		}
	}
	if cfg.Link == "" {
		cfg.Link = "ideal"
	}
	if c.Old.Project != "" {
		cfg.Own = &demo.Own{Old: c.release(c.Old), New: c.release(c.New)}
		if c.Package == "" && c.New.CoreFile != "" {
			kind, err := pickKind(s.Chip, "")
			if err != nil {
				return nil, nil, err
			}
			cfg.Kind = kind.Name
		}
	}
	if s.start != nil {
		cfg.Flash = s.begin().flashes
	}
	st, err := demo.New(cfg)
	if err == nil && empty {
		st.World.Network = st.World.Network.Fork(func(h link.Handler) link.Handler { return emptyServer{h} })
	}
	if err == nil && s.faulty {
		err = s.network(st)
	}
	if err != nil {
		return nil, nil, err
	}
	if d != nil {
		d.attach(st)
	}
	return st, d, nil
}

// rehearseSystem plays the story without a fault.
func (s *Sweep) rehearseSystem() error {
	made, _, err := s.story()
	if err != nil {
		return err
	}
	s.Package, s.Kind = made.Package.Data, made.Package.Kind
	if s.was, s.is, err = made.Inputs(); err != nil {
		return err
	}
	if err := s.install(boardOf(made.Flash()).flashes); err != nil {
		return err
	}
	s.touched = map[[2]int64]bool{}
	st, d, err := s.story()
	if err != nil {
		return err
	}
	if err := s.cleanStory(st, d, nil); err != nil {
		return err
	}
	s.fresh.flashes = st.Flash()
	faults := s.Scenario.powerFaults()
	if len(faults) == 0 {
		return nil
	}
	if st, d, err = s.story(); err != nil {
		return err
	}
	return s.cleanStory(st, d, faults)
}

// cleanStory plays a story without a cut, but for those of the scenario's own
// faults.
func (s *Sweep) cleanStory(st *demo.Story, d *disturber, faults []fault.Fault) error {
	r := &systemRun{s: s, st: st, disturb: d}
	r.watch()
	for i := range faults {
		if err := r.strike(&faults[i]); err != nil {
			return err
		}
	}
	r.cut, r.all, r.places, r.n = nil, true, nil, 0
	from, boots := st.World.Clock.Now(), st.Device.Boots()
	rep, err := r.run()
	if err != nil {
		return err
	}
	s.Clean = Clean{Ops: r.places, Outcome: rep.Outcome, Boots: st.Device.Boots() - boots, Virtual: rep.Virtual - from, Trace: rep.Trace}
	s.wear = newWear(s.Chip, s.Clean.Ops)
	if rep.Outcome != emu.OutcomeNew {
		s.Clean.Detail = string(rep.End.End) + ": " + rep.End.Detail
		s.Clean.Broken = []Invariant{Reachable}
	}
	return nil
}

// systemRun watches one story.
type systemRun struct {
	s       *Sweep
	st      *demo.Story
	disturb *disturber       // nil without faults of the system
	cause   chips.ResetCause // with which the module starts next
	stage   string
	inject  fault.Injector
	scripts bool    // they have begun
	places  []Place // that were hit, or all
	all     bool
	cut     *fault.Fault
	n       uint64
	erased  []flash.Sector
	tell    *teller
	offset  time.Duration // when the power came back
	server  string        // what the platform answered last
}

// watch puts the run's tap and sink in place.
func (r *systemRun) watch() {
	r.st.Device.Tap(r)
	r.st.World.Trace.Sink(r.event)
}

// run plays on until the story ends, or until the fault that is due strikes.
func (r *systemRun) run() (demo.Report, error) {
	for {
		rep, err := r.st.RunFrom(r.cause)
		if err == nil && r.disturb != nil {
			err = r.disturb.err
		}
		if err != nil || rep.End.End != emu.EndReset {
			r.cause = chips.ResetPower
			return rep, err
		}
		r.cause = rep.End.Cause
		if r.cut != nil && r.cut.Kind == fault.ResetAt && r.cause == chips.ResetException {
			return rep, nil
		}
	}
}

// strike plays on until a fault strikes.
func (r *systemRun) strike(f *fault.Fault) error {
	r.cut, r.n, r.offset = f, 0, r.st.World.Clock.Now()
	r.inject = fault.Injector{Faults: []fault.Fault{*f}}
	if r.tell != nil {
		r.tell.fault = f
	}
	before := len(r.places)
	rep, err := r.run()
	if err != nil {
		return err
	}
	if rep.End.End != emu.EndPower && rep.End.End != emu.EndReset {
		return fmt.Errorf("%w: %s: the run is over before that", ErrNoCase, f)
	}
	if len(r.places) == before {
		r.places = append(r.places, Place{Boot: r.st.Device.Boots() - 1, Stage: r.stage, Kind: "time", Part: "-"})
	}
	if r.tell != nil {
		r.tell.endOps()
		r.tell.line("power", backAfter(f))
	}
	return nil
}

// event keeps the stage, and fails the power in time.
func (r *systemRun) event(e *trace.Event) {
	r.stage = r.stageOf(e)
	if e.Kind == trace.Server {
		r.server, _, _ = strings.Cut(e.Text, ", body ")
	}
	if r.tell != nil {
		r.tell.w.now, r.tell.w.boot = e.Time, e.Boot
		if e.Kind != trace.Flash && e.Kind != trace.Step && e.Kind != trace.Log && e.Kind != trace.Power {
			r.tell.endOps()
			r.tell.line(string(e.Kind), e.Text)
		} else {
			r.tell.event(e)
		}
	}
	if r.cut == nil || e.Time-r.offset < time.Duration(r.cut.At) || r.st.Device.Power().Lost() {
		return
	}
	switch r.cut.Kind {
	case fault.CutAt:
		r.st.Device.Power().Cut()
		if r.tell != nil {
			r.tell.line("cut", "the power fails, as the time is up")
		}
	case fault.ResetAt:
		r.st.Device.Reset(chips.ResetException)
	}
}

// stageOf follows the device through boot code and core to its scripts. Once
// these run, what chip code reports is the updater's.
func (r *systemRun) stageOf(e *trace.Event) string {
	own := e.Step.Stage == "" || e.Step.Stage == "scene"
	switch {
	case e.Kind == trace.Power:
		r.scripts = false
		return "boot"
	case e.Kind == trace.Net, e.Kind == trace.Log && own:
		r.scripts = true
		return "scripts"
	case e.Kind == trace.Flash || own:
		return r.stage
	case r.scripts:
		return "updater"
	case e.Step.Stage == "core":
		return "core"
	}
	return "boot"
}

// Before implements flash.Tap.
func (r *systemRun) Before(op *flash.Op) flash.Fate {
	number := r.n
	r.n++
	if op.Kind == flash.OpErase {
		r.erased = append(r.erased, flash.SectorAt(op.Chip, op.Off))
	}
	place := r.s.place(op, number, r.st.Device.Boots(), r.stage)
	fate := flash.Fate{}
	if r.cut != nil {
		fate = r.inject.Before(op)
	} else if r.all {
		r.places = append(r.places, place)
		r.s.touches(r.s.touched, op)
	}
	if r.tell != nil {
		r.tell.w.now, r.tell.w.boot = r.st.World.Clock.Now(), place.Boot
	}
	switch fate.Kind {
	case flash.FateProceed:
		if r.tell != nil {
			r.tell.operation(&place)
		}
	case flash.FateIgnore:
		if r.tell != nil {
			r.tell.endOps()
			r.tell.line("ignored", "the chip ignores operation "+place.String())
		}
	default:
		r.places = append(r.places, place)
		if r.tell != nil {
			r.tell.endOps()
			r.tell.cut(op, &place, fate)
		}
	}
	return fate
}

// After implements flash.Tap.
func (r *systemRun) After(*flash.Op) {}

// playSystem plays the story with faults, and tells it if tell is not nil.
func (s *Sweep) playSystem(c Case, tell *teller) (*Result, error) {
	return s.playSystemWith(s.Package, c, tell)
}

// playSystemWith is playSystem with a package of one's own on the platform.
func (s *Sweep) playSystemWith(pkg []byte, c Case, tell *teller) (*Result, error) {
	st, d, err := s.storyOf(pkg)
	if err != nil {
		return nil, err
	}
	r := &systemRun{s: s, st: st, disturb: d, tell: tell}
	if tell != nil {
		tell.w.rec = st.World.Trace
	}
	r.watch()
	faults := slices.Concat(s.Scenario.powerFaults(), c.Faults)
	for i := range faults {
		if faults[i].Standing() {
			continue // it is in the package
		}
		if err := r.strike(&faults[i]); err != nil {
			return nil, err
		}
	}
	r.cut = nil
	boots := st.Device.Boots()
	rep, err := r.run()
	if err != nil {
		return nil, err
	}
	if tell != nil {
		tell.after = st.Flash()
	}
	res, err := s.systemResult(c, r, rep, st.Device.Boots()-boots)
	if err == nil && tell != nil {
		res.Places = r.places // also of a case that went well
	}
	return res, err
}

// systemUnit runs the cases of a unit of the mode system.
func (s *Sweep) systemUnit(u *unit) ([]*Result, error) {
	if u.fault.Standing() {
		r, err := s.systemDelivered(Case{Number: u.number, Path: []uint64{u.choice}}, &u.fault, nil)
		return []*Result{r}, err
	}
	c := Case{Number: u.number, Path: []uint64{u.choice}, Faults: []fault.Fault{u.fault}}
	for n := 1; n <= s.Scenario.again(); n++ {
		ops, err := s.systemOps(c.Faults)
		if err != nil {
			return nil, err
		}
		if ops == 0 {
			break
		}
		sp := s.recoverySpace(ops)
		choice := s.draw("next", n, u.number).Uint64N(sp.size())
		f, err := sp.fault(choice)
		if err != nil {
			return nil, err
		}
		c.Path, c.Faults = append(c.Path, choice), append(c.Faults, f)
	}
	r, err := s.playSystem(c, nil)
	return []*Result{r}, err
}

// systemDelivered plays the story with a package that is not as it should be, or
// with a new version of another size.
func (s *Sweep) systemDelivered(c Case, f *fault.Fault, tell *teller) (*Result, error) {
	w, pkg, err := s, []byte(nil), error(nil)
	if f.Kind == fault.Size {
		if w, err = s.sized(f.Bytes); err == nil {
			pkg = w.Package
		}
	} else {
		pkg, err = s.edited(s.Package, f.Edit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	if tell != nil {
		tell.sweep = w
		tell.before = w.begin().flashes
		tell.line("fault", f.String())
	}
	c.Faults = []fault.Fault{*f}
	return w.playSystemWith(pkg, c, tell)
}

// systemOps counts the operations behind the last of some faults.
func (s *Sweep) systemOps(faults []fault.Fault) (uint64, error) {
	st, d, err := s.story()
	if err != nil {
		return 0, err
	}
	r := &systemRun{s: s, st: st, disturb: d}
	r.watch()
	for _, f := range slices.Concat(s.Scenario.powerFaults(), faults) {
		if err := r.strike(&f); err != nil {
			return 0, err
		}
	}
	r.cut, r.n = nil, 0
	_, err = r.run()
	return r.n, err
}

// backAfter says how the module goes on behind a fault that struck.
func backAfter(f *fault.Fault) string {
	if f.Kind == fault.ResetAt {
		return "the chip starts again after a " + f.String()
	}
	return "the power is back after " + f.String()
}

// replaySystem is ReplayFaults of the mode system.
func (s *Sweep) replaySystem(faults []fault.Fault) (*Account, error) {
	t := &teller{sweep: s, w: new(watcher)}
	t.before = s.begin().flashes
	r, err := (*Result)(nil), error(nil)
	if len(faults) == 1 && faults[0].Standing() {
		r, err = s.systemDelivered(Case{}, &faults[0], t)
	} else {
		r, err = s.playSystem(Case{Faults: faults}, t)
	}
	if err != nil {
		return nil, err
	}
	t.endOps()
	r.Faults = faults
	t.verdict(r)
	return &Account{Result: r, Lines: t.lines, Trace: t.w.rec.Sum(), Before: t.before, After: t.after}, nil
}
