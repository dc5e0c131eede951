package lua

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/nmea"
)

// gnssValue is how the library gives numbers: 0 is an integer, in mode 0 the
// number as it was sent, in mode 1 in units of 1e-7 degrees, in mode 2 in
// degrees.
func (m *Machine) gnssValue(f nmea.Fixed, mode int64) glua.LValue {
	switch {
	case f.Value == 0:
		return glua.LNumber(0)
	case mode == 0:
		return m.vm.FloatValue(float64(f.Float()))
	case mode == 1:
		return integerValue(m.wrap(int64(f.Degrees7())))
	}
	return m.vm.FloatValue(float64(f.Degrees()))
}

func (m *Machine) setDate(t *glua.LTable, d nmea.Date, at nmea.Time) {
	year, ok := nmea.FullYear(d, at)
	if !ok {
		d, at = nmea.Date{Month: 1}, nmea.Time{} // the firmware's empty time
	}
	constants(t, "year", year, "month", d.Month, "day", d.Day, "hour", at.Hours, "min", at.Minutes, "sec", at.Seconds)
}

// gnssRaw pushes the last sentence of a kind in mode 3, and reports whether
// there is anything more to do.
func (m *Machine) gnssRaw(l *glua.LState, kind string, mode int64) (results int, done bool) {
	line, ok := m.data.gnss.last[kind]
	if !ok {
		return 0, true
	}
	if mode == gnssRawString {
		return pushStr(l, line.text), true
	}
	return 0, false
}

func (m *Machine) gnssRMC(l *glua.LState) int {
	mode, r := m.optInt(l, 1, 0), m.data.gnss.rmc
	if mode == gnssRawString {
		n, _ := m.gnssRaw(l, "RMC", mode)
		return n
	}
	t := l.NewTable()
	t.RawSetString("valid", glua.LBool(r.Valid))
	if !r.Valid {
		r = nmea.RMC{Date: r.Date, Time: r.Time}
	}
	t.RawSetString("lat", m.gnssValue(r.Latitude, mode))
	t.RawSetString("lng", m.gnssValue(r.Longitude, mode))
	t.RawSetString("speed", m.gnssValue(r.Speed, 0))
	t.RawSetString("course", m.gnssValue(r.Course, 0))
	t.RawSetString("variation", m.gnssValue(r.Variation, 0))
	m.setDate(t, r.Date, r.Time)
	l.Push(t)
	return 1
}

// gnssSystems are the numbers of satellite systems; others are 0, as GPS is.
var gnssSystems = map[string]int{"GP": 0, "BD": 1, "GB": 1, "GL": 2, "GA": 3, "QZ": 4}

func (m *Machine) gnssGSV(l *glua.LState) int {
	t, sats := l.NewTable(), l.NewTable()
	now := m.board.Now()
	for _, line := range m.data.gnss.gsv {
		f, ok := nmea.ParseGSV(line.text)
		if line.text == "" || !ok || now-line.at > gnssGSVFor {
			continue
		}
		system := line.text[1:3]
		for _, s := range f.Satellites {
			if s.Number == 0 {
				continue
			}
			sat := l.NewTable()
			constants(sat, "nr", s.Number, "snr", s.SNR, "elevation", s.Elevation, "azimuth", s.Azimuth, "tp", gnssSystems[system])
			sat.RawSetString("tpstr", glua.LString(system))
			sats.Append(sat)
		}
	}
	t.RawSetString("sats", sats)
	t.RawSetString("total_sats", glua.LNumber(sats.Len()))
	l.Push(t)
	return 1
}

// gnssGSA is one table of everything, or in mode 1 a list of one table a
// sentence.
func (m *Machine) gnssGSA(l *glua.LState) int {
	list := l.NewTable()
	all := l.NewTable()
	sats := l.NewTable()
	for _, line := range m.data.gnss.gsa {
		f, ok := nmea.ParseGSA(line.text)
		age := m.board.Now() - line.at
		if line.text == "" || !ok {
			continue
		}
		if age <= gnssGSAFor && all.RawGetString("fix_type") == glua.LNil {
			m.setGSA(all, f)
		}
		if age > gnssGSAUsed {
			continue
		}
		one := l.NewTable()
		m.setGSA(one, f)
		own := l.NewTable()
		for _, n := range f.Satellites {
			if n != 0 {
				own.Append(glua.LNumber(n))
				sats.Append(glua.LNumber(n))
			}
		}
		one.RawSetString("sats", own)
		list.Append(one)
	}
	if m.optInt(l, 1, 0) == 1 {
		l.Push(list)
		return 1
	}
	all.RawSetString("sats", sats)
	l.Push(all)
	return 1
}

func (m *Machine) setGSA(t *glua.LTable, f nmea.GSA) {
	t.RawSetString("fix_type", glua.LNumber(f.FixType))
	t.RawSetString("pdop", m.gnssValue(f.PDOP, 0))
	t.RawSetString("hdop", m.gnssValue(f.HDOP, 0))
	t.RawSetString("vdop", m.gnssValue(f.VDOP, 0))
	t.RawSetString("sysid", glua.LNumber(f.System))
}

func (m *Machine) gnssVTG(l *glua.LState) int {
	if n, done := m.gnssRaw(l, "VTG", m.optInt(l, 1, 0)); done {
		return n
	}
	f, _ := nmea.ParseVTG(m.data.gnss.last["VTG"].text)
	t := l.NewTable()
	t.RawSetString("true_track_degrees", m.gnssValue(f.Course, 0))
	t.RawSetString("magnetic_track_degrees", m.gnssValue(f.MagneticCourse, 0))
	t.RawSetString("speed_knots", m.gnssValue(f.Knots, 0))
	t.RawSetString("speed_kph", m.gnssValue(f.KMH, 0))
	l.Push(t)
	return 1
}

