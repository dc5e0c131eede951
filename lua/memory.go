package lua

import (
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// setArrayLimit bounds how large gopher-lua makes a table's array part when a
// script assigns to a far index: by default t[60000000] = 1 takes a gigabyte.
// Larger indices live in the hash part.
var setArrayLimit = sync.OnceFunc(func() { glua.MaxArrayIndex = 1 << 18 })

// stringLimit is how long one string may get: no module holds one longer than
// its memory.
func (m *Machine) stringLimit() int64 { return max(m.fw.LuaMemory, 1<<20) }

// allocate is called before a library makes a string of n bytes.
func (m *Machine) allocate(l *glua.LState, n int64) {
	if n > m.stringLimit() {
		m.raise(l, "not enough memory")
	}
	m.allocated += n
	if n > 256 {
		m.charge(int(n / 64))
	}
}

// checkMemory is called once per slice.
func (m *Machine) checkMemory() {}
