package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/pflag"

	"airlift/emu/report"
	"airlift/emu/sweep"
)

// reportFlags are the files that a sweep's results are told in.
type reportFlags struct {
	junit, sarif, html string
	sweeps             []*report.Sweep
}

func (f *reportFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.junit, "junit", "", "write the results as JUnit XML into `file`")
	flags.StringVar(&f.sarif, "sarif", "", "write the findings as SARIF 2.1.0 into `file`")
	flags.StringVar(&f.html, "html", "", "write a page with map, flash and account of each finding into `file`")
}

func (f *reportFlags) wanted() bool { return f.junit != "" || f.sarif != "" || f.html != "" }

// gather keeps what came of a sweep. W may be nil: then there are no accounts.
func (f *reportFlags) gather(ctx context.Context, h *sweep.Header, sum *sweep.Summary, w *sweep.Sweep, extra, file string, took time.Duration) error {
	if !f.wanted() {
		return nil
	}
	r, err := report.Gather(ctx, h, sum, w, extra)
	if err != nil {
		return err
	}
	r.Took, r.File = took, file
	f.sweeps = append(f.sweeps, r)
	return nil
}

// write writes the files.
func (f *reportFlags) write() error {
	for _, x := range []struct {
		name string
		to   func(io.Writer) error
	}{
		{f.junit, func(w io.Writer) error { return report.WriteJUnit(w, f.sweeps) }},
		{f.sarif, func(w io.Writer) error { return report.WriteSARIF(w, f.sweeps) }},
		{f.html, func(w io.Writer) error { return report.WriteHTML(w, f.sweeps) }},
	} {
		if x.name == "" {
			continue
		}
		if err := writeFile(x.name, x.to); err != nil {
			return err
		}
	}
	return nil
}
