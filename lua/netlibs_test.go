package lua_test

import (
	"strings"
	"testing"

	"airlift/emu/link"
	"airlift/emu/peer"
)

var netlibCases = []struct {
	name, body string
	mobile     bool
	want       []string
}{
	{name: "websocket", body: `
t(websocket.create(99, "ws://h"), websocket.create(nil, "ws://:80"))
local w = websocket.create(nil, "ws://ws.test/echo?x=1")
w:on(function(c, event, data, fin, op) t(c == w, event, data, fin, op) sys.publish(event) end)
t(w:ready(), w:send("x"), w:headers({Auth = "a-b"}), w:headers(true), w:headers("X: y\r\n"))
t(w:connect()) sys.waitUntil("conack")
t(w:ready(), w:send("text"), w:send(zbuff.create(3, 65):toStr(), 1, 1), w:send(("x"):rep(70000)), w:send(nil))
sys.wait(100)
local b = zbuff.create(10) b:write("zb")
t(w:send(b, 1)) sys.wait(100)
w:send(("y"):rep(300)) sys.wait(100)
sys.wait(120000)
t(w:ready())
w:close() t(w:ready(), w:connect())`,
		want: []string{
			"nil", "false false true nil true", "true", "true conack nil nil nil", "true true true false",
			"true sent nil nil nil", "true recv text 1 1", "true sent nil nil nil", "true recv AAA 1 2",
			"true", "true sent nil nil nil", "true recv zb 1 2", "true sent nil nil nil", "true recv " + strings.Repeat("y", 300) + " 1 1", "true", "false false", "end",
		}},
	{name: "websocket to nobody", body: `
local w = websocket.create(nil, "wss://host.invalid:8888/x", 5)
w:autoreconn(true, 1)
w:on(function(_, event, data, code) t(event, data, code) end)
w:connect() sys.wait(1500) w:autoreconn(false)
local v = websocket.create(nil, "h.test:21")
v:on(function(_, event, data, code) t("v", event, data, code) end)
v:connect() sys.wait(1000)`,
		want: []string{
			"error connect 0", "disconnect nil nil", "error connect 0", "disconnect nil nil", "v error rx 0", "v disconnect nil nil",
			"error connect 0", "disconnect nil nil", "end",
		}},
	{name: "ftp", body: `
t(ftp.command("PWD").wait())
t(ftp.login(nil, "ftp.test", 21, "u", "p").wait())
t(ftp.login(nil, "ftp.test").wait())
for _, c in ipairs{"NOOP", "SYST", "TYPE I", "PWD", "MKD a", "CWD a", "CDUP", "RMD b", "LIST", "QUIT"} do
  local r = ftp.command(c).wait()
  t(c, type(r) == "string" and r:trim() or r)
end
io.writeFile("/up.txt", ("line\n"):rep(2000))
t(ftp.push("/up.txt", "/a/up.txt").wait(), ftp.push("/none", "x").wait(), ftp.push("/up.txt", "/nowhere/x").wait())
t((ftp.command("SIZE /a/up.txt").wait():trim()))
t((ftp.command("LIST a").wait():trim()))
t(ftp.pull("/down.txt", "a/up.txt").wait(), io.readFile("/down.txt") == io.readFile("/up.txt"))
t(ftp.pull("/down.txt", "none").wait(), io.fileSize("/down.txt"))
io.writeFile("/empty", "") t(ftp.push("/empty", "empty").wait())
t((ftp.close().wait():trim()), ftp.close().wait())
t(ftp.login(nil, "ftp.invalid").wait(), ftp.login(nil, "192.0.2.1").wait())
t(ftp.login(nil, "echo.test", 7, "u", "p").wait())`,
		want: []string{
			"-8", "true", "-4", "NOOP 200 NOOP ok.", "SYST 215 UNIX Type: L8", "TYPE I 200 Switching to Binary mode.", `PWD 257 "/" is the current directory`, `MKD a 257 "/a" created`, "CWD a 250 Directory successfully changed.",
			"CDUP 250 Directory successfully changed.", "RMD b 550 cannot remove it", "LIST drwxr-xr-x 1 lab lab        0 Apr 10  2024 a", "QUIT -8",
			"true -4 false", "213 10000", "-rw-r--r-- 1 lab lab    10000 Apr 10  2024 up.txt", "true true", "false 0", "true",
			"221 Goodbye. -4", "false false", "false", "end",
		}},
	{name: "http pages", body: `
local function get(method, url, headers, body, opts)
  local code, h, b = http.request(method, url, headers, body, opts).wait()
  return code, h, b
end
t((get("GET", "http://lab.test/")))
local code, _, body = get("GET", "http://httpbin.test/get?a=1", {["X-Y"] = "z"})
local j = json.decode(body) t(code, j.args.a, j.headers["X-Y"], j.url)
code, _, body = get("POST", "https://httpbin.test/post", {["Content-Type"] = "application/json"}, '{"k":[1,2]}')
j = json.decode(body) t(code, j.json.k[2], j.data)
code, _, body = get("POST", "http://httpbin.test/post", {["Content-Type"] = "application/x-www-form-urlencoded"}, 'a=b&c=%20')
j = json.decode(body) t(code, j.form.a, j.form.c .. "|", j.data)
code, _, body = get("GET", "http://h.test/bytes/2048") t(code, #body)
code, _, body = get("GET", "http://h.test/stream-bytes/5000") t(code, #body)
local h code, h = get("GET", "http://h.test/redirect/2") t(code, h.Location)
t((get("GET", "http://h.test/status/503")), (get("GET", "http://h.test/none")), (get("DELETE", "http://h.test/get")))
local before = mcu.ticks() code = get("GET", "http://h.test/delay/3") t(code, mcu.ticks() - before)
t((get("GET", "http://h.test/delay/3", nil, nil, {timeout = 2000})))
t((get("GET", "http://u:p@h.test/basic-auth/u/p")), (get("GET", "http://h.test/basic-auth/u/p")))
t((get("GET", "http://nobody.invalid/")), (get("GET", "http://192.0.2.7/")))
code, _, body = get("GET", "http://223.5.5.5/resolve?short=1&name=baidu.com") t(code, json.decode(body)[1])
code, _, body = get("GET", "http://119.29.29.29/d?dn=baidu.com") t(code, body)`,
		want: []string{
			"200", "200 1 z http://httpbin.test/get?a=1", `200 2 {"k":[1,2]}`, "200 b  | ", "200 2048", "200 5000", "302 /redirect/1",
			"503 404 405", "200 3060", "-8", "200 401", "-4 -4", "200 198.19.109.204", "200 198.19.109.204", "end",
		}},
}

