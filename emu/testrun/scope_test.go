package testrun

import (
	"testing"

	"airlift/flash/luadb"
)

func TestOutOfScope(t *testing.T) {
	for _, c := range []struct {
		name, main, other string
		servers           bool
		want              string
	}{
		{name: "in scope", main: `local t = crypto.md5("x") http.request("GET", "http://httpbin.example.org/get")`},
		{name: "screen", main: `lcd.init("st7735", {})`, want: "lcd (screen)"},
		{name: "asked for", main: `if lcd then print(1) end`, want: "lcd (screen)"},
		{name: "required", main: `require "other"`, other: `local c = _G.codec return c.create`, want: "codec (sound)"},
		{name: "not required", main: `print(1)`, other: `lcd.init()`},
		{name: "rawget", main: `local p = rawget(_G, "pgfs")`, want: "pgfs (flash chip on SPI)"},
		{name: "simulator", main: `if http.utest then http.utest("a") end`, want: "http.utest (PC simulator only)"},
		{name: "exit", main: `os.exit(0)`, want: "os.exit (PC simulator only)"},
		{name: "exit of the simulator", main: `if rtos.bsp() == "PC" then os.exit(0) end`},
		{name: "its file system", main: `local f = io.open("/lfs2/x")`, want: "/lfs2 (file system of the PC simulator)"},
		{name: "its file system in a comment", main: `local f = "" -- "/lfs2"`},
		{name: "function", main: `mobile.rfTestMode(1)`, want: "mobile.rfTestMode (the factory's radio test)"},
		{name: "module", main: `require("rfa")`, want: "rfa (the factory's radio test)"},
		{name: "server", main: `http.request("GET", "https://user:pw@files.net:81/a.bin")`, want: "files.net (outside server)"},
		{name: "server in reach", main: `http.request("GET", "https://files.net/a.bin")`, servers: true},
		{name: "no page", main: `local base = "http://files.net"`},
		{name: "address", main: `local base = "http://192.168.1.2/x"`},
		{name: "two", main: `tp.init() lcd.init() lcd.clear()`, want: "lcd (screen), tp (touch screen)"},
		{name: "broken", main: `local = `},
	} {
		files := []luadb.File{{Name: "main.lua", Data: []byte(c.main)}, {Name: "other.lua", Data: []byte(c.other)}}
		if got := OutOfScope(files, 64, c.servers); got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
}
