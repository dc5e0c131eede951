package lua_test

import (
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// sysCases are scripts with what they print. They hold for our own sys.lua and
// for the original (see TestOriginalSys). %d is not used: every number is
// virtual time or an argument.
var sysCases = []struct {
	name, script string
	want         []string
}{
	{"a task runs at once to its first wait", `
print("a")
local co = sys.taskInit(function(x) print("b", x) sys.wait(10) print("d") rtos.reboot() end, 5)
print("c", type(co), coroutine.status(co))
sys.run()`, []string{"a", "b\t5", "c\tthread\tsuspended", "d"}},

	{"messages before timers, in the order of publishing", `
sys.subscribe("T", function(...) print("T", ...) sys.publish("U", 1) end)
sys.subscribe("U", function(n) print("U", n) if n < 3 then sys.publish("U", n + 1) end end)
sys.timerStart(function() print("timer") rtos.reboot() end, 1)
sys.publish("T", "x", nil, 3)
sys.publish("T")
print("published")
sys.run()`, []string{"published", "T\tx\tnil\t3", "T", "U\t1", "U\t1", "U\t2", "U\t2", "U\t3", "U\t3", "timer"}},

	{"waitUntil", `
sys.taskInit(function()
  print(sys.waitUntil("A", 100), mcu.ticks())
  print(sys.waitUntil("A", 100))
  print(mcu.ticks())
  print(sys.waitUntil("B"))
  print(sys.waitUntil("C"))
  print(sys.waitUntilExt("D", 1000))
  print(sys.waitUntilExt("D", 10))
  rtos.reboot()
end)
sys.timerStart(sys.publish, 150, "A", 1, 2)
sys.timerStart(sys.publish, 200, "B", "b")
sys.timerStart(sys.publish, 210, "C")
sys.timerStart(sys.publish, 220, "D", "d")
sys.run()`, []string{"false\t100", "true\t1\t2", "150", "true\tb", "true", "D\td", "false"}},

	{"a message nobody waits for is lost", `
sys.taskInit(function() sys.wait(100) print(sys.waitUntil("A", 50)) rtos.reboot() end)
sys.timerStart(sys.publish, 50, "A")
sys.run()`, []string{"false"}},

	{"wait returns what it is resumed with", `
local co = sys.taskInit(function() print(sys.wait(1000)) print(mcu.ticks()) print(sys.wait(20)) print(mcu.ticks()) rtos.reboot() end)
sys.timerStart(function() coroutine.resume(co, "early", 7) end, 30)
sys.run()`, []string{"early\t7", "30", "", "50"}},

	{"wait below 1 ms returns at once", `
sys.taskInit(function() print("x") sys.wait(0) print("y", mcu.ticks()) sys.wait(1) print(mcu.ticks()) rtos.reboot() end)
sys.run()`, []string{"x", "D/user.rtos.timer_start error", "y\t0", "1"}},

	{"timers", `
local n = 0
local id = sys.timerLoopStart(function(a) n = n + 1 print("loop", a, mcu.ticks()) if n == 3 then sys.timerStop(ID) end end, 10, "arg")
ID = id
print(sys.timerIsActive(id) ~= nil, sys.timerStart(print, 0))
local function once(...) print("once", ...) end
sys.timerStart(once, 20, 1)
sys.timerStart(once, 20, 2)
sys.timerStart(once, 25, 1)
print(sys.timerIsActive(once, 1), sys.timerIsActive(once, 3))
sys.timerStop(once, 2)
sys.timerStart(function() print("end", sys.timerIsActive(id), sys.timerIsActive(once, 1)) rtos.reboot() end, 100)
sys.run()`, []string{"E/user.rtos.timer_start\tcreate fail!!!", "true", "true", "loop\targ\t10", "loop\targ\t20", "once\t1", "loop\targ\t30", "end\tnil"}},

	{"timerStopAll", `
local function f(x) print(x) end
sys.timerStart(f, 10, 1) sys.timerStart(f, 20, 2) sys.timerLoopStart(f, 5, 3)
sys.timerStopAll(f)
sys.timerStart(function() print("quiet") rtos.reboot() end, 50)
sys.run()`, []string{"quiet"}},

	{"subscribe twice, to a list, and not any more", `
local function f(x) print("f", x) end
sys.subscribe("A", f) sys.subscribe("A", f) sys.subscribe({"B", "C"}, f)
sys.publish("A", 1) sys.publish("B", 2) sys.publish("C", 3)
sys.timerStart(function() sys.unsubscribe("A", f) sys.unsubscribe({"B"}, f) sys.publish("A", 4) sys.publish("B", 5) sys.publish("C", 6) end, 10)
sys.timerStart(rtos.reboot, 20)
sys.run()`, []string{"f\t1", "f\t2", "f\t3", "f\t6"}},

	{"a coroutine subscriber gets topic and payload", `
local co = coroutine.create(function(...) print(...) print(coroutine.yield()) end)
sys.subscribe("A", co)
sys.publish("A", 1) sys.publish("A", 2)
sys.timerStart(rtos.reboot, 20)
sys.run()`, []string{"A\t1", "A\t2"}},

	{"named tasks", `
sys.taskInitEx(function()
  print(sys.waitMsg("me", nil, 1000)[1])
  local m = sys.waitMsg("me", "want", 1000)
  print(m[1], m[2], m[3], m[4])
  print(sys.waitMsg("me", "never", 50), mcu.ticks())
  print(sys.waitMsg("nobody"))
  sys.cleanMsg("me")
  rtos.reboot()
end, "me", function(m) print("cb", m[1]) end)
print(sys.sendMsg("me", "first", 1), sys.sendMsg("nobody", 1))
sys.timerStart(function() sys.sendMsg("me", "other") sys.sendMsg("me", "want", 2, 3, 4) end, 100)
sys.run()`, []string{"true\tfalse", "first", "cb\tother", "want\t2\t3\t4", "nil\t150", "E/user.sys\tsys.taskInitEx启动的task才能使用waitMsg", "false"}},

	{"check_task in the main coroutine", `
print((pcall(sys.check_task)))
print((pcall(sys.wait, 10)))
rtos.reboot()`, []string{"false", "false"}},

	{"an error without roll-back is only a line", `
_G.COROUTINE_ERROR_ROLL_BACK = false
_G.COROUTINE_ERROR_RESTART = false
sys.taskInit(function() sys.wait(10) error("oops") end)
sys.taskInit(function() sys.wait(2000) print("alive") rtos.reboot() end)
local real = print
print = function(a, b) if b then real(a, (b:gsub("\r\n.*", ""))) else real(a) end end
sys.run()`, []string{"E/user.coroutine.resume\tmain.lua:4: oops", "alive"}},

	{"an error can restart at once", `
_G.COROUTINE_ERROR_ROLL_BACK = false
print = function() end
sys.taskInit(function() sys.wait(10) error("oops") end)
sys.run()`, nil},

	{"run is empty after SYSP", `
SYSP = true
package.loaded.sys = nil
sys = nil
sys = require "sys"
print(pcall(sys.run))
rtos.reboot()`, []string{"true"}},
}

func runSysCases(t *testing.T, opts lua.Options) {
	for _, c := range sysCases {
		t.Run(c.name, func(t *testing.T) {
			b := luatest.New(c.script)
			b.Network = nil
			exit := run(t, b, opts)
			if exit.Cause != lua.CauseRtos {
				t.Errorf("exit %v: %s", exit, exit.Err)
			}
			if got := printed(b); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("printed:\n\t%s\nexpected:\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

func TestSys(t *testing.T) { runSysCases(t, lua.Options{}) }

// TestOriginalSys holds the cases against the original.
func TestOriginalSys(t *testing.T) { runSysCases(t, upstream(t)) }

// TestTaskErrorEndsTheVM goes the whole way: line, 500 ms, VM exit, 15 s,
// reboot (luatos-runtime.md 1.5, 1.6, 3.3).
func TestTaskErrorEndsTheVM(t *testing.T) {
	b := luatest.New(`
wdt.init(9000)
sys.timerLoopStart(wdt.feed, 3000)
sys.timerLoopStart(function() print("tick") end, 200)
sys.taskInit(function() sys.wait(100) local t = nil; print(t.x) end)
sys.run()`)
	exit := run(t, b)
	if exit.Kind != lua.ExitReboot || exit.Cause != lua.CauseVMExit || b.Now() != 15600*time.Millisecond {
		t.Errorf("exit %v at %v\n%s", exit, b.Now(), b.Text())
	}
	at := map[string]time.Duration{}
	for i, line := range b.Lines {
		at[line] = b.Times[i]
	}
	for line, want := range map[string]time.Duration{
		"E/user.coroutine.resume\tmain.lua:5: attempt to index a nil value (local 't')": 100 * time.Millisecond,
		"E/main Luat: ": 600 * time.Millisecond,
		"E/main main.lua:5: attempt to index a nil value (local 't')": 600 * time.Millisecond,
		"E/main Lua VM exit!! reboot in 15000ms":                      600 * time.Millisecond,
		"tick":                                                        400 * time.Millisecond,
	} {
		if got, ok := at[line]; !ok || got != want {
			t.Errorf("%q at %v (%v), expected %v\n%s", line, got, ok, want, b.Text())
		}
	}
	if !strings.Contains(exit.Err, "stack traceback:") {
		t.Errorf("error text %q", exit.Err)
	}
}

func TestMainEnds(t *testing.T) {
	b := luatest.New(`print("only this")`)
	b.Network = nil
	exit := run(t, b)
	if exit.Cause != lua.CauseVMExit || exit.Err != "" || b.Now() != 15*time.Second {
		t.Errorf("exit %v %q at %v", exit, exit.Err, b.Now())
	}
	if got := b.Lines[len(b.Lines)-1]; got != "E/main Lua VM exit!! reboot in 15000ms" {
		t.Errorf("last line %q", got)
	}
}

func TestNoMain(t *testing.T) {
	b := luatest.New("")
	exit := run(t, b)
	if exit.Cause != lua.CauseVMExit || !strings.Contains(b.Text(), "E/main module 'main' not found") {
		t.Errorf("exit %v\n%s", exit, b.Text())
	}
	if n := strings.Count(b.Text(), "E/main The main.lua not found, please flash the script to run the program, luatos quick start: https://docs.openluat.com"); n != 14 {
		t.Errorf("%d times the hint:\n%s", n, b.Text())
	}
}

func TestSyntaxErrorInMain(t *testing.T) {
	b := luatest.New("x = 1\ny = = 2")
	run(t, b)
	if !strings.Contains(b.Text(), "E/main error loading module 'main' from file '/luadb/main.lua':\n\tmain.lua:2: unexpected symbol near '='") {
		t.Errorf("%s", b.Text())
	}
}

func TestRequireOrder(t *testing.T) {
	b := luatest.New(`
print(require("m"), package.loaded.m)
unload("m")
io.writeFile("/m.lua", "return 'root ' .. table.concat({...}, ' ')")
print(require("m"))
unload("m")
rtos.setPaths("/ram/%s.lua", "/no/percent", "/way/too/long/a/path/for/%s.lua")
io.writeFile("/ram/m.lua", "x = ... print(...)")
print(require("m"), package.loaded.m)
print(pcall(require, "nosuch"))
print(pcall(require, ""))
print(pcall(require, ("n"):rep(49)))
io.writeFile("/bad.lua", "return = 1")
print(pcall(require, "bad"))
print(sys == sysplus, require("sys") == sys, package.path, package.searchers)
rtos.reboot()`)
	b.Write("/luadb/m.lua", "return 'luadb'")
	run(t, b)
	want := []string{
		"luadb\tluadb", "root m /m.lua", "m\t/ram/m.lua", "true\ttrue",
		"false\tmodule 'nosuch' not found",
		"false\tmodule name '' len 0 is invalid",
		"false\tmodule name '" + strings.Repeat("n", 49) + "' len 49 is invalid",
		"false\terror loading module 'bad' from file '/bad.lua':", "\tbad.lua:1: unexpected symbol near '='",
		"true\ttrue\tnil\tnil",
	}
	if got := strings.Join(printed(b), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestLogStyles(t *testing.T) {
	script := `
log.info("tag", 1, "x", nil, true)
log.debug("d") log.warn("w") log.error("e") log.fatal("f")
log.info(5, "number tag") log.info(nil, "nil tag") log.info({}, "table tag") log.info()
log.style(1) print(log.style())
log.info("tag", "one")
log.style(2)
log.info("tag", "two")
log.style(0)
log.setLevel("WARN") print(log.getLevel()) log.info("hidden") log.warn("shown")
log.setLevel(log.LOG_ERROR) log.warn("hidden") log.error("shown")
log.setLevel("nonsense") print(log.getLevel()) log.error("hidden")
log.setLevel(1)
local p = print
print = function(...) p("hook", ...) end
log.info("x", "y")
rtos.reboot()`
	for date, sep := range map[string]string{"2025-07-17": "\t", "2025-07-18": " "} {
		b := luatest.New(script)
		b.FW.CoreDate = date
		run(t, b)
		want := []string{
			"I/user.tag|1|x|nil|true", "D/user.d", "W/user.w", "E/user.e", "E/user.f",
			"I/user.5|number tag", "I/user.(null)|nil tag", "I/user.(null)|table tag",
			"1", "I/main.lua:6|tag|one", "I/user.tag|main.lua:8|two",
			"3", "W/user.shown", "E/user.shown", "7", "hook|I/user.x|y",
		}
		if got := strings.Join(printed(b), "\n"); got != strings.ReplaceAll(strings.Join(want, "\n"), "|", sep) {
			t.Errorf("core %s:\n%s", date, got)
		}
	}
}

func TestFrameLuat(t *testing.T) {
	b := luatest.New(`sys.timerStart(function() log.info("main", "x") rtos.reboot() end, 807) sys.run()`)
	b.FW.CoreDate = "2026-01-01"
	run(t, b, lua.Options{Frame: lua.FrameLuat})
	if got := b.Lines[len(b.Lines)-1]; got != "luat:U(807):I/user.main x" {
		t.Errorf("script line %q", got)
	}
	if got := b.Lines[0]; got != "luat:D(0):main:loadlibs luavm 180224 15176 15176" {
		t.Errorf("core line %q", got)
	}
}

func TestRtos(t *testing.T) {
	expect(t, `
rtos.receive(0) -- IP_READY
print(rtos.bsp(), rtos.version(), rtos.firmware(), rtos.buildDate())
print(rtos.version(true))
local total, used, most = rtos.meminfo() print(total, used > 15176 and used < 30000, most >= used) print(rtos.meminfo("sys")) print(rtos.meminfo("psram"))
print(rtos.timer_start(1, 0), rtos.timer_start(1, 10), rtos.timer_start(2, 10, 1), rtos.timer_start(3, 15, -1))
print(rtos.receive(5))
for i = 1, 5 do print(mcu.ticks(), rtos.receive(-1)) end
rtos.timer_stop(3) rtos.timer_stop("x") rtos.timer_stop()
print(rtos.receive(100), mcu.ticks())
print(pm.lastReson())
print(rtos.tick, rtos.INF_TIMEOUT, rtos.MSG_TIMER)`,
		"AIR601\tV1025\tLuatOS-SoC_V1025_AIR601\tApr 20 2024",
		"V1025\t0\t32",
		"180224\ttrue\ttrue", "65536\t54072\t66784", "0\t0\t0",
		"0\t1\t1\t1",
		"-1",
		"5\t1\t1\t0", "10\t1\t2\t0", "10\t1\t3\t-1", "15\t1\t2\t0", "20\t1\t3\t-1",
		"-1\t130",
		"0\t0\t0\t0",
		"nil\t-1\t1")
}

func TestWatchdog(t *testing.T) {
	for script, want := range map[string]time.Duration{
		`wdt.init(3000) sys.run()`:                                                               3 * time.Second,
		`wdt.init(3000) sys.timerStart(wdt.feed, 2000) sys.run()`:                                5 * time.Second,
		`wdt.init(3000) sys.taskInit(function() sys.wait(1000) while true do end end) sys.run()`: 3 * time.Second,
	} {
		b := luatest.New(script)
		exit := run(t, b)
		if exit.Cause != lua.CauseWatchdog || b.Now() < want || b.Now() > want+50*time.Millisecond {
			t.Errorf("%s: %v at %v, expected %v", script, exit, b.Now(), want)
		}
	}
	b := luatest.New(`wdt.init(3000) wdt.close() sys.run()`)
	if exit := run(t, b); exit.Kind != lua.ExitIdle {
		t.Errorf("after close: %v", exit)
	}
}
