package lua53

import (
	"fmt"
	"math"
)

// Code for expressions.

// nextReg evaluates e into a fresh register.
func (g *gen) nextReg(e expr) int {
	r := g.reserve(1)
	g.exprTo(e, r)
	g.f.free = r + 1
	return r
}

// anyReg evaluates e into some register: a local's own, or a fresh one.
func (g *gen) anyReg(e expr) int {
	e = g.settle(e)
	if n, ok := unparen(e).(*eName); ok {
		if kind, i := g.resolve(g.f, n.name); kind == vLocal {
			return i
		}
	}
	return g.nextReg(e)
}

// settle makes the code of operands of and and or that do not decide, and
// returns the one that does: it may be a constant, or a local's register.
func (g *gen) settle(e expr) expr {
	for {
		l, ok := unparen(e).(*eLogic)
		if !ok || !neverDecides(l.l, l.and) {
			return e
		}
		g.patchHere(g.condJump(l.l, !l.and, l.line))
		e = l.r
	}
}

// rk evaluates e into a register or a constant operand.
func (g *gen) rk(e expr) int {
	e = g.settle(e)
	if k, ok := g.constOf(e); ok {
		if k <= maxIndexRK {
			return k + bitRK
		}
		r := g.reserve(1)
		g.loadK(r, k, constLine(e))
		return r
	}
	return g.anyReg(e)
}

// exprTo evaluates e into register r. r is fresh, or a live local that only
// the last instruction writes (see toLocal).
func (g *gen) exprTo(e expr, r int) {
	f := g.f
	free := f.free
	defer func() { f.free = free }()
	switch e := e.(type) {
	case *eNil:
		g.emit(mkABC(opLoadNil, r, 0, 0), e.line)
	case *eTrue:
		g.emit(mkABC(opLoadBool, r, 1, 0), e.line)
	case *eFalse:
		g.emit(mkABC(opLoadBool, r, 0, 0), e.line)
	case *eNum, *eStr:
		k, _ := g.constOf(e)
		g.loadK(r, k, constLine(e))
	case *eParen:
		g.exprTo(e.e, r)
	case *eVararg:
		g.emit(mkABC(opVararg, r, 2, 0), e.line)
	case *eFunc:
		g.closure(e.body, r)
	case *eName:
		g.nameTo(e, r)
	case *eIndex:
		g.indexTo(e, r)
	case *eCall, *eMethod:
		if r == free-1 && r >= len(f.act) {
			f.free = r
			g.call(e, r, 2)
			return
		}
		g.call(e, free, 2)
		g.emit(mkABC(opMove, r, free, 0), g.lineNow())
	case *eBin:
		g.binTo(e, r)
	case *eUn:
		g.unTo(e, r)
	case *eCmp:
		g.boolTo(e, r, e.line)
	case *eLogic:
		if neverDecides(e.l, e.and) {
			g.exprTo(g.settle(e), r)
			return
		}
		out := g.valueJump(e.l, r, !e.and, e.line)
		g.exprTo(e.r, r)
		g.patchHere(out)
	case *eTable:
		g.tableTo(e, r)
	default:
		panic(fmt.Sprintf("lua53: expression %T", e))
	}
}

func (g *gen) nameTo(e *eName, r int) {
	kind, i := g.resolve(g.f, e.name)
	switch kind {
	case vLocal:
		if i != r {
			g.emit(mkABC(opMove, r, i, 0), e.line)
		}
	case vUpval:
		g.emit(mkABC(opGetUpval, r, i, 0), e.line)
	default:
		g.indexTo(&eIndex{&eName{"_ENV", e.line}, &eStr{e.name, e.line}, e.line}, r)
	}
}

func (g *gen) indexTo(e *eIndex, r int) {
	if n, ok := e.obj.(*eName); ok {
		if kind, i := g.resolve(g.f, n.name); kind == vUpval {
			g.emit(mkABC(opGetTabUp, r, i, g.rk(e.key)), e.line)
			return
		}
	}
	obj := g.scratchReg(e.obj, r)
	key := g.rk(e.key)
	g.emit(mkABC(opGetTable, r, obj, key), e.line)
}

// scratchReg evaluates e into a local's register or, if it can, into r.
func (g *gen) scratchReg(e expr, r int) int {
	e = g.settle(e)
	if n, ok := unparen(e).(*eName); ok {
		if kind, i := g.resolve(g.f, n.name); kind == vLocal {
			return i
		}
	}
	if r >= len(g.f.act) && r == g.f.free-1 {
		g.exprTo(e, r)
		return r
	}
	return g.nextReg(e)
}

