package xt804

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/littlefs"
)

// find returns the field at a path of names, the first of each name.
func findField(f *explain.Field, path ...string) *explain.Field {
	for _, name := range path {
		var next *explain.Field
		for i := range f.Fields {
			if f.Fields[i].Name == name {
				next = &f.Fields[i]
				break
			}
		}
		if next == nil {
			return &explain.Field{Name: "no field " + name}
		}
		f = next
	}
	return f
}

func inspect(t testing.TB, data []byte) *explain.Field {
	t.Helper()
	f, ok := New().Inspect(data)
	if !ok {
		t.Fatalf("Inspect does not know %d bytes beginning with % X", len(data), data[:min(len(data), 8)])
	}
	return f
}

// demoFota is demo.fota of xt804.md 7.3.
func demoFota(t testing.TB) []byte {
	l, app, script := demoParts(t)
	return zipped(&l, append(bytes.Clone(app), script...))
}

// zipped wraps a payload as the packer does for .fota, stored.
func zipped(l *Layout, payload []byte) []byte {
	h := l.AppHeader()
	h.Attr |= AttrZipped
	h.Ver = [16]byte{}
	return NewImage(h, GzipStored(payload), ImagePad)
}

func TestInspectFota(t *testing.T) {
	f := inspect(t, demoFota(t))
	for _, c := range []struct {
		path     []string
		off, len int64
		value    string
		meaning  string
	}{
		{[]string{"image"}, 0, 4160, "full package", ""},
		{[]string{"image", "header", "magic_no"}, 0, 4, "0xA0FFFF9F", ""},
		{[]string{"image", "header", "img_attr"}, 4, 4, "0x00010001", "app, body is gzip"},
		{[]string{"image", "header", "img_addr"}, 8, 4, "0x08210400", "Air6208 g3"},
		{[]string{"image", "header", "img_len"}, 12, 4, "0x00001000", "4096 bytes"},
		{[]string{"image", "header", "img_header_addr"}, 16, 4, "0x08210000", ""},
		{[]string{"image", "header", "upgrade_img_addr"}, 20, 4, "0x08010000", ""},
		{[]string{"image", "header", "org_checksum"}, 24, 4, "0x13B3A9D1", "OTA flag"},
		{[]string{"image", "header", "upd_no"}, 28, 4, "0x00000000", ""},
		{[]string{"image", "header", "ver"}, 32, 16, `""`, ""},
		{[]string{"image", "header", "hd_checksum"}, 60, 4, "0xE7A13FD1", ""},
		{[]string{"image", "gzip"}, 64, 4096, "3200 bytes from 3205", ""},
		{[]string{"image", "gzip", "gzip header"}, 64, 10, "10 bytes", "without"},
		{[]string{"image", "gzip", "deflate data"}, 74, 3205, "", ""},
		{[]string{"image", "gzip", "crc32"}, 64 + 10 + 3205, 4, "", ""},
		{[]string{"image", "gzip", "isize"}, 64 + 10 + 3205 + 4, 4, "3200", ""},
		{[]string{"image", "gzip", "padding"}, 64 + 3223, 873, "873 bytes", "zeros"},
		{[]string{"image", "gzip", "contents, unpacked", "image", "header", "hd_checksum"}, 60, 4, "0xAF5EEDCA", ""},
		{[]string{"image", "gzip", "contents, unpacked", "image", "header", "ver"}, 32, 16, `"G01.00.02"`, ""},
		{[]string{"image", "gzip", "contents, unpacked", "image", "core"}, 64, 2048, "", "a real core"},
	} {
		got := findField(f, c.path...)
		if got.Off != c.off || got.Len != c.len || !strings.Contains(got.Value, c.value) || !strings.Contains(got.Meaning, c.meaning) {
			t.Errorf("%v: %+v", c.path, got)
		}
	}
	contents := findField(f, "image", "gzip", "contents, unpacked")
	if n := len(contents.Fields); n != 3 || contents.Fields[1].Value != "script" {
		t.Fatalf("%d fields: %+v", n, contents.Fields)
	}
	if s := findField(&contents.Fields[1], "luadb"); s.Off != 64+2048+64 || s.Worst() != explain.OK {
		t.Errorf("script: %+v", s)
	}
	if v := f.Worst(); v != explain.OK {
		t.Errorf("worst verdict %q: %s", v, dumpField(f, explain.Warn))
	}
	if f.Meaning != ".fota: core and script for the FOTA area" {
		t.Errorf("meaning %q", f.Meaning)
	}
}

