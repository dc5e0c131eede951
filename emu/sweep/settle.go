package sweep

import (
	"sync"

	"airlift/chips"
	"airlift/emu"
)

// verdict is what becomes of a board that is switched on and left alone. It is
// a function of the board (and of the scenario), which is why it can be
// remembered by the board's key.
type verdict struct {
	outcome emu.Outcome
	boots   int // until nothing changes any more, if that ever happens
	endless bool
	wear    uint32 // erases of one sector at most: the sum of each boot's most
	broken  [invariantCount]bool
	detail  string
}

// breaks notes that an invariant does not hold. The first reason stays.
func (v *verdict) breaks(i Invariant, format string, args ...any) {
	v.broken[indexOf(i)] = true
	v.detail = orText(v.detail, format, args...)
}

// bootsBound is where a device that still resets or changes is given up. A
// sequence of states that repeats is found before.
const bootsBound = 64

// settle boots b until nothing changes any more, and judges what it is then.
// It changes b.
//
// A boot that starts the core and leaves the flash as it found it would do the
// same again after every power-on: the device has settled. A state that was
// seen before means that it never will.
func (s *Sweep) settle(b *board) (*verdict, error) {
	var chain []link
	seen := map[key]bool{}
	for {
		k := b.key()
		if v := s.memo.get(k); v != nil {
			return s.conclude(chain, v), nil
		}
		if seen[k] || len(chain) == bootsBound {
			return s.concludeEndless(chain, seen[k]), nil
		}
		seen[k] = true
		wearBefore := wearOf(b)
		r, err := s.machine.boot(b, nil)
		if err != nil {
			return nil, err
		}
		l := link{key: k, why: r.why, stray: r.stray, wear: mostWorn(wearBefore, b)}
		switch {
		case r.end == endDead:
			chain = append(chain, l)
			v := &verdict{outcome: emu.OutcomeBrick}
			v.breaks(Boots, "%s", r.why)
			return s.conclude(chain, v), nil
		case r.end == endReset:
		case flashSum(b.flashes) == k.flash:
			chain = append(chain, l)
			v, err := s.judge(b, r)
			if err != nil {
				return nil, err
			}
			return s.conclude(chain, v), nil
		default:
			b.cause = chips.ResetPower
			clear(b.retained)
		}
		chain = append(chain, l)
	}
}

// link is one boot on the way to a verdict.
type link struct {
	key   key
	why   string
	stray string
	wear  uint32
}

// conclude gives every state of the chain its verdict, given that of what
// follows the last, and returns that of the first.
func (s *Sweep) conclude(chain []link, v *verdict) *verdict {
	for i := len(chain) - 1; i >= 0; i-- {
		l := &chain[i]
		n := *v
		if !v.endless {
			n.boots++
		}
		n.wear += l.wear
		if l.stray != "" {
			n.breaks(Outside, "%s", l.stray)
		}
		s.memo.put(l.key, &n)
		v = &n
	}
	return v
}

// concludeEndless is conclude for a device that never settles.
func (s *Sweep) concludeEndless(chain []link, repeats bool) *verdict {
	v := &verdict{outcome: emu.OutcomeStuck, endless: true}
	last := chain[len(chain)-1]
	if repeats {
		v.breaks(Boots, "it resets for ever: %s", last.why)
	} else {
		v.breaks(Boots, "it still has not settled after %d boots: %s", bootsBound, last.why)
	}
	v.breaks(Converges, "")
	for i := range chain {
		chain[i].wear = 0 // grows without a bound
	}
	if !repeats {
		return v // another start of the chain would end elsewhere
	}
	return s.conclude(chain, v)
}

// wearOf reads the erase counters.
func wearOf(b *board) [][]uint32 {
	out := make([][]uint32, len(b.flashes))
	for i, f := range b.flashes {
		out[i] = f.WearMap()
	}
	return out
}

// mostWorn is by how much the counter of one sector grew at most.
func mostWorn(before [][]uint32, b *board) (most uint32) {
	for i, f := range b.flashes {
		for n, w := range f.WearMap() {
			most = max(most, w-before[i][n])
		}
	}
	return most
}

// memo remembers verdicts. What it returns never depends on what it holds: it
// only saves the work. Where that is sound: see docs/SWEEP.md.
type memo struct {
	mu       sync.Mutex
	verdicts map[key]*verdict
	old      map[key]*verdict
	hits     uint64
	misses   uint64
}

// memoMax bounds each of the two generations of verdicts.
const memoMax = 1 << 16

func (m *memo) get(k key) *verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.verdicts[k]
	if v == nil {
		v = m.old[k]
	}
	if v == nil {
		m.misses++
	} else {
		m.hits++
	}
	return v
}

func (m *memo) put(k key, v *verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.verdicts == nil || len(m.verdicts) >= memoMax {
		m.verdicts, m.old = make(map[key]*verdict), m.verdicts
	}
	m.verdicts[k] = v
}