func (g *gen) binTo(e *eBin, r int) {
	if e.op == opcConcat {
		g.concatTo(e, r)
		return
	}
	e.l = g.settle(e.l)
	var b, c int
	if k, ok := g.constOf(e.l); ok && k <= maxIndexRK {
		if _, num := unparen(e.l).(*eNum); num {
			b = k + bitRK
			c = g.rk(e.r)
			g.emit(mkABC(opAdd+uint32(e.op), r, b, c), e.line)
			return
		}
		b = g.rk(e.l)
	} else {
		b = g.scratchReg(e.l, r)
	}
	c = g.rk(e.r)
	g.emit(mkABC(opAdd+uint32(e.op), r, b, c), e.line)
}

// concatTo makes one instruction of a chain.
func (g *gen) concatTo(e *eBin, r int) {
	first := g.f.free
	var line int
	for {
		g.nextReg(e.l)
		line = e.line
		next, ok := e.r.(*eBin)
		if !ok || next.op != opcConcat {
			g.nextReg(e.r)
			break
		}
		e = next
	}
	g.emit(mkABC(opConcat, r, first, g.f.free-1), line)
}

func (g *gen) unTo(e *eUn, r int) {
	switch e.op {
	case opcNot:
		switch v := unparen(e.e).(type) {
		case *eNil, *eFalse:
			g.exprTo(&eTrue{e.line}, r)
			return
		case *eTrue, *eNum, *eStr:
			g.exprTo(&eFalse{e.line}, r)
			return
		case *eCmp, *eLogic:
			_ = v
			g.boolTo(e, r, e.line)
			return
		}
		g.emit(mkABC(opNot, r, g.scratchReg(e.e, r), 0), e.line)
	case opcLen:
		g.emit(mkABC(opLen, r, g.scratchReg(e.e, r), 0), e.line)
	case arUnm:
		g.emit(mkABC(opUnm, r, g.scratchReg(e.e, r), 0), e.line)
	case arBnot:
		g.emit(mkABC(opBnot, r, g.scratchReg(e.e, r), 0), e.line)
	}
}

// boolTo makes a boolean of a condition.
func (g *gen) boolTo(e expr, r, line int) {
	yes := g.condJump(e, true, line)
	g.emit(mkABC(opLoadBool, r, 0, 1), line)
	g.patchHere(yes)
	g.emit(mkABC(opLoadBool, r, 1, 0), line)
	g.f.target = g.pc()
}

// valueJump evaluates e; if its truth is when, r gets the value and control
// goes to the jumps returned. Otherwise control falls through.
func (g *gen) valueJump(e expr, r int, when bool, line int) []int {
	f := g.f
	free := f.free
	defer func() { f.free = free }()
	switch x := e.(type) {
	case *eParen:
		if !isMulti(x.e) {
			return g.valueJump(x.e, r, when, line)
		}
	case *eLogic:
		if x.and == !when { // and/false, or/true: both operands may decide
			l := g.valueJump(x.l, r, when, x.line)
			return append(l, g.valueJump(x.r, r, when, line)...)
		}
		skip := g.condJump(x.l, !when, x.line)
		l := g.valueJump(x.r, r, when, line)
		g.patchHere(skip)
		return l
	case *eCmp:
		return g.boolJump(e, r, when, line)
	case *eUn:
		if x.op == opcNot {
			return g.boolJump(e, r, when, line)
		}
	case *eNil, *eFalse:
		if when {
			return nil
		}
		g.exprTo(e, r)
		return []int{g.jump(line)}
	case *eTrue, *eNum, *eStr:
		if !when {
			return nil
		}
		g.exprTo(e, r)
		return []int{g.jump(line)}
	case *eName:
		if kind, i := g.resolve(f, x.name); kind == vLocal {
			g.emit(mkABC(opTestSet, r, i, b2i(when)), line)
			return []int{g.jump(line)}
		}
	}
	g.exprTo(e, r)
	g.emit(mkABC(opTest, r, 0, b2i(when)), line)
	return []int{g.jump(line)}
}

// boolJump is valueJump for conditions.
func (g *gen) boolJump(e expr, r int, when bool, line int) []int {
	skip := g.condJump(e, !when, line)
	g.emit(mkABC(opLoadBool, r, b2i(when), 0), line)
	out := g.jump(line)
	g.patchHere(skip)
	return []int{out}
}

