package bench

import (
	"sync"
	"time"
)

// life is what a unit does from power-on to power-off. It holds virtual time
// back to a multiple of real time.
type life struct {
	now     func() time.Time
	real    time.Time // the same moment as virtual
	virtual time.Duration
	speed   time.Duration
	most    int // events in a real second
	events  int
	why     string // a limit that ended it

	once  sync.Once
	ended chan struct{}
}

func newLife(b *Bench, speed int, virtual time.Duration) *life {
	return &life{
		now: b.opt.Now, real: b.opt.Now(), virtual: virtual, speed: time.Duration(speed),
		most: b.limits.EventsPerS, ended: make(chan struct{}),
	}
}

// end lets the power fail. It may be called more than once.
func (l *life) end() { l.once.Do(func() { close(l.ended) }) }

func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

const (
	// waitLeast is the shortest wait that is worth one.
	waitLeast = 2 * time.Millisecond
	// waitMost is how long nobody asks for limits.
	waitMost = time.Second
)

// wait returns when the real time that belongs to a virtual one has come, or
// the life is over. overdue says which limit is passed, or "".
func (l *life) wait(virtual time.Duration, event bool, overdue func(time.Time) string) {
	if l.over() {
		return
	}
	if event {
		l.events++
	}
	due := l.real.Add(max((virtual-l.virtual)/l.speed, time.Duration(l.events)*time.Second/time.Duration(l.most)))
	for {
		now := l.now()
		if why := overdue(now); why != "" {
			l.why = why
			l.end()
			return
		}
		left := due.Sub(now)
		if left < waitLeast {
			return
		}
		t := time.NewTimer(min(left, waitMost))
		select {
		case <-t.C:
		case <-l.ended:
			t.Stop()
			return
		}
	}
}
