package lua

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// sourceMax bounds one script file. No module has as much script area.
const sourceMax = 2 << 20

// searchPatterns is where require looks, in this order, behind the patterns
// of rtos.setPaths (luatos-runtime.md 1.2).
var searchPatterns = []string{"/%s.luac", "/%s.lua", "/luadb/%s.luac", "/luadb/%s.lua", "/lua/%s.luac", "/lua/%s.lua"}

// find returns the first file that the module name stands for.
func (m *Machine) find(name string) (file string, ok bool) {
	for _, p := range append(append([]string{}, m.paths...), searchPatterns...) {
		file = strings.Replace(p, "%s", name, 1)
		if m.files.exists(file) {
			return file, true
		}
		m.checkPower()
	}
	return "", false
}

// openPackage installs require, unload, module and package.
func (m *Machine) openPackage() {
	g := m.vm.Globals()
	m.fill(g, native("require", m.require), fn("unload", m.unload))
	p := m.lib("package")
	p.RawSetString("loaded", m.loaded())
	d := g.RawGetString("debug").(*glua.LTable)
	m.call(m.l, m.builtin("=[C]", moduleSource), 0, m.loaded(), d.RawGetString("getinfo"), d.RawGetString("setupvalue"))
}

// moduleSource is module and package.seeall, which the firmware's build keeps
// from Lua 5.1 (luatos-runtime.md 11.3).
const moduleSource = `
local loaded, getinfo, setupvalue = ...
local type, error, setmetatable, select = type, error, setmetatable, select
local G = _G
local function find(name)
  local t = G
  for part in name:gmatch("[^.]+") do
    if t[part] == nil then t[part] = {} end
    t = t[part]
    if type(t) ~= "table" then error("name conflict for module '" .. name .. "'", 3) end
  end
  return t
end
function module(name, ...)
  local caller = getinfo(2, "fS")
  if not caller or caller.what == "C" then error("'module' not called from a Lua function", 2) end
  local t = loaded[name]
  if type(t) ~= "table" then
    t = find(name)
    loaded[name] = t
  end
  if t._NAME == nil then
    t._M, t._NAME, t._PACKAGE = t, name, name:match("^(.*%.)[^.]*$") or ""
  end
  setupvalue(caller.func, 1, t)
  for i = 1, select("#", ...) do
    local option = select(i, ...)
    if type(option) == "function" then option(t) end
  end
end
function package.seeall(t)
  local mt = getmetatable(t)
  if not mt then
    mt = {}
    setmetatable(t, mt)
  end
  mt.__index = G
end`

func (m *Machine) require(a lua53.Args) int {
	a.Push(m.requireModule(a.Str(0)))
	return 1
}

func (m *Machine) requireModule(name string) glua.LValue {
	if len(name) < 1 || len(name) > 48 {
		m.raise("module name '%s' len %d is invalid", name, len(name))
	}
	loaded := m.loaded()
	if v := loaded.RawGetString(name); v != glua.LNil {
		return v
	}
	file, ok := m.find(name)
	if !ok {
		m.raise("module '%s' not found", name)
	}
	f, extra, err := m.loadFile(file)
	if err != nil {
		m.raise("error loading module '%s' from file '%s':\n\t%s", name, file, err.Error())
	}
	args := append([]glua.LValue{glua.LString(name), glua.LString(file)}, extra...)
	v := m.call1(m.l, f, args...)
	if v != glua.LNil {
		loaded.RawSetString(name, v)
	} else if loaded.RawGetString(name) == glua.LNil {
		loaded.RawSetString(name, glua.LTrue)
	}
	return loaded.RawGetString(name)
}

func (m *Machine) unload(l *glua.LState) int {
	m.loaded().RawSetString(m.str(l, 1), glua.LNil)
	return 0
}

// loadFile makes a function of a file of the tree, source or bytecode. Our own
// libraries get a table of facts about the firmware as their third argument,
// which user scripts never see.
func (m *Machine) loadFile(file string) (f *glua.LFunction, extra []glua.LValue, err error) {
	src, builtin, err := m.files.readAll(file, sourceMax)
	m.checkPower()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	name := "@" + path.Base(file)
	if builtin {
		return m.builtin(name, src), []glua.LValue{m.hostTable(m.l)}, nil
	}
	f, err = m.compile(name, src)
	return f, nil, err
}

// compile makes a function of a file's contents.
func (m *Machine) compile(name, src string) (*glua.LFunction, error) {
	p, err := protos.get(protoKey{name, src, m.fw.Bits, m.fw.LuaTask})
	if err != nil {
		return nil, err
	}
	return m.vm.NewFunction(p), nil
}

// builtin makes a function from one of our own files, which cannot be wrong.
func (m *Machine) builtin(name, src string) *glua.LFunction {
	f, err := m.compile(name, src)
	if err != nil {
		panic(fmt.Sprintf("built-in script %s: %v", name, err))
	}
	return f
}

// protos keeps compiled functions for the whole process: they are never
// changed, and a sweep runs the same scripts thousands of times.
var protos = protoCache{byKey: map[protoKey]*lua53.Proto{}}

type protoKey struct {
	name, src string
	bits      int
	lua51     bool
}

type protoCache struct {
	mu    sync.Mutex
	byKey map[protoKey]*lua53.Proto
	bytes int
}

// protoCacheMax bounds the text that the cache keeps, in bytes.
const protoCacheMax = 16 << 20

func (c *protoCache) get(k protoKey) (*lua53.Proto, error) {
	c.mu.Lock()
	p := c.byKey[k]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := compileChunk(k)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+len(k.src) > protoCacheMax {
		clear(c.byKey)
		c.bytes = 0
	}
	c.byKey[k] = p
	c.bytes += len(k.src)
	return p, nil
}

// compileChunk takes source text and luac's output. The latter is verified.
func compileChunk(k protoKey) (*lua53.Proto, error) {
	chunk := lua53.SkipPrefix([]byte(k.src))
	if bytes.HasPrefix(chunk, []byte("\x1bLua")) {
		return lua53.Undump(chunk, k.name, k.bits)
	}
	if k.lua51 {
		return lua53.Compile51(string(chunk), k.name)
	}
	return lua53.Compile(string(chunk), k.name, k.bits)
}
