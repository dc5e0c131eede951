package lua53

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Tokens above the single characters.
type token int

const (
	tkAnd token = 257 + iota
	tkBreak
	tkDo
	tkElse
	tkElseif
	tkEnd
	tkFalse
	tkFor
	tkFunction
	tkGoto
	tkIf
	tkIn
	tkLocal
	tkNil
	tkNot
	tkOr
	tkRepeat
	tkReturn
	tkThen
	tkTrue
	tkUntil
	tkWhile
	tkIDiv
	tkConcat
	tkDots
	tkEq
	tkGe
	tkLe
	tkNe
	tkShl
	tkShr
	tkDbColon
	tkEOF
	tkFloat
	tkInt
	tkName
	tkString
)

var tokenNames = [...]string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
	"not", "or", "repeat", "return", "then", "true", "until", "while", "//", "..", "...", "==", ">=", "<=", "~=",
	"<<", ">>", "::", "<eof>", "<number>", "<integer>", "<name>", "<string>",
}

var keywords = func() map[string]token {
	m := map[string]token{}
	for t := tkAnd; t <= tkWhile; t++ {
		m[tokenNames[t-tkAnd]] = t
	}
	return m
}()

// SyntaxError is what Compile returns for source that is not Lua.
type SyntaxError struct {
	Chunk string // as messages show it
	Line  int
	Msg   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Chunk, e.Line, e.Msg) }

type lexer struct {
	src      string
	pos      int
	chunk    string
	narrow   bool
	floats   bool // every number is a float
	line     int  // of the token that t holds
	lastLine int  // of the token before it
	t        token
	s        string // text of a name or string
	v        Value  // of a number
	raw      string // the token as written, for messages
	ahead    bool
	at       token
	asS      string
	asV      Value
	asRaw    string
	asLine   int
	scanLine int // line of the scanner
}

func (x *lexer) fail(msg, near string) {
	if near != "" {
		msg += " near " + near
	}
	panic(&SyntaxError{x.chunk, x.scanLine, msg})
}

// tokenText is a token as messages show it.
func tokenText(t token) string {
	if t < 257 {
		if t >= ' ' && t < 0x7f {
			return fmt.Sprintf("'%c'", rune(t))
		}
		return fmt.Sprintf("'<\\%d>'", int(t))
	}
	s := tokenNames[t-tkAnd]
	if t < tkEOF {
		return "'" + s + "'"
	}
	return s
}

// near is the current token as messages show it.
func (x *lexer) near() string {
	switch x.t {
	case tkName, tkString, tkFloat, tkInt:
		return "'" + cutNUL(x.raw) + "'"
	}
	return tokenText(x.t)
}

