package lua53

import (
	"fmt"
	"strings"
)

// The corners of the number types and of the library.

func (g *progen) borderNum() string {
	return g.one("0", "-0.0", "0.0", "1", "-1", "math.maxinteger", "math.mininteger", "math.maxinteger + 1.0", "math.mininteger + 0.0", "2^31", "-2^31", "2^32", "2^53", "2^53 + 1", "-2^53", "1 << 31", "1 << 63", "1 << 53", "(1 << 53) + 1", "0x7fffffff", "0x80000000", "0xffffffff", "math.huge", "-math.huge", "0/0", "0.1", "-0.1", "1e300", "1e-300", "5e-324", "3", "-3", "3.0", "2.5", "-2.5", "1e15", "1e16", "123456.789e3", "16777217", "16777217.0", "2^24", "3e38", "1.17549435e-38", "0x1p-126", "99999999", "1e7", "123456789", fmt.Sprintf("%d", g.r.Int64()), fmt.Sprintf("%d", int32(g.r.Uint32())), fmt.Sprintf("%g", g.r.NormFloat64()*1e3), fmt.Sprintf("0x%x", g.r.Uint64()))
}

func (g *progen) borders() {
	g.use("borders of integers and floats")
	x, y := g.borderNum(), g.borderNum()
	g.line("do local a, b = %s, %s show(a, b)", x, y)
	for i := 0; i < 4; i++ {
		op := g.one("+", "-", "*", "/", "//", "%", "//", "%", "&", "|", "~", "<<", ">>", "<", "<=", "==", "..")
		if op == "/" || op == "*" {
			g.line("show(pcall(function() return a %s b end))", op)
			continue
		}
		g.line("show(pcall(function() return a %s b, b %s a end))", op, op)
	}
	g.line("show(a < b, a <= b, a == b, a > b, a >= b, a ~= b) show(pcall(function() return -a, ~b end)) show(math.tointeger(a), math.type(a), pcall(math.floor, b), pcall(math.ceil, a)) show(pcall(math.fmod, a, b)) show(math.ult(1, 2), pcall(math.ult, a, b)) show(pcall(math.abs, a)) show(math.max(a, b), math.min(a, b)) show(math.modf(a)) show(string.format('%%.14g|%%.3f', a, b)) show(pcall(string.format, '%%d', a)) show(pcall(string.format, '%%x', b)) local t = {} if a == a then t[a] = 1 show(t[a], next(t)) end")
	g.line("show(#string.format('%%s', a), tostring(a) == tostring(b), tonumber(tostring(a)) == a, a // 1, pcall(function() return a %% 1, a << 1, a >> 1, a ~ 0 end))")
	g.line("local n = 0 for i = %s, %s%s do n = n + 1 show(i) if n > 3 then break end end end", g.one("a", "b", "1", "math.maxinteger - 1", "math.mininteger"), g.one("a", "b", "math.maxinteger", "math.mininteger", "math.huge", "-math.huge"), g.one("", ", -1", ", 1", ", 1 << 30", ", a ~= 0 and a or 1", ", 0.5", ", math.maxinteger", ", math.mininteger"))
}

func (g *progen) numeral() string {
	digits := "0123456789"
	var b strings.Builder
	if g.n(4) == 0 {
		b.WriteString(g.one("-", "+", " ", "- ", "\\t", "\\n", "\\v"))
	}
	hex := g.n(3) == 0
	if hex {
		b.WriteString(g.one("0x", "0X"))
		digits = "0123456789abcdefABCDEF"
	}
	for i := 0; i < g.n(20); i++ {
		b.WriteByte(digits[g.n(len(digits))])
	}
	if g.n(2) == 0 {
		b.WriteByte('.')
		for i := 0; i < g.n(6); i++ {
			b.WriteByte(digits[g.n(len(digits))])
		}
	}
	if g.n(3) == 0 {
		e := "e"
		if hex {
			e = "p"
		}
		b.WriteString(e + g.one("", "+", "-") + g.one("", "0", "5", "10", "300", "400", "1024", "99999"))
	}
	if g.n(8) == 0 {
		b.WriteString(g.one(" ", "x", "0", "\\0", "f", "L", "_1", "  ", "\\n"))
	}
	return b.String()
}

func (g *progen) coercions() {
	g.use("strings and numbers")
	g.line("do local s, z = '%s', '%s' show(s, tonumber(s), math.tointeger(s), tonumber(z))", g.numeral(), g.numeral())
	g.line("show(pcall(function() return s + 0 end)) show(pcall(function() return s %s z end)) show(pcall(function() return s %s %s end)) show(pcall(function() return -s end)) show(pcall(function() return s | 0 end)) show(pcall(function() return %s .. s end))", g.one("+", "-", "*", "//", "&", "<<"), g.one("+", "*", "%", "//", "|", ">>", "<"), g.num(), g.num())
	g.line("show(pcall(string.format, '%%d', s)) show(pcall(string.format, '%%5.1f', z)) show(pcall(math.floor, s)) show(10 == '10', s == tonumber(s), tostring(s), #s) show(pcall(function() for i = s, 1 do return i end end)) show(tonumber(z, %d)) show(pcall(string.char, s)) show(pcall(load('return ' .. s) or error)) end", 2+g.n(35))
}

