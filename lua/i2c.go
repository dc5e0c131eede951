package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library i2c (luatos-runtime.md 10; arguments and results as the
// library's own documentation has them). Devices are the scene's: an address
// where there is none does not acknowledge.
//
// Assumed: transfers take no time; software buses reach the devices that the
// scene puts on bus -1; a hardware bus works without i2c.setup.

// softBus is a bus on GPIOs, what i2c.createSoft and spi.createSoft return.
type softBus struct{ name string }

const softBusID = -1

// busReadMost bounds what one transfer reads, in bytes.
const busReadMost = 64 << 10

// openI2C installs i2c.*.
func (m *Machine) openI2C() {
	t := m.lib("i2c",
		fn("exist", func(l *glua.LState) int { return pushBool(l, m.busExists(l)) }),
		fn("setup", func(l *glua.LState) int {
			ok := m.busExists(l)
			m.hardware(l, "i2c", "setup")
			if !ok {
				return pushInt(l, 0)
			}
			return pushInt(l, 1)
		}),
		m.recorded("i2c", "config", 1),
		fn("createSoft", func(l *glua.LState) int { return m.newSoftBus(l, "i2c") }),
		fn("send", m.i2cSend), fn("recv", m.i2cRecv), fn("transfer", m.i2cTransfer),
		fn("writeReg", m.i2cWriteReg), fn("readReg", m.i2cReadReg),
		m.recorded("i2c", "close", 0),
		fn("readDHT12", m.i2cDHT12), fn("readSHT30", m.i2cSHT30),
		fn("xfer", m.refuse("i2c.xfer")), fn("scan", m.refuse("i2c.scan")),
	)
	constants(t, "SLOW", 0, "FAST", 1, "PLUS", 2, "HSMODE", 3, "STOP_DELAY", 0)
}

// newSoftBus makes a bus on pins.
func (m *Machine) newSoftBus(l *glua.LState, unit string) int {
	m.hardware(l, unit, "createSoft")
	ud := l.NewUserData()
	ud.Value = &softBus{unit}
	l.Push(ud)
	return 1
}

// bus is the number of the bus in the first argument.
func (m *Machine) bus(l *glua.LState) int {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		if _, ok := ud.Value.(*softBus); ok {
			return softBusID
		}
	}
	return int(m.integer(l, 1))
}

// busExists: which buses a module has is an assumption.
func (m *Machine) busExists(l *glua.LState) bool {
	n := m.bus(l)
	return n >= softBusID && n < 8
}

// busBytes are the bytes in argument n: a number is one, a table of numbers or
// strings each a few, a buffer those that are used.
func (m *Machine) busBytes(l *glua.LState, n int) []byte {
	switch v := l.Get(n).(type) {
	case glua.LString:
		return []byte(v)
	case *glua.LTable:
		var p []byte
		for i := 1; i <= min(v.Len(), busReadMost); i++ {
			b, ok := m.vm.ToInteger(v.RawGetInt(i))
			if !ok {
				l.ArgError(n, "table of numbers expected")
			}
			p = append(p, byte(b))
		}
		return p
	case *glua.LUserData:
		return m.zbuff(l, n).filled()
	case *glua.LNilType:
		return nil
	}
	return []byte{byte(m.integer(l, n))}
}

// i2cWrite writes to a device and records it.
func (m *Machine) i2cWrite(bus, address int, p []byte) bool {
	d := m.scene().I2C(bus, address)
	return d != nil && d.Write(p)
}

// i2cRead reads n bytes from a device.
func (m *Machine) i2cRead(bus, address int, n int64) ([]byte, bool) {
	d := m.scene().I2C(bus, address)
	if d == nil || n < 0 || n > busReadMost {
		return nil, false
	}
	m.allocate(n)
	p := make([]byte, n)
	return p, d.Read(p)
}

func (m *Machine) i2cSend(l *glua.LState) int {
	bus, address := m.bus(l), int(m.integer(l, 2))
	p := m.busBytes(l, 3)
	m.hardware(l, "i2c", "send")
	return pushBool(l, m.i2cWrite(bus, address, p))
}

