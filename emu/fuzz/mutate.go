package fuzz

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"airlift/chips"
	"airlift/emu/fault"
	"airlift/emu/sweep"
	"airlift/flash"
)

// mutator makes trials of a module and its package.
type mutator struct {
	layers []layer // the package, and what it is made of
	ops    uint64
	parts  []flash.Partition
	words  [][]byte // the dictionary
	hows   []fault.How
	chips  bool // faults of the chip, too, and resets
	places []opPlace
	axis   []fault.Fault // of the chip, that are tried by themselves
	total  time.Duration // of the run without a fault
}

// opPlace is a partition with a kind of operation that the upgrade without a
// fault has there.
type opPlace struct {
	part string
	kind string
	n    uint64
}

// layer is something that edits of a package can be of.
type layer struct {
	name string // "" is the package
	data []byte
}

// FaultsMax is how many faults of power and flash a trial has at most.
const FaultsMax = 4

// editsMax is how many edits of a kind a trial has at most.
const editsMax = 6

func newMutator(s *sweep.Sweep) mutator {
	m := mutator{layers: layersOf(s), ops: uint64(len(s.Clean.Ops)), parts: s.Parts(), hows: fault.DefaultHows()}
	m.words = dictionary(s, m.layers)
	m.places, m.total = placesOf(s), s.Clean.Virtual
	m.axis = m.chipAxis()
	return m
}

func placesOf(s *sweep.Sweep) (out []opPlace) {
	for i := range s.Clean.Ops {
		p := &s.Clean.Ops[i]
		at := slices.IndexFunc(out, func(o opPlace) bool { return o.part == p.Part && o.kind == p.Kind })
		if at < 0 {
			at, out = len(out), append(out, opPlace{part: p.Part, kind: p.Kind})
		}
		out[at].n++
	}
	return out
}

// layersOf takes the package apart, if that can be done.
func layersOf(s *sweep.Sweep) []layer {
	out := []layer{{"", s.Package}}
	maker, ok := s.Chip.Maker.(chips.Layered)
	if !ok {
		return out
	}
	list, err := maker.Layers(s.Package)
	if err != nil { // a package of no format: that of a guest
		return out
	}
	for i := range list {
		out = append(out, layer{list[i].Name, list[i].Data})
	}
	return out
}

// next makes the trial of a run: the first runs go through the axis of
// operations, each later one changes a run of the corpus, or crosses two.
func (m *mutator) next(corpus []*Entry, r *rand.Rand, run uint64) sweep.Trial {
	if run == 0 {
		return sweep.Trial{}
	}
	if run < firstRuns || len(corpus) == 0 {
		op := m.ops * (run - 1) / (firstRuns - 1) % max(1, m.ops)
		return sweep.Trial{Faults: []fault.Fault{{Kind: fault.Cut, Op: op, How: m.hows[run%uint64(len(m.hows))]}}}
	}
	if n := run - firstRuns; m.chips && n < uint64(len(m.axis)) {
		return sweep.Trial{Faults: []fault.Fault{m.axis[n]}}
	}
	e := corpus[r.IntN(len(corpus))]
	if r.IntN(2) == 0 { // rather one of the last, which nobody has looked behind
		e = corpus[len(corpus)-1-r.IntN(min(16, len(corpus)))]
	}
	t := cloneTrial(&e.Trial)
	ops := e.Ops
	for n := 1 + r.IntN(3); n > 0; n-- {
		m.change(&t, ops, corpus, r)
	}
	return t
}

// firstRuns is how many runs go through the axis of operations.
const firstRuns = 64

// change makes one change.
func (m *mutator) change(t *sweep.Trial, ops uint64, corpus []*Entry, r *rand.Rand) {
	if m.chips && r.IntN(4) == 0 {
		m.chipFault(t, r)
		return
	}
	switch r.IntN(10) {
	case 0, 1, 2:
		m.cut(t, ops, r)
	case 3:
		if n := len(t.Faults); n > 0 { // the same a little earlier or later, or otherwise
			f := &t.Faults[r.IntN(n)]
			if f.Kind != fault.Cut && f.Kind != fault.BrownOut {
				m.vary(f, r)
				return
			}
			f.Op = max(0, f.Op+uint64(r.IntN(9))) - min(f.Op, uint64(r.IntN(9)))
			f.How = m.how(r)
			return
		}
		m.cut(t, ops, r)
	case 4, 5, 6:
		if len(t.Package) < editsMax {
			l := &m.layers[0]
			if r.IntN(2) == 0 { // inside, with checksums that are right
				l = &m.layers[r.IntN(len(m.layers))]
			}
			e := m.edit(int64(len(l.data)), l.data, fault.EditKinds, r)
			e.In = l.name
			t.Package = append(t.Package, e)
		}
	case 7:
		if len(t.Flash) < editsMax && len(m.parts) > 0 {
			p := m.parts[r.IntN(len(m.parts))]
			e := m.edit(p.Size, nil, fault.EditKinds[:4], r)
			e.Part = p.Name
			t.Flash = append(t.Flash, e)
		}
	case 8:
		m.drop(t, r)
	case 9:
		other := &corpus[r.IntN(len(corpus))].Trial
		if n := len(other.Package); n > 0 && len(t.Package) < editsMax {
			t.Package = append(t.Package, other.Package[r.IntN(n)])
		}
		if n := len(other.Faults); n > 0 && len(t.Faults) < FaultsMax {
			t.Faults = append(t.Faults, other.Faults[r.IntN(n)])
		}
	}
}

