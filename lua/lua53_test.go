package lua_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/lua53"
	"airlift/lua/luatest"
)

// TestYieldsAcross waits in the places where Lua 5.3 can yield, and tries to
// where it cannot.
func TestYieldsAcross(t *testing.T) {
	expect(t, `
local mt = {
  __index = function(_, k) sys.wait(10) return k .. "!" end,
  __newindex = function(t, k, v) sys.wait(10) rawset(t, k, v * 2) end,
  __add = function(a, b) sys.wait(10) return "sum" end,
  __concat = function(a, b) sys.wait(10) return "joined" end,
  __eq = function() sys.wait(10) return true end,
  __lt = function() sys.wait(10) return true end,
  __len = function() sys.wait(10) return 42 end,
  __unm = function() sys.wait(10) return "neg" end,
  __call = function(_, x) sys.wait(10) return x end,
}
sys.taskInit(function()
  local a, b = setmetatable({}, mt), setmetatable({}, mt)
  print(a.key, mcu.ticks())
  a.x = 21
  print(rawget(a, "x"), a + b, a .. "s", a == b, a < b, #a, -a, a(7), mcu.ticks())
  for k, v in function(_, i) sys.wait(10) if i < 3 then return i + 1, sys.waitUntil("NEVER", 5) end end, nil, 0 do print(k, v) end
  print(mcu.ticks())
  print(pcall(function() return pcall(function() sys.wait(10) return a.deep end) end))
  print(xpcall(function() sys.wait(10) error("late", 0) end, function(e) return "<" .. e .. ">" end))
  for w in coroutine.wrap(function() for i = 1, 2 do coroutine.yield(i) end end) do print("wrapped", w) end
  print(mcu.ticks())
  print(pcall(table.sort, {3, 2, 1}, function(a, b) sys.wait(10) return a < b end))
  print(pcall(string.gsub, "x", "x", function() sys.wait(10) end))
  rtos.reboot()
end)
sys.run()`,
		"key!\t10",
		"42\tsum\tjoined\ttrue\ttrue\t42\tneg\t7\t90",
		"1\tfalse", "2\tfalse", "3\tfalse", "145",
		"true\ttrue\tdeep!", "false\t<late>",
		"wrapped\t1", "wrapped\t2", "175",
		"false\tattempt to yield across a C-call boundary",
		"false\tattempt to yield across a C-call boundary")
}

// TestCallbacksResumeTasks has callbacks of libraries start, wake and resume
// tasks; they run on the main coroutine and cannot wait themselves.
func TestCallbacksResumeTasks(t *testing.T) {
	expect(t, `
local co
uart.setup(1, 115200)
uart.on(1, "sent", function(id)
  print("sent", math.type(id), coroutine.isyieldable(), (pcall(sys.wait, 10)))
  sys.publish("SENT", id)
  sys.taskInit(function() sys.wait(5) print("started") coroutine.resume(co, 2.0) end)
end)
co = sys.taskInit(function()
  pcall(function()
    print(sys.waitUntil("SENT"))
    print(coroutine.yield())
  end)
  rtos.reboot()
end)
uart.write(1, "x")
sys.run()`, "sent\tinteger\tfalse\tfalse", "true\t1", "started", "2.0")
}

