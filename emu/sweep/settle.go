package sweep

import (
	"slices"
	"strings"
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
	span    int // boots until that is known: that nothing changes, or that states repeat
	endless bool
	failed  bool     // see boot
	erased  erasures // until then
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
	if s.Scenario.Mode == ModeVolume {
		return s.settleVolume(b)
	}
	p := &walk{s: s, b: b}
	seen := map[key]bool{}
	for {
		k := b.key()
		if p.reach(k, "") {
			return p.conclude(p.known), nil
		}
		if seen[k] || len(seen) == bootsBound {
			return p.endless(seen[k]), nil
		}
		seen[k] = true
		r, err := s.machine.settling(b, p)
		if err != nil {
			return nil, err
		}
		if p.known != nil {
			return p.conclude(p.known), nil
		}
		p.bootEnds(r.why)
		switch {
		case r.end == endDead:
			v := &verdict{outcome: emu.OutcomeBrick, failed: r.failed}
			v.breaks(Boots, "%s", r.why)
			return p.conclude(v), nil
		case r.end == endReset:
		case flashSum(b.flashes) == k.flash:
			v, err := s.judge(b, r)
			if err != nil {
				return nil, err
			}
			return p.conclude(v), nil
		default:
			b.cause = chips.ResetPower
			clear(b.retained)
		}
	}
}

// walk is the way of a board to its verdict: the states between boots, and
// those at which boot code said that they are all that matters.
type walk struct {
	s      *Sweep
	b      *board
	states []state
	boots  int      // so far
	known  *verdict // what the last of them leads to, if that is known
}

// state is a moment of a walk.
type state struct {
	key    key
	stray  string // a finding that chip code reported behind it
	erases int    // so far
	last   bool   // of its boot
	why    string // the boot ended
}

// reach adds the state in which the path is now, and reports whether it is
// known what follows. Memory is what boot code holds besides the board; it is
// empty between boots. What is too far away is not looked up: alone, the path
// would be given up before it gets there.
func (p *walk) reach(k key, memory string) bool {
	k.memory = memory
	if v := p.s.memo.get(k); v != nil && p.boots+v.span <= bootsBound {
		p.known = v
		return true
	}
	p.states = append(p.states, state{key: k, erases: len(p.b.power.Erased())})
	return false
}

func (p *walk) bootEnds(why string) {
	l := &p.states[len(p.states)-1]
	l.last, l.why = true, why
	p.boots++
}

// conclude gives every state its verdict, given that of what follows the last,
// and returns that of the first.
func (p *walk) conclude(v *verdict) *verdict {
	erased := p.b.power.Erased()
	for i := len(p.states) - 1; i >= 0; i-- {
		l := &p.states[i]
		n := *v
		if l.last {
			n.span++
		}
		if !v.endless {
			if l.last {
				n.boots++
			}
			n.erased = n.erased.with(erased[l.erases:])
		}
		erased = erased[:l.erases:l.erases]
		if l.stray != "" {
			n.breaks(Outside, "%s", l.stray)
		}
		p.s.memo.put(l.key, &n)
		v = &n
	}
	return v
}

// endless is the verdict on a device that never settles. If states do not
// repeat, another start of the path would end elsewhere, and nothing is
// remembered.
func (p *walk) endless(repeats bool) *verdict {
	v := &verdict{outcome: emu.OutcomeStuck, endless: true}
	last := &p.states[len(p.states)-1] // it is not booted
	if !repeats {
		v.breaks(Boots, "it still has not settled after %d boots: %s", bootsBound, p.states[len(p.states)-2].why)
		v.breaks(Converges, "")
		return v
	}
	first := slices.IndexFunc(p.states, func(l state) bool { return l.key == last.key })
	circle := p.states[first : len(p.states)-1]
	p.states = p.states[:first]
	p.s.circles(circle, v)
	return p.conclude(v)
}

// circles makes the verdict on states that repeat for ever, of which the first
// is one between boots. It is the same for all of them, so that it does not
// matter where the circle is entered.
func (s *Sweep) circles(states []state, v *verdict) {
	var why []string
	for i := range states {
		if l := &states[i]; l.last {
			why = append(why, l.why)
			v.span++
		}
	}
	slices.Sort(why)
	v.breaks(Boots, "it resets for ever: %s", strings.Join(slices.Compact(why), ", or "))
	v.breaks(Converges, "")
	for i := range states {
		if stray := states[i].stray; stray != "" {
			v.breaks(Outside, "%s", stray)
		}
	}
	for i := range states {
		n := *v
		if states[i].key.memory != "" {
			n.span++ // the boot that it is in the middle of
		}
		s.memo.put(states[i].key, &n)
	}
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
