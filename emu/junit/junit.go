// Package junit writes test results in the XML form of JUnit that CI servers read.
// There is no one schema of it: what is written fits both that of Jenkins' xUnit
// plugin (junit-10.xsd) and that of Maven Surefire for a suite.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Suite is a row of test cases.
type Suite struct {
	Name       string
	Time       time.Duration
	Properties []Property
	Cases      []Case
}

// Property is something that holds for a suite.
type Property struct{ Name, Value string }

// Case is a test case. It passed if all of Failure, Error and Skipped are nil.
type Case struct {
	Name    string
	Time    time.Duration
	Failure *Message // what was tested is wrong
	Error   *Message // the test did not come to its end
	Skipped *Message // it was not run
}

// Message says why a test case did not pass. Text is for people, of any length; it
// may hold any bytes.
type Message struct{ Message, Type, Text string }

// Write writes suites as one document.
func Write(w io.Writer, name string, suites []Suite) error {
	all := testsuites{Name: Clean(name)}
	total := time.Duration(0)
	for i := range suites {
		s := suiteOf(&suites[i])
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		total += suites[i].Time
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

// The document, its attributes and elements in the order of the schemas.
type (
	testsuites struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Suites   []testsuite `xml:"testsuite"`
	}
	testsuite struct {
		Name       string      `xml:"name,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Skipped    int         `xml:"skipped,attr"`
		Time       string      `xml:"time,attr"`
		Properties *properties `xml:"properties"`
		Cases      []testcase  `xml:"testcase"`
	}
	properties struct {
		List []property `xml:"property"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *message `xml:"failure"`
		Skipped *message `xml:"skipped"`
		Error   *message `xml:"error"`
	}
	message struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

func suiteOf(s *Suite) testsuite {
	out := testsuite{Name: Clean(s.Name), Tests: len(s.Cases), Time: seconds(s.Time)}
	if len(s.Properties) > 0 {
		out.Properties = new(properties)
	}
	for _, p := range s.Properties {
		out.Properties.List = append(out.Properties.List, property{Clean(p.Name), Clean(p.Value)})
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		out.Cases = append(out.Cases, testcase{
			Clean(c.Name), out.Name, seconds(c.Time), messageOf(c.Failure, "failure"), messageOf(c.Skipped, ""), messageOf(c.Error, "error"),
		})
		switch {
		case c.Failure != nil:
			out.Failures++
		case c.Error != nil:
			out.Errors++
		case c.Skipped != nil:
			out.Skipped++
		}
	}
	return out
}

// messageOf gives a message the type that Surefire asks for; kind is "" where it
// knows none.
func messageOf(m *Message, kind string) *message {
	if m == nil {
		return nil
	}
	if kind != "" && m.Type != "" {
		kind = m.Type
	}
	return &message{Clean(m.Message), Clean(kind), Clean(m.Text)}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Clean makes text that XML can hold: a device may log any bytes.
func Clean(s string) string {
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
