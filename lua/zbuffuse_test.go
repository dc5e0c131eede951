package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// Buffers in the other libraries (luatos-runtime.md 5.1, 6.1, 7.2, 9.3, 9.6).

func TestZbuffInFiles(t *testing.T) {
	script := `local b = zbuff.create(64) b:write("hello zbuff")
local f = io.open("/f", "w+b") print(pcall(f.write, f, b)) f:close() print(io.readFile("/f"))
rtos.reboot()`
	for core, want := range map[string]string{
		"2025-09-30": "hello zbuff",
		"2025-09-29": "false bad argument #2 to '?' (string expected, got userdata)",
	} {
		b := luatest.New(script)
		b.FW.CoreDate = core
		run(t, b)
		if !strings.Contains(b.Text(), want) {
			t.Errorf("core %s: no %q in\n%s", core, want, b.Text())
		}
	}
	expect(t, `io.writeFile("/f", "0123456789") local f, b = io.open("/f"), zbuff.create(4, "....")
print(f:read(2)) print(f:fill(b, 1)) print(b:toStr(), b:used()) print(f:fill(b, 0, 2)) print(f:fill(b)) print(f:fill(b)) print(b:toStr())
print((pcall(f.fill, f, "x"))) print((pcall(io.writeFile, "/g", b)))`,
		"01", "true\t3", ".234\t0", "true\t2", "true\t3", "true\t0", "7894", "false", "false")
}

func TestZbuffInUart(t *testing.T) {
	expect(t, `uart.setup(1) local b = zbuff.create(10) b:write("abc")
print(uart.write(1, b), uart.write(1, b, 2), uart.tx(1, b), uart.tx(1, b, 1), uart.tx(1, b, 8, 9), uart.write(1, "hello", 2))
print(uart.rx(1, b), uart.read(1, 9, b), b:used(), uart.tx(2, b))`, "7\t2\t3\t3\t2\t2", "0\t0\t3\t0")
}

func TestZbuffInCrc16(t *testing.T) {
	lines(t, [2]string{`(function() local b = zbuff.create(10, "x123456789") b:seek(1) return crypto.crc16("MODBUS", b) end)()`, "19255"})
}

func TestZbuffInFota(t *testing.T) {
	b := luatest.New(`local b = zbuff.create(16) b:write("package")
print(fota.init()) print(fota.run(b)) print(fota.run(b, 2, 3)) print(fota.run(b, 10, 7)) print(fota.run("str")) rtos.reboot()`)
	up := &luatest.Fota{WriteResult: 1}
	b.FW.Fota, b.Updater = true, up
	run(t, b)
	if got := string(up.Data); got != "packageckastr" {
		t.Errorf("updater got %q\n%s", got, b.Text())
	}
	if !strings.Contains(b.Text(), "false\ttrue\t-1") || !strings.Contains(b.Text(), "len too long") {
		t.Error(b.Text())
	}
}

func TestZbuffInHTTP(t *testing.T) {
	b := luatest.New(`local b = zbuff.create(4) b:write("abc")
sys.taskInit(function()
  print(http.request("POST", "http://x.test/p", nil, b).wait())
  local code, head, body = http.request("GET", "http://x.test/g", nil, b).wait()
  print(code, body, b:query(), #b)
  local big = zbuff.create(50000) big:used(50000)
  print("big", http.request("GET", "http://x.test/h", nil, big).wait())
  rtos.reboot()
end)
sys.run()`)
	b.Network.Serve = func(c *luatest.Call) luatest.Reply {
		if c.Request == "" {
			return luatest.Reply{}
		}
		body := "hello"
		if strings.Contains(c.Request, "/h ") {
			body = strings.Repeat("x", 30000)
			return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n" + body + "\r\n0\r\n\r\n"}, Close: true}
		}
		return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body}, Close: true}
	}
	run(t, b)
	if !strings.HasSuffix(b.Network.Requests[0], "\r\n\r\nabc") || !strings.HasSuffix(b.Network.Requests[1], "\r\n\r\n") {
		t.Errorf("requests %q", b.Network.Requests)
	}
	for _, want := range []string{"200\t5\tabchello\t8", "big\t-7\t"} {
		if !strings.Contains(b.Text()+"\t", want) {
			t.Errorf("no %q in\n%s", want, b.Text())
		}
	}
}
