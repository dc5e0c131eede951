package lua53

import "fmt"

// maxLevels bounds the nesting of the syntax, as C Lua's LUAI_MAXCCALLS does.
const maxLevels = 200

// maxSpine bounds chains like a+a+a or f()()(), which nest to the left.
const maxSpine = 20000

type parser struct {
	lexer
	level int
	fn    *funcBody // for messages
}

func (p *parser) enter() {
	p.level++
	if p.level > maxLevels {
		p.limit("C levels", maxLevels)
	}
}

func (p *parser) leave() { p.level-- }

// limit reports that a function has too many of something.
func (p *parser) limit(what string, n int) {
	where := "main function"
	if p.fn != nil && p.fn.line > 0 {
		where = fmt.Sprintf("function at line %d", p.fn.line)
	}
	p.syntax(fmt.Sprintf("too many %s (limit is %d) in %s", what, n, where))
}

func (p *parser) expect(t token) {
	if p.t != t {
		p.syntax(tokenText(t) + " expected")
	}
	p.next()
}

func (p *parser) accept(t token) bool {
	if p.t == t {
		p.next()
		return true
	}
	return false
}

// match expects the token that closes what opened at line.
func (p *parser) match(what, who token, line int) {
	if p.t == what {
		p.next()
		return
	}
	if line == p.line {
		p.syntax(tokenText(what) + " expected")
	}
	p.syntax(fmt.Sprintf("%s expected (to close %s at line %d)", tokenText(what), tokenText(who), line))
}

func (p *parser) name() string {
	if p.t != tkName {
		p.syntax("<name> expected")
	}
	s := p.s
	p.next()
	return s
}

func (p *parser) mainBody() *funcBody {
	f := &funcBody{vararg: true}
	p.fn = f
	p.line, p.lastLine = 1, 1
	p.next()
	f.block = p.block()
	if p.t != tkEOF {
		p.syntax("<eof> expected")
	}
	f.lastLine = p.lastLine
	return f
}

func (p *parser) blockEnds(until bool) bool {
	switch p.t {
	case tkElse, tkElseif, tkEnd, tkEOF:
		return true
	case tkUntil:
		return until
	}
	return false
}

func (p *parser) block() []stmt {
	var b []stmt
	for !p.blockEnds(true) {
		if p.t == tkReturn {
			b = append(b, p.returnStmt())
			break
		}
		p.enter()
		if s := p.statement(); s != nil {
			b = append(b, s)
		}
		p.leave()
	}
	return b
}

func (p *parser) returnStmt() stmt {
	p.next()
	s := &sReturn{}
	if !p.blockEnds(true) && p.t != ';' {
		s.exprs = p.exprList()
	}
	s.line = p.lastLine
	p.accept(';')
	return s
}

func (p *parser) statement() stmt {
	line := p.line
	switch p.t {
	case ';':
		p.next()
		return nil
	case tkIf:
		return p.ifStmt()
	case tkWhile:
		p.next()
		s := &sWhile{}
		s.cond = p.expr()
		s.condLine = p.lastLine
		p.expect(tkDo)
		s.block = p.block()
		s.line = p.lastLine
		p.match(tkEnd, tkWhile, line)
		return s
	case tkDo:
		p.next()
		b := p.block()
		p.match(tkEnd, tkDo, line)
		return &sDo{b, p.lastLine}
	case tkFor:
		return p.forStmt()
	case tkRepeat:
		p.next()
		s := &sRepeat{}
		s.block = p.block()
		p.match(tkUntil, tkRepeat, line)
		s.cond = p.expr()
		s.line = p.lastLine
		return s
	case tkFunction:
		return p.functionStmt()
	case tkLocal:
		p.next()
		if p.accept(tkFunction) {
			n := p.name()
			return &sLocalFunc{n, p.body(false, line), line}
		}
		return p.localStmt()
	case tkDbColon:
		return p.labelStmt()
	case tkGoto:
		p.next()
		return &sGoto{p.name(), line}
	case tkBreak:
		p.next()
		return &sBreak{line}
	}
	return p.exprStmt()
}

func (p *parser) labelStmt() stmt {
	line := p.line
	p.next()
	s := &sLabel{name: p.name(), line: line}
	p.expect(tkDbColon)
	for p.t == ';' { // labels behind it do not matter: they are void too
		p.next()
	}
	s.last = p.blockEnds(false) || p.t == tkDbColon && p.onlyLabels()
	return s
}

