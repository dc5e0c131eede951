package lua

import (
	"strconv"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library gpio (luatos-runtime.md 9.6; debouncing as the library's own
// documentation has it). An input reads what the scene drives it with, else
// its pull.
//
// Assumed: an input without a pull that nothing drives reads 0; the pulses of
// gpio.pulse take no time; level interrupts come once, at the edge.

// Pulls.
const (
	pullNone = 0
	pullUp   = 1
	pullDown = 2
)

// Triggers.
const (
	edgeRising = iota
	edgeFalling
	edgeBoth
	levelHigh
	levelLow
)

// pinMost is the highest number that a pin can have.
const pinMost = 253

// pin is one GPIO as the scripts left it.
type pin struct {
	output   bool
	level    int // driven, or seen last
	pull     int64
	callback glua.LValue // of an interrupt; gpio.count counts
	trigger  int64
	count    int64
	edge     func(level int) // of ioqueue: it hears of edges instead

	debounce time.Duration
	delayed  bool          // mode 1: report when the level has been stable
	last     time.Duration // of the last report, for mode 0
	reported bool
	wait     func() // cancels the report to come
}

// namedPins are pins that are no GPIO; their numbers differ from chip to chip.
var namedPins = []string{"PWR_KEY", "CHG_DET", "WAKEUP0", "WAKEUP1", "WAKEUP2", "WAKEUP3", "WAKEUP4", "WAKEUP5", "WAKEUP6"}

// openGpio installs gpio.*.
func (m *Machine) openGpio() {
	m.gpio = map[int64]*pin{}
	t := m.lib("gpio",
		fn("setup", m.gpioSetup),
		fn("set", func(l *glua.LState) int { return m.gpioSet(l, m.integer(l, 1), m.integer(l, 2)) }),
		fn("get", func(l *glua.LState) int { return pushInt(l, int64(m.pinLevel(m.integer(l, 1)))) }),
		fn("toggle", func(l *glua.LState) int {
			n := m.integer(l, 1)
			return m.gpioSet(l, n, int64(1-m.pinAt(n).level))
		}),
		fn("close", func(l *glua.LState) int {
			n := m.integer(l, 1)
			m.dropPin(n)
			m.hardware(l, "gpio", "close")
			return 0
		}),
		fn("debounce", m.gpioDebounce),
		fn("pulse", m.gpioPulse),
		fn("setDefaultPull", func(l *glua.LState) int {
			pull := m.integer(l, 1)
			if pull < 0 || pull > 2 {
				return pushBool(l, false)
			}
			m.defaultPull = pull
			return pushBool(l, true)
		}),
		fn("count", func(l *glua.LState) int {
			p := m.pinAt(m.integer(l, 1))
			n := p.count
			p.count = 0
			return pushInt(l, n)
		}),
		fn("caplevel", m.refuse("gpio.caplevel")),
	)
	m.gpioCount = t.RawGetString("count")
	constants(t, "NONE", 0xFF, "LOW", 0, "HIGH", 1, "OUTPUT", 0, "PULLUP", pullUp, "PULLDOWN", pullDown,
		"RISING", edgeRising, "FALLING", edgeFalling, "BOTH", edgeBoth, "HIGH_IRQ", levelHigh, "LOW_IRQ", levelLow)
	if m.fw.Mobile { // those of EC7xx
		constants(t, "WAKEUP0", 39, "WAKEUP1", 40, "VBUS", 40, "WAKEUP2", 41, "USIM_DET", 41, "WAKEUP3", 42, "WAKEUP4", 43, "WAKEUP5", 44,
			"WAKEUP6", 45, "CHG_DET", 45, "PWR_KEY", 46, "AUDIOPA_EN", 22)
	}
}

// pinAt is the state of a pin; one that no script has set up is an input.
func (m *Machine) pinAt(n int64) *pin {
	if n < 0 || n > pinMost {
		return &pin{callback: glua.LNil}
	}
	p := m.gpio[n]
	if p == nil {
		p = &pin{callback: glua.LNil}
		m.gpio[n] = p
	}
	return p
}

// pinLevel is what a pin reads.
func (m *Machine) pinLevel(n int64) int {
	p := m.pinAt(n)
	if p.output {
		return p.level
	}
	if level, driven := m.scene().Pin(m.pinName(n)); driven {
		return level
	}
	if p.pull == pullUp {
		return 1
	}
	return 0
}

// dropPin makes a pin an input without anything.
func (m *Machine) dropPin(n int64) {
	if p := m.gpio[n]; p != nil {
		if p.wait != nil {
			p.wait()
		}
		delete(m.gpio, n)
	}
}

func (m *Machine) gpioSetup(l *glua.LState) int {
	n := m.integer(l, 1)
	old := m.pinAt(n)
	p := &pin{callback: glua.LNil, pull: m.optInt(l, 3, m.defaultPull), debounce: old.debounce, delayed: old.delayed}
	m.dropPin(n)
	if n >= 0 && n <= pinMost {
		m.gpio[n] = p
	}
	m.hardware(l, "gpio", "setup")
	if f, ok := l.Get(2).(*glua.LFunction); ok {
		p.callback, p.trigger = f, m.optInt(l, 4, edgeBoth)
	} else if level, ok := m.number(l.Get(2)); ok {
		p.output = true
		m.drive(n, p, int(level)&1)
	}
	if !p.output {
		p.level = m.pinLevel(n)
	}
	l.Push(l.NewFunction(func(l *glua.LState) int {
		if level, ok := m.vm.ToNumber(l.Get(1)); ok {
			return m.gpioSet(l, n, int64(level))
		}
		return pushInt(l, int64(m.pinLevel(n)))
	}))
	return 1
}

// drive changes what an output pin puts out.
func (m *Machine) drive(n int64, p *pin, level int) {
	p.level = level
	m.scene().Output(m.pinName(n), level)
}

func (m *Machine) gpioSet(l *glua.LState, n, level int64) int {
	if p := m.pinAt(n); p.output {
		m.drive(n, p, int(level&1))
	}
	m.board.Hardware(HardwareEvent{Unit: "gpio", Action: "set " + strconv.FormatInt(n, 10) + " " + strconv.FormatInt(level, 10)})
	m.checkPower()
	return 0
}

// gpioPulse is pulse(pin, bits, count, delay): bits is a number or a string,
// the highest bit goes out first.
func (m *Machine) gpioPulse(l *glua.LState) int {
	n := m.integer(l, 1)
	m.hardware(l, "gpio", "pulse")
	var data []byte
	if s, ok := l.Get(2).(glua.LString); ok {
		data = []byte(s)
	} else {
		data = []byte{byte(m.integer(l, 2))}
	}
	bits := min(m.integer(l, 3), int64(len(data))*8)
	p := m.pinAt(n)
	if !p.output {
		return 0
	}
	m.charge(int(max(0, bits)))
	for i := range max(0, bits) {
		if level := int(data[i/8]>>(7-i%8)) & 1; level != p.level {
			m.drive(n, p, level)
		}
	}
	return 0
}

// gpioDebounce is debounce(pin, ms [, mode]): mode 0 reports at once and then
// not again for so long, mode 1 when the level has been stable so long.
func (m *Machine) gpioDebounce(l *glua.LState) int {
	p := m.pinAt(m.integer(l, 1))
	ms := m.integer(l, 2)
	p.debounce, p.delayed, p.reported = milliseconds(ms), m.optInt(l, 3, 0) == 1, false
	if p.wait != nil {
		p.wait()
		p.wait = nil
	}
	m.hardware(l, "gpio", "debounce")
	return 0
}

// triggered reports whether a change to level is one that the script asked
// for.
func (p *pin) triggered(level int) bool {
	switch p.trigger {
	case edgeRising, levelHigh:
		return level == 1
	case edgeFalling, levelLow:
		return level == 0
	}
	return true
}

// pinChanged is a pin on which the scene changed something.
func (m *Machine) pinChanged(name string, _ int) {
	n, ok := m.pinNumber(name)
	p := m.gpio[n]
	if !ok || p == nil || p.output {
		return
	}
	was, level := p.level, m.pinLevel(n)
	p.level = level
	if was == level || !p.triggered(level) {
		return
	}
	if p.edge != nil {
		p.edge(level)
		return
	}
	if p.callback == glua.LNil {
		return
	}
	if p.callback == m.gpioCount {
		p.count++
		return
	}
	switch {
	case p.debounce == 0:
	case p.delayed:
		if p.wait != nil {
			p.wait()
		}
		p.wait = m.after(p.debounce, func() {
			p.wait = nil
			if m.gpio[n] == p && m.pinLevel(n) == level {
				m.interrupt(n, p, level)
			}
		})
		return
	case p.reported && m.board.Now()-p.last < p.debounce:
		return
	}
	p.last, p.reported = m.board.Now(), true
	m.interrupt(n, p, level)
}

// interrupt calls a script's function with the level that the pin had.
func (m *Machine) interrupt(n int64, p *pin, level int) {
	m.post(func(l *glua.LState) int {
		if m.gpio[n] == p {
			m.call(l, p.callback, 0, glua.LNumber(level), glua.LNumber(n))
		}
		return 0
	})
}
