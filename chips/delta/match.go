package delta

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Step is one step of rebuilding a new image: Diff bytes that are added to the
// old image at the current position, which they move forward, then Extra bytes
// that are new, then a move of the position by Seek.
type Step struct{ Diff, Extra, Seek int }

// Index finds parts of an image.
type Index struct {
	old   []byte
	sa    []int32
	begin []int32 // how many suffixes are below each two bytes
	known []int32 // by position in the new image: where to look, plus 1
}

// NewIndex prepares an image for searching. It takes 4 bytes of memory for
// each byte, and more while it works.
func NewIndex(old []byte) *Index {
	x := &Index{old: old, sa: suffixes(old), begin: make([]int32, 1<<16+1)}
	for i := range len(old) - 1 {
		x.begin[1+(int(old[i])<<8|int(old[i+1]))]++
	}
	if len(old) > 0 { // the last byte alone comes before all that begin with it
		x.begin[int(old[len(old)-1])<<8]++
	}
	for i := range 1 << 16 {
		x.begin[i+1] += x.begin[i]
	}
	return x
}

// Remember makes room for the results of searches in a new image of n bytes,
// of which [Index.Steps] then finds those that it has made before. From then on
// the index is for that image alone.
func (x *Index) Remember(n int) { x.known = make([]int32, n) }

// Window is the part of the old image that may be used: From <= position < To.
type Window struct{ From, To int }

// Limits of the search for one match.
const (
	neighbours = 48  // suffixes on either side of the best that are looked at
	farEnough  = 512 // bytes after which no match is longer than another
)

// place returns how many suffixes are below the start of p, which lies at in
// the new image.
func (x *Index) place(p []byte, at int) int {
	if at < len(x.known) && x.known[at] > 0 {
		return int(x.known[at]) - 1
	}
	lo, hi := 0, len(x.sa)
	if len(p) > 1 {
		two := int(p[0])<<8 | int(p[1])
		lo, hi = int(x.begin[two]), int(x.begin[two+1])
	}
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(x.old[x.sa[mid]:min(len(x.old), int(x.sa[mid])+len(p))], p) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if at < len(x.known) {
		x.known[at] = int32(lo) + 1
	}
	return lo
}

// longest returns the longest match of the start of p that begins in the
// window and ends in it, preferring, among equals, the position near want. At
// is where p lies in the new image.
func (x *Index) longest(p []byte, at int, w Window, want int) (pos, length int) {
	p = p[:min(len(p), farEnough)]
	lo := x.place(p, at)
	// The further a suffix is from here, the less it has in common with p.
	try := func(i int) bool {
		found := int(x.sa[i])
		n := common(x.old[found:], p)
		if n < length || n == 0 {
			return false
		}
		if found < w.From || found >= w.To {
			return true
		}
		n = min(n, w.To-found)
		if n > length || n == length && distance(found, want) < distance(pos, want) {
			pos, length = found, n
		}
		return true
	}
	for i := lo; i < min(lo+neighbours, len(x.sa)) && try(i); i++ {
	}
	for i := lo - 1; i >= max(0, lo-neighbours) && try(i); i-- {
	}
	return pos, length
}

func distance(a, b int) int {
	if a > b {
		return a - b
	}
	return b - a
}

// common returns how many bytes a and b have in common at their start.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
