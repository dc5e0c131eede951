package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// bleHeard is a script's head: a callback that prints what it gets.
const bleHeard = `
local names = {} for k, v in pairs(ble) do if k:find("^EVENT_") then names[v] = k:sub(7) end end
local function text(v) return type(v) == "string" and (v:toHex()) or tostring(v) end
function heard(d, event, p)
	local t = {}
	for _, k in ipairs{"addr", "addr_type", "rssi", "adv_addr", "handle", "uuid_service", "uuid_characteristic", "data", "reason", "service_num"} do
		if p and p[k] then t[#t + 1] = k .. "=" .. text(p[k]) end
	end
	for i, c in ipairs(event == ble.EVENT_GATT_ITEM and p or {}) do
		t[#t + 1] = i == 1 and text(c) or text(c[1]) .. " " .. c[2]
	end
	print(mcu.ticks(), names[event], table.concat(t, " "))
end
`

// peripheral is a module that offers one service.
const peripheral = bleHeard + `
local bt = bluetooth.init()
dev = bt:ble(function(d, event, p)
	assert(d == dev)
	heard(d, event, p)
	if event == ble.EVENT_DISCONN then sys.timerStart(function() d:adv_start() end, 1000) end
end)
print(dev:gatt_create({string.fromHex("F000"),
	{string.fromHex("F001"), ble.WRITE | ble.WRITE_CMD},
	{0xF002, ble.READ | ble.NOTIFY, "old"},
	{string.fromHex("F003"), ble.READ}}))
print(dev:adv_create({addr_mode = ble.PUBLIC, channel_map = ble.CHNLS_ALL, intv_min = 120, intv_max = 120,
	adv_data = {{ble.FLAGS, string.char(6)}, {ble.COMPLETE_LOCAL_NAME, "airlift"}}}))
print(dev:adv_start())
`

func TestBLEPeripheral(t *testing.T) {
	var board *luatest.Board
	same(t, around(t, `
events:
  - {at: 500ms, ble: {to: F000/F001, text: "too early"}}
  - {at: 1s, ble: connect}
  - {at: 2s, ble: {to: F000/F001, hex: "01 02"}}
  - {at: 3s, ble: {subscribe: F000/F002}}
  - {at: 4s, ble: {read: F000/F003}}
  - {at: 5s, ble: {to: F000/F003, text: "not writable"}}
  - {at: 6s, ble: {to: F000/F009, text: "not there"}}
  - {at: 7s, ble: {read: F000/F001}}
  - {at: 8s, ble: disconnect}
  - {at: 10s, ble: connect}
`, peripheral+`
sys.timerStart(function()
	print(dev:write_notify({uuid_service = "\xF0\0", uuid_characteristic = "\xF0\x02"}, "new"), dev:write_notify({uuid_service = "\xF0\0"}, "x"))
	print(dev:write_value({uuid_service = "\xF0\0", uuid_characteristic = "\xF0\x03"}, "val"), (dev:mac():toHex()), dev.nothing)
end, 3500)
sys.timerStart(rtos.reboot, 12000)
sys.run()`, wifiModule, func(b *luatest.Board) { board = b }),
		"true", "true", "true", "90\tADV_START\t", "1100\tCONN\taddr=02A14C000300 addr_type=1",
		"2000\tWRITE\thandle=3 uuid_service=F000 uuid_characteristic=F001 data=0102",
		"3000\tWRITE\thandle=0 uuid_service= uuid_characteristic= data=0100",
		"W/bt.ble 缺失 uuid_characteristic 参数", "E/bt.ble error param", "true", "true\tC81234567830\tnil",
		"4000\tREAD\thandle=8 uuid_service=F000 uuid_characteristic=F003",
		"8000\tDISCONN\treason=19", "9090\tADV_START\t", "10100\tCONN\taddr=02A14C000300 addr_type=1")
	events(t, board, "bluetooth", "gatt_create f000", "adv_create 02010608096169726c696674", "adv_start",
		"rejects write of f000/f003: not permitted", "rejects write of f000/f009: no such characteristic", "rejects read of f000/f001: not permitted")
}

