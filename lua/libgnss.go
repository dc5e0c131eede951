package lua

import (
	"math"
	"strconv"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/nmea"
)

// Sizes and times of the library.
const (
	gnssLineMax   = 119 // bytes of a line that is still coming; more throw away what is there
	gnssSlotsGSV  = 24
	gnssSlotsGSA  = 7
	gnssGSVFor    = 3500 * time.Millisecond // how long a sentence counts
	gnssGSAFor    = 1500 * time.Millisecond
	gnssGSAUsed   = 1000 * time.Millisecond
	gnssGSAKept   = 950 * time.Millisecond
	gnssClockFor  = 600 * time.Second // how long the clock is not set again
	gnssRawString = 3                 // mode: the sentence as it came
)

// gnssLine is the last sentence of its kind, and when it came.
type gnssLine struct {
	text string
	at   time.Duration
}

// gnss is what libgnss knows.
type gnss struct {
	partial   []byte // of a line
	last      map[string]gnssLine
	gsv       [gnssSlotsGSV]gnssLine
	gsa       [gnssSlotsGSA]gnssLine
	nextGSA   int
	rmc       nmea.RMC
	fixed     bool // since the last loss
	fixedAt   time.Duration
	setClock  bool
	debug     bool
	forward   int64 // port that gets a copy of what is received, 0 for none
	callbacks map[string]glua.LValue
	release   map[string]func()
}

