package main

import (
	"fmt"
	"strings"
	"time"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// sweepJSON is the JSON form of a sweep's summary.
type sweepJSON struct {
	Scenario string          `json:"scenario"`
	Digest   string          `json:"digest"`
	Shard    string          `json:"shard,omitempty"`
	Ops      int             `json:"flash_ops"`
	Package  int             `json:"package_bytes"`
	Clean    sweep.CleanLine `json:"clean"`
	Millis   int64           `json:"real_ms"`
	*sweep.Summary
}

// cutIn says what a mode cuts.
var cutIn = map[sweep.Mode]string{
	sweep.ModeBoot:   "the package is in place; boot code and core are cut",
	sweep.ModeUpdate: "updater, boot code and core are cut",
	sweep.ModeSystem: "scripts, updater, boot code and core are cut",
	sweep.ModeVolume: "changes of files are cut",
}

// sweepHead says what is going to be done.
func (a *app) sweepHead(h *sweep.Header) {
	if !a.text() {
		return
	}
	s := h.Scenario
	a.printf("%s  %s\n", a.c(bold, s.Name), s.Summary)
	profile := ""
	if s.Profile != "" {
		profile = ", profile " + s.Profile
	}
	what := "the power stays on"
	if !s.Uncut {
		what = cutIn[s.Mode]
	}
	brings := fmt.Sprintf("package of %d bytes", h.Package)
	if v := s.Volume; v != nil {
		brings = plural(int64(len(v.Steps)), "step") + " in the volume of " + v.Path
	}
	a.printf("  %s%s, %s, seed %d: %s\n", s.Chip, profile, brings, s.Seed, what)
	for i := range s.Faults {
		a.printf("  in every case: %s\n", s.Faults[i].String())
	}
	ended := string(h.Clean.Outcome)
	if h.Clean.Detail != "" {
		ended += ": " + h.Clean.Detail
	}
	a.printf("  without a cut: %s, %v of virtual time, then %s\n", plural(len(h.Ops), "flash operation"), time.Duration(h.Clean.Virtual)*time.Millisecond, ended)
	a.tried(s)
}

// tried says in which ways the upgrade is going to go wrong.
func (a *app) tried(s *sweep.Scenario) {
	if !s.Uncut {
		var hows []string
		for _, how := range s.Hows {
			text, _, _ := strings.Cut(how.Words(), " (seed ")
			hows = append(hows, text)
		}
		cuts := "the power fails"
		if s.Cuts > 1 {
			cuts = fmt.Sprintf("the power fails %d times, each time in the recovery from the time before,", s.Cuts)
		}
		if s.Recoveries > 0 {
			cuts = fmt.Sprintf("the power fails, and again in every recovery, %s in a row,", plural(s.Recoveries, "time"))
		}
		which := "at every operation"
		if s.Sample > 0 {
			which = fmt.Sprintf("in a sample of %d cases", s.Sample)
		}
		for i, line := range wrap(fmt.Sprintf("%s %s in %d ways: %s", cuts, which, len(hows)+len(s.BrownOuts), strings.Join(hows, ", ")), 90) {
			if i > 0 {
				line = "  " + line
			}
			a.printf("  %s\n", line)
		}
	}
	or := map[bool]string{false: "or "}[s.Uncut]
	if s.Damages > 0 {
		what := map[bool]string{true: "damaged inside, with every checksum around that made right,", false: "damaged"}[s.Repair]
		a.printf("  %sthe package is %s in %s\n", or, what, plural(int64(s.Damages), "way"))
	}
	if z := s.Sizes; z != nil {
		a.printf("  %s%s\n", or, z)
	}
}

// sweepReport prints what came of a sweep. Done is what was done with its cases
// in that time.
func (a *app) sweepReport(h *sweep.Header, sum *sweep.Summary, extra, done string, took time.Duration) error {
	if len(sum.Findings) > 0 || h.Clean.Wrong() {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(sweepJSON{h.Scenario.Name, h.Digest, h.Shard, len(h.Ops), h.Package, h.Clean, took.Milliseconds(), sum})
	}
	a.printf("  %s %s in %.1f s", plural(int64(sum.Cases), "case"), done, took.Seconds())
	for _, o := range sweep.Outcomes {
		if n := sum.Outcomes[o.Outcome]; n > 0 {
			a.printf("   %s", a.c(outcomeColour(o.Letter), fmt.Sprintf("%s %d", o.Outcome, n)))
		}
	}
	a.printf("\n")
	for _, i := range sweep.Invariants {
		if n := sum.Broken[i]; n > 0 {
			a.printf("  broken in %s: %s\n", plural(int64(n), "case"), i.Words())
		}
	}
	a.axisMap(h, sum)
	if h.Clean.Wrong() {
		a.printf("  %s\n", a.c(red, "without a cut it goes wrong already: see above"))
	}
	if sum.Cases == 0 {
		a.printf("  there is nothing to try: %s\n", nothing(h))
		return nil
	}
	if len(sum.Findings) == 0 {
		a.printf("  every case ends with exactly the old or exactly the new version\n")
		return nil
	}
	for _, f := range sum.Findings {
		a.finding(f, extra)
	}
	if sum.Unlisted > 0 {
		a.printf("\n  %s in further ways, which are not listed\n", plural(int64(sum.Unlisted), "case"))
	}
	return nil
}

// nothing is why a sweep, or a shard of one, has no case.
func nothing(h *sweep.Header) string {
	if len(h.Ops) == 0 {
		return "the run without a cut has no flash operation at which the power could fail"
	}
	return "there are fewer cases than shards"
}

func outcomeColour(letter byte) string {
	switch letter {
	case 'n':
		return green
	case 'o':
		return blue
	case 'M', '!':
		return yellow
	case 'S':
		return magenta
	case 'B':
		return red
	}
	return dim
}

// mapWidth is how many columns the map of the operation axis has.
const mapWidth = 64

// axisMap draws the operation axis, a row for each stretch of operations in one
// stage and partition, with the worst outcome of the cuts there.
func (a *app) axisMap(h *sweep.Header, sum *sweep.Summary) {
	if len(sum.Map) == 0 {
		return
	}
	a.printf("  operations of the run without a cut, and the worst that a cut there leads to:\n")
	rows := 0
	for from := 0; from < len(h.Ops); {
		to := from + 1
		for to < len(h.Ops) && h.Ops[to].Stage == h.Ops[from].Stage && h.Ops[to].Part == h.Ops[from].Part {
			to++
		}
		if rows++; rows > 40 {
			a.printf("    ... and on to operation #%d: see --out for all of them\n", len(h.Ops)-1)
			break
		}
		p := &h.Ops[from]
		a.printf("    #%-6d %-8s %-12s %s", from, p.Stage, p.Part, a.letters(sum.Map[from:to]))
		if n := to - from; n > mapWidth {
			a.printf("  (%d operations, %d a letter)", n, (n+mapWidth-1)/mapWidth)
		}
		a.printf("\n")
		from = to
	}
	a.printf("    n new  o old  M mixed  S stuck  B brick  ! an invariant broken  . not tried\n")
}

// letters squeezes letters into the width of the map, the worst of each
// column, and paints them.
func (a *app) letters(s string) string {
	per := (len(s) + mapWidth - 1) / mapWidth
	var b strings.Builder
	for from := 0; from < len(s); from += per {
		worst := sweep.Worst(s[from:min(from+per, len(s))])
		b.WriteString(a.c(outcomeColour(worst), string(rune(worst))))
	}
	return b.String()
}

// finding prints one kind of bad end.
func (a *app) finding(f *sweep.Finding, extra string) {
	letter := byte('!')
	for _, o := range sweep.Outcomes {
		if o.Outcome == f.Outcome && f.Outcome != emu.OutcomeNew && f.Outcome != emu.OutcomeOld {
			letter = o.Letter
		}
	}
	head := string(f.Outcome)
	if letter == '!' {
		head = "an invariant broken"
	}
	a.printf("\n  %s in %s: %s\n", a.c(outcomeColour(letter), head), plural(int64(f.Cases), "case"), f.First.Detail)
	a.printf("    first: %s\n", fault.Describe(f.First.Faults))
	for i := range f.First.Places {
		a.printf("           %s\n", f.First.Places[i].String())
	}
	a.printf("    airlift replay %s%s\n", f.ID, extra)
}