func (g *progen) pat() string {
	one := func() string {
		return g.one("a", "b", ".", "%a", "%d", "%s", "%w", "%x", "%p", "%c", "%u", "%l", "%g", "%A", "%D", "%S", "%W", "%P", "%L", "[ab]", "[^ab]", "[a-c]", "[%a_]", "[^%s]", "[%d.]", "[]]", "[^]]", "[a-]", "[%]]", "%.", "%%", "%(", "[%w%s]", "=", "x", "\\0", "[\\0-\\31]", "é")
	}
	var piece func(depth int) string
	piece = func(depth int) string {
		switch g.n(12) {
		case 0:
			return one() + "*"
		case 1:
			return one() + "+"
		case 2:
			return one() + "-"
		case 3:
			return one() + "?"
		case 4, 5:
			if depth < 3 {
				s := "("
				for i := 0; i < g.n(3); i++ {
					s += piece(depth + 1)
				}
				return s + ")"
			}
		case 6:
			return g.one("%b()", "%b[]", "%bxy", "%f[%w]", "%f[^%s]", "%f[%z]", "%1", "%2", "%0")
		case 7:
			if g.n(6) == 0 {
				return g.one("%", "[", "(", ")", "[^", "[%", "%b", "%f", "%bx", "[a-", "*", "^", "$", "%9")
			}
		}
		return one()
	}
	s := g.one("", "", "", "^")
	for i := 0; i < 1+g.n(4); i++ {
		s += piece(0)
	}
	return s + g.one("", "", "", "$")
}

func (g *progen) subject() string {
	parts := []string{"abc", "a", "b", "x=1", "(a(b)c)", "[x]", "hello world", " ", "  ", "1.5", "AbC", "%", "\\0", "\\n", "é", "xxyy", "foo.bar", "_", "0x1F", "aaa", "key = value; k2 = v2", "!", "\\200\\201", "=", "-"}
	s := ""
	for i := 0; i < g.n(5); i++ {
		s += g.one(parts...)
	}
	return s
}

func (g *progen) patterns() {
	g.use("patterns")
	g.line("do local s, p = '%s', '%s'", g.subject(), g.pat())
	g.line("show(pcall(string.find, s, p%s)) show(pcall(string.match, s, p%s))", g.one("", ", 2", ", -1", ", 0", ", 1, true", ", 9"), g.one("", ", 2", ", -3"))
	g.line("show(pcall(string.gsub, s, p, %s%s))", g.one("'<%0>'", "'%1'", "'%2%1'", "''", "'%%'", "'%x'", "'-'", "{a = 1, b = 'B', abc = false}", "function(...) return select('#', ...) > 1 and ... or nil end", "function(a) return a and #a > 1 and a:upper() end", "function() return 1.5 end", "setmetatable({}, {__index = function(_, k) return k .. k end})", "nil", "true", "5"), g.one("", "", ", 1", ", 2", ", 0", ", -1"))
	g.line("show(pcall(function() local n = 0 for a, b, c in (s):gmatch(p) do show(a, b, c) n = n + 1 if n > 6 then break end end return n end)) end")
}

func (g *progen) formats() {
	g.use("format specifiers")
	var f strings.Builder
	var args []string
	for i := 0; i < 1+g.n(3); i++ {
		f.WriteString(g.one("", "a", " ", "%%", "é"))
		f.WriteByte('%')
		for _, fl := range []string{"-", "+", " ", "#", "0"} {
			if g.n(5) == 0 {
				f.WriteString(fl)
			}
		}
		f.WriteString(g.one("", "", "1", "5", "12", "20", "99", "100"))
		f.WriteString(g.one("", "", "", ".", ".0", ".1", ".3", ".14", ".20", ".99", ".100"))
		c := g.one("d", "i", "u", "c", "x", "X", "o", "e", "E", "f", "g", "G", "g", "a", "A", "s", "s", "q", "y", "")
		f.WriteString(c)
		switch {
		case strings.Contains("diuxXoc", c) && c != "":
			if c == "c" {
				args = append(args, fmt.Sprint(g.n(256)))
			} else {
				args = append(args, g.one(g.borderNum(), g.intLit(), g.intLit(), "'12'", "'x'", "nil"))
			}
		case strings.Contains("eEfgGaA", c) && c != "":
			args = append(args, g.one(g.borderNum(), g.floatLit(), g.num(), "'0x10'"))
		case c == "q":
			args = append(args, g.one(g.borderNum(), "'"+g.subject()+"'", "nil", "false", "{}"))
		default:
			args = append(args, g.one("'"+g.subject()+"'", g.num(), "nil", "true", "setmetatable({}, {__tostring = function() return 'ts' end})", "setmetatable({}, {__tostring = function() return 5 end})", "setmetatable({}, {__name = 'N', __tostring = 7})"))
		}
	}
	if g.n(6) == 0 {
		args = args[:len(args)-1]
	}
	g.line("show(pcall(string.format, '%s'%s))", f.String(), strings.Join(append([]string{""}, args...), ", "))
}

