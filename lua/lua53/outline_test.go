package lua53

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// outlined are the references and assignments of a source in a short form:
// line, name, () for a call, ? for a guarded one, then what is around.
func outlined(t *testing.T, src string) []string {
	t.Helper()
	o, err := ReadOutline(src, "@t.lua", 32)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range o.Refs {
		s := fmt.Sprintf("%d %s", r.Line, r.Name)
		if r.Module {
			s = fmt.Sprintf("%d [%s]", r.Line, r.Name)
		}
		if r.Call {
			s += "()"
		}
		if r.Guarded {
			s += "?"
		}
		if f := Function(r.Within); f != nil {
			s += " in " + f.Name + f.ArgOf
		}
		out = append(out, s)
	}
	for _, a := range o.Sets {
		out = append(out, fmt.Sprintf("%d %s=", a.Line, a.Name))
	}
	return out
}

func TestOutline(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"paths and locals", `
local h, x = http, 1
h.request("GET")
local mobile = {}
mobile.imei()
print(x.y, _G.wlan.ready(), _ENV["mcu"].ticks, a[b].c)`,
			[]string{"2 http", "3 http.request()", "6 wlan.ready()", "6 mcu.ticks", "6 a", "6 b", "6 print()"}},
		{"modules", `
local f = require("libfota2")
f.request(cb)
require "sys".run()`,
			[]string{"2 require()", "3 cb", "3 [libfota2.request]()", "4 [sys.run]()"}},
		{"guards", `
if wlan and wlan.ready() then wlan.scan() elseif mobile then wlan.x() end
wlan.y()
local id = mobile and mobile.imei()
pcall(function() lcd.init() end)
pcall(lcd.init, 1)`,
			[]string{"2 wlan?", "2 wlan.ready()?", "2 wlan.scan()?", "2 mobile?", "2 wlan.x()?", "3 wlan.y()", "4 mobile?",
				"4 mobile.imei()?", "5 lcd.init()? in pcall", "5 pcall()", "6 lcd.init?", "6 pcall()"}},
		{"guards that leave", `
local function f()
  if not wlan then return end
  wlan.scan()
end
assert(lcd, "no lcd")
lcd.init()
while true do
  if not tts then break end
  tts.play()
end`,
			[]string{"3 wlan? in f", "4 wlan.scan()? in f", "6 lcd", "6 assert()", "7 lcd.init()?", "9 tts?", "10 tts.play()?"}},
		{"which module it is", `
local bsp = rtos.bsp()
if bsp == "AIR101" then lcd.init() end
if hmeta.model():find("Air8") then airlink.start() end
lcd.clear()`,
			[]string{"2 rtos.bsp()", "3 lcd.init()?", "4 hmeta.model()", "4 airlink.start()?", "5 lcd.clear()"}},
		{"assignments", `
PROJECT = "demo"
_G.sys = require "sys"
function go() end
local t = {}
function t.f() end
log.x = 1`,
			[]string{"3 require()", "7 log", "2 PROJECT=", "3 sys=", "4 go=", "7 log.x="}},
		{"functions around", `
sys.taskInit(function() sys.wait(1) end)
local function cb() rtos.reboot() end
libfota.request(cb)
goto done
do mcu.ticks() end
::done::`,
			[]string{"2 sys.wait() in sys.taskInit", "2 sys.taskInit()", "3 rtos.reboot() in cb", "4 libfota.request()", "6 mcu.ticks()"}},
		{"reassigned locals are unknown", "local h = http h = nil h.get()", []string{"1 http"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outlined(t, c.src); !slices.Equal(got, c.want) {
				t.Errorf("got\n%q, expected\n%q", got, c.want)
			}
		})
	}
}

