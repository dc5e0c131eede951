package lua53

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// progen writes random programs that print what they compute. Everything
// that may fail is in a pcall, so that error texts are compared too. Left out,
// because 5.3 leaves them open: the order of pairs over hash parts, addresses,
// and the border of tables with holes.
type progen struct {
	r     *rand.Rand
	b     strings.Builder
	ind   int
	vars  []string // locals in scope that hold any value
	tabs  []string
	funs  []string
	label int
	uses  map[string]int
	depth int
}

func newProgen(seed uint64) *progen {
	return &progen{r: rand.New(rand.NewPCG(seed, 53)), uses: map[string]int{}}
}

const progHeader = `
local function show(...)
  local n = select('#', ...)
  local t = {}
  for i = 1, n do
    local v = select(i, ...)
    local ty = math.type(v) or type(v)
    if ty == "table" or ty == "function" or ty == "thread" or ty == "userdata" then
      t[i] = ty
    elseif ty == "string" then
      t[i] = string.format("%q", (v:gsub("0x%x+", "ADDR")))
    else
      t[i] = ty .. ":" .. tostring(v)
    end
  end
  print(table.concat(t, " "))
end
local function dump(t)
  if type(t) ~= "table" then return show(t) end
  local ks = {}
  for k in pairs(t) do
    local ty = type(k)
    if ty == "number" or ty == "string" then ks[#ks + 1] = k end
  end
  table.sort(ks, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for _, k in ipairs(ks) do show(k, rawget(t, k)) end
end
`

func (g *progen) n(k int) int            { return g.r.IntN(k) }
func (g *progen) one(l ...string) string { return l[g.n(len(l))] }
func (g *progen) use(f string)           { g.uses[f]++ }

func (g *progen) line(f string, args ...any) {
	g.b.WriteString(strings.Repeat(" ", g.ind))
	fmt.Fprintf(&g.b, f, args...)
	g.b.WriteByte('\n')
}

func (g *progen) program() string {
	g.b.WriteString(progHeader)
	for i, n := 0, 4+g.n(12); i < n; i++ {
		g.statement()
	}
	for _, v := range g.vars {
		g.line("show(%s)", v)
	}
	for _, t := range g.tabs {
		g.line("dump(%s)", t)
	}
	return g.b.String()
}

func (g *progen) scope(f func()) {
	v, t, fn := len(g.vars), len(g.tabs), len(g.funs)
	g.ind++
	g.depth++
	f()
	g.depth--
	g.ind--
	g.vars, g.tabs, g.funs = g.vars[:v], g.tabs[:t], g.funs[:fn]
}

func (g *progen) fresh(p string) string {
	g.label++
	return fmt.Sprintf("%s%d", p, g.label)
}

func (g *progen) body(max int) {
	for i, n := 0, 1+g.n(max); i < n; i++ {
		g.statement()
	}
}

