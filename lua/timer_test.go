package lua_test

import (
	"testing"

	"airlift/lua/luatest"
)

func TestTimerDelays(t *testing.T) {
	b := luatest.New(`
local a = mcu.ticks() timer.mdelay(120) local b = mcu.ticks() timer.udelay(3000) timer.mdelay(0) timer.mdelay(-5)
print(b - a, mcu.ticks() - b, pcall(timer.mdelay))
rtos.reboot()`)
	run(t, b)
	same(t, printed(b), "120\t3\tfalse\tbad argument #1 to 'timer.mdelay' (number expected, got no value)")
}
