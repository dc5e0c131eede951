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
	{name: "exfotawifi", kind: kindWifi, chip: "Air8000", source: envSource},
	{name: "exfotawifi of a factory", kind: kindWifi, chip: "Air8000", source: envSource, over: "olddemo/project/Air8000/整机开发板出厂工程/user/exfotawifi.lua"},
}

const wifiScript = `sys = require("sys")
local wifi = require("exfotawifi")
log.info("main", PROJECT, VERSION)
sys.taskInit(function()
    while true do
        sys.wait(30000)
        log.info("answer", wifi.request())
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
		want := fmt.Sprintf("/air8000/update2.json?imei=%s&version=15&muid=%s&hw=A11&coreversion=V2046&model=Air8000", tr.id.IMEI, tr.muid())
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
		tr.answersAt("/air8000/update2.json", link.Response{Status: 404})
		tr.asksWifi("16", wifiFirmware)
		tr.expect("exfotawifi 获取服务器响应失败,状态码: 404", "answer false")
	}},
	{name: "bad JSON", run: func(tr *trial) {
		tr.answersAt("/air8000/update2.json", link.Response{Status: 200, Body: []byte("{")})
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
		tr.expect("exfotawifi 下载中...当前大小:*", "answer false", "exfotawifi 检测到未完成的下载,已下载大小: *", "exfotawifi 下载升级文件成功*", "exfotawifi 升级成功", "answer true")
		if size := tr.wifiBytes(); size != len(wifiFirmware) {
			tr.t.Errorf("the other chip got %d bytes, want %d", size, len(wifiFirmware))
		}
	}},
	{name: "broken, and the server knows no ranges", run: func(tr *trial) {
		tr.g.hook = func(req *link.Request) *link.Response {
			if req.Path() == "/air8000/fotawifi.bin" {
				return &link.Response{Status: 200, Header: link.Header{{Name: "Content-Length"}}, Body: wifiFirmware, Close: true}
			}
			return nil
		}
		tr.breaksWifi()
		tr.expect("answer false", "exfotawifi 升级成功", "answer true") // it does not notice
		if size := tr.wifiBytes(); size <= len(wifiFirmware) {
			tr.t.Errorf("the other chip got %d bytes, want more than %d", size, len(wifiFirmware))
		}
	}},
}

// asksWifi asks once for firmware of the other chip.
func (tr *trial) asksWifi(version string, content []byte) {
	tr.t.Helper()
	tr.g.server.Wifi = &iot.Wifi{Version: version, Content: content}
	tr.run(tr.script(ask{}), answered)
}

// breaksWifi loses the connection in the middle of the firmware, once.
func (tr *trial) breaksWifi() {
	tr.t.Helper()
	tr.g.server.Wifi = &iot.Wifi{Version: "16", Content: wifiFirmware}
	tr.g.cuts.cut(int64(len(wifiFirmware)/2), 1)
	tr.run(tr.script(ask{}), func(line string) bool { return plain(line) == "answer true" })
}

// wifiBytes is how much the last attempt gave to the other chip.
func (tr *trial) wifiBytes() (n int) {
	for _, line := range tr.log {
		if _, size, ok := strings.Cut(line, "sFOTA file size "); ok {
			fmt.Sscan(size, &n)
		}
	}
	return n
}

// muid is what mobile.muid says.
func (tr *trial) muid() string {
	q := tr.g.requests()[0].RawQuery()
	return link.ParseQuery(q).Get("muid") // it stands in no table: any will do
}

// TestUpstreamWifi lets exfotawifi ask the server made for it.
func TestUpstreamWifi(t *testing.T) { runMatrix(t, wifiClients, wifiCases) }
