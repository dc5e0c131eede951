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
		usedAt(s.conds[len(s.conds)-1], p.lastLine)
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
		usedAt(l[len(l)-1], p.lastLine)
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
