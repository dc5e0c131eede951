// Package testrun runs LuatOS test projects: folders with metas.json and a
// main.lua that ends by logging "### OVERALL_PASS ###" or
// "### OVERALL_FAIL ###", as those in upstream's testcase folder do
// (luatos-runtime.md 12).
//
// Every case gets a module and a world of its own, so cases can run side by
// side, and a case with the same seed always runs the same.
package testrun

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/flash/luadb"
	"airlift/lua"
)

// The tokens that give a case's verdict.
const (
	TokenPass = "### OVERALL_PASS ###"
	TokenFail = "### OVERALL_FAIL ###"
)

// Verdict is how a case ended.
type Verdict string

const (
	Pass     Verdict = "pass"
	Fail     Verdict = "fail"
	TimedOut Verdict = "time-out" // no verdict in its virtual time or its budget
	Excluded Verdict = "excluded" // not run: it uses what is not imitated
)

// Options say how to run cases.
type Options struct {
	// Chip chooses the module for a case.
	Chip   func(Case, []luadb.File) (*chips.Chip, error)
	Common []string // host folders of shared scripts, the first counts most
	Seed   uint64
	// Timeout is the virtual time of a case whose metas.json names none; 0
	// means [DefaultTimeout].
	Timeout time.Duration
	Script  lua.Options
	Link    link.Model
	World   func(*emu.World, *emu.Config) error
	// Servers says that the outside world's servers can be reached.
	Servers bool
	// Everything runs the cases that are out of scope as well.
	Everything bool
}

// DefaultTimeout is the virtual time of a case that names none.
const DefaultTimeout = time.Minute

// stepsMax bounds the Lua instructions of one boot of a case.
const stepsMax = 2_000_000_000

// bootsMax bounds how often a case may restart before its verdict.
const bootsMax = 10

// Check is one test function of a case, as upstream's testsuite.lua reports it.
type Check struct {
	Name    string
	OK      bool
	Message string   // of a failure
	Log     []string // the lines before a failure
}

// Result is the row of one case.
type Result struct {
	Case    Case
	Chip    string
	Profile string
	Seed    uint64
	Verdict Verdict
	// Detail is one line: why it failed, or what excludes it.
	Detail  string
	Checks  []Check
	Virtual time.Duration
	Refused []string // functions that are not emulated and were called
	Log     []string // the last lines of the log, unless the case passed
	Trace   string
}

// RunAll runs cases on n goroutines (0: one a processor) and returns their
// results in the order of the cases. done, if not nil, is called for each case
// as it ends, from one goroutine at a time.
func RunAll(cases []Case, o Options, n int, done func(Result)) []Result {
	return play.Each(cases, n, func(c Case) Result { return Run(c, o) }, done)
}

// Run runs one case.
func Run(c Case, o Options) Result {
	res := Result{Case: c, Seed: o.Seed}
	files, err := c.files(o.Common)
	if err != nil {
		return res.fail(err.Error())
	}
	chip, err := o.Chip(c, files)
	if err != nil {
		return res.fail(err.Error())
	}
	res.Chip, res.Profile = chip.Model.Name, chip.Profile.Name
	if res.Detail = OutOfScope(files, chip.Profile.Bits, o.Servers); res.Detail != "" && !o.Everything {
		res.Verdict = Excluded
		return res
	}
	w := watcher{res: &res}
	script := o.Script
	if script.Steps == 0 {
		script.Steps = stepsMax
	}
	report, err := play.Run(play.Job{
		Files: files, Chip: chip, Seed: o.Seed, Limit: c.timeout(o), Boots: bootsMax, Link: o.Link,
		Script: script, World: o.World, Line: w.line, LinesMax: linesKept,
	})
	var fault *play.Panic
	if errors.As(err, &fault) {
		return res.fail(firstLine(err.Error()))
	}
	if err != nil {
		return res.fail(err.Error())
	}
	return w.verdict(report)
}

func (r Result) fail(why string) Result {
	r.Verdict, r.Detail = Fail, why
	return r
}