func (g *progen) statement() {
	k := g.n(46)
	if k >= 26 && g.depth <= 3 {
		g.special()
		return
	}
	if g.depth > 3 {
		k = g.n(8)
	}
	switch k {
	case 0, 1:
		v := g.fresh("v")
		g.line("local %s = %s", v, g.safe())
		g.vars = append(g.vars, v)
	case 2:
		if len(g.vars) > 0 {
			g.use("assignment")
			g.line("%s = %s", g.one(g.vars...), g.safe())
			return
		}
		g.line("show(%s)", g.safe())
	case 3, 4:
		g.use("pcall")
		g.line("show(pcall(function() return %s end))", g.expr(3))
	case 5:
		g.tableStmt()
	case 6:
		g.stringStmt()
	case 7:
		g.line("show(%s)", g.safe())
	case 8:
		g.use("if")
		g.line("if %s then", g.cond())
		g.scope(func() { g.body(2) })
		if g.n(2) == 0 {
			g.line("elseif %s then", g.cond())
			g.scope(func() { g.body(2) })
		}
		if g.n(2) == 0 {
			g.line("else")
			g.scope(func() { g.body(2) })
		}
		g.line("end")
	case 9:
		g.use("numeric for")
		i := g.fresh("i")
		g.line("for %s = %s do", i, g.one("1, 3", "3, 1, -1", "1.0, 2", "0, 1, 0.25", "math.maxinteger - 1, math.maxinteger - 1", "1, 0", "-3, 3, 2", "10, 1, -4", "1, 2.5"))
		g.scope(func() {
			g.vars = append(g.vars, i)
			g.body(2)
			if g.n(4) == 0 {
				g.use("break")
				g.line("if %s then break end", g.cond())
			}
		})
		g.line("end")
	case 10:
		g.use("while")
		c := g.fresh("c")
		g.line("local %s = 0", c)
		g.line("while %s < %d do", c, 1+g.n(4))
		g.scope(func() {
			g.line("%s = %s + 1", c, c)
			if g.n(3) == 0 {
				g.use("goto")
				l := g.fresh("L")
				g.line("if %s then goto %s end", g.cond(), l)
				g.scope(func() { g.line("do"); g.body(2); g.line("end") })
				g.line("::%s::", l)
			} else {
				g.body(2)
			}
		})
		g.line("end")
	case 11:
		g.use("repeat")
		c := g.fresh("c")
		g.line("local %s = 0", c)
		g.line("repeat")
		g.scope(func() {
			g.line("%s = %s + 1", c, c)
			l := g.fresh("v")
			g.line("local %s = %s", l, c)
			if g.n(2) == 0 {
				g.line("local function cap%s() return %s end", l, l)
				g.line("show(cap%s())", l)
			}
			g.body(2)
			g.ind--
			g.line("until %s >= %d", l, 1+g.n(3))
			g.ind++
		})
	case 12, 13:
		g.function()
	case 14:
		g.use("ipairs")
		if len(g.tabs) == 0 {
			g.newTable()
		}
		i, v := g.fresh("k"), g.fresh("v")
		g.line("for %s, %s in ipairs(%s) do", i, v, g.one(g.tabs...))
		g.scope(func() {
			g.vars = append(g.vars, i, v)
			g.line("show(%s, %s)", i, v)
			g.line("if %s > 5 then break end", i)
		})
		g.line("end")
	case 15, 16:
		g.coroutine()
	case 17, 18:
		g.metatable()
	case 19:
		g.closures()
	case 20:
		g.use("error")
		g.line("show(pcall(function()")
		g.scope(func() {
			g.body(1)
			g.line("error(%s%s)", g.one("'msg'", "{}", "nil", "42", "true", "'a' .. 1"), g.one("", ", 0", ", 1", ", 2"))
		})
		g.line("end))")
	case 21:
		g.use("xpcall")
		g.line("show(xpcall(function(...) local a, b = ... ; return %s end, function(m) return type(m) == 'string' and m .. '!' or m end, %s, %s))", g.expr(2), g.atom(), g.atom())
	case 22:
		g.use("load")
		g.line("show(load(%q))", g.chunk())
		g.line("show(pcall(load(%q) or error))", "return "+g.expr(2))
	case 23:
		g.use("varargs")
		f := g.fresh("f")
		g.line("local function %s(...)", f)
		g.scope(func() {
			g.line("local a, b = ...")
			g.line("local t = {...}")
			g.line("show(select('#', ...), #t <= select('#', ...), a, b)")
			g.line("show((...))")
			g.line("return %s", g.one("...", "b, a, ...", "select(2, ...)", "(...)", "table.unpack({a, b}, 1, 2)", "table.pack(...).n"))
		})
		g.line("end")
		g.line("show(pcall(%s, %s, %s, nil))", f, g.atom(), g.atom())
		g.line("show(%s())", f)
	case 24:
		g.use("multiple assignment")
		a, b := g.fresh("v"), g.fresh("v")
		g.line("local %s, %s = %s, %s", a, b, g.safe(), g.safe())
		g.line("%s, %s = %s, %s", a, b, b, a)
		g.vars = append(g.vars, a, b)
		t := g.fresh("t")
		g.line("local %s = {}", t)
		g.line("local i = 1 i, %s[i], %s[i + 1] = i + 1, 20, 30", t, t)
		g.tabs = append(g.tabs, t)
	case 25:
		g.packStmt()
	}
}

// chunk is source text that may be wrong.
func (g *progen) chunk() string {
	return g.one("x = = 1", "return 1 +", "for i = 1 do end", "goto nowhere", "break", "local a <const> = 1", "return 'abc", "::a:: ::a::",
		"x = }", "return 1e", "return 0x", "return '\\q'", "f(", "a.b:c = 1", "if x then", "return ...", "local function f() return ... end",
		"return [==[ x ]=]", "x = 1 1", "return 'a\\x4'", "return '\\u{zz}'", "do local a goto l end local b ::l:: print(b)", "return 08", "return 3..4", "--[[", "and")
}

