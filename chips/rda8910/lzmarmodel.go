package rda8910

// What encoder and decoder of LZMAR share. It is LZMA with lc = lp = pb = 0 and
// these differences (8910.md 2.6): probabilities have 10 bits, literals behind
// a match are coded like others, and one coder of lengths serves normal and
// repeated matches.

const (
	probBits  = 10
	probInit  = 1 << probBits / 2
	probShift = 5
	rangeTop  = 1 << 24

	minMatch     = 2
	maxMatch     = minMatch + 8 + 8 + 256 - 1
	states       = 12
	lenStates    = 4 // coders of distance slots, by length
	slotBits     = 6
	firstModel   = 4  // slots from here on have bits below the top two
	firstAligned = 14 // slots from here on have direct bits and aligned ones
	alignBits    = 4
)

type prob uint16

// lengthModel codes the length of a match, less minMatch.
type lengthModel struct {
	choice, choice2 prob
	low, mid        [8]prob
	high            [256]prob
}

// lzmarModel holds the probabilities of a block.
type lzmarModel struct {
	isMatch, isRep, isRep0, isRep1, isRep2, isRep0Long [states]prob

	literal [256]prob
	length  lengthModel
	slot    [lenStates][1 << slotBits]prob
	// special holds the trees of slots 4 to 13, one behind the other as in
	// LZMA.
	special [1 << (firstAligned / 2)]prob
	align   [1 << alignBits]prob
}

func newLZMARModel() *lzmarModel {
	m := new(lzmarModel)
	groups := [][]prob{
		m.isMatch[:], m.isRep[:], m.isRep0[:], m.isRep1[:], m.isRep2[:], m.isRep0Long[:],
		m.literal[:], m.length.low[:], m.length.mid[:], m.length.high[:], m.special[:], m.align[:],
	}
	for i := range m.slot {
		groups = append(groups, m.slot[i][:])
	}
	for _, g := range groups {
		for i := range g {
			g[i] = probInit
		}
	}
	m.length.choice, m.length.choice2 = probInit, probInit
	return m
}

// specialTree returns the tree for the bits below the top two of a slot below
// firstAligned, indexed from 1, and where the distances of the slot begin.
func (m *lzmarModel) specialTree(slot uint32) (tree []prob, base uint32) {
	base = slotBase(slot)
	return m.special[base-slot:], base
}

// slotBase returns the first distance, counted from 0, of a slot from
// firstModel on.
func slotBase(slot uint32) uint32 { return (2 | slot&1) << (slot>>1 - 1) }

// The state remembers what came last, as in LZMA.

func afterLiteral(s int) int {
	switch {
	case s < 4:
		return 0
	case s < 10:
		return s - 3
	}
	return s - 6
}

// after returns the state behind something that is no literal: a, if a literal
// came before it.
func after(s, a, b int) int {
	if s < 7 {
		return a
	}
	return b
}

func afterMatch(s int) int    { return after(s, 7, 10) }
func afterRep(s int) int      { return after(s, 8, 11) }
func afterShortRep(s int) int { return after(s, 9, 11) }
