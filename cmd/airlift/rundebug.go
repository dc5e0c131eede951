package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/trace"
	"airlift/lua"
)

// callFlags choose which calls of scripts are shown.
type callFlags struct {
	on   bool
	only []string
	max  int
}

func (c *callFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&c.on, "trace-lua", false, "print the calls of functions that scripts make")
	fl.StringSliceVar(&c.only, "trace-lua-only", nil, "only calls of functions, or into files, that match one of these `patterns`: http.*, main.lua")
	fl.IntVar(&c.max, "trace-lua-max", 10_000, "stop printing calls after so many")
}

func (c *callFlags) check() error {
	for _, p := range c.only {
		if _, err := path.Match(p, ""); err != nil {
			return usagef("--trace-lua-only %q: expected a pattern as of a file name: * ? [a-z]", p)
		}
	}
	if c.max < 1 {
		return usagef("--trace-lua-max %d: expected at least 1", c.max)
	}
	c.on = c.on || len(c.only) > 0
	return nil
}

// wants reports whether a call is one of those to be shown. A pattern that ends
// in .lua is of files, any other of functions.
func (c *callFlags) wants(s *lua.ScriptCall) bool {
	for _, p := range c.only {
		name := s.Name
		if strings.HasSuffix(p, ".lua") {
			name = s.Chunk
		}
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return len(c.only) == 0
}

// scriptView shows what happens within scripts: calls, and errors that nobody
// caught. Neither is part of the trace and its hash.
type scriptView struct {
	a       *app
	printer *eventPrinter
	report  *runReport
	calls   callFlags
	now     func() time.Duration
	boot    int // of the last event
	shown   int // calls so far
	errors  map[string]bool
}

// attach has the scripts that opts are for report to v.
func (v *scriptView) attach(opts *lua.Options) {
	v.errors = map[string]bool{}
	opts.Uncaught = v.uncaught
	if v.calls.on {
		opts.Calls = v.call
	}
}

// callIndentMax bounds how far deep calls are indented.
const callIndentMax = 24

func (v *scriptView) call(c lua.ScriptCall) {
	if v.shown > v.calls.max || !v.calls.wants(&c) {
		return
	}
	v.shown++
	text := callText(&c)
	if v.shown > v.calls.max {
		text = fmt.Sprintf("%d calls were shown: --trace-lua-max shows more, --trace-lua-only fewer of the others", v.calls.max)
	}
	switch v.a.format {
	case "json":
		v.report.addEvent(jsonEvent{TimeNS: v.now().Nanoseconds(), Boot: v.boot, Kind: "call", Text: text})
	case "jsonl":
		v.a.json(jsonEvent{TimeNS: v.now().Nanoseconds(), Boot: v.boot, Kind: "call", Text: text})
	default:
		v.printer.flush()
		v.printer.line(v.now(), "call", v.a.c(dim, strings.Repeat("  ", min(c.Depth, callIndentMax))+printable(text)))
	}
}

// callText is one call: what is called, where that is written, who calls.
func callText(c *lua.ScriptCall) string {
	name := c.Name
	switch {
	case c.Line == 0:
		name = "(the file)"
	case name == "":
		name = "?"
	}
	where := c.Chunk
	if c.Line > 0 {
		where = fmt.Sprintf("%s:%d", c.Chunk, c.Line)
	}
	text := where + " " + name
	if c.From != "" {
		text += fmt.Sprintf(" < %s:%d", c.From, c.FromLine)
	}
	if c.Task > 0 {
		text += fmt.Sprintf("  [task %d]", c.Task)
	}
	return text
}

// jsonScriptError is the JSON form of an error that nobody caught.
type jsonScriptError struct {
	TimeNS  int64            `json:"time_ns"`
	Boot    int              `json:"boot"`
	Message string           `json:"message"`
	File    string           `json:"file,omitempty"` // on the module
	Line    int              `json:"line,omitempty"`
	Source  []jsonSourceLine `json:"source,omitempty"`
	Mark    string           `json:"mark,omitempty"` // stands below the line
	Text    string           `json:"text"`           // message and traceback
}

type jsonSourceLine struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// jsonErrorsMax is how many errors one JSON object lists.
const jsonErrorsMax = 1000

func (v *scriptView) uncaught(e lua.ScriptError) {
	if !v.a.text() {
		if len(v.report.Errors) < jsonErrorsMax {
			v.report.Errors = append(v.report.Errors, v.toJSON(&e))
		}
		return
	}
	v.printer.flush()
	v.a.flush() // the log comes first
	key := fmt.Sprint(e.File, e.Line, e.Message())
	if v.errors[key] {
		v.a.note("error  the same again in boot %d: %s", v.boot, printable(e.Message()))
		return
	}
	v.errors[key] = true
	v.a.note("error  %s", strings.ReplaceAll(printable(e.Message()), "\n", "\n       "))
	v.source(&e)
}

// source prints the lines around an error.
func (v *scriptView) source(e *lua.ScriptError) {
	if e.File == "" {
		return
	}
	if len(e.Source) == 0 {
		v.a.note("       in %s, line %d: it is compiled, so there is no source to show", printable(e.File), e.Line)
		return
	}
	v.a.note("       in %s:", printable(e.File))
	for _, l := range e.Source {
		arrow := ' '
		if l.Number == e.Line {
			arrow = '>'
		}
		v.a.note("%c %5d | %s", arrow, l.Number, printable(l.Text))
		if l.Number == e.Line {
			v.a.note("        | %s", e.Mark)
		}
	}
}

func (v *scriptView) toJSON(e *lua.ScriptError) jsonScriptError {
	j := jsonScriptError{TimeNS: v.now().Nanoseconds(), Boot: v.boot, Message: e.Message(), File: e.File, Line: e.Line, Mark: e.Mark, Text: e.Text}
	for _, l := range e.Source {
		j.Source = append(j.Source, jsonSourceLine{l.Number, l.Text})
	}
	return j
}

// addEvent lists an event, or counts it if the list is long.
func (r *runReport) addEvent(e jsonEvent) {
	if len(r.Events) == jsonEventsMax {
		r.EventsLeftOut++
		return
	}
	r.Events = append(r.Events, e)
}

// sink shows events as the run's flags say.
func (v *scriptView) sink(quiet bool) func(e *trace.Event) {
	return func(e *trace.Event) {
		v.boot = e.Boot
		switch {
		case v.a.format == "json":
			v.report.addEvent(toJSON(e))
		case !quiet || e.Kind == trace.Log:
			v.printer.event(e)
			if e.Kind != trace.Flash {
				v.a.flush()
			}
		}
	}
}
