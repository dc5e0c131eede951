package lua53

import "math/bits"

// OpenBit32 installs bit32, which LUA_COMPAT_5_2 keeps.
func (vm *VM) OpenBit32() {
	vm.Register("bit32", []NativeEntry{
		{"arshift", bitArshift}, {"band", bitBand}, {"bnot", bitBnot}, {"bor", bitBor}, {"btest", bitBtest},
		{"bxor", bitBxor}, {"extract", bitExtract}, {"lrotate", bitLrotate}, {"lshift", bitLshift},
		{"replace", bitReplace}, {"rrotate", bitRrotate}, {"rshift", bitRshift},
	})
}

func (a Args) u32(i int) uint32 { return uint32(a.Int(i)) }

func (a Args) retU32(u uint32) int {
	if a.t.vm.narrow {
		return a.ret(mkInt(int64(int32(u))))
	}
	return a.ret(mkInt(int64(u)))
}

func bitFold(a Args, r uint32, f func(x, y uint32) uint32) uint32 {
	for i := 0; i < a.n; i++ {
		r = f(r, a.u32(i))
	}
	return r
}

func and32(x, y uint32) uint32 { return x & y }

func bitBand(a Args) int  { return a.retU32(bitFold(a, ^uint32(0), and32)) }
func bitBtest(a Args) int { return a.ret(mkBool(bitFold(a, ^uint32(0), and32) != 0)) }
func bitBor(a Args) int {
	return a.retU32(bitFold(a, 0, func(x, y uint32) uint32 { return x | y }))
}
func bitBxor(a Args) int {
	return a.retU32(bitFold(a, 0, func(x, y uint32) uint32 { return x ^ y }))
}
func bitBnot(a Args) int { return a.retU32(^a.u32(0)) }

func shift32(x uint32, n int64) uint32 { // to the left
	switch {
	case n <= -32 || n >= 32:
		return 0
	case n >= 0:
		return x << uint(n)
	}
	return x >> uint(-n)
}

func bitLshift(a Args) int { return a.retU32(shift32(a.u32(0), a.Int(1))) }
func bitRshift(a Args) int { return a.retU32(shift32(a.u32(0), -a.Int(1))) }

func bitArshift(a Args) int {
	x, n := a.u32(0), a.Int(1)
	if n < 0 || x&(1<<31) == 0 {
		return a.retU32(shift32(x, -n))
	}
	if n >= 32 {
		return a.retU32(^uint32(0))
	}
	return a.retU32(uint32(int32(x) >> uint(n)))
}

func bitLrotate(a Args) int { return a.retU32(bits.RotateLeft32(a.u32(0), int(a.Int(1)&31))) }
func bitRrotate(a Args) int { return a.retU32(bits.RotateLeft32(a.u32(0), int(-a.Int(1)&31))) }

func (a Args) field(i int) (f, w uint) {
	x := a.Int(i)
	y := a.OptInt(i+1, 1)
	if x < 0 {
		a.ArgError(i, "field cannot be negative")
	}
	if y <= 0 {
		a.ArgError(i+1, "width must be positive")
	}
	if x+y > 32 || x > 32 {
		a.Error("trying to access non-existent bits")
	}
	return uint(x), uint(y)
}

func bitExtract(a Args) int {
	x := a.u32(0)
	f, w := a.field(1)
	return a.retU32(x >> f & uint32(1<<w-1))
}

func bitReplace(a Args) int {
	x, v := a.u32(0), a.u32(1)
	f, w := a.field(2)
	mask := uint32(1<<w - 1)
	return a.retU32(x&^(mask<<f) | v&mask<<f)
}
