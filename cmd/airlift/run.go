package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/project"
	"airlift/flash"
	"airlift/lua"
)

type runFlags struct {
	limit             time.Duration
	boots             int
	seed              uint64
	libs              string
	coreVersion       string
	coreSize          int64
	out               string
	ops, quiet, debug bool
	steps             uint64
	imei, mac         string
	link              string
	net               string
	redirects         []string
	cores             []string
	servers           serverFlags
	surroundings      sceneFlags
	scripts           scriptFlags
	calls             callFlags
	watch             bool
	bootsAsked        bool // --boots was given: reaching it is what was asked for
	chipAsked         bool // --chip was given
}

func (a *app) runCmd() *cobra.Command {
	var f chipFlags
	var r runFlags
	cmd := &cobra.Command{
		Use:   "run PROJECT",
		Short: "Run a project on a module",
		Long: `Run a project on a module, from power-on through all resets, for a stretch of
virtual time. PROJECT is a folder with main.lua, a single .lua file, a script
image, a dump of the module's whole flash, or a .soc, .binpkg or .pac file: the module
is then what a cable makes of that, with its script if it has one.

The network is inside airlift: --platform puts the IoT platform on it, --site
and --route put web servers on it. --net says what is behind all other hosts:
nothing (none), a server inside airlift for the protocol of each port (lab), or
this computer's network (real); time is real then and the trace has no hash.`,
		Example: `  airlift run hello.lua
  airlift run myproject --chip air6208 --platform platform.json --for 10m
  airlift run myproject --route http://ota.example.com/fota=v2.bin
  airlift run myproject --net real --redirect iot.openluat.com:80=127.0.0.1:8080`,
		Args: operands("PROJECT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.bootsAsked, r.chipAsked = cmd.Flags().Changed("boots"), cmd.Flags().Changed("chip")
			if r.watch {
				return a.runWatched(newWatcher(r.watched(args[0], f)), func(stop func() bool) error { return a.run(args[0], f, r, stop) })
			}
			return a.run(args[0], f, r, nil)
		},
	}
	f.add(cmd, defaultChip)
	fl := cmd.Flags()
	fl.DurationVar(&r.limit, "for", time.Minute, "how much virtual `time` to run, 0 for ever")
	fl.IntVar(&r.boots, "boots", 100, "stop after so many boots, 0 for never")
	fl.Uint64Var(&r.seed, "seed", 1, "seed of everything random")
	fl.StringVar(&r.libs, "libs", "", "script `folder` of LuatOS, or of the Luat core: its libraries replace ours")
	fl.StringVar(&r.coreVersion, "core-version", "", "version of the synthetic core")
	fl.Int64Var(&r.coreSize, "core-size", 0, "code size of the synthetic core in `bytes`")
	addCoreFlag(cmd, &r.cores)
	fl.StringVar(&r.out, "out", "", "write the flash afterwards to this `file`")
	fl.BoolVar(&r.ops, "ops", false, "print every flash operation")
	fl.BoolVar(&r.debug, "debug", false, "print every debug line of the firmware's log")
	fl.BoolVar(&r.quiet, "quiet", false, "print only the device's log")
	fl.Uint64Var(&r.steps, "steps", 0, "bound on the Lua instructions of one boot, 0 for none")
	fl.StringVar(&r.imei, "imei", "", "IMEI of the module (default: from the seed)")
	fl.StringVar(&r.mac, "mac", "", "MAC address of the module, 12 hex digits (default: from the seed)")
	fl.StringVar(&r.link, "link", "wifi", "link model: ideal, wifi, cat1 or nbiot")
	addNetFlag(cmd, &r.net, "none")
	fl.StringArrayVar(&r.redirects, "redirect", nil, "`HOST:PORT=ADDRESS`: with --net real, what is meant for HOST:PORT goes to ADDRESS, 127.0.0.1:8080 for example")
	fl.BoolVar(&r.watch, "watch", false, "run again each time a file of the project changes, until interrupted")
	r.calls.add(cmd)
	r.scripts.add(cmd)
	r.servers.add(cmd)
	r.surroundings.add(cmd)
	return cmd
}

