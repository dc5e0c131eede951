package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openString installs string.* of Lua 5.3 and the firmware's extensions, and
// makes them methods of strings.
func (m *Machine) openString() {
	t := m.lib("string",
		fn("byte", m.stringByte),
		fn("char", m.stringChar),
		fn("find", func(l *glua.LState) int { return m.stringFind(l, true) }),
		fn("format", m.stringFormat),
		fn("gmatch", m.stringGmatch),
		fn("gsub", m.stringGsub),
		fn("len", func(l *glua.LState) int { return pushInt(l, int64(len(m.str(l, 1)))) }),
		fn("lower", func(l *glua.LState) int { return pushStr(l, mapASCII(m.str(l, 1), 'A', 'Z')) }),
		fn("match", func(l *glua.LState) int { return m.stringFind(l, false) }),
		fn("rep", m.stringRep),
		fn("reverse", func(l *glua.LState) int {
			b := []byte(m.str(l, 1))
			for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
				b[i], b[j] = b[j], b[i]
			}
			return pushStr(l, string(b))
		}),
		fn("sub", m.stringSub),
		fn("upper", func(l *glua.LState) int { return pushStr(l, mapASCII(m.str(l, 1), 'a', 'z')) }),
		fn("pack", m.stringPack),
		fn("unpack", m.stringUnpack),
		fn("packsize", m.stringPacksize),
		fn("dump", m.refuse("string.dump")),
	)
	m.fill(t, m.stringExtensions()...)
	mt := m.l.NewTable()
	mt.RawSetString("__index", t)
	m.l.SetMetatable(glua.LString(""), mt)
}

