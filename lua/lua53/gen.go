package lua53

import (
	"fmt"
	"math"
)

// Compile compiles source text to a function prototype. name is the chunk
// name with its '@', '=' or neither, as load takes it.
func Compile(src, name string, bits int) (p *Proto, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			p, err = nil, e
		}
	}()
	ps := &parser{lexer: lexer{src: src, chunk: ChunkID(name), narrow: bits == 32, scanLine: 1}}
	body := ps.mainBody()
	g := &gen{ps: ps, source: name}
	return g.main(body), nil
}

const (
	maxLocals = 200
	maxUpvals = 255
	noReg     = 255
)

// gen makes code of a tree, function by function.
type gen struct {
	ps     *parser
	source string
	f      *funcGen
}

type funcGen struct {
	parent *funcGen
	p      *Proto
	body   *funcBody
	bl     *blockScope
	act    []local // active locals; the index is the register
	free   int     // first free register
	consts map[constKey]int
	labels []label
	gotos  []pendingGoto
	target int // the last pc that a jump goes to
}

type local struct {
	name string
	info int // index in LocVars
}

type blockScope struct {
	parent   *blockScope
	nact     int
	labels   int // first of its labels
	gotos    int // first of its gotos
	loop     bool
	captured bool // a closure uses one of its locals
}

type label struct {
	name     string
	pc, nact int
	line     int
}

type pendingGoto struct {
	name     string
	pc, nact int
	line     int
}

type constKey struct {
	kind uint64
	n    uint64
	s    string
}

func (g *gen) fail(line int, msg string) {
	panic(&SyntaxError{g.ps.chunk, line, msg})
}

func (g *gen) limit(what string, n int) {
	where := "main function"
	if g.f.p.LineDefined > 0 {
		where = fmt.Sprintf("function at line %d", g.f.p.LineDefined)
	}
	g.fail(g.f.body.lastLine, fmt.Sprintf("too many %s (limit is %d) in %s", what, n, where))
}

func (g *gen) main(body *funcBody) *Proto {
	g.open(body)
	g.f.p.Upvals = []UpvalDesc{{"_ENV", true, 0}}
	return g.function(body)
}

func (g *gen) open(body *funcBody) {
	g.f = &funcGen{
		parent: g.f, body: body, consts: map[constKey]int{}, target: -1,
		p: &Proto{Source: g.source, LineDefined: body.line, LastLine: body.lastLine, MaxStack: 2, verified: true},
	}
	if body.line == 0 {
		g.f.p.LastLine = 0
	}
}

// function generates the body into the function that open made.
func (g *gen) function(body *funcBody) *Proto {
	f := g.f
	f.p.NumParams = len(body.params)
	f.p.IsVararg = body.vararg
	g.enterBlock(false)
	for _, n := range body.params {
		g.addLocal(n)
	}
	g.reserve(len(body.params))
	g.statements(body.block)
	g.emit(mkABC(opReturn, 0, 1, 0), body.lastLine)
	g.leaveBlock(body.lastLine, true)
	for i := range f.p.LocVars {
		if f.p.LocVars[i].EndPC < 0 {
			f.p.LocVars[i].EndPC = len(f.p.Code)
		}
	}
	g.f = f.parent
	return f.p
}

// code

func (g *gen) emit(i uint32, line int) int {
	p := g.f.p
	p.Code = append(p.Code, i)
	p.LineInfo = append(p.LineInfo, int32(line))
	return len(p.Code) - 1
}

func (g *gen) pc() int { return len(g.f.p.Code) }

func (g *gen) jump(line int) int { return g.emit(mkAsBx(opJmp, 0, -1), line) }

func (g *gen) patch(pc, target int) {
	d := target - pc - 1
	if d > biasSBx || d < -biasSBx {
		g.fail(int(g.f.p.LineInfo[pc]), "control structure too long")
	}
	i := g.f.p.Code[pc]
	g.f.p.Code[pc] = mkAsBx(opOf(i), argA(i), d)
	if target > g.f.target {
		g.f.target = target
	}
}

func (g *gen) patchAll(l []int, target int) {
	for _, pc := range l {
		g.patch(pc, target)
	}
}

func (g *gen) patchHere(l []int) { g.patchAll(l, g.pc()); g.f.target = g.pc() }

