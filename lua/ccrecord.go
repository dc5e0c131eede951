package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Recording of calls: cc.record(on, up1, up2, down1, down2) fills two pairs of
// buffers in turn while a call goes on, and the function of cc.on("record")
// hears which one is full. What is recorded is silence: there is no sound.

// voiceRate is how many bytes of sound a second has at cc.quality() 2: 16 kHz,
// 16 bits.
const voiceRate = 32_000

// recording is what cc.record and cc.on asked for.
type recording struct {
	buffers  [2][2]*zbuff // up, down
	point    [2]int       // the one that is being filled
	release  []func()
	callback glua.LValue
}

// ccRecord is cc.record. It fails while there is a call.
func (m *Machine) ccRecord(l *glua.LState) int {
	m.hardware(l, "cc", "record")
	if m.phone.state == callTalking {
		return pushBool(l, false)
	}
	r := &m.recording
	for _, release := range r.release {
		release()
	}
	r.release, r.buffers = nil, [2][2]*zbuff{}
	if !m.optBool(l, 1, false) {
		return pushBool(l, true)
	}
	var buffers [2][2]*zbuff
	for i := range 4 {
		b := m.zbuff(l, 2+i)
		if len(b.data) == 0 || len(b.data)%640 != 0 {
			return pushBool(l, false)
		}
		buffers[i/2][i%2] = b
	}
	for i := range 4 {
		r.release = append(r.release, m.hold(l.Get(2+i)))
	}
	r.buffers = buffers
	return pushBool(l, true)
}

// ccOn is cc.on(event, function).
func (m *Machine) ccOn(l *glua.LState) int {
	if m.str(l, 1) == "record" {
		m.recording.callback = l.Get(2)
	}
	m.hardware(l, "cc", "on")
	return 0
}

// startRecording is called when a call is connected.
func (m *Machine) startRecording() {
	if m.recording.buffers[0][0] == nil {
		return
	}
	m.recording.point = [2]int{}
	m.fillLater(0)
	m.fillLater(1)
}

// fillLater fills the next buffer of a direction when so much time has passed.
func (m *Machine) fillLater(way int) {
	r := &m.recording
	at := r.point[way]
	b := r.buffers[way][at]
	b.used = 0
	n := max(640, len(b.data))
	m.callAfter(time.Duration(n)*time.Second/voiceRate, func() {
		clear(b.data)
		b.used = len(b.data)
		m.post(func(l *glua.LState) int {
			if f, ok := r.callback.(*glua.LFunction); ok {
				m.call(l, f, 0, glua.LBool(way == 1), glua.LNumber(at))
			}
			return 0
		})
		r.point[way] = 1 - at
		m.fillLater(way)
	})
}
