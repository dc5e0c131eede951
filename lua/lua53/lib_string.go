package lua53

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// OpenString installs string and the metatable of strings.
func (vm *VM) OpenString() {
	t := vm.Register("string", []NativeEntry{
		{"byte", strByte}, {"char", strChar}, {"dump", strDump}, {"find", strFind}, {"format", strFormat},
		{"gmatch", strGmatch}, {"gsub", strGsub}, {"len", strLen}, {"lower", strLower}, {"match", strMatch},
		{"rep", strRep}, {"reverse", strReverse}, {"sub", strSub}, {"upper", strUpper},
		{"pack", strPack}, {"packsize", strPackSize}, {"unpack", strUnpack},
	})
	mt := &glua.LTable{Metatable: glua.LNil}
	vm.setField(mt, "__index", mkTable(t))
	vm.SetTypeMetatable(glua.LTString, mt)
}

// SetTypeMetatable sets the metatable of a basic type, for scripts and for
// libraries.
func (vm *VM) SetTypeMetatable(typ glua.LValueType, mt *glua.LTable) {
	var sample glua.LValue
	switch typ {
	case glua.LTString:
		sample = glua.LString("")
	case glua.LTNumber:
		sample = glua.LNumber(0)
	case glua.LTBool:
		sample = glua.LTrue
	case glua.LTNil:
		sample = glua.LNil
	case glua.LTFunction:
		sample = &vm.tostrFn.LFunction
	case glua.LTThread:
		sample = &vm.main.LState
	default:
		return
	}
	if mt == nil {
		vm.typeMeta[typ] = nil
		vm.l.SetMetatable(sample, glua.LNil)
		return
	}
	vm.typeMeta[typ] = asTable(mt)
	vm.l.SetMetatable(sample, mt)
}

// posRelative turns a position that may count from the end into one that
// counts from 1.
func posRelative(pos int64, n int) int64 {
	switch {
	case pos >= 0:
		return pos
	case -pos > int64(n) || pos == math.MinInt64:
		return 0
	}
	return int64(n) + pos + 1
}

func strLen(a Args) int {
	return a.ret(mkInt(int64(len(a.Str(0)))))
}

func strSub(a Args) int {
	s := a.Str(0)
	i := posRelative(a.Int(1), len(s))
	j := posRelative(a.OptInt(2, -1), len(s))
	if i < 1 {
		i = 1
	}
	if j > int64(len(s)) {
		j = int64(len(s))
	}
	if i > j {
		return a.ret(emptyString)
	}
	if i == 1 && j == int64(len(s)) {
		return a.ret(mkStringOf(a, 0, s))
	}
	return a.ret(a.t.vm.substring(s, int(i-1), int(j)))
}

func strReverse(a Args) int {
	s := a.Str(0)
	b := make([]byte, len(s))
	for i := 0; i < len(s); i++ {
		b[len(s)-1-i] = s[i]
	}
	a.PushString(string(b))
	return 1
}

func mapBytes(a Args, f func(c byte) byte) int {
	s := a.Str(0)
	b := []byte(s)
	for i, c := range b {
		b[i] = f(c)
	}
	a.PushString(string(b))
	return 1
}

func strLower(a Args) int {
	return mapBytes(a, func(c byte) byte {
		if c >= 'A' && c <= 'Z' {
			return c | 0x20
		}
		return c
	})
}

func strUpper(a Args) int {
	return mapBytes(a, func(c byte) byte {
		if c >= 'a' && c <= 'z' {
			return c &^ 0x20
		}
		return c
	})
}

func strRep(a Args) int {
	s, n, sep := a.Str(0), a.Int(1), a.OptStr(2, "")
	if n <= 0 {
		return a.ret(emptyString)
	}
	one := int64(len(s) + len(sep))
	if one > 0 && one > (math.MaxInt32-1)/n && one*n > maxString || one < 0 {
		a.Error("resulting string too large")
	}
	if one == 0 {
		return a.ret(emptyString)
	}
	if n > math.MaxInt32 {
		a.Error("resulting string too large")
	}
	a.t.vm.allocString(int(one * n))
	if sep == "" {
		return a.ret(mkString(strings.Repeat(s, int(n))))
	}
	return a.ret(mkString(strings.Repeat(s+sep, int(n-1)) + s))
}

func strByte(a Args) int {
	s := a.Str(0)
	i := posRelative(a.OptInt(1, 1), len(s))
	j := posRelative(a.OptInt(2, i), len(s))
	if i < 1 {
		i = 1
	}
	if j > int64(len(s)) {
		j = int64(len(s))
	}
	if i > j {
		return 0
	}
	n := int(j - i + 1)
	if n >= a.t.vm.opts.MaxStack-a.t.top {
		a.Error("string slice too long")
	}
	for k := 0; k < n; k++ {
		a.push(mkInt(int64(s[int(i)-1+k])))
	}
	return n
}

func strChar(a Args) int {
	if a.n == 1 {
		if v := a.at(0); v.isInt() && v.n <= 255 {
			return a.ret(byteStrings[v.n])
		}
	}
	b := make([]byte, a.n)
	for i := range b {
		c := a.Int(i)
		if c < 0 || c > 255 {
			a.ArgError(i, "value out of range")
		}
		b[i] = byte(c)
	}
	a.PushString(string(b))
	return 1
}

func strDump(a Args) int {
	v := a.Func(0)
	c := ours(v.fn())
	if c == nil || c.p == nil {
		a.Error("unable to dump given function")
	}
	layout := LayoutPC
	if a.t.vm.narrow {
		layout = Layout32
	}
	b, err := c.p.Dump(layout, a.Bool(1))
	if err != nil {
		a.Error("%s", err.Error())
	}
	a.PushString(string(b))
	return 1
}
