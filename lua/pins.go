package lua

import (
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// openPins installs pins.* and pin.* (luatos-runtime.md 10): what a pin is
// used for is recorded. pin.PB06 and pin.get("PB06") are the numbers of pins
// where pins have such names: 16 to a port.
func (m *Machine) openPins() {
	m.lib("pins",
		m.recorded("pins", "setup", 1), m.recorded("pins", "close", 1),
		fn("loadjson", func(l *glua.LState) int {
			path := m.str(l, 1)
			m.hardware(l, "pins", "loadjson")
			if st, err := m.files.Stat(path); err != nil || st.IsDir() {
				m.checkPower()
				l.Push(glua.LFalse)
				l.Push(glua.LNumber(-1))
				return 2
			}
			l.Push(glua.LTrue)
			l.Push(glua.LNumber(0))
			return 2
		}),
		fn("debug", func(l *glua.LState) int {
			m.pinsDebug = m.optBool(l, 1, m.pinsDebug)
			return pushBool(l, m.pinsDebug)
		}),
	)
	number := func(l *glua.LState, arg int) int {
		if n, ok := portPin(m.str(l, arg)); ok {
			return pushInt(l, n)
		}
		m.logf(levelWarn, "pin", "invaild pin id %s", m.str(l, arg))
		return 0
	}
	t := m.lib("pin", fn("get", func(l *glua.LState) int { return number(l, 1) }))
	meta := m.l.NewTable()
	m.fill(meta, fn("__index", func(l *glua.LState) int { return number(l, 2) }))
	t.Metatable = meta
}

// portPin is the number of "PA00" to "PZ15", in any letter case.
func portPin(name string) (int64, bool) {
	if len(name) < 3 || name[0]|0x20 != 'p' {
		return 0, false
	}
	port := name[1] | 0x20
	n, err := strconv.ParseUint(name[2:], 10, 8)
	if err != nil || port < 'a' || port > 'z' || n > 15 {
		return 0, false
	}
	return int64(port-'a')*16 + int64(n), true
}
