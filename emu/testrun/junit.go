package testrun

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The JUnit form, as CI servers read it: one test suite a case, one test case
// a check. Times are virtual seconds.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// verdictCase is the test case that carries a case's own verdict.
const verdictCase = "verdict"

// WriteJUnit writes results in the form of JUnit.
func WriteJUnit(w io.Writer, results []Result, replay func(Result) string) error {
	all := junitSuites{Name: "airlift test"}
	var total time.Duration
	for _, r := range results {
		s := junitOf(r, replay)
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		total += r.Virtual
	}
	all.Time = seconds(total)
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

func junitOf(r Result, replay func(Result) string) junitSuite {
	s := junitSuite{Name: r.Case.Name, Time: seconds(r.Virtual), Properties: []junitProperty{
		{"chip", r.Chip}, {"profile", r.Profile}, {"seed", fmt.Sprint(r.Seed)}, {"replay", replay(r)},
	}}
	add := func(c junitCase) {
		c.Class = r.Case.Name
		s.Cases = append(s.Cases, c)
		s.Tests++
	}
	checksFailed := 0
	for _, c := range r.Checks {
		jc := junitCase{Name: clean(c.Name), Time: seconds(0)}
		if !c.OK {
			checksFailed++
			s.Failures++
			jc.Failure = &junitMessage{clean(c.Message), clean(strings.Join(c.Log, "\n"))}
		}
		add(jc)
	}
	verdict := junitCase{Name: verdictCase, Time: seconds(r.Virtual)}
	message := &junitMessage{clean(r.Detail), clean(strings.Join(r.Log, "\n"))}
	switch {
	case r.Verdict == Excluded:
		verdict.Skipped = message
		s.Skipped++
	case r.Verdict == TimedOut:
		verdict.Error = message
		s.Errors++
	case r.Verdict == Fail && checksFailed == 0:
		verdict.Failure = message
		s.Failures++
	}
	add(verdict)
	return s
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
