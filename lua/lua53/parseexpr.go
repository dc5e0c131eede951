package lua53

// The parser of expressions.

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
		usedAt(e, p.lastLine)
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
			usedAt(e, p.lastLine)
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
		if it.key == nil {
			usedAt(it.val, p.lastLine)
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
	switch e := e.(type) {
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
		e = foldNot(&eUn{opcNot, p.subexpr(unaryPriority), line})
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
		usedAt(e, p.lastLine)
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
