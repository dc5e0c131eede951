package ec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

// pshMagic opens the payload of the vendor's EC7xx deltas (ec618.md 2.6).
var pshMagic = []byte{0xEC, 'P', 'S', 'H'}

const (
	pshHead    = 24 // bytes before the table
	pshSegment = 12 // bytes of an entry in it
)

// payload explains a package's payload at off.
func (x *inspector) payload(k *ParPackage, off int64) explain.Field {
	switch {
	case bytes.HasPrefix(k.Payload, pshMagic):
		return pshPayload(k, off)
	case bytes.HasPrefix(k.Payload, []byte(payloadMagic)) || ownPayload(k.Payload):
		return x.segmentsOf(k, off)
	}
	n := int64(len(k.Payload))
	return explain.Field{Off: off, Len: n, Name: "payload", Value: fmt.Sprintf("%d bytes", n), Meaning: "neither EC618's BPHD nor EC7xx' PSH", Verdict: explain.Bad}
}

// segmentsOf explains EC618's payload, and airlift's own for EC7xx
// (ec618.md 2.5).
func (x *inspector) segmentsOf(k *ParPackage, off int64) explain.Field {
	t := newTree(off, int64(len(k.Payload)), "payload")
	p, err := ParsePayload(k.Payload)
	if err != nil {
		t.Add(explain.Problem(err, off))
		return t.Field
	}
	if t.Meaning = "segments of 32 KiB"; p.Own {
		t.Meaning = "airlift's own form for simulated EC7xx modules: no real module takes it"
	}
	t.at(0, 4, "magic", string(k.Payload[:4]), "", explain.OK)
	m, v := judge(len(p.Segments) == k.Segments, "segments", fmt.Sprintf("the package's head says %d", k.Segments))
	t.at(4, 4, "number", fmt.Sprint(len(p.Segments)), m, v)
	m, v = judge(p.OldSize == k.BaseSize, "bytes of the old image", fmt.Sprintf("the package's head says %d", k.BaseSize))
	t.at(8, 4, "old size", fmt.Sprint(p.OldSize), m, v)
	m, v = judge(p.Backwards == k.Backwards, orderMeaning(p.Backwards), "the package's head says otherwise")
	t.at(12, 4, "order", string(k.Payload[12:16]), m, v)
	t.at(payloadHead, 4*int64(len(p.Segments)), "segment sizes", fmt.Sprintf("%d numbers", len(p.Segments)), "by partition of the new image", explain.OK)
	total := int64(0)
	for i := range p.Segments {
		t.Add(x.segment(p, i, off))
		total += int64(p.Segments[i].NewSize)
	}
	if total != int64(k.NewSize) {
		t.at(0, int64(len(k.Payload)), "sum", fmt.Sprint(total), fmt.Sprintf("bytes of all segments; the new image has %d", k.NewSize), explain.Bad)
	}
	return t.Field
}

func orderMeaning(backwards bool) string {
	if backwards {
		return "last segment first"
	}
	return "first segment first"
}

func (x *inspector) segment(p *Payload, i int, base int64) explain.Field {
	s := &p.Segments[i]
	f := explain.Field{Off: base + s.Off, Len: segmentHead + int64(len(s.Data)), Name: fmt.Sprintf("segment %d", i), Value: fmt.Sprintf("%d bytes from %d", s.NewSize, len(s.Data)), Verdict: explain.OK}
	if s.Unchanged {
		f.Meaning = "unchanged: nothing is written"
		return f
	}
	from, to := p.Window(i)
	f.Meaning = fmt.Sprintf("old bytes %d..%d", from, to)
	if x.segments--; x.segments < 0 {
		f.Meaning, f.Verdict = fmt.Sprintf("%s; not checked: boot code takes %d segments in all", f.Meaning, maxParSegments), explain.Warn
		return f
	}
	if _, err := p.ApplySegment(i, bytes.NewReader(nil), 0); err != nil {
		f.Meaning, f.Verdict = err.Error()+": the delta fails here", explain.Bad
	}
	return f
}

// pshPayload shows what is known of EC7xx' payload.
func pshPayload(k *ParPackage, off int64) explain.Field {
	p := k.Payload
	t := newTree(off, int64(len(p)), "payload")
	t.Meaning = "the vendor's EC7xx form, whose inside is not known: airlift applies it only to lead to a core that it has (--core NEW.soc)"
	if len(p) < pshHead {
		t.at(0, int64(len(p)), "head", fmt.Sprintf("%d bytes", len(p)), "cut off", explain.Bad)
		return t.Field
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	t.at(0, 4, "magic", "EC PSH", "", explain.OK)
	t.at(4, 2, "one", fmt.Sprint(u16(p[4:])), "meaning not known", explain.None)
	n := int64(u16(p[6:]))
	m, v := judge(n == int64(k.Segments), "segments of 96 KiB", fmt.Sprintf("the package's head says %d", k.Segments))
	t.at(6, 2, "nseg", fmt.Sprint(n), m, v)
	for i, want := range []uint32{k.BaseSize, k.NewSize, k.BaseSize, k.NewSize} {
		got := u32(p[8+4*i:])
		m, v := judge(got == want, "bytes, as in the package's head", fmt.Sprintf("the package's head says %d", want))
		t.at(8+4*int64(i), 4, [...]string{"base size", "next size"}[i%2], fmt.Sprint(got), m, v)
	}
	at := int64(pshHead)
	for i := range min(n, maxParSegments) {
		if at+pshSegment > int64(len(p)) {
			t.at(at, int64(len(p))-at, "table", "", "cut off", explain.Bad)
			return t.Field
		}
		e := p[at:]
		t.at(at, pshSegment, fmt.Sprintf("segment %d", i), fmt.Sprintf("0x%X 0x%X 0x%X", u32(e), u32(e[4:]), u32(e[8:])), "meaning not known", explain.None)
		at += pshSegment
	}
	t.at(at, int64(len(p))-at, "data", fmt.Sprintf("%d bytes", int64(len(p))-at), "opaque", explain.None)
	return t.Field
}
