package lua_test

import (
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestMcu(t *testing.T) {
	b := luatest.New(`
rtos.timer_start(1, 2500)
repeat until rtos.receive(-1) == rtos.MSG_TIMER
for mode = 0, 2 do print("ticks2", mcu.ticks2(mode)) end
print("nothing", mcu.ticks2(3))
local a, per = mcu.tick64()
print("tick64", #a, per, #mcu.tick64(true), #mcu.tick64(1))
rtos.timer_start(1, 2)
repeat until rtos.receive(-1) == rtos.MSG_TIMER
print("dtick64", mcu.dtick64(mcu.tick64(), a, 52001))
print("dtick64", mcu.dtick64(a, mcu.tick64()))
print(pcall(mcu.dtick64, mcu.tick64(true), a))
print("x32", mcu.x32(-1), mcu.CAM, mcu.CAMERA, mcu.ETH)
print("reg32", mcu.reg32(0x20000000), mcu.reg32(0x20000000, 1))
mcu.altfun(mcu.I2C, 0, 13, 2, nil)
mcu.iomux(99, {}, "x")
print("id", #mcu.muid(), mcu.muid():sub(1, 8), hmeta.chip(), hmeta.hwver(), hmeta.devid())
`)
	b.FW.Chip, b.FW.HWVersion, b.FW.TickMHz = "EC618", "A11", 26
	b.ID.MUID, b.ID.IMEI = "\x01\xab", "860000000000000"
	run(t, b, lua.Options{})
	text := b.Text()
	for _, want := range []string{
		"ticks2 2 500000\nticks2 0 2500\nticks2 0 2\n",
		"nothing\n",
		"tick64 8 26 9 8\n",
		"dtick64 false 52000\ndtick64 false -52000\n",
		"tick string too long\n",
		"x32 0xffffffff 9 9 12\n",
		"W/mcu mcu.reg32 is disabled for security reasons\nreg32 0 0\n",
		"id 32 01AB01AB EC618 A11 860000000000000\n",
	} {
		if !strings.Contains(strings.ReplaceAll(text, "\t", " "), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
