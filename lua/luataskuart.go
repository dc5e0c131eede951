package lua

import (
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// The library uart of LuaTask. Ports 1 to 3 belong to the scene; uart.ATC is
// the modem.

// Numbers of ports that are no hardware: scripts only hand them back.
const (
	uartATC     = 100
	uartTaskUSB = 129
	taskUARTs   = 3
)

// taskBufferMax bounds what waits to be read, in bytes.
const taskBufferMax = 64 << 10

type taskUART struct {
	rx      []byte
	baud    int64
	waiting int64 // bytes that are not through yet
	polled  bool  // no message when bytes arrive
	report  bool  // a message when bytes are sent
	told    bool  // that message is on its way
}

func (m *Machine) openTaskUART() {
	// Nothing that the modem says before uart.setup is lost.
	m.task.uarts = map[int]*taskUART{uartATC: {}}
	t := m.lib("uart",
		fn("setup", m.taskUARTSetup),
		fn("close", func(l *glua.LState) int {
			delete(m.task.uarts, int(m.integer(l, 1)))
			m.hardware(l, "uart", "close")
			return pushInt(l, 0)
		}),
		fn("write", m.taskUARTWrite),
		fn("read", m.taskUARTRead),
		fn("getchar", func(l *glua.LState) int { return pushStr(l, string(m.taskPort(l).take(1))) }),
		fn("sleep", func(l *glua.LState) int { m.board.Sleep(milliseconds(m.integer(l, 1))); m.checkPower(); return 0 }),
		fn("set_rs485_oe", func(l *glua.LState) int { m.hardware(l, "uart", "set_rs485_oe"); return pushInt(l, 0) }),
	)
	m.fill(t, m.refused("uart", "set_buffer", "set_flow_control")...)
	constants(t, "ATC", uartATC, "USB", uartTaskUSB, "PAR_EVEN", 0, "PAR_ODD", 1, "PAR_NONE", 2, "STOP_1", 0, "STOP_1_5", 1, "STOP_2", 2,
		"NO_TIMEOUT", 0, "INF_TIMEOUT", -1, "FLOW_NONE", 0, "FLOW_RTS", 1, "FLOW_CTS", 2)
}

// taskUARTSetup is setup(id, baud, data bits, parity, stop bits, mode, report
// what is sent).
func (m *Machine) taskUARTSetup(l *glua.LState) int {
	id, baud := int(m.integer(l, 1)), m.integer(l, 2)
	if (id < 1 || id > taskUARTs) && id != uartATC && id != uartTaskUSB {
		m.raise("uart.setup: there is no port %d", id)
	}
	p := m.task.uarts[id]
	if p == nil {
		p = &taskUART{}
		m.task.uarts[id] = p
	}
	p.baud = max(1, baud)
	p.polled = m.optInt(l, 6, 0) != 0
	p.report = m.optInt(l, 7, 0) != 0
	if id != uartATC {
		m.hardware(l, "uart", "setup")
	}
	m.tellReceived(id, p)
	return pushInt(l, baud)
}

// taskPort is the port in the first argument; one that is not set up is a
// new one that nobody knows.
func (m *Machine) taskPort(l *glua.LState) *taskUART {
	if p := m.task.uarts[int(m.integer(l, 1))]; p != nil {
		return p
	}
	return &taskUART{baud: 115200}
}

// taskUARTWrite is write(id, ...): strings, and bytes as numbers.
func (m *Machine) taskUARTWrite(l *glua.LState) int {
	id, p := int(m.integer(l, 1)), m.taskPort(l)
	var out []byte
	for i := 2; i <= l.GetTop(); i++ {
		if l.Get(i).Type() == glua.LTNumber {
			n := m.integer(l, i)
			if n < 0 || n > 255 {
				m.raise("invalid number")
			}
			out = append(out, byte(n))
			continue
		}
		s := m.str(l, i)
		m.allocate(int64(len(out) + len(s)))
		out = append(out, s...)
	}
	m.charge(len(out) / 16)
	if id == uartATC {
		m.task.modem.Write(string(out))
		return pushInt(l, int64(len(out)))
	}
	m.hardware(l, "uart", "write")
	if m.task.uarts[id] != p {
		return pushInt(l, int64(len(out)))
	}
	return pushInt(l, m.transmit(id, p.baud, &p.waiting, out, func() {
		if p.report {
			m.post2(taskUARTTx, int64(id))
		}
	}))
}

// taskReceived is bytes that arrive at a port.
func (m *Machine) taskReceived(id int, data []byte) {
	p := m.task.uarts[id]
	if p == nil {
		return
	}
	p.rx = append(p.rx, data[:min(len(data), taskBufferMax-len(p.rx))]...)
	m.tellReceived(id, p)
}

func (m *Machine) tellReceived(id int, p *taskUART) {
	if p.told || p.polled || len(p.rx) == 0 {
		return
	}
	p.told = true
	m.post(func(l *glua.LState) int {
		p.told = false
		l.Push(glua.LNumber(taskUARTRx))
		l.Push(glua.LNumber(id))
		return 2
	})
}

func (p *taskUART) take(n int) []byte {
	n = min(n, len(p.rx))
	out := p.rx[:n]
	p.rx = p.rx[n:]
	return out
}

// taskUARTRead is read(id, how, timeout): "*l" is a line with its end, "*n" a
// number, "*s" up to a blank, a number at most so many bytes. It takes what is
// there: a time to wait is refused.
func (m *Machine) taskUARTRead(l *glua.LState) int {
	p := m.taskPort(l)
	if m.optInt(l, 3, 0) != 0 {
		m.raise("uart.read with a time to wait is not emulated: give 0")
	}
	if l.Get(2).Type() == glua.LTNumber {
		n := m.integer(l, 2)
		if n < 0 {
			m.raise("invalid max size")
		}
		return pushStr(l, string(p.take(int(min(n, taskBufferMax)))))
	}
	switch m.str(l, 2) {
	case "*l":
		return pushStr(l, string(p.take(until(p.rx, func(c byte) bool { return c == '\n' }))))
	case "*s":
		return pushStr(l, strings.TrimRight(string(p.take(until(p.rx, isBlank))), " \t\r\n\v\f"))
	case "*n":
		s := string(p.take(until(p.rx, func(c byte) bool { return (c < '0' || c > '9') && c != '-' && c != '+' })))
		n, _ := strconv.Atoi(strings.TrimRight(s, s[max(0, len(s)-1):]))
		return pushInt(l, int64(n))
	}
	m.raise("invalid format")
	return 0
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// until is how many bytes there are up to the one that ends, with it.
func until(p []byte, ends func(byte) bool) int {
	for i, c := range p {
		if ends(c) {
			return i + 1
		}
	}
	return len(p)
}
