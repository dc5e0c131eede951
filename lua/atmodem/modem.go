// Package atmodem is the modem behind the virtual serial port of a Luat script
// core (Air724UG and its relatives): it answers AT commands and reports what
// happens to the SIM card and the network, as far as the script libraries of
// that core need it (8910.md 3, 6.4).
//
// Commands are rows of one table (commands.go). A command that is not in it is
// answered with ERROR and reported through [Config.Unknown], never taken in
// silence.
//
// Assumed, since no source shows the bytes of the port: answers come without
// the empty line that a modem sends in front of each; nothing is echoed, also
// before ATE0; an answer takes 10 ms.
package atmodem

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SIM is the card in the slot.
type SIM struct {
	ICCID, IMSI, Number string
	PIN                 string // empty: not asked for
	APN                 string
}

// Cell is a cell in reach.
type Cell struct {
	MCC, MNC         int
	Band, EARFCN     int
	PCI              int
	TAC, ECI         int64
	RSSI, RSRP, RSRQ int // dBm, dBm, dB
	Rejects          bool
}

// Network is how the operator's network behaves.
type Network struct {
	Register time.Duration // from the card's readiness to registration
	Roaming  bool
}

// SMS is a short message.
type SMS struct {
	Number, Text string // text in UTF-8
}

// Config connects a modem with its module. All functions must be there.
type Config struct {
	IMEI, SN, MUID string
	Model          string // "Air724UG"
	Version        string // of the core
	SIM            func() *SIM
	Cells          func() []Cell // the serving one first
	Network        func() Network
	// Address is the address of the default bearer.
	Address func() (ip string, ok bool)
	// After calls fn in virtual time.
	After func(delay time.Duration, fn func()) (cancel func())
	// Now and SetNow are the module's clock.
	Now    func() time.Time
	SetNow func(time.Time)
	// Say sends text to the scripts.
	Say func(text string)
	// Unknown is told the name of a command that the modem does not know.
	Unknown func(name string)
	// TakeSMS takes the next message that waits in the network.
	TakeSMS func() (SMS, bool)
	// SendSMS returns the network's cause, 0 for success.
	SendSMS func(SMS) (cause int)
	// Off switches the module off, Reset resets it. Neither returns.
	Off, Reset func()
}

// Times of the modem: assumptions.
const (
	readyTime    = 300 * time.Millisecond // power-on to RDY
	simTime      = 700 * time.Millisecond // power-on to a SIM card that is ready
	answerTime   = 10 * time.Millisecond
	smsReadyTime = 500 * time.Millisecond  // from registration
	smsSendTime  = 1500 * time.Millisecond // for a short message
)

// commandMax bounds a line in bytes, queueMax the commands that wait.
const (
	commandMax = 2048
	queueMax   = 100
	storeMax   = 50 // short messages on the card
)

// Registration states (3GPP TS 27.007 7.2).
const (
	notRegistered = 0
	registered    = 1
	searching     = 2
	denied        = 3
	roaming       = 5
)

// Modem is one life of the modem, from power-on to the next reset.
type Modem struct {
	c      Config
	line   []byte
	long   bool     // the line is longer than it may be
	busy   bool     // an answer is on its way
	queue  []string // commands that wait for it
	prompt func(text string)

	flying   bool // AT+CFUN=0 or 4
	unlocked bool // the PIN was given
	simReady bool
	status   int
	next     func()         // cancels the next step of registration
	reports  map[string]int // n of AT+CREG=n and its like
	numeric  bool           // AT+CMEE=1
	contexts map[int]string // PDP contexts by number: APN
	active   map[int]bool   // those that a script activated
	slot     int
	settings map[string]string // of commands that only keep a value
	table    map[string]*row   // of commands, by name
	store    []*part           // messages on the card, by position
	arriving []*part           // the rest of a message that the card has no room for
	joined   int               // reference of the last message in several parts
	msgRef   int
}

// New makes a modem that is off: see [Modem.Start].
func New(c Config) *Modem {
	return &Modem{
		c: c, reports: map[string]int{}, contexts: map[int]string{}, active: map[int]bool{}, settings: map[string]string{},
		store: make([]*part, storeMax), table: newTable(),
	}
}

// Start switches the modem on.
func (m *Modem) Start() {
	m.c.After(readyTime, func() { m.say("RDY") })
	m.then(simTime, m.readSIM)
}

// say sends a line.
func (m *Modem) say(format string, args ...any) { m.c.Say(fmt.Sprintf(format, args...) + "\r\n") }

// then replaces what the radio would do next.
func (m *Modem) then(delay time.Duration, fn func()) {
	if m.next != nil {
		m.next()
	}
	m.next = m.c.After(delay, fn)
}