func (g *progen) newTable() string {
	t := g.fresh("t")
	g.use("table constructor")
	var items []string
	for i, n := 0, g.n(5); i < n; i++ {
		items = append(items, g.atomNotNil())
	}
	for i, n := 0, g.n(3); i < n; i++ {
		items = append(items, g.one("x = ", "y = ", "['a b'] = ", "[1000] = ", "[2.5] = ", "[-1] = ")+g.atomNotNil())
	}
	g.r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	g.line("local %s = {%s}", t, strings.Join(items, g.one(", ", "; ")))
	g.tabs = append(g.tabs, t)
	return t
}

func (g *progen) tableStmt() {
	if len(g.tabs) == 0 || g.n(3) == 0 {
		g.newTable()
		return
	}
	t := g.one(g.tabs...)
	switch g.n(12) {
	case 0:
		g.use("table.insert")
		g.line("show(pcall(table.insert, %s, %s))", t, g.atomNotNil())
	case 1:
		g.use("table.remove")
		g.line("show(pcall(table.remove, %s))", t)
	case 2:
		g.use("table.concat")
		g.line("show(pcall(table.concat, {1, 2.5, 'x', %s}, %q))", g.atom(), g.one("", ",", "--"))
	case 3:
		g.use("table.sort")
		g.line("do local s = {%s, %s, %s, %s} show(pcall(table.sort, s%s)) dump(s) end", g.num(), g.num(), g.num(), g.num(), g.one("", ", function(a, b) return a > b end"))
	case 4:
		g.use("table.move")
		g.line("dump(table.move({1, 2, 3, 4}, %d, %d, %d%s))", 1+g.n(3), g.n(5), 1+g.n(5), g.one("", ", {9, 9}"))
	case 5:
		g.use("table.unpack")
		g.line("show(table.unpack({%s, %s, %s}, %s))", g.atom(), g.atom(), g.atom(), g.one("1, 2", "2, 3", "1, 3", "0, 1", "3, 2", "-1, 1", "1, 0", "3, 4"))
	case 6:
		g.use("index assignment")
		g.line("%s[%s] = %s", t, g.one("1", "'x'", "'y'", "-5", "3.5", "true", "1 << 40", "2^53", "#"+t+" + 1.0"), g.atomNotNil())
	case 7:
		g.use("index")
		g.line("show(%s[%s], %s.x)", t, g.one("1", "'x'", "2.0", "3", "nil", "1.5", "2^53"), t)
	case 8:
		g.use("pcall index")
		g.line("show(pcall(function() %s[%s] = %s end))", t, g.one("nil", "0/0", "'q'", "1"), g.atomNotNil())
	case 9:
		g.use("next")
		g.line("show(next({}), next({5}), rawlen({1, 2}), rawequal(%s, %s), #{1, 2, 3})", t, t)
	case 10:
		g.use("table.pack")
		g.line("dump(table.pack(%s, nil, %s))", g.atom(), g.atom())
	case 11:
		g.use("nested table")
		g.line("do local n = {a = {b = {%s}}} show(n.a.b[1], pcall(function() return n.a.c.d end)) end", g.atomNotNil())
	}
}

