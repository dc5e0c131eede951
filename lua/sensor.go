package lua

import glua "github.com/yuin/gopher-lua"

// The library sensor: thermometers on one pin (arguments and results as the
// library's own sources have them). What is on the pins is the scene's: a
// DS18B20 is on the 1-Wire bus with the pin's number. Load cells and strips of
// LEDs are refused.
//
// Assumed: reading takes no time.

// Results of sensor.ds18b20 besides a temperature.
const (
	ds18b20Absent = -1
	ds18b20BadCRC = -2
)

// openSensor installs sensor.*.
func (m *Machine) openSensor() {
	m.lib("sensor",
		fn("dht1x", func(l *glua.LState) int {
			pin := m.integer(l, 1)
			m.hardware(l, "sensor", "dht1x")
			s := m.scene().Humidity(m.pinName(pin))
			if s == nil {
				return pushInt(l, 0) + pushInt(l, 0) + pushBool(l, false)
			}
			return pushInt(l, int64(s.Humidity/10)) + pushInt(l, int64(s.Temperature/10)) + pushBool(l, true)
		}),
		fn("ds18b20", func(l *glua.LState) int {
			m.hardware(l, "sensor", "ds18b20")
			tenths, code := m.ds18b20(m.integer(l, 1))
			if code != 0 {
				m.logf(levelInfo, "sensor", "ds18b20 read fail")
				return pushInt(l, code) + pushBool(l, false)
			}
			return pushInt(l, tenths) + pushBool(l, true)
		}),
		fn("w1_reset", func(l *glua.LState) int {
			if d := m.scene().OneWire(int(m.integer(l, 1))); d != nil {
				d.Reset()
			}
			return 0
		}),
		fn("w1_connect", func(l *glua.LState) int {
			d := m.scene().OneWire(int(m.integer(l, 1)))
			return pushBool(l, d != nil && d.Reset())
		}),
		fn("w1_write", func(l *glua.LState) int {
			oneWireWrite(m.scene().OneWire(int(m.integer(l, 1))), []byte{byte(m.integer(l, 2))}, false)
			return 0
		}),
		fn("w1_read", func(l *glua.LState) int {
			return pushInt(l, int64(oneWireRead(m.scene().OneWire(int(m.integer(l, 1))), 1)[0]))
		}),
	)
}

func oneWireRead(d OneWireDevice, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		for bit := range 8 {
			p[i] |= byte(readBit(d) << bit)
		}
	}
	return p
}

// ds18b20 asks the thermometer on a pin for tenths of a degree.
func (m *Machine) ds18b20(pin int64) (tenths, code int64) {
	d := m.scene().OneWire(int(pin))
	if d == nil || !d.Reset() {
		return 0, ds18b20Absent
	}
	oneWireWrite(d, []byte{0xCC, 0x44}, false) // whoever is there: measure
	d.Reset()
	oneWireWrite(d, []byte{0xCC, 0xBE}, false) // and say what
	p := oneWireRead(d, 9)
	if crcMaxim(p[:8]) != p[8] {
		return 0, ds18b20BadCRC
	}
	return int64(int16(uint16(p[0])|uint16(p[1])<<8)) * 10 / 16, 0
}

// crcMaxim is Maxim's: polynomial x^8 + x^5 + x^4 + 1, lowest bit first.
func crcMaxim(p []byte) byte {
	var crc byte
	for _, b := range p {
		crc ^= b
		for range 8 {
			odd := crc & 1
			if crc >>= 1; odd != 0 {
				crc ^= 0x8C
			}
		}
	}
	return crc
}