func (m *Machine) i2cRecv(l *glua.LState) int {
	bus, address, n := m.bus(l), int(m.integer(l, 2)), m.integer(l, 3)
	m.hardware(l, "i2c", "recv")
	p, ok := m.i2cRead(bus, address, n)
	if !ok {
		return pushStr(l, "")
	}
	return pushStr(l, string(p))
}

func (m *Machine) i2cWriteReg(l *glua.LState) int {
	bus, address, reg := m.bus(l), int(m.integer(l, 2)), byte(m.integer(l, 3))
	p := append([]byte{reg}, m.str(l, 4)...)
	m.hardware(l, "i2c", "writeReg")
	return pushBool(l, m.i2cWrite(bus, address, p))
}

func (m *Machine) i2cReadReg(l *glua.LState) int {
	bus, address, reg, n := m.bus(l), int(m.integer(l, 2)), byte(m.integer(l, 3)), m.integer(l, 4)
	m.hardware(l, "i2c", "readReg")
	if !m.i2cWrite(bus, address, []byte{reg}) {
		return pushStr(l, "")
	}
	p, ok := m.i2cRead(bus, address, n)
	if !ok {
		return pushStr(l, "")
	}
	return pushStr(l, string(p))
}

// i2cTransfer is transfer(id, address, send, receive, length): send may be
// anything or nil; receive is a buffer, or nil for a string as second result.
func (m *Machine) i2cTransfer(l *glua.LState) int {
	bus, address := m.bus(l), int(m.integer(l, 2))
	out := append([]byte(nil), m.busBytes(l, 3)...)
	into, n := asZbuff(l.Get(4)), m.optInt(l, 5, 0)
	m.hardware(l, "i2c", "transfer")
	ok := len(out) == 0 || m.i2cWrite(bus, address, out)
	var in []byte
	if ok && n > 0 {
		in, ok = m.i2cRead(bus, address, n)
	}
	if ok && into != nil {
		into.used = 0
		ok = m.put(into, 0, in)
	}
	l.Push(glua.LBool(ok))
	if !ok || n <= 0 || into != nil {
		l.Push(glua.LNil)
	} else {
		l.Push(glua.LString(in))
	}
	return 2
}

// i2cDHT12 reads humidity and temperature, in tenths.
func (m *Machine) i2cDHT12(l *glua.LState) int {
	bus, address := m.bus(l), int(m.optInt(l, 2, 0x5C))
	m.hardware(l, "i2c", "readDHT12")
	var p []byte
	ok := m.i2cWrite(bus, address, []byte{0})
	if ok {
		p, ok = m.i2cRead(bus, address, 5)
	}
	if !ok || p[0]+p[1]+p[2]+p[3] != p[4] || p[0]|p[1]|p[2]|p[3] == 0 {
		return pushBool(l, false)
	}
	t := int(p[2]&0x7F)*10 + int(p[3])
	if p[2] > 0x7F {
		t = int(p[2]-0x80)*-10 + int(p[3])
	}
	l.Push(glua.LTrue)
	l.Push(glua.LNumber(int(p[0])*10 + int(p[1])))
	l.Push(glua.LNumber(t))
	return 3
}

// i2cSHT30 measures once; humidity and temperature are in tenths.
func (m *Machine) i2cSHT30(l *glua.LState) int {
	bus, address := 0, int(m.optInt(l, 2, 0x44))
	if l.Get(1) != glua.LNil {
		bus = m.bus(l)
	}
	m.hardware(l, "i2c", "readSHT30")
	var p []byte
	ok := m.i2cWrite(bus, address, []byte{0x2C, 0x06})
	if ok {
		m.board.Sleep(15 * time.Millisecond)
		m.checkPower()
		p, ok = m.i2cRead(bus, address, 6)
	}
	if !ok || p[0]|p[1]|p[2]|p[3]|p[4] == 0 {
		return pushBool(l, false)
	}
	l.Push(glua.LTrue)
	l.Push(glua.LNumber((int(p[3])<<8 + int(p[4])) * 1000 / 65535))
	l.Push(glua.LNumber((int(p[0])<<8+int(p[1]))*1750/65535 - 450))
	return 3
}
