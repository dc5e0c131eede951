package sweep

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"airlift/emu/fault"
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
// reason. With a fault less the operation may be another. Of packages that arrive
// damaged it looks for the smallest damage.
func (s *Sweep) Shrink(ctx context.Context, path []uint64) (*Shrunk, error) {
	a, err := s.Replay(path)
	if err != nil {
		return nil, err
	}
	if a.Result.Fine() {
		return nil, errors.New("the case goes well: there is nothing to shrink")
	}
	k := &shrinker{ctx: ctx, last: a.Result, best: s, path: path}
	if len(a.Result.Faults) > 0 && a.Result.Faults[0].Standing() {
		err = k.powered()
	}
	for more := err == nil; more; {
		more = false
		for _, steps := range []struct {
			list     []shrinkStep
			anywhere bool
		}{{k.fewer(), true}, {k.smaller(), false}} {
			for _, step := range steps.list {
				ok, err := k.try(step, steps.anywhere)
				if err != nil {
					return nil, err
				}
				more = more || ok
			}
		}
	}
	if err == nil {
		err = k.earliest()
	}
	if err != nil {
		return nil, err
	}
	if a, err = k.best.Replay(k.path); err != nil {
		return nil, err
	}
	return &Shrunk{Scenario: k.best.Scenario, ID: NewID(k.best.Scenario, &a.Result.Case), Package: len(k.best.Package), Account: a, Tried: k.tried, Cases: k.cases}, nil
}

type shrinker struct {
	ctx   context.Context
	last  *Result // that was found; what is wanted goes wrong like it
	best  *Sweep
	path  []uint64
	tried []string
	cases uint64
}

// powered leaves the cuts out of a scenario: the case has none.
func (k *shrinker) powered() error {
	small := *k.best.Scenario
	if small.Uncut && small.Sample == 0 {
		return nil
	}
	cuts := k.best.space().cuts()
	small.Uncut, small.Sample, small.Cuts, small.Times = true, 0, 1, 0
	w, err := New(&small, k.best.Chip)
	if err != nil {
		return err
	}
	k.best, k.path = w, []uint64{k.path[0] - cuts}
	return nil
}

// shrinkStep makes a scenario smaller, and reports whether it could.
type shrinkStep struct {
	name  string
	apply func(s *Scenario) bool
}

// fewer are the ways to take faults out of the best scenario. The last of those
// that are left may hit another operation.
func (k *shrinker) fewer() []shrinkStep {
	out := []shrinkStep{{"one fault less", (*Scenario).oneLess}}
	for i, f := range k.best.Scenario.Faults {
		out = append(out, shrinkStep{"without the fault " + f.String(), func(s *Scenario) bool {
			if i >= len(s.Faults) {
				return false
			}
			s.Faults = slices.Delete(slices.Clone(s.Faults), i, i+1)
			return true
		}})
	}
	return out
}

// smaller are the ways to make the package of the best scenario smaller.
func (k *shrinker) smaller() []shrinkStep {
	out := volumeShrinks(k.best.Scenario.Volume)
	for _, by := range []struct {
		name string
		keep func(n int64) int64
	}{{"half", half}, {"three quarters of", func(n int64) int64 { return n / 4 * 3 }}} {
		out = append(out,
			shrinkStep{by.name + " the new core", func(s *Scenario) bool { return cutDown(&s.New.CoreBytes, 4096, by.keep) }},
			shrinkStep{by.name + " both cores", func(s *Scenario) bool {
				if s.Mode == ModeSystem {
					s.New = Version{}
				}
				a := cutDown(&s.Old.CoreBytes, 4096, by.keep)
				return cutDown(&s.New.CoreBytes, 4096, by.keep) || a
			}},
			shrinkStep{by.name + " the new scripts", func(s *Scenario) bool { return cutDown(&s.New.ScriptBytes, 64, by.keep) }},
			shrinkStep{by.name + " the old scripts", func(s *Scenario) bool { return cutDown(&s.Old.ScriptBytes, 64, by.keep) }},
		)
	}
	return out
}

// oneLess takes a power cut away.
func (s *Scenario) oneLess() bool {
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
}

func half(n int64) int64 { return n / 2 }

// halve halves *n but not below least.
func halve(n *int64, least int64) bool { return cutDown(n, least, half) }

