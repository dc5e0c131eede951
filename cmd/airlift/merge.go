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
	var out string
	var reports reportFlags
	cmd := &cobra.Command{
		Use:   "merge FILE...",
		Short: "Join the results files of a sweep's shards",
		Long: `Join the results files of all shards of a sweep into the file that one run of
the whole sweep writes, byte for byte, and print its summary. The order of the
files does not matter.

The exit code is 1 if there are findings.`,
		Args: operands("FILE..."),
		RunE: func(_ *cobra.Command, args []string) error { return a.merge(args, out, &reports) },
	}
	reports.add(cmd.Flags())
	cmd.Flags().StringVarP(&out, "out", "o", "", "results `file` of the whole sweep")
	return cmd
}

func (a *app) merge(names []string, out string, reports *reportFlags) error {
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
	if out == "" {
		err = join(io.Discard)
	} else {
		err = writeFile(out, join)
	}
	if err != nil {
		return err
	}
	h := files[0].Header
	h.Shard = ""
	a.sweepHead(&h)
	if out == "" {
		out = names[0]
	}
	took := time.Since(from)
	if err := reports.gather(context.Background(), &h, sum, nil, " --results "+out, out, took); err != nil {
		return err
	}
	if err := reports.write(); err != nil {
		return err
	}
	return a.sweepReport(&h, sum, " --results "+out, took)
}
