// Package syntax reads Lua 5.3 source for the language core that package lua
// runs on. That core, gopher-lua, compiles the syntax of Lua 5.1; what 5.3 has
// more is turned into calls of operator functions here: the integer division,
// the bit operators, and also "..", so that numbers become text by the rules
// of the emulated firmware and a string cannot outgrow its memory.
//
// A chunk that needs such functions is wrapped: its compiled form is a
// function that takes them as arguments and returns the real chunk, which has
// them as upvalues. Scripts cannot see them.
//
// Everything that grows with the input is bounded: nesting, chains of
// operators, constants. A file that exceeds a bound is refused with an [Error]
// like any other that does not parse.
package syntax

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Bounds on source text.
const (
	levelsMax    = 190    // nesting of blocks and expressions, LUAI_MAXCCALLS
	chainMax     = 4000   // operators, indexings or elseifs in a row
	constantsMax = 30_000 // different ones in one function
	localsMax    = 200    // in one function
)

// Chunk is a parsed file.
type Chunk struct {
	Stmts []ast.Stmt
	// Ops are the operator functions that the chunk wants, by the names of
	// [Operators]. If there are any the chunk, called with them in this order,
	// returns the real chunk.
	Ops []string
}

// Operators are the operators that become calls. "~1" is the unary one.
var Operators = []string{"..", "//", "&", "|", "~", "<<", ">>", "~1"}

// opName is the name of the local variable that holds an operator function. No
// script can write it.
func opName(op string) string { return "(op " + op + ")" }

// IsOpName reports whether a function of this name is an operator.
func IsOpName(name string) bool { return strings.HasPrefix(name, "(op ") }

// Parse reads the source text of file for a VM with integers of bits bits.
func Parse(file, src string, bits int) (chunk *Chunk, err error) {
	src = strings.TrimPrefix(src, "\xEF\xBB\xBF")
	p := &parser{lexer: lexer{file: file, src: src, line: 1, bits: bits}, ops: map[string]bool{}}
	if strings.HasPrefix(src, "#") {
		for p.at < len(src) && src[p.at] != '\n' {
			p.at++
		}
	}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(error)
			var se *Error
			if !ok || !errors.As(e, &se) {
				panic(r)
			}
			chunk, err = nil, se
		}
	}()
	p.advance()
	p.enterFunction(true)
	stmts := p.block()
	if p.tok.kind != tokenEnd {
		p.expected("<eof>")
	}
	return p.wrap(stmts), nil
}

type parser struct {
	lexer
	tok, ahead token
	hasAhead   bool
	last       int // line of the last token taken
	levels     int
	fn         *function
	ops        map[string]bool
}

// function is what the parser knows about the function it is in.
type function struct {
	parent    *function
	varargs   bool
	constants map[any]bool
	loops     int
}

// wrap puts the operator functions around the chunk.
func (p *parser) wrap(stmts []ast.Stmt) *Chunk {
	c := &Chunk{Stmts: stmts}
	if len(p.ops) == 0 {
		return c
	}
	take := &ast.LocalAssignStmt{Exprs: []ast.Expr{at(&ast.Comma3Expr{}, 1)}}
	take.SetLine(1)
	for _, op := range Operators {
		if p.ops[op] {
			c.Ops = append(c.Ops, op)
			take.Names = append(take.Names, opName(op))
		}
	}
	fn := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true, Names: []string{}}, Stmts: stmts}
	fn.SetLastLine(p.last)
	ret := &ast.ReturnStmt{Exprs: []ast.Expr{fn}}
	ret.SetLine(1)
	c.Stmts = []ast.Stmt{take, ret}
	return c
}

func (p *parser) enterFunction(varargs bool) {
	p.fn = &function{parent: p.fn, varargs: varargs, constants: map[any]bool{}}
}

func (p *parser) leaveFunction() { p.fn = p.fn.parent }

// constant counts one constant of the running function.
func (p *parser) constant(v any) {
	if p.fn.constants[v] = true; len(p.fn.constants) > constantsMax {
		p.fail(p.tok.line, p.tok.off, "function has more than %d constants", constantsMax)
	}
}

