package lua

import "airlift/lua/lua53"

// openBit installs bit.*, on integers of the VM's width.
func (m *Machine) openBit() {
	fold := func(op func(a, b int64) int64) lua53.Native {
		return func(a lua53.Args) int {
			r := a.Int(0)
			for i := 2; i <= a.N(); i++ {
				r = op(r, a.Int(i-1))
			}
			return m.retInt(a, m.wrap(r))
		}
	}
	m.lib("bit",
		native("bnot", func(a lua53.Args) int { return m.retInt(a, m.wrap(^a.Int(0))) }),
		native("band", fold(func(a, b int64) int64 { return a & b })),
		native("bor", fold(func(a, b int64) int64 { return a | b })),
		native("bxor", fold(func(a, b int64) int64 { return a ^ b })),
		native("lshift", func(a lua53.Args) int { return m.retInt(a, m.shift(a.Int(0), a.Int(1))) }),
		native("rshift", func(a lua53.Args) int { return m.retInt(a, m.shift(a.Int(0), -a.Int(1))) }),
		native("arshift", func(a lua53.Args) int {
			n := max(0, min(63, a.Int(1)))
			return m.retInt(a, m.wrap(m.wrap(a.Int(0))>>n))
		}),
		native("bit", func(a lua53.Args) int { return m.retInt(a, m.shift(1, a.Int(0))) }),
		native("isset", func(a lua53.Args) int {
			return retBool(a, m.shift(a.Int(0), -a.Int(1))&1 == 1)
		}),
		native("isclear", func(a lua53.Args) int {
			return retBool(a, m.shift(a.Int(0), -a.Int(1))&1 == 0)
		}),
		native("set", func(a lua53.Args) int {
			r := a.Int(0)
			for i := 2; i <= a.N(); i++ {
				r |= m.shift(1, a.Int(i-1))
			}
			return m.retInt(a, m.wrap(r))
		}),
		native("clear", func(a lua53.Args) int {
			r := a.Int(0)
			for i := 2; i <= a.N(); i++ {
				r &^= m.shift(1, a.Int(i-1))
			}
			return m.retInt(a, m.wrap(r))
		}),
	)
}

func (m *Machine) retInt(a lua53.Args, n int64) int {
	a.PushInt(m.wrap(n))
	return 1
}

func retBool(a lua53.Args, b bool) int {
	a.PushBool(b)
	return 1
}

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
