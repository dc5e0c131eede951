package fuzz

import (
	"slices"

	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// triesMax bounds what minimising a finding may cost, in runs.
const triesMax = 300

// minimiser makes a trial smaller that goes on to go wrong in the same way.
type minimiser struct {
	f     *Fuzzer
	sign  string
	best  sweep.Trial
	tries int
}

// minimise looks for the smallest trial of a signature: the fewest changes, the
// earliest cuts of the plainest sort, the shortest edits.
func (f *Fuzzer) minimise(t *sweep.Trial, sign string) (*Finding, error) {
	m := &minimiser{f: f, sign: sign, best: cloneTrial(t)}
	for more := true; more && m.tries < triesMax; {
		more = false
		for _, step := range []func() (bool, error){m.fewer, m.plainer, m.earlier, m.shorter} {
			ok, err := step()
			if err != nil {
				return nil, err
			}
			more = more || ok
		}
	}
	out, err := f.s.Try(&m.best, nil, false)
	if err != nil {
		return nil, err
	}
	return &Finding{Signature: sign, Trial: m.best, Result: *out.Result, Tries: m.tries}, nil
}

// try keeps a smaller trial if it goes wrong in the same way.
func (m *minimiser) try(t sweep.Trial) (bool, error) {
	if m.tries >= triesMax || sameJSON(&t, &m.best) {
		return false, nil
	}
	m.tries++
	out, err := m.f.s.Try(&t, nil, false)
	if err != nil || out.Result.Fine() || out.Result.Signature() != m.sign {
		return false, err
	}
	m.best = t
	return true, nil
}

// fewer leaves changes out, one by one. Cuts that did not strike go first.
func (m *minimiser) fewer() (bool, error) {
	any := false
	for _, drop := range []func(*sweep.Trial, int) bool{
		func(t *sweep.Trial, i int) bool {
			if i >= len(t.Faults) {
				return false
			}
			t.Faults = slices.Delete(t.Faults, len(t.Faults)-1-i, len(t.Faults)-i)
			return true
		},
		func(t *sweep.Trial, i int) bool { return dropEdit(&t.Flash, i) },
		func(t *sweep.Trial, i int) bool { return dropEdit(&t.Package, i) },
	} {
		for i := 0; ; {
			t := cloneTrial(&m.best)
			if !drop(&t, i) {
				break
			}
			ok, err := m.try(t)
			if err != nil {
				return any, err
			}
			if any = any || ok; !ok {
				i++
			}
		}
	}
	return any, nil
}

func dropEdit(list *[]fault.Edit, i int) bool {
	if i >= len(*list) {
		return false
	}
	*list = slices.Delete(*list, i, i+1)
	return true
}

// plainer replaces tears and brown-outs by a cut before or after the operation.
func (m *minimiser) plainer() (bool, error) {
	any := false
	for i := range m.best.Faults {
		if f := &m.best.Faults[i]; f.Kind == fault.Cut && f.How.Kind == fault.Before {
			continue
		}
		for _, how := range []fault.HowKind{fault.Before, fault.After} {
			t := cloneTrial(&m.best)
			t.Faults[i] = fault.Fault{Kind: fault.Cut, Op: t.Faults[i].Op, How: fault.How{Kind: how}}
			ok, err := m.try(t)
			if err != nil {
				return any, err
			}
			if ok {
				any = true
				break
			}
		}
	}
	return any, nil
}

// earlier moves cuts to the front: in steps that halve as long as that fails.
func (m *minimiser) earlier() (bool, error) {
	any := false
	for i := range m.best.Faults {
		for step := m.best.Faults[i].Op; step > 0; {
			t := cloneTrial(&m.best)
			t.Faults[i].Op -= min(step, t.Faults[i].Op)
			ok, err := m.try(t)
			if err != nil {
				return any, err
			}
			if any = any || ok; !ok {
				step /= 2
			}
			step = min(step, m.best.Faults[i].Op)
		}
	}
	return any, nil
}

// shorter halves edits.
func (m *minimiser) shorter() (bool, error) {
	any := false
	for _, list := range []func(*sweep.Trial) []fault.Edit{
		func(t *sweep.Trial) []fault.Edit { return t.Package }, func(t *sweep.Trial) []fault.Edit { return t.Flash },
	} {
		for i := range list(&m.best) {
			for {
				t := cloneTrial(&m.best)
				e := &list(&t)[i]
				if e.Bytes > 1 {
					e.Bytes /= 2
				} else if e.Do != fault.EditFill && len(e.Data) > 1 {
					e.Data = e.Data[:len(e.Data)/2]
				} else {
					break
				}
				ok, err := m.try(t)
				if err != nil {
					return any, err
				}
				if !ok {
					break
				}
				any = true
			}
		}
	}
	return any, nil
}
