package lua

import (
	"fmt"
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// The library bit64: numbers of 64 bits as strings of nine bytes, for VMs of
// 32 bits. Eight bytes are the number, little endian; the ninth is 0 for an
// integer and something else for a double (the library's documentation; the
// section of luatos-runtime.md has only the names).
//
// An integer of a VM of 32 bits becomes 64 without its sign: show(to64(-5)) is
// 4294967291, as in upstream's unit test.
//
// Assumed: doubles are marked with 1; dividing an integer by 0 gives 0, as the
// chip's division does; a shift right brings in zeros, shifts by 64 or more
// give 0, and a double is shifted like any bits; to32 cuts an integer to 32
// bits also on VMs of 64.

// wide is a number of bit64.
type wide struct {
	bits    uint64
	isFloat bool
}

func (w wide) float() float64 {
	if w.isFloat {
		return math.Float64frombits(w.bits)
	}
	return float64(int64(w.bits))
}

func (w wide) push(l *glua.LState) int {
	p := intBytes(int64(w.bits), 9, false)
	p[8] = 0
	if w.isFloat {
		p[8] = 1
	}
	return pushStr(l, string(p))
}

func wideFloat(f float64) wide { return wide{math.Float64bits(f), true} }

// openBit64 installs bit64.*.
func (m *Machine) openBit64() {
	m.lib("bit64",
		fn("to64", func(l *glua.LState) int {
			w := m.wideNumber(l.Get(1))
			if !w.isFloat && m.fw.Bits == 32 {
				w.bits = uint64(uint32(w.bits)) // C's cast to lua_Unsigned
			}
			return w.push(l)
		}),
		fn("to32", func(l *glua.LState) int {
			w := m.wide(l, 1)
			if w.isFloat {
				return m.pushFloat(l, w.float())
			}
			return pushInt(l, int64(int32(w.bits)))
		}),
		fn("show", m.bit64Show),
		fn("plus", m.bit64Op(func(a, b uint64, _ bool) uint64 { return a + b }, func(a, b float64) float64 { return a + b })),
		fn("minus", m.bit64Op(func(a, b uint64, _ bool) uint64 { return a - b }, func(a, b float64) float64 { return a - b })),
		fn("multi", m.bit64Op(func(a, b uint64, _ bool) uint64 { return a * b }, func(a, b float64) float64 { return float64(a * b) })),
		fn("pide", m.bit64Op(wideDivide, func(a, b float64) float64 { return a / b })),
		fn("shift", func(l *glua.LState) int {
			w, n := m.wide(l, 1), m.integer(l, 2)
			switch {
			case n < 0 || n > 63:
				w.bits = 0
			case m.optBool(l, 3, false):
				w.bits <<= uint(n)
			default:
				w.bits >>= uint(n)
			}
			return w.push(l)
		}),
		fn("strtoll", func(l *glua.LState) int {
			return wide{bits: uint64(strtoll(m.str(l, 1), m.optInt(l, 2, 10)))}.push(l)
		}),
	)
}

// wide is an argument of nine bytes; any other string is 0.
func (m *Machine) wide(l *glua.LState, n int) wide {
	s := m.str(l, n)
	if len(s) != 9 {
		return wide{}
	}
	return wide{uint64(bytesInt([]byte(s[:8]), false, false)), s[8] != 0}
}

// wideNumber is an integer, or anything else that converts to a number as a
// float; the rest is 0.
func (m *Machine) wideNumber(v glua.LValue) wide {
	if n, ok := anInteger(v); ok {
		return wide{bits: uint64(n)}
	}
	f, ok := m.vm.ToNumber(v)
	if !ok {
		return wide{}
	}
	return wideFloat(f)
}

// wideDivide is C's division; see the assumption above.
func wideDivide(a, b uint64, unsigned bool) uint64 {
	switch {
	case b == 0:
		return 0
	case unsigned:
		return a / b
	}
	return uint64(int64(a) / int64(b))
}

// bit64Op is op(a, b [, unsigned [, to integer]]): in doubles if one of the
// two is one.
func (m *Machine) bit64Op(ints func(a, b uint64, unsigned bool) uint64, floats func(a, b float64) float64) glua.LGFunction {
	return func(l *glua.LState) int {
		a := m.wide(l, 1)
		var b wide
		if _, isText := l.Get(2).(glua.LString); isText {
			b = m.wide(l, 2)
		} else {
			b = m.wideNumber(l.Get(2))
		}
		if !a.isFloat && !b.isFloat {
			return wide{bits: ints(a.bits, b.bits, m.optBool(l, 3, false))}.push(l)
		}
		f := floats(a.float(), b.float())
		if m.optBool(l, 4, false) {
			return wide{bits: uint64(truncate(f))}.push(l)
		}
		return wideFloat(f).push(l)
	}
}

// truncate is the conversion to an integer, the same on every host: what does
// not fit becomes the nearest that does, and NaN 0, as the chip does it.
func truncate(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// floatPlainMax is up to where the firmware's printf writes %f as such: above
// it changes to an exponent (seen in the log of upstream's demo:
// 1.082093e+09).
const floatPlainMax = 1e9

// bit64Show is show(a, base=10, unsigned=false). Every base but 16 is 10.
func (m *Machine) bit64Show(l *glua.LState) int {
	if len(m.str(l, 1)) != 9 {
		l.Push(glua.LNil)
		return 1
	}
	w := m.wide(l, 1)
	switch {
	case m.optInt(l, 2, 10)&255 == 16:
		return pushStr(l, fmt.Sprintf("0x%x", w.bits))
	case w.isFloat && math.Abs(w.float()) > floatPlainMax:
		return pushStr(l, cFormat(w.float(), 'e', 6))
	case w.isFloat:
		return pushStr(l, cFormat(w.float(), 'f', 6))
	case m.optBool(l, 3, false):
		return pushStr(l, fmt.Sprint(w.bits))
	}
	return pushStr(l, fmt.Sprint(int64(w.bits)))
}

// strtoll is C's: blanks, a sign, digits up to the first that is none; too
// large becomes the largest. Bases are 10, 16 and 8; others give 0.
func strtoll(s string, base int64) int64 {
	if base != 10 && base != 16 && base != 8 {
		return 0
	}
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|32 == 'x' {
		s = s[2:]
	}
	limit := uint64(math.MaxInt64)
	if neg {
		limit++
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		d, ok := hexDigit(s[i])
		if !ok || int64(d) >= base {
			break
		}
		if n > (limit-uint64(d))/uint64(base) {
			n = limit
			break
		}
		n = n*uint64(base) + uint64(d)
	}
	if neg {
		return int64(-n)
	}
	return int64(n)
}
