package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"airlift/emu/link"
)

// Limits bounds what units may use. A zero field means its default.
type Limits struct {
	Units      int           // of all owners, default 16
	OwnerUnits int           // of one owner, default 4
	Steps      uint64        // VM instructions of one boot, default 1<<28
	Boots      int           // of one run, default 200
	Run        time.Duration // real time of one run, default 2 h
	Unwatched  time.Duration // real time without a watcher before a unit is switched off, default 10 min
	EventsPerS int           // events of a unit in a real second, default 20000
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Units: cmp.Or(l.Units, 16), OwnerUnits: cmp.Or(l.OwnerUnits, 4), Steps: cmp.Or(l.Steps, 1<<28), Boots: cmp.Or(l.Boots, 200),
		Run: cmp.Or(l.Run, 2*time.Hour), Unwatched: cmp.Or(l.Unwatched, 10*time.Minute), EventsPerS: cmp.Or(l.EventsPerS, 20_000),
	}
}

// Options are what a bench needs.
type Options struct {
	// Server answers what units ask of host and port. It is called from several
	// goroutines.
	Server link.Handler
	Host   string
	Port   int
	Limits Limits
	// Now is the real clock, default time.Now.
	Now func() time.Time
}

// Bench holds units. It may be used from several goroutines.
type Bench struct {
	opt    Options
	limits Limits

	mu     sync.Mutex
	units  map[int64]*Unit
	making map[int64]int // units of an owner that are being made
	last   int64
	closed bool
	group  sync.WaitGroup
}

// New returns an empty bench.
func New(opt Options) *Bench {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Bench{opt: opt, limits: opt.Limits.withDefaults(), units: map[int64]*Unit{}, making: map[int64]int{}}
}

// Errors of a bench.
var (
	ErrFull     = errors.New("the bench has no room for another unit")
	ErrNotFound = errors.New("no such unit on the bench")
	ErrClosed   = errors.New("the bench is closed")
)

// Start makes a unit for an owner and switches it on.
func (b *Bench) Start(owner int64, s Spec) (*Unit, error) {
	if err := b.reserve(owner); err != nil {
		return nil, err
	}
	u, err := b.newUnit(owner, s)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.making[owner]--; b.making[owner] == 0 {
		delete(b.making, owner)
	}
	if err == nil && b.closed {
		err = ErrClosed
	}
	if err != nil {
		return nil, err
	}
	b.last++
	u.ID = b.last
	b.units[u.ID] = u
	b.group.Go(u.live)
	u.PowerOn()
	return u, nil
}

// reserve takes a place, so that units which are made at the same time are
// bounded too.
func (b *Bench) reserve(owner int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine, all := b.making[owner], len(b.units)
	for _, n := range b.making {
		all += n
	}
	for _, u := range b.units {
		if u.Owner == owner {
			mine++
		}
	}
	switch {
	case b.closed:
		return ErrClosed
	case mine >= b.limits.OwnerUnits:
		return fmt.Errorf("%w: an account may have %d", ErrFull, b.limits.OwnerUnits)
	case all >= b.limits.Units:
		return fmt.Errorf("%w: it holds %d", ErrFull, b.limits.Units)
	}
	b.making[owner]++
	return nil
}

// Units returns an owner's units in the order of their making.
func (b *Bench) Units(owner int64) []*Unit {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*Unit
	for _, u := range b.units {
		if u.Owner == owner {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b *Unit) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Unit returns an owner's unit.
func (b *Bench) Unit(owner, id int64) (*Unit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u := b.units[id]; u != nil && u.Owner == owner {
		return u, nil
	}
	return nil, fmt.Errorf("unit %d: %w", id, ErrNotFound)
}

// Remove switches an owner's unit off and takes it from the bench.
func (b *Bench) Remove(owner, id int64) error {
	u, err := b.Unit(owner, id)
	if err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.units, id)
	b.mu.Unlock()
	u.close()
	return nil
}

// Close switches all units off and waits for them.
func (b *Bench) Close() {
	b.mu.Lock()
	b.closed = true
	for id, u := range b.units {
		delete(b.units, id)
		u.close()
	}
	b.mu.Unlock()
	b.group.Wait()
}
