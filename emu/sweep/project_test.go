package sweep

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// ownDir is a folder with two versions of a project, and what files it wants.
func ownDir(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range []string{"1.0.0", "1.0.1"} {
		files["app"+v[4:]+"/main.lua"] = []byte("PROJECT = \"thermometer\"\nVERSION = \"" + v + "\"\nPRODUCT_KEY = \"0123456789abcdefghijABCDEFGHIJ01\"\nlog.info(VERSION)\n")
	}
	for name, data := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// dumpOf is a module's flash as a programming cable reads it.
func dumpOf(t *testing.T, flashes []*flash.Device) (out []byte) {
	t.Helper()
	for _, d := range flashes {
		p := make([]byte, d.Size())
		if err := d.Cells(p, 0); err != nil {
			t.Fatal(err)
		}
		out = append(out, p...)
	}
	return out
}

// TestOwnFiles sweeps modules that are made of files: cores in every form, a flash
// dump, and a package that somebody else made.
func TestOwnFiles(t *testing.T) {
	for _, c := range []struct {
		family string
		forms  []string // of core files
	}{
		{"xt804", []string{"fls", "app.img"}}, {"ec618", []string{"soc", "binpkg"}}, {"ec7xx", []string{"soc"}}, {"rda8910", []string{"pac"}},
	} {
		if !flashtest.Full() {
			c.forms = c.forms[:1]
		}
		i := slices.IndexFunc(families, func(s Scenario) bool { return s.Name == c.family })
		chip, err := all.Chip(families[i].Chip, families[i].Profile)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range c.forms {
			t.Run(c.family+" "+form, func(t *testing.T) {
				kind, err := pickKind(chip, families[i].Package)
				if err != nil {
					t.Fatal(err)
				}
				next, err := nextCore(chip.Profile.CoreVersion)
				if err != nil {
					t.Fatal(err)
				}
				seed := uint64(1)
				if !kind.Delta {
					seed = 2
				}
				files := map[string][]byte{}
				for name, in := range map[string]chips.MakeInput{
					"core0": {CoreVersion: chip.Profile.CoreVersion, CoreSize: 12 << 10, CoreSeed: 1}, "core1": {CoreVersion: next, CoreSize: 12 << 10, CoreSeed: seed},
				} {
					if files[name], err = chip.Maker.Make(form, in); err != nil {
						t.Skipf("no core file of the kind %s can be made: %v", form, err)
					}
				}
				s := Scenario{Name: "own", Chip: families[i].Chip, Profile: families[i].Profile, Package: families[i].Package, Mode: ModeUpdate, Sample: 12,
					Old: Version{Project: "app0", CoreFile: "core0"}, New: Version{Project: "app1", CoreFile: "core1"}}
				dir := ownDir(t, files)
				whole := sweepOwn(t, s, chip, dir)

				s.New, s.Package, s.PackageFile = Version{}, "", "up.bin"
				if err := os.WriteFile(filepath.Join(dir, "up.bin"), whole.Package, 0o644); err != nil {
					t.Fatal(err)
				}
				sweepOwn(t, s, chip, dir)

				s.Old = Version{Image: "module.img"}
				if err := os.WriteFile(filepath.Join(dir, "module.img"), dumpOf(t, whole.old.flashes), 0o644); err != nil {
					t.Fatal(err)
				}
				w := sweepOwn(t, s, chip, dir)
				if !slices.ContainsFunc(w.Scenario.own.list, func(f string) bool { return strings.HasPrefix(f, "old image module.img@") }) {
					t.Errorf("files %v", w.Scenario.own.list)
				}
			})
		}
	}
}

// sweepOwn runs a scenario with files of its own.
func sweepOwn(t *testing.T, s Scenario, chip *chips.Chip, dir string) *Sweep {
	t.Helper()
	s.own = nil
	s.In(dir)
	if err := s.Use(chip); err != nil {
		t.Fatal(err)
	}
	w, err := New(&s, chip)
	if err != nil {
		t.Fatal(err)
	}
	if w.Clean.Outcome != emu.OutcomeNew || len(w.Clean.Broken) > 0 || len(w.regions)+len(w.codeVolumes) == 0 {
		t.Fatalf("%s, broken %v: %s; code in %v %v", w.Clean.Outcome, w.Clean.Broken, w.Clean.Detail, w.regions, w.codeVolumes)
	}
	checkTwice(t, w)
	return w
}

// TestOwnFilesRefused refuses what files of one's own cannot mean.
func TestOwnFilesRefused(t *testing.T) {
	dir := ownDir(t, map[string][]byte{"core": []byte("no core"), "up.bin": []byte("no package"), "small.img": make([]byte, 100)})
	head := "name: x\nchip: Air6208\nmode: update\n"
	for text, want := range map[string]string{
		head + "old: {project: app0, script_bytes: 10}":                                         "leave out script_bytes",
		head + "old: {core_file: core, core_bytes: 10}":                                         "leave out core, core_bytes",
		head + "old: {image: small.img, project: app0}":                                         "old.image: core and scripts are in it",
		head + "new: {image: small.img}":                                                        "new.image",
		head + "package_file: up.bin\npackage: fota":                                            "leave out new, package",
		head + "old: {project: ../../../../../../../../nowhere/at/all}":                         "old project",
		head + "old: {project: 'c:\\\\app'}":                                                    "expected a path relative",
		head + "old: {core_file: core}\nnew: {core_bytes: 12288}":                               "",
		head + "old: {core_bytes: 12288}\npackage_file: up.bin":                                 "refuses the package",
		head + "old: {image: small.img}\nnew: {core_bytes: 12288}":                              "small.img: 100 bytes, expected a flash dump",
		"name: x\nchip: Air6208\nmode: system\nold: {project: app0}":                            "needs old.project and new.project",
		"name: x\nchip: Air6208\nmode: system\npackage_file: up.bin":                            "mode system has to know",
		"name: x\nchip: Air780E\nmode: update\nold: {image: small.img}\n":                       "a delta leads from a core that the image does not give",
		"name: x\nchip: Air6208\nmode: volume\nold: {project: app0}\n":                          "mode volume has no versions",
		head + "old: {core_file: core}\nnew: {core_bytes: 12288}\nfaults: [{kind: wrong-base}]": "",
		head + "old: {core_bytes: 12288}\npackage_file: up.bin\nfaults: [{kind: older}]":        "",
	} {
		s, err := ReadScenario([]byte(text))
		if err == nil {
			s.In(dir)
			c, cerr := all.Chip(s.Chip, "")
			if cerr != nil {
				t.Fatal(cerr)
			}
			if err = s.Use(c); err == nil {
				_, err = New(s, c)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected %q", text, err, want)
		}
	}
}