func (c Case) timeout(o Options) time.Duration {
	switch {
	case c.Metas.Timeout > 0:
		return c.Metas.Timeout
	case o.Timeout > 0:
		return o.Timeout
	}
	return DefaultTimeout
}

const (
	linesKept   = 30  // of the end of a log
	contextKept = 6   // before a failed check
	checksMax   = 500 // of one case
)

// watcher reads a case's log as it grows.
type watcher struct {
	res    *Result
	recent []string
	passed bool
	failed bool
	// total is what testsuite.lua counted, for cases that use it and log no
	// token.
	total struct{ seen, failed bool }
}

// checkLine is how testsuite.lua reports a test function.
var checkLine = regexp.MustCompile(`suite\s+(?:✓ (\S+) passed|✗ (\S+) (?:setUp )?failed: ?(.*))$`)

// totalLine is how testsuite.lua sums up.
var totalLine = regexp.MustCompile(`suite\s+Total: \d+ passed, (\d+) failed$`)

func (w *watcher) line(l play.Line) (enough bool) {
	if m := checkLine.FindStringSubmatch(l.Text); m != nil {
		w.check(m)
	} else if w.recent = append(w.recent, l.Text); len(w.recent) > contextKept {
		w.recent = w.recent[1:]
	}
	if m := totalLine.FindStringSubmatch(l.Text); m != nil {
		w.total.seen = true
		w.total.failed = w.total.failed || m[1] != "0"
	}
	w.passed = w.passed || strings.Contains(l.Text, TokenPass)
	w.failed = w.failed || strings.Contains(l.Text, TokenFail)
	return w.passed || w.failed
}

// check takes the groups of a match of checkLine.
func (w *watcher) check(m []string) {
	c := Check{Name: m[1] + m[2], OK: m[1] != "", Message: m[3]}
	if !c.OK {
		c.Log = append([]string{}, w.recent...)
	}
	if len(w.res.Checks) < checksMax {
		w.res.Checks = append(w.res.Checks, c)
	}
	w.recent = w.recent[:0]
}

// verdict sums up. A verdict of the scripts counts before anything else that
// happened.
func (w *watcher) verdict(r play.Report) Result {
	res := *w.res
	res.Virtual, res.Refused, res.Trace = r.Virtual, r.Refused, r.Trace
	switch {
	case w.failed:
		res.Verdict, res.Detail = Fail, res.failedChecks()
	case w.passed:
		res.Verdict = Pass
	case r.End == emu.EndIdle && w.total.seen:
		res.Verdict = Pass
		if w.total.failed {
			res.Verdict, res.Detail = Fail, res.failedChecks()
		}
	case len(r.Errors) > 0:
		res.Verdict, res.Detail = Fail, "the scripts ended with an error: "+firstLine(r.Errors[0])
	case r.End == emu.EndTime || r.End == emu.EndBudget:
		res.Verdict, res.Detail = TimedOut, fmt.Sprintf("no verdict after %v of virtual time", r.Virtual.Round(time.Millisecond))
	default:
		res.Verdict, res.Detail = Fail, fmt.Sprintf("no verdict: %s (%s)", r.Detail, r.End)
	}
	if res.Verdict == Pass {
		return res
	}
	if len(r.Refused) > 0 {
		res.Detail += "; not emulated: " + strings.Join(r.Refused, ", ")
	}
	for _, l := range r.Lines {
		res.Log = append(res.Log, l.Text)
	}
	return res
}

// failedChecks names what failed.
func (r *Result) failedChecks() string {
	var bad []string
	for _, c := range r.Checks {
		if !c.OK {
			bad = append(bad, c.Name)
		}
	}
	switch {
	case len(bad) == 0:
		return "the scripts report a failure"
	case len(bad) > 5:
		return fmt.Sprintf("%d of %d checks failed: %s ...", len(bad), len(r.Checks), strings.Join(bad[:5], ", "))
	}
	return fmt.Sprintf("%d of %d checks failed: %s", len(bad), len(r.Checks), strings.Join(bad, ", "))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}
