package lua53

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// TestPrograms runs programs whose output is known from the manual.
func TestPrograms(t *testing.T) {
	tests := []struct {
		name, src, want32, want64 string // want64 "" is as want32
	}{
		{"division", "print(10/2, 0.5+0.5, 7//2, 7.0//2, -7//2, -7%3)", "5.0\t1.0\t3\t3.0\t-4\t2\n", ""},
		{"subtypes", "print(1 == 1.0, math.type(1), math.type(1.0), 2^2, 10 // 1.0)", "true\tinteger\tfloat\t4.0\t10.0\n", ""},
		{"wrap", "print(0xFFFFFFFF, 0x7fffffff + 1, 2^53 + 1, 1 << 31, 9007199254740993)",
			"-1\t-2147483648\t9.007199e+15\t-2147483648\t9.007199e+15\n",
			"4294967295\t2147483648\t9.007199254741e+15\t2147483648\t9007199254740993\n"},
		{"floats", "print(0.1, 1/3, 1e15, 100.0, 2^31, -0.0, 16777217.0)",
			"0.1\t0.3333333\t1e+15\t100.0\t2.147484e+09\t-0.0\t1.677722e+07\n",
			"0.1\t0.33333333333333\t1e+15\t100.0\t2147483648.0\t-0.0\t16777217.0\n"},
		{"keys", "local t = {} t[1] = 'a' t[1.0] = 'b' t[2^31] = 'c' print(t[1], #t, t[2147483648.0], next({[3.0] = 1}))",
			"b\t1\tc\t3\t1\n", ""},
		{"float values in tables", "local t = {5.0, 5, 1e20, -0.0, x = 2.0} print(t[1], t[2], t[3], t[4], t.x)", "5.0\t5\t1e+20\t-0.0\t2.0\n", ""},
		{"pairs order", "local t = {10, 20, z = 1, a = 2, [100] = 3} t.b = 4 t.z = nil for k, v in pairs(t) do io(k, v) end",
			"1 10,2 20,a 2,100 3,b 4,", ""},
		{"clearing while iterating", "local t = {} for i = 1, 50 do t[i] = i t['k' .. i] = i end local n = 0 for k in pairs(t) do t[k] = nil n = n + 1 end print(n, next(t))", "100\tnil\n", ""},
		{"reverse fill", "local t = {} for i = 100, 1, -1 do t[i] = i end print(#t, t[1], t[100])", "100\t1\t100\n", ""},
		{"octal zero", `print(string.format("[%#.o|%#.0o|%.0o|%#o|%#.3o|%.0d]", 0, 0, 0, 0, 8, 0))`, "[0|0||0|010|]\n", ""},
		{"goto continue", "for i = 1, 3 do if i == 2 then goto continue end io(i) ::continue:: end", "1,3,", ""},
		{"escapes", `print("\x41\65\u{48}\z
			B", #"\0a")`, "AAHB\t2\n", ""},
		{"env", "local _ENV = {print = print} x = 5 print(_ENV.x)", "5\n", ""},
		{"integer for", "for i = math.maxinteger - 1, math.maxinteger - 1 do io(i == math.maxinteger - 1) end", "true,", ""},
		{"unpack", "print(unpack({1, 2}), table.unpack({1, nil, 3}, 1, 3))", "1\t1\tnil\t3\n", ""},
		{"pcall yields", "local co = coroutine.wrap(function() print(pcall(function() error(coroutine.yield(1)) end)) end) print(co()) co('x')",
			"1\nfalse\tt:1: x\n", ""},
		{"running", "print(select(2, coroutine.running()), coroutine.isyieldable())", "true\tfalse\n", ""},
		{"weak", "local t = setmetatable({}, {__mode = 'v'}) t[1] = {} t.k = 'str' collectgarbage() print(t[1], t.k)", "nil\tstr\n", ""},
		{"gc", "setmetatable({}, {__gc = function() print('gone') end}) collectgarbage()", "gone\n", ""},
		{"format", "print(string.format('%x %d %5.1f %q', -1, 3.0, 2.25, 'a\\n'))",
			"ffffffff 3   2.2 \"a\\\n\"\n", "ffffffffffffffff 3   2.2 \"a\\\n\"\n"},
		{"math", "print(math.maxinteger, math.mininteger, math.tointeger(3.0), math.pow(2, 3), table.maxn({1, 2}))",
			"2147483647\t-2147483648\t3\t8.0\t2.0\n", "9223372036854775807\t-9223372036854775808\t3\t8.0\t2.0\n"},
	}
	for _, tt := range tests {
		for _, bits := range []int{32, 64} {
			want := tt.want32
			if bits == 64 && tt.want64 != "" {
				want = tt.want64
			}
			var out bytes.Buffer
			vm := New(Options{Bits: bits, Rethrow: true, Print: func(s string) { out.WriteString(s + "\n") }})
			vm.OpenLibs()
			vm.Register("", []NativeEntry{{"io", func(a Args) int {
				var l []string
				for i := 0; i < a.N(); i++ {
					l = append(l, vm.ToString(a.Get(i)))
				}
				out.WriteString(strings.Join(l, " ") + ",")
				return 0
			}}})
			runChunk(vm, &out, []byte(tt.src), "=t")
			if out.String() != want {
				t.Errorf("%s, %d bits: got %q, want %q", tt.name, bits, out.String(), want)
			}
		}
	}
}

