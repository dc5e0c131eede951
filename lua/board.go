package lua

import (
	"math/rand/v2"
	"time"

	"airlift/flash/mount"
)

// Board is everything that a script machine can reach: the small interface
// between scripts and the emulated device. All calls and callbacks happen on
// the goroutine that runs the scripts.
type Board interface {
	Clock
	// Firmware says what the core is.
	Firmware() Firmware
	// Identity says who the module is.
	Identity() Identity
	// Files is the tree of mounted file systems.
	Files() *mount.Table
	// PowerLost reports that the power is gone. The machine then unwinds
	// without running another instruction.
	PowerLost() bool
	// Log takes one line of the device's log, without the line feed.
	Log(line string)
	// Net is the network.
	Net() Net
	// Fota is the core's updater, or nil if the firmware has none.
	Fota() Fota
	// KV is how the core mounts the file system of fskv, formatting it if that
	// fails; nil means that the firmware has no fskv. The machine asks
	// Board.PowerLost after every use of it.
	KV() func() (*mount.Mount, error)
	// Rand returns the random stream of a component for this boot.
	Rand(component string) *rand.Rand
	// Hardware records what scripts do to pins, serial ports, power states.
	Hardware(ev HardwareEvent)
	// Poweron says why the device started, as pm.lastReson() reports it.
	Poweron() [4]int
	// Scene is the surroundings of the module; nil means that there are none but
	// networks for its radios.
	Scene() Scene
	// Alarms are the deep-sleep timers; nil means that the module has none.
	Alarms() Alarms
	// OTP are the security registers of the module's flash chip.
	OTP() *OTP
	// UnixTime is the device's idea of the time, in seconds UTC.
	UnixTime() int64
	SetUnixTime(sec int64)
}

// Clock is virtual time. It moves only in Step and Sleep.
type Clock interface {
	// Now returns the time since the device was switched on or reset.
	Now() time.Duration
	// After calls fn when delay has passed, from within Step. Calls due at the
	// same time happen in the order in which they were asked for. Cancel may
	// be called at any time, also by fn.
	After(delay time.Duration, fn func()) (cancel func())
	// Step moves to the next thing that is due and does it.
	Step() StepResult
	// Sleep lets time pass with nothing but flash and network going on behind
	// the scripts' back, as a busy C function does.
	Sleep(time.Duration)
}

// StepResult says how [Clock.Step] went.
type StepResult uint8

const (
	Stepped StepResult = iota // something happened
	Idle                      // nothing will ever happen again
	TimeUp                    // the run's time is over: unwind
)

// Firmware is what scripts can find out about the core.
type Firmware struct {
	Model     string // "Air601"
	BSP       string // "AIR601"
	Version   string // "V1025"
	Base      string // "23.11", LuatOS core version
	BuildDate string // "Apr 20 2026"
	BuildTime string // "12:00:00"
	Chip      string // hmeta.chip(): "XT806"
	HWVersion string // hmeta.hwver(): "A10", empty if the firmware does not know
	ClockMHz  int    // of the processor after a reset
	TickMHz   int    // ticks of mcu.tick64 a microsecond
	Bits      int    // 32 or 64
	Number    int    // in the firmware file's name; 0 if it has none
	// CoreDate and LibDate ("2025-11-14") decide between behaviours that
	// changed over time.
	CoreDate, LibDate string
	Fota, FileOTA     bool
	// FotaRefusal says why upgrades are refused although the firmware has
	// fota: the error that scripts get.
	FotaRefusal string
	// LuaTask says that scripts are those of the Luat script core, in Lua 5.1,
	// with its libraries. Version is then the core's whole name.
	LuaTask      bool
	Mobile, Wlan bool
	ScanOnly     bool // wlan has no adapter
	// Libraries are the global libraries; nil means all that there are.
	Libraries                         []Library
	LuaMemory, SysMemory, PSRAMMemory int64 // bytes
	HTTPHeaderLimit                   int   // bytes of response head the http client takes
	FlashSize                         int64
}

// Identity is who the module is. Empty means that it has no such thing.
type Identity struct {
	IMEI string // 15 digits
	MAC  string // 12 upper-case hex digits
	MUID string // unique id of the MCU, raw bytes
}

// Fota is the core's updater as scripts see it: plain C results. The machine
// asks Board.PowerLost after every call.
type Fota interface {
	Init(start, length int64) int
	Write(p []byte) int
	Done() int
	End(ok bool) int
	WaitReady() bool
}

// SPIFota is a Fota that takes an upgrade into a flash on an SPI bus.
type SPIFota interface {
	Fota
	// InitSPI is Init for a script that names the device.
	InitSPI(start, length int64, bus, cs, powerPin int) int
}

// Units of events that are about airlift, not about hardware.
const (
	// UnitRefused: a script called a function that is not emulated and got an
	// error. Action is the function's name.
	UnitRefused = "refused"
	// UnitNoop: a script called a function that does nothing here but answer.
	// Action is the function's name. Once a function and boot is enough.
	UnitNoop = "no-op"
)

// HardwareEvent is one use of hardware that is recorded, not emulated.
type HardwareEvent struct {
	Unit   string // "gpio", "uart", "pm", "wdt"
	Action string // "setup 27 output pull-up"
}