// widths are what the two builds of the firmware print.
func TestNumbersInBothWidths(t *testing.T) {
	cases := []struct{ expr, narrow, wide string }{
		{"10/2, 7//2, 7.0//2, 2^31", "5.0 3 3.0 2.147484e+09", "5.0 3 3.0 2147483648.0"},
		{"0.5+0.5, 1/3, 0.1", "1.0 0.3333333 0.1", "1.0 0.33333333333333 0.1"},
		{"0xFFFFFFFF, 1<<31, ~0", "-1 -2147483648 -1", "4294967295 2147483648 -1"},
		{"math.maxinteger + 1 == math.mininteger, math.maxinteger", "true 2147483647", "true 9223372036854775807"},
		{"2^53 == 2^53 + 1, 9007199254740993", "true 9.007199e+15", "true 9007199254740993"},
		{"1e15, 1e100, -0.0, 0/0 ~= 0/0", "1e+15 inf -0.0 true", "1e+15 1e+100 -0.0 true"},
		{"1 == 1.0, ({[1.0] = 'k'})[1], math.type(1.0), 3 | 0.0", "true k float 3", "true k float 3"},
		{"string.format('%d %x %s', 3.0, -1, 2.0)", "3 ffffffff 2.0", "3 ffffffffffffffff 2.0"},
		{"json.encode({1, 1.0, 2.5}), json.encode({a = 5 // 1})", `[1,1.0000000,2.5000000] {"a":5}`, `[1,1.0000000,2.5000000] {"a":5}`},
		{"json.decode('[1]')[1], json.decode('[1.0]')[1], json.decode('[3000000000]')[1]", "1 1.0 3e+09", "1 1.0 3000000000"},
		{"crypto.crc32('123456789'), bit.lshift(1, 31), bit.bnot(0)", "-873187034 -2147483648 -1", "3421780262 2147483648 -1"},
		{"#string.pack('j', 1), #string.pack('n', 1), #string.pack('T', 1), (string.unpack('<I4', '\\255\\255\\255\\255'))", "4 4 4 -1", "8 8 4 4294967295"},
		{"tostring(3.0), 3 .. '', 3.0 .. '', tonumber('5.0'), tonumber('0x10')", "3.0 3 3.0 5.0 16", "3.0 3 3.0 5.0 16"},
	}
	var script strings.Builder
	for _, c := range cases {
		script.WriteString("log.info('n', " + c.expr + ")\n")
	}
	script.WriteString("rtos.reboot()")
	for _, bits := range []int{32, 64} {
		b := luatest.New(script.String())
		b.FW.Bits, b.FW.CoreDate, b.FW.LuaMemory = bits, "2026-01-01", 1<<20
		run(t, b)
		got := printed(b)
		for i, c := range cases {
			want := c.narrow
			if bits == 64 {
				want = c.wide
			}
			if i >= len(got) || got[i] != "I/user.n "+want {
				t.Errorf("%d bits: %s\n gives    %q\n expected %q", bits, c.expr, got[min(i, len(got)-1)], want)
			}
		}
	}
}

const luacMain = `
PROJECT = "p"
local other = require "other"
print(other.name, table.concat({other.add(1, 2.5)}, " "), ...)
local ok, err = pcall(other.fail)
print(err)
sys.taskInit(function() sys.wait(10) print(pcall(function() sys.wait(5) return mcu.ticks() end)) rtos.reboot() end)
sys.run()`

const luacOther = `
local M = {name = "other"}
function M.add(a, b) return a + b, 7 // 2, 0x7fffffff end
function M.fail() local t; return t.x end
return M`

// compiledBoard holds main and other as bytecode only.
func compiledBoard(t *testing.T, bits int, compile func(name, src string) []byte) *luatest.Board {
	t.Helper()
	b := luatest.New("")
	b.FW.Bits = bits
	b.Write("/luadb/main.luac", string(compile("main.lua", luacMain)))
	b.Write("/luadb/other.luac", string(compile("other.lua", luacOther)))
	return b
}

func TestCompiledScripts(t *testing.T) {
	for _, c := range []struct {
		name string
		bits int
		lay  lua53.Layout
	}{{"32", 32, lua53.Layout32}, {"64 on a module", 64, lua53.LayoutMCU64}, {"64 on a PC", 64, lua53.LayoutPC}} {
		for _, strip := range []bool{false, true} {
			b := compiledBoard(t, c.bits, func(name, src string) []byte {
				p, err := lua53.Compile(src, "@"+name, c.bits)
				if err != nil {
					t.Fatal(err)
				}
				out, err := p.Dump(c.lay, strip)
				if err != nil {
					t.Fatal(err)
				}
				return out
			})
			checkCompiled(t, c.name, b, strip)
		}
	}
}

