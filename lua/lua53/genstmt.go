package lua53

import "fmt"

// Code for statements.

func (g *gen) statements(b []stmt) {
	for _, s := range b {
		g.statement(s)
		g.f.free = len(g.f.act)
	}
}

func (g *gen) scope(b []stmt, line int) {
	g.enterBlock(false)
	g.statements(b)
	g.leaveBlock(line, false)
}

func (g *gen) statement(s stmt) {
	switch s := s.(type) {
	case *sLocal:
		g.localStmt(s)
	case *sAssign:
		g.assign(s)
	case *sCall:
		base := g.f.free
		g.call(s.call, base, 1)
	case *sDo:
		g.scope(s.block, s.line)
	case *sWhile:
		start := g.pc()
		g.f.target = start
		exit := g.condJump(s.cond, false, s.condLine)
		g.enterBlock(true)
		g.scope(s.block, g.lineNow())
		g.patch(g.jump(s.line), start)
		g.patchHere(exit)
		g.leaveBlock(g.lineNow(), false)
	case *sRepeat:
		g.repeat(s)
	case *sIf:
		g.ifStmt(s)
	case *sFor:
		g.forNum(s)
	case *sForIn:
		g.forIn(s)
	case *sFunction:
		g.functionStmt(s)
	case *sLocalFunc:
		g.addLocal(s.name)
		r := g.reserve(1)
		g.f.p.LocVars[g.f.act[r].info].StartPC = g.pc() + 1
		g.closure(s.body, r)
	case *sReturn:
		g.returnStmt(s)
	case *sBreak:
		g.addGoto("break", s.line)
	case *sGoto:
		g.gotoStmt(s)
	case *sLabel:
		g.labelStmt(s)
	}
}

func (g *gen) localStmt(s *sLocal) {
	g.exprsTo(s.exprs, len(s.names), s.line)
	for _, n := range s.names {
		g.addLocal(n)
	}
}

// exprsTo evaluates a list into n fresh registers, cut or filled with nil.
func (g *gen) exprsTo(l []expr, n, line int) {
	f := g.f
	base := f.free
	for i, e := range l {
		last := i == len(l)-1
		switch {
		case last && isMulti(e) && n >= len(l):
			want := n - i
			g.multi(e, f.free, want+1)
			f.free = base + i
			g.reserve(want)
			return
		case i >= n:
			g.discard(e)
		default:
			g.nextReg(e)
		}
	}
	if n > len(l) {
		r := g.reserve(n - len(l))
		g.emit(mkABC(opLoadNil, r, n-len(l)-1, 0), line)
	}
	f.free = base + n
}

// discard evaluates an expression for its effects.
func (g *gen) discard(e expr) {
	free := g.f.free
	g.nextReg(e)
	g.f.free = free
}

func isMulti(e expr) bool {
	switch e.(type) {
	case *eCall, *eMethod, *eVararg:
		return true
	}
	return false
}

// multi evaluates a call or ... at register base for c-1 results, all if c is 0.
func (g *gen) multi(e expr, base, c int) {
	if v, ok := e.(*eVararg); ok {
		if base == g.f.free {
			g.reserve(1)
			g.f.free = base
		}
		g.emit(mkABC(opVararg, base, c, 0), v.line)
		return
	}
	g.call(e, base, c)
}

// slot is a place that can be assigned to.
type slot struct {
	kind     int // 0 local, 1 upvalue, 2 indexed, 3 indexed upvalue
	reg, key int
}

func (g *gen) slotOf(e expr, all []expr) slot {
	switch e := e.(type) {
	case *eName:
		kind, i := g.resolve(g.f, e.name)
		switch kind {
		case vLocal:
			return slot{0, i, 0}
		case vUpval:
			return slot{1, i, 0}
		}
		return g.indexSlot(&eName{"_ENV", e.line}, &eStr{e.name, e.line}, all)
	case *eIndex:
		return g.indexSlot(e.obj, e.key, all)
	}
	panic("lua53: not assignable")
}

func (g *gen) indexSlot(obj, key expr, all []expr) slot {
	f := g.f
	if n, ok := obj.(*eName); ok {
		if kind, i := g.resolve(f, n.name); kind == vUpval && !assigned(n.name, all) {
			return slot{3, i, g.rkSafe(key, all)}
		}
	}
	s := slot{kind: 2}
	s.reg = g.anyRegSafe(obj, all)
	s.key = g.rkSafe(key, all)
	return s
}

