package sweep

import (
	"strings"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/demo"
)

// Whether the server can still reach a module: in the mode system the module goes
// on by itself, and must end with the new version. In the others nobody asks, and
// the question is put only if the scenario names the invariant: does a module that
// has settled take the same package once more?

// hopeless reports standing faults with which the upgrade fails without a cut,
// too.
func (s *Sweep) hopeless() bool { return s.faulty && s.Clean.Outcome != emu.OutcomeNew }

// asksAgain reports that the module is asked again.
func (s *Sweep) asksAgain() bool {
	m := s.Scenario.Mode
	return (m == ModeBoot || m == ModeUpdate) && s.wants(Reachable) && s.fresh.flashes != nil && !s.hopeless()
}

// askAgain delivers the package once more to a module like b, which has settled.
func (s *Sweep) askAgain(b *board, v *verdict) error {
	if v.outcome != emu.OutcomeOld && v.outcome != emu.OutcomeMixed {
		return nil // it has the package, or nothing runs that could ask for it
	}
	b = b.fork()
	b.cause = chips.ResetPower
	r, err := s.machine.boot(b, nil)
	if err != nil {
		return err
	}
	if r.end != endRuns {
		v.breaks(Reachable, "it does not start again: %s", r.why)
		return nil
	}
	if err := s.deliver(r); err != nil {
		v.breaks(Reachable, "it does not take the package again: %v", err)
		return nil
	}
	if r, err = s.recover(s.machine.restarted(b), nil); err != nil {
		return err
	}
	if r.end != endRuns {
		v.breaks(Reachable, "it takes the package again, and then %s: %s", r.end, r.why)
		return nil
	}
	core, where := s.core(b, r)
	scripts, err := s.scripts(r)
	if err != nil {
		return err
	}
	if core&scripts&matchNew == 0 {
		if where != "" {
			where = ", " + where
		}
		v.breaks(Reachable, "it takes the package again, and then runs %s core with %s scripts%s", core, scripts, where)
	}
	return nil
}

// restarted is b after its scripts have restarted it.
func (m *machine) restarted(b *board) *board {
	m.reset(b, new(boot), "the scripts restart the module")
	return b
}

// systemResult judges how a story ended.
func (s *Sweep) systemResult(c Case, r *systemRun, rep demo.Report, boots int) (*Result, error) {
	v := &verdict{outcome: rep.Outcome, boots: boots}
	why := string(rep.End.End) + ": " + rep.End.Detail
	switch rep.Outcome {
	case emu.OutcomeBrick, emu.OutcomeStuck:
		v.breaks(Boots, "%s", why)
		v.endless = rep.Outcome == emu.OutcomeStuck
	case emu.OutcomeMixed:
		v.breaks(Exact, "the module stays with the core of one version and the scripts of the other: %s", why)
	}
	if rep.End.End == emu.EndBoots {
		v.breaks(Converges, "%s", why)
	}
	spoilt := len(c.Faults) > 0 && c.Faults[0].Standing() // the platform has nothing better
	if rep.Outcome != emu.OutcomeNew && !s.hopeless() && !spoilt {
		v.breaks(Reachable, "the module does not go on to the new version: %s", r.lastWord(why))
	}
	if !v.broken[indexOf(Boots)] {
		if err := s.userData(r.st, v); err != nil {
			return nil, err
		}
	}
	return s.result(c, r.places, v, erasures{}.with(r.erased)), nil
}

// lastWord adds to the end of a story what the platform answered last.
func (r *systemRun) lastWord(why string) string {
	if r.server == "" {
		return why + "; it never reached the platform"
	}
	return why + "; the platform's last answer: " + strings.TrimPrefix(r.server, "platform: ")
}

// userData compares what the user has in the flash, and what the upgrade leaves
// alone.
func (s *Sweep) userData(st *demo.Story, v *verdict) error {
	b := boardOf(st.Flash())
	b.cause = chips.ResetPower
	if where := s.outside(b); where != "" {
		v.breaks(Outside, "%s", where)
	}
	r, err := s.recover(b, nil)
	if err != nil || r.end != endRuns {
		return err
	}
	if err := readUserFiles(r); err != nil {
		v.breaks(Files, "user data: %v", err)
	}
	return nil
}
