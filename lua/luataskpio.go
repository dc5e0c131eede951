package lua

import (
	"fmt"
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// The libraries pio and pmd of LuaTask: pins, voltages, sleep. A pin's number
// is that of its GPIO: pio.P0_5 is 5, pio.P1_1 is 33.

const taskPinMost = 95

// Directions of pins.
const (
	pioOutput  = 0
	pioInput   = 1
	pioOutput1 = 2
	pioInt     = 3
)

// Numbers of cpu.INT_GPIO_*: scripts only compare them.
const (
	pioRising  = 1
	pioFalling = 2
)

type taskPin struct {
	dir   int64
	level int
	pull  int64
	seen  int // level at the last interrupt
}

func (m *Machine) openTaskPio() {
	m.task.pins = map[int64]*taskPin{}
	pio := m.lib("pio")
	for n := range taskPinMost + 1 {
		pio.RawSetString(fmt.Sprintf("P%d_%d", n/32, n%32), glua.LNumber(n))
	}
	constants(pio, "OUTPUT", pioOutput, "INPUT", pioInput, "OUTPUT1", pioOutput1, "INT", pioInt, "PULLUP", pullUp, "PULLDOWN", pullDown,
		"NOPULL", pullNone, "NORMAL_MODE", 0, "FACTORY_MODE", 1)
	pin := m.l.NewTable()
	pio.RawSetString("pin", pin)
	// All work on several pins; args is the first of them.
	number := func(l *glua.LState, i int) int64 {
		n := m.integer(l, i)
		if n < 0 || n > taskPinMost {
			m.raise("invalid pin")
		}
		return n
	}
	each := func(args int, f func(l *glua.LState, n int64)) func(l *glua.LState) int {
		return func(l *glua.LState) int {
			for i := args; i <= l.GetTop(); i++ {
				f(l, number(l, i))
			}
			return 0
		}
	}
	set := func(value func(l *glua.LState) int64) func(l *glua.LState, n int64) {
		return func(l *glua.LState, n int64) { m.pioDrive(n, int(value(l)&1)) }
	}
	m.fill(pin,
		fn("setdir", each(2, func(l *glua.LState, n int64) { m.pioDir(l, n, m.integer(l, 1)) })),
		fn("setpull", each(2, func(l *glua.LState, n int64) { m.taskPinAt(n).pull = m.integer(l, 1) })),
		fn("setval", each(2, set(func(l *glua.LState) int64 { return m.integer(l, 1) }))),
		fn("sethigh", each(1, set(func(*glua.LState) int64 { return 1 }))),
		fn("setlow", each(1, set(func(*glua.LState) int64 { return 0 }))),
		fn("close", each(1, func(_ *glua.LState, n int64) { delete(m.task.pins, n) })),
		fn("setdebounce", func(l *glua.LState) int { m.hardware(l, "pio", "setdebounce"); return 0 }),
		fn("getval", func(l *glua.LState) int {
			count := l.GetTop()
			for i := 1; i <= count; i++ {
				l.Push(glua.LNumber(m.taskPinLevel(number(l, i))))
			}
			return count
		}),
	)
	m.fill(pin, fn("pwm", m.refuse("pio.pin.pwm")))
	constants(m.lib("cpu"), "INT_GPIO_POSEDGE", pioRising, "INT_GPIO_NEGEDGE", pioFalling)
}

func (m *Machine) taskPinAt(n int64) *taskPin {
	p := m.task.pins[n]
	if p == nil {
		p = &taskPin{dir: pioInput}
		m.task.pins[n] = p
	}
	return p
}

func (m *Machine) pioDir(l *glua.LState, n, dir int64) {
	if dir < pioOutput || dir > pioInt {
		m.raise("invalid direction")
	}
	p := m.taskPinAt(n)
	p.dir = dir
	m.hardware(l, "pio", "setdir")
	switch dir {
	case pioOutput, pioOutput1:
		m.pioDrive(n, int(dir/pioOutput1))
	case pioInt:
		p.seen = m.taskPinLevel(n)
	}
}

// pioDrive sets an output.
func (m *Machine) pioDrive(n int64, level int) {
	p := m.taskPinAt(n)
	p.level = level
	if p.dir == pioOutput || p.dir == pioOutput1 {
		m.board.Hardware(HardwareEvent{Unit: "pio", Action: fmt.Sprintf("set %d %d", n, level)})
		m.scene().Output(strconv.FormatInt(n, 10), level)
		m.checkPower()
	}
}

func (m *Machine) taskPinLevel(n int64) int {
	p := m.taskPinAt(n)
	if p.dir == pioOutput || p.dir == pioOutput1 {
		return p.level
	}
	if level, driven := m.scene().Pin(strconv.FormatInt(n, 10)); driven {
		return level
	}
	if p.pull == pullUp {
		return 1
	}
	return 0
}

// taskPinChanged reports an edge at a pin that has an interrupt.
func (m *Machine) taskPinChanged(name string, _ int) {
	n, err := strconv.ParseInt(name, 10, 32)
	p := m.task.pins[n]
	if err != nil || p == nil || p.dir != pioInt {
		return
	}
	level := m.taskPinLevel(n)
	if level == p.seen {
		return
	}
	p.seen = level
	edge := pioFalling
	if level == 1 {
		edge = pioRising
	}
	m.postTable("id", taskInt, "int_id", edge, "int_resnum", int(n))
}

// openTaskPmd installs pmd.*. The battery is always there, full and not
// charging.
func (m *Machine) openTaskPmd() {
	recorded := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int { m.hardware(l, "pmd", name); return pushInt(l, 0) })
	}
	t := m.lib("pmd", recorded("init"), recorded("ldoset"), recorded("sleep"), recorded("speakerMode_set"),
		fn("charger", func(l *glua.LState) int { return pushBool(l, false) }),
		fn("chrcurrent", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("param_get", func(l *glua.LState) int {
			l.Push(glua.LTrue)
			l.Push(glua.LNumber(4200)) // millivolts
			l.Push(glua.LNumber(100))  // percent
			l.Push(glua.LFalse)
			l.Push(glua.LNumber(0))
			return 5
		}),
	)
	constants(t, "LDO_VLCD", 0, "LDO_VMMC", 1, "LDO_VSIM1", 2, "LDO_VCAMA", 3, "LDO_VCAMD", 4, "LDO_VIBR", 5, "LDO_VBACKLIGHT_R", 6)
}
