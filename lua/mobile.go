package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library mobile (luatos-runtime.md 9.7; returns, and the fields of
// tables, as the library's own documentation has them). Its radio is
// radio.go's, its network the scene's.
//
// Assumed: bands; that apn returns the card's name of the access point unless
// a script set one; that RRC states (CSCON) and traffic counters are not
// modelled.

// openMobile installs mobile.* on firmware with a cellular radio.
func (m *Machine) openMobile() {
	if !m.fw.Mobile {
		return
	}
	m.openCellular()
	t := m.lib("mobile",
		fn("status", func(l *glua.LState) int { return pushInt(l, int64(m.cell.status)) }),
		fn("imei", func(l *glua.LState) int { return pushStr(l, m.board.Identity().IMEI) }),
		m.ofSIM("imsi", func(s *SIM) string { return s.IMSI }),
		m.ofSIM("iccid", func(s *SIM) string { return s.ICCID }),
		m.ofSIM("number", func(s *SIM) string { return s.Number }),
		fn("sn", func(l *glua.LState) int { l.Push(glua.LNil); return 1 }),
		fn("muid", func(l *glua.LState) int { return pushStr(l, m.muid()) }),
		fn("apn", m.mobileAPN),
		fn("ipv6", func(l *glua.LState) int {
			m.cell.ipv6 = m.optBool(l, 1, m.cell.ipv6)
			return pushBool(l, m.cell.ipv6)
		}),
		m.ofCell("csq", 0, func(c *Cell) int64 { return int64(max(0, min(31, (c.RSSI+113)/2))) }),
		m.ofCell("rssi", 0, func(c *Cell) int64 { return int64(c.RSSI) }),
		m.ofCell("rsrq", 0, func(c *Cell) int64 { return int64(c.RSRQ) }),
		m.ofCell("rsrp", 0, func(c *Cell) int64 { return int64(c.RSRP) }),
		m.ofCell("snr", 0, func(c *Cell) int64 { return int64(c.SNR) }),
		m.ofCell("eci", -1, func(c *Cell) int64 { return c.ECI }),
		m.ofCell("tac", 0, func(c *Cell) int64 { return c.TAC }),
		// The upper 20 of the identity's 28 bits name the base station.
		m.ofCell("enbid", -1, func(c *Cell) int64 { return c.ECI >> 8 }),
		fn("scell", m.mobileServingCell),
		fn("flymode", func(l *glua.LState) int {
			if _, ok := l.Get(2).(glua.LBool); !ok {
				return pushBool(l, m.cell.flying)
			}
			m.hardware(l, "mobile", "flymode")
			return pushBool(l, m.flymode(glua.LVAsBool(l.Get(2))))
		}),
		fn("simid", m.mobileSIMSlot),
		fn("simPin", m.mobilePIN),
		m.recorded("mobile", "rtime", 0),
		fn("setAuto", m.mobileSetAuto),
		fn("getCellInfo", m.mobileCellInfo),
		fn("reqCellInfo", func(l *glua.LState) int {
			m.after(cellScanTime, m.cellsScanned)
			return 0
		}),
		m.recorded("mobile", "lockCell", 1),
		fn("reset", func(l *glua.LState) int {
			m.hardware(l, "mobile", "reset")
			m.flymode(true)
			m.flymode(false)
			return 0
		}),
		fn("config", m.mobileConfig),
		fn("getBand", m.mobileBands),
		fn("setBand", m.mobileSetBands),
		fn("syncTime", func(l *glua.LState) int {
			m.cell.sync = m.optBool(l, 1, m.cell.sync)
			return pushBool(l, m.cell.sync)
		}),
		m.recorded("mobile", "apnTableInit", 0), m.recorded("mobile", "apnTableAdd", 0), m.recorded("mobile", "apnTablePrint", 0),
	)
	for _, name := range []string{"muidSet", "dataTraffic", "vsimInit", "vsimOnOff", "rfTestMode", "rfTestInput", "rfTestParam", "rfTestImei",
		"rfTestImeiSet", "rfTestGmData", "rfTestGmDataSet", "rfTestNst", "rfTestVersion", "rfTestBandList"} {
		m.fill(t, fn(name, m.refuse("mobile."+name)))
	}
	constants(t, "UNREGISTER", cellUnregistered, "REGISTERED", cellHome, "SEARCH", cellSearching, "DENIED", cellDenied, "UNKNOW", 4,
		"REGISTERED_ROAMING", cellRoaming, "SMS_ONLY_REGISTERED", 6, "SMS_ONLY_REGISTERED_ROAMING", 7, "EMERGENCY_REGISTERED", 8,
		"CSFB_NOT_PREFERRED_REGISTERED", 9, "CSFB_NOT_PREFERRED_REGISTERED_ROAMING", 10,
		"CONF_RESELTOWEAKNCELL", 1, "CONF_STATICCONFIG", 2, "CONF_QUALITYFIRST", 3, "CONF_USERDRXCYCLE", 4, "CONF_T3324MAXVALUE", 5,
		"CONF_PSM_MODE", 6, "CONF_CE_MODE", 7, "CONF_SIM_WC_MODE", confWriteCount, "CONF_FAKE_CELL_BARTIME", 9,
		"CONF_RESET_TO_FACTORY", 10, "CONF_USB_ETHERNET", 11, "CONF_DISABLE_NCELL_MEAS", 12, "CONF_MAX_TX_POWER", confItemMax,
		"PIN_VERIFY", pinVerify, "PIN_CHANGE", pinChange, "PIN_ENABLE", pinEnable, "PIN_DISABLE", pinDisable, "PIN_UNBLOCK", pinUnblock)
}

// Items of mobile.config: how often the SIM card was written, and the last.
const (
	confWriteCount = 8
	confItemMax    = 13
)

// recorded is a function of unit that is only recorded; results is how many
// times it returns true.
func (m *Machine) recorded(unit, name string, results int) entryFn {
	return fn(name, func(l *glua.LState) int {
		m.hardware(l, unit, name)
		for range results {
			l.Push(glua.LTrue)
		}
		return results
	})
}

// ofSIM is a function that returns something of the SIM card, or nil.
func (m *Machine) ofSIM(name string, get func(*SIM) string) entryFn {
	return fn(name, func(l *glua.LState) int {
		if sim := m.simCard(); sim != nil && m.cell.simReady {
			return pushStr(l, get(sim))
		}
		l.Push(glua.LNil)
		return 1
	})
}

// ofCell is a function that returns something of the serving cell.
func (m *Machine) ofCell(name string, without int64, get func(*Cell) int64) entryFn {
	return fn(name, func(l *glua.LState) int {
		if c := m.servingCell(); c != nil {
			return pushInt(l, get(c))
		}
		return pushInt(l, without)
	})
}

func (m *Machine) mobileAPN(l *glua.LState) int {
	if name, ok := l.Get(3).(glua.LString); ok {
		m.hardware(l, "mobile", "apn")
		m.cell.apn = string(name)
	} else if m.optBool(l, 8, false) {
		m.hardware(l, "mobile", "apn")
		m.cell.apn = ""
	}
	sim := m.simCard()
	switch {
	case !m.registered() || sim == nil:
		l.Push(glua.LNil)
	case m.cell.apn != "":
		l.Push(glua.LString(m.cell.apn))
	default:
		l.Push(glua.LString(sim.APN))
	}
	return 1
}

// mobileSIMSlot is simid([slot]): which slot is used. A change reads the card
// again.
func (m *Machine) mobileSIMSlot(l *glua.LState) int {
	if l.GetTop() > 0 && l.Get(1) != glua.LNil {
		slot := m.integer(l, 1)
		if slot < 0 || slot > 2 {
			return pushInt(l, -1)
		}
		m.hardware(l, "mobile", "simid")
		if int(slot) != m.cell.slot {
			m.cell.slot = int(slot)
			m.simChanged()
		}
	}
	slot := m.cell.slot
	if slot == 2 {
		slot = 0
		if sim := m.simCard(); sim != nil {
			slot = sim.Slot
		}
	}
	return pushInt(l, int64(slot))
}

// mobilePIN is simPin(id, operation, pin1, pin2). Only verification is
// modelled: the card of the scene keeps its PIN.
func (m *Machine) mobilePIN(l *glua.LState) int {
	if l.GetTop() < 2 || l.Get(2) == glua.LNil {
		return pushBool(l, m.cell.simReady)
	}
	op, sim := m.integer(l, 2), m.simCard()
	if op != pinVerify {
		return m.refuse("mobile.simPin with any operation but PIN_VERIFY")(l)
	}
	if sim == nil || sim.PIN == "" || m.str(l, 3) != sim.PIN {
		return pushBool(l, false)
	}
	if !m.cell.unlocked {
		m.cell.unlocked = true
		if !m.cell.flying {
			m.attach(simTime)
		}
	}
	return pushBool(l, true)
}

// mobileSetAuto: the second argument asks for cell information every so many
// milliseconds; the rest is recorded.
func (m *Machine) mobileSetAuto(l *glua.LState) int {
	m.hardware(l, "mobile", "setAuto")
	if m.cell.poll != nil {
		m.cell.poll()
		m.cell.poll = nil
	}
	period := m.optInt(l, 2, 0)
	if period <= 0 {
		return 0
	}
	every := max(milliseconds(period), time.Second)
	var again func()
	again = func() {
		m.cellsScanned()
		m.cell.poll = m.after(every, again)
	}
	m.cell.poll = m.after(every, again)
	return 0
}

func (m *Machine) cellsScanned() {
	if m.cell.flying {
		return
	}
	m.cell.scanned = true
	m.publishLater("CELL_INFO_UPDATE")
}

// cellTable are the fields that serving cell and neighbours have in common.
func cellTable(l *glua.LState, c *Cell) *glua.LTable {
	t := l.NewTable()
	constants(t, "pci", c.PCI, "cid", int(c.ECI), "earfcn", c.EARFCN, "rsrp", c.RSRP, "rsrq", c.RSRQ, "snr", c.SNR, "mcc", c.MCC, "mnc", c.MNC,
		"tac", int(c.TAC))
	return t
}

func (m *Machine) mobileServingCell(l *glua.LState) int {
	c := m.servingCell()
	if c == nil {
		return 0
	}
	t := cellTable(l, c)
	constants(t, "band", c.Band, "eci", int(c.ECI), "rssi", c.RSSI)
	l.Push(t)
	return 1
}

// mobileCellInfo lists the cells as the last scan found them: the serving one
// first.
func (m *Machine) mobileCellInfo(l *glua.LState) int {
	list := l.NewTable()
	cells := m.scene().Cells()
	if m.cell.scanned && m.registered() {
		for i := range cells {
			t := cellTable(l, &cells[i])
			if i == 0 {
				tdd := 0
				if cells[i].TDD {
					tdd = 1
				}
				constants(t, "rssi", cells[i].RSSI, "band", cells[i].Band, "tdd", tdd, "ulbandwidth", cells[i].Uplink, "dlbandwidth", cells[i].Downlink)
			}
			list.Append(t)
		}
	}
	l.Push(list)
	return 1
}

func (m *Machine) mobileConfig(l *glua.LState) int {
	item, value := m.integer(l, 1), m.optInt(l, 2, 0)
	m.hardware(l, "mobile", "config")
	if item < 1 || item > confItemMax {
		return pushBool(l, false)
	}
	if item == confWriteCount && value == 2 {
		// Asks for the count; nothing ever writes the scene's card.
		m.publishLater("SIM_IND", glua.LString("SIM_WC"), glua.LNumber(0))
	}
	return pushBool(l, true)
}

func (m *Machine) mobileBands(l *glua.LState) int {
	b := m.zbuff(l, 1)
	if len(b.data) < len(m.cell.bands) {
		return pushBool(l, false)
	}
	b.used = copy(b.data, m.cell.bands)
	return pushBool(l, true)
}

func (m *Machine) mobileSetBands(l *glua.LState) int {
	b := m.zbuff(l, 1)
	m.hardware(l, "mobile", "setBand")
	p := b.slice(0, m.optInt(l, 2, int64(b.used)))
	if len(p) == 0 || len(p) > 64 {
		return pushBool(l, false)
	}
	m.cell.bands = append([]byte(nil), p...)
	return pushBool(l, true)
}
