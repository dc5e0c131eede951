package lua53

import glua "github.com/yuin/gopher-lua"

// OpenCoroutine installs coroutine.
func (vm *VM) OpenCoroutine() {
	t := vm.libTable("coroutine")
	vm.Register("coroutine", []NativeEntry{{"create", coCreate}})
	vm.setField(t, "isyieldable", mkClosure(vm.native("isyieldable", coIsYieldable, spNone)))
	vm.setField(t, "resume", mkClosure(vm.native("resume", nil, spResume)))
	vm.Register("coroutine", []NativeEntry{{"running", coRunningFn}, {"status", coStatus}, {"wrap", coWrap}})
	vm.setField(t, "yield", mkClosure(vm.native("yield", nil, spYield)))
}

// newCoroutine makes a suspended coroutine that will call f.
func (vm *VM) newCoroutine(f Value) *Thread {
	co := vm.newThread()
	co.stack[1] = f
	co.top = 2
	return co
}

func coCreate(a Args) int {
	return a.ret(mkThread(a.t.vm.newCoroutine(a.Func(0))))
}

func coWrap(a Args) int {
	vm := a.t.vm
	c := vm.native("wrap", nil, spWrap)
	c.nat.co = vm.newCoroutine(a.Func(0))
	c.keep(mkThread(c.nat.co))
	return a.ret(mkClosure(c))
}

func coIsYieldable(a Args) int {
	return a.ret(mkBool(a.t != a.t.vm.main && a.t.nny == 0))
}

func coRunningFn(a Args) int {
	a.push(mkThread(a.t))
	a.push(mkBool(a.t == a.t.vm.main))
	return 2
}

func coStatus(a Args) int {
	return a.ret(mkString(statusNames[a.Thread(0).status]))
}

// NewCoroutine makes a coroutine from Go.
func (vm *VM) NewCoroutine(f *glua.LFunction) *glua.LState { return &vm.newCoroutine(mkFunc(f)).LState }

// Status is coroutine.status of a coroutine of this VM.
func (vm *VM) Status(l *glua.LState) string {
	v := fromL(l)
	if th := v.thread(); th != nil {
		return statusNames[th.status]
	}
	return "dead"
}

// Resume resumes a coroutine from Go. ok is false if it ended with an error,
// which then is the only result.
func (vm *VM) Resume(co *glua.LState, args ...glua.LValue) (ok bool, results []glua.LValue) {
	r, err := vm.Call(&vm.native("resume", nil, spResume).LFunction, append([]glua.LValue{co}, args...)...)
	if err != nil {
		return false, []glua.LValue{glua.LString(err.Error())}
	}
	return r[0] == lvTrue, r[1:]
}
