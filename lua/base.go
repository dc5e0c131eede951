package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openBase installs the global functions of Lua 5.3 (with the 5.1 names that
// the firmware's build keeps: unpack, loadstring).
func (m *Machine) openBase() {
	g := m.l.G.Global
	g.RawSetString("_G", g)
	g.RawSetString("_VERSION", glua.LString("Lua 5.3"))
	r := raw()
	m.fill(g,
		fn("assert", m.baseAssert),
		fn("collectgarbage", m.baseCollect),
		fn("error", m.baseError),
		fn("getmetatable", baseGetMetatable),
		fn("ipairs", m.baseIpairs),
		fn("load", m.baseLoad),
		fn("loadstring", m.baseLoad),
		fn("next", r["next"]),
		fn("pairs", m.basePairs),
		fn("print", m.basePrint),
		fn("rawequal", r["rawequal"]),
		fn("rawget", r["rawget"]),
		fn("rawlen", m.baseRawlen),
		fn("rawset", r["rawset"]),
		fn("select", r["select"]),
		fn("setmetatable", m.baseSetMetatable),
		fn("tonumber", m.baseToNumber),
		fn("tostring", func(l *glua.LState) int { return pushStr(l, m.tostring(l, l.CheckAny(1))) }),
		fn("type", func(l *glua.LState) int { return pushStr(l, typeName(l.CheckAny(1))) }),
		fn("unpack", m.unpack),
	)
}

func (m *Machine) baseAssert(l *glua.LState) int {
	if glua.LVAsBool(l.CheckAny(1)) {
		return l.GetTop()
	}
	if l.GetTop() < 2 {
		l.Error(glua.LString("assertion failed!"), 0)
	}
	l.Error(l.Get(2), 0)
	return 0
}

func (m *Machine) baseError(l *glua.LState) int {
	v := l.Get(1)
	level := l.OptInt(2, 1)
	if s, ok := v.(glua.LString); ok && level > 0 {
		v = glua.LString(m.where(l, level)) + s
	}
	l.Error(v, 0)
	return 0
}

// baseCollect answers collectgarbage. Memory is not measured: the count is the
// one that the firmware shows after its start, so that output stays the same
// from run to run.
func (m *Machine) baseCollect(l *glua.LState) int {
	switch opt := m.optStr(l, 1, "collect"); opt {
	case "count":
		l.Push(glua.LNumber(float64(luaMemoryUsed) / 1024))
	case "collect", "stop", "restart":
		l.Push(glua.LNumber(0))
	case "step", "isrunning":
		l.Push(glua.LTrue)
	case "setpause", "setstepmul":
		l.Push(glua.LNumber(90))
	default:
		l.ArgError(1, "invalid option '"+opt+"'")
	}
	return 1
}

func baseGetMetatable(l *glua.LState) int {
	mt, ok := metatable(l, l.CheckAny(1))
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	if p := mt.RawGetString("__metatable"); p != glua.LNil {
		l.Push(p)
		return 1
	}
	l.Push(mt)
	return 1
}

func (m *Machine) baseSetMetatable(l *glua.LState) int {
	t := l.CheckTable(1)
	mt := l.Get(2)
	if mt != glua.LNil {
		l.CheckTable(2)
	}
	if old, ok := t.Metatable.(*glua.LTable); ok && old.RawGetString("__metatable") != glua.LNil {
		m.raise(l, "cannot change a protected metatable")
	}
	t.Metatable = mt
	l.SetTop(1)
	return 1
}

func (m *Machine) baseIpairs(l *glua.LState) int {
	v := l.CheckAny(1)
	l.Push(m.ipairsNext)
	l.Push(v)
	l.Push(glua.LNumber(0))
	return 3
}

func ipairsNext(l *glua.LState) int {
	i := l.Get(2).(glua.LNumber) + 1
	v := l.GetTable(l.Get(1), i)
	if v == glua.LNil {
		l.Push(glua.LNil)
		return 1
	}
	l.Push(i)
	l.Push(v)
	return 2
}

func (m *Machine) basePairs(l *glua.LState) int {
	v := l.CheckAny(1)
	if mt, ok := metatable(l, v); ok {
		if f := mt.RawGetString("__pairs"); f != glua.LNil {
			m.call(l, f, 3, v)
			return 3
		}
	}
	if _, ok := v.(*glua.LTable); !ok {
		m.typeError(l, 1, "table")
	}
	l.Push(l.G.Global.RawGetString("next"))
	l.Push(v)
	l.Push(glua.LNil)
	return 3
}

func (m *Machine) baseRawlen(l *glua.LState) int {
	switch v := l.Get(1).(type) {
	case *glua.LTable:
		l.Push(glua.LNumber(v.Len()))
	case glua.LString:
		l.Push(glua.LNumber(len(v)))
	default:
		l.ArgError(1, "table or string expected")
	}
	return 1
}

func (m *Machine) baseToNumber(l *glua.LState) int {
	v := l.CheckAny(1)
	if l.GetTop() < 2 || l.Get(2) == glua.LNil {
		if f, ok := toNumber(v); ok {
			l.Push(glua.LNumber(f))
		} else {
			l.Push(glua.LNil)
		}
		return 1
	}
	s, ok := v.(glua.LString)
	if !ok {
		m.typeError(l, 1, "string")
	}
	base := m.integer(l, 2)
	if base < 2 || base > 36 {
		l.ArgError(2, "base out of range")
	}
	n, ok := parseBase(string(s), base)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	return pushInt(l, n)
}

func parseBase(s string, base int64) (int64, bool) {
	s = strings.ToLower(strings.Trim(s, " \t\n\v\f\r"))
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if s == "" {
		return 0, false
	}
	var n int64
	for _, c := range []byte(s) {
		d := int64(-1)
		switch {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case c >= 'a' && c <= 'z':
			d = int64(c-'a') + 10
		}
		if d < 0 || d >= base {
			return 0, false
		}
		n = n*base + d
	}
	if neg {
		n = -n
	}
	return n, true
}

// baseLoad is load and loadstring: source text, or a function that gives it
// piece by piece.
func (m *Machine) baseLoad(l *glua.LState) int {
	var src string
	switch v := l.Get(1).(type) {
	case *glua.LFunction:
		var b strings.Builder
		for {
			piece, ok := m.text(m.call1(l, v))
			if !ok || piece == "" {
				break
			}
			m.allocate(l, int64(len(piece)))
			b.WriteString(piece)
		}
		src = b.String()
	default:
		src = m.str(l, 1)
	}
	name := m.optStr(l, 2, src)
	f, err := m.compile(l, chunkName(name), src)
	if err != nil {
		l.Push(glua.LNil)
		l.Push(glua.LString(err.Error()))
		return 2
	}
	if env, ok := l.Get(4).(*glua.LTable); ok {
		f.Env = env
	}
	l.Push(f)
	return 1
}

// basePrint joins its arguments by a blank, by a TAB on cores before 2635e00fa
// (luatos-runtime.md 4.1).
func (m *Machine) basePrint(l *glua.LState) int {
	sep := " "
	if !m.core("2025-07-18") {
		sep = "\t"
	}
	tostring := l.G.Global.RawGetString("tostring")
	var b strings.Builder
	for i, top := 1, l.GetTop(); i <= top; i++ {
		if i > 1 {
			b.WriteString(sep)
		}
		var s string
		if f, ok := tostring.(*glua.LFunction); ok && f != m.tostringFn {
			t, ok := m.text(m.call1(l, f, l.Get(i)))
			if !ok {
				m.raise(l, "'tostring' must return a string to 'print'")
			}
			s = t
		} else {
			s = m.tostring(l, l.Get(i))
		}
		m.allocate(l, int64(len(s)))
		b.WriteString(s)
	}
	m.userLine(b.String())
	return 0
}
