package lua_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// upstream returns options with the original libraries, or skips loudly.
func upstream(t *testing.T) lua.Options {
	t.Helper()
	dir := os.Getenv("LUATOS_SRC")
	if dir == "" {
		t.Skip("LUATOS_SRC is not set: the original sys.lua, libfota.lua and libfota2.lua were NOT tried; set it to a LuatOS checkout")
	}
	libs, err := lua.LibsFromDir(filepath.Join(dir, "script"))
	if err != nil {
		t.Fatal(err)
	}
	return lua.Options{Libs: libs}
}

// TestOriginalLibraries runs the upgrade with the unmodified files, on both
// ways of storing a package.
func TestOriginalLibraries(t *testing.T) {
	opts := upstream(t)
	for _, lib := range []string{"libfota", "libfota2"} {
		for _, storage := range []string{"file", "area"} {
			t.Run(lib+"/"+storage, func(t *testing.T) {
				args := `function(r) print("result", r) rtos.reboot() end`
				if lib == "libfota2" {
					args += `, {imei = "C81234567830"}`
				}
				b := luatest.New(`PROJECT = "demo" VERSION = "1.0.0" PRODUCT_KEY = "KEY"
` + lib + ` = require "` + lib + `"
sys.taskInit(function() sys.wait(1000) ` + lib + `.request(` + args + `) end)
sys.run()`)
				b.FW.CoreDate = "2026-07-01"
				up := &luatest.Fota{}
				if storage == "area" {
					b.FW.Fota, b.Updater = true, up
				}
				b.Network.Serve = func(*luatest.Call) luatest.Reply {
					return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "he", "llo"}, Close: true}
				}
				exit := run(t, b, opts)
				if exit.Cause != lua.CauseRtos || !strings.Contains(b.Text(), "result 0") {
					t.Errorf("exit %v\n%s", exit, b.Text())
				}
				if storage == "area" && string(up.Data) != "hello" {
					t.Errorf("updater got %q, calls %v", up.Data, up.Calls)
				}
				t.Log(b.Network.Requests[0])
			})
		}
	}
}