func (g *progen) stringStmt() {
	s := g.str()
	p := g.pattern()
	switch g.n(16) {
	case 0:
		g.use("string.find")
		g.line("show(pcall(string.find, %s, %s%s))", s, p, g.one("", ", 2", ", -2", ", 1, true", ", 100"))
	case 1:
		g.use("string.match")
		g.line("show(pcall(string.match, %s, %s%s))", s, p, g.one("", ", 2", ", -3"))
	case 2, 3:
		g.use("string.gsub")
		g.line("show(pcall(string.gsub, %s, %s, %s%s))", s, p, g.one("'<%0>'", "'%1'", "'%2'", "'x'", "''", "'%%'", "'%'", "string.upper", "{a = 'b', l = true, o = false}", "function(a, b) return b or a end", "function() end", "function() return {} end", "'%0%0'"), g.one("", ", 1", ", 0"))
	case 4:
		g.use("string.gmatch")
		g.line("show(pcall(function() local n = 0 for a, b in string.gmatch(%s, %s) do n = n + 1 show(a, b) if n > 10 then break end end end))", s, p)
	case 5:
		g.use("string.rep")
		g.line("show(string.rep(%s, %d%s))", s, g.n(4)-1, g.one("", ", ','"))
	case 6:
		g.use("string.sub")
		g.line("show(string.sub(%s, %d, %d), (%s):sub(%d))", s, g.n(9)-4, g.n(9)-4, s, g.n(9)-4)
	case 7:
		g.use("string.byte")
		g.line("show(string.byte(%s, %d, %d))", s, g.n(7)-3, g.n(7)-3)
	case 8:
		g.use("string.char")
		g.line("show(pcall(string.char, %d, %d, %d))", g.n(128), g.n(200), g.n(260))
	case 9, 10, 11:
		g.format()
	case 12:
		g.use("string methods")
		g.line("show((%s):upper(), (%s):lower(), (%s):reverse(), #%s, (%s):len())", s, s, s, s, s)
	case 13:
		g.use("tostring/tonumber")
		g.line("show(tostring(%s), tonumber(%s), tonumber(%s, %d))", g.num(), g.one("'10'", "'0x1F'", "' 5 '", "'1e2'", "'0x.8p1'", "'abc'", "''", "'1e'", "'- 1'", "'9223372036854775808'", "'0x123456789abcdef01'", "'-0x8000000000000000'", "'1e500'", "'.5'", "'5.'", "'0x'", "'inf'", "'nan'", s), g.one("'10'", "'ff'", "'zz'", "'-7'", "'8'", "'1.5'", "''"), 2+g.n(35))
	case 14:
		g.use("utf8")
		g.line("show(pcall(utf8.%s))", g.one("len, 'h\\u{e9}llo'", "char, 72, 228, 8364, 65536", "codepoint, 'h\\u{e9}llo', 1, -1", "offset, 'h\\u{e9}llo', 3", "offset, 'h\\u{e9}llo', -2", "len, '\\xff'", "codepoint, '\\xff'", "char, -1", "len, 'abc', 5", "len, 'abc', 4", "offset, 'abc', 0, 2"))
	case 15:
		g.use("string coercion")
		g.line("show(%s .. %s, pcall(function() return %s + %s end))", g.num(), g.num(), g.one("'10'", "'0x10'", "'1e1'", "'x'", "' 3 '"), g.num())
	}
}

func (g *progen) format() {
	g.use("string.format")
	flags := g.one("", "-", "+", " ", "#", "0", "-+", "+0")
	width := g.one("", "", "5", "10", "1", "20")
	prec := g.one("", "", ".0", ".3", ".10", ".1")
	switch g.n(8) {
	case 0, 1:
		g.line("show(pcall(string.format, '%%%s%s%s%s', %s))", flags, width, prec, g.one("d", "i", "x", "X", "o"), g.one(g.intLit(), g.intLit(), g.num(), "'7'", "'x'"))
	case 2, 3, 4:
		g.line("show(pcall(string.format, '%%%s%s%s%s', %s))", flags, width, prec, g.one("f", "e", "g", "E", "G", "g"), g.one(g.floatLit(), g.num()))
	case 5:
		g.line("show(pcall(string.format, '%%%s%s%ss', %s))", g.one("", "-"), width, prec, g.one(g.str(), g.num(), "nil", "true", "setmetatable({}, {__tostring = function() return 'obj' end})"))
	case 6:
		g.line("show(pcall(string.format, '%%q', %s))", g.one(g.str(), g.intLit(), "1.5", "math.mininteger", "'a\\0b\\n\\r\\\\\"'", "nil", "true", "{}", "'\\0011\\200'"))
	case 7:
		g.line("show(pcall(string.format, %q, %s, %s))", g.one("%c%c", "%a", "%5.1a", "%%", "%", "%y", "%d %s", "%s %s %s", "%.20s", "%99d", "%100d", "%.100f", "%i"), g.intLit(), g.str())
	}
}

func (g *progen) packStmt() {
	g.use("string.pack")
	f := g.one("<i4", ">i4", "<I2", ">I2", "b", "B", "h", "H", "i3", ">I5", "j", "J", "f", "d", "n", "<d", ">f", "s1", "s2", "z", "c5", "!4 b i4", "!8 b d", "<i16", "i7", "l", "T", "!2 b h Xi4", "b x h", "i1 i2", "c2 z", "s", "<!4 i1 !8 j")
	v := g.one(g.intLit(), g.floatLit(), g.str(), "200", "-1", "70000", "1")
	w := g.one(g.intLit(), g.str(), "2")
	g.line("do local ok, s = pcall(string.pack, %q, %s, %s) show(ok, s)", f, v, w)
	g.line("  if ok then show(pcall(string.unpack, %q, s)) show(pcall(string.unpack, %q, s, 2)) end", f, f)
	g.line("  show(pcall(string.packsize, %q)) end", f)
}