// assigned reports whether one of several targets is the variable name.
func assigned(name string, all []expr) bool {
	if len(all) < 2 {
		return false
	}
	for _, e := range all {
		if n, ok := e.(*eName); ok && n.name == name {
			return true
		}
	}
	return false
}

// anyRegSafe is anyReg, with a copy if the statement assigns the variable.
func (g *gen) anyRegSafe(e expr, all []expr) int {
	e = g.settle(e)
	if n, ok := unparen(e).(*eName); ok && assigned(n.name, all) {
		return g.nextReg(e)
	}
	return g.anyReg(e)
}

func (g *gen) rkSafe(e expr, all []expr) int {
	e = g.settle(e)
	if n, ok := unparen(e).(*eName); ok && assigned(n.name, all) {
		return g.nextReg(e)
	}
	return g.rk(e)
}

func (g *gen) store(s slot, r, line int) {
	switch s.kind {
	case 0:
		if s.reg != r {
			g.emit(mkABC(opMove, s.reg, r, 0), line)
		}
	case 1:
		g.emit(mkABC(opSetUpval, r, s.reg, 0), line)
	case 2:
		g.emit(mkABC(opSetTable, s.reg, s.key, r), line)
	case 3:
		g.emit(mkABC(opSetTabUp, s.reg, s.key, r), line)
	}
}

// storeExpr stores one expression.
func (g *gen) storeExpr(s slot, e expr, line int) {
	switch s.kind {
	case 0:
		g.toLocal(e, s.reg)
	case 1:
		g.store(s, g.anyReg(e), line)
	default:
		g.store(s, g.rk(e), line)
	}
}

// toLocal evaluates e into the register of a live local: it must not be
// written before e is evaluated.
func (g *gen) toLocal(e expr, r int) {
	switch unparen(e).(type) {
	case *eLogic, *eTable:
		g.emit(mkABC(opMove, r, g.nextReg(e), 0), g.lineNow())
		return
	}
	g.exprTo(e, r)
}

func (g *gen) assign(s *sAssign) {
	if len(s.targets) == 1 && len(s.exprs) == 1 {
		g.storeExpr(g.slotOf(s.targets[0], nil), s.exprs[0], s.line)
		return
	}
	slots := make([]slot, len(s.targets))
	for i, t := range s.targets {
		slots[i] = g.slotOf(t, s.targets)
	}
	n := len(slots)
	if len(s.exprs) == n && !isMulti(s.exprs[n-1]) {
		base := g.f.free
		for _, e := range s.exprs[:n-1] {
			g.nextReg(e)
		}
		g.storeExpr(slots[n-1], s.exprs[n-1], s.line)
		for i := n - 2; i >= 0; i-- {
			g.store(slots[i], base+i, s.line)
		}
		return
	}
	base := g.f.free
	g.exprsTo(s.exprs, n, s.line)
	for i := n - 1; i >= 0; i-- {
		g.store(slots[i], base+i, s.line)
	}
}

func (g *gen) repeat(s *sRepeat) {
	start := g.pc()
	g.f.target = start
	g.enterBlock(true)
	g.enterBlock(false)
	g.statements(s.block)
	inner := g.f.bl
	back := g.condJump(s.cond, false, s.line)
	if inner.captured {
		for _, pc := range back {
			g.closeAt(pc, inner.nact)
		}
	}
	g.patchAll(back, start)
	g.leaveBlock(g.lineNow(), false)
	g.leaveBlock(g.lineNow(), false)
}

func (g *gen) ifStmt(s *sIf) {
	var out []int
	for i, c := range s.conds {
		no := g.condJump(c, false, s.then[i])
		g.f.free = len(g.f.act)
		g.scope(s.blocks[i], s.lines[i])
		if i < len(s.conds)-1 || s.orelse != nil {
			out = append(out, g.jump(s.lines[i]))
		}
		g.patchHere(no)
	}
	if s.orelse != nil {
		g.scope(s.orelse, g.lineNow())
	}
	g.patchHere(out)
}