func newTestVM(t *testing.T, opts Options) (*VM, *bytes.Buffer) {
	var out bytes.Buffer
	opts.Rethrow = true
	opts.Print = func(s string) { out.WriteString(s + "\n") }
	vm := New(opts)
	vm.OpenLibs()
	return vm, &out
}

// TestLibraries runs functions written for gopher-lua.
func TestLibraries(t *testing.T) {
	vm, out := newTestVM(t, Options{Bits: 64})
	l := vm.L()
	l.SetGlobal("add", l.NewFunction(func(l *glua.LState) int {
		l.Push(l.CheckNumber(1) + l.CheckNumber(2))
		return 1
	}))
	l.SetGlobal("opts", l.NewFunction(func(l *glua.LState) int {
		tb := l.CheckTable(1)
		l.Push(glua.LNumber(tb.RawGetString("timeout").(glua.LNumber) * 2))
		r := l.NewTable()
		r.RawSetString("n", glua.LNumber(7))
		r.RawSetInt(1, glua.LString("x"))
		l.Push(r)
		return 2
	}))
	l.SetGlobal("apply", l.NewFunction(func(l *glua.LState) int {
		l.Push(l.CheckFunction(1))
		l.Push(glua.LNumber(20))
		l.Call(1, 2)
		return 2
	}))
	l.SetGlobal("try", l.NewFunction(func(l *glua.LState) int {
		l.Push(l.CheckFunction(1))
		if err := l.PCall(0, 0, nil); err != nil {
			l.Push(err.(*glua.ApiError).Object)
			return 1
		}
		return 0
	}))
	l.SetGlobal("count", l.NewClosure(func(l *glua.LState) int {
		n := l.Get(glua.UpvalueIndex(1)).(glua.LNumber) + 1
		l.Replace(glua.UpvalueIndex(1), n)
		l.Push(n)
		return 1
	}, glua.LNumber(0)))
	l.SetGlobal("pause", l.NewFunction(func(l *glua.LState) int { return l.Yield(glua.LString("paused"), l.Get(1)) }))
	l.SetGlobal("fail", l.NewFunction(func(l *glua.LState) int { l.RaiseError("bad %d", 5); return 0 }))
	l.SetGlobal("raise", l.NewFunction(func(l *glua.LState) int { l.Error(l.Get(1), 0); return 0 }))
	mt := l.NewTypeMetatable("dev")
	mt.RawSetString("__index", mt)
	mt.RawSetString("twice", l.NewFunction(func(l *glua.LState) int {
		l.Push(glua.LNumber(l.CheckUserData(1).Value.(int) * 2))
		return 1
	}))
	ud := l.NewUserData()
	ud.Value, ud.Metatable = 21, mt
	l.SetGlobal("dev", ud)
	src := `
print(add(1, 2), add(0.5, 1), add(2.0, 1), math.type(add(1, 2)))
local d, r = opts({timeout = 5})
print(d, math.type(d), r.n, r[1])
print(apply(function(x) return x + 1, x / 2 end))
print(try(function() error("inner") end), try(function() error({}, 0) end) ~= nil)
print(count(), count(), dev:twice())
local co = coroutine.wrap(function() print("resumed", pause(3)) return "end" end)
print(co()) print(co("back"))
print(pcall(fail)) print(pcall(raise, 42)) print(pcall(function() fail() end))
print(pcall(function() add({}, 1) end)) print(pcall(function() local x = 1 dev.twice("x") end))
print(pcall(pause))
print(pcall(apply, function() coroutine.yield() end))
local c2 = coroutine.wrap(function() return pcall(apply, function() coroutine.yield(1) end) end)
print(c2())
print(apply(function(x) return apply(function(y) return x + y end) end))
print(xpcall(apply, function(m) return "H:" .. m end, function() error("deep", 0) end))
`
	want := `3	1.5	3	integer
10	integer	7	x
21	10
lib:6: inner	true
1	2	42
paused	3
resumed	back
end
false	bad 5
false	42
false	lib:10: bad 5
false	lib:11: bad argument #1 to 'add' (number expected, got table)
false	lib:11: bad argument #1 to 'twice' (userdata expected, got string)
false	attempt to yield from outside a coroutine
false	attempt to yield from outside a coroutine
false	attempt to yield across a C-call boundary
40	nil
false	H:deep
`
	runChunk(vm, out, []byte(src), "=lib")
	if out.String() != want {
		t.Errorf("%s", firstDiff(want, out.String()))
	}
	if vm.L().GetTop() != 0 {
		t.Errorf("%d values left on the stack", vm.L().GetTop())
	}
}

