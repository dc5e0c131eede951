package emu

import (
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/lua"
)

// A clock runs events by time, then in the order in which they were asked
// for, whatever is cancelled or added on the way.
func TestClockOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type planned struct {
			at  time.Duration
			seq int
		}
		c := NewClock(0)
		var model []planned
		var got []planned
		cancels := map[int]func(){}
		add := func(delay time.Duration, seq int) {
			e := planned{c.Now() + max(0, delay), seq}
			model = append(model, e)
			cancels[seq] = c.After(delay, func() {
				got = append(got, e)
				if c.Now() < e.at {
					t.Fatalf("event %d due at %v ran at %v", e.seq, e.at, c.Now())
				}
				delete(cancels, e.seq)
			})
		}
		seq := 0
		var want []planned
		for range rapid.IntRange(1, 60).Draw(t, "actions") {
			switch rapid.IntRange(0, 4).Draw(t, "action") {
			case 0, 1:
				add(time.Duration(rapid.Int64Range(-5, 50).Draw(t, "delay")), seq)
				seq++
			case 2:
				c.Sleep(time.Duration(rapid.Int64Range(-5, 30).Draw(t, "sleep")))
			case 3:
				victim := rapid.IntRange(0, max(0, seq-1)).Draw(t, "victim")
				if cancel := cancels[victim]; cancel != nil {
					cancel()
					cancel() // harmless
					delete(cancels, victim)
					for i, e := range model {
						if e.seq == victim {
							model = append(model[:i], model[i+1:]...)
							break
						}
					}
				}
			case 4:
				before := len(got)
				res := c.Step()
				if (res == lua.Idle) != (len(model) == 0) {
					t.Fatalf("step says %v with %d events waiting", res, len(model))
				}
				if len(model) > 0 {
					sort.SliceStable(model, func(i, j int) bool {
						if model[i].at != model[j].at {
							return model[i].at < model[j].at
						}
						return model[i].seq < model[j].seq
					})
					want = append(want, model[0])
					model = model[1:]
					if len(got) != before+1 || got[before] != want[len(want)-1] {
						t.Fatalf("ran %v, expected %v", got[before:], want[len(want)-1])
					}
				}
			}
		}
	})
}

func TestClockLimit(t *testing.T) {
	c := NewClock(10)
	ran := 0
	c.After(9, func() { ran++ })
	c.After(10, func() { t.Error("an event at the limit ran") })
	if c.Step() != lua.Stepped || ran != 1 {
		t.Fatal("the event before the limit did not run")
	}
	if c.Step() != lua.TimeUp || c.Now() != 10 {
		t.Fatalf("at %v: expected the end of time", c.Now())
	}
	late := NewClock(10)
	late.After(1, func() { t.Error("ran after the end of time") })
	late.Sleep(20)
	if late.Step() != lua.TimeUp || late.Now() != 20 {
		t.Fatalf("time went back to %v", late.Now())
	}
}

func TestClockClear(t *testing.T) {
	c := NewClock(0)
	cancel := c.After(1, func() { t.Error("cleared event ran") })
	c.Clear()
	cancel()
	if c.Step() != lua.Idle {
		t.Fatal("something is left")
	}
}

// realSource stands for a socket: something arrives after 3 units.
type realSource struct {
	wall      time.Time
	left      time.Duration
	delivered bool
}

func (s *realSource) Pending() bool { return !s.delivered }
func (s *realSource) Wait(most time.Duration) bool {
	if most >= 0 && most < s.left {
		s.left -= most
		s.wall = s.wall.Add(most)
		return false
	}
	s.wall = s.wall.Add(s.left)
	return true
}
func (s *realSource) Deliver() int {
	s.delivered = true
	return 1
}

// While a socket is pending the clock does not jump past it.
func TestClockFollowsTheRealWorld(t *testing.T) {
	c := NewClock(0)
	s := &realSource{wall: time.Unix(0, 0), left: 3}
	c.wall = func() time.Time { return s.wall }
	c.SetSource(s)
	var order []time.Duration
	for _, at := range []time.Duration{2, 50} {
		c.After(at, func() { order = append(order, c.Now()) })
	}
	for c.Step() != lua.Idle {
		if s.delivered && c.Now() < 3 {
			t.Fatalf("delivered at %v, expected 3", c.Now())
		}
	}
	if len(order) != 2 || order[0] != 2 || order[1] != 50 || !s.delivered {
		t.Fatalf("events ran at %v", order)
	}
}
