package ec

import (
	"bytes"
	"crypto/sha256"
	"fmt"

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
		pl, err := makePayload(l.Series, img.old, img.new)
		if err != nil {
			return nil, fmt.Errorf("%s image: %w", attrName(img.attr), err)
		}
		sum := sha256.Sum256(img.new)
		segments += len(pl.Segments)
		p.Packages = append(p.Packages, &ParPackage{
			ID: len(p.Packages), Backwards: pl.Backwards, Attr: img.attr, Segments: len(pl.Segments),
			Load: uint32(img.load), NewSize: uint32(len(img.new)), BaseSize: uint32(len(img.old)),
			BaseHash: sha256.Sum256(img.old), NewHash: &sum, Name: deltaName(l.Series, img.attr), Payload: pl.Encode(),
		})
	}
	if len(p.Packages) == 0 {
		return nil, nil
	}
	if segments > maxParSegments {
		return nil, fmt.Errorf("the images have %d segments, a delta holds at most %d", segments, maxParSegments)
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

// makePayload tries both orders and takes the shorter result.
func makePayload(s Series, old, new []byte) (*Payload, error) {
	x := delta.NewIndex(old)
	var best *Payload
	size := 0
	for _, backwards := range []bool{false, true} {
		p := &Payload{Own: s == EC7xx, OldSize: uint32(len(old)), Backwards: backwards}
		if err := p.fill(x, old, new); err != nil {
			return nil, err
		}
		if n := len(p.Encode()); best == nil || n < size {
			best, size = p, n
		}
	}
	return best, nil
}

// fill makes the segments.
func (p *Payload) fill(x *delta.Index, old, new []byte) error {
	size := p.SegmentSize()
	count := (len(new) + size - 1) / size
	p.Segments = make([]Segment, count)
	shift := 0
	for n := range count {
		i := n
		if p.Backwards {
			i = count - 1 - n
		}
		at := i * size
		block := new[at:min(len(new), at+size)]
		s := &p.Segments[i]
		s.NewSize = uint32(len(block))
		if len(block) == size && at+size <= len(old) && bytes.Equal(block, old[at:at+size]) {
			s.Unchanged = true
		}
		from, to := p.Window(i)
		steps, last := x.Steps(block, at, int(from), shift, delta.Window{From: int(from), To: int(to)})
		shift = last
		data, err := bzip2.Encode(control(steps, block, old, int(from)), p.unit())
		if err != nil {
			return err
		}
		s.Data = data
	}
	return nil
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
