package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library cc: telephone calls (luatos-runtime.md 9.7, 10; the order of
// CC_IND's values as upstream's demos expect it). Calls are signalling only:
// there is no sound.
//
// Assumed: the times below; that a call in ring, once accepted, is reported as
// ANSWER_CALL_DONE and SPEECH_START, a call that the module makes as
// MAKE_CALL_OK, PLAY, CONNECTED and SPEECH_START, and one that nobody takes as
// MAKE_CALL_FAILED.

const (
	ringPeriod = 4 * time.Second        // INCOMINGCALL comes again that often
	ringMost   = 30 * time.Second       // of a call that the scene does not limit
	callStep   = 500 * time.Millisecond // between what the network reports
)

type callState uint8

const (
	callNone callState = iota
	callRinging
	callDialing
	callTalking
)

// phone is the call that there is.
type phone struct {
	state  callState
	number string // of the last call
	talk   time.Duration
	count  int // of calls, and of what ended the waiting of one
}

// openCC installs cc.* on firmware with a cellular radio.
func (m *Machine) openCC() {
	if !m.fw.Mobile {
		return
	}
	m.recording.callback = glua.LNil
	m.lib("cc",
		m.recorded("cc", "init", 1),
		fn("dial", m.ccDial),
		fn("accept", m.ccAccept),
		fn("hangUp", m.ccHangUp),
		fn("lastNum", func(l *glua.LState) int { return pushStr(l, m.phone.number) }),
		fn("quality", func(l *glua.LState) int {
			if m.phone.state == callTalking {
				return pushInt(l, 2)
			}
			return pushInt(l, 0)
		}),
		fn("on", m.ccOn),
		fn("record", m.ccRecord),
	)
}

func (m *Machine) callEvent(what string) { m.publishLater("CC_IND", glua.LString(what)) }

// callAfter does something later, unless the call ends before.
func (m *Machine) callAfter(d time.Duration, do func()) {
	call := m.phone.count
	m.after(d, func() {
		if m.phone.count == call {
			do()
		}
	})
}

func (m *Machine) callEnds() {
	m.phone.count++
	m.phone.state = callNone
}

// callLost ends a call with the registration.
func (m *Machine) callLost() {
	if m.phone.state != callNone {
		m.callEnds()
		m.callEvent("DISCONNECTED")
	}
}

// callArrived is a call from outside. A module that talks or is not on the
// network does not hear of it.
func (m *Machine) callArrived(e SceneEvent) {
	if !m.fw.Mobile || !m.cell.imsReady || m.phone.state != callNone {
		return
	}
	m.phone.state, m.phone.number, m.phone.talk = callRinging, e.Number, e.Talk
	var ring func()
	ring = func() {
		m.callEvent("INCOMINGCALL")
		m.callAfter(ringPeriod, ring)
	}
	ring()
	most := e.Ring
	if most <= 0 {
		most = ringMost
	}
	m.callAfter(most, m.callLost)
}

// talks is a call that is connected.
func (m *Machine) talks() {
	m.phone.state = callTalking
	m.callEvent("SPEECH_START")
	m.startRecording()
	if m.phone.talk > 0 {
		m.callAfter(m.phone.talk, m.callLost)
	}
}

func (m *Machine) ccAccept(l *glua.LState) int {
	if m.phone.state != callRinging {
		return pushBool(l, false)
	}
	m.hardware(l, "cc", "accept")
	m.callEnds()
	m.phone.state = callDialing
	m.callAfter(callStep, func() {
		m.callEvent("ANSWER_CALL_DONE")
		m.talks()
	})
	return pushBool(l, true)
}

func (m *Machine) ccHangUp(l *glua.LState) int {
	m.hardware(l, "cc", "hangUp")
	if m.phone.state != callNone {
		m.callEnds()
		m.after(callStep, func() { m.callEvent("HANGUP_CALL_DONE") })
	}
	return 0
}

func (m *Machine) ccDial(l *glua.LState) int {
	number := m.str(l, 2)
	m.hardware(l, "cc", "dial")
	if !m.cell.imsReady || m.phone.state != callNone || number == "" {
		return pushBool(l, false)
	}
	network := m.scene().Cellular()
	m.phone.state, m.phone.number, m.phone.talk = callDialing, number, network.Talk
	m.callAfter(callStep, func() {
		if network.Busy {
			m.callEnds()
			m.callEvent("MAKE_CALL_FAILED")
			return
		}
		m.callEvent("MAKE_CALL_OK")
		m.callEvent("PLAY")
		m.callAfter(network.AnswerAfter, func() {
			m.callEvent("CONNECTED")
			m.talks()
		})
	})
	return pushBool(l, true)
}
