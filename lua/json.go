package lua

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// jsonDepth is how deep values may nest (luatos-runtime.md 9.1).
const jsonDepth = 1000

// What decoded values take, about.
const (
	jsonTableBytes = 40
	jsonValueBytes = 20
)

// openJson installs json.* (luatos-runtime.md 9.1).
func (m *Machine) openJson() {
	t := m.lib("json", native("encode", m.jsonEncode), native("decode", m.jsonDecode))
	t.RawSetString("null", m.null)
}

// jsonEncode returns the text, or nil and a message.
func (m *Machine) jsonEncode(a lua53.Args) int {
	v := a.Get(0)
	if v == glua.LNil {
		a.PushString("")
		return 1
	}
	e := jsonEncoder{m: m, verb: 'f', prec: 7}
	if !m.core("2024-01-09") {
		e.verb = 'g'
	}
	if f, ok := m.text(a.Get(1)); ok {
		e.setFormat(f)
	}
	e.value(v, 0)
	if e.err != nil {
		a.PushNil()
		a.PushString(e.err.Error())
		return 2
	}
	m.allocate(int64(e.b.Len()))
	a.PushString(e.b.String())
	return 1
}

type jsonEncoder struct {
	m    *Machine
	b    strings.Builder
	verb byte
	prec int
	err  error
}

// setFormat takes "%.7f", "7f" or "12g".
func (e *jsonEncoder) setFormat(f string) {
	f = strings.TrimPrefix(strings.TrimPrefix(f, "%"), ".")
	if len(f) < 2 {
		return
	}
	verb := f[len(f)-1]
	n, err := strconv.Atoi(f[:len(f)-1])
	if err == nil && n >= 0 && n <= 20 && (verb == 'f' || verb == 'g') {
		e.verb, e.prec = verb, n
	}
}

func (e *jsonEncoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

func (e *jsonEncoder) value(v glua.LValue, depth int) {
	if e.err != nil {
		return
	}
	e.m.charge(1)
	switch v := v.(type) {
	case *glua.LNilType:
		e.b.WriteString("null")
	case glua.LBool:
		e.b.WriteString(v.String())
	case glua.LNumber, lua53.Float, lua53.Int:
		e.number(v)
	case glua.LString:
		e.text(string(v))
	case *glua.LTable:
		if depth >= jsonDepth {
			e.fail("Cannot serialise, excessive depth (%d)", depth+1)
			return
		}
		e.table(v, depth+1)
	case *glua.LUserData:
		if v == e.m.null {
			e.b.WriteString("null")
			return
		}
		e.fail("Cannot serialise userdata: type not supported")
	default:
		e.fail("Cannot serialise %s: type not supported", typeName(v))
	}
	if int64(e.b.Len()) > e.m.stringLimit() {
		e.fail("not enough memory")
	}
}

// number writes an integer with %d, a float with the format asked for.
func (e *jsonEncoder) number(v glua.LValue) {
	if !e.m.vm.IsFloat(v) || e.m.fw.LuaTask && wholeNumber(e.m, v) {
		n, _ := e.m.vm.ToInteger(v)
		e.b.WriteString(strconv.FormatInt(n, 10))
		return
	}
	f, _ := e.m.vm.ToNumber(v)
	epsilon := 2.220446049250313e-16
	if e.m.fw.Bits == 32 {
		epsilon = 1.1920929e-07
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		e.fail("Cannot serialise number: must not be NaN or Inf")
	case math.Abs(f) <= epsilon:
		e.b.WriteString("0")
	default:
		e.b.WriteString(cFormat(f, e.verb, e.prec))
	}
}

func (e *jsonEncoder) text(s string) {
	e.b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '/':
			e.b.WriteByte('\\')
			e.b.WriteByte(c)
		case '\b':
			e.b.WriteString(`\b`)
		case '\f':
			e.b.WriteString(`\f`)
		case '\n':
			e.b.WriteString(`\n`)
		case '\r':
			e.b.WriteString(`\r`)
		case '\t':
			e.b.WriteString(`\t`)
		default:
			if c < 32 || c == 127 {
				fmt.Fprintf(&e.b, `\u%04x`, c)
			} else {
				e.b.WriteByte(c)
			}
		}
	}
	e.b.WriteByte('"')
}

