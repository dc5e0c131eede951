// Package delta finds what two images have in common.
//
// It knows no file format: what a family does with the matches, and in which
// order it may read the old image, is the family's business.
package delta

// suffixes returns the suffix array of p: where the suffixes of p begin, in
// their order. It sorts by induced sorting (SA-IS: Nong, Zhang and Chan,
// 2009), in time and memory linear in len(p).
func suffixes(p []byte) []int32 {
	text := make([]int32, len(p)+1)
	for i, b := range p {
		text[i] = int32(b) + 1
	}
	sa := make([]int32, len(text))
	sortSuffixes(text, sa, 257)
	return sa[1:] // without the sentinel
}

// sortSuffixes sorts the suffixes of text, which ends with its only 0 and has
// symbols below k, into sa.
func sortSuffixes(text, sa []int32, k int) {
	n := len(text)
	if n == 1 {
		sa[0] = 0
		return
	}
	// A suffix is small (S) if it sorts before the one behind it.
	small := make([]bool, n)
	small[n-1] = true
	for i := n - 2; i >= 0; i-- {
		small[i] = text[i] < text[i+1] || text[i] == text[i+1] && small[i+1]
	}
	leftmost := func(i int) bool { return i > 0 && small[i] && !small[i-1] }
	sizes := make([]int32, k)
	for _, c := range text {
		sizes[c]++
	}
	ends := make([]int32, k)
	starts := make([]int32, k)
	bounds := func() {
		sum := int32(0)
		for c, s := range sizes {
			starts[c] = sum
			sum += s
			ends[c] = sum
		}
	}
	induce := func() {
		for i := range n { // large suffixes from the left
			if j := sa[i] - 1; sa[i] > 0 && !small[j] {
				sa[starts[text[j]]] = j
				starts[text[j]]++
			}
		}
		bounds()
		for i := n - 1; i >= 0; i-- { // small ones from the right
			if j := sa[i] - 1; sa[i] > 0 && small[j] {
				ends[text[j]]--
				sa[ends[text[j]]] = j
			}
		}
	}
	clearAll := func() {
		for i := range sa {
			sa[i] = -1
		}
	}
	// First round: the leftmost small suffixes in any order give the order of
	// the substrings between them.
	clearAll()
	bounds()
	for i := 1; i < n; i++ {
		if leftmost(i) {
			ends[text[i]]--
			sa[ends[text[i]]] = int32(i)
		}
	}
	bounds()
	induce()
	names, count := nameSubstrings(text, sa, small, leftmost)
	// Sort the leftmost small suffixes by their names.
	var at []int32
	var reduced []int32
	for i := 1; i < n; i++ {
		if leftmost(i) {
			at = append(at, int32(i))
			reduced = append(reduced, names[i])
		}
	}
	order := make([]int32, len(at))
	if count < len(at) {
		sortSuffixes(reduced, order, count)
	} else {
		for i, c := range reduced {
			order[c] = int32(i)
		}
	}
	// Second round: from their right order the rest follows.
	clearAll()
	bounds()
	for i := len(order) - 1; i >= 0; i-- {
		j := at[order[i]]
		ends[text[j]]--
		sa[ends[text[j]]] = j
	}
	bounds()
	induce()
}

// nameSubstrings numbers the substrings between leftmost small suffixes in the
// order in which they stand in sa; equal ones get the same number.
func nameSubstrings(text, sa []int32, small []bool, leftmost func(int) bool) (names []int32, count int) {
	names = make([]int32, len(text))
	last := int32(-1)
	for _, i := range sa {
		if i < 0 || !leftmost(int(i)) {
			continue
		}
		if last >= 0 && !sameSubstring(text, small, leftmost, last, i) {
			count++
		}
		last = i
		names[i] = int32(count)
	}
	return names, count + 1
}

// sameSubstring compares two substrings that end with the next leftmost small
// suffix.
func sameSubstring(text []int32, small []bool, leftmost func(int) bool, a, b int32) bool {
	n := int32(len(text))
	for k := int32(0); ; k++ {
		if a+k >= n || b+k >= n || text[a+k] != text[b+k] || small[a+k] != small[b+k] {
			return false
		}
		if k > 0 {
			endA, endB := leftmost(int(a+k)), leftmost(int(b+k))
			if endA || endB {
				return endA && endB
			}
		}
	}
}
