package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash"
)

// chain is a row of faults so far.
type chain struct {
	s      *Sweep
	number uint64
	path   []uint64
	faults []fault.Fault
	places []Place
	erased erasures // so far
}

// settle judges what becomes of the board b, which it changes.
func (c *chain) settle(b *board) (*Result, error) {
	v, err := c.s.settle(b)
	if err != nil {
		return nil, err
	}
	return c.s.result(Case{Number: c.number, Path: c.path, Faults: c.faults}, c.places, v, c.erased), nil
}

// with is the chain with one more fault.
func (c *chain) with(choice uint64, f fault.Fault, p Place, erased []flash.Sector) chain {
	n := *c
	n.path = append(c.path[:len(c.path):len(c.path)], choice)
	n.faults = append(c.faults[:len(c.faults):len(c.faults)], f)
	n.places = append(c.places[:len(c.places):len(c.places)], p)
	n.erased = c.erased.with(erased)
	return n
}

// all tries every fault in the recovery of b, and more of them in the recovery
// from that.
func (c *chain) all(b *board, more int) (out []*Result, err error) {
	next := uint64(0)
	err = c.branch(b, func() (uint64, bool) { return next, true }, func(n chain, at *board) error {
		next++
		if more == 1 {
			r, err := n.settle(at)
			out = append(out, r)
			return err
		}
		rest, err := n.all(at, more-1)
		out = append(out, rest...)
		return err
	})
	return out, err
}

// branch runs the recovery of b and calls strike with the board that each
// wanted fault leaves.
func (c *chain) branch(b *board, wanted func() (uint64, bool), strike func(chain, *board) error) error {
	s := c.s
	run := b.fork()
	t := &forkTap{sweep: s, board: run, hows: s.Scenario.Hows, ways: uint64(len(s.Scenario.Hows)), w: &watcher{rec: trace.New(), boot: c.places[len(c.places)-1].Boot + 1}}
	t.wanted = func() (uint64, bool) {
		choice, more := wanted()
		return choice, more && t.err == nil
	}
	t.strike = func(choice uint64, at *board, p Place) {
		sp := s.recoverySpace(choice/t.ways + 1)
		f, err := sp.fault(choice)
		if err == nil && at == nil {
			err = errors.New("hows: expected after behind all others where there is more than one cut")
		}
		if err == nil {
			err = strike(c.with(choice, f, p, run.power.Erased()), at)
		}
		t.err = err
	}
	run.power.SetTap(t)
	_, err := s.recover(run, t.w)
	t.end()
	return errors.Join(t.err, err)
}

// recoveryOps counts the operations of a recovery.
func (s *Sweep) recoveryOps(b *board) (uint64, error) {
	run := b.fork()
	count := new(countTap)
	run.power.SetTap(count)
	_, err := s.recover(run, nil)
	return uint64(*count), err
}

type countTap uint64

func (c *countTap) Before(*flash.Op) flash.Fate { *c++; return flash.Fate{} }
func (c *countTap) After(*flash.Op)             {}

// cluster draws the further faults of a unit of a sample: all but the last
// once, the last for each case. A recovery without an operation ends the chain.
func (c *chain) cluster(b *board) ([]*Result, error) {
	unit, at, first := c.number, b, *c
	for n := 2; n < c.s.Scenario.Cuts; n++ {
		ops, err := c.s.recoveryOps(at)
		if err != nil {
			return nil, err
		}
		if ops == 0 {
			break
		}
		sp := c.s.recoverySpace(ops)
		pick := []uint64{c.s.draw("next", n, unit).Uint64N(sp.size())}
		if err := first.picks(at, pick, func(_ int, n chain, after *board) error { first, at = n, after; return nil }); err != nil {
			return nil, err
		}
	}
	return first.last(at, unit)
}

// last draws the last fault of each case of a cluster.
func (c *chain) last(b *board, unit uint64) ([]*Result, error) {
	ops, err := c.s.recoveryOps(b)
	if err != nil {
		return nil, err
	}
	n := min(clusterSize, c.s.Scenario.Sample-unit*clusterSize)
	out := make([]*Result, n)
	sp := c.s.recoverySpace(ops)
	picks := make([]uint64, n)
	for i := range picks {
		number := unit*clusterSize + uint64(i)
		if ops > 0 {
			picks[i] = c.s.draw("last", 0, number).Uint64N(sp.size())
			continue
		}
		one := *c
		one.number = number
		if out[i], err = one.settle(b.fork()); err != nil {
			return nil, err
		}
	}
	if ops == 0 {
		return out, nil
	}
	err = c.picks(b, picks, func(i int, n chain, at *board) error {
		n.number = unit*clusterSize + uint64(i)
		out[i], err = n.settle(at)
		return err
	})
	return out, err
}

// recoveries cuts every recovery, so often as the scenario says, and settles
// what is left. A recovery without an operation ends the row.
func (c *chain) recoveries(b *board) ([]*Result, error) {
	at, row := b, *c
	for n := range c.s.Scenario.Recoveries {
		ops, err := c.s.recoveryOps(at)
		if err != nil {
			return nil, err
		}
		if ops == 0 {
			break
		}
		sp := c.s.recoverySpace(ops)
		pick := []uint64{c.s.draw("recovery", n, c.path[0]).Uint64N(sp.size())}
		if err := row.picks(at, pick, func(_ int, n chain, after *board) error { row, at = n, after; return nil }); err != nil {
			return nil, err
		}
	}
	r, err := row.settle(at)
	return []*Result{r}, err
}

// draw is the random stream of one decision.
func (s *Sweep) draw(what string, level int, number uint64) *rand.Rand {
	return emu.Stream(s.Scenario.Seed, fmt.Sprintf("%s %d", what, level), int(number))
}

// picks runs the recovery of b and calls strike with the board that each of
// the faults leaves, in ascending order of the faults.
func (c *chain) picks(b *board, choices []uint64, strike func(i int, n chain, at *board) error) error {
	order := make([]int, len(choices))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(choices[x], choices[y]) })
	return c.branch(b, func() (uint64, bool) {
		if len(order) == 0 {
			return 0, false
		}
		return choices[order[0]], true
	}, func(n chain, at *board) error {
		i := order[0]
		order = order[1:]
		return strike(i, n, at)
	})
}
