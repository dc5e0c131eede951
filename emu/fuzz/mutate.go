package fuzz

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"airlift/emu/fault"
	"airlift/emu/sweep"
	"airlift/flash"
)

// mutator makes trials of a module and its package.
type mutator struct {
	size  int64 // bytes of the package
	ops   uint64
	parts []flash.Partition
	words [][]byte // the dictionary
	hows  []fault.How
}

// FaultsMax is how many power cuts a trial has at most.
const FaultsMax = 4

// editsMax is how many edits of a kind a trial has at most.
const editsMax = 6

func newMutator(s *sweep.Sweep) mutator {
	m := mutator{size: int64(len(s.Package)), ops: uint64(len(s.Clean.Ops)), parts: s.Parts(), hows: fault.DefaultHows()}
	m.words = dictionary(s)
	return m
}

// dictionary has what the formats hold: numbers at which code changes its mind,
// the words of the package's head, in which its format's marks and lengths are,
// and places and sizes of partitions.
func dictionary(s *sweep.Sweep) [][]byte {
	var out [][]byte
	add := func(p []byte) {
		if !slices.ContainsFunc(out, func(q []byte) bool { return string(p) == string(q) }) {
			out = append(out, slices.Clone(p))
		}
	}
	number := func(n uint64) {
		var p [8]byte
		binary.LittleEndian.PutUint32(p[:], uint32(n))
		add(p[:4])
		binary.BigEndian.PutUint32(p[:], uint32(n))
		add(p[:4])
		binary.LittleEndian.PutUint16(p[:], uint16(n))
		add(p[:2])
	}
	for _, n := range []uint64{0, 1, 0xFF, 0x100, 4095, 4096, 4097, 8192, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} {
		number(n)
	}
	for _, b := range []byte{0, 1, 0x7F, 0x80, 0xFF, 'M', 'Z'} {
		add([]byte{b})
	}
	for _, table := range s.Chip.Partitions {
		for _, p := range table {
			number(uint64(p.Off))
			number(uint64(p.Size))
		}
	}
	size := uint64(len(s.Package))
	for _, n := range []uint64{size - 1, size, size + 1, size / 2, size * 2} {
		number(n)
	}
	for at := 0; at+4 <= min(len(s.Package), 256); at += 4 {
		add(s.Package[at : at+4])
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
	switch r.IntN(10) {
	case 0, 1, 2:
		m.cut(t, ops, r)
	case 3:
		if n := len(t.Faults); n > 0 { // the same a little earlier or later, or otherwise
			f := &t.Faults[r.IntN(n)]
			f.Op = max(0, f.Op+uint64(r.IntN(9))) - min(f.Op, uint64(r.IntN(9)))
			f.How = m.how(r)
			return
		}
		m.cut(t, ops, r)
	case 4, 5, 6:
		if len(t.Package) < editsMax {
			t.Package = append(t.Package, m.edit(m.size, fault.EditKinds, "", r))
		}
	case 7:
		if len(t.Flash) < editsMax && len(m.parts) > 0 {
			p := m.parts[r.IntN(len(m.parts))]
			t.Flash = append(t.Flash, m.edit(p.Size, fault.EditKinds[:4], p.Name, r))
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
	if len(t.Faults) == 0 || ops == 0 {
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

// edit makes a change of size bytes. Heads are where decisions come from, so
// half of them go there.
func (m *mutator) edit(size int64, kinds []fault.EditKind, part string, r *rand.Rand) fault.Edit {
	off := r.Int64N(max(1, size))
	switch r.IntN(6) {
	case 0, 1, 2:
		off = r.Int64N(max(1, min(size, 128)))
	case 3:
		off = off &^ (flash.DefaultSectorSize - 1)
	}
	e := fault.Edit{Do: kinds[r.IntN(len(kinds))], Part: part, Off: off}
	switch e.Do {
	case fault.EditSet, fault.EditInsert, fault.EditAdd:
		e.Data = slices.Clone(m.words[r.IntN(len(m.words))])
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
	return e
}
