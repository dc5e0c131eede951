package lua

import (
	"errors"
	"fmt"
)

// Lua patterns, by backtracking as the manual describes them. Every step is
// charged to the machine's budget, so a pattern that explodes ends like any
// other endless loop.

const (
	maxCaptures  = 32
	patternDepth = 200 // nested matches, MAXCCALLS
)

// Lengths of captures that have none yet.
const (
	captureOpen     = -1
	capturePosition = -2
)

var (
	errPatternBroken = errors.New("malformed pattern (ends with '%')")
	errPatternClass  = errors.New("malformed pattern (missing ']')")
	errPatternBal    = errors.New("malformed pattern (missing arguments to '%b')")
	errPatternFront  = errors.New("missing '[' after '%f' in pattern")
	errPatternOpen   = errors.New("unfinished capture")
	errPatternClose  = errors.New("invalid pattern capture")
	errPatternMany   = errors.New("too many captures")
	errPatternDeep   = errors.New("pattern too complex")
)

type capture struct{ start, length int }

// matcher matches one pattern at one place of a subject.
type matcher struct {
	src, pat string
	caps     []capture
	depth    int
	charge   func(n int)
	err      error
}

// matchAt matches the pattern from index p on at s and returns the end of the
// match, -1 if there is none.
func (x *matcher) matchAt(s int) int {
	x.caps = x.caps[:0]
	return x.match(s, 0)
}

func (x *matcher) fail(err error) int {
	if x.err == nil {
		x.err = err
	}
	return -1
}

