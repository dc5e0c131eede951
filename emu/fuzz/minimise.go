package fuzz

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// triesMax bounds what minimising a finding may cost, in runs.
const triesMax = 300

// minimiser makes a trial smaller that goes on to go wrong for the same reason.
type minimiser struct {
	f     *Fuzzer
	ctx   context.Context
	log   Log
	run   uint64
	why   string // reason
	best  sweep.Trial
	tries int
	known string // what came of the first tries, from before a kill
}

// minimise looks for the smallest trial that goes wrong for the reason that a run
// did: the fewest changes, the earliest cuts of the plainest sort, the shortest
// edits.
func (f *Fuzzer) minimise(ctx context.Context, r *run, log Log) (*Finding, error) {
	m := &minimiser{f: f, ctx: ctx, log: log, run: r.number, why: r.Result.Reason(), best: cloneTrial(&r.trial), known: f.part.tried[r.number]}
	for more := true; more && m.tries < triesMax; {
		more = false
		for _, step := range []func() (bool, error){m.fewer, m.plainer, m.earlier, m.milder, m.shorter} {
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
	if out.Result.Reason() != m.why {
		return nil, fmt.Errorf("minimised it goes wrong otherwise: remove the file that ends in %s", partSuffix)
	}
	return &Finding{Signature: signature(&m.best, out.Result), Run: r.number, First: r.Result.Signature(), Found: r.trial, Trial: m.best, Result: *out.Result, Tries: m.tries}, nil
}

// signature is what findings that are one have in common: the reason, and what it
// takes to bring it about.
func signature(t *sweep.Trial, r *sweep.Result) string {
	var by []string
	add := func(text string) {
		if !slices.Contains(by, text) {
			by = append(by, text)
		}
	}
	for i := range t.Package {
		add(strings.TrimSpace("package " + t.Package[i].In))
	}
	for i := range t.Flash {
		add("flash " + t.Flash[i].Part)
	}
	for i := range r.Places {
		add(r.Places[i].Stage + " " + r.Places[i].Kind + " " + r.Places[i].Part)
	}
	for _, text := range ofChip(t.Faults) {
		add(strings.TrimSpace(text))
	}
	return r.Reason() + "; by " + cmp.Or(strings.Join(by, ", "), "nothing")
}

// try keeps a smaller trial if it goes wrong for the same reason.
func (m *minimiser) try(t sweep.Trial) (bool, error) {
	if m.tries >= triesMax || sameJSON(&t, &m.best) {
		return false, nil
	}
	m.tries++
	ok, err := m.wrong(&t)
	if ok {
		m.best = t
	}
	return ok, err
}

func (m *minimiser) wrong(t *sweep.Trial) (bool, error) {
	if m.tries <= len(m.known) {
		return m.known[m.tries-1] == '1', nil
	}
	if err := m.ctx.Err(); err != nil {
		return false, err
	}
	out, err := m.f.s.Try(t, nil, false)
	if err != nil && !errors.Is(err, sweep.ErrUntried) {
		return false, err
	}
	ok, digit := err == nil && !out.Result.Fine() && out.Result.Reason() == m.why, "0"
	if ok {
		digit = "1"
	}
	return ok, m.log.Work(&Work{Run: m.run, Tried: digit})
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

// plainer replaces tears, brown-outs and faults of the chip by a cut before or after the operation.
func (m *minimiser) plainer() (bool, error) {
	any := false
	for i := 0; i < len(m.best.Faults); i++ {
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

// shorter halves edits, and flips one bit instead of many.
func (m *minimiser) shorter() (bool, error) {
	any := false
	for _, list := range []func(*sweep.Trial) []fault.Edit{
		func(t *sweep.Trial) []fault.Edit { return t.Package }, func(t *sweep.Trial) []fault.Edit { return t.Flash },
	} {
		for i := range list(&m.best) {
			for more := true; more; {
				more = false
				for _, less := range halves(&list(&m.best)[i]) {
					t := cloneTrial(&m.best)
					list(&t)[i] = less
					ok, err := m.try(t)
					if err != nil {
						return any, err
					}
					if ok {
						any, more = true, true
						break
					}
				}
			}
		}
	}
	return any, nil
}

// halves are the halves of an edit; none if it cannot get shorter.
func halves(e *fault.Edit) (out []fault.Edit) {
	half := func(bytes int64, data fault.Hex, skip int64, bit uint8) {
		h := *e
		h.Bytes, h.Data, h.Off, h.Bits = bytes, data, h.Off+skip, bit
		out = append(out, h)
	}
	n := int64(len(e.Data))
	switch {
	case e.Do == fault.EditFlip && bits.OnesCount8(e.Bits) > 1:
		half(e.Bytes, e.Data, 0, e.Bits&-e.Bits)
	case e.Do == fault.EditFill && e.Bytes > 1:
		half(e.Bytes/2, e.Data, 0, e.Bits)
		half(e.Bytes-e.Bytes/2, e.Data, e.Bytes/2, e.Bits)
	case e.Bytes > 1:
		half(e.Bytes/2, e.Data, 0, e.Bits)
	case e.Do == fault.EditSet && n > 1:
		half(e.Bytes, e.Data[:n/2], 0, e.Bits)
		half(e.Bytes, e.Data[n/2:], n/2, e.Bits)
	case e.Do != fault.EditFill && n > 1:
		half(e.Bytes, e.Data[:n/2], 0, e.Bits)
	}
	return out
}

func cloneTrial(t *sweep.Trial) sweep.Trial {
	return sweep.Trial{Package: slices.Clone(t.Package), Flash: slices.Clone(t.Flash), Faults: slices.Clone(t.Faults)}
}

// sameJSON reports whether two trials are equal.
func sameJSON(a, b *sweep.Trial) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

// Describe says in lines what a trial changes.
func Describe(t *sweep.Trial) []string {
	var out []string
	for i := range t.Package {
		out = append(out, "package: "+t.Package[i].String())
	}
	for i := range t.Flash {
		out = append(out, "flash: "+t.Flash[i].String())
	}
	for i := range t.Faults {
		out = append(out, t.Faults[i].String())
	}
	if out == nil {
		out = []string{"nothing"}
	}
	return out
}
