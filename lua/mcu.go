package lua

import (
	"encoding/binary"
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// openMcu installs mcu.* (luatos-runtime.md 9.5).
func (m *Machine) openMcu() {
	micros := func() uint64 { return uint64(m.board.Now() / time.Microsecond) }
	id := func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }
	clock := int64(240)
	m.lib("mcu",
		fn("ticks", func(l *glua.LState) int { return pushInt(l, m.board.Now().Milliseconds()) }),
		fn("hz", func(l *glua.LState) int { return pushInt(l, 1000) }),
		fn("ticks2", func(l *glua.LState) int { return m.mcuTicks2(l, micros()) }),
		fn("tick64", func(l *glua.LState) int {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], micros())
			l.Push(glua.LString(b[:]))
			l.Push(glua.LNumber(1))
			return 2
		}),
		fn("dtick64", m.mcuDtick64),
		fn("unique_id", id),
		fn("muid", id),
		fn("x32", func(l *glua.LState) int {
			return pushStr(l, fmt.Sprintf("0x%x", uint32(m.integer(l, 1))))
		}),
		fn("hardfault", func(*glua.LState) int { return 0 }),
		fn("setClk", func(l *glua.LState) int {
			clock = m.integer(l, 1)
			return pushBool(l, true)
		}),
		fn("getClk", func(l *glua.LState) int { return pushInt(l, clock) }),
	)
}

// mcuTicks2 returns the time since power-on in two numbers: mode 0 seconds and
// microseconds, 1 seconds and milliseconds, 2 seconds and microseconds/1e6.
func (m *Machine) mcuTicks2(l *glua.LState, us uint64) int {
	switch m.optInt(l, 1, 0) {
	case 1:
		l.Push(glua.LNumber(us / 1000))
		l.Push(glua.LNumber(us / 1000 / 1000000))
	case 2:
		l.Push(glua.LNumber(us / 1000000))
		l.Push(glua.LNumber(us / 1000000 / 1000000))
	default:
		l.Push(glua.LNumber(us % 1000000))
		l.Push(glua.LNumber(us / 1000000))
	}
	return 2
}

// mcuDtick64 compares two tick64 values: whether a-b is at least the offset,
// and the difference.
func (m *Machine) mcuDtick64(l *glua.LState) int {
	a, b := m.str(l, 1), m.str(l, 2)
	if len(a) != 8 || len(b) != 8 {
		l.ArgError(1, "8-byte tick expected")
	}
	d := int64(binary.LittleEndian.Uint64([]byte(a)) - binary.LittleEndian.Uint64([]byte(b)))
	l.Push(glua.LBool(d >= m.optInt(l, 3, 0)))
	l.Push(glua.LNumber(d))
	return 2
}
