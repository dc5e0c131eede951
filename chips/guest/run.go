package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"airlift/chips"
	"airlift/chips/guest/meter"
	"airlift/flash"
)

// stop is how a run ends from outside. Host functions panic with it, which
// unwinds the guest: nothing in WebAssembly as it is taken here can catch it.
type stop struct {
	why  stopKind
	err  error  // for stopError
	text string // for people
}

type stopKind uint8

const (
	stopError    stopKind = iota // the power was cut, or the emulation failed
	stopReset                    // the guest resets the chip
	stopWatchdog                 // it was not fed
	stopFault                    // an exception: a wild pointer, a trap
	stopBudget                   // the steps are used up
)

func (s *stop) Error() string { return "guest stopped: " + s.text }

// run is one instance of a guest: from reset to the end of the boot code, or
// an update agent from the start of the core to the next reset.
type run struct {
	context.Context // what host functions find the run by
	m               *Module
	tables          []flash.Table
	env             *chips.Env
	stage           string
	inst            api.Module
	mem             api.Memory
	steps           api.MutableGlobal
	depth           api.MutableGlobal

	stopped *stop
	left    int64 // steps at the start of the call
	charged int64 // steps of the call that host functions took
	clock   time.Duration
	slept   time.Duration // of clock, what the environment knows
	fed     time.Duration // when the watchdog was fed
	said    int
	lines   [2]string       // of stdout and stderr, not yet ended
	missing map[string]bool // functions of WASI that were called and are not there
	console int             // bytes read
	random  *rand.PCG

	upgraded bool
	status   byte
	params   [paramsMax]uint32
	paramsN  int
}

// newRun makes an instance. The guest's _initialize runs as part of it.
func (m *Module) newRun(env *chips.Env, tables []flash.Table, stage string) (*run, error) {
	r := &run{Context: context.Background(), m: m, tables: tables, env: env, stage: stage}
	r.random = rand.NewPCG(env.Board.Seed, 0x677565737421)
	rt, err := host()
	if err != nil {
		return nil, err
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if r.inst, err = rt.InstantiateModule(r, m.code, cfg); err != nil {
		return nil, fmt.Errorf("guest %s cannot start: %s", m.Name, firstLine(err))
	}
	if m.info.Memory {
		r.mem = r.inst.Memory()
	}
	r.steps, _ = r.inst.ExportedGlobal(meter.StepsGlobal).(api.MutableGlobal)
	r.depth, _ = r.inst.ExportedGlobal(meter.DepthGlobal).(api.MutableGlobal)
	if r.steps == nil || r.depth == nil {
		return nil, fmt.Errorf("guest %s: its counters are not there", m.Name)
	}
	if m.exports("_initialize") {
		_, err = r.call("_initialize")
	}
	return r, err
}

func (r *run) close() { _ = r.inst.Close(r) }

// firstLine is what an error of the runtime says without its stack trace.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line, _, _ = strings.Cut(line, " (recovered by wazero)")
	return line
}

// call runs an export. How the run was stopped is in r.stopped; the error is
// then the same *stop, or for stopError what it holds.
func (r *run) call(name string, args ...uint64) (uint64, error) {
	f := r.inst.ExportedFunction(name)
	if f == nil {
		return 0, fmt.Errorf("guest %s has no export %q", r.m.Name, name)
	}
	if r.stopped != nil {
		return 0, r.stopped
	}
	r.left, r.charged = r.m.Limits.Steps, 0
	r.steps.Set(uint64(r.left))
	r.depth.Set(0)
	res, err := f.Call(r, args...)
	r.pay()
	if err == nil {
		err = r.overran()
	} else if r.stopped == nil {
		r.stopped = r.trapped(err)
	}
	if r.stopped == nil || r.stopped.why != stopError {
		r.endLines()
	}
	switch {
	case r.stopped != nil && r.stopped.why == stopError:
		return 0, r.stopped.err
	case r.stopped != nil:
		return 0, r.stopped
	case err != nil:
		return 0, err
	case len(res) == 0:
		return 0, nil
	}
	return res[0], nil
}

// trapped says what an error of the runtime is.
func (r *run) trapped(err error) *stop {
	left, depth := int64(r.steps.Get()), int32(r.depth.Get())
	switch {
	case left < 0:
		return &stop{why: stopBudget, text: fmt.Sprintf("more than %d steps", r.m.Limits.Steps)}
	case depth > callsMax:
		return &stop{why: stopFault, text: fmt.Sprintf("more than %d calls within calls", callsMax)}
	}
	return &stop{why: stopFault, text: strings.TrimPrefix(firstLine(err), "wasm error: ")}
}

// overran reports memory used beyond what the chip has: WebAssembly counts in
// pages of 64 KiB, chips do not.
func (r *run) overran() error {
	if r.mem == nil || int64(r.mem.Size()) <= r.m.Limits.RAM {
		return nil
	}
	beyond, _ := r.mem.Read(uint32(r.m.Limits.RAM), r.mem.Size()-uint32(r.m.Limits.RAM))
	if bytes.Count(beyond, []byte{0}) != len(beyond) {
		r.stopped = &stop{why: stopFault, text: fmt.Sprintf("memory beyond the chip's %d bytes of RAM was written", r.m.Limits.RAM)}
		return r.stopped
	}
	return nil
}

// now returns the guest's clock: time since the reset, by its steps and flash
// operations.
func (r *run) now() time.Duration {
	used := r.left - int64(r.steps.Get())
	return r.clock + time.Duration(used)*r.m.Limits.StepTime
}

// pay moves the steps of a call, and lets the world's clock know.
func (r *run) pay() {
	r.clock = r.now()
	r.left = int64(r.steps.Get())
	if r.clock > r.slept {
		r.env.Sleep(r.clock - r.slept)
		r.slept = r.clock
	}
}

// pass lets time pass that the world's clock already knows of.
func (r *run) pass(t time.Duration) { r.clock, r.slept = r.clock+t, r.slept+t }

// halt unwinds the guest.
func (r *run) halt(s *stop) {
	r.stopped = s
	panic(s)
}

// fault unwinds the guest as a processor's exception does.
func (r *run) fault(format string, args ...any) {
	r.halt(&stop{why: stopFault, text: fmt.Sprintf(format, args...)})
}

// charge takes steps for what a host function does.
func (r *run) charge(n int64) {
	if r.charged += n; r.charged > r.m.Limits.Steps {
		r.halt(&stop{why: stopBudget, text: fmt.Sprintf("host functions did more than %d steps' work", r.m.Limits.Steps)})
	}
}

// check gives an error of the flash back to the guest as a number, and unwinds
// the guest if it is none that a guest can see.
func (r *run) check(err error) int32 {
	if err == nil {
		return 0
	}
	var outside *flash.RangeError
	switch {
	case errors.As(err, &outside):
		return errRange
	case errors.Is(err, flash.ErrOpFailed):
		return errChip
	}
	r.halt(&stop{why: stopError, err: err, text: err.Error()})
	return 0
}

// watch resets the chip if the watchdog is hungry. It is asked where virtual
// time passes.
func (r *run) watch() {
	if w := r.m.Limits.Watchdog; w > 0 && r.now()-r.fed > w {
		r.halt(&stop{why: stopWatchdog, text: fmt.Sprintf("the watchdog was not fed for %v", w)})
	}
}

func (r *run) step(kind chips.StepKind, text string) {
	r.env.Step(chips.Step{Stage: r.stage, Kind: kind, Text: text})
}
