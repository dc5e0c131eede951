package lua

import glua "github.com/yuin/gopher-lua"

// Channels of adc that are no pins (luatos-runtime.md 10).
const (
	adcTemperature = -1 // of the chip, in thousandths of a degree
	adcSupply      = -2 // in millivolts
)

// openAdc installs adc.*. What a channel measures is the scene's; a channel
// that is not open cannot be read. The raw value of adc.read, which no script
// can use, is the measured one again.
func (m *Machine) openAdc() {
	m.adc = map[int64]bool{}
	read := func(n int64) int64 {
		if v, ok := m.scene().ADC(int(n)); ok && m.adc[n] {
			return int64(v)
		}
		return -1
	}
	t := m.lib("adc",
		fn("open", func(l *glua.LState) int {
			n := m.integer(l, 1)
			m.hardware(l, "adc", "open")
			_, ok := m.scene().ADC(int(n))
			if ok && n >= adcSupply && n < 64 {
				m.adc[n] = true
			}
			return pushBool(l, m.adc[n])
		}),
		fn("close", func(l *glua.LState) int {
			delete(m.adc, m.integer(l, 1))
			m.hardware(l, "adc", "close")
			return 0
		}),
		fn("get", func(l *glua.LState) int { return pushInt(l, read(m.integer(l, 1))) }),
		fn("read", func(l *glua.LState) int {
			v := read(m.integer(l, 1))
			if v < 0 {
				v = 0xFF
			}
			l.Push(glua.LNumber(v))
			l.Push(glua.LNumber(v))
			return 2
		}),
		m.recorded("adc", "setRange", 0),
	)
	constants(t, "ADC_RANGE_3_6", 1, "ADC_RANGE_1_8", 0, "ADC_RANGE_3_8", 1, "ADC_RANGE_1_2", 0, "ADC_RANGE_MAX", 1, "ADC_RANGE_MIN", 0,
		"CH_CPU", adcTemperature, "CH_VBAT", adcSupply, "T1", 16, "T2", 32)
}
