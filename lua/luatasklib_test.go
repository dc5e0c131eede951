package lua_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// TestLuaTaskLibraries calls the libraries of the core.
func TestLuaTaskLibraries(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"timers", `rtos.timer_start(7, 20) rtos.timer_start(8, 10) print(rtos.receive(-1)) print(rtos.receive(-1))`, "5\t8\t0\n5\t7\t0"},
		{"a timer that is stopped", `rtos.timer_start(7, 20) rtos.timer_stop(7) print(rtos.receive(10) == rtos.WAIT_MSG_TIMEOUT)`, "true"},
		{"a timer that is started again", `rtos.timer_start(7, 10) rtos.timer_start(7, 20) rtos.receive(-1) print(rtos.tick() >= 327, (rtos.receive(100)))`, "true\t4"},
		{"tick", `local a = rtos.tick() rtos.sleep(1000) print(rtos.tick() - a)`, "16384"},
		{"files", `print(rtos.make_dir("/a")) local f = io.open("/a/x", "w") print(f:write("one\ntwo")) io.close(f)
f = io.open("/a/x") print(f:read("*l"), f:read("*all")) f:close() print(os.remove("/a/x"), rtos.remove_dir("/a"))`,
			"true\nfile (0x0c100000)\none\ttwo\ntrue\ttrue"},
		{"set_trace", `print("a") rtos.set_trace(0) print("b") rtos.set_trace(1) print("c")`, "a\nc"},
		{"toint64", `local s = rtos.toint64("258") print(#s, s:byte(1, 3)) print(rtos.toint64("258", "big"):byte(7, 8))`, "8\t2\t1\t0\n1\t2"},
		{"pins", `pio.pin.setdir(pio.OUTPUT1, pio.P0_5) print(pio.pin.getval(pio.P0_5)) pio.pin.setval(0, pio.P0_5) print(pio.pin.getval(pio.P0_5), pio.P1_1)
pio.pin.setdir(pio.INPUT, 6, 7) pio.pin.setpull(pio.PULLUP, 6) print(pio.pin.getval(6, 7))`, "1\n0\t33\n1\t0"},
		{"battery", `print(pmd.param_get())`, "true\t4200\t100\tfalse\t0"},
		{"module", `local g = _G module("m", package.seeall) x = 5 function f() return x, print == g.print end g.print(g.m.x, g.x, m.f())`, "5\tnil\t5\ttrue"},
		{"preload", `package.preload.p = function(name) return {name = name} end print(require("p").name, require "p" == require "p")`, "p\ttrue"},
		{"dofile", `print(dofile("/lua/more.lua"))`, "5\tmore"},
		{"json", `print(json.encode({a = 1, b = {1.5, 2}}), json.decode('{"x":[1,2.5]}').x[2]) print((pcall(json.decode, "{")))`, `{"a":1,"b":[1.5,2]}` + "\t2.5\nfalse"},
		{"bits", `print(bit.band(0xFF, 15), bit.lshift(1, 31), bit.isset(5, 2), bit.bnot(0))`, "15\t-2147483648\ttrue\t-1"},
		{"pack", `print(pack.pack(">HA", 258, "x"):byte(1, -1)) print(pack.unpack("\1\2", ">H"))`, "1\t2\t120\n3\t258"},
		{"hashes", `print(crypto.md5("abc", 3), crypto.sha1("abc", 3), crypto.hmac_md5("data", 4, "key", 3))`,
			"900150983CD24FB0D6963F7D28E17F72\tA9993E364706816ABA3E25717850C26C9CD0D89D\t9D5C73EF85594D34EC4438B7C97E51D8"},
		{"hash of a file", `local f = io.open("/h", "w") f:write("abc") f:close() print(crypto.md5("/h", "file"))`, "900150983CD24FB0D6963F7D28E17F72"},
		{"hash of a stream", `local h = crypto.flow_md5() h:update("a") h:update("bc") print(h:hexdigest())`, "900150983CD24FB0D6963F7D28E17F72"},
		{"sums", `print(crypto.crc32("123456789", 9), crypto.base64_encode("abc", 3), crypto.base64_decode("YWJj", 4))`, "-873187034\tYWJj\tabc"},
		{"AES", `local s = crypto.aes_encrypt("CBC", "PKCS7", "hello", "1234567890123456", "1234567890666666") print(#s, crypto.aes_decrypt("CBC", "PKCS7", s, "1234567890123456", "1234567890666666"))`, "16\thello"},
		{"iconv", `print(iconv.open("utf8", "ucs2be"):iconv("\79\96"))`, "你"},
		{"AT", `uart.setup(uart.ATC, 0, 0, uart.PAR_NONE, uart.STOP_1) repeat local id, port = rtos.receive(-1) until uart.read(uart.ATC, "*l", 0) == "RDY\r\n"
uart.write(uart.ATC, "AT+CGSN\r") print(rtos.receive(-1)) print((uart.read(uart.ATC, "*l", 0):gsub("%s", ""))) print((uart.read(uart.ATC, "*l", 0):gsub("%s", "")))`,
			"6\t100\n860000000000001\nOK"},
		{"watchdog", `rtos.openSoftDog(1000) rtos.receive(900) rtos.eatSoftDog() rtos.receive(900) rtos.closeSoftDog() rtos.receive(5000) print("alive")`, "alive"},
		{"time", `rtos.set_time(86400) print(os.time(), os.date("*t").day, os.date("!%H"))`, "86400\t2\t00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := taskBoard(map[string]string{"main.lua": tt.src + "\nrtos.restart()", "more.lua": "return 5, 'more'"})
			exit, text := runTask(t, b, lua.Options{})
			if text != tt.want || exit.Cause != lua.CauseRtosRestart {
				t.Errorf("%v: %q, want %q", exit, text, tt.want)
			}
		})
	}
}

