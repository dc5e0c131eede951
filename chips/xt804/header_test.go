package xt804

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"airlift/flash/explain"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestJAMCRC(t *testing.T) { // xt804.md 7
	for _, c := range []struct {
		in   []byte
		want uint32
	}{
		{[]byte("123456789"), 0x340BC6D9},
		{nil, 0xFFFFFFFF},
		{make([]byte, 1024), 0x104A50D1},
		{bytes.Repeat([]byte{0xFF}, 1024), 0x47C5000B},
	} {
		if got := JAMCRC(c.in); got != c.want {
			t.Errorf("JAMCRC of %d bytes: 0x%08X, want 0x%08X", len(c.in), got, c.want)
		}
	}
	for n := range 9 {
		p := []byte("12345678")[:n]
		if got, want := JAMCRCWords(p), JAMCRC(p[:n/4*4]); got != want {
			t.Errorf("JAMCRCWords of %d bytes: 0x%08X, want 0x%08X", n, got, want)
		}
	}
}

// realHeaders are the headers of published files (xt804.md 7.1); attr, addr
// and so on are what the reference says they mean.
var realHeaders = []struct {
	name, hex string
	want      Header
}{
	{"xt804_secboot.img", "9fffffa0 00000000 00240008 dc530000 00200008 00000108 53f546ff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000d08 a1536d2d",
		Header{ImgAddr: 0x08002400, ImgLen: 0x53DC, ImgHeaderAddr: 0x08002000, UpgradeImgAddr: 0x08010000, OrgChecksum: 0xFF46F553, Next: 0x080D0000, HdChecksum: 0x2D6D53A1}},
	{"script_32bit.img", "9fffffa0 01000000 00000b08 000c0000 00800020 00000000 a3dcc1f3 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 68d88b88",
		Header{Attr: TypeApp, ImgAddr: 0x080B0000, ImgLen: 0xC00, ImgHeaderAddr: RAMHeader, OrgChecksum: 0xF3C1DCA3, HdChecksum: 0x888BD868}},
}

func TestRealHeaders(t *testing.T) {
	for _, c := range realHeaders {
		p := unhex(t, c.hex)
		h, err := ParseHeader(p, 0)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !bytes.Equal(h.Encode(), p) {
			t.Errorf("%s: encoded again: %x", c.name, h.Encode())
		}
		c.want.MagicNo, c.want.computedChecksum = Magic, c.want.HdChecksum
		if h != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, h, c.want)
		}
	}
	// xt804.md 7.1 gives only fields of these two.
	for _, c := range []struct {
		h    Header
		want uint32
	}{
		{Header{Attr: TypeApp, ImgAddr: 0x080B0000, ImgLen: 0xC00, ImgHeaderAddr: RAMHeader, OrgChecksum: 0xE2C982FE}, 0x3A07960A},
	} {
		if h := DecodeHeader(c.h.Encode()); h.HdChecksum != c.want {
			t.Errorf("hd_checksum 0x%08X, want 0x%08X", h.HdChecksum, c.want)
		}
	}
}

func TestSecbootHeaders(t *testing.T) { // xt804.md 7.2
	g3, err := specs[4].layout(G3, nil)
	if err != nil {
		t.Fatal(err)
	}
	g3small, err := specs[2].layout(G3, nil)
	if err != nil {
		t.Fatal(err)
	}
	must := func(l Layout, err error) Layout {
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct {
		name string
		l    Layout
		tail string
	}{
		{"G3 AIR601", g3small, "00100108 bcba12f1"},
		{"G2 without FOTA", must(ComputeG2(DefaultMap(2<<20, false))), "00100108 bcba12f1"},
		{"G3 AIR6208", g3, "00002108 6e3db078"},
		{"G1", must(ComputeG1(DefaultMap(1<<20, false))), "00040108 10b13dea"},
		{"G2 FOTA 2M", must(ComputeG2(DefaultMap(2<<20, true))), "00800c08 017cafb9"},
		{"G2 FOTA 1M", must(ComputeG2(DefaultMap(1<<20, true))), "00100608 7b2c53be"},
	} {
		h := c.l.SecbootHeader()
		h.ImgLen, h.OrgChecksum = 0x5400, 0x6E77DA21
		want := "9fffffa0 00000000 00240008 00540000 00200008 00000108 21da776e 00000000 00000000 00000000 00000000 00000000 00000000 00000000" + c.tail
		if got := h.Encode(); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s:\n got %x\nwant %s", c.name, got, want)
		}
	}
	if n := len(g3.SecbootImage()); n != HeaderSize+0x5400 {
		t.Errorf("secboot image has %d bytes, want 64+0x5400", n)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	good := unhex(t, realHeaders[0].hex)
	for off := range HeaderSize {
		p := bytes.Clone(good)
		p[off] ^= 1
		_, err := ParseHeader(p, 100)
		var fe *explain.FormatError
		want := int64(100 + 0x3C)
		if off < 4 {
			want = 100
		}
		if !errors.As(err, &fe) || fe.Off != want || fe.Want == "" || fe.Got == "" {
			t.Errorf("byte %d flipped: %v", off, err)
		}
	}
	for n := range HeaderSize {
		if _, err := ParseHeader(good[:n], 0); err == nil {
			t.Errorf("%d bytes were taken for a header", n)
		}
	}
}