// onlyLabels reports whether nothing but labels and semicolons follow in the
// block. It scans a copy of the state.
func (p *parser) onlyLabels() bool {
	save := *p
	defer func() { *p = save }()
	for {
		switch p.t {
		case ';':
			p.next()
		case tkDbColon:
			p.next()
			if p.t != tkName {
				return false
			}
			p.next()
			if p.t != tkDbColon {
				return false
			}
			p.next()
		default:
			return p.blockEnds(false)
		}
	}
}

func (p *parser) ifStmt() stmt {
	line := p.line
	s := &sIf{}
	for {
		p.next() // if or elseif
		s.conds = append(s.conds, p.expr())
		p.expect(tkThen)
		s.then = append(s.then, p.lastLine)
		s.blocks = append(s.blocks, p.block())
		s.lines = append(s.lines, p.lastLine)
		if p.t != tkElseif {
			break
		}
	}
	if p.accept(tkElse) {
		s.orelse = p.block()
		if s.orelse == nil {
			s.orelse = []stmt{}
		}
	}
	p.match(tkEnd, tkIf, line)
	return s
}

func (p *parser) forStmt() stmt {
	line := p.line
	p.next()
	n := p.name()
	switch p.t {
	case '=':
		p.next()
		s := &sFor{name: n, line: line}
		s.start = p.expr()
		p.expect(',')
		s.limit = p.expr()
		if p.accept(',') {
			s.step = p.expr()
		}
		p.expect(tkDo)
		s.bodyLine = p.lastLine
		s.block = p.block()
		p.match(tkEnd, tkFor, line)
		return s
	case ',', tkIn:
		s := &sForIn{names: []string{n}, line: line}
		for p.accept(',') {
			s.names = append(s.names, p.name())
		}
		p.expect(tkIn)
		s.bodyLine = p.line
		s.exprs = p.exprList()
		p.expect(tkDo)
		s.block = p.block()
		p.match(tkEnd, tkFor, line)
		return s
	}
	p.syntax("'=' or 'in' expected")
	return nil
}

func (p *parser) functionStmt() stmt {
	line := p.line
	p.next()
	var target expr = &eName{p.s, p.line}
	p.name()
	method := false
	for n := 0; p.t == '.' || p.t == ':'; n++ {
		if n > maxSpine {
			p.limit("C levels", maxSpine)
		}
		method = p.t == ':'
		p.next()
		target = &eIndex{target, &eStr{p.s, p.line}, p.line}
		p.name()
		if method {
			break
		}
	}
	return &sFunction{target, p.body(method, line), line}
}

func (p *parser) localStmt() stmt {
	s := &sLocal{names: []string{p.name()}}
	for p.accept(',') {
		if len(s.names) >= maxLocals {
			p.limit("local variables", maxLocals)
		}
		s.names = append(s.names, p.name())
	}
	if p.accept('=') {
		s.exprs = p.exprList()
	}
	s.line = p.lastLine
	return s
}

func (p *parser) exprStmt() stmt {
	e := p.suffixed()
	if p.t == '=' || p.t == ',' {
		s := &sAssign{targets: []expr{e}}
		for {
			if !assignable(e) {
				p.syntax("syntax error")
			}
			if !p.accept(',') {
				break
			}
			e = p.suffixed()
			s.targets = append(s.targets, e)
			if len(s.targets)+p.level > maxLevels {
				p.limit("C levels", maxLevels)
			}
		}
		p.expect('=')
		s.exprs = p.exprList()
		s.line = p.lastLine
		return s
	}
	switch e.(type) {
	case *eCall, *eMethod:
		return &sCall{e, p.lastLine}
	}
	p.syntax("syntax error")
	return nil
}

func assignable(e expr) bool {
	switch e.(type) {
	case *eName, *eIndex:
		return true
	}
	return false
}

func (p *parser) exprList() []expr {
	l := []expr{p.expr()}
	for p.accept(',') {
		l = append(l, p.expr())
	}
	return l
}

// body parses parameters and block of a function.
func (p *parser) body(method bool, line int) *funcBody {
	f := &funcBody{line: line}
	outer := p.fn
	p.fn = f
	p.expect('(')
	if method {
		f.params = append(f.params, "self")
	}
	if p.t != ')' {
		for {
			switch p.t {
			case tkName:
				f.params = append(f.params, p.name())
			case tkDots:
				p.next()
				f.vararg = true
			default:
				p.syntax("<name> or '...' expected")
			}
			if f.vararg || !p.accept(',') {
				break
			}
		}
	}
	p.expect(')')
	f.block = p.block()
	f.lastLine = p.line
	p.match(tkEnd, tkFunction, line)
	p.fn = outer
	return f
}

