package main

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/testrun"
	"airlift/flash/luadb"
)

// testChip is the module of cases that name none: it has both radios.
const testChip = "air8000"

type testFlags struct {
	batchFlags
	common     []string
	only       string
	everything bool
}

func (a *app) testCmd() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run LuatOS test projects",
		Long: `Run the test projects in folders, each on a module and in a world of its own.

A case is a folder with main.lua, or with metas.json and scripts/main.lua. It
passes when it logs "### OVERALL_PASS ###" and fails when it logs
"### OVERALL_FAIL ###", when its scripts end with an error, or when they end
without either. Scripts that all cases share come from --common or from
common/scripts in a folder above DIR.

Module and virtual time limit of a case come from its metas.json. Cases that
use libraries that airlift does not imitate are excluded by name.`,
		Example: `  airlift test LuatOS/testcase/unit --libs LuatOS/script
  airlift test mytests --format junit --out report.xml
  airlift test mytests --only json --seed 7`,
		Args: operands("DIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.test(args, f, func(dir string, r testrun.Result) string { return replayTest(cmd, dir, f, r) })
		},
	}
	a.allowFormats(cmd, "junit", "markdown")
	f.add(cmd, batchDefaults{
		chipUsage: "`model` of the module (default: what metas.json names first, else " + testChip + ")", devices: "refuse",
		limit: testrun.DefaultTimeout, limitUsage: "virtual `time` of a case that names none", each: "cases",
	})
	fl := cmd.Flags()
	fl.StringArrayVar(&f.common, "common", nil, "`folder` of scripts that all cases share, may be repeated (default: common/scripts above DIR)")
	fl.StringVar(&f.only, "only", "", "run only the cases whose names match this regular `expression`")
	fl.BoolVar(&f.everything, "all", false, "run the cases that are out of scope, too")
	return cmd
}

// options resolves the flags for all cases.
func (f *testFlags) options() (o testrun.Options, err error) {
	o = testrun.Options{Seed: f.seed, Timeout: f.limit, Everything: f.everything, Servers: f.net == "real"}
	if o.Script, o.Link, err = f.resolve(); err != nil {
		return o, err
	}
	if o.World, err = f.world(); err != nil {
		return o, err
	}
	o.Chip, err = f.picker()
	return o, err
}

// picker chooses modules: the one of --chip for all, or each case's own.
func (f *testFlags) picker() (func(testrun.Case, []luadb.File) (*chips.Chip, error), error) {
	fixed := f.chip.model != ""
	if !fixed {
		if f.chip.profile != "" || f.chip.layout != "" {
			return nil, usagef("--profile and --layout need --chip")
		}
		f.chip.model = testChip
	}
	fallback, err := f.chip.chip()
	if err != nil {
		return nil, err
	}
	return func(c testrun.Case, files []luadb.File) (*chips.Chip, error) {
		if fixed {
			return fallback, nil
		}
		return testrun.ChipFor(c, files, all.Families(), fallback)
	}, nil
}