// closeAt makes the jump at pc close the upvalues from register n up.
func (g *gen) closeAt(pc, n int) {
	i := g.f.p.Code[pc]
	if a := argA(i); a == 0 || a > n+1 {
		g.f.p.Code[pc] = mkABx(opJmp, n+1, argBx(i))
	}
}

// registers

func (g *gen) reserve(n int) int {
	f := g.f
	r := f.free
	f.free += n
	if f.free > f.p.MaxStack {
		if f.free > maxRegs-5 {
			g.fail(g.lineNow(), "function or expression needs too many registers")
		}
		f.p.MaxStack = f.free
	}
	return r
}

func (g *gen) lineNow() int {
	if n := len(g.f.p.LineInfo); n > 0 {
		return int(g.f.p.LineInfo[n-1])
	}
	return g.f.body.line
}

// constants

func (g *gen) constant(k constKey, v Value) int {
	if i, ok := g.f.consts[k]; ok {
		return i
	}
	i := len(g.f.p.K)
	if i > maxAx {
		g.limit("constants", maxAx)
	}
	g.f.p.K = append(g.f.p.K, v)
	g.f.consts[k] = i
	return i
}

func (g *gen) stringK(s string) int {
	return g.constant(constKey{kString, 0, s}, mkString(s))
}

// constOf returns the constant index of an expression that is one.
func (g *gen) constOf(e expr) (int, bool) {
	switch e := e.(type) {
	case *eNil:
		return g.constant(constKey{kind: kNil}, Nil), true
	case *eTrue:
		return g.constant(constKey{kind: kTrue}, mkBool(true)), true
	case *eFalse:
		return g.constant(constKey{kind: kFalse}, mkBool(false)), true
	case *eStr:
		return g.stringK(e.s), true
	case *eNum:
		kind := uint64(100)
		if e.v.isFloat() {
			kind = 101
		}
		return g.constant(constKey{kind, e.v.n, ""}, e.v), true
	case *eParen:
		return g.constOf(e.e)
	}
	return 0, false
}

func (g *gen) loadK(r, k, line int) {
	if k <= maxBx {
		g.emit(mkABx(opLoadK, r, k), line)
		return
	}
	g.emit(mkABx(opLoadKX, r, 0), line)
	g.emit(opExtraArg|uint32(k)<<6, line)
}

// scopes

func (g *gen) enterBlock(loop bool) {
	f := g.f
	f.bl = &blockScope{f.bl, len(f.act), len(f.labels), len(f.gotos), loop, false}
}

func (g *gen) addLocal(name string) {
	f := g.f
	if len(f.act) >= maxLocals {
		g.limit("local variables", maxLocals)
	}
	f.p.LocVars = append(f.p.LocVars, LocVar{name, g.pc(), -1})
	f.act = append(f.act, local{name, len(f.p.LocVars) - 1})
}

func (g *gen) dropLocals(n int) {
	f := g.f
	for len(f.act) > n {
		f.p.LocVars[f.act[len(f.act)-1].info].EndPC = g.pc()
		f.act = f.act[:len(f.act)-1]
	}
}

// leaveBlock ends a scope: it closes upvalues, forgets labels, and hands open
// gotos to the scope around it.
func (g *gen) leaveBlock(line int, function bool) {
	f := g.f
	bl := f.bl
	f.bl = bl.parent
	if bl.captured && !function {
		g.closeAt(g.emitCloseJump(line), bl.nact)
	}
	if bl.loop {
		g.defineLabel("break", line, bl, true)
	}
	g.dropLocals(bl.nact)
	f.free = bl.nact
	f.labels = f.labels[:bl.labels]
	for i := bl.gotos; i < len(f.gotos); i++ {
		gt := &f.gotos[i]
		if gt.nact > bl.nact {
			if bl.captured {
				g.closeAt(gt.pc, bl.nact)
			}
			gt.nact = bl.nact
		}
	}
	g.jumpBack(f.bl)
	if function && len(f.gotos) > 0 {
		g.undefinedGoto(f.gotos[0])
	}
}

func (g *gen) emitCloseJump(line int) int { return g.emit(mkAsBx(opJmp, 0, 0), line) }

