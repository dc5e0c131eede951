package bzip2

import (
	"math/bits"
	"slices"

	"airlift/chips/entropy"
)

// maxWritten is the longest code that is written, as in the usual encoder.
const maxWritten = 17

// coding is a way to write a block's symbols.
type coding struct {
	symbols   []uint16
	alphabet  int
	tables    [][]byte // lengths of codes by symbol
	selectors []byte   // table of each group
	size      int      // bits
}

// settled is how many ways of dealing groups to tables are worked out.
const settled = 3

// bestCoding tries all numbers of tables. Tables are a good part of a short
// stream, so their own size counts with what they save.
func bestCoding(symbols []uint16, alphabet int) *coding {
	groups := (len(symbols) + groupSize - 1) / groupSize
	var list []*coding
	for n := 1; n <= min(maxTables, groups); n++ {
		for how := range min(n, 2) {
			c := &coding{symbols: symbols, alphabet: alphabet, selectors: deal(symbols, alphabet, n, how)}
			c.cluster(n)
			c.estimate(n)
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *coding) int { return a.size - b.size })
	var best *coding
	for _, c := range list[:min(settled, len(list))] {
		if c = c.settle(); best == nil || c.size < best.size {
			best = c
		}
	}
	return best
}

// deal gives the groups to n tables, as they come or by their mean.
func deal(symbols []uint16, alphabet, n, how int) []byte {
	groups := (len(symbols) + groupSize - 1) / groupSize
	selectors := make([]byte, groups)
	if how == 0 {
		for g := range selectors {
			selectors[g] = byte(g * n / groups)
		}
		return selectors
	}
	order := make([]int, groups)
	mean := make([]int, groups)
	for g := range order {
		order[g] = g
		for _, v := range group(symbols, g) {
			mean[g] += bits.Len16(v) * groupSize
		}
		mean[g] /= len(group(symbols, g))
	}
	slices.SortStableFunc(order, func(a, b int) int { return mean[a] - mean[b] })
	for i, g := range order {
		selectors[g] = byte(i * n / groups)
	}
	return selectors
}

func group(symbols []uint16, g int) []uint16 {
	return symbols[g*groupSize : min(len(symbols), (g+1)*groupSize)]
}

// frequencies counts the symbols of each of n tables.
func (c *coding) frequencies(n int) [][]int {
	freq := make([][]int, n)
	for t := range freq {
		freq[t] = make([]int, c.alphabet)
	}
	for i, s := range c.symbols {
		freq[c.selectors[i/groupSize]][s]++
	}
	return freq
}

// cluster deals groups to the tables that suit them best, again and again. It
// reckons with ideal codes, in parts of a bit.
func (c *coding) cluster(n int) {
	cost := make([][]int, n)
	for range 8 {
		for t, freq := range c.frequencies(n) {
			cost[t] = idealCosts(freq)
		}
		if !c.choose(cost, entropy.Bit) {
			break
		}
	}
}

// estimate is about how long the coding will be.
func (c *coding) estimate(n int) {
	c.size = 3 * len(c.selectors) / 2
	for _, freq := range c.frequencies(n) {
		c.size += newLengthSearch(freq).estimate()
	}
}

// idealCosts is the information of every symbol, in parts of a bit.
func idealCosts(freq []int) []int {
	sum := 0
	for _, f := range freq {
		sum += 16*f + 1
	}
	all := entropy.Log2(sum)
	cost := make([]int, len(freq))
	for s, f := range freq {
		cost[s] = all - entropy.Log2(16*f+1)
	}
	return cost
}

// choose gives every group its table, at the least cost of symbols and
// selectors together; unit is the cost of a bit. It reports whether something
// changed.
func (c *coding) choose(cost [][]int, unit int) bool {
	n := len(cost)
	groups := len(c.selectors)
	from := make([][maxTables]byte, groups)
	var sum [maxTables]int
	for g := range groups {
		cheapest := 0
		for t := 1; t < n; t++ {
			if sum[t] < sum[cheapest] {
				cheapest = t
			}
		}
		var next [maxTables]int
		for t := range n {
			stay, move := sum[t]+unit, sum[cheapest]+5*unit/2
			next[t], from[g][t] = stay, byte(t)
			if move < stay {
				next[t], from[g][t] = move, byte(cheapest)
			}
			for _, v := range group(c.symbols, g) {
				next[t] += cost[t][v]
			}
		}
		sum = next
	}
	t := byte(0)
	for k := range n {
		if sum[k] < sum[t] {
			t = byte(k)
		}
	}
	changed := false
	for g := groups - 1; g >= 0; g-- {
		changed = changed || c.selectors[g] != t
		c.selectors[g] = t
		t = from[g][t]
	}
	return changed
}

// settle makes real tables, and deals the groups again by their real lengths,
// as long as it gets shorter.
func (c *coding) settle() *coding {
	var best *coding
	for range 4 {
		c.rename()
		n := int(slices.Max(c.selectors)) + 1
		d := &coding{symbols: c.symbols, alphabet: c.alphabet, selectors: slices.Clone(c.selectors)}
		for _, freq := range c.frequencies(n) {
			d.tables = append(d.tables, codeLengths(freq))
		}
		if n == 1 { // there must be two
			d.tables = append(d.tables, codeLengths(make([]int, c.alphabet)))
		}
		d.measure()
		if best != nil && d.size >= best.size {
			break
		}
		best = d
		if n == 1 {
			break
		}
		cost := make([][]int, n)
		for t, lengths := range d.tables {
			cost[t] = make([]int, c.alphabet)
			for s, l := range lengths {
				cost[t][s] = 2 * int(l)
			}
		}
		if !c.choose(cost, 2) {
			break
		}
	}
	return best
}

