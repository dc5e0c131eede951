package ec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash/explain"
)

var _ chips.Layered = (*maker)(nil)

// Layers implements [chips.Layered]: the head; the delta, whose hash is in the
// delta's own head, and the heads of its packages; the common part, whose MD5 is in the head; and the data of
// its sections, called script where they go to the script area.
func (m *maker) Layers(pkg []byte) ([]chips.Layer, error) {
	p, err := ParsePackage(pkg)
	if err != nil {
		return nil, err
	}
	head := func(data []byte) ([]byte, error) {
		out := bytes.Clone(pkg)
		copy(out[:HeadSize], data)
		binary.LittleEndian.PutUint32(out[4:], jamcrc(out[8:HeadSize]))
		return out, nil
	}
	list := []chips.Layer{{Name: "head", Data: pkg[:HeadSize], Wrap: head}}
	if len(p.SDK) > 0 {
		delta, err := deltaLayers(p)
		if list = append(list, delta...); err != nil {
			return list, err
		}
	}
	if len(p.Common) == 0 {
		return list, nil
	}
	common, err := m.commonLayers(p)
	return append(list, common...), err
}

// deltaLayers are the delta and the heads of its packages.
func deltaLayers(p *Package) ([]chips.Layer, error) {
	wrap := func(data []byte) ([]byte, error) {
		sdk := sealDelta(data, len(p.SDK))
		if err := p.Series.takes(sdk); err != nil {
			return nil, err
		}
		return NewPackage(p.Series, p.Common, sdk).Encode(), nil
	}
	list := []chips.Layer{{Name: "delta", Data: p.SDK, Wrap: wrap}}
	par, err := ParsePar(p.SDK)
	if err != nil {
		return list, explain.Moved(err, HeadSize+int64(len(p.Common)))
	}
	for i, k := range par.Packages {
		head := p.SDK[k.Off : k.Off+int64(k.HeadLen)]
		list = append(list, chips.Layer{Name: fmt.Sprintf("delta-head-%d", i), Data: head, Wrap: func(data []byte) ([]byte, error) {
			out := bytes.Clone(p.SDK)
			copy(out[k.Off:k.Off+int64(k.HeadLen)], data)
			return wrap(out)
		}})
	}
	return list, nil
}

func (m *maker) commonLayers(p *Package) ([]chips.Layer, error) {
	wrap := func(data []byte) ([]byte, error) { return NewPackage(p.Series, data, p.SDK).Encode(), nil }
	list := []chips.Layer{{Name: "common", Data: p.Common, Wrap: wrap}}
	sections, err := Sections(p.Common, p.Series)
	room := newUnpackRoom()
	for i, s := range sections {
		if full := room.take(s); full != nil {
			return list, explain.Moved(full, HeadSize)
		}
		data, bad := s.Unpack()
		if bad != nil {
			return list, explain.Moved(bad, HeadSize)
		}
		name := fmt.Sprintf("section-%d", i)
		if s.StartAddr == m.layout.ScriptAddr() {
			name = "script"
		}
		end := s.Off + SectionHeadSize + int64(s.TotalLen)
		list = append(list, chips.Layer{Name: name, Data: data, Wrap: func(data []byte) ([]byte, error) {
			n, err := NewSection(p.Series, s.StartAddr, data)
			if err != nil {
				return nil, err
			}
			return wrap(bytes.Join([][]byte{p.Common[:s.Off], n.Encode(), p.Common[end:]}, nil))
		}})
	}
	return list, explain.Moved(err, HeadSize)
}

// errVendorPayload is a delta of the vendor's, to emulated boot code.
var errVendorPayload = errors.New("the payload of the delta is no longer of airlift's form: what boot code makes of it is not known")

// takes reports a delta that goes beyond what is known of boot code: on EC7xx
// one without the mark of the payloads that airlift makes.
func (s Series) takes(delta []byte) error {
	if s != EC7xx || len(delta) < ParHeadSize {
		return nil
	}
	off := int64(ParHeadSize)
	for range decodeParHead(delta).Count() {
		k, err := parseParPackage(delta, off)
		if err != nil {
			return nil // boot code stops there as well
		}
		if !ownPayload(k.Payload) {
			return errVendorPayload
		}
		off += int64(k.Len)
	}
	return nil
}

// sealDelta makes the hash of a delta right that had size bytes, and its length
// if that has changed.
func sealDelta(delta []byte, size int) []byte {
	if len(delta) < ParHeadSize {
		return delta
	}
	out := bytes.Clone(delta)
	if len(out) != size {
		binary.LittleEndian.PutUint32(out[8:], uint32(len(out)))
	}
	n := binary.LittleEndian.Uint32(out[8:])
	if n < ParHeadSize || int64(n) > int64(len(out)) {
		return out // nothing that could be hashed
	}
	sum := parHashOf(out[:n])
	copy(out[12:], sum[:])
	return out
}