// test runs the cases in folders. again is the command that runs a case of a
// folder once more.
func (a *app) test(dirs []string, f testFlags, again func(dir string, r testrun.Result) string) error {
	defer a.flush()
	only, err := regexp.Compile(f.only)
	if err != nil {
		return usagef("--only: %v", err)
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	var results []testrun.Result
	where := map[string]string{} // folder of a case -> as it was given
	for _, dir := range dirs {
		cases, err := testrun.Find(dir)
		if err != nil {
			return err
		}
		var chosen []testrun.Case
		for _, c := range cases {
			if only.MatchString(c.Name) {
				chosen = append(chosen, c)
				where[c.Dir] = dir
			}
		}
		if o.Common, err = f.commonFor(dir); err != nil {
			return err
		}
		results = append(results, testrun.RunAll(chosen, o, f.jobs, a.testProgress(len(chosen)))...)
	}
	if len(results) == 0 {
		return usagef("no case matches --only %s", f.only)
	}
	replay := func(r testrun.Result) string { return again(where[r.Case.Dir], r) }
	a.code = testCode(results)
	return a.testReport(results, f.out, replay)
}

// commonFor returns the folders of shared scripts for the cases in dir.
func (f *testFlags) commonFor(dir string) ([]string, error) {
	if len(f.common) > 0 {
		return f.common, nil
	}
	found, err := testrun.FindCommon(dir)
	if err != nil || found == "" {
		return nil, err
	}
	return []string{found}, nil
}

// testProgress says on stderr how each case ended.
func (a *app) testProgress(total int) func(testrun.Result) {
	n := 0
	return func(r testrun.Result) {
		n++
		a.note("%d/%d %-8s %s", n, total, r.Verdict, r.Case.Name)
	}
}

// replayTest is the command that runs one case of a folder again.
func replayTest(cmd *cobra.Command, dir string, f testFlags, r testrun.Result) string {
	only := quoteArg("^" + regexp.QuoteMeta(r.Case.Name) + "$")
	return fmt.Sprintf("airlift test %s --only %s --seed %d%s", quoteArg(filepath.ToSlash(dir)), only, f.seed, sameFlags(cmd, "only", "seed"))
}

// testCode is the exit code: failures are findings; nothing but time-outs
// ends like a time limit.
func testCode(results []testrun.Result) int {
	code := exitFine
	for _, r := range results {
		switch r.Verdict {
		case testrun.Fail:
			return exitFindings
		case testrun.TimedOut:
			code = exitTimeout
		}
	}
	return code
}

// testReport writes the report in the form of --format, to stdout or to a file
// with the table on stdout.
func (a *app) testReport(results []testrun.Result, out string, replay func(testrun.Result) string) error {
	if out == "" {
		return a.testForm(a.buf, results, replay)
	}
	err := writeFile(out, func(w io.Writer) error { return a.testForm(w, results, replay) })
	if err != nil {
		return err
	}
	return a.testText(a.buf, results, replay)
}

func (a *app) testForm(w io.Writer, results []testrun.Result, replay func(testrun.Result) string) error {
	switch a.format {
	case "junit":
		return testrun.WriteJUnit(w, results, replay)
	case "markdown":
		return testrun.WriteMarkdown(w, results)
	case "text":
		return a.testText(w, results, replay)
	}
	rows := make([]testrun.Row, len(results))
	for i, r := range results {
		rows[i] = r.Row(replay(r))
	}
	return listTo(a, w, rows)
}

// testText prints the table, the failures behind it, and the sums.
func (a *app) testText(w io.Writer, results []testrun.Result, replay func(testrun.Result) string) error {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Case.Name))
	}
	for _, r := range results {
		fmt.Fprintf(w, "%s %-*s  %-10s %9s  %s\n", a.c(verdictColour(r.Verdict), fmt.Sprintf("%-8s", r.Verdict)), width, r.Case.Name, r.Chip,
			fmt.Sprintf("%.1fs", r.Virtual.Seconds()), printable(r.Summary()))
	}
	for _, r := range results {
		if r.Verdict == testrun.Fail || r.Verdict == testrun.TimedOut {
			a.testFailure(w, r, replay(r))
		}
	}
	s := testrun.Count(results)
	_, err := fmt.Fprintf(w, "\n%s: %d passed, %d failed, %d timed out, %d excluded\n", plural(len(results), "case"), s[testrun.Pass], s[testrun.Fail], s[testrun.TimedOut], s[testrun.Excluded])
	return err
}

// failuresShown is how many failed checks of a case the text form shows.
const failuresShown = 5

// testFailure prints what is known of one failure.
func (a *app) testFailure(w io.Writer, r testrun.Result, replay string) {
	fmt.Fprintf(w, "\n%s %s: %s\n", a.c(bold, string(r.Verdict)), r.Case.Name, printable(r.Detail))
	lines := func(list []string) {
		for _, l := range list {
			fmt.Fprintf(w, "    %s\n", a.c(dim, printable(l)))
		}
	}
	shown := 0
	for _, c := range r.Checks {
		if c.OK {
			continue
		}
		if shown++; shown > failuresShown {
			continue
		}
		fmt.Fprintf(w, "  %s %s\n", a.c(red, c.Name+":"), printable(c.Message))
		lines(c.Log)
	}
	switch {
	case shown > failuresShown:
		fmt.Fprintf(w, "  ... %d more: --format json lists them\n", shown-failuresShown)
	case shown == 0:
		lines(r.Log)
	}
	fmt.Fprintf(w, "  again: %s\n", replay)
}

func verdictColour(v testrun.Verdict) string {
	switch v {
	case testrun.Pass:
		return green
	case testrun.Excluded:
		return dim
	}
	return red
}
