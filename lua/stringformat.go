package lua

import (
	"fmt"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format with C's conversions.
func (m *Machine) stringFormat(l *glua.LState) int {
	f := m.str(l, 1)
	var b strings.Builder
	arg := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		if i++; i < len(f) && f[i] == '%' {
			b.WriteByte('%')
			continue
		}
		spec, n := parseSpec(f[i:])
		if n == 0 {
			m.raise(l, "invalid conversion '%%%s' to 'format'", short40(f[i:]))
		}
		i += n - 1
		if arg++; arg > l.GetTop() {
			l.ArgError(arg, "no value")
		}
		b.WriteString(m.formatOne(l, spec, arg))
		if int64(b.Len()) > m.stringLimit() {
			m.raise(l, "not enough memory")
		}
	}
	m.allocate(l, int64(b.Len()))
	return pushStr(l, b.String())
}

// formatSpec is one conversion of string.format.
type formatSpec struct {
	minus, plus, space, zero, alt bool
	width, prec                   int // prec -1: none given
	verb                          byte
}

// parseSpec reads flags, width, precision and verb; n is 0 if they are wrong.
func parseSpec(s string) (spec formatSpec, n int) {
	spec.prec = -1
	i := 0
flags:
	for ; i < len(s) && i < 5; i++ {
		switch s[i] {
		case '-':
			spec.minus = true
		case '+':
			spec.plus = true
		case ' ':
			spec.space = true
		case '0':
			spec.zero = true
		case '#':
			spec.alt = true
		default:
			break flags
		}
	}
	two := func() int {
		v, from := 0, i
		for i < len(s) && isDigit(s[i]) && i-from < 2 {
			v = v*10 + int(s[i]-'0')
			i++
		}
		return v
	}
	spec.width = two()
	if i < len(s) && s[i] == '.' {
		i++
		spec.prec = two()
	}
	if i >= len(s) || !strings.ContainsRune("cdiouxXeEfFgGaAqs", rune(s[i])) {
		return spec, 0
	}
	spec.verb = s[i]
	return spec, i + 1
}

func (m *Machine) formatOne(l *glua.LState, spec formatSpec, arg int) string {
	switch spec.verb {
	case 'c':
		return spec.pad("", string([]byte{byte(m.integer(l, arg))}), false)
	case 'd', 'i':
		n := m.integer(l, arg)
		sign, digits := "", fmt.Sprint(n)
		if n < 0 {
			sign, digits = "-", digits[1:]
		}
		return spec.number(sign, digits)
	case 'u', 'o', 'x', 'X':
		u := uint64(m.integer(l, arg))
		if m.fw.Bits == 32 {
			u = uint64(uint32(u))
		}
		prefix, digits := "", fmt.Sprintf(map[byte]string{'u': "%d", 'o': "%o", 'x': "%x", 'X': "%X"}[spec.verb], u)
		if spec.alt && u != 0 && spec.verb != 'u' {
			prefix = map[byte]string{'o': "0", 'x': "0x", 'X': "0X"}[spec.verb]
		}
		spec.plus, spec.space = false, false
		return spec.number(prefix, digits)
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		return spec.float(m.num(l, arg))
	case 'q':
		return m.quoted(l, arg)
	}
	s := m.tostring(l, l.Get(arg))
	if spec.prec >= 0 && spec.prec < len(s) {
		s = s[:spec.prec]
	}
	return spec.pad("", s, false)
}

// number lays out an integer: precision is a minimum of digits.
func (f formatSpec) number(sign, digits string) string {
	if sign == "" && f.plus {
		sign = "+"
	} else if sign == "" && f.space {
		sign = " "
	}
	if f.prec >= 0 {
		if f.prec == 0 && digits == "0" {
			digits = ""
		}
		digits = strings.Repeat("0", max(0, f.prec-len(digits))) + digits
	}
	return f.pad(sign, digits, f.prec < 0)
}

func (f formatSpec) float(v float64) string {
	prec := f.prec
	if prec < 0 {
		prec = 6
	}
	verb := f.verb | 0x20
	var s string
	if verb == 'a' {
		s = fmt.Sprintf("%x", v)
	} else {
		s = cFormat(v, verb, prec, f.alt)
	}
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	} else if f.plus {
		sign = "+"
	} else if f.space {
		sign = " "
	}
	if f.verb < 'a' {
		s = strings.ToUpper(s)
	}
	return f.pad(sign, s, s != "inf" && s != "nan")
}

// pad brings sign and text to the width.
func (f formatSpec) pad(sign, s string, zeros bool) string {
	missing := max(0, f.width-len(sign)-len(s))
	switch {
	case f.minus:
		return sign + s + strings.Repeat(" ", missing)
	case f.zero && zeros:
		return sign + strings.Repeat("0", missing) + s
	}
	return strings.Repeat(" ", missing) + sign + s
}

// quoted is %q.
func (m *Machine) quoted(l *glua.LState, arg int) string {
	s, ok := l.Get(arg).(glua.LString)
	if !ok {
		return m.tostring(l, l.Get(arg))
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\r':
			b.WriteString(`\r`)
		case c < 32 || c == 127:
			if i+1 < len(s) && isDigit(s[i+1]) {
				fmt.Fprintf(&b, `\%03d`, c)
			} else {
				fmt.Fprintf(&b, `\%d`, c)
			}
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
