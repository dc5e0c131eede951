package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// entryFn is one function of a library. Libraries are lists, not maps: the
// order decides what pairs() shows.
type entryFn struct {
	name string
	fn   glua.LGFunction
}

func fn(name string, f glua.LGFunction) entryFn { return entryFn{name, f} }

// lib makes (or extends) the global table name.
func (m *Machine) lib(name string, fns ...entryFn) *glua.LTable {
	t, ok := m.l.G.Global.RawGetString(name).(*glua.LTable)
	if !ok {
		t = m.l.CreateTable(0, len(fns))
		m.setGlobal(name, t)
		m.loaded().RawSetString(name, t)
	}
	m.fill(t, fns...)
	return t
}

// fill adds functions to a table.
func (m *Machine) fill(t *glua.LTable, fns ...entryFn) {
	for _, e := range fns {
		t.RawSetString(e.name, m.l.NewFunction(e.fn))
	}
}

func (m *Machine) setGlobal(name string, v glua.LValue) { m.l.G.Global.RawSetString(name, v) }

// loaded is package.loaded.
func (m *Machine) loaded() *glua.LTable {
	if t, ok := m.l.G.Registry.RawGetString("_LOADED").(*glua.LTable); ok {
		return t
	}
	t := m.l.NewTable()
	m.l.G.Registry.RawSetString("_LOADED", t)
	return t
}

// The argument helpers below check like Lua 5.3 and convert numbers in one
// place, so that libraries do not depend on how the core keeps them.

func (m *Machine) typeError(l *glua.LState, n int, want string) {
	got := "no value"
	if n <= l.GetTop() {
		got = typeName(l.Get(n))
	}
	l.ArgError(n, want+" expected, got "+got)
}

// str is luaL_checklstring.
func (m *Machine) str(l *glua.LState, n int) string {
	s, ok := m.text(l.Get(n))
	if !ok {
		m.typeError(l, n, "string")
	}
	return s
}

func (m *Machine) optStr(l *glua.LState, n int, def string) string {
	if l.Get(n) == glua.LNil {
		return def
	}
	return m.str(l, n)
}

// num is luaL_checknumber.
func (m *Machine) num(l *glua.LState, n int) float64 {
	f, ok := toNumber(l.Get(n))
	if !ok {
		m.typeError(l, n, "number")
	}
	return f
}

// integer is luaL_checkinteger.
func (m *Machine) integer(l *glua.LState, n int) int64 {
	i, ok := toInteger(m.num(l, n))
	if !ok {
		l.ArgError(n, "number has no integer representation")
	}
	return i
}

func (m *Machine) optInt(l *glua.LState, n int, def int64) int64 {
	if l.Get(n) == glua.LNil {
		return def
	}
	return m.integer(l, n)
}

func (m *Machine) optBool(l *glua.LState, n int, def bool) bool {
	if l.GetTop() < n || l.Get(n) == glua.LNil {
		return def
	}
	return glua.LVAsBool(l.Get(n))
}

func pushBool(l *glua.LState, b bool) int {
	l.Push(glua.LBool(b))
	return 1
}

func pushStr(l *glua.LState, s string) int {
	l.Push(glua.LString(s))
	return 1
}

func pushInt(l *glua.LState, n int64) int {
	l.Push(glua.LNumber(n))
	return 1
}

// constants adds numbers to a table, in the order given.
func constants(t *glua.LTable, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		t.RawSetString(pairs[i].(string), glua.LNumber(pairs[i+1].(int)))
	}
}
