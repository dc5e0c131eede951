package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// openRtc installs rtc.* (luatos-runtime.md 9.5). The clock keeps UTC.
func (m *Machine) openRtc() {
	m.lib("rtc",
		fn("get", func(l *glua.LState) int {
			t := time.Unix(m.board.UnixTime(), 0).UTC()
			tab := l.NewTable()
			for _, f := range []struct {
				name string
				n    int
			}{{"year", t.Year()}, {"mon", int(t.Month())}, {"day", t.Day()}, {"hour", t.Hour()}, {"min", t.Minute()}, {"sec", t.Second()}} {
				tab.RawSetString(f.name, glua.LNumber(f.n))
			}
			l.Push(tab)
			return 1
		}),
		fn("set", func(l *glua.LState) int {
			if t, ok := l.Get(1).(*glua.LTable); ok {
				m.board.SetUnixTime(m.tableTime(l, t))
			} else {
				m.board.SetUnixTime(m.integer(l, 1))
			}
			return pushBool(l, true)
		}),
		fn("timezone", func(l *glua.LState) int {
			if l.GetTop() > 0 && l.Get(1) != glua.LNil {
				m.timezone = int(max(-48, min(56, m.integer(l, 1))))
			}
			return pushInt(l, int64(m.timezone))
		}),
		fn("setBaseYear", func(*glua.LState) int { return 0 }),
		fn("timerStart", m.refuse("rtc.timerStart")),
		fn("timerStop", m.refuse("rtc.timerStop")),
	)
}
