package sweep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash"
)

// Standing faults hold in every case: a chip with bad cells, a package that is
// not what it should be, a network that does as it likes. What the new version
// is, the run without them says; then the run without a cut is made anew, with
// them, and its operations are the axis.

// powerFaults are the scenario's faults that strike once, before those that the
// sweep chooses.
func (s *Scenario) powerFaults() []fault.Fault {
	return slices.DeleteFunc(slices.Clone(s.Faults), func(f fault.Fault) bool { return f.Standing() })
}

// standing are the scenario's faults of a group that hold all the time.
func (s *Scenario) standing(group string) []*fault.Fault {
	var out []*fault.Fault
	for i := range s.Faults {
		f := &s.Faults[i]
		if spec, err := f.Spec(); err == nil && f.Standing() && (group == "" || spec.Group == group) {
			out = append(out, f)
		}
	}
	return out
}

func (s *Scenario) checkStanding() error {
	for i := range s.Faults {
		if err := s.Faults[i].InMode(string(s.Mode)); err != nil {
			return err
		}
		if s.Faults[i].Kind == fault.Size {
			return errors.New("fault size is one of a sweep's own: say new.script_bytes, or sizes")
		}
	}
	return nil
}

// stand puts the standing faults in place and makes the run without a cut anew.
func (w *Sweep) stand() error {
	s := w.Scenario
	if len(s.standing("")) == 0 {
		return nil
	}
	touched, outcome := w.touched, w.Clean.Outcome
	w.faulty, w.armed, w.struck, w.start, w.memo.verdicts, w.memo.old = true, false, false, w.base.fork(), nil, nil
	for _, f := range s.standing("system") {
		if f.Kind == fault.Watchdog {
			w.machine.watchdog, w.machine.bites = time.Duration(f.At), f.Times
		}
	}
	if err := w.damagePackage(); err != nil {
		return err
	}
	if err := w.damageBoard(w.start); err != nil {
		return err
	}
	if s.Mode == ModeUpdate {
		if err := w.flips(w.start); err != nil {
			return err
		}
	}
	if err := w.rehearse(); err != nil {
		return w.withFaults(outcome, err)
	}
	for p := range touched {
		w.touched[p] = true
	}
	return nil
}

// withFaults is why a scenario with faults that hold all the time cannot be run,
// though without them it can.
func (w *Sweep) withFaults(without emu.Outcome, err error) error {
	var names []string
	for _, f := range w.Scenario.standing("") {
		names = append(names, string(f.Kind))
	}
	return fmt.Errorf("the run with faults (%s), after one without that ended %s: %w", strings.Join(names, ", "), without, err)
}

// damageBoard gives the board's chips their defects and fills its file system.
func (w *Sweep) damageBoard(b *board) error {
	for _, f := range w.Scenario.standing("system") {
		if f.Kind == fault.FullFS {
			if err := w.fill(b, f.Bytes); err != nil {
				return err
			}
		}
	}
	return w.defects(b, w.Scenario.standing("flash"))
}

// defects gives the board's chips those of the faults that are of a chip.
func (w *Sweep) defects(b *board, faults []*fault.Fault) error {
	for _, f := range faults {
		if f.Kind == fault.Flips {
			continue
		}
		in, only := map[int]fault.Range{}, -1
		for i, d := range b.flashes {
			in[i] = fault.Range{Size: d.Size()}
		}
		if f.Part != "" {
			chip, p, err := w.findPart(f.Part)
			if err != nil {
				return fmt.Errorf("fault %s: %w", f.Kind, err)
			}
			only, in[chip] = chip, fault.Range{Off: p.Off, Size: p.Size}
		}
		for i, d := range b.flashes {
			if only >= 0 && i != only || (f.Kind == fault.SmallChip || f.Kind == fault.AddressWrap) && f.Bytes%flash.DefaultSectorSize != 0 {
				if only < 0 {
					return fmt.Errorf("fault %s: bytes %d: expected a multiple of %d", f.Kind, f.Bytes, flash.DefaultSectorSize)
				}
				continue
			}
			x, _ := d.Defects().(*fault.Chip)
			if x == nil {
				x = fault.NewChip()
				d.SetDefects(x)
			}
			x.Add(f, in[i])
		}
	}
	return nil
}

// flips changes what lies in flash at rest.
func (w *Sweep) flips(b *board) error {
	if !w.faulty {
		return nil
	}
	for _, f := range w.Scenario.standing("flash") {
		if f.Kind != fault.Flips {
			continue
		}
		if err := w.flip(b, f); err != nil {
			return err
		}
	}
	return nil
}

// flip turns bits of a partition over.
func (w *Sweep) flip(b *board, f *fault.Fault) error {
	chip, p, err := w.findPart(f.Part)
	if err != nil {
		return fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	data := make([]byte, p.Size)
	if err := b.flashes[chip].Cells(data, p.Off); err != nil {
		return err
	}
	f.Flipped(data)
	return b.flashes[chip].Burn(p.Off, data)
}

// fillFile is what fills a file system.
const fillFile = "/filler.bin"

// fill leaves so many bytes free in the module's file system, to a block or two.
func (w *Sweep) fill(b *board, free int64) error {
	trial := b.fork()
	full, err := w.filled(trial, 1<<40)
	if err != nil {
		return err
	}
	_, err = w.filled(b, max(0, full-free))
	return err
}

// filled writes up to n bytes into a file until nothing more fits, and returns
// how many did.
func (w *Sweep) filled(b *board, n int64) (int64, error) {
	r, err := w.machine.boot(b, nil)
	if err != nil {
		return 0, err
	}
	if r.end != endRuns {
		return 0, fmt.Errorf("fault full-fs: the module does not start: %s", r.why)
	}
	f, err := r.running.Mounts.Create(fillFile)
	if err != nil {
		return 0, fmt.Errorf("fault full-fs: %w", err)
	}
	block, done := make([]byte, 512), int64(0)
	for done < n {
		k, err := f.Write(block[:min(int64(len(block)), n-done)])
		done += int64(k)
		if err != nil {
			break // it is full
		}
		if done > 64<<20 {
			return 0, errors.New("fault full-fs: the file system takes more than 64 MiB")
		}
	}
	err = f.Close()
	b.cause = chips.ResetPower
	clear(b.retained)
	if err != nil && n < 1<<40 {
		return done, r.running.Mounts.Remove(fillFile)
	}
	return done, nil
}
