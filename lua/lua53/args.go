package lua53

import (
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Args are the arguments of a native function, counted from 0 (messages count
// from 1). Results are pushed, and their number returned.
type Args struct {
	t    *Thread
	base int
	n    int
}

// N is the number of arguments.
func (a Args) N() int { return a.n }

// VM is the machine that calls.
func (a Args) VM() *VM { return a.t.vm }

func (a Args) at(i int) Value {
	if i < a.n {
		return a.t.stack[a.base+i]
	}
	return Value{}
}

// Get returns argument i as an LValue.
func (a Args) Get(i int) glua.LValue { return a.t.vm.box.toL(a.at(i)) }

// Push pushes a result.
func (a Args) Push(v glua.LValue) { a.t.push(fromL(v)) }

// Call calls a function and returns its results. An error of it goes through
// the caller, as in C.
func (a Args) Call(f glua.LValue, args ...glua.LValue) []glua.LValue {
	vm, th := a.t.vm, a.t
	top := th.top
	vs := make([]Value, len(args))
	for i, x := range args {
		vs[i] = fromL(x)
	}
	n := vm.call(th, fromL(f), -1, vs...)
	var out []glua.LValue
	for i := 0; i < n; i++ {
		out = append(out, vm.box.toL(th.stack[th.top-n+i]))
	}
	th.top = top
	return out
}

// LTable checks for a table.
func (a Args) LTable(i int) *glua.LTable {
	a.Table(i)
	v := a.at(i)
	return v.gtable()
}

func (a Args) push(v Value) { a.t.push(v) }

// PushInt pushes an integer.
func (a Args) PushInt(i int64) { a.t.push(mkInt(i)) }

// PushFloat pushes a float.
func (a Args) PushFloat(f float64) { a.t.push(mkFloat(a.t.vm.round(f))) }

// PushBool pushes a boolean.
func (a Args) PushBool(b bool) { a.t.push(mkBool(b)) }

// PushNil pushes nil.
func (a Args) PushNil() { a.t.push(Value{}) }

// PushString pushes a string.
func (a Args) PushString(s string) {
	a.t.vm.allocString(len(s))
	a.t.push(mkString(s))
}

func (a Args) ret(v Value) int {
	a.t.push(v)
	return 1
}

// Error raises an error with the position of the caller.
func (a Args) Error(format string, args ...any) { a.t.vm.errorf(format, args...) }

// ArgError raises "bad argument".
func (a Args) ArgError(i int, msg string) {
	a.t.vm.errorf("%s", a.t.vm.argMessage(a.t, i+1, msg))
}

// TypeError raises "want expected, got what it is".
func (a Args) TypeError(i int, want string) {
	got := "no value"
	if i < a.n {
		v := a.at(i)
		got = a.t.vm.typeNameOf(&v)
	}
	a.ArgError(i, want+" expected, got "+got)
}

// Any checks that the argument is there.
func (a Args) Any(i int) Value {
	if i >= a.n {
		a.ArgError(i, "value expected")
	}
	return a.at(i)
}

// None reports whether the argument is nil or not there.
func (a Args) None(i int) bool {
	v := a.at(i)
	return v.isNil()
}

// Int is luaL_checkinteger.
func (a Args) Int(i int) int64 {
	v := a.at(i)
	if v.isInt() {
		return v.i()
	}
	n, ok := a.t.vm.toInteger(&v)
	if !ok && a.t.vm.opts.Lua51 {
		n, ok = a.t.vm.cutInteger(&v)
	}
	if !ok {
		if _, num := a.t.vm.toNumber(&v); num {
			a.ArgError(i, "number has no integer representation")
		}
		a.TypeError(i, "number")
	}
	return n
}

// OptInt is Int with a default.
func (a Args) OptInt(i int, def int64) int64 {
	if a.None(i) {
		return def
	}
	return a.Int(i)
}

// Num is luaL_checknumber: an integer or a float.
func (a Args) Num(i int) Value {
	v := a.at(i)
	n, ok := a.t.vm.toNumber(&v)
	if !ok {
		a.TypeError(i, "number")
	}
	return n
}

// Float is Num as a float.
func (a Args) Float(i int) float64 {
	v := a.Num(i)
	f, _ := a.t.vm.toFloat(&v)
	return f
}

// Str is luaL_checklstring.
func (a Args) Str(i int) string {
	v := a.at(i)
	if v.isString() {
		return v.str()
	}
	if !v.isNum() {
		a.TypeError(i, "string")
	}
	return a.t.vm.numberString(&v)
}

// OptStr is Str with a default.
func (a Args) OptStr(i int, def string) string {
	if a.None(i) {
		return def
	}
	return a.Str(i)
}

// Table checks for a table.
func (a Args) Table(i int) *ltable {
	v := a.at(i)
	if !v.isTable() {
		a.TypeError(i, "table")
	}
	return v.table()
}

// Func checks for a function.
func (a Args) Func(i int) Value {
	v := a.at(i)
	if !v.isFunc() {
		a.TypeError(i, "function")
	}
	return v
}

// Thread checks for a coroutine.
func (a Args) Thread(i int) *Thread {
	v := a.at(i)
	if v.is(kThread) {
		if th := v.thread(); th != nil {
			return th
		}
	}
	a.ArgError(i, "thread expected")
	return nil
}

// Bool is the truth of an argument.
func (a Args) Bool(i int) bool {
	v := a.at(i)
	return !v.falsy()
}

// option finds an argument in a list.
func (a Args) option(i int, def string, list ...string) int {
	s := def
	if def == "" || !a.None(i) {
		s = a.Str(i)
	}
	for j, o := range list {
		if o == s {
			return j
		}
	}
	a.ArgError(i, "invalid option '"+s+"'")
	return 0
}

// tostring is luaL_tolstring.
func (vm *VM) tostring(th *Thread, v Value) string {
	if v.isString() {
		return v.str()
	}
	if mm := vm.metaOf(&v, "__tostring"); !mm.isNil() {
		r := vm.call1(th, mm, v)
		if r.isNum() {
			return vm.numberString(&r)
		}
		if !r.isString() {
			vm.errorf("'__tostring' must return a string")
		}
		return r.str()
	}
	switch {
	case v.isNum():
		return vm.numberString(&v)
	case v.isNil():
		return "nil"
	case v.p == nil:
		if v.n == kTrue {
			return "true"
		}
		return "false"
	}
	name := v.typeName()
	if v.n == kTable || v.n == kUser {
		name = vm.typeNameOf(&v)
	}
	return name + ": " + vm.address(v)
}

// address is the virtual address that tostring shows.
func (vm *VM) address(v Value) string {
	if vm.opts.Address != nil {
		return vm.opts.Address(vm.box.toL(v))
	}
	n, ok := vm.addresses[v.p]
	if !ok {
		n = len(vm.addresses) + 1
		vm.addresses[v.p] = n
	}
	const hex = "0123456789abcdef"
	b := []byte("0x00000000")
	for i, x := 9, 0x0c100000+uint32(n)*24; i > 1; i-- {
		b[i] = hex[x&15]
		x >>= 4
	}
	return string(b)
}

// ToString is tostring for libraries.
func (vm *VM) ToString(v glua.LValue) string { return vm.tostring(vm.cur, fromL(v)) }

// ToInteger converts a number or numeric string with an exact integer.
func (vm *VM) ToInteger(v glua.LValue) (int64, bool) {
	x := fromL(v)
	i, ok := vm.toInteger(&x)
	if !ok && vm.opts.Lua51 {
		return vm.cutInteger(&x)
	}
	return i, ok
}

// ToNumber converts a number or numeric string.
func (vm *VM) ToNumber(v glua.LValue) (float64, bool) {
	x := fromL(v)
	n, ok := vm.toNumber(&x)
	if !ok {
		return 0, false
	}
	f, _ := vm.toFloat(&n)
	return f, true
}

// IsFloat reports whether a number has the float subtype.
func (vm *VM) IsFloat(v glua.LValue) bool {
	x := fromL(v)
	return x.isFloat()
}

// IntValue makes an integer of the VM's width.
func (vm *VM) IntValue(i int64) glua.LValue { return vm.box.toL(mkInt(vm.wrap(i))) }

// FloatValue makes a float of the VM's width.
func (vm *VM) FloatValue(f float64) glua.LValue { return vm.box.toL(mkFloat(vm.round(f))) }

func asTable(t *glua.LTable) *ltable { return (*ltable)(unsafe.Pointer(t)) }
