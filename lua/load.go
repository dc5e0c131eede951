package lua

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/syntax"
)

// ErrCompiled is the refusal of files that luac has compiled.
var ErrCompiled = errors.New("compiled Lua file: this version runs source only; pack the project with its .lua files")

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

// openPackage installs require, unload, module and package.loaded.
func (m *Machine) openPackage() {
	g := m.l.G.Global
	m.fill(g, fn("require", m.require), fn("unload", m.unload), fn("module", m.module))
	p := m.lib("package")
	p.RawSetString("loaded", m.loaded())
}

func (m *Machine) require(l *glua.LState) int {
	name := m.str(l, 1)
	if len(name) < 1 || len(name) > 48 {
		m.raise(l, "module name '%s' len %d is invalid", name, len(name))
	}
	loaded := m.loaded()
	if v := loaded.RawGetString(name); v != glua.LNil {
		l.Push(v)
		return 1
	}
	file, ok := m.find(name)
	if !ok {
		m.raise(l, "module '%s' not found", name)
	}
	f, extra, err := m.loadFile(l, file)
	if err != nil {
		l.Error(glua.LString(m.where(l, 1)+fmt.Sprintf("error loading module '%s' from file '%s':\n\t%s", name, file, err.Error())), 0)
	}
	args := append([]glua.LValue{glua.LString(name), glua.LString(file)}, extra...)
	v := m.call1(l, f, args...)
	if v != glua.LNil {
		loaded.RawSetString(name, v)
	} else if loaded.RawGetString(name) == glua.LNil {
		loaded.RawSetString(name, glua.LTrue)
	}
	l.Push(loaded.RawGetString(name))
	return 1
}

func (m *Machine) unload(l *glua.LState) int {
	m.loaded().RawSetString(m.str(l, 1), glua.LNil)
	return 0
}

// module is the 5.1 function, without setfenv: it makes the global table and
// registers it.
func (m *Machine) module(l *glua.LState) int {
	name := m.str(l, 1)
	t := m.lib(name)
	t.RawSetString("_M", t)
	t.RawSetString("_NAME", glua.LString(name))
	m.loaded().RawSetString(name, t)
	l.Push(t)
	return 1
}

// loadFile compiles a file of the tree. Our own libraries get a table of facts
// about the firmware as their third argument, which user scripts never see.
func (m *Machine) loadFile(l *glua.LState, file string) (f *glua.LFunction, extra []glua.LValue, err error) {
	src, builtin, err := m.files.readAll(file, sourceMax)
	m.checkPower()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	if builtin {
		return m.builtin(l, path.Base(file), src), []glua.LValue{m.hostTable(l)}, nil
	}
	f, err = m.compile(l, path.Base(file), src)
	return f, nil, err
}

// chunkName is what messages call a chunk that load() made from a string.
func chunkName(name string) string {
	if name != "" && (name[0] == '@' || name[0] == '=') {
		return name[1:]
	}
	line, _, cut := strings.Cut(name, "\n")
	const room = 40
	if len(line) > room {
		line, cut = line[:room], true
	}
	if cut {
		line += "..."
	}
	return `[string "` + line + `"]`
}

// compile makes a function from source text.
func (m *Machine) compile(l *glua.LState, name, src string) (*glua.LFunction, error) {
	c, err := protos.get(protoKey{name, src, m.fw.Bits})
	if err != nil {
		return nil, err
	}
	return m.instance(l, c), nil
}

// builtin makes a function from one of our own files, which cannot be wrong.
func (m *Machine) builtin(l *glua.LState, name, src string) *glua.LFunction {
	f, err := m.compile(l, name, src)
	if err != nil {
		panic(fmt.Sprintf("built-in script %s: %v", name, err))
	}
	return f
}

// instance makes a function of a compiled chunk: see [syntax.Chunk].
func (m *Machine) instance(l *glua.LState, c *compiled) *glua.LFunction {
	f := l.NewFunctionFromProto(c.proto)
	if len(c.ops) == 0 {
		return f
	}
	args := make([]glua.LValue, len(c.ops))
	for i, op := range c.ops {
		args[i] = m.operators[op]
	}
	return m.call1(l, f, args...).(*glua.LFunction)
}

// compiled is a chunk with the operator functions that it wants.
type compiled struct {
	proto *glua.FunctionProto
	ops   []string
}

// protos keeps compiled functions for the whole process: they are never
// changed, and a sweep runs the same scripts thousands of times.
var protos = protoCache{byKey: map[protoKey]*compiled{}}

type protoKey struct {
	name, src string
	bits      int
}

type protoCache struct {
	mu    sync.Mutex
	byKey map[protoKey]*compiled
	bytes int
}

// protoCacheMax bounds the source text that the cache keeps, in bytes.
const protoCacheMax = 16 << 20

func (c *protoCache) get(k protoKey) (*compiled, error) {
	c.mu.Lock()
	p := c.byKey[k]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := compileSource(k)
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

// compileSource is the only place that knows the language core's compiler.
func compileSource(k protoKey) (c *compiled, err error) {
	if strings.HasPrefix(k.src, "\x1bLua") {
		return nil, fmt.Errorf("%s: %w", k.name, ErrCompiled)
	}
	chunk, err := syntax.Parse(k.name, k.src, k.bits)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("%s: the compiler cannot take this file: %v", k.name, r)
		}
	}()
	proto, err := glua.Compile(chunk.Stmts, k.name)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", " ")))
	}
	return &compiled{proto, chunk.Ops}, nil
}