func (p *parser) advance() token {
	t := p.tok
	p.last = t.line
	if p.hasAhead {
		p.tok, p.hasAhead = p.ahead, false
	} else {
		p.tok = p.next()
	}
	return t
}

func (p *parser) peekAhead() token {
	if !p.hasAhead {
		p.ahead, p.hasAhead = p.next(), true
	}
	return p.ahead
}

// near names the token at hand, as error messages do.
func (p *parser) near() string {
	switch p.tok.kind {
	case tokenName, tokenNumber:
		return clip(p.tok.text)
	case tokenString:
		return clip(p.src[p.tok.off:min(len(p.src), p.tok.off+len(p.tok.text)+2)])
	}
	return string(p.tok.kind)
}

func (p *parser) wrong(format string, args ...any) {
	near := "<eof>"
	if p.tok.kind != tokenEnd {
		near = "'" + p.near() + "'"
	}
	p.fail(p.tok.line, p.tok.off, "%s near %s", fmt.Sprintf(format, args...), near)
}

func (p *parser) expected(what string) {
	if what[0] != '<' || len(what) < 3 {
		what = "'" + what + "'"
	}
	p.wrong("%s expected", what)
}

func (p *parser) check(k kind) bool { return p.tok.kind == k }

func (p *parser) accept(k kind) bool {
	if p.tok.kind == k {
		p.advance()
		return true
	}
	return false
}

func (p *parser) want(k kind) token {
	if p.tok.kind != k {
		p.expected(string(k))
	}
	return p.advance()
}

// closing takes the end of a construct that began at line.
func (p *parser) closing(k, opener kind, line int) int {
	if p.tok.kind != k {
		if line == p.tok.line {
			p.expected(string(k))
		}
		p.wrong("'%s' expected (to close '%s' at line %d)", k, opener, line)
	}
	return p.advance().line
}

func (p *parser) deeper() {
	if p.levels++; p.levels > levelsMax {
		p.fail(p.tok.line, p.tok.off, "chunk has too many syntax levels")
	}
}

// chain bounds things in a row, which the compiler takes recursively.
func (p *parser) chain(n int) {
	if n > chainMax {
		p.fail(p.tok.line, p.tok.off, "expression or statement is too long: more than %d parts", chainMax)
	}
}

// at gives a node its line.
func at[T ast.PositionHolder](node T, line int) T {
	node.SetLine(line)
	return node
}

func (p *parser) blockEnds() bool {
	switch p.tok.kind {
	case tokenEnd, "end", "else", "elseif", "until":
		return true
	}
	return false
}

// block reads statements up to the end of the block.
func (p *parser) block() []ast.Stmt {
	p.deeper()
	stmts := []ast.Stmt{}
	for !p.blockEnds() {
		if p.check("return") {
			stmts = append(stmts, p.returnStmt())
			break
		}
		if s := p.statement(); s != nil {
			stmts = append(stmts, s)
		}
	}
	p.levels--
	return stmts
}

func (p *parser) returnStmt() ast.Stmt {
	line := p.advance().line
	s := at(&ast.ReturnStmt{}, line)
	if !p.blockEnds() && !p.check(";") {
		s.Exprs = p.exprList()
	}
	p.accept(";")
	if !p.blockEnds() {
		p.expected("<eof>")
	}
	return s
}

