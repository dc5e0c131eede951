package host_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// wifiClients are exfotawifi, which upgrades the other chip of an Air8000
// (iot-platform.md 1.6).
var wifiClients = []*client{
	{name: "exfotawifi", kind: kindWifi, chip: "Air8000", source: envSource, query: "update2.json"},
	{name: "exfotawifi of a factory", kind: kindWifi, chip: "Air8000", source: envSource, query: "update.json", over: "olddemo/project/Air8000/整机开发板出厂工程/user/exfotawifi.lua"},
}

const wifiScript = `sys = require("sys")
local wifi = require("exfotawifi")
log.info("main", PROJECT, VERSION)
sys.taskInit(function()
    while true do
        sys.timerStart(sys.publish, 1000, "IP_READY") -- older ones wait for it each time
        log.info("answer", wifi.request())
        sys.wait(30000)
    end
end)
sys.run()
`

// wifiFirmware is as long as the library wants it.
var wifiFirmware = bytes.Repeat([]byte("firmware of the other chip "), 12000)

// wifiCases is what can happen to exfotawifi.
var wifiCases = []clientCase{
	{name: "newest", run: func(tr *trial) {
		tr.asksWifi("15", nil)
		tr.expect("exfotawifi 获取服务器响应成功", "exfotawifi 当前已是最新WIFI固件", "answer true")
		want := fmt.Sprintf("/air8000/"+tr.c.query+"?imei=%s&version=15&muid=%s&hw=A11&coreversion=V2046&model=Air8000", tr.id.IMEI, tr.muid())
		if got := tr.g.requests()[0].Target; got != want {
			tr.t.Errorf("%s, want %s", got, want)
		}
	}},
	{name: "upgrade", run: func(tr *trial) {
		tr.asksWifi("16", wifiFirmware)
		tr.expect("exfotawifi 需要升级, 本地版本: 15 服务器版本: 16", "exfotawifi 下载升级文件成功*", "exfotawifi 升级成功", "answer true")
	}},
	{name: "too small", run: func(tr *trial) {
		tr.asksWifi("16", wifiFirmware[:1000])
		tr.expect("exfotawifi 下载升级文件成功*", "exfotawifi 升级文件大小不足256K*", "answer false")
	}},
	{name: "no JSON file", run: func(tr *trial) {
		tr.answersAt("/air8000/"+tr.c.query, link.Response{Status: 404})
		tr.asksWifi("16", wifiFirmware)
		tr.expect("exfotawifi 获取服务器响应失败,状态码: 404", "answer false")
	}},
	{name: "bad JSON", run: func(tr *trial) {
		tr.answersAt("/air8000/"+tr.c.query, link.Response{Status: 200, Body: []byte("{")})
		tr.asksWifi("16", wifiFirmware)
		tr.expect("exfotawifi 解析服务器响应失败*", "answer false")
	}},
	{name: "no file", run: func(tr *trial) {
		tr.answersAt("/air8000/fotawifi.bin", link.Response{Status: 404})
		tr.asksWifi("16", wifiFirmware)
		tr.expect("exfotawifi 下载失败,状态码: 404", "answer false")
	}},
	{name: "broken in the middle", run: func(tr *trial) {
		tr.breaksWifi()
		tr.expect("exfotawifi 下载中...当前大小:*", "answer false", "exfotawifi 检测到未完成的下载，已下载大小: *", "exfotawifi 下载升级文件成功*", "exfotawifi 升级成功", "answer true")
		if got := tr.lastRange(); got != fmt.Sprintf("bytes=%d-", tr.part()) {
			tr.t.Errorf("asked for %s", got)
		}
		tr.gotWifi(tr.part() + len(wifiFirmware))
	}},
	{name: "broken, and the server knows no ranges", run: func(tr *trial) {
		tr.g.hook(func(req *link.Request) *link.Response {
			if req.Path() == "/air8000/fotawifi.bin" {
				return &link.Response{Status: 200, Header: link.Header{{Name: "Content-Length"}}, Body: wifiFirmware, Close: true}
			}
			return nil
		})
		tr.breaksWifi()
		tr.expect("answer false", "exfotawifi 升级成功", "answer true") // it does not notice
		tr.gotWifi(2*tr.part() + len(wifiFirmware))
	}},
}

// asksWifi asks once for firmware of the other chip.
func (tr *trial) asksWifi(version string, content []byte) {
	tr.t.Helper()
	tr.hasWifi(version, content)
	tr.run(tr.script(ask{}), answered)
}

// hasWifi has the platform offer firmware of the other chip.
func (tr *trial) hasWifi(version string, content []byte) {
	tr.t.Helper()
	server := must[*iot.Server](tr.t)(iot.NewServerOn(tr.g.store, tr.g.server.Answers(), tr.g.server.Settings()))
	server.Wifi = &iot.Wifi{Version: version, Content: content}
	tr.g.hook(server.Serve)
}

// breaksWifi loses the connection in the middle of the firmware, once.
func (tr *trial) breaksWifi() {
	tr.t.Helper()
	tr.hasWifi("16", wifiFirmware)
	tr.g.cuts.cut(int64(len(wifiFirmware)/2), 1)
	tr.run(tr.script(ask{}), func(line string) bool { return strings.Contains(line, sentToOther) })
}

// sentToOther begins the number of bytes that go to the other chip, which takes
// them after the library is done.
const sentToOther = "sFOTA file size "

// gotWifi checks how much goes to the other chip. After a break the library
// seeks as far behind the end of the file as the end is from its start, where
// littlefs fills in zeros: what was there counts once more than it should.
func (tr *trial) gotWifi(want int) {
	tr.t.Helper()
	if got := tr.numberBehind(sentToOther); got != want {
		tr.t.Errorf("the other chip got %d bytes, want %d", got, want)
	}
}

// part is how much was there before the break.
func (tr *trial) part() int { return tr.numberBehind("下载中...当前大小:") }

func (tr *trial) numberBehind(text string) (n int) {
	for _, line := range tr.log {
		if _, number, ok := strings.Cut(line, text); ok {
			fmt.Sscan(number, &n)
		}
	}
	return n
}

// lastRange is what part of the firmware was asked for in the end.
func (tr *trial) lastRange() string {
	seen := tr.g.requests()
	return seen[len(seen)-1].Header.Get("Range")
}

// muid is what mobile.muid says.
func (tr *trial) muid() string {
	q := tr.g.requests()[0].RawQuery()
	return link.ParseQuery(q).Get("muid") // it stands in no table: any will do
}

// TestUpstreamWifi lets exfotawifi ask the server made for it.
func TestUpstreamWifi(t *testing.T) { runMatrix(t, wifiClients, wifiCases) }