// TestHostile runs programs that want too much.
func TestHostile(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"recursion", "local function f() return 1 + f() end print(pcall(f))", "stack overflow"},
		{"mutual", "local a, b function a() b() end function b() a() end print(pcall(a))", "stack overflow"},
		{"memory", "local t = {} print(pcall(function() for i = 1, 1e9 do t[i] = {i} end end))", "not enough memory"},
		{"strings", "local s = 'x' print(pcall(function() while true do s = s .. s end end))", "not enough memory"},
		{"rep", "print(pcall(string.rep, 'x', 1 << 40))", "resulting string too large"},
		{"sparse", "local t = {} t[1 << 40] = 1 t[50000000] = 2 print(t[50000000], #t)", "2\t0"},
		{"metamethod loop", "local t = setmetatable({}, {}) getmetatable(t).__index = t print(pcall(function() return t.x end))", "loop"},
		{"native recursion", "local function f() return string.gsub('a', 'a', f) end print(pcall(f))", "C stack overflow"},
		{"sort recursion", "local function f() table.sort({1, 2, 3}, f) end print(pcall(f))", "C stack overflow"},
		{"coroutine recursion", "local function f() return coroutine.wrap(f)() end print(pcall(f))", "C stack overflow"},
		{"bad order", "local t = {} for i = 1, 100 do t[i] = i % 7 end print(pcall(table.sort, t, function() return true end))", "invalid order function"},
		{"unpack", "print(pcall(table.unpack, {}, 1, 1e8))", "too many results to unpack"},
		{"nested source", "print(load(string.rep('(', 1000)))", "too many C levels (limit is 200)"},
		{"nested pattern", "print(pcall(string.find, string.rep('a', 300), string.rep('a?', 300)))", "pattern too complex"},
		{"handler", "print(xpcall(error, error))", "false"},
		{"gc error", "setmetatable({}, {__gc = error}) print(pcall(collectgarbage))", "error in __gc"},
	}
	for _, tt := range tests {
		vm, out := newTestVM(t, Options{Bits: 64, MemoryLimit: 16 << 20, MaxStack: 200000})
		runChunk(vm, out, []byte(tt.src), "=t")
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: got %.300q, want %q", tt.name, out.String(), tt.want)
		}
		out.Reset()
		runChunk(vm, out, []byte("print(1 + 1)"), "=t") // the machine goes on
		if out.String() != "2\n" {
			t.Errorf("%s: afterwards: %q", tt.name, out.String())
		}
	}
}

