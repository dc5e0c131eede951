package lua53

import "fmt"

// Compile compiles source text to a function prototype. name is the chunk
// name with its '@', '=' or neither, as load takes it.
func Compile(src, name string, bits int) (p *Proto, err error) {
	return compile(name, lexer{src: src, narrow: bits == 32})
}

func compile(name string, from lexer) (p *Proto, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			p, err = nil, e
		}
	}()
	from.chunk, from.scanLine = ChunkID(name), 1
	ps := &parser{lexer: from}
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
