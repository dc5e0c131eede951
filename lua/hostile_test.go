package lua_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// hostile scripts want the host's memory, stack or time.
var hostile = map[string]string{
	"collect loop":         `while true do collectgarbage() collectgarbage("step") end`,
	"string doubling":      `local s = "x" while true do s = s .. s end`,
	"caught doubling":      `while true do pcall(function() local s = "x" while true do s = s .. s end end) end`,
	"table growth":         `local t = {} while true do t[#t + 1] = {} end`,
	"caught growth":        `T = {} while true do pcall(function() while true do T[#T + 1] = ("x"):rep(1000) .. #T end end) end`,
	"far index":            `local t = {} for i = 1, 1000 do t[i] = {} t[i][200000] = 1 end`,
	"recursion":            `local function f() return 1 + f() end f()`,
	"meta recursion":       `local t t = setmetatable({}, {__index = function(_, k) return t[k .. "x"] end}) print(t.x)`,
	"tostring recursion":   `local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) print(t)`,
	"nested coroutines":    `local function f() return coroutine.wrap(f)() end f()`,
	"nested pcall":         `local function f() return pcall(f) end print(f())`,
	"nested xpcall":        `local function f() return xpcall(f, f) end print(f())`,
	"handler error":        `local function h() error(h) end xpcall(error, h, 1) local function g() return xpcall(error, g) end g()`,
	"many coroutines":      `local t = {} while true do local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) t[#t + 1] = co end`,
	"abandoned pcalls":     `while true do local co = coroutine.create(function() pcall(coroutine.yield) end) coroutine.resume(co) end`,
	"pattern":              `string.find(("a"):rep(3000), ("a-"):rep(50) .. "b")`,
	"pattern depth":        `string.find(("("):rep(100000), ("(."):rep(30)) string.gsub(("x"):rep(1e5), "(x)", "%1%1%1%1")`,
	"gsub bomb":            `local s = ("x"):rep(1000) while true do s = s:gsub("x", "xxxxxxxxxx") end`,
	"format bomb":          `while true do S = (S or "x") S = string.format("%s%s", S, S) end`,
	"concat bomb":          `local t = {} for i = 1, 1000 do t[i] = ("x"):rep(100000) end print(#table.concat(t))`,
	"load bomb":            `load(("("):rep(100000)) load("x=" .. ("{"):rep(100000)) load("return " .. ("1+"):rep(200000) .. "1") load(("a."):rep(100000) .. "b=1")`,
	"load loop":            `while true do load("return " .. mcu.ticks()) end`,
	"json bomb":            `local s = "" for i = 1, 10000 do s = s .. "[" end print(json.decode(s)) local t = {} t[1] = t print(json.encode(t))`,
	"unpack bomb":          `print(pcall(unpack, {}, 1, 1e9)) print(pcall(unpack, {}, -1e15, 1e15)) local t = {} for i = 1, 9000 do t[i] = i end print(select("#", unpack(t)))`,
	"print bomb":           `while true do print(("x"):rep(50000)) end`,
	"timer bomb":           `while true do rtos.timer_start(1, 1, -1) end`,
	"publish bomb":         `while true do sys.publish("x", {}) end`,
	"publish loop":         `sys.subscribe("A", function() sys.publish("A") end) sys.publish("A") sys.run()`,
	"task bomb":            `while true do sys.taskInit(function() sys.wait(1e6) end) end`,
	"zero wait":            `sys.taskInit(function() while true do sys.wait(0) end end) sys.run()`,
	"sort":                 `local t = {} for i = 1, 10000 do t[i] = i % 7 end table.sort(t, function(a, b) return true end)`,
	"file bomb":            `local s = ("x"):rep(60000) for i = 1, 1e6 do local f = io.open("/ram/" .. i, "w") f:write(s) end`,
	"globals":              `_G.print = nil _G.sys_pub = 5 _G.sys_cw = nil _G.tostring = nil log.info("x") http.request("GET", "http://h.test/")`,
	"no metatables":        `getmetatable("").__index = nil print(("x").y) setmetatable(_G, {__index = function(_, k) error(k) end}) print(nosuch)`,
	"broken loaded":        `package.loaded.sys = 5 package.loaded = nil unload("sys") print(require("sys")) for k in pairs(_G) do _G[k] = nil end`,
	"table changes":        `local t = {} for i = 1, 100 do t["k" .. i] = i end for k in pairs(t) do t[k] = nil t[k .. "x"] = 1 end`,
	"next":                 `print(pcall(next, {}, "nokey")) print(pcall(next, {1, 2}, 5.5)) print(pcall(ipairs)) print(pcall(rawset, {}, nil, 1)) local t = {} t[0/0] = 1`,
	"bad arguments":        `for name, lib in pairs(_G) do if type(lib) == "table" and name ~= "_G" and name ~= "rtos" and name ~= "pm" and name ~= "sys" and name ~= "sysplus" then for _, f in pairs(lib) do if type(f) == "function" then for _, a in ipairs{{}, {nil}, {{}}, {-1}, {"x"}, {1e300, 1e300, 1e300}, {"", "", ""}, {print, print}, {true}, {{}, -1, -1}, {"x", -1e300, 1e300}, {0/0, 0/0}} do pcall(f, table.unpack(a, 1, 3)) end end end end end`,
	"bad string arguments": `for _, f in pairs(string) do for _, a in ipairs{{"x", 1e15}, {"x", -1e15, 1e15}, {"x", "%"}, {"x", "x", "%"}, {"%d", "x"}, {"<!16i16", 1}, {"x", 0/0}} do pcall(f, table.unpack(a)) end end`,
}

