package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// How long the radios take: assumptions, but for registration, which the scene
// decides.
const (
	simTime      = 500 * time.Millisecond  // power-on to a SIM card that is ready
	smsReadyTime = 200 * time.Millisecond  // registration to SMS_READY
	imsTime      = 1000 * time.Millisecond // registration to calls
	cellScanTime = 1500 * time.Millisecond // mobile.reqCellInfo to its message
)

// Registration states, LUAT_MOBILE_STATUS_* (luatos-runtime.md 9.7).
const (
	cellUnregistered = 0
	cellHome         = 1
	cellSearching    = 2
	cellDenied       = 3
	cellRoaming      = 5
)

// Operations of mobile.simPin.
const (
	pinVerify = iota
	pinChange
	pinEnable
	pinDisable
	pinUnblock
)

// cellular is the mobile radio: SIM card, registration, and what follows.
type cellular struct {
	slot     int // of the SIM card; 2 means the one that has a card
	flying   bool
	simReady bool
	unlocked bool // the PIN was given
	status   int
	scanned  bool   // reqCellInfo has been answered
	next     func() // cancels the next state
	poll     func() // cancels the period of setAuto
	apn      string // set by a script
	ipv6     bool
	sync     bool
	bands    []byte
	msgRef   int // of the last short message
	smsReady bool
	imsReady bool
}

// openCellular switches the radio on.
func (m *Machine) openCellular() {
	m.cell = cellular{status: cellUnregistered, sync: true, bands: append([]byte(nil), cellBands...)}
	m.attach(simTime)
}

// cellBands are the LTE bands of the module: an assumption, those of the
// Chinese versions.
var cellBands = []byte{1, 3, 5, 8, 34, 38, 39, 40, 41}

// simCard is the card in the slot that is in use.
func (m *Machine) simCard() *SIM {
	sim := m.scene().SIM()
	if sim == nil || m.cell.slot != 2 && sim.Slot != m.cell.slot {
		return nil
	}
	return sim
}

func (m *Machine) registered() bool {
	return m.cell.status == cellHome || m.cell.status == cellRoaming
}

// servingCell is the cell that the module is on; nil without registration.
func (m *Machine) servingCell() *Cell {
	if cells := m.scene().Cells(); len(cells) > 0 && m.registered() {
		return &cells[0]
	}
	return nil
}

// then replaces what the radio would do next.
func (c *cellular) then(cancel func()) {
	if c.next != nil {
		c.next()
	}
	c.next = cancel
}

// attach reads the SIM card after delay and looks for a network.
func (m *Machine) attach(delay time.Duration) {
	m.cell.then(m.after(delay, func() {
		sim := m.simCard()
		switch {
		case sim == nil:
			m.publishLater("SIM_IND", glua.LString("NORDY"))
		case sim.PIN != "" && !m.cell.unlocked:
			m.publishLater("SIM_IND", glua.LString("SIM_PIN"))
		default:
			m.cell.simReady = true
			m.publishLater("SIM_IND", glua.LString("RDY"))
			if sim.Number != "" {
				m.publishLater("SIM_IND", glua.LString("GET_NUMBER"))
			}
			m.search()
		}
	}))
}

// search registers after the network's time, if there is a cell that takes
// the module.
func (m *Machine) search() {
	m.cell.status = cellSearching
	if len(m.scene().Cells()) == 0 {
		m.cell.then(nil)
		return
	}
	m.cell.then(m.after(m.scene().Cellular().Register, m.registerCell))
}

func (m *Machine) registerCell() {
	cells, network := m.scene().Cells(), m.scene().Cellular()
	switch {
	case len(cells) == 0:
		return
	case cells[0].RegistrationRejected:
		m.cell.status = cellDenied
		return
	case network.Roaming:
		m.cell.status = cellRoaming
	default:
		m.cell.status = cellHome
	}
	m.linkChanged(adapterGP, true)
	if network.Time && m.cell.sync {
		m.publishLater("NTP_UPDATE", glua.LNumber(1))
	}
	m.cell.then(m.after(smsReadyTime, func() {
		m.cell.smsReady = true
		m.publishLater("SMS_READY", glua.LNumber(0))
		m.smsArrived()
		m.cell.then(m.after(imsTime-smsReadyTime, m.callsReady))
	}))
}

// callsReady is when the network's telephony is there.
func (m *Machine) callsReady() {
	m.cell.imsReady = true
	m.publishLater("CC_IND", glua.LString("READY"))
}

// detach leaves the network.
func (m *Machine) detach() {
	m.cell.then(nil)
	was := m.registered()
	m.cell.status, m.cell.smsReady, m.cell.imsReady, m.cell.scanned = cellUnregistered, false, false, false
	if was {
		m.callLost()
		m.linkChanged(adapterGP, false)
	}
}

// simChanged is a card that was put in or taken out.
func (m *Machine) simChanged() {
	if !m.fw.Mobile || m.cell.flying {
		return
	}
	m.detach()
	m.cell.simReady, m.cell.unlocked = false, false
	m.attach(simTime)
}

// cellsChanged is a change of coverage.
func (m *Machine) cellsChanged() {
	switch covered := len(m.scene().Cells()) > 0; {
	case !m.fw.Mobile || m.cell.flying || !m.cell.simReady:
	case !covered:
		m.detach()
		m.cell.status = cellSearching
	case !m.registered():
		m.search()
	}
}

// flymode switches the radio off and on; it returns how it was.
func (m *Machine) flymode(on bool) (was bool) {
	was = m.cell.flying
	m.cell.flying = on
	switch {
	case on && !was:
		m.detach()
		m.cell.simReady = false
	case was && !on:
		m.attach(simTime)
	}
	return was
}

// radioUp reports whether a radio's adapter has a link; known is false for
// adapters that no radio of this firmware serves.
func (m *Machine) radioUp(adapter int) (up, known bool) {
	switch {
	case adapter == adapterGP && m.fw.Mobile:
		return m.registered(), true
	case adapter == adapterSTA && m.fw.Wlan:
		return m.wifi.joined, true
	case adapter == adapterAP && m.fw.Wlan:
		return m.wifi.apOn, true
	}
	return false, false
}
