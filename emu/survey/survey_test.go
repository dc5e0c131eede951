package survey_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/play"
	"airlift/emu/survey"
	"airlift/flash/luadb"
	"airlift/lua"
)

// upstream returns options for the demos of a LuatOS checkout, and these, or
// skips loudly.
func upstream(t *testing.T) ([]survey.Project, survey.Options) {
	t.Helper()
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's demos were NOT tried; set it to a LuatOS checkout")
	}
	projects, err := survey.Find(src, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if len(projects) < 900 {
		t.Fatalf("%d demos below %s, expected more than 900", len(projects), src)
	}
	libs, err := lua.LibsFromDir(filepath.Join(src, "script"))
	if err != nil {
		t.Fatal(err)
	}
	return projects, survey.Options{
		Chip: chipFor(t), Seed: 1, Limit: time.Minute, Script: lua.Options{Libs: libs, Devices: lua.DevicesNoop},
		World: func(w *emu.World, _ *emu.Config) error { w.UseLab(); return nil },
		More:  []string{filepath.Join(src, "olddemo", "lib"), filepath.Join(src, "olddemo", "demo", "iotcloud")},
	}
}

func chipFor(t *testing.T) func(survey.Project, []luadb.File) (*chips.Chip, error) {
	t.Helper()
	f, m, err := chips.FindModel(all.Families(), "air8000")
	if err != nil {
		t.Fatal(err)
	}
	fallback, err := f.Chip(m, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(p survey.Project, files []luadb.File) (*chips.Chip, error) {
		return survey.ChipFor(p, files, all.Families(), fallback)
	}
}

// TestUpstreamDemos runs upstream's demos: a seeded sample, or all of them with
// AIRLIFT_SCALE=full.
func TestUpstreamDemos(t *testing.T) {
	projects, o := upstream(t)
	full := os.Getenv("AIRLIFT_SCALE") == "full"
	if !full {
		const seed = 1
		r := rand.New(rand.NewPCG(seed, 0))
		r.Shuffle(len(projects), func(i, j int) { projects[i], projects[j] = projects[j], projects[i] })
		projects = projects[:100]
	}
	findings := survey.RunAll(projects, o, 0, nil)
	n := survey.Count(findings)
	for _, c := range survey.Classes {
		t.Logf("%-12s %4d  %5.1f %%", c, n[c], survey.Share(n[c], len(findings)))
	}
	for _, f := range findings {
		var fault *play.Panic
		if errors.As(f.Err, &fault) {
			t.Errorf("%s on %s: %v", f.Project, f.Chip, f.Err)
		} else if f.Class == survey.Failed {
			t.Logf("failed: %s on %s: %s", f.Project, f.Chip, f.Detail)
		}
	}
	// A sample may be unlucky, all of them may not.
	most := 4.0
	if full {
		most = 2
	}
	if share := survey.Share(n[survey.Failed], len(findings)); share > most {
		t.Errorf("%.1f %% of the demos failed, expected at most %.0f %%", share, most)
	}
	if share := survey.Share(n[survey.Running]+n[survey.Finished], len(findings)); share < 60 {
		t.Errorf("%.1f %% of the demos run or did their work, expected at least 60 %%", share)
	}
}

// TestUpstreamDemosRepeat: what a demo does depends on nothing but its seed.
func TestUpstreamDemosRepeat(t *testing.T) {
	projects, o := upstream(t)
	var some []survey.Project
	for i := 7; i < len(projects); i += 47 {
		some = append(some, projects[i])
	}
	one, two := survey.RunAll(some, o, 1, nil), survey.RunAll(some, o, 4, nil)
	for i := range some {
		a, b := one[i].Row(), two[i].Row()
		if a.Trace != b.Trace || a.Class != b.Class || a.Steps != b.Steps {
			t.Errorf("%s: %s %d steps %s, then %s %d steps %s", some[i].Name, a.Class, a.Steps, a.Trace, b.Class, b.Steps, b.Trace)
		}
	}
}

// TestChipFor: the model named first in the path counts, and of those there
// the longest name; else the first firmware that has what is used.
func TestChipFor(t *testing.T) {
	pick := chipFor(t)
	for _, c := range []struct{ name, script, want string }{
		{"module/Air780EHM_Air780EHV_Air780EGH/demo/gpio", "", "Air780EHM 1"},
		{"module/Air1601_Air1602/demo/x", "", "Air1601 101"},
		{"oldmodule/Air780E/demo/adc", "adc.open(0)", "Air780E "},
		{"olddemo/demo/lcd-Air8101", "", "Air8101 101"},
		{"olddemo/demo/psm/EC618", "", "Air780E "},
		{"olddemo/demo/gpio", "gpio.setup(1)", "Air8000 1"},
		{"olddemo/demo/optional", "if sdio then sdio.init(0) end", "Air8000 1"},
		{"my/air780epm demos/air8101", "", "Air780EPM 1"},
	} {
		got, err := pick(survey.Project{Name: c.name}, []luadb.File{{Name: "main.lua", Data: []byte(c.script)}})
		if err != nil {
			t.Fatal(err)
		}
		if module := got.Model.Name + " " + got.Profile.Name; !strings.HasPrefix(module, c.want) {
			t.Errorf("%s: %s, expected %s", c.name, module, c.want)
		}
	}
	// Of one model's firmware the default lacks fota, the next has it.
	update := []luadb.File{
		{Name: "main.lua", Data: []byte(`require("update")`)},
		{Name: "update.lua", Data: []byte(`fota.init()`)},
	}
	got, err := pick(survey.Project{Name: "Air601/demo/fota"}, update)
	if err != nil || got.Profile.Name != "g2-fota" {
		t.Errorf("%s %s, %v, expected Air601 g2-fota", got.Model.Name, got.Profile.Name, err)
	}
}