// busyScene is a place where things happen.
type busyScene struct {
	taskScene
	b     *luatest.Board
	level int
	inbox []lua.SMS
	sent  []string
	told  func(lua.SceneEvent)
}

func (s *busyScene) Listen(fn func(lua.SceneEvent)) { s.told = fn }
func (s *busyScene) Pin(pin string) (int, bool)     { return s.level, pin == "7" }
func (s *busyScene) UARTSent(port int, p []byte) {
	s.sent = append(s.sent, fmt.Sprintf("%d:%s", port, p))
}
func (s *busyScene) SendSMS(m lua.SMS) int { s.sent = append(s.sent, m.Number+":"+m.Text); return 0 }
func (s *busyScene) TakeSMS() (lua.SMS, bool) {
	if len(s.inbox) == 0 {
		return lua.SMS{}, false
	}
	m := s.inbox[0]
	s.inbox = s.inbox[1:]
	return m, true
}

func (s *busyScene) at(delay time.Duration, e lua.SceneEvent, before func()) {
	s.b.After(delay, func() {
		before()
		s.told(e)
	})
}

// TestLuaTaskScene lets things happen around the module.
func TestLuaTaskScene(t *testing.T) {
	b := taskBoard(map[string]string{"main.lua": `PROJECT = "S" VERSION = "1.0.0"
require "log"
require "sys"
require "net"
require "pins"
local level = pins.setup(7, function(edge) log.info("edge", edge == cpu.INT_GPIO_POSEDGE, edge == cpu.INT_GPIO_NEGEDGE) end)
uart.setup(1, 115200, 8, uart.PAR_NONE, uart.STOP_1, nil, 1)
uart.on(1, "receive", function(port) log.info("uart", port, uart.read(port, "*l", 0)) end)
uart.on(1, "sent", function(port) log.info("sent", port) end)
uart.write(1, "hello", 33)
ril.regUrc("+CMTI", function(line)
  log.info("sms", line)
  ril.request("AT+CMGR=1", nil, function(_, ok, _, text) log.info("pdu", ok, #text) end)
end)
sys.taskInit(function()
  sys.wait(8000)
  ril.request("AT+CMGS=16", "0011000D91683108108300F0000801" .. "0200" .. "68", function(_, ok, _, text) log.info("sms sent", ok, text) end)
  sys.wait(3000)
  log.info("level", level())
end)
sys.init(0, 0)
sys.run()`})
	s := &busyScene{b: b, inbox: []lua.SMS{{Number: "+8613800138000", Text: "hi"}}}
	b.Surroundings = s
	s.at(time.Second, lua.SceneEvent{Kind: lua.ScenePin, Pin: "7", Level: 1}, func() { s.level = 1 })
	s.at(2*time.Second, lua.SceneEvent{Kind: lua.ScenePin, Pin: "7", Level: 1}, func() {})
	s.at(3*time.Second, lua.SceneEvent{Kind: lua.ScenePin, Pin: "7", Level: 0}, func() { s.level = 0 })
	s.at(4*time.Second, lua.SceneEvent{Kind: lua.SceneUART, Port: 1, Data: []byte("a\nb\n")}, func() {})
	_, text := runTask(t, b, lua.Options{})
	_, text, _ = strings.Cut(text, "\n")
	want := strings.Join([]string{
		"[I]-[sent]\t1", "[I]-[edge]\ttrue\tfalse", "[I]-[edge]\tfalse\ttrue", "[I]-[sms]\t+CMTI: \"SM\",1", "[I]-[pdu]\ttrue\t64",
		"[I]-[uart]\t1\ta", "", "[I]-[sms sent]\ttrue\t+CMGS: 1", "[I]-[level]\t0",
	}, "\n")
	if text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if got := strings.Join(s.sent, "|"); got != "1:hello!|+8613800138000:h" {
		t.Errorf("the world got %q", got)
	}
}
