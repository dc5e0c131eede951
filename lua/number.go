package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// Everything that turns a value into text is here: print, tostring, "..",
// string.format and the libraries all come to these functions.

// numberText writes a number as the firmware's printf does: integers as they
// are, everything else with %.7g on 32-bit and %.14g on 64-bit VMs
// (luatos-runtime.md 4.1, 11.3). The language core has one kind of number, so
// a whole float that could be an integer prints like one.
func (m *Machine) numberText(n glua.LNumber) string {
	f := float64(n)
	limit := math.Ldexp(1, m.fw.Bits-1)
	if f == math.Trunc(f) && f >= -limit && f < limit {
		return strconv.FormatInt(int64(f), 10)
	}
	if m.fw.Bits == 64 {
		return formatG(f, 14)
	}
	return formatG(float64(float32(f)), 7)
}

// formatG is C's %.<digits>g.
func formatG(f float64, digits int) string { return cFormat(f, 'g', digits, false) }

// cFormat is C's %.<prec><verb> for e, f and g; alt is the flag '#'.
func cFormat(f float64, verb byte, prec int, alt bool) string {
	switch {
	case math.IsNaN(f):
		return "nan" // its sign depends on the host's processor
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if verb != 'g' || alt {
		format := "%." + strconv.Itoa(prec) + string(verb)
		if alt {
			format = "%#." + strconv.Itoa(prec) + string(verb)
		}
		return fmt.Sprintf(format, f)
	}
	if prec == 0 {
		prec = 1
	}
	s := strconv.FormatFloat(f, 'e', prec-1, 64)
	mant, exp, _ := strings.Cut(s, "e")
	x, _ := strconv.Atoi(exp)
	if x < -4 || x >= prec {
		return trimZeros(mant) + fmt.Sprintf("e%+03d", x)
	}
	return trimZeros(strconv.FormatFloat(f, 'f', prec-1-x, 64))
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// addressBook gives tables, functions, threads and userdata addresses that
// look like a module's and are the same in every run.
type addressBook map[any]int

func (m *Machine) address(v glua.LValue) string {
	if m.addresses == nil {
		m.addresses = addressBook{}
	}
	n, ok := m.addresses[v]
	if !ok {
		n = len(m.addresses)
		m.addresses[v] = n
	}
	return fmt.Sprintf("0x%08x", 0x0c100000+n*24)
}

// text is lua_tolstring: strings and numbers only.
func (m *Machine) text(v glua.LValue) (string, bool) {
	switch v := v.(type) {
	case glua.LString:
		return string(v), true
	case glua.LNumber:
		return m.numberText(v), true
	}
	return "", false
}

// tostring is luaL_tolstring: any value, with __tostring and __name.
func (m *Machine) tostring(l *glua.LState, v glua.LValue) string {
	if s, ok := m.text(v); ok {
		return s
	}
	if mt, ok := metatable(l, v); ok {
		if f := mt.RawGetString("__tostring"); f != glua.LNil {
			r := m.call1(l, f, v)
			s, ok := m.text(r)
			if !ok {
				m.raise(l, "'__tostring' must return a string")
			}
			return s
		}
		if name, ok := mt.RawGetString("__name").(glua.LString); ok {
			return string(name) + ": " + m.address(v)
		}
	}
	switch v := v.(type) {
	case *glua.LNilType, glua.LBool:
		return v.String()
	case *glua.LFunction:
		if v.IsG {
			return "function: builtin: " + m.address(v)
		}
	case *glua.LUserData:
		if v == jsonNull {
			return "userdata: (nil)"
		}
	}
	return typeName(v) + ": " + m.address(v)
}

func typeName(v glua.LValue) string { return v.Type().String() }

func metatable(l *glua.LState, v glua.LValue) (*glua.LTable, bool) {
	switch v := v.(type) {
	case *glua.LTable:
		mt, ok := v.Metatable.(*glua.LTable)
		return mt, ok
	case *glua.LUserData:
		mt, ok := v.Metatable.(*glua.LTable)
		return mt, ok
	}
	mt, ok := l.GetMetatable(v).(*glua.LTable)
	return mt, ok
}

// call1 calls f and returns its first result.
func (m *Machine) call1(l *glua.LState, f glua.LValue, args ...glua.LValue) glua.LValue {
	m.call(l, f, 1, args...)
	r := l.Get(-1)
	l.Pop(1)
	return r
}

// call calls f from a library; the results are on the stack.
func (m *Machine) call(l *glua.LState, f glua.LValue, nret int, args ...glua.LValue) {
	m.deeper(l)
	l.Push(f)
	for _, a := range args {
		l.Push(a)
	}
	l.Call(len(args), nret)
	m.depth--
}

// nestingMax bounds how deep Go frames of the interpreter may nest, as
// LUAI_MAXCCALLS does in C.
const nestingMax = 190

func (m *Machine) deeper(l *glua.LState) {
	if m.depth >= nestingMax {
		m.raise(l, "C stack overflow")
	}
	m.depth++
}

// toNumber converts strings as Lua does: decimal, hexadecimal, with blanks
// around.
func toNumber(v glua.LValue) (float64, bool) {
	switch v := v.(type) {
	case glua.LNumber:
		return float64(v), true
	case glua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	body, neg := s, false
	if body != "" && (body[0] == '-' || body[0] == '+') {
		body, neg = body[1:], body[0] == '-'
	}
	if len(body) > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X') {
		f, ok := parseHex(body[2:])
		if neg {
			f = -f
		}
		return f, ok
	}
	if body == "" || !(body[0] >= '0' && body[0] <= '9' || body[0] == '.') || strings.ContainsAny(body, "_xXpPiInN") {
		return 0, false
	}
	f, err := strconv.ParseFloat(body, 64)
	if err != nil && !(math.IsInf(f, 0)) {
		return 0, false
	}
	if neg {
		f = -f
	}
	return f, true
}

// parseHex reads the digits behind 0x: an integer that wraps at 64 bits, or a
// hexadecimal float.
func parseHex(s string) (float64, bool) {
	if strings.ContainsAny(s, ".pP") {
		if !strings.ContainsAny(s, "pP") {
			s += "p0"
		}
		if strings.Contains(s, "_") {
			return 0, false
		}
		f, err := strconv.ParseFloat("0x"+s, 64)
		return f, err == nil
	}
	var n uint64
	for _, c := range []byte(s) {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return float64(int64(n)), true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// toInteger returns f as an integer if it has an exact representation.
func toInteger(f float64) (int64, bool) {
	if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}
