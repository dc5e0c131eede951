package lua

import glua "github.com/yuin/gopher-lua"

// The library spi (luatos-runtime.md 10; arguments and results as the
// library's own documentation has them). Devices are the scene's.
//
// Assumed: transfers take no time; where there is no device every bit that
// comes in is 1; a bus has one device, whatever selects it; a bus that is not
// set up sends nothing.

// spiBus is a bus that is set up.
type spiBus struct {
	id   int
	cs   int // of a device: what selects it
	half bool
	open bool
}

const spiDeviceName = "SPI*"

// openSPI installs spi.* and the methods of devices.
func (m *Machine) openSPI() {
	m.spi = map[int]*spiBus{}
	t := m.lib("spi",
		fn("setup", func(l *glua.LState) int {
			id := int(m.integer(l, 1))
			if id < 0 || id > 7 {
				return pushInt(l, -1)
			}
			m.spi[id] = &spiBus{id: id, half: m.optInt(l, 9, 1) == 0, open: true}
			m.hardware(l, "spi", "setup")
			return pushInt(l, 0)
		}),
		fn("createSoft", func(l *glua.LState) int { return m.newSoftBus(l, "spi") }),
		fn("close", func(l *glua.LState) int {
			if b := m.spiBus(l); b.open && b.id >= 0 {
				delete(m.spi, b.id)
			}
			m.hardware(l, "spi", "close")
			return pushInt(l, 0)
		}),
		fn("transfer", func(l *glua.LState) int { return m.spiTransfer(l, m.spiBus(l)) }),
		fn("recv", func(l *glua.LState) int { return m.spiRecv(l, m.spiBus(l)) }),
		fn("send", func(l *glua.LState) int { return m.spiSend(l, m.spiBus(l)) }),
		fn("deviceSetup", m.spiDevice),
		fn("deviceTransfer", func(l *glua.LState) int { return m.spiTransfer(l, m.spiSelf(l)) }),
		fn("deviceSend", func(l *glua.LState) int { return m.spiSend(l, m.spiSelf(l)) }),
		fn("xfer", m.refuse("spi.xfer")),
	)
	constants(t, "MSB", 1, "LSB", 0, "master", 1, "slave", 0, "full", 1, "half", 0, "SPI_0", 0, "SPI_1", 1, "SPI_2", 2, "SPI_3", 3, "SPI_4", 4, "HSPI_0", 5)
	methods := m.l.NewTable()
	m.fill(methods,
		fn("close", func(l *glua.LState) int {
			m.spiSelf(l).open = false
			m.hardware(l, "spi", "device close")
			return pushBool(l, true)
		}),
		fn("transfer", func(l *glua.LState) int { return m.spiTransfer(l, m.spiSelf(l)) }),
		fn("send", func(l *glua.LState) int { return m.spiSend(l, m.spiSelf(l)) }),
		fn("recv", func(l *glua.LState) int { return m.spiRecv(l, m.spiSelf(l)) }),
	)
	m.spiMeta = m.l.NewTable()
	m.spiMeta.RawSetString("__index", methods)
	m.spiMeta.RawSetString("__name", glua.LString(spiDeviceName))
}

// spiBus is the bus in the first argument.
func (m *Machine) spiBus(l *glua.LState) *spiBus {
	id := m.bus(l)
	if id == softBusID {
		return &spiBus{id: id, half: true, open: true}
	}
	if b := m.spi[id]; b != nil {
		return b
	}
	return &spiBus{id: id}
}

// spiSelf is the device in the first argument.
func (m *Machine) spiSelf(l *glua.LState) *spiBus {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		if b, ok := ud.Value.(*spiBus); ok {
			return b
		}
	}
	m.typeError(l, 1, spiDeviceName)
	return nil
}

func (m *Machine) spiDevice(l *glua.LState) int {
	id := int(m.integer(l, 1))
	half := m.optInt(l, 9, 1) == 0
	m.hardware(l, "spi", "deviceSetup")
	if id < 0 || id > 7 {
		l.Push(glua.LNil)
		return 1
	}
	ud := l.NewUserData()
	ud.Value = &spiBus{id: id, cs: int(m.optInt(l, 2, 0)), half: half, open: true}
	ud.Metatable = m.spiMeta
	l.Push(ud)
	return 1
}

// spiOut are the bytes to send in arguments n and n+1: of a buffer, those from
// its cursor to its end.
func (m *Machine) spiOut(l *glua.LState, n int) []byte {
	var p []byte
	if b := asZbuff(l.Get(n)); b != nil {
		p = b.rest()
	} else {
		p = []byte(m.str(l, n))
	}
	return p[:max(0, min(int64(len(p)), m.optInt(l, n+1, int64(len(p)))))]
}

// spiExchange sends out and returns what n bytes come in.
func (m *Machine) spiExchange(b *spiBus, out []byte, n int64) []byte {
	n = max(0, min(n, busReadMost))
	m.allocate(n)
	if d := m.scene().SPI(b.id); d != nil {
		p := d.Transfer(out, int(n), b.half)
		m.checkPower()
		if int64(len(p)) >= n {
			return p[:n]
		}
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = 0xFF
	}
	return p
}

func (m *Machine) spiTransfer(l *glua.LState, b *spiBus) int {
	out, n := m.spiOut(l, 2), m.optInt(l, 4, 1)
	m.hardware(l, "spi", "transfer")
	if !b.open {
		return pushStr(l, "")
	}
	return pushStr(l, string(m.spiExchange(b, out, n)))
}

func (m *Machine) spiSend(l *glua.LState, b *spiBus) int {
	out := m.spiOut(l, 2)
	m.hardware(l, "spi", "send")
	if !b.open {
		return pushInt(l, -1)
	}
	m.spiExchange(b, out, 0)
	return pushInt(l, int64(len(out)))
}

func (m *Machine) spiRecv(l *glua.LState, b *spiBus) int {
	n, into := m.integer(l, 2), asZbuff(l.Get(3))
	m.hardware(l, "spi", "recv")
	if !b.open || n < 0 {
		l.Push(glua.LNil)
		return 1
	}
	p := m.spiExchange(b, nil, n)
	if into == nil {
		return pushStr(l, string(p))
	}
	if !m.put(into, int64(into.used), p) {
		l.Push(glua.LNil)
		return 1
	}
	return pushInt(l, int64(len(p)))
}
