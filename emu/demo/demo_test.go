package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/trace"
	"airlift/lua"
)

// chip returns a model with a profile.
func chip(t testing.TB, model, profile string) *chips.Chip {
	t.Helper()
	c, err := all.Chip(model, profile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// play runs a story and returns its log lines.
func play(t testing.TB, cfg Config) (Report, []string) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	s.World.Trace.Sink(func(e *trace.Event) {
		if e.Kind == trace.Log {
			lines = append(lines, e.Text)
		}
	})
	r, err := s.Run()
	if err != nil {
		t.Fatal(err)
	}
	return r, lines
}

// Every model upgrades itself with every profile that can be upgraded; those
// that cannot are refused with the reason.
func TestEveryModelUpgrades(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short, which the race detector is used with: one thing after the other")
	}
	upgraded := 0
	for _, f := range all.Families() {
		for _, m := range f.Models() {
			for _, p := range m.Profiles {
				if f.Name() == "rda8910" && m != f.Models()[0] && p.Name != m.Default && os.Getenv("AIRLIFT_SCALE") != "full" {
					continue // its models have the same firmware
				}
				t.Run(m.Name+"-"+p.Name, func(t *testing.T) {
					c := chip(t, m.Name, p.Name)
					if _, err := upgrades(c, ""); err != nil {
						if _, err := New(Config{Chip: c}); err == nil || !strings.Contains(err.Error(), "takes no upgrade") {
							t.Fatalf("expected a refusal, got %v", err)
						}
						return
					}
					size := int64(0)
					if m.Flash[0].Size == 1<<20 && p.Features.Fota {
						size = 300 << 10 // the FOTA area of a 1 MiB flash is small
					}
					r, lines := play(t, Config{Chip: c, Seed: 5, CoreSize: size})
					if r.Outcome != emu.OutcomeNew {
						t.Fatalf("outcome %s, end %s: %s\n%s", r.Outcome, r.End.End, r.End.Detail, strings.Join(lines, "\n"))
					}
					upgraded++
				})
			}
		}
	}
	if upgraded < 8 {
		t.Errorf("only %d models and profiles upgraded", upgraded)
	}
}

// The same seed gives the same trace; another seed gives another.
func TestTraceIsDeterministic(t *testing.T) {
	for _, model := range []string{"Air601", "Air6208"} {
		c := chip(t, model, "")
		first, _ := play(t, Config{Chip: c, Seed: 7})
		again, _ := play(t, Config{Chip: c, Seed: 7})
		other, _ := play(t, Config{Chip: c, Seed: 8})
		if first.Trace == "" || first.Trace != again.Trace {
			t.Errorf("%s: the same seed gave %q and %q", model, first.Trace, again.Trace)
		}
		if first.Trace == other.Trace {
			t.Errorf("%s: two seeds gave the same trace", model)
		}
	}
}

// The original libraries, unmodified, carry the same upgrade through, on both
// kinds of storage.
func TestOriginalLibraries(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: the original sys.lua, libfota.lua and libfota2.lua were NOT tested")
	}
	libs, err := lua.LibsFromDir(filepath.Join(src, "script"))
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range []string{"libfota", "libfota2"} {
		for _, model := range []string{"Air601", "Air6208"} {
			t.Run(library+"-"+model, func(t *testing.T) {
				r, lines := play(t, Config{Chip: chip(t, model, ""), Seed: 3, Library: library, Script: lua.Options{Libs: libs}})
				text := strings.Join(lines, "\n")
				// Only the original prints this line on cores of these dates.
				if r.Outcome != emu.OutcomeNew || !strings.Contains(text, "version -> 20") {
					t.Fatalf("outcome %s, end %s\n%s", r.Outcome, r.End.Detail, text)
				}
			})
		}
	}
}

// Our own libraries, both of them.
func TestLibraries(t *testing.T) {
	for _, library := range []string{"libfota", "libfota2"} {
		for _, model := range []string{"Air601", "Air6208"} {
			if r, lines := play(t, Config{Chip: chip(t, model, ""), Seed: 3, Library: library}); r.Outcome != emu.OutcomeNew {
				t.Errorf("%s on %s: outcome %s\n%s", library, model, r.Outcome, strings.Join(lines, "\n"))
			}
		}
	}
	if _, err := New(Config{Chip: chip(t, "Air601", ""), Library: "libfota9"}); err == nil {
		t.Error("an unknown library was accepted")
	}
}

// Production images hold no source at all.
func TestCompiledScripts(t *testing.T) {
	for _, library := range []string{"libfota", "libfota2"} {
		for _, model := range []string{"Air601", "Air6208"} {
			r, lines := play(t, Config{Chip: chip(t, model, ""), Seed: 3, Library: library, Compiled: true})
			if r.Outcome != emu.OutcomeNew {
				t.Errorf("%s on %s: outcome %s\n%s", library, model, r.Outcome, strings.Join(lines, "\n"))
			}
			for _, m := range r.Running.Mounts.Mounts() {
				if m.Type != "luadb" {
					continue
				}
				infos, err := afero.ReadDir(m.Fs, "/")
				if err != nil {
					t.Fatal(err)
				}
				for _, info := range infos {
					if strings.HasSuffix(info.Name(), ".lua") {
						t.Errorf("%s on %s: the image holds source: %s", library, model, info.Name())
					}
				}
			}
		}
	}
}

// benchSeed goes on from run to run of a benchmark: every cycle has a package
// of its own, so that nothing is remembered.
var benchSeed uint64

// BenchmarkOTACycle is one complete upgrade over the air, without the making
// of packages and images.
func BenchmarkOTACycle(b *testing.B) {
	for _, model := range []string{"Air6208", "Air601"} {
		b.Run(model, func(b *testing.B) {
			c := chip(b, model, "")
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				benchSeed++
				s, err := New(Config{Chip: c, Seed: benchSeed, CoreSize: 512 << 10})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				r, err := s.Run()
				if err != nil || r.Outcome != emu.OutcomeNew {
					b.Fatal(r.Outcome, err)
				}
				b.ReportMetric(float64(s.Package.Bytes), "package-bytes")
				b.ReportMetric(float64(r.FlashOps), "flash-ops")
			}
		})
	}
}