func (x *matcher) match(s, p int) int {
	if x.depth++; x.depth > patternDepth {
		return x.fail(errPatternDeep)
	}
	defer func() { x.depth-- }()
	for p < len(x.pat) && x.err == nil {
		x.charge(1)
		switch x.pat[p] {
		case '(':
			if p+1 < len(x.pat) && x.pat[p+1] == ')' {
				return x.open(s, p+2, capturePosition)
			}
			return x.open(s, p+1, captureOpen)
		case ')':
			return x.close(s, p+1)
		case '$':
			if p+1 == len(x.pat) {
				if s == len(x.src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(x.pat) {
				switch c := x.pat[p+1]; {
				case c == 'b':
					if s = x.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					end, ok := x.frontier(s, p+2)
					if !ok {
						return -1
					}
					p = end
					continue
				case c >= '0' && c <= '9':
					if s = x.backReference(s, c); s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		end := x.classEnd(p)
		if x.err != nil {
			return -1
		}
		suffix := byte(0)
		if end < len(x.pat) {
			suffix = x.pat[end]
		}
		switch suffix {
		case '?':
			if x.single(s, p, end) {
				if r := x.match(s+1, end+1); r >= 0 || x.err != nil {
					return r
				}
			}
			p = end + 1
		case '+':
			if !x.single(s, p, end) {
				return -1
			}
			return x.expandMost(s+1, p, end)
		case '*':
			return x.expandMost(s, p, end)
		case '-':
			return x.expandLeast(s, p, end)
		default:
			if !x.single(s, p, end) {
				return -1
			}
			s, p = s+1, end
		}
	}
	if x.err != nil {
		return -1
	}
	return s
}

func (x *matcher) expandMost(s, p, end int) int {
	n := 0
	for x.single(s+n, p, end) {
		n++
	}
	x.charge(n)
	for ; n >= 0; n-- {
		if r := x.match(s+n, end+1); r >= 0 || x.err != nil {
			return r
		}
	}
	return -1
}

func (x *matcher) expandLeast(s, p, end int) int {
	for {
		if r := x.match(s, end+1); r >= 0 || x.err != nil {
			return r
		}
		if !x.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (x *matcher) open(s, p, kind int) int {
	if len(x.caps) >= maxCaptures {
		return x.fail(errPatternMany)
	}
	x.caps = append(x.caps, capture{s, kind})
	n := len(x.caps)
	r := x.match(s, p)
	if r < 0 {
		x.caps = x.caps[:n-1]
	}
	return r
}

func (x *matcher) close(s, p int) int {
	for i := len(x.caps) - 1; i >= 0; i-- {
		if x.caps[i].length == captureOpen {
			x.caps[i].length = s - x.caps[i].start
			r := x.match(s, p)
			if r < 0 {
				x.caps[i].length = captureOpen
			}
			return r
		}
	}
	return x.fail(errPatternClose)
}

func (x *matcher) balance(s, p int) int {
	if p+1 >= len(x.pat) {
		return x.fail(errPatternBal)
	}
	if s >= len(x.src) || x.src[s] != x.pat[p] {
		return -1
	}
	open, closing, level := x.pat[p], x.pat[p+1], 1
	for i := s + 1; i < len(x.src); i++ {
		x.charge(1)
		switch x.src[i] {
		case closing:
			if level--; level == 0 {
				return i + 1
			}
		case open:
			level++
		}
	}
	return -1
}

func (x *matcher) frontier(s, p int) (next int, ok bool) {
	if p >= len(x.pat) || x.pat[p] != '[' {
		x.fail(errPatternFront)
		return 0, false
	}
	end := x.classEnd(p)
	if x.err != nil {
		return 0, false
	}
	var before, after byte
	if s > 0 {
		before = x.src[s-1]
	}
	if s < len(x.src) {
		after = x.src[s]
	}
	return end, !x.inSet(before, p, end-1) && x.inSet(after, p, end-1)
}

func (x *matcher) backReference(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= len(x.caps) || x.caps[i].length == captureOpen {
		return x.fail(fmt.Errorf("invalid capture index %%%d", i+1))
	}
	c := x.caps[i]
	n := max(0, c.length)
	if len(x.src)-s >= n && x.src[c.start:c.start+n] == x.src[s:s+n] {
		return s + n
	}
	return -1
}

// classEnd returns the index behind the single-character class at p.
func (x *matcher) classEnd(p int) int {
	c := x.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(x.pat) {
			return x.fail(errPatternBroken)
		}
		return p + 1
	case '[':
		if p < len(x.pat) && x.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(x.pat) || x.pat[p] != ']'; first = false {
			if p >= len(x.pat) {
				return x.fail(errPatternClass)
			}
			if x.pat[p] == '%' {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

// single matches one character of the subject against the class [p, end).
func (x *matcher) single(s, p, end int) bool {
	if s >= len(x.src) {
		return false
	}
	c := x.src[s]
	switch x.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, x.pat[p+1])
	case '[':
		return x.inSet(c, p, end-1)
	}
	return x.pat[p] == c
}

// inSet matches c against the set that begins at p and whose ']' is at end.
func (x *matcher) inSet(c byte, p, end int) bool {
	found := true
	p++
	if p < end && x.pat[p] == '^' {
		found = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case x.pat[p] == '%' && p+1 < end:
			p++
			if inClass(c, x.pat[p]) {
				return found
			}
		case p+2 < end && x.pat[p+1] == '-':
			if x.pat[p] <= c && c <= x.pat[p+2] {
				return found
			}
			p += 2
		case x.pat[p] == c:
			return found
		}
	}
	return !found
}

// inClass matches c against %<class>.
func inClass(c, class byte) bool {
	lower := class | 0x20
	var in bool
	switch lower {
	case 'a':
		in = isAlpha(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(c)
	case 'g':
		in = c > 32 && c < 127
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isAlpha(c) && !isDigit(c)
	case 's':
		in = c == ' ' || c >= 9 && c <= 13
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlpha(c) || isDigit(c)
	case 'x':
		_, in = hexDigit(c)
	case 'z': // deprecated, but 5.3 has it
		in = c == 0
	default:
		return c == class
	}
	if !isAlpha(class) {
		return c == class
	}
	return in == (class == lower)
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
