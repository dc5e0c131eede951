package lua_test

import (
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// run runs a board for at most a minute of virtual time, or as long as its
// own limit says.
func run(t testing.TB, b *luatest.Board, opts ...lua.Options) lua.Exit {
	t.Helper()
	if b.Limit == 0 {
		b.Limit = time.Minute
	}
	var o lua.Options
	if len(opts) > 0 {
		o = opts[0]
	}
	m, err := lua.New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return m.Run()
}

// printed returns the lines that a script wrote: everything behind the boot
// lines.
func printed(b *luatest.Board) []string {
	var lines []string
	for _, line := range b.Lines {
		if !strings.HasPrefix(line, "I/main ") && !strings.HasPrefix(line, "D/main ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// eval runs a script that ends by itself and returns what it printed.
func eval(t testing.TB, script string) []string {
	t.Helper()
	b := luatest.New(script + "\nrtos.reboot()")
	exit := run(t, b)
	if exit.Kind != lua.ExitReboot || exit.Cause != lua.CauseRtos {
		t.Fatalf("exit %v %s\n%s", exit, exit.Err, b.Text())
	}
	return printed(b)
}

// expect runs a script and compares its lines.
func expect(t testing.TB, script string, want ...string) {
	t.Helper()
	got := eval(t, script)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("script:\n%s\nprinted:\n\t%s\nexpected:\n\t%s", script, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestBootLines(t *testing.T) {
	b := luatest.New(`print("hello", 1, nil, true) sys.run()`)
	b.Limit = 0
	exit := run(t, b)
	want := []string{
		"D/main loadlibs luavm 180224 15176 15176",
		"D/main loadlibs sys   65536 54072 66784",
		"hello\t1\tnil\ttrue",
	}
	if b.Text() != strings.Join(want, "\n") {
		t.Errorf("log:\n%s", b.Text())
	}
	if exit.Kind != lua.ExitIdle {
		t.Errorf("exit %v", exit)
	}
}

func TestSeedLines(t *testing.T) {
	b := luatest.New(`
PROJECT = "fotademo"
VERSION = "1.0.0"
PRODUCT_KEY = "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM"
libfota2 = require "libfota2"
sys.taskInit(function()
  sys.waitUntil("IP_READY")
  libfota2.request(function(r) print("result", r) rtos.reboot() end, {version = "1.2.99"})
end)
sys.run()`)
	b.Network.Serve = func(c *luatest.Call) luatest.Reply {
		return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, Close: true}
	}
	exit := run(t, b)
	want := `I/user.fota.url	GET	http://iot.openluat.com/api/site/firmware_upgrade?imei=C81234567830&project_key=b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM&firmware_name=fotademo_LuatOS-SoC_AIR601&version=1.2.99
I/user.fota.imei	C81234567830
I/user.fota.project_key	b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM
I/user.fota.firmware_name	fotademo_LuatOS-SoC_AIR601
I/user.fota.version	1.2.99
I/user.http fota	200	table: 0x0c100000	5
result	0`
	if got := strings.Join(printed(b), "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if exit.Cause != lua.CauseRtos {
		t.Errorf("exit %v", exit)
	}
}
