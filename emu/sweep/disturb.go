package sweep

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/emu/demo"
	"airlift/emu/fault"
	"airlift/emu/link"
	"airlift/emu/trace"
	"airlift/lua"
)

// disturber makes the faults of the group system happen to the module of a
// story. Conditions that only scripts know, such as a small heap, are options of
// their machine; the rest waits for its time, or for bytes to arrive.
type disturber struct {
	st       *demo.Story
	faults   []*fault.Fault
	left     map[*fault.Fault]int // times
	machine  *lua.Machine         // of this boot, nil before its scripts begin
	bootTime time.Duration        // when the module was reset
	watchdog time.Duration        // period, 0 for none
	bites    int                  // of the watchdog to come, negative: for ever
	jumped   bool
	err      error // why a fault means nothing to these scripts
}

// newDisturber sets options of the machine.
func newDisturber(faults []*fault.Fault, o *lua.Options) *disturber {
	d := &disturber{faults: faults, left: map[*fault.Fault]int{}}
	for _, f := range faults {
		d.left[f] = max(1, f.Times)
		switch f.Kind {
		case fault.OutOfHeap:
			o.LuaMemory = f.Bytes
		case fault.Watchdog:
			d.watchdog, d.bites = time.Duration(f.At), f.Times
			if f.Times == 0 {
				d.bites = -1
			}
		}
	}
	o.Started = d.started
	return d
}

// attach puts the disturber next to a story that was made with its options.
func (d *disturber) attach(st *demo.Story) {
	d.st = st
	st.World.Trace.Sink(d.event)
	for _, f := range d.faults {
		if f.Kind == fault.SecondRequest || f.Kind == fault.Reboot && f.At == 0 && f.Bytes > 0 {
			st.World.Shape = d.arrivals(f, st.World.Shape)
		}
	}
}

// started is called when scripts begin.
func (d *disturber) started(m *lua.Machine) {
	d.machine = m
	if d.watchdog > 0 && d.bites != 0 {
		m.Watch(d.watchdog)
	}
	clock := d.st.World.Clock
	for _, f := range d.faults {
		switch {
		case f.Kind == fault.Reboot && f.Bytes == 0 && d.left[f] > 0:
			d.left[f]--
			clock.After(time.Duration(f.At), func() { d.st.Device.Reset(chips.ResetSoftware) })
		case f.Kind == fault.ClockJump && !d.jumped:
			d.jumped = true
			clock.After(time.Duration(f.At), func() { d.st.Device.JumpClock(f.Seconds) })
		}
	}
}

// event watches the time that boot code and core take. Scripts have a watchdog
// of their own, which they may feed.
func (d *disturber) event(e *trace.Event) {
	switch {
	case e.Kind == trace.Power:
		d.machine, d.bootTime = nil, e.Time
		if d.bites > 0 && e.Text == "reset: "+chips.ResetWatchdog.String() {
			d.bites--
		}
	case d.watchdog > 0 && d.bites != 0 && d.machine == nil && e.Time-d.bootTime >= d.watchdog:
		d.st.Device.Reset(chips.ResetWatchdog)
	}
}

// arrivals waits for bytes.
func (d *disturber) arrivals(f *fault.Fault, next func(string, lua.ConnEvents) lua.ConnEvents) func(string, lua.ConnEvents) lua.ConnEvents {
	return func(peer string, ev lua.ConnEvents) lua.ConnEvents {
		if next != nil {
			ev = next(peer, ev)
		}
		data, got := ev.Data, int64(0)
		ev.Data = func(p []byte) {
			data(p)
			if got += int64(len(p)); got < f.Bytes || d.left[f] == 0 {
				return
			}
			if d.machine == nil { // the last bytes of a boot that has ended
				return
			}
			d.left[f]--
			if f.Kind == fault.Reboot {
				d.st.Device.Reset(chips.ResetSoftware)
				return
			}
			d.machine.Call(secondRequest, func(text string) {
				if text != "" {
					d.err = fmt.Errorf("fault %s: %s", f.Kind, text)
				}
			})
		}
		return ev
	}
}

// secondRequest does what a timer of a project does that asks every few hours,
// whether or not the request before has ended.
const secondRequest = `
local function restart(good)
  log.info("fault", "the second request ends", good)
  if not good then return end
  if update then sys.restart("upgrade") else rtos.reboot() end
end
local loaded = package.loaded
if loaded.update and update then
  update.request(restart)
elseif loaded.libfota2 then
  local id = mobile and mobile.imei() or wlan and wlan.getMac and wlan.getMac() or (mcu.unique_id():toHex())
  loaded.libfota2.request(function(n) restart(n == 0) end, {imei = id})
elseif loaded.libfota then
  loaded.libfota.request(function(n) restart(n == 0) end)
else
  return "the scripts have none of the libraries update, libfota2 and libfota"
end
return ""
`

// restarts has a server restart: all connections break, and its ports are closed
// for a while.
func restarts(f *fault.Fault, st *demo.Story) {
	type open struct {
		closed func(error)
		over   *bool
	}
	var live []open
	boot, left, downUntil := 0, max(1, f.Times), time.Duration(-1)
	down, next := st.World.Network.Down, st.World.Shape
	st.World.Network.Down = func() bool { return st.World.Clock.Now() < downUntil || down != nil && down() }
	restart := func() {
		left--
		downUntil = st.World.Clock.Now() + time.Duration(f.At)
		broken := live
		live = nil
		for _, c := range broken {
			if !*c.over {
				*c.over = true
				c.closed(link.ErrReset)
			}
		}
	}
	st.World.Shape = func(peer string, ev lua.ConnEvents) lua.ConnEvents {
		if next != nil {
			ev = next(peer, ev)
		}
		if now := st.Device.Boots(); now != boot {
			boot, live = now, nil // those of the boot before ended with it
		}
		data, closed, got, over := ev.Data, ev.Closed, int64(0), new(bool)
		ev.Data = func(p []byte) {
			if *over {
				return
			}
			data(p)
			if got += int64(len(p)); got >= f.Bytes && left > 0 {
				restart()
			}
		}
		ev.Closed = func(err error) {
			if !*over {
				*over = true
				closed(err)
			}
		}
		live = append(live, open{closed, over})
		return ev
	}
}
