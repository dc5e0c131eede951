package atmodem

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// reply is the answer to a command.
type reply struct {
	lines []string
	code  int    // 0 for OK, above 0 a cause that AT+CMEE=1 shows, -1 for ERROR
	kind  string // of the cause, "CME" or "CMS"
	later bool   // the handler sends the answer itself
}

func ok(lines ...string) reply { return reply{lines: lines} }
func failed() reply            { return reply{code: -1} }
func cme(code int) reply       { return reply{code: code, kind: "CME"} }
func cms(code int) reply       { return reply{code: code, kind: "CMS"} }

// Causes (3GPP TS 27.007 9.2, 27.005 3.2.5).
const (
	cmeNotInserted = 10
	cmePINWrong    = 16
	cmeSIMPIN      = 11
	cmeParameter   = 50
	cmsIndex       = 321
	cmsNoNetwork   = 331
	cmsFormat      = 304
)

// contextsMax is the highest number of a PDP context.
const contextsMax = 8

// handler answers a command; args is what stands behind "=".
type handler func(m *Modem, args string) reply

// row is one command in its forms: AT+X, AT+X?, AT+X=..., AT+X=?.
type row struct {
	name            string
	run, read, test handler
	set             handler
}

// keep is a row that takes a value and does nothing with it; read says what
// is shown of it.
func keep(name, initial string) row {
	return row{
		name: name,
		run:  func(*Modem, string) reply { return ok() },
		set: func(m *Modem, args string) reply {
			m.settings[name] = args
			return ok()
		},
		read: func(m *Modem, _ string) reply {
			v, set := m.settings[name]
			if !set {
				v = initial
			}
			return ok(name + ": " + v)
		},
	}
}

// newTable makes the table of commands. What is only kept is listed at the end.
func newTable() map[string]*row {
	rows := []row{
		{name: "E", run: fine, set: fine}, {name: "V", run: fine}, {name: "Q", run: fine}, {name: "X", run: fine}, {name: "", run: fine},
		{name: "I", run: func(m *Modem, _ string) reply { return ok("AirM2M", m.c.Model, m.c.Version) }},
		{name: "+CMEE", set: func(m *Modem, a string) reply { m.numeric = a == "1" || a == "2"; return ok() }},
		{name: "+CGSN", run: text(func(m *Modem) string { return m.c.IMEI })},
		{name: "+GSN", run: text(func(m *Modem) string { return m.c.IMEI })},
		{name: "+WIMEI", read: text(func(m *Modem) string { return m.c.IMEI }), set: setIMEI},
		{name: "+WISN", read: readSN, set: setSN},
		{name: "+MUID", read: text(func(m *Modem) string { return "+MUID: " + m.c.MUID })},
		{name: "+CGMM", run: text(func(m *Modem) string { return `+CGMM: "` + m.c.Model + `"` })},
		{name: "+CGMI", run: text(func(*Modem) string { return `+CGMI: "AirM2M"` })},
		{name: "+CGMR", run: text(func(m *Modem) string { return `+CGMR: "` + m.c.Version + `"` })},
		{name: "+VER", run: text(func(m *Modem) string { return m.c.Version })},
		{name: "+CPIN", read: text(func(m *Modem) string { return "+CPIN: " + m.pinState() }), set: enterPIN},
		{name: "+ICCID", run: card(func(s *SIM) string { return "+ICCID: " + s.ICCID })},
		{name: "+CIMI", run: card(func(s *SIM) string { return s.IMSI })},
		{name: "+CNUM", run: card(func(s *SIM) string { return `+CNUM: "","` + s.Number + `",145` })},
		{name: "+SIMCROSS", read: text(func(m *Modem) string { return fmt.Sprintf("+SIMCROSS: %d", m.slot) }), set: setSlot},
		{name: "+CSQ", run: text(func(m *Modem) string { return fmt.Sprintf("+CSQ: %d,99", m.csq()) })},
		{name: "+CESQ", run: cesq},
		{name: "+COPS", read: readCOPS, set: fine},
		registration("+CREG"), registration("+CGREG"), registration("+CEREG"),
		{name: "+CGATT", read: text(func(m *Modem) string { return "+CGATT: " + bit(m.Registered()) }), set: fine},
		{name: "+CGDCONT", read: readContexts, set: setContext},
		{name: "+CGACT", read: readActive, set: setActive},
		{name: "+CGPADDR", set: address, run: address},
		{name: "+CFUN", read: readCFUN, set: setCFUN},
		{name: "+CCLK", read: text(func(m *Modem) string { return "+CCLK: " + m.clock() }), set: setClock},
		{name: "+CALIBINFO", read: text(func(*Modem) string {
			return "LTE_afc:1,LTE_TDD_agc:1,LTE_TDD_apc:1,LTE_FDD_agc:1,LTE_FDD_apc:1,ANT_LTE:1"
		})},
		{name: "+RFTEMPERATURE", read: text(func(*Modem) string { return "+RFTEMPERATURE:29.77" })},
		{name: "+CBC", run: text(func(*Modem) string { return "+CBC: 0,80,3800" })},
		{name: "+EEMGINFO", read: cells},
		{name: "*BAND", read: text(func(m *Modem) string { return "*BAND: 5,0,0,482,149,1,1,0" })},
		{name: "*EXINFO", read: fine},
		{name: "+CPOWD", set: func(m *Modem, _ string) reply { m.c.Off(); return ok() }},
		{name: "+RSTSET", run: func(m *Modem, _ string) reply { m.c.Reset(); return ok() }},
		{name: "+RESET", run: func(m *Modem, _ string) reply { m.c.Reset(); return ok() }},
		{name: "+CMGS", set: sendSMS}, {name: "+CMGR", set: readSMS}, {name: "+CMGD", set: deleteSMS},
		{name: "+CMGF", set: pduMode, read: text(func(*Modem) string { return "+CMGF: 0" })},
		{name: "+CPMS", read: storage, set: storage},
		keep("+CNMI", "2,1,0,0,0"), keep("+CSMP", "17,167,0,8"), keep("+CSCS", `"GSM"`), keep("+CIND", "0"),
		keep("+EEMOPT", "0"), keep("+RNDISCALL", "0,1"), keep("+AUTOAPN", "1"), keep("*CGDFLT", `"IP","cmnet"`), keep("*CGDFAUTH", "0"),
		keep("+CPNETAPN", "0"), keep("+TCPUSERPARAM", ""), keep("*DNSTMOUT", "4,4"), keep("*RTIME", "10"), keep("+SETVOLTE", "0"),
		keep("+MEDCR", "0"), keep("+CLIP", "0"), keep("+CTZU", "1"), keep("+CTZR", "0"), keep("+CSCLK", "0"), keep("+IPR", "115200"),
	}
	t := map[string]*row{}
	for i := range rows {
		t[rows[i].name] = &rows[i]
	}
	return t
}

