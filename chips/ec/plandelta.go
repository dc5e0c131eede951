package ec

import (
	"bytes"

	"airlift/chips/bzip2"
	"airlift/chips/delta"
	"airlift/chips/entropy"
)

// maxZones bounds how many packages one image is cut into.
const maxZones = 3

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
	p.sketch()
	var best []*Payload
	size := 0
	for _, zones := range p.plans(spare) {
		made, err := p.carryOut(zones)
		if err != nil {
			return nil, err
		}
		if n := encodedSize(made); best == nil || n < size {
			best, size = made, n
		}
	}
	return best, nil
}

func encodedSize(payloads []*Payload) int {
	n := 0
	for _, p := range payloads {
		n += parPackageSize + len(p.Encode())
	}
	return n
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
	sketches []sketch
}

// sketch is the first description of a segment, by any part of the old image,
// and by how much it would cost in each order.
type sketch struct {
	steps    []delta.Step // from position 0 on
	forward  int64
	backward int64
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

// each calls f for the segments of a zone, in the order of processing.
func (z zone) each(f func(i int) error) error {
	for n := range z.to - z.from {
		i := z.from + n
		if z.backwards {
			i = z.to - 1 - n
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// lostBits is what a byte costs that was to come from a part of the old image
// that is overwritten by then.
const lostBits = 5

// sketch describes all segments as if nothing were overwritten.
func (p *planner) sketch() {
	m := delta.NewModel()
	p.sketches = make([]sketch, p.count())
	shift := 0
	for i := range p.sketches {
		at, block := p.block(i)
		steps, last, cost := p.x.Steps(block, at, 0, shift, delta.Window{To: len(p.old)}, m)
		shift = last
		p.sketches[i] = sketch{
			steps:    steps,
			forward:  int64(cost + lost(steps, p.window(zone{0, p.count(), false}, i))*lostBits*entropy.Bit),
			backward: int64(cost + lost(steps, p.window(zone{0, p.count(), true}, i))*lostBits*entropy.Bit),
		}
	}
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

// plans returns the zones that are worth carrying out.
func (p *planner) plans(spare int) [][]zone {
	n := p.count()
	var sums [2][]int64
	for k := range sums {
		sums[k] = make([]int64, n+1)
	}
	for i, sk := range p.sketches {
		sums[0][i+1] = sums[0][i] + sk.forward
		sums[1][i+1] = sums[1][i] + sk.backward
	}
	cost := func(zones []zone) int64 {
		var c int64
		for _, z := range zones {
			k := 0
			if z.backwards {
				k = 1
			}
			c += sums[k][z.to] - sums[k][z.from] + int64(parPackageSize+payloadHead+(segmentHead+4)*z.from)*8*entropy.Bit
		}
		return c
	}
	var best []zone
	for _, first := range []bool{false, true} {
		consider := func(zones ...zone) {
			used := -n
			for _, z := range zones {
				used += z.to
			}
			if used <= spare && (best == nil || cost(zones) < cost(best)) {
				best = append([]zone(nil), zones...)
			}
		}
		consider(zone{0, n, first})
		for a := 1; a < n; a++ {
			consider(zone{0, a, first}, zone{a, n, !first})
			for b := a + 1; b < n && maxZones > 2; b++ {
				consider(zone{0, a, first}, zone{a, b, !first}, zone{b, n, first})
			}
		}
	}
	return [][]zone{best}
}

// carryOut makes the payloads of the zones.
func (p *planner) carryOut(zones []zone) ([]*Payload, error) {
	var out []*Payload
	for _, z := range zones {
		pl, err := p.zone(z)
		if err != nil {
			return nil, err
		}
		out = append(out, pl)
	}
	return out, nil
}

// zone makes the payload that patches one zone and leaves what is below it as
// it is. A segment that stays as it is has no stream: the boot code looks at
// the flag alone.
func (p *planner) zone(z zone) (*Payload, error) {
	pl := &Payload{Own: p.series == EC7xx, OldSize: uint32(len(p.old)), Backwards: z.backwards, Segments: make([]Segment, z.to)}
	for i := range z.from {
		pl.Segments[i] = Segment{NewSize: uint32(p.size), Unchanged: true}
	}
	counts, whole := make([]delta.Counts, z.to), new(delta.Counts)
	for i := z.from; i < z.to; i++ {
		_, block := p.block(i)
		steps := within(p.sketches[i].steps, p.window(z, i))
		counts[i].Add(steps, block, p.old, 0)
		whole.Add(steps, block, p.old, 0)
	}
	shift := 0
	err := z.each(func(i int) (err error) {
		at, block := p.block(i)
		s := &pl.Segments[i]
		s.NewSize = uint32(len(block))
		if s.Unchanged = p.same(at, block); s.Unchanged {
			return nil
		}
		s.Data, shift, err = p.segment(z, i, shift, &counts[i], whole)
		return err
	})
	return pl, err
}

// same reports whether a whole block is there already.
func (p *planner) same(at int, block []byte) bool {
	return len(block) == p.size && at+len(block) <= len(p.old) && bytes.Equal(block, p.old[at:at+len(block)])
}

// segment makes the shortest stream for one segment. Shift is the one that the
// segment before it ended with.
func (p *planner) segment(z zone, i, shift int, part, whole *delta.Counts) (best []byte, last int, err error) {
	at, block := p.block(i)
	start := p.start(z, i)
	for _, t := range delta.Tunings {
		steps, end, _ := p.x.Steps(block, at, start, shift, p.window(z, i), delta.Learn(part, whole, t))
		data, err := bzip2.Encode(control(steps, block, p.old, start), p.series.unit())
		if err != nil {
			return nil, 0, err
		}
		if best == nil || len(data) < len(best) {
			best, last = data, end
		}
	}
	return best, last, nil
}
