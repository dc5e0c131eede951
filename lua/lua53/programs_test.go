package lua53

// languageProgram is a benchmark of the language.
type languageProgram struct {
	name   string
	src    string
	gopher string // what gopher-lua runs if not src
}

// languagePrograms each run for some tens of milliseconds. gopher-lua has no
// bit operators: it hashes with arithmetic, in as many rounds.
var languagePrograms = []languageProgram{
	{name: "fib", src: `local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end fib(30)`},
	{name: "loop", src: `local x = 0 for i = 1, 5000000 do end for i = 1, 3000000 do x = x + i end`},
	{name: "float", src: `local x = 0.5 for i = 1, 2000000 do x = x * 1.0000001 + 0.5 / i end`},
	{name: "strbuild", src: `local t = {} for i = 1, 100000 do t[#t+1] = "item" .. i end local s = table.concat(t, ",")
local u = "" for i = 1, 3000 do u = u .. "xy" end`},
	{name: "strops", src: `local n = 0 for i = 1, 20000 do
local s = "key" .. i .. "=value" .. (i * 2)
local k, v = s:match("^(%w+)=(%w+)$")
n = n + #k + #v + (s:find("value", 1, true) or 0)
s = s:gsub("e", "E"):upper():sub(2, -2)
n = n + s:byte(1) + #string.format("%d:%s", i, s)
end`},
	{name: "insert", src: `for r = 1, 10 do local t = {} for i = 1, 50000 do table.insert(t, i) end
local s = 0 for i = 1, #t do s = s + t[i] end for i, v in ipairs(t) do s = s + v end for i = 1, 20000 do table.remove(t) end end`},
	{name: "sort", src: `local t = {} local x = 42 for i = 1, 40000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t)
for i = 1, 20000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t, function(a, b) return a > b end)`},
	{name: "json", src: jsonProgram},
	{name: "hash", src: hashBits, gopher: hashArithmetic},
	{name: "co", src: `local co = coroutine.wrap(function() while true do coroutine.yield(1) end end) for i = 1, 300000 do co() end`},
	{name: "tasks", src: `local ts = {} for i = 1, 1000 do ts[i] = coroutine.create(function() for j = 1, 20 do coroutine.yield(j) end end) end
for r = 1, 21 do for i = 1, 1000 do coroutine.resume(ts[i]) end end`},
	{name: "oop", src: `local P = {} P.__index = P function P.new(x, y) return setmetatable({x = x, y = y}, P) end
function P:add(o) return P.new(self.x + o.x, self.y + o.y) end
local a, b = P.new(0, 0), P.new(1, 2) for i = 1, 200000 do a = a:add(b) end`},
	{name: "closure", src: `local function mk(i) return function(x) return x + i end end local s = 0 for i = 1, 300000 do s = s + mk(i)(1) end`},
	{name: "pairs", src: `local t = {} for i = 1, 1000 do t["k" .. i] = i end local s = 0 for r = 1, 200 do for k, v in pairs(t) do s = s + v end end`},
}

const jsonProgram = `
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

const hashBits = `
local function fnv(s)
  local h = 0x811c9dc5
  for i = 1, #s do h = ((h ~ s:byte(i)) * 0x01000193) & 0xffffffff end
  return h
end
local s = string.rep("abcdefghij", 20)
for r = 1, 500 do fnv(s) end
local x = 88172645
for i = 1, 300000 do
  x = x ~ (x << 13)
  x = x ~ (x >> 7)
  x = x ~ (x << 17)
end`

const hashArithmetic = `
local function djb(s)
  local h = 5381
  for i = 1, #s do h = (h * 33 + s:byte(i)) % 4294967296 end
  return h
end
local s = string.rep("abcdefghij", 20)
for r = 1, 500 do djb(s) end
local x = 88172645
for i = 1, 300000 do
  x = (x * 33 + 13) % 4294967296
  x = (x * 33 + 7) % 4294967296
  x = (x * 33 + 17) % 4294967296
end`
