package rda8910

import (
	"math"
	"math/bits"
	"slices"

	"airlift/chips/entropy"
)

const (
	parseAhead   = 4096 // bytes over which the cheapest way is looked for
	refreshEvery = 128  // symbols after which prices are computed anew
	priceBits    = 7    // of a probability that its price depends on
	fullDists    = 128  // distances whose price is kept whole
)

// lzmaParser chooses the symbols for the data: the cheapest, by the
// probabilities that the encoder has at the moment.
type lzmaParser struct {
	e       *lzmaEncoder
	f       *matchFinder
	nodes   []parseNode
	end     int // last node that was reached
	symbols []match
	since   int // symbols since prices were computed

	bits    [1 << priceBits]int32 // price of a 0 by its probability
	lengths [2][posStates][maxMatch + 1]int32
	slots   [lenStates][1 << slotBits]int32
	dists   [lenStates][fullDists]int32
	aligns  [1 << alignBits]int32
}

// parseNode is the cheapest way to a place.
type parseNode struct {
	price int32
	last  match // the symbol that leads here
	h     history
}

func newLZMAParser(e *lzmaEncoder) *lzmaParser {
	q := &lzmaParser{e: e, f: newMatchFinder(e.p, e.dict), nodes: make([]parseNode, parseAhead+maxMatch+1), since: refreshEvery}
	for i := range q.bits {
		q.bits[i] = int32((priceBits+1)*entropy.Bit - entropy.Log2(2*i+1))
	}
	return q
}

// next returns the symbols up to a place that every good way goes through.
func (q *lzmaParser) next() []match {
	if q.since >= refreshEvery {
		q.refresh()
		q.since = 0
	}
	start := q.e.at
	q.nodes[0] = parseNode{h: q.e.h}
	q.end = 0
	i := 0
	for {
		if long := q.expand(i, start+i); long.length > 0 {
			q.path(i)
			q.symbols = append(q.symbols, long)
			break
		}
		if i++; i == q.end || i >= parseAhead {
			q.path(i)
			break
		}
	}
	q.since += len(q.symbols)
	return q.symbols
}

// path collects the symbols that lead to a node.
func (q *lzmaParser) path(i int) {
	q.symbols = q.symbols[:0]
	for i > 0 {
		m := q.nodes[i].last
		q.symbols = append(q.symbols, m)
		i -= max(1, m.length)
	}
	slices.Reverse(q.symbols)
}

// reach offers a way to a node.
func (q *lzmaParser) reach(i int, price int32, m match) {
	for q.end < i {
		q.end++
		q.nodes[q.end].price = math.MaxInt32
	}
	if n := &q.nodes[i]; price < n.price {
		n.price, n.last = price, m
	}
}

// expand goes on from node i, which lies at at. A long match it returns
// instead.
func (q *lzmaParser) expand(i, at int) match {
	n := &q.nodes[i]
	if i > 0 {
		n.h = q.nodes[i-max(1, n.last.length)].h.behind(n.last)
	}
	if at == len(q.e.p) {
		return match{}
	}
	e, h := q.e, n.h
	ps, s := e.posState(at), h.state
	q.reach(i+1, n.price+q.price(e.m.isMatch[s][ps], 0)+q.literal(at, h), match{})
	rep := n.price + q.price(e.m.isMatch[s][ps], 1)
	normal := rep + q.price(e.m.isRep[s], 0)
	rep += q.price(e.m.isRep[s], 1)
	longest := 0
	for k, dist := range h.reps {
		run := 0
		if int64(dist) < e.dict {
			run = q.f.run(at, dist)
		}
		if run >= niceLength {
			return match{run, dist, k}
		}
		longest = max(longest, run)
		if k == 0 && run > 0 {
			q.reach(i+1, rep+q.price(e.m.isRep0[s], 0)+q.price(e.m.isRep0Long[s][ps], 0), match{1, dist, 0})
		}
		if run >= minMatch {
			price := rep + q.which(k, s, ps)
			for length := run; length >= minMatch; length-- {
				q.reach(i+length, price+q.lengths[lengthRep][ps][length], match{length, dist, k})
			}
		}
	}
	length := minMatch
	for _, m := range q.f.find(at) {
		if m.length >= niceLength {
			return m
		}
		for ; length <= m.length; length++ {
			q.reach(i+length, normal+q.lengths[lengthNormal][ps][length]+q.dist(m.dist, lenState(length)), match{length, m.dist, -1})
		}
	}
	return match{}
}

