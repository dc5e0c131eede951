package sweep

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/flash"
	"airlift/flash/flashtest"
	"airlift/flash/mount"
)

// everyStep is a story with every kind of step.
var everyStep = &Volume{
	Setup: []FileStep{{Do: StepWrite, Name: "/a", Bytes: 700}, {Do: StepWrite, Name: "/kept", Bytes: 50}},
	Steps: []FileStep{
		{Do: StepMkdir, Name: "/folder"},
		{Do: StepAppend, Name: "/a", Bytes: 40},
		{Do: StepRemount},
		{Do: StepTruncate, Name: "/a", Bytes: 600},
		{Do: StepPatch, Name: "/a", Off: 590, Bytes: 30},
		{Do: StepAppend, Name: "/folder/log", Bytes: 30},
		{Do: StepRename, Name: "/a", To: "/folder/a"},
		{Do: StepRemove, Name: "/folder/a"},
		{Do: StepRemove, Name: "/folder/log"},
		{Do: StepRemove, Name: "/folder"},
	},
}

func summary(w *Sweep, results []*Result) *Summary {
	sum := NewSummary(w.Scenario, len(w.Clean.Ops))
	for _, r := range results {
		sum.Add(r)
	}
	sum.Close()
	return sum
}

// littlefs keeps its promise at every cut, and at a second one in the recovery.
// The 8910's does not, when a file is written over (8910.md 1.8): it mounts all
// the same, and leaves other files alone.
func TestVolumes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		s    Scenario
		safe bool
	}{
		"xt804":               {Scenario{Chip: "Air601", Profile: "g3"}, true},
		"xt804 every step":    {Scenario{Chip: "Air601", Profile: "g2", Volume: everyStep}, true},
		"ec":                  {Scenario{Chip: "Air780E"}, true},
		"ec7xx every step":    {Scenario{Chip: "Air780EP", Volume: everyStep}, true},
		"xt804 twice":         {Scenario{Chip: "Air601", Profile: "g3", Cuts: 2, Sample: 2000}, true},
		"rda8910":             {Scenario{Chip: "Air724UG"}, false},
		"rda8910 every step":  {Scenario{Chip: "Air724UG", Volume: everyStep}, false},
		"rda8910, cut thrice": {Scenario{Chip: "Air724UG", Cuts: 3, Sample: 200}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.s.Mode = ModeVolume
			w := openScenario(t, name, c.s)
			results := collect(t, w, Options{})
			sum := summary(w, results)
			t.Logf("%d operations, %v, %d verdicts remembered", len(w.Clean.Ops), sum.Outcomes, w.memo.hits)
			for _, r := range results {
				if c.safe && !r.Fine() || slices.Contains(r.Broken, Files) || slices.Contains(r.Broken, Boots) || slices.Contains(r.Broken, Outside) {
					t.Fatalf("%v: %s, broken %v: %s", r.Path, r.Outcome, r.Broken, r.Detail)
				}
			}
			if sum.Outcomes[emu.OutcomeNew] == 0 || sum.Outcomes[emu.OutcomeOld] == 0 || !c.safe && sum.Outcomes[emu.OutcomeMixed] == 0 {
				t.Errorf("%v: expected cuts before and after the moment of a change", sum.Outcomes)
			}
			for r := range flashtest.Sample(slices.Values(results), 20, 1) {
				path := r.Path
				if path == nil {
					path = []uint64{r.Number}
				}
				a, err := w.Replay(path)
				if err != nil || a.Result.Outcome != r.Outcome || a.Result.Detail != r.Detail || !slices.Equal(a.Result.Broken, r.Broken) {
					t.Fatalf("%v: replay %+v (%v), sweep %+v", path, a, err, r)
				}
			}
		})
	}
}

// badRoot mounts a file system that does something wrong.
type badRoot struct {
	chips.Core
	wrong func(v afero.Fs, name string, flag int) error
}

func (c badRoot) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	return c.Core.(chips.Mounter).MountFiles(flashes, mkfs)
}

func (c badRoot) MountRoot(flashes []*flash.Device) (mount.Mount, error) {
	m, err := c.Core.(chips.RootMounter).MountRoot(flashes)
	m.Fs = &badFs{m.Fs, c.wrong}
	return m, err
}

type badFs struct {
	afero.Fs
	wrong func(v afero.Fs, name string, flag int) error
}

func (v *badFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if err := v.wrong(v.Fs, name, flag); err != nil {
		return nil, err
	}
	return v.Fs.OpenFile(name, flag, perm)
}