// cutDown makes *n smaller but not less than least.
func cutDown(n *int64, least int64, keep func(int64) int64) bool {
	if *n <= least {
		return false
	}
	*n = max(least, keep(*n))
	return true
}

// try keeps a smaller scenario in which a case goes wrong in the same way.
func (k *shrinker) try(step shrinkStep, anywhere bool) (bool, error) {
	small := *k.best.Scenario
	if !step.apply(&small) {
		return false, nil
	}
	w, err := New(&small, k.best.Chip)
	if err != nil {
		k.tried = append(k.tried, fmt.Sprintf("%s: cannot be made: %v", step.name, err))
		return false, nil
	}
	r, err := k.first(w, anywhere)
	if err != nil {
		return false, err
	}
	if r == nil {
		k.tried = append(k.tried, step.name+": no case goes wrong like that")
		return false, nil
	}
	k.best, k.path, k.last = w, r.Path, r
	k.tried = append(k.tried, fmt.Sprintf("%s: package of %d bytes, %d operations", step.name, len(w.Package), len(w.Clean.Ops)))
	return true, nil
}

// alike reports whether a result goes wrong as wanted.
func (k *shrinker) alike(r *Result, anywhere bool) bool {
	if r.Fine() {
		return false
	}
	return signature(r) == signature(k.last) || anywhere && r.Reason() == k.last.Reason()
}

var errFound = errors.New("found")

// each runs the cases of a scenario, up to a bound, until take wants no more.
func (k *shrinker) each(w *Sweep, take func(*Result) bool) error {
	n := 0
	err := w.Run(k.ctx, Options{}, func(r *Result) error {
		k.cases++
		if n++; n > shrinkCasesMax || !take(r) {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// first finds the case with the lowest number that goes wrong as wanted; nil if
// none does.
func (k *shrinker) first(w *Sweep, anywhere bool) (found *Result, err error) {
	err = k.each(w, func(r *Result) bool {
		if k.alike(r, anywhere) {
			found = r
		}
		return found == nil
	})
	return found, err
}

// earliest moves to the lowest case of the scenario that is left, or to the
// smallest damage; not only among those of a sample.
func (k *shrinker) earliest() error {
	w := k.best
	all := *w.Scenario
	if all.Cuts > 1 || all.Recoveries > 0 {
		return k.downhill()
	}
	if all.Sample > 0 {
		all.Sample = 0
		var err error
		if w, err = New(&all, w.Chip); err != nil {
			return err
		}
	}
	if f := k.last.Faults; len(f) > 0 && f[0].Kind == fault.Damaged {
		return k.smallest(w)
	}
	r, err := k.first(w, false)
	if err != nil || r == nil {
		return err
	}
	k.best, k.path = w, r.Path
	k.tried = append(k.tried, "the earliest case like that: "+pathText(r.Path))
	return nil
}

// downhill moves each of several cuts to the front, in steps that halve as long as
// that fails: all pairs are too many.
func (k *shrinker) downhill() error {
	for i := range k.path {
		ways := uint64(len(k.best.Scenario.Hows))
		if i == 0 {
			ways = k.best.space().ways()
		}
		for step := k.path[i] / ways; step > 0; step = min(step, k.path[i]/ways) {
			path := slices.Clone(k.path)
			path[i] -= step * ways
			k.cases++
			a, err := k.best.Replay(path)
			if err != nil && !errors.Is(err, ErrNoCase) {
				return err
			}
			if err := k.ctx.Err(); err != nil {
				return err
			}
			if err == nil && k.alike(a.Result, false) {
				k.path = path
			} else {
				step /= 2
			}
		}
	}
	k.tried = append(k.tried, "the cuts as early as they go: "+pathText(k.path))
	return nil
}

// smallest moves to the case with the smallest damage, the first of several.
func (k *shrinker) smallest(w *Sweep) error {
	least := int64(math.MaxInt64)
	err := k.each(w, func(r *Result) bool {
		if !k.alike(r, false) || len(r.Faults) == 0 || r.Faults[0].Edit == nil {
			return true
		}
		if size := r.Faults[0].Edit.Size(); size < least {
			least, k.path = size, r.Path
		}
		return true
	})
	if err == nil && least < math.MaxInt64 {
		k.best = w
		k.tried = append(k.tried, "the smallest damage like that: "+pathText(k.path))
	}
	return err
}