func (p *parser) primary() expr {
	switch p.t {
	case tkName:
		e := &eName{p.s, p.line}
		p.next()
		return e
	case '(':
		line := p.line
		p.next()
		e := p.expr()
		p.match(')', '(', line)
		switch e.(type) {
		case *eCall, *eMethod, *eVararg, *eName, *eIndex, *eLogic:
			return &eParen{e}
		}
		return &eParen{e}
	}
	p.syntax("unexpected symbol")
	return nil
}

func (p *parser) suffixed() expr {
	line := p.line
	e := p.primary()
	for n := 0; ; n++ {
		if n > maxSpine {
			p.limit("C levels", maxSpine)
		}
		switch p.t {
		case '.':
			p.next()
			key := &eStr{p.s, p.line}
			p.name()
			e = &eIndex{e, key, p.lastLine}
		case '[':
			p.next()
			key := p.expr()
			p.expect(']')
			e = &eIndex{e, key, p.lastLine}
		case ':':
			p.next()
			m := &eMethod{obj: e, line: line}
			m.name = p.name()
			m.selfLine = p.lastLine
			m.args = p.args(line)
			e = m
		case '(', tkString, '{':
			c := &eCall{fn: e, line: line}
			c.args = p.args(line)
			e = c
		default:
			return e
		}
	}
}

func (p *parser) args(line int) []expr {
	switch p.t {
	case tkString:
		s := &eStr{p.s, p.line}
		p.next()
		return []expr{s}
	case '{':
		return []expr{p.table()}
	case '(':
		p.next()
		if p.accept(')') {
			return nil
		}
		l := p.exprList()
		p.match(')', '(', line)
		usedAt(l[len(l)-1], p.lastLine)
		return l
	}
	p.syntax("function arguments expected")
	return nil
}

