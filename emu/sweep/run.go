package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
)

// Options say which cases are run, and with how many goroutines. No choice
// changes a result.
type Options struct {
	Shard, Shards int    // run the units of which the number is Shard modulo Shards; 0, 0 for all
	From          uint64 // skip units below this number: to go on with a file
	Workers       int    // 0: one a processor
}

// clusterSize is how many cases of a sample share all cuts but the last.
const clusterSize = 16

// space is how the numbers of the first fault are divided: operation by
// operation the ways to fail there, then the times.
type space struct {
	hows      []fault.How
	brownOuts []uint64
	ops       uint64
	times     uint64
	total     Time // of the clean run
	damages   uint64
	edit      func(n uint64) fault.Edit // of the package
	sizes     *Sizes
}

// Time is a virtual time as faults hold it.
type Time = fault.Time

func (p space) ways() uint64 { return uint64(len(p.hows) + len(p.brownOuts)) }
func (p space) cuts() uint64 { return p.ops*p.ways() + p.times }
func (p space) size() uint64 { return p.cuts() + p.damages + p.sizes.count() }

// fault returns the fault of a number.
func (p space) fault(choice uint64) (fault.Fault, error) {
	if choice >= p.size() {
		return fault.Fault{}, fmt.Errorf("%w: fault number %d: there are %d operations with %d ways to fail, %d times, %d damaged packages, and %d sizes", ErrNoCase, choice, p.ops, p.ways(), p.times, p.damages, p.sizes.count())
	}
	if n := choice - p.cuts() - p.damages; choice >= p.cuts()+p.damages {
		return fault.Fault{Kind: fault.Size, Part: p.sizes.part(), Bytes: p.sizes.at(n)}, nil
	}
	if choice >= p.cuts() {
		e := p.edit(choice - p.cuts())
		return fault.Fault{Kind: fault.Damaged, Edit: &e}, nil
	}
	if t := choice - p.ops*p.ways(); choice >= p.ops*p.ways() {
		return fault.Fault{Kind: fault.CutAt, At: p.total / Time(p.times+1) * Time(t+1)}, nil
	}
	op, way := choice/p.ways(), choice%p.ways()
	if way < uint64(len(p.hows)) {
		return fault.Fault{Kind: fault.Cut, Op: op, How: p.hows[way]}, nil
	}
	return fault.Fault{Kind: fault.BrownOut, Op: op, Ops: p.brownOuts[way-uint64(len(p.hows))], How: fault.How{Kind: fault.Before}}, nil
}

func (s *Sweep) space() space {
	c := s.Scenario
	p := space{hows: c.Hows, brownOuts: c.BrownOuts, ops: uint64(len(s.Clean.Ops)), times: c.Times, total: Time(s.Clean.Virtual), damages: c.Damages, edit: s.damage, sizes: c.Sizes}
	if c.Uncut {
		p.ops = 0
	}
	return p
}

// recoverySpace is the space of a fault in a recovery with so many operations.
func (s *Sweep) recoverySpace(ops uint64) space { return space{hows: s.Scenario.Hows, ops: ops} }

// Units returns how many units of work the scenario has.
func (s *Sweep) Units() uint64 {
	sp := s.space()
	switch n := s.Scenario.Sample; {
	case n == 0:
		return sp.size()
	case s.Scenario.Cuts > 1 && s.Scenario.Mode != ModeSystem:
		return (n + clusterSize - 1) / clusterSize
	default:
		return min(n, sp.size())
	}
}

// choiceOf returns the first fault of a unit. It grows with the unit: a sample
// is spread over the whole axis, with a random place in each stretch.
func (s *Sweep) choiceOf(unit uint64) uint64 {
	size, units := s.space().size(), s.Units()
	if s.Scenario.Sample == 0 || units == size {
		return unit
	}
	lo := mulDiv(unit, size, units)
	hi := max(lo+1, mulDiv(unit+1, size, units))
	return lo + emu.Stream(s.Scenario.Seed, "sample", int(unit)).Uint64N(hi-lo)
}

// mulDiv is a*b/c without overflow for what sweeps count.
func mulDiv(a, b, c uint64) uint64 {
	return a/c*b + a%c*b/c
}

// unit is a piece of work: everything behind one first fault.
type unit struct {
	number uint64
	choice uint64
	fault  fault.Fault
	board  *board // as the fault leaves it; nil: play to find out
	place  Place
	erased erasures // up to it
	done   chan unitDone
}

type unitDone struct {
	results []*Result
	err     error
}

