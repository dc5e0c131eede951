package emu

import (
	"container/heap"
	"time"

	"airlift/emu/link"
	"airlift/lua"
)

// Clock is the virtual time of a world. It moves when everybody waits: to the
// next event that is due, by what a flash operation costs, or by a busy wait.
type Clock struct {
	now    time.Duration
	limit  time.Duration // Step returns lua.TimeUp there; 0 means none
	seq    uint64
	queue  eventQueue
	source link.Source // real sockets, or nil
	stop   func() bool // ends the run early, or nil
	// wall is the real clock; a test may bring its own.
	wall func() time.Time
}

type event struct {
	at    time.Duration
	seq   uint64
	fn    func()
	index int // in the queue, -1 when it is out
}

// NewClock returns a clock at 0 that ends at limit (0: never).
func NewClock(limit time.Duration) *Clock { return &Clock{limit: limit, wall: time.Now} }

// Now returns the time since the world began.
func (c *Clock) Now() time.Duration { return c.now }

// SetLimit moves the end of the run.
func (c *Clock) SetLimit(limit time.Duration) { c.limit = limit }

// Over reports whether the run's time is up.
func (c *Clock) Over() bool { return c.limit > 0 && c.now >= c.limit || c.stop != nil && c.stop() }

// SetStop has the run's time be up as soon as stop, which is asked at every
// step, returns true. Such a run cannot be repeated: it is for people who wait
// at a terminal.
func (c *Clock) SetStop(stop func() bool) { c.stop = stop }

// stopEvery is how long the clock waits for the real world before it asks
// whether the run is to stop.
const stopEvery = 250 * time.Millisecond

// SetSource connects the real world: while something of it is pending, time
// follows the real clock and does not jump.
func (c *Clock) SetSource(s link.Source) { c.source = s }

// After calls fn, from within Step, when delay has passed. Events due at the
// same time happen in the order in which they were asked for.
func (c *Clock) After(delay time.Duration, fn func()) (cancel func()) {
	if delay < 0 {
		delay = 0
	}
	e := &event{at: c.now + delay, seq: c.seq, fn: fn}
	c.seq++
	heap.Push(&c.queue, e)
	return func() {
		if e.index >= 0 {
			heap.Remove(&c.queue, e.index)
		}
	}
}

// Sleep lets time pass without running events: they are late afterwards.
func (c *Clock) Sleep(d time.Duration) {
	if d > 0 {
		c.now += d
	}
}

// Step moves to the next event and runs it.
func (c *Clock) Step() lua.StepResult {
	if c.stop != nil && c.stop() {
		return lua.TimeUp
	}
	if c.source != nil && c.source.Pending() {
		return c.stepReal()
	}
	if len(c.queue) == 0 {
		return lua.Idle
	}
	e := c.queue[0]
	if c.limit > 0 && max(e.at, c.now) >= c.limit {
		c.now = max(c.now, c.limit)
		return lua.TimeUp
	}
	heap.Pop(&c.queue)
	c.now = max(c.now, e.at)
	e.fn()
	return lua.Stepped
}

// stepReal waits for the real world, but not beyond the next event.
func (c *Clock) stepReal() lua.StepResult {
	if c.limit > 0 && c.now >= c.limit {
		return lua.TimeUp
	}
	most := time.Duration(-1)
	if len(c.queue) > 0 {
		most = max(0, c.queue[0].at-c.now)
	}
	if c.limit > 0 && (most < 0 || most > c.limit-c.now) {
		most = c.limit - c.now
	}
	if c.stop != nil && (most < 0 || most > stopEvery) {
		most = stopEvery
	}
	from := c.wall()
	arrived := c.source.Wait(most)
	passed := max(0, c.wall().Sub(from))
	if arrived {
		c.now += passed
		c.source.Deliver()
		return lua.Stepped
	}
	c.now += max(passed, most) // the wait may end a little early
	if len(c.queue) > 0 && c.queue[0].at <= c.now {
		heap.Pop(&c.queue).(*event).fn()
	}
	return lua.Stepped
}

// Clear forgets all events, as a reset does.
func (c *Clock) Clear() {
	for _, e := range c.queue {
		e.index = -1
	}
	c.queue = nil
}

type eventQueue []*event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *eventQueue) Push(x any) {
	e := x.(*event)
	e.index = len(*q)
	*q = append(*q, e)
}
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}
