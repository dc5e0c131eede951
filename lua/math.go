package lua

import (
	"math"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/libm"
)

// openMath installs math.* of Lua 5.3 with the 5.1 names that the firmware's
// build keeps. Random numbers come from the board's stream.
func (m *Machine) openMath() {
	one := func(name string, f func(float64) float64) entryFn {
		return fn(name, func(l *glua.LState) int {
			l.Push(glua.LNumber(f(m.num(l, 1))))
			return 1
		})
	}
	two := func(name string, f func(a, b float64) float64) entryFn {
		return fn(name, func(l *glua.LState) int {
			l.Push(glua.LNumber(f(m.num(l, 1), m.num(l, 2))))
			return 1
		})
	}
	pick := func(name string, better func(a, b float64) bool) entryFn {
		return fn(name, func(l *glua.LState) int {
			best := m.num(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				if f := m.num(l, i); better(f, best) {
					best = f
				}
			}
			l.Push(glua.LNumber(best))
			return 1
		})
	}
	t := m.lib("math",
		one("abs", math.Abs), one("ceil", math.Ceil), one("floor", math.Floor), one("sqrt", math.Sqrt),
		one("sin", libm.Sin), one("cos", libm.Cos), one("tan", libm.Tan),
		one("asin", libm.Asin), one("acos", libm.Acos), one("exp", libm.Exp), one("log10", libm.Log10),
		one("sinh", libm.Sinh), one("cosh", libm.Cosh), one("tanh", libm.Tanh),
		one("deg", func(f float64) float64 { return f * (180 / math.Pi) }),
		one("rad", func(f float64) float64 { return f * (math.Pi / 180) }),
		two("pow", libm.Pow), two("atan2", libm.Atan2),
		pick("max", func(a, b float64) bool { return a > b }),
		pick("min", func(a, b float64) bool { return a < b }),
		fn("atan", func(l *glua.LState) int {
			x := 1.0
			if l.GetTop() > 1 {
				x = m.num(l, 2)
			}
			l.Push(glua.LNumber(libm.Atan2(m.num(l, 1), x)))
			return 1
		}),
		fn("log", func(l *glua.LState) int {
			f := libm.Log(m.num(l, 1))
			if l.GetTop() > 1 {
				f = libm.LogBase(m.num(l, 1), m.num(l, 2))
			}
			l.Push(glua.LNumber(f))
			return 1
		}),
		fn("fmod", func(l *glua.LState) int {
			l.Push(glua.LNumber(math.Mod(m.num(l, 1), m.num(l, 2))))
			return 1
		}),
		fn("modf", func(l *glua.LState) int {
			i, f := math.Modf(m.num(l, 1))
			l.Push(glua.LNumber(i))
			l.Push(glua.LNumber(f))
			return 2
		}),
		fn("frexp", func(l *glua.LState) int {
			f, e := math.Frexp(m.num(l, 1))
			l.Push(glua.LNumber(f))
			l.Push(glua.LNumber(e))
			return 2
		}),
		fn("ldexp", func(l *glua.LState) int {
			l.Push(glua.LNumber(math.Ldexp(m.num(l, 1), int(max(-5000, min(5000, m.integer(l, 2)))))))
			return 1
		}),
		fn("tointeger", func(l *glua.LState) int {
			if f, ok := l.Get(1).(glua.LNumber); ok {
				if i, ok := toInteger(float64(f)); ok {
					return pushInt(l, i)
				}
			}
			l.Push(glua.LNil)
			return 1
		}),
		fn("type", func(l *glua.LState) int {
			f, ok := l.CheckAny(1).(glua.LNumber)
			if !ok {
				l.Push(glua.LNil)
				return 1
			}
			if _, whole := toInteger(float64(f)); whole {
				return pushStr(l, "integer")
			}
			return pushStr(l, "float")
		}),
		fn("ult", func(l *glua.LState) int {
			return pushBool(l, uint64(m.integer(l, 1)) < uint64(m.integer(l, 2)))
		}),
		fn("random", m.mathRandom),
		fn("randomseed", func(l *glua.LState) int { return 0 }),
	)
	t.RawSetString("pi", glua.LNumber(math.Pi))
	t.RawSetString("huge", glua.LNumber(math.Inf(1)))
	biggest, smallest := float64(1<<63-1), float64(-1<<63)
	if m.fw.Bits == 32 {
		biggest, smallest = 1<<31-1, -1<<31
	}
	t.RawSetString("maxinteger", glua.LNumber(biggest))
	t.RawSetString("mininteger", glua.LNumber(smallest))
}

func (m *Machine) mathRandom(l *glua.LState) int {
	if m.rand == nil {
		m.rand = m.board.Rand("lua")
	}
	if l.GetTop() == 0 {
		l.Push(glua.LNumber(m.rand.Float64()))
		return 1
	}
	low, high := int64(1), m.integer(l, 1)
	if l.GetTop() > 1 {
		low, high = high, m.integer(l, 2)
	}
	if low > high {
		l.ArgError(min(2, l.GetTop()), "interval is empty")
	}
	if n := uint64(high) - uint64(low) + 1; n != 0 {
		return pushInt(l, int64(uint64(low)+m.rand.Uint64N(n)))
	}
	return pushInt(l, int64(m.rand.Uint64()))
}