// TestInspectFaults changes packages and images, and says what must be found.
func TestInspectFaults(t *testing.T) {
	l, app, script := demoParts(t)
	set := func(img []byte, change func(h *Header)) []byte {
		h := DecodeHeader(img)
		change(&h)
		return append(h.Encode(), img[HeaderSize:]...)
	}
	flip := func(p []byte, off int) []byte { p = bytes.Clone(p); p[off] ^= 0xFF; return p }
	join := func(p ...[]byte) []byte { return bytes.Join(p, nil) }
	fota := demoFota(t)
	named := append([]byte{0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3, 'a', '.', 'g', 'z', 0}, GzipStored(app)[10:]...)
	commented := append([]byte{0x1F, 0x8B, 8, 16, 0, 0, 0, 0, 0, 3, 'a', 0}, GzipStored(app)[10:]...)
	badTrailer := GzipStored(app)
	badTrailer[len(badTrailer)-1] ^= 1
	badTrailer[len(badTrailer)-8] ^= 1
	wrap := func(body []byte) []byte {
		h := l.AppHeader()
		h.Attr |= AttrZipped
		return NewImage(h, body, ImagePad)
	}
	for _, c := range []struct {
		name    string
		data    []byte
		verdict explain.Verdict
		want    []string
	}{
		{"header CRC", flip(fota, 20), explain.Bad, []string{"hd_checksum", "the CRC of the first 60 bytes is 0x"}},
		{"body CRC", flip(fota, 2000), explain.Bad, []string{"org_checksum", "the CRC of the body is 0x"}},
		{"truncated", fota[:3000], explain.Bad, []string{"only 2936 bytes follow", "cut off"}},
		{"header only", fota[:40], explain.Bad, []string{"64 bytes"}},
		{"img_len 0", set(fota[:64], func(h *Header) { h.ImgLen = 0 }), explain.Bad, []string{"secboot says I"}},
		{"unaligned", set(app, func(h *Header) { h.ImgAddr += 4 }), explain.Bad, []string{"secboot says K"}},
		{"address", set(app, func(h *Header) { h.ImgAddr = 0x4000000 }), explain.Bad, []string{"secboot says J"}},
		{"trailing", join(app, []byte("rubbish")), explain.Bad, []string{"neither an image nor padding"}},
		{"trailing zeros", join(app, make([]byte, 9)), explain.Warn, []string{"zeros"}},
		{"encrypted", set(app, func(h *Header) { h.Attr |= AttrEncrypted }), explain.Warn, []string{"encrypted"}},
		{"type 5", set(app, func(h *Header) { h.Attr = 5 }), explain.Warn, []string{"no known meaning"}},
		{"reserved", set(app, func(h *Header) { h.Reserved1 = 5 }), explain.Warn, []string{"_reserved1"}},
		{"P20", NewImage(l.AppHeader(), make([]byte, 1001), 1), explain.Warn, []string{"(P20)"}},
		{"P1", NewImage(set2(&l), append(GzipStored(app), make([]byte, 24576-len(GzipStored(app)))...), 1), explain.Warn, []string{"(P1)"}},
		{"P2", zipped(&l, join(flip(app, 500), script)), explain.Bad, []string{"(P2)", "the CRC of the body is"}},
		{"P3 address", set(fota, func(h *Header) { h.UpgradeImgAddr += 0x1000 }), explain.Warn, []string{"(P3)"}},
		{"P3 no gzip", wrap([]byte("this is no gzip stream")), explain.Bad, []string{"(P3)", "gzip header"}},
		{"P4 place", wrap(GzipStored(set(app, func(h *Header) { h.ImgHeaderAddr = 0x08011000; h.ImgAddr = 0x08011400 }))), explain.Warn, []string{"(P4)", "0x08011400"}},
		{"P5", wrap(GzipStored(vectorL(t))), explain.Bad, []string{"(P5)"}},
		{"P5 header", wrap(GzipStored(flip(app, 20))), explain.Bad, []string{"hd_checksum"}},
		{"no app", wrap(GzipStored(script)), explain.Bad, []string{"must start with the app"}},
		{"P6", wrap(Gzip(join(l.AppImage(make([]byte, 2100*kib)), NewImage(l.ScriptHeader(TypeScript), vectorL(t), 30*kib)))), explain.Warn, []string{"(P6)"}},
		{"P18", zipped(&l, join(app, NewImage(l.ScriptHeader(TypeApp), vectorL(t), ImagePad))), explain.Warn, []string{"(P18)", "the script will not change"}},
		{"P18 raw", zipped(&l, join(app, vectorL(t))), explain.Bad, []string{"neither an image nor padding"}},
		{"P19 name", wrap(named), explain.Warn, []string{"(P19)", `a.gz`}},
		{"P19 comment", wrap(commented), explain.Warn, []string{"(P19)", "flags 0x10"}},
		{"gzip trailer", wrap(badTrailer), explain.Warn, []string{"crc32", "isize", "no firmware looks at it"}},
		{"gzip cut", wrap(GzipStored(app)[:1000]), explain.Bad, []string{"deflate data"}},
		{"deflate", wrap(append(append([]byte(nil), gzipHead[:]...), 7, 7, 7)), explain.Bad, []string{"deflate data"}},
		{"bomb", wrap(Gzip(make([]byte, 20<<20))), explain.Bad, []string{"at most 8388608 bytes", "no flash of this family"}},
		{"nested", wrap(GzipStored(wrap(GzipStored(app)))), explain.Warn, []string{"not unpacked"}},
		{"script not luadb", NewImage(l.ScriptHeader(TypeScript), []byte("print(1)"), ImagePad), explain.Bad, []string{"no script image"}},
		{"secboot without next", NewImage(Header{ImgAddr: SecbootCodeAddr, ImgHeaderAddr: SecbootHeaderAddr}, make([]byte, 8), 1024), explain.Bad, []string{"must name the app's header"}},
		{"update.bin small", vectorL(t), explain.Warn, []string{"(P16)"}},
		{"update.bin padded", padTo(testScript(t, 600), 1024), explain.Warn, []string{"padding"}},
		{"update.bin MD5", flip(testScript(t, 600), 100), explain.Bad, []string{"MD5"}},
		{"bare gzip", Gzip(app), explain.Warn, []string{"without its outer header"}},
		{"descriptor", damagedCore(t, &l), explain.Bad, []string{"damaged descriptor"}},
	} {
		f := inspect(t, c.data)
		text := dumpField(f, explain.Warn) + dumpField(f, explain.Bad)
		if got := f.Worst(); got != c.verdict {
			t.Errorf("%s: verdict %q, want %q: %s", c.name, got, c.verdict, text)
		}
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not in %s", c.name, w, text)
			}
		}
		checkRanges(t, c.name, f, int64(len(c.data)))
	}
}

