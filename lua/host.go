package lua

import glua "github.com/yuin/gopher-lua"

// hostTable is what our own libraries know and scripts do not: which
// generation of library they have to be. They get it as the third argument of
// their chunk.
func (m *Machine) hostTable(l *glua.LState) glua.LValue {
	t := l.NewTable()
	t.RawSetString("libs", l.NewFunction(func(l *glua.LState) int {
		return pushBool(l, m.libs(m.str(l, 1)))
	}))
	t.RawSetString("core", l.NewFunction(func(l *glua.LState) int {
		return pushBool(l, m.core(m.str(l, 1)))
	}))
	return t
}
