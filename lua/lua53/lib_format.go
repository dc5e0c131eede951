package lua53

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// spec is one conversion of format.
type spec struct {
	minus, plus, space, alt, zero bool
	width, prec                   int // prec is -1 if not given
	conv                          byte
	plain                         bool // nothing between % and conv
}

func strFormat(a Args) int {
	vm := a.t.vm
	f := a.Str(0)
	var b []byte
	arg := 0
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		i++
		if i < len(f) && f[i] == '%' {
			b = append(b, '%')
			continue
		}
		if arg++; arg >= a.n {
			a.ArgError(arg, "no value")
		}
		sp, next := a.parseSpec(f, i)
		i = next
		b = a.formatOne(b, sp, arg)
		if len(b) > maxString {
			vm.noMemory()
		}
	}
	a.PushString(string(b))
	return 1
}

func (a Args) parseSpec(f string, i int) (spec, int) {
	sp := spec{prec: -1}
	start := i
	for ; i < len(f) && strings.IndexByte("-+ #0", f[i]) >= 0; i++ {
		switch f[i] {
		case '-':
			sp.minus = true
		case '+':
			sp.plus = true
		case ' ':
			sp.space = true
		case '#':
			sp.alt = true
		case '0':
			sp.zero = true
		}
	}
	if i-start >= 6 {
		a.Error("invalid format (repeated flags)")
	}
	for k := 0; k < 2 && i < len(f) && isDigit(f[i]); k++ {
		sp.width = sp.width*10 + int(f[i]-'0')
		i++
	}
	if i < len(f) && f[i] == '.' {
		i++
		sp.prec = 0
		for k := 0; k < 2 && i < len(f) && isDigit(f[i]); k++ {
			sp.prec = sp.prec*10 + int(f[i]-'0')
			i++
		}
	}
	if i < len(f) && isDigit(f[i]) {
		a.Error("invalid format (width or precision too long)")
	}
	if i < len(f) {
		sp.conv = f[i]
	}
	sp.plain = i == start
	return sp, i
}

func (a Args) formatOne(b []byte, sp spec, arg int) []byte {
	vm := a.t.vm
	switch sp.conv {
	case 'c':
		sp.zero = false // means nothing here, as C's printf has it
		return sp.pad(b, "", string([]byte{byte(a.Int(arg))}))
	case 'd', 'i':
		n := a.Int(arg)
		sign, mag := sp.sign(n < 0), strconv.FormatUint(absInt(n), 10)
		return sp.integer(b, sign, mag)
	case 'o', 'u', 'x', 'X':
		n := uint64(a.Int(arg))
		if vm.narrow {
			n = uint64(uint32(n))
		}
		return sp.unsigned(b, n)
	case 'a', 'A', 'e', 'E', 'f', 'g', 'G':
		return sp.float(b, vm.plain(a.Float(arg)))
	case 'q':
		return a.quoted(b, arg)
	case 's':
		v := a.at(arg)
		if arg >= a.n {
			a.ArgError(arg, "no value")
		}
		s := vm.tostring(a.t, v)
		if !sp.plain && strings.IndexByte(s, 0) >= 0 {
			a.ArgError(arg, "string contains zeros")
		}
		if sp.prec >= 0 && len(s) > sp.prec {
			s = s[:sp.prec]
		}
		sp.zero = false
		return sp.pad(b, "", s)
	}
	conv := string([]byte{sp.conv})
	if sp.conv < 32 || sp.conv > 126 {
		conv = fmt.Sprintf("<\\%d>", sp.conv)
	}
	a.Error("invalid option '%%%s' to 'format'", conv)
	return nil
}