func (p *parser) statement() ast.Stmt {
	line := p.tok.line
	switch p.tok.kind {
	case ";":
		p.advance()
		return nil
	case "if":
		return p.ifStmt()
	case "while":
		p.advance()
		s := at(&ast.WhileStmt{Condition: p.expr()}, line)
		p.want("do")
		s.Stmts = p.loopBody()
		s.SetLastLine(p.closing("end", "while", line))
		return s
	case "do":
		p.advance()
		s := at(&ast.DoBlockStmt{Stmts: p.block()}, line)
		s.SetLastLine(p.closing("end", "do", line))
		return s
	case "for":
		return p.forStmt()
	case "repeat":
		p.advance()
		s := at(&ast.RepeatStmt{Stmts: p.loopBody()}, line)
		p.closing("until", "repeat", line)
		s.Condition = p.expr()
		s.SetLastLine(s.Condition.Line())
		return s
	case "function":
		return p.functionStmt()
	case "local":
		p.advance()
		if p.accept("function") {
			name := p.want(tokenName).text
			f := p.functionBody(line)
			s := at(&ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{f}}, line)
			s.SetLastLine(f.LastLine())
			return s
		}
		return p.localStmt(line)
	case "::":
		p.advance()
		s := at(&ast.LabelStmt{Name: p.want(tokenName).text}, line)
		p.want("::")
		return s
	case "goto":
		p.advance()
		return at(&ast.GotoStmt{Label: p.want(tokenName).text}, line)
	case "break":
		if p.fn.loops == 0 {
			p.fail(line, p.tok.off, "<break> at line %d not inside a loop", line)
		}
		p.advance()
		return p.breakStmt(line)
	}
	return p.exprStmt()
}

// breakStmt may stand anywhere in a block; the core wants it at the end, where
// a block of its own puts it.
func (p *parser) breakStmt(line int) ast.Stmt {
	s := at(&ast.BreakStmt{}, line)
	if p.blockEnds() {
		return s
	}
	do := at(&ast.DoBlockStmt{Stmts: []ast.Stmt{s}}, line)
	do.SetLastLine(line)
	return do
}

func (p *parser) loopBody() []ast.Stmt {
	p.fn.loops++
	stmts := p.block()
	p.fn.loops--
	return stmts
}

func (p *parser) ifStmt() ast.Stmt {
	line := p.tok.line
	var first, last *ast.IfStmt
	for n := 0; ; n++ {
		p.chain(n)
		s := at(&ast.IfStmt{}, p.advance().line)
		s.Condition = p.expr()
		p.want("then")
		s.Then = p.block()
		if first == nil {
			first = s
		} else {
			last.Else = []ast.Stmt{s}
		}
		last = s
		if !p.check("elseif") {
			break
		}
	}
	if p.accept("else") {
		last.Else = p.block()
	}
	first.SetLastLine(p.closing("end", "if", line))
	return first
}

func (p *parser) forStmt() ast.Stmt {
	line := p.advance().line
	name := p.want(tokenName).text
	if p.accept("=") {
		s := at(&ast.NumberForStmt{Name: name, Init: p.expr()}, line)
		p.want(",")
		s.Limit = p.expr()
		if p.accept(",") {
			s.Step = p.expr()
		}
		p.want("do")
		s.Stmts = p.loopBody()
		s.SetLastLine(p.closing("end", "for", line))
		return s
	}
	s := at(&ast.GenericForStmt{Names: []string{name}}, line)
	for p.accept(",") {
		s.Names = append(s.Names, p.want(tokenName).text)
		p.names(len(s.Names))
	}
	if !p.check("in") {
		p.wrong("'=' or 'in' expected")
	}
	p.advance()
	s.Exprs = p.exprList()
	p.want("do")
	s.Stmts = p.loopBody()
	s.SetLastLine(p.closing("end", "for", line))
	return s
}

func (p *parser) names(n int) {
	if n > localsMax {
		p.fail(p.tok.line, p.tok.off, "too many local variables (limit is %d)", localsMax)
	}
}

func (p *parser) localStmt(line int) ast.Stmt {
	s := at(&ast.LocalAssignStmt{Exprs: []ast.Expr{}}, line)
	for {
		s.Names = append(s.Names, p.want(tokenName).text)
		p.names(len(s.Names))
		if !p.accept(",") {
			break
		}
	}
	if p.accept("=") {
		s.Exprs = p.exprList()
		if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok && len(s.Exprs) == 1 && len(s.Names) == 1 {
			// The core would take this for "local function", in which the name
			// is known inside. A value too many keeps it from that.
			s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, line))
		}
	}
	return s
}