func set2(l *Layout) Header {
	h := l.AppHeader()
	h.Attr |= AttrZipped
	return h
}

func damagedCore(t testing.TB, l *Layout) []byte {
	code := SyntheticCore(testInfo(t), 5000, 1)
	code[synth.Offset+20] ^= 1
	return l.AppImage(code)
}

// checkRanges wants every field inside the file, or inside the contents of its
// package.
func checkRanges(t *testing.T, name string, f *explain.Field, size int64) {
	t.Helper()
	if f.Name == "contents, unpacked" {
		size = f.Len
	}
	if f.Off < 0 || f.Len < 0 || f.Off+f.Len > size {
		t.Errorf("%s: field %s [0x%X+%d] of %d bytes", name, f.Name, f.Off, f.Len, size)
	}
	if f.Name == "luadb" {
		return // files that are cut off are shown as long as they claim to be
	}
	for i := range f.Fields {
		checkRanges(t, name, &f.Fields[i], size)
	}
}

func TestInspectFls(t *testing.T) {
	c := testChip(t, "Air601", "g2")
	fls, err := c.Maker.Make(KindFls, chips.MakeInput{Script: testScript(t, 900), CoreSize: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	f := inspect(t, fls)
	if f.Value != "secboot, app, script image for serial flashing" || f.Worst() != explain.OK || len(f.Fields) != 3 {
		t.Errorf("%q: %s", f.Value, dumpField(f, explain.Warn))
	}
	if d := findField(&f.Fields[1], "core", "descriptor"); d.Value != "Air601 V1025" || d.Off != f.Fields[1].Off+64+synth.Offset {
		t.Errorf("descriptor %+v", d)
	}
	d := findField(&f.Fields[1], "core", "descriptor")
	at := d.Off
	for _, g := range d.Fields {
		if g.Off != at {
			t.Errorf("%s at 0x%X, want 0x%X", g.Name, g.Off, at)
		}
		at += g.Len
	}
	if at != d.Off+d.Len {
		t.Errorf("the descriptor's fields end at 0x%X, itself at 0x%X", at, d.Off+d.Len)
	}
	if n := findField(&f.Fields[0], "header", "next"); !strings.Contains(n.Meaning, "Air601 g2") {
		t.Errorf("next: %+v", n)
	}
	l := testLayout(t, "Air601", "g2")
	dbg := NewDebugImage(l.AppHeader(), make([]byte, 1024), 1024)
	if f := inspect(t, dbg); f.Worst() != explain.OK || findField(f, "image", "core").Off != 0x100 {
		t.Errorf("debug form: %s", dumpField(f, explain.Bad))
	}
}

func TestInspectDump(t *testing.T) {
	c := testChip(t, "Air6208", "g3")
	good, err := c.Maker.Make(KindFlash, chips.MakeInput{Script: testScript(t, 900), CoreSize: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	put := func(p []byte, off int64, what ...byte) []byte {
		p = bytes.Clone(p)
		copy(p[off:], what)
		return p
	}
	fota := demoFota(t)
	waiting := put(good, 0x10000, fota...)
	flag := Off(FlagAddr(8 << 20))
	for _, c := range []struct {
		name    string
		data    []byte
		verdict explain.Verdict
		path    []string
		want    string
	}{
		{"good", good, explain.OK, []string{"OTA flag"}, "none"},
		{"good chain", good, explain.OK, []string{"boot chain", "image", "header", "next"}, "Air6208 g3"},
		{"map", good, explain.OK, []string{"partitions"}, "where the map comes from"},
		{"package without flag", waiting, explain.Warn, []string{"OTA flag"}, "(P8)"},
		{"package with flag", put(waiting, flag, 0xD1, 0xA9, 0xB3, 0x13), explain.OK, []string{"OTA flag"}, "applies it at the next boot"},
		{"package with another flag", put(waiting, flag, 1, 2, 3, 4), explain.Warn, []string{"OTA flag"}, "does not apply it"},
		{"flag without package", put(good, flag, 1, 2, 3, 4), explain.Warn, []string{"OTA flag"}, "no valid full package"},
		{"package damaged", put(waiting, 0x10100, 0), explain.Bad, []string{"upgrade area", "image", "header", "org_checksum"}, "the CRC of the body is"},
		{"app damaged", put(good, 0x212000, 0, 0, 0, 0, 0, 0), explain.Bad, []string{"boot chain"}, ""},
		{"secboot erased", put(good, 0x2000, bytes.Repeat([]byte{0xFF}, 64)...), explain.None, nil, ""},
		{"app header erased", put(good, 0x210000, bytes.Repeat([]byte{0xFF}, 64)...), explain.Bad, []string{"partitions"}, "no known flash map"},
		{"script erased", put(good, 0x430000, bytes.Repeat([]byte{0xFF}, 4096)...), explain.Warn, []string{"script"}, "no script"},
		{"script rubbish", put(good, 0x430000, 0), explain.Bad, []string{"script"}, "Bad LuaDB"},
	} {
		f, ok := New().Inspect(c.data)
		if c.path == nil {
			// nothing that this family knows is left at its fixed places but the app
			if !ok || f.Worst() != explain.Bad {
				t.Errorf("%s: %v", c.name, ok)
			}
			continue
		}
		if !ok {
			t.Errorf("%s: not known", c.name)
			continue
		}
		text := dumpField(f, explain.Warn) + dumpField(f, explain.Bad)
		if got := f.Worst(); got != c.verdict {
			t.Errorf("%s: verdict %q: %s", c.name, got, text)
		}
		if got := findField(f, c.path...); !strings.Contains(got.Meaning, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
		checkRanges(t, c.name, f, int64(len(c.data)))
	}
	checkVolume(t, good)
	loop := put(good, 0x2000, (&Header{Attr: TypeScript, ImgAddr: 0x08430000, ImgLen: 64, ImgHeaderAddr: 0x08002000, Next: 0x08002000}).Encode()...)
	if f := inspect(t, loop); !strings.Contains(dumpField(f, explain.Bad), "no app") {
		t.Errorf("a chain in a circle: %s", dumpField(f, explain.Bad))
	}
}

// checkVolume puts a file system with a file on a flash, and damages it.
func checkVolume(t *testing.T, dump []byte) {
	t.Helper()
	d, err := flash.New(flash.NOR(int64(len(dump))))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.LoadDump(bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	l := testLayout(t, "Air6208", "g3")
	r, err := d.Partition(l.Part(PartFS))
	if err != nil {
		t.Fatal(err)
	}
	if err := littlefs.Format(r, littlefs.LuatOS(r.Size())); err != nil {
		t.Fatal(err)
	}
	f := inspect(t, d.Bytes())
	if fs := findField(f, "fs", "littlefs"); fs.Off != r.Off() || f.Worst() != explain.OK {
		t.Errorf("file system: %+v: %s", fs, dumpField(f, explain.Bad))
	}
	checkRanges(t, "file system", f, int64(len(dump)))
	if err := d.Burn(r.Off(), make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	if f := inspect(t, d.Bytes()); findField(f, "fs").Verdict != explain.Warn {
		t.Errorf("damaged file system: %+v", findField(f, "fs"))
	}
}

// TestInspectMemory explains files that are made to eat memory.
func TestInspectMemory(t *testing.T) {
	l, app, _ := demoParts(t)
	names := []byte{1, 4, 0x5A, 0xA5, 0x5A, 0xA5, 2, 2, 2, 0, 3, 4, 24, 0, 0, 0, 4, 2, 0, 4, 0xFE, 2, 0, 0}
	for i := range 1024 {
		names = append(names, 1, 4, 0x5A, 0xA5, 0x5A, 0xA5, 2, 4)
		names = append(names, fmt.Sprintf("%04d", i)...)
		names = append(names, 3, 4, 0, 0, 0, 0, 0xFE, 2, 0, 0)
	}
	many := NewImage(l.ScriptHeader(TypeScript), names, 4)
	small := NewImage(l.AppHeader(), make([]byte, 1024), 4)
	wrap := func(p []byte) []byte { return NewImage(set2(&l), Gzip(p), ImagePad) }
	dump := bytes.Repeat([]byte{0xFF}, 8<<20)
	copy(dump[0x2000:], l.SecbootImage()[:64])
	copy(dump[0x10000:], bytes.Repeat(many, 64))
	for name, data := range map[string][]byte{
		"bomb":             wrap(make([]byte, 64<<20)),
		"bomb behind app":  wrap(append(bytes.Clone(app), make([]byte, 20<<20)...)),
		"many scripts":     bytes.Repeat(many, 100),
		"many images":      bytes.Repeat(small, 5000),
		"many in package":  wrap(bytes.Repeat(many, 60)),
		"many packages":    bytes.Repeat(wrap(make([]byte, 9<<20)), 60),
		"dump":             dump,
		"headers in a row": bytes.Repeat((&Header{ImgLen: 0}).Encode(), 10_000),
	} {
		limit := 4*(int64(len(data))+8<<20) + 16<<20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, ok := New().Inspect(data)
		runtime.ReadMemStats(&after)
		if !ok || f == nil {
			t.Errorf("%s: not known", name)
		}
		// All that was ever allocated is more than what was held at once.
		if used := int64(after.TotalAlloc - before.TotalAlloc); used > limit {
			t.Errorf("%s: %d bytes allocated for a file of %d, limit %d", name, used, len(data), limit)
		}
	}
}

func TestUnpack(t *testing.T) {
	f := New()
	names := func(data []byte) string {
		parts, ok, err := f.Unpack(data)
		if !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
		var s []string
		for _, p := range parts {
			s = append(s, p.Name)
		}
		return strings.Join(s, " ")
	}
	if got, want := names(demoFota(t)), "0-app.header 0-app.bin.gz 0-app/0-app.header 0-app/0-app.bin 0-app/1-script.header 0-app/1-script.bin 0-app/1-script/main.lua 0-app/1-script/.airm2m_all_crc#.bin"; got != want {
		t.Errorf(".fota: %s", got)
	}
	c := testChip(t, "Air601", "g2")
	dump, err := c.Maker.Make(KindFlash, chips.MakeInput{Script: testScript(t, 900), CoreSize: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(dump); got != "secboot.bin fota.bin app.bin kv.bin script.bin script/main.lua script/.airm2m_all_crc#.bin fs.bin reserved.bin sysparam.bin" {
		t.Errorf("dump: %s", got)
	}
	var fe *explain.FormatError
	for name, data := range map[string][]byte{"cut": demoFota(t)[:1000], "bomb": NewImage(set2(&Layout{}), Gzip(make([]byte, 20<<20)), 4),
		"bombs": bytes.Repeat(NewImage(set2(&Layout{}), Gzip(make([]byte, 5<<20)), 4), 3)} {
		if _, ok, err := f.Unpack(data); !ok || !errors.As(err, &fe) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if _, ok, _ := f.Unpack([]byte("hello")); ok {
		t.Error("Unpack knows hello")
	}
}