func TestNetLibs(t *testing.T) {
	for _, c := range netlibCases {
		t.Run(c.name, func(t *testing.T) {
			b, _ := netBoard(t, task(c.body), func(n *link.Network) { n.SetEverywhere(peer.NewLab(n)) })
			b.FW.Mobile = c.mobile
			checkLines(t, b, c.want...)
		})
	}
}

// netdrvCases run with a lab behind the network.
var netdrvCases = []struct {
	name, body string
	want       []string
}{
	{name: "ethernet by DHCP", body: `
sys.subscribe("IP_READY", function(ip, id) t("ready", ip, id) end)
sys.subscribe("IP_LOSE", function(id) t("lose", id) end)
local eth = socket.LWIP_ETH
t(netdrv.ready(eth), netdrv.link(eth), netdrv.ipv4(eth))
t(netdrv.dhcp(eth, true), netdrv.ctrl(eth, netdrv.CTRL_UPDOWN, 0))
t(netdrv.setup(eth, netdrv.CH390, {spi = 0, cs = 8}), netdrv.dhcp(eth, true, "name"), netdrv.dhcp(eth, true, ("x"):rep(32)))
t(socket.dft()) 
t(#netdrv.mac(eth), #netdrv.mac(eth, nil, false), netdrv.mac(eth) ~= netdrv.mac(2))
sys.wait(3000)
t(netdrv.ready(eth), netdrv.link(eth), netdrv.ipv4(eth))
t(netdrv.ready(-1))
t(socket.dft(eth), socket.localIP())
t(netdrv.ctrl(eth, netdrv.CTRL_UPDOWN, 0))
sys.wait(10) t(netdrv.ready(eth), (socket.adapter(eth)))
t(netdrv.ctrl(eth, netdrv.CTRL_UPDOWN, 1))
sys.wait(3000) t(netdrv.ready(eth))
t(netdrv.napt(eth), netdrv.napt(-1), netdrv.napt(11))`,
		want: []string{
			"false nil", "false", "true true false", "2 4", "12 6 true", "ready 192.168.14.100 4",
			"true true 192.168.14.100 255.255.255.0 192.168.14.1", "true 20", "4 192.168.14.100 255.255.255.0 192.168.14.1",
			"true 0", "lose 4", "false false", "true 0", "ready 192.168.14.100 4", "true", "true true", "end",
		}},
	{name: "static address, and connections that break", body: `
local eth = socket.LWIP_USER1
sys.subscribe("IP_READY", function(ip, id) t("ready", ip, id) end)
netdrv.setup(eth, netdrv.CH390, {spi = 0, cs = 8})
t(netdrv.ipv4(eth, "10.1.1.2", "255.0.0.0", "bad"))
t(netdrv.ipv4(eth, "10.1.1.2", "255.0.0.0", "0.0.0.0"))
t(netdrv.on(eth, netdrv.EVT_SOCKET, function(id, event, p) t("event", id, event, p.remote_ip, p.remote_port, p.proto, p.domain_name) end))
local s = socket.create(eth, "T")
socket.config(s)
t(socket.state(s))
t(libnet.connect("T", 10000, s, "host.test", 7))
t((socket.state(s)))
netdrv.ctrl(eth, netdrv.CTRL_UPDOWN, 0)
t(libnet.wait("T", 100, s))
libnet.close("T", 100, s)
t(socket.connect(s, "host.test", 7))
t((socket.state(s)))`,
		want: []string{
			"", "10.1.1.2 255.0.0.0 0.0.0.0", "true", "0 硬件离线", "ready 10.1.1.2 8", "event 8 connecting nil 7 tcp host.test",
			"event 8 connected 198.18.0.1 7 tcp host.test", "true", "5", "false false",
			"event 8 closed 198.18.0.1 7 tcp host.test", "other 33554452 -1", "true false", "0", "end",
		}},
	{name: "http waits for its adapter, and breaks with it", body: `
local eth = socket.LWIP_ETH
local function get(path, opts) local code = http.request("GET", "http://h.test" .. path, nil, nil, opts).wait() return code, mcu.ticks() end
t(get("/get", {adapter = eth}))
netdrv.setup(eth, netdrv.CH390, {}) netdrv.dhcp(eth, true)
t(get("/get", {adapter = eth}))
sys.timerStart(netdrv.ctrl, 1000, eth, netdrv.CTRL_UPDOWN, 0)
t(get("/delay/5", {adapter = eth}))
t(get("/get", {adapter = eth, timeout = 2000}))
t(socket.dft(12)) t(get("/get"))
t(socket.create(), mqtt.create(nil, "h.test", 1), websocket.create(nil, "ws://h.test"), ftp.login(nil, "h.test").wait(), httpsrv.start(1, print))
socket.sntp() t(sys.waitUntil("NTP_ERROR", 100))
errDump.config(true, 600) sys.wait(3000)
t(icmp.ping(12, "1.1.1.1"), netdrv.ipv4(12))`,
		want: []string{
			"-4 0", "200 2060", "-6 3060", "-8 5060", "12 4", "-4 5060", "nil nil nil -4", "true", "nil", "end",
		}},
	{name: "a port for each adapter", body: `
local eth = socket.LWIP_ETH
netdrv.setup(eth, netdrv.CH390, {}) netdrv.dhcp(eth, true)
sys.wait(3000)
local function udp(id) local s = socket.create(id, "T") socket.config(s, 67, true) t(libnet.connect("T", 100, s, "255.255.255.255", 0)) end
udp(2) udp(eth) udp(eth)
local function tcp(id) local s = socket.create(id, "T") socket.config(s, 67) t(socket.listen(s)) end
tcp(2) tcp(eth) tcp(eth)`,
		want: []string{"true", "true", "false", "true false", "true false", "false false", "end"}},
	{name: "raw frames", body: `
local eth = socket.LWIP_ETH
local heard = {}
local function on(id, layer, zb) heard[#heard + 1] = zb:toStr(0, zb:used()) sys.publish("FRAME") end
t(netdrv.on(eth, netdrv.EVT_PKG, on), netdrv.on(eth, netdrv.EVT_PKG, nil))
netdrv.setup(eth, netdrv.CH390, {})
t(netdrv.on(eth, netdrv.EVT_PKG, on), netdrv.on(eth, netdrv.EVT_PKG, "no function"))
local me = netdrv.mac(eth, nil, false)
local function send(frame)
  local b = zbuff.create(#frame + 1) b:write(frame)
  local n, err = netdrv.send_raw(eth, netdrv.CH_HW, b)
  if not n then return err end
  return n == #frame, (sys.waitUntil("FRAME", 500)), table.remove(heard)
end
local function sum(s)
  local n = 0
  for i = 1, #s, 2 do n = n + string.unpack(">I2", (s .. "\0"):sub(i, i + 1)) end
  n = (n & 0xFFFF) + (n >> 16)
  return string.pack(">I2", ~((n & 0xFFFF) + (n >> 16)) & 0xFFFF)
end
local function ip(to, protocol, data)
  local head = string.pack(">I2I2I4BB", 0x4500, 20 + #data, 0, 64, protocol)
  local ends = "\xC0\xA8\x0E\x64" .. to
  return head .. sum(head .. ends) .. ends .. data
end
local arp = ("\xFF"):rep(6) .. me .. "\8\6\0\1\8\0\6\4\0\1" .. me .. "\xC0\xA8\x0E\x64" .. ("\0"):rep(6) .. "\xC0\xA8\x0E\1"
t(send(arp)) -- the link is not up yet
sys.wait(2000)
local _, ok, reply = send(arp)
local gate = reply:sub(7, 12)
t(ok, (reply:sub(13, 22):toHex()), reply:sub(1, 6) == me, (gate:toHex()))
local function packet(...) return gate .. me .. "\8\0" .. ip(...) end
local icmp = "\8\0" .. sum("\8\0\0\0\1\2\0\1abc") .. "\1\2\0\1abc"
_, ok, reply = send(packet("\xC0\xA8\x0E\1", 1, icmp)) t(ok, (reply:sub(27):toHex()))
_, ok, reply = send(packet("\xC6\x12\0\1", 1, icmp)) t(ok, (reply:sub(27):toHex()))
local udp = "\x30\x39\0\7" .. string.pack(">I2I2", 8 + 4, 0) .. "ping"
_, ok, reply = send(packet("\xC6\x12\0\1", 17, udp)) t(ok, (reply:sub(35, 38):toHex()), reply:sub(43))
t(send(packet("\xC6\x12\0\1", 6, ("\0"):rep(20))))
t(send(""))
t(netdrv.send_raw(11, netdrv.CH_HW, zbuff.create(4)), (netdrv.send_raw(2, netdrv.CH_HW, zbuff.create(4))), pcall(netdrv.send_raw, eth, 1, zbuff.create(4)))`,
		want: []string{
			"nil true", "true nil", "true false nil", "true 08060001080006040002 true 02A14C000504",
			"true C0A80E01C0A80E6400003A9A01020001616263", "true C6120001C0A80E6400003A9A01020001616263", "true 00073039 ping", "true false nil", "len is 0", "nil nil false unknown send_raw target 1", "end",
		}},
	{name: "what is refused", body: `
for _, f in ipairs{function() netdrv.setup(7, netdrv.OPENVPN, {}) end, function() netdrv.setup(7, netdrv.WG, {}) end,
  function() netdrv.send_raw(2, netdrv.CH_LWIP, zbuff.create(4)) end, function() netdrv.on(2, netdrv.EVT_PKG, print) end,
  function() netdrv.on(2, netdrv.EVT_PKG, print, {layer = "lwip"}) end} do
  local ok, err = pcall(f) t(ok, (err:match("%a[%w_. ]+ is not emulated")))
end
t(netdrv.on(2, netdrv.EVT_PKG, nil), airlink.ready())`,
		want: []string{
			"false netdrv.setup with OpenVPN is not emulated", "false netdrv.setup with WireGuard is not emulated",
			"false netdrv.send_raw to layer 0x20 is not emulated", "false netdrv.on with netdrv.EVT_PKG of a radio is not emulated",
			"false netdrv.on with netdrv.EVT_PKG in layer 0x20 is not emulated",
			"true false", "end",
		}},
	{name: "ping", body: `
sys.subscribe("PING_RESULT", function(...) t("result", ...) end)
t(icmp.setup(2), icmp.setup(9), icmp.ping(2, "198.18.0.1"), icmp.ping(2, "name"), icmp.ping(9, "1.1.1.1"))
sys.wait(1000)
t(icmp.ping(2, "255.255.255.255")) sys.wait(6000)
t(libnet.ping(2, "198.18.0.1", 1000), libnet.ping(2, "0.0.0.0", 1000))`,
		want: []string{"true false 1 nil", "result 2 20 198.18.0.1 52", "1", "result 2 20 198.18.0.1 52", "true false", "end"}},
	{name: "web server", body: `
io.mkdir("/www") io.writeFile("/www/a.css", "css") io.writeFile("/index.html", "<p>")
local function get(method, path, body, headers)
  local code, h, b = http.request(method, "http://127.0.0.1:8000" .. path, headers, body).wait()
  return code, b, h and h["Content-Type"]
end
t(httpsrv.start(8000), httpsrv.start(8000, function(client, method, uri, headers, body)
  if uri == "/none" then return end
  return 201, {["X-A"] = "b"}, method .. uri .. (headers["X-Y"] or "") .. body
end), httpsrv.start(8000, print))
t(get("GET", "/")) t(get("GET", "/www/a.css")) t(get("GET", "/../x"))
t(get("POST", "/api?x=1", "body", {["X-Y"] = "z"}))
t(get("GET", "/none"))
t(httpsrv.stop(8000), httpsrv.stop(8000))
t(get("GET", "/"))`,
		want: []string{
			"nil true", "200 <p> text/html; charset=utf-8", "200 css text/css", "201 GET/../x nil", "201 POST/api?x=1zbody nil", "404  nil", "true false", "-4 nil nil", "end",
		}},
	{name: "recorded errors", body: `
PROJECT, VERSION = "prj", "1.0.0"
errDump.config(true, 0)
local b = zbuff.create(100)
t(errDump.dump(b, errDump.TYPE_USR, false), b:used())
errDump.record("first ") errDump.record(("x"):rep(4080)) errDump.record("last")
t(errDump.dump(b, errDump.TYPE_USR, false), b:used(), b:query(0, 8), b:query(4080, 10))
t(errDump.dump(b, errDump.TYPE_USR, true), b:used())
t(errDump.dump(b), b:used(), errDump.dump(b, 7))
errDump.record("once")
errDump.config(true, 600, "mark", "me")
sys.wait(5000)
t(errDump.dump(b), b:used())
errDump.config(true, 10, nil, nil, "host.invalid", 5)
errDump.record("again") sys.wait(3000)
t(errDump.dump(b), b:toStr(0, b:used()))
errDump.config(false)
t(errDump.dump(b), b:used())`,
		want: []string{
			"false 0", "true 4090 first xx xxxxxxlast", "false 4090", "false 0 true", "false 0", "true again", "false 0", "end",
		}},
}

