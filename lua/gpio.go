package lua

import (
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// pin is one GPIO as the scripts left it. Nothing is connected to pins: an
// input reads what its pull says, an interrupt never comes.
type pin struct {
	output bool
	level  int
}

// openGpio installs gpio.* (luatos-runtime.md 9.6).
func (m *Machine) openGpio() {
	m.gpio = map[int]*pin{}
	at := func(n int64) *pin {
		p := m.gpio[int(n)]
		if p == nil {
			p = &pin{}
			m.gpio[int(n)] = p
		}
		return p
	}
	set := func(l *glua.LState, n, level int64) {
		if p := at(n); p.output {
			p.level = int(level & 1)
		}
	}
	t := m.lib("gpio",
		fn("setup", func(l *glua.LState) int {
			n := m.integer(l, 1)
			p := at(n)
			*p = pin{}
			if level, ok := m.number(l.Get(2)); ok {
				*p = pin{output: true, level: int(level) & 1}
			} else if pull, ok := m.number(l.Get(3)); ok && pull == 1 {
				p.level = 1
			}
			m.hardware(l, "gpio", "setup")
			l.Push(l.NewFunction(func(l *glua.LState) int {
				if level, ok := m.vm.ToNumber(l.Get(1)); ok {
					set(l, n, int64(level))
					m.hardware(l, "gpio", "set "+strconv.FormatInt(n, 10))
					return 0
				}
				return pushInt(l, int64(at(n).level))
			}))
			return 1
		}),
		fn("set", func(l *glua.LState) int {
			set(l, m.integer(l, 1), m.integer(l, 2))
			m.hardware(l, "gpio", "set")
			return 0
		}),
		fn("get", func(l *glua.LState) int { return pushInt(l, int64(at(m.integer(l, 1)).level)) }),
		fn("toggle", func(l *glua.LState) int {
			p := at(m.integer(l, 1))
			p.level ^= 1
			m.hardware(l, "gpio", "toggle")
			return 0
		}),
		fn("close", func(l *glua.LState) int {
			delete(m.gpio, int(m.integer(l, 1)))
			m.hardware(l, "gpio", "close")
			return 0
		}),
		fn("debounce", func(l *glua.LState) int {
			m.hardware(l, "gpio", "debounce")
			return 0
		}),
		fn("setDefaultPull", func(*glua.LState) int { return 0 }),
		fn("pulse", m.refuse("gpio.pulse")),
		fn("count", m.refuse("gpio.count")),
	)
	// Scripts only hand these numbers back; but for OUTPUT, LOW and HIGH their
	// values are ours.
	constants(t, "LOW", 0, "HIGH", 1, "OUTPUT", 0, "PULLUP", 1, "PULLDOWN", 2,
		"RISING", 0, "FALLING", 1, "BOTH", 2, "HIGH_IRQ", 3, "LOW_IRQ", 4)
}
