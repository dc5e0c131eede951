package lua

import (
	"encoding/binary"
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library ioqueue: lists of commands to pins that a hardware timer works
// off without the scripts (luat_lib_io_queue.c, luat_io_queue_ec7xx.c).
//
// Assumed, since the timer's own code is not public: commands take no time but
// delays, and a cycle without any takes 1 us; there is room for more commands
// than init asks for; what capture notes is the chip's fast counter.

const (
	ioQueueCount = 5       // hardware timers that scripts can use
	ioQueueMost  = 1 << 16 // commands
	ioCycleLeast = time.Microsecond

	ioInputBytes   = 2 // pin, level
	ioCaptureBytes = 6 // pin, level, four bytes of the counter
)

type ioKind uint8

const (
	ioDelay ioKind = iota // once, or from now on at every ioRepeat
	ioRepeat
	ioSetup
	ioInput
	ioOutput
	ioCaptureSetup
	ioCapture
	ioCaptureEnd
)

// ioCommand is one command and, of those that read, what it has read.
type ioCommand struct {
	kind    ioKind
	pin     int64
	delay   time.Duration // of ioDelay; the longest wait, of ioCaptureSetup
	keep    bool          // of ioDelay
	input   bool
	pull    int64
	trigger int64
	level   int
	done    bool   // of ioCapture
	tick    uint32 // of ioCapture
}

// ioQueue is the list of one hardware timer.
type ioQueue struct {
	m       *Machine
	id      int64
	repeat  int64 // 0: for ever
	list    []ioCommand
	cycles  int64 // complete
	at      int   // in list
	running bool
	cancel  func() // what is waited for

	delay   time.Duration // of ioRepeat
	capture ioCommand     // the last ioCaptureSetup
	watched *pin          // that capture waits for
	began   time.Duration // of the cycle
}

// openIoqueue installs ioqueue.*.
func (m *Machine) openIoqueue() {
	m.ioqueues = map[int64]*ioQueue{}
	record := func(name string, f glua.LGFunction) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "ioqueue", name)
			return f(l)
		})
	}
	// command makes a function that appends what read makes of its arguments.
	command := func(name string, read func(l *glua.LState) ioCommand) entryFn {
		return record(name, func(l *glua.LState) int {
			c := read(l)
			if q := m.ioqueues[m.ioQueueID(l)]; q != nil && !q.running {
				if len(q.list) == ioQueueMost {
					m.vm.NoMemory()
				}
				q.list = append(q.list, c)
			}
			return 0
		})
	}
	pin := func(l *glua.LState) int64 { return int64(uint8(m.integer(l, 2))) }
	m.lib("ioqueue",
		record("init", func(l *glua.LState) int {
			id, repeat := m.ioQueueID(l), int64(uint32(m.optInt(l, 3, 1)))
			m.optInt(l, 2, 0)
			if id < ioQueueCount {
				m.ioqueues[id].halt()
				m.ioqueues[id] = &ioQueue{m: m, id: id, repeat: repeat}
			}
			return 0
		}),
		command("setdelay", func(l *glua.LState) ioCommand {
			us, ticks := int64(uint16(m.optInt(l, 2, 1))), int64(uint8(m.optInt(l, 3, 0)))
			return ioCommand{kind: ioDelay, delay: time.Duration(us)*time.Microsecond + m.tickTime(ticks), keep: l.Get(4) == glua.LTrue}
		}),
		command("delay", func(*glua.LState) ioCommand { return ioCommand{kind: ioRepeat} }),
		command("setgpio", func(l *glua.LState) ioCommand {
			return ioCommand{kind: ioSetup, pin: pin(l), input: l.Get(3) == glua.LTrue, pull: m.optInt(l, 4, 0), level: int(m.optInt(l, 5, 0)) & 1}
		}),
		command("input", func(l *glua.LState) ioCommand { return ioCommand{kind: ioInput, pin: pin(l)} }),
		command("output", func(l *glua.LState) ioCommand {
			return ioCommand{kind: ioOutput, pin: pin(l), level: int(m.optInt(l, 3, 0)) & 1}
		}),
		command("set_cap", func(l *glua.LState) ioCommand {
			const least = 65536
			most := max(least, int64(int32(m.optInt(l, 5, 0x7fffffff))))
			return ioCommand{kind: ioCaptureSetup, pin: pin(l), pull: m.optInt(l, 3, 0), trigger: m.optInt(l, 4, 0), delay: m.tickTime(most)}
		}),
		command("capture", func(*glua.LState) ioCommand { return ioCommand{kind: ioCapture} }),
		command("cap_done", func(l *glua.LState) ioCommand { return ioCommand{kind: ioCaptureEnd, pin: pin(l)} }),
		record("clear", func(l *glua.LState) int {
			if q := m.ioqueues[m.ioQueueID(l)]; q != nil {
				q.halt()
				q.list = nil
			}
			return 0
		}),
		record("start", func(l *glua.LState) int {
			if q := m.ioqueues[m.ioQueueID(l)]; q != nil {
				q.start()
			}
			return 0
		}),
		record("stop", func(l *glua.LState) int {
			var cycles, at int64
			if q := m.ioqueues[m.ioQueueID(l)]; q != nil {
				q.halt()
				cycles, at = q.cycles, int64(q.at)
			}
			pushInt(l, m.wrap(cycles))
			pushInt(l, at)
			return 2
		}),
		fn("done", func(l *glua.LState) int {
			q := m.ioqueues[m.ioQueueID(l)]
			return pushBool(l, q != nil && !q.running)
		}),
		fn("get", m.ioqueueGet),
		record("release", func(l *glua.LState) int {
			id := m.ioQueueID(l)
			m.ioqueues[id].halt()
			delete(m.ioqueues, id)
			return 0
		}),
		record("exti", m.ioqueueExti))
}

