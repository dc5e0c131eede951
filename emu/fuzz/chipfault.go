package fuzz

import (
	"math/rand/v2"
	"slices"
	"time"

	"airlift/emu/fault"
	"airlift/emu/sweep"
	"airlift/flash"
)

// Faults of the chip in a schedule: operations that fail or do nothing, cells that
// are stuck, unstable or flip at rest, disturb, and resets with the power on. They
// take the same places as power cuts, and are mutated and minimised like them.
// Cells change only where a package waits: see docs/FUZZ.md.

// chipKinds are the faults of the chip that a schedule has. Geometry that is not
// what the layout says, and wear, are no schedule: a sweep has them.
var chipKinds = []fault.Kind{
	fault.BadProgram, fault.BadErase, fault.DeafProgram, fault.DeafErase, fault.Flips, fault.Stuck, fault.Unstable,
	fault.ProgramDisturb, fault.ReadDisturb, fault.ResetAt,
}

// Bounds of what is drawn.
const (
	timesMax = 4  // operations in a row that fail
	cellsMax = 64 // that are stuck, or flip
	// One in so many operations disturbs, as powers of two.
	oneInLog2Min = 2
	oneInLog2Max = 12
)

// opFaults are the kinds that strike operations, with the kind of those.
var opFaults = map[fault.Kind]string{
	fault.BadProgram: flash.OpProgram.String(), fault.DeafProgram: flash.OpProgram.String(),
	fault.BadErase: flash.OpErase.String(), fault.DeafErase: flash.OpErase.String(),
}

// chipAxis is a fault of each kind by itself at the usual places: the runs behind
// the first, which are cuts.
func (m *mutator) chipAxis() (out []fault.Fault) {
	for _, kind := range chipKinds {
		for _, p := range m.places {
			if p.kind != opFaults[kind] {
				continue
			}
			for _, op := range slices.Compact([]uint64{0, p.n / 2, p.n - 1}) {
				out = append(out, fault.Fault{Kind: kind, Part: p.part, Op: op, Times: 1})
			}
		}
	}
	for _, p := range m.parts {
		out = append(out, fault.Fault{Kind: fault.Flips, Part: p.Name, Count: cellsMax, Seed: 1})
		for value := range uint8(2) {
			out = append(out, fault.Fault{Kind: fault.Stuck, Part: p.Name, Count: cellsMax, Value: value, Seed: 1})
		}
	}
	for n := range fault.Time(4) {
		out = append(out, fault.Fault{Kind: fault.ResetAt, At: fault.Time(time.Millisecond) + fault.Time(m.total)/4*n})
	}
	return out
}

// chipFault adds a fault of the chip, or a reset.
func (m *mutator) chipFault(t *sweep.Trial, r *rand.Rand) {
	if len(t.Faults) >= FaultsMax {
		return
	}
	f := fault.Fault{Kind: chipKinds[r.IntN(len(chipKinds))]}
	switch f.Kind {
	case fault.BadProgram, fault.BadErase, fault.DeafProgram, fault.DeafErase:
		var in []opPlace
		for _, p := range m.places {
			if p.kind == opFaults[f.Kind] {
				in = append(in, p)
			}
		}
		if len(in) == 0 {
			return
		}
		p := in[r.IntN(len(in))]
		f.Part, f.Op, f.Times = p.part, p.pick(r), 1+r.IntN(timesMax)
	case fault.Flips, fault.Stuck:
		if len(m.parts) == 0 {
			return
		}
		f.Part, f.Count, f.Seed = m.parts[r.IntN(len(m.parts))].Name, 1+r.IntN(cellsMax), 1+r.Uint64N(1000)
		if f.Kind == fault.Stuck {
			f.Value = uint8(r.IntN(2))
		}
	case fault.Unstable:
		f.Count, f.Seed = 1+r.IntN(cellsMax), 1+r.Uint64N(1000)
	case fault.ProgramDisturb, fault.ReadDisturb:
		if len(m.parts) == 0 {
			return
		}
		f.Part, f.Count, f.Seed = m.parts[r.IntN(len(m.parts))].Name, 1<<(oneInLog2Min+r.IntN(oneInLog2Max-oneInLog2Min+1)), 1+r.Uint64N(1000)
	case fault.ResetAt:
		f.At = m.moment(r)
	}
	t.Faults = append(t.Faults, f)
}

// pick draws an operation of a place. Records, marks and heads are what a
// partition's first and last operations are of.
func (p *opPlace) pick(r *rand.Rand) uint64 {
	switch near := r.Uint64N(min(p.n, 4)); r.IntN(4) {
	case 0:
		return near
	case 1:
		return p.n - 1 - near
	}
	return r.Uint64N(p.n)
}

// moment is a time in the run without a fault, and never its start.
func (m *mutator) moment(r *rand.Rand) fault.Time {
	return fault.Time(time.Millisecond + time.Duration(r.Int64N(max(1, int64(m.total)))).Truncate(time.Millisecond))
}

// vary changes a fault a little.
func (m *mutator) vary(f *fault.Fault, r *rand.Rand) {
	switch {
	case f.Kind == fault.ResetAt:
		f.At = m.moment(r)
	case opFaults[f.Kind] != "":
		f.Op = f.Op + uint64(r.IntN(9)) - min(f.Op, uint64(r.IntN(9)))
	default:
		f.Seed = 1 + r.Uint64N(1000)
	}
}

// milder makes faults of the chip smaller: fewer operations in a row, half the
// cells, half as often, resets earlier.
func (m *minimiser) milder() (bool, error) {
	any := false
	for i := 0; i < len(m.best.Faults); i++ {
		for more := true; more; {
			more = false
			for _, less := range milds(&m.best.Faults[i]) {
				t := cloneTrial(&m.best)
				t.Faults[i] = less
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
	return any, nil
}

// milds are milder faults than f, the mildest first; none if there is none.
func milds(f *fault.Fault) (out []fault.Fault) {
	with := func(change func(*fault.Fault)) {
		g := *f
		change(&g)
		out = append(out, g)
	}
	switch f.Kind {
	case fault.BadProgram, fault.BadErase, fault.DeafProgram, fault.DeafErase:
		for _, n := range []int{1, f.Times / 2} {
			if n > 0 && n < f.Times {
				with(func(g *fault.Fault) { g.Times = n })
				with(func(g *fault.Fault) { g.Op, g.Times = g.Op+uint64(g.Times-n), n })
			}
		}
	case fault.Flips, fault.Stuck, fault.Unstable:
		for _, n := range []int{1, f.Count / 2} {
			if n > 0 && n < f.Count {
				with(func(g *fault.Fault) { g.Count = n })
			}
		}
	case fault.ProgramDisturb, fault.ReadDisturb:
		if f.Count < 1<<oneInLog2Max {
			with(func(g *fault.Fault) { g.Count *= 2 })
		}
	case fault.ResetAt:
		if half := fault.Time(time.Duration(f.At / 2).Truncate(time.Millisecond)); half > 0 {
			with(func(g *fault.Fault) { g.At = half })
		}
	}
	return out
}

// ofChip are the faults of a trial that a result's places do not show.
func ofChip(faults []fault.Fault) []string {
	var out []string
	for i := range faults {
		if f := &faults[i]; slices.Contains(chipKinds, f.Kind) {
			out = append(out, string(f.Kind)+" "+f.Part)
		}
	}
	return out
}
