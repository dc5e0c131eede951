package lua53

import (
	"math"
	"strconv"
	"strings"
)

// narrowing to the profile's width

func (vm *VM) wrap(i int64) int64 {
	if vm.narrow {
		return int64(int32(i))
	}
	return i
}

func (vm *VM) round(f float64) float64 {
	if vm.narrow {
		return float64(float32(f))
	}
	return f
}

// intBits is the width of an integer.
func (vm *VM) intBits() int {
	if vm.narrow {
		return 32
	}
	return 64
}

func (vm *VM) minInt() int64 {
	if vm.narrow {
		return math.MinInt32
	}
	return math.MinInt64
}

func (vm *VM) maxInt() int64 {
	if vm.narrow {
		return math.MaxInt32
	}
	return math.MaxInt64
}

// toInt converts f to an integer of the width if it has one.
func toInt(f float64, narrow bool) (int64, bool) {
	i, ok := floatToInt(f)
	if ok && narrow && i != int64(int32(i)) {
		return 0, false
	}
	return i, ok
}

func (vm *VM) floatToInt(f float64) (int64, bool) { return toInt(f, vm.narrow) }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isXDigit(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func hexVal(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(c|0x20) - 'a' + 10
}

const spaces = " \t\n\v\f\r"

// parseNumber converts a numeral as tonumber does: blanks around it, a sign,
// decimal or hexadecimal, integer if it fits and float if not.
func parseNumber(s string, narrow bool) (Value, bool) {
	s = strings.Trim(s, spaces)
	if s == "" {
		return Nil, false
	}
	body, neg := s, false
	if body[0] == '-' || body[0] == '+' {
		body, neg = body[1:], body[0] == '-'
	}
	if len(body) >= 2 && body[0] == '0' && body[1]|0x20 == 'x' {
		return parseHex(body[2:], neg, narrow)
	}
	return parseDecimal(body, neg, narrow)
}

func parseHex(s string, neg, narrow bool) (Value, bool) {
	var n uint64
	for i := 0; i < len(s); i++ {
		if !isXDigit(s[i]) {
			return parseHexFloat(s, neg, narrow)
		}
		n = n<<4 | uint64(hexVal(s[i]))
	}
	if s == "" {
		return Nil, false
	}
	i := int64(n)
	if neg {
		i = -i
	}
	if narrow {
		i = int64(int32(i))
	}
	return mkInt(i), true
}

func parseHexFloat(s string, neg, narrow bool) (Value, bool) {
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c|0x20 == 'p':
			if !digits {
				return Nil, false
			}
			return convFloat("0x"+s, neg, narrow)
		case isXDigit(c):
			digits = true
		case c != '.':
			return Nil, false
		}
	}
	if !digits {
		return Nil, false
	}
	return convFloat("0x"+s+"p0", neg, narrow)
}

func parseDecimal(s string, neg, narrow bool) (Value, bool) {
	if s == "" || !isDigit(s[0]) && s[0] != '.' {
		return Nil, false
	}
	limit := uint64(math.MaxInt64)
	if narrow {
		limit = math.MaxInt32
	}
	if neg {
		limit++
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return parseFloat(s, neg, narrow)
		}
		d := uint64(s[i] - '0')
		if n > (limit-d)/10 {
			return parseFloat(s, neg, narrow)
		}
		n = n*10 + d
	}
	if neg {
		return mkInt(-int64(n)), true
	}
	return mkInt(int64(n)), true
}

func parseFloat(s string, neg, narrow bool) (Value, bool) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isDigit(c) && c != '.' && c|0x20 != 'e' && c != '+' && c != '-' {
			return Nil, false
		}
	}
	return convFloat(s, neg, narrow)
}

func convFloat(s string, neg, narrow bool) (Value, bool) {
	if strings.IndexByte(s, '_') >= 0 {
		return Nil, false
	}
	bits := 64
	if narrow {
		bits = 32
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) {
		return Nil, false
	}
	if neg {
		f = -f
	}
	return mkFloat(f), true
}

// formatFloat is lua_Number to string: %.14g or %.7g, and ".0" if it looks
// like an integer.
func formatFloat(f float64, narrow bool) string {
	if math.IsInf(f, 0) || f != f {
		return specialFloat(f)
	}
	prec := 14
	if narrow {
		prec = 7
	}
	var buf [32]byte
	b := strconv.AppendFloat(buf[:0], f, 'g', prec, 64)
	for _, c := range b {
		if c != '-' && !isDigit(c) {
			return string(b)
		}
	}
	return string(append(b, '.', '0'))
}

func (vm *VM) formatFloat(f float64) string {
	if vm.opts.Lua51 {
		return formatFloat51(vm.plain(f))
	}
	return formatFloat(vm.plain(f), vm.narrow)
}

// plain gives every NaN the same bits, if the options say so.
func (vm *VM) plain(f float64) float64 {
	if f != f && vm.opts.OneNaN {
		return math.Float64frombits(0x7FF8 << 48)
	}
	return f
}

func specialFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.Signbit(f):
		return "-nan"
	}
	return "nan"
}

func (vm *VM) numberString(v *Value) string {
	if v.isInt() {
		return strconv.FormatInt(v.i(), 10)
	}
	return vm.formatFloat(v.f())
}

// toNumber converts numbers and numeric strings.
func (vm *VM) toNumber(v *Value) (Value, bool) {
	if v.isNum() {
		return *v, true
	}
	if v.isString() {
		n, ok := parseNumber(v.str(), vm.narrow)
		if vm.opts.Lua51 {
			n = asFloat(n)
		}
		return n, ok
	}
	return Nil, false
}

// toFloat converts v as the arithmetic operators do.
func (vm *VM) toFloat(v *Value) (float64, bool) {
	switch {
	case v.isFloat():
		return v.f(), true
	case v.isInt():
		return vm.round(float64(v.i())), true
	case v.isString():
		if n, ok := parseNumber(v.str(), vm.narrow); ok {
			return vm.toFloat(&n)
		}
	}
	return 0, false
}

// toInteger converts v as the bitwise operators do.
func (vm *VM) toInteger(v *Value) (int64, bool) {
	switch {
	case v.isInt():
		return v.i(), true
	case v.isFloat():
		return vm.floatToInt(v.f())
	case v.isString():
		if n, ok := parseNumber(v.str(), vm.narrow); ok {
			return vm.toInteger(&n)
		}
	}
	return 0, false
}

// arithmetic of the two subtypes
