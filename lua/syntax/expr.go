package syntax

import (
	"github.com/yuin/gopher-lua/ast"
)

// precedence of the binary operators, left and right, as in the manual.
var precedence = map[kind][2]int{
	"or": {1, 1}, "and": {2, 2},
	"<": {3, 3}, ">": {3, 3}, "<=": {3, 3}, ">=": {3, 3}, "~=": {3, 3}, "==": {3, 3},
	"|": {4, 4}, "~": {5, 5}, "&": {6, 6}, "<<": {7, 7}, ">>": {7, 7},
	"..": {9, 8}, "+": {10, 10}, "-": {10, 10},
	"*": {11, 11}, "/": {11, 11}, "//": {11, 11}, "%": {11, 11},
	"^": {14, 13},
}

const unaryPrecedence = 12

func (p *parser) expr() ast.Expr { return p.subExpr(0) }

// subExpr reads an expression whose operators bind tighter than limit.
func (p *parser) subExpr(limit int) ast.Expr {
	p.deeper()
	left := p.unary()
	for n := 0; ; n++ {
		prec, ok := precedence[p.tok.kind]
		if !ok || prec[0] <= limit {
			break
		}
		p.chain(n)
		op := p.advance()
		left = p.binary(op, left, p.subExpr(prec[1]))
	}
	p.levels--
	return left
}

func (p *parser) unary() ast.Expr {
	line := p.tok.line
	switch p.tok.kind {
	case "not":
		p.advance()
		return at(&ast.UnaryNotOpExpr{Expr: p.subExpr(unaryPrecedence)}, line)
	case "-":
		p.advance()
		return at(&ast.UnaryMinusOpExpr{Expr: p.subExpr(unaryPrecedence)}, line)
	case "#":
		p.advance()
		return at(&ast.UnaryLenOpExpr{Expr: p.subExpr(unaryPrecedence)}, line)
	case "~":
		p.advance()
		return p.operator("~1", line, p.subExpr(unaryPrecedence))
	}
	return p.simple()
}

// operator is a call of an operator function; its result is one value.
func (p *parser) operator(op string, line int, args ...ast.Expr) ast.Expr {
	p.ops[op] = true
	f := at(&ast.IdentExpr{Value: opName(op)}, line)
	return at(&ast.FuncCallExpr{Func: f, Args: args, AdjustRet: true}, line)
}

func (p *parser) binary(op token, left, right ast.Expr) ast.Expr {
	line := op.line
	switch op.kind {
	case "or", "and":
		return at(&ast.LogicalOpExpr{Operator: string(op.kind), Lhs: left, Rhs: right}, line)
	case "<", ">", "<=", ">=", "~=", "==":
		return at(&ast.RelationalOpExpr{Operator: string(op.kind), Lhs: left, Rhs: right}, line)
	case "+", "-", "*", "/", "%", "^":
		return at(&ast.ArithmeticOpExpr{Operator: string(op.kind), Lhs: left, Rhs: right}, line)
	case "..":
		return p.concat(left, right, line)
	}
	return p.operator(string(op.kind), line, single(left), single(right))
}

// concat joins a .. (b .. c) into one call with three arguments.
func (p *parser) concat(left, right ast.Expr, line int) ast.Expr {
	args := []ast.Expr{single(left)}
	if call, ok := right.(*ast.FuncCallExpr); ok {
		if f, ok := call.Func.(*ast.IdentExpr); ok && f.Value == opName("..") && len(call.Args) < 50 {
			return p.operator("..", line, append(args, call.Args...)...)
		}
	}
	return p.operator("..", line, append(args, single(right))...)
}

// single cuts an expression with many values to one, where it becomes an
// argument.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

func (p *parser) simple() ast.Expr {
	line := p.tok.line
	switch p.tok.kind {
	case tokenNumber:
		return p.numberExpr(p.advance())
	case tokenString:
		return p.stringExpr(p.advance())
	case "nil":
		p.advance()
		return at(&ast.NilExpr{}, line)
	case "true":
		p.advance()
		return at(&ast.TrueExpr{}, line)
	case "false":
		p.advance()
		return at(&ast.FalseExpr{}, line)
	case "...":
		if !p.fn.varargs {
			p.wrong("cannot use '...' outside a vararg function")
		}
		p.advance()
		return at(&ast.Comma3Expr{}, line)
	case "{":
		return p.table()
	case "function":
		p.advance()
		return p.functionBody(line)
	}
	e, _ := p.suffixed()
	return e
}

func (p *parser) table() ast.Expr {
	line := p.advance().line
	t := at(&ast.TableExpr{Fields: []*ast.Field{}}, line)
	for !p.check("}") {
		f := &ast.Field{}
		switch {
		case p.check(tokenName) && p.peekAhead().kind == "=":
			f.Key = p.stringExpr(p.advance())
			p.advance()
		case p.check("["):
			p.advance()
			f.Key = p.expr()
			p.want("]")
			p.want("=")
		}
		f.Value = p.expr()
		t.Fields = append(t.Fields, f)
		if !p.accept(",") && !p.accept(";") {
			break
		}
	}
	t.SetLastLine(p.closing("}", "{", line))
	return t
}

// suffixed reads a name or parenthesised expression with everything behind it;
// paren says that it is nothing but the parentheses.
func (p *parser) suffixed() (e ast.Expr, paren bool) {
	line := p.tok.line
	switch p.tok.kind {
	case tokenName:
		t := p.advance()
		p.constant(t.text)
		e = at(&ast.IdentExpr{Value: t.text}, line)
	case "(":
		p.advance()
		p.deeper()
		e = single(p.expr())
		p.levels--
		p.closing(")", "(", line)
		paren = true
	default:
		p.wrong("unexpected symbol")
	}
	for n := 0; ; n++ {
		p.chain(n)
		at1 := p.tok.line
		switch p.tok.kind {
		case ".":
			p.advance()
			e = at(&ast.AttrGetExpr{Object: e, Key: p.stringExpr(p.want(tokenName))}, at1)
		case "[":
			p.advance()
			key := p.expr()
			p.want("]")
			e = at(&ast.AttrGetExpr{Object: e, Key: key}, at1)
		case ":":
			p.advance()
			name := p.want(tokenName)
			p.constant(name.text)
			e = at(&ast.FuncCallExpr{Receiver: e, Method: name.text, Args: p.arguments()}, name.line)
		case "(", tokenString, "{":
			e = at(&ast.FuncCallExpr{Func: e, Args: p.arguments()}, at1)
		default:
			return e, paren
		}
		paren = false
	}
}

func (p *parser) arguments() []ast.Expr {
	line := p.tok.line
	switch p.tok.kind {
	case tokenString:
		return []ast.Expr{p.stringExpr(p.advance())}
	case "{":
		return []ast.Expr{p.table()}
	case "(":
		p.advance()
		if p.accept(")") {
			return []ast.Expr{}
		}
		p.deeper()
		args := p.exprList()
		p.levels--
		p.closing(")", "(", line)
		return args
	}
	p.wrong("function arguments expected")
	return nil
}
