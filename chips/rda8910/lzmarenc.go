package rda8910

import "math/bits"

// lzmarEncode compresses a block of at most lzmarBlock bytes. It takes the
// longest match, repeated ones first, and looks one byte ahead for a longer
// one.
func lzmarEncode(p []byte) []byte {
	e := lzmarEncoder{m: newLZMARModel(), rng: 0xFFFFFFFF, pending: 1, p: p, prev: make([]int32, len(p))}
	for i := range e.heads {
		e.heads[i] = -1
	}
	for at := 0; at < len(p); {
		m := e.best(at)
		if m.length > 1 && m.length < 32 && at+1 < len(p) {
			if next := e.best(at + 1); next.gain() > m.gain()+1 {
				m = match{}
			}
		}
		at += e.put(at, m)
	}
	for range 5 {
		e.shiftLow()
	}
	return e.out
}

type lzmarEncoder struct {
	m       *lzmarModel
	low     uint64
	rng     uint32
	cache   byte
	pending int // bytes that wait for a carry
	out     []byte
	state   int
	reps    [4]uint32

	p       []byte
	heads   [1 << 12]int32 // last place of a hash of three bytes
	prev    []int32        // place before it
	indexed int
}

// match is a repetition: rep is 0 to 3 for one of the last distances, or -1. A
// length of 0 is a literal; of 1, the byte at the last distance.
type match struct {
	length int
	dist   uint32 // counted from 0
	rep    int
}

// gain estimates what a match is worth: its length, less what its distance
// costs.
func (m match) gain() int {
	if m.length == 0 || m.rep >= 0 {
		return 2 * m.length
	}
	return 2*m.length - 1 - bits.Len32(m.dist)/4
}

func (e *lzmarEncoder) hash(i int) int {
	return int((uint32(e.p[i])|uint32(e.p[i+1])<<8|uint32(e.p[i+2])<<16)*0x9E3779B1>>20) & (len(e.heads) - 1)
}

// index makes the places below at known to the search.
func (e *lzmarEncoder) index(at int) {
	for ; e.indexed < at && e.indexed+3 <= len(e.p); e.indexed++ {
		h := e.hash(e.indexed)
		e.prev[e.indexed] = e.heads[h]
		e.heads[h] = int32(e.indexed)
	}
}

// run is how many bytes at at repeat those dist+1 before.
func (e *lzmarEncoder) run(at int, dist uint32) int {
	from := at - int(dist) - 1
	if from < 0 {
		return 0
	}
	n := 0
	for n < maxMatch && at+n < len(e.p) && e.p[from+n] == e.p[at+n] {
		n++
	}
	return n
}

const maxChain = 128

// best looks for the best match at at.
func (e *lzmarEncoder) best(at int) match {
	e.index(at)
	m := match{rep: -1}
	for i, dist := range e.reps {
		if n := e.run(at, dist); n >= minMatch && n > m.length {
			m = match{n, dist, i}
		}
	}
	if m.length == 0 && e.run(at, e.reps[0]) == 1 {
		m = match{1, e.reps[0], 0}
	}
	if at+3 > len(e.p) {
		return m
	}
	from := e.heads[e.hash(at)]
	for range maxChain {
		if from < 0 || at-int(from) > lzmarDict {
			break
		}
		dist := uint32(at-int(from)) - 1
		if n := e.run(at, dist); n >= 3 {
			if o := (match{n, dist, -1}); o.gain() > m.gain() {
				m = o
			}
		}
		from = e.prev[from]
	}
	return m
}

// put writes a literal or a match and returns how many bytes it stands for.
func (e *lzmarEncoder) put(at int, m match) int {
	if m.length == 0 {
		e.bit(&e.m.isMatch[e.state], 0)
		e.tree(e.m.literal[:], 8, uint32(e.p[at]))
		e.state = afterLiteral(e.state)
		return 1
	}
	e.bit(&e.m.isMatch[e.state], 1)
	if m.rep < 0 {
		e.bit(&e.m.isRep[e.state], 0)
		e.length(m.length)
		e.distance(m)
		e.state = afterMatch(e.state)
		e.reps = [4]uint32{m.dist, e.reps[0], e.reps[1], e.reps[2]}
		return m.length
	}
	e.bit(&e.m.isRep[e.state], 1)
	e.repeated(m)
	return m.length
}

