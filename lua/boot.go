package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
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
	if p := m.fw.PSRAMMemory; p > 0 {
		m.logf(levelDebug, "main", "loadlibs psram %d %d %d", p, psramUsed(p), psramUsed(p))
	}
	if text, ok := m.protected(m.main); !ok {
		m.exit.Err = text
		m.logf(levelError, "main", "Luat: ")
		m.logf(levelError, "main", "%s", text)
		m.recordError(errDumpSys, text)
		m.uncaught(text)
	}
	m.vmExit()
}

// main runs the scripts: sys, sysplus, then main.
func (m *Machine) main(lua53.Args) int {
	m.showCalls()
	for _, name := range []string{"sys", "sysplus"} {
		m.setGlobal(name, m.requireModule(name))
	}
	m.showSurface()
	if _, ok := m.find("main"); !ok {
		m.noMain()
	}
	// Through the function, so that it shows in a traceback.
	m.call(m.l, m.vm.Globals().RawGetString("require"), 0, glua.LString("main"))
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
	m.openBase()
	m.openPackage()
	m.openIo()
	m.openOs()
	m.openBit()
	m.openLog()
	m.openRtos()
	m.openJson()
	m.openHTTP()
	m.openSocket()
	m.openFota()
	m.openTimer()
	m.openMcu()
	m.openHmeta()
	m.openPm()
	m.openWdt()
	m.openGpio()
	m.openUart()
	m.openAdc()
	m.openRtc()
	m.openWlan()
	m.openBluetooth()
	m.openMobile()
	m.openSMS()
	m.openCC()
	m.openI2C()
	m.openSPI()
	m.openSPIFlash()
	m.openSensor()
	m.openOTP()
	m.openCAN()
	m.openW5500()
	m.openIR()
	m.openOneWire()
	m.openPWM()
	m.openPins()
	m.openIoqueue()
	m.openUsb()
	m.openCrypto()
	m.openZbuff()
	m.openPack()
	m.openBit64()
	m.openFskv()
	m.openMiniz()
	m.openFastlz()
	m.openIconv()
	m.openNetLibs()
	m.openDataLibs()
	m.fitFirmware()
	m.listenToScene()
}
