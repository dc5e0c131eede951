package lua

import (
	"fmt"

	glua "github.com/yuin/gopher-lua"
)

// The library uart (luatos-runtime.md 9.6; what else it says comes from the
// library's own documentation). The scene is at the other end.
//
// Assumed: a port that is not set up hears nothing; bytes that do not fit into
// the receive buffer are lost, and so is what a script sends while a megabyte
// waits to go out; the virtual port of USB is as fast as a port can be; the
// direction pin of RS-485 is only recorded.

const (
	uartReadDefault = 1024    // bytes that uart.read takes without a length
	uartBufferLeast = 1024    // bytes of a receive buffer
	uartBufferMost  = 1 << 20 // however much a script asks for
	uartCount       = 5       // ports that a module has
	uartSoft        = uartCount
	hwTimerMost     = 5 // number of a hardware timer
	vuartFirst      = 0x20
)

// uartPort is one serial port.
type uartPort struct {
	id             int
	baud           int64
	buffer         int
	rx             []byte
	waiting        int64 // bytes that are not through yet
	sent, received glua.LValue
	open           bool
	told           bool // a message about received bytes is on its way
}

// openUart installs uart.*.
func (m *Machine) openUart() {
	m.uart = map[int]*uartPort{}
	t := m.lib("uart",
		fn("setup", m.uartSetup),
		fn("write", func(l *glua.LState) int {
			var p []byte
			if b := asZbuff(l.Get(2)); b != nil {
				// A zbuff is sent from its cursor to its end.
				p = b.slice(int64(b.used), m.optInt(l, 3, int64(len(b.data))))
			} else {
				s := m.str(l, 2)
				p = []byte(s[:max(0, min(int64(len(s)), m.optInt(l, 3, int64(len(s)))))])
			}
			return m.uartSend(l, "write", p)
		}),
		fn("tx", func(l *glua.LState) int {
			b := m.zbuff(l, 2)
			return m.uartSend(l, "tx", b.slice(m.optInt(l, 3, 0), m.optInt(l, 4, int64(b.used))))
		}),
		fn("read", m.uartRead),
		fn("rx", func(l *glua.LState) int { return m.uartInto(l, m.port(l), m.zbuff(l, 2), uartBufferMost) }),
		fn("rxSize", m.uartWaiting), fn("rx_size", m.uartWaiting),
		fn("rxClear", func(l *glua.LState) int { m.port(l).rx = nil; return 0 }),
		fn("on", m.uartOn),
		fn("close", func(l *glua.LState) int {
			id := int(m.integer(l, 1))
			delete(m.uart, id)
			if id == uartSoft {
				m.softUART.open = false
			}
			m.hardware(l, "uart", "close")
			return 0
		}),
		fn("exist", func(l *glua.LState) int { return pushBool(l, m.uartExists(m.integer(l, 1))) }),
		fn("wait485", func(l *glua.LState) int { m.integer(l, 1); return pushInt(l, 0) }),
		fn("createSoft", m.uartCreateSoft),
		fn("patch", m.refuse("uart.patch")),
	)
	constants(t, "None", 0, "NONE", 0, "Odd", 1, "ODD", 1, "Even", 2, "EVEN", 2, "LSB", 0, "MSB", 1,
		"VUART_0", vuartFirst, "VUART_1", vuartFirst+1, "VUART_2", vuartFirst+2, "ERROR_DROP", 0xD6, "DEBUG", 0x3E)
}

// uartExists: which ports a module has is an assumption.
func (m *Machine) uartExists(id int64) bool {
	return id >= 0 && id < uartCount || id >= vuartFirst && id < vuartFirst+3 || id == uartSoft && m.softUART.made
}

// uartCreateSoft is createSoft(pin to send, its hardware timer, pin to receive,
// its timer, two adjustments): the one software port, under the first number
// that no port has. The scene finds it there like the others: single bits on
// the pins are not modelled, and the adjustments change nothing.
func (m *Machine) uartCreateSoft(l *glua.LState) int {
	const none = 0xFF
	args := [6]int64{none, none, none, none, 0, 0}
	for i := range args {
		args[i] = m.optInt(l, i+1, args[i])
	}
	m.hardware(l, "uart", "createSoft")
	if m.softUART.open || args[1] < 0 || args[1] > hwTimerMost || args[3] < 0 || args[3] > hwTimerMost {
		l.Push(glua.LNil)
		return 1
	}
	m.softUART.made, m.softUART.open = true, true
	return pushInt(l, uartSoft)
}

// port is the port in the first argument; one that is not set up is a new one
// that nobody knows.
func (m *Machine) port(l *glua.LState) *uartPort {
	if p := m.uart[int(m.integer(l, 1))]; p != nil {
		return p
	}
	return &uartPort{sent: glua.LNil, received: glua.LNil}
}