func (g *progen) function() {
	g.use("function")
	f := g.fresh("f")
	a, b := g.fresh("p"), g.fresh("p")
	g.line("local function %s(%s, %s)", f, a, b)
	g.scope(func() {
		g.vars = append(g.vars, a, b)
		g.body(2)
		switch g.n(3) {
		case 0:
			g.line("return %s, %s", a, g.safe())
		case 1:
			g.use("tail call")
			g.line("return show(%s)", b)
		case 2:
			g.line("return pcall(function() return %s end)", g.expr(2))
		}
	})
	g.line("end")
	g.funs = append(g.funs, f)
	g.line("show(%s(%s, %s))", f, g.atom(), g.atom())
	if g.n(2) == 0 {
		g.line("show((%s(%s)))", f, g.atom())
	}
}

func (g *progen) closures() {
	g.use("closures")
	t := g.fresh("t")
	g.line("local %s = {}", t)
	g.line("for i = 1, 3 do")
	g.line("  local j = i * %s", g.one("2", "1.5", "i"))
	g.line("  %s[i] = function(d) j = j + (d or 1) ; i = i + 1 return i, j end", t)
	g.line("  if i == %d then %s end", 1+g.n(4), g.one("break", "j = 100", "goto out", "%[1]s[4] = %[1]s[i]"))
	src := g.b.String()
	g.b.Reset()
	g.b.WriteString(strings.ReplaceAll(src, "%[1]s", t))
	g.line("end")
	g.line("do local z ::out:: end")
	src = g.b.String() // a goto out of the loop cannot enter the block: use a label behind it
	g.b.Reset()
	lab := g.fresh("out")
	src = strings.ReplaceAll(src, "do local z ::out:: end", "::"+lab+"::")
	src = strings.ReplaceAll(src, "goto out end", "goto "+lab+" end")
	g.b.WriteString(src)
	g.line("do")
	g.line("for k = 1, 3 do if %s[k] then show(%s[k](k)) show(%s[k]()) end end", t, t, t)
	g.line("end")
	g.line("do") // the rest of the block is a scope of its own, behind the label
	g.scope(func() { g.body(2) })
	g.line("end")
}