// cutNUL ends text where C would.
func cutNUL(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

func (x *lexer) syntax(msg string) {
	// The scanner may be a token ahead; errors are on its line, as in C.
	x.fail(msg, x.near())
}

func (x *lexer) next() {
	x.lastLine = x.line
	if x.ahead {
		x.t, x.s, x.v, x.raw, x.line = x.at, x.asS, x.asV, x.asRaw, x.asLine
		x.ahead = false
		return
	}
	x.scan()
	x.line = x.scanLine
}

// peek returns the token behind the current one.
func (x *lexer) peek() token {
	if !x.ahead {
		t, s, v, raw := x.t, x.s, x.v, x.raw
		x.scan()
		x.at, x.asS, x.asV, x.asRaw, x.asLine = x.t, x.s, x.v, x.raw, x.scanLine
		x.t, x.s, x.v, x.raw = t, s, v, raw
		x.ahead = true
	}
	return x.at
}

func (x *lexer) cur() int {
	if x.pos < len(x.src) {
		return int(x.src[x.pos])
	}
	return -1
}

func (x *lexer) peekByte(n int) int {
	if x.pos+n < len(x.src) {
		return int(x.src[x.pos+n])
	}
	return -1
}

// newline skips one end of line, of one or two characters.
func (x *lexer) newline() {
	c := x.src[x.pos]
	x.pos++
	if x.pos < len(x.src) && (x.src[x.pos] == '\n' || x.src[x.pos] == '\r') && x.src[x.pos] != c {
		x.pos++
	}
	x.scanLine++
}

func (x *lexer) scan() {
	for x.pos < len(x.src) {
		c := x.src[x.pos]
		switch {
		case c == '\n' || c == '\r':
			x.newline()
		case isSpace(c):
			x.pos++
		case c == '-' && x.peekByte(1) == '-':
			x.comment()
		case c == '"' || c == '\'':
			x.str(c)
			return
		case c == '[':
			if n := x.longOpen(); n >= 0 {
				x.s = x.longText(n, "string")
				x.t = tkString
				return
			} else if n < -1 {
				x.fail("invalid long string delimiter", "'"+x.src[x.pos:x.pos-n]+"'")
			}
			x.op(1, '[')
			return
		case isDigit(c) || c == '.' && x.pos+1 < len(x.src) && isDigit(x.src[x.pos+1]):
			x.number()
			return
		case isAlpha(c) || c == '_':
			start := x.pos
			for x.pos < len(x.src) && (isAlnum(x.src[x.pos]) || x.src[x.pos] == '_') {
				x.pos++
			}
			w := x.src[start:x.pos]
			x.raw = w
			if t, ok := keywords[w]; ok {
				x.t = t
			} else {
				x.t, x.s = tkName, w
			}
			return
		default:
			x.operator(c)
			return
		}
	}
	x.t = tkEOF
}

func (x *lexer) op(n int, t token) {
	x.pos += n
	x.t = t
}

func (x *lexer) operator(c byte) {
	n := x.peekByte(1)
	switch {
	case c == '=' && n == '=':
		x.op(2, tkEq)
	case c == '<' && n == '=':
		x.op(2, tkLe)
	case c == '<' && n == '<':
		x.op(2, tkShl)
	case c == '>' && n == '=':
		x.op(2, tkGe)
	case c == '>' && n == '>':
		x.op(2, tkShr)
	case c == '~' && n == '=':
		x.op(2, tkNe)
	case c == '/' && n == '/':
		x.op(2, tkIDiv)
	case c == ':' && n == ':':
		x.op(2, tkDbColon)
	case c == '.' && n == '.':
		if x.peekByte(2) == '.' {
			x.op(3, tkDots)
		} else {
			x.op(2, tkConcat)
		}
	default:
		x.op(1, token(c))
	}
}

func (x *lexer) comment() {
	x.pos += 2
	if x.cur() == '[' {
		if n := x.longOpen(); n >= 0 {
			x.longText(n, "comment")
			return
		}
	}
	for x.pos < len(x.src) && x.src[x.pos] != '\n' && x.src[x.pos] != '\r' {
		x.pos++
	}
}

// longOpen looks at a '[' and returns the number of '=' of a long bracket; -1
// if it is a lone '[', and minus the length of what it is if it is "[==".
func (x *lexer) longOpen() int {
	n := 0
	for x.peekByte(1+n) == '=' {
		n++
	}
	if x.peekByte(1+n) == '[' {
		return n
	}
	if n > 0 {
		return -(n + 1)
	}
	return -1
}

func (x *lexer) longText(level int, what string) string {
	start := x.scanLine
	x.pos += level + 2
	if c := x.cur(); c == '\n' || c == '\r' {
		x.newline()
	}
	var b strings.Builder
	for x.pos < len(x.src) {
		c := x.src[x.pos]
		switch {
		case c == ']' && x.closes(level):
			x.pos += level + 2
			s := b.String()
			if what == "string" {
				eq := strings.Repeat("=", level)
				x.raw = "[" + eq + "[" + s + "]" + eq + "]"
			}
			return s
		case c == '\n' || c == '\r':
			x.newline()
			b.WriteByte('\n')
		default:
			b.WriteByte(c)
			x.pos++
		}
	}
	x.fail(fmt.Sprintf("unfinished long %s (starting at line %d)", what, start), "<eof>")
	return ""
}

func (x *lexer) closes(level int) bool {
	for i := 0; i < level; i++ {
		if x.peekByte(1+i) != '=' {
			return false
		}
	}
	return x.peekByte(1+level) == ']'
}

func (x *lexer) number() {
	start := x.pos
	exp := byte('e')
	if x.src[x.pos] == '0' && x.peekByte(1) >= 0 && x.src[x.pos+1]|0x20 == 'x' {
		exp = 'p'
		x.pos += 2
	}
	for x.pos < len(x.src) {
		c := x.src[x.pos]
		switch {
		case c|0x20 == exp:
			x.pos++
			if n := x.cur(); n == '+' || n == '-' {
				x.pos++
			}
		case isXDigit(c) || c == '.':
			x.pos++
		default:
			goto done
		}
	}
done:
	x.raw = x.src[start:x.pos]
	v, ok := parseNumber(x.raw, x.narrow)
	if !ok {
		x.fail("malformed number", "'"+x.raw+"'")
	}
	x.v = v
	if x.floats {
		x.v = asFloat(v)
	}
	if x.v.isInt() {
		x.t = tkInt
	} else {
		x.t = tkFloat
	}
}

func (x *lexer) str(quote byte) {
	start := x.pos
	x.pos++
	for i := x.pos; i < len(x.src); i++ { // the common case has no escapes
		switch x.src[i] {
		case quote:
			x.s = x.src[x.pos:i]
			x.raw = x.src[start : i+1]
			x.pos = i + 1
			x.t = tkString
			return
		case '\\', '\n', '\r':
			goto slow
		}
	}
slow:
	b := []byte{}
	for {
		if x.pos >= len(x.src) {
			x.fail("unfinished string", "<eof>")
		}
		c := x.src[x.pos]
		switch c {
		case quote:
			x.pos++
			x.s = string(b)
			x.raw = string(quote) + x.s + string(quote)
			x.t = tkString
			return
		case '\n', '\r':
			x.fail("unfinished string", "'"+string(quote)+cutNUL(string(b))+"'")
		case '\\':
			b = x.escape(b, quote)
		default:
			b = append(b, c)
			x.pos++
		}
	}
}

// escape reads one escape sequence at a backslash.
func (x *lexer) escape(b []byte, quote byte) []byte {
	begin := x.pos
	x.pos++
	bad := func(msg string) {
		end := x.pos
		if end < len(x.src) {
			end++
		}
		x.fail(msg, "'"+cutNUL(string(quote)+string(b)+x.src[begin:end])+"'")
	}
	c := x.cur()
	switch {
	case c < 0:
		return b // the caller reports the unfinished string
	case c == '\n' || c == '\r':
		x.newline()
		return append(b, '\n')
	case c == 'x':
		x.pos++
		v := 0
		for i := 0; i < 2; i++ {
			d := x.cur()
			if d < 0 || !isXDigit(byte(d)) {
				bad("hexadecimal digit expected")
			}
			v = v<<4 | hexVal(byte(d))
			x.pos++
		}
		return append(b, byte(v))
	case c == 'z':
		x.pos++
		for x.pos < len(x.src) && isSpace(x.src[x.pos]) {
			if x.src[x.pos] == '\n' || x.src[x.pos] == '\r' {
				x.newline()
			} else {
				x.pos++
			}
		}
		return b
	case c == 'u':
		return x.unicodeEscape(b, bad)
	case isDigit(byte(c)):
		v := 0
		for i := 0; i < 3 && x.cur() >= 0 && isDigit(byte(x.cur())); i++ {
			v = v*10 + x.cur() - '0'
			x.pos++
		}
		if v > 255 {
			bad("decimal escape too large")
		}
		return append(b, byte(v))
	}
	if i := strings.IndexByte("abfnrtv\\\"'", byte(c)); i >= 0 {
		x.pos++
		return append(b, "\a\b\f\n\r\t\v\\\"'"[i])
	}
	bad("invalid escape sequence")
	return nil
}

func (x *lexer) unicodeEscape(b []byte, bad func(string)) []byte {
	x.pos++
	if x.cur() != '{' {
		bad("missing '{' in \\u{xxxx}")
	}
	x.pos++
	if x.cur() < 0 || !isXDigit(byte(x.cur())) {
		bad("hexadecimal digit expected")
	}
	var r uint32
	for x.cur() >= 0 && isXDigit(byte(x.cur())) {
		r = r<<4 | uint32(hexVal(byte(x.cur())))
		if r > 0x10FFFF {
			bad("UTF-8 value too large")
		}
		x.pos++
	}
	if x.cur() != '}' {
		bad("missing '}' in \\u{xxxx}")
	}
	x.pos++
	return appendUTF8(b, r)
}

// appendUTF8 encodes surrogates too, which Go's encoder refuses.
func appendUTF8(b []byte, r uint32) []byte {
	if r >= 0xD800 && r <= 0xDFFF {
		return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return utf8.AppendRune(b, rune(r))
}
