package lua_test

import (
	"strings"
	"testing"
	"time"

	"airlift/emu/scene"
	"airlift/lua/luatest"
)

// around runs a script on a mobile module in a scene, and returns what it
// printed. The text is YAML over the default scene.
func around(t *testing.T, yaml, script string, change ...func(*luatest.Board)) []string {
	t.Helper()
	s, err := scene.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	b := luatest.New(script)
	b.FW.Mobile, b.FW.Wlan = true, false
	b.ID.IMEI = "860000000000001"
	b.FW.LuaMemory = 1 << 20
	b.Limit = 10 * time.Minute
	for _, c := range change {
		c(b)
	}
	bench := scene.New(s, b)
	b.Surroundings = bench
	bench.PowerOn()
	run(t, b)
	return printed(b)
}

// wifiModule makes the module of around a Wi-Fi module.
func wifiModule(b *luatest.Board) { b.FW.Mobile, b.FW.Wlan = false, true }

// heard is a script's head that prints every message of the firmware with the
// time, in tenths of a second.
const heard = `
for _, e in ipairs{"SIM_IND", "IP_READY", "IP_LOSE", "SMS_READY", "CC_IND", "SMS_INC", "NTP_UPDATE", "CELL_INFO_UPDATE", "SMS_SENT", "SMS_REPORT",
    "WLAN_STA_INC", "WLAN_SCAN_DONE", "WLAN_AP_INC", "SC_RESULT", "DTIMER_WAKEUP", "VUART_STATE"} do
    sys.subscribe(e, function(...)
        local t = {tostring(mcu.ticks() // 100), e}
        for i = 1, select("#", ...) do
            local v = select(i, ...)
            t[#t + 1] = type(v) == "table" and json.encode(v) or type(v) == "string" and v:find("[^%g ]") and v:toHex() or tostring(v)
        end
        print(table.concat(t, " "))
    end)
end
`

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRegistration(t *testing.T) {
	same(t, around(t, ``, heard+`
print(mobile.status(), mobile.iccid(), mobile.csq(), mobile.eci(), mobile.simPin(), (socket.adapter(socket.dft())))
sys.timerStart(function() print(mobile.status(), mobile.iccid()) end, 1000)
sys.timerStart(function()
    print(mobile.status(), mobile.iccid(), mobile.imsi(), mobile.number(), mobile.simid(), mobile.simPin(), mobile.apn())
    print(mobile.csq(), mobile.rssi(), mobile.rsrp(), mobile.rsrq(), mobile.snr(), mobile.eci(), mobile.tac(), mobile.enbid(), mobile.scell().band)
    print(#mobile.getCellInfo(), (socket.adapter(socket.dft())))
    rtos.reboot()
end, 9000)
sys.run()`),
		"0\tnil\t0\t-1\tfalse\tfalse", "5 SIM_IND RDY", "5 SIM_IND GET_NUMBER", "2\t89860012345678901234", "25 IP_READY 192.168.1.23 1", "25 NTP_UPDATE 1",
		"27 SMS_READY 0", "35 CC_IND READY",
		"1\t89860012345678901234\t460001234567890\t+8613800138000\t0\ttrue\tcmnet", "25\t-63\t-90\t-9\t15\t124045360\t30005\t484552\t3", "0\ttrue")
}

