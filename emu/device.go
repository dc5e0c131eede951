// Package emu is the world around a module: power, reset, boot loop, virtual
// clock and network. It joins a chip (package chips) to a script machine
// (package lua) and records what happens (package trace).
//
// A [Device] is switched on with [Device.Run]. Boot code, core stage and
// scripts then follow one another as on the module, boot after boot, until
// something ends the run. Nothing survives a reset but the flash and the
// retained words: every boot makes a new script machine and asks the flash
// what to run.
package emu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"airlift/chips"
	"airlift/emu/scene"
	"airlift/emu/trace"
	"airlift/flash"
	"airlift/flash/spinor"
	"airlift/lua"
)

// Config is what a device is made of.
type Config struct {
	Chip  *chips.Chip
	Flash []*flash.Device // one for each table of Chip.Partitions
	Seed  uint64
	// Clock is shared with the network that the device talks to.
	Clock *Clock
	// Net makes the network of a boot; nil for a module without one. A network
	// lives from one reset to the next.
	Net func(boot int) (Network, error)
	// Identity is who the module is; empty fields are derived from the seed.
	Identity lua.Identity
	// Scene is what surrounds the module; nil for [scene.Default].
	Scene *scene.Scene
	// Script are the options of every script machine.
	Script lua.Options
	// BootsMax ends the run after so many boots; 0 means no bound.
	BootsMax int
	// Console are bytes that wait at the boot UART at the first power-on.
	Console []byte
	// Trace records; nil means that nobody wants to know.
	Trace *trace.Recorder
	// Exited, if not nil, is told how every script machine ended.
	Exited func(boot int, e lua.Exit)
	// UnixTime is what the module's clock says at the start, seconds UTC.
	UnixTime int64
}

// Network is a module's network from one reset to the next.
type Network interface {
	lua.Net
	// PowerOff ends all connections without another event.
	PowerOff()
}

// Device is a module that can be switched on.
type Device struct {
	cfg      Config
	clock    *Clock
	power    *flash.Power
	trace    *trace.Recorder
	retained []uint32
	console  []byte
	identity lua.Identity
	boot     int
	bootTime time.Duration // when the current boot began
	unixBase int64         // device time = unixBase + world time
	running  *chips.Running
	poweron  [4]int
	bench    *scene.Bench // what surrounds the module
	alarms   alarms
	otp      lua.OTP // outlives the power, as the flash does
	wake     *wakeUp // what ended the sleep before this boot
	spi      []chips.BoardSPI
	reset    *chips.ResetCause // somebody asked for
}

// NewDevice puts the flash chips of cfg on one supply.
func NewDevice(cfg Config) (*Device, error) {
	if len(cfg.Flash) != len(cfg.Chip.Partitions) {
		return nil, fmt.Errorf("%s has %d flash chips, not %d", cfg.Chip.Model.Name, len(cfg.Chip.Partitions), len(cfg.Flash))
	}
	if cfg.Trace == nil {
		cfg.Trace = trace.New()
	}
	if cfg.Clock == nil {
		cfg.Clock = NewClock(0)
	}
	d := &Device{
		cfg: cfg, clock: cfg.Clock, trace: cfg.Trace, power: new(flash.Power),
		console: cfg.Console, identity: cfg.Identity, unixBase: cfg.UnixTime,
		retained: make([]uint32, cfg.Chip.Model.RetainedWords),
	}
	if d.cfg.Scene == nil {
		d.cfg.Scene = scene.Default()
	}
	d.bench = scene.New(d.cfg.Scene, d.clock)
	d.bench.Record = func(text string) { d.step(chips.Step{Stage: "scene", Kind: chips.KindDo, Text: text}) }
	d.alarms = alarms{clock: d.clock, woke: -1}
	for i, f := range cfg.Flash {
		f.Attach(d.power, i)
	}
	for i, f := range d.bench.Flashes() {
		f.Device().Attach(d.power, len(cfg.Flash)+i)
		d.spi = append(d.spi, chips.BoardSPI{Bus: f.Bus, CS: -1, Dev: f.Device()})
	}
	if s := cfg.Chip.SPI; s != nil {
		dev := cfg.Flash[len(cfg.Flash)-1]
		d.spi = append(d.spi, chips.BoardSPI{Bus: s.Bus, CS: s.CS, Dev: dev})
		d.bench.Solder(s.Bus, scene.Flash{Chip: spinor.New(dev), Bus: s.Bus})
	}
	d.power.SetTap((*deviceTap)(d))
	d.fillIdentity()
	d.mixStart()
	return d, nil
}

