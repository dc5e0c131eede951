package lua53

import (
	"strings"
	"testing"
)

// TestLua51 runs what is different in Lua 5.1. The expectations are those of
// its manual and of luac 5.1's own messages.
func TestLua51(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"numbers", `print(10/2, 3, 7%3, 2^53, 1e15, 1e100, 0.1, -0, 1/0, #"abc"*2)`, "5 3 1 9.007199254741e+15 1e+15 1e+100 0.1 -0 inf 6"},
		{"concat", `print(10/2 .. "", 2^2 .. "x", 1 .. "")`, "5 4x 1"},
		{"hash beyond 2^53", `local h = 0 for i = 1, 20 do h = h*31 + ("x"):byte() end print(h)`, "2.6871621152763e+30"},
		{"numeric strings", `print("10"+5, "0x10"+0, tonumber("7")/2, tonumber("99999999999")*tonumber("99999999999"))`, "15 16 3.5 9.9999999998e+21"},
		{"tonumber with a base", `print(tonumber("ff", 16)/2, tonumber("zz", 16))`, "127.5 nil"},
		{"cut", `print(("abcdef"):sub(2.9, 4.1), ("%d"):format(3.99), ("%x"):format(255.5), (string.rep("a", 2.5)))`, "bcd 3 ff aa"},
		{"loops", `local s = "" for i = 1, 3 do s = s .. i .. "," end for i = 1, 2, 0.5 do s = s .. i .. ";" end print(s)`, "1,2,3,1;1.5;2;"},
		{"keys", `local t = {} t[1] = "a" t[2/2] = "b" t[1.5] = "c" print(#t, t[1], t[1.5])`, "1 b c"},
		{"no zero", `print(#{} % #{} ~= #{} % #{})`, "true"},
		{"setfenv of a function", `local function f() return x end local g = {x = 5} setfenv(f, g) x = 1 print(f(), x, getfenv(f) == g, getfenv() == _G)`, "5 1 true true"},
		{"setfenv of the caller", `local function f() setfenv(2, setmetatable({y = 7}, {__index = _G})) end f() print(y) y = 8 print(y, _G.y)`, "7\n8 nil"},
		{"made before", `local function a() return v end setfenv(1, setmetatable({v = 2}, {__index = _G})) local function b() return v end _G.v = 1 print(a(), b())`, "1 2"},
		{"equal functions differ", `local function mk() return function() return z end end local a, b = mk(), mk() setfenv(a, {z = 1}) print(a == b, a(), b())`, "false 1 nil"},
		{"index error", `print(pcall(function() local x; return x.y end))`, "false t:1: attempt to index local 'x' (a nil value)"},
		{"call error", `print(pcall(function() undefined() end))`, "false t:1: attempt to call global 'undefined' (a nil value)"},
		{"field error", `print(pcall(function() string.nix() end))`, "false t:1: attempt to call field 'nix' (a nil value)"},
		{"arithmetic error", `print(pcall(function() local u; return 1 + u end))`, "false t:1: attempt to perform arithmetic on local 'u' (a nil value)"},
		{"yield across pcall", `local co = coroutine.create(function() pcall(function() coroutine.yield(1) end) return 2 end) print(coroutine.resume(co))`, "true 2"},
		{"what that pcall says", `local co = coroutine.wrap(function() return pcall(coroutine.yield, 1) end) print(co())`, "false attempt to yield across metamethod/C-call boundary"},
		{"yield", `local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) print(co(1), co(4))`, "2 8"},
		{"old functions", `print(table.getn({1, 2}), math.mod(7, 4), ("x1y2"):gfind("%d")(), gcinfo() > 0)`, "2 3 1 true"},
		{"foreach", `table.foreach({a = 1}, function(k, v) print(k, v) end) print(table.foreachi({5, 6}, function(i, v) if i == 2 then return v end end))`, "a 1\n6"},
		{"insert behind the end", `local t = {} table.insert(t, 3, "x") print(t[3], #t == 0 or #t == 3)`, "x true"},
		{"what is not there", `print(utf8, bit32, rawlen, table.pack, math.type, string.pack, _VERSION)`, "nil nil nil nil nil nil Lua 5.1"},
		{"loadstring", `print(loadstring("return 4/2")(), loadstring("return +"))`, `2 nil [string "return +"]:1: unexpected symbol near '+'`},
		{"z in patterns", `print(("a\0b"):find("%z"))`, "2 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vm, out := newTestVM(t, Options{Bits: 64, Lua51: true})
			vm.Open51()
			runChunk(vm, out, []byte(tt.src), "=t")
			if got := strings.ReplaceAll(strings.TrimSpace(out.String()), "\t", " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
