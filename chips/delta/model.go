package delta

import "airlift/chips/entropy"

// gaps is how many lengths of equal stretches are told apart.
const gaps = 264

// Model is what the parts of a description cost after compression, in units
// of 1/entropy.Bit bit. A compressor that sorts by context sees an equal
// stretch as one number, its length.
type Model struct {
	gap   [gaps]int32 // so many equal bytes before a different one
	first [256]int32  // a difference behind an equal byte
	more  [256]int32  // a difference behind another
	extra [256]int32  // a new byte
	begin int32       // that there are new bytes at all
	step  int32       // a step
}

// NewModel returns the model that is in use before anything is known.
func NewModel() *Model {
	m := &Model{begin: 3 * entropy.Bit, step: 40 * entropy.Bit}
	for i := 1; i < gaps; i++ {
		m.gap[i] = 3 * entropy.Bit / 2
	}
	for v := range 256 {
		m.first[v], m.more[v], m.extra[v] = 13*entropy.Bit, 15*entropy.Bit/2, 6*entropy.Bit
	}
	return m
}

// Counts is what descriptions were made of.
type Counts struct {
	gap                [gaps]int
	first, more, extra [256]int
}

// Add counts the steps that make p, beginning at pos in the old image.
func (c *Counts) Add(steps []Step, p, old []byte, pos int) {
	at := 0
	for _, s := range steps {
		run := 0
		for k := range s.Diff {
			v := p[at+k] - old[pos+k]
			switch {
			case v == 0:
				run++
				continue
			case run == 0:
				c.more[v]++
			default:
				c.first[v]++
			}
			c.gap[min(run, gaps-1)]++
			run = 0
		}
		for _, b := range p[at+s.Diff : at+s.Diff+s.Extra] {
			c.extra[b]++
		}
		at, pos = at+s.Diff+s.Extra, pos+s.Diff+s.Seek
	}
}

// Tuning says how far a learnt model trusts the frequencies. A compressor that
// sorts by context does better than they tell, for new bytes where a part has
// many of them, for differences where these come in tables.
type Tuning struct {
	Extra int // percent of the cost of new bytes
	First int // percent of the cost of a difference behind equal bytes, and of their number
	Step  int // bits for a step
}

// Tunings are worth trying for every part. Both come from a sweep over pairs
// of docs/DELTA.md. A step is dearer than its 12 bytes suggest, since it also
// tears apart what the compressor sees of its surroundings.
var Tunings = []Tuning{{Extra: 100, First: 85, Step: 55}, {Extra: 80, First: 100, Step: 90}}

// Learn returns the model for a part of an image, from a first description of
// the part and of the whole. What repeats becomes cheap: in a table of
// addresses the same difference at the same distance costs next to nothing,
// and no other match is worth a step.
func Learn(part, whole *Counts, t Tuning) *Model {
	m := &Model{begin: 3 * entropy.Bit, step: int32(t.Step) * entropy.Bit}
	learn(m.gap[:], part.gap[:], whole.gap[:], 32, t.First)
	learn(m.first[:], part.first[:], whole.first[:], 32, t.First)
	learn(m.more[:], part.more[:], whole.more[:], 32, 100)
	learn(m.extra[:], part.extra[:], whole.extra[:], 64, t.Extra)
	return m
}

// learn computes costs from frequencies: those of the part, those of the whole
// with the weight of 24 occurrences, and floor/1024 of an occurrence for each.
func learn(cost []int32, part, whole []int, floor int64, percent int) {
	const weight = 24
	var sum, all int64
	for i := range part {
		sum += int64(part[i])
		all += int64(whole[i])
	}
	total := 1024*sum + floor*int64(len(cost))
	if all > 0 {
		total += 1024 * weight
	}
	most := entropy.Log2(clamp(total))
	for i := range cost {
		n := 1024*int64(part[i]) + floor
		if all > 0 {
			n += 1024 * weight * int64(whole[i]) / all
		}
		cost[i] = int32((most - entropy.Log2(clamp(n))) * percent / 100)
	}
}

// clamp keeps a count in the range of a 32-bit int.
func clamp(n int64) int { return int(min(n, 1<<31-1)) }
