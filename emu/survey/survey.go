// Package survey runs many projects that say nothing of success or failure,
// demos mostly, each for a stretch of virtual time, and sorts them by what
// became of them.
package survey

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/project"
	"airlift/flash/luadb"
	"airlift/lua"
)

// Class is what became of a project.
type Class string

// The classes, from best to worst.
const (
	Running  Class = "running"      // ran to the end of its time, or ended itself
	Finished Class = "finished"     // all its tasks came to their end; handlers may be left
	Waiting  Class = "waiting"      // a task waits for something that will never come
	Noop     Class = "running-noop" // one of these, with functions that do nothing here
	Refused  Class = "refused"      // needs a function that is not emulated
	Lacking  Class = "lacking"      // needs a library that its firmware lacks
	Failed   Class = "failed"       // an error that no function gave notice of
)

// Classes lists the classes in the order of tables.
var Classes = []Class{Running, Finished, Waiting, Noop, Refused, Lacking, Failed}

// Options say how to run the projects.
type Options struct {
	Chip   func(Project, []luadb.File) (*chips.Chip, error)
	Seed   uint64
	Limit  time.Duration // virtual time of each project
	Script lua.Options
	// More are folders of Lua files for what projects lack.
	More  []string
	Link  link.Model
	World func(*emu.World, *emu.Config) error
}

// Finding is one project's row.
type Finding struct {
	Project string
	Chip    string
	Profile string
	Class   Class
	Detail  string   // one line: what was refused, which error
	Refused []string // functions
	Noop    []string // functions
	Report  play.Report
	Err     error // why there was nothing to run, or airlift's own fault
}

// bootsMax bounds how often a demo may restart.
const bootsMax = 20

// stepsMax bounds one boot of a demo: it then counts as running.
const stepsMax = 30_000_000

// RunAll surveys projects on n goroutines (0: one a processor) and returns the
// findings in the order of the projects. done, if not nil, is called for each
// project as it ends, from one goroutine at a time.
func RunAll(projects []Project, o Options, n int, done func(Finding)) []Finding {
	return play.Each(projects, n, func(p Project) Finding { return Run(p, o) }, done)
}

// Run runs one project.
func Run(p Project, o Options) Finding {
	f := Finding{Project: p.Name}
	files, err := p.files(o.Script.Libs, o.More)
	if err != nil {
		return f.failed(err)
	}
	chip, err := o.Chip(p, files)
	if err != nil {
		return f.failed(err)
	}
	f.Chip, f.Profile = chip.Model.Name, chip.Profile.Name
	if !play.Fits(chip, files) { // LuaTools compiles, unless told otherwise
		if files, err = compiled(files, chip.Profile.Bits); err != nil {
			return f.failed(err)
		}
	}
	script := o.Script
	if script.Steps == 0 {
		script.Steps = stepsMax
	}
	r, err := play.Run(play.Job{
		Files: files, Chip: chip, Seed: o.Seed, Limit: o.Limit, Boots: bootsMax, Link: o.Link,
		Script: script, World: o.World, LinesMax: linesKept,
	})
	f.Report = r
	if err != nil {
		return f.failed(err)
	}
	f.Refused, f.Noop = r.Refused, r.Warnings
	f.classify()
	return f
}

// compiled gives the scripts the form that packages have.
func compiled(files []luadb.File, bits int) ([]luadb.File, error) {
	p, err := project.FromFiles(files)
	if err != nil {
		return nil, err
	}
	out, _, err := p.Apply(project.Build{Luac: true, Bits: bits})
	if err != nil {
		return nil, err
	}
	return out.Files, nil
}

// linesKept is how many lines of the log a finding keeps.
const linesKept = 40

func (f Finding) failed(err error) Finding {
	f.Class, f.Detail, f.Err = Failed, firstLine(err.Error()), err
	return f
}

// classify sorts the finding by its report.
func (f *Finding) classify() {
	r := &f.Report
	switch {
	case len(r.Refused) > 0:
		f.Class, f.Detail = Refused, strings.Join(r.Refused, " ")
	case len(r.Errors) > 0:
		f.classifyError(firstLine(r.Errors[0]))
	case r.End == emu.EndBoot || r.End == emu.EndCore || r.End == emu.EndRefused:
		f.Class, f.Detail = Failed, r.Detail
	case len(r.Warnings) > 0:
		f.Class, f.Detail = Noop, strings.Join(r.Warnings, " ")
	case r.End == emu.EndIdle && r.Exit.Waiting == 0:
		f.Class, f.Detail = Finished, lastWords(r.Lines)
	case r.End == emu.EndIdle:
		f.Class, f.Detail = Waiting, lastWords(r.Lines)
	default:
		f.Class = Running
		if r.End != emu.EndTime {
			f.Detail = fmt.Sprintf("%s: %s", r.End, r.Detail)
		}
	}
}

// noLibrary is what Lua says of a library that is not there.
var noLibrary = regexp.MustCompile(`attempt to index a nil value \(global '(\w+)'\)$`)

// classifyError sorts a project that ended with an error: a library that the
// firmware lacks is as on the module, and what follows from a function that
// did nothing is for want of the function.
func (f *Finding) classifyError(text string) {
	m := noLibrary.FindStringSubmatch(text)
	switch {
	case m != nil && isLibrary(m[1]):
		f.Class, f.Detail = Lacking, m[1]
	case strings.Contains(text, "is not emulated"):
		f.Class, f.Detail = Refused, text
	case len(f.Noop) > 0:
		f.Class, f.Detail = Refused, "to do nothing is not enough: "+text
	default:
		f.Class, f.Detail = Failed, text
	}
}

// otherLibraries are libraries that demos use and that no firmware with a table
// has: of other modules, of other years, or built on demand.
var otherLibraries = map[string]bool{
	"airtalk": true, "antbot": true, "dac": true, "fdb": true, "pin": true,
	"rtmp": true, "rtsp": true, "usb": true, "vtool": true, "w5500": true, "yhm27xx": true,
}

func isLibrary(name string) bool {
	return otherLibraries[name] || slices.Contains(firmware.LibraryNames(), name)
}

// lastWords is what the scripts said last: a hint at what they wait for.
func lastWords(lines []play.Line) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if _, text, ok := strings.Cut(lines[i].Text, "/user."); ok {
			return "last: " + clip(text)
		}
	}
	return ""
}

// clip cuts a text after 100 characters.
func clip(s string) string {
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "..."
	}
	return s
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}