func (g *progen) packs() {
	g.use("pack formats")
	var f strings.Builder
	var args []string
	for i := 0; i < 1+g.n(4); i++ {
		f.WriteString(g.one("", "", "", "<", ">", "=", "!", "!4", "!1", "!16", " "))
		o := g.one("b", "B", "h", "H", "i", "I", "i1", "i2", "i3", "i7", "i8", "i16", "I4", "I5", "I16", "j", "J", "f", "d", "n", "s1", "s2", "s4", "z", "c0", "c3", "x", "Xi4", "Xd", "Xb", "l", "L", "T", "i17", "i0", "c", "X", "y", "!3", "s")
		f.WriteString(o)
		switch o[0] {
		case 'x', 'X', 'y', '!':
		case 'f', 'd', 'n':
			args = append(args, g.one(g.floatLit(), g.num(), g.borderNum(), "'1.5'"))
		case 's', 'z', 'c':
			args = append(args, "'"+g.subject()+"'")
		default:
			args = append(args, g.one(g.intLit(), g.borderNum(), fmt.Sprint(g.n(300)-100), "1.5", "3.0"))
		}
	}
	g.line("do local f = '%s' local ok, s = pcall(string.pack, f%s) show(ok, s) show(pcall(string.packsize, f))", f.String(), strings.Join(append([]string{""}, args...), ", "))
	g.line("if ok then show(pcall(string.unpack, f, s)) show(pcall(string.unpack, f, s .. 'xyz', %d)) show(pcall(string.unpack, f, s, -%d)) end", 1+g.n(4), g.n(12))
	g.line("show(pcall(string.unpack, f, '%s\\1\\2\\3\\4\\5\\6\\7\\8\\255\\254\\253\\252\\0\\0'%s)) end", g.subject(), g.one("", ", 2", ", 9", ", 100", ", 0"))
}

func (g *progen) utf8s() {
	g.use("utf8 sequences")
	s := ""
	for i := 0; i < g.n(6); i++ {
		s += g.one("a", "\\u{e9}", "\\u{20ac}", "\\u{10ffff}", "\\u{10000}", "\\xff", "\\x80", "\\xe2\\x82", "\\xc0\\x80", "\\xed\\xa0\\x80", "\\xf4\\x90\\x80\\x80", "z", "\\0", "\\u{7f}", "\\u{80}", "\\u{7ff}", "\\u{800}")
	}
	g.line("do local s = '%s'", s)
	g.line("show(pcall(utf8.len, s%s)) show(pcall(utf8.codepoint, s%s)) show(pcall(utf8.offset, s, %d%s))", g.one("", ", 2", ", 1, -2", ", -1", ", 20", ", 3, 2"), g.one("", ", 1, -1", ", 2", ", 1, 3", ", -1"), g.n(9)-4, g.one("", ", 1", ", 2", ", #s + 1", ", 99"))
	g.line("show(pcall(function() for p, c in utf8.codes(s) do show(p, c) end end)) show(pcall(utf8.char, %d, %d)) show(#utf8.charpattern)", g.n(0x800), g.n(0x120000))
	g.line("for c in s:gmatch(utf8.charpattern) do show(c) end end")
}

