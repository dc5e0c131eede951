package xt804

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"airlift/chips"
	"airlift/flash/explain"
)

var _ chips.Layered = (*maker)(nil)

// Layers implements [chips.Layered]. An image has a header and a body; a zipped
// body has a payload, whose images have both again, named after their type. A
// script image for the file system has one layer: what its MD5 covers.
func (m *maker) Layers(pkg []byte) ([]chips.Layer, error) {
	if !isMagic(pkg) {
		return scriptLayers(pkg)
	}
	images, err := ParseImages(pkg)
	if err != nil {
		return nil, err
	}
	if len(images) != 1 {
		return nil, &explain.FormatError{What: "images of an upgrade package", Want: "1", Got: fmt.Sprint(len(images))}
	}
	outer := &images[0]
	list := imageLayers("", outer, 1, func(p []byte) ([]byte, error) { return p, nil })
	if !outer.Zipped() {
		return list, nil
	}
	g, err := readGzip(outer.Body, HeaderSize, largeFlash)
	if err != nil {
		return list, err
	}
	zip := func(payload []byte) ([]byte, error) { return NewImage(outer.Header, Gzip(payload), ImagePad), nil }
	list = append(list, chips.Layer{Name: "payload", Data: g.payload, Wrap: zip})
	inner, err := ParseImages(g.payload)
	for i := range inner {
		k := &inner[i]
		place := func(img []byte) ([]byte, error) {
			return zip(bytes.Join([][]byte{g.payload[:k.Off], img, g.payload[k.Off+k.Len():]}, nil))
		}
		list = append(list, imageLayers(partName(k.Type())+"-", k, ImagePad, place)...)
	}
	return list, err
}

// imageLayers are the header of an image, of which the CRC is made right, and
// its body, with the header's length and both CRCs. Place puts the image where
// it belongs.
func imageLayers(prefix string, m *Image, pad int, place func([]byte) ([]byte, error)) []chips.Layer {
	header := func(p []byte) ([]byte, error) {
		out := m.Header.Encode()
		copy(out, p)
		binary.LittleEndian.PutUint32(out[0x3C:], JAMCRC(out[:0x3C]))
		return place(bytes.Join([][]byte{out, m.Body, m.Signature}, nil))
	}
	body := func(p []byte) ([]byte, error) { return place(append(NewImage(m.Header, p, pad), m.Signature...)) }
	return []chips.Layer{{Name: prefix + "header", Data: m.Header.Encode(), Wrap: header}, {Name: prefix + "body", Data: m.Body, Wrap: body}}
}

// scriptLayers are those of /update.bin, whose last 16 bytes are the MD5 of
// the others (xt804.md 4.2).
func scriptLayers(pkg []byte) ([]chips.Layer, error) {
	if len(pkg) <= md5.Size {
		return nil, &explain.FormatError{What: "script image", Want: "more than 16 bytes", Got: fmt.Sprint(len(pkg))}
	}
	sign := func(p []byte) ([]byte, error) {
		sum := md5.Sum(p)
		return append(p[:len(p):len(p)], sum[:]...), nil
	}
	return []chips.Layer{{Name: "script", Data: pkg[:len(pkg)-md5.Size], Wrap: sign}}, nil
}