func (g *gen) undefinedGoto(gt pendingGoto) {
	if gt.name == "break" {
		g.fail(g.f.body.lastLineOrEnd(g), fmt.Sprintf("<break> at line %d not inside a loop", gt.line))
	}
	g.fail(g.f.body.lastLineOrEnd(g), fmt.Sprintf("no visible label '%s' for <goto> at line %d", gt.name, gt.line))
}

func (b *funcBody) lastLineOrEnd(*gen) int { return b.lastLine }

// defineLabel resolves the gotos of block bl that wait for name, which is
// defined here with the locals of bl out of scope if end.
func (g *gen) defineLabel(name string, line int, bl *blockScope, end bool) label {
	f := g.f
	nact := len(f.act)
	if end {
		nact = bl.nact
	}
	lb := label{name, g.pc(), nact, line}
	f.target = g.pc()
	rest := f.gotos[:bl.gotos]
	for _, gt := range f.gotos[bl.gotos:] {
		if gt.name != name {
			rest = append(rest, gt)
			continue
		}
		if gt.nact < nact {
			g.fail(line, fmt.Sprintf("<goto %s> at line %d jumps into the scope of local '%s'", name, gt.line, f.act[gt.nact].name))
		}
		if gt.nact > nact && bl.captured {
			g.closeAt(gt.pc, nact)
		}
		g.patch(gt.pc, lb.pc)
	}
	f.gotos = rest
	return lb
}

type varKind int

const (
	vGlobal varKind = iota
	vLocal
	vUpval
)

// resolve finds what a name means in function f.
func (g *gen) resolve(f *funcGen, name string) (varKind, int) {
	if f == nil {
		return vGlobal, 0
	}
	for i := len(f.act) - 1; i >= 0; i-- {
		if f.act[i].name == name {
			return vLocal, i
		}
	}
	for i := range f.p.Upvals {
		if f.p.Upvals[i].Name == name {
			return vUpval, i
		}
	}
	kind, i := g.resolve(f.parent, name)
	switch kind {
	case vGlobal:
		return vGlobal, 0
	case vLocal:
		bl := f.parent.bl
		for bl.nact > i {
			bl = bl.parent
		}
		bl.captured = true
	}
	if len(f.p.Upvals) >= maxUpvals {
		g.limit("upvalues", maxUpvals)
	}
	f.p.Upvals = append(f.p.Upvals, UpvalDesc{name, kind == vLocal, i})
	return vUpval, len(f.p.Upvals) - 1
}

// statements

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
		exit := g.condJump(s.cond, false)
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
		return g.indexSlot(&eName{"_ENV", e.line}, &eStr{e.name}, all)
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
	if n, ok := unparen(e).(*eName); ok && assigned(n.name, all) {
		return g.nextReg(e)
	}
	return g.anyReg(e)
}

