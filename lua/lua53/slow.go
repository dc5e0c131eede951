package lua53

import (
	"math"
	"strconv"
	"unsafe"
)

// What the loop does outside its fast paths. The functions that may call a
// metamethod return exit as precall does.

// maxMetaLoop bounds chains of __index and __newindex.
const maxMetaLoop = 2000

// callMM calls a metamethod from a Lua function's frame.
func (vm *VM) callMM(th *Thread, ci *frame, cont uint8, dest int, f Value, args ...Value) (exit bool) {
	fn := ci.base + ci.cl.p.MaxStack
	th.ensure(fn, len(args)+4)
	th.stack[fn] = f
	copy(th.stack[fn+1:], args)
	th.top = fn + 1 + len(args)
	return vm.precall(th, fn, len(args), 1, cont, dest, false)
}

// index computes t[key] into register dest of ci.
func (vm *VM) index(th *Thread, ci *frame, t, key Value, dest int) (exit bool) {
	if t.isTable() {
		if v := vm.rawGet(t.table(), &key); !v.isNil() {
			th.stack[ci.base+dest] = v
			return false
		}
	}
	return vm.indexAbsent(th, ci, t, key, dest)
}

// indexAbsent is index where t itself does not have the key.
func (vm *VM) indexAbsent(th *Thread, ci *frame, t, key Value, dest int) (exit bool) {
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			mt := t.table().meta()
			if mt != nil {
				mm = mt.getStr("__index")
			}
			if mm.isNil() {
				th.stack[ci.base+dest] = Value{}
				return false
			}
		} else if mm = vm.metaOf(&t, "__index"); mm.isNil() {
			vm.throwIndex(t, loop)
		}
		if mm.isFunc() {
			return vm.callMM(th, ci, cStore, dest, mm, t, key)
		}
		if t = mm; t.isTable() {
			if v := vm.rawGet(t.table(), &key); !v.isNil() {
				th.stack[ci.base+dest] = v
				return false
			}
		}
	}
	vm.throwf("'__index' chain too long; possible loop")
	return false
}

func (vm *VM) throwIndex(t Value, loop int) {
	info := ""
	if loop == 0 {
		info = vm.indexedName()
	}
	vm.throwType("index", t, info)
}

// setIndex does t[key] = val.
func (vm *VM) setIndex(th *Thread, ci *frame, t Value, kp, vp *Value) (exit bool) {
	key, val := *kp, *vp
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			tab := t.table()
			mt := tab.meta()
			if mt == nil {
				vm.checkKey(&key)
				vm.rawSet(tab, &key, &val)
				return false
			}
			if old := vm.rawGet(tab, &key); old.isNil() {
				mm = mt.getStr("__newindex")
			}
			if mm.isNil() {
				vm.checkKey(&key)
				vm.rawSet(tab, &key, &val)
				return false
			}
		} else if mm = vm.metaOf(&t, "__newindex"); mm.isNil() {
			vm.throwIndex(t, loop)
		}
		if mm.isFunc() {
			return vm.callMM(th, ci, cDiscard, 0, mm, t, key, val)
		}
		t = mm
	}
	vm.throwf("'__newindex' chain too long; possible loop")
	return false
}

func (vm *VM) checkKey(k *Value) {
	if k.isNil() {
		vm.throwf("table index is nil")
	}
	if k.isFloat() && k.f() != k.f() {
		vm.throwf("table index is NaN")
	}
}

var opEvents = [...]string{
	"__add", "__sub", "__mul", "__mod", "__pow", "__div", "__idiv", "__band", "__bor", "__bxor", "__shl", "__shr",
	"__unm", "__bnot",
}

// arithRaw computes an operator without metamethods. Division by zero raises.
func (vm *VM) arithRaw(op int, b, c *Value) (Value, bool) {
	switch op {
	case arBand, arBor, arBxor, arShl, arShr, arBnot:
		x, ok1 := vm.toInteger(b)
		y, ok2 := vm.toInteger(c)
		if !ok1 || !ok2 {
			return Nil, false
		}
		r, _ := intArith(op, x, y, vm.narrow)
		return mkInt(r), true
	case arDiv, arPow:
	default:
		if b.isInt() && c.isInt() {
			if c.n == 0 {
				if op == arMod && vm.opts.Lua51 {
					return mkFloat(math.NaN()), true
				}
				if op == arMod {
					vm.throwf("attempt to perform 'n%%0'")
				}
				if op == arIDiv {
					vm.throwf("attempt to divide by zero")
				}
			}
			r, ok := intArith(op, b.i(), c.i(), vm.narrow)
			return mkInt(r), ok
		}
	}
	x, ok1 := vm.toFloat(b)
	y, ok2 := vm.toFloat(c)
	if !ok1 || !ok2 {
		return Nil, false
	}
	if op == arMod && vm.opts.Lua51 {
		return mkFloat(mod51(x, y)), true
	}
	r, ok := floatArith(op, x, y, vm.narrow)
	return mkFloat(r), ok
}

