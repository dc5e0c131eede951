package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"airlift/chips"
	"airlift/emu/sweep"
)

// scenarioFlags change what a scenario file or a built-in scenario says.
type scenarioFlags struct {
	chip         chipFlags
	kind, mode   string
	seed, sample uint64
	damages      uint64
	repair       bool
	reachable    bool
	cuts         int
	recoveries   int
	old, fresh   int64
	flags        *pflag.FlagSet
}

func (f *scenarioFlags) add(cmd *cobra.Command) {
	f.addUpgrade(cmd)
	cmd.Flags().StringVar(&f.mode, "mode", "", "what is cut: boot (code), update (and updater) or system (everything)")
	cmd.Flags().IntVar(&f.cuts, "cuts", 1, "power cuts a case, each in the recovery from the one before")
	cmd.Flags().IntVar(&f.recoveries, "recoveries", 0, "cut every recovery, so many `times` in a row, then leave the module alone")
	cmd.Flags().Uint64Var(&f.sample, "sample", 0, "draw so many `cases` (0: try all)")
	cmd.Flags().Uint64Var(&f.damages, "damages", 0, "try so many damaged `packages`, too, without a cut")
	cmd.Flags().BoolVar(&f.reachable, "reachable", false, "hand the package once more to a module that did not come to the new version: does it take it?")
	cmd.Flags().BoolVar(&f.repair, "repair", false, "damage packages inside, and make the checksums around that right")
}

// addUpgrade adds the flags that say what upgrade it is, not what goes wrong.
func (f *scenarioFlags) addUpgrade(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.chip.add(cmd, "")
	cmd.Flags().StringVar(&f.kind, "package", "", "`kind` of upgrade package: see airlift chips show")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of everything random")
	cmd.Flags().Int64Var(&f.old, "old-core-size", 0, "`bytes` of code in the old core")
	cmd.Flags().Int64Var(&f.fresh, "new-core-size", 0, "`bytes` of code in the new core")
}

// change applies the flags that were given.
func (f *scenarioFlags) change(s *sweep.Scenario) error {
	f.flags.Visit(func(g *pflag.Flag) {
		switch g.Name {
		case "chip":
			if !strings.EqualFold(s.Chip, f.chip.model) {
				s.Profile, s.Package = "", ""
			}
			s.Chip = f.chip.model
		case "chip-file":
			if name := filepath.Base(f.chip.file); s.Chip != name {
				s.Chip, s.Profile, s.Package = name, "", ""
			}
		case "profile":
			s.Profile = f.chip.profile
		case "package":
			s.Package = f.kind
		case "mode":
			s.Mode = sweep.Mode(f.mode)
			s.Invariants = nil
		case "seed":
			s.Seed = f.seed
		case "cuts":
			s.SetCuts(f.cuts)
		case "recoveries":
			s.SetRecoveries(f.recoveries)
		case "sample":
			s.Sample = f.sample
		case "damages":
			s.Damages = f.damages
		case "repair":
			s.Repair = f.repair
		case "old-core-size":
			s.Old.CoreBytes = f.old
		case "new-core-size":
			s.New.CoreBytes = f.fresh
		}
	})
	if !f.flags.Changed("damages") && s.Cuts > 1 {
		s.Damages, s.Repair, s.Sizes, s.Uncut = 0, false, nil, false // those of the scenario are for a single cut
	}
	if err := s.Fill(); err != nil {
		return withCode(exitUsage, err)
	}
	if f.reachable && !slices.Contains(s.Invariants, sweep.Reachable) {
		s.Invariants = append(slices.Clone(s.Invariants), sweep.Reachable)
	}
	return nil
}

// ownFlagNames are the flags that name files of the user's, or what is on the
// board, which neither scenarios nor results files hold.
var ownFlagNames = []string{"boot", "chip-file", "layout", "spi-flash"}

// scenarioFlagNames are the flags that make or change a scenario.
var scenarioFlagNames = append([]string{"chip", "profile", "package", "mode", "seed", "cuts", "recoveries", "sample", "damages", "repair", "reachable", "old-core-size", "new-core-size"}, ownFlagNames...)

// given are those of the flags that were typed, for a command that does the
// same.
func (f *scenarioFlags) given(names []string) string {
	return flagText(f.flags, func(name string) bool { return slices.Contains(names, name) })
}

