// Package flashtest has what tests of code on flash need: taps that count,
// record and break, and the sweep over every operation at which the power can
// fail.
//
// The usual test runs its work once on a fork to count the operations, and
// then once for each place and way in which the power can fail:
//
//	ops, err := flashtest.Ops(start.Fork(), work)
//	...
//	for cut := range flashtest.Sample(flashtest.Sweep(ops, seed), 500, seed) {
//		left := flashtest.Interrupt(t, start, cut, work)
//		// what left holds must be the old or the new state
//	}
//
// Everything is a function of its arguments: a failing cut, printed with %v,
// says what to run again.
package flashtest

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"sort"
	"testing"

	"airlift/flash"
)

// Counter is a tap that counts operations.
type Counter struct {
	Programs, Erases uint64 // started
	Done             uint64 // taken effect
}

// Before implements flash.Tap.
func (c *Counter) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpErase {
		c.Erases++
	} else {
		c.Programs++
	}
	return flash.Fate{}
}

// After implements flash.Tap.
func (c *Counter) After(*flash.Op) { c.Done++ }

// Record is one operation that a [Recorder] saw.
type Record struct {
	Seq  uint64
	Kind flash.OpKind
	Chip int
	Off  int64  // bytes
	Len  int64  // bytes
	Data []byte // a copy; nil for an erase
	Done bool   // it took effect
}

func (r Record) String() string {
	return fmt.Sprintf("#%d %s chip %d 0x%06X+0x%X", r.Seq, r.Kind, r.Chip, r.Off, r.Len)
}

// Recorder is a tap that keeps what it sees.
type Recorder struct{ Ops []Record }

// Before implements flash.Tap.
func (r *Recorder) Before(op *flash.Op) flash.Fate {
	r.Ops = append(r.Ops, Record{Seq: op.Seq, Kind: op.Kind, Chip: op.Chip, Off: op.Off, Len: op.Len, Data: append([]byte(nil), op.Data...)})
	return flash.Fate{}
}

// After implements flash.Tap.
func (r *Recorder) After(*flash.Op) { r.Ops[len(r.Ops)-1].Done = true }

// FateAt is a tap that gives operation Op the fate Fate, and no other one.
type FateAt struct {
	Op   uint64 // flash.Op.Seq
	Fate flash.Fate
}

// Before implements flash.Tap.
func (f FateAt) Before(op *flash.Op) flash.Fate {
	if op.Seq == f.Op {
		return f.Fate
	}
	return flash.Fate{}
}

// After implements flash.Tap.
func (f FateAt) After(*flash.Op) {}

// How says at which point of an operation the power fails.
type How uint8

const (
	Before    How = iota // nothing of the operation happened
	After                // all of it happened
	TornFront            // the first bytes changed
	TornBack             // the last bytes changed
	TornBits             // some of the bits that were to change, anywhere
)

// AllHows are all ways in which the power can fail, in the order of a sweep.
var AllHows = []How{Before, After, TornFront, TornBack, TornBits}

func (h How) String() string {
	names := [...]string{"before", "after", "torn-front", "torn-back", "torn-bits"}
	if int(h) < len(names) {
		return names[h]
	}
	return fmt.Sprintf("how(%d)", h)
}

// CutAt is a tap that cuts the power at operation Op. How much of a torn
// operation happens, and which bits, is drawn from Seed.
type CutAt struct {
	Op   uint64 // flash.Op.Seq
	How  How
	Seed uint64
}

// Before implements flash.Tap.
func (c CutAt) Before(op *flash.Op) flash.Fate {
	if op.Seq != c.Op {
		return flash.Fate{}
	}
	rng := rand.New(rand.NewPCG(c.Seed, c.Op<<8|uint64(c.How)))
	switch c.How {
	case Before:
		return flash.Fate{Kind: flash.FateCutBefore}
	case After:
		return flash.Fate{Kind: flash.FateCutAfter}
	case TornFront:
		return flash.TearFront(op, 1+rng.Int64N(max(1, op.Len-1)))
	case TornBack:
		return flash.TearBack(op, 1+rng.Int64N(max(1, op.Len-1)))
	case TornBits:
		return flash.TearBits(op, func(int) byte { return byte(rng.Uint32()) })
	}
	panic("flashtest: unknown " + c.How.String())
}

// After implements flash.Tap.
func (c CutAt) After(*flash.Op) {}

func (c CutAt) String() string {
	return fmt.Sprintf("cut at operation %d, %v, seed %d", c.Op, c.How, c.Seed)
}

// Sweep yields a cut for each operation from 0 to ops-1 and each way of hows,
// all of them if there are none.
func Sweep(ops, seed uint64, hows ...How) iter.Seq[CutAt] {
	if len(hows) == 0 {
		hows = AllHows
	}
	return func(yield func(CutAt) bool) {
		for op := range ops {
			for _, how := range hows {
				if !yield(CutAt{Op: op, How: how, Seed: seed}) {
					return
				}
			}
		}
	}
}

// Full reports whether big tests shall run in full, not as a sample: the
// environment variable AIRLIFT_SCALE is "full".
func Full() bool { return os.Getenv("AIRLIFT_SCALE") == "full" }

// Sample yields n of the values of seq in their order, drawn by seed; all of
// them if there are no more or if [Full].
func Sample[T any](seq iter.Seq[T], n int, seed uint64) iter.Seq[T] {
	return func(yield func(T) bool) {
		var all []T
		for v := range seq {
			all = append(all, v)
		}
		picked := rand.New(rand.NewPCG(seed, 0x5A4D504C)).Perm(len(all))
		if !Full() && n < len(picked) {
			picked = picked[:n]
		}
		sort.Ints(picked)
		for _, i := range picked {
			if !yield(all[i]) {
				return
			}
		}
	}
}

// Ops runs work on d and returns how many operations it started.
func Ops(d *flash.Device, work func(*flash.Device) error) (uint64, error) {
	before := d.Power().Ops()
	err := work(d)
	return d.Power().Ops() - before, err
}

// Interrupt runs work on a fork of from on which the power fails as cut says,
// and returns the fork with the power on again and no tap. The test fails if
// the power did not fail or if work hides that it did: its error must wrap
// flash.ErrPowerLost.
func Interrupt(t testing.TB, from *flash.Device, cut CutAt, work func(*flash.Device) error) *flash.Device {
	t.Helper()
	d := from.Fork()
	d.Power().SetTap(cut)
	err := work(d)
	switch {
	case !d.Power().Lost():
		t.Fatalf("%v: the work ended after %d operations: %v", cut, d.Power().Ops(), err)
	case !errors.Is(err, flash.ErrPowerLost):
		t.Fatalf("%v: the work returned %v, want flash.ErrPowerLost", cut, err)
	}
	d.Power().SetTap(nil)
	d.Power().Restore()
	d.Power().Reset()
	return d
}
