package lua53

import (
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// Lua 5.1, for firmware whose scripts are written in it: [Options.Lua51]. The
// machine is the same, with these rules of 5.1:
//
//   - Numbers are floats: numerals in scripts and in strings. Integers come
//     from functions in Go only, and turn into floats where they meet one.
//     10/2 prints 5. Libraries cut fractions off where they want an integer.
//   - The remainder is that of a rounded quotient.
//   - Every function value is one of its own and has an environment, which
//     setfenv changes for it and for those that it makes from then on.
//   - A coroutine cannot yield across pcall, metamethods and iterators.
//   - Messages name variables as 5.1 does.
//   - The functions that 5.2 dropped are there.
//
// What 5.2 and 5.3 added to the syntax is not taken away: goto, //, &, |, ~,
// << and >> work, and goto is no name. Nor is bytecode of 5.1 read.

// Compile51 is [Compile] for Lua 5.1: all numbers are floats of 64 bits.
func Compile51(src, name string) (*Proto, error) {
	return compile(name, lexer{src: src, floats: true})
}

func asFloat(v Value) Value {
	if v.isInt() {
		return mkFloat(float64(v.i()))
	}
	return v
}

// formatFloat51 is "%.14g".
func formatFloat51(f float64) string {
	if math.IsInf(f, 0) || f != f {
		return specialFloat(f)
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

// mod51 is %, which 5.1 makes of a division: 5 % math.huge is not a number.
func mod51(a, b float64) float64 { return a - float64(math.Floor(a/b)*b) }

// cutInteger converts what has a fraction, as a C cast does. What does not
// fit has no defined result in C: here it is the nearest integer, and 0 for
// what is not a number.
func (vm *VM) cutInteger(v *Value) (int64, bool) {
	n, ok := vm.toNumber(v)
	if !ok {
		return 0, false
	}
	switch f := n.float(false); {
	case f != f:
		return 0, true
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	default:
		return int64(f), true
	}
}

// throwType51 raises "attempt to (op) (variable) (a (type) value)".
func (vm *VM) throwType51(op string, v Value, info string) {
	if info == "" {
		return
	}
	info = strings.TrimSuffix(strings.TrimPrefix(info, " ("), ")")
	vm.throwf("attempt to %s %s (a %s value)", op, info, v.typeName())
}

// mayYield51 raises an error if a call that is not one of Lua's own lies
// between the coroutine's function and here.
func (vm *VM) mayYield51(th *Thread) {
	if !vm.opts.Lua51 {
		return
	}
	for f := th.ci; f != nil && f != &th.base; f = f.prev {
		if f.kind == fPcall || f.kind == fXpcall || f.cont != cCall {
			vm.throwf("attempt to yield across metamethod/C-call boundary")
		}
	}
}

// Open51 adds the functions of Lua 5.1 that later ones dropped, and takes
// away what they added, after OpenLibs.
func (vm *VM) Open51() {
	g := vm.Globals()
	vm.setField(g, "_VERSION", mkString("Lua 5.1"))
	vm.Register("", []NativeEntry{{"getfenv", baseGetfenv}, {"setfenv", baseSetfenv}, {"gcinfo", baseGcinfo}})
	vm.Register("string", []NativeEntry{{"gfind", strGmatch}})
	vm.Register("math", []NativeEntry{{"mod", mathFmod}})
	vm.Register("table", []NativeEntry{{"getn", tableGetn}, {"foreach", tableForeach}, {"foreachi", tableForeachi}, {"insert", tableInsert51}})
	for _, gone := range []struct{ lib, names string }{
		{"", "rawlen utf8 bit32"}, {"string", "pack unpack packsize"}, {"table", "pack unpack move"},
		{"math", "tointeger type ult maxinteger mininteger"}, {"debug", "getuservalue setuservalue upvalueid upvaluejoin"},
	} {
		t := g
		if gone.lib != "" {
			t = vm.libTable(gone.lib)
		}
		for _, name := range strings.Fields(gone.names) {
			vm.setField(t, name, Nil)
		}
	}
	vm.setField(vm.loadedTable(), "utf8", Nil)
	vm.setField(vm.loadedTable(), "bit32", Nil)
}

// envIndex is the upvalue that holds a function's environment, -1 if neither
// it nor a function in it uses a global variable.
func (c *Closure) envIndex() int {
	if c.p == nil {
		return -1
	}
	for i := range c.p.Upvals {
		if c.p.Upvals[i].Name == "_ENV" {
			return i
		}
	}
	return -1
}

// setEnv gives a function, and no other, an environment.
func (c *Closure) setEnv(v Value) {
	if i := c.envIndex(); i >= 0 {
		u := &UpVal{closed: v}
		u.v = &u.closed
		c.vm.alloc(c.vm.sizes.upval)
		c.up[i] = u
	}
}

// fenvFunc is the function that an argument of getfenv or setfenv means;
// level 0 is nil.
func (a Args) fenvFunc(def int64) *Closure {
	v := a.at(0)
	if v.isFunc() {
		if c := ours(v.fn()); c != nil {
			return c
		}
		a.ArgError(0, "invalid function")
	}
	level := a.OptInt(0, def)
	switch {
	case level < 0:
		a.ArgError(0, "level must be non-negative")
	case level == 0:
		return nil
	}
	f := a.t.level(int(min(level, 1<<20)))
	if f == nil {
		a.ArgError(0, "invalid level")
	}
	if f.cl == nil {
		a.Error("no function environment for tail call at level %d", level)
	}
	return f.cl
}

func baseGetfenv(a Args) int {
	c := a.fenvFunc(1)
	if c != nil {
		if i := c.envIndex(); i >= 0 {
			return a.ret(*c.up[i].v)
		}
	}
	return a.ret(a.t.vm.globals())
}

func baseSetfenv(a Args) int {
	a.Table(1)
	if a.None(0) {
		a.TypeError(0, "number")
	}
	c := a.fenvFunc(1)
	if c == nil {
		a.Error("setfenv of a thread is not emulated: give a function or a level")
	}
	if c.p == nil {
		a.Error("'setfenv' cannot change environment of given object")
	}
	c.setEnv(a.at(1))
	if v := a.at(0); v.isFunc() {
		return a.ret(v)
	}
	return a.ret(mkClosure(c))
}

// SetCallerEnv gives the Lua function that called the running native one an
// environment, as module does. It reports whether a Lua function called.
func (a Args) SetCallerEnv(env *glua.LTable) bool {
	f := a.t.level(1)
	if f == nil || f.kind != fLua {
		return false
	}
	f.cl.setEnv(mkTable(env))
	return true
}

func baseGcinfo(a Args) int { return a.ret(mkInt(a.t.vm.mem / 1024)) }

func tableGetn(a Args) int { return a.ret(mkInt(a.Table(0).length())) }

func tableForeach(a Args) int {
	t, f := a.Table(0), a.Func(1)
	key := Nil
	for {
		k, v, ok := a.t.vm.next(t, &key, a.base)
		if !ok || k.isNil() {
			return 0
		}
		if r := a.t.vm.call1(a.t, f, k, v); !r.isNil() {
			return a.ret(r)
		}
		key = k
	}
}

func tableForeachi(a Args) int {
	t, f := a.Table(0), a.Func(1)
	for i, n := int64(1), t.length(); i <= n; i++ {
		if r := a.t.vm.call1(a.t, f, mkInt(i), t.getInt(i)); !r.isNil() {
			return a.ret(r)
		}
	}
	return 0
}

// tableInsert51 takes positions behind the end, too.
func tableInsert51(a Args) int {
	if a.n == 3 {
		if t, pos := a.Table(0), a.Int(1); pos > t.length()+1 {
			v := a.at(2)
			a.t.vm.setInt(t, pos, &v)
			return 0
		}
	}
	return tableInsert(a)
}
