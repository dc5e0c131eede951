package main

import (
	"fmt"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu/trace"
	"airlift/flash"
)

// eventPrinter writes the events of a world for people, one line each, or as
// JSON lines.
type eventPrinter struct {
	a *app
	// flashOps prints every flash operation; otherwise runs of them are summed
	// up in one line.
	flashOps bool
	parts    []flash.Table // of each flash chip
	run      opRun
	// debug prints all debug lines; otherwise long runs of the firmware's own
	// with one tag are cut short.
	debug    bool
	debugRun debugRun
}

// debugRun is a run of debug lines with one tag.
type debugRun struct {
	tag  string
	n    int
	last time.Duration
}

// userTag begins the tags of lines that scripts log.
const userTag = "D/user."

// debugShown is how many lines of such a run are shown.
const debugShown = 3

// opRun is a run of flash operations within one partition.
type opRun struct {
	part             string
	programs, erases int
	bytes            int64
	from, to         int64
	last             time.Duration
}

// jsonEvent is the JSON form of an event.
type jsonEvent struct {
	TimeNS int64  `json:"time_ns"`
	Boot   int    `json:"boot"`
	Kind   string `json:"kind"`
	Stage  string `json:"stage,omitempty"`
	Step   string `json:"step,omitempty"`
	Text   string `json:"text,omitempty"`
	Op     string `json:"op,omitempty"`
	Seq    uint64 `json:"seq,omitempty"`
	Chip   int    `json:"chip,omitempty"`
	Off    int64  `json:"off,omitempty"`
	Len    int64  `json:"len,omitempty"`
}

func toJSON(e *trace.Event) jsonEvent {
	j := jsonEvent{TimeNS: e.Time.Nanoseconds(), Boot: e.Boot, Kind: string(e.Kind), Text: e.Text}
	switch e.Kind {
	case trace.Step:
		j.Stage, j.Step, j.Text = e.Step.Stage, string(e.Step.Kind), e.Step.Text
	case trace.Flash:
		j.Op, j.Seq, j.Chip, j.Off, j.Len = e.Op.String(), e.Seq, e.Chip, e.Off, e.Len
	}
	return j
}

// event prints e. The end of the run is left to the summary.
func (p *eventPrinter) event(e *trace.Event) {
	if p.a.format == "jsonl" {
		p.a.json(toJSON(e))
		return
	}
	if e.Kind == trace.Flash && !p.flashOps {
		p.sum(e)
		return
	}
	if p.debugLine(e) {
		if p.debugRun.n > debugShown {
			return
		}
		p.flushOps()
	} else {
		p.flush()
	}
	text, step := printable(e.Text), printable(e.Step.Text)
	switch e.Kind {
	case trace.Power:
		p.a.printf("%s\n", p.a.c(bold, fmt.Sprintf("%s ── boot %d ── %s", stamp(e.Time), e.Boot, text)))
	case trace.Log:
		p.line(e.Time, "log", p.a.c(logColour(text), text))
	case trace.Step:
		p.line(e.Time, e.Step.Stage, p.a.c(stepColour(&e.Step), step))
	case trace.Flash:
		p.line(e.Time, "flash", p.a.c(dim, fmt.Sprintf("#%d %s %s0x%06X+%d", e.Seq, e.Op, p.partPrefix(e.Chip, e.Off), e.Off, e.Len)))
	case trace.Net, trace.Server:
		p.line(e.Time, string(e.Kind), p.a.c(cyan, text))
	case trace.Exit:
		p.line(e.Time, "scripts", p.a.c(yellow, text))
	}
}

// findings collects what a module was seen to do to itself.
type findings []string

func (f *findings) event(e *trace.Event) {
	if e.Kind == trace.Step && e.Step.IsFinding() {
		*f = append(*f, strings.TrimPrefix(e.Step.Text, chips.FindingMark))
	}
}