// price returns what a bit costs.
func (q *lzmaParser) price(p prob, b uint32) int32 {
	if b == 1 {
		p = 1<<q.e.probBits - p
	}
	return q.bits[min(1<<priceBits-1, p>>(q.e.probBits-priceBits))]
}

// which returns what it costs to name one of the last distances.
func (q *lzmaParser) which(k, s, ps int) int32 {
	m := q.e.m
	if k == 0 {
		return q.price(m.isRep0[s], 0) + q.price(m.isRep0Long[s][ps], 1)
	}
	price := q.price(m.isRep0[s], 1)
	if k == 1 {
		return price + q.price(m.isRep1[s], 0)
	}
	return price + q.price(m.isRep1[s], 1) + q.price(m.isRep2[s], uint32(k-2))
}

func (q *lzmaParser) literal(at int, h history) (price int32) {
	e := q.e
	t := e.literals(e.m, e.p[:at])
	c, i := uint32(e.p[at])|0x100, uint32(1)
	if e.matched && h.state >= afterMatches {
		for other := uint32(e.p[at-1-int(h.reps[0])]); i < 0x100; other <<= 1 {
			want := other >> 7 & 1
			b := c >> (8 - bits.Len32(i)) & 1
			price += q.price(t[(1+want)<<8+i], b)
			i = i<<1 | b
			if b != want {
				break
			}
		}
	}
	for i < 0x100 {
		b := c >> (8 - bits.Len32(i)) & 1
		price += q.price(t[i], b)
		i = i<<1 | b
	}
	return price
}

// dist returns what a distance costs.
func (q *lzmaParser) dist(d uint32, ls int) int32 {
	if d < fullDists {
		return q.dists[ls][d]
	}
	slot := slotOf(d)
	return q.slots[ls][slot] + int32(int(slot>>1-1)-alignBits)*entropy.Bit + q.aligns[d&(1<<alignBits-1)]
}

// refresh computes the prices that are kept.
func (q *lzmaParser) refresh() {
	m := q.e.m
	for kind := range q.lengths {
		l := m.length[kind]
		mid := q.price(l.choice, 1)
		high := mid + q.price(l.choice2, 1)
		mid += q.price(l.choice2, 0)
		for ps := range 1 << q.e.pb {
			t := &q.lengths[kind][ps]
			for v := range uint32(8) {
				t[minMatch+v] = q.price(l.choice, 0) + q.tree(l.low[ps][:], 3, v)
				t[minMatch+8+v] = mid + q.tree(l.mid[ps][:], 3, v)
			}
			for v := range uint32(256) {
				if ps == 0 {
					t[minMatch+16+v] = high + q.tree(l.high[:], 8, v)
				} else {
					t[minMatch+16+v] = q.lengths[kind][0][minMatch+16+v]
				}
			}
		}
	}
	for ls := range q.slots {
		for slot := range uint32(1 << slotBits) {
			q.slots[ls][slot] = q.tree(m.slot[ls][:], slotBits, slot)
		}
		for d := range uint32(fullDists) {
			slot := slotOf(d)
			q.dists[ls][d] = q.slots[ls][slot]
			if slot >= firstModel {
				tree, base := m.specialTree(slot)
				q.dists[ls][d] += q.reverse(tree, int(slot>>1-1), d-base)
			}
		}
	}
	for v := range q.aligns {
		q.aligns[v] = q.reverse(m.align[:], alignBits, uint32(v))
	}
}

func (q *lzmaParser) tree(t []prob, n int, v uint32) (price int32) {
	i := uint32(1)
	for k := n - 1; k >= 0; k-- {
		b := v >> k & 1
		price += q.price(t[i], b)
		i = i<<1 | b
	}
	return price
}

func (q *lzmaParser) reverse(t []prob, n int, v uint32) (price int32) {
	i := uint32(1)
	for k := range n {
		b := v >> k & 1
		price += q.price(t[i], b)
		i = i<<1 | b
	}
	return price
}
