package lua53

import (
	"strings"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// OpenDebug installs debug.
func (vm *VM) OpenDebug() {
	vm.Register("debug", []NativeEntry{
		{"gethook", dbgGetHook}, {"getinfo", dbgGetInfo}, {"getlocal", dbgGetLocal}, {"getmetatable", dbgGetMetatable},
		{"getregistry", dbgGetRegistry}, {"getupvalue", dbgGetUpvalue}, {"getuservalue", dbgGetUserValue},
		{"sethook", dbgSetHook}, {"setlocal", dbgSetLocal}, {"setmetatable", dbgSetMetatable},
		{"setupvalue", dbgSetUpvalue}, {"setuservalue", dbgSetUserValue}, {"traceback", dbgTraceback},
		{"upvalueid", dbgUpvalueID}, {"upvaluejoin", dbgUpvalueJoin},
	})
}

// threadArg is the optional thread in front of the arguments.
func (a Args) threadArg() (th *Thread, shift int) {
	if v := a.at(0); v.is(kThread) {
		return a.Thread(0), 1
	}
	return a.t, 0
}

func dbgTraceback(a Args) int {
	th, n := a.threadArg()
	msg := a.at(n)
	if !msg.isString() && !msg.isNum() && !msg.isNil() {
		return a.ret(msg)
	}
	def := int64(0)
	if th == a.t {
		def = 1
	}
	level := a.OptInt(n+1, def)
	text := a.t.vm.traceback(th, int(min(max(level, 0), 1<<30)))
	if !msg.isNil() {
		text = a.t.vm.tostring(a.t, msg) + "\n" + text
	}
	a.PushString(text)
	return 1
}

func dbgGetInfo(a Args) int {
	th, n := a.threadArg()
	vm := a.t.vm
	what := a.OptStr(n+1, "flnStu")
	if strings.Trim(what, "SlnutLf") != "" {
		a.ArgError(n+1, "invalid option")
	}
	var f *frame
	var fn *glua.LFunction
	if v := a.at(n); v.isFunc() {
		fn = v.fn()
	} else {
		level := a.Int(n)
		if level < 0 || level > 1<<30 {
			return a.ret(Nil)
		}
		f = th.level(int(level))
		if f == nil && th == vm.main && level > 0 && th.level(int(level)-1) != nil {
			return a.ret(vm.hostInfo())
		}
		if f == nil {
			return a.ret(Nil)
		}
		fn = f.function()
	}
	v := vm.newTable(0, intToFB(8))
	vm.fillInfo(v.gtable(), what, f, fn)
	return a.ret(v)
}

// hostInfo describes the Go function that runs the main chunk.
func (vm *VM) hostInfo() Value {
	v := vm.newTable(0, intToFB(8))
	t := v.gtable()
	for _, kv := range [][2]string{{"source", "=[C]"}, {"short_src", "[C]"}, {"what", "C"}, {"namewhat", ""}} {
		vm.setField(t, kv[0], mkString(kv[1]))
	}
	vm.setField(t, "currentline", mkInt(-1))
	vm.setField(t, "linedefined", mkInt(-1))
	vm.setField(t, "lastlinedefined", mkInt(-1))
	return v
}

func (vm *VM) fillInfo(t *glua.LTable, what string, f *frame, fn *glua.LFunction) {
	c := ours(fn)
	var p *Proto
	if c != nil {
		p = c.p
	}
	for _, w := range []byte(what) {
		switch w {
		case 'S':
			vm.sourceInfo(t, p)
		case 'l':
			line := -1
			if f != nil && f.kind == fLua {
				line = f.currentLine()
			}
			vm.setField(t, "currentline", mkInt(int64(line)))
		case 'u':
			nups, np, va := 0, 0, true
			if c != nil {
				nups = len(c.up)
			}
			if p != nil {
				nups, np, va = len(p.Upvals), p.NumParams, p.IsVararg
			}
			vm.setField(t, "nups", mkInt(int64(nups)))
			vm.setField(t, "nparams", mkInt(int64(np)))
			vm.setField(t, "isvararg", mkBool(va))
		case 'n':
			kind, name := "", ""
			if f != nil {
				kind, name = f.callName()
			}
			if kind != "" {
				vm.setField(t, "name", mkString(name))
			}
			vm.setField(t, "namewhat", mkString(kind))
		case 't':
			vm.setField(t, "istailcall", mkBool(f != nil && f.tail))
		case 'f':
			vm.setField(t, "func", mkFunc(fn))
		case 'L':
			if p != nil {
				lines := vm.newTable(0, 0)
				for _, l := range p.LineInfo {
					k, v := mkInt(int64(l)), mkBool(true)
					vm.rawSet(lines.table(), &k, &v)
				}
				vm.setField(t, "activelines", lines)
			}
		}
	}
}

func (vm *VM) sourceInfo(t *glua.LTable, p *Proto) {
	src, short, what := "=[C]", "[C]", "C"
	first, last := -1, -1
	if p != nil {
		src, short, what = p.Source, p.source(), "Lua"
		first, last = p.LineDefined, p.LastLine
		if first == 0 {
			what = "main"
		}
	}
	vm.setField(t, "source", mkString(src))
	vm.setField(t, "short_src", mkString(short))
	vm.setField(t, "what", mkString(what))
	vm.setField(t, "linedefined", mkInt(int64(first)))
	vm.setField(t, "lastlinedefined", mkInt(int64(last)))
}

// localSlot finds a local variable of a frame: its name and register.
func (th *Thread) localSlot(f *frame, n int) (string, int) {
	if n < 0 {
		if f.kind == fLua && -n <= f.nextra {
			return "(*vararg)", f.base - f.nextra - n - 1
		}
		return "", 0
	}
	if f.kind == fLua {
		if name := f.cl.p.localName(n-1, f.pc-1); name != "" {
			return name, f.base + n - 1
		}
	}
	limit := th.top
	if f != th.ci {
		for g := th.ci; g != nil; g = g.prev {
			if g.prev == f {
				limit = g.fn
				break
			}
		}
	}
	if n > 0 && f.base+n-1 < limit {
		return "(*temporary)", f.base + n - 1
	}
	return "", 0
}

func dbgGetLocal(a Args) int {
	th, n := a.threadArg()
	nvar := int(min(max(a.Int(n+1), -1<<20), 1<<20))
	if v := a.at(n); v.isFunc() {
		if c := ours(v.fn()); c != nil && c.p != nil && nvar > 0 {
			if name := c.p.localName(nvar-1, 0); name != "" {
				a.PushString(name)
				return 1
			}
		}
		return a.ret(Nil)
	}
	level := a.Int(n)
	var f *frame
	if level >= 0 && level < 1<<30 {
		f = th.level(int(level))
	}
	if f == nil {
		a.ArgError(n, "level out of range")
	}
	name, slot := th.localSlot(f, nvar)
	if name == "" {
		return a.ret(Nil)
	}
	a.PushString(name)
	a.push(th.stack[slot])
	return 2
}

func dbgSetLocal(a Args) int {
	th, n := a.threadArg()
	level := a.Int(n)
	nvar := int(min(max(a.Int(n+1), -1<<20), 1<<20))
	var f *frame
	if level >= 0 && level < 1<<30 {
		f = th.level(int(level))
	}
	if f == nil {
		a.ArgError(n, "level out of range")
	}
	v := a.Any(n + 2)
	name, slot := th.localSlot(f, nvar)
	if name == "" {
		return a.ret(Nil)
	}
	th.stack[slot] = v
	a.PushString(name)
	return 1
}

func dbgGetMetatable(a Args) int {
	v := a.Any(0)
	mt := a.t.vm.metatable(&v)
	if mt == nil {
		return a.ret(Nil)
	}
	return a.ret(Value{unsafe.Pointer(mt), kTable})
}

func dbgSetMetatable(a Args) int {
	v, mt := a.at(0), a.at(1)
	if !mt.isNil() && !mt.isTable() {
		a.ArgError(1, "nil or table expected")
	}
	switch {
	case v.isTable():
		a.t.vm.setMeta(v.table(), mt)
	case v.is(kUser):
		v.user().Metatable = a.t.vm.box.toL(mt)
	default:
		var t *glua.LTable
		if mt.isTable() {
			t = mt.gtable()
		}
		a.t.vm.SetTypeMetatable(a.Get(0).Type(), t)
	}
	return a.ret(v)
}

func dbgGetRegistry(a Args) int { return a.ret(mkTable(a.t.vm.l.G.Registry)) }

// upvalue finds upvalue n of a function.
func (a Args) upvalue(i, n int) (c *Closure, idx int) {
	v := a.Func(i)
	c = ours(v.fn())
	k := a.Int(n)
	if c == nil || k < 1 || k > int64(len(c.up)) {
		return nil, 0
	}
	return c, int(k - 1)
}

func (c *Closure) upvalName(i int) string {
	if c.p == nil {
		return ""
	}
	if i < len(c.p.Upvals) && c.p.Upvals[i].Name != "" {
		return c.p.Upvals[i].Name
	}
	return "(*no name)"
}

func dbgGetUpvalue(a Args) int {
	c, i := a.upvalue(0, 1)
	if c == nil {
		return 0
	}
	a.PushString(c.upvalName(i))
	a.push(*c.up[i].v)
	return 2
}

func dbgSetUpvalue(a Args) int {
	v := a.Any(2)
	c, i := a.upvalue(0, 1)
	if c == nil {
		return 0
	}
	*c.up[i].v = v
	a.PushString(c.upvalName(i))
	return 1
}

func dbgUpvalueID(a Args) int {
	c, i := a.upvalue(0, 1)
	if c == nil {
		a.ArgError(1, "invalid upvalue index")
	}
	// Light userdata compare by address; ours is one object per upvalue.
	return a.ret(fromL(upvalID{c.up[i]}))
}

// upvalID is the identity of an upvalue as a value.
type upvalID struct{ u *UpVal }

func (upvalID) String() string        { return "userdata" }
func (upvalID) Type() glua.LValueType { return glua.LTUserData }

func dbgUpvalueJoin(a Args) int {
	c1, i := a.upvalue(0, 1)
	if c1 == nil {
		a.ArgError(1, "invalid upvalue index")
	}
	c2, j := a.upvalue(2, 3)
	if c2 == nil {
		a.ArgError(3, "invalid upvalue index")
	}
	c1.up[i] = c2.up[j]
	return 0
}

func dbgGetUserValue(a Args) int {
	if v := a.at(0); v.is(kUser) && v.user().Env != nil {
		return a.ret(mkTable(v.user().Env))
	}
	return a.ret(Nil)
}

func dbgSetUserValue(a Args) int {
	v := a.at(0)
	if !v.is(kUser) {
		a.TypeError(0, "userdata")
	}
	u := a.at(1)
	if u.isTable() {
		v.user().Env = u.gtable()
	} else {
		v.user().Env = nil
	}
	return a.ret(v)
}
