package rda8910

import "math/bits"

// encode compresses p.
func (c *coding) encode(p []byte) []byte {
	e := lzmaEncoder{coding: c, p: p, m: c.newModel(), rng: 0xFFFFFFFF, pending: 1}
	parser := newLZMAParser(&e)
	for e.at < len(p) {
		for _, m := range parser.next() {
			e.put(m)
		}
	}
	for range 5 {
		e.shiftLow()
	}
	return e.out
}

// lzmaEncoder writes symbols.
type lzmaEncoder struct {
	*coding
	p       []byte
	at      int
	h       history
	m       *lzmaModel
	low     uint64
	rng     uint32
	cache   byte
	pending int // bytes that wait for a carry
	out     []byte
}

// put writes a literal or a match.
func (e *lzmaEncoder) put(m match) {
	ps, s := e.posState(e.at), e.h.state
	switch {
	case m.length == 0:
		e.bit(&e.m.isMatch[s][ps], 0)
		e.literal()
	case m.rep < 0:
		e.bit(&e.m.isMatch[s][ps], 1)
		e.bit(&e.m.isRep[s], 0)
		e.length(lengthNormal, ps, m.length)
		e.distance(m)
	default:
		e.bit(&e.m.isMatch[s][ps], 1)
		e.bit(&e.m.isRep[s], 1)
		e.repeated(m, s, ps)
	}
	e.h = e.h.behind(m)
	e.at += max(1, m.length)
}

func (e *lzmaEncoder) literal() {
	t := e.literals(e.m, e.p[:e.at])
	c := uint32(e.p[e.at]) | 0x100
	i := uint32(1)
	if e.matched && e.h.state >= afterMatches {
		for other := uint32(e.p[e.at-1-int(e.h.reps[0])]); i < 0x100; other <<= 1 {
			want := other >> 7 & 1
			b := c >> (8 - bits.Len32(i)) & 1
			e.bit(&t[(1+want)<<8+i], b)
			i = i<<1 | b
			if b != want {
				break
			}
		}
	}
	for i < 0x100 {
		b := c >> (8 - bits.Len32(i)) & 1
		e.bit(&t[i], b)
		i = i<<1 | b
	}
}

func (e *lzmaEncoder) repeated(m match, s, ps int) {
	if m.rep == 0 {
		e.bit(&e.m.isRep0[s], 0)
		if m.length == 1 {
			e.bit(&e.m.isRep0Long[s][ps], 0)
			return
		}
		e.bit(&e.m.isRep0Long[s][ps], 1)
	} else {
		e.bit(&e.m.isRep0[s], 1)
		if m.rep == 1 {
			e.bit(&e.m.isRep1[s], 0)
		} else {
			e.bit(&e.m.isRep1[s], 1)
			e.bit(&e.m.isRep2[s], uint32(m.rep-2))
		}
	}
	e.length(lengthRep, ps, m.length)
}

func (e *lzmaEncoder) length(kind, ps, n int) {
	l, v := e.m.length[kind], uint32(n-minMatch)
	switch {
	case v < 8:
		e.bit(&l.choice, 0)
		e.tree(l.low[ps][:], 3, v)
	case v < 16:
		e.bit(&l.choice, 1)
		e.bit(&l.choice2, 0)
		e.tree(l.mid[ps][:], 3, v-8)
	default:
		e.bit(&l.choice, 1)
		e.bit(&l.choice2, 1)
		e.tree(l.high[:], 8, v-16)
	}
}

// slotOf returns the slot of a distance.
func slotOf(dist uint32) uint32 {
	if dist < firstModel {
		return dist
	}
	top := uint32(bits.Len32(dist)) - 1
	return top<<1 | dist>>(top-1)&1
}

func (e *lzmaEncoder) distance(m match) {
	slot := slotOf(m.dist)
	e.tree(e.m.slot[lenState(m.length)][:], slotBits, slot)
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

func (e *lzmaEncoder) bit(p *prob, b uint32) {
	bound := e.rng >> e.probBits * uint32(*p)
	if b == 0 {
		e.rng = bound
	} else {
		e.low += uint64(bound)
		e.rng -= bound
	}
	e.update(p, b)
	e.normalize()
}

func (e *lzmaEncoder) tree(t []prob, n int, v uint32) {
	i := uint32(1)
	for k := n - 1; k >= 0; k-- {
		b := v >> k & 1
		e.bit(&t[i], b)
		i = i<<1 | b
	}
}

func (e *lzmaEncoder) reverse(t []prob, n int, v uint32) {
	i := uint32(1)
	for k := range n {
		b := v >> k & 1
		e.bit(&t[i], b)
		i = i<<1 | b
	}
}

func (e *lzmaEncoder) direct(v uint32, n int) {
	for k := n - 1; k >= 0; k-- {
		e.rng >>= 1
		if v>>k&1 == 1 {
			e.low += uint64(e.rng)
		}
		e.normalize()
	}
}

func (e *lzmaEncoder) normalize() {
	for e.rng < rangeTop {
		e.rng <<= 8
		e.shiftLow()
	}
}

// shiftLow moves the top byte of low out, once no carry can reach it any more.
func (e *lzmaEncoder) shiftLow() {
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
