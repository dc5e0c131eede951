package deflate

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// code is a Huffman code, its bits in the order in which they are sent.
type code struct {
	bits uint16
	len  uint8
}

// canonical assigns codes to lengths (RFC 1951 3.2.2).
func canonical(lengths []uint8) []code {
	var count, next [17]uint16
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for n := 1; n < len(next); n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	codes := make([]code, len(lengths))
	for i, n := range lengths {
		if n != 0 {
			codes[i] = code{bits.Reverse16(next[n]) >> (16 - n), n}
			next[n]++
		}
	}
	return codes
}

// codeLengths returns the lengths of an optimal prefix code with codes of at
// most limit bits, by package-merge; unused symbols get none. A lone symbol
// gets one bit, and a second symbol a bit too, since some decoders refuse
// codes that are not complete.
func codeLengths(freq []uint32, limit int) []uint8 {
	lengths := make([]uint8, len(freq))
	var leaves []pmItem
	for s, f := range freq {
		if f != 0 {
			leaves = append(leaves, pmItem{weight: uint64(f), symbol: int32(s)})
		}
	}
	if len(leaves) < 2 {
		first := 0
		if len(leaves) == 1 {
			first = int(leaves[0].symbol)
		}
		other := 0
		if first == 0 {
			other = 1
		}
		lengths[first], lengths[other] = 1, 1
		return lengths
	}
	slices.SortFunc(leaves, func(a, b pmItem) int {
		if a.weight != b.weight {
			if a.weight < b.weight {
				return -1
			}
			return 1
		}
		return int(a.symbol - b.symbol)
	})
	packageMerge(leaves, limit, lengths)
	return lengths
}

// pmItem is a leaf (symbol >= 0) or, with symbol -1-k, the package of items
// 2k and 2k+1 of the row before.
type pmItem struct {
	weight uint64
	symbol int32
}

// packageMerge builds limit rows, each the leaves merged with the pairs of the
// row before, and counts how often each leaf is in the cheapest 2n-2 items of
// the last: that is its code's length.
func packageMerge(leaves []pmItem, limit int, lengths []uint8) {
	rows := make([][]pmItem, limit)
	rows[0] = leaves
	for r := 1; r < limit; r++ {
		below := rows[r-1]
		row := make([]pmItem, 0, len(leaves)+len(below)/2)
		l, k := 0, 0
		for l < len(leaves) || 2*k+1 < len(below) {
			if 2*k+1 >= len(below) || l < len(leaves) && leaves[l].weight <= below[2*k].weight+below[2*k+1].weight {
				row = append(row, leaves[l])
				l++
			} else {
				row = append(row, pmItem{below[2*k].weight + below[2*k+1].weight, int32(-1 - k)})
				k++
			}
		}
		rows[r] = row
	}
	take := 2*len(leaves) - 2
	for r := limit - 1; r >= 0; r-- {
		packages := 0
		for _, it := range rows[r][:take] {
			if it.symbol >= 0 {
				lengths[it.symbol]++
			} else {
				packages++
			}
		}
		take = 2 * packages // packages are taken in order, so they are a prefix of the row below
	}
}

// bitWriter gathers bits, least significant first.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint // bits in acc, below 8 between calls
}

// put writes the low n bits of v, at most 56; the others must be zero.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << w.n
	w.n += n
	k := w.n >> 3
	if k == 0 {
		return
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], w.acc)
	w.out = append(w.out, b[:k]...)
	if k == 8 {
		w.acc = 0
	} else {
		w.acc >>= k * 8
	}
	w.n &= 7
}

// align fills up to a byte with zeros.
func (w *bitWriter) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// bytes writes whole bytes; the writer must be aligned.
func (w *bitWriter) bytes(p []byte) { w.out = append(w.out, p...) }

func (w *bitWriter) flush() []byte {
	w.align()
	return w.out
}
