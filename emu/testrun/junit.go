package testrun

import (
	"fmt"
	"io"
	"strings"

	"airlift/emu/junit"
)

// verdictCase is the test case that carries a case's own verdict.
const verdictCase = "verdict"

// WriteJUnit writes results in the form of JUnit: one test suite a case, one test
// case a check. Times are virtual seconds.
func WriteJUnit(w io.Writer, results []Result, replay func(Result) string) error {
	var suites []junit.Suite
	for _, r := range results {
		suites = append(suites, junitOf(r, replay))
	}
	return junit.Write(w, "airlift test", suites)
}

func junitOf(r Result, replay func(Result) string) junit.Suite {
	s := junit.Suite{Name: r.Case.Name, Time: r.Virtual, Properties: []junit.Property{
		{Name: "chip", Value: r.Chip}, {Name: "profile", Value: r.Profile}, {Name: "seed", Value: fmt.Sprint(r.Seed)}, {Name: "replay", Value: replay(r)},
	}}
	failed := 0
	for _, c := range r.Checks {
		jc := junit.Case{Name: c.Name}
		if !c.OK {
			failed++
			jc.Failure = &junit.Message{Message: c.Message, Text: strings.Join(c.Log, "\n")}
		}
		s.Cases = append(s.Cases, jc)
	}
	verdict := junit.Case{Name: verdictCase, Time: r.Virtual}
	message := &junit.Message{Message: r.Detail, Type: string(r.Verdict), Text: strings.Join(r.Log, "\n")}
	switch {
	case r.Verdict == Excluded:
		verdict.Skipped = message
	case r.Verdict == TimedOut:
		verdict.Error = message
	case r.Verdict == Fail && failed == 0:
		verdict.Failure = message
	}
	s.Cases = append(s.Cases, verdict)
	return s
}
