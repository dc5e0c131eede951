package emu

import (
	"math/rand/v2"
	"time"

	"airlift/chips"
	"airlift/emu/trace"
	"airlift/flash/mount"
	"airlift/lua"
)

// board is what a script machine sees of its device in one boot.
type board struct {
	*Device
	env      *chips.Env
	running  *chips.Running
	firmware lua.Firmware
	net      lua.Net
}

var _ lua.Board = (*board)(nil)

func (b *board) Now() time.Duration { return b.clock.Now() - b.bootTime }
func (b *board) After(delay time.Duration, fn func()) (cancel func()) {
	return b.clock.After(delay, fn)
}
func (b *board) Step() lua.StepResult     { return b.clock.Step() }
func (b *board) Sleep(t time.Duration)    { b.sleep(t) }
func (b *board) Firmware() lua.Firmware   { return b.firmware }
func (b *board) Identity() lua.Identity   { return b.identity }
func (b *board) Files() *mount.Table      { return b.running.Mounts }
func (b *board) PowerLost() bool          { return b.power.Lost() }
func (b *board) Net() lua.Net             { return b.net }
func (b *board) Poweron() [4]int          { return b.poweron }
func (b *board) Rand(c string) *rand.Rand { return b.rand(c, b.boot) }

func (b *board) Scene() lua.Scene   { return b.bench }
func (b *board) Alarms() lua.Alarms { return &b.alarms }

func (b *board) OTP() *lua.OTP { return &b.otp }

func (b *board) UnixTime() int64       { return b.unixBase + int64(b.clock.Now()/time.Second) }
func (b *board) SetUnixTime(sec int64) { b.unixBase = sec - int64(b.clock.Now()/time.Second) }

func (b *board) Log(line string) {
	if b.power.Lost() {
		return
	}
	b.event(trace.Log, line)
}

func (b *board) Hardware(ev lua.HardwareEvent) {
	b.step(chips.Step{Stage: ev.Unit, Kind: chips.KindDo, Text: ev.Action})
}

func (b *board) Fota() lua.Fota {
	if b.running.Updater == nil {
		return nil
	}
	f := fota{b.running.Updater, b.env}
	if u, ok := b.running.Updater.(chips.FileUpdater); ok {
		return fileFota{f, u}
	}
	if u, ok := b.running.Updater.(chips.SPIUpdater); ok {
		return spiFota{f, u}
	}
	return f
}

func (b *board) KV() func() (*mount.Mount, error) {
	if b.running.KV == nil {
		return nil
	}
	return func() (*mount.Mount, error) { return b.running.KV(b.env) }
}

// fota turns an updater into the plain C results that scripts see. A lost
// power shows through Board.PowerLost, so the result does not matter then.
type fota struct {
	u   chips.Updater
	env *chips.Env
}

func (f fota) Init(start, length int64) int {
	n, err := f.u.Init(f.env, start, length)
	return result(n, err)
}

func (f fota) Write(p []byte) int {
	n, err := f.u.Write(f.env, p)
	return result(n, err)
}

func (f fota) Done() int {
	n, err := f.u.Done(f.env)
	return result(n, err)
}

func (f fota) End(ok bool) int {
	n, err := f.u.End(f.env, ok)
	return result(n, err)
}

func (f fota) WaitReady() bool {
	ok, err := f.u.WaitReady(f.env)
	return ok && err == nil
}

// fileFota is fota for packages whose length is known at every write.
type fileFota struct {
	fota
	u chips.FileUpdater
}

var _ lua.FileFota = fileFota{}

func (f fileFota) Process(p []byte, total int64) int {
	n, err := f.u.Process(f.env, p, total)
	return result(n, err)
}

// spiFota is fota for firmware that takes an upgrade into an SPI flash.
type spiFota struct {
	fota
	u chips.SPIUpdater
}

var _ lua.SPIFota = spiFota{}

func (f spiFota) InitSPI(start, length int64, bus, cs, powerPin int) int {
	n, err := f.u.InitSPI(f.env, start, length, chips.SPIDevice{Bus: bus, CS: cs, PowerPin: powerPin})
	return result(n, err)
}

func result(n int, err error) int {
	if err != nil {
		return -1
	}
	return n
}

// firmware translates what the core says of itself.
func (d *Device) firmware(r *chips.Running) (lua.Firmware, error) {
	id, p, soc := r.Identity, r.Identity.Profile, d.cfg.Chip.Model.SoC
	refusal := p.FotaRefusal
	if err := d.cfg.Chip.Model.NeedsMap(); err != nil && r.Updater == nil {
		refusal = err.Error()
	}
	libs, err := libraries(id.Model, p.Name)
	return lua.Firmware{
		Model: id.Model, BSP: id.BSP, Version: id.Version, Base: id.Base,
		BuildDate: id.BuildDate, BuildTime: id.BuildTime,
		Chip: soc.Name, HWVersion: soc.HWVersion, ClockMHz: soc.ClockMHz, TickMHz: soc.TickMHz,
		Bits: p.Bits, Number: p.FirmwareNumber, CoreDate: p.CoreDate, LibDate: p.LibDate,
		Fota: p.Features.Fota, FotaRefusal: refusal, FileOTA: p.Features.FileOTA,
		Mobile: p.Features.Mobile, Wlan: p.Features.Wlan, ScanOnly: p.Features.ScanOnly,
		LuaTask:   p.Scripts == chips.ScriptsLuaTask,
		LuaMemory: p.LuaMemory, SysMemory: p.SysMemory, PSRAMMemory: p.PSRAMMemory,
		Libraries: libs, FlashSize: d.cfg.Flash[0].Size(),
	}, err
}

// poweronOf returns what pm.lastReson() reports after a reset
// (luatos-runtime.md 1.8).
func poweronOf(c chips.ResetCause) [4]int {
	switch c {
	case chips.ResetSoftware:
		return [4]int{0, 0, 3, 0}
	case chips.ResetWatchdog:
		return [4]int{0, 0, 8, 0}
	case chips.ResetException:
		return [4]int{0, 0, 6, 0}
	case chips.ResetWakeup:
		return [4]int{1, 3, 2, 0}
	}
	return [4]int{}
}
