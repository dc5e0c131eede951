package lua53

import (
	"math"
	"math/bits"

	"airlift/lua/libm"
)

// OpenMath installs math with the functions that LUA_COMPAT_MATHLIB keeps.
func (vm *VM) OpenMath() {
	t := vm.Register("math", []NativeEntry{
		{"abs", mathAbs}, {"ceil", mathCeil}, {"floor", mathFloor}, {"fmod", mathFmod}, {"max", mathMax},
		{"min", mathMin}, {"modf", mathModf}, {"tointeger", mathToInteger}, {"type", mathType}, {"ult", mathUlt},
		{"random", mathRandom}, {"randomseed", mathRandomSeed}, {"log", mathLog}, {"atan", mathAtan},
		{"atan2", mathAtan}, {"pow", mathPow}, {"frexp", mathFrexp}, {"ldexp", mathLdexp},
		{"sqrt", float1(invalid(math.Sqrt))}, {"exp", float1(libm.Exp)}, {"sin", float1(invalid(libm.Sin))}, {"cos", float1(invalid(libm.Cos))},
		{"tan", float1(invalid(libm.Tan))}, {"asin", float1(libm.Asin)}, {"acos", float1(libm.Acos)}, {"sinh", float1(libm.Sinh)},
		{"cosh", float1(libm.Cosh)}, {"tanh", float1(libm.Tanh)}, {"log10", float1(libm.Log10)},
		{"deg", scale(180, math.Pi)},
		{"rad", scale(math.Pi, 180)},
	})
	vm.setField(t, "pi", mkFloat(vm.round(math.Pi)))
	vm.setField(t, "huge", mkFloat(math.Inf(1)))
	vm.setField(t, "maxinteger", mkInt(vm.maxInt()))
	vm.setField(t, "mininteger", mkInt(vm.minInt()))
}

func invalid(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return invalidNaN(f(x), x) }
}

func float1(f func(float64) float64) Native {
	return func(a Args) int {
		a.PushFloat(f(a.Float(0)))
		return 1
	}
}

func mathAbs(a Args) int {
	v := a.at(0)
	if v.isInt() {
		i := v.i()
		if i < 0 {
			i = a.t.vm.wrap(-i)
		}
		return a.ret(mkInt(i))
	}
	return a.ret(mkFloat(math.Abs(a.Float(0))))
}

// integral pushes f as an integer if it fits.
func (a Args) integral(f float64) int {
	if i, ok := a.t.vm.floatToInt(f); ok {
		return a.ret(mkInt(i))
	}
	return a.ret(mkFloat(f))
}

func mathFloor(a Args) int {
	if v := a.at(0); v.isInt() {
		return a.ret(v)
	}
	return a.integral(math.Floor(a.Float(0))) // a string counts as a float, as in C
}

func mathCeil(a Args) int {
	if v := a.at(0); v.isInt() {
		return a.ret(v)
	}
	return a.integral(math.Ceil(a.Float(0)))
}

func mathFmod(a Args) int {
	x, y := a.at(0), a.at(1)
	if x.isInt() && y.isInt() {
		d := y.i()
		if d == 0 {
			a.ArgError(1, "zero")
		}
		if d == -1 {
			return a.ret(mkInt(0))
		}
		return a.ret(mkInt(x.i() % d))
	}
	d := a.Float(1) // C checks the second first
	x0 := a.Float(0)
	a.PushFloat(invalidNaN(math.Mod(x0, d), x0, d))
	return 1
}

func mathMax(a Args) int {
	a.some()
	m := a.at(0)
	for i := 1; i < a.n; i++ {
		if v := a.at(i); a.t.vm.less(a.t, &m, &v) {
			m = v
		}
	}
	return a.ret(m)
}

// some checks that there is an argument.
func (a Args) some() {
	if a.n < 1 {
		a.ArgError(0, "value expected")
	}
}

func mathMin(a Args) int {
	a.some()
	m := a.at(0)
	for i := 1; i < a.n; i++ {
		if v := a.at(i); a.t.vm.less(a.t, &v, &m) {
			m = v
		}
	}
	return a.ret(m)
}

