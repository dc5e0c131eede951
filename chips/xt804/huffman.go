package xt804

import "math/bits"

// huffTable decodes one prefix code: a root table indexed by the next bits of
// the input and, for longer codes, tables behind it.
//
// An entry is symbol<<4 | code length. A length of 0 marks bits that are no
// code. An entry with subTable set leads to a table of 1<<length entries at
// the index in the bits from 4 on.
type huffTable struct {
	tab     []uint32
	root    uint   // bits indexed at once
	mask    uint64 // 1<<root - 1
	longest uint   // length of the longest code
	kind    uint8  // which fixed table tab is, to build it once
}

const (
	subTable   = 1 << 31
	maxCodeLen = 15
	fixedKind  = 1
)

func (t *huffTable) look(bb uint64) uint32 {
	e := t.tab[bb&t.mask]
	if e&subTable != 0 {
		e = t.tab[uint64(e&^subTable>>4)+bb>>t.root&(1<<(e&0xF)-1)]
	}
	return e
}

// build makes the table for code lengths lens (0 for no code). It refuses what
// the classic inflate refuses: a set with more codes than there are, and one
// with fewer, except a single code of one bit or if partial is set. Of a set
// without any code the real one keeps a null pointer, which does no harm until
// a code is looked up: every look-up fails here.
func (t *huffTable) build(lens []uint8, root uint, partial bool) bool {
	var count [maxCodeLen + 1]int
	for _, n := range lens {
		count[n]++
	}
	count[0] = 0
	t.longest = 0
	left := 1
	for n := 1; n <= maxCodeLen; n++ {
		if left = left<<1 - count[n]; left < 0 {
			return false
		}
		if count[n] != 0 {
			t.longest = uint(n)
		}
	}
	if left > 0 && t.longest > 1 && !partial {
		return false
	}
	t.kind = 0
	t.fill(lens, count, min(root, t.longest))
	return true
}

// fill enters the codes in canonical order.
func (t *huffTable) fill(lens []uint8, count [maxCodeLen + 1]int, root uint) {
	t.root, t.mask = root, 1<<root-1
	t.tab = append(t.tab[:0], make([]uint32, 1<<root)...)
	var place [maxCodeLen + 2]int
	for n := 1; n <= maxCodeLen; n++ {
		place[n+1] = place[n] + count[n]
	}
	var sorted [288]uint16
	for sym, n := range lens {
		if n != 0 {
			sorted[place[n]] = uint16(sym)
			place[n]++
		}
	}
	code, k := uint32(0), 0
	for n := uint(1); n <= t.longest; n++ {
		for ; count[n] > 0; count[n]-- {
			rev := bits.Reverse32(code) >> (32 - n)
			t.enter(rev, n, uint32(sorted[k])<<4|uint32(n), &count)
			code++
			k++
		}
		code <<= 1
	}
}

// enter stores entry for the bit-reversed code rev of n bits. Count holds how
// many codes of each length are still to come, this one included.
func (t *huffTable) enter(rev uint32, n uint, entry uint32, count *[maxCodeLen + 1]int) {
	if n <= t.root {
		for i := rev; i < 1<<t.root; i += 1 << n {
			t.tab[i] = entry
		}
		return
	}
	head := rev & uint32(t.mask)
	if t.tab[head]&subTable == 0 {
		sub := n - t.root
		for left := 1 << sub; sub+t.root < t.longest; sub++ {
			if left -= count[sub+t.root]; left <= 0 {
				break
			}
			left <<= 1
		}
		t.tab[head] = subTable | uint32(len(t.tab))<<4 | uint32(sub)
		t.tab = append(t.tab, make([]uint32, 1<<sub)...)
	}
	link := t.tab[head] &^ subTable
	for i := rev >> t.root; i < 1<<(link&0xF); i += 1 << (n - t.root) {
		t.tab[link>>4+i] = entry
	}
}

// fixedTables sets the codes of a block with fixed codes. There are 30
// distance codes of 5 bits: the other two are no codes.
func (z *inflater) fixedTables() {
	if z.lit.kind == fixedKind {
		return
	}
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144 || i >= 280:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		default:
			lens[i] = 7
		}
	}
	z.lit.build(lens[:], litRoot, false)
	for i := range 30 {
		lens[i] = 5
	}
	z.dist.build(lens[:30], distRoot, true)
	z.lit.kind = fixedKind
}

// Order in which the lengths of the code length codes are stored
// (RFC 1951 3.2.7).
var lengthOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicTables reads the codes of a block with codes of its own.
func (z *inflater) dynamicTables() bool {
	v, ok := z.bits(14)
	if !ok {
		return false
	}
	lits, dists, clens := int(v&0x1F)+257, int(v>>5&0x1F)+1, int(v>>10)+4
	if lits > 286 || dists > 30 {
		return false
	}
	var lens [286 + 30]uint8
	var order [19]uint8
	for i := range clens {
		v, ok := z.bits(3)
		if !ok {
			return false
		}
		order[lengthOrder[i]] = uint8(v)
	}
	z.lit.kind = 0
	if !z.lit.build(order[:], 7, false) || !z.codeLengths(lens[:lits+dists]) {
		return false
	}
	return z.lit.build(lens[:lits], litRoot, false) && z.dist.build(lens[lits:lits+dists], distRoot, false)
}

// codeLengths reads the run-length coded code lengths with the code in z.lit.
func (z *inflater) codeLengths(lens []uint8) bool {
	last := uint8(0)
	for i := 0; i < len(lens); {
		sym, ok := z.symbol(&z.lit, 7)
		if !ok {
			return false
		}
		if sym < 16 {
			last = uint8(sym)
			lens[i] = last
			i++
			continue
		}
		extra, base := uint(2), 3
		switch sym {
		case 16:
			z.lenient = z.lenient || i == 0 // there is no length to repeat
		case 17:
			extra = 3
		case 18:
			extra, base = 7, 11
		}
		v, ok := z.bits(extra)
		if !ok || i+base+int(v) > len(lens) {
			return false
		}
		if sym != 16 {
			last = 0
		}
		for n := base + int(v); n > 0; n-- {
			lens[i] = last
			i++
		}
	}
	return true
}