// Whatever a file system does wrong, the invariant that it breaks is named.
func TestBadVolumes(t *testing.T) {
	t.Parallel()
	writes := func(flag int) bool { return flag&(os.O_RDWR|os.O_WRONLY) != 0 }
	for _, c := range []struct {
		name    string
		wrong   func(v afero.Fs, name string, flag int) error
		outcome emu.Outcome
		breaks  Invariant
	}{
		{"removes before it writes", func(v afero.Fs, name string, flag int) error {
			if _, err := v.Stat(name); err == nil && flag&os.O_TRUNC != 0 {
				return v.Remove(name)
			}
			return nil
		}, emu.OutcomeMixed, Exact},
		{"renews another file", func(v afero.Fs, name string, flag int) error {
			const other = "/data.bin"
			data, err := afero.ReadFile(v, other)
			if err != nil || !writes(flag) || name == other {
				return nil
			}
			if err := v.Remove(other); err != nil {
				return err
			}
			return afero.WriteFile(v, other, data, 0)
		}, emu.OutcomeMixed, Files},
		{"writes a file once only", func(v afero.Fs, name string, flag int) error {
			if info, err := v.Stat(name); err == nil && writes(flag) && name == "/update.bin" && info.Size() > 0 {
				return os.ErrPermission
			}
			return nil
		}, emu.OutcomeStuck, Converges},
	} {
		t.Run(c.name, func(t *testing.T) {
			chip, err := all.Chip("Air601", "g3")
			if err != nil {
				t.Fatal(err)
			}
			bad := *chip
			s := Scenario{Name: "bad", Chip: "Air601", Mode: ModeVolume}
			bad.Core = badRoot{chip.Core, c.wrong}
			w, err := New(&s, &bad)
			if err != nil {
				t.Fatal(err)
			}
			results := collect(t, w, Options{})
			i := slices.IndexFunc(results, func(r *Result) bool { return r.Outcome == c.outcome && slices.Contains(r.Broken, c.breaks) })
			if i < 0 {
				t.Fatalf("%v: no case ends %s", summary(w, results).Outcomes, c.outcome)
			}
		})
	}
}

// A case of a long story shrinks to a short one.
func TestShrinkVolume(t *testing.T) {
	t.Parallel()
	story := &Volume{
		Setup: []FileStep{{Do: StepWrite, Name: "/other", Bytes: 10}, {Do: StepWrite, Name: "/a", Bytes: 5000}},
		Steps: []FileStep{{Do: StepWrite, Name: "/log", Bytes: 30}, {Do: StepPatch, Name: "/a", Off: 2000, Bytes: 600}, {Do: StepRemove, Name: "/log"}},
	}
	w := openScenario(t, "sffs", Scenario{Chip: "Air724UG", Mode: ModeVolume, Volume: story, Hows: small["delta"].Hows})
	results := collect(t, w, Options{})
	i := slices.IndexFunc(results, func(r *Result) bool { return strings.HasPrefix(r.Detail, "patch") })
	if i < 0 {
		t.Fatal("no patch goes wrong")
	}
	x, err := w.Shrink(t.Context(), results[i].Path)
	if err != nil {
		t.Fatal(err)
	}
	v := x.Scenario.Volume
	if len(v.Steps) != 1 || len(v.Setup) != 1 || signature(x.Account.Result) != signature(results[i]) {
		t.Errorf("%d steps behind %d: %s, was %s", len(v.Steps), len(v.Setup), signature(x.Account.Result), signature(results[i]))
	}
	if len(w.Scenario.Volume.Steps) != 3 {
		t.Error("the scenario that was shrunk has changed")
	}
}

func TestVolumeRefuses(t *testing.T) {
	head := "name: a\nchip: Air601\nmode: volume\nvolume: "
	for text, want := range map[string]string{
		head + "{steps: []}\n":                                           "0 steps",
		head + "{steps: [{do: write}]}\n":                                "name \"\"",
		head + "{steps: [{do: write, name: a}]}\n":                       "name \"a\"",
		head + "{steps: [{do: write, name: /a, off: 3}]}\n":              "takes no such fields",
		head + "{steps: [{do: write, name: /a, bytes: 9999999}]}\n":      "bytes 9999999",
		head + "{steps: [{do: remove, name: /a}]}\n":                     "not possible",
		head + "{steps: [{do: write, name: /f/a}]}\n":                    "not possible",
		head + "{steps: [{do: mkdir, name: /f}, {do: write, name: /f}]}": "not possible",
		"name: a\nchip: Air601\nvolume: {steps: [{do: remount}]}\n":      "volume is for mode volume",
		"name: a\nchip: Air601\nmode: volume\npackage: bin\n":            "takes neither package",
		"name: a\nchip: Air601\nmode: volume\ndamages: 3\n":              "takes neither package",
	} {
		if _, err := ReadScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	w := mustNew(t, &Scenario{Name: "a", Chip: "Air601", Mode: ModeVolume})
	if _, err := w.Try(&Trial{}, nil, false); err == nil {
		t.Error("a trial of a volume")
	}
}

// The example of docs/SWEEP.md is a scenario, and goes well.
func TestVolumeOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/SWEEP.md")
	if err != nil {
		t.Fatal(err)
	}
	_, from, found := strings.Cut(string(text), "```yaml\nname: settings\n")
	example, _, closed := strings.Cut(from, "```")
	if !found || !closed {
		t.Fatal("no example")
	}
	s, err := ReadScenario([]byte("name: settings\n" + example))
	if err != nil {
		t.Fatal(err)
	}
	w := openScenario(t, "settings", *s)
	for _, r := range collect(t, w, Options{}) {
		if !r.Fine() {
			t.Errorf("case %d: %s: %s", r.Number, r.Outcome, r.Detail)
		}
	}
}
