package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash"
)

func (a *app) bootCmd() *cobra.Command {
	var f chipFlags
	var b bootFlags
	cmd := &cobra.Command{
		Use:   "boot FLASH",
		Short: "Power on a flash image: boot code and core, step by step",
		Long: `Power on a flash image and show what boot code and core decide and do before
the first script runs. The image file itself is left alone: --out writes the
flash as it is afterwards.

--cut N lets N flash operations happen and then fails the power; with --tear F
the fraction F of the next operation still takes effect.

The exit code is 1 if nothing can be started, or if an upgrade overwrites what
is not its own.`,
		Example: `  airlift boot module.img --chip air601
  airlift boot module.img --chip air601 --cut 100 --tear 0.5 --out torn.img`,
		Args: operands("FLASH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.cutSet = cmd.Flags().Changed("cut")
			if cmd.Flags().Changed("tear") && !b.cutSet {
				return usagef("--tear needs --cut: which operation is to be torn?")
			}
			return a.boot(args[0], f, b)
		},
	}
	f.add(cmd, "")
	cmd.Flags().StringVar(&b.stage, "stage", "core", "how far to go: boot or core")
	cmd.Flags().Uint64Var(&b.cut, "cut", 0, "fail the power after `N` whole flash operations")
	cmd.Flags().Float64Var(&b.tear, "tear", 0, "let the `fraction` of the next operation happen, 0 to 1")
	addCoreFlag(cmd, &b.cores)
	cmd.Flags().StringVar(&b.out, "out", "", "write the flash afterwards to this `file`")
	cmd.Flags().StringVar(&b.console, "console", "", "`bytes` that wait at the boot UART, with Go escapes: '\\x1b\\x1b\\x1b'")
	cmd.Flags().Uint64Var(&b.seed, "seed", 1, "seed of everything random")
	cmd.Flags().BoolVar(&b.ops, "ops", false, "print every flash operation")
	cmd.Flags().BoolVar(&b.debug, "debug", false, "print every debug line of the firmware's log")
	return cmd
}

type bootFlags struct {
	stage, out, console string
	cut, seed           uint64
	tear                float64
	cutSet, ops, debug  bool
	cores               []string
}

// bootReport is the JSON form of a boot.
type bootReport struct {
	Chip      string      `json:"chip"`
	Profile   string      `json:"profile"`
	Seed      uint64      `json:"seed"`
	Stage     string      `json:"stage"`
	Outcome   string      `json:"outcome"`
	Status    string      `json:"status,omitempty"`
	Upgraded  bool        `json:"upgraded"`
	Image     string      `json:"image,omitempty"`
	Params    []string    `json:"params,omitempty"`
	Core      string      `json:"core,omitempty"`
	CoreError string      `json:"core_error,omitempty"`
	Findings  findings    `json:"findings,omitempty"`
	Reboot    bool        `json:"core_reboots"`
	Cut       string      `json:"cut,omitempty"`
	FlashOps  int         `json:"flash_ops"`
	VirtualMS int64       `json:"virtual_ms"`
	FlashHash string      `json:"flash_sha256_tree"`
	Trace     string      `json:"trace_sha256"`
	Events    []jsonEvent `json:"events,omitempty"`
}