func TestRegistrationFails(t *testing.T) {
	script := heard + `sys.timerStart(function() print(mobile.status(), mobile.iccid()) rtos.reboot() end, 9000) sys.run()`
	for yaml, want := range map[string]string{
		"sim: none":                "5 SIM_IND NORDY|0\tnil",
		"sim: {slot: 1}":           "5 SIM_IND NORDY|0\tnil",
		"sim: {pin: \"1234\"}":     "5 SIM_IND SIM_PIN|0\tnil",
		"cells: []":                "5 SIM_IND RDY|5 SIM_IND GET_NUMBER|2\t89860012345678901234",
		"cells: [{rejects: true}]": "5 SIM_IND RDY|5 SIM_IND GET_NUMBER|3\t89860012345678901234",
		"network: {register: 1h}":  "5 SIM_IND RDY|5 SIM_IND GET_NUMBER|2\t89860012345678901234",
		"network: {time: false, roaming: true, register: 1s}": "5 SIM_IND RDY|5 SIM_IND GET_NUMBER|15 IP_READY 192.168.1.23 1|17 SMS_READY 0|25 CC_IND READY|5\t89860012345678901234",
	} {
		t.Run(yaml, func(t *testing.T) { same(t, around(t, yaml, script), strings.Split(want, "|")...) })
	}
}

func TestSIMPIN(t *testing.T) {
	same(t, around(t, `sim: {pin: "4321", number: "123"}`, heard+`
sys.timerStart(function() print(mobile.simPin(0, mobile.PIN_VERIFY, "0000"), mobile.simPin(0, mobile.PIN_VERIFY, "4321")) end, 1000)
sys.timerStart(rtos.reboot, 2000)
sys.run()`), "5 SIM_IND SIM_PIN", "false\ttrue", "15 SIM_IND RDY", "15 SIM_IND GET_NUMBER")
}

func TestFlymode(t *testing.T) {
	same(t, around(t, `network: {time: false}`, heard+`
sys.timerStart(function() print(mobile.flymode(), mobile.flymode(0, true), mobile.flymode(0), mobile.status(), mobile.iccid()) end, 5000)
sys.timerStart(function() print(mobile.flymode(0, false)) end, 6000)
sys.timerStart(rtos.reboot, 12000)
sys.run()`), "5 SIM_IND RDY", "5 SIM_IND GET_NUMBER", "25 IP_READY 192.168.1.23 1", "27 SMS_READY 0", "35 CC_IND READY",
		"false\tfalse\ttrue\t0\tnil", "50 IP_LOSE 1", "true", "65 SIM_IND RDY", "65 SIM_IND GET_NUMBER", "85 IP_READY 192.168.1.23 1", "87 SMS_READY 0", "95 CC_IND READY")
}

func TestCoverage(t *testing.T) {
	same(t, around(t, `
network: {time: false, register: 500ms}
events:
  - {at: 5s, cells: []}
  - {at: 8s, cells: [{mnc: 11, rsrp: -110}]}
  - {at: 12s, sim: none}
`, heard+`
sys.timerStart(function() print(mobile.status(), mobile.csq()) end, 6000)
sys.timerStart(function() print(mobile.status(), mobile.csq(), mobile.scell().mnc) mobile.reqCellInfo(15) end, 9000)
sys.subscribe("CELL_INFO_UPDATE", function() print(json.encode(mobile.getCellInfo())) end)
sys.timerStart(rtos.reboot, 15000)
sys.run()`), "5 SIM_IND RDY", "5 SIM_IND GET_NUMBER", "10 IP_READY 192.168.1.23 1", "12 SMS_READY 0", "20 CC_IND READY", "50 IP_LOSE 1", "2\t0",
		"85 IP_READY 192.168.1.23 1", "87 SMS_READY 0", "1\t15\t11", "95 CC_IND READY", "105 CELL_INFO_UPDATE",
		`[{"pci":115,"cid":124045360,"earfcn":1300,"rsrp":-110,"rsrq":-9,"snr":15,"mcc":460,"mnc":11,"tac":30005,"rssi":-83,"band":3,"tdd":0,"ulbandwidth":5,"dlbandwidth":5}]`,
		"120 IP_LOSE 1", "125 SIM_IND NORDY")
}

