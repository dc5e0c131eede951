package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// The JUnit form: a test suite a scenario; in it a test case for the run without
// a fault, one for each stretch of the operation axis at which every case went
// well, and a failed one for each finding. Times are real seconds.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes sweeps in the form of JUnit.
func WriteJUnit(w io.Writer, sweeps []*Sweep) error {
	all := junitSuites{Name: "airlift sweep"}
	took := time.Duration(0)
	for _, s := range sweeps {
		suite := junitOf(s)
		all.Suites = append(all.Suites, suite)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		took += s.Took
	}
	all.Time = seconds(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitOf(s *Sweep) junitSuite {
	h, name := s.Header, s.Header.Scenario.Name
	out := junitSuite{Name: clean(name), Time: seconds(s.Took), Properties: []junitProperty{
		{"chip", clean(h.Scenario.Chip)}, {"profile", clean(h.Scenario.Profile)}, {"mode", string(h.Scenario.Mode)},
		{"seed", fmt.Sprint(h.Scenario.Seed)}, {"digest", h.Digest}, {"cases", fmt.Sprint(s.Summary.Cases)},
	}}
	add := func(name string, f *junitFailure) {
		out.Tests++
		if f != nil {
			out.Failures++
		}
		out.Cases = append(out.Cases, junitCase{Name: clean(name), Class: out.Name, Time: seconds(0), Failure: f})
	}
	var without *junitFailure
	// With a standing fault an upgrade may well not happen.
	spoilt := slices.ContainsFunc(h.Scenario.Faults, func(f fault.Fault) bool { return f.Standing() })
	if c := h.Clean; c.Outcome != emu.OutcomeNew && !(spoilt && c.Outcome == emu.OutcomeOld) || len(c.Broken) > 0 {
		without = &junitFailure{clean(fmt.Sprintf("%s: %s", c.Outcome, c.Detail)), string(c.Outcome), ""}
	}
	add("the run without a fault", without)
	for _, x := range stretches(h, s.Summary) {
		if strings.Trim(x.Letters, "no.") == "" && strings.Trim(x.Letters, ".") != "" {
			add(fmt.Sprintf("operations %d to %d: %s %s", x.From, x.To-1, x.Stage, x.Part), nil)
		}
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		add(f.Signature, &junitFailure{clean(f.Title()), string(f.Outcome), clean(f.text())})
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

// clean makes text that XML can hold: a device may log any bytes.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return r
		case r < 0x20 || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF:
			return '?'
		}
		return r
	}, s)
}