func (a *app) boot(file string, f chipFlags, b bootFlags) error {
	defer a.flush()
	if b.stage != string(emu.StageBoot) && b.stage != string(emu.StageCore) {
		return usagef("--stage %q: expected boot or core", b.stage)
	}
	if math.IsNaN(b.tear) || b.tear < 0 || b.tear > 1 {
		return usagef("--tear %v: expected a fraction from 0 to 1", b.tear)
	}
	console, err := unquote(b.console)
	if err != nil {
		return usagef("--console %q: expected text with Go escapes, like \\x1b", b.console)
	}
	chip, err := f.wholeChip()
	if err != nil {
		return err
	}
	if err := addCores(chip, b.cores); err != nil {
		return err
	}
	flashes, err := loadFlash(file, chip)
	if err != nil {
		return err
	}
	rec := trace.New()
	printer := &eventPrinter{a: a, flashOps: b.ops, debug: b.debug, parts: chip.Partitions}
	report := bootReport{Chip: chip.Model.Name, Profile: chip.Profile.Name, Seed: b.seed, Stage: b.stage}
	rec.Sink(report.Findings.event)
	rec.Sink(func(e *trace.Event) {
		if a.format == "json" {
			report.Events = append(report.Events, toJSON(e))
			return
		}
		printer.event(e)
	})
	dev, err := emu.NewDevice(emu.Config{Chip: chip, Flash: flashes, Seed: b.seed, Console: console, Trace: rec})
	if err != nil {
		return err
	}
	cut := &fault.CutTap{Ops: b.cut, Tear: b.tear}
	if b.cutSet {
		dev.Tap(cut)
	}
	r, err := dev.PowerOn(emu.Stage(b.stage))
	if err != nil {
		return err
	}
	printer.flush()
	fillBootReport(&report, r, cut, rec, flashes, dev)
	if b.cutSet && report.Cut == "" {
		a.note("--cut %d: the power was not cut, there were %s", b.cut, plural(report.FlashOps, "flash operation"))
	}
	if len(report.Findings) > 0 || r.Broken != nil || !r.Cut && (r.Boot.Outcome == chips.BootFailed || r.Boot.Outcome == chips.BootHang) {
		a.code = exitFindings
	}
	if b.out != "" {
		if err := saveFlash(b.out, flashes); err != nil {
			return err
		}
	}
	if !a.text() {
		return a.json(report)
	}
	a.bootSummary(&report)
	return nil
}

func fillBootReport(report *bootReport, r emu.PowerOnReport, cut *fault.CutTap, rec *trace.Recorder, flashes []*flash.Device, dev *emu.Device) {
	report.Outcome, report.Status, report.Upgraded = string(r.Boot.Outcome), r.Boot.Status, r.Boot.Upgraded
	if r.Boot.Outcome == chips.BootCore {
		report.Image = fmt.Sprintf("0x%06X", r.Boot.Image)
	}
	for _, p := range r.Boot.Params {
		report.Params = append(report.Params, fmt.Sprintf("%08X", p))
	}
	if r.Cut {
		report.Outcome, report.Cut = "power lost", cut.Hit
	}
	if r.Broken != nil {
		report.CoreError = r.Broken.Error()
	}
	if r.Running != nil {
		report.Core, report.Reboot = r.Running.Identity.Version, r.Running.Reboot
	}
	report.FlashHash = flashHash(flashes)
	report.FlashOps, report.Trace = rec.FlashOps(), rec.Sum()
	report.VirtualMS = dev.Now().Milliseconds()
}

// flashHash is the hash of a flash chip, or that of the hashes of several.
func flashHash(flashes []*flash.Device) string {
	hash := flashes[0].Hash()
	if len(flashes) > 1 {
		var all []byte
		for _, f := range flashes {
			h := f.Hash()
			all = append(all, h[:]...)
		}
		hash = sha256.Sum256(all)
	}
	return fmt.Sprintf("%x", hash)
}

func (a *app) bootSummary(r *bootReport) {
	outcome := r.Outcome
	switch {
	case r.Cut != "":
		outcome = "power lost at " + r.Cut
	case r.CoreError != "":
		outcome = r.CoreError
	case r.Outcome != string(chips.BootCore) && r.Status != "":
		outcome += ", status " + r.Status
	case r.Reboot:
		outcome += ": " + r.Core + " started and resets the chip"
	case r.Core != "":
		outcome += ": " + r.Core + " is up, the scripts would start now"
	case r.Image != "":
		outcome += " started, image header at " + r.Image
	}
	a.printf("\n%s %s\n", a.c(bold, "outcome"), outcome)
	if len(r.Params) > 0 {
		a.printf("boot parameters %v\n", r.Params)
	}
	a.printf("%s, %d ms of virtual time, %s profile %s\n", plural(r.FlashOps, "flash operation"), r.VirtualMS, r.Chip, r.Profile)
	a.printf("trace sha256 %s\n", r.Trace)
}

// loadFlash reads a flash dump for a chip. Chips with several flashes want
// their dumps one behind the other.
func loadFlash(file string, chip *chips.Chip) ([]*flash.Device, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	flashes, err := emu.LoadFlash(chip, data)
	if err != nil {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %w", file, err))
	}
	return flashes, nil
}

// saveFlash writes flash chips one behind the other.
func saveFlash(file string, flashes []*flash.Device) error {
	return writeFile(file, func(w io.Writer) error {
		for _, d := range flashes {
			if _, err := d.WriteTo(w); err != nil {
				return err
			}
		}
		return nil
	})
}
