package lua53

// The compiler computes operators on numerals.

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
	if p.floats && e.op == arMod {
		return e // 5.1 has another one
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

// foldNot computes the negation of a constant.
func foldNot(e *eUn) expr {
	switch unparen(e.e).(type) {
	case *eNil, *eFalse:
		return &eTrue{e.line}
	case *eTrue, *eNum, *eStr:
		return &eFalse{e.line}
	}
	return e
}

// neverDecides reports whether the left operand of and (or of or) always
// leaves the value to the right one: what it is at its end is a constant.
func neverDecides(e expr, and bool) bool {
	switch e := unparen(e).(type) {
	case *eNil, *eFalse:
		return !and
	case *eTrue, *eNum, *eStr:
		return and
	case *eLogic:
		return neverDecides(e.r, and) && (e.and != and || neverDecides(e.l, and))
	}
	return false
}
