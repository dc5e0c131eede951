package lua

import (
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	glua "github.com/yuin/gopher-lua"
)

// The library sms (luatos-runtime.md 10; events and their values as the
// library's own documentation has them). Messages come from and go to the
// scene's network as whole texts; how they are cut into parts is modelled,
// PDUs are not.
//
// Assumed: how long sending takes; that text with anything but ASCII goes out
// as UCS-2 and all other text as the GSM alphabet; that a text that the network
// cannot send fails with the error code for "no service".

const (
	smsSendTime   = 1500 * time.Millisecond // for one part
	smsReportTime = 3 * time.Second         // from sending to the delivery report
	smsNoService  = 332                     // error code of SMS_SENT
)

// smsCauses are names of causes (3GPP TS 24.011 8.2.5.4).
var smsCauses = map[int]string{
	0: "SUCCESS", 1: "UNASSIGNED_NUMBER", 8: "OPERATOR_DETERMINED_BARRING", 10: "CALL_BARRED", 21: "TRANSFER_REJECTED",
	27: "DESTINATION_OUT_OF_ORDER", 28: "UNIDENTIFIED_FORMAT", 29: "FACILITY_REJECTED", 30: "UNKNOWN_SUBSCRIBER",
	38: "NETWORK_OUT_OF_ORDER", 41: "TEMPORARY_FAILURE", 42: "CONGESTION", 50: "FACILITY_NOT_SUBSCRIBED",
}

// smsState is what the library keeps.
type smsState struct {
	received, reported glua.LValue // callbacks
	parts              bool        // autoLong(false): hand out the parts of long messages
	busy               bool
	ref                int // of the last long message that came in
}

// openSMS installs sms.* on firmware with a cellular radio.
func (m *Machine) openSMS() {
	if !m.fw.Mobile {
		return
	}
	m.sms = smsState{received: glua.LNil, reported: glua.LNil}
	callback := func(name string, to *glua.LValue) entryFn {
		return fn(name, func(l *glua.LState) int {
			if f, ok := l.Get(1).(*glua.LFunction); ok {
				*to = f
			} else {
				*to = glua.LNil
			}
			return 0
		})
	}
	m.lib("sms",
		fn("send", m.smsSend),
		fn("sendLong", m.smsSendLong),
		callback("setNewSmsCb", &m.sms.received),
		callback("setReportCb", &m.sms.reported),
		fn("autoLong", func(l *glua.LState) int {
			if n, ok := anInteger(l.Get(1)); ok {
				m.sms.parts = n == 0
			} else {
				m.sms.parts = !m.optBool(l, 1, !m.sms.parts)
			}
			return pushBool(l, !m.sms.parts)
		}),
		// All parts of a message come at once: none ever waits.
		fn("clearLong", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("debug", func(*glua.LState) int { return 0 }),
	)
}

// smsParts cuts a text as the network does: parts of up to 160 characters of
// the GSM alphabet or 70 UTF-16 units, and a few less if there are several
// (3GPP TS 23.040 9.2.3.24).
func smsParts(text string) []string {
	single, several := 160, 153
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			single, several = 70, 67
			break
		}
	}
	total := 0
	for _, r := range text {
		total += utf16.RuneLen(replaceBad(r))
	}
	if total <= single {
		return []string{text}
	}
	var parts []string
	start, units := 0, 0
	for i, r := range text {
		n := utf16.RuneLen(replaceBad(r))
		if units+n > several {
			parts = append(parts, text[start:i])
			start, units = i, 0
		}
		units += n
	}
	return append(parts, text[start:])
}

// replaceBad gives a surrogate the length of what stands for it.
func replaceBad(r rune) rune {
	if utf16.IsSurrogate(r) {
		return utf8.RuneError
	}
	return r
}

// smsArrived hands out what waits in the network, if the module is on it.
func (m *Machine) smsArrived() {
	if !m.fw.Mobile || !m.cell.smsReady {
		return
	}
	for {
		msg, ok := m.scene().TakeSMS()
		if !ok {
			return
		}
		m.smsReceive(msg)
	}
}

func (m *Machine) smsReceive(msg SMS) {
	parts := smsParts(msg.Text)
	most, ref := 0, 0
	if len(parts) > 1 {
		m.sms.ref = (m.sms.ref + 1) & 0xFF
		most, ref = len(parts), m.sms.ref
	}
	if !m.sms.parts {
		m.smsHandOut(msg.Number, msg.Text, ref, most, most)
		return
	}
	for i, p := range parts {
		seq := 0
		if most > 0 {
			seq = i + 1
		}
		m.smsHandOut(msg.Number, p, ref, seq, most)
	}
}

