package lua

import (
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// entryFn is one function of a library. Libraries are lists, not maps: the
// order decides what pairs() shows.
//
// A native function calls back without a detour through the LState.
type entryFn struct {
	name   string
	fn     glua.LGFunction
	native lua53.Native
}

func fn(name string, f glua.LGFunction) entryFn  { return entryFn{name: name, fn: f} }
func native(name string, f lua53.Native) entryFn { return entryFn{name: name, native: f} }

// lib makes (or extends) the global table name.
func (m *Machine) lib(name string, fns ...entryFn) *glua.LTable {
	t, ok := m.vm.Globals().RawGetString(name).(*glua.LTable)
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
		if e.native != nil {
			t.RawSetString(e.name, m.vm.NewNative(e.name, e.native))
			continue
		}
		t.RawSetString(e.name, m.l.NewFunction(m.counted(e.fn)))
	}
}

// stringHead is what a string takes besides its bytes.
const stringHead = 17

// callSteps is what a call of a function in C takes on a module, in steps,
// besides its work.
const callSteps = 6

// counted counts a call of f, and the memory of the strings that it returns.
func (m *Machine) counted(f glua.LGFunction) glua.LGFunction {
	return func(l *glua.LState) int {
		m.charge(callSteps)
		n := f(l)
		var size int64
		for i := 1; i <= n; i++ {
			if s, ok := l.Get(-i).(glua.LString); ok {
				size += stringHead + int64(len(s))
			}
		}
		if size > 0 {
			m.vm.Alloc(size)
		}
		return n
	}
}

func (m *Machine) setGlobal(name string, v glua.LValue) { m.vm.Globals().RawSetString(name, v) }

// loaded is package.loaded, where the VM keeps it.
func (m *Machine) loaded() *glua.LTable {
	return m.l.G.Registry.RawGetString("_LOADED").(*glua.LTable)
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

// text is lua_tolstring: strings and numbers only.
func (m *Machine) text(v glua.LValue) (string, bool) {
	switch v.Type() {
	case glua.LTString:
		return string(v.(glua.LString)), true
	case glua.LTNumber:
		return m.vm.ToString(v), true
	}
	return "", false
}

func typeName(v glua.LValue) string { return v.Type().String() }

// number is lua_tonumber, for numbers only: a table may hold any of the three
// types that a number can have.
func (m *Machine) number(v glua.LValue) (float64, bool) {
	if v.Type() != glua.LTNumber {
		return 0, false
	}
	return m.vm.ToNumber(v)
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
	f, ok := m.vm.ToNumber(l.Get(n))
	if !ok {
		m.typeError(l, n, "number")
	}
	return f
}

// integer is luaL_checkinteger.
func (m *Machine) integer(l *glua.LState, n int) int64 {
	i, ok := m.vm.ToInteger(l.Get(n))
	if !ok {
		m.num(l, n)
		l.ArgError(n, "number has no integer representation")
	}
	return i
}

// bits reads an integer argument, cut to the VM's width.
func (m *Machine) bits(l *glua.LState, n int) int64 { return m.wrap(m.integer(l, n)) }

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
	l.Push(integerValue(n))
	return 1
}

// integerValue is exact for every n.
func integerValue(n int64) glua.LValue {
	if n > 1<<53 || n < -1<<53 {
		return lua53.Int(n)
	}
	return glua.LNumber(n)
}

// constants adds numbers to a table, in the order given.
func constants(t *glua.LTable, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		t.RawSetString(pairs[i].(string), glua.LNumber(pairs[i+1].(int)))
	}
}
