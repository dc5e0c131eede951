package lua53

import (
	"fmt"
	"runtime"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

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
			th.vm.throwf("stack overflow")
		}
		if len(th.stack) <= limit { // room for the handling of the error
			th.resize(limit + 1000)
		}
		th.vm.throwf("stack overflow")
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
	n := c.nat.fn(Args{th, fn + 1, nargs})
	if cont == cCall && !fresh && f.prev.kind == fLua { // the common case of finish
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
				i := parent.cl.p.Code[parent.pc-1]
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
			th.stack[parent.fn] = Value{nil, kTrue}
			first, n, f = parent.fn, th.top-parent.fn, parent
		case fXpcall:
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

// call calls f from a native function and leaves nres results (all if -1) on
// top of the stack. It returns their number.
func (vm *VM) call(th *Thread, f Value, nres int, args ...Value) int {
	if th.ci.kind == fLua {
		if t := th.ci.base + th.ci.cl.p.MaxStack; th.top < t {
			th.top = t
		}
	}
	fn := th.top
	th.ensure(fn, len(args)+3)
	th.stack[fn] = f
	copy(th.stack[fn+1:], args)
	th.top = fn + 1 + len(args)
	return vm.callAt(th, fn, len(args), nres)
}

// callAt is call for a function and arguments that are on the stack.
func (vm *VM) callAt(th *Thread, fn, nargs, nres int) int {
	if th.depth+vm.depth >= maxDepth {
		if th.depth+vm.depth >= maxDepth+25 {
			vm.throwValue(mkString("error in error handling"))
		}
		vm.depth++
		defer func() { vm.depth-- }()
		vm.throwf("C stack overflow")
	}
	vm.depth++
	th.nny++
	prev := th.ci
	if v := &th.stack[fn]; v.isFunc() {
		if c := ours(v.fn()); c != nil && c.p == nil && c.nat.special == spNone {
			vm.precall(th, fn, nargs, nres, cCall, 0, true)
		} else {
			vm.run(th, prev, fn, nargs, nres)
		}
	} else {
		vm.run(th, prev, fn, nargs, nres)
	}
	vm.depth--
	th.nny--
	if nres >= 0 {
		th.top = fn + nres
		return nres
	}
	return th.top - fn
}

// call1 calls f and returns its first result.
func (vm *VM) call1(th *Thread, f Value, args ...Value) Value {
	vm.call(th, f, 1, args...)
	th.top--
	return th.stack[th.top]
}

// run calls the function at register fn and executes until its frame, above
// prev, has ended.
func (vm *VM) run(th *Thread, prev *frame, fn, nargs, nres int) {
	depth, nny := vm.depth, th.nny
	for start := true; ; start = false {
		err := vm.try(th, start, fn, nargs, nres)
		if err == nil {
			return
		}
		// An error: the frames are as they were when it was raised.
		vm.depth = depth
		if vm.unwind(err, th, prev, nny) {
			return
		}
	}
}

// try runs the loop and catches an error.
func (vm *VM) try(th *Thread, start bool, fn, nargs, nres int) (err *glua.ApiError) {
	done := false
	defer func() {
		if done {
			return
		}
		if r := recover(); r != nil {
			err = vm.recovered(r)
		}
	}()
	if !start || !vm.precall(th, fn, nargs, nres, cCall, 0, true) {
		vm.execute()
	}
	done = true
	return nil
}

// recovered turns what a panic carried into a Lua error.
func (vm *VM) recovered(r any) *glua.ApiError {
	switch e := r.(type) {
	case *glua.ApiError:
		return e
	case runtime.Error:
		if vm.opts.Rethrow {
			panic(r)
		}
		return &glua.ApiError{Type: glua.ApiErrorRun, Object: glua.LString("internal error: " + e.Error())}
	}
	panic(r)
}

// unwind looks for who catches err below the current frame, down to frame
// stop of thread th. It raises the error again if nobody does. exit is that
// of finish.
func (vm *VM) unwind(err *glua.ApiError, base *Thread, stop *frame, nny int) (exit bool) {
	vm.runHandler(err)
	for {
		th := vm.cur
		for f := th.ci; f != &th.base; f = f.prev {
			if th == base && f == stop {
				break
			}
			if f.kind == fPcall || f.kind == fXpcall {
				return vm.caught(th, f, fromL(err.Object), base, nny)
			}
		}
		if th == base {
			th.ci = stop
			panic(err)
		}
		// The coroutine dies of it.
		th.status = coDead
		th.nny = 0
		if th.ci != &th.base {
			th.closeUpvals(0)
		}
		p := th.parent
		f := p.ci
		if f.kind == fWrap {
			th.parent = nil
			vm.cur = p
			p.status = coRunning
			v := fromL(err.Object)
			if v.isString() {
				v = mkString(vm.where(p, 1) + v.str())
			}
			err = vm.newError(v)
			vm.runHandler(err)
			continue
		}
		th.ensure(th.top, 1)
		th.stack[th.top] = fromL(err.Object)
		p, f, first, n := vm.backTo(th, th.top, 1, false)
		return vm.finish(p, f, first, n)
	}
}

// caught lets the pcall frame f return false and the error.
func (vm *VM) caught(th *Thread, f *frame, v Value, base *Thread, nny int) bool {
	th.closeUpvals(f.fn + 1)
	if th == base {
		th.nny = nny
	} else {
		th.nny = 0
	}
	th.ensure(f.fn, 2)
	th.stack[f.fn] = mkBool(false)
	th.stack[f.fn+1] = v
	th.top = f.fn + 2
	return vm.finish(th, f, f.fn, 2)
}

// runHandler calls the handler of the xpcall that will catch err, if that is
// one, where the error happened.
func (vm *VM) runHandler(err *glua.ApiError) {
	if vm.handled == err {
		return
	}
	th := vm.cur
	var h Value
	for f := th.ci; f != &th.base; f = f.prev {
		if f.kind == fPcall || f.kind == fNative && f.cl == nil && f != th.ci { // a library may catch it first
			return
		}
		if f.kind == fXpcall {
			h = f.handler
			break
		}
	}
	vm.handled = err
	if h.isNil() {
		vm.handled = nil
		return
	}
	ci, top := th.ci, th.top
	if ci.kind == fLua {
		top = max(top, ci.base+ci.cl.p.MaxStack)
	}
	v := fromL(err.Object)
	for try := 0; ; try++ {
		th.top = top
		ok, r := vm.tryCall(th, h, v)
		th.ci, th.top = ci, top
		if ok {
			v = r
			break
		}
		if v = r; try == 10 {
			v = mkString("error in error handling")
			break
		}
	}
	err.Object = vm.box.toL(v)
	vm.handled = err
}

// tryCall calls f and catches its error.
func (vm *VM) tryCall(th *Thread, f, arg Value) (ok bool, v Value) {
	depth, nny, top, ci := vm.depth, th.nny, th.top, th.ci
	done := false
	defer func() {
		if done {
			return
		}
		if r := recover(); r != nil {
			e := vm.recovered(r)
			vm.cur = th
			th.closeUpvals(top)
			vm.depth, th.nny, th.top, th.ci = depth, nny, top, ci
			ok, v = false, fromL(e.Object)
		}
	}()
	v = vm.call1(th, f, arg)
	done = true
	return true, v
}

// errors

func (vm *VM) newError(v Value) *glua.ApiError {
	return &glua.ApiError{Type: glua.ApiErrorRun, Object: vm.box.toL(v)}
}

func (vm *VM) throwValue(v Value) { panic(vm.newError(v)) }

// throwf raises an error of the language, with the position of the running
// function if that is a Lua function.
func (vm *VM) throwf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if ci := vm.cur.ci; ci.kind == fLua {
		msg = ci.position() + msg
	}
	vm.throwValue(mkString(msg))
}

