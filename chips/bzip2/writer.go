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

// transform is the Burrows-Wheeler transform: the last column of the sorted
// rotations of p, and the row of p itself.
func transform(p []byte) (last []byte, orig int) {
	n := len(p)
	rank, next := make([]int32, n), make([]int32, n)
	order := make([]int32, n)
	for i := range p {
		order[i], rank[i] = int32(i), int32(p[i])
	}
	// Prefix doubling: after each round the rotations are sorted by twice as
	// many bytes.
	key := func(i int32, k int) int64 {
		j := int(i) + k
		if j >= n {
			j %= n
		}
		return int64(rank[i])<<32 | int64(rank[j])
	}
	for k := 0; ; {
		slices.SortFunc(order, func(a, b int32) int {
			switch x, y := key(a, k), key(b, k); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return int(a) - int(b)
		})
		classes := int32(0)
		for i, at := range order {
			if i > 0 && key(at, k) != key(order[i-1], k) {
				classes++
			}
			next[at] = classes
		}
		rank, next = next, rank
		if int(classes) == n-1 || k >= n {
			break
		}
		k = max(1, 2*k)
	}
	last = make([]byte, n)
	for row, at := range order {
		if at == 0 {
			orig = row
		}
		last[row] = p[(int(at)+n-1)%n]
	}
	return last, orig
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

// coding is a way to write a block's symbols.
type coding struct {
	symbols   []uint16
	tables    [][]byte // lengths of codes by symbol
	selectors []byte   // table of each group
	size      int      // bits
}

// bestCoding tries all numbers of tables.
func bestCoding(symbols []uint16, alphabet int) *coding {
	var best *coding
	for n := 2; n <= maxTables; n++ {
		for _, start := range []int{0, 1} {
			if c := refine(symbols, alphabet, n, start); best == nil || c.size < best.size {
				best = c
			}
		}
	}
	return best
}

// refine makes n tables: groups are dealt to tables, tables are made for their
// groups, and again, as long as it gets better.
func refine(symbols []uint16, alphabet, n, start int) *coding {
	groups := (len(symbols) + groupSize - 1) / groupSize
	selectors := make([]byte, groups)
	for g := range selectors {
		if start == 0 {
			selectors[g] = byte(g * n / groups)
		} else {
			selectors[g] = byte(meanOf(group(symbols, g)) * n / alphabet)
		}
	}
	var best *coding
	for range 24 {
		c := &coding{symbols: symbols, selectors: slices.Clone(selectors)}
		for t := range n {
			var freq [maxSymbols]int
			for g, s := range selectors {
				if int(s) == t {
					for _, v := range group(symbols, g) {
						freq[v]++
					}
				}
			}
			c.tables = append(c.tables, codeLengths(freq[:alphabet]))
		}
		for g := range selectors {
			cost := 1 << 30
			for t, lengths := range c.tables {
				sum := 0
				for _, v := range group(symbols, g) {
					sum += int(lengths[v])
				}
				if sum < cost {
					cost, selectors[g] = sum, byte(t)
				}
			}
		}
		copy(c.selectors, selectors)
		if c.measure(); best != nil && c.size >= best.size {
			break
		}
		best = c
	}
	return best
}

func group(symbols []uint16, g int) []uint16 {
	return symbols[g*groupSize : min(len(symbols), (g+1)*groupSize)]
}

func meanOf(p []uint16) int {
	sum := 0
	for _, v := range p {
		sum += int(v)
	}
	return sum / len(p)
}

// measure computes the size in bits of what coded writes.
func (c *coding) measure() {
	w := &bitWriter{}
	w.coded(c)
	c.size = len(w.p)*8 + w.n
}

// codeLengths returns the lengths of the codes for symbols of the given
// frequencies, at most 17 bits as the usual encoder has them. A symbol that
// does not occur costs as little as possible.
func codeLengths(freq []int) []byte {
	const most = 17
	weights := make([]int, len(freq))
	for i, f := range freq {
		weights[i] = max(1, f*256)
	}
	for {
		lengths := huffman(weights)
		if slices.Max(lengths) <= most {
			return lengths
		}
		for i := range weights {
			weights[i] = 1 + weights[i]/2
		}
	}
}

// huffman returns the lengths of an optimal prefix code.
func huffman(weights []int) []byte {
	type node struct{ weight, left, right, depth int }
	nodes := make([]node, 0, 2*len(weights))
	var heap []int
	for i, w := range weights {
		nodes = append(nodes, node{w, -1, -1, 0})
		heap = append(heap, i)
	}
	less := func(a, b int) bool {
		x, y := nodes[a], nodes[b]
		if x.weight != y.weight {
			return x.weight < y.weight
		}
		if x.depth != y.depth {
			return x.depth < y.depth
		}
		return a < b
	}
	slices.SortFunc(heap, func(a, b int) int {
		if less(a, b) {
			return -1
		}
		return 1
	})
	for len(heap) > 1 {
		a, b := heap[0], heap[1]
		heap = heap[2:]
		nodes = append(nodes, node{nodes[a].weight + nodes[b].weight, a, b, 1 + max(nodes[a].depth, nodes[b].depth)})
		n := len(nodes) - 1
		at, _ := slices.BinarySearchFunc(heap, n, func(x, y int) int {
			if less(x, y) {
				return -1
			}
			return 1
		})
		heap = slices.Insert(heap, at, n)
	}
	lengths := make([]byte, len(weights))
	var walk func(n, depth int)
	walk = func(n, depth int) {
		if nodes[n].left < 0 {
			lengths[n] = byte(max(1, depth))
			return
		}
		walk(nodes[n].left, depth+1)
		walk(nodes[n].right, depth+1)
	}
	walk(heap[0], 0)
	return lengths
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
