package lua_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"airlift/emu/link"
	"airlift/emu/peer"
	"airlift/lua"
	"airlift/lua/luatest"
)

// netBoard is a board on a modelled link whose network has servers of every
// kind on host.test.
func netBoard(t *testing.T, main string, set func(*link.Network)) (*luatest.Board, *link.Link) {
	t.Helper()
	b := luatest.New(main)
	b.FW.CoreDate, b.FW.LibDate = "2026-07-01", "2026-07-01"
	b.FW.LuaMemory, b.FW.SysMemory = 4<<20, 4<<20
	b.Limit = 10 * time.Minute
	n := link.NewNetwork()
	for _, err := range []error{
		n.HandlePeer("host.test", 7, peer.Echo(), link.HostOptions{}),
		n.HandlePeer("host.test", 777, peer.Echo(), link.HostOptions{TLS: true}),
		n.HandlePackets("host.test", 7, peer.EchoPackets()),
		n.HandlePackets("ntp.aliyun.com", 123, peer.NTP()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if set != nil {
		set(n)
	}
	l, err := link.New(b, n, link.Options{Model: link.Model{Latency: 10 * time.Millisecond}, Rand: rand.New(rand.NewPCG(1, 2)), IP: "192.168.1.23"})
	if err != nil {
		t.Fatal(err)
	}
	b.Link = l
	return b, l
}

// runNet runs a script and returns the lines that it logged with the tag t.
func runNet(t *testing.T, b *luatest.Board) []string {
	t.Helper()
	m, err := lua.New(b, lua.Options{})
	if err != nil {
		t.Fatal(err)
	}
	exit := m.Run()
	if exit.Err != "" {
		t.Fatalf("script died: %s\n%s", exit.Err, b.Text())
	}
	var out []string
	for _, line := range b.Lines {
		if s, ok := strings.CutPrefix(line, "I/user.t"); ok && (s == "" || s[0] == ' ') {
			out = append(out, strings.TrimPrefix(s, " "))
		}
		if strings.Contains(line, "stack traceback") {
			t.Fatalf("error in a task:\n%s", b.Text())
		}
	}
	return out
}

func checkLines(t *testing.T, b *luatest.Board, want ...string) {
	t.Helper()
	got := runNet(t, b)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s\nlog\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), b.Text())
	}
}

// task makes a main.lua of one extended task named T.
func task(body string) string {
	return `libnet = require "libnet"
local function t(...) log.info("t", ...) end
sys.taskInitEx(function()
sys.waitUntil("IP_READY", 5000)
` + body + `
t("end")
sys.wait(500)
rtos.reboot()
end, "T", function(msg) t("other", msg[1], msg[2]) end)
sys.run()`
}