func absInt(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (sp *spec) sign(neg bool) string {
	switch {
	case neg:
		return "-"
	case sp.plus:
		return "+"
	case sp.space:
		return " "
	}
	return ""
}

// pad writes prefix and body in the width.
func (sp *spec) pad(b []byte, prefix, body string) []byte {
	n := sp.width - len(prefix) - len(body)
	if n <= 0 {
		return append(append(b, prefix...), body...)
	}
	switch {
	case sp.minus:
		b = append(append(b, prefix...), body...)
		return append(b, strings.Repeat(" ", n)...)
	case sp.zero:
		b = append(b, prefix...)
		b = append(b, strings.Repeat("0", n)...)
		return append(b, body...)
	}
	b = append(b, strings.Repeat(" ", n)...)
	return append(append(b, prefix...), body...)
}

func (sp spec) integer(b []byte, prefix, mag string) []byte {
	if sp.prec >= 0 {
		sp.zero = false
		if octal := sp.conv == 'o' && sp.alt; sp.prec == 0 && mag == "0" && !octal {
			mag = "" // an octal number with # begins with a zero
		}
		if n := sp.prec - len(mag); n > 0 {
			mag = strings.Repeat("0", n) + mag
		}
	}
	return sp.pad(b, prefix, mag)
}

func (sp spec) unsigned(b []byte, n uint64) []byte {
	prefix, mag := "", ""
	switch sp.conv {
	case 'o':
		mag = strconv.FormatUint(n, 8)
		if sp.alt && mag[0] != '0' && sp.prec <= len(mag) {
			mag = "0" + mag
		}
	case 'u':
		mag = strconv.FormatUint(n, 10)
	default:
		mag = strconv.FormatUint(n, 16)
		if sp.alt && n != 0 {
			prefix = "0x"
		}
		if sp.conv == 'X' {
			mag, prefix = strings.ToUpper(mag), strings.ToUpper(prefix)
		}
	}
	return sp.integer(b, prefix, mag)
}

func (sp spec) float(b []byte, f float64) []byte {
	sign := sp.sign(math.Signbit(f))
	upper := sp.conv >= 'A' && sp.conv <= 'Z'
	var s string
	if math.IsInf(f, 0) || f != f {
		sp.zero = false
		s = "inf"
		if f != f {
			s = "nan"
		}
	} else {
		f = math.Abs(f)
		switch sp.conv | 0x20 {
		case 'a':
			s = hexFloat(f, sp.prec, sp.alt)
			if sp.zero { // zeros go behind 0x
				sign += s[:2]
				s = s[2:]
			}
		case 'g':
			s = sp.general(f)
		default:
			prec := sp.prec
			if prec < 0 {
				prec = 6
			}
			s = strconv.FormatFloat(f, sp.conv|0x20, prec, 64)
			if sp.alt && prec == 0 {
				if i := strings.IndexByte(s, 'e'); i >= 0 {
					s = s[:i] + "." + s[i:]
				} else {
					s += "."
				}
			}
		}
	}
	if upper {
		s, sign = strings.ToUpper(s), strings.ToUpper(sign)
	}
	return sp.pad(b, sign, s)
}

// general is %g: the shorter of the two forms, without trailing zeros unless
// the alternative form is asked for.
func (sp *spec) general(f float64) string {
	prec := sp.prec
	if prec < 0 {
		prec = 6
	}
	if prec == 0 {
		prec = 1
	}
	e := strconv.FormatFloat(f, 'e', prec-1, 64)
	i := strings.IndexByte(e, 'e')
	x, _ := strconv.Atoi(e[i+1:])
	s, exp := e[:i], e[i:]
	if f == 0 {
		x = 0
	}
	if x >= -4 && x < prec {
		s, exp = strconv.FormatFloat(f, 'f', prec-1-x, 64), ""
	}
	if sp.alt {
		if strings.IndexByte(s, '.') < 0 {
			s += "."
		}
	} else if strings.IndexByte(s, '.') >= 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + exp
}

// hexFloat is C's %a of a number that is not negative.
func hexFloat(f float64, prec int, alt bool) string {
	const digits = 13
	bits := math.Float64bits(math.Abs(f))
	exp, m := int(bits>>52), bits&(1<<52-1)
	switch {
	case exp > 0:
		m |= 1 << 52
		exp -= 1023
	case m != 0: // the first digit of a denormal is 0
		exp = -1022
	}
	if prec >= 0 && prec < digits { // the nearest, the even one of two; the first digit may become 2
		shift := uint(4 * (digits - prec))
		half := uint64(1) << (shift - 1)
		m = (m + half - 1 + m>>shift&1) &^ (1<<shift - 1)
	}
	frac := fmt.Sprintf("%013x", m&(1<<52-1))
	if prec < 0 {
		frac = strings.TrimRight(frac, "0")
	} else {
		frac = (frac + strings.Repeat("0", max(prec-digits, 0)))[:prec]
	}
	point := ""
	if frac != "" || alt {
		point = "."
	}
	return fmt.Sprintf("0x%d%s%sp%+d", m>>52, point, frac, exp)
}

func (a Args) quoted(b []byte, arg int) []byte {
	v := a.at(arg)
	switch {
	case arg >= a.n:
		a.ArgError(arg, "value has no literal form")
	case v.isString():
		return quoteString(b, v.str())
	case v.isInt():
		if v.i() == a.t.vm.minInt() {
			if a.t.vm.narrow {
				return append(b, "0x80000000"...)
			}
			return append(b, "0x8000000000000000"...)
		}
		return strconv.AppendInt(b, v.i(), 10)
	case v.isFloat():
		f := v.f()
		if f == math.Floor(f) && !math.IsInf(f, 0) {
			sp := spec{prec: -1, conv: 'a'}
			return sp.float(b, f)
		}
		sp := spec{prec: -1, conv: 'a'}
		return sp.float(b, f)
	case v.p == nil:
		return append(b, a.t.vm.tostring(a.t, v)...)
	}
	a.ArgError(arg, "value has no literal form")
	return nil
}

func quoteString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			b = append(b, '\\', c)
		case c < 32 || c == 127:
			if i+1 < len(s) && isDigit(s[i+1]) {
				b = append(b, fmt.Sprintf("\\%03d", c)...)
			} else {
				b = append(b, fmt.Sprintf("\\%d", c)...)
			}
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
