package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/junit"
	"airlift/emu/sweep"
)

// WriteJUnit writes sweeps in the form of JUnit: a test suite a scenario; in it a
// test case for the run without a fault, one for each stretch of the operation
// axis at which every case went well, and a failed one for each finding. Times are
// real seconds.
func WriteJUnit(w io.Writer, sweeps []*Sweep) error {
	var suites []junit.Suite
	for _, s := range sweeps {
		suites = append(suites, junitOf(s))
	}
	return junit.Write(w, "airlift sweep", suites)
}

func junitOf(s *Sweep) junit.Suite {
	h := s.Header
	out := junit.Suite{Name: h.Scenario.Name, Time: s.Took, Properties: []junit.Property{
		{Name: "chip", Value: h.Scenario.Chip}, {Name: "profile", Value: h.Scenario.Profile}, {Name: "mode", Value: string(h.Scenario.Mode)},
		{Name: "seed", Value: fmt.Sprint(h.Scenario.Seed)}, {Name: "digest", Value: h.Digest}, {Name: "cases", Value: fmt.Sprint(s.Summary.Cases)},
	}}
	without := junit.Case{Name: "the run without a fault"}
	// With a standing fault an upgrade may well not happen.
	spoilt := slices.ContainsFunc(h.Scenario.Faults, func(f fault.Fault) bool { return f.Standing() })
	if c := h.Clean; c.Outcome != emu.OutcomeNew && !(spoilt && c.Outcome == emu.OutcomeOld) || len(c.Broken) > 0 {
		without.Failure = &junit.Message{Message: fmt.Sprintf("%s: %s", c.Outcome, c.Detail), Type: string(c.Outcome)}
	}
	out.Cases = append(out.Cases, without)
	for _, x := range stretches(h, s.Summary) {
		if strings.Trim(x.Letters, "no.") == "" && strings.Trim(x.Letters, ".") != "" {
			out.Cases = append(out.Cases, junit.Case{Name: fmt.Sprintf("operations %d to %d: %s %s", x.From, x.To-1, x.Stage, x.Part)})
		}
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		out.Cases = append(out.Cases, junit.Case{Name: f.Signature, Failure: &junit.Message{Message: f.Title(), Type: string(f.Outcome), Text: f.text()}})
	}
	return out
}

// text is what a person needs to know of a finding without more tools.
func (f *Finding) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases, the first of them: %s\n", f.Cases, f.Faults())
	for i := range f.First.Places {
		fmt.Fprintf(&b, "%s\n", &f.First.Places[i])
	}
	for _, i := range f.Broken {
		fmt.Fprintf(&b, "broken: %s\n", i.Words())
	}
	fmt.Fprintf(&b, "%s\n", f.Replay)
	if f.Account == nil {
		return b.String()
	}
	lines := f.Account.Lines
	if skip := len(lines) - junitLinesMax; skip > 0 {
		fmt.Fprintf(&b, "... %d lines\n", skip)
		lines = lines[skip:]
	}
	for i := range lines {
		fmt.Fprintln(&b, lineText(&lines[i]))
	}
	return b.String()
}

// junitLinesMax is how many of an account's last lines CI servers get.
const junitLinesMax = 60

func lineText(l *sweep.Line) string {
	return fmt.Sprintf("%.3fs boot %d %-8s %s", l.At.Seconds(), l.Boot, l.Kind, l.Text)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
