package xt804

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/explain"
)

func TestNewImagePadding(t *testing.T) { // xt804.md 2.4
	for _, c := range []struct{ n, pad, want int }{
		{0, ImagePad, 0}, {1, ImagePad, 1024}, {1024, ImagePad, 1024}, {1025, ImagePad, 2048},
		{1, OldImagePad, 4}, {21468, OldImagePad, 21468}, {21468, ImagePad, 0x5400}, {5, 1, 5},
	} {
		body := bytes.Repeat([]byte{0xA5}, c.n)
		img := NewImage(Header{Attr: TypeApp}, body, c.pad)
		h := DecodeHeader(img)
		if int(h.ImgLen) != c.want || len(img) != HeaderSize+c.want || h.OrgChecksum != JAMCRC(img[HeaderSize:]) || !allBytes(img[HeaderSize+c.n:], 0) {
			t.Errorf("%d bytes padded to %d: img_len %d, file %d", c.n, c.pad, h.ImgLen, len(img))
		}
	}
}

func TestParseImages(t *testing.T) {
	l, app, script := demoParts(t)
	signed := Image{Header: l.AppHeader(), Body: []byte("body"), Signature: bytes.Repeat([]byte{7}, SignatureSize)}
	signed.Attr |= AttrSigned
	row := bytes.Join([][]byte{l.SecbootImage(), app, signed.Encode(), script}, nil)
	images, err := ParseImages(row)
	if err != nil || len(images) != 4 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	at := int64(0)
	for i := range images {
		m := &images[i]
		if m.Off != at || !bytes.Equal(m.Encode(), row[m.Off:m.Off+m.Len()]) {
			t.Errorf("image %d at %d: encoded again it differs", i, m.Off)
		}
		at += m.Len()
	}
	if string(images[2].Body) != "body" || images[2].Signature[0] != 7 {
		t.Errorf("signed image: %+v", images[2])
	}
	for name, c := range map[string]struct {
		data []byte
		off  int64
	}{
		"empty":        {nil, 0},
		"cut header":   {row[:30], 0},
		"cut body":     {row[:500], 0x0C},
		"second cut":   {row[:len(l.SecbootImage())+70], int64(len(l.SecbootImage())) + 0x0C},
		"rubbish":      {append(bytes.Clone(app), make([]byte, 64)...), int64(len(app))},
		"body CRC":     {append(bytes.Clone(app[:len(app)-1]), 0x55), 0x18},
		"no signature": {signed.Encode()[:100], HeaderSize + 4},
		"too many":     {bytes.Repeat(script, maxImages+1), int64(maxImages * len(script))},
	} {
		_, err := ParseImages(c.data)
		var fe *explain.FormatError
		if !errors.As(err, &fe) || fe.Off != c.off {
			t.Errorf("%s: %v, want offset 0x%X", name, err, c.off)
		}
	}
}

// TestImageRowProperty draws rows of images, writes and reads them.
func TestImageRowProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Image
		var row []byte
		for range rapid.IntRange(1, 6).Draw(t, "images") {
			h := Header{
				Attr: rapid.Uint32().Draw(t, "attr") &^ AttrSigned, ImgAddr: rapid.Uint32().Draw(t, "addr"),
				ImgHeaderAddr: rapid.Uint32().Draw(t, "header"), UpgradeImgAddr: rapid.Uint32().Draw(t, "ua"),
				UpdNo: rapid.Uint32().Draw(t, "upd"), Next: rapid.Uint32().Draw(t, "next"),
			}
			copy(h.Ver[:], rapid.StringN(0, 16, 16).Draw(t, "ver"))
			m := Image{Header: h, Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")}
			want = append(want, m)
			row = append(row, m.Encode()...)
		}
		got, err := ParseImages(row)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d images, %v", len(got), err)
		}
		for i := range got {
			g, w := got[i], want[i]
			if !bytes.Equal(g.Body, w.Body) || g.Attr != w.Attr || g.ImgAddr != w.ImgAddr || g.ImgHeaderAddr != w.ImgHeaderAddr ||
				g.UpgradeImgAddr != w.UpgradeImgAddr || g.UpdNo != w.UpdNo || g.Next != w.Next || g.Ver != w.Ver {
				t.Fatalf("image %d: %+v became %+v", i, w, g)
			}
		}
	})
}

