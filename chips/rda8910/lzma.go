package rda8910

// coding is a kind of LZMA. Both kinds of the family have lp = 0.
type coding struct {
	probBits uint // of a probability
	lc, pb   uint
	dict     int64 // farthest distance
	// matched says that a literal behind a match is coded with the byte in
	// view that the match would have gone on with.
	matched bool
	// oneLength says that normal and repeated matches share a coder of lengths.
	oneLength bool
}

var (
	// aloneCoding is LZMA as everybody has it, with the properties of core
	// packs, 0x5D (8910.md 2.5).
	aloneCoding = coding{probBits: 11, lc: 3, pb: 2, dict: aloneDict, matched: true}
	// lzmarCoding is that of LZMAR (8910.md 2.6).
	lzmarCoding = coding{probBits: 10, dict: lzmarDict, oneLength: true}
)

const (
	probShift    = 5
	rangeTop     = 1 << 24
	minMatch     = 2
	maxMatch     = minMatch + 8 + 8 + 256 - 1
	states       = 12
	posStates    = 4
	lenStates    = 4 // coders of distance slots, by length
	slotBits     = 6
	firstModel   = 4  // slots from here on have bits below the top two
	firstAligned = 14 // slots from here on have direct bits and aligned ones
	alignBits    = 4
	afterMatches = 7 // states from here on are behind something that is no literal
	literalProbs = 0x300
)

type prob uint16

// lengthModel codes the length of a match, less minMatch.
type lengthModel struct {
	choice, choice2 prob
	low, mid        [posStates][8]prob
	high            [256]prob
}

// lzmaModel holds the probabilities of a stream.
type lzmaModel struct {
	isMatch, isRep0Long           [states][posStates]prob
	isRep, isRep0, isRep1, isRep2 [states]prob

	literal []prob // literalProbs for each context
	length  [2]*lengthModel
	slot    [lenStates][1 << slotBits]prob
	// special holds the trees of slots 4 to 13, one behind the other.
	special [1 << (firstAligned / 2)]prob
	align   [1 << alignBits]prob
}

// Indices of lzmaModel.length.
const (
	lengthNormal = iota
	lengthRep
)

func (c *coding) newModel() *lzmaModel {
	m := &lzmaModel{literal: make([]prob, literalProbs<<c.lc)}
	half := prob(1) << (c.probBits - 1)
	fill := func(g []prob) {
		for i := range g {
			g[i] = half
		}
	}
	for i := range m.length {
		if i == lengthRep && c.oneLength {
			m.length[i] = m.length[lengthNormal]
			break
		}
		l := &lengthModel{choice: half, choice2: half}
		for k := range posStates {
			fill(l.low[k][:])
			fill(l.mid[k][:])
		}
		fill(l.high[:])
		m.length[i] = l
	}
	for s := range states {
		fill(m.isMatch[s][:])
		fill(m.isRep0Long[s][:])
	}
	for i := range m.slot {
		fill(m.slot[i][:])
	}
	for _, g := range [][]prob{m.isRep[:], m.isRep0[:], m.isRep1[:], m.isRep2[:], m.literal, m.special[:], m.align[:]} {
		fill(g)
	}
	return m
}

// literals returns the probabilities for a literal behind p.
func (c *coding) literals(m *lzmaModel, p []byte) []prob {
	i := 0
	if len(p) > 0 {
		i = int(p[len(p)-1]) >> (8 - c.lc)
	}
	return m.literal[i*literalProbs : (i+1)*literalProbs]
}

// posState returns the part of a position that probabilities depend on.
func (c *coding) posState(at int) int { return at & (1<<c.pb - 1) }

// update moves a probability after a bit.
func (c *coding) update(p *prob, b uint32) {
	if b == 0 {
		*p += (1<<c.probBits - *p) >> probShift
	} else {
		*p -= *p >> probShift
	}
}

// specialTree returns the tree for the bits below the top two of a slot below
// firstAligned, indexed from 1, and where the distances of the slot begin.
func (m *lzmaModel) specialTree(slot uint32) (tree []prob, base uint32) {
	base = slotBase(slot)
	return m.special[base-slot:], base
}

// slotBase returns the first distance, counted from 0, of a slot from
// firstModel on.
func slotBase(slot uint32) uint32 { return (2 | slot&1) << (slot>>1 - 1) }

// lenState returns which coder of slots a length has.
func lenState(length int) int { return min(length-minMatch, lenStates-1) }

// history is what the meaning of the next symbol depends on.
type history struct {
	state int       // what came last
	reps  [4]uint32 // the last distances, counted from 0, the last first
}

// match is a repetition: rep is 0 to 3 for one of the last distances, or -1. A
// length of 0 is a literal; of 1, the byte at the last distance.
type match struct {
	length int
	dist   uint32 // counted from 0
	rep    int
}

// behind returns the history after a symbol.
func (h history) behind(m match) history {
	next := func(afterLiteral, other int) {
		if h.state < afterMatches {
			h.state = afterLiteral
		} else {
			h.state = other
		}
	}
	r := h.reps
	switch {
	case m.length == 0 && h.state < 4:
		h.state = 0
	case m.length == 0 && h.state < 10:
		h.state -= 3
	case m.length == 0:
		h.state -= 6
	case m.length == 1:
		next(9, 11)
	case m.rep < 0:
		next(7, 10)
		h.reps = [4]uint32{m.dist, r[0], r[1], r[2]}
	default:
		next(8, 11)
		switch m.rep {
		case 1:
			h.reps = [4]uint32{r[1], r[0], r[2], r[3]}
		case 2:
			h.reps = [4]uint32{r[2], r[0], r[1], r[3]}
		case 3:
			h.reps = [4]uint32{r[3], r[0], r[1], r[2]}
		}
	}
	return h
}
