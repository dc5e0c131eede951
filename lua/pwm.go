package lua

import glua "github.com/yuin/gopher-lua"

// openPWM installs pwm.* (luatos-runtime.md 10): channels are recorded. A
// frequency, or a duty cycle beyond the precision, that no hardware makes is
// refused as the hardware does.
func (m *Machine) openPWM() {
	type channel struct{ precision int64 }
	set := map[int64]channel{}
	open := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			n, hz, duty, precision := m.integer(l, 1), m.integer(l, 2), m.integer(l, 3), m.optInt(l, 5, 100)
			m.hardware(l, "pwm", name)
			if n < 0 || hz <= 0 || precision <= 0 || duty < 0 || duty > precision {
				return pushBool(l, false)
			}
			set[n] = channel{precision}
			return pushBool(l, true)
		})
	}
	// A channel must be set up before it starts or changes.
	known := func(name string, fits func(c channel, v int64) bool) entryFn {
		return fn(name, func(l *glua.LState) int {
			c, ok := set[m.integer(l, 1)]
			if fits != nil {
				ok = ok && fits(c, m.integer(l, 2))
			}
			m.hardware(l, "pwm", name)
			return pushBool(l, ok)
		})
	}
	m.lib("pwm",
		open("open"),
		fn("close", func(l *glua.LState) int {
			delete(set, m.integer(l, 1))
			m.hardware(l, "pwm", "close")
			return 0
		}),
		fn("capture", m.refuse("pwm.capture")),
		open("setup"), known("start", nil), known("stop", nil),
		known("setDuty", func(c channel, v int64) bool { return v >= 0 && v <= c.precision }),
		known("setFreq", func(_ channel, v int64) bool { return v > 0 }),
	)
}