// events looks for hardware events of a unit, in this order.
func events(t *testing.T, b *luatest.Board, unit string, want ...string) {
	t.Helper()
	for _, e := range b.Events {
		if len(want) > 0 && e.Unit == unit && strings.HasPrefix(e.Action, want[0]) {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("no event %s %q, or not in this order", unit, want[0])
	}
}

const farDevice = `
ble:
  - {address: "c8:47:8c:4e:02:7d", name: far, rssi: -81, services: [
      {uuid: FA00, characteristics: [
        {uuid: EA01, may: [read, write, notify], hex: "1234", every: 700ms},
        {uuid: EA02, may: [write]},
        {uuid: 0000ea03-0000-1000-8000-00805f9b34fb, may: [read], text: "long name"}]},
      {uuid: 180A}]}
  - {random: true, hex: "03FF4C00"}
`

func TestBLECentral(t *testing.T) {
	same(t, around(t, farDevice, bleHeard+`
local found
local function at(c) return {uuid_service = "\xFA\0", uuid_characteristic = c} end
local long = string.fromHex("0000EA0300001000800000805F9B34FB")
dev = bluetooth.init():ble(function(d, event, p)
	heard(d, event, p)
	if event == ble.EVENT_SCAN_REPORT and not found then
		found = p
		for _, f in ipairs(d:adv_decode(p.data)) do print(f.len, f.tp, (f.data:toHex())) end
		d:scan_stop()
		print(d:connect("short", 0), d:connect(p.adv_addr, p.addr_type))
	elseif event == ble.EVENT_GATT_DONE then
		print(d:notify_enable(at("\xEA\x01"), true), d:notify_enable(at("\xEA\x02"), true), d:write_value(at("\xEA\x02"), "x"), d:write_value(at(long), "x"))
		print(#d:read_value(at(long)))
		sys.timerStart(function() d:write_value(at("\xEA\x01"), "mine") d:read_value(at("\xEA\x01")) d:notify_enable(at("\xEA\x01"), false) end, 1500)
		sys.timerStart(function() d:disconnect() end, 4000)
	end
end)
print(dev:adv_decode(""), dev:adv_decode("\5\1"))
print(dev:scan_create(ble.PUBLIC, 1600, 100, ble.SCAN_ACTIVE), dev:scan_start())
sys.timerStart(rtos.reboot, 8000)
sys.run()`, wifiModule),
		"E/bt.ble Invalid BLE advertisement data", "nil\tnil", "true\ttrue",
		"44\tSCAN_INIT\t", "44\tSCAN_START\t",
		"44\tSCAN_REPORT\taddr_type=0 rssi=-81 adv_addr=C8478C4E027D data=0201060409666172", "1\t1\t06", "3\t9\t666172",
		"E/bt.ble error adv_addr len 5", "nil\ttrue",
		"44\tSCAN_REPORT\taddr_type=1 rssi=-60 adv_addr=02A14C000401 data=03FF4C00",
		"88\tSCAN_STOP\t", "244\tCONN\taddr=C8478C4E027D addr_type=0",
		"544\tGATT_ITEM\tFA00 EA01 88.0 EA02 16.0 0000EA0300001000800000805F9B34FB 8.0", "544\tGATT_ITEM\t180A", "544\tGATT_DONE\tservice_num=2",
		"true\tfalse\ttrue\tfalse", "0",
		"574\tREAD_VALUE\thandle=0 uuid_service=FA00 uuid_characteristic=0000EA0300001000800000805F9B34FB data=6C6F6E67206E616D65",
		"1244\tREAD_VALUE\thandle=0 uuid_service=FA00 uuid_characteristic=EA01 data=1234",
		"1944\tREAD_VALUE\thandle=0 uuid_service=FA00 uuid_characteristic=EA01 data=1234",
		"2074\tREAD_VALUE\thandle=0 uuid_service=FA00 uuid_characteristic=EA01 data=6D696E65",
		"4574\tDISCONN\treason=22")
}

// TestBLEOff: with the power of the radio everything is gone, and nobody is
// told.
func TestBLEOff(t *testing.T) {
	same(t, around(t, "events:\n  - {at: 1s, ble: connect}\n  - {at: 3s, ble: {to: F000/F001, text: x}}\n", peripheral+`
sys.timerStart(pm.power, 2000, pm.WIFI, 0)
sys.timerStart(function() print(dev:adv_start(), dev:scan_start()) end, 4000)
sys.timerStart(rtos.reboot, 6000)
sys.run()`, func(b *luatest.Board) { b.FW.Wlan = true }),
		"D/drv.bt 执行luat_bluetooth_init", "true", "true", "true", "90\tADV_START\t", "1100\tCONN\taddr=02A14C000300 addr_type=1", "false\tfalse")
}
