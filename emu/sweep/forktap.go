package sweep

import (
	"airlift/emu/fault"
	"airlift/flash"
)

// forkTap forks the board at operations of a run, once for each way in which
// the power is to fail there.
type forkTap struct {
	sweep *Sweep
	board *board
	w     *watcher
	hows  []fault.How
	ways  uint64
	// wanted is the next fault wanted, if there is one; strike takes the board
	// that it leaves, or nil if that needs a run of its own, and moves wanted on.
	wanted func() (choice uint64, more bool)
	strike func(choice uint64, at *board, place Place)
	n      uint64
	err    error
	begun  bool  // operation n is on its way
	place  Place // where
}

func (t *forkTap) Before(op *flash.Op) flash.Fate {
	t.end()
	t.begun, t.place = true, t.sweep.place(op, t.n, t.w.boot, t.w.stage)
	t.upTo(op, false)
	if _, more := t.wanted(); !more {
		return flash.Fate{Kind: flash.FateCutBefore} // the rest of the run is of no use
	}
	return flash.Fate{}
}

func (t *forkTap) After(op *flash.Op) {
	t.end()
	t.w.now += t.sweep.cost(op)
}

// end goes on to the next operation. Of one that the chip does not carry out
// there is no After: it has ended when the next begins, or with the run.
func (t *forkTap) end() {
	if t.begun {
		t.upTo(nil, true)
		t.begun = false
		t.n++
	}
}

// upTo hands out the wanted faults of operation n: those that leave it whole
// once it is done, the others before.
func (t *forkTap) upTo(op *flash.Op, done bool) {
	for {
		choice, more := t.wanted()
		if !more || choice/t.ways != t.n {
			return
		}
		way := choice % t.ways
		if way >= uint64(len(t.hows)) {
			t.strike(choice, nil, t.place)
			continue
		}
		h := t.hows[way]
		if (h.Kind == fault.After) != done {
			if done {
				// A list with "after" in front of others.
				t.strike(choice, nil, t.place)
				continue
			}
			return
		}
		at := t.board.switchedOff()
		if h.Torn() {
			at.flashes[op.Chip].Tear(op, h.Fate(op, t.n))
		}
		t.strike(choice, at, t.place)
	}
}
