package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu"
	"airlift/emu/demo"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/trace"
)

// defaultChip is the module of the seed story.
const defaultChip = "air601"

func (a *app) demoCmd() *cobra.Command {
	var f chipFlags
	cfg := demo.Config{}
	var ops, debug bool
	var libs string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a module upgrade itself over the air",
		Long: `The whole story in one command: a platform with a new version on it, a module
with the old one, the request, the download, the reset into upgrade mode, and
the new version running.`,
		Example: `  airlift demo
  airlift demo --chip air780e --seed 7
  airlift demo --chip air6208 --link nbiot --format json`,
		Args: operands(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.Chip, err = f.wholeChip(); err != nil {
				return err
			}
			if err := checkDemo(&cfg); err != nil {
				return withCode(exitUsage, err)
			}
			if cfg.Script.Libs, err = scriptLibs(cfg.Chip, libs); err != nil {
				return err
			}
			return a.demo(cfg, demoAgain(cmd, cfg), ops, debug)
		},
	}
	f.add(cmd, defaultChip)
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "seed of everything random")
	cmd.Flags().StringVar(&cfg.Answers, "answers", "cloud", "answer set of the platform: "+strings.Join(iot.AnswerSetNames, ", "))
	cmd.Flags().StringVar(&cfg.Link, "link", "wifi", "link model: ideal, wifi, cat1 or nbiot")
	cmd.Flags().StringVar(&cfg.Library, "library", "", "Lua library that asks for the upgrade: libfota or libfota2 (default: libfota2; the Luat core has update alone)")
	cmd.Flags().StringVar(&libs, "libs", "", "script `folder` of LuatOS, or of the Luat core: its libraries replace ours")
	cmd.Flags().Int64Var(&cfg.CoreSize, "core-size", 0, "code size of the synthetic cores in `bytes`")
	cmd.Flags().BoolVar(&ops, "ops", false, "print every flash operation")
	cmd.Flags().BoolVar(&debug, "debug", false, "print every debug line of the firmware's log")
	return cmd
}

// demoAgain is the command that plays the same demo once more.
func demoAgain(cmd *cobra.Command, cfg demo.Config) string {
	flags := sameFlags(cmd, "profile", "seed")
	if !cmd.Flags().Changed("chip-file") {
		flags = " --chip " + cfg.Chip.Model.Name + sameFlags(cmd, "chip", "profile", "seed")
	}
	return fmt.Sprintf("airlift demo%s --profile %s --seed %d", flags, quoteArg(cfg.Chip.Profile.Name), cfg.Seed)
}

// checkDemo refuses flags that make no sense.
func checkDemo(cfg *demo.Config) error {
	if _, err := iot.AnswersByName(cfg.Answers); err != nil {
		return err
	}
	if _, err := link.Preset(cfg.Link); err != nil {
		return err
	}
	switch cfg.Library {
	case "", "libfota", "libfota2", "update":
	default:
		return fmt.Errorf("--library %q: expected libfota, libfota2 or update", cfg.Library)
	}
	return checkCoreSize(cfg.CoreSize)
}

// demoReport is the JSON form of a demo.
type demoReport struct {
	Chip         string `json:"chip"`
	Profile      string `json:"profile"`
	Seed         uint64 `json:"seed"`
	From         string `json:"from"`
	To           string `json:"to"`
	Outcome      string `json:"outcome"`
	Package      string `json:"package"`
	PackageKind  string `json:"package_kind"`
	PackageBytes int    `json:"package_bytes"`
	Boots        int    `json:"boots"`
	End          string `json:"end"`
	VirtualMS    int64  `json:"virtual_ms"`
	WallMS       int64  `json:"wall_ms"`
	FlashOps     int    `json:"flash_ops"`
	Trace        string `json:"trace_sha256"`
	// Findings are what the module did to itself.
	Findings findings `json:"findings,omitempty"`
	// Upgrades are the single upgrades of the story; the fields above tell of
	// the last one, From of the first.
	Upgrades []demoUpgrade `json:"upgrades"`
}

// demoUpgrade is one upgrade of a demo.
type demoUpgrade struct {
	From         string `json:"from"`
	To           string `json:"to"`
	Outcome      string `json:"outcome"`
	Package      string `json:"package"`
	PackageKind  string `json:"package_kind"`
	PackageBytes int    `json:"package_bytes"`
}