// prepare makes a sweep of a scenario, on the chip that flags or scenario name.
func (f *scenarioFlags) prepare(s *sweep.Scenario) (*sweep.Sweep, error) {
	chip, err := f.chipOf(s)
	if err != nil {
		return nil, err
	}
	if err := s.Use(chip); err != nil {
		return nil, withCode(exitUsage, err)
	}
	w, err := sweep.New(s, chip)
	return w, notRun(err)
}

// chipOf is the chip that flags or scenario name.
func (f *scenarioFlags) chipOf(s *sweep.Scenario) (*chips.Chip, error) {
	c := f.chip
	c.model, c.profile = s.Chip, s.Profile
	return c.wholeChip()
}

// plain are the scenarios of a chip that flags name: an upgrade of core and
// scripts, or of what the chip takes. Boot code of one's own has to get through
// the download too, and through a second cut in each recovery.
func (f *scenarioFlags) plain() []*sweep.Scenario {
	stem := func(file string) string { return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) }
	chip, name := f.chip.model, f.chip.model
	if f.chip.file != "" {
		chip, name = stem(f.chip.file), stem(f.chip.file)
	}
	if f.chip.boot != "" {
		name = stem(f.chip.boot)
	}
	if name == "" {
		return nil
	}
	once := sweep.Scenario{Name: strings.ToLower(name), Summary: "Power cuts during an upgrade.", Chip: chip, Old: sweep.Version{CoreBytes: 64 << 10}, New: sweep.Version{ScriptBytes: 2000}}
	if f.chip.boot == "" {
		return []*sweep.Scenario{&once}
	}
	once.Mode, once.Old.CoreBytes = sweep.ModeUpdate, 24<<10
	twice := once
	once.Damages = 200
	once.Summary = "Power cuts during an upgrade, and damaged packages."
	twice.Name, twice.Cuts, twice.Sample = once.Name+"-twice", 2, 5000
	twice.Summary = "A second power cut in the recovery from the first, drawn at random."
	return []*sweep.Scenario{&once, &twice}
}

// readScenario reads a scenario file, or takes the built-in one of that name.
func readScenario(name string) (*sweep.Scenario, error) {
	if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" && ext != ".json" {
		s, err := sweep.FindBuiltin(name)
		return s, withCode(exitUsage, err)
	}
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	s, err := sweep.ReadScenario(data)
	if err != nil {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %w", name, err))
	}
	s.In(filepath.Dir(name))
	return s, nil
}

type sweepFlags struct {
	scenarioFlags
	list    bool
	schema  bool
	out     string
	shard   string
	workers int
	reports reportFlags
}

func (a *app) sweepCmd() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep [SCENARIO]...",
		Short: "Fail the power at every flash operation of an upgrade",
		Long: `Run an upgrade once and count its flash operations; then run it again for every
operation and every way in which the power can fail there, boot the device until
it settles, and say what it is then: new, old, mixed, stuck or a brick.

A SCENARIO is a built-in name (--list) or a YAML file; without one all built-in
scenarios are run, or a plain upgrade of the model of --chip. Every case that goes wrong can be run again and told step by
step with airlift replay.

With --out FILE the results are written as JSON lines; a run that was stopped
goes on where it was. --shard 2/8 runs an eighth of the cases, --shard /8 that
of the environment's JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID; airlift merge
joins the files.

The exit code is 1 if a case leaves neither the old nor the new version, or
breaks an invariant, or if the run without a cut does.`,
		Example: `  airlift sweep xt804-file
  airlift sweep --chip air601 --mode update -o results.jsonl
  airlift sweep --boot my.wasm --sample 100
  airlift sweep --list`,
		Args: operands("[SCENARIO]..."),
		RunE: func(_ *cobra.Command, args []string) error { return a.sweep(args, &f) },
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.list, "list", false, "list the built-in scenarios")
	cmd.Flags().BoolVar(&f.schema, "schema", false, "print the JSON schema of scenario files")
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "results `file`")
	cmd.Flags().StringVar(&f.shard, "shard", "", "run part `i/n` of the cases, i from 0; /n takes i from the environment")
	f.reports.add(cmd.Flags())
	cmd.Flags().IntVar(&f.workers, "jobs", 0, "cases run at a time (0: one a processor)")
	return cmd
}