// readSIM looks at the card and, if it works, for a network.
func (m *Modem) readSIM() {
	m.simReady = false
	state := m.pinState()
	m.say("+CPIN: %s", state)
	if state != "READY" {
		return
	}
	m.simReady = true
	if !m.flying {
		m.search()
	}
}

// pinState is what +CPIN says.
func (m *Modem) pinState() string {
	sim := m.c.SIM()
	switch {
	case sim == nil:
		return "NOT INSERTED"
	case sim.PIN != "" && !m.unlocked:
		return "SIM PIN"
	}
	return "READY"
}

// search registers after the network's time if a cell takes the module.
func (m *Modem) search() {
	m.setStatus(searching)
	if len(m.c.Cells()) > 0 {
		m.then(m.c.Network().Register, m.register)
	}
}

func (m *Modem) register() {
	cells := m.c.Cells()
	switch {
	case len(cells) == 0:
		return
	case cells[0].Rejects:
		m.setStatus(denied)
		return
	case m.c.Network().Roaming:
		m.setStatus(roaming)
	default:
		m.setStatus(registered)
	}
	m.then(smsReadyTime, func() {
		m.say("SMS READY")
		m.SMSArrived()
	})
}

// setStatus changes the registration and reports it.
func (m *Modem) setStatus(status int) {
	if m.status == status {
		return
	}
	m.status = status
	for _, name := range []string{"+CREG", "+CGREG", "+CEREG"} {
		if n := m.reports[name]; n > 0 {
			m.say("%s: %s", name, m.registration(n))
		}
	}
}

// Registered reports whether a network has taken the module.
func (m *Modem) Registered() bool { return m.status == registered || m.status == roaming }

// serving is the cell that the module is registered with, nil if there is none.
func (m *Modem) serving() *Cell {
	cells := m.c.Cells()
	if !m.Registered() || len(cells) == 0 {
		return nil
	}
	return &cells[0]
}

// registration is the state without the leading number of reports.
func (m *Modem) registration(n int) string {
	cell := m.serving()
	if n < 2 || cell == nil {
		return fmt.Sprint(m.status)
	}
	return fmt.Sprintf(`%d,"%04x","%08x",7`, m.status, cell.TAC, cell.ECI)
}

// SIMChanged is for a card that came or went, CellsChanged for another
// coverage.
func (m *Modem) SIMChanged() {
	m.unlocked = false
	m.setStatus(notRegistered)
	m.then(simTime, m.readSIM)
}

// CellsChanged says that other cells are in reach.
func (m *Modem) CellsChanged() {
	switch {
	case !m.simReady || m.flying:
	case len(m.c.Cells()) == 0:
		m.then(0, func() { m.setStatus(searching) })
	case !m.Registered():
		m.search()
	}
}

// SMSArrived says that a message waits in the network.
func (m *Modem) SMSArrived() {
	for i := range m.store {
		if !m.Registered() {
			return
		}
		if m.store[i] != nil {
			continue
		}
		p := m.nextPart()
		if p == nil {
			return
		}
		m.store[i] = p
		m.say(`+CMTI: "SM",%d`, i+1)
	}
}

// Write takes what the scripts send.
func (m *Modem) Write(p string) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case m.prompt != nil && c == 26: // Ctrl-Z
			done := m.prompt
			m.prompt = nil
			done(m.take())
		case m.prompt != nil && c == 27: // escape
			m.prompt = nil
			m.take()
			m.finish(ok())
		case m.prompt == nil && c == '\r':
			m.command(m.take())
		case m.prompt == nil && c == '\n' && len(m.line) == 0:
		case len(m.line) == commandMax:
			m.long = true
		default:
			m.line = append(m.line, c)
		}
	}
}

// take returns the line; one that is too long is none that the modem knows.
func (m *Modem) take() string {
	text := string(m.line)
	if m.long {
		text = "a line of more than " + strconv.Itoa(commandMax) + " bytes"
	}
	m.line, m.long = nil, false
	return text
}

// command takes a command line; it waits for the answer to the one before.
func (m *Modem) command(line string) {
	if line = strings.TrimSpace(line); line == "" {
		return
	}
	if m.busy {
		if len(m.queue) == queueMax {
			m.c.Unknown("a command while " + strconv.Itoa(queueMax) + " wait")
			return
		}
		m.queue = append(m.queue, line)
		return
	}
	m.busy = true
	m.c.After(answerTime, func() { m.run(line) })
}

// finish sends the answer to the running command and starts the next one.
func (m *Modem) finish(r reply) {
	for _, l := range r.lines {
		m.say("%s", l)
	}
	switch {
	case r.code == 0:
		m.say("OK")
	case r.code > 0 && m.numeric:
		m.say("+%s ERROR: %d", r.kind, r.code)
	default:
		m.say("ERROR")
	}
	m.busy = false
	if len(m.queue) > 0 {
		line := m.queue[0]
		m.queue = m.queue[1:]
		m.command(line)
	}
}
