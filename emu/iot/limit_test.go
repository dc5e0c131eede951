package iot

import (
	"slices"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := NewLimiter(10, 2)
	now := time.Unix(0, 0)
	l.now = func() time.Time { return now }
	var got []bool
	for _, key := range []string{"x", "x", "x", "y"} {
		got = append(got, l.Allow(key))
	}
	if !slices.Equal(got, []bool{true, true, false, true}) {
		t.Errorf("burst of two for each: %v", got)
	}
	now = now.Add(100 * time.Millisecond)
	if !l.Allow("x") || l.Allow("x") {
		t.Error("one more after a tenth of a second")
	}
}
