package lua53

import (
	"fmt"
	"strings"
)

// special writes a statement about one corner of the language.
func (g *progen) special() {
	corners := []func(){
		g.gotos, g.loopClosures, g.classes, g.events, g.proxies, g.yields, g.generators, g.borders, g.borders, g.coercions,
		g.errorNames, g.errorNames, g.tracebacks, g.environments, g.chunks, g.deep, g.lines, g.lines, g.inspection, g.collection,
		g.patterns, g.patterns, g.formats, g.formats, g.packs, g.packs, g.utf8s, g.tables, g.tables, g.mathFns, g.constants,
	}
	corners[g.n(len(corners))]()
}

// gotos jump backwards and out of loops, over closures.
func (g *progen) gotos() {
	g.use("goto out of loops and backwards")
	l, t := g.fresh("L"), g.fresh("q")
	switch g.n(5) {
	case 0:
		g.line("for i = 1, %d do for j = 1, 3 do if i * j %% %d == 0 then goto %s end show(i, j) end ::%s:: end", 1+g.n(4), 1+g.n(4), l, l)
	case 1:
		g.line("do local %s = 0 ::%s:: %s = %s + 1 if %s < %d then goto %s end show(%s) end", t, l, t, t, t, 1+g.n(5), l, t)
	case 2:
		g.line("do local fs, n = {}, 0 ::%s:: local x = n fs[#fs + 1] = function() x = x + 1 return x end n = n + 1 if n < 3 then goto %s end", l, l)
		g.line("for i = 1, 3 do show(fs[i](), fs[i]()) end end")
	case 3:
		g.line("for i = 1, 3 do for j = 1, 3 do if i + j == %d then goto %s end show(i, j) end end ::%s::", 2+g.n(6), l, l)
		g.line("do ::%s:: end do goto %s local z ::%s:: ; ::%sb:: end", l+"x", l+"y", l+"y", l)
	case 4:
		g.line("do local i = 0 repeat i = i + 1 if i == 2 then goto %s end do local k = i show(k) end ::%s:: until i >= 4 end", l, l)
		g.line("while true do if %s then goto %s end break end ::%s::", g.cond(), l+"z", l+"z")
	}
	g.line("do")
	g.scope(func() { g.body(1) })
	g.line("end")
}

func (g *progen) loopClosures() {
	g.use("closures in loops")
	f := g.fresh("fs")
	g.line("do local %s, sum = {}, 0", f)
	g.line("%s", g.one("for i = 1, 4 do", "for i = 4, 1, -1 do", "for _, i in ipairs({5, 6, 7}) do", "local w = 0 while w < 3 do w = w + 1 local i = w", "for i = 1.0, 2, 0.5 do", "local w = 0 repeat w = w + 1 local i = w"))
	open := g.lastLine()
	g.line("  local j = %s", g.one("i", "i * 2", "{i}", "sum"))
	g.line("  %s[#%s + 1] = function(d) %s return i, type(j) == 'table' and j[1] or j, sum end", f, f, g.one("i = i + (d or 1)", "j = d", "sum = sum + (d or 1)", ""))
	if strings.Contains(open, "repeat") {
		g.line("until %s", g.one("i >= 3", "w >= 3", "#"+f+" >= 3"))
	} else {
		g.line("  %s", g.one("if i == 2 then break end", "", "i = i + 10", "sum = i"))
		g.line("end")
	}
	g.line("for k = 1, #%s do show(%s[k](%d)) show(%s[k]()) end end", f, f, g.n(9), f)
}