// errorf raises an error of a native function, with the position of its
// caller.
func (vm *VM) errorf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	vm.throwValue(mkString(vm.where(vm.cur, 1) + msg))
}

// Throw raises a Lua error from a native function, without a position.
func (vm *VM) Throw(v glua.LValue) { vm.throwValue(fromL(v)) }

// the border to libraries written for gopher-lua

// legacyCall stands for a library's function while it runs, so that one that
// yields (returns -1) can be told.
type legacyCall struct {
	fn     *glua.LFunction
	target *glua.LFunction
	yield  bool
}

func (vm *VM) wrapper(i int) *legacyCall {
	for len(vm.wrappers) <= i {
		w := &legacyCall{}
		w.fn = &glua.LFunction{IsG: true}
		w.fn.GFunction = func(l *glua.LState) int {
			n := w.target.GFunction(l)
			if n < 0 {
				w.yield = true
				return l.GetTop()
			}
			return n
		}
		vm.wrappers = append(vm.wrappers, w)
	}
	return vm.wrappers[i]
}

// callLegacy calls a function of a library.
func (vm *VM) callLegacy(th *Thread, fn *glua.LFunction, at, nargs, nres int, cont uint8, dest int, fresh bool) (exit bool) {
	f := th.pushFrame()
	f.cl, f.fn, f.base, f.nres, f.cont, f.dest, f.fresh = nil, at, at+1, nres, cont, dest, fresh
	f.kind, f.tail = fNative, false
	f.target = fn
	th.top = at + 1 + nargs
	if !fn.IsG || fn.GFunction == nil {
		vm.throwf("attempt to call a function of another Lua machine")
	}
	if th.depth+vm.depth >= maxDepth {
		vm.throwf("C stack overflow")
	}
	l := vm.l
	w := vm.wrapper(vm.depth)
	w.target, w.yield = fn, false
	w.fn.Env, w.fn.Upvalues = fn.Env, fn.Upvalues
	base := l.GetTop()
	l.Push(w.fn)
	for i := 0; i < nargs; i++ {
		l.Push(vm.box.toLegacy(th.stack[at+1+i]))
	}
	vm.depth++
	th.nny++
	err := l.PCall(nargs, glua.MultRet, nil)
	vm.depth--
	th.nny--
	if err != nil {
		panic(vm.legacyError(err, th, f))
	}
	n := l.GetTop() - base
	th.top = at + 1 + nargs
	th.ensure(th.top, n+1)
	first := th.top
	for i := 0; i < n; i++ {
		th.stack[first+i] = vm.fromLegacy(l.Get(base + 1 + i))
	}
	l.SetTop(base)
	th.top = first + n
	if w.yield {
		return vm.legacyYield(th, f, first, n)
	}
	return vm.finish(th, f, first, n)
}

