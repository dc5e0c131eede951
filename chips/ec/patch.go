package ec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"airlift/chips/bzip2"
	"airlift/flash/explain"
)

// Words of EC618's payload (ec618.md 2.5), and of our own for EC7xx.
const (
	payloadMagic   = "BPHD"
	payloadOwn     = "ALFT" // airlift's, which no module takes: see Payload
	payloadHead    = 16     // bytes before the segment sizes
	orderForward   = "NorO"
	orderBackwards = "RvsO"
	segmentMagic   = "BSDIFF40"
	segmentHead    = 20
	unchangedFlag  = 0x43424571 // the segment's block stays as it is
)

// Payload is EC618's form of one image's delta (ec618.md 2.5).
//
// The payload of EC7xx is not known. For simulated modules of that series
// airlift makes the same structure with "ALFT" in place of "BPHD", segments of
// 96 KiB, and the usual block unit of bzip2. Such a delta is of no use to a
// real module.
type Payload struct {
	Own       bool // airlift's form for EC7xx
	OldSize   uint32
	Backwards bool
	Segments  []Segment // by partition of the new image, lowest address first
}

// Segment is the delta of one 32 KiB block of the new image.
type Segment struct {
	Off       int64 // where it is, bytes from the start of the payload
	Unchanged bool
	NewSize   uint32 // bytes, at most 32 KiB
	Data      []byte // the bzip2 stream
}

// ParsePayload takes EC618's payload apart. The error is a
// *explain.FormatError whose offset counts from the start of the payload.
func ParsePayload(b []byte) (*Payload, error) {
	if len(b) < payloadHead || string(b[:4]) != payloadMagic && !ownPayload(b) {
		return nil, &explain.FormatError{What: "payload", Want: `"BPHD"`, Got: fmt.Sprintf("%.8q", b)}
	}
	u32 := binary.LittleEndian.Uint32
	p := &Payload{Own: ownPayload(b), OldSize: u32(b[8:])}
	switch order := string(b[12:16]); order {
	case orderForward:
	case orderBackwards:
		p.Backwards = true
	default:
		return nil, &explain.FormatError{Off: 12, What: "order", Want: "NorO or RvsO", Got: fmt.Sprintf("%q", order)}
	}
	n := u32(b[4:])
	if n > maxParSegments || int(n)*4 > len(b)-payloadHead {
		return nil, &explain.FormatError{Off: 4, What: "number of segments", Want: fmt.Sprintf("at most %d", min(maxParSegments, (len(b)-payloadHead)/4)), Got: fmt.Sprint(n)}
	}
	p.Segments = make([]Segment, n)
	off := int64(payloadHead + 4*n)
	for k := range p.Segments {
		i := k
		if p.Backwards {
			i = int(n) - 1 - k
		}
		size := int64(u32(b[payloadHead+4*i:]))
		if size > int64(len(b))-off {
			return nil, &explain.FormatError{Off: payloadHead + 4*int64(i), What: fmt.Sprintf("size of segment %d", i), Want: fmt.Sprintf("at most %d", int64(len(b))-off), Got: fmt.Sprint(size)}
		}
		s, err := parseSegment(b[off:off+size], off, p.SegmentSize())
		if err != nil {
			return nil, err
		}
		p.Segments[i] = s
		off += size
	}
	if off != int64(len(b)) {
		return nil, &explain.FormatError{Off: off, What: "payload", Want: "to end behind the last segment", Got: fmt.Sprintf("%d more bytes", int64(len(b))-off)}
	}
	return p, nil
}

func parseSegment(b []byte, off int64, most int) (Segment, error) {
	if len(b) < segmentHead || string(b[:8]) != segmentMagic {
		return Segment{}, &explain.FormatError{Off: off, What: "segment", Want: `"BSDIFF40"`, Got: fmt.Sprintf("%.8q", b)}
	}
	u32 := binary.LittleEndian.Uint32
	s := Segment{Off: off, Unchanged: u32(b[8:]) == unchangedFlag, NewSize: u32(b[16:]), Data: b[segmentHead:]}
	switch {
	case !s.Unchanged && u32(b[8:]) != 0:
		return s, &explain.FormatError{Off: off + 8, What: "flag of a segment", Want: "0 or 0x43424571", Got: fmt.Sprintf("0x%08X", u32(b[8:]))}
	case int64(u32(b[12:])) != int64(len(b)):
		return s, &explain.FormatError{Off: off + 12, What: "length of a segment", Want: fmt.Sprint(len(b)), Got: fmt.Sprint(u32(b[12:]))}
	case s.NewSize == 0 || s.NewSize > uint32(most):
		return s, &explain.FormatError{Off: off + 16, What: "new size of a segment", Want: fmt.Sprintf("1..%d", most), Got: fmt.Sprint(s.NewSize)}
	}
	return s, nil
}

// ownPayload reports a payload of airlift's own form.
func ownPayload(b []byte) bool { return len(b) >= 4 && string(b[:4]) == payloadOwn }

func (p *Payload) series() Series {
	if p.Own {
		return EC7xx
	}
	return EC618
}

// SegmentSize is how many bytes of the new image a segment makes.
func (p *Payload) SegmentSize() int { return p.series().SegmentSize() }

// unit is what the level digit of the segments' streams counts in.
func (p *Payload) unit() int { return p.series().unit() }

func (s Series) unit() int {
	if s == EC7xx {
		return bzip2.UnitStandard
	}
	return bzip2.UnitEC618
}

