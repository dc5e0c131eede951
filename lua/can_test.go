package lua_test

import (
	"fmt"
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestCANFilters sends frames to itself through filters: 32 bits in which the
// identifier is at the top, of 11 bits or of 29. A bit that is set in the mask
// does not count.
func TestCANFilters(t *testing.T) {
	for _, tt := range []struct{ set, want string }{
		{"", "123 124 12345678 12345679"},
		{"can.filter(0, false, 0, 0xFFFFFFFF)", "123 124 12345678 12345679"},
		{"can.filter(0, false, 0x123 << 21, 0x001FFFFF)", "123"},
		{"can.filter(0, false, 0x123 << 21, 0x00FFFFFF)", "123 124"},
		{"can.filter(0, false, 0x12345678 << 3, 7)", "12345678"},
		{"can.filter(0, false, 0x12345678 << 3, 0xF)", "12345678 12345679"},
		{"can.node(0, 0x123, can.STD)", "123"},
		{"can.node(0, 0x12345679, can.EXT)", "12345679"},
	} {
		b := luatest.New(fmt.Sprintf(`can.init(0, 8)
can.mode(0, can.MODE_TEST)
%s
for _, id in ipairs{0x123, 0x124, 0x12345678, 0x12345679} do
  can.tx(0, id, id > 0x7FF and can.EXT or can.STD, false, false, "x")
  rtos.timer_start(1, 100) rtos.receive(200)
  for i = 1, 4 do rtos.receive(1) end
end
local got = {}
while true do
  local ok, id = can.rx(0)
  if not ok then break end
  got[#got + 1] = string.format("%%x", id)
end
print(table.concat(got, " "))
rtos.reboot()`, tt.set))
		b.Limit = 0
		run(t, b)
		if got := strings.Join(printed(b), "|"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.set, got, tt.want)
		}
	}
}

// TestCANStates is what a bus says of itself.
func TestCANStates(t *testing.T) {
	expect(t, `print(can.state(0) == can.STATE_STOP, can.init(0, 8), can.init(2, 8))
can.mode(0, can.MODE_NORMAL) print(can.state(0) == can.STATE_ACTIVE)
print(can.busOff(0), can.state(0) == can.STATE_STOP, can.tx(0, 1, 0, false, false, "x"))
print(can.reset(0), can.state(0) == can.STATE_ACTIVE, can.tx(0, 1, 0, false, false, "x"))
print(can.deinit(0), can.state(0) == can.STATE_STOP, can.busOff(0))`,
		"true	true	false", "true", "true	true	-1", "true	true	0", "true	true	false")
}
