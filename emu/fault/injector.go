package fault

import "airlift/flash"

// Injector is a flash tap that makes power faults happen, one after the other.
// It does not know time: [CutAt] is up to the owner of the clock.
type Injector struct {
	Faults []Fault

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
			return flash.Fate{Kind: flash.FateIgnore}
		}
	}
	return flash.Fate{}
}

func (i *Injector) hit(f *Fault, op *flash.Op, number uint64) flash.Fate {
	i.Next()
	return f.How.Fate(op, number)
}

// Next goes on to the fault behind the first, as a power cut does.
func (i *Injector) Next() { i.Faults, i.n = i.Faults[1:], 0 }

// After implements flash.Tap.
func (i *Injector) After(*flash.Op) {}