func (p *parser) functionStmt() ast.Stmt {
	line := p.advance().line
	t := p.want(tokenName)
	name := &ast.FuncName{Func: at(&ast.IdentExpr{Value: t.text}, t.line)}
	p.constant(t.text)
	for n := 0; p.check("."); n++ {
		p.chain(n)
		p.advance()
		key := p.want(tokenName)
		name.Func = at(&ast.AttrGetExpr{Object: name.Func, Key: p.stringExpr(key)}, key.line)
	}
	if p.accept(":") {
		key := p.want(tokenName)
		p.constant(key.text)
		name = &ast.FuncName{Receiver: name.Func, Method: key.text}
	}
	f := p.functionBody(line)
	s := at(&ast.FuncDefStmt{Name: name, Func: f}, line)
	s.SetLastLine(f.LastLine())
	return s
}

// functionBody reads parameters and block.
func (p *parser) functionBody(line int) *ast.FunctionExpr {
	p.want("(")
	pars := &ast.ParList{Names: []string{}}
	for !p.check(")") {
		if p.accept("...") {
			pars.HasVargs = true
			break
		}
		pars.Names = append(pars.Names, p.want(tokenName).text)
		p.names(len(pars.Names))
		if !p.accept(",") {
			break
		}
		if p.check(")") {
			p.wrong("<name> expected")
		}
	}
	p.want(")")
	p.enterFunction(pars.HasVargs)
	f := at(&ast.FunctionExpr{ParList: pars, Stmts: p.block()}, line)
	p.leaveFunction()
	f.SetLastLine(p.closing("end", "function", line))
	return f
}

// exprStmt is a call or an assignment.
func (p *parser) exprStmt() ast.Stmt {
	line := p.tok.line
	first, paren := p.suffixed()
	if !p.check("=") && !p.check(",") {
		call, ok := first.(*ast.FuncCallExpr)
		if !ok || paren {
			p.wrong("syntax error")
		}
		return at(&ast.FuncCallStmt{Expr: call}, line)
	}
	s := at(&ast.AssignStmt{}, line)
	for e := first; ; {
		switch e.(type) {
		case *ast.IdentExpr, *ast.AttrGetExpr:
		default:
			paren = true
		}
		if paren {
			p.wrong("syntax error")
		}
		s.Lhs = append(s.Lhs, e)
		p.names(len(s.Lhs))
		if !p.accept(",") {
			break
		}
		e, paren = p.suffixed()
	}
	p.want("=")
	s.Rhs = p.exprList()
	return viaTemporary(s, line)
}

// viaTemporary turns v = x and y, v = x or y into
//
//	do local value = x and y; v = value end
//
// because gopher-lua computes such an expression in the place of v if v is a
// local, and jumps over the store when an operand that is no local decides:
// after v = t.x and 7 the variable keeps its old value instead of nil.
func viaTemporary(s *ast.AssignStmt, line int) ast.Stmt {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		return s
	}
	if _, ok := s.Lhs[0].(*ast.IdentExpr); !ok {
		return s
	}
	if _, ok := s.Rhs[0].(*ast.LogicalOpExpr); !ok {
		return s
	}
	const name = "(value)" // no script can have a variable of this name
	take := at(&ast.LocalAssignStmt{Names: []string{name}, Exprs: s.Rhs}, line)
	s.Rhs = []ast.Expr{at(&ast.IdentExpr{Value: name}, line)}
	block := at(&ast.DoBlockStmt{Stmts: []ast.Stmt{take, s}}, line)
	block.SetLastLine(line)
	return block
}

func (p *parser) exprList() []ast.Expr {
	list := []ast.Expr{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
		if len(list) > 250 {
			p.fail(p.tok.line, p.tok.off, "too many expressions in a list (limit is 250)")
		}
	}
	return list
}

func (p *parser) stringExpr(t token) *ast.StringExpr {
	p.constant(t.text)
	return at(&ast.StringExpr{Value: t.text}, t.line)
}

// numberExpr writes the value so that the core reads the same one: it takes
// leading zeros for octal.
func (p *parser) numberExpr(t token) ast.Expr {
	text := strconv.FormatFloat(t.num, 'g', -1, 64)
	if t.num == math.Trunc(t.num) && math.Abs(t.num) < 1<<53 {
		text = strconv.FormatInt(int64(t.num), 10)
	}
	p.constant(t.num)
	return at(&ast.NumberExpr{Value: text}, t.line)
}