func TestSMSIn(t *testing.T) {
	long := strings.Repeat("长短信", 40) // 120 characters: two parts
	same(t, around(t, `
network: {time: false}
events:
  - {at: 100ms, sms: {from: "10086", text: "early"}}
  - {at: 5s, sms: {from: "10010", text: `+long+`}}
  - {at: 9s, sms: {from: "10010", text: `+long+`}}
`, `
sys.subscribe("SMS_INC", function(from, text, meta) print(mcu.ticks() // 100, from, #text, meta.refNum, meta.seqNum, meta.maxNum, meta.year, meta.tz) end)
sms.setNewSmsCb(function(from, text, meta) print("cb", from, #text) end)
print(sms.autoLong())
sys.timerStart(function() print(sms.autoLong(false), sms.clearLong()) end, 8000)
sys.timerStart(rtos.reboot, 12000)
sys.run()`), "true", "cb\t10086\t5", "27\t10086\t5\t0\t0\t0\t24\t32", "cb\t10010\t360", "50\t10010\t360\t1\t2\t2\t24\t32", "false\t0",
		"cb\t10010\t201", "90\t10010\t201\t2\t1\t2\t24\t32", "cb\t10010\t159", "90\t10010\t159\t2\t2\t2\t24\t32")
}

func TestSMSOut(t *testing.T) {
	script := heard + `
print(sms.send("10086", ""), sms.send("12", "x"))
sys.taskInit(function()
    print(sms.sendLong("10086", "too early").wait())
    sys.waitUntil("SMS_READY")
    print(sms.send("10086", "hello", true, true), sms.send("10086", "busy"))
    sys.waitUntil("SMS_SENT")
    print(sms.sendLong("10086", ("x"):rep(161)).wait())
    sys.wait(5000)
    rtos.reboot()
end)
sys.run()`
	same(t, around(t, `{sim: {number: ""}, network: {time: false}}`, script, func(b *luatest.Board) { b.Unix = 1712727886 }),
		"E/sms sms is empty", "E/sms phone is too short or too long!! 2", "nil", "5 SIM_IND RDY", "false", "15 SMS_SENT false 0 SUCCESS 0 332 {}",
		"25 IP_READY 192.168.1.23 1", "27 SMS_READY 0", "E/sms sms is busy", "true", "35 CC_IND READY", "42 SMS_SENT true 0 SUCCESS 1 0 [1]",
		"72 SMS_REPORT 1 0 SUCCESS 10086 24-04-10 13:44:53", "true", "72 SMS_SENT true 0 SUCCESS 3 0 [2,3]")
}

func TestSMSRejected(t *testing.T) {
	same(t, around(t, `network: {sms_cause: 30, time: false}`, heard+`
sys.subscribe("SMS_READY", function() sms.send("10086", "hello") end)
sys.subscribe("SMS_SENT", rtos.reboot)
sys.run()`)[5:], "42 SMS_SENT false 30 UNKNOWN_SUBSCRIBER 0 0 {}")
}

func TestPhoneCalls(t *testing.T) {
	script := heard + `
sys.subscribe("CC_IND", function(what)
    if what == "INCOMINGCALL" and cc.lastNum() == "111" then print(cc.accept(0), cc.quality()) end
    if what == "SPEECH_START" then print(cc.lastNum(), cc.quality()) end
    if what == "INCOMINGCALL" and cc.lastNum() == "333" then cc.hangUp(0) end
end)
print(cc.init(0), cc.dial(0, "222"), cc.accept(0), cc.quality())
sys.timerStart(function() print(cc.dial(0, "222"), cc.dial(0, "222")) end, 40000)
sys.timerStart(rtos.reboot, 80000)
sys.run()`
	same(t, around(t, `
network: {time: false, register: 100ms, answer: 2s, talk: 5s}
events:
  - {at: 1s, call: {from: "999"}}
  - {at: 5s, call: {from: "111", talk: 3s}}
  - {at: 15s, call: {from: "444", ring: 5s}}
  - {at: 25s, call: {from: "333"}}
`, script)[4:],
		"8 SMS_READY 0", "16 CC_IND READY", "50 CC_IND INCOMINGCALL", "true\t0", "55 CC_IND ANSWER_CALL_DONE", "55 CC_IND SPEECH_START", "111\t2", "85 CC_IND DISCONNECTED",
		"150 CC_IND INCOMINGCALL", "190 CC_IND INCOMINGCALL", "200 CC_IND DISCONNECTED", "250 CC_IND INCOMINGCALL", "255 CC_IND HANGUP_CALL_DONE",
		"true\tfalse", "405 CC_IND MAKE_CALL_OK", "405 CC_IND PLAY", "425 CC_IND CONNECTED", "425 CC_IND SPEECH_START", "222\t2", "475 CC_IND DISCONNECTED")
}

