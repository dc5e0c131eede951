package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/chips/firmware"
	"airlift/emu/doctor"
)

// libraryColumns are the firmware that docs/LIBRARIES.md compares: one of each
// set of libraries that differs much.
var libraryColumns = [][2]string{
	{"Air101", "g2"}, {"Air601", "g2"}, {"Air6208", "g3"}, {"Air780E", "full"}, {"Air780E", "lite"}, {"Air780EP", "1"}, {"Air201", "1"},
	{"Air780EPM", "1"}, {"Air780EHM", "1"}, {"Air8000", "1"}, {"Air8101", "101"}, {"Air1601", "101"},
}

// TestLibrariesDoc keeps the table of docs/LIBRARIES.md true; with -update it
// writes it.
func TestLibrariesDoc(t *testing.T) {
	oneByOne(t)
	const begin, end = "<!-- table -->\n", "<!-- end of table -->\n"
	file := filepath.Join(repo, "docs", "LIBRARIES.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", file, begin, end)
	}
	table := librariesTable(t)
	if old == table {
		return
	}
	if !*updateDocs {
		t.Fatalf("docs/LIBRARIES.md is not true: go test ./cmd/airlift -run LibrariesDoc -update\nit should be\n%s", table)
	}
	if err := os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func librariesTable(t *testing.T) string {
	marks := map[libraryState]string{libraryReal: "yes", libraryRecorded: "rec", libraryRefused: "ref"}
	cells := map[string][]string{}
	head, rule := "| library |", "|---|"
	for i, column := range libraryColumns {
		chip, err := all.Chip(column[0], column[1])
		if err != nil {
			t.Fatal(err)
		}
		libs, _, err := librariesOf(chip)
		if err != nil || libs == nil {
			t.Fatalf("%v: %v, %v", column, libs, err)
		}
		head += fmt.Sprintf(" %s %s |", column[0], column[1])
		rule += "---|"
		for _, l := range libs {
			for _, name := range append([]string{l.Name}, l.Aliases...) {
				if cells[name] == nil {
					cells[name] = make([]string, len(libraryColumns))
				}
				cells[name][i] = marks[l.State]
			}
		}
	}
	var names []string
	for name := range cells {
		names = append(names, name)
	}
	sort.Strings(names)
	table := head + "\n" + rule + "\n"
	for _, name := range names {
		table += "| `" + name + "` | " + strings.Join(cells[name], " | ") + " |\n"
	}
	return table
}

// untabled are the families without tables of libraries: nobody has published
// firmware for boards of one's own, and the 8910's LuaTask has libraries of its
// own; airlift chips show says what their scripts get.
var untabled = map[string]bool{"guest": true, "rda8910": true}

// TestFirmwareTables wants a table for every profile, one that agrees with the
// profile's features and that the machine can fill.
func TestFirmwareTables(t *testing.T) {
	oneByOne(t)
	looked := map[string]bool{}
	for _, family := range all.Families() {
		for _, m := range family.Models() {
			for _, p := range m.Profiles {
				table, err := firmware.For(m.Name, p.Name)
				if untabled[family.Name()] {
					if err != nil || table != nil {
						t.Errorf("%s %s: table %v, %v", m.Name, p.Name, table, err)
					}
					continue
				}
				if err != nil || table == nil {
					t.Errorf("%s %s has no table of libraries (%v)", m.Name, p.Name, err)
					continue
				}
				for name, want := range map[string]bool{"fota": p.Features.Fota, "mobile": p.Features.Mobile, "wlan": p.Features.Wlan} {
					if _, ok := table.Library(name); ok != want {
						t.Errorf("%s %s: firmware %s has %s: %v, the profile says %v", m.Name, p.Name, table.Name, name, ok, want)
					}
				}
				if looked[table.Name] {
					continue
				}
				looked[table.Name] = true
				chip, err := family.Chip(m, p.Name, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkFilled(t, chip, table)
			}
		}
	}
}

// checkFilled looks whether scripts find every member, and no other.
func checkFilled(t *testing.T, chip *chips.Chip, table *firmware.Table) {
	t.Helper()
	s, err := doctor.SurfaceOf(chip, nil)
	if err != nil {
		t.Error(err)
		return
	}
	known := map[string]bool{"_G": true, "package": true, "sys": true, "sysplus": true}
	for _, l := range table.Libraries {
		for _, name := range append([]string{l.Name}, l.Aliases...) {
			known[name] = true
		}
		fields := s.Globals[l.Name].Fields
		if len(fields) != len(l.Members) {
			t.Errorf("%s: %s has %d members, expected %d", table.Name, l.Name, len(fields), len(l.Members))
		}
		for _, m := range l.Members {
			if want := memberTypes[m.Kind]; fields[m.Name].Type != want && want != "" || fields[m.Name].Type == "" {
				t.Errorf("%s: %s.%s is a %s, expected a %s", table.Name, l.Name, m.Name, fields[m.Name].Type, want)
			}
		}
	}
	for name, g := range s.Globals {
		if g.Fields != nil && !known[name] {
			t.Errorf("%s lacks %s, scripts find it", table.Name, name)
		}
	}
}

// memberTypes are the Lua types of members; others may be of any.
var memberTypes = map[firmware.Kind]string{
	firmware.Func: "function", firmware.Int: "number", firmware.Str: "string", firmware.Handle: "userdata",
}
