package guest

import (
	"context"
	"errors"
	"runtime"

	"github.com/tetratelabs/wazero/api"

	"airlift/chips"
	"airlift/flash"
)

const (
	updaterStage = "updater"
	// pieceMax is how much is handed to the update agent at once, in bytes.
	pieceMax = 4096
	// updaterFailed is what scripts see when there is no update agent any more.
	updaterFailed = -1
)

// Updater is an update agent that a guest brings along. It lives from the
// start of the core to the next reset.
type Updater struct {
	module *Module
	tables []flash.Table
	run    *run
	dead   bool
}

var _ chips.Updater = (*Updater)(nil)

// newUpdater starts the agent and lets it know that the core is up.
func newUpdater(env *chips.Env, m *Module, tables []flash.Table) (*Updater, error) {
	u := &Updater{module: m, tables: tables}
	if !m.exports("confirm") {
		return u, nil
	}
	_, err := u.call(env, "confirm")
	return u, err
}

// call runs an export. An agent that traps is gone until the next reset; what
// it was to answer is -1.
func (u *Updater) call(env *chips.Env, name string, args ...uint64) (int, error) {
	if u.dead {
		return updaterFailed, nil
	}
	var err error
	if u.run == nil {
		if err = u.start(env); err != nil && u.run == nil {
			return updaterFailed, err
		}
	}
	var v uint64
	if err == nil {
		u.run.env = env
		u.run.fed = u.run.clock // nobody expects it to be fed between two calls
		v, err = u.run.call(name, args...)
	}
	var s *stop
	if errors.As(err, &s) {
		u.dead = true
		text := s.text
		if s.why == stopReset {
			text = "an update agent cannot reset the chip: scripts do"
		}
		u.run.step(chips.KindDecide, chips.FindingMark+"the update agent is gone: "+text)
		return updaterFailed, nil
	}
	return int(int32(uint32(v))), err
}

// start makes the agent's instance. Nobody says when it is needed no more, so
// that the collector frees it.
func (u *Updater) start(env *chips.Env) (err error) {
	u.run, err = u.module.newRun(env, u.tables, updaterStage)
	if u.run != nil && u.run.inst != nil {
		runtime.AddCleanup(u, func(inst api.Module) { _ = inst.Close(context.Background()) }, u.run.inst)
	}
	return err
}

// Init starts a download.
func (u *Updater) Init(env *chips.Env, start, length int64) (int, error) {
	return u.call(env, "updater_init", uint64(uint32(start)), uint64(uint32(length)))
}

// Write hands bytes over, piece by piece; the last answer counts, and the
// first that is an error.
func (u *Updater) Write(env *chips.Env, p []byte) (int, error) {
	for {
		n := min(len(p), pieceMax)
		v, err := u.piece(env, p[:n])
		if p = p[n:]; err != nil || v < 0 || len(p) == 0 {
			return v, err
		}
	}
}

func (u *Updater) piece(env *chips.Env, p []byte) (int, error) {
	ptr, err := u.call(env, "updater_buffer", uint64(len(p)))
	if err != nil || u.dead {
		return updaterFailed, err
	}
	at := uint32(int32(ptr))
	if u.run.mem == nil || !u.run.mem.Write(at, p) || int64(at)+int64(len(p)) > u.module.Limits.RAM {
		u.dead = true
		u.run.step(chips.KindDecide, chips.FindingMark+"the update agent is gone: its buffer is outside its memory")
		return updaterFailed, nil
	}
	return u.call(env, "updater_write", uint64(at), uint64(len(p)))
}

// Done asks how far the download is.
func (u *Updater) Done(env *chips.Env) (int, error) { return u.call(env, "updater_done") }

// End ends a download.
func (u *Updater) End(env *chips.Env, ok bool) (int, error) {
	var arg uint64
	if ok {
		arg = 1
	}
	return u.call(env, "updater_end", arg)
}

// WaitReady is always true: nothing is slow.
func (u *Updater) WaitReady(*chips.Env) (bool, error) { return true, nil }