func (a *app) sweep(names []string, f *sweepFlags) error {
	defer a.flush()
	if f.schema {
		a.printf("%s", sweep.Schema)
		return nil
	}
	if f.list {
		return a.listScenarios()
	}
	sweep.CollectSeldom()
	var list []*sweep.Scenario
	files := map[*sweep.Scenario]string{}
	if len(names) == 0 {
		if err := f.chip.chooseBoard(); err != nil {
			return err
		}
		if list = f.plain(); list == nil {
			list = sweep.Builtin()
		}
	}
	for _, name := range names {
		s, err := readScenario(name)
		if err != nil {
			return err
		}
		if s2, err := sweep.FindBuiltin(name); err != nil || s2 == nil {
			files[s] = name
		}
		list = append(list, s)
	}
	if f.out != "" && len(list) > 1 {
		return usagef("--out takes the results of one scenario: name it")
	}
	opt, err := shardOptions(f.shard)
	if err != nil {
		return err
	}
	opt.Workers = f.workers
	for i, s := range list {
		s.Files = nil // those of this sweep
		if err := f.change(s); err != nil {
			return err
		}
		if i > 0 && a.text() {
			a.printf("\n")
		}
		extra := f.given(scenarioFlagNames)
		switch {
		case f.out != "" && s.Beside(f.out):
			extra = f.given(ownFlagNames) + " --results " + quoteArg(f.out)
		case files[s] != "":
			extra += " --scenario " + quoteArg(files[s])
		}
		if err := a.sweepOne(s, f, opt, extra, files[s]); err != nil {
			return err
		}
	}
	return f.reports.write()
}

// shardOptions reads --shard.
func shardOptions(text string) (opt sweep.Options, err error) {
	if text == "" {
		return opt, nil
	}
	bad := func(why string) (sweep.Options, error) {
		return opt, usagef("--shard %q: %s", text, why)
	}
	i, n, ok := strings.Cut(text, "/")
	if !ok {
		return bad("expected i/n, like 0/8")
	}
	if opt.Shards, err = strconv.Atoi(n); err != nil || opt.Shards < 1 || opt.Shards > 1e6 {
		return bad("expected 1 to 1000000 behind the /")
	}
	if i == "" {
		for _, name := range []string{"JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"} {
			if i == "" {
				i = os.Getenv(name)
			}
		}
		if i == "" {
			return bad("neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set")
		}
	}
	if opt.Shard, err = strconv.Atoi(i); err != nil || opt.Shard < 0 || opt.Shard >= opt.Shards {
		return bad(fmt.Sprintf("part %s: expected 0 to %d", i, opt.Shards-1))
	}
	return opt, nil
}

func (a *app) listScenarios() error {
	if !a.text() {
		return list(a, sweep.Builtin())
	}
	for _, s := range sweep.Builtin() {
		a.printf("%s  %s\n", a.c(bold, fmt.Sprintf("%-20s", s.Name)), s.Summary)
	}
	return nil
}

// sweepOne runs a scenario and reports.
func (a *app) sweepOne(s *sweep.Scenario, f *sweepFlags, opt sweep.Options, extra, file string) error {
	from := time.Now()
	w, err := f.prepare(s)
	if err != nil {
		return err
	}
	header := w.Header(opt)
	a.sweepHead(header)
	a.flush()
	sum := sweep.NewSummary(s, len(w.Clean.Ops))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if f.out != "" {
		err = sweepToFile(ctx, w, f.out, header, opt, sum)
	} else {
		err = w.Run(ctx, opt, func(r *sweep.Result) error { sum.Add(r); return nil })
		sum.Close()
	}
	if err != nil {
		return notRun(err)
	}
	took := time.Since(from)
	if err := f.reports.gather(ctx, w.Header(opt), sum, w, extra, file, took); err != nil {
		return err
	}
	return a.sweepReport(header, sum, extra, "run", took)
}

// sweepToFile runs a sweep into a results file, or goes on with one.
func sweepToFile(ctx context.Context, w *sweep.Sweep, name string, header *sweep.Header, opt sweep.Options, sum *sweep.Summary) (err error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return withCode(exitEnv, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := sweep.Lock(file); err != nil {
		return withCode(exitEnv, err)
	}
	st, err := file.Stat()
	if err != nil {
		return withCode(exitEnv, err)
	}
	if st.Size() > 0 {
		from, done, err := sweep.Resume(file, header, sum)
		if err != nil {
			return withCode(exitBadInput, err)
		}
		if done {
			return nil
		}
		opt.From, header = from, nil
	}
	out := sweep.NewWriter(file, header, sum)
	err = w.Run(ctx, opt, out.Add)
	return errors.Join(err, out.Close(err == nil))
}