func checkCompiled(t *testing.T, name string, b *luatest.Board, strip bool) {
	t.Helper()
	exit := run(t, b)
	failed := "other.lua:4: attempt to index a nil value (local 't')"
	if strip {
		failed = "?: attempt to index a nil value"
	}
	want := "other\t3.5 3 2147483647\tmain\t/luadb/main.luac\n" + failed
	got := strings.Join(printed(b), "\n")
	if !strings.HasPrefix(got, want) && !(strip && strings.Contains(got, "attempt to index a nil value")) || !strings.HasSuffix(got, "\ntrue\t15") {
		t.Errorf("%s, stripped %v: exit %v\n%s\nexpected\n%s", name, strip, exit, got, want)
	}
}

// TestLuac runs what Debian's luac5.3 makes.
func TestLuac(t *testing.T) {
	luac, err := exec.LookPath("luac5.3")
	if err != nil {
		t.Skip("luac5.3 is not installed: its output was NOT tried; install the package lua5.3")
	}
	for _, strip := range []bool{false, true} {
		dir := t.TempDir()
		b := compiledBoard(t, 64, func(name, src string) []byte {
			in, out := filepath.Join(dir, name), filepath.Join(dir, name+"c")
			if err := os.WriteFile(in, []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"-o", out, name}
			if strip {
				args = append([]string{"-s"}, args...)
			}
			cmd := exec.Command(luac, args...)
			cmd.Dir = dir
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("luac5.3: %v\n%s", err, text)
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			return data
		})
		checkCompiled(t, "luac5.3", b, strip)
	}
}

// TestCompiledForOtherWidth refuses bytecode of the other build.
func TestCompiledForOtherWidth(t *testing.T) {
	p, err := lua53.Compile("print(1)", "@main.lua", 64)
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Dump(lua53.LayoutMCU64, false)
	if err != nil {
		t.Fatal(err)
	}
	b := luatest.New("")
	b.Write("/luadb/main.luac", string(data))
	exit := run(t, b)
	if exit.Cause != lua.CauseVMExit || !strings.Contains(exit.Err, "main.luac: version mismatch in precompiled chunk") {
		t.Errorf("exit %v: %s", exit, exit.Err)
	}
}

func TestLeftoversOf51(t *testing.T) {
	b := luatest.New(`
require "m"
print(m.f(), m._NAME, package.loaded.m == m, hidden, m.print == print, unpack({1, 2}), loadstring("return 3")(), math.pow(2, 3))
rtos.reboot()`)
	b.Write("/luadb/m.lua", `module(..., package.seeall)
hidden = "in m"
function f() print("in f") return hidden end`)
	run(t, b)
	if got := strings.Join(printed(b), "\n"); got != "in f\nin m\tm\ttrue\tnil\ttrue\t1\t2\t3\t8.0" && got != "in f\nin m\tm\ttrue\tnil\ttrue\t1\t3\t8.0" {
		t.Errorf("got:\n%s", b.Text())
	}
}

func TestMemoryIsCounted(t *testing.T) {
	b := luatest.New(`
collectgarbage()
local total, before = rtos.meminfo()
local s = ("x"):rep(50000)
local _, during, most = rtos.meminfo()
print(during - before >= 50000, during - before < 52000, most >= during, collectgarbage("count") * 1024 == during)
s = nil
collectgarbage()
local _, after, peak = rtos.meminfo()
print(after < before + 2000, peak >= during)
local ok, err = pcall(string.rep, "x", total)
print(ok, err)
local weak = setmetatable({{}}, {__mode = "v"})
setmetatable({}, {__gc = function() print("finalizer") end})
collectgarbage()
print(#weak)
rtos.reboot()`)
	run(t, b)
	want := "true\ttrue\ttrue\ttrue\ntrue\ttrue\nfalse\tnot enough memory\nfinalizer\n0"
	if got := strings.Join(printed(b), "\n"); got != want {
		t.Errorf("got:\n%s", b.Text())
	}
}

func TestOutOfMemoryEndsTheVM(t *testing.T) {
	b := luatest.New(`local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end`)
	exit := run(t, b)
	if exit.Cause != lua.CauseVMExit || exit.Err != "not enough memory" {
		t.Errorf("exit %v: %s", exit, exit.Err)
	}
	if !strings.Contains(b.Text(), "E/main Luat: \nE/main not enough memory\nE/main Lua VM exit!! reboot in 15000ms") {
		t.Error(b.Text())
	}
}