// mixStart makes the trace's hash depend on everything that the run starts
// from.
func (d *Device) mixStart() {
	d.trace.Mix("chip", []byte(d.cfg.Chip.Model.Name+" "+d.cfg.Chip.Profile.Name))
	d.trace.Mix("seed", binary.LittleEndian.AppendUint64(nil, d.cfg.Seed))
	if d.cfg.Scene.Source != nil {
		d.trace.Mix("scene", d.cfg.Scene.Source)
	}
	for _, f := range d.cfg.Flash {
		sum := f.Hash()
		d.trace.Mix("flash", sum[:])
	}
}

// Power returns the supply of the flash chips.
func (d *Device) Power() *flash.Power { return d.power }

// Tap shows every flash operation to t before it costs time and is recorded;
// t may cut the power.
func (d *Device) Tap(t flash.Tap) { d.power.SetTap(flash.Taps{t, (*deviceTap)(d)}) }

// Boots returns how many boots were started.
func (d *Device) Boots() int { return d.boot }

// Running returns the core that ran last, or nil.
func (d *Device) Running() *chips.Running { return d.running }

// fillIdentity derives what the user did not choose, so that two seeds are
// two modules. The IMEI carries a right check digit.
func (d *Device) fillIdentity() {
	r := d.rand("identity", 0)
	if d.identity.IMEI == "" && d.cfg.Chip.Profile.Features.Mobile {
		d.identity.IMEI = imei(fmt.Sprintf("8600000%07d", r.IntN(1e7)))
	}
	if d.identity.MAC == "" && d.cfg.Chip.Profile.Features.Wlan {
		d.identity.MAC = fmt.Sprintf("C8%010X", r.Uint64()&0xFFFFFFFFFF)
	}
	if d.identity.MUID == "" {
		var id []byte
		for n := max(1, d.cfg.Chip.Model.SoC.IDBytes); len(id) < n; {
			id = binary.BigEndian.AppendUint64(id, r.Uint64())[:min(n, len(id)+8)]
		}
		d.identity.MUID = string(id)
	}
}