// lastLine is what was written last.
func (g *progen) lastLine() string {
	s := strings.TrimRight(g.b.String(), "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func (g *progen) classes() {
	g.use("classes")
	c, d := g.fresh("C"), g.fresh("D")
	g.line("local %s = {} %s.__index = %s", c, c, c)
	g.line("function %s.new(v) return setmetatable({v = v}, %s) end", c, c)
	g.line("function %s:get(...) return self.v, select('#', ...) end", c)
	g.line("function %s:set(v) self.v = v return self end", c)
	g.line("%s.__tostring = function(self) return '<' .. tostring(self.v) .. '>' end", c)
	g.line("%s.__eq = function(a, b) return a.v == b.v end %s.__lt = function(a, b) return a.v < b.v end", c, c)
	g.line("local %s = setmetatable({}, {__index = %s, __call = function(cls, ...) return %s.new(...) end}) %s.__index = %s", d, c, c, d, d)
	g.line("function %s:get() local a, b = %s.get(self, 1, 2) return b, a end", d, c)
	g.line("do local a, b, x = %s.new(%s), %s.new(%s), setmetatable({v = %s}, %s)", c, g.num(), c, g.num(), g.atom(), d)
	g.line("show(a:get()) show(a:set(%s):get(1, nil)) show(x:get()) show(tostring(a):gsub('0x%%x+', '')) show(pcall(function() return a < b, a == b, a <= b end))", g.atom())
	g.line("show(pcall(function() return %s(5):get(), x:nope() end)) show(pcall(%s.get)) show(pcall(function() return a < %s end)) end", d, c, g.atom())
}

// events covers what every event gets, and in which order.
func (g *progen) events() {
	g.use("all events")
	var ev []string
	for _, e := range []string{"add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat", "len", "eq", "lt", "le", "index", "newindex", "call"} {
		if g.n(4) > 0 {
			ev = append(ev, e)
		}
	}
	g.line("do local log = {}")
	g.line("local mt = {} for _, e in ipairs({'%s'}) do mt['__' .. e] = function(...)", strings.Join(ev, "', '"))
	g.line("  local t = {e, select('#', ...)} for i = 1, select('#', ...) do local v = select(i, ...) t[#t + 1] = type(v) == 'table' and (rawget(v, 'n') or 't') or tostring(v) end")
	g.line("  log[#log + 1] = table.concat(t, ' ') return %s end end", g.one("true", "1", "nil", "...", "'r'", "select(2, ...)", "false, 2"))
	g.line("mt.__pairs = function(t) return function(_, k) if not k then return 1, 'p' end end, t, nil end")
	g.line("local a, b = setmetatable({n = 'a'}, mt), setmetatable({n = 'b'}, %s)", g.one("mt", "{}", "{__eq = mt.__eq, __lt = mt.__lt}"))
	for i := 0; i < 5; i++ {
		x, y := g.one("a", "b", g.num(), g.str()), g.one("a", "b", g.num(), g.str(), "nil")
		g.line("show(pcall(function() return (%s) %s (%s) end))", x, g.one("+", "-", "*", "/", "%", "^", "//", "&", "|", "~", "<<", ">>", "..", "..", "==", "~=", "<", "<=", ">", ">="), y)
	}
	g.line("show(pcall(function() return -a, ~a, #a, a.x, a[1] end)) show(pcall(function() a.x = 1 b.y = 2 end)) show(pcall(a, %s)) show(pcall(function() return a(1, nil, 2) end))", g.atom())
	g.line("show(pcall(function() return 'x' .. a .. 1 .. b .. 'y' end)) for k, v in pairs(a) do if type(k) == 'number' then show(k, v) end end")
	g.line("for _, l in ipairs(log) do show(l) end show(rawequal(a, b), rawlen(a), rawget(a, 'x'), rawget(b, 'y')) end")
}

// proxies stand before tables that library functions work on.
func (g *progen) proxies() {
	g.use("library functions on proxies")
	g.line("do local store = {%s, %s, %s}", g.num(), g.num(), g.num())
	g.line("local p = setmetatable({}, {__index = function(_, k) return store[k] end, __newindex = function(_, k, v) store[k] = v end, __len = function() return %s end})", g.one("#store", "#store", "2", "'3'", "2.0", "2.5", "nil"))
	for i := 0; i < 3; i++ {
		g.line("show(pcall(%s))", g.one("table.insert, p, 'new'", "table.insert, p, 1, 'new'", "table.remove, p", "table.remove, p, 1", "table.concat, p, '-'", "table.unpack, p", "table.unpack, p, 2", "table.sort, p", "table.sort, p, function(a, b) return a > b end", "table.move, p, 1, 2, 2", "table.move, p, 1, 3, 1, {}", "next, p", "rawlen, p", "#p", "ipairs(p)", "select, '#', p"))
		g.line("dump(store)")
	}
	g.line("for i, v in ipairs(p) do show(i, v) if i > 4 then break end end end")
}

func (g *progen) yields() {
	g.use("yield across everything")
	g.line("do local y = coroutine.yield")
	g.line("local mt = {__index = function(t, k) return y('i', k) end, __call = function(s, a) return y('c', a) end, __concat = function(a, b) return y('..') end, __eq = function() return y('eq') end, __lt = function() return y('lt') end, __le = function() return y('le') end, __len = function() return y('len') end, __unm = function() return y('unm') end, __bnot = function() return y('bnot') end, __add = function() return y('add') end, __newindex = function(t, k, v) y('ni', k, v) rawset(t, k, v) end, __pairs = function(t) y('pairs') return next, {1}, nil end}")
	g.line("local o, q = setmetatable({}, mt), setmetatable({}, mt)")
	g.line("local co = coroutine.%s(function(...)", g.one("wrap", "wrap", "create"))
	wrapped := strings.Contains(g.lastLine(), "wrap")
	for i := 0; i < 2+g.n(3); i++ {
		g.line("  %s", g.one(
			"show(pcall(function(...) local a = y(...) error(a, 0) end, ...))",
			"show(select(2, pcall(pcall, y, 1)))",
			"show(xpcall(y, function(m) return m end, 5))",
			"show(xpcall(function() y() local n n() end, function(m) return 'h:' .. m end))",
			"for k, v in pairs(o) do show(k, v) end",
			"for a in function(_, c) return y('it', c) end, nil, 1 do show(a) if a == 2 then break end end",
			"show(o.x, o(1), #o)", "show(o == q, o ~= q)", "if o < q then show('less') else show('not') end", "while o <= q do show('le') break end",
			"o.f = 1 show(rawget(o, 'f'))", "show('a' .. 'b' .. o .. 'c')", "show(-o, ~o, o + 1)", "show(o.x and o.y or o.z)",
			"local t = {y(1), y(2), y(3)} show(table.unpack(t, 1, 3))", "show(coroutine.isyieldable(), select(2, coroutine.running()))",
			"show(pcall(string.gsub, 'abc', '%w', y))", "show(pcall(table.sort, {3, 2, 1}, function(a, b) return y(a, b) end))", "show(pcall(load, function() return y() end))",
			"show((function(...) return y(...) end)(1, nil, 3))", "show(pcall(error))", "show(select('#', y()))", "local inner = coroutine.wrap(function() y('in') return 'out' end) show(inner()) show(y('mid')) show(inner()) show(pcall(inner))",
			"show(pcall(function() for i in coroutine.wrap(function() y(1) error('it') end) do show(i) end end))", "return y('tail')"))
		if strings.Contains(g.lastLine(), "return y('tail')") {
			break
		}
	}
	g.line("end)")
	if wrapped {
		g.line("for i = 1, 8 do show(pcall(co, %s)) end end", g.one("i", "i % 3 == 0", "nil", "'r' .. i", "i > 4", "o"))
		return
	}
	g.line("for i = 1, 8 do show(coroutine.resume(co, %s)) show(coroutine.status(co)) end", g.one("i", "i % 3 == 0", "nil", "'r' .. i", "i > 4", "o"))
	g.line("show((debug.traceback(co))) end")
}

func (g *progen) generators() {
	g.use("generators")
	switch g.n(3) {
	case 0:
		g.line("do local function perm(a, n) if n == 0 then coroutine.yield(a) else for i = 1, n do a[n], a[i] = a[i], a[n] perm(a, n - 1) a[n], a[i] = a[i], a[n] end end end")
		g.line("for p in coroutine.wrap(function() perm({%s, 'b', %s}, %d) end) do show(p[1], p[2], p[3]) end end", g.num(), g.num(), 1+g.n(3))
	case 1:
		g.line("do local function gen(n) return coroutine.wrap(function() for i = 2, n do coroutine.yield(i) end end) end")
		g.line("local function filter(p, gn) return coroutine.wrap(function() for n in gn do if n %% p ~= 0 then coroutine.yield(n) end end end) end")
		g.line("local x, n = gen(%d), 0 while true do local p = x() if p == nil then break end show(p) x = filter(p, x) end end", 5+g.n(20))
	case 2:
		g.line("do local q = {} local function task(id, n) return coroutine.create(function() for i = 1, n do q[#q + 1] = id .. i coroutine.yield(i) end return id end) end")
		g.line("local ts = {task('a', %d), task('b', %d), task('c', %d)} while #ts > 0 do for i = #ts, 1, -1 do local ok, v = coroutine.resume(ts[i]) if coroutine.status(ts[i]) == 'dead' then show(ok, v, (table.remove(ts, i))) end end end show(table.concat(q, ' ')) end", g.n(4), g.n(4), g.n(4))
	}
}

// errorNames raises errors that name variables.
func (g *progen) errorNames() {
	g.use("error texts with names")
	bad := g.one("nil", "{}", "true", "5", "'s'", "print")
	g.line("do local loc, up, t, s = %s, %s, {f = {}, n = %s}, 'str' local function inner() return up end glob = %s", bad, g.one("nil", "{}", "7", "'u'"), g.atom(), g.atom())
	for i := 0; i < 4; i++ {
		x := g.one("loc", "up", "glob", "t.f", "t.n", "t.f.g", "t['n']", "t[1]", "s", "s.x", "(loc)", "(nil)", "t[loc]", "_G.none", "('k')", "_ENV", "t.f[s]", "up[1]", "nope", "t.n.m")
		e := g.one("%s()", "%s.x", "%s.x.y", "%s[1][2]", "%s + 1", "1 - %s", "%s .. 'x'", "'x' .. %s", "#%s", "-%s", "~%s", "%s < 1", "1 < %s", "%s <= %s", "%s & 1", "1 << %s", "%s:m()", "%s.a.b.c()", "s:nomethod()", "%s // 0", "%s % 0", "{} .. %s", "t[%s]", "2^53 | %s", "math.huge & %s", "%s('a', 1)", "t:f()", "string.rep(%s)", "(%s)(1)", "%s{}", "%s'x'", "loc.x", "#up", "select(%s)", "('x'):sub(%s)", "ipairs(%s)", "setmetatable(%s, %s)")
		e = strings.ReplaceAll(e, "%s", x)
		switch g.n(4) {
		case 0:
			g.line("show(pcall(function() return %s end))", e)
		case 1:
			g.line("show(pcall(function() local function f() local a = 1 ; local b = up ; local r = %s ; return r, a, b, inner end return f() end))", e)
		case 2:
			g.line("show(pcall(function() %s = %s end))", g.one("t.f.g.h", "loc.x", "up.x", "glob.y", "t[nil]", "nope.x", "t.n.z", "s.x", "t[0/0]", "_ENV.x.y"), g.atom())
		case 3:
			g.line("show(pcall(function() for i = %s, %s%s do break end for k in %s do break end end))", x, g.num(), g.one("", ", 0", ", '1'", ", {}"), x)
		}
	}
	g.line("end")
}

func (g *progen) tracebacks() {
	g.use("tracebacks")
	g.line("do local function thrower(x) %s end", g.one("error('t')", "error('t', 2)", "error({})", "local n = nil ; return n.x", "return nil + x", "x()", "error()", "string.rep()", "('x'):rep(1, 2, 3, {}, x.y)"))
	g.line("local M = {} function M.field() thrower(1) return 1 end function M:method() return (M.field()) end")
	g.line("local mt = setmetatable({}, {__index = function(t, k) return M:method() end, __add = function(a, b) return a.x end})")
	g.line("function globalfn(...) local a = %s return a end", g.one("M.field()", "M:method()", "mt.x", "mt + 1", "pcall(M.field)", "thrower()", "coroutine.wrap(M.field)()", "table.sort({1, 2, 3}, M.field)", "string.gsub('x', '.', M.field)", "load('globalthrow()', '=chunk')()"))
	g.line("globalthrow = thrower")
	call := g.one("globalfn", "function() return globalfn() end", "function() globalfn() end", "function() for i in globalfn do break end end")
	g.line("local ok, tb = xpcall(%s, %s) show(ok, tb)", call, g.one("debug.traceback", "function(m) return debug.traceback(m, 1) end", "function(m) return debug.traceback('msg', 2) end", "function(m) return debug.traceback() end", "function(m) error(m) end", "function(m) return debug.traceback(tostring(type(m)), 0) end"))
	g.line("local co = coroutine.create(%s) show(coroutine.resume(co)) show(debug.traceback(co)) show(debug.traceback(co, nil, 1)) show(debug.traceback(co, 'm', 0)) end", g.one("globalfn", "function() coroutine.yield(1) end", "M.field", "function() M.method() end"))
}

func (g *progen) environments() {
	g.use("_ENV")
	switch g.n(4) {
	case 0:
		g.line("do local e = setmetatable({}, {__index = _G}) local _ENV = e x = %s y = x show(x, y, rawget(e, 'x')) function gf() return x end show(gf()) end show(x, gf)", g.atom())
	case 1:
		g.line("show(pcall(function() local _ENV = {show = show} show(print) nope() end)) show(pcall(function(_ENV) return a, b end, {a = %s}))", g.atom())
	case 2:
		g.line("do local f = load('x = (x or 0) + 1 return x, _ENV ~= nil', 'c', 't', {x = %s}) show(pcall(f)) show(pcall(f)) local h = load('return g', 'c', 'bt', nil) show(pcall(h)) end", g.num())
	case 3:
		g.line("show(pcall(function() local _ENV = nil return x end)) show(pcall(function() local _ENV = setmetatable({}, {__index = function(_, k) return k end, __newindex = error}) x = y end))")
	}
}

// chunks load, dump and load again.
func (g *progen) chunks() {
	g.use("load and dump")
	switch g.n(4) {
	case 0:
		g.line("do local n = 0 local parts = {'return ', %s, nil} show(pcall(function() return load(function() n = n + 1 return parts[n] end)() end)) show(load(function() return %s end)) end", g.one("'1'", "2", "2.5", "'x'", "''", "false"), g.one("nil", "{}", "true", "''"))
	case 1:
		g.line("do local function f(a, ...) local b = a and %s ; local t = {...} return b, #t, select('#', ...) end", g.atom())
		g.line("local d = load(string.dump(f%s), 'd', 'b') show(pcall(d, 1, 2, 3)) show(load(string.dump(f), 'd', 't')) show(load('return 1', 'd', 'b')) end", g.one("", ", true"))
	case 2:
		g.line("show(load(%q, %s)) show(pcall(load(%q, %s) or error))", g.chunk(), g.one("'=n'", "'@file.lua'", "'code here'", "'a very long chunk name that goes on and on and on until it is cut somewhere near the end'", "'line\\nbreak'", "nil"), "error('e')", g.one("'=n'", "'@f.lua'", "'x\\ny'"))
	case 3:
		g.line("do local function counter() local c = %s return function() c = c + 1 return c end end local f = load(string.dump(counter())) show(pcall(f)) debug.setupvalue(f, 1, 41) show(pcall(f)) show(pcall(string.dump, print)) end", g.num())
	}
}

func (g *progen) deep() {
	g.use("deep calls")
	switch g.n(4) {
	case 0:
		g.line("do local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + %s) end show(loop(%d, 0)) end", g.num(), 100+g.n(3000))
	case 1:
		g.line("do local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end show(fact(%d), fact(%d.0)) end", g.n(60), g.n(60))
	case 2:
		g.line("do local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end show(fib(%d)) end", g.n(14))
	case 3:
		g.line("do local function ack(m, n) if m == 0 then return n + 1 elseif n == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, n - 1)) end show(ack(%d, %d)) end", g.n(3), g.n(5))
	}
	if g.n(12) == 0 {
		g.use("stack overflow")
		g.line("do local function inf(x) return 1 + inf(x) end local ok, m = pcall(inf) show(ok, (m:gsub(' %%(message.*', ''))) end")
	}
}

// lines spreads expressions over lines: errors name the right one.
func (g *progen) lines() {
	g.use("errors in statements of many lines")
	nl := func() string { return g.one("\n", "\n\n", " ", "\n  --[[ c\nc ]] ", " -- x\n") }
	n := g.one("(nil)", "({})", "up")
	g.line("do local up, obj = nil, {f = function(...) return ... end, g = {}} ; function obj:m(...) return self end")
	for i := 0; i < 3; i++ {
		e := g.one("obj.f@(@1,@%s.x@)", "obj@.g@.h@.i", "obj:m(@1@)@:m(@%s@)@:nope()", "{@a@=@1,@%s@.x,@b = %s@+@1@}", "1@+@2@*@(%s@)@/@3", "'a'@..@'b'@..@%s@..@'c'", "obj@.f@{@%s@.y@}", "obj.f@(obj.g@,@obj.nope@(@1))", "(@up@)@(@)", "not@(%s@<@1@)", "1@<@%s@and@2", "up@or@up@.x", "obj@[@up@]@[@1@]", "#@up", "-@%s", "obj.f(function()@return@%s@.x@end@)@()", "select(@2,@1,@up@.z)", "error(@'here'@)", "error('two'@,@2)", "obj.f(@error@'x'@)", "string.rep(@%s@)", "obj.g@.x@.y@==@1", "~@1.5", "1@//@0", "1@%@0")
		e = strings.ReplaceAll(e, "%s", n)
		var b strings.Builder
		for i, part := range strings.Split(e, "@") {
			if i > 0 {
				b.WriteString(nl())
			}
			b.WriteString(part)
		}
		src := b.String()
		if g.n(3) == 0 {
			g.line("show(pcall(function()%slocal%sa%s=%s%s%send))", nl(), nl(), nl(), nl(), src, nl())
		} else {
			g.line("show(pcall(function()%sreturn%s%s%send))", nl(), nl(), src, nl())
		}
	}
	g.line("end")
}

func (g *progen) inspection() {
	g.use("debug")
	g.line("do local function f(a, b, ...) local c = a ; local i = debug.getinfo(1, 'nSlutf') show(i.name, i.namewhat, i.what, i.short_src, i.source, i.currentline, i.linedefined, i.lastlinedefined, i.nups, i.nparams, i.isvararg, i.istailcall, i.func == f)")
	g.line("  for k = -2, 5 do local n, v = debug.getlocal(1, k) if n and n:sub(1, 1) ~= '(' then show(n, v) end end return c end")
	switch g.n(4) {
	case 0:
		g.line("show(f(%s, %s, %s)) local t = {m = f} show(t.m(1)) show(t:m())", g.atom(), g.atom(), g.atom())
	case 1:
		g.line("local function tail(...) return f(...) end show(tail(1, 2))")
		g.line("local i = debug.getinfo(f, 'L') local ls = {} for l in pairs(i.activelines) do ls[#ls + 1] = l end table.sort(ls) show(table.unpack(ls))")
	case 2:
		g.line("local u1, u2 = %s, %s local function up() return u1, u2 end local function up2() return u2 end show(debug.getupvalue(up, 1)) show(debug.getupvalue(up, 2)) show(debug.getupvalue(up, 3)) show(debug.setupvalue(up, 1, 'new')) show(up()) show(debug.upvalueid(up, 2) == debug.upvalueid(up2, 1)) debug.upvaluejoin(up, 1, up2, 1) show(up())", g.atom(), g.atom())
		g.line("show(debug.getlocal(f, 1)) show(debug.getlocal(f, 3)) show(pcall(debug.getlocal, 99, 1)) show(debug.getinfo(99)) show(pcall(debug.getinfo, 1, 'X'))")
	case 3:
		g.line("local mt = {} show(debug.setmetatable(%s, nil) == nil, debug.getmetatable('').__index == string) local x = 1 show(debug.setlocal(1, 3, 'z') ~= nil)", g.one("1", "nil", "true"))
		g.line("do local n = 0 debug.sethook(function(e, l) n = n + 1 end, %s) local s = 0 for i = 1, 3 do s = s + i end debug.sethook() show(n, s, debug.gethook()) end", g.one("'l'", "'c'", "'r'", "'crl'", "'', 3", "'l', 5"))
	}
	g.line("end")
}

// collection covers weak tables and finalizers after a full collection.
func (g *progen) collection() {
	g.use("weak tables and finalizers")
	g.line("do local w = setmetatable({}, {__mode = '%s'}) local keep = {}", g.one("k", "v", "kv"))
	g.line("  local function fill() for i = 1, 4 do local o = {} if i %% 2 == %d then keep[#keep + 1] = o end w[%s] = %s end w.s = 'str' w[100] = {} end", g.n(2), g.one("o", "i"), g.one("o", "i", "{o}", "'v'"))
	g.line("  fill() collectgarbage() local n = 0 for k, v in pairs(w) do n = n + 1 end show(n, #keep, w.s, w[100] == nil) end")
	g.line("do local log = {} local function make() for i = 1, 3 do setmetatable({}, {__gc = function() log[#log + 1] = i end}) end end make() collectgarbage() show(table.unpack(log)) end")
	g.line("do local e = setmetatable({}, {__mode = 'k'}) local function f() local k = {} e[k] = {k} local k2 = {} e[k2] = k end f() collectgarbage() show(next(e)) end")
}

// constants covers operators that the compiler folds, and conditions whose
// outcome it knows.
func (g *progen) constants() {
	g.use("constant expressions")
	k := func() string {
		return g.one("nil", "true", "false", "1", "0", "'s'", "1.5", "x", "t.y", "g", "nil", "false", "(1)", "(nil)", "-1", "not 1", "x + 1", "x < 2", "f()", "...")
	}
	var e strings.Builder
	e.WriteString(k())
	for i := 0; i < 1+g.n(4); i++ {
		fmt.Fprintf(&e, " %s %s", g.one("and", "or", "and", "or", "==", "+", "..", "<"), g.one(k(), "("+k()+" "+g.one("and", "or")+" "+k()+")", "not "+k()))
	}
	g.line("do local x, t = %s, {y = %s} local function f() show('f') return %s end", g.atom(), g.atom(), g.one("nil", "false", "1"))
	g.line("show(pcall(function(...) return %s end, %s)) show(pcall(function(...) if %s then return 1 else return 2 end end)) show(pcall(function(...) local a = %s return a end))", e.String(), g.atom(), e.String(), e.String())
	g.line("show(pcall(function(...) x = %s t.z = %s while %s do return x, t.z end end)) show(pcall(function(...) return not (%s), (%s) + 1 end)) end", e.String(), e.String(), e.String(), e.String(), e.String())
}