var socketCases = []struct {
	name, body string
	want       []string
}{
	{name: "tcp echo", body: `
local s = socket.create(nil, "T")
t(socket.state(s))
t(socket.config(s))
t(libnet.connect("T", 5000, s, "host.test", 7))
t(socket.state(s))
t(socket.remoteIP(s))
t(libnet.tx("T", 5000, s, "hello"))
t(libnet.wait("T", 5000, s))
t(socket.rx(s))
local b = zbuff.create(4)
t(socket.rx(s, b, 0, 2))
t(socket.rx(s, b))
t(b:query())
t(socket.rx(s, b))
t(libnet.tx("T", 5000, s, b))
sys.wait(100)
t(socket.read(s, 3))
t(socket.read(s))
t(socket.read(s))
libnet.close("T", 5000, s)
t(socket.state(s))
t(socket.tx(s, "x"))
socket.release(s)
t(socket.tx(s, "x"))`,
		want: []string{
			"0 硬件离线", "true", "true", "5 在线", "198.18.0.1 nil nil nil", "true false", "true true",
			"true 5", "true 2 nil nil", "true 3 nil nil", "hello", "true 0", "true false",
			"true hel", "true lo", "true ", "other 33554452 0", "1 离线", "false false false", "", "end",
		}},
	{name: "udp echo", body: `
local s = socket.create(nil, "T")
t(socket.config(s, 5000, true))
t(libnet.connect("T", 5000, s, "host.test", 7))
t(libnet.tx("T", 5000, s, "one"))
t(libnet.tx("T", 5000, s, "two", "198.18.0.1", 7))
t(libnet.wait("T", 5000, s))
sys.wait(100)
local b = zbuff.create(100)
local ok, n, ip, port = socket.rx(s, b)
t(ok, n, ip:toHex(), port, b:query())
local ok, data, ip, port = socket.read(s, 2)
t(ok, data, ip:toHex(), port)
t(socket.read(s))
t(libnet.close("T", 5000, s))`,
		want: []string{
			"true", "true", "true false", "true false", "true true",
			"true 3 00C6120001 7 one", "true tw 00C6120001 7", "true ", "", "end",
		}},
	{name: "tls, refused, unknown", body: `
for _, x in ipairs{{"host.test", 777, true}, {"host.test", 777, false}, {"host.test", 7, true}, {"host.test", 9}, {"nobody.test", 7}} do
  local s = socket.create(nil, "T")
  socket.config(s, nil, nil, x[3])
  t(x[1], x[2], x[3], libnet.connect("T", 5000, s, x[1], x[2]))
  libnet.close("T", 5000, s)
  socket.release(s)
end`,
		want: []string{
			"host.test 777 true true", "host.test 777 false true", "host.test 7 true false", "host.test 9 nil false", "nobody.test 7 nil false", "end",
		}},
	{name: "callbacks", body: `
local names = {[socket.LINK]="LINK", [socket.ON_LINE]="ON_LINE", [socket.TX_OK]="TX_OK", [socket.EVENT]="EVENT", [socket.CLOSED]="CLOSED"}
local s
s = socket.create(socket.dft(), function(c, event, param)
  t(c == s, names[event], param)
  if event == socket.ON_LINE then socket.tx(c, "abc")
  elseif event == socket.TX_OK then t(socket.wait(c))
  elseif event == socket.EVENT and param == 0 then t(socket.read(c)) t(socket.wait(c)) end
end)
socket.config(s)
t(socket.linkup(s))
t(socket.connect(s, "host.test", 7))
t(socket.connect(s, "host.test", 7))
sys.wait(1000)
t(socket.discon(s))
sys.wait(1000)
t(socket.discon(s))`,
		want: []string{
			"true true", "true false", "false false", "true ON_LINE 0", "true TX_OK 0", "true false", "true EVENT 0", "true abc", "true false",
			"true false", "true CLOSED 0", "true true", "end",
		}},
	{name: "dns only", body: `
local s = socket.create(nil, "T")
socket.config(s)
t(libnet.connect("T", 5000, s, "host.test", 0))
t(socket.remoteIP(s))
socket.close(s)
t(socket.remoteIP(s))`,
		want: []string{"true", "198.18.0.1 nil nil nil", "nil nil nil nil", "end"}},
	{name: "server for one client, through the module's own address", body: `
local srv = socket.create(nil, "T")
socket.config(srv, 8000)
sys.taskInitEx(function()
  sys.wait(10)
  local c = socket.create(nil, "C")
  socket.config(c)
  t("client", libnet.connect("C", 5000, c, "127.0.0.1", 8000))
  libnet.tx("C", 0, c, "ping")
  libnet.wait("C", 5000, c)
  t("client", socket.read(c))
  libnet.close("C", 1000, c)
end, "C")
t(libnet.listen("T", 5000, srv))
t(socket.accept(srv, nil))
t(libnet.wait("T", 5000, srv))
t(socket.read(srv))
t(libnet.tx("T", 5000, srv, "pong"))
sys.wait(1000)
t(libnet.wait("T", 5000, srv))
libnet.close("T", 1000, srv)`,
		want: []string{
			"true", "true nil 192.168.1.23 49153", "client true", "true true", "true ping", "true false", "client true pong", "false false", "other 33554452 -1", "end",
		}},
	{name: "server for many", body: `
local srv
srv = socket.create(nil, function(s, event, param)
  if event ~= socket.ON_LINE then return end
  local ok, c, ip, port = socket.accept(s, function(c, event, param)
    t("server", event == socket.EVENT, param, socket.read(c))
    socket.wait(c)
  end)
  t("accepted", ok, type(c), ip)
  socket.tx(c, "welcome")
  socket.wait(c)
end)
socket.config(srv, 8000)
t(socket.listen(srv, 2))
for i = 1, 2 do
  sys.taskInitEx(function()
    local c = socket.create(nil, "C" .. i)
    socket.config(c)
    libnet.connect("C" .. i, 5000, c, socket.localIP(), 8000)
    libnet.wait("C" .. i, 5000, c)
    t("client", i, socket.read(c))
    libnet.tx("C" .. i, 0, c, "from " .. i)
    libnet.close("C" .. i, 1000, c)
  end, "C" .. i)
end
sys.wait(2000)
socket.close(srv)`,
		want: []string{
			"true false", "accepted true userdata 192.168.1.23", "accepted true userdata 192.168.1.23",
			"client 1 true welcome", "client 2 true welcome",
			"server true 0 true from 1", "server true 0 true from 2", "server true -1 false", "server true -1 false", "end",
		}},
	{name: "time", body: `
t(socket.ntptm().vaild)
socket.sntp()
t(sys.waitUntil("NTP_UPDATE", 1000))
t(os.date("!%Y-%m-%d %H:%M:%S"), os.time())
local tm = socket.ntptm()
t(tm.vaild, tm.tsec, tm.tms >= 0)
t(socket.sntp_port(), socket.sntp_port(1234), socket.sntp_port())
socket.sntp({"a.test", "b.test", "c.test"})
t(sys.waitUntil("NTP_ERROR", 10000))`,
		want: []string{"nil", "true 0", "2024-04-10 05:44:46 1712727886", "true 1712727886 true", "123 1234 1234", "true", "end"}},
	{name: "adapters", body: `
t(socket.dft(), socket.dft(socket.LWIP_STA))
t(socket.adapter(), socket.adapter(socket.LWIP_ETH))
t(socket.localIP(), socket.localIP(socket.LWIP_ETH))
t(socket.setDNS(nil, 1, "1.1.1.1"), socket.setDNS(socket.LWIP_ETH, 1, "1.1.1.1"), socket.setDNS(99, 1, "1.1.1.1"))
t(socket.create(socket.LWIP_ETH, "T"), socket.create(99, "T"))
t(socket.rx_cache(), socket.rx_cache(12), socket.rx_cache(99), socket.close_all(), socket.close_all(2))`,
		want: []string{
			"2 2 2", "true false 4", "192.168.1.23 nil", "true false false", "nil nil", "32 12 12 false true", "end",
		}},
}

func TestSocket(t *testing.T) {
	for _, c := range socketCases {
		t.Run(c.name, func(t *testing.T) {
			b, _ := netBoard(t, task(c.body), nil)
			checkLines(t, b, c.want...)
		})
	}
}
