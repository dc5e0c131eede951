package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/sweep"
)

func (a *app) mergeCmd() *cobra.Command {
	var f mergeFlags
	cmd := &cobra.Command{
		Use:   "merge FILE...",
		Short: "Join the results files of a sweep's shards",
		Long: `Join the results files of all shards of a sweep into the file that one run of
the whole sweep writes, byte for byte, and print its summary. The order of the
files does not matter. It can be done again at any time: the file of the whole
sweep is there when it is complete.

For a report the first case of each finding is run again for its account. Files
of your own that the sweep was made with are named as in airlift sweep; without
them the accounts are left out.

The exit code is 1 if there are findings.`,
		Example: `  airlift merge part0.jsonl part1.jsonl -o all.jsonl --html all.html`,
		Args:    operands("FILE..."),
		RunE:    func(_ *cobra.Command, args []string) error { return a.merge(args, &f) },
	}
	f.reports.add(cmd.Flags())
	f.own.flags = cmd.Flags()
	f.own.chip.addOwn(cmd)
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "results `file` of the whole sweep")
	return cmd
}

type mergeFlags struct {
	out     string
	own     scenarioFlags // files of the user's
	reports reportFlags
}

func (a *app) merge(names []string, f *mergeFlags) error {
	defer a.flush()
	var files []*sweep.Reader
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return withCode(exitEnv, err)
		}
		defer f.Close()
		r, err := sweep.NewReader(name, f)
		if err != nil {
			return withCode(exitBadInput, err)
		}
		files = append(files, r)
	}
	var sum *sweep.Summary
	join := func(w io.Writer) (err error) {
		sum, err = sweep.Merge(files, w)
		return withCode(exitBadInput, err)
	}
	from := time.Now()
	var err error
	if f.out == "" {
		err = join(io.Discard)
	} else {
		err = writeFile(f.out, join)
	}
	if err != nil {
		return err
	}
	h := files[0].Header
	h.Shard = ""
	a.sweepHead(&h)
	took := time.Since(from)
	if f.out == "" {
		f.out = names[0]
	}
	extra := f.own.given(ownFlagNames) + " --results " + quoteArg(f.out)
	if err := a.mergeReports(f, &h, sum, extra, took); err != nil {
		return err
	}
	return a.sweepReport(&h, sum, extra, "joined", took)
}

// mergeReports writes the reports that are asked for, with accounts if the sweep
// can be made again.
func (a *app) mergeReports(f *mergeFlags, h *sweep.Header, sum *sweep.Summary, extra string, took time.Duration) error {
	if !f.reports.wanted() {
		return nil
	}
	w, err := f.own.prepare(h.Scenario)
	if err == nil {
		err = f.reports.gather(context.Background(), h, sum, w, extra, f.out, took)
	}
	if err != nil {
		a.note("airlift: the reports have no accounts: %v", err)
		if err := f.reports.gather(context.Background(), h, sum, nil, extra, f.out, took); err != nil {
			return err
		}
	}
	return f.reports.write()
}
