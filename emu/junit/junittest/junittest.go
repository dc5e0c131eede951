// Package junittest holds JUnit files against the rules of the two schemas that
// are in use: that of Jenkins' xUnit plugin (junit-10.xsd), and that of Maven
// Surefire for a suite. What both allow, every reader takes.
package junittest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rule is what an element may hold.
type rule struct {
	required, optional []string // attributes
	children           []string // in this order
	text               bool
	once               []string // children of which there is at most one
}

var rules = map[string]rule{
	"testsuites": {optional: []string{"name", "tests", "failures", "errors", "time"}, children: []string{"testsuite"}},
	"testsuite": {
		required: []string{"name", "tests", "failures", "errors", "skipped"}, optional: []string{"time", "group"},
		children: []string{"properties", "testcase"}, once: []string{"properties"},
	},
	"properties": {children: []string{"property"}},
	"property":   {required: []string{"name", "value"}},
	"testcase": {
		required: []string{"name", "time"}, optional: []string{"classname", "group"},
		children: []string{"failure", "skipped", "error"}, once: []string{"skipped", "error"},
	},
	"failure": {required: []string{"type"}, optional: []string{"message"}, text: true},
	"error":   {required: []string{"type"}, optional: []string{"message"}, text: true},
	"skipped": {optional: []string{"message"}, text: true},
}

// surefireTime is the pattern of times.
var surefireTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?$`)

// element is an element that is open.
type element struct {
	name   string
	attrs  map[string]string
	counts map[string]int // of children
	last   int            // child's place in the order
	tally  map[string]int // of a suite: cases by what became of them
}

// Check reports what is not as the schemas want it, and counts that are not those
// of the cases.
func Check(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	var open []*element
	roots := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := &element{name: x.Name.Local, attrs: map[string]string{}, counts: map[string]int{}, tally: map[string]int{}}
			if len(open) == 0 {
				roots++
			}
			if err := e.begin(open, x.Attr); err != nil {
				return fmt.Errorf("byte %d: <%s>: %w", d.InputOffset(), e.name, err)
			}
			open = append(open, e)
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			if err := e.end(open); err != nil {
				return fmt.Errorf("byte %d: <%s>: %w", d.InputOffset(), e.name, err)
			}
		case xml.CharData:
			if len(open) > 0 && strings.TrimSpace(string(x)) != "" && !rules[open[len(open)-1].name].text {
				return fmt.Errorf("byte %d: <%s> has text", d.InputOffset(), open[len(open)-1].name)
			}
		}
	}
	if roots != 1 {
		return fmt.Errorf("%d root elements", roots)
	}
	return nil
}

func (e *element) begin(open []*element, attrs []xml.Attr) error {
	r, known := rules[e.name]
	switch {
	case !known:
		return errors.New("no such element")
	case len(open) == 0 && e.name != "testsuites":
		return errors.New("is not the root")
	case len(open) > 0:
		if err := open[len(open)-1].child(e.name); err != nil {
			return err
		}
	}
	for _, a := range attrs {
		if !slices.Contains(r.required, a.Name.Local) && !slices.Contains(r.optional, a.Name.Local) {
			return fmt.Errorf("has an attribute %s", a.Name.Local)
		}
		e.attrs[a.Name.Local] = a.Value
	}
	for _, name := range r.required {
		if _, ok := e.attrs[name]; !ok {
			return fmt.Errorf("has no attribute %s", name)
		}
	}
	if t, ok := e.attrs["time"]; ok && !surefireTime.MatchString(t) {
		return fmt.Errorf("time %q", t)
	}
	return nil
}

func (e *element) child(name string) error {
	r := rules[e.name]
	place := slices.Index(r.children, name)
	e.counts[name]++
	switch {
	case place < 0:
		return fmt.Errorf("in <%s>", e.name)
	case place < e.last:
		return fmt.Errorf("behind <%s>", r.children[e.last])
	case e.counts[name] > 1 && slices.Contains(r.once, name):
		return fmt.Errorf("twice in <%s>", e.name)
	}
	e.last = place
	return nil
}

// end compares counts, and adds them to those of the element around.
func (e *element) end(open []*element) error {
	switch e.name {
	case "testcase":
		suite := open[len(open)-1]
		suite.tally["tests"]++
		for child, count := range map[string]string{"failure": "failures", "error": "errors", "skipped": "skipped"} {
			suite.tally[count] += e.counts[child]
		}
		return nil
	case "testsuite":
		for name, n := range e.tally {
			open[0].tally[name] += n
		}
	case "testsuites":
	default:
		return nil
	}
	for _, name := range []string{"tests", "failures", "errors", "skipped"} {
		if text, ok := e.attrs[name]; ok {
			if n, err := strconv.Atoi(text); err != nil || n != e.tally[name] {
				return fmt.Errorf("%s=%q, there are %d", name, text, e.tally[name])
			}
		}
	}
	return nil
}