// jsonEventsMax is how many events one JSON object lists; JSON lines have no
// bound.
const jsonEventsMax = 200_000

// runReport is the JSON form of a run.
type runReport struct {
	Chip      string `json:"chip"`
	Profile   string `json:"profile"`
	Seed      uint64 `json:"seed"`
	End       string `json:"end"`
	Detail    string `json:"detail"`
	Boots     int    `json:"boots"`
	Core      string `json:"core,omitempty"`
	VirtualMS int64  `json:"virtual_ms"`
	WallMS    int64  `json:"wall_ms"`
	FlashOps  int    `json:"flash_ops"`
	Trace     string `json:"trace_sha256,omitempty"`
	// Findings are what the module did to itself: what an upgrade overwrote that
	// was not its own.
	Findings findings `json:"findings,omitempty"`
	// Errors are those of scripts that nobody caught.
	Errors []jsonScriptError `json:"errors,omitempty"`
	Events []jsonEvent       `json:"events,omitempty"`
	// EventsLeftOut counts the events behind the last one listed.
	EventsLeftOut int `json:"events_left_out,omitempty"`
}

// run runs a project once. Stop, if not nil, ends it early.
func (a *app) run(name string, f chipFlags, r runFlags, stop func() bool) error {
	defer a.flush()
	start := time.Now()
	if err := r.check(); err != nil {
		return err
	}
	chip, flashes, err := a.runChip(name, f, r)
	if err != nil {
		return err
	}
	w, err := r.world()
	if err != nil {
		return err
	}
	if stop != nil {
		w.Clock.SetStop(stop)
	}
	cfg := emu.Config{
		Chip: chip, Flash: flashes, Seed: r.seed, Clock: w.Clock, Trace: w.Trace, Net: w.Net, BootsMax: r.boots,
		UnixTime: link.Epoch.Unix(), Identity: lua.Identity{IMEI: r.imei, MAC: r.mac},
		Script: lua.Options{Steps: r.steps},
	}
	if err := r.surroundings.apply(&cfg); err != nil {
		return err
	}
	if cfg.Script.Libs, err = scriptLibs(chip, r.libs); err != nil {
		return err
	}
	report := runReport{Chip: chip.Model.Name, Profile: chip.Profile.Name, Seed: r.seed}
	printer := &eventPrinter{a: a, flashOps: r.ops, debug: r.debug, parts: chip.Partitions}
	view := &scriptView{a: a, printer: printer, report: &report, calls: r.calls, now: w.Clock.Now}
	view.attach(&cfg.Script)
	w.Trace.Sink(report.Findings.event)
	w.Trace.Sink(view.sink(r.quiet))
	dev, err := emu.NewDevice(cfg)
	if err != nil {
		return err
	}
	a.note("seed %d", r.seed)
	res, err := dev.Run()
	if err != nil {
		return err
	}
	printer.flush()
	if r.out != "" {
		if err := saveFlash(r.out, flashes); err != nil {
			return err
		}
	}
	report.End, report.Detail, report.Boots = string(res.End), res.Detail, res.Boots
	if running := dev.Running(); running != nil {
		report.Core = running.Identity.Version
	}
	report.VirtualMS, report.WallMS = w.Clock.Now().Milliseconds(), time.Since(start).Milliseconds()
	report.FlashOps, report.Trace = w.Trace.FlashOps(), w.Trace.Sum()
	a.code = endCode(res.End)
	if res.End == emu.EndBoots && r.bootsAsked {
		a.code = exitFine
	}
	if len(report.Findings) > 0 && a.code == exitFine {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(report)
	}
	if !r.quiet {
		a.printf("\n%s %s: %s\n", a.c(bold, "end"), report.End, report.Detail)
		a.printf("%s, %s, %.3f s of virtual time, %s profile %s\n", plural(report.Boots, "boot"), plural(report.FlashOps, "flash operation"), float64(report.VirtualMS)/1000, report.Chip, report.Profile)
		if report.Trace != "" {
			a.printf("trace sha256 %s\n", report.Trace)
		}
	}
	return nil
}

