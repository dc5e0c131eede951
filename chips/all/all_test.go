package all

import (
	"testing"

	"airlift/chips"
	"airlift/chips/rda8910"
)

func TestRegistry(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Families() {
		if _, ok := f.(chips.Unpacker); len(f.Models()) == 0 && !ok {
			t.Errorf("%s has no models and unpacks no files", f.Name())
		}
		for _, m := range f.Models() {
			if seen[m.Name] || m.Family != f.Name() {
				t.Errorf("model %s of family %s, listed under %s", m.Name, m.Family, f.Name())
			}
			seen[m.Name] = true
			if _, err := m.Profile(""); err != nil {
				t.Error(err)
			}
			for _, p := range m.Profiles {
				c, err := f.Chip(m, p.Name, nil)
				if err != nil {
					t.Errorf("%s %s: %v", m.Name, p.Name, err)
					continue
				}
				if len(c.Partitions) != len(m.Flash) || c.Bootloader == nil || c.Core == nil || c.Maker == nil {
					t.Errorf("%s %s is not complete: %+v", m.Name, p.Name, c)
				}
				if len(p.Assumptions) == 0 {
					t.Errorf("%s %s assumes nothing", m.Name, p.Name)
				}
			}
		}
	}
	for _, name := range []string{"Air101", "Air103", "Air601", "Air690", "Air6208"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestFindModel(t *testing.T) {
	if _, m, err := chips.FindModel(Families(), "air6208"); err != nil || m.Name != "Air6208" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestSameBeginning checks who gets upgrade files for AT firmware: with the
// 8910 and with EC618 they begin alike.
func TestSameBeginning(t *testing.T) {
	stream := func(data string) []byte {
		s := rda8910.Stream{Files: []rda8910.StreamFile{{Tag: rda8910.TagCore, Data: []byte(data)}}}
		return s.Encode()
	}
	for name, b := range map[string][]byte{
		"stream":                   stream("RDAOTA02, and then no pack at all"),
		"AT firmware upgrade file": stream("\xEC\xDF, and then no delta at all"),
	} {
		if f, err := Explain(b); err != nil || f.Name != name {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