func (g *progen) coroutine() {
	g.use("coroutine")
	c := g.fresh("co")
	switch g.n(7) {
	case 0, 1:
		g.line("local %s = coroutine.create(function(a, b)", c)
		g.scope(func() {
			g.vars = append(g.vars, "a", "b")
			g.line("show('start', a, b, coroutine.isyieldable(), coroutine.status(%s or coroutine.running()))", "nil")
			for i := 0; i < 1+g.n(3); i++ {
				if g.n(2) == 0 {
					g.body(1)
				}
				g.line("show(coroutine.yield(%s, %s))", g.atom(), g.atom())
			}
			g.line("%s", g.one("return a, 'end'", "error('oops')", "error({})", "return"))
		})
		g.line("end)")
		g.line("for i = 1, 5 do show(coroutine.resume(%s, i, 'r')) show(coroutine.status(%s)) end", c, c)
	case 2:
		g.use("yield across pcall")
		g.line("local %s = coroutine.wrap(function()", c)
		g.line("  show(pcall(function() local x = coroutine.yield(1) show(x) error(%s) end))", g.one("'e'", "{}", "x"))
		g.line("  show(xpcall(function() return coroutine.yield(2), %s end, function(m) return 'H' .. tostring(m) end))", g.safe())
		g.line("  return 'done'")
		g.line("end)")
		g.line("show(%s()) show(%s('a')) show(%s('b')) show(pcall(%s))", c, c, c, c)
	case 3:
		g.use("yield in metamethods")
		g.line("do local mt = {}")
		g.line("mt.__add = function(a, b) return coroutine.yield('add') end")
		g.line("mt.__index = function(t, k) return coroutine.yield(k) end")
		g.line("mt.__newindex = function(t, k, v) rawset(t, k, coroutine.yield('ni')) end")
		g.line("mt.__lt = function(a, b) return coroutine.yield('lt') end")
		g.line("mt.__le = function(a, b) return coroutine.yield('le') end")
		g.line("mt.__eq = function(a, b) return coroutine.yield('eq') end")
		g.line("mt.__concat = function(a, b) return coroutine.yield('cc') end")
		g.line("mt.__len = function(a) return coroutine.yield('len') end")
		g.line("mt.__call = function(self, ...) return coroutine.yield(...) end")
		g.line("mt.__unm = function(self) return coroutine.yield('unm') end")
		g.line("local a, b = setmetatable({}, mt), setmetatable({}, mt)")
		var ex []string
		for i := 0; i < 4; i++ {
			ex = append(ex, g.one("a + 1", "a.foo", "a < b", "a <= b", "a == b", "a ~= b", "a .. 'x' .. b", "'x' .. 'y' .. a .. 'z'", "#a", "a(1, 2)", "-a", "not (a < b)", "a < b and 'yes' or 'no'", "a > b", "(a == b) and 1"))
		}
		g.line("local co = coroutine.wrap(function() a.y = 5 show(rawget(a, 'y')) show(%s) return %s end)", strings.Join(ex[:2], ", "), strings.Join(ex[2:], ", "))
		g.line("for i = 1, 9 do show(pcall(co, %s)) end end", g.one("i", "i % 2 == 0", "nil", "'v' .. i", "i > 2"))
	case 4:
		g.use("yield in iterators")
		g.line("do local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * %s) end end) end", g.one("2", "0.5", "i"))
		g.line("for a, b in gen(%d) do show(a, b) if a > 3 then break end end end", g.n(6))
		g.line("do local co = coroutine.wrap(function() for k in function(s, c) return coroutine.yield(c) end, nil, 0 do show('k', k) end return 'fin' end)")
		g.line("show(co()) show(co(1)) show(co(2)) show(co(nil)) show(pcall(co)) end")
	case 5:
		g.use("coroutine misuse")
		g.line("show(coroutine.resume(coroutine.running())) show(select('#', coroutine.running()), select(2, coroutine.running()))")
		g.line("show(pcall(coroutine.yield, 1)) show(pcall(coroutine.resume, 1)) show(pcall(coroutine.create, 1))")
		g.line("do local co co = coroutine.create(function() return coroutine.resume(co) end) show(coroutine.resume(co)) show(coroutine.resume(co)) end")
		g.line("show(pcall(coroutine.wrap(function() return pcall(table.sort, {3, 2, 1}, function(a, b) coroutine.yield() return a < b end) end)))")
	case 6:
		g.use("nested coroutines")
		g.line("do local outer = coroutine.wrap(function() local inner = coroutine.wrap(function() coroutine.yield(%s) coroutine.yield(2) end)", g.atom())
		g.line("  coroutine.yield(inner()) coroutine.yield(inner()) inner() return pcall(inner) end)")
		g.line("show(outer()) show(outer()) show(outer()) show(pcall(outer)) end")
	}
}

func (g *progen) metatable() {
	g.use("metatables")
	m := g.fresh("m")
	g.line("local %s = setmetatable({v = %s}, {", m, g.num())
	g.ind++
	add := func(name, code string) {
		if g.n(3) > 0 {
			g.use(name)
			g.line("%s = %s,", name, code)
		}
	}
	for _, op := range []string{"__add", "__sub", "__mul", "__div", "__mod", "__pow", "__idiv", "__band", "__bor", "__bxor", "__shl", "__shr", "__concat"} {
		add(op, fmt.Sprintf("function(a, b) return '%s' .. type(a) .. type(b) end", op[2:]))
	}
	add("__unm", "function(a) return 'unm' end")
	add("__bnot", "function(a) return 'bnot' end")
	add("__len", g.one("function() return 42 end", "function() return 'len' end"))
	add("__eq", g.one("function() return true end", "function() return nil end"))
	add("__lt", g.one("function() return true end", "function() return 1 end", "function() return nil end"))
	add("__le", g.one("function() return false end", "function() return 'x' end"))
	add("__index", g.one("function(t, k) return k end", "{x = 1, foo = 'bar'}", "string"))
	add("__newindex", g.one("function(t, k, v) rawset(t, k, v and tostring(type(v))) end", "{}"))
	add("__call", "function(self, ...) return select('#', ...), ... end")
	add("__tostring", g.one("function() return 'M!' end", "function() return 1 end"))
	add("__name", "'My.Type'")
	add("__metatable", "'locked'")
	g.ind--
	g.line("})")
	ops := []string{"+", "-", "*", "/", "%", "^", "//", "&", "|", "~", "<<", ">>", "..", "==", "<", "<=", ">", ">=", "~="}
	for i := 0; i < 6; i++ {
		other := g.one(m, g.atom(), g.num(), "setmetatable({}, getmetatable("+m+") ~= 'locked' and getmetatable("+m+") or nil)")
		x, y := m, other
		if g.n(2) == 0 {
			x, y = y, x
		}
		g.line("show(pcall(function() return %s %s %s end))", x, g.one(ops...), y)
	}
	g.line("show(pcall(function() return -%s end)) show(pcall(function() return #%s end)) show(pcall(function() return ~%s end))", m, m, m)
	g.line("show(pcall(function() return %s.foo, %s[1], %s.v end)) show(pcall(%s, 1, 2))", m, m, m, m)
	g.line("show(pcall(function() %s.newkey = %s return rawget(%s, 'newkey') end))", m, g.atom(), m)
	g.line("show(pcall(function() return (tostring(%s):gsub('0x%%x+', 'A')) end)) show(getmetatable(%s) == 'locked', pcall(setmetatable, %s, nil))", m, m, m)
	g.line("show(pcall(function() return %s < 1 end)) show(pcall(function() return 'a' .. %s end))", m, m)
}

