package lua

import (
	"fmt"
	"runtime"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// exitDelay is how long the firmware waits before it reboots when the VM has
// ended: LUAT_EXIT_REBOOT_DELAY (luatos-runtime.md 1.6).
const exitDelay = 15000 * time.Millisecond

// core reports whether the core is from date or later; lib is the same for
// the Lua libraries. Dates are "2025-11-14".
func (m *Machine) core(date string) bool { return m.fw.CoreDate >= date }
func (m *Machine) libs(date string) bool { return m.fw.LibDate >= date }

// boot is luat_main (luatos-runtime.md 1.1).
func (m *Machine) boot() {
	m.checkPower()
	m.openState()
	m.logf(levelDebug, "main", "loadlibs luavm %d %d %d", m.fw.LuaMemory, luaMemoryUsed, luaMemoryUsed)
	m.logf(levelDebug, "main", "loadlibs sys   %d %d %d", m.fw.SysMemory, sysMemoryUsed, sysMemoryMax)
	if text, ok := m.protected(m.main); !ok {
		m.exit.Err = text
		m.logf(levelError, "main", "Luat: ")
		m.logf(levelError, "main", "%s", text)
	}
	m.vmExit()
}

// openState makes the VM and its libraries.
func (m *Machine) openState() {
	setArrayLimit()
	m.l = glua.NewState(glua.Options{
		SkipOpenLibs:        true,
		RegistrySize:        128,
		RegistryGrowStep:    256,
		RegistryMaxSize:     200_000,
		CallStackSize:       16_000,
		MinimizeStackMemory: true,
	})
	m.l.SetContext(gauge{m})
	// The state of gopher-lua learns which thread is the main one in its first
	// call.
	m.l.Push(m.l.NewFunction(func(*glua.LState) int {
		m.openLibs()
		return 0
	}))
	m.l.Call(0, 0)
}

// main runs the scripts: sys, sysplus, then main.
func (m *Machine) main(l *glua.LState) int {
	require := m.l.G.Global.RawGetString("require")
	for _, name := range []string{"sys", "sysplus"} {
		m.setGlobal(name, m.call1(l, require, glua.LString(name)))
	}
	if _, ok := m.find("main"); !ok {
		m.noMain()
	}
	m.call(l, require, 0, glua.LString("main"))
	return 0
}

// noMain repeats the firmware's two lines every second while the error takes
// its way to the reboot (luatos-runtime.md 1.2).
func (m *Machine) noMain() {
	var again func()
	again = func() {
		m.logf(levelError, "main", "%s", "未找到main.lua,请刷入脚本以运行程序,luatos快速入门教程: https://docs.openluat.com")
		m.logf(levelError, "main", "%s", "The main.lua not found, please flash the script to run the program, luatos quick start: https://docs.openluat.com")
		m.after(time.Second, again)
	}
	m.after(time.Second, again)
}

// protected calls fn on the main coroutine and returns the message and
// traceback of an error that nobody caught.
func (m *Machine) protected(fn glua.LGFunction) (text string, ok bool) {
	l := m.l
	l.Panic = func(l *glua.LState) {
		err := cleanError(l.Get(-1))
		msg, isText := m.text(err)
		if !isText {
			msg = fmt.Sprintf("(error object is a %s value)", typeName(err))
		}
		panic(&glua.ApiError{Type: glua.ApiErrorRun, Object: glua.LString(m.traceback(l, msg, true, 0))})
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *glua.ApiError:
			text, ok = r.Object.String(), false
		case string: // how the interpreter says that its call stack is full
			text, ok = cleanError(glua.LString(r)).String(), false
		case runtime.Error: // a fault of the interpreter, provoked by the script
			text, ok = cleanError(glua.LString(r.Error())).String(), false
		default:
			panic(r)
		}
	}()
	l.Push(l.NewFunction(fn))
	l.Call(0, 0)
	return "", true
}

// vmExit is the end of luat_main: a message, a wait with the watchdog fed, a
// reboot.
func (m *Machine) vmExit() {
	m.watchdog.stop()
	m.logf(levelError, "main", "Lua VM exit!! reboot in %dms", exitDelay.Milliseconds())
	m.wait(exitDelay)
	m.stop(Exit{Kind: ExitReboot, Cause: CauseVMExit, Code: 1, Err: m.exit.Err})
}

// openLibs installs everything that scripts find, in the order in which
// pairs(_G) shows it.
func (m *Machine) openLibs() {
	m.openOperators()
	m.openBase()
	m.openPackage()
	m.openCoroutine(m.l)
	m.openDebug()
	m.openTable()
	m.openString()
	m.openMath()
	m.openIo()
	m.openOs()
	m.openBit()
	m.openLog()
	m.openRtos()
	m.openJson()
	m.openHTTP()
	m.openSocket()
	m.openFota()
	m.openMcu()
	m.openHmeta()
	m.openPm()
	m.openWdt()
	m.openGpio()
	m.openUart()
	m.openAdc()
	m.openRtc()
	m.openWlan()
	m.openMobile()
	m.openCrypto()
	m.openZbuff()
	m.openPack()
	m.openBit64()
	m.openFskv()
	m.openMiniz()
	m.openFastlz()
	m.openIconv()
	m.openRefused()
	m.ipairsNext = m.l.NewFunction(ipairsNext)
	m.tostringFn, _ = m.l.G.Global.RawGetString("tostring").(*glua.LFunction)
}
