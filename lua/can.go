package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library can: CAN buses (arguments, results and codes as the library's own
// sources have them). Who else is on a bus is the scene's.
//
// Assumed: a frame takes its bits without stuffing; a frame that nobody
// acknowledges is sent again and again, of which scripts hear one error, that
// the bus is passive, and the frame's failure when it is stopped; filters of
// can.filter look at the identifier alone, one of them at a time; a bus that was
// left is stopped (the test case canself expects that of an Air780EPM).

// Work modes, states and callbacks (luat_can.h).
const (
	canModeNormal = 0
	canModeListen = 1
	canModeTest   = 2
	canModeSleep  = 3

	canStop    = 0
	canActive  = 1
	canPassive = 2
	canBusOff  = 3
	canListen  = 4
	canTest    = 5
	canAsleep  = 6

	canCallbackMessage = 0
	canCallbackTx      = 1
	canCallbackError   = 3
	canCallbackState   = 4

	canNoAck     = 0x0019 // an error while sending: a bit, in the acknowledgement
	canBuses     = 2
	canDataMost  = 8
	canCacheMost = 1 << 10 // frames, whatever a script asks for
)

// canBus is a bus that a script has initialized.
type canBus struct {
	state      int
	bitrate    int64
	cacheMax   int
	cache      []CANFrame
	mask, code uint32 // of acceptance: only bits of mask count
	anyKind    bool   // standard and extended frames
	extended   bool
	sending    func() // cancels the frame that is on its way
	callback   glua.LValue
	release    func()
}

// openCAN installs can.*.
func (m *Machine) openCAN() {
	buses := map[int64]*canBus{}
	bus := func(l *glua.LState) *canBus { return buses[m.optInt(l, 1, 0)] }
	// change is a function that says whether it worked.
	change := func(name string, f func(l *glua.LState, b *canBus) bool) entryFn {
		return fn(name, func(l *glua.LState) int {
			b := bus(l)
			m.hardware(l, "can", name)
			return pushBool(l, b != nil && f(l, b))
		})
	}
	t := m.lib("can",
		fn("init", func(l *glua.LState) int {
			id, n := m.optInt(l, 1, 0), m.optInt(l, 2, 0)
			m.hardware(l, "can", "init")
			if id < 0 || id >= canBuses || n < 0 {
				return pushBool(l, false)
			}
			b := &canBus{bitrate: 1_000_000, cacheMax: int(min(max(n, 1), canCacheMost)), anyKind: true, callback: glua.LNil}
			if old := buses[id]; old != nil {
				b.callback, b.release = old.callback, old.release
				old.stopSending()
			}
			buses[id] = b
			return pushBool(l, true)
		}),
		fn("on", func(l *glua.LState) int {
			b := bus(l)
			if b == nil {
				return 0
			}
			if b.release != nil {
				b.release()
				b.release = nil
			}
			b.callback = glua.LNil
			if f, ok := l.Get(2).(*glua.LFunction); ok {
				b.callback, b.release = f, m.hold(f)
			}
			return 0
		}),
		change("timing", func(l *glua.LState, b *canBus) bool {
			rate := m.optInt(l, 2, 1_000_000)
			if rate < 1000 || rate > 1_000_000 {
				return false
			}
			b.bitrate = rate
			return true
		}),
		change("mode", func(l *glua.LState, b *canBus) bool {
			state, ok := map[int64]int{canModeNormal: canActive, canModeListen: canListen, canModeTest: canTest, canModeSleep: canAsleep}[m.optInt(l, 2, canModeNormal)]
			if ok {
				b.state = state
			}
			return ok
		}),
		change("node", func(l *glua.LState, b *canBus) bool {
			f := CANFrame{ID: uint32(m.optInt(l, 2, 0x1FFFFFFF)), Extended: m.optInt(l, 3, 1) != 0}
			b.code, b.mask = f.acceptance()
			b.anyKind, b.extended = false, f.Extended
			return true
		}),
		change("filter", func(l *glua.LState, b *canBus) bool {
			if l.ToBool(2) {
				m.raise("can.filter with two filters is not emulated")
			}
			b.code, b.mask = uint32(m.optInt(l, 3, 0)), ^uint32(m.optInt(l, 4, 0xFFFFFFFF))
			b.anyKind = true
			return true
		}),
		fn("state", func(l *glua.LState) int {
			if b := bus(l); b != nil {
				return pushInt(l, int64(b.state))
			}
			return pushInt(l, canStop)
		}),
		fn("tx", func(l *glua.LState) int { return m.canTx(l, bus(l)) }),
		fn("rx", func(l *glua.LState) int { return m.canRx(l, bus(l)) }),
		change("stop", func(l *glua.LState, b *canBus) bool {
			if b.stopSending() {
				m.canTell(l, b, canCallbackTx, glua.LFalse)
			}
			return true
		}),
		change("reset", func(_ *glua.LState, b *canBus) bool {
			b.stopSending()
			b.state = canActive
			return true
		}),
		change("busOff", func(_ *glua.LState, b *canBus) bool {
			b.stopSending()
			b.state = canStop
			return true
		}),
		fn("deinit", func(l *glua.LState) int {
			b := bus(l)
			m.hardware(l, "can", "deinit")
			if b != nil {
				b.stopSending()
				if b.release != nil {
					b.release()
				}
				delete(buses, m.optInt(l, 1, 0))
			}
			return pushBool(l, true)
		}),
		fn("debug", func(*glua.LState) int { return 0 }),
	)
	constants(t, "MODE_NORMAL", canModeNormal, "MODE_LISTEN", canModeListen, "MODE_TEST", canModeTest, "MODE_SLEEP", canModeSleep,
		"STATE_STOP", canStop, "STATE_ACTIVE", canActive, "STATE_PASSIVE", canPassive, "STATE_BUSOFF", canBusOff, "STATE_LISTEN", canListen,
		"STATE_TEST", canTest, "STATE_SLEEP", canAsleep, "CB_MSG", canCallbackMessage, "CB_TX", canCallbackTx, "CB_ERR", canCallbackError,
		"CB_STATE", canCallbackState, "EXT", 1, "STD", 0)
}

// stopSending ends what is on its way and reports whether there was anything.
func (b *canBus) stopSending() bool {
	if b.sending == nil {
		return false
	}
	b.sending()
	b.sending = nil
	return true
}

// canTell calls the callback of a bus, as a message of the firmware.
func (m *Machine) canTell(l *glua.LState, b *canBus, what int64, param glua.LValue) {
	id := m.optInt(l, 1, 0)
	m.canTellBus(id, b, what, param)
}

func (m *Machine) canTellBus(id int64, b *canBus, what int64, param glua.LValue) {
	m.post(func(l *glua.LState) int {
		if f, ok := b.callback.(*glua.LFunction); ok {
			m.call(l, f, 0, integerValue(id), integerValue(what), param)
		}
		return 0
	})
}

// canTx is tx(bus, identifier, extended, remote, acknowledge, data).
func (m *Machine) canTx(l *glua.LState, b *canBus) int {
	id := m.optInt(l, 1, 0)
	f := CANFrame{ID: uint32(m.optInt(l, 2, 0x1FFFFFFF)), Extended: m.optInt(l, 3, 0) != 0, Remote: l.ToBool(4)}
	needAck := l.ToBool(5)
	if z := asZbuff(l.Get(6)); z != nil {
		f.Data = string(z.data[:z.used])
	} else {
		f.Data = m.optStr(l, 6, "")
	}
	f.Data = f.Data[:min(len(f.Data), canDataMost)]
	m.hardware(l, "can", "tx")
	if b == nil || b.sending != nil || b.state != canActive && b.state != canPassive && b.state != canTest {
		return pushInt(l, -1)
	}
	bits := int64(47 + 8*len(f.Data))
	if f.Extended {
		bits += 20
	}
	b.sending = m.after(time.Duration(bits*int64(time.Second)/b.bitrate), func() { m.canSent(id, b, f, needAck) })
	return pushInt(l, 0)
}

// canSent is the end of a frame.
func (m *Machine) canSent(id int64, b *canBus, f CANFrame, needAck bool) {
	node := m.scene().CAN(int(id))
	switch {
	case b.state == canTest:
		b.sending = nil
		m.canTellBus(id, b, canCallbackTx, glua.LTrue)
		m.canArrived(id, b, f)
	case node == nil && needAck:
		b.sending = func() {} // for ever
		m.canTellBus(id, b, canCallbackError, integerValue(canNoAck))
		if b.state != canPassive {
			b.state = canPassive
			m.canTellBus(id, b, canCallbackState, integerValue(canPassive))
		}
	default:
		b.sending = nil
		if b.state == canPassive {
			b.state = canActive
			m.canTellBus(id, b, canCallbackState, integerValue(canActive))
		}
		m.canTellBus(id, b, canCallbackTx, glua.LTrue)
		if node != nil {
			for _, answer := range node.Heard(f) {
				m.canArrived(id, b, answer)
			}
		}
	}
}

// acceptance is the first 32 bits of a frame as a filter sees them, with the
// identifier at the top, and the bits that the identifier has.
func (f CANFrame) acceptance() (word, bits uint32) {
	if f.Extended {
		return f.ID << 3, 0x1FFFFFFF << 3
	}
	return f.ID << 21, 0x7FF << 21
}

// canArrived puts a frame into the cache if it passes the filter and fits.
func (m *Machine) canArrived(id int64, b *canBus, f CANFrame) {
	word, bits := f.acceptance()
	if !b.anyKind && f.Extended != b.extended || (word^b.code)&b.mask&bits != 0 || len(b.cache) >= b.cacheMax {
		return
	}
	b.cache = append(b.cache, f)
	m.canTellBus(id, b, canCallbackMessage, glua.LNil)
}

// canRx takes a frame out of the cache.
func (m *Machine) canRx(l *glua.LState, b *canBus) int {
	if b == nil || len(b.cache) == 0 {
		l.Push(glua.LFalse)
		for range 4 {
			l.Push(glua.LNil)
		}
		return 5
	}
	f := b.cache[0]
	b.cache = b.cache[1:]
	l.Push(glua.LTrue)
	pushInt(l, int64(f.ID))
	if f.Extended {
		pushInt(l, 1)
	} else {
		pushInt(l, 0)
	}
	l.Push(glua.LBool(f.Remote))
	return 4 + pushStr(l, f.Data)
}
