package link

import (
	"slices"
	"time"
)

// testClock is a virtual clock with the contract of lua.Clock.
type testClock struct {
	now   time.Duration
	queue []*timer
	count int
}

type timer struct {
	at  time.Duration
	seq int
	fn  func()
}

func (c *testClock) Now() time.Duration { return c.now }

func (c *testClock) After(d time.Duration, fn func()) func() {
	if d < 0 {
		panic("negative delay")
	}
	c.count++
	t := &timer{c.now + d, c.count, fn}
	i, _ := slices.BinarySearchFunc(c.queue, t, func(a, b *timer) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		return a.seq - b.seq
	})
	c.queue = slices.Insert(c.queue, i, t)
	return func() { t.fn = nil }
}

func (c *testClock) Step() bool {
	for len(c.queue) > 0 {
		t := c.queue[0]
		c.queue = c.queue[1:]
		if t.fn == nil {
			continue
		}
		c.now = t.at
		t.fn()
		return true
	}
	return false
}

func (c *testClock) run() {
	for c.Step() {
	}
}
