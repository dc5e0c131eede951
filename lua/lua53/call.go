package lua53

// ensure makes room for n registers from index top.
func (th *Thread) ensure(top, n int) {
	if top+n <= len(th.stack) {
		return
	}
	th.grow(top + n)
}

func (th *Thread) grow(need int) {
	limit := th.vm.opts.MaxStack
	if need > limit {
		if need > limit+1000 {
			th.overflow()
		}
		if len(th.stack) <= limit { // room for the handling of the error
			th.resize(limit + 1000)
		}
		th.overflow()
	}
	size := 2 * len(th.stack)
	if size < need {
		size = need
	}
	if size > limit {
		size = limit
	}
	th.resize(size)
}

// overflow raises the error where the call is, not in the function called.
func (th *Thread) overflow() {
	if f := th.ci; f.kind == fLua && f.pc == 0 {
		th.ci = f.prev
	}
	th.vm.throwf("stack overflow")
}

func (th *Thread) resize(size int) {
	th.vm.alloc(int64(size-len(th.stack)) * th.vm.sizes.slot)
	s := make([]Value, size)
	copy(s, th.stack)
	th.stack = s
	for u := th.open; u != nil; u = u.next {
		u.v = &s[u.idx]
	}
}

func (th *Thread) push(v Value) {
	if th.top >= len(th.stack) {
		th.grow(th.top + 1)
	}
	th.stack[th.top] = v
	th.top++
}

// findUpval returns the open upvalue of a register.
func (th *Thread) findUpval(idx int) *UpVal {
	pp := &th.open
	for *pp != nil && (*pp).idx > idx {
		pp = &(*pp).next
	}
	if *pp != nil && (*pp).idx == idx {
		return *pp
	}
	th.vm.alloc(th.vm.sizes.upval)
	u := &UpVal{v: &th.stack[idx], idx: idx, next: *pp}
	*pp = u
	return u
}

// closeUpvals closes the upvalues of registers from idx up.
func (th *Thread) closeUpvals(idx int) {
	for u := th.open; u != nil && u.idx >= idx; u = th.open {
		u.closed = *u.v
		u.v = &u.closed
		u.idx = -1
		th.open = u.next
		u.next = nil
	}
}

// pushFrame makes the next frame the current one.
func (th *Thread) pushFrame() *frame {
	f := th.ci.next
	if f == nil {
		f = &frame{prev: th.ci}
		th.ci.next = f
	}
	th.ci = f
	return f
}

// precall calls the value at register fn with nargs arguments behind it. A Lua
// function gets a frame; a native one is run to its end. The results go where
// cont, nres and dest say. exit says that the loop must return.
func (vm *VM) precall(th *Thread, fn, nargs, nres int, cont uint8, dest int, fresh bool) (exit bool) {
	v := &th.stack[fn]
	if !v.isFunc() {
		nargs = vm.callMeta(th, fn, nargs)
		v = &th.stack[fn]
	}
	vm.budget -= 4
	if vm.budget < 0 {
		vm.tick()
	}
	c := ours(v.fn())
	if c == nil {
		return vm.callLegacy(th, v.fn(), fn, nargs, nres, cont, dest, fresh)
	}
	if c.p != nil {
		f := th.pushFrame()
		f.cl, f.fn, f.nres, f.cont, f.dest, f.fresh = c, fn, nres, cont, dest, fresh
		f.kind, f.pc, f.tail = fLua, 0, false
		vm.enter(th, f, nargs)
		return false
	}
	if c.nat.special != spNone {
		return vm.special(th, c, fn, nargs, nres, cont, dest, fresh)
	}
	f := th.pushFrame()
	f.cl, f.fn, f.base, f.nres, f.cont, f.dest, f.fresh = c, fn, fn+1, nres, cont, dest, fresh
	f.kind, f.tail = fNative, false
	th.top = fn + 1 + nargs
	if vm.hooked {
		vm.callEvent(th, f)
	}
	n := c.nat.fn(Args{th, fn + 1, nargs})
	if cont == cCall && !fresh && f.prev.kind == fLua && !vm.hooked { // the common case of finish
		first := th.top - n
		th.ci = f.prev
		if nres == 1 {
			if n > 0 {
				th.stack[fn] = th.stack[first]
			} else {
				th.stack[fn] = Value{}
			}
			return false
		}
		th.moveResults(fn, first, n, nres)
		return false
	}
	return vm.finish(th, f, th.top-n, n)
}