func (m *Machine) ioQueueID(l *glua.LState) int64 { return int64(uint8(m.optInt(l, 1, 0))) }

// tickTime is how long so many ticks of the chip's fast counter take.
func (m *Machine) tickTime(ticks int64) time.Duration {
	return time.Duration(ticks) * time.Microsecond / time.Duration(max(1, m.fw.TickMHz))
}

// start begins with the first command.
func (q *ioQueue) start() {
	q.halt()
	q.cycles, q.at, q.running = 0, 0, true
	q.began = q.m.board.Now()
	for i := range q.list {
		q.list[i].done = false
	}
	q.run()
}

// halt stops where the queue is. A queue that is not there has nothing to stop.
func (q *ioQueue) halt() {
	if q == nil {
		return
	}
	if q.cancel != nil {
		q.cancel()
		q.cancel = nil
	}
	if q.running {
		q.running = false
		q.letGo()
	}
}

// letGo ends capturing.
func (q *ioQueue) letGo() {
	if q.watched != nil {
		q.watched.edge, q.watched = nil, nil
	}
}

// run works the list off until it has to wait.
func (q *ioQueue) run() {
	for q.running {
		if q.at == len(q.list) {
			if q.cycleDone() {
				return
			}
			continue
		}
		c := &q.list[q.at]
		q.at++
		switch c.kind {
		case ioDelay:
			if c.keep {
				q.delay = c.delay
			}
			q.wait(c.delay)
			return
		case ioRepeat:
			q.wait(q.delay)
			return
		case ioCapture:
			q.await(c)
			return
		default:
			q.do(c)
		}
	}
}

// cycleDone begins the next cycle, and reports whether there is none now.
func (q *ioQueue) cycleDone() bool {
	q.cycles++
	q.at = 0
	if q.repeat != 0 && q.cycles >= q.repeat || len(q.list) == 0 {
		q.running = false
		q.letGo()
		q.m.publishLater(fmt.Sprintf("IO_QUEUE_DONE_%d", q.id))
		return true
	}
	instant := q.m.board.Now() == q.began
	q.began = q.m.board.Now()
	if instant {
		q.began += ioCycleLeast
		q.wait(ioCycleLeast)
	}
	return instant
}

