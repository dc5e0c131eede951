package lua53

import (
	"fmt"
	"runtime"

	glua "github.com/yuin/gopher-lua"
)

// Calls from Go, and errors.

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
		execute[plain](vm)
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

// errorSteps is what an error costs.
const errorSteps = 200

// straightSteps is what a function that ends at pc costs beyond its calls and
// loops, which count by themselves.
func straightSteps(pc int) int64 { return int64(pc >> 1) }

// unwind looks for who catches err below the current frame, down to frame
// stop of thread th. It raises the error again if nobody does. exit is that
// of finish.
func (vm *VM) unwind(err *glua.ApiError, base *Thread, stop *frame, nny int) (exit bool) {
	vm.budget -= errorSteps
	vm.runHandler(err)
	for {
		th := vm.cur
		for f := th.ci; f != &th.base; f = f.prev {
			if th == base && f == stop {
				break
			}
			if f.kind == fLua {
				vm.budget -= straightSteps(f.pc)
			}
			if f.kind == fPcall || f.kind == fXpcall {
				return vm.caught(th, f, fromL(err.Object), base, nny)
			}
		}
		if th == base {
			if th == vm.main || stop.protected(th) {
				th.ci = stop
			} // else the coroutine dies, and keeps its frames for a traceback
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

// protected reports whether f or a frame below it catches errors.
func (f *frame) protected(th *Thread) bool {
	for ; f != &th.base; f = f.prev {
		if f.kind == fPcall || f.kind == fXpcall || f.kind == fNative && f.cl == nil {
			return true
		}
	}
	return false
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
		if f.kind == fPcall || vm.opts.LibrariesCatch && f.kind == fNative && f.cl == nil && f != th.ci {
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
		if v = r; vm.handled != err { // the handler has seen its own error
			break
		}
		if try == 10 {
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
