package lua

import (
	"encoding/binary"
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// openMcu installs mcu.* (luatos-runtime.md 9.5). That tick64 counts
// microseconds is an assumption.
func (m *Machine) openMcu() {
	micros := func() uint64 { return uint64(m.board.Now() / time.Microsecond) }
	id := func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }
	clock := int64(240)
	m.lib("mcu",
		fn("ticks", func(l *glua.LState) int { return pushInt(l, m.board.Now().Milliseconds()) }),
		fn("hz", func(l *glua.LState) int { return pushInt(l, 1000) }),
		// What these return is in no source that we have.
		fn("ticks2", m.refuse("mcu.ticks2")),
		fn("dtick64", m.refuse("mcu.dtick64")),
		fn("tick64", func(l *glua.LState) int {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], micros())
			return pushStr(l, string(b[:]))
		}),
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
