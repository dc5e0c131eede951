package fault

import "airlift/flash"

// Injector is a flash tap that makes power faults happen, one after the other.
// It does not know time: [CutAt] is up to the owner of the clock.
type Injector struct {
	Faults []Fault
	// Hit is called when a fault fails the power, with the operation that it
	// hits, before that is carried out.
	Hit func(f *Fault, op *flash.Op, fate flash.Fate)
	// Ignored is called for an operation that a brown-out swallows.
	Ignored func(f *Fault, op *flash.Op)

	n uint64 // operations since the start or the last cut
}

var _ flash.Tap = (*Injector)(nil)

// Before implements flash.Tap.
func (i *Injector) Before(op *flash.Op) flash.Fate {
	number := i.n
	i.n++
	if len(i.Faults) == 0 {
		return flash.Fate{}
	}
	f := &i.Faults[0]
	switch f.Kind {
	case Cut:
		if number == f.Op {
			return i.hit(f, op, number)
		}
	case BrownOut:
		if number == f.Op+f.Ops {
			return i.hit(f, op, number)
		}
		if number >= f.Op && number < f.Op+f.Ops {
			if i.Ignored != nil {
				i.Ignored(f, op)
			}
			return flash.Fate{Kind: flash.FateIgnore}
		}
	}
	return flash.Fate{}
}

func (i *Injector) hit(f *Fault, op *flash.Op, number uint64) flash.Fate {
	fate := f.How.Fate(op, number)
	if i.Hit != nil {
		i.Hit(f, op, fate)
	}
	i.Next()
	return fate
}

// Next goes on to the fault behind the first, as a power cut does.
func (i *Injector) Next() { i.Faults, i.n = i.Faults[1:], 0 }

// After implements flash.Tap.
func (i *Injector) After(*flash.Op) {}