// smsHandOut posts the message SMS_INC and calls the callback.
func (m *Machine) smsHandOut(number, text string, ref, seq, most int) {
	t := time.Unix(m.board.UnixTime(), 0).UTC().Add(time.Duration(m.timezone) * 15 * time.Minute)
	zone := m.timezone
	m.post(func(l *glua.LState) int {
		args := func() []glua.LValue {
			meta := l.NewTable()
			constants(meta, "refNum", ref, "seqNum", seq, "maxNum", most, "year", t.Year()%100, "mon", int(t.Month()), "day", t.Day(),
				"hour", t.Hour(), "min", t.Minute(), "sec", t.Second(), "tz", zone)
			return []glua.LValue{glua.LString(number), glua.LString(text), meta}
		}
		m.publish(l, append([]glua.LValue{glua.LString("SMS_INC")}, args()...)...)
		if f, ok := m.sms.received.(*glua.LFunction); ok {
			m.call(l, f, 0, args()...)
		}
		return 0
	})
}

// smsArguments checks what send and sendLong have in common; ok is false if
// nothing is sent.
func (m *Machine) smsArguments(l *glua.LState) (msg SMS, report, ok bool) {
	msg = SMS{Number: m.str(l, 1), Text: m.str(l, 2)}
	report = m.optBool(l, 4, false)
	switch {
	case m.sms.busy:
		m.logf(levelError, "sms", "sms is busy")
	case msg.Text == "":
		m.logf(levelError, "sms", "sms is empty")
	case len(msg.Number) < 3 || len(msg.Number) > 29:
		m.logf(levelError, "sms", "phone is too short or too long!! %d", len(msg.Number))
	default:
		ok = true
	}
	return msg, report, ok
}

func (m *Machine) smsSend(l *glua.LState) int {
	msg, report, ok := m.smsArguments(l)
	if !ok {
		return 0
	}
	m.smsStart(msg, report, func(*glua.LState, bool) {})
	return pushBool(l, true)
}

func (m *Machine) smsSendLong(l *glua.LState) int {
	msg, report, ok := m.smsArguments(l)
	if !ok {
		return m.immediate(l, glua.LFalse)
	}
	object, complete := m.cwait(l)
	m.smsStart(msg, report, func(l *glua.LState, ok bool) { complete(l, glua.LBool(ok)) })
	l.Push(object)
	return 1
}

// smsStart sends a message; done is called with the result, from a message.
func (m *Machine) smsStart(msg SMS, report bool, done func(l *glua.LState, ok bool)) {
	parts := smsParts(msg.Text)
	m.board.Hardware(HardwareEvent{Unit: "sms", Action: fmt.Sprintf("send %s %q in %d parts", msg.Number, short40(msg.Text), len(parts))})
	m.sms.busy = true
	m.after(time.Duration(len(parts))*smsSendTime, func() {
		m.sms.busy = false
		code, cause := 0, 0
		if !m.registered() {
			code = smsNoService
		} else {
			cause = m.scene().SendSMS(msg)
		}
		ok := code == 0 && cause == 0
		var refs []int
		if ok {
			for range parts {
				m.cell.msgRef = (m.cell.msgRef + 1) & 0xFF
				refs = append(refs, m.cell.msgRef)
			}
		}
		m.post(func(l *glua.LState) int { m.smsSent(l, ok, cause, code, refs, done); return 0 })
		if ok && report {
			m.after(smsReportTime, func() { m.smsReport(msg.Number, m.cell.msgRef) })
		}
	})
}

func (m *Machine) smsSent(l *glua.LState, ok bool, cause, code int, refs []int, done func(*glua.LState, bool)) {
	done(l, ok)
	text := smsCauses[cause]
	if text == "" {
		text = "UNKNOWN"
	}
	list, last := l.NewTable(), 0
	for _, r := range refs {
		list.Append(glua.LNumber(r))
		last = r
	}
	m.publish(l, glua.LString("SMS_SENT"), glua.LBool(ok), glua.LNumber(cause), glua.LString(text), glua.LNumber(last), glua.LNumber(code), list)
}

func (m *Machine) smsReport(number string, ref int) {
	t := time.Unix(m.board.UnixTime(), 0).UTC().Add(time.Duration(m.timezone) * 15 * time.Minute)
	values := []glua.LValue{glua.LNumber(ref), glua.LNumber(0), glua.LString("SUCCESS"), glua.LString(number), glua.LString(t.Format("06-01-02 15:04:05"))}
	m.publishLater("SMS_REPORT", values...)
	m.post(func(l *glua.LState) int {
		if f, ok := m.sms.reported.(*glua.LFunction); ok {
			m.call(l, f, 0, values...)
		}
		return 0
	})
}