func (g *gen) forNum(s *sFor) {
	g.enterBlock(true)
	base := g.f.free
	g.nextReg(s.start)
	g.nextReg(s.limit)
	if s.step != nil {
		g.nextReg(s.step)
	} else {
		g.nextReg(&eNum{mkInt(1), s.bodyLine})
	}
	g.addLocal("(for index)")
	g.addLocal("(for limit)")
	g.addLocal("(for step)")
	prep := g.emit(mkAsBx(opForPrep, base, -1), s.bodyLine)
	g.enterBlock(false)
	g.addLocal(s.name)
	g.reserve(1)
	g.statements(s.block)
	g.leaveBlock(g.lineNow(), false)
	g.patch(prep, g.pc())
	loop := g.emit(mkAsBx(opForLoop, base, -1), s.line)
	g.patch(loop, prep+1)
	g.leaveBlock(s.line, false)
}

func (g *gen) forIn(s *sForIn) {
	g.enterBlock(true)
	base := g.f.free
	g.exprsTo(s.exprs, 3, s.bodyLine)
	g.addLocal("(for generator)")
	g.addLocal("(for state)")
	g.addLocal("(for control)")
	prep := g.jump(s.bodyLine)
	g.enterBlock(false)
	for _, n := range s.names {
		g.addLocal(n)
	}
	g.reserve(len(s.names))
	g.statements(s.block)
	g.leaveBlock(g.lineNow(), false)
	g.patch(prep, g.pc())
	g.f.free = base + 3
	g.reserve(3) // the call needs room for its function and arguments
	g.f.free = base + 3
	g.emit(mkABC(opTForCall, base, 0, len(s.names)), s.bodyLine)
	loop := g.emit(mkAsBx(opTForLoop, base+2, -1), s.bodyLine)
	g.patch(loop, prep+1)
	g.leaveBlock(s.line, false)
}

func (g *gen) functionStmt(s *sFunction) {
	sl := g.slotOf(s.target, nil)
	if sl.kind == 0 {
		g.closure(s.body, sl.reg)
		return
	}
	r := g.reserve(1)
	g.closure(s.body, r)
	g.store(sl, r, s.line)
}

func (g *gen) returnStmt(s *sReturn) {
	if len(s.exprs) == 1 {
		switch e := s.exprs[0].(type) {
		case *eCall, *eMethod:
			base := g.f.free
			g.call(e, base, 0)
			last := &g.f.p.Code[g.pc()-1]
			*last = *last&^0x3f | opTailCall
			g.emit(mkABC(opReturn, base, 0, 0), s.line)
			return
		case *eVararg:
			base := g.f.free
			g.multi(e, base, 0)
			g.emit(mkABC(opReturn, base, 0, 0), s.line)
			return
		}
		g.emit(mkABC(opReturn, g.anyReg(s.exprs[0]), 2, 0), s.line)
		return
	}
	base, b := g.args(s.exprs)
	g.emit(mkABC(opReturn, base, b, 0), s.line)
}

// args evaluates a list into consecutive registers. count is their number
// plus one, 0 if the last is open.
func (g *gen) args(l []expr) (base, count int) {
	base = g.f.free
	for i, e := range l {
		if i == len(l)-1 && isMulti(e) {
			g.multi(e, g.f.free, 0)
			return base, 0
		}
		g.nextReg(e)
	}
	return base, len(l) + 1
}

func (g *gen) addGoto(name string, line int) {
	pc := g.jump(line)
	g.f.gotos = append(g.f.gotos, pendingGoto{name, pc, len(g.f.act), line})
}

func (g *gen) gotoStmt(s *sGoto) {
	f := g.f
	g.addGoto(s.name, s.line)
	g.jumpBack(f.bl)
}

// jumpBack resolves the open gotos of a block that its labels, which are
// behind us, are meant by.
func (g *gen) jumpBack(bl *blockScope) {
	f := g.f
	if bl == nil {
		return
	}
	rest := f.gotos[:bl.gotos]
	for _, gt := range f.gotos[bl.gotos:] {
		found := false
		for _, lb := range f.labels[bl.labels:] {
			if lb.name == gt.name {
				if gt.nact > lb.nact {
					g.closeAt(gt.pc, lb.nact)
				}
				g.patch(gt.pc, lb.pc)
				found = true
				break
			}
		}
		if !found {
			rest = append(rest, gt)
		}
	}
	f.gotos = rest
}

func (g *gen) labelStmt(s *sLabel) {
	f := g.f
	for _, lb := range f.labels[f.bl.labels:] {
		if lb.name == s.name {
			g.fail(s.line, fmt.Sprintf("label '%s' already defined on line %d", s.name, lb.line))
		}
	}
	lb := g.defineLabel(s.name, s.line, f.bl, s.last)
	f.labels = append(f.labels, lb)
}