func mathModf(a Args) int {
	v := a.at(0)
	if v.isInt() {
		a.push(v)
		a.push(mkFloat(0))
		return 2
	}
	f := a.Float(0)
	n := math.Trunc(f)
	a.integral(n)
	if n == f {
		a.push(mkFloat(0))
	} else {
		a.PushFloat(f - n)
	}
	return 2
}

func mathToInteger(a Args) int {
	v := a.Any(0)
	i, ok := a.t.vm.toInteger(&v)
	if !ok {
		return a.ret(Nil)
	}
	return a.ret(mkInt(i))
}

func mathType(a Args) int {
	v := a.Any(0)
	switch {
	case v.isInt():
		return a.ret(integerName)
	case v.isFloat():
		return a.ret(floatName)
	}
	return a.ret(Nil)
}

var integerName, floatName = mkString("integer"), mkString("float")

func mathUlt(a Args) int {
	x, y := a.Int(0), a.Int(1)
	return a.ret(mkBool(uint64(x) < uint64(y)))
}

func mathLog(a Args) int {
	x := a.Float(0)
	if a.None(1) {
		a.PushFloat(invalidNaN(libm.Log(x), x))
		return 1
	}
	switch b := a.Float(1); b {
	case 2:
		a.PushFloat(invalidNaN(libm.LogBase(x, 2), x))
	case 10:
		a.PushFloat(libm.Log10(x))
	default:
		a.PushFloat(invalidNaN(libm.LogBase(x, b), x, b))
	}
	return 1
}

func mathAtan(a Args) int {
	x := 1.0
	if !a.None(1) {
		x = a.Float(1)
	}
	a.PushFloat(libm.Atan2(a.Float(0), x))
	return 1
}

func mathPow(a Args) int {
	a.PushFloat(floatPow(a.Float(0), a.Float(1)))
	return 1
}

func mathFrexp(a Args) int {
	m, e := math.Frexp(a.Float(0))
	a.PushFloat(m)
	a.PushInt(int64(e))
	return 2
}

func mathLdexp(a Args) int {
	x := a.Float(0)
	e := min(max(int64(int32(a.Int(1))), -5000), 5000)
	a.PushFloat(math.Ldexp(x, int(e)))
	return 1
}

// seedRandom starts the generator, xorshift128+.
func (vm *VM) seedRandom(n uint64) {
	z := n
	for i := range vm.rnd {
		z += 0x9E3779B97F4A7C15
		x := (z ^ z>>30) * 0xBF58476D1CE4E5B9
		x = (x ^ x>>27) * 0x94D049BB133111EB
		vm.rnd[i] = x ^ x>>31
	}
}

// SeedRandom starts math.random as randomseed does.
func (vm *VM) SeedRandom(n int64) { vm.seedRandom(uint64(n)) }

func (vm *VM) random() uint64 {
	x, y := vm.rnd[0], vm.rnd[1]
	vm.rnd[0] = y
	x ^= x << 23
	vm.rnd[1] = x ^ y ^ x>>17 ^ y>>26
	return vm.rnd[1] + y
}

func mathRandom(a Args) int {
	vm := a.t.vm
	r := vm.random()
	var low, up int64
	switch a.n {
	case 0:
		if vm.narrow {
			return a.ret(mkFloat(float64(r>>40) / (1 << 24)))
		}
		return a.ret(mkFloat(float64(r>>11) / (1 << 53)))
	case 1:
		low, up = 1, a.Int(0)
	case 2:
		low, up = a.Int(0), a.Int(1)
	default:
		a.Error("wrong number of arguments")
	}
	if low > up {
		a.ArgError(0, "interval is empty")
	}
	if !(low >= 0 || up <= vm.maxInt()+low) {
		a.ArgError(0, "interval too large")
	}
	span := uint64(up) - uint64(low)
	hi, _ := bits.Mul64(r, span+1)
	if span+1 == 0 {
		hi = r
	}
	return a.ret(mkInt(low + int64(hi)))
}

func mathRandomSeed(a Args) int {
	v := a.Num(0)
	a.t.vm.seedRandom(v.n)
	a.t.vm.random()
	return 0
}

// scale multiplies by a/b, which C computes in the VM's width.
func scale(a, b float64) Native {
	return func(args Args) int {
		vm := args.t.vm
		args.PushFloat(args.Float(0) * vm.round(vm.round(a)/vm.round(b)))
		return 1
	}
}
