package testrun

import (
	"fmt"
	"io"
	"strings"

	"airlift/emu/junit"
)

// Row is the JSON form of a result. Times are virtual.
type Row struct {
	Case        string     `json:"case"`
	Description string     `json:"description,omitempty"`
	Verdict     Verdict    `json:"verdict"`
	Detail      string     `json:"detail,omitempty"`
	Chip        string     `json:"chip"`
	Profile     string     `json:"profile"`
	Seed        uint64     `json:"seed"`
	VirtualMS   int64      `json:"virtual_ms"`
	Checks      []CheckRow `json:"checks,omitempty"`
	Refused     []string   `json:"not_emulated,omitempty"`
	Log         []string   `json:"log,omitempty"`
	Trace       string     `json:"trace_sha256,omitempty"`
	Replay      string     `json:"replay"`
}

// CheckRow is the JSON form of a check.
type CheckRow struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Message string   `json:"message,omitempty"`
	Log     []string `json:"log,omitempty"`
}

// Row returns the JSON form; replay is the command that runs the case again.
func (r Result) Row(replay string) Row {
	row := Row{
		Case: r.Case.Name, Description: r.Case.Metas.Description, Verdict: r.Verdict, Detail: r.Detail, Chip: r.Chip, Profile: r.Profile,
		Seed: r.Seed, VirtualMS: r.Virtual.Milliseconds(), Refused: r.Refused, Log: r.Log, Trace: r.Trace, Replay: replay,
	}
	for _, c := range r.Checks {
		row.Checks = append(row.Checks, CheckRow(c))
	}
	return row
}

// Summary is what a table says of a result: the detail, or how many checks
// passed.
func (r Result) Summary() string {
	if r.Verdict == Pass && len(r.Checks) > 0 {
		if len(r.Checks) == 1 {
			return "1 check"
		}
		return fmt.Sprintf("%d checks", len(r.Checks))
	}
	return r.Detail
}

// Count counts results by verdict.
func Count(results []Result) map[Verdict]int {
	n := map[Verdict]int{}
	for _, r := range results {
		n[r.Verdict]++
	}
	return n
}

// WriteMarkdown writes the results as a table for a document.
func WriteMarkdown(w io.Writer, results []Result) error {
	n := Count(results)
	fmt.Fprintf(w, "%d cases: %d passed, %d failed, %d timed out, %d excluded.\n\n", len(results), n[Pass], n[Fail], n[TimedOut], n[Excluded])
	fmt.Fprint(w, "| case | module | verdict | |\n|---|---|---|---|\n")
	var err error
	for _, r := range results {
		_, err = fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", r.Case.Name, r.Chip, r.Verdict, cell(r.Summary()))
	}
	return err
}

// cell keeps text from breaking a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", "").Replace(junit.Clean(s))
}
