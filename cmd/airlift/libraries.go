package main

import (
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/emu/doctor"
	"airlift/lua"
)

// libraryState says what airlift makes of a library.
type libraryState string

const (
	libraryReal     libraryState = "real"     // it does what the firmware does
	libraryRecorded libraryState = "recorded" // there is hardware behind it: calls show in the trace
	libraryRefused  libraryState = "refused"  // each function is an error that names it
)

// shownLibrary is the JSON form of a firmware's library.
type shownLibrary struct {
	Name    string       `json:"name"`
	Aliases []string     `json:"aliases,omitempty"`
	State   libraryState `json:"state"`
	Members int          `json:"members"`
	// Refused are the functions that are refused.
	Refused []string `json:"refused,omitempty"`
}

// librariesOf lists what a chip's firmware has, in its own order; nil if that
// is not known.
func librariesOf(c *chips.Chip) ([]shownLibrary, *firmware.Table, error) {
	t, err := firmware.For(c.Model.Name, c.Profile.Name)
	if t == nil || err != nil {
		return nil, nil, err
	}
	surface, err := doctor.SurfaceOf(c, nil)
	if err != nil {
		return nil, nil, err
	}
	var libs []shownLibrary
	for _, l := range t.Libraries {
		s := shownLibrary{Name: l.Name, Aliases: l.Aliases, State: libraryReal, Members: len(l.Members)}
		if lua.Recorded(l.Name) {
			s.State = libraryRecorded
		}
		functions := 0
		for _, m := range l.Members {
			if m.Kind == firmware.Func {
				functions++
			}
			if surface.Globals[l.Name].Fields[m.Name].Refused {
				s.Refused = append(s.Refused, m.Name)
			}
		}
		if functions > 0 && len(s.Refused) == functions {
			s.State = libraryRefused
		}
		libs = append(libs, s)
	}
	return libs, t, nil
}

// showLibraries lists the libraries by what becomes of them.
func (a *app) showLibraries(libs []shownLibrary) {
	if libs == nil {
		return
	}
	a.printf("\n%s\n", a.c(bold, "libraries"))
	for _, state := range []libraryState{libraryReal, libraryRecorded, libraryRefused} {
		var names []string
		for _, l := range libs {
			if l.State != state {
				continue
			}
			name := strings.Join(append([]string{l.Name}, l.Aliases...), "=")
			if n := len(l.Refused); n > 0 && state != libraryRefused {
				name += fmt.Sprintf(" (without %s)", some(l.Refused, 4))
			}
			names = append(names, name)
		}
		for i, line := range wrap(strings.Join(names, ", "), 92) {
			label := string(state)
			if i > 0 {
				label = ""
			}
			a.printf("  %-9s %s\n", label, line)
		}
	}
}

// some names the first few of names.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