func fine(*Modem, string) reply { return ok() }

func text(f func(m *Modem) string) handler {
	return func(m *Modem, _ string) reply { return ok(f(m)) }
}

// card is a command that needs a SIM card that works.
func card(f func(s *SIM) string) handler {
	return func(m *Modem, _ string) reply {
		sim := m.c.SIM()
		switch {
		case sim == nil:
			return cme(cmeNotInserted)
		case !m.simReady:
			return cme(cmeSIMPIN)
		}
		return ok(f(sim))
	}
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// run answers one command line. Several commands in a line are not emulated:
// the libraries send one each.
func (m *Modem) run(line string) {
	if len(line) < 2 || !strings.EqualFold(line[:2], "AT") {
		m.unknown(line)
		return
	}
	name, form, args := split(line[2:])
	r := m.table[name]
	if r == nil {
		m.unknown("AT" + name)
		return
	}
	h := map[byte]handler{0: r.run, '?': r.read, '=': r.set, 't': r.test}[form]
	if form == 't' && h == nil {
		h = fine
	}
	if h == nil {
		m.unknown("AT" + name + map[byte]string{0: "", '?': "?", '=': "=", 't': "=?"}[form])
		return
	}
	if rep := h(m, args); !rep.later {
		m.finish(rep)
	}
}

func (m *Modem) unknown(name string) {
	const most = 40
	m.c.Unknown(strings.ToValidUTF8(name[:min(len(name), most)], "?"))
	m.finish(failed())
}

// split takes a command apart: its name in upper case, its form (0, '?', '='
// or 't' for the test "=?") and what stands behind the "=". The basic commands
// without a sign have their number behind the letter.
func split(s string) (name string, form byte, args string) {
	i := strings.IndexAny(s, "=?")
	if i < 0 {
		i = len(s)
	}
	name, rest := strings.ToUpper(strings.TrimSpace(s[:i])), s[i:]
	switch {
	case rest == "=?":
		return name, 't', ""
	case rest == "?":
		return name, '?', ""
	case rest != "":
		return name, '=', rest[1:]
	}
	if name != "" && name[0] >= 'A' && name[0] <= 'Z' {
		return name[:1], 0, name[1:]
	}
	return name, 0, ""
}

// numbers reads up to n numbers; missing ones are -1. Strings count as 0.
func numbers(args string, n int) []int {
	out := make([]int, n)
	fields := strings.Split(args, ",")
	for i := range out {
		out[i] = -1
		if i < len(fields) {
			if v, err := strconv.Atoi(strings.TrimSpace(fields[i])); err == nil {
				out[i] = v
			}
		}
	}
	return out
}

// unquote is a string argument.
func unquote(s string) string { return strings.Trim(strings.TrimSpace(s), `"`) }

func setIMEI(m *Modem, args string) reply {
	id := unquote(args)
	if len(id) != 15 || strings.Trim(id, "0123456789") != "" {
		return cme(cmeParameter)
	}
	m.c.IMEI = id
	return ok()
}

func readSN(m *Modem, _ string) reply {
	if m.c.SN == "" {
		return ok("*CME ERROR: Missing SN")
	}
	return ok(m.c.SN)
}

func setSN(m *Modem, args string) reply {
	m.c.SN = unquote(args)
	return ok()
}

func enterPIN(m *Modem, args string) reply {
	sim := m.c.SIM()
	switch {
	case sim == nil:
		return cme(cmeNotInserted)
	case unquote(args) != sim.PIN:
		return cme(cmePINWrong)
	}
	m.unlocked = true
	m.then(answerTime, m.readSIM)
	return ok()
}

func setSlot(m *Modem, args string) reply {
	n := numbers(args, 1)[0]
	if n != 0 && n != 1 {
		return cme(cmeParameter)
	}
	m.slot = n
	return ok()
}

// csq is the signal from 0 to 31, 99 if there is none (3GPP TS 27.007 8.5).
func (m *Modem) csq() int {
	cells := m.c.Cells()
	if len(cells) == 0 || m.flying {
		return 99
	}
	return max(0, min(31, (cells[0].RSSI+113)/2))
}

func cesq(m *Modem, _ string) reply {
	cells := m.c.Cells()
	if len(cells) == 0 || m.flying {
		return ok("+CESQ: 99,99,255,255,255,255")
	}
	rsrq, rsrp := 2*cells[0].RSRQ+40, cells[0].RSRP+141
	return ok(fmt.Sprintf("+CESQ: 99,99,255,255,%d,%d", max(0, min(34, rsrq)), max(0, min(97, rsrp))))
}

func readCOPS(m *Modem, _ string) reply {
	cell := m.serving()
	if cell == nil {
		return ok("+COPS: 0")
	}
	return ok(fmt.Sprintf(`+COPS: 0,2,"%03d%02d",7`, cell.MCC, cell.MNC))
}

// registration is +CREG and its like (3GPP TS 27.007 7.2).
func registration(name string) row {
	return row{
		name: name,
		read: func(m *Modem, _ string) reply {
			n := m.reports[name]
			return ok(fmt.Sprintf("%s: %d,%s", name, n, m.registration(n)))
		},
		set: func(m *Modem, args string) reply {
			n := numbers(args, 1)[0]
			if n < 0 || n > 5 {
				return cme(cmeParameter)
			}
			m.reports[name] = n
			return ok()
		},
	}
}

// bearer is the default bearer as +CGDCONT shows it.
func (m *Modem) bearer(ip string) string {
	apn := "CMNET"
	if sim := m.c.SIM(); sim != nil && sim.APN != "" {
		apn = sim.APN
	}
	return fmt.Sprintf(`1,"IP","%s","%s",0,0`, apn, ip)
}

func readContexts(m *Modem, _ string) reply {
	var lines []string
	if ip, has := m.c.Address(); has && m.Registered() {
		lines = append(lines, "+CGDCONT: "+m.bearer(ip))
	}
	for cid := 2; cid <= contextsMax; cid++ {
		if apn, has := m.contexts[cid]; has {
			lines = append(lines, fmt.Sprintf(`+CGDCONT: %d,"IP","%s","",0,0`, cid, apn))
		}
	}
	return ok(lines...)
}

func setContext(m *Modem, args string) reply {
	f := strings.Split(args, ",")
	cid := numbers(args, 1)[0]
	if cid < 1 || cid > contextsMax {
		return cme(cmeParameter)
	}
	apn := ""
	if len(f) > 2 {
		apn = unquote(f[2])
	}
	m.contexts[cid] = apn
	return ok()
}

func readActive(m *Modem, _ string) reply {
	_, has := m.c.Address()
	lines := []string{"+CGACT: 1," + bit(has && m.Registered())}
	for cid := 2; cid <= contextsMax; cid++ {
		if _, has := m.contexts[cid]; has {
			lines = append(lines, fmt.Sprintf("+CGACT: %d,%s", cid, bit(m.active[cid])))
		}
	}
	return ok(lines...)
}

func setActive(m *Modem, args string) reply {
	n := numbers(args, 2)
	switch state, cid := n[0], n[1]; {
	case state < 0 || state > 1 || !m.Registered():
		return failed()
	case !strings.Contains(args, ","): // all contexts
		for cid := range m.contexts {
			m.active[cid] = state == 1
		}
	case cid < 1 || cid > contextsMax:
		return cme(cmeParameter)
	default:
		m.active[cid] = state == 1
	}
	return ok()
}

func address(m *Modem, _ string) reply {
	ip, has := m.c.Address()
	if !has || !m.Registered() {
		return failed()
	}
	return ok(`+CGPADDR: 1,"` + ip + `"`)
}

func readCFUN(m *Modem, _ string) reply { return ok("+CFUN: " + bit(!m.flying)) }

func setCFUN(m *Modem, args string) reply {
	n := numbers(args, 2)
	switch {
	case n[1] == 1:
		m.c.Reset()
	case n[0] == 0 || n[0] == 4:
		m.flying = true
		m.then(answerTime, func() { m.setStatus(notRegistered) })
	case n[0] == 1:
		was := m.flying
		m.flying = false
		if was && m.simReady {
			m.then(answerTime, m.search)
		}
	default:
		return cme(cmeParameter)
	}
	return ok()
}

// beijing is the zone of the module's clock: +32 quarters of an hour.
var beijing = time.FixedZone("", 8*3600)

// clock is the time as +CCLK shows it.
func (m *Modem) clock() string {
	return `"` + m.c.Now().In(beijing).Format("06/01/02,15:04:05") + `+32"`
}

func setClock(m *Modem, args string) reply {
	s := unquote(args)
	zone := 0
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		n, err := strconv.Atoi(s[i:])
		if err != nil || n < -48 || n > 56 {
			return cme(cmeParameter)
		}
		zone, s = n, s[:i]
	}
	t, err := time.Parse("06/01/02,15:04:05", s)
	if err != nil {
		return cme(cmeParameter)
	}
	m.c.SetNow(t.Add(-time.Duration(zone) * 15 * time.Minute))
	return ok()
}

