package lua_test

import (
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestPcallYields(t *testing.T) {
	expect(t, `
sys.taskInit(function()
  local co = coroutine.running()
  local r = table.pack(pcall(function(a, b)
    sys.wait(100)
    assert(coroutine.running() == co, "pcall must not show its thread")
    print(pcall(function() sys.wait(50) error({code = 7}) end))
    local ok, e = pcall(function() sys.wait(50) error("deep") end)
    print(ok, e)
    print(select(2, pcall(error)))
    return a + b, sys.waitUntil("GO", 1000)
  end, 1, 2))
  print(r.n, table.unpack(r, 1, r.n))
  print(mcu.ticks())
  rtos.reboot()
end)
sys.timerStart(function() sys.publish("GO", "x", nil, "y") end, 400)
sys.run()`,
		"false\ttable: 0x0c100000",
		"false\tmain.lua:8: deep",
		"nil",
		"6\ttrue\t3\ttrue\tx\tnil\ty",
		"400")
}

func TestPcallPlain(t *testing.T) {
	expect(t, `
print(pcall(error, "m", 0))
print(pcall(error, nil))
print(pcall(error, "m"))
print(pcall(nil))
print(select("#", pcall(function() end)))
print(pcall(pcall, error, "x"))
print(xpcall(function(...) return ... end, print, 1, nil, 3))
print(xpcall(function() error("a") end, function(e) return "<" .. e .. ">" end))
print(xpcall(function() local x = nil; x.y = 1 end, function(e) return "<" .. e .. ">" end))
print(xpcall(function() error("a") end, function(e) error("b") end))
print(select(2, pcall(function() return 1 + nil end)))
print(select(2, pcall(function() return "a" .. {} end)))
print(select(2, pcall(function() return {} < {} end)))
print(select(2, pcall(function() undefined() end)))
print(select(2, pcall(string.rep)))
print(select(2, pcall(function() error("lvl2", 2) end)))
local function f() error("lvl2", 2) end
print(select(2, pcall(function() f() end)))
print(pcall(coroutine.yield, 1))
print(coroutine.isyieldable(), coroutine.running())
print((xpcall(function() error("t") end, function(e) print((debug.traceback(e):gsub("%d+:", "N:"))) end)))
local function deep() return pcall(deep) end
print(deep() ~= nil)
print(pcall(function() local function r() return 1 + r() end return r() end))`,
		"false\tm",
		"false\tnil",
		"false\tm",
		"false\tattempt to call a nil value",
		"1",
		"true\tfalse\tx",
		"true\t1\tnil\t3",
		"false\t<main.lua:9: a>",
		"false\t<main.lua:10: attempt to index a nil value (local 'x')>",
		"false\terror in error handling",
		"main.lua:12: attempt to perform arithmetic on a nil value",
		"main.lua:13: attempt to concatenate a table value",
		"main.lua:14: attempt to compare two table values",
		"main.lua:15: attempt to call a nil value (global 'undefined')",
		"bad argument #1 to 'string.rep' (string expected, got no value)",
		"lvl2",
		"main.lua:19: lvl2",
		"false\tattempt to yield from outside a coroutine",
		"false\tthread: 0x0c100000\ttrue",
		"main.lua:N: t",
		"stack traceback:",
		"\tmain.lua:N: in function <main.lua:22>",
		"\t[C]: in function 'error'",
		"\tmain.lua:N: in function <main.lua:22>",
		"\t[C]: in function 'xpcall'",
		"\tmain.lua:N: in main chunk",
		"\t[C]: in function 'require'",
		"\t[C]: in ?",
		"false",
		"true",
		"false\tnot enough memory")
}

func TestCoroutines(t *testing.T) {
	expect(t, `
local co = coroutine.create(function(a, b)
  print("start", a, b, coroutine.isyieldable())
  print("got", coroutine.yield(a + b))
  print("status", coroutine.status(coroutine.running()))
  local inner = coroutine.create(function() print(coroutine.status(OUTER)) end)
  coroutine.resume(inner)
  return "end"
end)
OUTER = co
print(coroutine.status(co), coroutine.resume(co, 1, 2))
print(coroutine.status(co), coroutine.resume(co, "x", "y"))
print(coroutine.status(co), coroutine.resume(co))
local w = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(w(), w(), w(), w())
print(pcall(w))
print(pcall(coroutine.wrap(function() error("in wrap") end)))
print(pcall(coroutine.wrap(function() error({}) end)))
local self = coroutine.create(function() return coroutine.resume(coroutine.running()) end)
print(coroutine.resume(self))
local c = coroutine.create(function() local x = {} ; return x.a.b end)
print(coroutine.resume(c))
print((debug.traceback(c)))
print(coroutine.resume(coroutine.create(function() table.sort({3,2,1}, function(a, b) coroutine.yield() return a < b end) end)))
local t = setmetatable({}, {__index = function() coroutine.yield() end})
print(coroutine.resume(coroutine.create(function() return t.x end)))
local function nest(n) if n == 0 then return "bottom" end return coroutine.wrap(nest)(n - 1) end
print(pcall(nest, 100))
print((select(2, pcall(nest, 100000))):match("C stack overflow"))`,
		"start\t1\t2\ttrue",
		"suspended\ttrue\t3",
		"got\tx\ty",
		"status\trunning",
		"normal",
		"suspended\ttrue\tend",
		"dead\tfalse\tcannot resume dead coroutine",
		"1\t2\t3",
		"false\tcannot resume dead coroutine",
		"false\tmain.lua:17: in wrap",
		"false\ttable: 0x0c100000",
		"true\tfalse\tcannot resume non-suspended coroutine",
		"false\tmain.lua:21: attempt to index a nil value (field 'a')",
		"stack traceback:",
		"\tmain.lua:21: in function <main.lua:21>",
		"false\tattempt to yield across a C-call boundary",
		"true",
		"true\tbottom",
		"C stack overflow")
}

func TestSyntaxOf53(t *testing.T) {
	expect(t, `
print("\x41\u{20AC}\z
       z", '\65\10b', [[
x]])
print(7 // 2, -7 // 2, 7 // -2, 7.5 // 2, 2^10, 7 % -3)
print(5 & 3, 5 | 3, 5 ~ 3, ~5, 1 << 4, 256 >> 4, -1 >> 28)
print(1 .. 2, 0.1 .. "", 10 / 2, 1e15, 2^53, 1/3, -0.0)
print(0x10, 010, 0xFFFFFFFF, 1e2, .5, 0x.8p1)
local t = setmetatable({}, {__idiv = function(a, b) return "idiv" end, __band = function() return "band" end,
  __shl = function() return "shl" end, __bnot = function() return "bnot" end, __concat = function(a, b) return "concat" end})
print(t // 1, 1 & t, t << 2, ~t, t .. "x", 1 .. t)
for i = 1, 3 do
  if i == 2 then goto continue end
  local x = i
  print(x)
  ::continue::
end
while true do
  if true then break print("never") end
end
print(#"abc" .. "d" == "3d", not 1 == 2, -2 ^ 2, 2 ^ 3 ^ 2, 1 .. 2 == "12")
print(pcall(load, "x = = 1"))
print(load("x = = 1", "=chunk"))
print(load("return ...", "c")(1, 2))
print(pcall(function() return 1 & 1.5 end))
print(pcall(function() return 1 & {} end))
print(pcall(function() return 1 // 0 end))
print(1 // 0.5, math.type(1), math.type(1.5), math.type("1"), math.tointeger(3), 3 | 0)
local rec = 1
local function rec() return rec end
print(type(rec()))
local outer = 5
local outer2 = function() return outer2 end
print(outer2())
print(select("#", table.unpack({1, nil, 3}, 1, 3)), select(-1, 1, 2), (select(2, "a", "b", "c")))
print(tostring(1e100), 123456789012, 2^31, math.maxinteger, math.mininteger)
print(load("return 1 +\n\n x.y")==nil, pcall(load("return 1 +\n\n x.y", "@f.lua")))`,
		"A€z\tA",
		"b\tx",
		"3\t-4\t-4\t3.0\t1024.0\t-2",
		"1\t7\t6\t-6\t16\t16\t15",
		"12\t0.1\t5.0\t1e+15\t9.007199e+15\t0.3333333\t-0.0",
		"16\t10\t-1\t100.0\t0.5\t1.0",
		"idiv\tband\tshl\tbnot\tconcat\tconcat",
		"1", "3",
		"true\tfalse\t-4.0\t512.0\ttrue",
		"true\tnil\t[string \"x = = 1\"]:1: unexpected symbol near '='",
		"nil\tchunk:1: unexpected symbol near '='",
		"1\t2",
		"false\tmain.lua:25: number has no integer representation",
		"false\tmain.lua:26: attempt to perform bitwise operation on a table value",
		"false\tmain.lua:27: attempt to divide by zero",
		"2.0\tinteger\tfloat\tnil\t3\t3",
		"function", "nil", "3\t2\tb",
		"inf\t1.234568e+11\t2.147484e+09\t2147483647\t-2147483648",
		"false\tfalse\tf.lua:3: attempt to index a nil value (global 'x')")
}

func TestBinaryAndShebang(t *testing.T) {
	b := luatest.New("\xEF\xBB\xBF#!/usr/bin/lua\nprint(debug.getinfo(1).currentline) rtos.reboot()")
	run(t, b)
	if got := strings.Join(printed(b), "\n"); got != "2" {
		t.Errorf("got %q", b.Text())
	}
	b = luatest.New("\x1bLua\x53\x00")
	exit := run(t, b)
	if exit.Cause != lua.CauseVMExit || !strings.Contains(exit.Err, "main.lua: truncated precompiled chunk") {
		t.Errorf("exit %v: %s", exit, exit.Err)
	}
}

// TestOrder shows that nothing depends on Go's map order or addresses.
func TestOrder(t *testing.T) {
	script := `
for k in pairs(_G) do print(k) end
local t = {} for i = 1, 50 do t["k" .. i] = i end
for k, v in pairs(t) do print(k, v) end
for k in pairs(string) do print(k) end
print({}, print, coroutine.create(print), io.open("/x", "w"), tostring)
print(pcall(function() local n; return n[{}] end))
print(math.random(1000), math.random(), crypto.trng(4):toHex())`
	first := strings.Join(eval(t, script), "\n")
	for range 5 {
		if got := strings.Join(eval(t, script), "\n"); got != first {
			t.Fatalf("two runs differ:\n%s\n---\n%s", first, got)
		}
	}
	if strings.Contains(first, "0xc0") {
		t.Errorf("a host address shows:\n%s", first)
	}
}

// TestLogicalAssignment: the value of and/or replaces what a local held,
// whatever the operands are.
func TestLogicalAssignment(t *testing.T) {
	expect(t, `
local t, b, n = {}, true, 2
local function f() return false end
local a = 5
local function show(v) print(v) a = 5 end
a = t.x and 7 show(a)
a = f() and 7 show(a)
a = not b and 7 show(a)
a = a and t.x and 3 show(a)
a = a and not b and n show(a)
a = t.x or t.y show(a)
a = t.x and t.x.y or nil show(a)
a = n == 1 and 7 or t.x show(a)
a = (f() and 1) or (t.x and 2) show(a)
a = f() or not b or 8 show(a)
a = t.x and 7 or n == 2 and f() show(a)
t.a = 5 t.a = f() and 1 show(t.a)
g = 5 g = t.x and 1 show(g)
local function p(v) v = t[v] and 1 return v end show(p(4))
local function up() a = t.x and 7 end up() show(a)
a = #(t.x and "abc" or "ab") show(a)
a = not (t.x and 7) show(a)
a = -(t.x and 7 or 3) show(a)
a = {t.x and 7} show(#a)
a = ({f() and 7})[1] show(a)
for i = 1, 2 do a = t[i] and i end show(a)
rtos.reboot()`,
		"nil", "false", "false", "nil", "false", "nil", "nil", "nil", "nil", "8", "false", "false", "nil", "nil", "nil", "2", "true", "-3", "0", "false", "nil")
}
