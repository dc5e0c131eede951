package sweep

import (
	"errors"
	"fmt"
	"time"

	"airlift/chips"
	"airlift/emu/trace"
	"airlift/flash"
)

// board is a module between two boots: all that boot code will see. The seed of
// a boot is derived from that, so that equal boards behave equally whatever came
// before.
type board struct {
	flashes  []*flash.Device
	power    *flash.Power
	cause    chips.ResetCause
	retained []uint32
	at       *point        // of the mode volume
	bites    int           // of a watchdog that bites so many times only
	reset    *pendingReset // that has begun
	defects  uint64        // which the chips have, 0 where all boards of a sweep have the same
}

// newBoard puts flash chips on one supply.
func newBoard(flashes []*flash.Device) *board {
	b := &board{flashes: flashes, power: new(flash.Power)}
	b.power.KeepErased()
	for i, f := range flashes {
		f.Attach(b.power, i)
	}
	return b
}

// boardOf is a board with copies of flash chips.
func boardOf(flashes []*flash.Device) *board {
	copies := make([]*flash.Device, len(flashes))
	for i, f := range flashes {
		copies[i] = f.Fork()
	}
	return newBoard(copies)
}

// fork copies the board; the copy has a supply of its own, without a tap.
func (b *board) fork() *board {
	n := boardOf(b.flashes)
	n.cause, n.at, n.bites, n.defects = b.cause, b.at, b.bites, b.defects
	n.retained = append([]uint32(nil), b.retained...)
	return n
}

// switchedOff is a copy after a loss of power: only the flash is left.
func (b *board) switchedOff() *board {
	n := b.fork()
	n.cause, n.retained = chips.ResetPower, make([]uint32, len(b.retained))
	return n
}

// key is what two boards have in common exactly if they behave alike.
type key struct {
	flash    flash.Sum
	cause    chips.ResetCause
	retained uint64
	memory   string // what boot code holds besides, in the middle of a boot
}

func (b *board) key() key {
	k := key{flash: flashSum(b.flashes), cause: b.cause, retained: uint64(b.bites)}
	for _, w := range b.retained {
		k.retained = k.retained*0x9E3779B97F4A7C15 + uint64(w) + 1
	}
	if b.defects != 0 {
		k.retained = (k.retained ^ b.defects) * 0xC2B2AE3D27D4EB4F
	}
	for _, f := range b.flashes {
		if d := f.Defects(); d != nil {
			k.retained = (k.retained ^ d.State()) * 0xC2B2AE3D27D4EB4F
		}
	}
	return k
}

// flashSum is the sum of all flash chips of a board.
func flashSum(flashes []*flash.Device) flash.Sum {
	sum := flashes[0].Sum()
	for _, f := range flashes[1:] {
		s := f.Sum()
		sum = flash.Sum{sum[0]*0x9E3779B97F4A7C15 + s[0], sum[1]*0xC2B2AE3D27D4EB4F + s[1]}
	}
	return sum
}

// end says how a boot ended.
type end string

const (
	endRuns  end = "runs"  // the scripts would start
	endReset end = "reset" // the chip resets: boot code or core wants it
	endCut   end = "cut"   // the power failed
	endDead  end = "dead"  // nothing goes on without a cable
)

// boot is what one boot came to.
type boot struct {
	end     end
	why     string // for endDead, and the source of a reset
	failed  bool   // the chip said that an operation failed, and what real code then does is not known
	running *chips.Running
	env     *chips.Env
}

// machine boots boards. It holds nothing of a board and may be shared.
type machine struct {
	chip *chips.Chip
	seed uint64

	watchdog time.Duration // period of one that nobody feeds, 0 for none
	bites    int           // how often it resets the chip, 0 for ever
}

// watcher sees what a boot does, for an account; nil sees nothing and costs
// nothing.
type watcher struct {
	rec   *trace.Recorder
	now   time.Duration
	boot  int
	stage string // "updater", "boot", "core": where the run is
}

func (w *watcher) add(kind trace.Kind, text string, s chips.Step) {
	w.rec.Add(&trace.Event{Time: w.now, Boot: w.boot, Kind: kind, Text: text, Step: s})
}

// step records what chip code decided.
func (w *watcher) step(s chips.Step) {
	if s.Kind == chips.KindLog {
		w.add(trace.Log, s.Level+"/"+s.Tag+" "+s.Text, s)
		return
	}
	w.add(trace.Step, "", s)
}

