package lua

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"

	"airlift/flash/mount"
	"airlift/lua/lua53"
)

// ExitKind says how a script machine ended.
type ExitKind uint8

const (
	ExitReboot    ExitKind = iota + 1 // the scripts, the VM's end or the watchdog reset the module
	ExitPowerLost                     // the power was cut
	ExitIdle                          // everybody waits for something that will never come
	ExitTimeUp                        // the run's time is over
	ExitBudget                        // the step budget is used up
	ExitOff                           // the scripts switched the module off
	ExitSleep                         // deep sleep: RAM is lost, something may wake the module
)

var exitNames = [...]string{"?", "reboot", "power lost", "idle for ever", "time up", "step budget exhausted", "switched off", "asleep"}

func (k ExitKind) String() string {
	if int(k) < len(exitNames) {
		return exitNames[k]
	}
	return fmt.Sprintf("exit kind %d", k)
}

// Causes of an [ExitReboot].
const (
	CauseRtos     = "rtos.reboot"
	CausePm       = "pm.reboot"
	CauseVMExit   = "VM exit"
	CauseWatchdog = "watchdog"
)

// Exit is how a run of scripts ended.
type Exit struct {
	Kind  ExitKind
	Cause string // of a reboot
	Code  int    // what the scripts gave rtos.reboot
	Err   string // the text of the error that ended the VM, if one did
	Steps uint64 // about VM instructions executed
	// Waiting counts the tasks that waited, for an ExitIdle.
	Waiting int
	Sleep   *Sleep // what ends ExitSleep and ExitOff
	// Noops are the functions of missing devices that did nothing, in the order
	// of their first calls: see Options.Devices.
	Noops []string
}

func (e Exit) String() string {
	s := e.Kind.String()
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	if e.Code != 0 {
		s += fmt.Sprintf(" (code %d)", e.Code)
	}
	return s
}

// Options are what a machine is told besides its board.
type Options struct {
	// Libs is laid over the built-in libraries under /lua/: files at its root,
	// "sys.lua". Nil means only the built-in ones. See [LibsFromDir].
	Libs afero.Fs
	// Steps bounds the VM instructions of one run; 0 means no bound.
	Steps uint64
	// Devices says what functions of devices do that are not emulated: screens,
	// cameras, sound ...
	Devices DeviceMode
	// Frame is how the firmware wraps its log lines.
	Frame LogFrame
	// Uncaught, if not nil, is told of every error that nothing in the scripts
	// caught. It may not call the machine.
	Uncaught func(ScriptError)
	// Surface, if not nil, is told what scripts find, before the first of them
	// runs.
	Surface func(Surface)
	// Calls, if not nil, is told of every call of a function. Scripts then run
	// slower. It may not call the machine.
	Calls func(ScriptCall)
	// LuaMemory is the size of the Lua heap in bytes, 0 for the firmware's.
	LuaMemory int64
	// Started, if not nil, is told of the machine before the first script runs.
	Started func(*Machine)
}

// Machine is one life of the script VM, from power-on to the next reset.
type Machine struct {
	board Board
	fw    Firmware
	opts  Options
	files *tree // every file system that scripts see, with /lua/

	vm      *lua53.VM
	l       *glua.LState // of vm, for libraries
	exit    Exit
	stopped bool

	sliceEnd      int64 // steps at which computing starts to cost time
	luaMemoryMost int64 // bytes, the most that was seen

	queue  []message // what rtos.receive hands out
	timers []*timer

	paths     []string // rtos.setPaths
	cwaits    uint64
	addresses addressBook
	// null is json.null, a light userdata that is NULL. Scripts can give it a
	// metatable, so that no two machines may share it.
	null     *glua.LUserData
	held     map[glua.LValue]int // what only callbacks in Go hold
	trng     *rand.Rand
	fileMeta *glua.LTable
	logLevel int
	logStyle int
	libstate
}