// rename numbers the tables by their first use, which makes the selectors
// short, and leaves out those that are not used.
func (c *coding) rename() {
	var name [maxTables]byte
	used := byte(0)
	for g, t := range c.selectors {
		if name[t] == 0 {
			used++
			name[t] = used
		}
		c.selectors[g] = name[t] - 1
	}
}

// measure computes the size in bits of what coded writes.
func (c *coding) measure() {
	size := 3 + 15
	order := []byte{0, 1, 2, 3, 4, 5}
	for _, s := range c.selectors {
		k := slices.Index(order, s)
		size += k + 1
		copy(order[1:k+1], order[:k])
		order[0] = s
	}
	for _, lengths := range c.tables {
		size += tableSize(lengths)
	}
	for i, s := range c.symbols {
		size += int(c.tables[c.selectors[i/groupSize]][s])
	}
	c.size = size
}

// tableSize is how many bits a table takes.
func tableSize(lengths []byte) int {
	size, at := 5, lengths[0]
	for _, l := range lengths {
		size += 1 + 2*max(int(l)-int(at), int(at)-int(l))
		at = l
	}
	return size
}

// price is a bit in the sums of codeLengths.
const price = 1 << 12

// codeLengths returns the lengths of the codes for symbols of the given
// frequencies that make symbols and table together shortest. A table is
// written as the differences of neighbouring lengths, so the best code is not
// Huffman's. A code must fit into what Kraft's inequality leaves: every length
// l takes 2^-l of it, and we look for the price of that at which the cheapest
// lengths just fit.
func codeLengths(freq []int) []byte {
	w := newLengthSearch(freq)
	low, high := int64(0), int64(w.total+len(freq))*price*64
	next := w.guess()
	var best []byte
	bestSize := 0
	for step := 0; best == nil || step < 14; step++ {
		lengths, room := w.at(next)
		if room < 0 {
			low = next + 1
			next = min(2*next, (low+high)/2)
			continue
		}
		high = next
		close := room < 1<<(maxWritten-8)
		shorten(freq, lengths, room)
		if size := w.size(lengths); best == nil || size < bestSize {
			best, bestSize = lengths, size
		}
		if close || low >= high {
			break
		}
		next = max((low+high)/2, next/2)
	}
	return best
}

type lengthSearch struct {
	freq  []int
	total int
	most  int // longest code that is tried
	from  [][maxWritten + 1]byte
}

func newLengthSearch(freq []int) *lengthSearch {
	w := &lengthSearch{freq: freq, from: make([][maxWritten + 1]byte, len(freq))}
	for _, f := range freq {
		w.total += f
	}
	w.most = min(maxWritten, 3+bits.Len(uint(w.total+len(freq))))
	return w
}

// guess is about the price of the code space: with codes of the ideal lengths
// it is total/ln 2.
func (w *lengthSearch) guess() int64 { return int64(w.total+8) * price * 3 / 2 }

// estimate returns about how many bits the table and its symbols will take. If
// lengths do not fit into the code space, or leave some, the price of that is
// added.
func (w *lengthSearch) estimate() int {
	lengths, room := w.at(w.guess())
	return w.size(lengths) - int(w.guess()*int64(room)>>maxWritten/price)
}

func (w *lengthSearch) size(lengths []byte) int {
	size := tableSize(lengths)
	for s, f := range w.freq {
		size += f * int(lengths[s])
	}
	return size
}

// at returns the lengths that are cheapest at a price of the code space, and
// how many parts of 2^-maxWritten of the space are left.
func (w *lengthSearch) at(space int64) (lengths []byte, room int) {
	var sum [maxWritten + 1]int64
	for s, f := range w.freq {
		from := &w.from[s]
		for l := 1; l <= w.most; l++ {
			from[l] = byte(l)
		}
		if s > 0 { // go to each length from the cheapest that leads to it
			for l := 2; l <= w.most; l++ {
				if c := sum[l-1] + 2*price; c < sum[l] {
					sum[l], from[l] = c, from[l-1]
				}
			}
			for l := w.most - 1; l >= 1; l-- {
				if c := sum[l+1] + 2*price; c < sum[l] {
					sum[l], from[l] = c, from[l+1]
				}
			}
		}
		for l := 1; l <= w.most; l++ {
			sum[l] += int64(f)*int64(l)*price + space>>l
		}
	}
	l := 1
	for k := range w.most + 1 {
		if k > 0 && sum[k] < sum[l] {
			l = k
		}
	}
	lengths = make([]byte, len(w.freq))
	room = 1 << maxWritten
	for s := len(w.freq) - 1; s >= 0; s-- {
		lengths[s] = byte(l)
		room -= 1 << (maxWritten - l)
		l = int(w.from[s][l])
	}
	return lengths, room
}

// shorten uses up what is left of the code space, to the last part: the usual
// decoder takes a code that leaves some, that of Go's standard library does
// not.
func shorten(freq []int, lengths []byte, room int) {
	for room > 0 {
		best, gain := -1, 0
		for s, l := range lengths {
			if l == 1 || 1<<(maxWritten-int(l)) > room {
				continue
			}
			g := freq[s]
			if s > 0 {
				g += stepGain(lengths[s-1], l)
			}
			if s+1 < len(lengths) {
				g += stepGain(lengths[s+1], l)
			}
			if best < 0 || g > gain {
				best, gain = s, g
			}
		}
		room -= 1 << (maxWritten - int(lengths[best]))
		lengths[best]--
	}
}

// stepGain is what a table saves if the length l beside the length of a
// neighbour becomes one less.
func stepGain(neighbour, l byte) int {
	if neighbour < l {
		return 2
	}
	return -2
}
