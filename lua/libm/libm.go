// Package libm has the functions of C's math library, bit for bit the same on
// every host.
//
// Those of package math are not: on some processors they are assembly, on
// others the compiler fuses multiplications and additions, and the last bits
// differ. A script can print them, so a trace would differ, too. Here a value
// is computed with pairs of doubles, about 32 decimal digits, by additions,
// multiplications and math.FMA, which are exact everywhere, and rounded once:
// the result is the nearest double but in the rarest cases. Special values
// (zeros, infinities, NaN) are those of package math.
package libm

import "math"

// guess keeps 30 bits of a first approximation: two hosts that differ in the
// last bits agree on it.
func guess(f float64) float64 {
	return math.Float64frombits(math.Float64bits(f) &^ (1<<22 - 1))
}

func special(f float64) bool { return f == 0 || math.IsInf(f, 0) || math.IsNaN(f) }

// Exp returns e**x.
func Exp(x float64) float64 {
	switch {
	case special(x):
		return math.Exp(x)
	case x > 709.8:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	return expPair(pair{x, 0})
}

// expPair rounds e**x.
func expPair(x pair) float64 {
	if x.hi < -746 {
		return 0
	}
	m, k := expParts(x)
	return math.Ldexp(m.value(), k)
}

// Log returns the natural logarithm of x.
func Log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log(x)
	}
	return logPair(x).value()
}

// Log10 returns the decimal logarithm of x.
func Log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	return logPair(x).div(ln10).value()
}

// LogBase returns the logarithm of x to a base.
func LogBase(x, base float64) float64 {
	if !(x > 0) || !(base > 0) || math.IsInf(x, 1) || math.IsInf(base, 1) || base == 1 {
		return math.Log(x) / math.Log(base)
	}
	return logPair(x).div(logPair(base)).value()
}

// Pow returns x**y.
func Pow(x, y float64) float64 {
	switch {
	case special(x) || special(y):
		return math.Pow(x, y)
	case x < 0 && y != math.Trunc(y):
		return math.NaN()
	case x < 0:
		return math.Copysign(Pow(-x, y), 1-2*math.Abs(math.Mod(y, 2)))
	}
	if _, e := math.Frexp(x); y == math.Trunc(y) && y > 0 && y <= 64 && math.Abs(float64(e)*y) < 900 {
		return power(x, int(y)).value()
	}
	p := logPair(x).mul(pair{y, 0})
	switch {
	case p.hi > 709.8:
		return math.Inf(1)
	case p.hi < -745.2:
		return 0
	}
	return expPair(p)
}

// power multiplies: a result that lies in the middle of two doubles is exact,
// and so rounded to the even one.
func power(x float64, n int) pair {
	square, r := pair{x, 0}, pair{1, 0}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r = r.mul(square)
		}
		square = square.mul(square)
	}
	return r
}

// Sin returns the sine of x in radians.
func Sin(x float64) float64 {
	if special(x) {
		return math.Sin(x)
	}
	s, _ := sinCos(x)
	return s.value()
}

// Cos returns the cosine of x in radians.
func Cos(x float64) float64 {
	if special(x) {
		return math.Cos(x)
	}
	_, c := sinCos(x)
	return c.value()
}

// Tan returns the tangent of x in radians.
func Tan(x float64) float64 {
	if special(x) {
		return math.Tan(x)
	}
	s, c := sinCos(x)
	return s.div(c).value()
}

// Asin returns the angle in radians whose sine is x.
func Asin(x float64) float64 {
	if special(x) || math.Abs(x) > 1 {
		return math.Asin(x)
	}
	return angle(pair{x, 0}, legOf(x))
}

// Acos returns the angle in radians whose cosine is x.
func Acos(x float64) float64 {
	if special(x) || math.Abs(x) >= 1 {
		return math.Acos(x)
	}
	return angle(legOf(x), pair{x, 0})
}

// legOf is the square root of 1 - x*x.
func legOf(x float64) pair {
	return sum(1, -x).mul(sum(1, x)).sqrt()
}

// Atan2 returns the angle of the point (x, y) in radians.
func Atan2(y, x float64) float64 {
	if special(y) || special(x) {
		return math.Atan2(y, x)
	}
	_, ey := math.Frexp(y)
	_, ex := math.Frexp(x)
	if ey-ex < -60 && x > 0 || ey-ex > 60 { // too far apart for the products below
		return math.Atan2(y, x)
	}
	e := max(ey, ex)
	return angle(pair{math.Ldexp(y, -e), 0}, pair{math.Ldexp(x, -e), 0})
}

// Sinh returns the hyperbolic sine of x.
func Sinh(x float64) float64 {
	if special(x) {
		return x
	}
	if math.Abs(x) > 40 {
		return math.Copysign(halfExp(math.Abs(x)), x)
	}
	return sinhPair(x).value()
}

// Cosh returns the hyperbolic cosine of x.
func Cosh(x float64) float64 {
	if special(x) {
		return math.Cosh(x)
	}
	if math.Abs(x) > 40 {
		return halfExp(math.Abs(x))
	}
	return coshPair(x).value()
}

// halfExp is e**x / 2 without overflow before the end.
func halfExp(x float64) float64 {
	if x > 711 {
		return math.Inf(1)
	}
	return expPair(pair{x, 0}.sub(ln2))
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float64) float64 {
	switch {
	case special(x):
		return math.Tanh(x)
	case math.Abs(x) > 40:
		return math.Copysign(1, x)
	}
	return sinhPair(x).div(coshPair(x)).value()
}

func sinhPair(x float64) pair {
	if math.Abs(x) > 0.5 {
		e := expSmall(x)
		return e.sub(pair{1, 0}.div(e)).half()
	}
	x2 := pair{x, 0}.mul(pair{x, 0})
	term, total := pair{x, 0}, pair{x, 0}
	for n := 2.0; n < 26; n += 2 { // cancellation: the series instead
		term = term.mul(x2).over(n * (n + 1))
		total = total.add(term)
	}
	return total
}

func coshPair(x float64) pair {
	e := expSmall(x)
	return e.add(pair{1, 0}.div(e)).half()
}

// expSmall is e**x for an x whose result is no extreme.
func expSmall(x float64) pair {
	m, k := expParts(pair{x, 0})
	return pair{math.Ldexp(m.hi, k), math.Ldexp(m.lo, k)}
}