// openLibgnss installs the parser of satellite receivers' sentences. Receivers
// inside a module are not emulated: what they would say comes over a port that
// the scene feeds, or from libgnss.parse.
func (m *Machine) openLibgnss() {
	m.data.gnss = &gnss{last: map[string]gnssLine{}, callbacks: map[string]glua.LValue{}, release: map[string]func(){}}
	m.lib("libgnss",
		fn("parse", m.gnssParse),
		fn("isFix", func(l *glua.LState) int { return pushBool(l, m.data.gnss.rmc.Valid) }),
		fn("getIntLocation", m.gnssIntLocation),
		fn("getRmc", m.gnssRMC), fn("getGsv", m.gnssGSV), fn("getGsa", m.gnssGSA), fn("getVtg", m.gnssVTG),
		fn("getGga", m.gnssGGA), fn("getGll", m.gnssGLL), fn("getZda", m.gnssZDA), fn("locStr", m.gnssLocStr),
		fn("rtcAuto", func(l *glua.LState) int {
			m.data.gnss.setClock = l.Get(1) == glua.LTrue
			m.logf(levelDebug, "gnss", "GNSS->RTC Auto-Set now is %s", onOff(m.data.gnss.setClock))
			return 0
		}),
		fn("on", m.gnssOn),
		fn("debug", func(l *glua.LState) int {
			m.data.gnss.debug = l.Get(1) == glua.LTrue
			m.logf(levelDebug, "gnss", "Debug %s", onOff(m.data.gnss.debug))
			return 0
		}),
		fn("clear", func(*glua.LState) int { m.data.gnss.clear(); return 0 }),
		fn("bind", m.gnssBind),
		fn("getTxt", func(l *glua.LState) int {
			text, _ := nmea.ParseTXT(m.data.gnss.last["TXT"].text)
			return pushStr(l, text)
		}),
		fn("casic_aid", m.gnssCasicAid),
	)
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func (g *gnss) clear() {
	g.last = map[string]gnssLine{}
	g.gsv, g.gsa = [gnssSlotsGSV]gnssLine{}, [gnssSlotsGSA]gnssLine{}
	g.rmc, g.fixed = nmea.RMC{}, false
}

func (m *Machine) gnssParse(l *glua.LState) int {
	if b := asZbuff(l.Get(1)); b != nil {
		m.gnssFeed(b.data[:b.used])
	} else if l.Get(1).Type() == glua.LTString {
		m.gnssFeed([]byte(m.str(l, 1)))
	}
	return 0
}

// gnssFeed takes the next bytes of the stream apart into lines.
func (m *Machine) gnssFeed(data []byte) {
	g := m.data.gnss
	m.charge(len(data) / 2)
	for _, c := range data {
		if len(g.partial) > gnssLineMax {
			g.partial = nil
		}
		if c != '\n' {
			g.partial = append(g.partial, c)
			continue
		}
		m.gnssSentence(string(g.partial))
		g.partial = nil
	}
}

func (m *Machine) gnssSentence(line string) {
	kind, ok := nmea.Kind(line)
	if !ok {
		return
	}
	g, now := m.data.gnss, m.board.Now()
	entry := gnssLine{line, now}
	switch kind {
	case "RMC":
		if f, ok := nmea.ParseRMC(line); ok {
			g.last[kind] = entry
			m.gnssFix(f)
		}
	case "GSA":
		if _, ok := nmea.ParseGSA(line); ok {
			g.gsa[g.nextGSA] = entry
			g.nextGSA = (g.nextGSA + 1) % gnssSlotsGSA
			for i := range g.gsa {
				if now-g.gsa[i].at > gnssGSAKept {
					g.gsa[i] = gnssLine{}
				}
			}
		}
	case "GSV":
		if f, ok := nmea.ParseGSV(line); ok {
			g.addGSV(f.Message, entry)
		}
	case "GGA", "GLL", "GST", "VTG", "ZDA":
		g.last[kind] = entry
	case "TXT":
		g.last[kind] = entry
		m.gnssTell("txt", line)
	case "GBS":
		m.gnssTell("other", line)
	}
}

// addGSV puts a sentence into the first free slot. The first one of a series
// throws the series before it away.
func (g *gnss) addGSV(message int, entry gnssLine) {
	if message == 1 {
		for i := range g.gsv {
			if t := g.gsv[i].text; t != "" && t[:6] == entry.text[:6] {
				g.gsv[i] = gnssLine{}
			}
		}
	}
	for i := range g.gsv {
		if g.gsv[i].text == "" {
			g.gsv[i] = entry
			return
		}
	}
}

// gnssFix notes a position, or that there is none any more.
func (m *Machine) gnssFix(f nmea.RMC) {
	g := m.data.gnss
	if !f.Valid {
		if g.fixed && g.rmc.Valid {
			m.logf(levelInfo, "gnss", "Lose")
			m.gnssState("LOSE")
		}
		g.fixed, g.rmc.Valid, g.rmc.Date, g.rmc.Time = false, false, f.Date, f.Time
		return
	}
	g.rmc = f
	now := m.board.Now()
	if g.setClock && (!g.fixed || now-g.fixedAt > gnssClockFor) {
		m.logf(levelInfo, "gnss", "Auto-Set RTC by GNSS RMC")
		if year, ok := nmea.FullYear(f.Date, f.Time); ok {
			m.board.SetUnixTime(time.Date(year, time.Month(f.Date.Month), f.Date.Day, f.Time.Hours, f.Time.Minutes, f.Time.Seconds, 0, time.UTC).Unix())
		}
	}
	if !g.fixed {
		m.logf(levelInfo, "gnss", "Fixed %d %d", f.Latitude.Value, f.Longitude.Value)
		m.gnssState("FIXED")
	}
	g.fixed, g.fixedAt = true, now
}

func (m *Machine) gnssState(state string) {
	m.publishLater("GNSS_STATE", glua.LString(state), glua.LNumber(m.board.Now().Milliseconds()))
}

// gnssTell hands data to the callback of an event.
func (m *Machine) gnssTell(event, data string) {
	if cb := m.data.gnss.callbacks[event]; cb != nil {
		m.post(func(l *glua.LState) int { m.call(l, cb, 0, glua.LString(data)); return 0 })
	}
}

// gnssOn is on("raw" | "txt" | "other", function or nil).
func (m *Machine) gnssOn(l *glua.LState) int {
	g, event := m.data.gnss, m.str(l, 1)
	if event != "raw" && event != "txt" && event != "other" {
		return 0
	}
	if release := g.release[event]; release != nil {
		release()
		delete(g.release, event)
		delete(g.callbacks, event)
	}
	if f, ok := l.Get(2).(*glua.LFunction); ok {
		g.callbacks[event], g.release[event] = f, m.hold(f)
	}
	return 0
}

// gnssBind is bind(port [, port to forward to]): what the port receives is
// parsed without passing through the script.
func (m *Machine) gnssBind(l *glua.LState) int {
	g, id := m.data.gnss, m.integer(l, 1)
	g.clear()
	if !m.uartExists(id) {
		return 0
	}
	port := m.uartKnown(id)
	port.received = m.l.NewFunction(func(l *glua.LState) int {
		data := port.take(int64(len(port.rx)))
		if g.forward > 0 {
			m.call(l, l.GetField(m.vm.Globals().RawGetString("uart"), "write"), 0, glua.LNumber(g.forward), glua.LString(data))
		}
		m.gnssTell("raw", string(data))
		if g.debug {
			m.logf(levelDebug, "gnss", ">> %s", data)
		}
		m.gnssFeed(data)
		return 0
	})
	if to, ok := anInteger(l.Get(2)); ok {
		if to == id {
			m.logf(levelWarn, "gnss", "id == next_id , is NOT allow. %d", id)
			return 0
		}
		g.forward = to
	}
	return 0
}

func (m *Machine) gnssIntLocation(l *glua.LState) int {
	r := &m.data.gnss.rmc
	if !r.Valid {
		for range 3 {
			l.Push(glua.LNumber(0))
		}
		return 3
	}
	l.Push(glua.LNumber(r.Latitude.Value))
	l.Push(glua.LNumber(r.Longitude.Value))
	knots := r.Speed.Float()
	switch m.optInt(l, 1, 0) {
	case 1: // m/s
		m.pushFloat(l, float64(float32(knots*1852)/3600))
	case 2: // km/h
		m.pushFloat(l, float64(knots)*1.852)
	case 3: // knots
		m.pushFloat(l, float64(knots))
	default: // m/h
		pushInt(l, int64(float32(knots*1852)))
	}
	return 3
}

func (m *Machine) gnssLocStr(l *glua.LState) int {
	r := &m.data.gnss.rmc
	switch m.optInt(l, 1, 0) {
	case 0:
		half := func(f nmea.Fixed, plus, minus string) string {
			v, side := float64(f.Float()), minus
			if v > 0 {
				side = plus
			}
			return strconv.FormatFloat(math.Abs(v), 'g', 7, 64) + "," + side
		}
		return pushStr(l, half(r.Latitude, "N", "S")+","+half(r.Longitude, "E", "W")+",1.0")
	case 1:
		return pushStr(l, strconv.Itoa(int(r.Latitude.Value))+","+strconv.Itoa(int(r.Longitude.Value)))
	}
	return pushStr(l, "")
}