func (p *parser) table() expr {
	line := p.line
	t := &eTable{line: p.lastLine}
	p.expect('{')
	for p.t != '}' {
		it := tableItem{}
		switch {
		case p.t == '[':
			p.next()
			it.key = p.expr()
			p.expect(']')
			p.expect('=')
		case p.t == tkName && p.peek() == '=':
			it.key = &eStr{p.s, p.line}
			p.next()
			p.next()
		}
		it.val = p.expr()
		it.line = p.lastLine
		t.items = append(t.items, it)
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.match('}', '{', line)
	t.endLine = p.lastLine
	if n := len(t.items); n > 0 && t.items[n-1].key == nil {
		usedAt(t.items[n-1].val, p.lastLine)
	}
	return t
}

// usedAt gives an expression that becomes code only where it is used the line
// of that place.
func usedAt(e expr, line int) {
	switch e := unparen(e).(type) {
	case *eNil:
		e.line = line
	case *eTrue:
		e.line = line
	case *eFalse:
		e.line = line
	case *eNum:
		e.line = line
	case *eStr:
		e.line = line
	case *eName:
		e.line = line
	case *eIndex:
		e.line = line
	}
}

func (p *parser) simple() expr {
	var e expr
	switch p.t {
	case tkInt, tkFloat:
		e = &eNum{p.v, p.line}
	case tkString:
		e = &eStr{p.s, p.line}
	case tkNil:
		e = &eNil{p.line}
	case tkTrue:
		e = &eTrue{p.line}
	case tkFalse:
		e = &eFalse{p.line}
	case tkDots:
		if !p.fn.vararg {
			p.syntax("cannot use '...' outside a vararg function")
		}
		e = &eVararg{p.line}
	case '{':
		return p.table()
	case tkFunction:
		line := p.line
		p.next()
		return &eFunc{p.body(false, line)}
	default:
		return p.suffixed()
	}
	p.next()
	return e
}

// binary operator priorities: how strong each binds to the left and right
type priority struct{ left, right int }

func binaryOp(t token) (priority, bool) {
	switch t {
	case '+', '-':
		return priority{10, 10}, true
	case '*', '%', '/', tkIDiv:
		return priority{11, 11}, true
	case '^':
		return priority{14, 13}, true
	case '&':
		return priority{6, 6}, true
	case '|':
		return priority{4, 4}, true
	case '~':
		return priority{5, 5}, true
	case tkShl, tkShr:
		return priority{7, 7}, true
	case tkConcat:
		return priority{9, 8}, true
	case tkEq, tkNe, '<', '>', tkLe, tkGe:
		return priority{3, 3}, true
	case tkAnd:
		return priority{2, 2}, true
	case tkOr:
		return priority{1, 1}, true
	}
	return priority{}, false
}

const unaryPriority = 12

func (p *parser) expr() expr { return p.subexpr(0) }

func (p *parser) subexpr(limit int) expr {
	p.enter()
	defer p.leave()
	var e expr
	line := p.line
	switch p.t {
	case tkNot:
		p.next()
		e = &eUn{opcNot, p.subexpr(unaryPriority), line}
	case '-':
		p.next()
		e = p.fold(&eUn{arUnm, p.subexpr(unaryPriority), line})
	case '~':
		p.next()
		e = p.fold(&eUn{arBnot, p.subexpr(unaryPriority), line})
	case '#':
		p.next()
		e = &eUn{opcLen, p.subexpr(unaryPriority), line}
	default:
		e = p.simple()
	}
	for n := 0; ; n++ {
		pr, ok := binaryOp(p.t)
		if !ok || pr.left <= limit {
			return e
		}
		if n > maxSpine {
			p.limit("C levels", maxSpine)
		}
		op, opLine := p.t, p.line
		p.next()
		r := p.subexpr(pr.right)
		e = p.binary(op, e, r, opLine)
	}
}

func (p *parser) binary(op token, l, r expr, line int) expr {
	code := -1
	switch op {
	case tkAnd, tkOr:
		switch unparen(l).(type) { // the left operand decides now
		case *eTrue, *eNum, *eStr:
			if op == tkAnd {
				return &eParen{r}
			}
		case *eNil, *eFalse:
			if op == tkOr {
				return &eParen{r}
			}
		}
		return &eLogic{op == tkAnd, l, r, line}
	case tkEq, tkNe, '<', '>', tkLe, tkGe:
		return &eCmp{op, l, r, p.lastLine}
	case tkConcat:
		return &eBin{opcConcat, l, r, line}
	case '+':
		code = arAdd
	case '-':
		code = arSub
	case '*':
		code = arMul
	case '%':
		code = arMod
	case '^':
		code = arPow
	case '/':
		code = arDiv
	case tkIDiv:
		code = arIDiv
	case '&':
		code = arBand
	case '|':
		code = arBor
	case '~':
		code = arBxor
	case tkShl:
		code = arShl
	case tkShr:
		code = arShr
	}
	return p.foldBin(&eBin{code, l, r, line})
}

// fold computes a unary operator on a numeral.
func (p *parser) fold(e *eUn) expr {
	n, ok := unparen(e.e).(*eNum)
	if !ok {
		return e
	}
	if v, ok := foldArith(e.op, n.v, n.v, p.narrow); ok {
		return &eNum{v, n.line}
	}
	return e
}

func (p *parser) foldBin(e *eBin) expr {
	a, ok := unparen(e.l).(*eNum)
	if !ok {
		return e
	}
	b, ok := unparen(e.r).(*eNum)
	if !ok {
		return e
	}
	if v, ok := foldArith(e.op, a.v, b.v, p.narrow); ok {
		return &eNum{v, b.line}
	}
	return e
}

func unparen(e expr) expr {
	for {
		q, ok := e.(*eParen)
		if !ok {
			return e
		}
		e = q.e
	}
}

// foldArith computes an operator on constants. What could raise an error, and
// floats that are zero or not a number, are left for run time.
func foldArith(op int, a, b Value, narrow bool) (Value, bool) {
	if a.isInt() && b.isInt() && op != arDiv && op != arPow {
		i, ok := intArith(op, a.i(), b.i(), narrow)
		return mkInt(i), ok
	}
	switch op {
	case arBand, arBor, arBxor, arShl, arShr, arBnot:
		x, ok1 := constInt(a, narrow)
		y, ok2 := constInt(b, narrow)
		if !ok1 || !ok2 {
			return Nil, false
		}
		i, ok := intArith(op, x, y, narrow)
		return mkInt(i), ok
	}
	x, y := constFloat(a, narrow), constFloat(b, narrow)
	if (op == arDiv || op == arMod || op == arIDiv) && y == 0 {
		return Nil, false
	}
	f, ok := floatArith(op, x, y, narrow)
	if !ok || f != f || f == 0 {
		return Nil, false
	}
	return mkFloat(f), true
}

func constInt(v Value, narrow bool) (int64, bool) {
	if v.isInt() {
		return v.i(), true
	}
	return toInt(v.f(), narrow)
}

func constFloat(v Value, narrow bool) float64 {
	if v.isFloat() {
		return v.f()
	}
	f := float64(v.i())
	if narrow {
		f = float64(float32(f))
	}
	return f
}