// arrayLength returns the largest index if t has only positive integer keys,
// -1 if it is an object.
func (e *jsonEncoder) arrayLength(t *glua.LTable) int64 {
	var most, count int64
	object := false
	e.m.eachPair(t, func(k, _ glua.LValue) {
		n, ok := e.m.vm.ToInteger(k)
		if k.Type() != glua.LTNumber || !ok || n < 1 {
			object = true
			return
		}
		most, count = max(most, n), count+1
	})
	switch {
	case object || count == 0:
		return -1
	case most > 10 && most > 2*count:
		e.fail("Cannot serialise table: excessively sparse array")
	}
	return most
}

func (e *jsonEncoder) table(t *glua.LTable, depth int) {
	if n := e.arrayLength(t); n >= 0 {
		e.b.WriteByte('[')
		for i := int64(1); i <= n && e.err == nil; i++ {
			if i > 1 {
				e.b.WriteByte(',')
			}
			e.value(e.m.vm.RawGet(t, glua.LNumber(i)), depth)
		}
		e.b.WriteByte(']')
		return
	}
	e.b.WriteByte('{')
	first := true
	e.m.eachPair(t, func(k, v glua.LValue) {
		if e.err != nil {
			return
		}
		if !first {
			e.b.WriteByte(',')
		}
		first = false
		key, ok := e.m.text(k)
		if !ok {
			e.fail("Cannot serialise table: table key must be a number or string")
			return
		}
		e.text(key)
		e.b.WriteByte(':')
		e.value(v, depth)
	})
	e.b.WriteByte('}')
}

// jsonDecode returns value and 1, or nil, false (0 in the documentation; the
// code says false) and a message.
func (m *Machine) jsonDecode(a lua53.Args) int {
	v, err := m.decodeJSON(a)
	if err != nil {
		a.PushNil()
		a.PushBool(false)
		a.PushString(err.Error())
		return 3
	}
	a.Push(v)
	a.PushInt(1)
	return 2
}

// decodeJSON also has an error for what is no text: the C code checks its
// arguments where that is caught.
func (m *Machine) decodeJSON(a lua53.Args) (glua.LValue, error) {
	if a.N() != 1 {
		return nil, errors.New("bad argument #1 to '?' (expected 1 argument)")
	}
	s, ok := m.text(a.Get(0))
	if !ok {
		return nil, fmt.Errorf("bad argument #1 to '?' (string expected, got %s)", a.Get(0).Type())
	}
	d := jsonDecoder{m: m, l: m.l, s: s}
	return d.document()
}

type jsonDecoder struct {
	m  *Machine
	l  *glua.LState
	s  string
	at int
}

func (d *jsonDecoder) wrong(want string) error {
	got := "the end"
	if d.at < len(d.s) {
		got = strconv.QuoteRune(rune(d.s[d.at]))
	}
	//lint:ignore ST1005 the text is the firmware's, scripts see it
	return fmt.Errorf("Expected %s but found %s at character %d", want, got, d.at+1)
}

//lint:ignore ST1005 the text is the firmware's, scripts see it
var errJSONDeep = errors.New("Found too many nested data structures (1001)")

func (d *jsonDecoder) document() (glua.LValue, error) {
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.skip(); d.at < len(d.s) {
		return nil, d.wrong("the end")
	}
	return v, nil
}

func (d *jsonDecoder) skip() {
	for d.at < len(d.s) && strings.IndexByte(" \t\r\n", d.s[d.at]) >= 0 {
		d.at++
	}
}