func (vm *VM) fromLegacy(lv glua.LValue) Value {
	v := fromL(lv)
	if vm.narrow && v.isNum() {
		if v.isInt() {
			return mkInt(int64(int32(v.i())))
		}
		return mkFloat(float64(float32(v.f())))
	}
	return v
}

// legacyYield suspends the coroutine for a library function that yielded.
func (vm *VM) legacyYield(th *Thread, f *frame, first, n int) bool {
	if th == vm.main {
		vm.throwf("attempt to yield from outside a coroutine")
	}
	if th.nny > 0 {
		vm.throwf("attempt to yield across a C-call boundary")
	}
	f.kind = fYield
	th.status = coSuspended
	p, pf, first, n := vm.backTo(th, first, n, true)
	return vm.finish(p, pf, first, n)
}

// legacyError gives an error of a library its position and function name,
// which gopher-lua cannot know.
func (vm *VM) legacyError(err error, th *Thread, f *frame) *glua.ApiError {
	e, ok := err.(*glua.ApiError)
	if !ok {
		e = &glua.ApiError{Type: glua.ApiErrorRun, Object: glua.LString(err.Error())}
	}
	s, ok := e.Object.(glua.LString)
	if !ok || vm.handled == e || len(s) == 0 || s[0] != ' ' {
		return e
	}
	msg := string(s[1:])
	th.ci = f
	for _, name := range []string{"main chunk", "(anonymous)"} {
		var n int
		if k, _ := fmt.Sscanf(msg, "bad argument #%d to "+name+" ", &n); k == 1 {
			head := fmt.Sprintf("bad argument #%d to %s (", n, name)
			if len(msg) > len(head) && msg[:len(head)] == head {
				msg = vm.argMessage(th, n, msg[len(head):len(msg)-1])
				break
			}
		}
	}
	return vm.newError(mkString(vm.where(th, 1) + msg))
}

// border is the GFunction of our closures: a library calls one.
func border(l *glua.LState) int {
	dbg, ok := l.GetStack(0)
	if !ok {
		l.RaiseError("no function")
	}
	lv, err := l.GetInfo("f", dbg, glua.LNil)
	if err != nil {
		l.RaiseError("%s", err.Error())
	}
	f, ok := lv.(*glua.LFunction)
	if !ok || ours(f) == nil {
		l.RaiseError("not a function of this machine")
	}
	return (*Closure)(unsafe.Pointer(f)).vm.borderCall(l, f)
}

func (vm *VM) borderCall(l *glua.LState, f *glua.LFunction) int {
	th := vm.cur
	if th.ci.kind == fLua {
		th.top = max(th.top, th.ci.base+th.ci.cl.p.MaxStack)
	}
	fn := th.top
	n := l.GetTop()
	th.ensure(fn, n+3)
	th.stack[fn] = mkFunc(f)
	for i := 0; i < n; i++ {
		th.stack[fn+1+i] = vm.fromLegacy(l.Get(i + 1))
	}
	th.top = fn + 1 + n
	ci, depth, nny := th.ci, vm.depth, th.nny
	done := false
	defer func() {
		if !done { // an error: whoever catches it finds the state as it was
			vm.cur = th
			th.closeUpvals(fn)
			th.ci, vm.depth, th.nny, th.top = ci, depth, nny, fn
		}
	}()
	n = vm.callAt(th, fn, n, -1)
	done = true
	l.SetTop(0)
	for i := 0; i < n; i++ {
		l.Push(vm.box.toLegacy(th.stack[fn+i]))
	}
	th.top = fn
	return n
}