// enter lays out the registers of a Lua function's frame.
func (vm *VM) enter(th *Thread, f *frame, nargs int) {
	p := f.cl.p
	fn := f.fn
	np := p.NumParams
	if !p.IsVararg {
		f.base = fn + 1
		f.nextra = 0
		if fn+1+p.MaxStack > len(th.stack) {
			th.top = fn + 1 + nargs
			th.grow(fn + 1 + p.MaxStack)
		}
		for i := nargs; i < np; i++ {
			th.stack[fn+1+i] = Value{}
		}
		return
	}
	base := fn + 1 + nargs
	if nargs < np {
		th.ensure(fn+1+np, 0)
		for i := nargs; i < np; i++ {
			th.stack[fn+1+i] = Value{}
		}
		base = fn + 1 + np
		f.nextra = 0
	} else {
		f.nextra = nargs - np
	}
	f.base = base
	if base+p.MaxStack > len(th.stack) {
		th.top = base
		th.grow(base + p.MaxStack)
	}
	for i := 0; i < np; i++ {
		th.stack[base+i] = th.stack[fn+1+i]
		th.stack[fn+1+i] = Value{}
	}
}

// moveResults puts n results at first into place for a caller that wants nres.
func (th *Thread) moveResults(to, first, n, nres int) {
	s := th.stack
	if nres < 0 {
		copy(s[to:to+n], s[first:first+n])
		th.top = to + n
		return
	}
	if to+nres > len(s) {
		th.ensure(to, nres)
		s = th.stack
	}
	if n > nres {
		n = nres
	}
	for i := 0; i < n; i++ {
		s[to+i] = s[first+i]
	}
	for i := n; i < nres; i++ {
		s[to+i] = Value{}
	}
}

// callMeta puts the __call metamethod of the value at fn under it.
func (vm *VM) callMeta(th *Thread, fn, nargs int) int {
	v := th.stack[fn]
	mm := vm.metaOf(&v, "__call")
	if !mm.isFunc() {
		vm.throwType("call", v, vm.calleeName(th, fn))
	}
	th.ensure(fn+1+nargs, 1)
	copy(th.stack[fn+1:fn+2+nargs], th.stack[fn:fn+1+nargs])
	th.stack[fn] = mm
	return nargs + 1
}

// finish ends frame f of th with n results at register first, and the frames
// of pcall and coroutines that end with it.
func (vm *VM) finish(th *Thread, f *frame, first, n int) (exit bool) {
	for {
		if vm.hooked && f.kind != fLua {
			vm.returnEvent(th, f, first, n)
		}
		parent := f.prev
		th.ci = parent
		switch f.cont {
		case cCall:
			th.moveResults(f.fn, first, n, f.nres)
		case cDiscard:
		default:
			var v Value
			if n > 0 {
				v = th.stack[first]
			}
			switch f.cont {
			case cStore:
				th.stack[parent.base+f.dest] = v
			case cCond:
				if b2i(!v.falsy()) != f.dest {
					parent.pc++
				}
			case cCondNot:
				if b2i(v.falsy()) != f.dest {
					parent.pc++
				}
			case cConcat:
				th.stack[parent.base+f.dest] = v
				i := parent.cl.p.code()[parent.pc-1]
				return vm.concat(th, parent, i, f.dest)
			}
		}
		if f.fresh {
			return true
		}
		switch parent.kind {
		case fLua:
			return false
		case fPcall:
			vm.Charge(n / 4) // nested ones hand on ever more results
			th.stack[parent.fn] = Value{nil, kTrue}
			first, n, f = parent.fn, th.top-parent.fn, parent
		case fXpcall:
			vm.Charge(n / 4)
			th.stack[parent.fn+1] = Value{nil, kTrue}
			first, n, f = parent.fn+1, th.top-parent.fn-1, parent
		case fBase:
			th.status = coDead
			th, f, first, n = vm.backTo(th, parent.fn+1, th.top-parent.fn-1, true)
		default:
			panic("lua53: call below a native frame")
		}
	}
}

