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

// MemoryLimit is the bound of MemoryInUse, 0 if there is none.
func (vm *VM) MemoryLimit() int64 { return vm.opts.MemoryLimit }

// IsNative reports whether a function is written in Go.
func (vm *VM) IsNative(f *glua.LFunction) bool {
	c := ours(f)
	return c == nil || c.p == nil
}
