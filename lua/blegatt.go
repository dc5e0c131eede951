package lua

import (
	"encoding/hex"
	"fmt"

	glua "github.com/yuin/gopher-lua"
)

// What a characteristic permits, as the library codes it.
const (
	bleRead      = 1 << 3
	bleWrite     = 1 << 4
	bleIndicate  = 1 << 5
	bleNotify    = 1 << 6
	bleWriteFast = 1 << 7 // without a response
)

// bleService is one service that the module offers.
type bleService struct {
	uuid            string
	characteristics []bleCharacteristic
}

type bleCharacteristic struct {
	uuid   string
	perm   int64
	value  string
	handle int
}

// bleServicesMost and bleCharacteristicsMost bound what a module offers.
const (
	bleServicesMost        = 64
	bleCharacteristicsMost = 255
)

// bleGattCreate is gatt_create{service, {characteristic, permissions, value}...}.
func (m *Machine) bleGattCreate(l *glua.LState) int {
	if !isDevice(l) {
		return 0
	}
	db, ok := l.Get(2).(*glua.LTable)
	if !ok {
		m.logf(levelError, "bt.ble", "error param")
		return 0
	}
	// A number is stored low byte first for a service, high byte first for a
	// characteristic.
	uuid, ok := m.bleUUID(db.RawGetInt(1), false)
	if !ok || len(m.ble.services) >= bleServicesMost {
		m.logf(levelError, "bt.ble", "error uuid type")
		return 0
	}
	s := bleService{uuid: uuid}
	m.ble.handles++
	for i := 2; i <= min(db.Len(), bleCharacteristicsMost+1); i++ {
		t, ok := db.RawGetInt(i).(*glua.LTable)
		if !ok {
			continue
		}
		c := bleCharacteristic{handle: m.ble.handles + 2}
		if c.uuid, ok = m.bleUUID(t.RawGetInt(1), true); !ok {
			m.logf(levelError, "bt.ble", "error characteristics uuid type")
			return 0
		}
		if perm, ok := m.number(t.RawGetInt(2)); ok {
			c.perm = int64(perm)
		}
		if value, ok := t.RawGetInt(3).(glua.LString); ok {
			c.value = string(value)
		}
		m.ble.handles += 2 // its declaration and its value
		if c.perm&bleNotify != 0 {
			m.ble.handles++ // 0x2902, where notifications are switched on
		}
		s.characteristics = append(s.characteristics, c)
	}
	m.ble.services = append(m.ble.services, s)
	m.board.Hardware(HardwareEvent{Unit: "bluetooth", Action: "gatt_create " + hex.EncodeToString([]byte(s.uuid))})
	m.checkPower()
	return pushBool(l, true)
}

// bleUUID is a UUID of 2, 4 or 16 bytes.
func (m *Machine) bleUUID(v glua.LValue, highFirst bool) (string, bool) {
	if s, ok := v.(glua.LString); ok {
		return string(s), len(s) == 2 || len(s) == 4 || len(s) == 16
	}
	f, ok := m.number(v)
	n := uint16(int64(f))
	if highFirst {
		return string([]byte{byte(n >> 8), byte(n)}), ok
	}
	return string([]byte{byte(n), byte(n >> 8)}), ok
}

// characteristic finds what the module offers.
func (r *bleRadio) characteristic(at BLEPlace) *bleCharacteristic {
	for i := range r.services {
		if r.services[i].uuid != at.Service {
			continue
		}
		for j := range r.services[i].characteristics {
			if c := &r.services[i].characteristics[j]; c.uuid == at.Characteristic {
				return c
			}
		}
	}
	return nil
}

// blePlace reads {uuid_service=, uuid_characteristic=} in the second argument.
func (m *Machine) blePlace(l *glua.LState) (BLEPlace, bool) {
	var at BLEPlace
	t, ok := l.Get(2).(*glua.LTable)
	if !ok {
		m.typeError(l, 2, "table")
	}
	for _, f := range []struct {
		name string
		to   *string
	}{{"uuid_service", &at.Service}, {"uuid_characteristic", &at.Characteristic}} {
		s, ok := t.RawGetString(f.name).(glua.LString)
		if !ok {
			m.logf(levelWarn, "bt.ble", "缺失 %s 参数", f.name)
			m.logf(levelError, "bt.ble", "error param")
			return at, false
		}
		*f.to = string(s)
	}
	return at, true
}

// bleSend is write_notify and write_indicate: the module tells who is
// connected.
func (m *Machine) bleSend(how string) glua.LGFunction {
	return func(l *glua.LState) int {
		value := m.str(l, 3)
		at, ok := m.blePlace(l)
		if !ok {
			return 0
		}
		c := m.ble.characteristic(at)
		if c != nil {
			c.value = value
		}
		if c == nil || m.ble.peer == "" || m.ble.central {
			how := how + " nobody"
			m.board.Hardware(HardwareEvent{Unit: "bluetooth", Action: fmt.Sprintf("%s of %s", how, at)})
		} else {
			m.scene().BLESent(how, at, value)
		}
		m.checkPower()
		return pushBool(l, true)
	}
}

// bleWriteValue sets what a central reads, or writes at a peripheral.
func (m *Machine) bleWriteValue(l *glua.LState) int {
	value := m.str(l, 3)
	at, ok := m.blePlace(l)
	if !ok {
		return 0
	}
	if m.ble.central {
		return pushBool(l, m.scene().BLEWrite(m.ble.peer, at, value))
	}
	c := m.ble.characteristic(at)
	if c != nil {
		c.value = value
	}
	return pushBool(l, c != nil)
}