func mapASCII(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if c >= from && c <= to {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}

// span turns Lua's start and end into a Go range.
func span(n int, i, j int64) (int, int) {
	size := int64(n)
	if i < 0 {
		i = max(size+i+1, 1)
	} else if i == 0 {
		i = 1
	}
	if j < 0 {
		j = size + j + 1
	}
	j = min(j, size)
	if i > j {
		return 0, 0
	}
	return int(i - 1), int(j)
}

func (m *Machine) stringSub(l *glua.LState) int {
	s := m.str(l, 1)
	i, j := span(len(s), m.integer(l, 2), m.optInt(l, 3, -1))
	return pushStr(l, s[i:j])
}

func (m *Machine) stringByte(l *glua.LState) int {
	s := m.str(l, 1)
	first := m.optInt(l, 2, 1)
	i, j := span(len(s), first, m.optInt(l, 3, first))
	if j-i > 10000 {
		m.raise(l, "string slice too long")
	}
	for _, c := range []byte(s[i:j]) {
		l.Push(glua.LNumber(c))
	}
	return j - i
}

func (m *Machine) stringChar(l *glua.LState) int {
	b := make([]byte, l.GetTop())
	for i := range b {
		c := m.integer(l, i+1)
		if c < 0 || c > 255 {
			l.ArgError(i+1, "value out of range")
		}
		b[i] = byte(c)
	}
	return pushStr(l, string(b))
}

func (m *Machine) stringRep(l *glua.LState) int {
	s, n, sep := m.str(l, 1), m.integer(l, 2), m.optStr(l, 3, "")
	if n <= 0 {
		return pushStr(l, "")
	}
	unit := int64(len(s) + len(sep))
	if unit > 0 && n > m.stringLimit()/unit+1 {
		m.raise(l, "resulting string too large")
	}
	m.allocate(l, n*unit)
	if sep == "" {
		return pushStr(l, strings.Repeat(s, int(n)))
	}
	if unit == 0 {
		return pushStr(l, "")
	}
	return pushStr(l, strings.Repeat(s+sep, int(n-1))+s)
}

// plain reports whether a pattern has no special characters.
func plain(pat string) bool { return !strings.ContainsAny(pat, "^$*+?.([%-") }

// matcher prepares matching; its charges go to the budget.
func (m *Machine) matcher(src, pat string) *matcher {
	return &matcher{src: src, pat: pat, charge: m.charge}
}

// stringFind is string.find and string.match.
func (m *Machine) stringFind(l *glua.LState, find bool) int {
	s, pat := m.str(l, 1), m.str(l, 2)
	init := m.optInt(l, 3, 1)
	if init < 0 {
		init = max(1, int64(len(s))+init+1)
	} else if init == 0 {
		init = 1
	}
	if init > int64(len(s))+1 {
		l.Push(glua.LNil)
		return 1
	}
	at := int(init - 1)
	if find && (m.optBool(l, 4, false) || plain(pat)) {
		i := strings.Index(s[at:], pat)
		if i < 0 {
			l.Push(glua.LNil)
			return 1
		}
		l.Push(glua.LNumber(at + i + 1))
		l.Push(glua.LNumber(at + i + len(pat)))
		return 2
	}
	anchored := strings.HasPrefix(pat, "^")
	x := m.matcher(s, strings.TrimPrefix(pat, "^"))
	if !anchored {
		x.pat = pat
	}
	for ; at <= len(s); at++ {
		end := x.matchAt(at)
		m.patternError(l, x)
		if end >= 0 {
			if !find {
				return m.pushCaptures(l, x, at, end, true)
			}
			l.Push(glua.LNumber(at + 1))
			l.Push(glua.LNumber(end))
			return 2 + m.pushCaptures(l, x, at, end, false)
		}
		if anchored {
			break
		}
	}
	l.Push(glua.LNil)
	return 1
}

func (m *Machine) patternError(l *glua.LState, x *matcher) {
	if x.err != nil {
		m.raise(l, "%s", x.err.Error())
	}
}

// pushCaptures pushes all captures; without any, the whole match if wanted.
func (m *Machine) pushCaptures(l *glua.LState, x *matcher, s, e int, whole bool) int {
	if len(x.caps) == 0 {
		if !whole {
			return 0
		}
		l.Push(glua.LString(x.src[s:e]))
		return 1
	}
	for i := range x.caps {
		l.Push(m.captureValue(l, x, i, s, e))
	}
	return len(x.caps)
}

func (m *Machine) captureValue(l *glua.LState, x *matcher, i, s, e int) glua.LValue {
	if i >= len(x.caps) {
		if i == 0 {
			return glua.LString(x.src[s:e])
		}
		m.raise(l, "invalid capture index %%%d", i+1)
	}
	switch c := x.caps[i]; c.length {
	case captureOpen:
		m.raise(l, "%s", errPatternOpen.Error())
		return glua.LNil
	case capturePosition:
		return glua.LNumber(c.start + 1)
	default:
		return glua.LString(x.src[c.start : c.start+c.length])
	}
}

func (m *Machine) stringGmatch(l *glua.LState) int {
	s, pat := m.str(l, 1), m.str(l, 2)
	at := 0
	l.Push(l.NewFunction(func(l *glua.LState) int {
		x := m.matcher(s, pat)
		for ; at <= len(s); at++ {
			end := x.matchAt(at)
			m.patternError(l, x)
			if end >= 0 {
				start := at
				if at = end; end == start {
					at++
				}
				return m.pushCaptures(l, x, start, end, true)
			}
		}
		l.Push(glua.LNil)
		return 1
	}))
	return 1
}

func (m *Machine) stringGsub(l *glua.LState) int {
	s, pat := m.str(l, 1), m.str(l, 2)
	repl := l.Get(3)
	switch repl.(type) {
	case glua.LString, glua.LNumber, *glua.LTable, *glua.LFunction:
	default:
		l.ArgError(3, "string/function/table expected")
	}
	limit := m.optInt(l, 4, int64(len(s))+1)
	anchored := strings.HasPrefix(pat, "^")
	x := m.matcher(s, pat)
	if anchored {
		x.pat = pat[1:]
	}
	var b strings.Builder
	at, count := 0, int64(0)
	for count < limit {
		end := x.matchAt(at)
		m.patternError(l, x)
		if end >= 0 {
			count++
			m.replace(l, &b, x, repl, at, end)
		}
		if end >= 0 && end > at {
			at = end
		} else if at < len(s) {
			b.WriteByte(s[at])
			at++
		} else {
			break
		}
		if int64(b.Len()) > m.stringLimit() {
			m.raise(l, "not enough memory")
		}
		if anchored {
			break
		}
	}
	if at < len(s) {
		b.WriteString(s[at:])
	}
	m.allocate(l, int64(b.Len()))
	l.Push(glua.LString(b.String()))
	l.Push(glua.LNumber(count))
	return 2
}

// replace appends what gsub puts in the place of a match.
func (m *Machine) replace(l *glua.LState, b *strings.Builder, x *matcher, repl glua.LValue, s, e int) {
	var v glua.LValue
	switch r := repl.(type) {
	case *glua.LTable:
		v = l.GetTable(r, m.captureValue(l, x, 0, s, e))
	case *glua.LFunction:
		caps := max(1, len(x.caps))
		args := make([]glua.LValue, caps)
		for i := range args {
			args[i] = m.captureValue(l, x, i, s, e)
		}
		v = m.call1(l, r, args...)
	default:
		text, _ := m.text(r)
		m.expand(l, b, x, text, s, e)
		return
	}
	if !glua.LVAsBool(v) {
		b.WriteString(x.src[s:e])
		return
	}
	text, ok := m.text(v)
	if !ok {
		m.raise(l, "invalid replacement value (a %s)", typeName(v))
	}
	b.WriteString(text)
}

// expand appends a replacement string with its %0..%9.
func (m *Machine) expand(l *glua.LState, b *strings.Builder, x *matcher, text string, s, e int) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch {
		case i < len(text) && text[i] == '%':
			b.WriteByte('%')
		case i < len(text) && text[i] == '0':
			b.WriteString(x.src[s:e])
		case i < len(text) && isDigit(text[i]):
			t, _ := m.text(m.captureValue(l, x, int(text[i]-'1'), s, e))
			b.WriteString(t)
		default:
			m.raise(l, "invalid use of '%%' in replacement string")
		}
	}
}
