package delta

import "airlift/chips/entropy"

// Limits of the parser.
const (
	maxShifts   = 32   // followed at the same time
	straightRun = 32   // equal bytes after which other shifts are forgotten
	shortMatch  = 5    // bytes below which a match is none
	patience    = 1024 // searches in vain after which they become rarer
	lookBack    = 256  // bytes that a match may begin before it was found
)

// newBytes stands for a shift where bytes are new.
const newBytes = int32(-1) << 31

// Steps describes p by parts of the old image in the window, at the least cost
// under a model. The old position begins at start. Shift, the distance between
// old and new positions that was last in use, is tried first; at is where p
// lies in the new image. It returns the steps, the shift that is in use at the
// end, and what the description costs.
//
// It goes over p once, and follows the cheapest descriptions of what lies
// behind that end in each shift (Viterbi, 1967). A shift joins when a match is
// found, at the place before the match where that is cheapest, and leaves when
// changing over from the best one would be cheaper.
func (x *Index) Steps(p []byte, at, start, shift int, w Window, m *Model) (steps []Step, last, cost int) {
	q := &parser{x: x, p: p, w: w, at: at, m: m, best: make([]choice, len(p)+1)}
	cost = int(q.run(int32(shift)))
	steps, last = q.steps(start, shift)
	return steps, last, cost
}

// parser looks for the cheapest description.
type parser struct {
	x      *Index
	p      []byte
	w      Window
	at     int // where p lies in the new image
	m      *Model
	turns  []turn
	shifts []follow
	fresh  choice   // the cheapest that ends in new bytes
	best   []choice // the cheapest of all, before each byte
	recent [8]int32 // shifts that were good before
	vain   int      // searches in a row that found nothing
}

// turn is a place where a description changes its shift.
type turn struct {
	prev  int32 // index of the one before, or -1
	at    int32
	shift int32
}

// choice is a description: its cost and its last turn.
type choice struct{ cost, turn int32 }

// follow is the cheapest description that ends in a shift.
type follow struct {
	choice
	shift int32
	run   int32 // equal bytes since the last difference
}

// oldAt returns the old byte that belongs to p[i] under a shift, or -1.
func (q *parser) oldAt(i int, shift int32) int {
	o := q.at + i + int(shift)
	if o < q.w.From || o >= q.w.To {
		return -1
	}
	return int(q.x.old[o])
}

// runAt returns how many bytes from i on are equal under a shift.
func (q *parser) runAt(i int, shift int32) int {
	o := q.at + i + int(shift)
	if o < q.w.From || o >= q.w.To {
		return 0
	}
	return common(q.x.old[o:q.w.To], q.p[i:])
}

// differ is the cost of the difference at i after so many equal bytes.
func (q *parser) differ(i, old int, run int32) int32 {
	v := q.p[i] - byte(old)
	if run == 0 {
		return q.m.gap[0] + q.m.more[v]
	}
	return q.m.gap[min(run, gaps-1)] + q.m.first[v]
}

func (q *parser) turn(prev int32, at int, shift int32) int32 {
	q.turns = append(q.turns, turn{prev, int32(at), shift})
	return int32(len(q.turns) - 1)
}

// run fills best, and returns the cost of the whole.
func (q *parser) run(shift int32) int32 {
	q.fresh = choice{q.m.begin, q.turn(-1, 0, newBytes)}
	q.join(0, shift, choice{0, q.fresh.turn})
	for i := 0; ; i++ {
		best, k := q.cheapest()
		q.best[i] = best
		if i == len(q.p) {
			return best.cost
		}
		if k >= 0 {
			if n := q.runAt(i, q.shifts[k].shift); n >= straightRun {
				q.straight(i, n-1, k)
				i += n - 2
				continue
			}
		}
		if k >= 0 && best.cost+q.m.begin < q.fresh.cost {
			q.fresh = choice{best.cost + q.m.begin, q.turn(best.turn, i, newBytes)}
		}
		if k < 0 || q.oldAt(i, q.shifts[k].shift) != int(q.p[i]) && !q.goesOn(i, q.shifts[k].shift) {
			q.search(i, best, k, shift)
		}
		q.fresh.cost += q.m.extra[q.p[i]]
		q.advance(i, best.cost+q.m.step+16*entropy.Bit)
	}
}

// cheapest returns the best description so far, and the index of its shift or
// -1.
func (q *parser) cheapest() (choice, int) {
	k := -1
	for i := range q.shifts {
		if k < 0 || q.shifts[i].cost < q.shifts[k].cost {
			k = i
		}
	}
	if k >= 0 && q.shifts[k].cost < q.fresh.cost {
		return q.shifts[k].choice, k
	}
	return q.fresh, -1
}

