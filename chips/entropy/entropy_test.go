package entropy

import (
	"math"
	"testing"
)

func TestLog2(t *testing.T) {
	for k := range 63 {
		if got := Log2(1 << min(k, 30)); got != Bit*min(k, 30) {
			t.Errorf("2^%d: %d", min(k, 30), got)
		}
	}
	for n := 1; n < math.MaxInt32-math.MaxInt32/9; n += 1 + n/9 {
		if got, want := float64(Log2(n))/Bit, math.Log2(float64(n)); got > want+1e-6 || got < want-2.0/Bit {
			t.Errorf("%d: %f, expected %f", n, got, want)
		}
	}
}
