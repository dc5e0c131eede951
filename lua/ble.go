package lua

import (
	"encoding/hex"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The libraries bluetooth and ble: low-energy Bluetooth in all its roles
// (methods, events and their fields as the libraries' own sources have them,
// times as the logs of upstream's demos). Who is in reach is the scene's.
//
// Assumed, for the radio's firmware is closed: how attributes are numbered;
// that a module that is connected to has stopped advertising without a word;
// that a central is rejected where the characteristic lacks the permission;
// that a notification that nobody subscribed to is sent all the same.

const (
	bleStart     = 90 * time.Millisecond // adv_start to EVENT_ADV_START
	bleScanStart = 44 * time.Millisecond // scan_create to EVENT_SCAN_INIT
	bleConnects  = 200 * time.Millisecond
	bleDiscovers = 300 * time.Millisecond // EVENT_CONN to EVENT_GATT_DONE
	bleAnswers   = 30 * time.Millisecond
	bleSlot      = 625 * time.Microsecond // unit of scan and advertising intervals
	bleRepeats   = time.Second            // a peer is reported no more often
)

const (
	bleObjectName       = "BLE*"
	bluetoothObjectName = "BLUETOOTH*"
	bleDataMost         = 255 // bytes of advertising data
)

// Events, as the library numbers them.
const (
	bleEventAdvStart   = 4
	bleEventAdvStop    = 5
	bleEventScanInit   = 7
	bleEventScanStart  = 8
	bleEventScanStop   = 9
	bleEventScanReport = 11
	bleEventConn       = 12
	bleEventDisconn    = 13
	bleEventGattDone   = 14
	bleEventWrite      = 15
	bleEventRead       = 16
	bleEventReadValue  = 17
	bleEventGattItem   = 18
)

// Reasons of a disconnection (Bluetooth Core 1 F).
const (
	bleTerminatedByRemote = 0x13
	bleTerminatedByHost   = 0x16
)

// bleRadio is the state of the Bluetooth radio.
type bleRadio struct {
	on          bool
	object      glua.LValue // what callbacks get
	callback    glua.LValue
	advertises  bool
	advData     bool // adv_create was called
	services    []bleService
	handles     int
	peer        string // address of who is connected; empty: nobody
	central     bool   // the module connected, not the peer
	scanning    bool
	scanEvery   time.Duration
	bluetooth   *glua.LTable // metatable
	device      *glua.LTable // metatable
	generations int          // what was started before the radio was off is void
}

// openBluetooth installs bluetooth.* and ble.*.
func (m *Machine) openBluetooth() {
	m.ble = bleRadio{callback: glua.LNil, object: glua.LNil, scanEvery: bleRepeats}
	mac := fn("mac", func(l *glua.LState) int { return pushStr(l, m.bleMAC()) })
	bt := []entryFn{fn("init", m.bluetoothInit), fn("ble", m.bluetoothBLE), mac}
	m.lib("bluetooth", bt...)
	device := []entryFn{
		fn("adv_create", m.bleAdvCreate), fn("adv_start", m.bleAdvStart), fn("adv_stop", m.bleAdvStop), fn("adv_decode", m.bleAdvDecode),
		fn("gatt_create", m.bleGattCreate),
		fn("write_notify", m.bleSend("notifies")), fn("write_indicate", m.bleSend("indicates")),
		fn("write_value", m.bleWriteValue), fn("read_value", m.bleReadValue),
		fn("notify_enable", m.bleSubscribe), fn("indicate_enable", m.bleSubscribe),
		fn("scan_create", m.bleScanCreate), fn("scan_start", m.bleScanStart), fn("scan_stop", m.bleScanStop),
		fn("connect", m.bleConnect), fn("disconnect", m.bleDisconnect), mac,
	}
	constants(m.lib("ble", device...), bleConstants...)
	m.ble.bluetooth = m.objectMeta(bluetoothObjectName, bt)
	m.ble.device = m.objectMeta(bleObjectName, device)
}

// bleConstants are the numbers that scripts compare events with and join.
var bleConstants = []any{
	"EVENT_NONE", 0, "EVENT_INIT", 1, "EVENT_DEINIT", 2, "EVENT_ADV_INIT", 3, "EVENT_ADV_START", bleEventAdvStart, "EVENT_ADV_STOP", bleEventAdvStop,
	"EVENT_ADV_DEINIT", 6, "EVENT_SCAN_INIT", bleEventScanInit, "EVENT_SCAN_START", bleEventScanStart, "EVENT_SCAN_STOP", bleEventScanStop,
	"EVENT_SCAN_DEINIT", 10, "EVENT_SCAN_REPORT", bleEventScanReport, "EVENT_CONN", bleEventConn, "EVENT_DISCONN", bleEventDisconn,
	"EVENT_WRITE", bleEventWrite, "EVENT_READ", bleEventRead, "EVENT_READ_VALUE", bleEventReadValue, "EVENT_GATT_DONE", bleEventGattDone,
	"EVENT_GATT_ITEM", bleEventGattItem, "PUBLIC", 0, "RANDOM", 1, "RPA", 2, "NRPA", 3, "CHNL_37", 1, "CHNL_38", 2, "CHNL_39", 4, "CHNLS_ALL", 7,
	"READ", bleRead, "WRITE", bleWrite, "IND", bleIndicate, "NOTIFY", bleNotify, "WRITE_CMD", bleWriteFast,
	"FLAGS", 1, "COMPLETE_LOCAL_NAME", 9, "SERVICE_DATA", 22, "MANUFACTURER_SPECIFIC_DATA", 255, "SCAN_PASSIVE", 0, "SCAN_ACTIVE", 1,
}

// objectMeta is the metatable of userdata with methods.
func (m *Machine) objectMeta(name string, methods []entryFn) *glua.LTable {
	index, meta := m.l.NewTable(), m.l.NewTable()
	m.fill(index, methods...)
	meta.RawSetString("__index", index)
	meta.RawSetString("__name", glua.LString(name))
	m.hold(meta)
	return meta
}

func (m *Machine) bluetoothInit(l *glua.LState) int {
	if m.fw.Mobile { // the radio is in the second chip
		m.logf(levelDebug, "drv.bt", "执行luat_bluetooth_init")
	}
	m.hardware(l, "bluetooth", "init")
	m.ble.on = true
	ud := l.NewUserData()
	ud.Metatable = m.ble.bluetooth
	l.Push(ud)
	return 1
}

// bluetoothBLE is bluetooth_device:ble(callback).
func (m *Machine) bluetoothBLE(l *glua.LState) int {
	if _, ok := l.Get(2).(*glua.LFunction); !ok {
		m.logf(levelError, "bluetooth", "error cb")
		return 0
	}
	m.hardware(l, "bluetooth", "ble")
	m.ble.callback = l.Get(2)
	ud := l.NewUserData()
	ud.Metatable = m.ble.device
	m.ble.object = ud
	l.Push(ud)
	return 1
}

// bleMAC is the address of the radio: that of Wi-Fi, or one of the module's
// serial number.
func (m *Machine) bleMAC() string {
	id := m.board.Identity()
	if p, err := hex.DecodeString(id.MAC); err == nil && len(p) == 6 {
		return string(p)
	}
	mac := []byte("\xC8\xC2\xC6\x00\x00\x00")
	for i := range id.IMEI {
		mac[3+i%3] = mac[3+i%3]*10 + id.IMEI[i] - '0'
	}
	return string(mac)
}

// isDevice reports whether the first argument is a userdata: without one the
// library does nothing.
func isDevice(l *glua.LState) bool { return l.Get(1).Type() == glua.LTUserData }

// bleEvent calls the script's callback, with what param makes if that is not
// nil.
func (m *Machine) bleEvent(event int, param func(l *glua.LState) glua.LValue) {
	m.post(func(l *glua.LState) int {
		if m.ble.callback == glua.LNil {
			return 0
		}
		args := []glua.LValue{m.ble.object, glua.LNumber(event)}
		if param != nil {
			args = append(args, param(l))
		}
		m.call(l, m.ble.callback, 0, args...)
		return 0
	})
}

// bleLater does something when the radio had time for it, unless it was
// switched off.
func (m *Machine) bleLater(delay time.Duration, do func()) {
	generation := m.ble.generations
	m.after(delay, func() {
		if generation == m.ble.generations {
			do()
		}
	})
}

// bleOff is a radio that loses its power: everything is forgotten, and nobody
// is told.
func (m *Machine) bleOff() {
	if m.ble.peer != "" || m.ble.advertises {
		m.scene().BLEAdvertises(false)
	}
	r := &m.ble
	*r = bleRadio{
		callback: r.callback, object: r.object, scanEvery: bleRepeats, bluetooth: r.bluetooth, device: r.device, generations: r.generations + 1,
	}
}

// bleAdvCreate is adv_create{...}: only its data is looked at.
func (m *Machine) bleAdvCreate(l *glua.LState) int {
	if !isDevice(l) {
		return 0
	}
	cfg, ok := l.Get(2).(*glua.LTable)
	if !ok {
		m.logf(levelError, "bt.ble", "error param")
		return 0
	}
	data, ok := m.bleAdvData(cfg.RawGetString("adv_data"))
	if !ok {
		m.logf(levelError, "bt.ble", "error adv_data type")
		return 0
	}
	if len(data) > bleDataMost {
		m.logf(levelError, "bt.ble", "adv_data too long, max length is 255")
		return 0
	}
	m.ble.advData = true
	m.board.Hardware(HardwareEvent{Unit: "bluetooth", Action: "adv_create " + hex.EncodeToString(data)})
	m.checkPower()
	return pushBool(l, true)
}

// bleAdvData joins the pairs of type and text, or takes a text as it is.
func (m *Machine) bleAdvData(v glua.LValue) ([]byte, bool) {
	t, ok := v.(*glua.LTable)
	if !ok {
		s, ok := m.text(v)
		return []byte(s), ok
	}
	var data []byte
	for i := 1; i <= min(t.Len(), bleDataMost+1); i++ {
		pair, ok := t.RawGetInt(i).(*glua.LTable)
		if !ok {
			return nil, false
		}
		kind, ok1 := m.number(pair.RawGetInt(1))
		text, ok2 := pair.RawGetInt(2).(glua.LString)
		if !ok1 || !ok2 {
			return nil, false
		}
		data = append(append(data, byte(len(text)+1), byte(int64(kind))), text...)
		if len(data) > bleDataMost {
			break
		}
	}
	return data, true
}

func (m *Machine) bleAdvStart(l *glua.LState) int {
	m.hardware(l, "bluetooth", "adv_start")
	if !m.ble.on || !m.ble.advData || m.ble.peer != "" {
		return pushBool(l, m.ble.on && m.ble.advData)
	}
	m.ble.advertises = true
	m.bleLater(bleStart, func() {
		if m.ble.advertises {
			m.bleEvent(bleEventAdvStart, nil)
			m.scene().BLEAdvertises(true)
		}
	})
	return pushBool(l, true)
}

func (m *Machine) bleAdvStop(l *glua.LState) int {
	m.hardware(l, "bluetooth", "adv_stop")
	if m.ble.advertises {
		m.ble.advertises = false
		m.scene().BLEAdvertises(false)
		m.bleLater(bleStart, func() { m.bleEvent(bleEventAdvStop, nil) })
	}
	return pushBool(l, true)
}

// bleAdvDecode takes advertising data to pieces.
func (m *Machine) bleAdvDecode(l *glua.LState) int {
	data := m.str(l, 2)
	list := l.NewTable()
	for at := 0; at < len(data); {
		n := int(data[at])
		at++
		if n == 0 || at+n > len(data) {
			m.logf(levelError, "bt.ble", "Invalid BLE advertisement data")
			l.Push(glua.LNil)
			return 1
		}
		field := l.NewTable()
		constants(field, "len", n-1, "tp", int(data[at]))
		field.RawSetString("data", glua.LString(data[at+1:at+n]))
		list.Append(field)
		at += n
	}
	if len(data) == 0 {
		l.Push(glua.LNil)
		return 1
	}
	l.Push(list)
	return 1
}

// bleScanCreate is scan_create(address mode, interval, window, type), in slots
// of 0.625 ms.
func (m *Machine) bleScanCreate(l *glua.LState) int {
	if !isDevice(l) {
		return 0
	}
	m.hardware(l, "bluetooth", "scan_create")
	m.ble.scanEvery = bleRepeats
	if slots, ok := anInteger(l.Get(3)); ok {
		m.ble.scanEvery = max(bleRepeats, time.Duration(max(0, min(slots, 0x4000)))*bleSlot)
	}
	m.bleLater(bleScanStart, func() { m.bleEvent(bleEventScanInit, nil) })
	return pushBool(l, m.ble.on)
}

func (m *Machine) bleScanStart(l *glua.LState) int {
	m.hardware(l, "bluetooth", "scan_start")
	if m.ble.on && !m.ble.scanning {
		m.ble.scanning = true
		m.bleLater(bleScanStart, func() { m.bleEvent(bleEventScanStart, nil) })
		m.bleReport(bleScanStart)
	}
	return pushBool(l, m.ble.on)
}

// bleReport reports who advertises, again and again.
func (m *Machine) bleReport(delay time.Duration) {
	m.bleLater(delay, func() {
		if !m.ble.scanning {
			return
		}
		for _, p := range m.scene().BLEPeers() {
			m.bleEvent(bleEventScanReport, func(l *glua.LState) glua.LValue {
				t := l.NewTable()
				constants(t, "rssi", p.RSSI, "addr_type", p.AddressType)
				t.RawSetString("adv_addr", glua.LString(p.Address))
				t.RawSetString("data", glua.LString(p.Data))
				return t
			})
		}
		m.bleReport(m.ble.scanEvery)
	})
}

func (m *Machine) bleScanStop(l *glua.LState) int {
	m.hardware(l, "bluetooth", "scan_stop")
	if m.ble.scanning {
		m.ble.scanning = false
		m.bleLater(bleScanStart, func() { m.bleEvent(bleEventScanStop, nil) })
	}
	return pushBool(l, m.ble.on)
}