func (e *lzmarEncoder) repeated(m match) {
	r, s := &e.reps, e.state
	switch m.rep {
	case 0:
		e.bit(&e.m.isRep0[s], 0)
		e.bit(&e.m.isRep0Long[s], b2u(m.length > 1))
		if m.length == 1 {
			e.state = afterShortRep(s)
			return
		}
	case 1:
		e.bit(&e.m.isRep0[s], 1)
		e.bit(&e.m.isRep1[s], 0)
		*r = [4]uint32{r[1], r[0], r[2], r[3]}
	default:
		e.bit(&e.m.isRep0[s], 1)
		e.bit(&e.m.isRep1[s], 1)
		e.bit(&e.m.isRep2[s], b2u(m.rep == 3))
		if m.rep == 2 {
			*r = [4]uint32{r[2], r[0], r[1], r[3]}
		} else {
			*r = [4]uint32{r[3], r[0], r[1], r[2]}
		}
	}
	e.length(m.length)
	e.state = afterRep(s)
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func (e *lzmarEncoder) length(n int) {
	l, v := &e.m.length, uint32(n-minMatch)
	switch {
	case v < 8:
		e.bit(&l.choice, 0)
		e.tree(l.low[:], 3, v)
	case v < 16:
		e.bit(&l.choice, 1)
		e.bit(&l.choice2, 0)
		e.tree(l.mid[:], 3, v-8)
	default:
		e.bit(&l.choice, 1)
		e.bit(&l.choice2, 1)
		e.tree(l.high[:], 8, v-16)
	}
}

func (e *lzmarEncoder) distance(m match) {
	slot := m.dist
	if m.dist >= firstModel {
		top := uint32(bits.Len32(m.dist)) - 1
		slot = top<<1 | m.dist>>(top-1)&1
	}
	e.tree(e.m.slot[min(m.length-minMatch, lenStates-1)][:], slotBits, slot)
	switch {
	case slot < firstModel:
	case slot < firstAligned:
		tree, base := e.m.specialTree(slot)
		e.reverse(tree, int(slot>>1-1), m.dist-base)
	default:
		rest := m.dist - slotBase(slot)
		e.direct(rest>>alignBits, int(slot>>1-1)-alignBits)
		e.reverse(e.m.align[:], alignBits, rest)
	}
}

func (e *lzmarEncoder) bit(p *prob, b uint32) {
	bound := e.rng >> probBits * uint32(*p)
	if b == 0 {
		e.rng = bound
		*p += (1<<probBits - *p) >> probShift
	} else {
		e.low += uint64(bound)
		e.rng -= bound
		*p -= *p >> probShift
	}
	for e.rng < rangeTop {
		e.rng <<= 8
		e.shiftLow()
	}
}

func (e *lzmarEncoder) tree(t []prob, n int, v uint32) {
	i := uint32(1)
	for k := n - 1; k >= 0; k-- {
		b := v >> k & 1
		e.bit(&t[i], b)
		i = i<<1 | b
	}
}

func (e *lzmarEncoder) reverse(t []prob, n int, v uint32) {
	i := uint32(1)
	for k := range n {
		b := v >> k & 1
		e.bit(&t[i], b)
		i = i<<1 | b
	}
}

func (e *lzmarEncoder) direct(v uint32, n int) {
	for k := n - 1; k >= 0; k-- {
		e.rng >>= 1
		if v>>k&1 == 1 {
			e.low += uint64(e.rng)
		}
		for e.rng < rangeTop {
			e.rng <<= 8
			e.shiftLow()
		}
	}
}

// shiftLow moves the top byte of low out, once no carry can reach it any more.
func (e *lzmarEncoder) shiftLow() {
	if e.low < 0xFF000000 || e.low > 0xFFFFFFFF {
		carry := byte(e.low >> 32)
		for ; e.pending > 0; e.pending-- {
			e.out = append(e.out, e.cache+carry)
			e.cache = 0xFF
		}
		e.cache = byte(e.low >> 24)
	}
	e.pending++
	e.low = e.low & 0x00FFFFFF << 8
}
