// Package doctor looks through a project for what is known to go wrong on
// modules: functions that the firmware lacks or that are not emulated, and the
// mistakes in over-the-air upgrades that people report (iot-platform.md 6) as
// far as they show in sources. Nothing of the project is run.
//
// A finding is a guess by the text of a program. It errs on the side of
// silence: what stands under a condition on the same library, or on the model,
// is taken to be meant so.
package doctor

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"airlift/chips"
	"airlift/emu/project"
	"airlift/flash/luadb"
	"airlift/lua"
	"airlift/lua/lua53"
)

// Severity says how much a finding matters.
type Severity string

const (
	Error   Severity = "error"   // it will not work
	Warning Severity = "warning" // it works until something else goes wrong
	Note    Severity = "note"    // worth knowing
)

var severities = []Severity{Error, Warning, Note}

// Check is something that the doctor looks for.
type Check struct {
	ID       string
	Severity Severity
	// Looks says what is looked for, Why what it leads to, Repair what to do.
	Looks, Why, Repair string
}

// Finding is one place where a check found something.
type Finding struct {
	*Check
	File string // of the project, "main.lua"; empty for the whole
	Line int    // 0 if there is none
	What string
	// More counts the other places in the file with the same name.
	More int
}

// Input is what the doctor looks at.
type Input struct {
	Project *project.Project
	Chip    *chips.Chip
	// Surface is what scripts find there: see [SurfaceOf].
	Surface lua.Surface
	// Libs are files laid over the built-in libraries, by name; nil without.
	Libs map[string][]byte
}

// Report is what the doctor found.
type Report struct {
	Findings []Finding
	// Scripts and Compiled count the files looked at. Compiled ones are only
	// searched for functions that are not emulated.
	Scripts, Compiled, Resources int
	ImageBytes                   int // of the script image, 0 if there is none
	ScriptBytes                  int64
}

// script is a source with its outline.
type script struct {
	name string
	out  *lua53.Outline
}

// exam is one look through a project.
type exam struct {
	Input
	report   Report
	scripts  []script
	compiled []compiledScript
	sets     map[string][]place // assignments, by path and by root
	requests []request
	seen     map[string]int // findings by check, file and name
}

type compiledScript struct {
	name  string
	proto *lua53.Proto
}

type place struct {
	file string
	set  lua53.Set
}

// Examine looks through a project.
func Examine(in Input) Report {
	x := &exam{Input: in, sets: map[string][]place{}, seen: map[string]int{}}
	x.read()
	for _, look := range []func(*exam){
		(*exam).modules, (*exam).names, (*exam).compiledUses, (*exam).flow, (*exam).watchdog,
		(*exam).identity, (*exam).update, (*exam).eachRequest, (*exam).callbacks, (*exam).sizes, (*exam).libraries,
	} {
		look(x)
	}
	slices.SortStableFunc(x.report.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID), cmp.Compare(a.What, b.What))
	})
	return x.report
}

// find adds a finding.
func (x *exam) find(id, file string, line int, format string, args ...any) {
	x.report.Findings = append(x.report.Findings, Finding{Check: checkOf(id), File: file, Line: line, What: fmt.Sprintf(format, args...)})
}

// findOnce is find for a name that may come often: the other places of a file
// are counted only.
func (x *exam) findOnce(id, file string, line int, name, format string, args ...any) {
	key := id + "\x00" + file + "\x00" + name
	if i, ok := x.seen[key]; ok {
		x.report.Findings[i].More++
		return
	}
	x.seen[key] = len(x.report.Findings)
	x.find(id, file, line, format, args...)
}

// read parses the project's files.
func (x *exam) read() {
	files := slices.Clone(x.Project.Files)
	slices.SortFunc(files, func(a, b luadb.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		chunk := lua53.SkipPrefix(f.Data)
		ext := path.Ext(f.Name)
		switch {
		case ext != ".lua" && ext != ".luac":
			x.report.Resources++
		case bytes.HasPrefix(chunk, []byte("\x1bLua")):
			x.report.Compiled++
			x.bytecode(f.Name, chunk)
		default:
			x.report.Scripts++
			x.source(f.Name, string(chunk))
		}
	}
	for _, s := range x.scripts {
		for _, set := range s.out.Sets {
			p := place{s.name, set}
			x.sets[set.Name] = append(x.sets[set.Name], p)
			if root := lua53.Root(set.Name); root != set.Name {
				x.sets[root] = append(x.sets[root], p)
			}
		}
	}
	x.requests = x.findRequests()
}

func (x *exam) source(name, text string) {
	bits := x.Chip.Profile.Bits
	out, err := lua53.ReadOutline(text, "@"+name, bits)
	if err == nil {
		// What the compiler alone refuses: a goto without a label.
		_, err = lua53.Compile(text, "@"+name, bits)
	}
	if err != nil {
		file, line, what := splitPosition(err.Error(), name)
		x.find("syntax", file, line, "%s", what)
		return
	}
	x.scripts = append(x.scripts, script{name, out})
}

// splitPosition takes "main.lua:3: text" apart.
func splitPosition(msg, name string) (file string, line int, what string) {
	rest, ok := strings.CutPrefix(msg, name+":")
	if !ok {
		return name, 0, msg
	}
	if _, err := fmt.Sscanf(rest, "%d:", &line); err != nil {
		return name, 0, msg
	}
	_, what, _ = strings.Cut(rest, ": ")
	return name, line, what
}

func (x *exam) bytecode(name string, chunk []byte) {
	bits := x.Chip.Profile.Bits
	p, err := lua53.Undump(chunk, "@"+name, bits)
	if err == nil {
		x.compiled = append(x.compiled, compiledScript{name, p})
		return
	}
	if _, other := lua53.Undump(chunk, "@"+name, 96-bits); other == nil {
		x.find("luac-width", name, 0, "compiled for %d-bit numbers; this firmware has %d-bit ones", 96-bits, bits)
		return
	}
	x.find("syntax", name, 0, "%v", err)
}

// eachRef visits the references of all sources.
func (x *exam) eachRef(visit func(file string, r *lua53.Ref)) {
	for _, s := range x.scripts {
		for i := range s.out.Refs {
			visit(s.name, &s.out.Refs[i])
		}
	}
}

// main is the outline of main.lua, or nil.
func (x *exam) main() *lua53.Outline {
	for _, s := range x.scripts {
		if s.name == "main.lua" {
			return s.out
		}
	}
	return nil
}

// module names the module in findings.
func (x *exam) module() string { return x.Chip.Model.Name + " " + x.Chip.Profile.Name }
