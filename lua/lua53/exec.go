package lua53

import "unsafe"

// execute is the loop. It runs the current thread's current frame, which is a
// Lua function, and everything that it calls or resumes, until a frame that is
// marked fresh has ended.
//
// Registers are reached by pointer: our compiler's code is right by
// construction, and Verify has checked all other. ci.pc is brought up to date
// before anything that can raise an error or look at the stack.
//
// The speed hangs on what the Go compiler keeps in registers. Whatever is used
// after a call in two cases of the switch, it stores before the switch, for
// every instruction. So no case uses i, pc or ra behind a call: pc comes back
// from ci.pc, and what is larger is a function that reads its instruction
// itself (execops.go). What belongs to the frame is only set where frames
// begin, and nothing jumps from a case back to the switch but through the loop.
func execute[H plain | hooked](vm *VM) {
	hooks := unsafe.Sizeof(*new(H)) > 0
frame:
	th := vm.cur
	ci := th.ci
	k := unsafe.Pointer(unsafe.SliceData(ci.cl.p.K))
	code := unsafe.Pointer(unsafe.SliceData(ci.cl.p.Code))
	base := unsafe.Pointer(&th.stack[ci.base])
	pc := ci.pc
	for {
		i := *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
		pc++
		if hooks && opOf(i) == opHook {
			i = vm.hookInstr(th, ci, pc)
			base = unsafe.Pointer(&th.stack[ci.base])
		}
		ra := (*Value)(unsafe.Add(base, uintptr(i>>6&0xff)*valueSize))
		var tab *ltable // the table of a field
		var key *Value  // its name
		var r bool      // what a test found
		switch i & 0x3f {
		case opMove:
			*ra = *register(base, i>>23)
			continue
		case opLoadK:
			*ra = *register(k, i>>14)
			continue
		case opLoadKX:
			x := *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
			pc++
			*ra = *register(k, x>>6)
			continue
		case opLoadBool:
			*ra = Value{nil, kFalse + uint64(i>>23)&1}
			if i>>14&0x1ff != 0 {
				pc++
			}
			continue
		case opLoadNil:
			for b := i >> 23; ; b-- {
				*ra = Value{}
				if b == 0 {
					break
				}
				ra = register(unsafe.Pointer(ra), 1)
			}
			continue
		case opGetUpval:
			*ra = *ci.cl.up[i>>23].v
			continue
		case opSetUpval:
			*ci.cl.up[i>>23].v = *ra
			continue
		case opGetTabUp:
			t := ci.cl.up[i>>23].v
			key = operand(base, k, i>>14&0x1ff)
			if t.isTable() && key.isString() {
				tab = t.table()
				goto field
			}
			goto index
		case opGetTable:
			t := register(base, i>>23)
			key = operand(base, k, i>>14&0x1ff)
			if !t.isTable() {
				goto index
			}
			tab = t.table()
			if key.isInt() {
				idx := key.n - 1
				if idx >= uint64(len(tab.array)) {
					goto index
				}
				w := (*iface)(unsafe.Pointer(&tab.array[idx]))
				if w.tab == tabNumber {
					ra.setNumber(*(*float64)(w.data))
					continue
				}
				if w.tab != tabNil {
					ci.pc = pc
					ra.setL(tab.array[idx])
					pc = ci.pc
					continue
				}
			} else if key.isString() {
				goto field
			}
			goto index
		case opSelf:
			t := register(base, i>>23)
			key = operand(base, k, i>>14&0x1ff)
			*register(unsafe.Pointer(ra), 1) = *t
			t = register(unsafe.Pointer(ra), 1)
			if t.isTable() && key.isString() {
				tab = t.table()
				goto field
			}
			goto index
		case opSetTabUp:
			ci.pc = pc
			if vm.opSetTabUp(th, ci) {
				return
			}
			goto frame
		case opSetTable:
			kb := operand(base, k, i>>23)
			kc := operand(base, k, i>>14&0x1ff)
			ci.pc = pc
			if ra.isTable() && vm.setFast(ra.table(), kb, kc) {
				pc = ci.pc
				continue
			}
			if vm.opSetTable(th, ci) {
				return
			}
			goto frame
		case opNewTable:
			ci.pc = pc
			if vm.opNewTable(th, ci) {
				goto frame
			}
			pc = ci.pc
			continue
		case opAdd:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(wrapInt(int64(b.n+c.n), vm.narrow))
				continue
			}
			if b.isFloat() && c.isFloat() {
				ra.setFloat(roundFloat(b.f()+c.f(), vm.narrow))
				continue
			}
			goto arith
		case opSub:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(wrapInt(int64(b.n-c.n), vm.narrow))
				continue
			}
			if b.isFloat() && c.isFloat() {
				ra.setFloat(roundFloat(b.f()-c.f(), vm.narrow))
				continue
			}
			goto arith
		case opMul:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(wrapInt(int64(b.n*c.n), vm.narrow))
				continue
			}
			if b.isFloat() && c.isFloat() {
				ra.setFloat(roundFloat(b.f()*c.f(), vm.narrow))
				continue
			}
			goto arith
		case opMod:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() && int64(c.n) > 0 {
				x := int64(b.n) % int64(c.n)
				if x < 0 {
					x += int64(c.n)
				}
				ra.setInt(x)
				continue
			}
			goto arith
		case opIDiv:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() && int64(c.n) > 0 {
				q := int64(b.n) / int64(c.n)
				if q*int64(c.n) > int64(b.n) {
					q--
				}
				ra.setInt(q)
				continue
			}
			goto arith
		case opDiv:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isFloat() && c.isFloat() {
				ra.setFloat(roundFloat(b.f()/c.f(), vm.narrow))
				continue
			}
			goto arith
		case opBand:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(int64(b.n & c.n))
				continue
			}
			goto arith
		case opBor:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(int64(b.n | c.n))
				continue
			}
			goto arith
		case opBxor:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() {
				ra.setInt(int64(b.n ^ c.n))
				continue
			}
			goto arith
		case opShl:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() && c.n < 64 {
				ra.setInt(wrapInt(int64(b.n<<c.n), vm.narrow))
				continue
			}
			goto arith
		case opShr:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			if b.isInt() && c.isInt() && c.n < 64 {
				x := b.n
				if vm.narrow {
					x = uint64(uint32(x))
				}
				ra.setInt(wrapInt(int64(x>>c.n), vm.narrow))
				continue
			}
			goto arith
		case opPow:
			goto arith
		case opUnm:
			b := register(base, i>>23)
			if b.isInt() {
				ra.setInt(wrapInt(-int64(b.n), vm.narrow))
				continue
			}
			goto arith
		case opBnot:
			b := register(base, i>>23)
			if b.isInt() {
				ra.setInt(int64(^b.n))
				continue
			}
			goto arith
		case opNot:
			*ra = mkBool(register(base, i>>23).falsy())
			continue
		case opLen:
			b := register(base, i>>23)
			if b.isString() {
				ra.setInt(int64(len(b.str())))
				continue
			}
			if b.isTable() {
				if t := b.table(); tabOf(t.Metatable) == tabNil && len(t.dict) == 0 {
					if n := len(t.array); n == 0 || tabOf(t.array[n-1]) != tabNil {
						ra.setInt(int64(n))
						continue
					}
				}
			}
			ci.pc = pc
			if vm.opLen(th, ci) {
				return
			}
			goto frame
		case opConcat:
			ci.pc = pc
			if vm.opConcat(th, ci) {
				return
			}
			goto frame
		case opJmp:
			goto jump
		case opEq:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			switch {
			case b.p == nil || b.isInt() && c.isInt():
				r = b.p == c.p && b.n == c.n
			case c.p == nil:
			default:
				goto compare
			}
			goto test
		case opLt:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			switch {
			case b.isInt() && c.isInt():
				r = int64(b.n) < int64(c.n)
			case b.isFloat() && c.isFloat():
				r = b.f() < c.f()
			default:
				goto compare
			}
			goto test
		case opLe:
			b, c := operand(base, k, i>>23), operand(base, k, i>>14&0x1ff)
			switch {
			case b.isInt() && c.isInt():
				r = int64(b.n) <= int64(c.n)
			case b.isFloat() && c.isFloat():
				r = b.f() <= c.f()
			default:
				goto compare
			}
			goto test
		case opTest:
			if ra.falsy() == (i>>14&0x1ff != 0) {
				pc++
				continue
			}
			goto condJump
		case opTestSet:
			b := register(base, i>>23)
			if b.falsy() == (i>>14&0x1ff != 0) {
				pc++
				continue
			}
			*ra = *b
			goto condJump
		case opCall:
			ci.pc = pc
			if c := luaClosure(ra); c != nil && ci.next != nil && i>>23 != 0 && vm.budget >= 4 {
				p := c.p
				fn := ci.base + int((uintptr(unsafe.Pointer(ra))-uintptr(base))/valueSize)
				if !p.IsVararg && int(i>>23) > p.NumParams && fn+1+p.MaxStack <= len(th.stack) {
					vm.budget -= 4
					f := ci.next
					th.ci = f
					f.cl, f.fn, f.nres = c, fn, int(i>>14&0x1ff)-1
					f.kind, f.cont, f.fresh, f.tail = fLua, cCall, false, false
					f.pc, f.base, f.nextra = 0, fn+1, 0
					goto frame
				}
			}
			if vm.opCall(th, ci) {
				return
			}
			goto frame
		case opTailCall:
			ci.pc = pc
			if vm.opTailCall(th, ci) {
				return
			}
			goto frame
		case opReturn:
			ci.pc = pc
			vm.budget -= straightSteps(pc)
			if ci.cont != cCall || ci.fresh || ci.prev.kind != fLua {
				if vm.opReturn(th, ci) {
					return
				}
				goto frame
			}
			if th.open != nil && th.open.idx >= ci.base {
				th.closeUpvals(ci.base)
				i = instr(code, ci.pc)
				ra = register(base, i>>6&0xff)
			}
			th.ci = ci.prev
			switch {
			case i>>23 != 2 || ci.nres > 1:
				th.returnMany(ci)
			case ci.nres == 1:
				th.stack[ci.fn] = *ra
			case ci.nres < 0:
				th.stack[ci.fn] = *ra
				th.top = ci.fn + 1
			}
			goto frame
		case opForLoop:
			step := register(unsafe.Pointer(ra), 2)
			lim := register(unsafe.Pointer(ra), 1)
			if ra.isInt() {
				s := int64(step.n)
				x := wrapInt(int64(ra.n)+s, vm.narrow)
				if s > 0 && x <= int64(lim.n) || s <= 0 && x >= int64(lim.n) {
					ra.n = uint64(x)
					register(unsafe.Pointer(ra), 3).setInt(x)
					goto loop
				}
				continue
			}
			ci.pc = pc
			more := vm.forLoopFloat(ra)
			pc = ci.pc
			if more {
				i = instr(code, pc)
				goto loop
			}
			continue
		case opForPrep:
			ci.pc = pc
			vm.forPrep(ra)
			ci.pc += argSBx(instr(code, ci.pc))
			pc = ci.pc
			continue
		case opTForCall:
			ci.pc = pc
			if vm.forNext(th, ci) {
				pc = ci.pc
				continue
			}
			if vm.opTForCall(th, ci) {
				return
			}
			goto frame
		case opTForLoop:
			c := register(unsafe.Pointer(ra), 1)
			if c.p != nil || c.n != kNil {
				*ra = *c
				goto loop
			}
			continue
		case opSetList:
			ci.pc = pc
			vm.opSetList(th, ci)
			pc = ci.pc
			continue
		case opClosure:
			ci.pc = pc
			if vm.opClosure(th, ci) {
				goto frame
			}
			pc = ci.pc
			continue
		case opVararg:
			ci.pc = pc
			vm.opVararg(th, ci)
			goto frame
		case opHook:
			ci.pc = pc
			ci.pc--
			execute[hooked](vm)
			return
		}
		ci.pc = pc
		vm.throwf("bad opcode")

	arith:
		ci.pc = pc
		if vm.opArith(th, ci) {
			pc = ci.pc
			continue
		}
		if vm.opArithMeta(th, ci) {
			return
		}
		goto frame

		// A field of tab. Behind the call everything is read anew.
	field:
		ci.pc = pc
		if lv, ok := tab.strdict[key.str()]; ok {
			pc = ci.pc
			register(base, instr(code, pc)>>6&0xff).setL(lv)
			pc = ci.pc
			continue
		}
		if vm.opField(th, ci) {
			return
		}
		goto frame
	index:
		ci.pc = pc
		if vm.opIndex(th, ci) {
			return
		}
		goto frame

	compare:
		ci.pc = pc
		switch vm.opCompare(th, ci) {
		case condExit:
			return
		case condCalled:
			goto frame
		case condTrue:
			r = true
		}
		pc = ci.pc
		i = instr(code, pc)
	test:
		if r == (i&maskA == 0) {
			pc++
			continue
		}

		// The jump behind a test.
	condJump:
		i = *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
		pc++
	jump:
		if a := int(i >> 6 & 0xff); a != 0 {
			ci.pc = pc
			th.closeUpvals(ci.base + a - 1)
			pc = ci.pc
			i = instr(code, pc)
		}
		if int(i>>14) >= biasSBx {
			pc += int(i>>14) - biasSBx
			continue
		}

		// A jump back, which counts for the instructions of the loop.
	loop:
		d := int(i>>14) - biasSBx
		pc += d
		vm.budget += int64(d)
		if vm.budget < 0 {
			ci.pc = pc
			vm.tick()
			pc = ci.pc
		}
	}
}
