package ec

import (
	"bytes"

	"airlift/chips/bzip2"
	"airlift/chips/delta"
)

// zone is a stretch of an image's segments that is patched in one order:
// from <= segment < to.
type zone struct {
	from, to  int
	backwards bool
}

// makePayloads plans how to patch an image, and makes the payload of each
// zone. Spare is how many segments the delta has left beyond one for each
// block of the image.
func makePayloads(s Series, old, new []byte, spare int) ([]*Payload, error) {
	p := &planner{series: s, size: s.SegmentSize(), old: old, new: new, x: delta.NewIndex(old)}
	p.x.Remember(len(new))
	p.sketch()
	if err := p.try(); err != nil {
		return nil, err
	}
	var out []*Payload
	for _, z := range p.plan(spare) {
		pl, err := p.zone(z)
		if err != nil {
			return nil, err
		}
		out = append(out, pl)
	}
	return out, nil
}

func segmentCount(s Series, image []byte) int {
	return (len(image) + s.SegmentSize() - 1) / s.SegmentSize()
}

// planner looks for the cheapest zones. Every segment is described twice: what
// the first description is made of tells what things cost in the second.
type planner struct {
	series   Series
	size     int
	old, new []byte
	x        *delta.Index
	segments []planned
	whole    [2]delta.Counts // of all segments, by order
}

// Orders, as indexes.
const (
	forward = iota
	backward
)

func (z zone) order() int {
	if z.backwards {
		return backward
	}
	return forward
}

// planned is a segment: its first description, by any part of the old image,
// and what it is in each order.
type planned struct {
	steps  []delta.Step // from position 0 on
	shift  int          // in use at its end
	counts [2]delta.Counts
	lost   [2]int   // bytes that are overwritten before they are needed
	tried  [2]trial // the second description, as far as it was made
}

// trial is a segment's stream, and the lowest old byte that it uses.
type trial struct {
	data   []byte
	lowest int
}

func (p *planner) count() int { return segmentCount(p.series, p.new) }

// block returns where segment i of the new image lies.
func (p *planner) block(i int) (at int, block []byte) {
	at = i * p.size
	return at, p.new[at:min(len(p.new), at+p.size)]
}

// window is the part of the old image that segment i of a zone may look at:
// what the boot code shows it, less what zones before it have overwritten.
func (p *planner) window(z zone, i int) delta.Window {
	if z.backwards {
		return delta.Window{From: min(z.from*p.size, len(p.old)), To: min((i+1)*p.size, len(p.old))}
	}
	return delta.Window{From: min(i*p.size, len(p.old)), To: len(p.old)}
}

// start is where in the old image segment i of a zone begins to read.
func (p *planner) start(z zone, i int) int {
	if z.backwards {
		return 0
	}
	return min(i*p.size, len(p.old))
}

// sketch describes all segments as if nothing were overwritten, and counts
// what each order changes in that.
func (p *planner) sketch() {
	m := delta.NewModel()
	p.segments = make([]planned, p.count())
	shift := 0
	for i := range p.segments {
		at, block := p.block(i)
		s := &p.segments[i]
		s.steps, s.shift, _ = p.x.Steps(block, at, 0, shift, delta.Window{To: len(p.old)}, m)
		shift = s.shift
		for k := range s.counts {
			w := p.window(zone{0, p.count(), k == backward}, i)
			s.lost[k] = lost(s.steps, w)
			steps := within(s.steps, w)
			s.counts[k].Add(steps, block, p.old, 0)
			p.whole[k].Add(steps, block, p.old, 0)
		}
	}
}

// What it costs, at a guess, that bytes are overwritten before they are needed:
// bytes, and percent of those that are lost.
const (
	lostBytes   = 30
	lostPercent = 60
)

