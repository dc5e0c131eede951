package sweep

import (
	"errors"
	"fmt"
	"slices"

	"airlift/emu"
	"airlift/flash/explain"
)

// order follows the cases of a results file: which come next is known, so that a
// line that is missing, doubled or foreign is noticed.
type order struct {
	scenario      *Scenario
	shard, shards uint64
	units         uint64 // of the whole scenario
	cluster       uint64 // cases a unit, if that is fixed
	next          uint64 // number of the next case
	last          Case
	cases         uint64
}

func newOrder(h *Header) (*order, error) {
	o := &order{scenario: h.Scenario, shards: 1, units: h.Units, cluster: h.Scenario.cluster()}
	if h.Shard != "" {
		if _, err := fmt.Sscanf(h.Shard, "%d/%d", &o.shard, &o.shards); err != nil || o.shards < 1 || o.shard >= o.shards {
			return nil, fmt.Errorf("shard %q: expected i/n", h.Shard)
		}
	}
	o.next = o.shard * o.cluster
	return o, nil
}

// cluster is how many cases a unit has: a sample of several cuts has some that
// share all but the last.
func (s *Scenario) cluster() uint64 {
	if s.Sample > 0 && s.Cuts > 1 && s.Mode != ModeSystem {
		return clusterSize
	}
	return 1
}

// gaps reports units that may have any number of cases: all cuts in the recovery
// from one, which may have no operation.
func (o *order) gaps() bool {
	s := o.scenario
	return s.Cuts > 1 && s.Sample == 0
}

// total is the number of the first case that there is not.
func (o *order) total() uint64 {
	if o.cluster > 1 {
		return o.scenario.Sample
	}
	return o.units
}

// add takes the next result of the file.
func (o *order) add(r *Result) error {
	o.cases++
	if letterOf(r) == '?' {
		return fmt.Errorf("outcome %q: expected one of %s", r.Outcome, explain.OneOf(outcomeNames()))
	}
	switch first := o.cases == 1; {
	case r.Number >= o.total():
		return fmt.Errorf("case %d: the sweep has %d", r.Number, o.total())
	case r.Number/o.cluster%o.shards != o.shard:
		return fmt.Errorf("case %d is none of shard %d of %d", r.Number, o.shard, o.shards)
	case o.gaps() && !first && !caseBefore(&o.last, &r.Case):
		return fmt.Errorf("case %s stands behind case %s", r.PathText(), o.last.PathText())
	case !o.gaps() && r.Number != o.next:
		return fmt.Errorf("case %d: expected case %d", r.Number, o.next)
	}
	o.last = r.Case
	if o.next++; o.next%o.cluster == 0 {
		o.next += (o.shards - 1) * o.cluster
	}
	return nil
}

// end takes the ending.
func (o *order) end(e *Ending) error {
	switch {
	case e.End == nil:
		return errors.New("expected the summary of the cases")
	case e.End.Cases != o.cases:
		return fmt.Errorf("the ending is of %d cases, and the file has %d", e.End.Cases, o.cases)
	case !o.gaps() && o.next < o.total():
		return fmt.Errorf("the file ends before case %d", o.next)
	}
	return nil
}

func outcomeNames() (out []emu.Outcome) {
	for _, o := range Outcomes {
		out = append(out, o.Outcome)
	}
	return slices.Clip(out)
}
