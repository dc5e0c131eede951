package delta

import "bytes"

// Step is one step of rebuilding a new image: Diff bytes that are added to the
// old image at the current position, which they move forward, then Extra bytes
// that are new, then a move of the position by Seek.
type Step struct{ Diff, Extra, Seek int }

// Index finds parts of an image.
type Index struct {
	old []byte
	sa  []int32
}

// NewIndex prepares an image for searching. It takes 4 bytes of memory for
// each byte, and more while it works.
func NewIndex(old []byte) *Index { return &Index{old: old, sa: suffixes(old)} }

// Window is the part of the old image that may be used: From <= position < To.
type Window struct{ From, To int }

// neighbours is how many suffixes on either side of the best are looked at for
// one that lies in the window.
const neighbours = 48

// longest returns the longest match of the start of p that begins in the
// window and ends in it, preferring, among equals, the position near want.
func (x *Index) longest(p []byte, w Window, want int) (pos, length int) {
	lo, hi := 0, len(x.sa)
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(x.old[x.sa[mid]:min(len(x.old), int(x.sa[mid])+len(p))], p) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	try := func(i int) {
		at := int(x.sa[i])
		if at < w.From || at >= w.To {
			return
		}
		n := common(x.old[at:w.To], p)
		if n > length || n == length && n > 0 && distance(at, want) < distance(pos, want) {
			pos, length = at, n
		}
	}
	for k := range neighbours {
		if i := lo - 1 - k; i >= 0 {
			try(i)
		}
		if i := lo + k; i < len(x.sa) {
			try(i)
		}
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
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// better is by how many bytes a match has to be better than going on with the
// last one. It costs a step, 12 bytes before compression, to change.
const better = 8

// Steps describes p by parts of the old image in the window. The old position
// begins at start. Shift, the distance between old and new positions that was
// last in use, is where the search begins; at is where p lies in the new image.
// It returns the steps and the shift that is in use at the end.
//
// The search is Percival's (bsdiff, 2003): go over p until a match is found
// that is clearly better than going on as before, then let both matches grow
// towards each other and cut where fewer bytes differ.
func (x *Index) Steps(p []byte, at, start, shift int, w Window) ([]Step, int) {
	s := stepper{x: x, p: p, w: w, at: at, old: start}
	return s.run(shift)
}

type stepper struct {
	x     *Index
	p     []byte
	w     Window
	at    int // where p lies in the new image
	old   int // current old position
	steps []Step
}

// oldAt returns the old byte that belongs to p[i] under a shift.
func (s *stepper) oldAt(i, shift int) (byte, bool) {
	o := s.at + i + shift
	if o < s.w.From || o >= s.w.To {
		return 0, false
	}
	return s.x.old[o], true
}

func (s *stepper) same(i, shift int) bool {
	b, ok := s.oldAt(i, shift)
	return ok && b == s.p[i]
}

// run splits p. last is the shift of the stretch that begins at from.
func (s *stepper) run(last int) ([]Step, int) {
	from, scan := 0, 0
	for {
		shift, found := s.next(&scan, last)
		fore := s.forward(from, scan, last)
		back := 0
		if found < len(s.p) {
			back = s.backward(from, found, shift)
		}
		if over := from + fore - (found - back); over > 0 {
			cut := s.cut(from+fore-over, over, last, shift)
			fore += cut - over
			back -= cut
		}
		s.emit(from, fore, found-back, last, shift)
		from, last = found-back, shift
		if found >= len(s.p) {
			return s.steps, last
		}
		scan = found + max(1, s.run1(found, shift))
	}
}

// run1 is how far a match reaches.
func (s *stepper) run1(i, shift int) int {
	n := 0
	for i+n < len(s.p) && s.same(i+n, shift) {
		n++
	}
	return n
}

// next looks for the place where another shift is better than last. It leaves
// in scan where the place was found, and returns len(p) for none.
func (s *stepper) next(scan *int, last int) (shift, found int) {
	for i := *scan; i < len(s.p); {
		if s.same(i, last) { // as long as it goes on, so do we
			i++
			continue
		}
		pos, n := s.x.longest(s.p[i:], s.w, s.at+i+last)
		score := 0
		for k := range n {
			if s.same(i+k, last) {
				score++
			}
		}
		if n > score+better {
			*scan = i
			return pos - s.at - i, i
		}
		i++
	}
	*scan = len(s.p)
	return last, len(s.p)
}

// forward is how many bytes from from on are best described by shift: the
// length at which the equal bytes are most ahead of the others.
func (s *stepper) forward(from, to, shift int) int {
	best, length, score := 0, 0, 0
	for i := from; i < to; i++ {
		if _, ok := s.oldAt(i, shift); !ok {
			break
		}
		if s.same(i, shift) {
			score++
		}
		if n := i + 1 - from; 2*score-n > 2*best-length {
			best, length = score, n
		}
	}
	return length
}

// backward is forward in the other direction, from to down to from.
func (s *stepper) backward(from, to, shift int) int {
	best, length, score := 0, 0, 0
	for n := 1; to-n >= from; n++ {
		if _, ok := s.oldAt(to-n, shift); !ok {
			break
		}
		if s.same(to-n, shift) {
			score++
		}
		if 2*score-n > 2*best-length {
			best, length = score, n
		}
	}
	return length
}

// cut returns how many of the over bytes from i on belong to the left one of
// two matches.
func (s *stepper) cut(i, over, left, right int) int {
	best, at, score := 0, 0, 0
	for k := range over {
		if s.same(i+k, left) {
			score++
		}
		if s.same(i+k, right) {
			score--
		}
		if score > best {
			best, at = score, k+1
		}
	}
	return at
}

// emit adds the step for a stretch: fore bytes of diff from from on, extra
// bytes up to next, and a move to where the next stretch reads.
func (s *stepper) emit(from, fore, next, shift, nextShift int) {
	if want := s.at + from + shift; fore > 0 && want != s.old {
		if n := len(s.steps); n > 0 {
			s.steps[n-1].Seek += want - s.old
		} else {
			s.steps = append(s.steps, Step{0, 0, want - s.old})
		}
		s.old = want
	}
	st := Step{Diff: fore, Extra: next - from - fore}
	s.old += fore
	if st.Diff == 0 && st.Extra == 0 {
		return
	}
	s.steps = append(s.steps, st)
}
