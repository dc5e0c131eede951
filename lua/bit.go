package lua

import glua "github.com/yuin/gopher-lua"

// openBit installs bit.*, on integers of the VM's width.
func (m *Machine) openBit() {
	fold := func(op func(a, b int64) int64) glua.LGFunction {
		return func(l *glua.LState) int {
			r := m.bits(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				r = op(r, m.bits(l, i))
			}
			return pushInt(l, m.wrap(r))
		}
	}
	m.lib("bit",
		fn("bnot", func(l *glua.LState) int { return pushInt(l, m.wrap(^m.bits(l, 1))) }),
		fn("band", fold(func(a, b int64) int64 { return a & b })),
		fn("bor", fold(func(a, b int64) int64 { return a | b })),
		fn("bxor", fold(func(a, b int64) int64 { return a ^ b })),
		fn("lshift", func(l *glua.LState) int { return pushInt(l, m.shift(m.bits(l, 1), m.integer(l, 2))) }),
		fn("rshift", func(l *glua.LState) int { return pushInt(l, m.shift(m.bits(l, 1), -m.integer(l, 2))) }),
		fn("arshift", func(l *glua.LState) int {
			n := max(0, min(63, m.integer(l, 2)))
			return pushInt(l, m.wrap(m.wrap(m.bits(l, 1))>>n))
		}),
		fn("bit", func(l *glua.LState) int { return pushInt(l, m.shift(1, m.integer(l, 1))) }),
		fn("isset", func(l *glua.LState) int {
			return pushBool(l, m.shift(m.bits(l, 1), -m.integer(l, 2))&1 == 1)
		}),
		fn("isclear", func(l *glua.LState) int {
			return pushBool(l, m.shift(m.bits(l, 1), -m.integer(l, 2))&1 == 0)
		}),
		fn("set", func(l *glua.LState) int {
			r := m.bits(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				r |= m.shift(1, m.integer(l, i))
			}
			return pushInt(l, m.wrap(r))
		}),
		fn("clear", func(l *glua.LState) int {
			r := m.bits(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				r &^= m.shift(1, m.integer(l, i))
			}
			return pushInt(l, m.wrap(r))
		}),
	)
}

// bits reads an integer argument of a bit operation.
func (m *Machine) bits(l *glua.LState, n int) int64 { return m.wrap(m.integer(l, n)) }

// wrap cuts an integer to the VM's width, with its sign.
func (m *Machine) wrap(n int64) int64 {
	if m.fw.Bits == 32 {
		return int64(int32(n))
	}
	return n
}

// shift moves n to the left (or, with a negative count, to the right) without
// its sign, as << and >> do.
func (m *Machine) shift(n, by int64) int64 {
	width := int64(m.fw.Bits)
	u := uint64(n)
	if width == 32 {
		u = uint64(uint32(n))
	}
	switch {
	case by >= width || by <= -width:
		return 0
	case by >= 0:
		u <<= uint(by)
	default:
		u >>= uint(-by)
	}
	return m.wrap(int64(u))
}
