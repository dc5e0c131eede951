package lua53

import (
	"os/exec"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// Programs for all three machines; each runs for some tens of milliseconds.
// The bit operators of 5.3 are not in gopher-lua: hash is C and ours only, and
// hash51 does the same with arithmetic.
var benchPrograms = []struct{ name, src string }{
	{"fib", `local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end fib(27)`},
	{"loop", `local x = 0 for i = 1, 3000000 do x = x + i end for i = 1, 3000000 do end`},
	{"float", `local x = 0.5 for i = 1, 2000000 do x = x * 1.0000001 + 0.5 / i end`},
	{"strbuild", `local t = {} for i = 1, 100000 do t[#t+1] = "item" .. i end local s = table.concat(t, ",")
local u = "" for i = 1, 3000 do u = u .. "xy" end`},
	{"strops", `local n = 0 for i = 1, 20000 do
local s = "key" .. i .. "=value" .. (i * 2)
local k, v = s:match("^(%w+)=(%w+)$")
n = n + #k + #v + (s:find("value", 1, true) or 0)
s = s:gsub("e", "E"):upper():sub(2, -2)
n = n + s:byte(1) + #string.format("%d:%s", i, s)
end`},
	{"insert", `for r = 1, 10 do local t = {} for i = 1, 50000 do table.insert(t, i) end
local s = 0 for i = 1, #t do s = s + t[i] end for i, v in ipairs(t) do s = s + v end for i = 1, 20000 do table.remove(t) end end`},
	{"sort", `local t = {} local x = 42 for i = 1, 40000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t)
for i = 1, 20000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t, function(a, b) return a > b end)`},
	{"json", jsonBench},
	{"hash51", `local h = 5381 local s = string.rep("abcdefghij", 20) for r = 1, 500 do for i = 1, #s do h = (h * 33 + s:byte(i)) % 4294967296 end end`},
	{"co", `local co = coroutine.wrap(function() while true do coroutine.yield(1) end end) for i = 1, 300000 do co() end`},
	{"tasks", `local ts = {} for i = 1, 1000 do ts[i] = coroutine.create(function() for j = 1, 20 do coroutine.yield(j) end end) end
for r = 1, 21 do for i = 1, 1000 do coroutine.resume(ts[i]) end end`},
	{"oop", `local P = {} P.__index = P function P.new(x, y) return setmetatable({x = x, y = y}, P) end
function P:add(o) return P.new(self.x + o.x, self.y + o.y) end
local a, b = P.new(0, 0), P.new(1, 2) for i = 1, 200000 do a = a:add(b) end`},
	{"closure", `local function mk(i) return function(x) return x + i end end local s = 0 for i = 1, 300000 do s = s + mk(i)(1) end`},
	{"pairs", `local t = {} for i = 1, 1000 do t["k" .. i] = i end local s = 0 for r = 1, 200 do for k, v in pairs(t) do s = s + v end end`},
}

const hashBench = `local function h32(s) local h = 0x811c9dc5 for i = 1, #s do h = ((h ~ s:byte(i)) * 0x01000193) & 0xffffffff end return h end
local s = string.rep("abcdefghij", 20) for r = 1, 500 do h32(s) end
local x = 88172645463325252 for i = 1, 300000 do x = x ~ (x << 13) x = x ~ (x >> 7) x = x ~ (x << 17) end`

const jsonBench = `
local function enc(v, out)
  local t = type(v)
  if t == "table" then
    if #v > 0 then
      out[#out+1] = "["
      for i = 1, #v do if i > 1 then out[#out+1] = "," end enc(v[i], out) end
      out[#out+1] = "]"
    else
      out[#out+1] = "{"
      local first = true
      for k, x in pairs(v) do
        if not first then out[#out+1] = "," end
        first = false
        out[#out+1] = '"' .. k .. '":'
        enc(x, out)
      end
      out[#out+1] = "}"
    end
  elseif t == "string" then
    out[#out+1] = '"' .. v:gsub('[%c"\\]', function(c) return "\\" .. c end) .. '"'
  else
    out[#out+1] = tostring(v)
  end
end
local function dec(s, i)
  i = s:find("%S", i)
  local c = s:sub(i, i)
  if c == "{" then
    local t = {}
    i = s:find("%S", i + 1)
    if s:sub(i, i) == "}" then return t, i + 1 end
    while true do
      local k, v
      k, i = dec(s, i)
      i = s:find(":", i, true)
      v, i = dec(s, i + 1)
      t[k] = v
      i = s:find("%S", i)
      if s:sub(i, i) == "}" then return t, i + 1 end
      i = i + 1
    end
  elseif c == "[" then
    local t = {}
    while true do
      local v
      v, i = dec(s, i + 1)
      t[#t+1] = v
      i = s:find("%S", i)
      if s:sub(i, i) == "]" then return t, i + 1 end
    end
  elseif c == '"' then
    local j = s:find('"', i + 1, true)
    return s:sub(i + 1, j - 1), j + 1
  else
    local n = s:match("^[%w%.%-]+", i)
    return tonumber(n), i + #n
  end
end
local doc = {name = "device", id = 12345, list = {}, opts = {a = 1, b = 2, c = "three"}}
for i = 1, 30 do doc.list[i] = {id = i, name = "n" .. i, v = i * 0.5} end
for r = 1, 40 do
  local out = {}
  enc(doc, out)
  local s = table.concat(out)
  local d = dec(s, 1)
end`

func BenchmarkOurs(b *testing.B) {
	for _, p := range append(benchPrograms, struct{ name, src string }{"hash", hashBench}) {
		b.Run(p.name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				vm := New(Options{Bits: 64})
				vm.OpenLibs()
				f, err := vm.Load([]byte(p.src), "=bench", "t")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := vm.Call(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGopher(b *testing.B) {
	for _, p := range benchPrograms {
		b.Run(p.name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				l := glua.NewState(glua.Options{RegistrySize: 1 << 18})
				if err := l.DoString(p.src); err != nil {
					b.Fatal(err)
				}
				l.Close()
			}
		})
	}
}

// BenchmarkC includes the start of the process.
func BenchmarkC(b *testing.B) {
	ref := reference(b, 64)
	for _, p := range append(benchPrograms, struct{ name, src string }{"hash", hashBench}, struct{ name, src string }{"start", ""}) {
		b.Run(p.name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				cmd := exec.Command(ref, "-")
				cmd.Stdin = strings.NewReader(p.src)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatal(err, string(out))
				}
			}
		})
	}
}
