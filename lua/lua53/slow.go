package lua53

import (
	"math"
	"strconv"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
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
	var nums [2][32]byte
	_ = nums
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

// setList stores n values above the table in register a behind index from.
func (vm *VM) setList(th *Thread, a, n int, from int64) {
	t := th.stack[a].table()
	if !th.stack[a].isTable() {
		vm.throwf("bad table constructor")
	}
	for j := 1; j <= n; j++ {
		v := &th.stack[a+j]
		if v.isNil() && j < n { // keep the place for what follows
			if from+int64(j) == int64(len(t.array))+1 {
				t.array = append(t.array, glua.LNil)
			}
			continue
		}
		if int64(len(t.array)) == from+int64(j)-1 && len(t.dict) == 0 && !v.isNil() {
			vm.alloc(vm.sizes.slot)
			t.array = append(t.array, vm.box.toL(*v))
			continue
		}
		vm.setInt(t, from+int64(j), v)
	}
	t.trim()
}

// closure makes a function value, or takes the last one made if it has the
// same upvalues.
func (vm *VM) closure(th *Thread, ci *frame, p *Proto) Value {
	if c := p.cache; c != nil && c.vm == vm && th.sameUpvals(ci, p, c) {
		return mkClosure(c)
	}
	c := vm.newClosure(p)
	for i := range p.Upvals {
		d := &p.Upvals[i]
		if d.InStack {
			c.up[i] = th.findUpval(ci.base + d.Index)
		} else {
			c.up[i] = ci.cl.up[d.Index]
		}
	}
	p.cache = c
	return mkClosure(c)
}

func (th *Thread) sameUpvals(ci *frame, p *Proto, c *Closure) bool {
	for i := range p.Upvals {
		d := &p.Upvals[i]
		if d.InStack {
			if c.up[i].v != &th.stack[ci.base+d.Index] {
				return false
			}
		} else if c.up[i] != ci.cl.up[d.Index] {
			return false
		}
	}
	return true
}

// forPrep makes the three control values of a numeric loop one subtype and
// steps back once.
func (vm *VM) forPrep(ra *Value) {
	s := unsafe.Slice(ra, 3)
	init, limit, step := &s[0], &s[1], &s[2]
	if init.isInt() && step.isInt() {
		if l, skip, ok := vm.forLimit(limit, step.i()); ok {
			start := init.i()
			if skip {
				start = 0
			}
			limit.setInt(l)
			init.setInt(vm.wrap(start - step.i()))
			return
		}
	}
	l, ok := vm.toFloat(limit)
	if !ok {
		vm.throwf("'for' limit must be a number")
	}
	limit.setFloat(l)
	st, ok := vm.toFloat(step)
	if !ok {
		vm.throwf("'for' step must be a number")
	}
	step.setFloat(st)
	x, ok := vm.toFloat(init)
	if !ok {
		vm.throwf("'for' initial value must be a number")
	}
	init.setFloat(vm.round(x - st))
}

// forLimit clips a limit to an integer. skip says that the loop does not run.
func (vm *VM) forLimit(limit *Value, step int64) (l int64, skip, ok bool) {
	if limit.isInt() {
		return limit.i(), false, true
	}
	n, ok := vm.toNumber(limit)
	if !ok {
		return 0, false, false
	}
	if n.isInt() {
		return n.i(), false, true
	}
	f := n.f()
	r := math.Floor(f)
	if step < 0 {
		r = math.Ceil(f)
	}
	if i, ok := vm.floatToInt(r); ok {
		return i, false, true
	}
	if f > 0 {
		return vm.maxInt(), step < 0, true
	}
	return vm.minInt(), step >= 0, true
}

// badKey raises the error of next for a key that is not in the table.
func (vm *VM) badKey(th *Thread, a int, s []Value) {
	vm.call(th, mkClosure(vm.realNext), 2, s[1], s[2])
}

// arithmetic and comparison for native functions

// Less is a < b with metamethods; it may call Lua and raise.
func (vm *VM) less(th *Thread, a, b *Value) bool {
	if a.isNum() && b.isNum() {
		return ltNum(a, b)
	}
	if a.isString() && b.isString() {
		return a.str() < b.str()
	}
	mm := vm.metaOf(a, "__lt")
	if mm.isNil() {
		mm = vm.metaOf(b, "__lt")
	}
	if mm.isNil() {
		vm.throwCompare(a, b)
	}
	r := vm.call1(th, mm, *a, *b)
	return !r.falsy()
}

// get is t[key] with metamethods.
func (vm *VM) get(th *Thread, t, key Value) Value {
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			if v := vm.rawGet(t.table(), &key); !v.isNil() {
				return v
			}
			if mm = vm.metaOf(&t, "__index"); mm.isNil() {
				return Nil
			}
		} else if mm = vm.metaOf(&t, "__index"); mm.isNil() {
			vm.throwType("index", t, "")
		}
		if mm.isFunc() {
			return vm.call1(th, mm, t, key)
		}
		t = mm
	}
	vm.throwf("'__index' chain too long; possible loop")
	return Nil
}

// set is t[key] = val with metamethods.
func (vm *VM) set(th *Thread, t, key, val Value) {
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			tab := t.table()
			if mt := tab.meta(); mt != nil {
				if old := vm.rawGet(tab, &key); old.isNil() {
					mm = mt.getStr("__newindex")
				}
			}
			if mm.isNil() {
				vm.checkKey(&key)
				vm.rawSet(tab, &key, &val)
				return
			}
		} else if mm = vm.metaOf(&t, "__newindex"); mm.isNil() {
			vm.throwType("index", t, "")
		}
		if mm.isFunc() {
			vm.call(th, mm, 0, t, key, val)
			return
		}
		t = mm
	}
	vm.throwf("'__newindex' chain too long; possible loop")
}

// length is #v with metamethods, as an integer.
func (vm *VM) length(th *Thread, v Value) int64 {
	mm := vm.metaOf(&v, "__len")
	if mm.isNil() {
		switch {
		case v.isString():
			return int64(len(v.str()))
		case v.isTable():
			return v.table().length()
		}
		vm.throwType("get length of", v, "")
	}
	r := vm.call1(th, mm, v)
	i, ok := vm.toInteger(&r)
	if !ok || r.isString() {
		vm.throwf("object length is not an integer")
	}
	return i
}
