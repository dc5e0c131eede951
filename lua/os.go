package lua

import (
	"errors"
	"fmt"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/flash/mount"
	"airlift/lua/lua53"
)

// openOs installs os.* (luatos-runtime.md 7.3).
func (m *Machine) openOs() {
	m.lib("os",
		fn("clock", func(l *glua.LState) int { return pushInt(l, int64(m.board.Now()/time.Second)) }),
		fn("date", m.osDate),
		fn("time", func(l *glua.LState) int {
			if l.GetTop() == 0 || l.Get(1) == glua.LNil {
				return pushInt(l, m.board.UnixTime())
			}
			return pushInt(l, m.tableTime(l, l.CheckTable(1)))
		}),
		native("difftime", func(a lua53.Args) int {
			a.PushFloat(a.Float(0) - a.Float(1))
			return 1
		}),
		fn("remove", func(l *glua.LState) int {
			name := m.str(l, 1)
			return m.osResult(l, name, m.files.Remove(name))
		}),
		fn("rename", func(l *glua.LState) int {
			from := m.str(l, 1)
			return m.osResult(l, from, m.files.Rename(from, m.str(l, 2)))
		}),
	)
}

// osResult pushes true, or nil, message and errno.
func (m *Machine) osResult(l *glua.LState, name string, err error) int {
	m.checkPower()
	if err == nil {
		return pushBool(l, true)
	}
	var open *mount.StillOpenError
	if errors.As(err, &open) {
		m.logf(levelWarn, "vfs", "%s", open.Error())
	}
	return failure(l, name, err)
}

// tableTime is the time that a table of os.date's form says, in UTC.
func (m *Machine) tableTime(l *glua.LState, t *glua.LTable) int64 {
	get := func(def int, names ...string) int {
		for _, name := range names {
			if f, ok := m.vm.ToNumber(t.RawGetString(name)); ok {
				return int(f)
			}
		}
		if def < 0 {
			m.raise("field '%s' missing in date table", names[0])
		}
		return def
	}
	return time.Date(get(-1, "year"), time.Month(get(-1, "month", "mon")), get(-1, "day"),
		get(12, "hour"), get(0, "min"), get(0, "sec"), 0, time.UTC).Unix()
}

// osDate knows the conversions of C89. Local time is UTC and the time zone in
// quarter hours.
func (m *Machine) osDate(l *glua.LState) int {
	format := m.optStr(l, 1, "%c")
	t := time.Unix(m.optInt(l, 2, m.board.UnixTime()), 0).UTC()
	if strings.HasPrefix(format, "!") {
		format = format[1:]
	} else {
		t = t.Add(time.Duration(m.timezone) * 15 * time.Minute)
	}
	if strings.HasPrefix(format, "*t") {
		tab := l.NewTable()
		for _, f := range []struct {
			name string
			n    int
		}{{"sec", t.Second()}, {"min", t.Minute()}, {"hour", t.Hour()}, {"day", t.Day()}, {"month", int(t.Month())},
			{"year", t.Year()}, {"wday", int(t.Weekday()) + 1}, {"yday", t.YearDay()}} {
			tab.RawSetString(f.name, glua.LNumber(f.n))
		}
		tab.RawSetString("isdst", glua.LFalse)
		l.Push(tab)
		return 1
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i >= len(format) || strings.IndexByte("aAbBcdHIjmMpSUwWxXyYZ%", format[i]) < 0 {
			l.ArgError(1, "invalid conversion specifier '%"+format[min(i, len(format)):min(i+1, len(format))]+"'")
		}
		b.WriteString(dateField(t, format[i]))
	}
	return pushStr(l, b.String())
}

func dateField(t time.Time, c byte) string {
	two := func(n int) string { return fmt.Sprintf("%02d", n) }
	switch c {
	case 'a':
		return t.Weekday().String()[:3]
	case 'A':
		return t.Weekday().String()
	case 'b':
		return t.Month().String()[:3]
	case 'B':
		return t.Month().String()
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006")
	case 'd':
		return two(t.Day())
	case 'H':
		return two(t.Hour())
	case 'I':
		return two((t.Hour()+11)%12 + 1)
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'm':
		return two(int(t.Month()))
	case 'M':
		return two(t.Minute())
	case 'p':
		return t.Format("PM")
	case 'S':
		return two(t.Second())
	case 'U':
		return two((t.YearDay() + 6 - int(t.Weekday())) / 7)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'W':
		return two((t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7)
	case 'x':
		return t.Format("01/02/06")
	case 'X':
		return t.Format("15:04:05")
	case 'y':
		return t.Format("06")
	case 'Y':
		return fmt.Sprint(t.Year())
	case 'Z':
		return "GMT"
	}
	return "%"
}
