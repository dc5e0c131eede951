package lua53

import (
	"fmt"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// The border to libraries written for gopher-lua: calls both ways, and errors.

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
	if vm.hooked {
		vm.callEvent(th, f)
	}
	l := vm.l
	w := vm.wrapper(vm.depth)
	w.target, w.yield = fn, false
	w.fn.Env, w.fn.Upvalues = fn.Env, fn.Upvalues
	base := l.GetTop()
	l.Push(w.fn)
	for i := 0; i < nargs; i++ {
		l.Push(vm.toLibrary(th.stack[at+1+i]))
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
	vm.mayYield51(th)
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
		l.Push(vm.toLibrary(th.stack[fn+i]))
	}
	th.top = fn
	return n
}
