package sweep

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"airlift/emu"
	"airlift/flash/flashtest"
)

// finding is a line of docs/FINDINGS.md with a command.
type finding struct {
	heading string
	ends    string // what the line says
	command string // behind airlift replay
}

var replayCommand = regexp.MustCompile("`airlift replay ([^`]+)`")

// readFindings reads the lines with commands, and the headings. Each command
// stands in a table, behind what its case ends with.
func readFindings(t *testing.T) (text string, list []finding) {
	t.Helper()
	data, err := os.ReadFile("../../docs/FINDINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := ""
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.Trim(name, "# \n")
		}
		m := replayCommand.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| \n"), "|")
		if len(cells) != 3 {
			t.Fatalf("%s: expected a line of a table: what, how it ends, command", strings.TrimSpace(line))
		}
		list = append(list, finding{heading, strings.TrimSpace(cells[1]), m[1]})
	}
	return string(data), list
}

// The commands of docs/FINDINGS.md are there, and end as it says.
func TestFindings(t *testing.T) {
	text, list := readFindings(t)
	if len(list) < 30 {
		t.Fatalf("%d findings", len(list))
	}
	sweeps, seen := map[string]*Sweep{}, map[string]bool{}
	for _, f := range list {
		if seen[f.heading] && !flashtest.Full() {
			continue
		}
		seen[f.heading] = true
		if got := replayFinding(t, sweeps, f); string(got) != f.ends {
			t.Errorf("airlift replay %s ends %s, and docs/FINDINGS.md says %s", f.command, got, f.ends)
		}
	}
	for _, f := range flows {
		for _, why := range f.reasons {
			heading, line, more := strings.Cut(why.name, ": ")
			if !strings.Contains(text, "### "+heading+"\n") || more && !strings.Contains(text, "| "+line) {
				t.Errorf("docs/FINDINGS.md does not tell %q", why.name)
			}
		}
	}
}

// replayFinding runs a command: an ID, and flags that change the scenario.
func replayFinding(t *testing.T, sweeps map[string]*Sweep, f finding) emu.Outcome {
	t.Helper()
	words := strings.Fields(f.command)
	id, err := ParseID(words[0])
	if err != nil {
		t.Fatal(err)
	}
	s, err := FindBuiltin(id.Scenario)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i+1 < len(words); i += 2 {
		n, err := strconv.ParseUint(words[i+1], 10, 32)
		switch {
		case err != nil:
			t.Fatalf("airlift replay %s: %v", f.command, err)
		case words[i] == "--cuts":
			s.Cuts, s.WearMax = int(n), 0
		case words[i] == "--sample":
			s.Sample = n
		default:
			t.Fatalf("airlift replay %s: expected --cuts and --sample", f.command)
		}
	}
	key := fmt.Sprint(id.Scenario, words[1:])
	if sweeps[key] == nil {
		sweeps[key] = mustNew(t, s)
	}
	a, err := sweeps[key].Replay(id.Path)
	if err != nil {
		t.Fatalf("airlift replay %s: %v", f.command, err)
	}
	return a.Result.Outcome
}

// checkTable compares a whole sweep of one cut with the table in
// docs/FINDINGS.md, if it is there.
func checkTable(t *testing.T, scenario string, m *Summary) {
	t.Helper()
	text, _ := readFindings(t)
	_, text, _ = strings.Cut(text, "## One cut, everywhere")
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if !slices.Contains(strings.FieldsFunc(cells[0], func(r rune) bool { return r == ' ' || r == '`' }), scenario) || len(cells) != 10 {
			continue
		}
		want := []uint64{uint64(len(m.axis)), m.Cases}
		for _, o := range Outcomes {
			want = append(want, m.Outcomes[o.Outcome])
		}
		for i, cell := range cells[3:] {
			n := uint64(0)
			if cell = strings.TrimSpace(cell); cell != "" {
				var err error
				if n, err = strconv.ParseUint(cell, 10, 64); err != nil {
					t.Errorf("%s: %v", scenario, err)
				}
			}
			if n != want[i] {
				t.Errorf("docs/FINDINGS.md says %d in column %d of %s, and it is %d", n, i, scenario, want[i])
			}
		}
	}
}
