package iot

import (
	"sync"
	"time"
)

// Limiter is a token bucket for each key: an account, or an address. It may be
// used from several goroutines.
type Limiter struct {
	rate  float64 // tokens a second; below 0: no limit
	burst float64
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// bucketsMax bounds the memory. When there are more, all begin anew.
const bucketsMax = 100_000

// NewLimiter returns a limiter that lets a burst through, and then so many a
// second; with a rate below 0, everything.
func NewLimiter(rate float64, burst int) *Limiter {
	return &Limiter{rate: rate, burst: float64(burst), now: time.Now, buckets: map[string]*bucket{}}
}

// Allow takes a token of a key, if it has one.
func (l *Limiter) Allow(key string) bool {
	if l.rate < 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= bucketsMax {
			clear(l.buckets)
		}
		b = &bucket{l.burst, now}
		l.buckets[key] = b
	}
	b.tokens = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
