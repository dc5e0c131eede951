package survey_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/play"
	"airlift/emu/survey"
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

func chipFor(t *testing.T) func(survey.Project) (*chips.Chip, error) {
	t.Helper()
	f, m, err := chips.FindModel(all.Families(), "air8000")
	if err != nil {
		t.Fatal(err)
	}
	fallback, err := f.Chip(m, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(p survey.Project) (*chips.Chip, error) { return survey.ChipFor(p, all.Families(), fallback) }
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
// the longest name.
func TestChipFor(t *testing.T) {
	pick := chipFor(t)
	for name, want := range map[string]string{
		"module/Air780EHM_Air780EHV_Air780EGH/demo/gpio": "Air780EHM",
		"module/Air1601_Air1602/demo/x":                  "Air1601",
		"oldmodule/Air780E/demo/adc":                     "Air780E",
		"olddemo/demo/lcd-Air8101":                       "Air8101",
		"olddemo/demo/gpio":                              "Air8000",
		"my/air780epm demos/air8101":                     "Air780EPM",
	} {
		c, err := pick(survey.Project{Name: name})
		if err != nil || c.Model.Name != want {
			t.Errorf("%s: %v, %v, expected %s", name, c.Model.Name, err, want)
		}
	}
}