// cut adds a cut behind those that there are.
func (m *mutator) cut(t *sweep.Trial, ops uint64, r *rand.Rand) {
	if len(t.Faults) >= FaultsMax {
		return
	}
	if ops == 0 || !slices.ContainsFunc(t.Faults, func(f fault.Fault) bool { return !f.Standing() }) {
		ops = m.ops
	}
	f := fault.Fault{Kind: fault.Cut, Op: r.Uint64N(max(1, ops)), How: m.how(r)}
	if r.IntN(8) == 0 {
		f.Kind, f.Ops = fault.BrownOut, 1+r.Uint64N(8)
	}
	t.Faults = append(t.Faults, f)
}

func (m *mutator) how(r *rand.Rand) fault.How {
	h := m.hows[r.IntN(len(m.hows))]
	if h.Kind == fault.Bits || h.Kind == fault.Few || h.Kind == fault.Most {
		h.Num = 1 + r.Uint32N(1000)
	}
	return h
}

// drop takes a change away.
func (m *mutator) drop(t *sweep.Trial, r *rand.Rand) {
	n := len(t.Package) + len(t.Flash) + len(t.Faults)
	if n == 0 {
		return
	}
	i := r.IntN(n)
	switch {
	case i < len(t.Package):
		t.Package = slices.Delete(t.Package, i, i+1)
	case i < len(t.Package)+len(t.Flash):
		i -= len(t.Package)
		t.Flash = slices.Delete(t.Flash, i, i+1)
	default:
		i -= len(t.Package) + len(t.Flash)
		t.Faults = slices.Delete(t.Faults, i, i+1)
	}
}

// edit makes a change of size bytes; data is what they are, if that is known.
// Heads are where decisions come from, so half of the changes go there.
func (m *mutator) edit(size int64, data []byte, kinds []fault.EditKind, r *rand.Rand) fault.Edit {
	off := r.Int64N(max(1, size))
	switch r.IntN(6) {
	case 0, 1, 2:
		off = r.Int64N(max(1, min(size, 128)))
	case 3:
		off = off &^ (flash.DefaultSectorSize - 1)
	}
	e := fault.Edit{Do: kinds[r.IntN(len(kinds))], Off: off}
	switch e.Do {
	case fault.EditSet:
		e.Data = m.words[r.IntN(len(m.words))]
		if at := off &^ 3; at+4 <= int64(len(data)) && r.IntN(2) == 0 {
			e.Off, e.Data = at, near(data[at:at+4], r)
		}
	case fault.EditInsert, fault.EditAdd:
		e.Data = m.words[r.IntN(len(m.words))]
		if e.Do == fault.EditAdd {
			e.Off = 0
		}
	case fault.EditFlip:
		e.Bits = 1 << r.IntN(8)
	case fault.EditFill:
		e.Bytes, e.Data = 1+r.Int64N(flash.DefaultSectorSize), fault.Hex{[]byte{0x00, 0xFF}[r.IntN(2)]}
	case fault.EditSwap:
		e.To, e.Bytes = r.Int64N(max(1, size)), 1+r.Int64N(512)
	case fault.EditRemove:
		e.Bytes = 1 + r.Int64N(512)
	}
	e.Data = slices.Clone(e.Data)
	return e
}

// near is a number that is not far from a little-endian word.
func near(word []byte, r *rand.Rand) []byte {
	n := binary.LittleEndian.Uint32(word)
	some := [...]uint32{n + 1, n - 1, n + 1 + r.Uint32N(16), n - 1 - r.Uint32N(16), n + flash.DefaultSectorSize, n - flash.DefaultSectorSize, 2 * n, n / 2, ^n, n ^ 1<<r.IntN(32)}
	return binary.LittleEndian.AppendUint32(nil, some[r.IntN(len(some))])
}
