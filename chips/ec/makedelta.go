package ec

import (
	"bytes"
	"crypto/sha256"
	"fmt"

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
	room := maxParSegments // for segments
	var images []changed
	for _, img := range []changed{{AttrAP, l.Part(PartAP).Off, from.AP, to.AP}, {AttrCP, cp.Off, from.CP, to.CP}} {
		if bytes.Equal(img.old, img.new) {
			continue
		}
		if len(img.old) == 0 || len(img.new) == 0 || len(img.old) > maxImage || len(img.new) > maxImage {
			return nil, fmt.Errorf("%s images of %d and %d bytes: expected 1..%d", attrName(img.attr), len(img.old), len(img.new), int64(maxImage))
		}
		room -= segmentCount(l.Series, img.new)
		images = append(images, img)
	}
	if room < 0 {
		return nil, fmt.Errorf("the new images have %d segments, a delta holds at most %d", maxParSegments-room, maxParSegments)
	}
	for _, img := range images {
		payloads, err := makePayloads(l.Series, img.old, img.new, room)
		if err != nil {
			return nil, fmt.Errorf("%s image: %w", attrName(img.attr), err)
		}
		for _, pl := range payloads {
			p.Packages = append(p.Packages, parPackage(l.Series, img, len(p.Packages), pl))
			room -= len(pl.Segments)
		}
		room += segmentCount(l.Series, img.new)
	}
	if len(p.Packages) == 0 {
		return nil, nil
	}
	if n, room := int64(len(p.Encode())), l.Part(PartFota).Size; n > room {
		return nil, fmt.Errorf("the delta has %d bytes, the module takes at most %d: go there by way of a release in between", n, room)
	}
	return p, nil
}

// changed is an image with its place and its two versions.
type changed struct {
	attr     int
	load     int64
	old, new []byte
}

// parPackage wraps a payload. Of several for one image, each makes the image up
// to where its last segment ends, and all are made from the same old image:
// the boot code checks that before the first one starts.
func parPackage(s Series, img changed, id int, pl *Payload) *ParPackage {
	made := img.new[:min(len(img.new), len(pl.Segments)*s.SegmentSize())]
	sum := sha256.Sum256(made)
	return &ParPackage{
		ID: id, Backwards: pl.Backwards, Attr: img.attr, Segments: len(pl.Segments),
		Load: uint32(img.load), NewSize: uint32(len(made)), BaseSize: uint32(len(img.old)),
		BaseHash: sha256.Sum256(img.old), NewHash: &sum, Name: deltaName(s, img.attr), Payload: pl.Encode(),
	}
}

// deltaName is what the tools call the delta of an image.
func deltaName(s Series, attr int) string {
	chip := "EC718"
	if s == EC618 {
		chip = "EC618"
	}
	return chip + "_" + attrName(attr) + ".par"
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
