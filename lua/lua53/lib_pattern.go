package lua53

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// Pattern matching: character classes, sets, repetition, captures, %b, %f and
// back references, with C Lua's bound on recursion, and steps charged so that
// a pattern that backtracks for ever ends with the budget.

const (
	maxCaptures    = 32
	maxMatchDepth  = 200
	capUnfinished  = -1
	capPosition    = -2
	matchStepBatch = 64
)

type capture struct{ start, len int }

type matcher struct {
	vm    *VM
	src   string
	pat   string
	level int
	caps  [maxCaptures]capture
	depth int
	steps int
}

func (m *matcher) charge() {
	m.steps++
	if m.steps >= matchStepBatch {
		m.vm.Charge(m.steps)
		m.steps = 0
	}
}

// classEnd returns the index behind the single-character class at p.
func (m *matcher) classEnd(p int) int {
	if p >= len(m.pat) {
		m.vm.errorf("malformed pattern (ends with '%%')")
	}
	c := m.pat[p]
	p++
	if c == '%' {
		if p >= len(m.pat) {
			m.vm.errorf("malformed pattern (ends with '%%')")
		}
		return p + 1
	}
	if c == '[' {
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.vm.errorf("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			p++
			if c == '%' {
				if p < len(m.pat) {
					p++
				}
			}
		}
		return p + 1
	}
	return p
}

func isClass(c, class byte) bool {
	var r bool
	switch class | 0x20 {
	case 'a':
		r = isAlpha(c)
	case 'c':
		r = c < 32 || c == 127
	case 'd':
		r = isDigit(c)
	case 'g':
		r = c > 32 && c < 127
	case 'l':
		r = c >= 'a' && c <= 'z'
	case 'p':
		r = c > 32 && c < 127 && !isAlnum(c)
	case 's':
		r = isSpace(c)
	case 'u':
		r = c >= 'A' && c <= 'Z'
	case 'w':
		r = isAlnum(c)
	case 'x':
		r = isXDigit(c)
	case 'z':
		r = c == 0
	default:
		return class == c
	}
	if !isAlpha(class) {
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !r
	}
	return r
}

// inSet matches c against the set from p to the ']' at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	sig := true
	p++
	if m.pat[p] == '^' {
		sig = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if isClass(c, m.pat[p]) {
				return sig
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return sig
			}
			p += 2
		case m.pat[p] == c:
			return sig
		}
	}
	return !sig
}

func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return isClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, ep-1)
	}
	return m.pat[p] == c
}

// match returns the end of the match of pattern p at s, -1 if there is none.
func (m *matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxMatchDepth {
		m.vm.errorf("pattern too complex")
	}
	defer func() { m.depth-- }()
	for {
		m.charge()
		if p >= len(m.pat) {
			return s
		}
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, capPosition)
			}
			return m.open(s, p+1, capUnfinished)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(m.pat) {
				switch c := m.pat[p+1]; {
				case c == 'b':
					if s = m.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p >= len(m.pat) || m.pat[p] != '[' {
						m.vm.errorf("missing '[' after '%%f' in pattern")
					}
					ep := m.classEnd(p)
					var prev, cur byte
					if s > 0 {
						prev = m.src[s-1]
					}
					if s < len(m.src) {
						cur = m.src[s]
					}
					if m.inSet(prev, p, ep-1) || !m.inSet(cur, p, ep-1) {
						return -1
					}
					p = ep
					continue
				case isDigit(c):
					l := m.checkCapture(c)
					if m.caps[l].len == capPosition { // has no text to match
						return -1
					}
					text := m.src[m.caps[l].start : m.caps[l].start+m.caps[l].len]
					if !strings.HasPrefix(m.src[s:], text) {
						return -1
					}
					s += len(text)
					p += 2
					continue
				}
			}
		}
		ep := m.classEnd(p)
		var suffix byte
		if ep < len(m.pat) {
			suffix = m.pat[ep]
		}
		switch suffix {
		case '?':
			if m.single(s, p, ep) {
				if r := m.match(s+1, ep+1); r >= 0 {
					return r
				}
			}
			p = ep + 1
		case '+':
			if !m.single(s, p, ep) {
				return -1
			}
			return m.longest(s+1, p, ep)
		case '*':
			return m.longest(s, p, ep)
		case '-':
			return m.shortest(s, p, ep)
		default:
			if !m.single(s, p, ep) {
				return -1
			}
			s++
			p = ep
		}
	}
}

func (m *matcher) longest(s, p, ep int) int {
	n := 0
	for m.single(s+n, p, ep) {
		n++
	}
	m.vm.Charge(n / 4)
	for ; n >= 0; n-- {
		if r := m.match(s+n, ep+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) shortest(s, p, ep int) int {
	for {
		if r := m.match(s, ep+1); r >= 0 {
			return r
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
	if m.level >= maxCaptures {
		m.vm.errorf("too many captures")
	}
	m.caps[m.level] = capture{s, what}
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) close(s, p int) int {
	l := -1
	for i := m.level - 1; i >= 0; i-- {
		if m.caps[i].len == capUnfinished {
			l = i
			break
		}
	}
	if l < 0 {
		m.vm.errorf("invalid pattern capture")
	}
	m.caps[l].len = s - m.caps[l].start
	r := m.match(s, p)
	if r < 0 {
		m.caps[l].len = capUnfinished
	}
	return r
}

func (m *matcher) checkCapture(c byte) int {
	l := int(c) - '1'
	if l < 0 || l >= m.level || m.caps[l].len == capUnfinished {
		m.vm.errorf("invalid capture index %%%d", l+1)
	}
	return l
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.vm.errorf("malformed pattern (missing arguments to '%%b')")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	b, e := m.pat[p], m.pat[p+1]
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		if c := m.src[i]; c == e {
			depth--
			if depth == 0 {
				m.vm.Charge((i - s) / 4)
				return i + 1
			}
		} else if c == b {
			depth++
		}
	}
	m.vm.Charge((len(m.src) - s) / 4)
	return -1
}

// capture returns capture i, the whole match if there are none.
func (m *matcher) capture(i, s, e int) Value {
	if i >= m.level {
		if i != 0 {
			m.vm.errorf("invalid capture index %%%d", i+1)
		}
		return m.vm.substring(m.src, s, e)
	}
	c := m.caps[i]
	switch c.len {
	case capUnfinished:
		m.vm.errorf("unfinished capture")
	case capPosition:
		return mkInt(int64(c.start + 1))
	}
	return m.vm.substring(m.src, c.start, c.start+c.len)
}

func (vm *VM) substring(s string, i, j int) Value {
	if j-i <= 1 {
		if i >= j {
			return emptyString
		}
		return byteStrings[s[i]]
	}
	vm.alloc(vm.sizes.str + int64(j-i))
	return mkString(s[i:j])
}

// pushCaptures pushes all captures; the whole match if there are none and
// whole is set.
func (m *matcher) pushCaptures(a Args, s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := 0; i < n; i++ {
		a.push(m.capture(i, s, e))
	}
	return n
}

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
