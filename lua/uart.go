package lua

import glua "github.com/yuin/gopher-lua"

// uartPort is one serial port. Nobody is at the other end: writes are recorded
// and "sent" is reported, reads are empty.
type uartPort struct {
	sent glua.LValue
	baud int64
}

// openUart installs uart.* (luatos-runtime.md 9.6).
func (m *Machine) openUart() {
	m.uart = map[int]*uartPort{}
	port := func(l *glua.LState) *uartPort { return m.uart[int(m.integer(l, 1))] }
	t := m.lib("uart",
		fn("setup", func(l *glua.LState) int {
			id := int(m.integer(l, 1))
			p := m.uart[id]
			if p == nil {
				p = &uartPort{sent: glua.LNil}
				m.uart[id] = p
			}
			p.baud = max(1, m.optInt(l, 2, 115200))
			m.hardware(l, "uart", "setup")
			return pushInt(l, 0)
		}),
		fn("write", func(l *glua.LState) int {
			var n int
			if b := asZbuff(l.Get(2)); b != nil {
				// A zbuff is sent from its cursor to its end.
				n = len(b.slice(int64(b.used), m.optInt(l, 3, int64(len(b.data)))))
			} else {
				n = len(m.str(l, 2))
				n = int(max(0, min(int64(n), m.optInt(l, 3, int64(n)))))
			}
			return m.uartSend(l, port(l), "write", n)
		}),
		fn("tx", func(l *glua.LState) int {
			b := m.zbuff(l, 2)
			p := b.slice(m.optInt(l, 3, 0), m.optInt(l, 4, int64(b.used)))
			return m.uartSend(l, port(l), "tx", len(p))
		}),
		fn("read", func(l *glua.LState) int {
			if asZbuff(l.Get(3)) != nil {
				return pushInt(l, 0)
			}
			return pushStr(l, "")
		}),
		fn("rx", func(l *glua.LState) int {
			m.zbuff(l, 2)
			return pushInt(l, 0)
		}),
		fn("rxSize", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("rxClear", func(*glua.LState) int { return 0 }),
		fn("on", func(l *glua.LState) int {
			if p := port(l); p != nil && m.str(l, 2) == "sent" {
				p.sent = l.Get(3)
			}
			m.hardware(l, "uart", "on")
			return 0
		}),
		fn("close", func(l *glua.LState) int {
			delete(m.uart, int(m.integer(l, 1)))
			m.hardware(l, "uart", "close")
			return 0
		}),
		fn("exist", func(l *glua.LState) int { return pushBool(l, m.integer(l, 1) < 3) }),
	)
	// Scripts only hand these numbers back: their values are ours.
	constants(t, "Odd", 1, "ODD", 1, "Even", 2, "EVEN", 2, "None", 0, "NONE", 0, "LSB", 1, "MSB", 2, "VUART_0", 32)
}

// uartSend records that n bytes go out, and reports them as sent when they
// would be.
func (m *Machine) uartSend(l *glua.LState, p *uartPort, action string, n int) int {
	if p == nil {
		return pushInt(l, 0)
	}
	m.hardware(l, "uart", action)
	if cb := p.sent; cb != glua.LNil {
		id := l.Get(1)
		m.after(milliseconds(int64(n)*10*1000/p.baud+1), func() {
			m.post(func(l *glua.LState) int { m.call(l, cb, 0, id); return 0 })
		})
	}
	return pushInt(l, int64(n))
}
