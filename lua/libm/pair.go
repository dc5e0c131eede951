package libm

import (
	"math"
	"math/big"
	"sync"
)

// pair is the sum of two doubles, of which lo is less than half a unit in the
// last place of hi. Products stand in conversions, float64(a*b), which keeps
// the compiler from fusing them with additions.
type pair struct{ hi, lo float64 }

var (
	ln2  = pair{0.6931471805599453, 2.3190468138462996e-17}
	ln10 = pair{2.302585092994046, -2.1707562233822494e-16}
)

// sum is a + b exactly.
func sum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

// norm brings the parts of a pair into order.
func norm(hi, lo float64) pair {
	s := hi + lo
	return pair{s, lo - (s - hi)}
}

func (a pair) add(b pair) pair {
	s, t := sum(a.hi, b.hi), sum(a.lo, b.lo)
	s = norm(s.hi, s.lo+t.hi)
	return norm(s.hi, s.lo+t.lo)
}

func (a pair) neg() pair       { return pair{-a.hi, -a.lo} }
func (a pair) sub(b pair) pair { return a.add(b.neg()) }
func (a pair) half() pair      { return pair{a.hi / 2, a.lo / 2} }

func (a pair) mul(b pair) pair {
	p := float64(a.hi * b.hi)
	e := math.FMA(a.hi, b.hi, -p)
	e += float64(a.hi*b.lo) + float64(a.lo*b.hi)
	return norm(p, e)
}

func (a pair) div(b pair) pair {
	q1 := a.hi / b.hi
	r := a.sub(b.mul(pair{q1, 0}))
	q2 := r.hi / b.hi
	r = r.sub(b.mul(pair{q2, 0}))
	return norm(q1, q2).add(pair{r.hi / b.hi, 0})
}

// over divides by a small whole number.
func (a pair) over(n float64) pair { return a.div(pair{n, 0}) }

func (a pair) sqrt() pair {
	if a.hi <= 0 {
		return pair{}
	}
	r := math.Sqrt(a.hi)
	rest := a.sub(pair{r, 0}.mul(pair{r, 0}))
	return norm(r, rest.hi/(2*r))
}

func (a pair) value() float64 { return a.hi + a.lo }

// expParts returns e**x as m * 2**k.
func expParts(x pair) (m pair, k int) {
	n := math.Floor(float64(x.hi*1.4426950408889634) + 0.5)
	r := x.sub(ln2.mul(pair{n, 0}))
	const squarings = 8
	r = pair{math.Ldexp(r.hi, -squarings), math.Ldexp(r.lo, -squarings)}
	term, total := r, r // e**r - 1, to keep the small digits
	for i := 2.0; i < 13; i++ {
		term = term.mul(r).over(i)
		total = total.add(term)
	}
	for range squarings { // (1+t)**2 - 1 = t*(2+t)
		total = total.mul(pair{2, 0}.add(total))
	}
	return pair{1, 0}.add(total), int(n)
}

// logPair is the natural logarithm of a positive number: a step of Newton's
// method, of high order, from a rough one.
func logPair(x float64) pair {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	y := guess(math.Log(m))
	d := pair{m, 0}.mul(expSmall(-y)).sub(pair{1, 0})
	// log(1+d) for d of about 2**-30
	d2 := d.mul(d)
	l := d.sub(d2.half()).add(d2.mul(d).over(3)).sub(d2.mul(d2).over(4))
	return ln2.mul(pair{float64(e), 0}).add(pair{y, 0}).add(l)
}

// sinCos returns sine and cosine of x.
func sinCos(x float64) (s, c pair) {
	r, quarter := reduce(x)
	r2 := r.mul(r)
	sTerm, cTerm := r, pair{1, 0}
	s, c = r, cTerm
	for n := 1.0; n < 29; n += 2 {
		cTerm = cTerm.mul(r2).over(-n * (n + 1))
		sTerm = sTerm.mul(r2).over(-(n + 1) * (n + 2))
		s, c = s.add(sTerm), c.add(cTerm)
	}
	switch quarter {
	case 1:
		return c, s.neg()
	case 2:
		return s.neg(), c.neg()
	case 3:
		return c.neg(), s
	}
	return s, c
}

// reduce takes the nearest multiple of pi/2 off x, and says which it was,
// modulo 4.
func reduce(x float64) (r pair, quarter int) {
	if math.Abs(x) < math.Pi/4 {
		return pair{x, 0}, 0
	}
	_, e := math.Frexp(x)
	prec := uint(max(e, 0) + 240)
	v := new(big.Float).SetPrec(prec).SetFloat64(x)
	halfPi := new(big.Float).SetPrec(prec).Set(halfPi())
	q := new(big.Float).SetPrec(prec).Quo(v, halfPi)
	k := nearest(q)
	v.Sub(v, halfPi.Mul(halfPi, new(big.Float).SetPrec(prec).SetInt(k)))
	hi, _ := v.Float64()
	lo, _ := v.Sub(v, new(big.Float).SetFloat64(hi)).Float64()
	return pair{hi, lo}, int(new(big.Int).And(k, big.NewInt(3)).Int64())
}

// nearest rounds half away from zero.
func nearest(q *big.Float) *big.Int {
	half := big.NewFloat(math.Copysign(0.5, float64(q.Sign())))
	k, _ := new(big.Float).SetPrec(q.Prec()+2).Add(q, half).Int(nil)
	return k
}

// halfPi has enough digits for the largest double, by Machin's formula.
var halfPi = sync.OnceValue(func() *big.Float {
	const bits = 1024 + 320
	arccot := func(n int64) *big.Int { // of n, times 2**bits
		term := new(big.Int).Lsh(big.NewInt(1), bits)
		term.Quo(term, big.NewInt(n))
		total, square, part := new(big.Int).Set(term), big.NewInt(n*n), new(big.Int)
		for i := int64(3); term.Sign() != 0; i += 2 {
			term.Quo(term, square)
			term.Neg(term)
			total.Add(total, part.Quo(term, big.NewInt(i)))
		}
		return total
	}
	pi := arccot(5)
	pi.Mul(pi, big.NewInt(4)).Sub(pi, arccot(239)).Lsh(pi, 1) // pi/2 = 8 arccot 5 - 2 arccot 239
	f := new(big.Float).SetPrec(bits).SetInt(pi)
	return f.SetMantExp(f, -bits)
})

// angle is the angle of the point (x, y): a rough one, and the small angle
// between that and the point.
func angle(y, x pair) float64 {
	a := guess(math.Atan2(y.hi, x.hi))
	s, c := sinCos(a)
	d := y.mul(c).sub(x.mul(s)).div(x.mul(c).add(y.mul(s)))
	d3 := d.mul(d).mul(d)
	return pair{a, 0}.add(d).sub(d3.over(3)).value()
}
