package sweep

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"airlift/emu/fault"
	"airlift/flash"
)

// Faults of a trial. Those of the power strike one after the other, from the
// delivery on. Those of the flash belong to the chip from the delivery on, too:
// the old version is installed on a chip that is good. Bits that flip at rest do
// so once the package is delivered.

// checkFaults reports faults that a trial cannot have.
func (s *Sweep) checkFaults(faults []fault.Fault) error {
	for i := range faults {
		f := &faults[i]
		spec, err := f.Spec()
		if err != nil {
			return err
		}
		if spec.Group != "flash" && spec.Group != "power" {
			return fmt.Errorf("fault %s: a trial takes faults of power and flash", f.Kind)
		}
		if err := f.Check(); err != nil {
			return err
		}
	}
	return nil
}

// ofChip are the faults that the chips have.
func ofChip(faults []fault.Fault) (out []*fault.Fault) {
	for i := range faults {
		if faults[i].Standing() {
			out = append(out, &faults[i])
		}
	}
	return out
}

// ofPower are the faults that strike.
func ofPower(faults []fault.Fault) (out []fault.Fault) {
	for _, f := range faults {
		if !f.Standing() {
			out = append(out, f)
		}
	}
	return out
}

// weaken gives the chips of the trial's board their faults.
func (r *trial) weaken() error {
	chip := ofChip(r.t.Faults)
	if len(chip) == 0 {
		return nil
	}
	text, err := json.Marshal(chip)
	if err != nil {
		return err
	}
	h := fnv.New64a()
	h.Write(text)
	r.b.defects = h.Sum64()
	for _, f := range chip {
		r.line("fault", "from now on: "+f.String())
	}
	return r.s.defects(r.b, chip)
}

// flip changes what lies in flash at rest.
func (r *trial) flip() error {
	for _, f := range ofChip(r.t.Faults) {
		if f.Kind != fault.Flips {
			continue
		}
		if err := r.s.flip(r.b, f); err != nil {
			return err
		}
		r.line("fault", "now: "+f.String())
	}
	return nil
}

// inTime makes the fault that is due strike if it is one in time.
func (r *trial) inTime(op *flash.Op, number uint64) (fate flash.Fate) {
	if len(r.inject.Faults) == 0 {
		return fate
	}
	f := r.inject.Faults[0]
	if f.Kind != fault.ResetAt && f.Kind != fault.CutAt {
		return fate
	}
	t := faultTap{sweep: r.s, board: r.b, f: &f, w: &watcher{now: r.w.now - r.since}}
	if fate = t.inTime(op, number); fate.Kind != flash.FateProceed {
		r.inject.Next()
		r.resets = f.Kind == fault.ResetAt
	}
	return fate
}

// behindFault is the board once the fault that struck is over.
func (r *trial) behindFault() *board {
	r.since = r.w.now
	if !r.resets {
		r.line("power", "the power is back")
		return r.b.switchedOff()
	}
	r.resets = false
	r.line("power", "the chip starts again")
	b := r.b.fork()
	b.cause = resetFault().cause
	return b
}

// notKnown is why a trial cannot be judged: a chip that says that an operation
// failed, or that reads nonsense, leads modelled code where nobody knows what the
// real one does.
func (r *trial) notKnown(why error) error {
	if r.b.defects == 0 {
		return why
	}
	return fmt.Errorf("%w: with faults of the flash: %w", ErrUntried, why)
}