// TestGoexitPasses ends the goroutine inside of everything that catches.
func TestGoexitPasses(t *testing.T) {
	for _, src := range []string{
		"pcall(stop)", "coroutine.wrap(function() pcall(pcall, stop) end)()", "xpcall(stop, stop)",
		"table.sort({1, 2, 3}, function() stop() end)", "string.gsub('a', 'a', stop)",
		"local t = setmetatable({}, {__index = function() stop() end}) pcall(function() return t.x end)",
		"viaGo(function() stop() end)", "setmetatable({}, {__gc = stop}) collectgarbage()",
		"load(function() stop() end)", "pcall(error, setmetatable({}, {__tostring = stop})) tostring(setmetatable({}, {__tostring = stop}))",
	} {
		reached := false
		done := make(chan bool)
		go func() {
			defer close(done)
			vm, _ := newTestVM(t, Options{Bits: 64})
			l := vm.L()
			l.SetGlobal("stop", l.NewFunction(func(*glua.LState) int { runtime.Goexit(); return 0 }))
			l.SetGlobal("viaGo", l.NewFunction(func(l *glua.LState) int {
				l.Push(l.Get(1))
				l.PCall(0, 0, nil)
				return 0
			}))
			f, err := vm.Load([]byte(src), "=t", "t")
			if err != nil {
				t.Error(err)
				return
			}
			vm.Call(f)
			reached = true
		}()
		<-done
		if reached {
			t.Errorf("%s: Goexit was caught", src)
		}
	}
}

// TestStepsAreDeterministic counts the same steps twice, and ends loops.
func TestStepsAreDeterministic(t *testing.T) {
	src := newProgen(7).program()
	var counts []int64
	for i := 0; i < 2; i++ {
		vm, out := newTestVM(t, Options{Bits: 64})
		runChunk(vm, out, []byte(src), "=t")
		counts = append(counts, vm.Steps())
	}
	if counts[0] != counts[1] || counts[0] == 0 {
		t.Errorf("steps %v", counts)
	}
	for _, loop := range []string{
		"while true do end", "for i = 1, math.huge do end", "repeat until false", "::a:: goto a",
		"for k in function() return 1 end do end", "local function f() return f() end f()",
		"while true do pcall(error) end", "string.find(string.rep('a', 60), string.rep('a*', 60) .. 'b')",
		"local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
	} {
		ended := false
		bounded(100000, 64, func(vm *VM) {
			f, err := vm.Load([]byte(loop), "=t", "t")
			if err != nil {
				t.Error(err)
				return
			}
			vm.Call(f)
			ended = true
		})
		if ended {
			t.Errorf("%s came to an end", loop)
		}
	}
}