// Run runs the scenario's cases and calls emit with each result, in the order
// of their numbers. Memory does not grow with the number of cases.
func (s *Sweep) Run(ctx context.Context, opt Options, emit func(*Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := opt.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan *unit, workers)
	order := make(chan *unit, 8*workers)
	var failed error
	go func() {
		defer close(order)
		defer close(work)
		failed = s.produce(opt, func(u *unit) error {
			u.done = make(chan unitDone, 1)
			for _, c := range []chan *unit{order, work} {
				select {
				case c <- u:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	}()
	for range workers {
		go func() {
			for u := range work {
				r, err := s.unit(u)
				u.board = nil
				u.done <- unitDone{r, err}
			}
		}()
	}
	for u := range order {
		select {
		case d := <-u.done:
			if d.err != nil {
				return fmt.Errorf("case %d: %w", u.number, d.err)
			}
			for _, r := range d.results {
				if err := emit(r); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return failed
}

// produce runs the scenario once more without a fault and hands out a unit for
// each fault on the way.
func (s *Sweep) produce(opt Options, out func(*unit) error) error {
	p := &producer{s: s, space: s.space(), opt: opt, out: out, units: s.Units()}
	if opt.Shards > 1 && (opt.Shard < 0 || opt.Shard >= opt.Shards) {
		return fmt.Errorf("shard %d of %d: expected 0 to %d", opt.Shard, opt.Shards, opt.Shards-1)
	}
	p.next = opt.From
	p.skip()
	if s.Scenario.Mode != ModeSystem {
		if err := p.alongTheRun(); err != nil {
			return err
		}
	}
	return p.withoutBoards(p.space.size())
}

// producer walks along the clean run and stops at the operations at which a
// unit begins.
type producer struct {
	s     *Sweep
	space space
	opt   Options
	out   func(*unit) error
	units uint64
	next  uint64 // unit
	at    uint64 // its first fault
}

// skip moves to the next unit of the shard.
func (p *producer) skip() {
	for p.opt.Shards > 1 && p.next < p.units && p.next%uint64(p.opt.Shards) != uint64(p.opt.Shard) {
		p.next++
	}
	if p.next < p.units {
		p.at = p.s.choiceOf(p.next)
	}
}

// alongTheRun hands out the units of which the board can be forked off the
// clean run.
func (p *producer) alongTheRun() error {
	if p.next >= p.units || p.at >= p.space.ops*p.space.ways() {
		return nil
	}
	b := p.s.begin()
	t := &forkTap{sweep: p.s, board: b, hows: p.space.hows, ways: p.space.ways(), w: &watcher{rec: trace.New()}}
	t.wanted = func() (uint64, bool) {
		return p.at, p.next < p.units && t.err == nil
	}
	t.strike = func(choice uint64, at *board, place Place) {
		u := &unit{number: p.next, choice: choice, board: at, place: place}
		if u.fault, t.err = p.space.fault(choice); t.err != nil {
			return
		}
		u.erased = erasures{}.with(b.power.Erased())
		if t.err = p.out(u); t.err == nil {
			p.next++
			p.skip()
		}
	}
	b.power.SetTap(t)
	_, err := p.s.play(b, t.w)
	t.end()
	return errors.Join(t.err, err)
}

// withoutBoards hands out the units for which a worker has to play the run
// itself.
func (p *producer) withoutBoards(end uint64) error {
	for p.next < p.units && p.at < end {
		f, err := p.space.fault(p.at)
		if err != nil {
			return err
		}
		if err := p.out(&unit{number: p.next, choice: p.at, fault: f}); err != nil {
			return err
		}
		p.next++
		p.skip()
	}
	return nil
}

// unit runs everything behind a first fault.
func (s *Sweep) unit(u *unit) ([]*Result, error) {
	if s.Scenario.Mode == ModeSystem {
		return s.systemUnit(u)
	}
	if u.fault.Standing() {
		r, _, err := s.delivered(u.number, []uint64{u.choice}, &u.fault, false)
		return []*Result{r}, err
	}
	if u.board == nil {
		if err := s.playUnit(u); err != nil {
			return nil, err
		}
	}
	c := chain{s: s, number: u.number, path: []uint64{u.choice}, faults: []fault.Fault{u.fault}, places: []Place{u.place}, erased: u.erased}
	switch {
	case s.Scenario.Recoveries > 0:
		return c.recoveries(u.board)
	case s.Scenario.Cuts == 1:
		r, err := c.settle(u.board)
		return []*Result{r}, err
	case s.Scenario.Sample == 0:
		return c.all(u.board, s.Scenario.Cuts-1)
	}
	return c.cluster(u.board)
}

// playUnit finds the board that a fault leaves.
func (s *Sweep) playUnit(u *unit) error {
	b := s.begin()
	w := &watcher{rec: trace.New()}
	var err error
	u.place, err = s.strike(b, &u.fault, w, s.play)
	u.board, u.erased = b.behind(&u.fault), erasures{}.with(b.power.Erased())
	return err
}
