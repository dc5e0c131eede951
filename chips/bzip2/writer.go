package bzip2

import (
	"fmt"
	"slices"
)

// Encode compresses p into one stream of one block, with the lowest level whose
// block holds it. Levels count in units of so many bytes. It tries different
// numbers of code tables and keeps the shortest result: inputs are short here,
// and every byte goes over the air.
func Encode(p []byte, unit int) ([]byte, error) {
	runs := runLength(p)
	level := max(1, (len(runs)+unit-1)/unit)
	if level > 9 {
		return nil, fmt.Errorf("%d bytes do not fit a bzip2 block of %d", len(runs), 9*unit)
	}
	w := &bitWriter{}
	w.bits('B'<<16|'Z'<<8|'h', 24)
	w.bits(uint64('0'+level), 8)
	if len(runs) == 0 {
		w.bits(magicFinale, 48)
		w.bits(0, 32)
		return w.flush(), nil
	}
	crc := ^crcUpdate(0xFFFFFFFF, p)
	last, orig := transform(runs)
	used, mtf := moveToFront(last)
	w.bits(magicBlock, 48)
	w.bits(uint64(crc), 32)
	w.bits(0, 1)
	w.bits(uint64(orig), 24)
	w.alphabet(used)
	w.coded(bestCoding(mtf, countBits(used)+2))
	w.bits(magicFinale, 48)
	w.bits(uint64(crc), 32) // the CRC of all blocks is that of the only one
	return w.flush(), nil
}

// runLength is bzip2's first step: a run of 4 to 255+4 equal bytes becomes four
// of them and a count.
func runLength(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); {
		n := 1
		for i+n < len(p) && p[i+n] == p[i] && n < 259 {
			n++
		}
		for range min(n, 4) {
			out = append(out, p[i])
		}
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		i += n
	}
	return out
}

// moveToFront turns bytes into positions in a list of those last seen, and
// runs of position 0 into numbers of the digits runA and runB.
func moveToFront(p []byte) (used [256]bool, out []uint16) {
	for _, b := range p {
		used[b] = true
	}
	var list []byte
	for b, u := range used {
		if u {
			list = append(list, byte(b))
		}
	}
	run := 0
	flush := func() {
		for ; run > 0; run = (run - 1) / 2 {
			out = append(out, uint16((run-1)&1))
		}
	}
	for _, b := range p {
		i := 0
		for list[i] != b {
			i++
		}
		if i == 0 {
			run++
			continue
		}
		flush()
		copy(list[1:i+1], list[:i])
		list[0] = b
		out = append(out, uint16(i+1))
	}
	flush()
	return used, append(out, uint16(len(list)+1))
}

func countBits(used [256]bool) int {
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	return n
}

// bitWriter writes bits, most significant first.
type bitWriter struct {
	p   []byte
	acc uint64
	n   int
}

func (w *bitWriter) bits(v uint64, n int) {
	for n > 0 {
		k := min(n, 32)
		w.acc = w.acc<<k | v>>(n-k)&(1<<k-1)
		w.n += k
		n -= k
		for w.n >= 8 {
			w.n -= 8
			w.p = append(w.p, byte(w.acc>>w.n))
		}
	}
}

func (w *bitWriter) flush() []byte {
	if w.n > 0 {
		w.bits(0, 8-w.n)
	}
	return w.p
}

func (w *bitWriter) alphabet(used [256]bool) {
	var groups uint64
	for b, u := range used {
		if u {
			groups |= 1 << (15 - b/16)
		}
	}
	w.bits(groups, 16)
	for g := range 16 {
		if groups&(1<<(15-g)) == 0 {
			continue
		}
		var v uint64
		for i := range 16 {
			if used[16*g+i] {
				v |= 1 << (15 - i)
			}
		}
		w.bits(v, 16)
	}
}

// coded writes tables, selectors and symbols.
func (w *bitWriter) coded(c *coding) {
	w.bits(uint64(len(c.tables)), 3)
	w.bits(uint64(len(c.selectors)), 15)
	order := []byte{0, 1, 2, 3, 4, 5}
	for _, s := range c.selectors {
		k := slices.Index(order, s)
		w.bits(1<<(k+1)-2, k+1)
		copy(order[1:k+1], order[:k])
		order[0] = s
	}
	codes := make([][]uint32, len(c.tables))
	for t, lengths := range c.tables {
		w.table(lengths)
		codes[t] = assign(lengths)
	}
	for i, s := range c.symbols {
		t := c.selectors[i/groupSize]
		w.bits(uint64(codes[t][s]), int(c.tables[t][s]))
	}
}

// table writes the lengths of one table as steps.
func (w *bitWriter) table(lengths []byte) {
	at := lengths[0]
	w.bits(uint64(at), 5)
	for _, l := range lengths {
		for ; at < l; at++ {
			w.bits(0b10, 2)
		}
		for ; at > l; at-- {
			w.bits(0b11, 2)
		}
		w.bits(0, 1)
	}
}

// assign gives out the codes of a table.
func assign(lengths []byte) []uint32 {
	codes := make([]uint32, len(lengths))
	code := uint32(0)
	for n := byte(1); n <= maxCodeBits; n++ {
		for s, l := range lengths {
			if l == n {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}