// bleReadValue asks for a value, which comes as an event; the result is always
// empty.
func (m *Machine) bleReadValue(l *glua.LState) int {
	at, ok := m.blePlace(l)
	if !ok {
		return 0
	}
	if m.ble.central {
		if value, ok := m.scene().BLERead(m.ble.peer, at); ok {
			m.bleLater(bleAnswers, func() { m.bleValue(bleEventReadValue, at, value) })
		}
	}
	return pushStr(l, "")
}

// bleSubscribe is notify_enable and indicate_enable.
func (m *Machine) bleSubscribe(l *glua.LState) int {
	at, ok := m.blePlace(l)
	if !ok {
		return 0
	}
	on := true
	if v, ok := l.Get(3).(glua.LBool); ok {
		on = bool(v)
	}
	return pushBool(l, m.ble.central && m.scene().BLESubscribe(m.ble.peer, at, on))
}

// bleValue is an event about a characteristic.
func (m *Machine) bleValue(event int, at BLEPlace, value string) {
	handle := 0
	if c := m.ble.characteristic(at); c != nil {
		handle = c.handle
	}
	m.bleEvent(event, func(l *glua.LState) glua.LValue {
		t := l.NewTable()
		constants(t, "handle", handle)
		t.RawSetString("uuid_service", glua.LString(at.Service))
		t.RawSetString("uuid_characteristic", glua.LString(at.Characteristic))
		if event != bleEventRead {
			t.RawSetString("data", glua.LString(value))
		}
		return t
	})
}

// bleConnect is connect(address, type): the module becomes a central.
func (m *Machine) bleConnect(l *glua.LState) int {
	addr := m.str(l, 2)
	m.num(l, 3)
	if len(addr) != 6 {
		m.logf(levelError, "bt.ble", "error adv_addr len %d", len(addr))
		return 0
	}
	m.hardware(l, "bluetooth", "connect")
	if !m.ble.on {
		return pushBool(l, false)
	}
	m.bleLater(bleConnects, func() {
		for _, p := range m.scene().BLEPeers() {
			if p.Address == addr && m.ble.peer == "" && len(p.Services) > 0 {
				m.bleConnected(addr, p.AddressType, true)
				m.bleLater(bleDiscovers, func() { m.bleDiscovered(p) })
				return
			}
		}
	})
	return pushBool(l, true)
}

func (m *Machine) bleConnected(addr string, kind int, central bool) {
	m.ble.peer, m.ble.central, m.ble.advertises = addr, central, false
	m.bleEvent(bleEventConn, func(l *glua.LState) glua.LValue {
		t := l.NewTable()
		t.RawSetString("addr", glua.LString(addr))
		constants(t, "addr_type", kind)
		return t
	})
}

// bleDiscovered reports the services of a peer, then that there are no more.
func (m *Machine) bleDiscovered(p *BLEPeer) {
	for _, s := range p.Services {
		m.bleEvent(bleEventGattItem, func(l *glua.LState) glua.LValue {
			t := l.NewTable()
			t.Append(glua.LString(s.UUID))
			for _, c := range s.Characteristics {
				item := l.NewTable()
				item.Append(glua.LString(c.UUID))
				item.Append(m.vm.FloatValue(float64(c.Permissions)))
				t.Append(item)
			}
			return t
		})
	}
	m.bleEvent(bleEventGattDone, func(l *glua.LState) glua.LValue {
		t := l.NewTable()
		constants(t, "service_num", len(p.Services))
		return t
	})
}

func (m *Machine) bleDisconnect(l *glua.LState) int {
	m.hardware(l, "bluetooth", "disconnect")
	if m.ble.peer != "" {
		m.bleLater(bleAnswers, func() { m.bleGone(bleTerminatedByHost) })
	}
	return pushBool(l, m.ble.on)
}

// bleGone ends a connection.
func (m *Machine) bleGone(reason int) {
	if m.ble.peer == "" {
		return
	}
	m.ble.peer, m.ble.central = "", false
	m.scene().BLEAdvertises(false)
	m.bleEvent(bleEventDisconn, func(l *glua.LState) glua.LValue {
		t := l.NewTable()
		constants(t, "reason", reason)
		return t
	})
}

// bleHappens is what a peer does.
func (m *Machine) bleHappens(e BLEEvent) {
	r := &m.ble
	rejected := func(why string) {
		m.board.Hardware(HardwareEvent{Unit: "bluetooth", Action: fmt.Sprintf("rejects %s of %s: %s", e.What, e.Place, why)})
	}
	c := r.characteristic(e.Place)
	switch {
	case e.What == BLEConnects:
		if r.advertises {
			m.bleConnected(e.Address, e.AddressType, false)
		}
	case r.peer != e.Address:
		rejected("not connected")
	case e.What == BLELeaves:
		m.bleGone(bleTerminatedByRemote)
	case e.What == BLENotifies:
		m.bleValue(bleEventReadValue, e.Place, string(e.Data))
	case c == nil:
		rejected("no such characteristic")
	case e.What == BLESubscribes:
		if c.perm&(bleNotify|bleIndicate) == 0 {
			rejected("not permitted")
			return
		}
		// A write to descriptor 0x2902: it comes without names.
		m.bleValue(bleEventWrite, BLEPlace{}, string(e.Data))
	case e.What == BLEWrites && c.perm&(bleWrite|bleWriteFast) != 0:
		m.bleValue(bleEventWrite, e.Place, string(e.Data))
	case e.What == BLEReads && c.perm&bleRead != 0:
		m.bleValue(bleEventRead, e.Place, "")
		m.scene().BLESent("answers", e.Place, c.value)
	default:
		rejected("not permitted")
	}
}
