package xt804

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
	archive "airlift/chips/soc"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

func testChip(t testing.TB, model, profile string) *chips.Chip {
	t.Helper()
	return chipstest.Chip(t, New(), model, profile, nil)
}

func testLayout(t testing.TB, model, profile string) Layout {
	t.Helper()
	l, err := LayoutOf(testChip(t, model, profile))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// testScript returns a script image whose main.lua has n incompressible bytes.
func testScript(t testing.TB, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	pseudoCode(p, 5)
	return mustBuild(t, luadb.File{Name: "main.lua", Data: append([]byte("print(1)--"), hex.EncodeToString(p)[:n]...)})
}

func mustBuild(t testing.TB, files ...luadb.File) []byte {
	t.Helper()
	img, err := luadb.Build(files, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// vectorL is the script image L of xt804.md 7.3.
func vectorL(t testing.TB) []byte {
	l := unhex(t, "01045aa55aa50202020003041800000004020200fe02300301045aa55aa502086d61696e2e6c7561030409000000fe023206"+
		"7072696e742831290a01045aa55aa502142e6169726d326d5f616c6c5f637263232e62696e030410000000fe025f0abb362d65b7c35005f73395729975c26a")
	if built := mustBuild(t, luadb.File{Name: "main.lua", Data: []byte("print(1)\n")}); !bytes.Equal(built, l) {
		t.Fatalf("luadb makes %x", built)
	}
	return l
}

// demoParts are the images that the packages of xt804.md 7.3 consist of.
func demoParts(t testing.TB) (l Layout, app, script []byte) {
	l = testLayout(t, "Air6208", "g3")
	body := make([]byte, 2048)
	for i := range body {
		body[i] = byte(i)
	}
	return l, l.AppImage(body), NewImage(l.ScriptHeader(TypeScript), vectorL(t), ImagePad)
}

func TestGoldenImages(t *testing.T) { // xt804.md 7.3
	l, app, script := demoParts(t)
	small := testLayout(t, "Air101", "g2")
	serial := NewImage(small.ScriptHeader(TypeApp), vectorL(t), ImagePad)
	for _, c := range []struct {
		name string
		img  []byte
		head string
		size int
	}{
		{"script.img type 2", script, "9fffffa0 02000000 00004308 00040000 00800020 00000000 afc865a5 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 84891c0f", 64 + 1024},
		{"app.img", app, "9fffffa0 01000000 00042108 00080000 00002108 00000108 a722a160 00000000 4730312e30302e303200000000000000 00000000 00000000 00000000 caed5eaf", 64 + 2048},
	} {
		if !bytes.Equal(c.img[:HeaderSize], unhex(t, c.head)) || len(c.img) != c.size {
			t.Errorf("%s: %d bytes, header %x", c.name, len(c.img), c.img[:HeaderSize])
		}
	}
	if h := DecodeHeader(serial); h.OrgChecksum != 0xA565C8AF || h.HdChecksum != 0xBCF5682C || h.ImgAddr != 0x081E0000 {
		t.Errorf("script.img type 1 for Air101: %+v", h)
	}

	sota := Header{Attr: TypeScript | AttrZipped, ImgAddr: l.ScriptAddr(), ImgHeaderAddr: l.ScriptAddr(), UpgradeImgAddr: l.FotaAddr()}
	fota := l.AppHeader()
	fota.Attr |= AttrZipped
	fota.Ver = [16]byte{}
	for _, c := range []struct {
		name      string
		h         Header
		payload   []byte
		packed    int
		head, sum string
	}{
		{"demo.sota", sota, script, 1111, "9fffffa0 02000100 00004308 00080000 00004308 00000108 5590a5f0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 96b165a9",
			"76826334d6f1d6f4ea9511b11b9c556263f6534a9f5524c5adcd15e57c7178b9"},
		{"demo.fota", fota, append(bytes.Clone(app), script...), 3223, "9fffffa0 01000100 00042108 00100000 00002108 00000108 d1a9b313 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 d13fa1e7",
			"c6ad3d00ad5b4b28c74d7ec689c9298a0d6e4a53dd0e286e49e4dba5bf4fd056"},
	} {
		z := GzipStored(c.payload)
		img := NewImage(c.h, z, ImagePad)
		sum := sha256.Sum256(img)
		if len(z) != c.packed || !bytes.Equal(img[:HeaderSize], unhex(t, c.head)) || hex.EncodeToString(sum[:]) != c.sum {
			t.Errorf("%s: %d bytes packed, header %x, sha256 %x", c.name, len(z), img[:HeaderSize], sum)
		}
	}
}

// TestMakeUsesTheRecipe compares what Make makes with the recipe's golden
// headers: everything but length and checksums is the same.
func TestMakeUsesTheRecipe(t *testing.T) {
	l, app, _ := demoParts(t)
	c := testChip(t, "Air6208", "g3")
	script := testScript(t, 600)
	fota, err := c.Maker.Make(KindFota, chips.MakeInput{Core: append(l.SecbootImage(), app...), Script: script})
	if err != nil {
		t.Fatal(err)
	}
	images, err := ParseImages(fota)
	if err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	h := images[0].Header
	if h.Attr != 0x00010001 || h.ImgAddr != 0x08210400 || h.ImgHeaderAddr != 0x08210000 || h.UpgradeImgAddr != 0x08010000 || h.Ver != [16]byte{} || h.ImgLen%1024 != 0 {
		t.Errorf("outer header %+v", h)
	}
	if !bytes.HasPrefix(images[0].Body, []byte{0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3}) {
		t.Errorf("gzip header % X", images[0].Body[:10])
	}
	g, err := readGzip(images[0].Body, 0, 1<<20)
	if err != nil || g.crc != ^JAMCRC(g.payload) || int(g.size) != len(g.payload) || !allBytes(g.rest, 0) {
		t.Fatalf("gzip: %v", err)
	}
	inner, err := ParseImages(g.payload)
	if err != nil || len(inner) != 2 {
		t.Fatalf("%d inner images, %v", len(inner), err)
	}
	if !bytes.Equal(g.payload[:len(app)], app) {
		t.Error("the payload does not start with the given app image")
	}
	if s := inner[1]; s.Type() != TypeScript || s.ImgHeaderAddr != RAMHeader || s.ImgAddr != 0x08430000 || !bytes.Equal(s.Body[:len(script)], script) {
		t.Errorf("script image %+v", s.Header)
	}
}

func TestMakeEveryKind(t *testing.T) {
	script := testScript(t, 3000)
	f := New()
	for _, m := range f.Models() {
		for _, p := range m.Profiles {
			c := testChip(t, m.Name, p.Name)
			l := testLayout(t, m.Name, p.Name)
			for _, k := range c.Maker.Kinds() {
				name := m.Name + " " + p.Name + " " + k.Name
				in := chips.MakeInput{Script: script, CoreSize: 40_000, CoreSeed: 3}
				data, err := c.Maker.Make(k.Name, in)
				if k.Fits != (err == nil) {
					t.Errorf("%s: fits %v (%s), but %v", name, k.Fits, k.Why, err)
				}
				if !k.Fits {
					var r *Refusal
					if !errors.As(err, &r) || r.Hint == "" || k.Why == "" {
						t.Errorf("%s: %v", name, err)
					}
					in.Force = true
					if data, err = c.Maker.Make(k.Name, in); err != nil {
						t.Errorf("%s by force: %v", name, err)
						continue
					}
				}
				again, err := c.Maker.Make(k.Name, in)
				if err != nil || !bytes.Equal(data, again) {
					t.Errorf("%s: made twice, two results", name)
				}
				tree, ok := f.Inspect(data)
				if !ok {
					t.Errorf("%s: Inspect does not know it", name)
				} else if worst := tree.Worst(); worst == explain.Bad {
					t.Errorf("%s: Inspect says it is bad: %s", name, dumpField(tree, explain.Bad))
				}
				switch k.Name {
				case KindFlash:
					checkFlash(t, name, c, &l, data, script)
				case KindBin:
					if !bytes.Equal(data, script) {
						t.Errorf("%s: is not the script image", name)
					}
				}
			}
		}
	}
}

func dumpField(f *explain.Field, v explain.Verdict) string {
	var b strings.Builder
	if f.Verdict == v {
		fmt.Fprintf(&b, "[0x%X %s %s: %s] ", f.Off, f.Name, f.Value, f.Meaning)
	}
	for i := range f.Fields {
		b.WriteString(dumpField(&f.Fields[i], v))
	}
	return b.String()
}

func checkFlash(t *testing.T, name string, c *chips.Chip, l *Layout, data, script []byte) {
	t.Helper()
	if int64(len(data)) != l.FlashSize {
		t.Errorf("%s: %d bytes", name, len(data))
		return
	}
	sec := DecodeHeader(data[0x2000:])
	if !sec.HeaderOK() || sec.Next != l.Header || JAMCRC(data[0x2400:0x2400+int(sec.ImgLen)]) != sec.OrgChecksum {
		t.Errorf("%s: secboot %+v", name, sec)
	}
	app := DecodeHeader(data[Off(l.Header):])
	body := data[Off(l.CodeAddr()):][:app.ImgLen]
	if !app.HeaderOK() || app.ImgAddr != l.CodeAddr() || JAMCRC(body) != app.OrgChecksum {
		t.Errorf("%s: app %+v", name, app)
	}
	info, ok, err := synth.Find(body)
	if !ok || err != nil || info.Model != c.Model.Name || info.Version != c.Profile.CoreVersion || info.FlashSize != l.FlashSize || info.Bits != c.Profile.Bits {
		t.Errorf("%s: descriptor %+v, %v", name, info, err)
	}
	if s := l.Part(PartScript); !bytes.Equal(data[s.Off:][:len(script)], script) {
		t.Errorf("%s: no script in its partition", name)
	}
	for _, part := range []string{PartKV, PartFS, PartSysparam} {
		if p := l.Part(part); !allBytes(data[p.Off:p.End()], 0xFF) {
			t.Errorf("%s: %s is not erased", name, part)
		}
	}
	d, err := NewFlash(c, chips.MakeInput{Script: script, CoreSize: 40_000, CoreSeed: 3})
	if err != nil || !bytes.Equal(d.Bytes(), data) {
		t.Errorf("%s: NewFlash differs, %v", name, err)
	}
}

// TestRefusals makes what modules choke on.
func TestRefusals(t *testing.T) {
	big := func(n int) []byte { return testScript(t, n) }
	otherCore := func(model, profile string) []byte {
		data, err := testChip(t, model, profile).Maker.Make(KindFls, chips.MakeInput{CoreSize: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	luac := func(width byte) []byte {
		p := append(unhex(t, "1b4c7561530019930d0a1a0a040404"), width, width)
		return mustBuild(t, luadb.File{Name: "main.luac", Data: append(p, make([]byte, 600)...)})
	}
	for _, c := range []struct {
		model, profile, kind string
		in                   chips.MakeInput
		want                 string
	}{
		{"Air601", "g2", KindBin, chips.MakeInput{Script: vectorL(t)}, "P16"},
		{"Air601", "g2", KindBin, chips.MakeInput{Script: big(45_000)}, "P13"},
		{"Air601", "g2", KindScriptImg, chips.MakeInput{Script: big(70_000)}, "P17"},
		{"Air601", "g2", KindFls, chips.MakeInput{Script: big(70_000), CoreSize: 10_000}, "P17"},
		{"Air601", "g2", KindAppImg, chips.MakeInput{CoreSize: 800_000}, "P6"},
		{"Air601", "g2", KindFota, chips.MakeInput{Script: big(600), CoreSize: 10_000}, "P10"},
		{"Air601", "g1", KindSota, chips.MakeInput{Script: big(600)}, "P10"},
		{"Air601", "g2-fota", KindBin, chips.MakeInput{Script: big(600)}, "P12"},
		{"Air6208", "g3", KindBin, chips.MakeInput{Script: big(600)}, "P11"},
		{"Air6208", "g3", KindSota, chips.MakeInput{Script: big(600)}, "P7"},
		{"Air601", "g3", KindFota, chips.MakeInput{Script: big(600), CoreSize: 10_000}, "P9"},
		{"Air601", "g2-fota", KindFota, chips.MakeInput{Script: big(600), CoreSize: 440_000, CoreSeed: 1, Core: nil}, ""},
		{"Air601", "g2-fota", KindFota, chips.MakeInput{Script: big(64_000), CoreSize: 420_000}, "P6"},
		{"Air101", "g2-fota", KindFota, chips.MakeInput{Core: testLayoutApp(t, "Air101", "g2-fota", 905_000)}, "P9"},
		{"Air101", "g2-fota", KindFota, chips.MakeInput{Core: otherCore("Air101", "g3"), Script: big(600)}, "P4"},
		{"Air6208", "g3", KindFls, chips.MakeInput{Core: otherCore("Air101", "g3")}, "P4"},
		{"Air101", "g2", KindBin, chips.MakeInput{Script: luac(8)}, "P15"},
		{"Air101", "g2", KindBin, chips.MakeInput{Script: luac(4)}, ""},
		{"Air6208", "g3", KindScriptImg, chips.MakeInput{Script: luac(4)}, "P15"},
	} {
		name := fmt.Sprintf("%s %s %s %s", c.model, c.profile, c.kind, c.want)
		m := testChip(t, c.model, c.profile).Maker
		_, err := m.Make(c.kind, c.in)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var r *Refusal
		if !errors.As(err, &r) || r.Pitfall != c.want || r.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		c.in.Force = true
		if _, err := m.Make(c.kind, c.in); err != nil {
			t.Errorf("%s by force: %v", name, err)
		}
	}
}

// testLayoutApp returns an app image with n bytes that do not compress.
func testLayoutApp(t testing.TB, model, profile string, n int) []byte {
	l := testLayout(t, model, profile)
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return l.AppImage(p)
}

// TestBadInput makes files from what is no script or core: Force does not help.
func TestBadInput(t *testing.T) {
	good := testScript(t, 600)
	damaged := bytes.Clone(good)
	damaged[len(damaged)-1] ^= 1
	noTrailer, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: make([]byte, 600)}}, luadb.Options{NoTrailer: true})
	if err != nil {
		t.Fatal(err)
	}
	core := testLayoutApp(t, "Air6208", "g3", 5000)
	core[100] ^= 1
	for _, c := range []struct {
		name, kind string
		in         chips.MakeInput
		want       string
	}{
		{"no script", KindBin, chips.MakeInput{}, "script image is needed"},
		{"no luadb", KindScriptImg, chips.MakeInput{Script: []byte("print(1)")}, "script image"},
		{"padded", KindScriptImg, chips.MakeInput{Script: append(bytes.Clone(good), 0, 0)}, "no padding"},
		{"wrong MD5", KindScriptImg, chips.MakeInput{Script: damaged}, "MD5"},
		{"no trailer", KindScriptImg, chips.MakeInput{Script: noTrailer}, "MD5"},
		{"core CRC", KindFls, chips.MakeInput{Core: core}, "org_checksum"},
		{"core cut", KindFls, chips.MakeInput{Core: testLayoutApp(t, "Air6208", "g3", 5000)[:500]}, "img_len"},
		{"no core", KindFls, chips.MakeInput{Core: []byte{}}, "image header"},
		{"core is secboot", KindFls, chips.MakeInput{Core: func() []byte { l := testLayout(t, "Air6208", "g3"); return l.SecbootImage() }()}, "app image"},
		{"size", KindFls, chips.MakeInput{CoreSize: 1 << 40}, "core of"},
		{"negative size", KindFls, chips.MakeInput{CoreSize: -1}, "core of"},
		{"version", KindFls, chips.MakeInput{CoreVersion: strings.Repeat("V", 100)}, "core descriptor"},
		{"kind", "zip", chips.MakeInput{}, "kind \"zip\""},
	} {
		c.in.Force = true
		_, err := testChip(t, "Air6208", "g3").Maker.Make(c.kind, c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestRefillBug looks for a package that hits pitfall P1, pads it and forces it.
func TestRefillBug(t *testing.T) {
	c := testChip(t, "Air6208", "g3")
	for size := int64(20_000); ; size += 1200 {
		if size > 60_000 {
			t.Fatal("no size hits the bug: one in eight should")
		}
		in := chips.MakeInput{CoreSize: size, Script: testScript(t, 600)}
		_, err := c.Maker.Make(KindFota, in)
		if err == nil {
			continue
		}
		var r *Refusal
		if !errors.As(err, &r) || r.Pitfall != "P1" {
			t.Fatal(err)
		}
		in.Force = true
		forced, err := c.Maker.Make(KindFota, in)
		if err != nil {
			t.Fatal(err)
		}
		if h := DecodeHeader(forced); h.ImgLen%8192 != 0 || h.ImgLen <= 8192 {
			t.Errorf("forced: img_len %d", h.ImgLen)
		}
		in.Force, in.Pad = false, true
		padded, err := c.Maker.Make(KindFota, in)
		if err != nil {
			t.Fatal(err)
		}
		if len(padded) != len(forced)+1024 || !bytes.Equal(padded[HeaderSize:len(forced)], forced[HeaderSize:]) || !allBytes(padded[len(forced):], 0) {
			t.Errorf("padded: %d bytes, forced %d", len(padded), len(forced))
		}
		if _, err := ParseImages(padded); err != nil {
			t.Error(err)
		}
		tree, _ := New().Inspect(forced)
		if !strings.Contains(dumpField(tree, explain.Warn), "P1)") {
			t.Errorf("Inspect does not warn: %s", dumpField(tree, explain.Warn))
		}
		break
	}
	for n, want := range map[int64]bool{0: false, 8192: false, 15360: false, 16384: true, 17408: false, 24576: true, 25600: false} {
		if HitsRefillBug(n) != want {
			t.Errorf("HitsRefillBug(%d) = %v", n, !want)
		}
	}
}

func TestRealCoreRoundTrip(t *testing.T) {
	for _, m := range []string{"Air601", "Air6208"} {
		c := testChip(t, m, "")
		fls, err := c.Maker.Make(KindFls, chips.MakeInput{CoreSize: 30_000, CoreSeed: 9})
		if err != nil {
			t.Fatal(err)
		}
		app, err := c.Maker.Make(KindAppImg, chips.MakeInput{Core: fls})
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Maker.Make(KindFls, chips.MakeInput{Core: fls})
		if err != nil || !bytes.Equal(again, fls) {
			t.Errorf("%s: .fls from .fls differs: %v", m, err)
		}
		fromApp, err := c.Maker.Make(KindFls, chips.MakeInput{Core: app})
		if err != nil || !bytes.Equal(fromApp, fls) {
			t.Errorf("%s: .fls from app.img differs: %v", m, err)
		}
		soc, err := archive.Write([]archive.File{{Name: archive.InfoName, Data: []byte(`{"rom": {"file": "core.fls"}}`)}, {Name: "core.fls", Data: fls}})
		if err != nil {
			t.Fatal(err)
		}
		fromSoc, err := c.Maker.Make(KindFls, chips.MakeInput{Core: soc})
		if err != nil || !bytes.Equal(fromSoc, fls) {
			t.Errorf("%s: .fls from .soc differs: %v", m, err)
		}
	}
}

func TestDefaultCoreSizes(t *testing.T) {
	for _, c := range []struct{ model, profile, kind string }{
		{"Air601", "g2", KindFlash}, {"Air601", "g1", KindFlash}, {"Air101", "g2", KindFlash},
		{"Air601", "g2-fota", KindFota}, {"Air101", "g2-fota", KindFota}, {"Air6208", "g3", KindFota},
	} {
		data, err := testChip(t, c.model, c.profile).Maker.Make(c.kind, chips.MakeInput{Script: testScript(t, 20_000), Pad: true})
		if err != nil {
			t.Errorf("%s %s: %v", c.model, c.profile, err)
		}
		if c.model == "Air6208" && (len(data) < 650_000 || len(data) > 800_000) {
			t.Errorf("a core of 1.2 MB makes a package of %d bytes, want about 700 KB", len(data))
		}
	}
}

func TestPackageName(t *testing.T) { // luadb-and-packages.md 8
	for _, c := range []struct{ project, core, version, bsp, want string }{
		{"fotademo", "V1103", "1.0.2", "EC618", "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"},
		{"fotademo", "V1001", "1.2.1", "EC718P", "fotademo_1001.1.1_LuatOS-SoC_EC718P.bin"},
		{"app_engine_factory", "2014", "001.999.003", "Air8101", "app_engine_factory_2014.001.003_LuatOS-SoC_Air8101.bin"},
		{"fotademo", "V1025", "1.2.99", "AIR601", "fotademo_1025.1.99_LuatOS-SoC_AIR601.bin"},
	} {
		if got, err := chips.PackageName(c.project, c.core, c.version, c.bsp); got != c.want || err != nil {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
	if got, err := chips.PackageName("p", "V1", "1.0", "AIR601"); err == nil {
		t.Errorf("VERSION 1.0 gives %s", got)
	}
}

func TestBurnScript(t *testing.T) {
	l := testLayout(t, "Air601", "g2")
	d, err := flash.New(flash.NOR(l.FlashSize))
	if err != nil {
		t.Fatal(err)
	}
	if err := BurnScript(d, &l, vectorL(t)); err != nil {
		t.Fatal(err)
	}
	got := d.Bytes()[0xE0000:]
	if !bytes.Equal(got[:113], vectorL(t)) || !allBytes(got[113:1024], 0) || got[1024] != 0xFF {
		t.Error("the script is not there, padded to 1024")
	}
	if err := BurnScript(d, &l, make([]byte, 64*kib+1)); err == nil {
		t.Error("a script of 64 KiB + 1 was burnt")
	}
}
