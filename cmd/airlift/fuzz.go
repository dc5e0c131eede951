package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/fuzz"
	"airlift/emu/sweep"
)

type fuzzFlags struct {
	scenarioFlags
	runs    uint64
	time    time.Duration
	out     string
	workers int
	tell    int
	power   bool
}

func (a *app) fuzzCmd() *cobra.Command {
	var f fuzzFlags
	cmd := &cobra.Command{
		Use:   "fuzz [SCENARIO]",
		Short: "Change packages, flash and faults at random until an upgrade goes wrong",
		Long: `Run an upgrade again and again with changes: of the package, of what lies in
flash, and with faults, alone and together: power cuts, resets, operations of
the flash that fail or do nothing, cells that are stuck or unstable. A run that
makes boot code, core or updater decide something new, or leaves flash in a way
not seen before, is kept, and the next ones are made from it. A run that ends
with neither the old nor the new version, or breaks an invariant, is made as
small as possible and reported.

The SCENARIO is a built-in name (airlift sweep --list) or a YAML file; without
one a plain upgrade of the model of --chip, or of --boot. Its mode is update.

With --out FILE corpus and findings are kept; the same command goes on where the
file ends. With --runs everything depends on the scenario and --seed alone.

The exit code is 1 if there are findings. docs/FUZZ.md explains the rest.`,
		Example: `  airlift fuzz xt804-file --runs 64
  airlift fuzz --boot my.wasm --time 5m --out mine.jsonl`,
		Args: operands("[SCENARIO]"),
		RunE: func(_ *cobra.Command, args []string) error { return a.fuzz(args, &f) },
	}
	f.addUpgrade(cmd)
	cmd.Flags().Uint64Var(&f.runs, "runs", 0, "stop after so many `runs` in all, rounded up to 8 (0: no bound)")
	cmd.Flags().DurationVar(&f.time, "time", time.Minute, "stop after so long, unless --runs is given (0: never)")
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "`file` with corpus and findings")
	cmd.Flags().BoolVar(&f.power, "power-only", false, "of faults take power cuts and brown-outs alone: the flash chip is good")
	cmd.Flags().IntVar(&f.workers, "jobs", 0, "runs made at a time (0: one a processor)")
	cmd.Flags().IntVar(&f.tell, "tell", 0, "tell the `finding` of that number of --out step by step, and do nothing else")
	return cmd
}

