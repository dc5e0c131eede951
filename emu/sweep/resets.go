package sweep

import (
	"encoding/binary"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash"
)

// Resets with the power on. What runs is stopped as by a cut, since nothing may
// catch either; but the operation on its way ends, retained words stay, and the
// next boot sees why.

// pendingReset is a reset of a board that has begun.
type pendingReset struct {
	cause chips.ResetCause
	why   string
	// ends the play, as a cut does: a fault that strikes once.
	ends bool
}

// resetFault is what [fault.ResetAt] does.
func resetFault() *pendingReset {
	return &pendingReset{cause: chips.ResetException, why: "the chip resets, as the time is up", ends: true}
}

// resets resets the chip; what still runs comes to its end.
func (b *board) resets(r pendingReset) {
	if !b.power.Lost() {
		b.reset = &r
		b.power.Cut()
	}
}

// stopped turns the end of what ran into a cut, or into the reset that came.
func (m *machine) stopped(b *board, out *boot) *boot {
	r := b.reset
	if r == nil {
		return m.cut(b, out)
	}
	b.reset = nil
	m.reset(b, out, r.why)
	b.cause = r.cause
	if r.ends {
		out.end = endCut
	}
	return out
}

// behind is a copy of the board for what follows a fault that struck.
func (b *board) behind(f *fault.Fault) *board {
	if f.Kind == fault.ResetAt {
		return b.fork()
	}
	return b.switchedOff()
}

// watchdog is a hardware watchdog that boot code and core do not feed: period
// after a reset it resets the chip. It counts the time that operations and waits
// take.
type watchdog struct {
	b       *board
	m       *machine
	elapsed time.Duration
	inner   flash.Tap
}

// watch puts the scenario's watchdog next to a boot of b; nil if there is none,
// or it does not bite any more.
func (m *machine) watch(b *board) *watchdog {
	if m.watchdog == 0 || m.bites > 0 && b.bites >= m.bites {
		return nil
	}
	d := &watchdog{b: b, m: m, inner: b.power.Tap()}
	b.power.SetTap(d)
	return d
}

// off takes the watchdog away again.
func (d *watchdog) off() {
	if d != nil {
		d.b.power.SetTap(d.inner)
	}
}

func (d *watchdog) passes(t time.Duration) {
	if d == nil {
		return
	}
	if d.elapsed += max(0, t); d.elapsed >= d.m.watchdog && !d.b.power.Lost() {
		if d.m.bites > 0 {
			d.b.bites++
		}
		d.b.resets(pendingReset{cause: chips.ResetWatchdog, why: "the watchdog resets the chip"})
	}
}

// memory is what the watchdog adds to what decides the rest of a boot.
func (d *watchdog) memory(p []byte) []byte {
	if d == nil {
		return p
	}
	return binary.LittleEndian.AppendUint64(append([]byte(nil), p...), uint64(d.elapsed))
}

// Before implements flash.Tap.
func (d *watchdog) Before(op *flash.Op) flash.Fate {
	if d.inner == nil {
		return flash.Fate{}
	}
	return d.inner.Before(op)
}

// After implements flash.Tap.
func (d *watchdog) After(op *flash.Op) {
	if d.inner != nil {
		d.inner.After(op)
	}
	d.passes(d.m.cost(op))
}

// cost is how long an operation takes.
func (m *machine) cost(op *flash.Op) time.Duration {
	if op.Kind == flash.OpErase {
		return m.chip.Profile.Timing.SectorErase
	}
	return m.chip.Profile.Timing.PageProgram
}

// bootSeed is the seed of a boot of b: of another board it is another one.
func (m *machine) bootSeed(b *board) uint64 {
	k := b.key()
	h := emu.Stream(m.seed, "boot", int(k.cause)).Uint64()
	for _, v := range []uint64{k.flash[0], k.flash[1], k.retained} {
		h = (h ^ v) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h
}
