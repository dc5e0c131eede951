package junit_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/junit"
	"airlift/emu/junit/junittest"
)

func write(t interface{ Fatal(...any) }, suites []junit.Suite) []byte {
	var b bytes.Buffer
	if err := junit.Write(&b, "airlift", suites); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWrite wants what the schemas allow of any results and any bytes.
func TestWrite(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune{0, 1, 9, 10, 13, 0x1B, '<', '>', '&', '"', ']', 0xFFFE, 0xFFFF, 0x1F600})), rapid.Just("\xFF\xFE"))
	message := rapid.Custom(func(t *rapid.T) *junit.Message {
		return &junit.Message{Message: text.Draw(t, "message"), Type: text.Draw(t, "type"), Text: text.Draw(t, "text")}
	})
	rapid.Check(t, func(t *rapid.T) {
		suites := make([]junit.Suite, rapid.IntRange(0, 3).Draw(t, "suites"))
		failures := 0
		for i := range suites {
			s := &suites[i]
			s.Name, s.Time = text.Draw(t, "name"), time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "time"))
			for range rapid.IntRange(0, 2).Draw(t, "properties") {
				s.Properties = append(s.Properties, junit.Property{Name: text.Draw(t, "property"), Value: text.Draw(t, "value")})
			}
			for range rapid.IntRange(0, 4).Draw(t, "cases") {
				c := junit.Case{Name: text.Draw(t, "case")}
				switch rapid.IntRange(0, 3).Draw(t, "end") {
				case 0:
					c.Failure = message.Draw(t, "failure")
					failures++
				case 1:
					c.Error = message.Draw(t, "error")
				case 2:
					c.Skipped = message.Draw(t, "skipped")
				}
				s.Cases = append(s.Cases, c)
			}
		}
		out := write(t, suites)
		if err := junittest.Check(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(string(out), "<failure"); n != failures {
			t.Fatalf("%d failures of %d", n, failures)
		}
	})
}

// TestCheckFinds wants the check to find what the schemas forbid.
func TestCheckFinds(t *testing.T) {
	good := string(write(t, []junit.Suite{{Name: "s", Properties: []junit.Property{{Name: "a", Value: "b"}}, Cases: []junit.Case{
		{Name: "c", Failure: &junit.Message{Message: "m", Text: "t"}}, {Name: "d", Skipped: &junit.Message{}},
	}}}))
	if err := junittest.Check([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for i, change := range [][2]string{
		{`<testsuites name`, `<testsuites skipped="1" name`}, {`tests="2"`, `tests="3"`}, {`failures="1"`, `failures="x"`},
		{` type="failure"`, ``}, {`time="0.000"`, `time="1e3"`}, {` classname="s"`, ` class="s"`}, {`name="s" `, ``},
		{`<properties>`, `<properties>text`}, {`</testsuites>`, ``}, {`<testcase name="c"`, `<testcase`},
		{`</properties>`, `</properties><properties></properties>`}, {`</testcase>`, `<error type="x"></error></testcase>`},
		{`</failure>`, `</failure><br></br>`}, {`<skipped`, `<skipped type="x"`},
	} {
		if !strings.Contains(good, change[0]) {
			t.Fatalf("%d: the file has no %s", i, change[0])
		}
		if err := junittest.Check([]byte(strings.ReplaceAll(good, change[0], change[1]))); err == nil {
			t.Errorf("%s in place of %s passes", change[1], change[0])
		}
	}
}

// ExampleWrite shows the form.
func ExampleWrite() {
	err := junit.Write(os.Stdout, "airlift test", []junit.Suite{{Name: "demo", Time: time.Second, Cases: []junit.Case{{Name: "boots"}}}})
	fmt.Println(err)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <testsuites name="airlift test" tests="1" failures="0" errors="0" time="1.000">
	//   <testsuite name="demo" tests="1" failures="0" errors="0" skipped="0" time="1.000">
	//     <testcase name="boots" classname="demo" time="0.000"></testcase>
	//   </testsuite>
	// </testsuites>
	// <nil>
}