// scenario is what is fuzzed.
func (f *fuzzFlags) scenario(args []string) (*sweep.Scenario, error) {
	var s *sweep.Scenario
	var err error
	switch {
	case len(args) > 1:
		return nil, usagef("expected one SCENARIO")
	case len(args) == 1:
		s, err = readScenario(args[0])
	default:
		if err = f.chip.chooseBoard(); err == nil {
			if list := f.plain(); len(list) > 0 {
				s = list[0]
			} else {
				s, err = sweep.FindBuiltin("xt804-download")
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if s.Mode == sweep.ModeSystem {
		return nil, usagef("%s is of mode system, which fuzz cannot run: scripts are not a function of the flash", s.Name)
	}
	s.Mode, s.Cuts, s.Sample, s.Invariants = sweep.ModeUpdate, 1, 0, nil
	s.Damages, s.Repair, s.Sizes, s.Uncut = 0, false, nil, false
	s.WearMax = 4 * fuzz.FaultsMax
	return s, f.change(s)
}

func (a *app) fuzz(args []string, f *fuzzFlags) (err error) {
	defer a.flush()
	s, err := f.scenario(args)
	if err != nil {
		return err
	}
	if f.flags.Changed("tell") && f.out == "" {
		return usagef("--tell %d: name the file of the finding with --out", f.tell)
	}
	if f.runs > 0 && !f.flags.Changed("time") {
		f.time = 0
	}
	w, err := f.prepare(s)
	if err != nil {
		return err
	}
	x := fuzz.New(w, s.Seed)
	if f.power {
		x.PowerOnly()
	}
	if f.flags.Changed("tell") {
		if err := x.Load(f.out); err != nil {
			return fuzzFileError(err)
		}
		return a.tellFuzz(w, x, f.tell)
	}
	log := fuzz.Discard
	if f.out != "" {
		file, err := x.Open(f.out)
		if err != nil {
			return fuzzFileError(err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		log = file
	}
	if a.text() {
		a.printf("%s  %s: package of %d bytes, %d flash operations without a fault, seed %d\n", a.c(bold, s.Name), s.Chip, len(w.Package), len(w.Clean.Ops), s.Seed)
		a.flush()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	from, before := time.Now(), x.Stats.Runs
	err = x.Run(ctx, fuzz.Options{Runs: f.runs, Time: f.time, Workers: f.workers}, log)
	if err != nil && !errors.Is(err, context.Canceled) {
		return notRun(err)
	}
	return a.fuzzReport(x, x.Stats.Runs-before, time.Since(from), f.out)
}

// fuzzFileError tags why a fuzz file cannot be used: the host, or what it holds.
func fuzzFileError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) || errors.Is(err, sweep.ErrBusy) {
		return withCode(exitEnv, err)
	}
	return withCode(exitBadInput, err)
}

// fuzzReport prints what a fuzzer found.
func (a *app) fuzzReport(x *fuzz.Fuzzer, runs uint64, took time.Duration, out string) error {
	if len(x.Findings) > 0 {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(struct {
			Stats    fuzz.Stats      `json:"stats"`
			Findings []*fuzz.Finding `json:"findings"`
		}{x.Stats, x.Sorted()})
	}
	a.printf("  %s in %.1f s (%.0f a second), %d in all; %d packages refused\n", plural(int64(runs), "run"), took.Seconds(), float64(runs)/max(took.Seconds(), 1e-3), x.Stats.Runs, x.Stats.Refused)
	a.printf("  %s and states seen, which %s showed first; outcomes:", plural(int64(x.Stats.Features), "decision"), plural(int64(x.Stats.Corpus), "run"))
	for _, o := range sweep.Outcomes {
		if n := x.Stats.Outcomes[o.Outcome]; n > 0 {
			a.printf(" %s", a.c(outcomeColour(o.Letter), fmt.Sprintf("%s %d", o.Outcome, n)))
		}
	}
	a.printf("\n")
	if len(x.Findings) == 0 {
		a.printf("  every run ends with exactly the old or exactly the new version\n")
	}
	for _, f := range x.Sorted() {
		a.fuzzFinding(f)
		if out != "" {
			a.printf("    told by the same command with --tell %d\n", f.Number)
		}
	}
	return nil
}

func (a *app) fuzzFinding(f *fuzz.Finding) {
	colour := yellow
	for _, o := range sweep.Outcomes {
		if o.Outcome == f.Result.Outcome {
			colour = outcomeColour(o.Letter)
		}
	}
	a.printf("\n  %d. %s in run %d: %s\n", f.Number, a.c(colour, string(f.Result.Outcome)), f.Run, f.Result.Detail)
	for _, line := range fuzz.Describe(&f.Trial) {
		a.printf("    %s\n", line)
	}
	for i := range f.Result.Places {
		a.printf("      %s\n", &f.Result.Places[i])
	}
	for _, i := range f.Result.Broken {
		a.printf("    broken: %s\n", i.Words())
	}
}

// tellFuzz tells a finding step by step.
func (a *app) tellFuzz(w *sweep.Sweep, x *fuzz.Fuzzer, number int) error {
	if number < 1 || number > len(x.Findings) {
		return usagef("--tell %d: the file has %s", number, plural(int64(len(x.Findings)), "finding"))
	}
	f := x.Findings[number-1]
	out, err := w.Try(&f.Trial, nil, true)
	if err != nil {
		return err
	}
	a.code = exitFindings
	if !a.text() {
		return a.json(out)
	}
	a.fuzzFinding(f)
	a.printf("\n")
	for i := range out.Lines {
		l := &out.Lines[i]
		a.printf("%11.3fs boot %d  %-8s %s\n", l.At.Seconds(), l.Boot, l.Kind, l.Text)
	}
	return nil
}