func (g *progen) intLit() string {
	return g.one("0", "1", "-1", "2", "3", "7", "-7", "10", "255", "256", "1000", "-3", "65536", "0x7fffffff", "0xffffffff", "2147483648", "math.maxinteger", "math.mininteger", "0xFFFFFFFFFFFFFFFF", "1 << 62", "9007199254740993", fmt.Sprint(g.n(1000)), fmt.Sprint(g.n(1<<30)))
}

func (g *progen) floatLit() string {
	return g.one("0.0", "-0.0", "1.0", "0.5", "-0.5", "1.5", "3.14159", "1e10", "1e15", "1e16", "1e100", "-1e-5", "2.5e-7", "1/3", "100.0", "2^53", "2^63", "-2^63", "1e308 * 10", "-1e308 * 10", "123456789.125", "0x1p-3", "0x.8", fmt.Sprintf("%d.%d", g.n(100), g.n(1000)))
}

func (g *progen) num() string {
	if g.n(2) == 0 {
		return g.intLit()
	}
	return g.floatLit()
}

func (g *progen) str() string {
	return g.one("'hello'", "'Hello World'", "''", "'a'", "'10'", "'0x10'", "'3.7'", "'abc abc'", "'key = value'", "'  trim  '", "'a,b,,c'", "'(x(y)z)'", "'f(a)g(b)'", "'THE (quick) fox'", "'x\\0y'", "'\\u{20ac}\\xff'", "[[long\nstring]]", "'123abc456'", "'aaaaab'", "'%d %s'", "'a.b.c'")
}

func (g *progen) pattern() string {
	return g.one("'l'", "'%a+'", "'%d+'", "'(%a+) = (%a+)'", "'^%s*(.-)%s*$'", "'%w'", "'[aeiou]'", "'[^%s]+'", "'.'", "'.-'", "'a*'", "'a-b'", "'%b()'", "'%f[%a]%a+'", "'(a)(b)?'", "'()'", "'()l()'", "'(.)%1'", "''", "'^a'", "'b$'", "'[a-c]+'", "'[]]'", "'[^]]'", "'%'", "'('", "')'", "'[a'", "'%f'", "'[%a-z]'", "'(%w)(%w)'", "'%x%x'", "'%g+'", "'%p'", "'a?b?c'", "'((a)(b))'", "'.+,'", "'[%-x]'", "'%b'", "'%1'", "'(()a)'", "'[a-]'", "'%%'", "'\\0'", "'%u%l+'")
}

func (g *progen) atom() string {
	switch g.n(8) {
	case 0:
		return g.one("nil", "true", "false")
	case 1, 2:
		return g.intLit()
	case 3:
		return g.floatLit()
	case 4:
		return g.str()
	case 5:
		if len(g.vars) > 0 {
			return g.one(g.vars...)
		}
		return "undefinedglobal"
	case 6:
		if len(g.tabs) > 0 {
			return g.one(g.tabs...)
		}
		return "{}"
	}
	return g.num()
}

func (g *progen) atomNotNil() string {
	switch g.n(4) {
	case 0:
		return g.intLit()
	case 1:
		return g.floatLit()
	case 2:
		return g.str()
	}
	return g.one("true", "false", "{1, 2}", "'z'")
}

