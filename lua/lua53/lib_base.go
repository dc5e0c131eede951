package lua53

import (
	"strings"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// NativeEntry is one function of a library.
type NativeEntry struct {
	Name string
	Fn   Native
}

// Register makes or extends a global library table; name "" is the globals.
func (vm *VM) Register(name string, fns []NativeEntry) *glua.LTable {
	t := vm.Globals()
	if name != "" {
		t = vm.libTable(name)
	}
	for _, e := range fns {
		vm.setField(t, e.Name, mkClosure(vm.native(e.Name, e.Fn, spNone)))
	}
	return t
}

func (vm *VM) setField(t *glua.LTable, name string, v Value) {
	k := mkString(name)
	vm.setStr(asTable(t), &k, &v)
}

func (vm *VM) libTable(name string) *glua.LTable {
	if t, ok := vm.Globals().RawGetString(name).(*glua.LTable); ok {
		return t
	}
	t := &glua.LTable{Metatable: glua.LNil}
	vm.setField(vm.Globals(), name, mkTable(t))
	vm.setField(vm.loadedTable(), name, mkTable(t))
	return t
}

// loadedTable is package.loaded, in the registry as gopher-lua keeps it.
func (vm *VM) loadedTable() *glua.LTable {
	r := vm.l.G.Registry
	if t, ok := r.RawGetString("_LOADED").(*glua.LTable); ok {
		return t
	}
	t := &glua.LTable{Metatable: glua.LNil}
	r.RawSetString("_LOADED", t)
	return t
}

// OpenLibs installs all libraries of this package.
func (vm *VM) OpenLibs() {
	vm.OpenBase()
	vm.OpenCoroutine()
	vm.OpenTable()
	vm.OpenString()
	vm.OpenMath()
	vm.OpenUTF8()
	vm.OpenBit32()
	vm.OpenDebug()
}

// OpenBase installs the basic functions of Lua 5.3 with the 5.1 names that
// LUA_COMPAT_5_1 keeps.
func (vm *VM) OpenBase() {
	g := vm.Globals()
	vm.setField(vm.loadedTable(), "_G", mkTable(g))
	vm.setField(g, "_G", mkTable(g))
	vm.setField(g, "_VERSION", mkString("Lua 5.3"))
	vm.Register("", []NativeEntry{
		{"assert", baseAssert}, {"collectgarbage", baseCollect}, {"error", baseError},
		{"getmetatable", baseGetMetatable}, {"ipairs", baseIpairs}, {"load", baseLoad}, {"loadstring", baseLoad},
		{"next", baseNext}, {"pairs", basePairs}, {"print", basePrint},
		{"rawequal", baseRawEqual}, {"rawget", baseRawGet}, {"rawlen", baseRawLen}, {"rawset", baseRawSet},
		{"select", baseSelect}, {"setmetatable", baseSetMetatable}, {"tonumber", baseToNumber},
		{"tostring", baseToString}, {"type", baseType}, {"unpack", tableUnpack},
	})
	vm.setField(g, "pcall", mkClosure(vm.native("pcall", nil, spPcall)))
	vm.setField(g, "xpcall", mkClosure(vm.native("xpcall", nil, spXpcall)))
	vm.realNext = ours(g.RawGetString("next").(*glua.LFunction))
	if !vm.hooked {
		vm.nextFn = vm.realNext
	}
	vm.tostrFn = ours(g.RawGetString("tostring").(*glua.LFunction))
	vm.ipairsFn = vm.native("ipairs_aux", ipairsNext, spNone)
}

func baseAssert(a Args) int {
	v := a.Any(0)
	if !v.falsy() {
		a.t.top = a.base + a.n
		return a.n
	}
	if a.n < 2 {
		a.Error("assertion failed!")
	}
	a.t.vm.throwValue(a.at(1))
	return 0
}

func baseError(a Args) int {
	v := a.at(0)
	level := a.OptInt(1, 1)
	if v.isString() && level > 0 {
		if pos := a.t.vm.where(a.t, int(min(level, 1<<20))); pos != "" {
			v = mkString(pos + v.str())
		}
	}
	a.t.vm.throwValue(v)
	return 0
}

func baseCollect(a Args) int {
	vm := a.t.vm
	opts := []string{"collect", "stop", "restart", "count", "step", "isrunning", "setpause", "setstepmul", "generational", "incremental"}
	i := a.option(0, "collect", opts...)
	a.OptInt(1, 0)
	switch opts[i] {
	case "collect":
		vm.collectForScript()
		return a.ret(mkInt(0))
	case "step":
		vm.collectForScript()
		return a.ret(mkBool(true))
	case "count":
		return a.ret(mkFloat(vm.round(float64(vm.mem) / 1024)))
	case "isrunning":
		return a.ret(mkBool(!vm.gcStop))
	case "stop":
		vm.gcStop = true
	case "restart":
		vm.gcStop = false
	case "setpause", "setstepmul":
		return a.ret(mkInt(200))
	}
	return a.ret(mkInt(0))
}

func baseGetMetatable(a Args) int {
	v := a.Any(0)
	mt := a.t.vm.metatable(&v)
	if mt == nil {
		return a.ret(Nil)
	}
	if p := mt.getStr("__metatable"); !p.isNil() {
		return a.ret(p)
	}
	return a.ret(Value{unsafe.Pointer(mt), kTable})
}

func baseSetMetatable(a Args) int {
	t := a.Table(0)
	mt := a.at(1)
	if a.n < 2 || !mt.isNil() && !mt.isTable() {
		a.ArgError(1, "nil or table expected")
	}
	if old := t.meta(); old != nil {
		if p := old.getStr("__metatable"); !p.isNil() {
			a.Error("cannot change a protected metatable")
		}
	}
	a.t.vm.setMeta(t, mt)
	return a.ret(a.at(0))
}

func (vm *VM) setMeta(t *ltable, mt Value) {
	if mt.isNil() {
		t.Metatable = glua.LNil
		return
	}
	t.Metatable = mt.gtable()
	if gc := mt.table().getStr("__gc"); !gc.isNil() {
		g := (*glua.LTable)(unsafe.Pointer(t))
		for _, f := range vm.finals {
			if f == g {
				return
			}
		}
		vm.finals = append(vm.finals, g)
	}
}

func ipairsNext(a Args) int {
	i := a.Int(1) + 1
	i = a.t.vm.wrap(i)
	t := a.at(0)
	var v Value
	if t.isTable() {
		if v = t.table().getInt(i); v.isNil() && t.table().meta() != nil {
			v = a.t.vm.get(a.t, t, mkInt(i))
		}
	} else {
		v = a.t.vm.get(a.t, t, mkInt(i))
	}
	if v.isNil() {
		return a.ret(Nil)
	}
	a.t.push(mkInt(i))
	a.t.push(v)
	return 2
}

func baseIpairs(a Args) int {
	vm := a.t.vm
	v := a.Any(0)
	if mm := vm.metaOf(&v, "__ipairs"); !mm.isNil() {
		return vm.call(a.t, mm, 3, v)
	}
	a.push(mkClosure(vm.ipairsFn))
	a.push(v)
	a.push(mkInt(0))
	return 3
}

func basePairs(a Args) int {
	vm := a.t.vm
	v := a.Any(0)
	if mm := vm.metaOf(&v, "__pairs"); !mm.isNil() {
		return vm.call(a.t, mm, 3, v)
	}
	a.Table(0)
	a.push(mkClosure(vm.realNext))
	a.push(v)
	a.push(Nil)
	return 3
}

func baseNext(a Args) int {
	t := a.Table(0)
	key := a.at(1)
	k, v, ok := a.t.vm.next(t, &key, a.base)
	if !ok {
		a.Error("invalid key to 'next'")
	}
	a.push(k)
	if k.isNil() {
		return 1
	}
	a.push(v)
	return 2
}

func baseRawEqual(a Args) int {
	x, y := a.Any(0), a.Any(1)
	return a.ret(mkBool(rawEqual(&x, &y)))
}

func baseRawGet(a Args) int {
	t := a.Table(0)
	k := a.Any(1)
	return a.ret(a.t.vm.rawGet(t, &k))
}

func baseRawLen(a Args) int {
	v := a.at(0)
	switch {
	case v.isTable():
		return a.ret(mkInt(v.table().length()))
	case v.isString():
		return a.ret(mkInt(int64(len(v.str()))))
	}
	a.ArgError(0, "table or string expected")
	return 0
}

func baseRawSet(a Args) int {
	t := a.Table(0)
	k, v := a.Any(1), a.Any(2)
	a.t.vm.checkKey(&k)
	a.t.vm.rawSet(t, &k, &v)
	return a.ret(a.at(0))
}

func baseSelect(a Args) int {
	if v := a.at(0); v.isString() && strings.HasPrefix(v.str(), "#") {
		return a.ret(mkInt(int64(a.n - 1)))
	}
	i := a.Int(0)
	if i < 0 {
		i = int64(a.n) + i
	} else if i > int64(a.n) {
		i = int64(a.n)
	}
	if i < 1 {
		a.ArgError(0, "index out of range")
	}
	a.t.top = a.base + a.n
	return a.n - int(i)
}

func baseToNumber(a Args) int {
	vm := a.t.vm
	if a.None(1) {
		v := a.Any(0)
		n, ok := vm.toNumber(&v)
		if !ok {
			n = Nil
		}
		return a.ret(n)
	}
	base := a.Int(1)
	v := a.at(0)
	if !v.isString() {
		a.TypeError(0, "string")
	}
	if base < 2 || base > 36 {
		a.ArgError(1, "base out of range")
	}
	n, ok := parseBase(v.str(), base)
	if !ok {
		return a.ret(Nil)
	}
	return a.ret(mkInt(vm.wrap(n)))
}

func parseBase(s string, base int64) (int64, bool) {
	s = strings.Trim(s, spaces)
	neg := strings.HasPrefix(s, "-")
	if neg {
		s = s[1:]
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	if s == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		d := int64(99)
		if isDigit(s[i]) {
			d = int64(s[i] - '0')
		} else if isAlpha(s[i]) {
			d = int64(s[i]|0x20-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	if neg {
		n = -n
	}
	return n, true
}

func baseToString(a Args) int {
	v := a.Any(0)
	if v.isString() {
		return a.ret(v)
	}
	a.PushString(a.t.vm.tostring(a.t, v))
	return 1
}

func baseType(a Args) int {
	v := a.Any(0)
	return a.ret(typeNameValue(&v))
}

var typeNames = func() map[string]Value {
	m := map[string]Value{}
	for _, s := range []string{"nil", "boolean", "number", "string", "table", "function", "userdata", "thread", "channel"} {
		m[s] = mkString(s)
	}
	return m
}()

var numberTypeName = typeNames["number"]
var stringTypeName = typeNames["string"]
var tableTypeName = typeNames["table"]

func typeNameValue(v *Value) Value {
	switch {
	case v.isNum():
		return numberTypeName
	case v.isString():
		return stringTypeName
	case v.isTable():
		return tableTypeName
	}
	return typeNames[v.typeName()]
}

func basePrint(a Args) int {
	vm := a.t.vm
	sep := vm.opts.Separator
	if sep == "" {
		sep = "\t"
	}
	tostring := fromL(vm.Globals().RawGetString("tostring"))
	var b strings.Builder
	for i := 0; i < a.n; i++ {
		if i > 0 {
			b.WriteString(sep)
		}
		v := a.at(i)
		if tostring.isFunc() && ours(tostring.fn()) == vm.tostrFn {
			b.WriteString(vm.tostring(a.t, v))
			continue
		}
		r := vm.call1(a.t, tostring, v)
		if !r.isString() && !r.isNum() {
			a.Error("'tostring' must return a string to 'print'")
		}
		b.WriteString(vm.tostring(a.t, r))
	}
	if vm.opts.Print != nil {
		vm.opts.Print(b.String())
	}
	return 0
}

// maxChunk bounds what load collects from a reader function.
const maxChunk = 64 << 20

func baseLoad(a Args) int {
	vm := a.t.vm
	var chunk, name string
	v := a.at(0)
	mode := a.OptStr(2, "bt")
	if v.isString() || v.isNum() {
		chunk = a.Str(0)
		name = a.OptStr(1, chunk)
	} else {
		name = a.OptStr(1, "=(load)")
		a.Func(0)
		var msg Value
		if chunk, msg = readChunk(a, v); !msg.isNil() {
			a.push(Nil)
			a.push(msg)
			return 2
		}
	}
	vm.allocString(len(chunk))
	vm.Charge(len(chunk))
	f, err := vm.Load([]byte(chunk), name, mode)
	if err != nil {
		a.push(Nil)
		a.PushString(err.Error())
		return 2
	}
	if a.n >= 4 {
		if c := ours(f); len(c.up) > 0 {
			*c.up[0].v = a.at(3)
		}
	}
	return a.ret(mkFunc(f))
}

// readChunk collects the pieces of a reader function. An error of the reader
// is what load returns.
func readChunk(a Args, f Value) (chunk string, msg Value) {
	vm := a.t.vm
	var b strings.Builder
	for {
		piece := Nil
		ok := false
		depth, nny, top, ci := vm.depth, a.t.nny, a.t.top, a.t.ci
		func() {
			defer func() {
				if ok {
					return
				}
				if r := recover(); r != nil {
					e := vm.recovered(r)
					vm.cur = a.t
					a.t.closeUpvals(top)
					vm.depth, a.t.nny, a.t.top, a.t.ci = depth, nny, top, ci
					msg = fromL(e.Object)
				}
			}()
			piece = vm.call1(a.t, f)
			ok = true
		}()
		if piece.isNum() {
			piece = mkString(vm.numberString(&piece))
		}
		switch {
		case !ok:
			return "", msg
		case piece.isNil():
			return b.String(), Nil
		case !piece.isString():
			return "", mkString(vm.where(a.t, 1) + "reader function must return a string")
		case piece.str() == "":
			return b.String(), Nil
		}
		if b.Len()+len(piece.str()) > maxChunk {
			return "", mkString("not enough memory")
		}
		b.WriteString(piece.str())
	}
}
