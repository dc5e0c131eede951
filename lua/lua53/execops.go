package lua53

import (
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// The instructions of the loop that make calls, or their parts that do. Each
// reads the instruction before ci.pc. Those that may run other Lua code return
// exit as precall does; the loop then starts the current frame anew.

func (f *frame) instr() uint32 { return f.cl.p.code()[f.pc-1] }

// rk is a register or a constant of the frame.
func (th *Thread) rk(f *frame, x int) *Value {
	if x&bitRK != 0 {
		return &f.cl.p.K[x&^bitRK]
	}
	return &th.stack[f.base+x]
}

// indexed is the value that GETTABUP, GETTABLE and SELF index, and the key.
func (th *Thread) indexed(ci *frame, i uint32) (t, key Value) {
	switch key = *th.rk(ci, argC(i)); opOf(i) {
	case opGetTabUp:
		return *ci.cl.up[argB(i)].v, key
	case opSelf:
		return th.stack[ci.base+argA(i)+1], key
	}
	return th.stack[ci.base+argB(i)], key
}

func (vm *VM) opIndex(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	t, key := th.indexed(ci, i)
	if t.isString() && key.isString() {
		if mt := vm.typeMeta[glua.LTString]; mt != nil {
			if methods := mt.getStr("__index"); methods.isTable() {
				if m := methods.table().getStr(key.str()); !m.isNil() {
					th.stack[ci.base+argA(i)] = m
					return false
				}
			}
		}
	}
	return vm.index(th, ci, t, key, argA(i))
}

// opField is opIndex for a table that does not have the key.
func (vm *VM) opField(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	t, key := th.indexed(ci, i)
	return vm.indexAbsent(th, ci, t, key, argA(i))
}

// setFast assigns in a table without a metatable, as far as that is simple.
func (vm *VM) setFast(t *ltable, k, v *Value) bool {
	if tabOf(t.Metatable) != tabNil {
		return false
	}
	if k.isInt() {
		idx, n := k.n-1, uint64(len(t.array))
		if idx > n || v.isNil() {
			return false
		}
		if idx < n {
			t.array[idx] = vm.box.toL(*v)
			return true
		}
		if len(t.dict) > 0 || vm.mem+vm.sizes.slot >= vm.memNext {
			return false
		}
		vm.mem += vm.sizes.slot // no steps: the instruction counts in its loop
		t.array = append(t.array, vm.box.toL(*v))
		return true
	}
	if k.isString() {
		vm.setStr(t, k, v)
		return true
	}
	return false
}

func (vm *VM) opSetTabUp(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	return vm.setIndex(th, ci, *ci.cl.up[argA(i)].v, th.rk(ci, argB(i)), th.rk(ci, argC(i)))
}

func (vm *VM) opSetTable(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	return vm.setIndex(th, ci, th.stack[ci.base+argA(i)], th.rk(ci, argB(i)), th.rk(ci, argC(i)))
}

// opNewTable reports whether there was a garbage collection, which may have
// run finalizers.
func (vm *VM) opNewTable(th *Thread, ci *frame) (collected bool) {
	i := ci.instr()
	th.stack[ci.base+argA(i)] = vm.newTable(argB(i), argC(i))
	return vm.collectAbove(th, ci, argA(i)+1)
}

// opClosure reports what opNewTable does.
func (vm *VM) opClosure(th *Thread, ci *frame) (collected bool) {
	i := ci.instr()
	th.stack[ci.base+argA(i)] = vm.closure(th, ci, ci.cl.p.Protos[argBx(i)])
	return vm.collectAbove(th, ci, argA(i)+1)
}

// collectAbove collects garbage if that is due. Registers from top up are free.
func (vm *VM) collectAbove(th *Thread, ci *frame, top int) (collected bool) {
	if !vm.gcDue {
		return false
	}
	vm.autoCollect(ci.base + top)
	return true
}

// operands are B and C of an arithmetic or bitwise instruction, B twice if it
// is unary, and its number among the operators.
func (th *Thread) operands(ci *frame, i uint32) (op int, b, c *Value) {
	op = int(opOf(i) - opAdd)
	b = th.rk(ci, argB(i))
	if op >= arUnm {
		return op, b, b
	}
	return op, b, th.rk(ci, argC(i))
}

// opArith computes with numbers and what can be converted to them. It reports
// whether both operands are such.
func (vm *VM) opArith(th *Thread, ci *frame) bool {
	i := ci.instr()
	op, b, c := th.operands(ci, i)
	ra := &th.stack[ci.base+argA(i)]
	if op <= arDiv && op != arMod && op != arPow && b.isNum() && c.isNum() && !(b.isInt() && c.isInt() && op != arDiv) {
		x, y := b.float(vm.narrow), c.float(vm.narrow)
		switch op {
		case arAdd:
			x += y
		case arSub:
			x -= y
		case arMul:
			x *= y
		default:
			x /= y
		}
		ra.setFloat(roundFloat(x, vm.narrow))
		return true
	}
	v, ok := vm.arithRaw(op, b, c)
	if ok {
		*ra = v
	}
	return ok
}

// float is a number as a float.
func (v *Value) float(narrow bool) float64 {
	if v.isInt() {
		return roundFloat(float64(v.i()), narrow)
	}
	return v.f()
}

// opArithMeta calls the metamethod of what opArith does not compute.
func (vm *VM) opArithMeta(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	op, b, c := th.operands(ci, i)
	mm := vm.metaOf(b, opEvents[op])
	if mm.isNil() {
		mm = vm.metaOf(c, opEvents[op])
	}
	if mm.isNil() {
		vm.throwArith(op, b, c)
	}
	return vm.callMM(th, ci, cStore, argA(i), mm, *b, *c)
}

// opLen is LEN of what is neither a string nor a plain sequence.
func (vm *VM) opLen(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	b := &th.stack[ci.base+argB(i)]
	mm := vm.metaOf(b, "__len")
	if !mm.isNil() {
		return vm.callMM(th, ci, cStore, argA(i), mm, *b, *b)
	}
	if !b.isTable() {
		vm.throwType("get length of", *b, vm.operandName(b))
	}
	th.stack[ci.base+argA(i)] = mkInt(b.table().length())
	return false
}

func (vm *VM) opConcat(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	if vm.concat(th, ci, i, argC(i)) {
		return true
	}
	if vm.gcDue && vm.cur == th && th.ci == ci {
		vm.autoCollect(ci.base + max(argB(i), argA(i)+1))
	}
	return false
}

// Outcomes of a comparison.
type condition uint8

const (
	condFalse condition = iota
	condTrue
	condCalled // a metamethod will decide
	condExit   // as exit
)

func conditionOf(b bool) condition {
	if b {
		return condTrue
	}
	return condFalse
}

func calledOrExit(exit bool) condition {
	if exit {
		return condExit
	}
	return condCalled
}

// opCompare is EQ, LT and LE.
func (vm *VM) opCompare(th *Thread, ci *frame) condition {
	i := ci.instr()
	b, c := th.rk(ci, argB(i)), th.rk(ci, argC(i))
	if opOf(i) != opEq {
		return vm.opLess(th, ci, i, b, c)
	}
	if b.isString() && c.isString() {
		return conditionOf(b.p == c.p || b.str() == c.str())
	}
	if mm := vm.eqHandler(b, c); !mm.isNil() {
		return calledOrExit(vm.callMM(th, ci, cCond, argA(i), mm, *b, *c))
	}
	return conditionOf(rawEqual(b, c))
}

func (vm *VM) opLess(th *Thread, ci *frame, i uint32, b, c *Value) condition {
	le := opOf(i) == opLe
	switch {
	case b.isNum() && c.isNum():
		if le {
			return conditionOf(leNum(b, c))
		}
		return conditionOf(ltNum(b, c))
	case b.isString() && c.isString():
		if le {
			return conditionOf(b.str() <= c.str())
		}
		return conditionOf(b.str() < c.str())
	}
	event := "__lt"
	if le {
		event = "__le"
	}
	return calledOrExit(vm.lessMeta(th, ci, *b, *c, argA(i), event))
}

// opCall calls what the loop does not call itself.
func (vm *VM) opCall(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	fn := ci.base + argA(i)
	nargs := argB(i) - 1
	if nargs < 0 {
		nargs = th.top - fn - 1
	}
	return vm.precall(th, fn, nargs, argC(i)-1, cCall, 0, false)
}

func (vm *VM) opTailCall(th *Thread, ci *frame) (exit bool) {
	vm.budget -= straightSteps(ci.pc)
	i := ci.instr()
	fn := ci.base + argA(i)
	nargs := argB(i) - 1
	if nargs < 0 {
		nargs = th.top - fn - 1
	}
	c := luaClosure(&th.stack[fn])
	if c == nil {
		return vm.precall(th, fn, nargs, -1, cCall, 0, false)
	}
	th.closeUpvals(ci.base)
	vm.budget -= 4
	if vm.budget < 0 {
		vm.tick()
	}
	copy(th.stack[ci.fn:ci.fn+nargs+1], th.stack[fn:fn+nargs+1])
	ci.cl, ci.pc, ci.tail = c, 0, true
	vm.enter(th, ci, nargs)
	return false
}

// results are those of RETURN.
func (th *Thread) results(ci *frame) (first, n int) {
	i := ci.instr()
	first = ci.base + argA(i)
	if n = argB(i) - 1; n < 0 {
		n = th.top - first
	}
	return first, n
}

// returnMany hands the results of frame ci, which has ended, to its caller in
// Lua.
func (th *Thread) returnMany(ci *frame) {
	first, n := th.results(ci)
	th.moveResults(ci.fn, first, n, ci.nres)
}

// opReturn ends a frame that was not called by one in Lua.
func (vm *VM) opReturn(th *Thread, ci *frame) (exit bool) {
	th.closeUpvals(ci.base)
	first, n := th.results(ci)
	return vm.finish(th, ci, first, n)
}

// forLoopFloat is FORLOOP with floats. It reports whether the loop goes on.
func (vm *VM) forLoopFloat(ra *Value) bool {
	if !ra.isFloat() { // only hostile bytecode does this
		vm.throwf("'for' initial value must be a number")
	}
	s := unsafe.Slice(ra, 4)
	limit, step := s[1].f(), s[2].f()
	x := vm.round(ra.f() + step)
	more := step > 0 && x <= limit || step <= 0 && x >= limit
	if more {
		ra.setFloat(x)
		s[3].setFloat(x)
	}
	return more
}

// forNext is TFORCALL where the iterator is that of pairs or ipairs and needs
// no metamethod.
func (vm *VM) forNext(th *Thread, ci *frame) bool {
	i := ci.instr()
	a := ci.base + argA(i)
	s := th.stack[a : a+6]
	if vm.hooked || !s[0].isFunc() || !s[1].isTable() {
		return false
	}
	var v Value
	switch t := s[1].table(); s[0].p {
	case unsafe.Pointer(vm.nextFn):
		key, val, ok := vm.next(t, &s[2], a)
		if !ok {
			vm.badKey(th, a, s[:3])
		}
		s[3], v = key, val
	case unsafe.Pointer(vm.ipairsFn):
		idx := s[2].n
		if !s[2].isInt() || idx >= uint64(len(t.array)) || tabOf(t.array[idx]) == tabNil {
			return false
		}
		vm.budget -= 4
		if vm.budget < 0 {
			vm.tick()
		}
		s[3] = mkInt(int64(idx + 1))
		v.setL(t.array[idx])
	default:
		return false
	}
	if n := argC(i); n > 1 {
		s[4] = v
		clear(th.stack[a+5 : a+3+n])
	}
	return true
}

func (vm *VM) opTForCall(th *Thread, ci *frame) (exit bool) {
	i := ci.instr()
	a := ci.base + argA(i)
	s := th.stack[a : a+6]
	s[5], s[4], s[3] = s[2], s[1], s[0]
	return vm.precall(th, a+3, 2, argC(i), cCall, 0, false)
}

// opVararg copies the extra arguments of the frame, all of them if B is 0.
func (vm *VM) opVararg(th *Thread, ci *frame) {
	i := ci.instr()
	n, have := argB(i)-1, ci.nextra
	from, to := ci.base-have, ci.base+argA(i)
	if n < 0 {
		n = have
		th.ensure(to, n+1)
		th.top = to + n
	}
	if n > have {
		clear(th.stack[to+have : to+n])
		n = have
	}
	copy(th.stack[to:to+n], th.stack[from:ci.base])
}

func (vm *VM) opSetList(th *Thread, ci *frame) {
	i := ci.instr()
	n, c := argB(i), argC(i)
	a := ci.base + argA(i)
	if n == 0 {
		n = th.top - a - 1
	}
	if c == 0 {
		c = argAx(ci.cl.p.code()[ci.pc])
		ci.pc++
	}
	vm.setList(th, a, n, int64(c-1)*fieldsPerFlush)
}
