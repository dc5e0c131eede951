package lua

import (
	"context"
	"time"
)

// Instructions are counted by the context that every thread of the VM has:
// gopher-lua asks it, before each one, whether it is done. The answer is
// always no; what ends a machine is Goexit, which no script can catch.

const (
	// sliceSteps is how many instructions a script may execute without
	// waiting before they cost time.
	sliceSteps = 1 << 16
	// pulseSteps is how often memory and budget are looked at.
	pulseSteps = 1 << 12
	// instructionTime is what an instruction then costs: an estimate for a
	// 240 MHz core that fetches from flash. It only matters to scripts that
	// compute for long or wait in a busy loop.
	instructionTime = 500 * time.Nanosecond
)

type gauge struct{ m *Machine }

var _ context.Context = gauge{}

func (g gauge) Done() <-chan struct{} {
	m := g.m
	m.steps++
	if m.steps >= m.tickAt {
		m.tick()
	}
	return nil
}

func (gauge) Deadline() (time.Time, bool) { return time.Time{}, false }
func (gauge) Err() error                  { return nil }
func (gauge) Value(any) any               { return nil }

// charge counts n instructions' worth of work in a library.
func (m *Machine) charge(n int) {
	m.steps += uint64(n)
	if m.steps >= m.tickAt {
		m.tick()
	}
}

// nextTick returns when to look at budget, memory and time again.
func (m *Machine) nextTick() uint64 {
	at := min(m.steps+pulseSteps, m.sliceEnd)
	if m.opts.Steps > 0 {
		at = min(at, m.opts.Steps)
	}
	return max(at, m.steps+1)
}

// tick is called between instructions, often enough. When a script has run for
// a slice without waiting the clock moves, so that a busy loop on mcu.ticks
// ends, the watchdog bites and the run's time comes to its end.
func (m *Machine) tick() {
	if m.opts.Steps > 0 && m.steps >= m.opts.Steps {
		m.stop(Exit{Kind: ExitBudget})
	}
	if m.steps >= m.sliceEnd {
		m.sliceEnd = m.steps + sliceSteps
		m.board.Sleep(sliceSteps * instructionTime)
		m.checkPower()
		m.wait(0)
	}
	m.tickAt = m.nextTick()
	m.checkMemory()
}

// rested notes that the scripts waited: what they executed so far is free.
func (m *Machine) rested() {
	m.sliceEnd = m.steps + sliceSteps
	m.tickAt = m.nextTick()
	m.buffersForgiven = 0
}
