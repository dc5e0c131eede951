package lua_test

import (
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// TestLibraries are firmware with exactly these libraries.
func TestLibraries(t *testing.T) {
	b := luatest.New(`
print(gpio.setup ~= nil, gpio.close, gpio.LOW, gpio.HIGH, wlan, package.loaded.wlan, require("gpio") == gpio)
print(type(lcd), lcd.WHITE, lcd.OK, type(lcd.font), lcd.font == lcd.font, rawequal(screen, lcd), pcall(lcd.init))
print(math.pi > 3, math.floor, ("x"):upper(), pcall(function() return ("x"):rep(2) end))
local order = {}
for k in pairs(lcd) do order[#order + 1] = k end
print(table.concat(order, " "))
rtos.reboot()`)
	b.FW.Bits = 32
	own := func(name string) lua.Member { return lua.Member{Name: name, Kind: lua.MemberOwn} }
	b.FW.Libraries = []lua.Library{
		luatest.Functions("rtos", "reboot", "receive", "timer_start", "timer_stop"), luatest.Functions("log", "info"),
		luatest.Functions("table", "concat", "insert", "unpack", "pack"), luatest.Functions("string", "upper"), luatest.Functions("coroutine", "create"),
		{Name: "math", Members: []lua.Member{own("pi")}},
		{Name: "gpio", Members: []lua.Member{{Name: "setup", Kind: lua.MemberFunc}, {Name: "LOW", Kind: lua.MemberInt, Int: 7}}},
		{Name: "lcd", Aliases: []string{"screen"}, Members: []lua.Member{
			{Name: "WHITE", Kind: lua.MemberInt, Int: 0xFFFFFFFF}, {Name: "init", Kind: lua.MemberFunc},
			{Name: "font", Kind: lua.MemberHandle}, {Name: "OK", Kind: lua.MemberStr, Str: "ok"},
		}},
	}
	run(t, b)
	same(t, printed(b),
		"true\tnil\t7\tnil\tnil\tnil\ttrue",
		"table\t-1\tok\tuserdata\ttrue\ttrue\tfalse\tlcd.init is not emulated: define your own _G.lcd = {...} before the script uses it",
		"true\tnil\tX\tfalse\tmain.lua:4: attempt to call a nil value (method 'rep')",
		"WHITE init font OK")
}