func (g *gen) rkSafe(e expr, all []expr) int {
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
	back := g.condJump(s.cond, false)
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
		no := g.condJump(c, false)
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
		g.nextReg(&eNum{mkInt(1)})
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

// expressions

// nextReg evaluates e into a fresh register.
func (g *gen) nextReg(e expr) int {
	r := g.reserve(1)
	g.exprTo(e, r)
	g.f.free = r + 1
	return r
}

// anyReg evaluates e into some register: a local's own, or a fresh one.
func (g *gen) anyReg(e expr) int {
	if n, ok := unparen(e).(*eName); ok {
		if kind, i := g.resolve(g.f, n.name); kind == vLocal {
			return i
		}
	}
	return g.nextReg(e)
}

// rk evaluates e into a register or a constant operand.
func (g *gen) rk(e expr) int {
	if k, ok := g.constOf(e); ok {
		if k <= maxIndexRK {
			return k + bitRK
		}
		r := g.reserve(1)
		g.loadK(r, k, g.lineNow())
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
		g.emit(mkABC(opLoadNil, r, 0, 0), g.lineNow())
	case *eTrue:
		g.emit(mkABC(opLoadBool, r, 1, 0), g.lineNow())
	case *eFalse:
		g.emit(mkABC(opLoadBool, r, 0, 0), g.lineNow())
	case *eNum, *eStr:
		k, _ := g.constOf(e)
		g.loadK(r, k, g.lineNow())
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
		out := g.valueJump(e.l, r, !e.and)
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
		g.indexTo(&eIndex{&eName{"_ENV", e.line}, &eStr{e.name}, e.line}, r)
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
	line := e.line
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
			g.exprTo(&eTrue{}, r)
			return
		case *eTrue, *eNum, *eStr:
			g.exprTo(&eFalse{}, r)
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
	yes := g.condJump(e, true)
	g.emit(mkABC(opLoadBool, r, 0, 1), line)
	g.patchHere(yes)
	g.emit(mkABC(opLoadBool, r, 1, 0), line)
	g.f.target = g.pc()
}

// valueJump evaluates e; if its truth is when, r gets the value and control
// goes to the jumps returned. Otherwise control falls through.
func (g *gen) valueJump(e expr, r int, when bool) []int {
	f := g.f
	free := f.free
	defer func() { f.free = free }()
	switch x := e.(type) {
	case *eParen:
		if !isMulti(x.e) {
			return g.valueJump(x.e, r, when)
		}
	case *eLogic:
		if x.and == !when { // and/false, or/true: both operands may decide
			l := g.valueJump(x.l, r, when)
			return append(l, g.valueJump(x.r, r, when)...)
		}
		skip := g.condJump(x.l, !when)
		l := g.valueJump(x.r, r, when)
		g.patchHere(skip)
		return l
	case *eCmp:
		return g.boolJump(e, r, when, x.line)
	case *eUn:
		if x.op == opcNot {
			return g.boolJump(e, r, when, x.line)
		}
	case *eNil, *eFalse:
		if when {
			return nil
		}
		g.exprTo(e, r)
		return []int{g.jump(g.lineNow())}
	case *eTrue, *eNum, *eStr:
		if !when {
			return nil
		}
		g.exprTo(e, r)
		return []int{g.jump(g.lineNow())}
	case *eName:
		if kind, i := g.resolve(f, x.name); kind == vLocal {
			g.emit(mkABC(opTestSet, r, i, b2i(when)), x.line)
			return []int{g.jump(x.line)}
		}
	}
	g.exprTo(e, r)
	line := g.lineNow()
	g.emit(mkABC(opTest, r, 0, b2i(when)), line)
	return []int{g.jump(line)}
}

// boolJump is valueJump for conditions.
func (g *gen) boolJump(e expr, r int, when bool, line int) []int {
	skip := g.condJump(e, !when)
	g.emit(mkABC(opLoadBool, r, b2i(when), 0), line)
	out := g.jump(line)
	g.patchHere(skip)
	return []int{out}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// condJump evaluates a condition and jumps if its truth is when.
func (g *gen) condJump(e expr, when bool) []int {
	f := g.f
	free := f.free
	defer func() { f.free = free }()
	switch x := e.(type) {
	case *eParen:
		if !isMulti(x.e) {
			return g.condJump(x.e, when)
		}
	case *eNil, *eFalse:
		if when {
			return nil
		}
		return []int{g.jump(g.lineNow())}
	case *eTrue, *eNum, *eStr:
		if !when {
			return nil
		}
		return []int{g.jump(g.lineNow())}
	case *eLogic:
		if x.and == !when {
			l := g.condJump(x.l, when)
			return append(l, g.condJump(x.r, when)...)
		}
		skip := g.condJump(x.l, !when)
		l := g.condJump(x.r, when)
		g.patchHere(skip)
		return l
	case *eUn:
		if x.op == opcNot {
			return g.condJump(x.e, !when)
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
	line := g.lineNow()
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
		key := g.rk(&eStr{e.name})
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
			flush(true, it.line)
			break
		}
		g.nextReg(it.val)
		pending++
		if pending == fieldsPerFlush && !lastItem(e.items[i+1:]) {
			flush(false, it.line)
		}
	}
	if pending > 0 {
		flush(false, g.lineNow())
	}
	f.p.Code[new] = mkABC(opNewTable, t, intToFB(min(narr, math.MaxInt16)), intToFB(min(nhash, math.MaxInt16)))
	if t != r {
		g.emit(mkABC(opMove, r, t, 0), g.lineNow())
	}
}

// lastItem reports whether no list item is left.
func lastItem(l []tableItem) bool { return len(l) == 0 }