func TestGzip(t *testing.T) {
	for _, n := range []int{0, 1, 0xFFFF, 0x10000, 200_000} {
		payload := make([]byte, n)
		pseudoCode(payload, uint64(n))
		for name, z := range map[string][]byte{"stored": GzipStored(payload), "packed": Gzip(payload)} {
			g, err := readGzip(append(z, 0, 0, 0), 0, int64(n))
			if err != nil || !bytes.Equal(g.payload, payload) || g.head != 10 || len(g.rest) != 3 || g.crc != ^JAMCRC(payload) || int(g.size) != n {
				t.Errorf("%s %d: %v, %d bytes", name, n, err, len(g.payload))
			}
			if n > 0 {
				if _, err := readGzip(z, 0, int64(n-1)); err == nil {
					t.Errorf("%s %d: no limit", name, n)
				}
			}
			for cut := range min(len(z), 40) {
				if _, err := readGzip(z[:len(z)-1-cut], 0, int64(n)); err == nil {
					t.Errorf("%s %d: %d bytes short and no error", name, n, cut+1)
				}
			}
		}
	}
}

func TestBurnImages(t *testing.T) {
	l, app, script := demoParts(t)
	d, err := flash.New(flash.NOR(l.FlashSize))
	if err != nil {
		t.Fatal(err)
	}
	serial := NewImage(l.ScriptHeader(TypeApp), vectorL(t), ImagePad)
	if err := BurnImages(d, bytes.Join([][]byte{l.SecbootImage(), app, serial}, nil)); err != nil {
		t.Fatal(err)
	}
	p := d.Bytes()
	if !bytes.Equal(p[0x210000:0x210040], app[:64]) || !bytes.Equal(p[0x210400:0x210C00], app[64:]) || !allBytes(p[0x210040:0x210400], 0xFF) {
		t.Error("the app is not in its place")
	}
	if !bytes.Equal(p[0x430000:][:113], vectorL(t)) {
		t.Error("the script is not in its place")
	}
	if !bytes.Equal(p[0x2000:0x2040], l.SecbootImage()[:64]) {
		t.Error("secboot is not in its place")
	}
	ram := Image{Header: Header{ImgAddr: 0x20000000, ImgHeaderAddr: RAMHeader}, Body: []byte{1}}
	far := Image{Header: Header{ImgAddr: 0x08000000 + uint32(l.FlashSize) - 1, ImgHeaderAddr: RAMHeader}, Body: []byte{1, 2}}
	for name, data := range map[string][]byte{"RAM": ram.Encode(), "end": far.Encode(), "damaged": script[:100]} {
		if err := BurnImages(d, data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// fuzzSeeds are files of every kind.
func fuzzSeeds(tb testing.TB) [][]byte {
	l, app, script := demoParts(tb)
	fota := demoFota(tb)
	sota := NewImage(Header{Attr: TypeScript | AttrZipped, ImgAddr: l.ScriptAddr(), ImgHeaderAddr: l.ScriptAddr(), UpgradeImgAddr: UpgradeAddr}, Gzip(script), ImagePad)
	small := testLayout(tb, "Air601", "g2")
	core := small.AppImage(SyntheticCore(testInfo(tb), 0, 1))
	return [][]byte{
		app, script, fota, sota, core, append(bytes.Clone(core), NewImage(small.ScriptHeader(TypeApp), vectorL(tb), ImagePad)...),
		vectorL(tb), Gzip(app), NewDebugImage(l.AppHeader(), app[64:], ImagePad), fota[:100], {0x9F, 0xFF, 0xFF, 0xA0},
	}
}

func FuzzParseImage(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		images, err := ParseImages(data)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) || fe.Off < 0 || fe.Off > int64(len(data)) {
				t.Errorf("error %v of %d bytes", err, len(data))
			}
			return
		}
		var again []byte
		for i := range images {
			again = append(again, images[i].Encode()...)
			synth.Find(images[i].Body)
		}
		if !bytes.Equal(again, data) {
			t.Error("written again, the row differs")
		}
	})
}

// FuzzInspect explains anything. A file of less than a megabyte with the marks
// of a dump is put on an erased flash.
func FuzzInspect(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s, uint32(0))
	}
	l := testLayout(f, "Air601", "g2")
	f.Add(l.SecbootImage(), uint32(0x2000))
	f.Add(demoFota(f), uint32(0x10000))
	family := New()
	dump := make([]byte, 1<<20)
	f.Fuzz(func(t *testing.T, data []byte, at uint32) {
		if at != 0 {
			fillFF(dump)
			copy(dump[0x2000:], l.SecbootImage()[:HeaderSize])
			copy(dump[int(at)%len(dump):], data)
			data = dump
		}
		tree, ok := family.Inspect(data)
		if ok {
			checkRanges(t, "fuzz", tree, int64(len(data)))
		}
		if _, ok, err := family.Unpack(data); ok && err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) {
				t.Errorf("Unpack: %v", err)
			}
		}
		if info, ok, err := synth.Find(data); ok && err == nil {
			if body := SyntheticCore(info, 0, 0); !bytes.Equal(body[synth.Offset:], info.Encode()) {
				t.Error("descriptor")
			}
		}
	})
}

func fillFF(p []byte) {
	for i := range p {
		p[i] = 0xFF
	}
}