// constLine is the line of a constant.
func constLine(e expr) int {
	switch e := unparen(e).(type) {
	case *eNum:
		return e.line
	case *eStr:
		return e.line
	case *eNil:
		return e.line
	case *eTrue:
		return e.line
	case *eFalse:
		return e.line
	}
	return 0
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// condJump evaluates a condition and jumps if its truth is when.
func (g *gen) condJump(e expr, when bool, line int) []int {
	f := g.f
	free := f.free
	defer func() { f.free = free }()
	switch x := e.(type) {
	case *eParen:
		if !isMulti(x.e) {
			return g.condJump(x.e, when, line)
		}
	case *eNil, *eFalse:
		if when {
			return nil
		}
		return []int{g.jump(line)}
	case *eTrue, *eNum, *eStr:
		if !when {
			return nil
		}
		return []int{g.jump(line)}
	case *eLogic:
		if x.and == !when {
			l := g.condJump(x.l, when, x.line)
			return append(l, g.condJump(x.r, when, line)...)
		}
		skip := g.condJump(x.l, !when, x.line)
		l := g.condJump(x.r, when, line)
		g.patchHere(skip)
		return l
	case *eUn:
		if x.op == opcNot {
			return g.condJump(x.e, !when, line)
		}
	case *eCmp:
		b := g.rk(x.l)
		c := g.rk(x.r)
		op, yes := opEq, when
		switch x.op {
		case tkNe:
			yes = !when
		case '<':
			op = opLt
		case tkLe:
			op = opLe
		case '>':
			op, b, c = opLt, c, b
		case tkGe:
			op, b, c = opLe, c, b
		}
		g.emit(mkABC(op, b2i(yes), b, c), x.line)
		return []int{g.jump(x.line)}
	}
	r := g.anyReg(e)
	g.emit(mkABC(opTest, r, 0, b2i(when)), line)
	return []int{g.jump(line)}
}

// call evaluates a call whose function goes to register base, which is the
// first free one.
func (g *gen) call(e expr, base, c int) {
	f := g.f
	f.free = base
	var args []expr
	var line int
	switch e := e.(type) {
	case *eCall:
		g.nextReg(e.fn)
		args, line = e.args, e.line
	case *eMethod:
		obj := g.anyReg(e.obj)
		f.free = base
		g.reserve(2)
		key := g.rk(&eStr{e.name, e.line})
		g.emit(mkABC(opSelf, base, obj, key), e.selfLine)
		f.free = base + 2
		args, line = e.args, e.line
	}
	n := f.free - base - 1
	_, b := g.args(args)
	if b != 0 {
		b += n
	}
	g.emit(mkABC(opCall, base, b, c), line)
	f.free = base + 1
	if c > 2 {
		f.free = base
		g.reserve(c - 1)
		f.free = base + 1
	}
}

func (g *gen) closure(body *funcBody, r int) {
	g.open(body)
	p := g.function(body)
	g.f.p.Protos = append(g.f.p.Protos, p)
	if len(g.f.p.Protos) > maxBx {
		g.limit("functions", maxBx)
	}
	g.emit(mkABx(opClosure, r, len(g.f.p.Protos)-1), body.lastLine)
}

const fieldsPerFlush = 50

func (g *gen) tableTo(e *eTable, r int) {
	f := g.f
	t := r
	if r != f.free-1 || r < len(f.act) {
		t = g.reserve(1)
	}
	narr, nhash := 0, 0
	for _, it := range e.items {
		if it.key == nil {
			narr++
		} else {
			nhash++
		}
	}
	new := g.emit(mkABC(opNewTable, t, 0, 0), e.line)
	pending, stored := 0, 0
	flush := func(open bool, line int) {
		b := pending
		if open {
			b = 0
		}
		batch := (stored + fieldsPerFlush) / fieldsPerFlush
		if batch <= 511 {
			g.emit(mkABC(opSetList, t, b, batch), line)
		} else {
			if batch > maxAx {
				g.fail(line, "constructor too long")
			}
			g.emit(mkABC(opSetList, t, b, 0), line)
			g.emit(opExtraArg|uint32(batch)<<6, line)
		}
		stored += pending
		pending = 0
		f.free = t + 1
	}
	for i, it := range e.items {
		if it.key != nil {
			free := f.free
			k := g.rk(it.key)
			v := g.rk(it.val)
			g.emit(mkABC(opSetTable, t, k, v), it.line)
			f.free = free
			continue
		}
		if i == len(e.items)-1 && isMulti(it.val) {
			g.multi(it.val, f.free, 0)
			narr--
			flush(true, e.endLine)
			break
		}
		g.nextReg(it.val)
		pending++
		if pending == fieldsPerFlush && !lastItem(e.items[i+1:]) {
			flush(false, it.line)
		}
	}
	if pending > 0 {
		flush(false, e.endLine)
	}
	f.p.Code[new] = mkABC(opNewTable, t, intToFB(min(narr, math.MaxInt16)), intToFB(min(nhash, math.MaxInt16)))
	if t != r {
		g.emit(mkABC(opMove, r, t, 0), g.lineNow())
	}
}

// lastItem reports whether no list item is left.
func lastItem(l []tableItem) bool { return len(l) == 0 }