func (d *jsonDecoder) take(c byte) bool {
	if d.skip(); d.at < len(d.s) && d.s[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *jsonDecoder) value(depth int) (glua.LValue, error) {
	d.m.charge(1)
	d.m.vm.Alloc(jsonValueBytes)
	if depth > jsonDepth {
		return nil, errJSONDeep
	}
	d.skip()
	rest := d.s[d.at:]
	switch {
	case strings.HasPrefix(rest, "{"):
		return d.object(depth)
	case strings.HasPrefix(rest, "["):
		return d.array(depth)
	case strings.HasPrefix(rest, `"`):
		s, err := d.text()
		return glua.LString(s), err
	case strings.HasPrefix(rest, "true"):
		d.at += 4
		return glua.LTrue, nil
	case strings.HasPrefix(rest, "false"):
		d.at += 5
		return glua.LFalse, nil
	case strings.HasPrefix(rest, "null"):
		d.at += 4
		return d.m.null, nil
	}
	return d.number()
}

func (d *jsonDecoder) number() (glua.LValue, error) {
	end := d.at
	for end < len(d.s) && strings.IndexByte("+-.0123456789eE", d.s[end]) >= 0 {
		end++
	}
	if end == d.at {
		return nil, d.wrong("value")
	}
	text := d.s[d.at:end]
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, d.wrong("value")
	}
	d.at = end
	// Numbers without a point become integers, if they can be.
	if !strings.Contains(text, ".") {
		bits := d.m.fw.Bits
		if n, err := strconv.ParseInt(text, 10, bits); err == nil {
			return d.m.vm.IntValue(n), nil
		}
		if n, ok := wholeFloat(f); ok && d.m.wrap(n) == n {
			return d.m.vm.IntValue(n), nil
		}
	}
	return d.m.vm.FloatValue(f), nil
}

func (d *jsonDecoder) array(depth int) (glua.LValue, error) {
	d.at++
	t := d.l.NewTable()
	d.m.vm.Alloc(jsonTableBytes)
	if d.take(']') {
		return t, nil
	}
	for i := 1; ; i++ {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.m.vm.RawSet(t, glua.LNumber(i), v)
		if d.take(']') {
			return t, nil
		}
		if !d.take(',') {
			return nil, d.wrong("comma or array end")
		}
	}
}

func (d *jsonDecoder) object(depth int) (glua.LValue, error) {
	d.at++
	t := d.l.NewTable()
	d.m.vm.Alloc(jsonTableBytes)
	if d.take('}') {
		return t, nil
	}
	for {
		if d.skip(); d.at >= len(d.s) || d.s[d.at] != '"' {
			return nil, d.wrong("object key string")
		}
		k, err := d.text()
		if err != nil {
			return nil, err
		}
		if !d.take(':') {
			return nil, d.wrong("colon")
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.m.vm.RawSet(t, glua.LString(k), v)
		if d.take('}') {
			return t, nil
		}
		if !d.take(',') {
			return nil, d.wrong("comma or object end")
		}
	}
}

func (d *jsonDecoder) text() (string, error) {
	d.at++
	var b strings.Builder
	for d.at < len(d.s) {
		c := d.s[d.at]
		switch {
		case c == '"':
			d.at++
			return b.String(), nil
		case c < 32:
			return "", d.wrong("string without control characters")
		case c == '\\':
			if err := d.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			d.at++
		}
	}
	return "", d.wrong("end of string")
}

func (d *jsonDecoder) escape(b *strings.Builder) error {
	d.at++
	if d.at >= len(d.s) {
		return d.wrong("escape")
	}
	c := d.s[d.at]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		d.at++
		return nil
	}
	if c != 'u' {
		return d.wrong("escape")
	}
	r, ok := d.hex4(d.at + 1)
	if !ok {
		return d.wrong("four hexadecimal digits")
	}
	d.at += 5
	if r >= 0xD800 && r < 0xDC00 && strings.HasPrefix(d.s[d.at:], `\u`) {
		if low, ok := d.hex4(d.at + 2); ok && low >= 0xDC00 && low < 0xE000 {
			r = (r-0xD800)<<10 | (low - 0xDC00) + 0x10000
			d.at += 6
		}
	}
	if r >= 0xD800 && r < 0xE000 {
		return d.wrong("the other half of a surrogate pair")
	}
	b.WriteString(string(utf8.AppendRune(nil, r)))
	return nil
}

func (d *jsonDecoder) hex4(at int) (rune, bool) {
	if at+4 > len(d.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(d.s[at : at+4]) {
		v, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(v)
	}
	return r, true
}

// wholeNumber reports whether a number is an integer by value.
func wholeNumber(m *Machine, v glua.LValue) bool {
	f, ok := m.vm.ToNumber(v)
	return ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
}
