package lua

import (
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// rtcFields are the fields of a time, in the order in which firmware asks for
// them, with the values that it takes. The year's are luat_lib_rtc.c's.
var rtcFields = [...]struct {
	name     string
	min, max int64
}{{"year", 1900, 2200}, {"mon", 1, 12}, {"day", 1, 31}, {"hour", 0, 23}, {"min", 0, 59}, {"sec", 0, 59}}

// openRtc installs rtc.* (luatos-runtime.md 9.5; luat_lib_rtc.c). The clock
// keeps UTC. Since when firmware checks what it is given is not known: all
// firmware does here.
func (m *Machine) openRtc() {
	m.lib("rtc",
		fn("get", m.rtcGet),
		fn("set", m.rtcSet),
		fn("timezone", m.rtcTimezone),
		fn("setBaseYear", func(l *glua.LState) int {
			if year := m.integer(l, 1); year < 1900 || year > 2050 {
				m.logf(levelWarn, "rtc", "rtc invalid base year: %d", year)
				m.raise("invalid base year")
			}
			return 0 // of the chip's register: no script sees it
		}),
		fn("timerStart", m.refuse("rtc.timerStart")),
		fn("timerStop", m.refuse("rtc.timerStop")),
	)
}

func (m *Machine) rtcGet(l *glua.LState) int {
	t := time.Unix(m.board.UnixTime(), 0).UTC()
	tab := l.NewTable()
	for i, n := range []int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()} {
		tab.RawSetString(rtcFields[i].name, glua.LNumber(n))
	}
	l.Push(tab)
	return 1
}

// rtcSet takes a table or seconds since 1970.
func (m *Machine) rtcSet(l *glua.LState) int {
	if t, ok := l.Get(1).(*glua.LTable); ok {
		return m.rtcSetTable(l, t)
	}
	if !m.isInteger(l, 1) {
		m.logf(levelWarn, "rtc", "rtc time need table or integer")
		return pushBool(l, false)
	}
	sec := m.integer(l, 1)
	if sec <= 0 || sec > 0xFFFFFFFF {
		m.logf(levelWarn, "rtc", "rtc time invalid timestamp: %d", sec)
		return pushBool(l, false)
	}
	m.board.SetUnixTime(sec)
	return pushBool(l, true)
}

// rtcSetTable returns nothing for a table that lacks a field, false for one
// with a date that no calendar has.
func (m *Machine) rtcSetTable(l *glua.LState, t *glua.LTable) int {
	var v [len(rtcFields)]int64
	for i, f := range rtcFields {
		n, ok := m.vm.ToInteger(t.RawGetString(f.name))
		if !ok {
			m.logf(levelWarn, "rtc", "rtc time miss %s", f.name)
			return 0
		}
		v[i] = n
	}
	for i, f := range rtcFields {
		bad := v[i] < f.min || v[i] > f.max
		text := fmt.Sprint(v[i])
		if f.name == "day" && !bad {
			bad = time.Date(int(v[0]), time.Month(v[1]), int(v[2]), 0, 0, 0, 0, time.UTC).Day() != int(v[2])
			text = fmt.Sprintf("%d-%d-%d", v[0], v[1], v[2])
		}
		if bad {
			m.logf(levelWarn, "rtc", "rtc time invalid %s: %s", rtcNames[i], text)
			return pushBool(l, false)
		}
	}
	m.board.SetUnixTime(time.Date(int(v[0]), time.Month(v[1]), int(v[2]), int(v[3]), int(v[4]), int(v[5]), 0, time.UTC).Unix())
	return pushBool(l, true)
}

// rtcNames are the fields as the log calls them.
var rtcNames = [len(rtcFields)]string{"year", "month", "day", "hour", "minute", "second"}

// rtcTimezone takes quarter hours, whole hours only.
func (m *Machine) rtcTimezone(l *glua.LState) int {
	if l.GetTop() > 0 {
		if !m.isInteger(l, 1) {
			m.logf(levelWarn, "rtc", "rtc timezone invalid parameter type")
			return pushBool(l, false)
		}
		zone := m.integer(l, 1)
		if zone < -48 || zone > 48 || zone%4 != 0 {
			return pushBool(l, false)
		}
		m.timezone = int(zone)
	}
	return pushInt(l, int64(m.timezone))
}

// isInteger is lua_isinteger.
func (m *Machine) isInteger(l *glua.LState, n int) bool {
	v := l.Get(n)
	return v.Type() == glua.LTNumber && !m.vm.IsFloat(v)
}
