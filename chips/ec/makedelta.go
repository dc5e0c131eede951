package ec

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"airlift/chips/bzip2"
	"airlift/chips/delta"
)

// Images are the images of a firmware that a delta can change.
type Images struct{ AP, CP []byte }

// Versions and places in a delta as the vendor's tools write them
// (ec618.md 2.4).
const (
	parVersionEC618 = 0x20
	parVersionEC7xx = 0x45
	parCapEC7xx     = 0x10
	parSegField     = 0x8000
	parSegValid     = 1 << 6
)

// MakeDelta makes the delta that leads from one firmware to another. Images
// that are the same need none; if both are, the delta is nil. Loads are where
// the images lie.
//
// Packages are numbered from 0, also when only the CP image changes: the
// vendor's tool numbers that one 1, and the boot code then refuses it
// (ec618.md 10.1).
func MakeDelta(l *Layout, from, to Images) (*Par, error) {
	p := &Par{Version: parVersionEC618, Flags: parSegValid, SegField: parSegField}
	if l.Series == EC7xx {
		p.Version, p.Cap = parVersionEC7xx, parCapEC7xx
	}
	_, cp := l.cpPart()
	segments := 0
	for _, img := range []struct {
		attr     int
		load     int64
		old, new []byte
	}{{AttrAP, l.Part(PartAP).Off, from.AP, to.AP}, {AttrCP, cp.Off, from.CP, to.CP}} {
		if bytes.Equal(img.old, img.new) {
			continue
		}
		if len(img.old) == 0 || len(img.new) == 0 || len(img.old) > maxImage || len(img.new) > maxImage {
			return nil, fmt.Errorf("%s images of %d and %d bytes: expected 1..%d", attrName(img.attr), len(img.old), len(img.new), int64(maxImage))
		}
		size := l.Series.SegmentSize()
		if segments += (len(img.new) + size - 1) / size; segments > maxParSegments {
			return nil, fmt.Errorf("the new images have %d segments, a delta holds at most %d", segments, maxParSegments)
		}
		pl, err := makePayload(l.Series, img.old, img.new)
		if err != nil {
			return nil, fmt.Errorf("%s image: %w", attrName(img.attr), err)
		}
		sum := sha256.Sum256(img.new)
		p.Packages = append(p.Packages, &ParPackage{
			ID: len(p.Packages), Backwards: pl.Backwards, Attr: img.attr, Segments: len(pl.Segments),
			Load: uint32(img.load), NewSize: uint32(len(img.new)), BaseSize: uint32(len(img.old)),
			BaseHash: sha256.Sum256(img.old), NewHash: &sum, Name: deltaName(l.Series, img.attr), Payload: pl.Encode(),
		})
	}
	if len(p.Packages) == 0 {
		return nil, nil
	}
	if n, room := int64(len(p.Encode())), l.Part(PartFota).Size; n > room {
		return nil, fmt.Errorf("the delta has %d bytes, the module takes at most %d: go there by way of a release in between", n, room)
	}
	return p, nil
}

// deltaName is what the tools call the delta of an image.
func deltaName(s Series, attr int) string {
	chip := "EC718"
	if s == EC618 {
		chip = "EC618"
	}
	return chip + "_" + attrName(attr) + ".par"
}

// makePayload plans both orders and carries out the cheaper plan, or both if
// they are close.
func makePayload(s Series, old, new []byte) (*Payload, error) {
	x := delta.NewIndex(old)
	// Of an image that has grown, most lies behind its old place: from the last
	// segment on, the old bytes are still there when they are needed.
	first := &plan{Payload: newPayload(s, old, new, len(new) >= len(old)), old: old, new: new}
	first.sketch(x, math.MaxInt64)
	second := &plan{Payload: newPayload(s, old, new, !first.Backwards), old: old, new: new}
	second.sketch(x, first.cost*21/20)
	if second.cost < first.cost {
		first, second = second, first
	}
	best, err := first.carryOut(x)
	if err != nil || second.cost > first.cost*21/20 {
		return best, err
	}
	other, err := second.carryOut(x)
	if err == nil && len(other.Encode()) < len(best.Encode()) {
		best = other
	}
	return best, err
}

func newPayload(s Series, old, new []byte, backwards bool) *Payload {
	p := &Payload{Own: s == EC7xx, OldSize: uint32(len(old)), Backwards: backwards}
	p.Segments = make([]Segment, (len(new)+p.SegmentSize()-1)/p.SegmentSize())
	return p
}

// plan is a payload in the making. It is described twice: what the first
// description is made of tells what things cost in the second.
type plan struct {
	*Payload
	old, new []byte
	counts   []delta.Counts // by segment
	whole    delta.Counts
	cost     int64 // of the first description
}

// block returns where segment i of the new image lies.
func (p *plan) block(i int) (at int, block []byte) {
	at = i * p.SegmentSize()
	return at, p.new[at:min(len(p.new), at+p.SegmentSize())]
}

// each calls f for all segments, in the order of processing.
func (p *plan) each(f func(i int) error) error {
	for n := range p.Segments {
		i := n
		if p.Backwards {
			i = len(p.Segments) - 1 - n
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

var errDear = errors.New("the other order is cheaper")

// sketch makes the first description, unless it costs more than limit.
func (p *plan) sketch(x *delta.Index, limit int64) {
	m := delta.NewModel()
	p.counts = make([]delta.Counts, len(p.Segments))
	shift := 0
	_ = p.each(func(i int) error {
		at, block := p.block(i)
		from, to := p.Window(i)
		steps, last, cost := x.Steps(block, at, int(from), shift, delta.Window{From: int(from), To: int(to)}, m)
		shift = last
		p.counts[i].Add(steps, block, p.old, int(from))
		p.whole.Add(steps, block, p.old, int(from))
		if p.cost += int64(cost); p.cost > limit {
			return errDear
		}
		return nil
	})
}

// carryOut makes the second description and the segments' streams.
func (p *plan) carryOut(x *delta.Index) (*Payload, error) {
	shift := 0
	err := p.each(func(i int) error {
		at, block := p.block(i)
		from, to := p.Window(i)
		m := delta.Learn(&p.counts[i], &p.whole)
		steps, last, _ := x.Steps(block, at, int(from), shift, delta.Window{From: int(from), To: int(to)}, m)
		shift = last
		data, err := bzip2.Encode(control(steps, block, p.old, int(from)), p.unit())
		p.Segments[i] = Segment{NewSize: uint32(len(block)), Data: data, Unchanged: len(block) == p.SegmentSize() &&
			at+len(block) <= len(p.old) && bytes.Equal(block, p.old[at:at+len(block)])}
		return err
	})
	return p.Payload, err
}

// control is what a segment's stream holds: for every step three numbers, the
// differences and the new bytes.
func control(steps []delta.Step, block, old []byte, pos int) []byte {
	var b []byte
	at := 0
	for _, s := range steps {
		b = putMagnitude(b, s.Diff)
		b = putMagnitude(b, s.Extra)
		b = putMagnitude(b, s.Seek)
		for k := range s.Diff {
			b = append(b, block[at+k]-old[pos+k])
		}
		b = append(b, block[at+s.Diff:at+s.Diff+s.Extra]...)
		at, pos = at+s.Diff+s.Extra, pos+s.Diff+s.Seek
	}
	return b
}
