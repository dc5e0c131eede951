package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/trace"
	"airlift/flash"
	"airlift/lua"
)

// Unit is one module on a bench. Its methods may be called from several
// goroutines.
type Unit struct {
	ID    int64 // unique on its bench
	Owner int64
	Spec  Spec // completed
	Chip  *chips.Chip

	bench  *Bench
	world  *emu.World
	device *emu.Device

	power  chan struct{}        // one element: a life begins
	closed chan struct{}        // the unit was removed
	life   atomic.Pointer[life] // the current or last one
	state  state
}

func (b *Bench) newUnit(owner int64, s Spec) (*Unit, error) {
	s, chip, err := s.check()
	if err != nil {
		return nil, err
	}
	flashes, err := s.flashes(chip)
	if err != nil {
		return nil, err
	}
	u := &Unit{Owner: owner, Spec: s, Chip: chip, bench: b, power: make(chan struct{}, 1), closed: make(chan struct{})}
	u.life.Store(newLife(b, s.Speed, 0))
	u.world = emu.NewWorld(s.Seed, 0)
	if u.world.Link, err = link.Preset(s.Link); err != nil {
		return nil, err
	}
	if err := u.world.Network.Handle(b.opt.Host, b.opt.Port, link.HandlerFunc(u.serve), link.HostOptions{}); err != nil {
		return nil, err
	}
	u.state.init(chip, flashes, b.opt.Now())
	u.world.Received = u.state.received
	u.world.Trace.NoHash() // the server is shared with others
	u.world.Trace.Sink(u.event)
	u.world.Clock.SetStop(u.stop)
	u.device, err = emu.NewDevice(emu.Config{
		Chip: chip, Flash: flashes, Seed: s.Seed, Clock: u.world.Clock, Trace: u.world.Trace, Net: u.world.Net,
		Identity: lua.Identity{IMEI: s.IMEI}, UnixTime: b.opt.Now().Unix(),
		Script: lua.Options{Steps: b.limits.Steps, Surface: func(lua.Surface) { u.state.scripts(u.device.Running()) }},
	})
	if err != nil {
		return nil, err
	}
	u.device.Tap((*unitTap)(u))
	return u, nil
}

// unitTap takes the power away where somebody cut it.
type unitTap Unit

func (t *unitTap) Before(*flash.Op) flash.Fate {
	if t.life.Load().over() {
		return flash.Fate{Kind: flash.FateCutBefore}
	}
	return flash.Fate{}
}

func (t *unitTap) After(*flash.Op) {}

// PowerOn switches the unit on if it is off. Asking counts as watching.
func (u *Unit) PowerOn() {
	now := u.bench.opt.Now()
	s := &u.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = now
	if s.status.Phase != PhaseOff {
		return
	}
	u.life.Store(newLife(u.bench, u.Spec.Speed, u.world.Clock.Now()))
	s.on(now)
	u.power <- struct{}{} // there is room: the unit took the last one before it went off
}

// PowerOff cuts the power, at once and in the middle of whatever it does.
func (u *Unit) PowerOff() { u.life.Load().end() }

// Gone returns a channel that is closed when the unit is taken from its bench.
func (u *Unit) Gone() <-chan struct{} { return u.closed }

func (u *Unit) close() {
	close(u.closed)
	u.life.Load().end()
}

// live is the unit's goroutine.
func (u *Unit) live() {
	for {
		select {
		case <-u.power:
		case <-u.closed:
			return
		}
		select {
		case <-u.closed: // close may have met the life before
			return
		default:
		}
		u.run(u.life.Load())
	}
}

// run is one life from power-on to power-off.
func (u *Unit) run(l *life) {
	res, err := u.runDevice()
	switch {
	case err != nil:
		u.state.off("fault", err.Error())
	case l.over() || res.End == emu.EndPower:
		u.state.off(string(emu.EndPower), l.why)
	default:
		u.state.off(string(res.End), res.Detail)
	}
}

func (u *Unit) runDevice() (res emu.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &play.Panic{Value: v}
		}
	}()
	return u.device.Run()
}

// wait holds the unit back until its time has come. Somebody else may end the
// life meanwhile, and so may a limit.
func (u *Unit) wait(event bool) {
	l := u.life.Load()
	l.wait(u.world.Clock.Now(), event, func(now time.Time) string { return u.state.overdue(now, u.bench.limits) })
}

// stop is asked by the unit's clock at every step.
func (u *Unit) stop() bool {
	u.wait(false)
	return u.life.Load().over()
}

// event is called with everything that happens.
func (u *Unit) event(e *trace.Event) {
	u.wait(true)
	if e.Kind != trace.End { // run tells it
		u.state.event(e)
	}
}

// serve passes a question on to the bench's server.
func (u *Unit) serve(req *link.Request) *link.Response {
	u.wait(false)
	r := *req
	r.Time = u.bench.opt.Now().UTC()
	r.Remote = fmt.Sprintf("bench-%d", u.ID)
	resp := u.bench.opt.Server.Serve(&r)
	u.state.answered(&r, resp)
	if done := resp.Done; done != nil {
		c := *resp
		c.Done = func(o link.Outcome) {
			o.Time = u.bench.opt.Now().UTC()
			done(o)
		}
		return &c
	}
	return resp
}
