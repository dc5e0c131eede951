package xt804

import (
	"strings"
	"testing"
	"time"
)

// TestProfiles checks which profiles there are, and that each says what it
// must (xt804.md 0, 1.6).
func TestProfiles(t *testing.T) {
	want := map[string]string{
		"Air101": "g1 g2 g2-fota g3, default g2", "Air103": "g1 g2 g2-fota g3, default g2", "Air601": "g1 g2 g2-fota g3, default g2",
		"Air690": "g2 g2-fota g3, default g2", "Air6208": "g3, default g3",
	}
	features := map[string]string{"g1": "file", "g2": "file", "g2-fota": "file fota", "g3": "fota"}
	for _, m := range New().Models() {
		var names []string
		for _, p := range m.Profiles {
			names = append(names, p.Name)
			var f []string
			if p.Features.FileOTA {
				f = append(f, "file")
			}
			if p.Features.Fota {
				f = append(f, "fota")
			}
			if got := strings.Join(f, " "); got != features[p.Name] {
				t.Errorf("%s %s: OTA %q", m.Name, p.Name, got)
			}
			if wlan := m.Name != "Air101" && m.Name != "Air103"; p.Features.Wlan != wlan || p.Features.Mobile {
				t.Errorf("%s %s: features %+v", m.Name, p.Name, p.Features)
			}
			for _, date := range []string{p.CoreDate, p.LibDate} {
				if _, err := time.Parse(time.DateOnly, date); err != nil {
					t.Errorf("%s %s: %v", m.Name, p.Name, err)
				}
			}
			if p.Bits != 32 && p.Bits != 64 || p.Name != "g3" && p.Bits != 32 {
				t.Errorf("%s %s: %d bits", m.Name, p.Name, p.Bits)
			}
			seen := map[string]bool{}
			for _, a := range p.Assumptions {
				if seen[a.Name] || a.Text == "" || a.Source == "" {
					t.Errorf("%s %s: assumption %+v", m.Name, p.Name, a)
				}
				seen[a.Name] = true
			}
			for _, name := range []string{"flash-timing", "boot-timing", "rom-check", "lua-bits", "signatures-off"} {
				if !seen[name] {
					t.Errorf("%s %s does not say %s", m.Name, p.Name, name)
				}
			}
			if seen["air6208-ram"] != (m.Name == "Air6208") || seen["sota-discarded"] != (p.Name == "g3") {
				t.Errorf("%s %s: assumptions of others", m.Name, p.Name)
			}
		}
		if got := strings.Join(names, " ") + ", default " + m.Default; got != want[m.Name] {
			t.Errorf("%s: %s", m.Name, got)
		}
		if m.RAM != 288*kib || m.BSP != strings.ToUpper(m.Name) {
			t.Errorf("%+v", m)
		}
	}
}

func TestBuildDate(t *testing.T) {
	for in, want := range map[string]string{"2024-04-10": "Apr 10 2024", "2026-04-08": "Apr  8 2026", "soon": "soon"} {
		if got := buildDate(in); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func TestChipRefusesLayouts(t *testing.T) {
	f := New()
	big, err := maps.ReadFile("maps/air6208.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model   int
		profile string
		layout  string
		want    string
	}{
		{2, "g3", string(big), "8192 KiB"},
		{2, "g3", "nonsense", "line 1"},
		{2, "g2", "#define LUAT_FS_SIZE x", "line 1"},
		{2, "g9", "", "no profile"},
	} {
		var layout []byte
		if c.layout != "" {
			layout = []byte(c.layout)
		}
		if _, err := f.Chip(f.Models()[c.model], c.profile, layout); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	c, err := f.Chip(f.Models()[4], "", big)
	if err != nil || c.Profile.Name != "g3" {
		t.Error(err)
	}
}
