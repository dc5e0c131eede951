package lua_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/scene"
	"airlift/lua"
	"airlift/lua/luatest"
)

func TestGpioInputs(t *testing.T) {
	same(t, around(t, `
pins: {7: 1}
wires: [[3, 4]]
events:
  - {at: 1s, pin: {pin: 5, level: 0}, for: 100ms}
  - {at: 2s, pin: {pin: 6, level: 1}, for: 20ms, every: 50ms, times: 4}
  - {at: 3s, key: PWR_KEY}
  - {at: 4s, pin: {pin: 5, release: true}}
`, `
gpio.setup(7) gpio.setup(8, nil, gpio.PULLUP) gpio.setup(9, nil, gpio.PULLDOWN)
print(gpio.get(7), gpio.get(8), gpio.get(9), gpio.setDefaultPull(1), gpio.setDefaultPull(3), gpio.setup(10)())
local function irq(v, n) print(mcu.ticks() // 10, v, n, gpio.get(n)) end
gpio.setup(5, irq, gpio.PULLUP, gpio.BOTH)
gpio.setup(6, gpio.count, gpio.PULLDOWN, gpio.RISING)
gpio.setup(gpio.PWR_KEY, irq, gpio.PULLUP, gpio.FALLING)
gpio.setup(4, irq, gpio.PULLDOWN, gpio.RISING)
local out = gpio.setup(3, 0)
out(1) out(1) out(0) out(1)
sys.timerStart(function() print(gpio.count(6), gpio.count(6)) gpio.toggle(3) print(gpio.get(3), gpio.get(4)) gpio.close(5) end, 3500)
sys.timerStart(rtos.reboot, 5000)
sys.run()`), "1\t1\t0\ttrue\tfalse\t1", "0\t1\t4\t1", "100\t0\t5\t0", "110\t1\t5\t1", "300\t0\t46\t0", "4\t0", "0\t0")
}