// cells reports the serving cell and its neighbours as lines of their own.
// Of the fields only those have values that the script libraries read: MCC,
// MNC, TAC, cell and signal.
func cells(m *Modem, _ string) reply {
	list := m.c.Cells()
	if len(list) == 0 || m.flying {
		return ok()
	}
	c := list[0]
	lines := []string{fmt.Sprintf("+EEMLTESVC: %d, 2, %d, %d, %d, %d, %d, 5, 5, %d, %d, %d, 0, 0, %d, 0, 0",
		bcd(c.MCC), bcd(c.MNC), c.TAC, c.PCI, c.EARFCN, c.Band, c.ECI, max(0, c.RSRP+141), max(0, 2*c.RSRQ+40), max(0, c.RSRP+141))}
	for i, n := range list[1:] {
		lines = append(lines, fmt.Sprintf("+EEMLTEINTRA: %d, %d, %d, %d, %d, %d, %d, %d, %d",
			i, n.PCI, n.EARFCN, max(0, n.RSRP+141), max(0, 2*n.RSRQ+40), bcd(n.MCC), bcd(n.MNC), n.TAC, n.ECI))
	}
	return ok(lines...)
}

// bcd is a number whose hexadecimal digits are the decimal ones of n: the
// libraries print country codes with %x.
func bcd(n int) int {
	v, err := strconv.ParseInt(strconv.Itoa(n), 16, 32)
	if err != nil {
		return 0
	}
	return int(v)
}