func (g *progen) cond() string {
	switch g.n(5) {
	case 0:
		return fmt.Sprintf("%s == %s", g.atom(), g.atom())
	case 1:
		return fmt.Sprintf("%s < %s", g.num(), g.num())
	case 2:
		return fmt.Sprintf("not (%s) or %s", g.cond1(), g.cond1())
	case 3:
		return fmt.Sprintf("%s and %s", g.cond1(), g.atom())
	}
	return g.cond1()
}

func (g *progen) cond1() string {
	return g.one(g.atom(), fmt.Sprintf("%s <= %s", g.num(), g.num()), fmt.Sprintf("%s ~= %s", g.atom(), g.atom()), fmt.Sprintf("%s >= %s", g.str(), g.str()))
}

// safe is an expression that raises no error.
func (g *progen) safe() string {
	switch g.n(6) {
	case 0:
		g.use("float arithmetic")
		return fmt.Sprintf("%s %s %s", g.num(), g.one("+", "-", "*", "/"), g.num())
	case 1:
		g.use("bitwise")
		return fmt.Sprintf("%s %s %s", g.intLit(), g.one("&", "|", "~", "<<", ">>"), g.intLit())
	case 2:
		return fmt.Sprintf("(%s) %s %s", g.cond(), g.one("and", "or"), g.atom())
	case 3:
		return fmt.Sprintf("%s %s %s", g.atom(), g.one("==", "~="), g.atom())
	case 4:
		g.use("comparison")
		return fmt.Sprintf("%s %s %s", g.num(), g.one("<", "<=", ">", ">=", "=="), g.num())
	}
	return g.atom()
}

// expr is any expression; it may raise an error.
func (g *progen) expr(depth int) string {
	if depth == 0 {
		return g.atom()
	}
	switch g.n(14) {
	case 0, 1, 2, 3:
		g.use("arithmetic")
		return fmt.Sprintf("%s %s %s", g.sub(depth), g.one("+", "-", "*", "/", "//", "%", "^"), g.sub(depth))
	case 4:
		g.use("bitwise")
		return fmt.Sprintf("%s %s %s", g.sub(depth), g.one("&", "|", "~", "<<", ">>"), g.sub(depth))
	case 5:
		g.use("comparison")
		return fmt.Sprintf("%s %s %s", g.sub(depth), g.one("<", "<=", ">", ">=", "==", "~="), g.sub(depth))
	case 6:
		g.use("unary")
		return fmt.Sprintf("%s%s", g.one("- ", "not ", "#", "~"), g.sub(depth))
	case 7:
		g.use("concat")
		return fmt.Sprintf("%s .. %s", g.sub(depth), g.sub(depth))
	case 8:
		return fmt.Sprintf("%s %s %s", g.sub(depth), g.one("and", "or"), g.sub(depth))
	case 9:
		g.use("math")
		return fmt.Sprintf("math.%s(%s)", g.one("floor", "ceil", "abs", "tointeger", "type", "sqrt", "max", "min", "modf", "exp", "frexp"), g.expr(depth-1))
	case 10:
		g.use("math 2")
		return fmt.Sprintf("math.%s(%s, %s)", g.one("fmod", "max", "min", "ult", "ldexp", "pow"), g.expr(depth-1), g.expr(depth-1))
	case 11:
		g.use("bit32")
		return fmt.Sprintf("bit32.%s(%s, %s)", g.one("band", "bor", "bxor", "lshift", "rshift", "arshift", "lrotate", "rrotate", "btest", "extract"), g.intLit(), g.one("0", "1", "5", "31", "32", "-1", "255"))
	case 12:
		g.use("call of any value")
		return fmt.Sprintf("%s(%s)", g.one("undefinedfn", "(nil)", "('x').nomethod", "tostring", "type", "rawlen", "select", "tonumber", "ipairs", "next", "assert", "(1)", "({}).x.y"), g.expr(depth-1))
	}
	return g.atom()
}

func (g *progen) sub(depth int) string {
	if g.n(2) == 0 {
		return g.atom2()
	}
	return "(" + g.expr(depth-1) + ")"
}

func (g *progen) atom2() string {
	a := g.atom()
	if strings.ContainsAny(a, " ") && a[0] != '\'' && a[0] != '[' {
		return "(" + a + ")"
	}
	if a[0] == '{' || a[0] == '\'' || a[0] == '[' {
		return "(" + a + ")"
	}
	return a
}
