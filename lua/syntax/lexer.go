package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is the sort of a token. Operators and keywords are their own text.
type kind string

const (
	tokenEnd    kind = "<eof>"
	tokenName   kind = "<name>"
	tokenString kind = "<string>"
	tokenNumber kind = "<number>"
)

type token struct {
	kind kind
	text string  // of a name, the value of a string
	num  float64 // of a number
	line int
	off  int // bytes from the start of the source
}

// Error is a source file that is not Lua. Its text is that of the Lua
// compiler, "main.lua:3: unexpected symbol near '}'".
type Error struct {
	File string
	Line int
	Off  int // bytes from the start of the source
	Msg  string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

var keywords = map[string]bool{
	"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true, "false": true, "for": true,
	"function": true, "goto": true, "if": true, "in": true, "local": true, "nil": true, "not": true, "or": true,
	"repeat": true, "return": true, "then": true, "true": true, "until": true, "while": true,
}

// operators, longest first.
var operators = []string{
	"...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..",
	"+", "-", "*", "/", "%", "^", "#", "&", "~", "|", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".",
}

type lexer struct {
	file string
	src  string
	at   int
	line int
	bits int // width of an integer
}

// fail ends the parse; [Parse] recovers.
func (x *lexer) fail(line, off int, format string, args ...any) {
	panic(&Error{File: x.file, Line: line, Off: off, Msg: fmt.Sprintf(format, args...)})
}

func (x *lexer) peek(n int) byte {
	if x.at+n < len(x.src) {
		return x.src[x.at+n]
	}
	return 0
}

// next reads a token.
func (x *lexer) next() token {
	x.blank()
	t := token{line: x.line, off: x.at}
	if x.at >= len(x.src) {
		t.kind = tokenEnd
		return t
	}
	c := x.src[x.at]
	switch {
	case isLetter(c):
		start := x.at
		for x.at < len(x.src) && (isLetter(x.src[x.at]) || isDigit(x.src[x.at])) {
			x.at++
		}
		t.kind, t.text = tokenName, x.src[start:x.at]
		if keywords[t.text] {
			t.kind = kind(t.text)
		}
		return t
	case isDigit(c) || c == '.' && isDigit(x.peek(1)):
		t.kind = tokenNumber
		t.num, t.text = x.number()
		return t
	case c == '"' || c == '\'':
		t.kind, t.text = tokenString, x.quoted(c)
		return t
	case c == '[' && (x.peek(1) == '[' || x.peek(1) == '='):
		if s, ok := x.long("string"); ok {
			t.kind, t.text = tokenString, s
			return t
		}
	}
	for _, op := range operators {
		if strings.HasPrefix(x.src[x.at:], op) {
			x.at += len(op)
			t.kind = kind(op)
			return t
		}
	}
	if c < 32 || c >= 127 {
		x.fail(x.line, x.at, "unexpected symbol near '<\\%d>'", c)
	}
	x.fail(x.line, x.at, "unexpected symbol near '%c'", c)
	return t
}

// blank skips white space and comments.
func (x *lexer) blank() {
	for x.at < len(x.src) {
		switch c := x.src[x.at]; {
		case c == '\n':
			x.line++
			x.at++
		case c == ' ' || c >= '\t' && c <= '\r':
			x.at++
		case c == '-' && x.peek(1) == '-':
			x.at += 2
			if x.peek(0) == '[' {
				if _, ok := x.long("comment"); ok {
					continue
				}
			}
			for x.at < len(x.src) && x.src[x.at] != '\n' {
				x.at++
			}
		default:
			return
		}
	}
}

// long reads [[...]] or [==[...]==]; false if the text is none.
func (x *lexer) long(what string) (string, bool) {
	level := 0
	for x.peek(1+level) == '=' {
		level++
	}
	if x.peek(1+level) != '[' {
		return "", false
	}
	line, off := x.line, x.at
	body := x.src[x.at+level+2:]
	end := strings.Index(body, "]"+strings.Repeat("=", level)+"]")
	if end < 0 {
		x.fail(x.line+strings.Count(body, "\n"), off, "unfinished long %s (starting at line %d) near <eof>", what, line)
	}
	x.at += end + 2*(level+2)
	x.line += strings.Count(body[:end], "\n")
	body = strings.ReplaceAll(strings.ReplaceAll(body[:end], "\r\n", "\n"), "\r", "\n")
	return strings.TrimPrefix(body, "\n"), true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func hexValue(c byte) (int, bool) {
	switch {
	case isDigit(c):
		return int(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10, true
	}
	return 0, false
}

// number reads a numeral.
func (x *lexer) number() (float64, string) {
	start, hex := x.at, false
	exponent := "eE"
	if x.src[x.at] == '0' && x.peek(1)|0x20 == 'x' {
		hex, exponent = true, "pP"
		x.at += 2
	}
	for x.at < len(x.src) {
		c := x.src[x.at]
		if strings.IndexByte(exponent, c) >= 0 {
			if n := x.peek(1); n == '+' || n == '-' {
				x.at++
			}
		} else if _, digit := hexValue(c); !digit && c != '.' {
			break // "0then" is a number and a keyword
		}
		x.at++
	}
	text := x.src[start:x.at]
	v, ok := parseNumeral(text, hex, x.bits)
	if !ok {
		x.fail(x.line, start, "malformed number near '%s'", clip(text))
	}
	return v, text
}

func parseNumeral(text string, hex bool, bits int) (float64, bool) {
	if strings.Contains(text, "_") {
		return 0, false
	}
	if !hex {
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil || math.IsInf(v, 0)
	}
	if strings.ContainsAny(text, ".pP") {
		if !strings.ContainsAny(text, "pP") {
			text += "p0"
		}
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil
	}
	var u uint64
	for _, c := range []byte(text[2:]) {
		d, ok := hexValue(c)
		if !ok {
			return 0, false
		}
		u = u<<4 | uint64(d)
	}
	if bits == 32 {
		return float64(int32(uint32(u))), len(text) > 2 // wraps, as the VM's integers do
	}
	return float64(int64(u)), len(text) > 2
}

// quoted reads a string in quotes.
func (x *lexer) quoted(quote byte) string {
	start := x.at
	var b strings.Builder
	for x.at++; ; {
		if x.at >= len(x.src) {
			x.fail(x.line, start, "unfinished string near <eof>")
		}
		c := x.src[x.at]
		switch {
		case c == quote:
			x.at++
			return b.String()
		case c == '\n' || c == '\r':
			x.fail(x.line, start, "unfinished string near '%s'", clip(x.src[start:x.at]))
		case c == '\\':
			x.escape(&b)
		default:
			b.WriteByte(c)
			x.at++
		}
	}
}

// escape reads what follows a backslash.
func (x *lexer) escape(b *strings.Builder) {
	start := x.at
	x.at++
	c := x.peek(0)
	if i := strings.IndexByte(`abfnrtv\"'`, c); c != 0 && i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v\\\"'"[i])
		x.at++
		return
	}
	switch {
	case c == '\n' || c == '\r':
		x.at++
		if n := x.peek(0); (n == '\n' || n == '\r') && n != c {
			x.at++
		}
		x.line++
		b.WriteByte('\n')
	case c == 'x':
		high, ok1 := hexValue(x.peek(1))
		low, ok2 := hexValue(x.peek(2))
		if !ok1 || !ok2 {
			x.fail(x.line, start, "hexadecimal digit expected near '%s'", clip(x.src[start:min(len(x.src), start+4)]))
		}
		b.WriteByte(byte(high<<4 | low))
		x.at += 3
	case c == 'z':
		x.at++
		for x.at < len(x.src) && (x.src[x.at] == ' ' || x.src[x.at] >= '\t' && x.src[x.at] <= '\r') {
			if x.src[x.at] == '\n' {
				x.line++
			}
			x.at++
		}
	case c == 'u':
		x.unicode(b, start)
	case isDigit(c):
		n := 0
		for i := 0; i < 3 && isDigit(x.peek(0)); i++ {
			n = n*10 + int(x.peek(0)-'0')
			x.at++
		}
		if n > 255 {
			x.fail(x.line, start, "decimal escape too large near '%s'", clip(x.src[start:x.at]))
		}
		b.WriteByte(byte(n))
	default:
		x.fail(x.line, start, "invalid escape sequence '%s'", clip(x.src[start:min(len(x.src), start+2)]))
	}
}

// unicode reads {XXX} behind \u.
func (x *lexer) unicode(b *strings.Builder, start int) {
	end := strings.IndexByte(x.src[x.at:min(len(x.src), x.at+12)], '}')
	if x.peek(1) != '{' || end < 3 {
		x.fail(x.line, start, "missing '{' or '}' in \\u{xxxx}")
	}
	n, err := strconv.ParseUint(x.src[x.at+2:x.at+end], 16, 32)
	if err != nil || n > 0x10FFFF {
		x.fail(x.line, start, "UTF-8 value too large")
	}
	if n >= 0xD800 && n < 0xE000 {
		// Lua encodes surrogates as they are; Go would not.
		b.Write([]byte{0xE0 | byte(n>>12), 0x80 | byte(n>>6)&0x3F, 0x80 | byte(n)&0x3F})
	} else {
		b.Write(utf8.AppendRune(nil, rune(n)))
	}
	x.at += end + 1
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
