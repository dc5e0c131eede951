package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"airlift/emu/fault"
	"airlift/emu/sweep"
)

type replayFlags struct {
	scenarioFlags
	scenario, results string
	shrink            bool
}

func (a *app) replayCmd() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay ID",
		Short: "Run one case of a sweep again and tell it step by step",
		Long: `Run one case of a sweep again, bit for bit, and tell what happens: which
operation the power fails at and what it leaves in the cells, and what boot code
and core decide from then on, and why.

The ID is what airlift sweep prints. The scenario is the built-in one of that
name, or that of --scenario FILE, or that of a results file, --results FILE. The
trace hash covers everything that happens and is the same on every platform.

The exit code is 1 if the case goes wrong.`,
		Example: `  airlift replay xt804-file/100
  airlift replay xt804-download/5182 --shrink`,
		Args: operands("ID"),
		RunE: func(_ *cobra.Command, args []string) error { return a.replay(args[0], &f) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.scenario, "scenario", "", "scenario `file`")
	cmd.Flags().StringVar(&f.results, "results", "", "results `file` of airlift sweep --out")
	cmd.Flags().BoolVar(&f.shrink, "shrink", false, "look for the smallest case that goes wrong alike, and tell that")
	return cmd
}

// find finds the scenario of an ID.
func (f *replayFlags) find(id sweep.ID) (*sweep.Scenario, error) {
	switch {
	case f.scenario != "" && f.results != "":
		return nil, usagef("--scenario and --results name a scenario both: leave one out")
	case f.results != "":
		file, err := os.Open(f.results)
		if err != nil {
			return nil, withCode(exitEnv, err)
		}
		defer file.Close()
		r, err := sweep.NewReader(f.results, file)
		if err != nil {
			return nil, withCode(exitBadInput, err)
		}
		r.Header.Scenario.In(filepath.Dir(f.results))
		return r.Header.Scenario, nil
	case f.scenario != "":
		return readScenario(f.scenario)
	}
	if err := f.chip.chooseBoard(); err != nil {
		return nil, err
	}
	for _, s := range f.plain() {
		if s.Name == id.Scenario {
			return s, nil
		}
	}
	return readScenario(id.Scenario)
}

func (a *app) replay(text string, f *replayFlags) error {
	defer a.flush()
	id, err := sweep.ParseID(text)
	if err != nil {
		return withCode(exitUsage, err)
	}
	s, err := f.find(id)
	if err != nil {
		return err
	}
	if err := f.change(s); err != nil {
		return err
	}
	chip, err := f.chipOf(s)
	if err != nil {
		return err
	}
	if err := s.Use(chip); err != nil {
		return withCode(exitUsage, err)
	}
	if err := id.Check(s); err != nil {
		return withCode(exitUsage, err)
	}
	w, err := sweep.New(s, chip)
	if err != nil {
		return notRun(err)
	}
	if f.shrink {
		return a.shrink(w, id)
	}
	account, err := w.Replay(id.Path)
	if errors.Is(err, sweep.ErrNoCase) {
		return withCode(exitUsage, fmt.Errorf("%s: %w", text, err))
	}
	if err != nil {
		return notRun(err)
	}
	if !account.Result.Fine() {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(account)
	}
	a.printf("%s  %s\n", a.c(bold, sweep.NewID(s, &account.Result.Case).String()), fault.Describe(account.Result.Faults))
	a.account(account)
	return nil
}

// account prints an account. Of log lines only the first of a row of equal ones
// is worth reading.
func (a *app) account(x *sweep.Account) {
	for i := range x.Lines {
		l := &x.Lines[i]
		kind := fmt.Sprintf("%-8s", l.Kind)
		switch l.Kind {
		case "cut", "ignored":
			kind = a.c(red, kind)
		case "power", "verdict":
			kind = a.c(bold, kind)
		case "decide":
			kind = a.c(yellow, kind)
		case "flash":
			kind = a.c(cyan, kind)
		default:
			kind = a.c(dim, kind)
		}
		a.printf("%11.3fs boot %d  %s %s\n", l.At.Seconds(), l.Boot, kind, l.Text)
	}
	a.printf("trace sha256 %s\n", x.Trace)
}

// shrink looks for a smaller case and tells it.
func (a *app) shrink(w *sweep.Sweep, id sweep.ID) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	x, err := w.Shrink(ctx, id.Path)
	if errors.Is(err, sweep.ErrNoCase) {
		return withCode(exitUsage, fmt.Errorf("%s: %w", id, err))
	}
	if err != nil {
		return notRun(err)
	}
	a.code = exitFindings
	if !a.text() {
		return a.json(x)
	}
	for _, line := range x.Tried {
		a.printf("  %s\n", line)
	}
	a.printf("%s  package of %d bytes, was %d; %s run\n\n", a.c(bold, x.ID.String()), x.Package, len(w.Package), plural(int64(x.Cases), "case"))
	text, err := yaml.Marshal(x.Scenario)
	if err != nil {
		return err
	}
	a.printf("# a scenario file: airlift replay %s --scenario FILE\n%s\n", x.ID, text)
	a.account(x.Account)
	return nil
}
