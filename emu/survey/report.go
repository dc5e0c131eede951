package survey

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// Row is the JSON form of a finding. Times are virtual.
type Row struct {
	Project   string   `json:"project"`
	Chip      string   `json:"chip"`
	Profile   string   `json:"profile"`
	Class     Class    `json:"class"`
	Detail    string   `json:"detail,omitempty"`
	Refused   []string `json:"not_emulated,omitempty"`
	Noop      []string `json:"no_op,omitempty"`
	Boots     int      `json:"boots"`
	VirtualMS int64    `json:"virtual_ms"`
	Steps     uint64   `json:"steps"`
	Errors    []string `json:"errors,omitempty"`
	Trace     string   `json:"trace_sha256,omitempty"`
}

// Row returns the JSON form.
func (f Finding) Row() Row {
	r := &f.Report
	return Row{
		Project: f.Project, Chip: f.Chip, Profile: f.Profile, Class: f.Class, Detail: f.Detail, Refused: f.Refused, Noop: f.Noop,
		Boots: r.Boots, VirtualMS: r.Virtual.Milliseconds(), Steps: r.Steps, Errors: r.Errors, Trace: r.Trace,
	}
}

// Module is model and firmware, as tables show them.
func (f Finding) Module() string { return strings.TrimSpace(f.Chip + " " + f.Profile) }

// Count counts findings by class.
func Count(findings []Finding) map[Class]int {
	n := map[Class]int{}
	for _, f := range findings {
		n[f.Class]++
	}
	return n
}

// Tally is how many projects something happened in.
type Tally struct {
	What     string `json:"what"`
	Projects int    `json:"projects"`
}

// Missing tallies the functions that were refused, the most wanted first.
func Missing(findings []Finding) []Tally {
	n := map[string]int{}
	for _, f := range findings {
		for _, name := range f.Refused {
			n[name]++
		}
	}
	var list []Tally
	for what, projects := range n {
		list = append(list, Tally{what, projects})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return a.Projects > b.Projects || a.Projects == b.Projects && a.What < b.What
	})
	return list
}

// WriteMarkdown writes the findings as tables for a document: counts, what is
// missing, and the projects that did not run or come to their end.
func WriteMarkdown(w io.Writer, findings []Finding) error {
	n := Count(findings)
	fmt.Fprint(w, "| result | projects | share |\n|---|---|---|\n")
	for _, c := range Classes {
		fmt.Fprintf(w, "| %s | %d | %.1f %% |\n", c, n[c], Share(n[c], len(findings)))
	}
	fmt.Fprintf(w, "| all | %d | |\n", len(findings))
	if list := Missing(findings); len(list) > 0 {
		fmt.Fprint(w, "\n| refused function | projects |\n|---|---|\n")
		for _, t := range list {
			fmt.Fprintf(w, "| `%s` | %d |\n", t.What, t.Projects)
		}
	}
	for _, c := range []Class{Failed, Lacking, Refused, Waiting} {
		if err := markdownClass(w, findings, c); err != nil {
			return err
		}
	}
	return nil
}

func markdownClass(w io.Writer, findings []Finding, c Class) error {
	if Count(findings)[c] == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n### %s\n\n| project | module | |\n|---|---|---|\n", c)
	for _, f := range findings {
		if f.Class == c {
			_, err = fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Project, f.Module(), cell(f.Detail))
		}
	}
	return err
}

// Share is n of all in percent.
func Share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(n) / float64(all)
}

// cell keeps text from breaking a table.
func cell(s string) string {
	return strings.ToValidUTF8(strings.NewReplacer("|", "\\|", "\n", " ", "\r", "", "<", "&lt;").Replace(s), "?")
}
