package ec

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/chips/soc"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

func makerOf(t testing.TB, model, profile string) chips.Maker {
	return chipOf(t, model, profile, nil).Maker
}

func chipOf(t testing.TB, model, profile string, layout []byte) *chips.Chip {
	t.Helper()
	return chipstest.Chip(t, New(), model, profile, layout)
}

func make1(t testing.TB, m chips.Maker, kind string, in chips.MakeInput) []byte {
	t.Helper()
	b, err := m.Make(kind, in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func smallScript(t testing.TB) []byte {
	t.Helper()
	b, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte("print(1)")}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestArchiveCarriesTheMap makes an archive for every firmware that there is,
// and reads the map back out of it.
func TestArchiveCarriesTheMap(t *testing.T) {
	for _, m := range New().Models() {
		for _, p := range m.Profiles {
			want := chipOf(t, m.Name, p.Name, nil)
			b := make1(t, want.Maker, KindSoc, chips.MakeInput{CoreSize: 4096})
			if got := chipOf(t, m.Name, p.Name, b); !reflect.DeepEqual(got.Partitions, want.Partitions) {
				t.Errorf("%s %s: %+v", m.Name, p.Name, got.Partitions)
			}
		}
	}
}

// TestLayoutFromInfo takes maps from the values of ec618.md 1.5 and 5.1.
func TestLayoutFromInfo(t *testing.T) {
	for _, c := range []struct {
		model, profile, info, like string
	}{
		{"Air780E", "full", `{"chip":{"type":"ec618"},"download":{"script_addr":"0024D000","fs_addr":"003B0000"},"fota":{"full_addr":"002BD000"}}`, "lite"},
		{"Air780E", "lite", `{"download":{"script_addr":"0x2CC000"},"fota":{"full_addr":"0x2EC000"}}`, "full"},
		{"Air780EHM", "sdk", `{"chip":{"type":"ec7xx"},"download":{"script_addr":"52E000","fs_addr":"714000"},"fota":{"full_addr":"5AE000","fota_len":"106000"}}`, "1"},
		{"Air780EHM", "1", `{"download":{"core_addr":"0007e000","script_addr":"56E000"},"fota":{"full_addr":"5EE000"}}`, "sdk"},
		{"Air780EPM", "1", `{}`, "1"},
	} {
		got, want := chipOf(t, c.model, c.profile, []byte(c.info)), chipOf(t, c.model, c.like, nil)
		if !reflect.DeepEqual(got.Partitions, want.Partitions) {
			t.Errorf("%s %s: %+v, expected that of %s", c.model, c.info, got.Partitions, c.like)
		}
	}
	for info, want := range map[string]int{`{"script":{"bitw":64}}`: 64, `{}`: 32} {
		if got := chipOf(t, "Air780EPM", "1", []byte(info)).Profile.Bits; got != want {
			t.Errorf("%s: %d bits", info, got)
		}
	}
	// An address of the vendor's documents that is in no source (ec618.md 9, 5).
	l := chipOf(t, "Air8000", "1", []byte(`{"download":{"script_addr":"48E000"},"fota":{"full_addr":"50E000"}}`)).Partitions[0]
	if s, _ := l.Lookup(PartScript); s.Off != 0x48E000 || s.Size != 0x80000 {
		t.Errorf("%+v", s)
	}
	if f, _ := l.Lookup(PartFota); f.Off != 0x50E000+384*kib {
		t.Errorf("%+v", f)
	}
}

func TestLayoutInfoErrors(t *testing.T) {
	f := New()
	_, m, err := chips.FindModel([]chips.Family{f}, "Air780EPM")
	if err != nil {
		t.Fatal(err)
	}
	for info, what := range map[string]string{
		`{"chip":{"type":"ec618"}}`:                                           "chip.type",
		`{"fota":{"magic_num":"eaf18c16"}}`:                                   "fota.magic_num",
		`{"download":{"script_addr":"2B1001"}}`:                               "download.script_addr",
		`{"download":{"script_addr":"1000"}}`:                                 "download.script_addr",
		`{"fota":{"full_addr":"FFFFF000"}}`:                                   "fota.full_addr",
		`{"fota":{"full_addr":"2A0000"}}`:                                     "fota.full_addr",
		`{"fota":{"fota_len":"18000"}}`:                                       "fota.fota_len",
		`{"download":{"script_addr":"zz"}}`:                                   "download.script_addr",
		`{"download":{"script_addr":"3A0000"},"fota":{"full_addr":"3E0000"}}`: "",
		`nonsense`: "info.json",
	} {
		_, err := f.Chip(m, "1", []byte(info))
		var fe *explain.FormatError
		if err == nil || what != "" && (!errors.As(err, &fe) || !strings.Contains(fe.What, what)) {
			t.Errorf("%s: %v", info, err)
		}
	}
}

// TestCoreFromArchive makes a module from an archive; it is the one that the
// archive was made for, and runs the archive's script.
func TestCoreFromArchive(t *testing.T) {
	for _, model := range []string{"Air780E", "Air780EPM"} {
		in := chips.MakeInput{Script: smallScript(t), CoreVersion: "V3001", CoreSize: 64 << 10, CoreSeed: 5}
		m := makerOf(t, model, "")
		for _, kind := range []string{KindSoc, KindBinpkg} {
			from := chips.MakeInput{Core: make1(t, m, kind, in)}
			if kind == KindBinpkg {
				from.Script = in.Script
			}
			if got, want := make1(t, m, KindFlash, from), make1(t, m, KindFlash, in); !bytes.Equal(got, want) {
				t.Errorf("%s: the flash made from a %s is another one", model, kind)
			}
			d := newDevice(t, model, "", from)
			run := d.boot()
			if run.Identity.Version != "V3001" {
				t.Errorf("%s: %+v", model, run.Identity)
			}
			if _, err := run.Mounts.Open("/luadb/main.lua"); err != nil {
				t.Errorf("%s from %s: %v", model, kind, err)
			}
		}
	}
}

// TestDeltaFromArchives makes the same delta as from the cores themselves.
func TestDeltaFromArchives(t *testing.T) {
	m := makerOf(t, "Air780E", "full")
	older := chips.MakeInput{CoreVersion: "V3001", CoreSize: 100 << 10, CoreSeed: 5}
	newer := chips.MakeInput{CoreVersion: "V3002", CoreSize: 101 << 10, CoreSeed: 5}
	fromFiles := chips.MakeInput{Core: make1(t, m, KindSoc, newer), Base: &chips.MakeInput{Core: make1(t, m, KindSoc, older)}}
	newer.Base = &older
	if got, want := make1(t, m, KindPar, fromFiles), make1(t, m, KindPar, newer); !bytes.Equal(got, want) {
		t.Error("the delta between archives is another one")
	}
	fromFiles.Base = &chips.MakeInput{Core: fromFiles.Core}
	if _, err := m.Make(KindPar, fromFiles); !errors.Is(err, ErrSameCore) {
		t.Errorf("identical cores: %v", err)
	}
}

// production returns a .binpkg with a script in its AP image (ec618.md 5.2).
func production(t testing.TB, l *Layout, pkg []byte, script []byte) []byte {
	p, err := ParseBinpkg(pkg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Type == "AP" {
			room := int(l.Part(PartAP).Size)
			e.Data = append(bytes.Clone(e.Data), bytes.Repeat([]byte{0xFF}, room-len(e.Data))...)
			e.Data = append(e.Data, script...)
		}
	}
	return p.Encode()
}

func TestProductionBinpkg(t *testing.T) {
	c := chipOf(t, "Air780E", "full", nil)
	m := c.Maker.(*maker)
	in := chips.MakeInput{Script: smallScript(t), CoreSize: 64 << 10}
	pkg := production(t, &m.layout, make1(t, m, KindBinpkg, in), in.Script)
	if got, want := make1(t, m, KindFlash, chips.MakeInput{Core: pkg}), make1(t, m, KindFlash, in); !bytes.Equal(got, want) {
		t.Error("its script is not where the firmware looks for it")
	}
	other, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte("print(2)")}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := make1(t, m, KindFlash, chips.MakeInput{Script: other, CoreSize: 64 << 10})
	if got := make1(t, m, KindFlash, chips.MakeInput{Core: pkg, Script: other}); !bytes.Equal(got, want) {
		t.Error("another script does not replace the one inside")
	}
	if _, err := m.Make(KindPar, chips.MakeInput{CoreVersion: "V3", Base: &chips.MakeInput{Core: pkg}}); !errors.Is(err, errProduction) {
		t.Errorf("a delta from it: %v", err)
	}
	f := inspect(t, pkg)
	if g := findField(f, "script inside"); g == nil || g.Verdict != explain.Warn || findField(f, "luadb") == nil {
		t.Errorf("%s", treeText(f, 0))
	}
	parts, _, err := New().Unpack(pkg)
	if err != nil || len(parts) != 5 || parts[2].Name != "script/main.lua" || string(parts[2].Data) != "print(1)" {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

// TestCoreRefused has files that do not fit the module.
func TestCoreRefused(t *testing.T) {
	small := chips.MakeInput{CoreSize: 64 << 10}
	good := make1(t, makerOf(t, "Air780E", "full"), KindSoc, small)
	damaged := make1(t, makerOf(t, "Air780E", "full"), KindBinpkg, small)
	damaged[len(damaged)-1] ^= 1
	for _, c := range []struct {
		what, model, profile string
		core                 []byte
		want                 string
	}{
		{"another series", "Air780EPM", "1", good, "the core is for EC618"},
		{"another map", "Air780E", "lite", good, "--layout"},
		{"another chip", "Air8000", "1", make1(t, makerOf(t, "Air780EPM", "1"), KindBinpkg, small), "AP and CP image are for"},
		{"damaged", "Air780E", "full", damaged, "hash of the CP image"},
		{"no firmware", "Air780E", "full", []byte("PK"), ".binpkg"},
		{"too long", "Air780E", "tts-onchip", make1(t, makerOf(t, "Air780E", "tts-onchip"), KindBinpkg, chips.MakeInput{CoreSize: 2832 << 10}), ""},
		{"too long", "Air780E", "lite", make1(t, makerOf(t, "Air780E", "tts-onchip"), KindBinpkg, chips.MakeInput{CoreSize: 2832 << 10}), "AP image of"},
	} {
		_, err := makerOf(t, c.model, c.profile).Make(KindFlash, chips.MakeInput{Core: c.core})
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	info, err := soc.Write([]soc.File{{Name: soc.InfoName, Data: []byte(`{"rom": {"file": "gone.binpkg"}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFirmware(info); !errors.Is(err, soc.ErrNoEntry) {
		t.Errorf("an archive without its firmware: %v", err)
	}
}

func TestAddCore(t *testing.T) {
	f := New()
	b := make1(t, makerOf(t, "Air780EPM", "1"), KindSoc, chips.MakeInput{CoreSize: 64 << 10})
	fw, err := ReadFirmware(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddCore(b); err != nil {
		t.Fatal(err)
	}
	if err := f.AddCore([]byte("an image")); err != nil {
		t.Fatal(err)
	}
	for _, img := range [][]byte{fw.AP, fw.CP, []byte("an image")} {
		sum := sha256.Sum256(img)
		if !bytes.Equal(f.Cores.find(&sum), img) {
			t.Errorf("%d bytes were not registered", len(img))
		}
	}
	if err := f.AddCore(nil); err == nil {
		t.Error("nothing was registered")
	}
	if err := f.AddCore([]byte("PK\x03\x04")); err == nil {
		t.Error("a broken archive was registered")
	}
}

// FuzzFirmware gives the readers of layouts and firmware anything.
func FuzzFirmware(f *testing.F) {
	f.Add([]byte(`{"download":{"script_addr":"52E000","fs_addr":"714000"},"fota":{"full_addr":"5AE000","fota_len":"106000"}}`))
	f.Add(make1(f, makerOf(f, "Air780EPM", "1"), KindSoc, chips.MakeInput{CoreSize: 4096})[:2000])
	fam := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ReadFirmware(b)
		for _, m := range fam.Models() {
			if c, err := fam.Chip(m, "", b); err == nil {
				for i, g := range m.Flash {
					if err := c.Partitions[i].Check(g); err != nil {
						t.Fatalf("%s: %v", m.Name, err)
					}
				}
			}
		}
	})
}

// TestDumps explains flashes in the states that an upgrade leaves them in.
func TestDumps(t *testing.T) {
	for _, model := range []string{"Air780E", "Air780EPM"} {
		script := smallScript(t)
		old := chips.MakeInput{Script: script, CoreVersion: "V3001", CoreSize: 200 << 10}
		d := newDevice(t, model, "", old)
		dump := func() []byte {
			var b []byte
			for _, c := range d.chips {
				b = append(b, c.Bytes()...)
			}
			return b
		}
		look := func(what, field, meaning string, worst explain.Verdict) {
			t.Helper()
			f := inspect(t, dump())
			if g := findField(f, field); g == nil || !strings.Contains(g.Meaning, meaning) {
				t.Errorf("%s, %s: %s: %+v", model, what, field, g)
			}
			if got := f.Worst(); got != worst {
				t.Errorf("%s, %s: %s\n%s", model, what, got, treeText(f, 0))
			}
		}
		run := d.boot()
		look("fresh", PartInfo, "no record", explain.OK)
		look("fresh", PartFota, "no delta", explain.OK)
		next := chips.MakeInput{Script: script, CoreVersion: "V3002", CoreSize: 200 << 10, Base: &old}
		pkg := make1(t, d.chip.Maker, KindCombined, next)
		write := func(p []byte, end bool) {
			t.Helper()
			if r, err := run.Updater.Init(d.env(), 0xFFFFFFFF, 0); r != 0 || err != nil {
				t.Fatal(r, err)
			}
			if r, err := run.Updater.Write(d.env(), p); err != nil || end != (r == fotaDone) {
				t.Fatal(r, err, d.lines)
			}
		}
		write(pkg[:len(pkg)/2], false)
		look("half a download", "CRC32", "placeholder", explain.Warn)
		run = d.boot()
		write(pkg, true)
		look("downloaded", PartOTA, "MD5 right", explain.OK)
		look("downloaded", PartFota, "waits for the boot code; the images in flash are", explain.OK)
		if f := inspect(t, dump()[:d.chips[0].Size()]); findField(f, PartFota) == nil || f.Worst() != explain.OK {
			t.Errorf("%s: the AP chip alone: %s", model, f.Worst())
		}
		parts, ok, err := New().Unpack(dump())
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		names := ""
		for _, p := range parts {
			names += " " + p.Name
		}
		for _, want := range []string{"ap.bin", "cp.bin", "script/main.lua", "waiting/common.bin", "waiting/delta.par"} {
			if !strings.Contains(names, want) {
				t.Errorf("%s: no part %s in%s", model, want, names)
			}
		}
		if run = d.boot(); run.Identity.Version != "V3002" {
			t.Errorf("%s runs %s", model, run.Identity.Version)
		}
		look("upgraded", "result", "the last delta was applied", explain.OK)
		if f := inspect(t, dump()); !strings.Contains(treeText(f, 0), "V3002") {
			t.Errorf("%s: the dump does not say which core is in it", model)
		}
	}
}

// TestHalfPatched explains the marks of a delta that was cut.
func TestHalfPatched(t *testing.T) {
	p := bytes.Repeat([]byte{0xFF}, retentionSize)
	p[0], p[1], p[8], p[24] = 0xF0, 0xF0, 0xF8, 0xF0
	f := marks(p, 100)
	text := treeText(&f, 0)
	for _, want := range []string{"at work: continues", "UP | 3 segments", "BK | 4 segments", "base images right"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	p[0], p[1] = 0xC0, 0
	if f = marks(p, 0); !strings.Contains(f.Meaning, "done") {
		t.Errorf("%+v", f)
	}
	p[1] = 0xC0
	if f = marks(p, 0); !strings.Contains(f.Meaning, "failed") {
		t.Errorf("%+v", f)
	}
}
