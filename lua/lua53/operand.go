package lua53

import "unsafe"

// What the loop reaches registers, constants and instructions by.

// register is a register or a constant.
func register(base unsafe.Pointer, x uint32) *Value {
	return (*Value)(unsafe.Add(base, uintptr(x)*valueSize))
}

// operand is a register or a constant.
func operand(base, k unsafe.Pointer, x uint32) *Value {
	if x&bitRK != 0 {
		base = k
		x &^= bitRK
	}
	return (*Value)(unsafe.Add(base, uintptr(x)*valueSize))
}

// instr is the instruction before pc.
func instr(code unsafe.Pointer, pc int) uint32 {
	return *(*uint32)(unsafe.Add(code, uintptr(pc-1)*4))
}

func wrapInt(x int64, narrow bool) int64 {
	if narrow {
		return int64(int32(x))
	}
	return x
}

func roundFloat(x float64, narrow bool) float64 {
	if narrow {
		return float64(float32(x))
	}
	return x
}

func luaClosure(v *Value) *Closure {
	if v.isFunc() {
		if c := ours(v.fn()); c != nil && c.p != nil {
			return c
		}
	}
	return nil
}

// The loop is compiled twice, for code with marks of hooks and for code
// without: types of different size make different instances.
type (
	plain  struct{}
	hooked [1]byte
)
