package web

import "testing"

// Places are bounded for each account and in all, and come back.
func TestPlaces(t *testing.T) {
	p := places{most: 3, each: 2}
	for n, c := range []struct {
		account int64
		give    bool
		got     bool
	}{{1, false, true}, {1, false, true}, {1, false, false}, {2, false, true}, {3, false, false}, {1, true, true}, {3, false, true}, {1, false, false}} {
		if c.give {
			p.give(c.account)
		} else if got := p.take(c.account); got != c.got {
			t.Errorf("step %d: account %d got a place: %v", n+1, c.account, got)
		}
	}
	for _, account := range []int64{1, 2, 3} {
		p.give(account)
	}
	if p.total != 0 || len(p.of) != 0 {
		t.Errorf("%d places are taken, of %v", p.total, p.of)
	}
}