// imei appends the Luhn digit to 14 digits.
func imei(digits string) string {
	sum := 0
	for i, c := range digits {
		n := int(c - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

// rand returns the device's random stream of a component in a boot.
func (d *Device) rand(component string, boot int) *rand.Rand {
	return Stream(d.cfg.Seed, component, boot)
}

// End says why a run ended.
type End string

const (
	EndTime   End = "time"   // the virtual time is up
	EndIdle   End = "idle"   // the scripts wait for something that will never come
	EndBoots  End = "boots"  // the bound on boots was reached
	EndBoot   End = "boot"   // boot code did not start a core
	EndCore   End = "core"   // boot code started something that cannot run
	EndPower  End = "power"  // the power was cut
	EndBudget End = "budget" // the scripts used up their step budget
	EndOff    End = "off"    // the scripts switched the module off
	EndReset  End = "reset"  // somebody reset the chip: see [Device.Reset]
	// EndRefused: what boot code started is sound but not emulated.
	EndRefused End = "refused"
)

// Result is how a run ended.
type Result struct {
	End    End
	Boot   chips.BootResult // of the last boot
	Exit   lua.Exit         // of the last script machine, if there was one
	Detail string           // one line for people
	Boots  int
	Cause  chips.ResetCause // of an EndReset
}

// Reset resets the chip with the power on, from within an event of the clock, of
// the trace or of a tap. The run ends there; [Device.RunFrom] goes on, with what
// is in the flash and in the retained words.
func (d *Device) Reset(cause chips.ResetCause) {
	if !d.power.Lost() {
		d.reset = &cause
		d.power.Cut() // which is how everything that runs comes to its end
	}
}

// JumpClock moves the module's clock, which has the time of day.
func (d *Device) JumpClock(seconds int64) { d.unixBase += seconds }

// Run switches the device on and keeps it running, through resets, until
// something ends the run. After EndPower it may be called again: the power
// comes back and the device boots from what the flash holds. The error is a
// fault of the emulation.
func (d *Device) Run() (Result, error) { return d.RunFrom(chips.ResetPower) }

// RunFrom is Run with a reset cause of the caller's choice.
func (d *Device) RunFrom(cause chips.ResetCause) (Result, error) {
	d.power.Restore()
	if cause == chips.ResetPower {
		d.retained = make([]uint32, len(d.retained))
		d.alarms = alarms{clock: d.clock, woke: -1}
		d.wake = nil
	}
	for {
		if d.clock.Over() {
			return d.end(Result{End: EndTime, Detail: lua.ExitTimeUp.String()})
		}
		if d.cfg.BootsMax > 0 && d.boot >= d.cfg.BootsMax {
			return d.end(Result{End: EndBoots, Detail: fmt.Sprintf("stopped after %d boots", d.boot)})
		}
		next, res, err := d.oneBoot(cause)
		d.boot++
		if err != nil {
			return Result{}, fmt.Errorf("boot %d: %w", d.boot-1, err)
		}
		if res.End != "" {
			return d.end(res)
		}
		cause = next
	}
}

func (d *Device) end(res Result) (Result, error) {
	res.Boots = d.boot
	d.trace.Add(&trace.Event{Time: d.clock.Now(), Boot: max(0, d.boot-1), Kind: trace.End, Text: string(res.End) + ": " + res.Detail})
	return res, nil
}

// oneBoot goes from reset to the next reset; res.End is empty if there is one.
func (d *Device) oneBoot(cause chips.ResetCause) (next chips.ResetCause, res Result, err error) {
	if d.power.Lost() { // between the last boot's end and here
		return 0, d.powerCut(res), nil
	}
	d.bootTime = d.clock.Now()
	d.clock.Clear()
	d.event(trace.Power, "reset: "+cause.String())
	env := d.env(cause)
	boot, err := d.bootCode(env)
	res.Boot = boot
	if errors.Is(err, flash.ErrPowerLost) {
		return 0, d.powerCut(res), nil
	}
	if err != nil {
		return 0, res, err
	}
	switch boot.Outcome {
	case chips.BootCore:
	case chips.BootReset:
		return boot.ResetCause(), res, nil
	default:
		res.End, res.Detail = EndBoot, "boot code: "+string(boot.Outcome)
		if boot.Status != "" {
			res.Detail += ", status " + boot.Status
		}
		return 0, res, nil
	}
	running, err := d.coreStage(env, boot)
	var broken *chips.CoreError
	switch {
	case errors.Is(err, flash.ErrPowerLost):
		return 0, d.powerCut(res), nil
	case errors.As(err, &broken):
		res.End, res.Detail = EndCore, broken.Error()
		return 0, res, nil
	case err != nil:
		return 0, res, err
	}
	d.running = running
	if running.Reboot {
		return chips.ResetSoftware, res, nil
	}
	return d.scripts(env, running, res)
}

// bootCode runs the boot code.
func (d *Device) bootCode(env *chips.Env) (chips.BootResult, error) {
	d.sleep(d.cfg.Chip.Profile.Timing.Boot)
	boot, err := d.cfg.Chip.Bootloader.Boot(env)
	d.console = nil
	if err == nil && d.power.Lost() {
		err = flash.ErrPowerLost
	}
	return boot, err
}

// coreStage runs the core up to the first script.
func (d *Device) coreStage(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	d.sleep(d.cfg.Chip.Profile.Timing.CoreStart)
	running, err := d.cfg.Chip.Core.Start(env, boot)
	if err == nil && d.power.Lost() {
		err = flash.ErrPowerLost
	}
	return running, err
}

func (d *Device) powerCut(res Result) Result {
	res.End, res.Detail = EndPower, "the power was cut"
	if d.reset != nil {
		res.End, res.Cause, res.Detail = EndReset, *d.reset, "the chip was reset: "+d.reset.String()
		d.reset = nil
	}
	return res
}

// scripts runs the script machine until it ends.
func (d *Device) scripts(env *chips.Env, running *chips.Running, res Result) (chips.ResetCause, Result, error) {
	d.poweron = d.poweronReason(env.Board.Reset)
	d.bench.PowerOn()
	if running.Identity.Profile.Scripts == chips.ScriptsNone {
		res.End, res.Detail = EndRefused, "the core runs a C program, which is not emulated"
		return 0, res, nil
	}
	fw, err := d.firmware(running)
	if err != nil {
		return 0, res, err
	}
	b := &board{Device: d, env: env, running: running, firmware: fw}
	if d.cfg.Net != nil {
		n, err := d.cfg.Net(d.boot)
		if err != nil {
			return 0, res, err
		}
		b.net = n
		defer n.PowerOff()
	}
	m, err := lua.New(b, d.cfg.Script)
	if err != nil {
		return 0, res, err
	}
	exit := m.Run()
	res.Exit = exit
	if d.cfg.Exited != nil {
		d.cfg.Exited(d.boot, exit)
	}
	if !d.power.Lost() {
		d.event(trace.Exit, exit.String())
	}
	if d.power.Lost() {
		return 0, d.powerCut(res), nil
	}
	return d.afterScripts(exit, res)
}

func (d *Device) event(kind trace.Kind, text string) {
	d.trace.Add(&trace.Event{Time: d.clock.Now(), Boot: d.boot, Kind: kind, Text: text})
}

// env is the view of the board that chip code gets in this boot.
func (d *Device) env(cause chips.ResetCause) *chips.Env {
	return &chips.Env{
		Board: &chips.Board{
			Flash: d.cfg.Flash, Retained: d.retained, Reset: cause, Console: d.console,
			Seed: d.rand("boot", d.boot).Uint64(), SPI: d.spi,
		},
		Step:  d.step,
		Sleep: d.sleep,
	}
}

// sleep lets the device take time, which it does only while it is powered.
func (d *Device) sleep(t time.Duration) {
	if !d.power.Lost() {
		d.clock.Sleep(t)
	}
}

func (d *Device) step(s chips.Step) {
	if d.power.Lost() {
		return
	}
	kind := trace.Step
	text := ""
	if s.Kind == chips.KindLog {
		kind, text = trace.Log, s.Level+"/"+s.Tag+" "+s.Text
	}
	d.trace.Add(&trace.Event{Time: d.clock.Now(), Boot: d.boot, Kind: kind, Text: text, Step: s})
}

// deviceTap makes operations cost time and appear in the trace.
type deviceTap Device

func (t *deviceTap) Before(*flash.Op) flash.Fate { return flash.Fate{} }

func (t *deviceTap) After(op *flash.Op) {
	cost := t.cfg.Chip.Profile.Timing.PageProgram
	if op.Kind == flash.OpErase {
		cost = t.cfg.Chip.Profile.Timing.SectorErase
	}
	t.clock.Sleep(cost)
	t.trace.FlashOp(t.clock.Now(), t.boot, op)
}

// Now returns the world's virtual time.
func (d *Device) Now() time.Duration { return d.clock.Now() }
