package emu

import (
	"testing"
	"time"

	"airlift/lua"
)

// waitingSource is a real world in which nothing ever happens.
type waitingSource struct{ waits []time.Duration }

func (s *waitingSource) Pending() bool { return true }
func (s *waitingSource) Wait(most time.Duration) bool {
	s.waits = append(s.waits, most)
	return false
}
func (s *waitingSource) Deliver() int { return 0 }

func TestClockStops(t *testing.T) {
	c := NewClock(0)
	stop := false
	c.SetStop(func() bool { return stop })
	c.After(time.Hour, func() {})
	c.After(2*time.Hour, func() {})
	if r := c.Step(); r != lua.Stepped || c.Over() {
		t.Fatalf("before: %v, over %v", r, c.Over())
	}
	stop = true
	if r := c.Step(); r != lua.TimeUp || !c.Over() || c.Now() != time.Hour {
		t.Fatalf("after: %v, over %v, at %v", r, c.Over(), c.Now())
	}
}

// While the clock waits for the real world it asks now and then.
func TestClockStopsRealWait(t *testing.T) {
	c := NewClock(0)
	s := new(waitingSource)
	c.SetSource(s)
	looks := 0
	c.SetStop(func() bool { looks++; return looks > 3 })
	for i := 0; c.Step() == lua.Stepped; i++ {
		if i > 10 {
			t.Fatal("does not stop")
		}
	}
	if len(s.waits) != 3 || s.waits[0] != stopEvery {
		t.Errorf("waited %v", s.waits)
	}
}
