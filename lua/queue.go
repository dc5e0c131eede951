package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// message is one entry of the queue between the firmware and the scripts. Its
// handler runs inside rtos.receive, on the main coroutine; what it pushes is
// what rtos.receive returns (luatos-runtime.md 2.1).
type message func(l *glua.LState) int

// Bounds of the firmware's tables. The real ones differ from port to port and
// depend on free memory; these are larger than any script needs.
const (
	queueMax  = 1000 // messages; timers that fire into a full queue are lost
	timersMax = 1000
)

func (m *Machine) post(msg message) { m.queue = append(m.queue, msg) }

// receive waits for one message, or for timeout milliseconds (negative: for
// ever), and handles it.
func (m *Machine) receive(l *glua.LState, timeoutMS int64) int {
	m.luaMemoryMost = max(m.luaMemoryMost, m.vm.MemoryInUse())
	if len(m.queue) == 0 {
		m.rested()
		expired := false
		if timeoutMS >= 0 {
			cancel := m.after(milliseconds(timeoutMS), func() { expired = true })
			defer cancel()
		}
		for len(m.queue) == 0 {
			if expired {
				l.Push(glua.LNumber(m.timeoutMessage()))
				return 1
			}
			m.step()
		}
	}
	msg := m.queue[0]
	m.queue[0] = nil
	m.queue = m.queue[1:]
	return msg(l)
}

// timerMessage is rtos.MSG_TIMER, timeoutMessage what rtos.receive returns when
// its time is over.
func (m *Machine) timerMessage() int {
	if m.fw.LuaTask {
		return taskTimer
	}
	return msgTimer
}

func (m *Machine) timeoutMessage() int {
	if m.fw.LuaTask {
		return taskTimeout
	}
	return -1
}

// timer is one rtos timer (luatos-runtime.md 2.2).
type timer struct {
	id     int64
	period time.Duration
	repeat int64 // -1 for ever, else how often after the next time
	cancel func()
	dead   bool
}

func (m *Machine) startTimer(id, ms, repeat int64) bool {
	if ms < 1 || len(m.timers) >= timersMax {
		return false
	}
	t := &timer{id: id, period: milliseconds(ms), repeat: repeat}
	m.timers = append(m.timers, t)
	m.arm(t)
	return true
}

func (m *Machine) arm(t *timer) {
	t.cancel = m.after(t.period, func() {
		if t.repeat != 0 {
			m.arm(t)
		}
		if len(m.queue) < queueMax {
			m.post(func(l *glua.LState) int { return m.timerFired(l, t) })
		} else if t.repeat == 0 {
			m.dropTimer(t)
		}
	})
}

// timerFired hands a timer message out, unless the timer was stopped after it
// fired.
func (m *Machine) timerFired(l *glua.LState, t *timer) int {
	if t.dead {
		return 0
	}
	if t.repeat == 0 {
		m.dropTimer(t)
	} else if t.repeat > 0 {
		t.repeat--
	}
	l.Push(glua.LNumber(m.timerMessage()))
	l.Push(glua.LNumber(t.id))
	l.Push(glua.LNumber(t.repeat))
	return 3
}

// dropTimer forgets t.
func (m *Machine) dropTimer(t *timer) {
	t.dead = true
	t.cancel()
	for i, o := range m.timers {
		if o == t {
			m.timers = append(m.timers[:i], m.timers[i+1:]...)
			return
		}
	}
}

// stopTimer stops the first timer with the id.
func (m *Machine) stopTimer(id int64) {
	for _, t := range m.timers {
		if t.id == id {
			m.dropTimer(t)
			return
		}
	}
}

func milliseconds(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(0, min(ms, most))) * time.Millisecond
}