func TestNetdrv(t *testing.T) {
	for _, c := range netdrvCases {
		t.Run(c.name, func(t *testing.T) {
			b, _ := netBoard(t, task(c.body), func(n *link.Network) { n.SetEverywhere(peer.NewLab(n)) })
			b.FW.Wlan = true
			checkLines(t, b, c.want...)
		})
	}
}

// TestErrDumpUpload looks at what goes over the network.
func TestErrDumpUpload(t *testing.T) {
	var got []string
	b, _ := netBoard(t, `
PROJECT, VERSION = "prj", "1.2.3"
errDump.config(true, 600, "mark")
errDump.record("my error")
sys.timerStart(rtos.reboot, 30000)
sys.run()`, func(n *link.Network) {
		sink := link.PacketFunc(func(in *link.Packet) {
			got = append(got, string(in.Data))
			switch len(got) { // nothing, a wrong answer, then the right one
			case 2:
				in.Reply([]byte("NO"))
			case 3:
				in.Reply([]byte("OK"))
			}
		})
		if err := n.HandlePackets("dev_msg1.openluat.com", 12425, sink); err != nil {
			t.Fatal(err)
		}
	})
	b.Reason = [4]int{0, 0, 3, 0}
	runNet(t, b)
	want := "prj_LuatOS-SoC_V1025_AIR601,1.2.3,C81234567830,mark,\r\npoweron reason:3\r\nmy error\r\n"
	if len(got) != 3 || got[0] != want || got[2] != want {
		t.Errorf("%q", got)
	}
	if b.Tree == nil || strings.Contains(b.Text(), "need retry") {
		t.Error(b.Text())
	}
}