func (a *app) demo(cfg demo.Config, again string, ops, debug bool) error {
	defer a.flush()
	start := time.Now()
	story, err := demo.New(cfg)
	if err != nil {
		return err
	}
	a.note("seed %d", cfg.Seed)
	printer := &eventPrinter{a: a, flashOps: ops, debug: debug, parts: cfg.Chip.Partitions}
	if a.format != "json" {
		story.World.Trace.Sink(printer.event)
	}
	if a.text() {
		a.demoHead(cfg, story)
		story.World.Received = printer.progress(story)
	}
	report := demoReport{Chip: cfg.Chip.Model.Name, Profile: cfg.Chip.Profile.Name, Seed: cfg.Seed, From: story.From.Platform}
	story.World.Trace.Sink(report.Findings.event)
	for more := true; more; {
		if a.text() {
			a.demoOffer(story, len(report.Upgrades) > 0)
		}
		r, err := story.Run()
		if err != nil {
			return err
		}
		printer.flush()
		report.add(story, r)
		if r.Outcome != emu.OutcomeNew {
			a.code = exitFindings
			break
		}
		if more, err = story.Next(); err != nil {
			return err
		}
	}
	if len(report.Findings) > 0 {
		a.code = exitFindings
	}
	report.WallMS = time.Since(start).Milliseconds()
	if !a.text() {
		return a.json(report)
	}
	a.demoTail(report, again)
	return nil
}

// add tells of one more upgrade.
func (d *demoReport) add(s *demo.Story, r demo.Report) {
	u := demoUpgrade{
		From: s.From.Platform, To: s.To.Platform, Outcome: string(r.Outcome),
		Package: s.Package.FileName, PackageKind: s.Package.Kind.Name, PackageBytes: s.Package.Bytes,
	}
	d.Upgrades = append(d.Upgrades, u)
	d.To, d.Outcome, d.Package, d.PackageKind, d.PackageBytes = u.To, u.Outcome, u.Package, u.PackageKind, u.PackageBytes
	d.Boots, d.End, d.VirtualMS, d.FlashOps, d.Trace = r.End.Boots, string(r.End.End), r.Virtual.Milliseconds(), r.FlashOps, r.Trace
}

// demoOffer says what the platform offers.
func (a *app) demoOffer(s *demo.Story, again bool) {
	if again {
		a.printf("\n%s offers %s, %d bytes: %s; the power is switched off and on\n\n", a.c(bold, "platform"), s.Package.FileName, s.Package.Bytes, s.Package.Kind.Summary)
	}
}

func (a *app) demoHead(cfg demo.Config, s *demo.Story) {
	c := cfg.Chip
	a.printf("%s %s with firmware profile %s (%s)\n", a.c(bold, "module  "), c.Model.Name, c.Profile.Name, c.Profile.Summary)
	a.printf("%s runs core %s with scripts %s: version %s to the platform\n", a.c(bold, "now     "), s.From.Core, s.From.Script, s.From.Platform)
	a.printf("%s offers %s, %d bytes: %s\n", a.c(bold, "platform"), s.Package.FileName, s.Package.Bytes, s.Package.Kind.Summary)
	a.printf("%s times are virtual and assumed: see airlift chips show %s\n\n", a.c(bold, "clock   "), c.Model.Name)
}

func (a *app) demoTail(r demoReport, again string) {
	colour, verdict := green, "upgraded"
	if r.Outcome != string(emu.OutcomeNew) {
		colour, verdict = red, "not upgraded"
	}
	a.printf("\n%s %s: %s -> %s, outcome %s\n", a.c(bold, r.Chip), a.c(colour, verdict), r.From, r.To, r.Outcome)
	a.printf("%s, %s, %.3f s of virtual time in %d ms\n", plural(r.Boots, "boot"), plural(r.FlashOps, "flash operation"), float64(r.VirtualMS)/1000, r.WallMS)
	a.printf("trace sha256 %s\n", r.Trace)
	a.printf("%s\n", a.c(dim, "again: "+again))
}

// progress prints the download in steps of a quarter.
func (p *eventPrinter) progress(s *demo.Story) func(string, int64) {
	var shown, last int64 // quarters, bytes
	return func(_ string, got int64) {
		if got < last {
			shown = 0
		}
		last = got
		quarters := min(got*4/int64(s.Package.Bytes), 4)
		if quarters > shown {
			p.event(&trace.Event{Time: s.World.Clock.Now(), Kind: trace.Net, Text: fmt.Sprintf("download %3d%%  %s", quarters*25, bar(int(quarters)*8, 32))})
			shown = quarters
		}
	}
}

func bar(n, width int) string {
	out := make([]rune, width)
	for i := range out {
		out[i] = '░'
		if i < n {
			out[i] = '█'
		}
	}
	return string(out)
}
