// Command airlift emulates LuatOS modules and their over-the-air upgrades.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"airlift/flash/explain"
)

// Exit codes, the same for every verb.
const (
	exitFine     = 0
	exitFindings = 1
	exitUsage    = 2
	exitEnv      = 3 // the host lacks something: a file, a port, a permission
	exitBadInput = 4 // a file is not what it should be
	exitTimeout  = 124
	exitStopped  = 130 // by Ctrl-C, as shells have it
)

// exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// badInput tags an error about a file's contents; a file that cannot be read
// stays a matter of the host.
func badInput(err error) error {
	var path *os.PathError
	if err == nil || errors.As(err, &path) {
		return err
	}
	return withCode(exitBadInput, err)
}

// notRun tags what kept cases from being run: nobody may take it for findings.
func notRun(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return withCode(exitStopped, errors.New("interrupted"))
	case codeOf(err) != exitFindings:
		return err
	}
	return withCode(exitBadInput, err)
}

func usagef(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

func main() {
	// Scripts make garbage fast and keep little: collecting it more rarely costs
	// some megabytes and saves time. GOGC decides otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int { return (&app{out: os.Stdout, err: os.Stderr}).execute(args) }

// execute runs one command line and returns the exit code.
func (a *app) execute(args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return a.code
	}
	a.flush()
	fmt.Fprintln(a.err, "airlift: "+err.Error())
	return codeOf(err)
}

// codeOf maps an error to an exit code: what it was tagged with, else what
// kind of error it is.
func codeOf(err error) int {
	var coded *exitError
	var format *explain.FormatError
	var path *os.PathError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &format):
		return exitBadInput
	case errors.As(err, &path):
		return exitEnv
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitFindings
}

// operands checks how many arguments a verb gets, and names them if there are
// too few or too many. A name in brackets may be left out, one with dots may
// be repeated.
func operands(names ...string) cobra.PositionalArgs {
	least, most := 0, len(names)
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
		if strings.HasSuffix(name, "...") {
			most = math.MaxInt
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s is missing: %s %s", names[len(args)], cmd.CommandPath(), strings.Join(names, " "))
		case len(args) > most && most == 0:
			return usagef("unexpected argument %q: %s takes none", args[0], cmd.CommandPath())
		case len(args) > most:
			return usagef("unexpected argument %q: %s %s", args[most], cmd.CommandPath(), strings.Join(names, " "))
		}
		return nil
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "airlift",
		Short: "Emulate LuatOS modules and their over-the-air upgrades",
		Long: `airlift emulates LuatOS modules: their flash, boot code, core and scripts, and
the server they upgrade from. It shows what an over-the-air upgrade does, step
by step, on a virtual clock, without a module to brick.

Start with:  airlift demo

Exit codes: 0 fine, 1 findings, 2 usage, 3 the host, 4 a bad file, 124 a time
limit, 130 stopped with Ctrl-C.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.prepare(cmd)
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVar(&a.format, "format", "text", "output `form`: text, json or jsonl")
	root.PersistentFlags().StringVar(&a.colour, "color", "auto", "colour: auto, always or never")
	root.AddCommand(a.demoCmd(), a.runCmd(), a.chipsCmd(), a.bootCmd(), a.packCmd(), a.deltaCmd(), a.inspectCmd(), a.unpackCmd(), a.flashCmd(), a.serveCmd(), a.explainCmd(), a.testCmd(), a.surveyCmd(), a.doctorCmd(), a.guestCmd(), a.sweepCmd(), a.replayCmd(), a.fuzzCmd(), a.mergeCmd())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