func (vm *VM) throwArith(op int, b, c *Value) {
	_, ok1 := vm.toNumber(b)
	_, ok2 := vm.toNumber(c)
	switch op {
	case arBand, arBor, arBxor, arShl, arShr, arBnot:
		if ok1 && ok2 {
			p := c
			if _, ok := vm.toInteger(b); !ok {
				p = b
			}
			vm.throwf("number%s has no integer representation", vm.operandName(p))
		}
		p := c
		if !ok1 {
			p = b
		}
		vm.throwType("perform bitwise operation on", *p, vm.operandName(p))
	}
	p := c
	if !ok1 {
		p = b
	}
	vm.throwType("perform arithmetic on", *p, vm.operandName(p))
}

// throwType raises "attempt to (op) a (type) value (variable)".
func (vm *VM) throwType(op string, v Value, info string) {
	if vm.opts.Lua51 {
		vm.throwType51(op, v, info)
	}
	vm.throwf("attempt to %s a %s value%s", op, vm.typeNameOf(&v), info)
}

// typeNameOf is the type, or the __name of a table's or userdata's metatable.
func (vm *VM) typeNameOf(v *Value) string {
	if v.isTable() || v.is(kUser) {
		if name := vm.metaOf(v, "__name"); name.isString() {
			return name.str()
		}
	}
	return v.typeName()
}

// lessMeta compares values that are not two numbers or two strings.
func (vm *VM) lessMeta(th *Thread, ci *frame, b, c Value, want int, event string) (exit bool) {
	mm := vm.metaOf(&b, event)
	if mm.isNil() {
		mm = vm.metaOf(&c, event)
	}
	if !mm.isNil() {
		return vm.callMM(th, ci, cCond, want, mm, b, c)
	}
	if event == "__le" { // not (c < b)
		mm = vm.metaOf(&c, "__lt")
		if mm.isNil() {
			mm = vm.metaOf(&b, "__lt")
		}
		if !mm.isNil() {
			return vm.callMM(th, ci, cCondNot, want, mm, c, b)
		}
	}
	vm.throwCompare(&b, &c)
	return false
}

func (vm *VM) throwCompare(b, c *Value) {
	t1, t2 := vm.typeNameOf(b), vm.typeNameOf(c)
	if t1 == t2 {
		vm.throwf("attempt to compare two %s values", t1)
	}
	vm.throwf("attempt to compare %s with %s", t1, t2)
}

// eqHandler is the __eq of two tables or userdata.
func (vm *VM) eqHandler(b, c *Value) Value {
	if !(b.isTable() && c.isTable() || b.is(kUser) && c.is(kUser)) || b.p == c.p {
		return Nil
	}
	mm := vm.metaOf(b, "__eq")
	if mm.isNil() {
		mm = vm.metaOf(c, "__eq")
	}
	return mm
}

// concat joins registers B to last of instruction i, from the right.
func (vm *VM) concat(th *Thread, ci *frame, i uint32, last int) (exit bool) {
	first := argB(i)
	s := th.stack[ci.base:]
	for last > first {
		x, y := &s[last-1], &s[last]
		if !(x.isString() || x.isNum()) || !(y.isString() || y.isNum()) {
			mm := vm.metaOf(x, "__concat")
			if mm.isNil() {
				mm = vm.metaOf(y, "__concat")
			}
			if mm.isNil() {
				if x.isString() || x.isNum() {
					x = y
				}
				vm.throwType("concatenate", *x, vm.operandName(x))
			}
			return vm.callMM(th, ci, cConcat, last-1, mm, *x, *y)
		}
		from := last - 1
		for from > first && (s[from-1].isString() || s[from-1].isNum()) {
			from--
		}
		s[from] = vm.join(s[from : last+1])
		last = from
	}
	s[argA(i)] = s[first]
	return false
}

// maxString bounds strings where the memory limit does not.
const maxString = 1 << 30

// join concatenates strings and numbers.
func (vm *VM) join(vs []Value) Value {
	if len(vs) == 2 && vs[0].isString() && vs[1].isString() {
		a, b := vs[0].str(), vs[1].str()
		if b == "" {
			return vs[0]
		}
		if a == "" {
			return vs[1]
		}
		vm.allocString(len(a) + len(b))
		return mkString(a + b)
	}
	var buf [128]byte
	n := 0
	for i := range vs {
		if vs[i].isString() {
			n += len(vs[i].str())
		} else {
			n += 24
		}
	}
	b := buf[:0]
	if n > len(buf) {
		vm.allocString(n)
		b = make([]byte, 0, n)
	}
	for i := range vs {
		v := &vs[i]
		switch {
		case v.isString():
			b = append(b, v.str()...)
		case v.isInt():
			b = strconv.AppendInt(b, v.i(), 10)
		default:
			b = append(b, vm.formatFloat(v.f())...)
		}
	}
	if n > len(buf) {
		return mkString(unsafe.String(&b[0], len(b)))
	}
	vm.alloc(vm.sizes.str + int64(len(b)))
	return mkString(string(b))
}