// check refuses flags that make no sense, and brings the MAC address to its
// usual form.
func (r *runFlags) check() error {
	r.mac = strings.ToUpper(strings.NewReplacer(":", "", "-", "").Replace(r.mac))
	if _, err := hex.DecodeString(r.mac); err != nil || r.mac != "" && len(r.mac) != 12 {
		return usagef("--mac %q: expected 12 hex digits", r.mac)
	}
	if r.imei != "" && (len(r.imei) != 15 || strings.Trim(r.imei, "0123456789") != "") {
		return usagef("--imei %q: expected 15 digits", r.imei)
	}
	if r.boots < 0 {
		return usagef("--boots %d: expected a number, or 0 for no bound", r.boots)
	}
	if err := r.calls.check(); err != nil {
		return err
	}
	return checkCoreSize(r.coreSize)
}

// endCode is the exit code of a run: a module that cannot start, that resets
// without end, or that runs what is not emulated, is a finding.
func endCode(e emu.End) int {
	switch e {
	case emu.EndBoot, emu.EndCore, emu.EndBoots, emu.EndRefused:
		return exitFindings
	case emu.EndBudget:
		return exitTimeout
	}
	return exitFine
}

// runChip makes the module and its flash.
func (a *app) runChip(name string, f chipFlags, r runFlags) (*chips.Chip, []*flash.Device, error) {
	fw, err := readCoreFile(name)
	if err != nil {
		return nil, nil, err
	}
	if fw != nil {
		if r.coreVersion != "" || r.coreSize != 0 {
			return nil, nil, usagef("--core-version and --core-size are for synthetic cores: %s has one", name)
		}
		if !r.chipAsked {
			f.model = ""
		}
		if err := f.fill(fw); err != nil {
			return nil, nil, err
		}
	}
	chip, err := f.chip()
	if err != nil {
		return nil, nil, err
	}
	if err := addCores(chip, r.cores); err != nil {
		return nil, nil, err
	}
	if fw != nil {
		flashes, err := emu.MakeFlash(chip, chips.MakeInput{Core: fw.data})
		if err != nil {
			err = withCode(exitBadInput, fmt.Errorf("%s: %w", name, err))
		}
		return chip, flashes, err
	}
	flashes, err := a.runFlash(name, chip, r)
	return chip, flashes, err
}

// runFlash makes the module's flash from a project, or takes a dump as it is.
func (a *app) runFlash(name string, chip *chips.Chip, r runFlags) ([]*flash.Device, error) {
	st, err := os.Stat(name)
	if err == nil && !st.IsDir() && st.Size() == emu.FlashBytes(chip.Model) {
		return loadFlash(name, chip)
	}
	p, err := project.Load(name)
	if err != nil && st != nil && !st.IsDir() && st.Size() >= 1<<20 {
		err = fmt.Errorf("%w; it has %d bytes, a dump of %s %d: is --chip right?", err, st.Size(), chip.Model.Name, emu.FlashBytes(chip.Model))
	}
	if err != nil {
		return nil, badInput(err)
	}
	if p, err = r.scripts.apply(a, p, chip, name); err != nil {
		return nil, err
	}
	script, err := p.Image()
	if err != nil {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %w", name, err))
	}
	flashes, err := emu.MakeFlash(chip, chips.MakeInput{Script: script, CoreVersion: r.coreVersion, CoreSize: r.coreSize, CoreSeed: r.seed})
	return flashes, withCode(exitBadInput, err)
}

// world builds the network that the flags describe.
func (r *runFlags) world() (*emu.World, error) {
	if r.limit < 0 || r.limit > math.MaxInt64/2 {
		return nil, usagef("--for %v: expected a positive time, or 0 for ever", r.limit)
	}
	w := emu.NewWorld(r.seed, r.limit)
	var err error
	if w.Link, err = link.Preset(r.link); err != nil {
		return nil, withCode(exitUsage, err)
	}
	if err := r.servers.mount(w); err != nil {
		return nil, err
	}
	if len(r.redirects) == 0 {
		return w, chooseNet(w, r.net)
	}
	return w, redirect(w, r.net, r.redirects)
}
