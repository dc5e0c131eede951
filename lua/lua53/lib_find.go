package lua53

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

const patternSpecials = "^$*+?.([%-"

func strFind(a Args) int  { return strFindAux(a, true) }
func strMatch(a Args) int { return strFindAux(a, false) }

func strFindAux(a Args, find bool) int {
	vm := a.t.vm
	s, p := a.Str(0), a.Str(1)
	init := posRelative(a.OptInt(2, 1), len(s))
	if init < 1 {
		init = 1
	} else if init > int64(len(s))+1 {
		return a.ret(Nil)
	}
	at := int(init) - 1
	if find && (a.Bool(3) || !strings.ContainsAny(p, patternSpecials)) {
		vm.Charge((len(s) - at) / 16)
		i := strings.Index(s[at:], p)
		if i < 0 {
			return a.ret(Nil)
		}
		a.PushInt(int64(at + i + 1))
		a.PushInt(int64(at + i + len(p)))
		return 2
	}
	m := matcher{vm: vm, src: s, pat: p}
	anchor := strings.HasPrefix(p, "^")
	if anchor {
		m.pat = p[1:]
	}
	for {
		m.level = 0
		if e := m.match(at, 0); e >= 0 {
			if find {
				a.PushInt(int64(at + 1))
				a.PushInt(int64(e))
				return m.pushCaptures(a, at, e, false) + 2
			}
			return m.pushCaptures(a, at, e, true)
		}
		at++
		if anchor || at > len(s) {
			return a.ret(Nil)
		}
	}
}

func strGmatch(a Args) int {
	s, p := a.Str(0), a.Str(1)
	vm := a.t.vm
	at, last := 0, -1
	c := vm.native("gmatch_aux", func(a Args) int {
		m := matcher{vm: vm, src: s, pat: p}
		for ; at <= len(s); at++ {
			m.level = 0
			if e := m.match(at, 0); e >= 0 && e != last {
				from := at
				at, last = e, e
				return m.pushCaptures(a, from, e, true)
			}
		}
		return 0
	}, spNone)
	state := fromL(&glua.LUserData{Metatable: glua.LNil})
	c.keep(mkString(s), mkString(p), state)
	return a.ret(mkClosure(c))
}

func strGsub(a Args) int {
	vm := a.t.vm
	s, p := a.Str(0), a.Str(1)
	repl := a.at(2)
	if !repl.isNum() && !repl.isString() && !repl.isTable() && !repl.isFunc() {
		a.ArgError(2, "string/function/table expected")
	}
	maxN := a.OptInt(3, int64(len(s))+1)
	m := matcher{vm: vm, src: s, pat: p}
	anchor := strings.HasPrefix(p, "^")
	if anchor {
		m.pat = p[1:]
	}
	text := ""
	if repl.isString() || repl.isNum() {
		text = a.Str(2)
	}
	var b []byte
	at, n := 0, int64(0)
	copied, last := 0, -1
	for n < maxN {
		m.level = 0
		e := m.match(at, 0)
		if e >= 0 && e != last {
			n++
			b = append(b, s[copied:at]...)
			b = m.replacement(a, b, repl, text, at, e)
			copied, at, last = e, e, e
			if len(b) > maxString {
				vm.noMemory()
			}
		} else if at < len(s) {
			at++
		} else {
			break
		}
		if anchor {
			break
		}
	}
	if n == 0 {
		a.push(mkStringOf(a, 0, s))
	} else {
		b = append(b, s[copied:]...)
		a.PushString(string(b))
	}
	a.PushInt(n)
	return 2
}

// mkStringOf is argument i, whose text is s, without a copy if it is a string.
func mkStringOf(a Args, i int, s string) Value {
	if v := a.at(i); v.isString() {
		return v
	}
	return mkString(s)
}

// replacement appends what stands for the match from s to e.
func (m *matcher) replacement(a Args, b []byte, repl Value, text string, s, e int) []byte {
	vm := m.vm
	var v Value
	switch {
	case repl.isFunc():
		th := a.t
		fn := th.top
		th.push(repl)
		n := m.pushCaptures(a, s, e, true)
		vm.callAt(th, fn, n, 1)
		th.top = fn
		v = th.stack[fn]
	case repl.isTable():
		v = vm.get(a.t, repl, m.capture(0, s, e))
	default:
		return m.expand(b, text, s, e)
	}
	switch {
	case v.falsy():
		return append(b, m.src[s:e]...)
	case v.isString():
		return append(b, v.str()...)
	case v.isNum():
		return append(b, vm.numberString(&v)...)
	}
	a.Error("invalid replacement value (a %s)", vm.typeNameOf(&v))
	return nil
}

func (m *matcher) expand(b []byte, text string, s, e int) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		i++
		switch {
		case i < len(text) && text[i] == '%':
			b = append(b, '%')
		case i < len(text) && text[i] == '0':
			b = append(b, m.src[s:e]...)
		case i < len(text) && isDigit(text[i]):
			v := m.capture(int(text[i]-'1'), s, e)
			if v.isInt() {
				b = append(b, m.vm.numberString(&v)...)
			} else {
				b = append(b, v.str()...)
			}
		default:
			m.vm.errorf("invalid use of '%%' in replacement string")
		}
	}
	return b
}
