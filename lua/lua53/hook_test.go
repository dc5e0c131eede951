package lua53

import (
	"fmt"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// hookProgram sets every kind of hook around code of many kinds and prints
// the events.
const hookProgram = `
local function where(level)
  local i = debug.getinfo(level + 1, "Slnt")
  return (i.name or "?") .. "/" .. i.namewhat .. "/" .. i.what .. "/" .. i.currentline .. (i.istailcall and "/tail" or "")
end
local function id(x) return x end
local function tail(x)
  return id(x)
end
local function work()
  local t = setmetatable({}, {__index = function(t, k) return k end, __add = function(a, b)
    return 1
  end})
  local s = 0
  for i = 1, 3 do s = s + i end
  for k, v in pairs({1, 2}) do
    s = s + v
  end
  while s < 12 do s = s + 1 end repeat s = s + 1 until s > 14
  s = s + t.x:len() + (t + t)
  tail(s)
  pcall(error, "x")
  pcall(id, 1, 2, 3)
  pcall(function()
    local z = nil
    z()
  end)
  local co = coroutine.wrap(function(a)
    local b = coroutine.yield(a)
    return b
  end)
  co(1) co(2)
  if s > 100 then
    s = 1
  elseif s < 0 then s = 2
  else
    s = 3
  end
  return (select(2, id(s), string.rep("x", 3), table.unpack({1, 2, 3})))
end
for _, mask in ipairs{"c", "r", "l", "cr", "crl", "", "xl"} do
  for _, count in ipairs{0, 1, 7} do
    print("mask", mask, count)
    debug.sethook(function(event, line)
      print(event, line, where(2))
    end, mask, count)
    local r = work()
    local f, m, c = debug.gethook()
    debug.sethook()
    print(r, type(f), m, c, debug.gethook())
  end
end
local n = 0
debug.sethook(function() n = n + 1 error("from hook") end, "l")
print(pcall(work)) print(pcall(function()
  return 1
end))
debug.sethook()
print(n)
local co = coroutine.create(function() local a = 1
  coroutine.yield(a)
  a = 2
end)
debug.sethook(co, function(e, l) print("co", e, l) end, "lc")
coroutine.resume(co) print(debug.gethook(co) ~= nil, debug.gethook()) coroutine.resume(co)
print(pcall(debug.sethook, 1, "l"), pcall(debug.sethook, print))
debug.sethook(function(e, l) print(e, l) end, "l")
load("x = 1\n\n\ny = 2\nfor i = 1, 2 do\n  y = i\nend")()
debug.sethook()
`

func TestHooks(t *testing.T) {
	ref := reference(t, 64)
	if want, got := runC(ref, hookProgram), runOurs(hookProgram, 64); want != got {
		t.Errorf("%s", firstDiff(want, got))
	}
}

func TestCallHook(t *testing.T) {
	var lines []string
	vm := New(Options{Bits: 64, Rethrow: true, CallHook: func(c Call) {
		var args []string
		for _, a := range c.Args() {
			args = append(args, a.String())
		}
		kind, name := c.Name()
		chunk, line := c.Defined()
		from, at := c.From()
		lines = append(lines, fmt.Sprintf("%d %s %s(%s) %s:%d from %s:%d native=%v tail=%v", c.Depth(), kind, name, strings.Join(args, ","), chunk, line, from, at, c.Native(), c.Tail()))
	}})
	vm.OpenLibs()
	vm.L().SetGlobal("legacy", vm.L().NewFunction(func(l *glua.LState) int { return 0 }))
	f, err := vm.Load([]byte(`local function va(a, ...)
	while a > 0 do a = a - 1 end -- comes back to the first instruction
end
va(2, 3, 4) legacy(1)
local function t() return va(0) end
t()
pcall(va, 0)
coroutine.wrap(va)(0)`), "@m.lua", "t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vm.Call(f); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0  () m.lua:0 from :-1 native=false tail=false",
		"1 local va(2,3,4) m.lua:1 from m.lua:4 native=false tail=false",
		"1 global legacy(1) [C]:-1 from m.lua:4 native=true tail=false",
		"1 local t() m.lua:5 from m.lua:6 native=false tail=false",
		"1  (0) m.lua:1 from m.lua:6 native=false tail=true",
		"1 global pcall(function: 0x,0) [C]:-1 from m.lua:7 native=true tail=false",
		"2  (0) m.lua:1 from :-1 native=false tail=false",
		"1 field wrap(function: ) [C]:-1 from m.lua:8 native=true tail=false",
		"1  (0) [C]:-1 from m.lua:8 native=true tail=false",
		"0  (0) m.lua:1 from :-1 native=false tail=false",
	}
	for i := range want {
		if i < len(lines) && strings.Contains(lines[i], "function: ") {
			continue
		}
		if i >= len(lines) || lines[i] != want[i] {
			t.Errorf("call %d: %s", i, strings.Join(lines, "\n"))
			break
		}
	}
}