func TestWlan(t *testing.T) {
	same(t, around(t, `
wifi:
  joined: false
  points:
    - {ssid: office, password: secret88, bssid: "02:00:00:00:00:07", rssi: -44, channel: 3}
    - {ssid: cafe}
events:
  - {at: 12s, wifi: {points: [{ssid: cafe}]}}
  - {at: 14s, wifi: {points: [{ssid: office, password: secret88}]}}
  - {at: 22s, provision: {ssid: cafe, password: ""}}
  - {at: 26s, station: {}}
  - {at: 27s, station: {join: false}}
  - {at: 29s, station: {}}
`, heard+`
print(wlan.init(), wlan.ready(), (socket.adapter(socket.LWIP_STA)))
wlan.scan()
sys.subscribe("WLAN_SCAN_DONE", function()
    for _, ap in ipairs(wlan.scanResult()) do print(ap.ssid, ap.bssid:toHex(), ap.rssi, ap.channel) end
    print(#wlan.scanResult(1))
end)
sys.timerStart(wlan.connect, 2000, "office", "wrong")
sys.timerStart(wlan.connect, 5000, "office", "secret88")
sys.timerStart(function() print(wlan.ready(), json.encode(wlan.getInfo()), wlan.getIP()) end, 11000)
sys.timerStart(function() print(wlan.disconnect(), wlan.ready()) print(wlan.smartconfig()) wlan.createAP("mine", "12345678") end, 21000)
sys.timerStart(wlan.stopAP, 28000)
sys.timerStart(rtos.reboot, 30000)
sys.run()`, wifiModule),
		"true\tfalse\tfalse", "15 WLAN_SCAN_DONE", "office\t020000000007\t-44\t3", "cafe\t02A14C000101\t-60\t6", "1",
		"40 WLAN_STA_INC DISCONNECTED 15", "70 WLAN_STA_INC CONNECTED office 020000000007", "70 IP_READY 192.168.1.23 2",
		`true	{"bssid":"020000000007","gw":"192.168.1.1","rssi":-44}	192.168.1.23`, "120 WLAN_STA_INC DISCONNECTED 201", "120 IP_LOSE 2",
		"170 WLAN_STA_INC CONNECTED office 02A14C000100", "170 IP_READY 192.168.1.23 2", "true\tfalse", "true", "210 WLAN_STA_INC DISCONNECTED 8", "210 IP_LOSE 2",
		"213 IP_READY 192.168.4.1 3", "220 SC_RESULT cafe ", "240 WLAN_STA_INC DISCONNECTED 201", "260 WLAN_AP_INC CONNECTED 02A14C000201",
		"270 WLAN_AP_INC DISCONNECTED 02A14C000201", "280 IP_LOSE 3", "290 WLAN_STA_INC DISCONNECTED 201")
}

func TestRadioWithoutScene(t *testing.T) {
	b := luatest.New(`
print(mobile.status(), sms.send("10086", "x"), cc.dial(0, "10086"), gpio.get(3), i2c.send(0, 1, "x"), adc.open(0), adc.get(0))
sys.timerStart(rtos.reboot, 5000)
sys.run()`)
	b.FW.Mobile = true
	run(t, b)
	same(t, printed(b), "0\ttrue\tfalse\t0\tfalse\ttrue\t0")
}