func TestOutlineArguments(t *testing.T) {
	o, err := ReadOutline(`f("s", 2.5, -1, nil, true, {a = "x", ["b"] = 2, 3}, other.name, function(p, q) while true do g() end end)`, "@t.lua", 64)
	if err != nil {
		t.Fatal(err)
	}
	g, f := o.Refs[len(o.Refs)-2], o.Refs[len(o.Refs)-1]
	got := ""
	for _, a := range f.Args {
		got += fmt.Sprintf("%d %s %v %d; ", a.Kind, a.Text, a.Number, len(a.Fields))
	}
	if want := "1 s 0 0; 2  2.5 0; 2  -1 0; 6  0 0; 8  0 0; 5  0 2; 3 other.name 0 0; 4  0 0; "; got != want {
		t.Errorf("arguments %s, expected %s", got, want)
	}
	if a := f.Args[5].Fields["b"]; a.Number != 2 {
		t.Errorf("field b is %+v", a)
	}
	w := g.Within
	if len(w) != 2 || w[0] != f.Args[7].Frame || !slices.Equal(w[0].Names, []string{"p", "q"}) || w[0].Arg != 7 || w[1].Kind != FrameLoop || !w[1].Endless {
		t.Errorf("around g: %+v", w)
	}
}

// Tables in local variables are known, with what is added to them; conditions
// on local variables show.
func TestOutlineLocals(t *testing.T) {
	o, err := ReadOutline(`local opts = {url = "###http://x"}
opts.imei = "1"
local function cb(ret)
  if ret ~= 0 then return end
  rtos.reboot()
end
go(cb, opts)`, "@t.lua", 32)
	if err != nil {
		t.Fatal(err)
	}
	var reboot, call Ref
	for _, r := range o.Refs {
		switch r.Name {
		case "rtos.reboot":
			reboot = r
		case "go":
			call = r
		}
	}
	if reboot.Guarded || !slices.Equal(reboot.Under, []string{"ret"}) {
		t.Errorf("reboot %+v", reboot)
	}
	if f := call.Args[1].Fields; f["url"].Text != "###http://x" || f["imei"].Text != "1" {
		t.Errorf("options %+v", f)
	}
}

// Long chains and deep nests take no more than a moment.
func TestOutlineBounds(t *testing.T) {
	for name, src := range map[string]string{
		"and":    "if a" + strings.Repeat(" and b.c", 19000) + " then end",
		"names":  "if a" + manyNames(19000) + " then end",
		"concat": "x = a" + strings.Repeat(" .. b", 150),
		"calls":  "x" + strings.Repeat("()", 19000),
		"fields": "x = a" + strings.Repeat(".b", 19000),
		"nest":   strings.Repeat("if a then ", 190) + strings.Repeat("end ", 190),
	} {
		start := time.Now()
		if _, err := ReadOutline(src, "@t.lua", 32); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
	if _, err := ReadOutline("x = = 1", "@t.lua", 32); err == nil || !strings.Contains(err.Error(), "t.lua:1: unexpected symbol") {
		t.Errorf("error %v", err)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " and n%d.x", i)
	}
	return b.String()
}

// Every file that compiles has an outline.
func TestOutlineUpstream(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: the libraries of LuatOS were NOT outlined")
	}
	files, _ := filepath.Glob(filepath.Join(src, "script", "*", "*.lua"))
	if len(files) < 50 {
		t.Fatalf("only %d files below %s", len(files), src)
	}
	refs := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		chunk := string(SkipPrefix(text))
		_, want := Compile(chunk, "@"+f, 32)
		o, err := ReadOutline(chunk, "@"+f, 32)
		if (err == nil) != (want == nil) {
			t.Errorf("%s: outline %v, compiler %v", f, err, want)
		} else if err == nil {
			refs += len(o.Refs)
		}
	}
	if refs < 100*len(files) {
		t.Errorf("only %d references in %d files", refs, len(files))
	}
}

func FuzzOutline(f *testing.F) {
	for _, s := range []string{"", "if a.b and c then d.e(1, {x = 2}) end", "local a = require 'b' a.c()", "function a.b:c() return ... end", "goto x ::x::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		o, err := ReadOutline(src, "@f.lua", 32)
		if _, wrong := Compile(src, "@f.lua", 32); err != nil && wrong == nil {
			t.Fatalf("compiles, but: %v", err)
		}
		if err == nil {
			for _, r := range o.Refs {
				if r.Name == "" {
					t.Fatalf("a reference without a name: %+v", r)
				}
			}
		}
	})
}
