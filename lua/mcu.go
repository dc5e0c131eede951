package lua

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// mcuUnits are the kinds of hardware that altfun and iomux name, in the order
// of LUAT_MCU_PERIPHERAL_E (luat/include/luat_mcu.h).
var mcuUnits = [...]string{"UART", "I2C", "SPI", "PWM", "CAN", "GPIO", "I2S", "SDIO", "LCD", "CAMERA", "ONEWIRE", "KEYBORAD", "ETH"}

// openMcu installs mcu.* (luatos-runtime.md 9.5; luat_lib_mcu.c).
func (m *Machine) openMcu() {
	id := func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }
	clock := int64(m.fw.ClockMHz)
	t := m.lib("mcu",
		fn("unique_id", id),
		fn("ticks", func(l *glua.LState) int { return pushInt(l, m.wrap(m.board.Now().Milliseconds())) }),
		fn("ticks2", m.mcuTicks2),
		fn("hz", func(l *glua.LState) int { return pushInt(l, 1000) }),
		fn("tick64", m.mcuTick64),
		fn("dtick64", m.mcuTickDifference),
		fn("hardfault", func(l *glua.LState) int {
			m.optInt(l, 1, 0) // scripts cannot bring the processor to one
			return 0
		}),
		fn("altfun", m.mcuPins("altfun", 5)),
		fn("iomux", m.mcuPins("iomux", 3)),
		fn("XTALRefOutput", func(l *glua.LState) int { return m.mcuRecord("crystal output", l, 2) }),
		fn("setClk", func(l *glua.LState) int {
			clock = m.integer(l, 1)
			return pushBool(l, true)
		}),
		fn("getClk", func(l *glua.LState) int { return pushInt(l, clock) }),
		fn("reg32", m.mcuRegister()),
		fn("x32", func(l *glua.LState) int {
			return pushStr(l, fmt.Sprintf("0x%x", uint32(m.integer(l, 1))))
		}),
		fn("setXTAL", func(l *glua.LState) int { return m.mcuRecord("crystals", l, 3) }),
		fn("muid", func(l *glua.LState) int { return pushStr(l, m.muid()) }),
	)
	for i, name := range mcuUnits {
		constants(t, name, i)
	}
	constants(t, "CAM", 9) // short for CAMERA
}

// muid is the module's id as text of 32 characters. That the chip's id is in
// it, over and over, is an assumption.
func (m *Machine) muid() string {
	id := strings.ToUpper(hex.EncodeToString([]byte(m.board.Identity().MUID)))
	if id == "" {
		return ""
	}
	return strings.Repeat(id, 32/len(id)+1)[:32]
}

// tick64 is the chip's fast counter.
func (m *Machine) tick64() uint64 {
	return uint64(m.board.Now()) * uint64(max(1, m.fw.TickMHz)) / 1000
}

// mcuTick64 returns the counter as eight bytes, or nine for bit64, and its
// ticks a microsecond.
func (m *Machine) mcuTick64(l *glua.LState) int {
	b := binary.LittleEndian.AppendUint64(nil, m.tick64())
	if l.Get(1) == glua.LTrue {
		b = append(b, 0)
	}
	l.Push(glua.LString(b))
	l.Push(integerValue(int64(max(1, m.fw.TickMHz))))
	return 2
}

// mcuTickDifference takes two counters of at most eight bytes and a number
// that their difference is compared with.
func (m *Machine) mcuTickDifference(l *glua.LState) int {
	var tick [2]uint64
	for i := range tick {
		s := m.str(l, i+1)
		if len(s) > 8 {
			m.raise("tick string too long")
		}
		var b [8]byte
		copy(b[:], s)
		tick[i] = binary.LittleEndian.Uint64(b[:])
	}
	diff := int64(tick[0] - tick[1])
	l.Push(glua.LBool(diff >= int64(int32(m.optInt(l, 3, 0)))))
	l.Push(integerValue(m.wrap(diff)))
	return 2
}

// mcuTicks2 returns a time in two parts that 32 bits can hold: of
// microseconds, milliseconds or seconds the millions and the rest.
func (m *Machine) mcuTicks2(l *glua.LState) int {
	units := [...]time.Duration{time.Microsecond, time.Millisecond, time.Second}
	mode := m.optInt(l, 1, 0)
	if mode < 0 || mode >= int64(len(units)) {
		return 0
	}
	n := int64(m.board.Now() / units[mode])
	l.Push(integerValue(n / 1_000_000))
	l.Push(integerValue(n % 1_000_000))
	return 2
}

// mcuRegister reads 0 and writes nothing, as firmware does that keeps scripts
// away from the hardware. It says so once.
func (m *Machine) mcuRegister() glua.LGFunction {
	warned := false
	return func(l *glua.LState) int {
		m.integer(l, 1)
		if !warned {
			warned = true
			m.logf(levelWarn, "mcu", "mcu.reg32 is disabled for security reasons")
		}
		return pushInt(l, 0)
	}
}

// mcuPins records what pins a unit gets.
func (m *Machine) mcuPins(action string, args int) glua.LGFunction {
	return func(l *glua.LState) int {
		unit := m.optInt(l, 1, 0xff)
		name := fmt.Sprint(unit)
		if unit >= 0 && unit < int64(len(mcuUnits)) {
			name = mcuUnits[unit]
		}
		return m.mcuRecord(action+" "+name, l, args)
	}
}

// mcuRecord records an action with the arguments up to n.
func (m *Machine) mcuRecord(action string, l *glua.LState, n int) int {
	for i := 1; i <= min(n, l.GetTop()); i++ {
		action += " " + m.vm.ToString(l.Get(i))
	}
	m.board.Hardware(HardwareEvent{Unit: "mcu", Action: action})
	return 0
}
