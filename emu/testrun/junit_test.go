package testrun

import (
	"bytes"
	"strings"
	"testing"

	"airlift/emu/junit/junittest"
)

// TestJUnit wants a file that the schemas allow, with each case that did not pass
// once, by its check or by its verdict.
func TestJUnit(t *testing.T) {
	results := []Result{
		{Case: Case{Name: "good"}, Verdict: Pass, Checks: []Check{{Name: "a", OK: true}}},
		{Case: Case{Name: "bad check"}, Verdict: Fail, Checks: []Check{{Name: "a", Message: "1 < 2 & \x00"}, {Name: "b", OK: true}}},
		{Case: Case{Name: "bad end"}, Verdict: Fail, Detail: "crash", Log: []string{"\x1b[31m", "\xff"}},
		{Case: Case{Name: "slow"}, Verdict: TimedOut, Detail: "after 1 s"},
		{Case: Case{Name: "not emulated"}, Verdict: Excluded, Detail: "lcd"},
	}
	var b bytes.Buffer
	if err := WriteJUnit(&b, results, func(r Result) string { return "airlift test " + r.Case.Name }); err != nil {
		t.Fatal(err)
	}
	if err := junittest.Check(b.Bytes()); err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	if want := `<testsuites name="airlift test" tests="8" failures="2" errors="1" `; !strings.Contains(b.String(), want) {
		t.Errorf("expected %s in\n%s", want, b.Bytes())
	}
}
