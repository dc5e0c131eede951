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
local v = websocket.create(nil, "h.test:1000")
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
			"-8", "true", "-4", "NOOP 200 fine", "SYST 215 UNIX Type: L8", "TYPE I 200 type I", `PWD 257 "/"`, `MKD a 257 "/a"`, "CWD a 250 in /a",
			"CDUP 250 in /", "RMD b 550 cannot remove it", "LIST drwxr-xr-x 1 lab lab        0 Apr 10  2024 a", "QUIT -8",
			"true -4 false", "213 10000", "-rw-r--r-- 1 lab lab    10000 Apr 10  2024 up.txt", "true true", "false 0", "true",
			"221 goodbye -4", "false false", "false", "end",
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
