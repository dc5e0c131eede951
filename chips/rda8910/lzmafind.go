package rda8910

// Limits of the search for matches.
const (
	niceLength = 96 // a match as long as this is taken without looking further
	maxChain   = 64 // places that are looked at
	hashBits   = 16
)

// matchFinder knows where in the data before a place its next bytes stand
// already.
type matchFinder struct {
	p       []byte
	dict    int
	pairs   []int32 // last place of two bytes, plus one
	heads   []int32 // last place of a hash of three, plus one
	prev    []int32 // the place before that, plus one
	indexed int
	found   []match
}

func newMatchFinder(p []byte, dict int64) *matchFinder {
	return &matchFinder{
		p: p, dict: int(min(dict, int64(len(p)))),
		pairs: make([]int32, 1<<16), heads: make([]int32, 1<<hashBits), prev: make([]int32, len(p)),
	}
}

// index makes the places below at known.
func (f *matchFinder) index(at int) {
	for ; f.indexed < at; f.indexed++ {
		if i := f.indexed; i+3 <= len(f.p) {
			h := f.hash(i)
			f.prev[i], f.heads[h] = f.heads[h], int32(i+1)
			f.pairs[f.pair(i)] = int32(i + 1)
		}
	}
}

func (f *matchFinder) pair(i int) int { return int(f.p[i]) | int(f.p[i+1])<<8 }

func (f *matchFinder) hash(i int) uint32 {
	return (uint32(f.p[i]) | uint32(f.p[i+1])<<8 | uint32(f.p[i+2])<<16) * 0x9E3779B1 >> (32 - hashBits)
}

// run is how many bytes at at repeat those dist+1 before.
func (f *matchFinder) run(at int, dist uint32) int {
	from := int64(at) - int64(dist) - 1
	if from < 0 {
		return 0
	}
	a, b := f.p[from:], f.p[at:min(len(f.p), at+maxMatch)]
	n := 0
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// find returns matches at at, each longer and farther than the one before it.
func (f *matchFinder) find(at int) []match {
	f.index(at)
	f.found = f.found[:0]
	if at+3 > len(f.p) {
		return nil
	}
	best := 1
	try := func(place int32) bool {
		dist := at - int(place)
		if place < 0 || dist > f.dict {
			return false
		}
		if at+best < len(f.p) && f.p[int(place)+best] != f.p[at+best] {
			return true
		}
		if n := f.run(at, uint32(dist)-1); n > best {
			best = n
			f.found = append(f.found, match{n, uint32(dist) - 1, -1})
		}
		return best < niceLength
	}
	if !try(f.pairs[f.pair(at)]-1) && best >= niceLength {
		return f.found
	}
	place := f.heads[f.hash(at)] - 1
	for range maxChain {
		if !try(place) {
			break
		}
		place = f.prev[place] - 1
	}
	return f.found
}
