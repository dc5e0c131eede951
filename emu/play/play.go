// Package play runs one project on one module, in a world of its own, and
// says how that went. Test cases (package testrun) and the survey of demos
// (package survey) are many plays.
package play

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/trace"
	"airlift/flash/luadb"
	"airlift/lua"
)

// Job is a project and the module and world to run it in.
type Job struct {
	Files []luadb.File
	Chip  *chips.Chip
	Seed  uint64
	Limit time.Duration // virtual time
	Boots int           // most boots, 0 for no bound
	Link  link.Model
	// Script are the options of the script machines: libraries, step budget.
	Script lua.Options
	// World, if not nil, completes the world before the module is switched on:
	// servers, peers.
	World func(*emu.World, *emu.Config) error
	// Line, if not nil, sees every line of the device's log. When it returns
	// true the run is over.
	Line func(Line) (enough bool)
	// LinesMax is how many of the last lines the report keeps; 0 means
	// [LinesDefault].
	LinesMax int
}

// LinesDefault is how many of the last lines of the log a report keeps.
const LinesDefault = 200

// Line is one line of the device's log.
type Line struct {
	Time time.Duration // virtual
	Boot int
	Text string
}

// Report says how a play went.
type Report struct {
	emu.Result
	// Enough is set when Job.Line ended the run.
	Enough  bool
	Virtual time.Duration // how long the world existed
	Lines   []Line        // the last lines of the log
	// Refused are the functions that scripts called and airlift does not
	// emulate, in the order of the first calls.
	Refused []string
	// Warnings are the functions that did nothing, with a warning, in the
	// order of the first calls.
	Warnings []string
	// Errors are the texts of errors that ended a script machine, without
	// repetitions, in order.
	Errors []string
	Steps  uint64 // of all script machines together
	Trace  string // hash as hex, empty if the run cannot be repeated
}

// Run runs a job. The error is a project that does not fit the module, or a
// fault of the emulation; what the scripts do wrong is in the report.
func Run(j Job) (r Report, err error) {
	image, err := luadb.Build(j.Files, luadb.Options{})
	if err != nil {
		return r, err
	}
	flashes, err := emu.MakeFlash(j.Chip, chips.MakeInput{Script: image, CoreSeed: j.Seed})
	if err != nil {
		return r, err
	}
	w := emu.NewWorld(j.Seed, j.Limit)
	w.Link = j.Link
	cfg := emu.Config{
		Chip: j.Chip, Flash: flashes, Seed: j.Seed, Clock: w.Clock, Trace: w.Trace, Net: w.Net,
		BootsMax: j.Boots, UnixTime: link.Epoch.Unix(), Script: j.Script,
	}
	if j.World != nil {
		if err := j.World(w, &cfg); err != nil {
			return r, err
		}
	}
	p := &player{job: j, world: w, report: &r}
	cfg.Exited = p.exited
	w.Trace.Sink(p.event)
	dev, err := emu.NewDevice(cfg)
	if err != nil {
		return r, err
	}
	if r.Result, err = runDevice(dev); err != nil {
		return r, err
	}
	r.Virtual, r.Trace = w.Clock.Now(), w.Trace.Sum()
	r.Lines = p.last()
	return r, nil
}

// Panic is a fault of the emulation that one play met. Others can go on.
type Panic struct{ Value any }

func (p *Panic) Error() string { return fmt.Sprintf("airlift is at fault: %v", p.Value) }

func runDevice(dev *emu.Device) (res emu.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{v}
		}
	}()
	return dev.Run()
}

// player follows the trace of a play.
type player struct {
	job    Job
	world  *emu.World
	report *Report
	ring   []Line
	next   int // where the next line goes, once the ring is full
}

func (p *player) event(e *trace.Event) {
	switch e.Kind {
	case trace.Log:
		p.line(Line{e.Time, e.Boot, e.Text})
	case trace.Step:
		switch e.Step.Stage {
		case lua.UnitRefused:
			p.report.Refused = addNew(p.report.Refused, e.Step.Text)
		case lua.UnitNoop:
			p.report.Warnings = addNew(p.report.Warnings, e.Step.Text)
		}
	}
}

func (p *player) exited(_ int, e lua.Exit) {
	p.report.Steps += e.Steps
	if e.Err != "" {
		p.report.Errors = addNew(p.report.Errors, e.Err)
	}
}

func (p *player) line(l Line) {
	most := p.job.LinesMax
	if most == 0 {
		most = LinesDefault
	}
	if len(p.ring) < most {
		p.ring = append(p.ring, l)
	} else {
		p.ring[p.next] = l
		p.next = (p.next + 1) % most
	}
	if p.job.Line != nil && !p.report.Enough && p.job.Line(l) {
		p.report.Enough = true
		p.world.Clock.SetLimit(max(1, p.world.Clock.Now()))
	}
}

// last returns the lines of the ring in order.
func (p *player) last() []Line {
	return append(append([]Line{}, p.ring[p.next:]...), p.ring[:p.next]...)
}

// addNew appends s unless it is there.
func addNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	if len(list) < namesMax {
		list = append(list, s)
	}
	return list
}

// namesMax bounds the lists of a report.
const namesMax = 200
