package lua53

import (
	"math"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Instructions that make tables and closures, varargs and loops, outside the
// fast paths of the loop.

// setList stores n values above the table in register a behind index from.
func (vm *VM) setList(th *Thread, a, n int, from int64) {
	if !th.stack[a].isTable() {
		vm.throwf("bad table constructor") // bytecode may ask for that
	}
	t := th.stack[a].table()
	for j := 1; j <= n; j++ {
		v := &th.stack[a+j]
		if v.isNil() && j < n { // keep the place for what follows
			if from+int64(j) == int64(len(t.array))+1 {
				t.array = append(t.array, glua.LNil)
			}
			continue
		}
		if int64(len(t.array)) == from+int64(j)-1 && len(t.dict) == 0 && !v.isNil() {
			vm.alloc(vm.sizes.slot)
			t.array = append(t.array, vm.box.toL(*v))
			continue
		}
		vm.setInt(t, from+int64(j), v)
	}
	t.trim()
}

// closure makes a function value, or takes the last one made if it has the
// same upvalues.
func (vm *VM) closure(th *Thread, ci *frame, p *Proto) Value {
	if c := p.cache; c != nil && c.vm == vm && !vm.opts.Lua51 && th.sameUpvals(ci, p, c) {
		return mkClosure(c)
	}
	c := vm.newClosure(p)
	for i := range p.Upvals {
		d := &p.Upvals[i]
		if d.InStack {
			c.up[i] = th.findUpval(ci.base + d.Index)
		} else {
			c.up[i] = ci.cl.up[d.Index]
		}
	}
	p.cache = c
	return mkClosure(c)
}

func (th *Thread) sameUpvals(ci *frame, p *Proto, c *Closure) bool {
	for i := range p.Upvals {
		d := &p.Upvals[i]
		if d.InStack {
			if c.up[i].v != &th.stack[ci.base+d.Index] {
				return false
			}
		} else if c.up[i] != ci.cl.up[d.Index] {
			return false
		}
	}
	return true
}

// forPrep makes the three control values of a numeric loop one subtype and
// steps back once.
func (vm *VM) forPrep(ra *Value) {
	s := unsafe.Slice(ra, 3)
	init, limit, step := &s[0], &s[1], &s[2]
	if init.isInt() && step.isInt() {
		if l, skip, ok := vm.forLimit(limit, step.i()); ok {
			start := init.i()
			if skip {
				start = 0
			}
			limit.setInt(l)
			init.setInt(vm.wrap(start - step.i()))
			return
		}
	}
	l, ok := vm.toFloat(limit)
	if !ok {
		vm.throwf("'for' limit must be a number")
	}
	limit.setFloat(l)
	st, ok := vm.toFloat(step)
	if !ok {
		vm.throwf("'for' step must be a number")
	}
	step.setFloat(st)
	x, ok := vm.toFloat(init)
	if !ok {
		vm.throwf("'for' initial value must be a number")
	}
	init.setFloat(vm.round(x - st))
}

// forLimit clips a limit to an integer. skip says that the loop does not run.
func (vm *VM) forLimit(limit *Value, step int64) (l int64, skip, ok bool) {
	if limit.isInt() {
		return limit.i(), false, true
	}
	n, ok := vm.toNumber(limit)
	if !ok {
		return 0, false, false
	}
	if n.isInt() {
		return n.i(), false, true
	}
	f := n.f()
	r := math.Floor(f)
	if step < 0 {
		r = math.Ceil(f)
	}
	if i, ok := vm.floatToInt(r); ok {
		return i, false, true
	}
	if f > 0 {
		return vm.maxInt(), step < 0, true
	}
	return vm.minInt(), step >= 0, true
}

// badKey raises the error of next for a key that is not in the table.
func (vm *VM) badKey(th *Thread, a int, s []Value) {
	vm.call(th, mkClosure(vm.realNext), 2, s[1], s[2])
}
