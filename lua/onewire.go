package lua

import glua "github.com/yuin/gopher-lua"

// The library onewire (luatos-runtime.md 10; arguments and results as the
// library's own documentation has them). What hangs on the bus is the scene's.
//
// Assumed: transfers take no time; timings are only recorded.

// openOneWire installs onewire.*.
func (m *Machine) openOneWire() {
	m.lib("onewire",
		m.recorded("onewire", "init", 0), m.recorded("onewire", "timing", 0), m.recorded("onewire", "debug", 0), m.recorded("onewire", "deinit", 0),
		fn("reset", func(l *glua.LState) int {
			return pushBool(l, m.oneWireReset(l, m.optBool(l, 2, false)))
		}),
		fn("bit", func(l *glua.LState) int {
			d := m.oneWire(l)
			if v, ok := anInteger(l.Get(2)); ok && (v == 0 || v == 1) {
				if d != nil {
					d.Write(int(v))
				}
				return pushInt(l, v)
			}
			return pushInt(l, int64(readBit(d)))
		}),
		fn("tx", m.oneWireTx), fn("rx", m.oneWireRx),
	)
}

// oneWire is what hangs on the bus in the first argument, or nil.
func (m *Machine) oneWire(l *glua.LState) OneWireDevice {
	return m.scene().OneWire(int(m.optInt(l, 1, 0)))
}

// readBit reads a bit; the pull-up makes it 1 where nobody is.
func readBit(d OneWireDevice) int {
	if d == nil {
		return 1
	}
	return d.Read()
}

// oneWireReset resets the bus; it fails if an answer is needed and none comes.
func (m *Machine) oneWireReset(l *glua.LState, needed bool) bool {
	d := m.oneWire(l)
	present := d != nil && d.Reset()
	return present || !needed
}

// oneWireWrite sends bytes, the lowest bit first unless msb.
func oneWireWrite(d OneWireDevice, p []byte, msb bool) {
	for _, b := range p {
		for i := range 8 {
			if msb {
				i = 7 - i
			}
			if d != nil {
				d.Write(int(b>>i) & 1)
			}
		}
	}
}

// oneWireTx is tx(id, data, msb, reset, answer needed).
func (m *Machine) oneWireTx(l *glua.LState) int {
	p := m.busBytes(l, 2)
	msb, reset, needed := m.optBool(l, 3, false), m.optBool(l, 4, false), m.optBool(l, 5, false)
	m.hardware(l, "onewire", "tx")
	if reset && !m.oneWireReset(l, needed) || len(p) == 0 {
		return pushBool(l, false)
	}
	oneWireWrite(m.oneWire(l), p, msb)
	return pushBool(l, true)
}

// oneWireRx is rx(id, count, command, buffer, msb, reset, answer needed).
func (m *Machine) oneWireRx(l *glua.LState) int {
	n := m.integer(l, 2)
	command, hasCommand := anInteger(l.Get(3))
	into := asZbuff(l.Get(4))
	msb, reset, needed := m.optBool(l, 5, false), m.optBool(l, 6, false), m.optBool(l, 7, false)
	m.hardware(l, "onewire", "rx")
	fail := func() int {
		l.Push(glua.LFalse)
		l.Push(glua.LNil)
		return 2
	}
	if n <= 0 || n > busReadMost || reset && !m.oneWireReset(l, needed) {
		return fail()
	}
	d := m.oneWire(l)
	if hasCommand {
		oneWireWrite(d, []byte{byte(command)}, msb)
	}
	m.allocate(n)
	m.charge(int(n))
	p := make([]byte, n)
	for i := range p {
		for bit := range 8 {
			at := bit
			if msb {
				at = 7 - bit
			}
			p[i] |= byte(readBit(d) << at)
		}
	}
	l.Push(glua.LTrue)
	if into == nil {
		l.Push(glua.LString(p))
	} else if !m.put(into, int64(into.used), p) {
		return fail()
	} else {
		l.Push(glua.LNil)
	}
	return 2
}
