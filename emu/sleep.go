package emu

import (
	"fmt"
	"strings"
	"time"

	"airlift/chips"
	"airlift/emu/trace"
	"airlift/lua"
)

// alarms are the timers of the always-on part of a module. They implement
// lua.Alarms.
type alarms struct {
	clock *Clock
	at    [lua.AlarmCount]time.Duration // since the world began
	on    [lua.AlarmCount]bool
	woke  int // the alarm that ended the last sleep, or -1
}

func (a *alarms) Start(id int, delay time.Duration) { a.at[id], a.on[id] = a.clock.Now()+delay, true }
func (a *alarms) Stop(id int)                       { a.on[id] = false }
func (a *alarms) WokenBy() int                      { return a.woke }

func (a *alarms) Left(id int) (time.Duration, bool) {
	return max(0, a.at[id]-a.clock.Now()), a.on[id]
}

// wakeUp is what ended a sleep.
type wakeUp struct {
	why    string
	reason [4]int // of pm.lastReson
	alarm  int    // or -1
}

// sleepUntil lets the world go on without the module until something wakes
// it; nil means that nothing did before the time was up, or will ever.
func (d *Device) sleepUntil(s *lua.Sleep) (w *wakeUp, over lua.StepResult) {
	d.clock.Clear()
	d.bench.PowerOn()
	for id := range d.alarms.on {
		if left, on := d.alarms.Left(id); on {
			d.clock.After(left, func() {
				d.alarms.Stop(id)
				if w == nil {
					w = d.wokenByAlarm(id, s.Off)
				}
			})
		}
	}
	d.bench.Listen(func(e lua.SceneEvent) {
		if w == nil {
			w = d.wokenBy(s, e)
		}
	})
	for w == nil {
		if r := d.clock.Step(); r != lua.Stepped {
			return nil, r
		}
	}
	return w, lua.Stepped
}

// Reasons that pm.lastReson gives after deep sleep (luatos-runtime.md 1.8, and
// upstream's low-power demos for mobile modules).
func (d *Device) wokenByAlarm(id int, off bool) *wakeUp {
	w := &wakeUp{why: fmt.Sprintf("alarm %d", id), alarm: id, reason: [4]int{1, 3, 2, 0}}
	if off {
		w.reason = [4]int{0, 0, 2, 0}
	} else if d.mobile() {
		w.reason = [4]int{1, 4, 0, 0}
	}
	return w
}

func (d *Device) mobile() bool { return d.cfg.Chip.Profile.Features.Mobile }

// wokenBy says whether an event wakes the module.
func (d *Device) wokenBy(s *lua.Sleep, e lua.SceneEvent) *wakeUp {
	w := &wakeUp{alarm: -1}
	switch {
	case e.Kind == lua.ScenePin && e.Pin == powerKey && s.Off && e.Level == 0:
		w.why = "power key"
	case e.Kind == lua.ScenePin && !s.Off && wakes(s.Pins, e):
		w.why = "pin " + e.Pin
		w.reason = d.padReason(e.Pin)
	case e.Kind == lua.SceneUART && containsPort(s.Ports, e.Port):
		w.why = fmt.Sprintf("serial port %d", e.Port)
		w.reason = [4]int{3, 4, 0, 64}
	default:
		return nil
	}
	return w
}

// powerKey is the pin that starts a module that is off, by being low.
const powerKey = "PWR_KEY"

func (d *Device) padReason(pin string) [4]int {
	if !d.mobile() {
		return [4]int{2, 3, 2, 0}
	}
	switch {
	case pin == powerKey:
		return [4]int{5, 4, 0, 256}
	case pin == "CHG_DET":
		return [4]int{6, 4, 0, 512}
	case strings.HasPrefix(pin, "WAKEUP") && len(pin) == len("WAKEUP0"):
		return [4]int{2, 4, 0, 1 << (pin[len(pin)-1] - '0')}
	}
	return [4]int{2, 4, 0, 0}
}

func wakes(pins []lua.WakePin, e lua.SceneEvent) bool {
	for _, p := range pins {
		if p.Pin == e.Pin && (p.Rising && e.Level == 1 || p.Falling && e.Level == 0) {
			return true
		}
	}
	return false
}

func containsPort(ports []int, port int) bool {
	for _, p := range ports {
		if p == port {
			return true
		}
	}
	return false
}

// afterSleep is what follows scripts that ended in deep sleep or by switching
// the module off.
func (d *Device) afterSleep(exit lua.Exit, res Result) (chips.ResetCause, Result) {
	w, over := d.sleepUntil(exit.Sleep)
	switch {
	case w != nil:
		d.event(trace.Power, "wake-up: "+w.why)
		d.wake = w
		if exit.Sleep.Off {
			d.retained = make([]uint32, len(d.retained))
			return chips.ResetPower, Result{Boot: res.Boot, Exit: exit}
		}
		return chips.ResetWakeup, Result{Boot: res.Boot, Exit: exit}
	case exit.Sleep.Off:
		res.End = EndOff
	case over == lua.TimeUp:
		res.End, res.Detail = EndTime, lua.ExitTimeUp.String()+", asleep"
	default:
		res.End, res.Detail = EndIdle, "asleep for ever: nothing will wake the module"
	}
	return 0, res
}

// poweronReason is what pm.lastReson says in this boot.
func (d *Device) poweronReason(cause chips.ResetCause) [4]int {
	w := d.wake
	d.wake = nil
	d.alarms.woke = -1
	if w == nil || cause != chips.ResetWakeup && cause != chips.ResetPower {
		return poweronOf(cause)
	}
	d.alarms.woke = w.alarm
	return w.reason
}
