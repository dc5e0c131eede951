package lua_test

import "testing"

func TestCharger(t *testing.T) {
	same(t, around(t, `
charger: {stage: 3}
events:
  - {at: 2s, charger: {stage: 7, hot: true}}
  - {at: 4s, charger: {battery: false}}
  - {at: 6s, charger: none}
`, `
sys.subscribe("YHM27XX_REG", function(d) print("regs", (d:toHex())) end)
print(pm.chgcmd(nil, 4, 8), pm.chgcmd(152, 4, 0, 0x64), pm.chgcmd(nil, 4, 0), pm.chgcmd(nil, 4, 2, 0xA8), pm.chgcmd(nil, 4, 2))
print(pm.chgcmd(nil, 5, 8), pm.chginfo(nil, 4))
for _, at in ipairs{3000, 5000, 5010} do sys.timerStart(function() pm.chginfo(at and nil, 4) end, at) end
sys.timerStart(function() pm.chgcmd(nil, 4, 2, 0xF8) pm.chginfo(nil, 4) end, 3500)
sys.timerStart(function() print(pm.chgcmd(nil, 4, 8)) pm.chginfo(nil, 4) end, 7000)
sys.timerStart(rtos.reboot, 8000)
sys.run()`),
		"true\ttrue\ttrue\ttrue\ttrue\t160", "false",
		"regs\t6400A0000060000020", "regs\t6400A00000E8000020", "regs\t6400F0000008000020",
		"regs\t6400F0000000D00020", "regs\t6400F0000000C00020", "false", "regs\t6400F0000000C00020")
}