// TestErrors checks positions and names in messages, and tracebacks.
func TestErrors(t *testing.T) {
	vm, out := newTestVM(t, Options{Bits: 64})
	src := "local function inner() local t = nil; t.x = 1 end\n" +
		"function outer() inner() return 1 end\n" +
		"print(xpcall(outer, debug.traceback))\n" +
		"local co = coroutine.create(function() local x = coroutine.yield() ; error('dead') end)\n" +
		"coroutine.resume(co) print(debug.traceback(co)) print(coroutine.resume(co)) print(debug.traceback(co, 'msg'))"
	want := "false\tt.lua:1: attempt to index a nil value (local 't')\nstack traceback:\n" +
		"\tt.lua:1: in upvalue 'inner'\n\tt.lua:2: in function 'outer'\n\t[C]: in function 'xpcall'\n\tt.lua:3: in main chunk\n\t[C]: in ?\n" +
		"stack traceback:\n\t[C]: in function 'coroutine.yield'\n\tt.lua:4: in function <t.lua:4>\n" +
		"false\tt.lua:4: dead\nmsg\nstack traceback:\n\t[C]: in function 'error'\n\tt.lua:4: in function <t.lua:4>\n"
	runChunk(vm, out, []byte(src), "@t.lua")
	if out.String() != want {
		t.Errorf("%s", firstDiff(want, out.String()))
	}
	_, err := vm.Load([]byte("x = = 1"), "@bad.lua", "t")
	var se *SyntaxError
	if !errors.As(err, &se) || se.Line != 1 || err.Error() != "bad.lua:1: unexpected symbol near '='" {
		t.Errorf("syntax error %v", err)
	}
}

// TestLoadForms loads sources with a byte order mark, a '#' line, and
// bytecode behind one.
func TestLoadForms(t *testing.T) {
	p, err := Compile("print('code')", "=t", 32)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Dump(Layout32, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ src, want string }{
		{"\xEF\xBB\xBFprint(1)", "1\n"},
		{"#!/usr/bin/lua\nprint(2)", "2\n"},
		{"\xEF\xBB\xBF# x\nerror('e')", "lua5.3: f:2: e\n"},
		{string(code), "code\n"},
	} {
		vm, out := newTestVM(t, Options{Bits: 32})
		runChunk(vm, out, []byte(tt.src), "@f")
		if out.String() != tt.want {
			t.Errorf("%.20q: got %q, want %q", tt.src, out.String(), tt.want)
		}
	}
	if _, err := Undump(code, "=t", 64); !errors.Is(err, ErrWidth) {
		t.Errorf("wrong width: %v", err)
	}
}

// TestFromGo calls functions and resumes coroutines from Go.
func TestFromGo(t *testing.T) {
	vm, out := newTestVM(t, Options{Bits: 64})
	runChunk(vm, out, []byte(`function add(a, b) return a + b, a / b end
function boom() error({code = 5}) end
function gen(n) for i = 1, n do local x = coroutine.yield(i) ; n = x or n end return "done" end`), "=t")
	g := func(name string) glua.LValue { return vm.Globals().RawGetString(name) }
	r, err := vm.Call(g("add"), glua.LNumber(6), glua.LNumber(3))
	if err != nil || len(r) != 2 || r[0] != glua.LNumber(9) || r[1] != Float(2) {
		t.Errorf("add: %v, %v", r, err)
	}
	_, err = vm.Call(g("boom"))
	var e *glua.ApiError
	if !errors.As(err, &e) || e.Object.(*glua.LTable).RawGetString("code") != glua.LNumber(5) {
		t.Errorf("boom: %v", err)
	}
	l := vm.L()
	l.Push(g("add"))
	l.Push(glua.LNumber(1))
	l.Push(glua.LNumber(2))
	if err := l.PCall(2, 1, nil); err != nil || l.Get(-1) != glua.LNumber(3) {
		t.Errorf("PCall: %v, %v", l.Get(-1), err)
	}
	l.SetTop(0)
	co := vm.NewCoroutine(g("gen").(*glua.LFunction))
	for i, want := range []glua.LValue{glua.LNumber(1), glua.LNumber(2), glua.LString("done")} {
		ok, r := vm.Resume(co, glua.LNumber(2))
		if !ok || len(r) != 1 || r[0] != want {
			t.Errorf("resume %d: %v %v", i, ok, r)
		}
	}
	if ok, r := vm.Resume(co); ok || r[0] != glua.LString("cannot resume dead coroutine") || vm.Status(co) != "dead" {
		t.Errorf("dead: %v %v", ok, r)
	}
}