// try makes the streams of segments that lose something in both orders, to see
// which one is better.
func (p *planner) try() (err error) {
	for i := range p.segments {
		s := &p.segments[i]
		if at, block := p.block(i); s.lost[forward] == 0 || s.lost[backward] == 0 || p.same(at, block) {
			continue
		}
		for k := range s.tried {
			if s.tried[k], err = p.shortest(zone{0, p.count(), k == backward}, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// extraCost is how many bytes more a segment costs in an order than in the
// better one.
func (s *planned) extraCost(order int) int {
	switch {
	case s.tried[order].data != nil:
		return len(s.tried[order].data) - min(len(s.tried[forward].data), len(s.tried[backward].data))
	case s.lost[order] > 0:
		return lostBytes + s.lost[order]*lostPercent/100
	}
	return 0
}

// plan returns the cheapest zones.
func (p *planner) plan(spare int) []zone {
	n := p.count()
	var sums [2][]int
	for k := range sums {
		sums[k] = make([]int, n+1)
		for i := range p.segments {
			sums[k][i+1] = sums[k][i] + p.segments[i].extraCost(k)
		}
	}
	var best []zone
	least := 0
	consider := func(zones ...zone) {
		cost, used := 0, -n
		for _, z := range zones {
			cost += sums[z.order()][z.to] - sums[z.order()][z.from] + parPackageSize + payloadHead + (segmentHead+4)*z.from
			used += z.to
		}
		if used <= spare && (best == nil || cost < least) {
			best, least = append([]zone(nil), zones...), cost
		}
	}
	for _, first := range []bool{false, true} {
		consider(zone{0, n, first})
		for a := 1; a < n; a++ {
			consider(zone{0, a, first}, zone{a, n, !first})
			for b := a + 1; b < n; b++ {
				consider(zone{0, a, first}, zone{a, b, !first}, zone{b, n, first})
			}
		}
	}
	return best
}

// zone makes the payload that patches one zone and leaves what is below it as
// it is. A segment that stays as it is has no stream: the boot code looks at
// the flag alone.
func (p *planner) zone(z zone) (*Payload, error) {
	pl := &Payload{Own: p.series == EC7xx, OldSize: uint32(len(p.old)), Backwards: z.backwards, Segments: make([]Segment, z.to)}
	for i := range pl.Segments {
		at, block := p.block(i)
		s := &pl.Segments[i]
		s.NewSize = uint32(len(block))
		if s.Unchanged = i < z.from || p.same(at, block); s.Unchanged {
			continue
		}
		var err error
		if s.Data, err = p.stream(z, i); err != nil {
			return nil, err
		}
	}
	return pl, nil
}

// same reports whether a whole block is there already.
func (p *planner) same(at int, block []byte) bool {
	return len(block) == p.size && at+len(block) <= len(p.old) && bytes.Equal(block, p.old[at:at+len(block)])
}

// stream makes the stream of a segment, unless it was tried and uses nothing
// that zones below have overwritten.
func (p *planner) stream(z zone, i int) ([]byte, error) {
	t := p.segments[i].tried[z.order()]
	if t.data != nil && (!z.backwards || t.lowest >= z.from*p.size) {
		return t.data, nil
	}
	t, err := p.shortest(z, i)
	return t.data, err
}

// shortest makes a stream with each tuning. To have more variety, they differ
// in the shift that they try first, too: that of the segment below, or of the
// one before.
func (p *planner) shortest(z zone, i int) (best trial, err error) {
	for k, tuning := range delta.Tunings {
		neighbour := i - 1
		if k > 0 && z.backwards {
			neighbour = i + 1
		}
		t, err := p.describe(z, i, p.shiftOf(neighbour), tuning)
		if err != nil {
			return best, err
		}
		if best.data == nil || len(t.data) < len(best.data) {
			best = t
		}
	}
	return best, nil
}

// describe makes a stream for a segment of a zone.
func (p *planner) describe(z zone, i, shift int, tuning delta.Tuning) (trial, error) {
	at, block := p.block(i)
	s, k, start := &p.segments[i], z.order(), p.start(z, i)
	m := delta.Learn(&s.counts[k], &p.whole[k], tuning)
	steps, _, _ := p.x.Steps(block, at, start, shift, p.window(z, i), m)
	data, err := bzip2.Encode(control(steps, block, p.old, start), p.series.unit())
	return trial{data, lowest(steps, start)}, err
}

// shiftOf is the shift in use at the end of a segment.
func (p *planner) shiftOf(i int) int {
	if i < 0 || i >= len(p.segments) {
		return 0
	}
	return p.segments[i].shift
}

// lowest is the lowest old position that steps use.
func lowest(steps []delta.Step, pos int) int {
	low := 1 << 30
	for _, s := range steps {
		if s.Diff > 0 {
			low = min(low, pos)
		}
		pos += s.Diff + s.Seek
	}
	return low
}

// lost counts the old bytes that steps use outside a window.
func lost(steps []delta.Step, w delta.Window) int {
	n, pos := 0, 0
	for _, s := range steps {
		n += s.Diff - max(0, min(pos+s.Diff, w.To)-max(pos, w.From))
		pos += s.Diff + s.Seek
	}
	return n
}

// within returns steps that make the same bytes, with new ones in place of
// those from outside a window.
func within(steps []delta.Step, w delta.Window) []delta.Step {
	var out []delta.Step
	pos := 0
	for _, s := range steps {
		before := min(s.Diff, max(0, w.From-pos))
		behind := min(s.Diff-before, max(0, pos+s.Diff-w.To))
		if before > 0 {
			out = append(out, delta.Step{Extra: before, Seek: before})
		}
		out = append(out, delta.Step{Diff: s.Diff - before - behind, Extra: behind + s.Extra, Seek: behind + s.Seek})
		pos += s.Diff + s.Seek
	}
	return out
}