// uartKnown is the port with a number, set up or not.
func (m *Machine) uartKnown(id int64) *uartPort {
	p := m.uart[int(id)]
	if p == nil {
		p = &uartPort{id: int(id), sent: glua.LNil, received: glua.LNil, baud: 115200}
		m.uart[int(id)] = p
	}
	return p
}

func (m *Machine) uartSetup(l *glua.LState) int {
	id := m.integer(l, 1)
	if !m.uartExists(id) {
		return pushInt(l, -1)
	}
	p := m.uartKnown(id)
	p.baud = max(1, m.optInt(l, 2, 115200))
	p.buffer = int(max(uartBufferLeast, min(m.optInt(l, 7, uartBufferLeast), uartBufferMost)))
	p.open = true
	m.softUART.open = m.softUART.open || id == uartSoft
	m.hardware(l, "uart", "setup")
	if id == vuartFirst && m.scene().USB() {
		m.publishLater("VUART_STATE", glua.LNumber(id), glua.LTrue)
	}
	return pushInt(l, 0)
}

// uartSend sends p, and reports it as sent when it would be.
func (m *Machine) uartSend(l *glua.LState, action string, p []byte) int {
	port := m.port(l)
	if !port.open {
		return pushInt(l, 0)
	}
	m.hardware(l, "uart", action)
	id := l.Get(1)
	return pushInt(l, m.transmit(port.id, port.baud, &port.waiting, p, func() {
		if cb := port.sent; cb != glua.LNil {
			m.post(func(l *glua.LState) int { m.call(l, cb, 0, id); return 0 })
		}
	}))
}

// transmit sends p to the scene in the time that its bits take, and calls sent
// then. It returns how many bytes it took: none if too many wait already.
func (m *Machine) transmit(id int, baud int64, waiting *int64, p []byte, sent func()) int64 {
	n := int64(len(p))
	if *waiting > 0 && *waiting+n > uartBufferMost {
		m.board.Hardware(HardwareEvent{Unit: "uart", Action: fmt.Sprintf("overrun of port %d: %d bytes not sent", id, n)})
		return 0
	}
	*waiting += n
	out := append([]byte(nil), p...)
	m.after(milliseconds(n*10*1000/baud+1), func() {
		*waiting -= n
		m.scene().UARTSent(id, out)
		sent()
	})
	return n
}

// uartReceived is bytes that the scene sends to a port.
func (m *Machine) uartReceived(id int, data []byte) {
	p := m.uart[id]
	if p == nil || !p.open {
		return
	}
	if room := p.buffer - len(p.rx); len(data) > room {
		m.board.Hardware(HardwareEvent{Unit: "uart", Action: fmt.Sprintf("overrun of port %d: %d bytes lost", id, len(data)-room)})
		data = data[:room]
	}
	p.rx = append(p.rx, data...)
	if p.received == glua.LNil || p.told || len(p.rx) == 0 {
		return
	}
	p.told = true
	m.post(func(l *glua.LState) int {
		p.told = false
		if m.uart[id] == p && p.received != glua.LNil {
			m.call(l, p.received, 0, glua.LNumber(id), glua.LNumber(len(p.rx)))
		}
		return 0
	})
}

// take removes at most n bytes from the receive buffer.
func (p *uartPort) take(n int64) []byte {
	n = max(0, min(n, int64(len(p.rx))))
	out := p.rx[:n]
	p.rx = p.rx[n:]
	return out
}

func (m *Machine) uartRead(l *glua.LState) int {
	port, n := m.port(l), m.optInt(l, 2, uartReadDefault)
	if b := asZbuff(l.Get(3)); b != nil {
		return m.uartInto(l, port, b, n)
	}
	return pushStr(l, string(port.take(n)))
}

// uartInto puts at most n received bytes behind the used ones of a buffer,
// which grows if it is too small.
func (m *Machine) uartInto(l *glua.LState, p *uartPort, b *zbuff, n int64) int {
	n = min(n, int64(len(p.rx)))
	if n <= 0 || !m.put(b, int64(b.used), p.rx[:n]) {
		return pushInt(l, 0)
	}
	p.take(n)
	return pushInt(l, n)
}

func (m *Machine) uartWaiting(l *glua.LState) int { return pushInt(l, int64(len(m.port(l).rx))) }

func (m *Machine) uartOn(l *glua.LState) int {
	id, event := m.integer(l, 1), m.str(l, 2)
	if !m.uartExists(id) {
		return pushStr(l, "no such uart id")
	}
	f := l.Get(3)
	if _, ok := f.(*glua.LFunction); !ok {
		f = glua.LNil
	}
	switch p := m.uartKnown(id); event {
	case "receive", "recv":
		p.received = f
	case "sent":
		p.sent = f
	}
	m.hardware(l, "uart", "on")
	return 0
}

// usbChanged is a USB host that came or went.
func (m *Machine) usbChanged(on bool) {
	if p := m.uart[vuartFirst]; p != nil && p.open {
		m.publishLater("VUART_STATE", glua.LNumber(vuartFirst), glua.LBool(on))
	}
}