func (m *Machine) gnssGGA(l *glua.LState) int {
	mode := m.optInt(l, 1, 0)
	if n, done := m.gnssRaw(l, "GGA", mode); done {
		return n
	}
	f, _ := nmea.ParseGGA(m.data.gnss.last["GGA"].text)
	t := l.NewTable()
	t.RawSetString("altitude", m.gnssValue(f.Altitude, 0))
	t.RawSetString("latitude", m.gnssValue(f.Latitude, mode))
	t.RawSetString("longitude", m.gnssValue(f.Longitude, mode))
	constants(t, "fix_quality", f.FixQuality, "satellites_tracked", f.Tracked)
	t.RawSetString("hdop", m.gnssValue(f.HDOP, 0))
	t.RawSetString("height", m.gnssValue(f.Above, 0))
	t.RawSetString("dgps_age", m.gnssValue(f.Age, 0))
	l.Push(t)
	return 1
}

// gnssGLL returns in mode 3 the sentence VTG, as the firmware does.
func (m *Machine) gnssGLL(l *glua.LState) int {
	mode := m.optInt(l, 1, 0)
	line, ok := m.data.gnss.last["GLL"]
	if !ok {
		return 0
	}
	if mode == gnssRawString {
		n, _ := m.gnssRaw(l, "VTG", mode)
		return n
	}
	f, _ := nmea.ParseGLL(line.text)
	t := l.NewTable()
	t.RawSetString("latitude", m.gnssValue(f.Latitude, mode))
	t.RawSetString("longitude", m.gnssValue(f.Longitude, mode))
	t.RawSetString("mode", glua.LString([]byte{f.Mode}))
	t.RawSetString("status", glua.LString([]byte{f.Status}))
	constants(t, "hour", f.Time.Hours, "us", f.Time.Microseconds, "min", f.Time.Minutes, "sec", f.Time.Seconds)
	l.Push(t)
	return 1
}

func (m *Machine) gnssZDA(l *glua.LState) int {
	t := l.NewTable()
	if line, ok := m.data.gnss.last["ZDA"]; ok {
		f, _ := nmea.ParseZDA(line.text)
		constants(t, "hour_offset", f.ZoneHours, "minute_offset", f.ZoneMinutes)
		m.setDate(t, f.Date, f.Time)
	}
	l.Push(t)
	return 1
}

// gnssCasicAid makes the message AID-INI of CASIC receivers out of a date (UTC)
// and a position.
func (m *Machine) gnssCasicAid(l *glua.LState) int {
	at, hasTime := m.casicTime(l.Get(1))
	flags := byte(0x20)
	if hasTime {
		flags |= 2
	}
	position, _ := l.Get(2).(*glua.LTable)
	lat, lng, alt := m.casicNumber(position, "lat"), m.casicNumber(position, "lng"), m.casicNumber(position, "alt")
	if (lat > 0.001 || lat < -0.01) && (lng > 0.001 || lng < -0.01) {
		flags |= 1
	}
	week, second := at/(7*86400), at%(7*86400)
	body := make([]byte, 0, 56)
	for _, f := range []float64{lat, lng, alt, float64(second)} {
		body = binary.LittleEndian.AppendUint64(body, math.Float64bits(f))
	}
	body = append(body, make([]byte, 20)...) // frequency and accuracies, unknown
	body = binary.LittleEndian.AppendUint16(body, uint16(week))
	body = append(body, 0, flags)
	sum := uint32(0x010B0038)
	for i := 0; i < len(body); i += 4 {
		sum += binary.LittleEndian.Uint32(body[i:])
	}
	out := binary.LittleEndian.AppendUint32(append([]byte("\xBA\xCE\x38\x00\x0B\x01"), body...), sum)
	return pushStr(l, string(out))
}

// gpsLeapSeconds is what the library adds to UTC.
const gpsLeapSeconds = 17

// casicTime is a date in seconds since the beginning of GPS time. Only years
// after 2022 count as valid.
func (m *Machine) casicTime(v glua.LValue) (seconds int64, valid bool) {
	t, _ := v.(*glua.LTable)
	field := func(names ...string) (n int) {
		for _, name := range names {
			if t != nil && t.RawGetString(name).Type() == glua.LTNumber {
				f, _ := m.number(t.RawGetString(name))
				n = int(max(-1e6, min(1e6, f)))
			}
		}
		return n
	}
	year := field("year")
	// Without a year the days count from 1980, as if it were that year.
	date := time.Date(max(1980, min(year, 9999)), time.Month(max(1, field("month", "mon"))), field("day"), field("hour"), field("min"), field("sec"), 0, time.UTC)
	gps := date.Sub(time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC))
	return max(0, int64(gps/time.Second)+gpsLeapSeconds), year > 2022
}

// casicNumber is a field that is a number or text.
func (m *Machine) casicNumber(t *glua.LTable, name string) float64 {
	if t == nil {
		return 0
	}
	v := t.RawGetString(name)
	if s, ok := v.(glua.LString); ok && name != "alt" {
		f, _ := strconv.ParseFloat(strings.TrimSpace(string(s)), 64)
		return f
	}
	f, _ := m.number(v)
	return f
}