// env is what chip code gets to see of b.
func (m *machine) env(b *board, w *watcher, p *walk, d *watchdog) *chips.Env {
	e := &chips.Env{
		Board: &chips.Board{Flash: b.flashes, Retained: b.retained, Reset: b.cause, Seed: m.bootSeed(b), SPI: m.chip.OnSPI(b.flashes)},
		Sleep: func(time.Duration) {},
	}
	e.Step = func(s chips.Step) {
		if b.power.Lost() {
			return
		}
		if p != nil {
			p.step(&s)
		}
		if w != nil {
			w.step(s)
		}
	}
	if w != nil || d != nil {
		e.Sleep = func(t time.Duration) {
			if w != nil && !b.power.Lost() {
				w.now += max(0, t)
			}
			d.passes(t)
		}
	}
	if p != nil {
		e.Known = func(memory []byte) bool {
			if memory = d.memory(memory); len(memory) == 0 {
				return false // a key without memory is that of a board between boots
			}
			return p.reach(b.key(), string(memory))
		}
	}
	return e
}

// step notes a finding of chip code with the state that it came behind.
func (p *walk) step(s *chips.Step) {
	if l := &p.states[len(p.states)-1]; l.stray == "" && s.IsFinding() {
		l.stray = s.Text[len(chips.FindingMark):]
	}
}

// boot runs b from reset to the first script, or to where it ends before. The
// board is then ready for the next reset. The error is a fault of the
// emulation.
func (m *machine) boot(b *board, w *watcher) (*boot, error) { return m.run(b, w, nil) }

// settling is boot on the way to a verdict.
func (m *machine) settling(b *board, p *walk) (*boot, error) { return m.run(b, nil, p) }

func (m *machine) run(b *board, w *watcher, p *walk) (*boot, error) {
	out := new(boot)
	b.power.Restore()
	if n := m.chip.Model.RetainedWords; len(b.retained) != n {
		b.retained = make([]uint32, n)
	}
	d := m.watch(b)
	defer d.off()
	env := m.env(b, w, p, d)
	out.env = env
	if w != nil {
		w.stage = "boot"
		w.add(trace.Power, "reset: "+b.cause.String(), chips.Step{})
	}
	env.Sleep(m.chip.Profile.Timing.Boot)
	res, err := m.chip.Bootloader.Boot(env)
	if errors.Is(err, chips.ErrKnown) {
		return out, nil
	}
	if lost(b, err) {
		return m.stopped(b, out), nil
	}
	if panics(err) {
		return m.reset(b, out, "boot code panics: "+err.Error()), nil
	}
	if errors.Is(err, flash.ErrOpFailed) {
		out.end, out.why, out.failed = endDead, "boot code stops: "+err.Error(), true
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("boot code: %w", err)
	}
	switch res.Outcome {
	case chips.BootCore:
	case chips.BootReset:
		m.reset(b, out, "boot code resets the chip")
		b.cause = res.ResetCause()
		return out, nil
	default:
		out.end, out.why = endDead, "boot code: "+string(res.Outcome)
		if res.Status != "" {
			out.why += ", status " + res.Status
		}
		return out, nil
	}
	if w != nil {
		w.stage = "core"
	}
	env.Sleep(m.chip.Profile.Timing.CoreStart)
	running, err := m.chip.Core.Start(env, res)
	if errors.Is(err, chips.ErrKnown) {
		return out, nil
	}
	var broken *chips.CoreError
	switch {
	case lost(b, err):
		return m.stopped(b, out), nil
	case errors.As(err, &broken):
		out.end, out.why = endDead, broken.Error()
		return out, nil
	case panics(err):
		return m.reset(b, out, "the core panics: "+err.Error()), nil
	case errors.Is(err, flash.ErrOpFailed):
		out.end, out.why, out.failed = endDead, "the core stops: "+err.Error(), true
		return out, nil
	case err != nil:
		return nil, fmt.Errorf("core: %w", err)
	}
	out.running = running
	if running.Reboot {
		return m.reset(b, out, "the core resets the chip"), nil
	}
	out.end = endRuns
	return out, nil
}

// panics reports an error at which the real code resets the chip.
func panics(err error) bool {
	var p interface{ ResetsChip() bool }
	return errors.As(err, &p) && p.ResetsChip()
}

func lost(b *board, err error) bool {
	return errors.Is(err, flash.ErrPowerLost) || err == nil && b.power.Lost()
}

func (m *machine) cut(b *board, out *boot) *boot {
	out.end = endCut
	b.cause = chips.ResetPower
	clear(b.retained)
	return out
}

func (m *machine) reset(b *board, out *boot, why string) *boot {
	out.end, out.why = endReset, why
	b.cause = chips.ResetSoftware
	return out
}
