package lua53

import (
	"math"
	"unsafe"
)

// execute is the loop. It runs the current thread's current frame, which is a
// Lua function, and everything that it calls or resumes, until a frame that is
// marked fresh has ended.
//
// Registers are reached by pointer: our compiler's code is right by
// construction, and Verify has checked all other. ci.pc is brought up to date
// before anything that can raise an error or look at the stack.
func (vm *VM) execute() {
	narrow := vm.narrow
reload:
	th := vm.cur
	ci := th.ci
	cl := ci.cl
	p := cl.p
	var k unsafe.Pointer
	if len(p.K) > 0 {
		k = unsafe.Pointer(&p.K[0])
	}
	code := unsafe.Pointer(&p.Code[0])
	base := unsafe.Pointer(&th.stack[ci.base])
	pc := ci.pc
	for {
		i := *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
		pc++
	dispatch:
		ra := (*Value)(unsafe.Add(base, uintptr(i>>6&0xff)*valueSize))
		switch i & 0x3f {
		case opMove:
			*ra = *(*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
		case opLoadK:
			*ra = *(*Value)(unsafe.Add(k, uintptr(i>>14)*valueSize))
		case opLoadKX:
			x := *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
			pc++
			*ra = *(*Value)(unsafe.Add(k, uintptr(x>>6)*valueSize))
		case opLoadBool:
			*ra = Value{nil, kFalse + uint64(i>>23)&1}
			if i>>14&0x1ff != 0 {
				pc++
			}
		case opLoadNil:
			for b := argB(i); ; b-- {
				*ra = Value{}
				if b == 0 {
					break
				}
				ra = (*Value)(unsafe.Add(unsafe.Pointer(ra), valueSize))
			}
		case opGetUpval:
			*ra = *cl.up[i>>23].v
		case opGetTabUp:
			t := cl.up[i>>23].v
			kc := operand(base, k, i>>14&0x1ff)
			if t.isTable() && kc.isString() {
				if lv, ok := t.table().strdict[kc.str()]; ok {
					*ra = fromL(lv)
					continue
				}
			}
			ci.pc = pc
			if vm.index(th, ci, *t, *kc, argA(i)) {
				return
			}
			goto reload
		case opGetTable:
			t := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			kc := operand(base, k, i>>14&0x1ff)
			if t.isTable() {
				tab := t.table()
				if kc.p == unsafe.Pointer(&tags[0]) {
					if idx := kc.n - 1; idx < uint64(len(tab.array)) {
						lv := tab.array[idx]
						if tabOf(lv) != tabNil {
							*ra = fromL(lv)
							continue
						}
					}
				} else if kc.isString() {
					if lv, ok := tab.strdict[kc.str()]; ok {
						*ra = fromL(lv)
						continue
					}
				}
			}
			ci.pc = pc
			if vm.index(th, ci, *t, *kc, argA(i)) {
				return
			}
			goto reload
		case opSetTabUp:
			kb := operand(base, k, i>>23)
			kc := operand(base, k, i>>14&0x1ff)
			ci.pc = pc
			if vm.setIndex(th, ci, *cl.up[i>>6&0xff].v, kb, kc) {
				return
			}
			goto reload
		case opSetUpval:
			*cl.up[i>>23].v = *ra
		case opSetTable:
			kb := operand(base, k, i>>23)
			kc := operand(base, k, i>>14&0x1ff)
			if ra.isTable() {
				tab := ra.table()
				if tabOf(tab.Metatable) == tabNil {
					if kb.p == unsafe.Pointer(&tags[0]) {
						idx := kb.n - 1
						if n := uint64(len(tab.array)); idx < n && (kc.p != nil || kc.n != kNil) {
							tab.array[idx] = vm.box.toL(*kc)
							continue
						} else if idx == n && len(tab.dict) == 0 && (kc.p != nil || kc.n != kNil) {
							vm.mem += vm.sizes.slot
							if vm.mem < vm.memNext {
								tab.array = append(tab.array, vm.box.toL(*kc))
								continue
							}
							vm.mem -= vm.sizes.slot
						}
					} else if kb.isString() {
						ci.pc = pc
						vm.setStr(tab, kb, kc)
						continue
					}
				}
			}
			ci.pc = pc
			if vm.setIndex(th, ci, *ra, kb, kc) {
				return
			}
			goto reload
		case opNewTable:
			ci.pc = pc
			*ra = vm.newTable(argB(i), argC(i))
			if vm.gcDue {
				vm.autoCollect(ci.base + argA(i) + 1)
				goto reload
			}
		case opSelf:
			t := *(*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			kc := operand(base, k, i>>14&0x1ff)
			*(*Value)(unsafe.Add(unsafe.Pointer(ra), valueSize)) = t
			if t.isTable() && kc.isString() {
				tab := t.table()
				if lv, ok := tab.strdict[kc.str()]; ok {
					*ra = fromL(lv)
					continue
				}
			}
			ci.pc = pc
			if vm.index(th, ci, t, *kc, argA(i)) {
				return
			}
			goto reload
		case opAdd:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				x := int64(b.n + c.n)
				if narrow {
					x = int64(int32(x))
				}
				ra.setInt(x)
				continue
			}
			if b.p == unsafe.Pointer(&tags[1]) && c.p == unsafe.Pointer(&tags[1]) {
				x := math.Float64frombits(b.n) + math.Float64frombits(c.n)
				if narrow {
					x = float64(float32(x))
				}
				ra.setFloat(x)
				continue
			}
			goto arith
		case opSub:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				x := int64(b.n - c.n)
				if narrow {
					x = int64(int32(x))
				}
				ra.setInt(x)
				continue
			}
			if b.p == unsafe.Pointer(&tags[1]) && c.p == unsafe.Pointer(&tags[1]) {
				x := math.Float64frombits(b.n) - math.Float64frombits(c.n)
				if narrow {
					x = float64(float32(x))
				}
				ra.setFloat(x)
				continue
			}
			goto arith
		case opMul:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				x := int64(b.n * c.n)
				if narrow {
					x = int64(int32(x))
				}
				ra.setInt(x)
				continue
			}
			if b.p == unsafe.Pointer(&tags[1]) && c.p == unsafe.Pointer(&tags[1]) {
				x := math.Float64frombits(b.n) * math.Float64frombits(c.n)
				if narrow {
					x = float64(float32(x))
				}
				ra.setFloat(x)
				continue
			}
			goto arith
		case opMod, opIDiv:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) && int64(c.n) > 0 {
				x, y := int64(b.n), int64(c.n)
				if i&0x3f == opMod {
					x %= y
					if x < 0 {
						x += y
					}
				} else {
					q := x / y
					if q*y > x {
						q--
					}
					x = q
				}
				ra.setInt(x)
				continue
			}
			goto arith
		case opDiv:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[1]) && c.p == unsafe.Pointer(&tags[1]) && !narrow {
				ra.setFloat(math.Float64frombits(b.n) / math.Float64frombits(c.n))
				continue
			}
			goto arith
		case opBand:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(int64(b.n & c.n))
				continue
			}
			goto arith
		case opBor:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(int64(b.n | c.n))
				continue
			}
			goto arith
		case opBxor:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(int64(b.n ^ c.n))
				continue
			}
			goto arith
		case opShl:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(shiftLeft(int64(b.n), int64(c.n), narrow))
				continue
			}
			goto arith
		case opShr:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(shiftRight(int64(b.n), int64(c.n), narrow))
				continue
			}
			goto arith
		case opPow:
			goto arith
		case opUnm:
			b := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			if b.p == unsafe.Pointer(&tags[0]) {
				x := -int64(b.n)
				if narrow {
					x = int64(int32(x))
				}
				ra.setInt(x)
				continue
			}
			if b.p == unsafe.Pointer(&tags[1]) {
				ra.setFloat(-math.Float64frombits(b.n))
				continue
			}
			goto arith
		case opBnot:
			b := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			if b.p == unsafe.Pointer(&tags[0]) {
				ra.setInt(int64(^b.n))
				continue
			}
			goto arith
		case opNot:
			b := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			*ra = mkBool(b.p == nil && b.n <= kFalse)
		case opLen:
			b := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			if b.isString() {
				ra.setInt(int64(len(b.str())))
				continue
			}
			if b.isTable() {
				if t := b.table(); tabOf(t.Metatable) == tabNil {
					ra.setInt(t.length())
					continue
				}
			}
			ci.pc = pc
			if vm.lenMeta(th, ci, *b, argA(i)) {
				return
			}
			goto reload
		case opConcat:
			ci.pc = pc
			if vm.concat(th, ci, i, argC(i)) {
				return
			}
			if vm.gcDue && vm.cur == th && th.ci == ci {
				top := argB(i)
				if a := argA(i); a >= top {
					top = a + 1
				}
				vm.autoCollect(ci.base + top)
			}
			goto reload
		case opJmp:
			if a := int(i >> 6 & 0xff); a != 0 {
				th.closeUpvals(ci.base + a - 1)
			}
			d := int(i>>14) - biasSBx
			pc += d
			if d < 0 {
				vm.budget += int64(d)
				if vm.budget < 0 {
					ci.pc = pc
					vm.tick()
				}
			}
			continue
		case opEq:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			var r bool
			if b.p == c.p && b.n == c.n && b.p != unsafe.Pointer(&tags[1]) {
				r = true
			} else if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				r = false
			} else if (b.isTable() && c.isTable()) || b.n == kUser && c.n == kUser {
				ci.pc = pc
				done, exit := vm.eqMeta(th, ci, b, c, int(i>>6&0xff))
				if exit {
					return
				}
				if done {
					goto reload
				}
				r = rawEqual(b, c)
			} else {
				r = rawEqual(b, c)
			}
			if b2u(r) != i>>6&0xff {
				pc++
				continue
			}
			goto condJump
		case opLt:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			var r bool
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				r = int64(b.n) < int64(c.n)
			} else if b.isNum() && c.isNum() {
				r = ltNum(b, c)
			} else if b.isString() && c.isString() {
				r = b.str() < c.str()
			} else {
				ci.pc = pc
				if vm.lessMeta(th, ci, *b, *c, int(i>>6&0xff), "__lt") {
					return
				}
				goto reload
			}
			if b2u(r) != i>>6&0xff {
				pc++
				continue
			}
			goto condJump
		case opLe:
			b := operand(base, k, i>>23)
			c := operand(base, k, i>>14&0x1ff)
			var r bool
			if b.p == unsafe.Pointer(&tags[0]) && c.p == unsafe.Pointer(&tags[0]) {
				r = int64(b.n) <= int64(c.n)
			} else if b.isNum() && c.isNum() {
				r = leNum(b, c)
			} else if b.isString() && c.isString() {
				r = b.str() <= c.str()
			} else {
				ci.pc = pc
				if vm.lessMeta(th, ci, *b, *c, int(i>>6&0xff), "__le") {
					return
				}
				goto reload
			}
			if b2u(r) != i>>6&0xff {
				pc++
				continue
			}
			goto condJump
		case opTest:
			if (ra.p == nil && ra.n <= kFalse) == (i>>14&0x1ff != 0) {
				pc++
				continue
			}
			goto condJump
		case opTestSet:
			b := (*Value)(unsafe.Add(base, uintptr(i>>23)*valueSize))
			if (b.p == nil && b.n <= kFalse) == (i>>14&0x1ff != 0) {
				pc++
				continue
			}
			*ra = *b
			goto condJump
		case opCall:
			fn := ci.base + int(i>>6&0xff)
			b := int(i >> 23)
			nargs := b - 1
			if b == 0 {
				nargs = th.top - fn - 1
			}
			nres := int(i>>14&0x1ff) - 1
			ci.pc = pc
			if ra.isFunc() {
				if c := ours(ra.fn()); c != nil && c.p != nil {
					vm.budget -= 4
					if vm.budget < 0 {
						vm.tick()
					}
					f := ci.next
					if f == nil {
						f = &frame{prev: ci}
						ci.next = f
					}
					th.ci = f
					f.cl, f.fn, f.nres, f.cont, f.fresh = c, fn, nres, cCall, false
					f.kind, f.pc, f.tail = fLua, 0, false
					np := c.p
					if np.IsVararg || nargs < np.NumParams || fn+1+np.MaxStack > len(th.stack) {
						vm.enter(th, f, nargs)
					} else {
						f.base, f.nextra = fn+1, 0
					}
					ci, cl, p = f, c, np
					k = nil
					if len(p.K) > 0 {
						k = unsafe.Pointer(&p.K[0])
					}
					code = unsafe.Pointer(&p.Code[0])
					base = unsafe.Pointer(&th.stack[ci.base])
					pc = 0
					continue
				}
			}
			if vm.precall(th, fn, nargs, nres, cCall, 0, false) {
				return
			}
			goto reload
		case opTailCall:
			vm.budget -= straightSteps(pc)
			fn := ci.base + int(i>>6&0xff)
			b := int(i >> 23)
			nargs := b - 1
			if b == 0 {
				nargs = th.top - fn - 1
			}
			ci.pc = pc
			if c := luaClosure(ra); c != nil {
				if len(p.Protos) > 0 {
					th.closeUpvals(ci.base)
				}
				vm.budget -= 4
				if vm.budget < 0 {
					vm.tick()
				}
				copy(th.stack[ci.fn:ci.fn+nargs+1], th.stack[fn:fn+nargs+1])
				ci.cl, ci.pc, ci.tail = c, 0, true
				vm.enter(th, ci, nargs)
				goto reload
			}
			if vm.precall(th, fn, nargs, -1, cCall, 0, false) {
				return
			}
			goto reload
		case opReturn:
			vm.budget -= straightSteps(pc)
			first := ci.base + int(i>>6&0xff)
			n := int(i>>23) - 1
			if n < 0 {
				n = th.top - first
			}
			if len(p.Protos) > 0 {
				th.closeUpvals(ci.base)
			}
			if ci.cont == cCall && !ci.fresh && ci.prev.kind == fLua {
				fn := ci.fn
				nres := ci.nres
				ci = ci.prev
				th.ci = ci
				if nres == 1 && n == 1 {
					th.stack[fn] = *ra
				} else if nres != 0 {
					th.moveResults(fn, first, n, nres)
				}
				cl = ci.cl
				p = cl.p
				k = nil
				if len(p.K) > 0 {
					k = unsafe.Pointer(&p.K[0])
				}
				code = unsafe.Pointer(&p.Code[0])
				base = unsafe.Pointer(&th.stack[ci.base])
				pc = ci.pc
				continue
			}
			if vm.finish(th, ci, first, n) {
				return
			}
			goto reload
		case opForLoop:
			lim := (*Value)(unsafe.Add(unsafe.Pointer(ra), valueSize))
			step := (*Value)(unsafe.Add(unsafe.Pointer(ra), 2*valueSize))
			if ra.p == unsafe.Pointer(&tags[0]) {
				s := int64(step.n)
				x := int64(ra.n) + s
				if narrow {
					x = int64(int32(x))
				}
				if s > 0 && x <= int64(lim.n) || s <= 0 && x >= int64(lim.n) {
					d := int(i>>14) - biasSBx
					pc += d
					ra.n = uint64(x)
					(*Value)(unsafe.Add(unsafe.Pointer(ra), 3*valueSize)).setInt(x)
					vm.budget += int64(d)
					if vm.budget < 0 {
						ci.pc = pc
						vm.tick()
					}
				}
				continue
			}
			if ra.p != unsafe.Pointer(&tags[1]) { // only hostile bytecode does this
				ci.pc = pc
				vm.throwf("'for' initial value must be a number")
			}
			s := math.Float64frombits(step.n)
			x := math.Float64frombits(ra.n) + s
			if narrow {
				x = float64(float32(x))
			}
			if s > 0 && x <= math.Float64frombits(lim.n) || s <= 0 && x >= math.Float64frombits(lim.n) {
				d := int(i>>14) - biasSBx
				pc += d
				ra.n = math.Float64bits(x)
				(*Value)(unsafe.Add(unsafe.Pointer(ra), 3*valueSize)).setFloat(x)
				vm.budget += int64(d)
				if vm.budget < 0 {
					ci.pc = pc
					vm.tick()
				}
			}
			continue
		case opForPrep:
			ci.pc = pc
			vm.forPrep(ra)
			pc += int(i>>14) - biasSBx
			continue
		case opTForCall:
			a := ci.base + int(i>>6&0xff)
			s := th.stack[a : a+6]
			ci.pc = pc
			if s[0].isFunc() && unsafe.Pointer(s[0].fn()) == unsafe.Pointer(vm.nextFn) && s[1].isTable() {
				key, v, ok := vm.next(s[1].table(), &s[2], a)
				if !ok {
					vm.badKey(th, a, s[:3])
				}
				s[3] = key
				switch n := int(i >> 14 & 0x1ff); n {
				case 1:
				case 2:
					s[4] = v
				default:
					s[4] = v
					for j := 2; j < n; j++ {
						th.stack[a+3+j] = Value{}
					}
				}
				continue
			}
			s[5], s[4], s[3] = s[2], s[1], s[0]
			if vm.precall(th, a+3, 2, int(i>>14&0x1ff), cCall, 0, false) {
				return
			}
			goto reload
		case opTForLoop:
			c := (*Value)(unsafe.Add(unsafe.Pointer(ra), valueSize))
			if c.p != nil || c.n != kNil {
				*ra = *c
				d := int(i>>14) - biasSBx
				pc += d
				vm.budget += int64(d)
				if vm.budget < 0 {
					ci.pc = pc
					vm.tick()
				}
			}
			continue
		case opSetList:
			n := int(i >> 23)
			c := int(i >> 14 & 0x1ff)
			a := ci.base + int(i>>6&0xff)
			if n == 0 {
				n = th.top - a - 1
			}
			if c == 0 {
				c = int(*(*uint32)(unsafe.Add(code, uintptr(pc)*4)) >> 6)
				pc++
			}
			ci.pc = pc
			vm.setList(th, a, n, int64(c-1)*fieldsPerFlush)
			continue
		case opClosure:
			ci.pc = pc
			*ra = vm.closure(th, ci, p.Protos[i>>14])
			if vm.gcDue {
				vm.autoCollect(ci.base + argA(i) + 1)
				goto reload
			}
			continue
		case opVararg:
			n := int(i>>23) - 1
			ci.pc = pc
			vm.varargs(th, ci, int(i>>6&0xff), n)
			base = unsafe.Pointer(&th.stack[ci.base])
			continue
		case opHook:
			i = vm.hookInstr(th, ci, pc)
			code = unsafe.Pointer(&p.Code[0])
			base = unsafe.Pointer(&th.stack[ci.base])
			goto dispatch
		default:
			ci.pc = pc
			vm.throwf("bad opcode")
		}
		continue

	arith:
		ci.pc = pc
		if vm.arith(th, ci, i, operand(base, k, i>>23), operand(base, k, i>>14&0x1ff), ra) {
			return
		}
		if th.ci == ci && vm.cur == th {
			base = unsafe.Pointer(&th.stack[ci.base])
			continue
		}
		goto reload

	condJump:
		i = *(*uint32)(unsafe.Add(code, uintptr(pc)*4))
		pc++
		if a := int(i >> 6 & 0xff); a != 0 {
			th.closeUpvals(ci.base + a - 1)
		}
		d := int(i>>14) - biasSBx
		pc += d
		if d < 0 {
			vm.budget += int64(d)
			if vm.budget < 0 {
				ci.pc = pc
				vm.tick()
			}
		}
	}
}

// operand is a register or a constant.
func operand(base, k unsafe.Pointer, x uint32) *Value {
	if x&bitRK != 0 {
		base = k
		x &^= bitRK
	}
	return (*Value)(unsafe.Add(base, uintptr(x)*valueSize))
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func luaClosure(v *Value) *Closure {
	if v.isFunc() {
		if c := ours(v.fn()); c != nil && c.p != nil {
			return c
		}
	}
	return nil
}
