package lua53

import glua "github.com/yuin/gopher-lua"

// What a firmware around the VM needs.

// StartMemory begins to count anew: what lives now takes used bytes, and no
// more than limit bytes may be taken (0 is no limit). Libraries in Go weigh
// here what those of the emulated firmware weigh there.
func (vm *VM) StartMemory(used, limit int64) {
	vm.memBase, vm.opts.MemoryLimit = 0, 0
	vm.Collect()
	vm.memBase = used - vm.mem
	vm.mem = used
	vm.opts.MemoryLimit = limit
	vm.setMark(used)
}

// NoMemory raises "not enough memory".
func (vm *VM) NoMemory() { vm.noMemory() }

// Protect calls a native function as the outermost one of the main coroutine.
// handler gets an error that nobody caught, where it happened, and its result
// is the error that Protect returns. Tracebacks do not show the two.
func (vm *VM) Protect(fn, handler Native) (failed bool, err glua.LValue) {
	hidden := func(fn Native, special uint8) glua.LValue {
		c := vm.native("?", fn, special)
		c.nat.hidden = true
		return &c.LFunction
	}
	r, e := vm.Call(hidden(nil, spXpcall), hidden(fn, spNone), hidden(handler, spNone))
	switch {
	case e != nil:
		return true, glua.LString(e.Error())
	case r[0] == lvTrue:
		return false, glua.LNil
	}
	return true, r[1]
}

// toLibrary converts what a library gets.
func (vm *VM) toLibrary(v Value) glua.LValue {
	if vm.opts.ExactNumbers {
		return vm.box.toL(v)
	}
	return vm.box.toLegacy(v)
}

// EachUserData visits all userdata that is reachable. It returns how many
// objects of any kind it came across.
func (vm *VM) EachUserData(visit func(*glua.LUserData)) (objects int) {
	w := newWalk(vm)
	w.onUser = visit
	w.roots()
	w.drain(false)
	return w.seen.n
}

// IsNative reports whether a function is written in Go.
func (vm *VM) IsNative(f *glua.LFunction) bool {
	c := ours(f)
	return c == nil || c.p == nil
}