// TestDebounce compares debouncing with a model, on random edges.
func TestDebounce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mode := rapid.IntRange(0, 1).Draw(rt, "mode")
		quiet := rapid.IntRange(1, 50).Draw(rt, "ms")
		gaps := rapid.SliceOfN(rapid.IntRange(1, 60), 1, 20).Draw(rt, "gaps")
		s := scene.Default()
		at, level := 1000, 0
		type edge struct{ at, level int }
		var edges []edge
		for _, g := range gaps {
			at += g
			level = 1 - level
			edges = append(edges, edge{at, level})
			s.Events = append(s.Events, scene.Event{At: time.Duration(at) * time.Millisecond, What: scene.PinLevel{Pin: "5", Level: level}})
		}
		// Mode 0: report at once, then be deaf for so long. Mode 1: report when
		// there was no other edge for so long.
		var want []string
		deaf := 0
		for i, e := range edges {
			next := 1 << 30
			if i+1 < len(edges) {
				next = edges[i+1].at
			}
			switch {
			case mode == 0 && e.at >= deaf:
				want = append(want, fmt.Sprintf("%d\t%d", e.at, e.level))
				deaf = e.at + quiet
			case mode == 1 && next > e.at+quiet:
				want = append(want, fmt.Sprintf("%d\t%d", e.at+quiet, e.level))
			case mode == 1 && next == e.at+quiet:
				rt.Skip("the order of two things at one time is not what this is about")
			}
		}
		b := luatest.New(fmt.Sprintf(`gpio.setup(5, function(v) print(mcu.ticks(), v) end, gpio.PULLDOWN) gpio.debounce(5, %d, %d)
sys.timerStart(rtos.reboot, 3000) sys.run()`, quiet, mode))
		bench := scene.New(s, b)
		b.Surroundings = bench
		bench.PowerOn()
		run(t, b)
		if got := printed(b); !slices.Equal(got, want) {
			rt.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestUART(t *testing.T) {
	same(t, around(t, `
uart:
  1: {answers: [{when: "AT\r\n", say: "OK\r\n", after: 20ms}]}
  2: {echo: true}
events:
  - {at: 1s, uart: {port: 1, text: "hello"}}
  - {at: 2s, uart: {port: 1, hex: "00FF"}}
  - {at: 3s, uart: {port: 3, text: "nobody hears"}}
  - {at: 4s, usb: true}
  - {at: 5s, uart: {port: 32, text: "usb"}}
`, heard+`
print(uart.setup(9), uart.on(9, "receive", print), uart.read(1), uart.rxSize(1))
print(uart.setup(1, 115200), uart.setup(2), uart.setup(uart.VUART_0))
uart.on(1, "receive", function(id, n) print(id, n, uart.rxSize(1), (uart.read(1, 3):toHex()), (uart.read(1, 1024):toHex())) end)
local buff = zbuff.create(4)
uart.on(2, "recv", function(id, n) print(id, n, uart.rx(2, buff), buff:used(), buff:query()) end)
uart.on(uart.VUART_0, "receive", function(id, n) print(id, uart.read(id)) end)
uart.on(2, "sent", function(id) print("sent", id) end)
sys.timerStart(uart.write, 2500, 1, "AT\r\n")
sys.timerStart(uart.write, 2700, 2, "echoed")
sys.timerStart(function() uart.rxClear(1) print(uart.wait485(1), uart.exist(1), uart.exist(40)) uart.close(1) print(uart.write(1, "x")) end, 5500)
sys.timerStart(rtos.reboot, 7000)
sys.run()`, wifiModule),
		"-1\tno such uart id\t\t0", "0\t0\t0", "0 IP_READY 192.168.1.23 2", "1\t5\t5\t68656C\t6C6F", "1\t2\t2\t00FF\t", "1\t4\t4\t4F4B0D\t0A", "sent\t2", "2\t6\t6\t6\techoed",
		"40 VUART_STATE 32 true", "32\tusb", "0\ttrue\tfalse", "0")
}

// TestUARTStream: whatever pieces bytes come in, a script reads them all, in
// order.
func TestUARTStream(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := scene.Default()
		var all []byte
		at := time.Second
		for _, p := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 100), 1, 10).Draw(rt, "pieces") {
			all = append(all, p...)
			at += time.Duration(rapid.IntRange(0, 3).Draw(rt, "gap")) * time.Millisecond
			s.Events = append(s.Events, scene.Event{At: at, What: scene.Bytes{Port: 1, Data: p}})
		}
		chunk := rapid.IntRange(1, 64).Draw(rt, "chunk")
		b := luatest.New(fmt.Sprintf(`uart.setup(1) local all = ""
uart.on(1, "receive", function() repeat local s = uart.read(1, %d) all = all .. s until s == "" end)
sys.timerStart(function() print(all:toHex()) rtos.reboot() end, 3000) sys.run()`, chunk))
		bench := scene.New(s, b)
		b.Surroundings = bench
		bench.PowerOn()
		run(t, b)
		if got, want := strings.Join(printed(b), ""), fmt.Sprintf("%X", all); strings.TrimRight(strings.SplitN(got, "\t", 2)[0], "\n") != want {
			rt.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestSoftUART(t *testing.T) {
	same(t, around(t, `
uart:
  5: {answers: [{when: "AT", say: "OK", after: 20ms}]}
events: [{at: 1s, uart: {port: 5, text: "nobody hears"}}]
`, `
print(uart.exist(5), uart.setup(5), uart.createSoft(17), uart.createSoft(17, 0, 1, 6), uart.createSoft(17, 0, 1, 2, 0, -10), uart.createSoft(17, 0, 1, 2))
uart.on(5, "receive", function(id, n) print(id, n, uart.read(id, n)) end)
print(uart.exist(5), uart.write(5, "AT"))
sys.timerStart(function() print(uart.rxSize(5), uart.setup(5, 9600, 8, 1, uart.ODD), uart.write(5, "AT")) end, 1500)
sys.timerStart(function() uart.close(5) print(uart.exist(5), uart.write(5, "AT"), uart.createSoft(17, 0, 1, 2), uart.createSoft(17, 0, 1, 2)) rtos.reboot() end, 2000)
sys.run()`), "false\t-1\tnil\tnil\t5\tnil", "true\t0", "0\t0\t2", "5\t2\tOK", "true\t0\t5\tnil")
}

func TestUSB(t *testing.T) {
	b := luatest.New(`
print(usb.mode(0, usb.HOST), usb.mode(1, usb.HOST), usb.mode(0, 3), usb.add_class(0, usb.CDC_ACM, 1), usb.add_class(0, 8), usb.clear_all_class())
usb.on(0, print) print(usb.tx(0, "x", 1), usb.rx(0, zbuff.create(1), 1), usb.reset_device(0, 2), usb.vid(0, 0x12345))
print(usb.vid(), usb.vid(1, 7)) print(pcall(usb.pid)) print(pcall(usb.tx, 0, "x"))
rtos.reboot()`)
	run(t, b)
	same(t, printed(b), "true\tfalse\tfalse\ttrue\tfalse\ttrue", "false\t0\tfalse\ttrue\t9029", "true\tfalse\t9029",
		"false\tusb.pid before it is set is not emulated: define your own _G.usb = {...} before the script uses it",
		"false\tbad argument #3 to 'usb.tx' (number expected, got no value)")
	if !slices.Contains(b.Events, lua.HardwareEvent{Unit: "usb", Action: "mode 0 1"}) {
		t.Errorf("events %v", b.Events)
	}
}

func TestUARTOverrun(t *testing.T) {
	s := scene.Default()
	s.Events = []scene.Event{{At: time.Second, What: scene.Bytes{Port: 1, Data: make([]byte, 5000)}}}
	b := luatest.New(`uart.setup(1, 9600, 8, 1, uart.NONE, uart.LSB, 2000) sys.timerStart(function() print(uart.rxSize(1)) rtos.reboot() end, 2000) sys.run()`)
	bench := scene.New(s, b)
	b.Surroundings = bench
	bench.PowerOn()
	run(t, b)
	same(t, printed(b), "2000")
	if !slices.Contains(b.Events, lua.HardwareEvent{Unit: "uart", Action: "overrun of port 1: 3000 bytes lost"}) {
		t.Errorf("events %v", b.Events)
	}
}

func TestI2C(t *testing.T) {
	same(t, around(t, `
i2c:
  - {bus: 1, address: 0x44, answers: [{when_hex: "2C06", say_hex: "6666 93 8000 A2"}]}
  - {bus: 1, address: 0x50, registers: {0x00: "A1 00 07", 0xFF: "EE"}}
  - {bus: 0, address: 0x5C, registers: {0: "1E 05 19 03 3F"}}
  - {bus: soft, address: 0x10, registers: {4: "0A0B"}}
`, `
print(i2c.exist(1), i2c.exist(9), i2c.setup(1, i2c.FAST), i2c.setup(9))
print(i2c.send(1, 0x44, {0x2C, 0x06}), i2c.recv(1, 0x44, 8):toHex())
print(i2c.send(1, 0x45, "x"), i2c.recv(1, 0x45, 3) == "", i2c.readReg(1, 0x50, 0, 3):toHex())
print(i2c.writeReg(1, 0x50, 1, "\x55\x66"), i2c.readReg(1, 0x50, 0, 4):toHex(), i2c.send(1, 0x50, 0xFF), i2c.recv(1, 0x50, 2):toHex())
print(i2c.transfer(1, 0x50, 2, nil, 2)) print(i2c.transfer(1, 0x51, "\0", nil, 2))
local b = zbuff.create(1) print(i2c.transfer(1, 0x50, "\0", b, 3), b:used(), b:query():toHex())
print(i2c.readSHT30(1)) print(i2c.readSHT30(0)) print(i2c.readDHT12(0)) print(i2c.readDHT12(1))
local soft = i2c.createSoft(1, 2) print(i2c.setup(soft), i2c.readReg(soft, 0x10, 4, 2):toHex())
print(pcall(i2c.send, 1, 0x50, {print}))
rtos.reboot()`),
		"true\tfalse\t1\t0", "true\t6666938000A2FFFF\t16", "false\ttrue\tA10007\t6", "true\tA1556600\ttrue\tEEA1\t4",
		"true\tf\x00", "false\tnil", "true\t3\tA15566\t6", "true\t500\t250", "false", "true\t305\t253", "false", "1\t0A0B\t4",
		"false\tbad argument #3 to 'i2c.send' (table of numbers expected)")
}

func TestSensors(t *testing.T) {
	same(t, around(t, `
i2c:
  - {bus: 1, address: 0x40, model: sht20, temperature: -7.5, humidity: 33}
  - {bus: 1, address: 0x44, model: sht30, temperature: 21.3, humidity: 61.5}
`, `
print(i2c.readSHT30(1))
local function word(command) i2c.send(1, 0x40, command) local p = i2c.recv(1, 0x40, 3)
    assert(crypto.crc8(p:sub(1, 2), 0x31, 0, false) == p:byte(3), "crc") return (string.unpack(">H", p)) end
print((((17572 * word(0xF3)) // 65536) - 4685), (((12500 * word(0xF5)) // 65536) - 600))
print(i2c.send(1, 0x40, {0xE6, 0xA2}), i2c.send(1, 0x40, 0xE7), i2c.recv(1, 0x40, 1):byte(), i2c.send(1, 0x40, 0xFE), i2c.send(1, 0x40, 0xE7), i2c.recv(1, 0x40, 1):byte())
print(i2c.send(1, 0x40, 0x11), i2c.send(1, 0x44, {0x11, 0x11}), i2c.send(1, 0x44, {0xF3, 0x2D}), i2c.recv(1, 0x44, 3):toHex())
rtos.reboot()`), "true\t614\t212", "-750\t3299", "true\ttrue\t162\ttrue\ttrue\t2", "false\tfalse\ttrue\t8010E1\t6")
}

func TestSPI(t *testing.T) {
	same(t, around(t, `
spi:
  - {bus: 0, answers: [{when_hex: "9F", say_hex: "EF4018"}]}
  - {bus: 1, loopback: true}
`, `
print(spi.send(0, "x"), spi.transfer(0, "x") == "")
print(spi.setup(0, nil, 0, 0, 8, 2000000, spi.MSB, spi.master, spi.half), spi.setup(1), spi.setup(99))
print(spi.transfer(0, "\x9F", 1, 3):toHex(), spi.recv(0, 2):toHex(), spi.send(0, "abc", 2), spi.transfer(1, "loop", 4, 4))
local dev = spi.deviceSetup(0, 8)
print(dev:transfer("\x9F\0\0\0", 4, 4):toHex(), dev:send("abc"), dev:recv(2):toHex(), dev:close(), dev:send("x"))
local b = zbuff.create(8) print(spi.recv(1, 4, b), b:used()) b:seek(0) print(spi.send(1, b), spi.close(0), spi.send(0, "x"))
print(spi.send(spi.createSoft(1, 2, 3, 4), "abc"))
rtos.reboot()`),
		"-1\ttrue", "0\t0\t-1", "EF4018\tFFFF\t2\tloop", "FFEF4018\t3\tFFFF\ttrue\t-1", "4\t4", "8\t0\t-1", "3")
}

func TestOneWire(t *testing.T) {
	same(t, around(t, `onewire: [{bus: 0, temperature: -10.125, serial: "112233445566"}]`, `
onewire.init(0)
print(onewire.reset(0, true), onewire.reset(1, true), onewire.reset(1, false))
local ok, rom = onewire.rx(0, 8, 0x33, nil, false, true, true) print(ok, rom:toHex(), crypto.crc8(rom:sub(1, 7), 0x31, 0, true) == rom:byte(8))
print(onewire.tx(0, {0xCC, 0x44}, false, true, true), onewire.bit(0))
onewire.tx(0, 0xCC, false, true, true)
local _, pad = onewire.rx(0, 9, 0xBE) print(pad:toHex(), (string.unpack("<h", pad)) / 16, crypto.crc8(pad:sub(1, 8), 0x31, 0, true) == pad:byte(9))
onewire.tx(0, "\x55" .. rom, false, true, true) local b = zbuff.create(9) print(onewire.rx(0, 2, 0xBE, b), b:query():toHex())
onewire.tx(0, "\x55" .. ("x"):rep(8), false, true, true) print(onewire.rx(0, 2, 0xBE)) print(onewire.rx(0, 0))
rtos.reboot()`),
		"true\tfalse\ttrue", "true\t2811223344556656\ttrue", "true\t1", "5EFF4B467FFF0C106A\t-10.125\ttrue", "true\t5EFF\t4", "true\t\xff\xff", "false\tnil")
}

func TestADCAndPWM(t *testing.T) {
	same(t, around(t, `
adc: {vbat: 3950, 0: 1200}
events: [{at: 1s, adc: {0: 15, cpu: -5000}}]
`, `
print(adc.get(0), adc.open(0), adc.get(0), adc.open(adc.CH_VBAT), adc.get(adc.CH_VBAT), adc.open(adc.CH_CPU), adc.get(adc.CH_CPU), adc.open(60))
print(pwm.open(0, 1000, 50), pwm.open(0, 1000, 101), pwm.open(0, 0, 1), pwm.start(1), pwm.setup(1, 5000, 200, 0, 256), pwm.start(1), pwm.setDuty(1, 257), pwm.setFreq(1, 9), pwm.stop(1))
print(pins.setup(1, "GPIO1"), pins.loadjson("/luadb/none.json"), pin.PB06, pin.get("pa3"), pin.get("zz"))
sys.timerStart(function() print(adc.get(0), adc.read(0), adc.get(adc.CH_CPU)) rtos.reboot() end, 2000)
sys.run()`)[:5],
		"-1\ttrue\t1200\ttrue\t3950\ttrue\t25000\tfalse", "true\tfalse\tfalse\tfalse\ttrue\ttrue\tfalse\ttrue\ttrue",
		"W/pin invaild pin id zz", "true\tfalse\t22\t3", "15\t15\t-5000")
}

func TestDevices(t *testing.T) {
	script := `
print(pcall(lcd.init, "st7789")) print(pcall(lcd.init)) print(pcall(fatfs.mount, 1)) print(pcall(vtool.mp4create))
local w, h = lcd.getSize() local tp = tp.init("cst816") local o = airui.button({}) o:set_text("x"):show() print(w, h, type(tp), lcd.isReady(), lcd.getWidth(), tp:get())
rtos.reboot()`
	board := func() *luatest.Board {
		b := luatest.New(script)
		b.FW.Mobile = true
		if err := b.AddLibraries(luatest.Functions("lcd", "init", "getSize", "isReady", "getWidth"), luatest.Functions("fatfs", "mount"),
			luatest.Functions("tp", "init"), luatest.Functions("airui", "button"), luatest.Functions("vtool", "mp4create")); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := board()
	run(t, b, lua.Options{Devices: lua.DevicesNoop})
	same(t, printed(b), "true\ttrue", "true\ttrue", "true\ttrue",
		"false\tvtool.mp4create is not emulated: define your own _G.vtool = {...} before the script uses it", "320\t480\tuserdata\tfalse\t0\tnil")
	var noops []string
	for _, e := range b.Events {
		if e.Unit == lua.UnitNoop {
			noops = append(noops, e.Action)
		}
	}
	same(t, noops, "lcd.init", "fatfs.mount", "lcd.getSize", "tp.init", "airui.button", "airui:set_text", "airui:show", "lcd.isReady", "lcd.getWidth", "object:get")
	b = board()
	run(t, b)
	for _, line := range printed(b)[:4] {
		if !strings.Contains(line, "is not emulated") {
			t.Errorf("%q, expected a refusal", line)
		}
	}
}

func TestCallRecording(t *testing.T) {
	same(t, around(t, `
network: {register: 100ms, time: false}
events: [{at: 3s, call: {from: "111", talk: 1s}}]
`, `
local b = {} for i = 1, 4 do b[i] = zbuff.create(6400, 7) end
cc.on("record", function(down, i) print(mcu.ticks(), down, i, b[(down and 3 or 1) + i]:used(), b[1][0], cc.record(false)) end)
print(cc.record(true, b[1], b[2], b[3], zbuff.create(100)), cc.record(true, b[1], b[2], b[3], b[4]))
sys.subscribe("CC_IND", function(what) if what == "INCOMINGCALL" then cc.accept(0) elseif what == "DISCONNECTED" then print(cc.record(false)) end end)
sys.timerStart(rtos.reboot, 10000)
sys.run()`), "false\ttrue", "3700\tfalse\t0\t6400\t0\tfalse", "3700\ttrue\t0\t6400\t0\tfalse", "3900\tfalse\t1\t6400\t0\tfalse", "3900\ttrue\t1\t6400\t0\tfalse",
		"4100\tfalse\t0\t6400\t0\tfalse", "4100\ttrue\t0\t6400\t0\tfalse", "4300\tfalse\t1\t6400\t0\tfalse", "4300\ttrue\t1\t6400\t0\tfalse", "true")
}