// libstate is what single libraries keep for the life of a machine.
type libstate struct {
	watchdog watchdog
	gpio     map[int64]*pin
	ioqueues map[int64]*ioQueue // by hardware timer
	uart     map[int]*uartPort
	softUART struct{ made, open bool }
	spi      map[int]*spiBus
	spiMeta  *glua.LTable
	adc      map[int64]bool // channels that are open
	timezone int            // quarter hours

	surroundings Scene
	cell         cellular
	sms          smsState
	phone        phone
	recording    recording
	wifi         wifi
	ble          bleRadio
	airlink      airlinkState
	power        power
	alarmWatch   [AlarmCount]func()
	defaultPull  int64 // of gpio.setup
	gpioCount    glua.LValue
	pinsDebug    bool
	noops        map[string]bool

	taskError string               // what the last task died of, for Options.Uncaught
	callers   map[*glua.LState]int // numbers of tasks, for Options.Calls
	callees   map[*glua.LFunction]string
	refusals  map[string]bool // names of refused functions, for Options.Surface

	task taskState // of LuaTask

	net        networkState
	sockets    []*netSocket // not released, oldest first
	socketMeta *glua.LTable
	rxCache    int64      // blocks, of socket.rx_cache
	ftp        *ftpClient // nil if nobody is logged in
	httpsrvs   []*httpsrv
	iperf      *iperfServer // nil if none is started
	dump       errDump

	data dataLibs

	kv        *mount.Mount // of fskv, once it is initialised
	zbuffMeta *glua.LTable
	// Bytes of zbuffs: reachable at the last look, made since then, and not
	// found by looks since the scripts last waited.
	buffersHeld, buffersNew, buffersForgiven int64
}

// New prepares a machine. It costs little: nothing runs before [Machine.Run].
func New(board Board, opts Options) (*Machine, error) {
	m := &Machine{board: board, fw: board.Firmware(), opts: opts, addresses: addressBook{}, null: &glua.LUserData{Metatable: glua.LNil}, held: map[glua.LValue]int{}}
	if m.fw.Bits != 64 {
		m.fw.Bits = 32
	}
	if opts.LuaMemory > 0 {
		m.fw.LuaMemory = opts.LuaMemory
	}
	if m.fw.LuaMemory <= 0 {
		m.fw.LuaMemory = 256 << 10
	}
	m.logLevel = levelDebug
	m.timezone = 32
	m.rested()
	if m.fw.LuaTask {
		var err error
		m.files, err = newTaskTree(board.Files(), opts.Libs)
		return m, err
	}
	libs, err := libraryFiles(opts.Libs)
	if err != nil {
		return nil, err
	}
	if m.files, err = newTree(board.Files(), libs); err != nil {
		return nil, err
	}
	return m, nil
}

// Run runs the boot sequence and the scripts until something ends them
// (luatos-runtime.md 1). It may be called once.
//
// The VM lives on a goroutine of its own that this call waits for, so exactly
// one of the two ever runs. That goroutine is how a machine is stopped: see
// [Machine.stop].
func (m *Machine) Run() Exit {
	var fault any
	var trace []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if fault = recover(); fault != nil {
				trace = make([]byte, 16<<10)
				trace = trace[:runtime.Stack(trace, false)]
			}
		}()
		if m.fw.LuaTask {
			m.taskBoot()
		}
		m.boot()
	}()
	<-done
	if fault != nil {
		panic(fmt.Sprintf("script machine: %v\n%s", fault, trace))
	}
	m.exit.Steps = uint64(m.steps())
	return m.exit
}

// stop ends the machine. It does not return, and nothing in Lua can catch it:
// Goexit unwinds the VM's goroutine past every recover in the interpreter, and
// a recover sees nothing. Everything that ends a run without asking the
// scripts comes through here.
func (m *Machine) stop(e Exit) {
	if !m.stopped {
		m.exit, m.stopped = e, true
	}
	runtime.Goexit()
}

// checkPower unwinds if the power is gone. Every library function that may
// have touched the flash or let time pass calls it before it returns.
func (m *Machine) checkPower() {
	if m.board.PowerLost() {
		m.stop(Exit{Kind: ExitPowerLost})
	}
}

// step lets the next thing happen.
func (m *Machine) step() {
	r := m.board.Step()
	m.checkPower()
	switch r {
	case Idle:
		m.stop(Exit{Kind: ExitIdle, Waiting: m.vm.Waiting()})
	case TimeUp:
		m.stop(Exit{Kind: ExitTimeUp})
	}
}

// after calls fn in virtual time. Board.After may not be used directly: after
// fn the power may be gone.
func (m *Machine) after(d time.Duration, fn func()) (cancel func()) {
	return m.board.After(d, func() {
		fn()
		m.checkPower()
	})
}

// wait lets d pass with everything going on but the scripts.
func (m *Machine) wait(d time.Duration) {
	over := false
	m.after(d, func() { over = true })
	for !over {
		m.step()
	}
}
