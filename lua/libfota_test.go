package lua_test

import (
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// request runs one upgrade request and returns the path that was asked for,
// the callback's code and the log.
func request(t *testing.T, b *luatest.Board, lib, args string, opts lua.Options) (path, code string) {
	t.Helper()
	main := `
PROJECT = "demo" PRODUCT_KEY = "KEY"
VERSION = VERSION or "1.2.3"
local lib = require "` + lib + `"
sys.taskInit(function()
  local ok, e = pcall(lib.request, function(r) print("code", r) DONE = true end` + args + `)
  if not ok then print("error", e) end
  while not DONE and ok do sys.wait(100) end
  rtos.reboot()
end)
sys.timerStart(rtos.reboot, 5000)
sys.run()`
	old := ""
	if b.Tree != nil {
		old = main
	}
	b.Write("/main.lua", old)
	if b.Network.Serve == nil {
		b.Network.Serve = func(*luatest.Call) luatest.Reply {
			return luatest.Reply{Pieces: []string{reply(200, "x")}, Close: true}
		}
	}
	run(t, b, opts)
	for _, line := range printed(b) {
		for _, prefix := range []string{"code", "error"} {
			if rest, ok := strings.CutPrefix(line, prefix); ok && code == "" {
				code = strings.TrimSpace(rest)
			}
		}
	}
	if len(b.Network.Requests) > 0 {
		_, rest, _ := strings.Cut(b.Network.Requests[0], " ")
		path, _, _ = strings.Cut(rest, " HTTP/")
	}
	return strings.TrimPrefix(path, "/api/site/firmware_upgrade"), code
}

// device returns a board of a model.
func device(model, lib string) *luatest.Board {
	b := luatest.New("")
	b.FW.LibDate, b.FW.CoreDate = lib, lib
	b.FW.Model, b.FW.BSP = model, model
	b.FW.Wlan, b.FW.Mobile = false, false
	switch {
	case model == "Air601":
		b.FW.BSP, b.FW.Wlan = "AIR601", true
	case model == "Air101":
		b.FW.BSP = "AIR101"
	case strings.HasPrefix(model, "Air780E"), strings.HasPrefix(model, "Air8000"), strings.HasPrefix(model, "Air700"):
		b.FW.Mobile, b.ID.IMEI = true, "860000000000017"
		b.FW.Version = "V2012"
		if model == "Air780E" {
			b.FW.BSP, b.FW.Version = "EC618", "V1110"
		}
	case model == "Air8101":
		b.FW.Wlan = true
	}
	return b
}

// TestURLs has the URL of every generation of both libraries
// (iot-platform.md 1.3.2, 1.4.2; luadb-and-packages.md 8).
func TestURLs(t *testing.T) {
	const mac, uid = "C81234567830", "0102030405060708"
	for _, c := range []struct{ lib, date, model, want string }{
		{"libfota", "2023-02-01", "Air780E", "?project_key=KEY&imei=860000000000017&device_key=&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.2.3"},
		{"libfota", "2023-02-06", "Air780E", "?project_key=KEY&imei=860000000000017&device_key=&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3"},
		{"libfota", "2024-03-20", "Air601", "?project_key=KEY&imei=" + mac + "&device_key=&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3"},
		{"libfota", "2024-03-20", "Air101", "?project_key=KEY&imei=" + uid + "&device_key=&firmware_name=demo_LuatOS-SoC_AIR101&version=1025.1.3"},
		{"libfota", "2024-11-07", "Air780E", "?project_key=KEY&imei=860000000000017&device_key=&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3&model=Air780E_A00"},
		{"libfota", "2024-12-27", "Air780E", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3&imei=860000000000017"},
		{"libfota", "2024-12-27", "Air601", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_V1025_AIR601&version=1.2.3&mac=" + mac},
		{"libfota", "2024-12-27", "Air101", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_V1025_AIR101&version=1.2.3&uid=" + uid},
		{"libfota", "2025-03-06", "Air601", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3&mac=" + mac},
		{"libfota", "2026-07-02", "Air101", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_V1025_AIR101&version=1.2.3&uid=" + uid},
		{"libfota", "2026-04-17", "Air780EHV-1.8V", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_Air780EHV-1.8V&version=2012.1.3&imei=860000000000017"},
		{"libfota", "2026-04-18", "Air780EHV-1.8V", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_Air780EHV&version=2012.1.3&imei=860000000000017"},
		{"libfota", "2026-05-06", "Air1601", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_V1025_Air1601&version=1.2.3&uid=" + uid},
		{"libfota", "2026-05-07", "Air1601", "?project_key=KEY&firmware_name=demo_LuatOS-SoC_Air1601&version=1025.1.3&mac=" + uid},

		{"libfota2", "2024-04-09", "Air601", "?imei=" + mac + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3"},
		{"libfota2", "2024-11-21", "Air780E", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3&model=Air780E_A00"},
		{"libfota2", "2024-11-25", "Air780E", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3&model=Air780E__A10"},
		{"libfota2", "2025-01-10", "Air780E", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_EC618&version=1110.1.3"},
		{"libfota2", "2025-01-10", "Air601", "?mac=" + mac + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_V1025_AIR601&version=1.2.3"},
		{"libfota2", "2025-03-07", "Air601", "?mac=" + mac + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3"},
		{"libfota2", "2025-03-07", "Air101", "?uid=" + uid + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR101&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air601", "?nil&project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air780EPM", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air780EPM&version=2012.1.3"},
		{"libfota2", "2026-06-29", "Air8101", "?mac=" + mac + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air8101&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air1780", "?mac=" + uid + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air1780&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air1601", "?mac=" + uid + "&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air1601&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air8000W", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air8000W&version=2012.1.3"},
		{"libfota2", "2026-06-29", "Air700ECH", "?imei=860000000000017&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air700ECH&version=2012.1.3"},
		{"libfota2", "2026-06-29", "Air201", "?nil&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air201&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air8201G", "?nil&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air8201G&version=1025.1.3"},
		{"libfota2", "2026-06-29", "Air780", "?nil&project_key=KEY&firmware_name=demo_LuatOS-SoC_Air780&version=1025.1.3"},
	} {
		t.Run(c.lib+" "+c.date+" "+c.model, func(t *testing.T) {
			b := device(c.model, c.date)
			if path, code := request(t, b, c.lib, "", lua.Options{}); path != c.want || code != "0" {
				t.Errorf("asked for\n\t%s\nexpected\n\t%s\ncode %s\n%s", path, c.want, code, b.Text())
			}
		})
	}
}

// TestVersionVectors are those of iot-platform.md 8.3.
func TestVersionVectors(t *testing.T) {
	for version, want := range map[string]string{
		"1.0.0": "2012.1.0", "001.000.000": "2012.001.000", "1.2.3.4": "2012.1.3", "v1.2.3": "2012.1.3", "1.0.0-beta": "2012.1.0",
		"1-2-3": "2012.1.3", "10000": "2012.1.0", "2024.1": "2012.20.1", "20240101": "2012.2024.1",
		"1.0": "", "1.10": "", "12.34": "",
	} {
		for _, lib := range []string{"libfota", "libfota2"} {
			b := device("Air780EPM", "2026-07-02")
			b.Write("/luadb/preset.lua", "")
			b.Write("/sys.lua", `VERSION = "`+version+`" local f = load(io.readFile("/lua/sys.lua")) return f(...)`)
			path, code := request(t, b, lib, "", lua.Options{})
			switch {
			case want != "" && (code != "0" || !strings.Contains(path, "version="+want)):
				t.Errorf("%s %s: code %s, %s\n%s", lib, version, code, path, b.Text())
			case want == "" && lib == "libfota" && (code != "5" || !strings.Contains(b.Text(), "E/user.fota _G.VERSION must be xxx.yyy.zzz!!!")):
				t.Errorf("%s %s: code %s\n%s", lib, version, code, b.Text())
			case want == "" && lib == "libfota2" && !strings.Contains(code, "attempt to concatenate a nil value"):
				t.Errorf("%s %s: code %s", lib, version, code)
			}
		}
	}
}

// TestCallbackCodes are those of iot-platform.md 1.15.
func TestCallbackCodes(t *testing.T) {
	for name, c := range map[string]struct {
		serve luatest.Reply
		want  string
	}{
		"stored":      {luatest.Reply{Pieces: []string{reply(200, "x")}, Close: true}, "0"},
		"206":         {luatest.Reply{Pieces: []string{reply(206, "x")}, Close: true}, "0"},
		"empty":       {luatest.Reply{Pieces: []string{reply(200, "")}, Close: true}, "4"},
		"newest":      {luatest.Reply{Pieces: []string{reply(400, `{"code": 27, "msg": "x"}`)}, Close: true}, "4"},
		"redirect":    {luatest.Reply{Pieces: []string{reply(302, "")}, Close: true}, "4"},
		"refused":     {luatest.Reply{Refuse: lua.ErrResolve}, "1"},
		"closed":      {luatest.Reply{Close: true}, "3"},
		"broken":      {luatest.Reply{Pieces: []string{"SSH\r\n"}}, "4"},
		"error, 2024": {luatest.Reply{Pieces: []string{reply(400, `{"code": 26, "msg": "x"}`)}, Close: true}, "4"},
	} {
		for _, lib := range []string{"libfota", "libfota2"} {
			for _, area := range []bool{false, true} {
				b := device("Air780EPM", "2026-07-02")
				if strings.Contains(name, "2024") {
					b.FW.CoreDate = "2024-12-01"
				}
				if area {
					b.FW.Fota, b.Updater = true, &luatest.Fota{}
				}
				b.Network.Serve = func(call *luatest.Call) luatest.Reply {
					if call.Request == "" {
						return luatest.Reply{Refuse: c.serve.Refuse}
					}
					return c.serve
				}
				if _, code := request(t, b, lib, "", lua.Options{}); code != c.want {
					t.Errorf("%s %s area %v: code %s, expected %s\n%s", lib, name, area, code, c.want, b.Text())
				}
				if lib == "libfota2" && area && name == "error, 2024" && !strings.Contains(b.Text(), "无效的固件") {
					t.Errorf("the body's code is not explained:\n%s", b.Text())
				}
				if lib == "libfota2" && area && name == "newest" && !strings.Contains(b.Text(), "云平台下发的不是json") {
					t.Errorf("the lost body is not noticed:\n%s", b.Text())
				}
			}
		}
	}
}

func TestLibfotaParameters(t *testing.T) {
	for _, c := range []struct{ lib, date, args, path, code string }{
		{"libfota", "2026-07-02", `, "http://own.test/x?a=b"`, "/x?a=b", "0"},
		{"libfota2", "2026-07-02", `, {url = "###http://own.test/x"}`, "/x", "0"},
		{"libfota2", "2026-07-02", `, {url = "http://own.test/x?", imei = "12345", project_key = "K", firmware_name = "f", version = "9"}`, "/x?imei=12345&project_key=K&firmware_name=f&version=9", "0"},
		// Version 1.0 never saw the three characters.
		{"libfota2", "2024-04-10", `, {url = "###http://own.test/x"}`, "", "1"},
		{"libfota2", "2024-04-10", `, {url = "http://own.test/x"}`, "/x?imei=C81234567830&project_key=KEY&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.3", "0"},
	} {
		b := device("Air601", c.date)
		if path, code := request(t, b, c.lib, c.args, lua.Options{}); path != c.path || code != c.code {
			t.Errorf("%s%s: %q code %s, expected %q %s\n%s", c.lib, c.args, path, code, c.path, c.code, b.Text())
		}
	}
}

// TestGrowingURL uses a table of options twice. Until 2024-11-28 the query was
// added again (what upstream's history says of 2024-04-12 had no effect), until
// 2025-02-11 three characters went: then no second request leaves
// (iot-platform.md 1.4.2, 6 #29, #30).
func TestGrowingURL(t *testing.T) {
	for date, want := range map[string]int{"2024-04-11": 2, "2024-04-12": 2, "2024-11-27": 2, "2024-11-28": 0, "2025-02-10": 0, "2025-02-11": 1, "2026-07-02": 1} {
		b := device("Air780EPM", date)
		b.Write("/main.lua", `
PROJECT = "demo" PRODUCT_KEY = "KEY" VERSION = "1.2.3"
local lib, opts = require "libfota2", {}
sys.taskInit(function()
  for i = 1, 2 do lib.request(print, opts) sys.wait(1000) end
  rtos.reboot()
end)
sys.run()`)
		b.Network.Serve = func(*luatest.Call) luatest.Reply {
			return luatest.Reply{Pieces: []string{reply(400, "")}, Close: true}
		}
		run(t, b)
		second := strings.Join(b.Network.Requests[1:], "")
		if n := strings.Count(second, "project_key="); n != want {
			t.Errorf("%s: second request %q", date, second)
		}
	}
}

func TestNoProductKey(t *testing.T) {
	for _, lib := range []string{"libfota", "libfota2"} {
		b := device("Air780EPM", "2026-07-02")
		b.Write("/main.lua", `VERSION = "1.2.3" require("`+lib+`").request(function(r) print("code", r) rtos.reboot() end) sys.run()`)
		run(t, b)
		tag := map[string]string{"libfota": "fota", "libfota2": "libfota2"}[lib]
		if !strings.Contains(b.Text(), "E/user."+tag+" iot.openluat.com need PRODUCT_KEY!!!\ncode 5") {
			t.Errorf("%s:\n%s", lib, b.Text())
		}
	}
}

// TestOriginalLibfota holds our libraries of 2026-07-02 against the
// originals: the same requests, and the same answers to scripts.
func TestOriginalLibfota(t *testing.T) {
	opts := upstream(t)
	for _, model := range []string{"Air601", "Air101", "Air780E", "Air780EPM", "Air780EHV-1.8V", "Air8101", "Air1601", "Air201"} {
		for _, lib := range []string{"libfota", "libfota2"} {
			for _, args := range []string{"", `, "http://own.test/x"`, `, {imei = "1", version = "2"}`, `, {url = "###http://own.test/y"}`} {
				if (lib == "libfota") == strings.Contains(args, "{") && args != "" {
					continue
				}
				ours, theirs := device(model, "2026-07-02"), device(model, "2026-07-02")
				p1, c1 := request(t, ours, lib, args, lua.Options{})
				p2, c2 := request(t, theirs, lib, args, opts)
				if p1 != p2 || c1 != c2 && !(strings.Contains(c1, ":") && strings.Contains(c2, ":")) {
					t.Errorf("%s %s%s:\n\t%s %s\noriginal\n\t%s %s\n%s", model, lib, args, p1, c1, p2, c2, theirs.Text())
				}
				t.Logf("%s %s%s: %s code %s\n%s", model, lib, args, p2, c2, logged(theirs))
				if l1, l2 := logged(ours), logged(theirs); l1 != l2 {
					t.Errorf("%s %s%s logs\n%s\noriginal\n%s", model, lib, args, l1, l2)
				}
			}
		}
	}
}

// logged are the lines of the libraries.
func logged(b *luatest.Board) string {
	var lines []string
	for _, line := range printed(b) {
		if strings.Contains(line, "/user.") && !strings.Contains(line, "version ->") && !strings.Contains(line, "coroutine.resume") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
