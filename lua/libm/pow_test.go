package libm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestPowWhole compares with powers in exact arithmetic, rounded once.
func TestPowWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 4000 {
		x := math.Ldexp(1+r.Float64(), r.IntN(20)-10)
		if r.IntN(2) == 0 { // few bits: results in the middle of two doubles
			x = float64(1 + r.IntN(1<<18))
		}
		if r.IntN(3) == 0 {
			x = -x
		}
		n := 1 + r.IntN(90)
		exact := big.NewFloat(1).SetPrec(8000)
		for range n {
			exact.Mul(exact, big.NewFloat(x))
		}
		want, _ := exact.Float64()
		if got := Pow(x, float64(n)); got != want {
			t.Fatalf("pow(%v, %d) = %v, want %v", x, n, got, want)
		}
		want, _ = new(big.Float).SetPrec(8000).Quo(big.NewFloat(1), exact).Float64()
		if got := Pow(x, float64(-n)); got != want && math.Abs(want) > 0x1p-1022 {
			t.Fatalf("pow(%v, %d) = %v, want %v", x, -n, got, want)
		}
	}
	if got := Pow(0.9999999995343387, 134217727); math.Abs(got-0.93941306323725) > 1e-14 {
		t.Errorf("a large power: %v", got)
	}
	for _, c := range [][3]float64{{2, -1074, 0x1p-1074}, {-2, 3, -8}, {-2, 2, 4}, {-2, 1023, -0x1p1023}, {10, 308, 1e308}, {10, 309, math.Inf(1)}, {-10, 309, math.Inf(-1)}, {-8, 1.0 / 3, math.NaN()}, {-1, 1e300, 1}, {1, -1e300, 1}, {-1, 9007199254740991, -1}} {
		if got := Pow(c[0], c[1]); got != c[2] && !(math.IsNaN(got) && math.IsNaN(c[2])) {
			t.Errorf("pow(%v, %v) = %v, want %v", c[0], c[1], got, c[2])
		}
	}
}
