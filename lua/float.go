package lua

import (
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// pushFloat pushes a number that is a float in Lua, also when it has an
// integral value: what readF32, unpack 'f' and 'd' and their like return. The
// VM's float is C's float in 32-bit firmware and a double in 64-bit firmware
// (luatos-runtime.md 11.3).
func (m *Machine) pushFloat(l *glua.LState, f float64) int {
	l.Push(m.vm.FloatValue(f))
	return 1
}

// pushWrapped pushes an integer cut to the VM's width: four unsigned bytes are
// a signed number in 32-bit firmware.
func (m *Machine) pushWrapped(l *glua.LState, n int64) int { return pushInt(l, m.wrap(n)) }

// anInteger is lua_isinteger: whether v is a number of the integer subtype. It
// does not convert strings.
func anInteger(v glua.LValue) (int64, bool) {
	switch v := v.(type) {
	case glua.LNumber:
		return wholeFloat(float64(v))
	case lua53.Int:
		return int64(v), true
	}
	return 0, false
}
