package lua53

import (
	"strings"
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