// straight goes over n bytes that are equal under shift k, and forgets the
// others: if one of them becomes good again it is found again.
func (q *parser) straight(i, n, k int) {
	f := q.shifts[k]
	f.run += int32(n)
	for j := i + 1; j <= i+n; j++ {
		q.best[j] = f.choice
	}
	q.shifts = append(q.shifts[:0], f)
	q.fresh.cost = 1 << 30
}

// goesOn looks whether a shift is good enough to search for no other one.
func (q *parser) goesOn(i int, shift int32) bool {
	const ahead, bad = 24, 4
	o := q.at + i + int(shift)
	n := min(ahead, len(q.p)-i)
	if o < q.w.From || o+n > q.w.To {
		return false
	}
	different := 0
	for k := range n {
		if q.x.old[o+k] != q.p[i+k] {
			different++
		}
	}
	return different <= bad
}

// advance moves all shifts over byte i, and drops those that cost more than
// limit.
func (q *parser) advance(i int, limit int32) {
	keep := q.shifts[:0]
	for _, f := range q.shifts {
		switch o := q.oldAt(i, f.shift); {
		case o < 0:
			continue // the window ends here
		case o == int(q.p[i]):
			f.run++
		default:
			f.cost += q.differ(i, o, f.run)
			f.run = 0
		}
		if f.cost <= limit {
			keep = append(keep, f)
		}
	}
	q.shifts = keep
}

// search adds the shifts that may be better from i on.
func (q *parser) search(i int, best choice, k int, first int32) {
	if q.vain > patience && i%4 != 0 {
		return // a match is found a little later, too: join looks back
	}
	q.vain++
	near := first
	if k >= 0 {
		near = q.shifts[k].shift
	}
	at := q.at + i
	if pos, n := q.x.longest(q.p[i:], at, q.w, at+int(near)); n >= shortMatch {
		q.vain = 0
		q.join(i, int32(pos-at), best)
	}
	for _, s := range q.recent {
		if q.runAt(i, s) >= shortMatch-1 {
			q.join(i, s, best)
		}
	}
}

// join begins to follow a shift, from i on or, if that is cheaper, from before.
func (q *parser) join(i int, shift int32, best choice) {
	if len(q.shifts) == maxShifts {
		return
	}
	for k := range q.shifts {
		if q.shifts[k].shift == shift {
			return
		}
	}
	// A stretch that begins with a difference counts as if equal bytes were
	// before it.
	from, run := i, int32(1)
	first, last := -1, -1 // differences between j and i
	sum := int32(0)       // their cost, but for the first
	for j := i - 1; j >= max(0, i-lookBack) && sum <= q.m.step; j-- {
		o := q.oldAt(j, shift)
		if o < 0 {
			break
		}
		if o != int(q.p[j]) {
			if first >= 0 {
				sum += q.differ(first, q.oldAt(first, shift), int32(first-j-1))
			}
			if last < 0 {
				last = j
			}
			first = j
			continue
		}
		c := choice{q.best[j].cost + sum, q.best[j].turn}
		if first >= 0 {
			c.cost += q.differ(first, q.oldAt(first, shift), int32(first-j))
		}
		if c.cost <= best.cost {
			best, from = c, j
			run = int32(i - max(j, last+1))
		}
	}
	q.shifts = append(q.shifts, follow{choice{best.cost + q.m.step, q.turn(best.turn, from, shift)}, shift, run})
	for _, s := range q.recent {
		if s == shift {
			return
		}
	}
	copy(q.recent[1:], q.recent[:])
	q.recent[0] = shift
}

// steps writes down the cheapest description.
func (q *parser) steps(start, last int) ([]Step, int) {
	type stretch struct {
		from, to int
		shift    int32
	}
	var path []stretch // the last one first
	end := len(q.p)
	for t := q.best[end].turn; t >= 0; t = q.turns[t].prev {
		if from := int(q.turns[t].at); from < end {
			path = append(path, stretch{from, end, q.turns[t].shift})
			end = from
		}
	}
	steps := []Step{{}}
	pos := start
	for k := len(path) - 1; k >= 0; k-- {
		s, n := path[k], &steps[len(steps)-1]
		if s.shift == newBytes {
			n.Extra += s.to - s.from
			continue
		}
		if n.Seek = q.at + s.from + int(s.shift) - pos; n.Seek == 0 && *n == (Step{}) {
			n.Diff = s.to - s.from // nothing was before
		} else {
			steps = append(steps, Step{Diff: s.to - s.from})
		}
		pos = q.at + s.to + int(s.shift)
		last = int(s.shift)
	}
	return steps, last
}
