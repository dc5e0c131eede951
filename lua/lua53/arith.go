package lua53

import (
	"math"

	"airlift/lua/libm"
)

// invalidNaN is what an operation without a result gives, with its sign set
// as the processors of PCs do; an operand that is not a number goes through.
func invalidNaN(r float64, operands ...float64) float64 {
	if r == r {
		return r
	}
	for _, x := range operands {
		if x != x {
			return x
		}
	}
	return math.Copysign(r, -1)
}

// floatMod follows C Lua, whose test of the signs fails where the product of
// two small numbers is zero.
func floatMod(a, b float64, narrow bool) float64 {
	r := invalidNaN(math.Mod(a, b), a, b)
	product := r * b
	if narrow {
		product = float64(float32(r) * float32(b))
	}
	if product < 0 {
		r += b
	}
	return r
}

func floatPow(a, b float64) float64 {
	if b == 2 {
		return a * a
	}
	return invalidNaN(libm.Pow(a, b), a, b)
}

func intDiv(a, b int64) int64 {
	if b == -1 {
		return -a
	}
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func intMod(a, b int64) int64 {
	if b == -1 {
		return 0
	}
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

// shiftLeft shifts by any count, in bits of the width.
func shiftLeft(x, n int64, narrow bool) int64 {
	if narrow {
		u := uint32(x)
		switch {
		case n <= -32 || n >= 32:
			return 0
		case n >= 0:
			return int64(int32(u << uint(n)))
		}
		return int64(int32(u >> uint(-n)))
	}
	switch {
	case n <= -64 || n >= 64:
		return 0
	case n >= 0:
		return int64(uint64(x) << uint(n))
	}
	return int64(uint64(x) >> uint(-n))
}

// Operators, numbered as their opcodes follow each other from ADD.
const (
	arAdd = iota
	arSub
	arMul
	arMod
	arPow
	arDiv
	arIDiv
	arBand
	arBor
	arBxor
	arShl
	arShr
	arUnm
	arBnot
)

// intArith computes the operators that keep integers; ok is false for those
// that do not, and for division by zero.
func intArith(op int, a, b int64, narrow bool) (r int64, ok bool) {
	switch op {
	case arAdd:
		r = a + b
	case arSub:
		r = a - b
	case arMul:
		r = a * b
	case arMod:
		if b == 0 {
			return 0, false
		}
		r = intMod(a, b)
	case arIDiv:
		if b == 0 {
			return 0, false
		}
		r = intDiv(a, b)
	case arBand:
		r = a & b
	case arBor:
		r = a | b
	case arBxor:
		r = a ^ b
	case arShl:
		r = shiftLeft(a, b, narrow)
	case arShr:
		r = shiftRight(a, b, narrow)
	case arUnm:
		r = -a
	case arBnot:
		r = ^a
	default:
		return 0, false
	}
	if narrow {
		r = int64(int32(r))
	}
	return r, true
}

func shiftRight(x, n int64, narrow bool) int64 {
	if n == math.MinInt64 {
		return 0
	}
	return shiftLeft(x, -n, narrow)
}

func floatArith(op int, a, b float64, narrow bool) (r float64, ok bool) {
	switch op {
	case arAdd:
		r = a + b
	case arSub:
		r = a - b
	case arMul:
		r = a * b
	case arMod:
		r = floatMod(a, b, narrow)
	case arPow:
		r = floatPow(a, b)
	case arDiv:
		r = a / b
	case arIDiv:
		r = a / b
		if narrow {
			r = float64(float32(r))
		}
		r = math.Floor(r)
	case arUnm:
		r = -a
	default:
		return 0, false
	}
	if narrow {
		r = float64(float32(r))
	}
	return r, true
}

// compare int with float exactly

func ltIntFloat(i int64, f float64) bool {
	if i >= -maxExact && i <= maxExact {
		return float64(i) < f
	}
	switch {
	case f >= 1<<63:
		return true
	case f > -(1 << 63):
		return i < int64(math.Ceil(f))
	}
	return false // f is too small, or not a number
}

func leIntFloat(i int64, f float64) bool {
	if i >= -maxExact && i <= maxExact {
		return float64(i) <= f
	}
	switch {
	case f >= 1<<63:
		return true
	case f >= -(1 << 63):
		return i <= int64(math.Floor(f))
	}
	return false
}

func ltFloatInt(f float64, i int64) bool {
	return f == f && !leIntFloat(i, f)
}

func leFloatInt(f float64, i int64) bool {
	return f == f && !ltIntFloat(i, f)
}

func ltNum(a, b *Value) bool {
	if a.isInt() {
		if b.isInt() {
			return a.i() < b.i()
		}
		return ltIntFloat(a.i(), b.f())
	}
	if b.isFloat() {
		return a.f() < b.f()
	}
	return ltFloatInt(a.f(), b.i())
}

func leNum(a, b *Value) bool {
	if a.isInt() {
		if b.isInt() {
			return a.i() <= b.i()
		}
		return leIntFloat(a.i(), b.f())
	}
	if b.isFloat() {
		return a.f() <= b.f()
	}
	return leFloatInt(a.f(), b.i())
}
