package sweep

import (
	"context"
	"errors"
	"fmt"
)

// Shrunk is the smallest case that was found to go wrong in the same way as
// another.
type Shrunk struct {
	Scenario *Scenario `json:"scenario"`
	ID       ID        `json:"id"`
	Package  int       `json:"package_bytes"`
	Account  *Account  `json:"account"`
	// Tried says what was tried, and what of it helped.
	Tried []string `json:"tried"`
	Cases uint64   `json:"cases"` // that were run
}

// shrinkCasesMax bounds how many cases one attempt runs.
const shrinkCasesMax = 200_000

// Shrink looks for the smallest package, the fewest faults and the earliest
// cut that go wrong as the case of path does: with the same outcome, the same
// invariants broken, the last fault at the same kind of operation, for the same
// reason.
func (s *Sweep) Shrink(ctx context.Context, path []uint64) (*Shrunk, error) {
	a, err := s.Replay(path)
	if err != nil {
		return nil, err
	}
	if len(a.Result.Faults) > 0 && a.Result.Faults[0].Standing() {
		return nil, errors.New("the package of the case has one change: there is nothing to shrink")
	}
	if a.Result.Fine() {
		return nil, errors.New("the case goes well: there is nothing to shrink")
	}
	k := &shrinker{ctx: ctx, want: signature(a.Result), best: s, path: path}
	for more := true; more; {
		more = false
		for _, step := range append(volumeShrinks(k.best.Scenario.Volume), shrinkSteps...) {
			ok, err := k.try(step)
			if err != nil {
				return nil, err
			}
			more = more || ok
		}
	}
	if err := k.earliest(); err != nil {
		return nil, err
	}
	if a, err = k.best.Replay(k.path); err != nil {
		return nil, err
	}
	return &Shrunk{Scenario: k.best.Scenario, ID: NewID(k.best.Scenario, &a.Result.Case), Package: len(k.best.Package), Account: a, Tried: k.tried, Cases: k.cases}, nil
}

type shrinker struct {
	ctx   context.Context
	want  string
	best  *Sweep
	path  []uint64
	tried []string
	cases uint64
}

// shrinkStep makes a scenario smaller, and reports whether it could.
type shrinkStep struct {
	name  string
	apply func(s *Scenario) bool
}

var shrinkSteps = []shrinkStep{
	{"one fault less", func(s *Scenario) bool {
		if s.Recoveries > 0 {
			s.SetRecoveries(s.Recoveries - 1)
			return true
		}
		if s.Cuts == 1 {
			return false
		}
		if s.Cuts--; s.Cuts == 1 {
			s.Sample = 0
		}
		return true
	}},
	{"half the new core", func(s *Scenario) bool { return halve(&s.New.CoreBytes, 4096) }},
	{"half of both cores", func(s *Scenario) bool {
		a := halve(&s.Old.CoreBytes, 4096)
		return halve(&s.New.CoreBytes, 4096) || a
	}},
	{"half the new scripts", func(s *Scenario) bool { return halve(&s.New.ScriptBytes, 512) }},
	{"half the old scripts", func(s *Scenario) bool { return halve(&s.Old.ScriptBytes, 512) }},
}

// halve halves *n but not below least.
func halve(n *int64, least int64) bool {
	if *n <= least {
		return false
	}
	*n = max(least, *n/2)
	return true
}

// try keeps a smaller scenario in which a case goes wrong in the same way.
func (k *shrinker) try(step shrinkStep) (bool, error) {
	small := *k.best.Scenario
	if small.Mode == ModeSystem && step.name == "half of both cores" {
		small.New = Version{}
	}
	if !step.apply(&small) {
		return false, nil
	}
	w, err := New(&small, k.best.Chip)
	if err != nil {
		k.tried = append(k.tried, fmt.Sprintf("%s: cannot be made: %v", step.name, err))
		return false, nil
	}
	r, err := k.first(w)
	if err != nil {
		return false, err
	}
	if r == nil {
		k.tried = append(k.tried, step.name+": no case goes wrong like that")
		return false, nil
	}
	k.best, k.path = w, r.Path
	k.tried = append(k.tried, fmt.Sprintf("%s: package of %d bytes, %d operations", step.name, len(w.Package), len(w.Clean.Ops)))
	return true, nil
}

var errFound = errors.New("found")

// first finds the case with the lowest number that goes wrong as wanted; nil if
// none does.
func (k *shrinker) first(w *Sweep) (*Result, error) {
	var found *Result
	n := 0
	err := w.Run(k.ctx, Options{}, func(r *Result) error {
		k.cases++
		if n++; n > shrinkCasesMax {
			return errFound
		}
		if !r.Fine() && signature(r) == k.want {
			found = r
			return errFound
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, err
	}
	return found, nil
}

// earliest moves to the lowest case of the scenario that is left.
func (k *shrinker) earliest() error {
	r, err := k.first(k.best)
	if err != nil || r == nil {
		return err
	}
	k.path = r.Path
	k.tried = append(k.tried, "the earliest case like that: "+pathText(r.Path))
	return nil
}
