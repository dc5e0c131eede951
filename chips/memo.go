package chips

import (
	"sync"

	"airlift/flash"
)

// Memo remembers what chip code computed from ranges of flash, so that booting
// many boards that are nearly alike does not compute it again. It changes
// nothing but the speed: the key has the contents of all that the computation
// saw, as [flash.Device.RangeSum]. It may be shared between goroutines; a nil
// Memo remembers nothing.
type Memo struct {
	mu       sync.Mutex
	now, old map[MemoKey]any
	bytes    int64 // of now
}

// MemoKey is what a result was computed from.
type MemoKey struct {
	What  string // the computation
	Range flash.Sum
	Other flash.Sum // whatever else it saw
}

// memoBytes bounds each of the two generations of results, in bytes.
const memoBytes = 32 << 20

// Of is the memo for a boot from these chips: none where one is defective, so that
// reads see something else than is in the cells, or something else each time.
func (m *Memo) Of(devs ...*flash.Device) *Memo {
	for _, d := range devs {
		if d.Defects() != nil {
			return nil
		}
	}
	return m
}

// Get returns what Put was given.
func (m *Memo) Get(k MemoKey) (any, bool) {
	if m == nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.now[k]
	if !ok {
		v, ok = m.old[k]
	}
	return v, ok
}

// Put remembers a result of so many bytes, which nobody may change from now on.
func (m *Memo) Put(k MemoKey, v any, size int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	const overhead = 128
	if m.now == nil || m.bytes+size+overhead > memoBytes {
		m.now, m.old, m.bytes = make(map[MemoKey]any), m.now, 0
	}
	m.now[k] = v
	m.bytes += size + overhead
}
