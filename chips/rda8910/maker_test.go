package rda8910

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// TestKinds makes every kind of every generation, twice, and inspects it.
func TestKinds(t *testing.T) {
	f := New()
	for _, profile := range []string{"a", "b", "d"} {
		w := &world{t: t, chip: testChip(t, profile)}
		for _, k := range w.chip.Maker.Kinds() {
			in := chips.MakeInput{CoreVersion: "V3999", CoreSize: 40000, CoreSeed: 5}
			base := chips.MakeInput{CoreSize: 40000, CoreSeed: 5}
			in.Base = &base
			if profile != "b" {
				in.Script = scripts(t, "2.0.0")
			}
			b, err := w.chip.Maker.Make(k.Name, in)
			if err != nil {
				t.Errorf("%s %s: %v", profile, k.Name, err)
				continue
			}
			if profile == "b" {
				continue // the same code as for a
			}
			if again, err := w.chip.Maker.Make(k.Name, in); err != nil || !bytes.Equal(b, again) {
				t.Errorf("%s %s: made differently the second time: %v", profile, k.Name, err)
			}
			tree, ok := f.Inspect(b)
			if known := strings.HasPrefix(k.Summary, "core and script for") || k.Name == KindLuadb || k.Name == KindCore || k.Name == KindScript; ok == known || ok && tree.Worst() == explain.Bad {
				t.Errorf("%s %s: inspected %v, %+v", profile, k.Name, ok, tree)
			}
			if k.Upgrade == (k.Fits == (k.Why != "")) && k.Upgrade {
				t.Errorf("%s %s: fits %v, %q", profile, k.Name, k.Fits, k.Why)
			}
		}
	}
}

// TestZIP reads what is made for the platform: the core as a .pac, and the
// script with its MD5.
func TestZIP(t *testing.T) {
	w := newWorld(t, "a")
	b := w.make(KindAll, "V3999")
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	if sum := CheckLuaApp(files["app.bin"]); !sum.Checked || !sum.OK() {
		t.Errorf("app.bin: %+v", sum)
	}
	pac := files["Luat_V3999_RDA8910.bin"]
	if len(files) != 2 || pac == nil {
		t.Fatalf("%d files", len(files))
	}
	model, profile, hint, ok := New().Identify(pac)
	if model != "Air724UG" || profile != "a" || hint != "the 8910" || !ok {
		t.Errorf("%s %s %s %v", model, profile, hint, ok)
	}
	// The .pac is firmware for a module: one made of it has the same core.
	flashes, err := w.chip.Maker.(chips.FlashMaker).MakeFlash(chips.MakeInput{Core: pac, Script: scripts(t, "3.0.0")})
	if err != nil {
		t.Fatal(err)
	}
	_, run := w.on(flashes[0]).mustBoot()
	if run.Identity.Version != "Luat_V3999_RDA8910" || w.scriptVersion(run) != "3.0.0" {
		t.Errorf("%+v", run.Identity)
	}
}

func TestRefusals(t *testing.T) {
	a, b := testChip(t, "a"), testChip(t, "b")
	in := coreInput("")
	base := in
	in.Base = &base
	big, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: make([]byte, scriptArea)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		chip *chips.Chip
		kind string
		in   chips.MakeInput
		want string
	}{
		{a, KindPack, in, ErrSameCore.Error()},
		{a, KindCoreStream, coreInput(""), "needs the core that the module has now"},
		{a, KindScriptStream, chips.MakeInput{}, "a script image is needed"},
		{a, KindScriptStream, chips.MakeInput{Script: []byte("no script")}, "script image"},
		{a, KindScriptStream, chips.MakeInput{Script: big}, "pitfall 15"},
		{a, KindSota, coreInput(""), "no packages or images of kind"},
		{a, KindFlash, chips.MakeInput{CoreSize: 2 << 20}, "expected at most"},
		{a, KindFlash, chips.MakeInput{Core: []byte("no core")}, ErrNoFirmware.Error()},
		{a, KindFlash, chips.MakeInput{Core: NewUImage("x", 0, make([]byte, 2<<20))}, "has room for"},
		{b, KindFlash, chips.MakeInput{Script: scripts(t, "1.0.0")}, "runs a C program"},
	} {
		if _, err := v.chip.Maker.Make(v.kind, v.in); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s %s: %v, want %q", v.chip.Profile.Name, v.kind, err, v.want)
		}
	}
	f := New()
	if _, err := f.Chip(f.models[0], "a", []byte("layout")); err == nil {
		t.Error("a layout is taken")
	}
	if _, err := f.Chip(f.models[0], "c", nil); err == nil {
		t.Error("profile c is there")
	}
	if _, err := a.Maker.(*maker).corePack(in); err != nil || errors.Is(err, ErrSameCore) {
		t.Error(err)
	}
}

// TestCompare compares cores, and names the package that is needed.
func TestCompare(t *testing.T) {
	m := testChip(t, "a").Maker.(*maker)
	in := coreInput("V3999")
	base := coreInput("")
	in.Base = &base
	d, err := m.CompareCores(in)
	if err != nil || d.Same() || len(d.Warnings) > 0 || d.New != "Luat_V3999_RDA8910" {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, v := range []struct {
		same, scripts bool
		want          string
	}{{false, false, KindCoreStream}, {false, true, KindAllStream}, {true, true, KindScriptStream}, {true, false, ""}} {
		e := d
		if v.same {
			same := base
			same.Base = &base
			if e, err = m.CompareCores(same); err != nil {
				t.Fatal(err)
			}
		}
		if got := m.DeltaKind(e, v.scripts); got != v.want {
			t.Errorf("%+v: %s", v, got)
		}
	}
	in.CoreVersion = "Luat_V3999_RDA8910_TTS"
	if d, err := m.CompareCores(in); err != nil || len(d.Warnings) != 1 {
		t.Errorf("%+v, %v", d.Warnings, err)
	}
	for v, want := range map[string]string{"": "Luat_V3103_RDA8910", "V4029": "Luat_V4029_RDA8910", "My_V1_Core": "My_V1_Core", "V": "V"} {
		if got := m.coreVersion(v); got != want {
			t.Errorf("%q: %s", v, got)
		}
	}
	if name, err := m.PackageName("P", "V3104", "1.0.2"); err != nil || name != "P_1.0.2_Luat_V3104_RDA8910.bin" {
		t.Errorf("%s, %v", name, err)
	}
}

func TestVersionOf(t *testing.T) {
	for text, want := range map[string]string{
		"xx\x00CSDK_V302340_RDA8910\x00":               "CSDK_V302340_RDA8910",
		"%s_RDA8910\x00LuatOS-Air_V4029_RDA8910_RFTIP": "LuatOS-Air_V4029_RDA8910_RFTIP",
		"_RDA8910": "", "": "", "CSDK_V1_RDA8910%s": "",
	} {
		if got := versionOf([]byte(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
