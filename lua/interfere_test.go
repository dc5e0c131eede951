package lua_test

import (
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// TestCall interrupts scripts: what is called runs when they wait, and may fail
// like a callback.
func TestCall(t *testing.T) {
	b := luatest.New(`
sys.taskInit(function()
  for n = 1, 3 do sys.wait(1000) print("task", n) end
  rtos.reboot()
end)
sys.run()`)
	text := "?"
	exit := run(t, b, lua.Options{Started: func(m *lua.Machine) {
		b.After(1500*time.Millisecond, func() {
			m.Call(`print("called", sys ~= nil) return "done"`, func(s string) { text = s })
		})
	}})
	if got := strings.Join(printed(b), ";"); got != "task 1;called true;task 2;task 3" && got != "task\t1;called\ttrue;task\t2;task\t3" || text != "done" || exit.Kind != lua.ExitReboot {
		t.Errorf("%q, %q, %v", got, text, exit)
	}
	b = luatest.New("sys.run()")
	exit = run(t, b, lua.Options{Started: func(m *lua.Machine) { m.Call(`error("no")`, func(string) { t.Error("it came to an end") }) }})
	if exit.Cause != lua.CauseVMExit || !strings.Contains(b.Text(), "no") {
		t.Errorf("%v:\n%s", exit, b.Text())
	}
}

// TestWatch has a watchdog that nobody started reset the module, unless scripts
// feed it.
func TestWatch(t *testing.T) {
	for script, want := range map[string]string{
		"sys.run()": lua.CauseWatchdog,
		"sys.timerLoopStart(wdt.feed, 3000) sys.timerStart(rtos.reboot, 30000) sys.run()": lua.CauseRtos,
	} {
		b := luatest.New(script)
		exit := run(t, b, lua.Options{Started: func(m *lua.Machine) { m.Watch(5 * time.Second) }})
		if exit.Kind != lua.ExitReboot || exit.Cause != want {
			t.Errorf("%s: %v", script, exit)
		}
	}
}

// TestSmallHeap runs out of memory where the firmware's heap has room.
func TestSmallHeap(t *testing.T) {
	script := `local t = {} for i = 1, 500 do t[i] = {i} end print("fits") rtos.reboot()`
	for bytes, want := range map[int64]string{0: lua.CauseRtos, 40000: lua.CauseVMExit} {
		b := luatest.New(script)
		exit := run(t, b, lua.Options{LuaMemory: bytes})
		if exit.Cause != want || (want == lua.CauseVMExit) != strings.Contains(exit.Err, "not enough memory") {
			t.Errorf("heap of %d bytes: %v %s", bytes, exit, exit.Err)
		}
	}
}