// backTo gives control back to the thread that resumed th, with n values, and
// returns its frame that ends with them.
func (vm *VM) backTo(th *Thread, first, n int, ok bool) (*Thread, *frame, int, int) {
	p := th.parent
	th.parent = nil
	vm.cur = p
	p.status = coRunning
	f := p.ci
	at := f.fn
	p.ensure(at, n+1)
	if f.kind == fResume {
		p.stack[at] = mkBool(ok)
		copy(p.stack[at+1:at+1+n], th.stack[first:first+n])
		p.top = at + 1 + n
		return p, f, at, n + 1
	}
	copy(p.stack[at:at+n], th.stack[first:first+n])
	p.top = at + n
	return p, f, at, n
}

// special runs the natives that change the flow of control.
func (vm *VM) special(th *Thread, c *Closure, fn, nargs, nres int, cont uint8, dest int, fresh bool) (exit bool) {
	f := th.pushFrame()
	f.cl, f.fn, f.base, f.nres, f.cont, f.dest, f.fresh = c, fn, fn+1, nres, cont, dest, fresh
	f.kind, f.tail = fNative, false
	th.top = fn + 1 + nargs
	if vm.hooked {
		vm.callEvent(th, f)
	}
	a := Args{th, fn + 1, nargs}
	switch c.nat.special {
	case spPcall:
		a.Any(0)
		f.kind = fPcall
		return vm.precall(th, fn+1, nargs-1, -1, cCall, 0, false)
	case spXpcall:
		if nargs < 2 || !th.stack[fn+2].isFunc() {
			a.TypeError(1, "function")
		}
		f.handler = th.stack[fn+2]
		f.kind = fXpcall
		th.stack[fn+2] = th.stack[fn+1]
		return vm.precall(th, fn+2, nargs-2, -1, cCall, 0, false)
	case spResume:
		co := a.Thread(0)
		f.kind = fResume
		return vm.resume(th, f, co, fn+2, nargs-1)
	case spWrap:
		f.kind = fWrap
		return vm.resume(th, f, c.nat.co, fn+1, nargs)
	case spYield:
		if th == vm.main {
			vm.throwf("attempt to yield from outside a coroutine")
		}
		if th.nny > 0 {
			vm.throwf("attempt to yield across a C-call boundary")
		}
		vm.mayYield51(th)
		f.kind = fYield
		th.status = coSuspended
		p, pf, first, n := vm.backTo(th, fn+1, nargs, true)
		return vm.finish(p, pf, first, n)
	}
	panic("lua53: unknown special function")
}

func cannotResume(status int) string {
	if status == coDead {
		return "cannot resume dead coroutine"
	}
	return "cannot resume non-suspended coroutine"
}

// resume gives control to co, with n values at first. f is the frame of
// resume or of a wrap function.
func (vm *VM) resume(th *Thread, f *frame, co *Thread, first, n int) (exit bool) {
	msg := ""
	if co.status != coSuspended {
		msg = cannotResume(co.status)
	} else if th.depth+vm.depth >= maxDepth-2 {
		msg = "C stack overflow"
	}
	if msg != "" {
		if f.kind == fWrap {
			vm.throwValue(mkString(vm.where(th, 1) + msg))
		}
		th.stack[f.fn] = mkBool(false)
		th.stack[f.fn+1] = mkString(msg)
		th.top = f.fn + 2
		return vm.finish(th, f, f.fn, 2)
	}
	co.depth = th.depth + 1
	co.parent = th
	co.status = coRunning
	th.status = coNormal
	vm.cur = co
	if co.ci == &co.base { // it starts
		co.ensure(2, n+1)
		copy(co.stack[2:2+n], th.stack[first:first+n])
		return vm.precall(co, 1, n, -1, cCall, 0, false)
	}
	y := co.ci
	co.ensure(y.fn, n+1)
	copy(co.stack[y.fn:y.fn+n], th.stack[first:first+n])
	co.top = y.fn + n
	return vm.finish(co, y, y.fn, n)
}