// Encode returns the payload's bytes.
func (p *Payload) Encode() []byte {
	b := make([]byte, payloadHead, payloadHead+4*len(p.Segments))
	copy(b, payloadMagic)
	if p.Own {
		copy(b, payloadOwn)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(p.Segments)))
	binary.LittleEndian.PutUint32(b[8:], p.OldSize)
	copy(b[12:], orderForward)
	if p.Backwards {
		copy(b[12:], orderBackwards)
	}
	for i := range p.Segments {
		b = binary.LittleEndian.AppendUint32(b, uint32(segmentHead+len(p.Segments[i].Data)))
	}
	for k := range p.Segments {
		i := k
		if p.Backwards {
			i = len(p.Segments) - 1 - k
		}
		b = append(b, p.Segments[i].encode()...)
	}
	return b
}

func (s *Segment) encode() []byte {
	b := make([]byte, segmentHead, segmentHead+len(s.Data))
	copy(b, segmentMagic)
	if s.Unchanged {
		binary.LittleEndian.PutUint32(b[8:], unchangedFlag)
	}
	binary.LittleEndian.PutUint32(b[12:], uint32(segmentHead+len(s.Data)))
	binary.LittleEndian.PutUint32(b[16:], s.NewSize)
	return append(b, s.Data...)
}

// Window returns which part of the old image segment i may look at
// (ec618.md 2.5): what the segments before it, in processing order, have not
// overwritten.
func (p *Payload) Window(i int) (from, to int64) {
	size := int64(p.SegmentSize())
	if p.Backwards {
		return 0, min((int64(i)+1)*size, int64(p.OldSize))
	}
	return min(int64(i)*size, int64(p.OldSize)), int64(p.OldSize)
}

var (
	errTriple = errors.New("a step reaches outside the segment")
	errSeek   = errors.New("the old position runs out of range")
)

// ApplySegment rebuilds block i from its window of the old image. Bytes outside
// the window read as 0 (ec618.md 2.5).
func (p *Payload) ApplySegment(i int, old io.ReaderAt, oldLen int64) ([]byte, error) {
	s := &p.Segments[i]
	r := bzip2.NewReader(s.Data, p.unit())
	out := make([]byte, 0, s.NewSize)
	var pos int64
	var triple [12]byte
	for steps := 0; len(out) < int(s.NewSize); steps++ {
		if steps > 2*p.SegmentSize() {
			return out, errTriple
		}
		if _, err := io.ReadFull(r, triple[:]); err != nil {
			return out, fmt.Errorf("control data: %w", err)
		}
		diff, extra, seek := magnitude(triple[0:]), magnitude(triple[4:]), magnitude(triple[8:])
		if diff < 0 || extra < 0 || diff+extra > int64(s.NewSize)-int64(len(out)) {
			return out, errTriple
		}
		at := len(out)
		out = out[:at+int(diff+extra)]
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return out[:at], fmt.Errorf("diff and extra data: %w", err)
		}
		if err := addOld(out[at:at+int(diff)], old, oldLen, pos); err != nil {
			return out[:at], err
		}
		if pos += diff + seek; pos > 1<<40 || pos < -1<<40 {
			return out, errSeek
		}
	}
	return out, nil
}

// addOld adds the bytes of the old image at pos to p.
func addOld(p []byte, old io.ReaderAt, oldLen, pos int64) error {
	from, to := max(0, -pos), min(int64(len(p)), oldLen-pos)
	if from >= to {
		return nil
	}
	b := make([]byte, to-from)
	if _, err := old.ReadAt(b, pos+from); err != nil && err != io.EOF {
		return err
	}
	for i, v := range b {
		p[from+int64(i)] += v
	}
	return nil
}

// magnitude reads a number whose top bit is its sign.
func magnitude(p []byte) int64 {
	v := binary.LittleEndian.Uint32(p)
	if v&(1<<31) != 0 {
		return -int64(v &^ (1 << 31))
	}
	return int64(v)
}

// putMagnitude appends a number whose top bit is its sign.
func putMagnitude(p []byte, v int) []byte {
	u := uint32(v)
	if v < 0 {
		u = uint32(-v) | 1<<31
	}
	return binary.LittleEndian.AppendUint32(p, u)
}

// Apply rebuilds the new image from the old one, in memory. The in-place way
// of boot code is in the boot code.
func (p *Payload) Apply(old []byte) ([]byte, error) { return ApplyPayloads([]*Payload{p}, old) }

// ApplyPayloads rebuilds an image that is patched by several payloads, one
// after the other. Each makes the image up to the end of its last segment.
func ApplyPayloads(payloads []*Payload, old []byte) ([]byte, error) {
	flash := old // what lies where the image lies
	var out []byte
	for _, p := range payloads {
		if len(old) != int(p.OldSize) {
			return nil, fmt.Errorf("the old image has %d bytes, the delta is for %d", len(old), p.OldSize)
		}
		var err error
		if out, err = p.applyTo(flash); err != nil {
			return nil, err
		}
		flash = append(bytes.Clone(out), flash[min(len(out), len(flash)):]...)
	}
	return out, nil
}

// applyTo makes the payload's blocks from what lies in flash, where at least
// the old image is.
func (p *Payload) applyTo(flash []byte) ([]byte, error) {
	var out []byte
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Unchanged {
			from := i * p.SegmentSize()
			if from+int(s.NewSize) > len(flash) {
				return nil, &explain.FormatError{Off: s.Off, What: fmt.Sprintf("segment %d", i), Want: "an old block", Got: "unchanged behind the end of the old image"}
			}
			out = append(out, flash[from:from+int(s.NewSize)]...)
			continue
		}
		from, to := p.Window(i)
		block, err := p.ApplySegment(i, bytes.NewReader(flash[from:to]), to-from)
		if err != nil {
			return nil, &explain.FormatError{Off: s.Off, What: fmt.Sprintf("segment %d", i), Want: fmt.Sprintf("%d bytes", s.NewSize), Got: err.Error()}
		}
		out = append(out, block...)
	}
	return out, nil
}
