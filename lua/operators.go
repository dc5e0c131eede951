package lua

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openOperators makes the functions behind the operators that the language
// core lacks (see package syntax). They work on integers of the VM's width,
// honour Lua 5.3's metamethods, and raise its errors.
func (m *Machine) openOperators() {
	bitwise := func(event string, op func(a, b int64) int64) glua.LGFunction {
		return func(l *glua.LState) int {
			a, b := l.Get(1), l.Get(2)
			x, ok1 := m.bitOperand(a)
			y, ok2 := m.bitOperand(b)
			if !ok1 || !ok2 {
				return m.metaOperator(l, event, a, b, "perform bitwise operation on")
			}
			return pushInt(l, m.wrap(op(x, y)))
		}
	}
	m.operators = map[string]glua.LValue{}
	for name, f := range map[string]glua.LGFunction{
		"..": m.opConcat,
		"//": m.opIdiv,
		"&":  bitwise("__band", func(a, b int64) int64 { return a & b }),
		"|":  bitwise("__bor", func(a, b int64) int64 { return a | b }),
		"~":  bitwise("__bxor", func(a, b int64) int64 { return a ^ b }),
		"<<": bitwise("__shl", m.shift),
		">>": bitwise("__shr", func(a, b int64) int64 { return m.shift(a, -max(b, -math.MaxInt64)) }),
		"~1": bitwise("__bnot", func(a, _ int64) int64 { return ^a }),
	} {
		m.operators[name] = m.l.NewFunction(f)
	}
	not := m.operators["~1"].(*glua.LFunction).GFunction
	m.operators["~1"] = m.l.NewFunction(func(l *glua.LState) int {
		l.Push(l.Get(1)) // Lua passes the operand of a unary operator twice
		return not(l)
	})
}

func (m *Machine) bitOperand(v glua.LValue) (int64, bool) {
	f, ok := toNumber(v)
	if !ok {
		return 0, false
	}
	return toInteger(f)
}

// metaOperator calls the metamethod of a or b, or raises the error.
func (m *Machine) metaOperator(l *glua.LState, event string, a, b glua.LValue, verb string) int {
	for _, v := range []glua.LValue{a, b} {
		if mt, ok := metatable(l, v); ok {
			if f := mt.RawGetString(event); f != glua.LNil {
				l.Push(m.call1(l, f, a, b))
				return 1
			}
		}
	}
	bad := a
	if _, ok := toNumber(a); ok {
		bad = b
	}
	if _, ok := toNumber(bad); ok {
		m.raise(l, "number has no integer representation")
	}
	m.raise(l, "attempt to %s a %s value", verb, typeName(bad))
	return 0
}

func (m *Machine) opIdiv(l *glua.LState) int {
	a, b := l.Get(1), l.Get(2)
	x, ok1 := toNumber(a)
	y, ok2 := toNumber(b)
	if !ok1 || !ok2 {
		return m.metaOperator(l, "__idiv", a, b, "perform arithmetic on")
	}
	i, whole1 := toInteger(x)
	j, whole2 := toInteger(y)
	if !whole1 || !whole2 {
		l.Push(glua.LNumber(math.Floor(x / y)))
		return 1
	}
	if j == 0 {
		m.raise(l, "attempt to perform 'n//0'")
	}
	if j == -1 {
		l.Push(glua.LNumber(-x))
		return 1
	}
	q := i / j
	if i%j != 0 && (i < 0) != (j < 0) {
		q--
	}
	return pushInt(l, q)
}

// opConcat is a .. b .. c, from right to left where metamethods matter.
func (m *Machine) opConcat(l *glua.LState) int {
	n := l.GetTop()
	var size int64
	simple := true
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case glua.LString:
			size += int64(len(v))
		case glua.LNumber:
			size += 8
		default:
			simple = false
		}
	}
	if simple {
		m.allocate(l, size)
		if n == 2 {
			a, _ := m.text(l.Get(1))
			b, _ := m.text(l.Get(2))
			return pushStr(l, a+b)
		}
		var b strings.Builder
		b.Grow(int(size))
		for i := 1; i <= n; i++ {
			s, _ := m.text(l.Get(i))
			b.WriteString(s)
		}
		return pushStr(l, b.String())
	}
	right := l.Get(n)
	for i := n - 1; i >= 1; i-- {
		right = m.concatTwo(l, l.Get(i), right)
	}
	l.Push(right)
	return 1
}

func (m *Machine) concatTwo(l *glua.LState, a, b glua.LValue) glua.LValue {
	x, ok1 := m.text(a)
	y, ok2 := m.text(b)
	if ok1 && ok2 {
		m.allocate(l, int64(len(x)+len(y)))
		return glua.LString(x + y)
	}
	for _, v := range []glua.LValue{a, b} {
		if mt, ok := metatable(l, v); ok {
			if f := mt.RawGetString("__concat"); f != glua.LNil {
				return m.call1(l, f, a, b)
			}
		}
	}
	bad := a
	if ok1 {
		bad = b
	}
	m.raise(l, "attempt to concatenate a %s value", typeName(bad))
	return nil
}