// printable keeps what a script or a server sends from acting on the terminal.
// Line ends and tabs stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, s)
}

// line prints one line: time, who, what. Text of several lines is indented.
func (p *eventPrinter) line(t time.Duration, who, text string) {
	text = strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\n", "\n"+strings.Repeat(" ", 26))
	p.a.printf("%s %-8s %s\n", p.a.c(dim, stamp(t)), who, text)
}

// stamp is virtual time in seconds to the microsecond.
func stamp(t time.Duration) string {
	us := t.Microseconds()
	return fmt.Sprintf("[%8d.%06d]", us/1e6, us%1e6)
}

// part names the partition at an offset, with the chip if it is not the first.
func (p *eventPrinter) part(chip int, off int64) string {
	name := "outside"
	if len(p.parts) > 0 && chip >= len(p.parts) {
		return fmt.Sprintf("chip %d of the scene", chip)
	}
	if chip < len(p.parts) {
		if q, ok := p.parts[chip].At(off); ok {
			name = q.Name
		}
	}
	if chip > 0 {
		name = fmt.Sprintf("chip %d %s", chip, name)
	}
	return name
}

func (p *eventPrinter) partPrefix(chip int, off int64) string {
	if len(p.parts) == 0 || len(p.parts[0]) == 0 {
		return ""
	}
	return p.part(chip, off) + " "
}

// sum adds a flash operation to the current run.
func (p *eventPrinter) sum(e *trace.Event) {
	part := p.part(e.Chip, e.Off)
	if part != p.run.part {
		p.flush()
		p.run = opRun{part: part, from: e.Off}
	}
	r := &p.run
	if e.Op == flash.OpErase {
		r.erases++
	} else {
		r.programs++
		r.bytes += e.Len
	}
	r.from, r.to, r.last = min(r.from, e.Off), max(r.to, e.Off+e.Len), e.Time
}

// debugLine reports whether e is a debug line, and counts it.
func (p *eventPrinter) debugLine(e *trace.Event) bool {
	tag, _, _ := strings.Cut(e.Text, " ")
	if e.Kind != trace.Log || !strings.HasPrefix(tag, "D/") || strings.HasPrefix(tag, userTag) || p.debug {
		return false
	}
	if p.debugRun.tag != tag {
		p.flush()
	}
	p.debugRun = debugRun{tag, p.debugRun.n + 1, e.Time}
	return true
}

// flush prints what is summed up.
func (p *eventPrinter) flush() {
	if d := p.debugRun; d.n > debugShown {
		p.line(d.last, "log", p.a.c(dim, fmt.Sprintf("%s ... %d more lines: --debug shows them", d.tag, d.n-debugShown)))
	}
	p.debugRun = debugRun{}
	p.flushOps()
}

// flushOps prints the summed-up run of operations.
func (p *eventPrinter) flushOps() {
	r := p.run
	p.run = opRun{}
	if r.erases+r.programs == 0 {
		return
	}
	var what []string
	if r.erases > 0 {
		what = append(what, plural(r.erases, "sector")+" erased")
	}
	if r.programs > 0 {
		what = append(what, fmt.Sprintf("%s programmed (%d bytes)", plural(r.programs, "page"), r.bytes))
	}
	p.line(r.last, "flash", p.a.c(dim, fmt.Sprintf("%s 0x%06X..0x%06X: %s", r.part, r.from, r.to, strings.Join(what, ", "))))
}

func stepColour(s *chips.Step) string {
	if s.IsFinding() {
		return red
	}
	switch s.Kind {
	case chips.KindDecide:
		return bold
	case chips.KindDo:
		return magenta
	case chips.KindPrint:
		return yellow
	}
	return dim
}

func logColour(line string) string {
	switch {
	case strings.HasPrefix(line, "E/"):
		return red
	case strings.HasPrefix(line, "W/"):
		return yellow
	case strings.HasPrefix(line, "D/"):
		return dim
	}
	return green
}
