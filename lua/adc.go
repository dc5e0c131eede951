package lua

import glua "github.com/yuin/gopher-lua"

// openAdc installs adc.*: every channel reads 0.
func (m *Machine) openAdc() {
	t := m.lib("adc",
		fn("open", func(l *glua.LState) int { m.hardware(l, "adc", "open"); return pushBool(l, true) }),
		fn("close", func(l *glua.LState) int { m.hardware(l, "adc", "close"); return 0 }),
		fn("get", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("read", func(l *glua.LState) int { l.Push(glua.LNumber(0)); l.Push(glua.LNumber(0)); return 2 }),
		fn("setRange", func(l *glua.LState) int { m.hardware(l, "adc", "setRange"); return 0 }),
	)
	// Scripts only hand these numbers back: their values are ours.
	constants(t, "CH_CPU", -1, "CH_VBAT", -2, "ADC_RANGE_MIN", 0, "ADC_RANGE_MAX", 1)
}