func (g *progen) tables() {
	g.use("table functions")
	list := func() string {
		var l []string
		for i := 0; i < g.n(8); i++ {
			l = append(l, g.one(fmt.Sprint(g.n(20)), fmt.Sprint(g.n(20)), "'"+g.one("a", "b", "c", "10")+"'", g.floatLit()))
		}
		return "{" + strings.Join(l, ", ") + "}"
	}
	nums := func() string {
		var l []string
		for i := 0; i < g.n(30); i++ {
			l = append(l, fmt.Sprint(g.n(40)))
		}
		return "{" + strings.Join(l, ", ") + "}"
	}
	switch g.n(8) {
	case 0:
		g.line("do local t = %s show(pcall(table.sort, t%s)) dump(t) end", list(), g.one("", ", function(a, b) return tostring(a) < tostring(b) end", ", function() return true end", ", 5"))
	case 1:
		g.line("do local t = %s show(pcall(table.sort, t%s)) dump(t) end", nums(), g.one("", ", function(a, b) return a > b end", ", function(a, b) return a % 3 < b % 3 end", ", function(a, b) return a <= b end", ", function(a, b) error('cmp') end"))
	case 2:
		g.line("do local t = %s show(pcall(table.insert, t, %s)) show(pcall(table.remove, t%s)) dump(t) end", list(), g.one("1, 'i'", "#t, 'i'", "#t + 1, 'i'", "#t + 2, 'i'", "0, 'i'", "'x'", "nil, 1", "1.5, 2", "'2', 'i'", "1, 2, 3", ""), g.one("", ", 1", ", #t", ", #t + 1", ", #t + 2", ", 0", ", -1", ", 'x'"))
	case 3:
		g.line("do local t = %s show(pcall(table.concat, t, %s%s)) end", list(), g.one("','", "''", "1", "nil", "{}"), g.one("", ", 1, 2", ", 2", ", 1, 9", ", 3, 1", ", -1, 0"))
	case 4:
		g.line("do local t = %s dump(table.move(t, %d, %d, %d%s)) dump(t) show(pcall(table.move, t, 1, math.maxinteger, 2)) show(pcall(table.move, t, math.mininteger, 0, 1)) end", list(), g.n(5)-1, g.n(6), g.n(8)-2, g.one("", ", {'x', 'y'}"))
	case 5:
		g.line("do local t = %s show(pcall(table.unpack, t, %s)) dump(table.pack(table.unpack(t))) show(select(%d, table.unpack(t, 1, #t))) show(pcall(select, %s, 1, 2)) show(pcall(table.unpack, t, 1, 1e8)) end", list(), g.one("1", "2, 3", "-1, 1", "#t + 1", "1, #t + 1"), 1+g.n(5), g.one("-1", "-2", "-3", "0", "'#'", "3", "1.5", "'x'"))
	case 6:
		g.line("do local t = %s local n = 0 for i, v in ipairs(t) do n = n + i end show(n, #t, next(t), rawlen(t)) for k in pairs(t) do t[k] = nil end show(next(t)) show(pcall(next, t, 'nokey')) show(pcall(ipairs)) show(pcall(setmetatable, t)) show(pcall(rawset, t, nil, 1)) show(pcall(rawget, 1, 1)) show(pcall(rawlen, 5)) show(rawequal('a', 'a')) end", list())
	case 7:
		g.line("do local t, sum = {}, 0 for i = 1, %d do t[i] = i * %s end for i = #t, 1, -%d do t[#t] = nil end show(#t) for k, v in pairs(t) do sum = sum + k end show(sum) t[%s] = %s dump(t) end", g.n(40), g.num(), 1+g.n(3), g.borderNum()+" == 0 and 1 or 'k'", g.atomNotNil())
	}
}

func (g *progen) mathFns() {
	g.use("math functions")
	x := g.one(g.borderNum(), g.num(), fmt.Sprintf("%g", g.r.NormFloat64()*10), fmt.Sprintf("%g", g.r.Float64()))
	g.line("do local x, y = %s, %s", x, g.one(g.num(), fmt.Sprintf("%g", g.r.NormFloat64()*10)))
	// The last digits of these differ between C libraries.
	g.line("local short = 1 << 40 == 0 and '%%.4g' or '%%.12g' local function about(f, v) show(string.format(short, f(v))) end about(math.%s, x) about(math.%s, y)", g.one("tan", "sinh", "cosh", "tanh", "asin"), g.one("acos", "atan", "log10", "exp"))
	for i := 0; i < 3; i++ {
		g.line("show(pcall(math.%s))", g.one("sin, x", "cos, x", "log, x", "log, x, 2", "log, x, y", "sqrt, x", "deg, x", "rad, x", "pow, x, y", "frexp, x", "ldexp, x, 3", "modf, x", "floor, x", "ceil, x", "fmod, x, y", "fmod, x, 0", "tointeger, x", "abs, x", "ult, 1, y", "max, x, y", "max", "min, x", "random, 0", "random, 2, 1", "sqrt", "floor, 'a'", "floor, {}", "type", "type, 'x'"))
	}
	g.line("show(x ^ y, x ^ 2, x ^ 0.5, y ^ -1, pcall(bit32.%s)) show(math.pi, math.huge, -math.huge, math.maxinteger, math.mininteger) end", g.one("band, x, y", "bor, x", "bxor, 1, 2, 3", "bnot, x", "lshift, x, 3", "rshift, x, 40", "arshift, x, 2", "lrotate, x, 5", "rrotate, 7, 33", "extract, 255, 3, 4", "extract, 1, 31, 2", "replace, 255, 1, 3, 2", "replace, 1, 2, 3, 33", "btest, x, 1", "band"))
}