// wait goes on after a time.
func (q *ioQueue) wait(d time.Duration) {
	q.cancel = q.m.after(d, func() {
		q.cancel = nil
		q.run()
	})
}

// do is a command that takes no time.
func (q *ioQueue) do(c *ioCommand) {
	m := q.m
	switch c.kind {
	case ioSetup:
		m.dropPin(c.pin)
		p := m.pinAt(c.pin)
		p.pull, p.output = c.pull, !c.input
		if c.input {
			p.level = m.pinLevel(c.pin)
		} else {
			m.drive(c.pin, p, c.level)
		}
	case ioInput:
		c.level = m.pinLevel(c.pin)
	case ioOutput:
		if p := m.pinAt(c.pin); p.output && p.level != c.level {
			m.drive(c.pin, p, c.level)
		}
	case ioCaptureSetup:
		m.inputWith(c.pin, c.pull, c.trigger, nil)
		q.capture = *c
	case ioCaptureEnd:
		q.letGo()
	}
}

// await waits for the next edge on the pin of the last ioCaptureSetup. Without
// an edge in time the command stays without result.
func (q *ioQueue) await(c *ioCommand) {
	q.watched = q.m.pinAt(q.capture.pin)
	q.watched.edge = func(level int) {
		q.letGo()
		q.cancel()
		c.done, c.pin, c.level, c.tick = true, q.capture.pin, level, uint32(q.m.tick64())
		q.run()
	}
	q.cancel = q.m.after(q.capture.delay, func() {
		q.cancel = nil
		q.letGo()
		q.run()
	})
}

// inputWith makes a pin an input whose edges go to a function.
func (m *Machine) inputWith(n, pull, trigger int64, edge func(level int)) {
	m.dropPin(n)
	p := m.pinAt(n)
	p.pull, p.trigger = pull, trigger
	p.level, p.edge = m.pinLevel(n), edge
}

// ioqueueGet is get(timer, inputs, captures): what the list has read. Captures
// end with the first that has no result.
func (m *Machine) ioqueueGet(l *glua.LState) int {
	inputs, captures := m.zbuff(l, 2), m.zbuff(l, 3)
	var in, caught []byte
	size := 0
	if q := m.ioqueues[m.ioQueueID(l)]; q != nil {
		size = len(q.list)
		for _, c := range q.list {
			if c.kind == ioCapture && !c.done {
				break
			}
			switch c.kind {
			case ioInput:
				in = append(in, byte(c.pin), byte(c.level))
			case ioCapture:
				caught = binary.LittleEndian.AppendUint32(append(caught, byte(c.pin), byte(c.level)), c.tick)
			}
		}
	}
	for _, b := range []struct {
		buff  *zbuff
		data  []byte
		bytes int // of an entry
	}{{inputs, in, ioInputBytes}, {captures, caught, ioCaptureBytes}} {
		if len(b.buff.data) < size*b.bytes && !m.resize(b.buff, int64(size*b.bytes)) {
			m.vm.NoMemory()
		}
		copy(b.buff.data, b.data)
		b.buff.used = len(b.data)
	}
	pushInt(l, int64(len(in)/ioInputBytes))
	pushInt(l, int64(len(caught)/ioCaptureBytes))
	return 2
}

// ioqueueExti is exti(pin, pull, trigger, on): edges are published with the
// chip's fast counter.
func (m *Machine) ioqueueExti(l *glua.LState) int {
	n := int64(uint8(m.integer(l, 1)))
	pull, trigger := m.optInt(l, 2, 0), m.optInt(l, 3, 0)
	if l.Get(4) != glua.LTrue {
		m.pinAt(n).edge = nil
		return 0
	}
	m.inputWith(n, pull, trigger, func(level int) {
		tick := binary.LittleEndian.AppendUint64(nil, m.tick64())
		m.publishLater(fmt.Sprintf("IO_QUEUE_EXTI_%d", n), glua.LNumber(level), glua.LString(tick))
	})
	return 0
}