func TestHostileScripts(t *testing.T) {
	for name, script := range hostile {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b := luatest.New(script)
			b.Limit = 20 * time.Second
			b.Network.Serve = func(*luatest.Call) luatest.Reply { return luatest.Reply{} }
			steps := uint64(400_000)
			if os.Getenv("AIRLIFT_SCALE") == "full" {
				steps = 5_000_000
			}
			exit := run(t, b, lua.Options{Steps: steps})
			runtime.ReadMemStats(&after)
			if i := strings.Index(b.Text(), "internal error"); i >= 0 {
				t.Errorf("our own code failed:\n%.2000s", b.Text()[i:])
			}
			if held := int64(after.HeapInuse) - int64(before.HeapInuse); held > 800<<20 {
				t.Errorf("%d MiB of host memory in use", held>>20)
			}
			t.Logf("%v, %d steps, %d lines, %s", exit, exit.Steps, len(b.Lines), strings.SplitN(exit.Err, "\n", 2)[0])
		})
	}
}

// TestHostileScriptsWithMuchMemory bounds what scripts cost the host on a
// module whose memory allows deep recursions.
func TestHostileScriptsWithMuchMemory(t *testing.T) {
	for _, name := range []string{"recursion", "nested pcall", "nested xpcall", "caught doubling", "caught growth"} {
		b := luatest.New(hostile[name])
		b.FW.Bits, b.FW.LuaMemory = 64, 16<<20
		b.Limit = 20 * time.Second
		steps := uint64(400_000)
		if os.Getenv("AIRLIFT_SCALE") == "full" {
			steps = 5_000_000
		}
		at := time.Now()
		exit := run(t, b, lua.Options{Steps: steps})
		// The last operation may be one that fills all memory, a step for 64 bytes.
		if strings.Contains(b.Text(), "internal error") || exit.Steps > steps+steps/4+uint64(b.FW.LuaMemory)/64 {
			t.Errorf("%s: %d steps of %d\n%.1000s", name, exit.Steps, steps, b.Text())
		}
		t.Logf("%s: %v in %v", name, exit, time.Since(at))
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,-3e2,true,false,null,"\u65e0\ud83d\ude00"]}`, `[[[[]]]]`, `"\x"`, `{"a"}`, `1e999`, ``, `-`, "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		b := luatest.New(`
local text = io.readFile("/in")
local v, ok = json.decode(text)
if ok == 1 then
  local a = json.encode(v)
  if a then
    local w, ok2 = json.decode(a)
    assert(ok2 == 1, "cannot read back " .. a)
    assert(json.encode(w) == a, "changes when read back: " .. a)
  end
end
rtos.reboot()`)
		b.Write("/in", s)
		if exit := run(t, b); exit.Cause != lua.CauseRtos {
			t.Errorf("%q: %v %s", s, exit, exit.Err)
		}
	})
}

// FuzzMachine runs anything as main.lua.
func FuzzMachine(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	for _, c := range sysCases {
		f.Add(c.script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 1<<14 {
			return
		}
		b := luatest.New(script)
		b.Limit = time.Minute
		b.Network.Serve = func(*luatest.Call) luatest.Reply {
			return luatest.Reply{Pieces: []string{reply(200, "x")}, Close: true}
		}
		exit := run(t, b, lua.Options{Steps: 200_000})
		if strings.Contains(b.Text(), "internal error") {
			t.Errorf("our own code failed: %v\n%.4000s", exit, b.Text())
		}
	})
}
