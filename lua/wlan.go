package lua

import (
	"encoding/hex"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library wlan (luatos-runtime.md 9.7; events and the fields of tables as
// the library's own documentation has them). The access points are the
// scene's.
//
// Assumed: the times below; the reasons of WLAN_STA_INC("DISCONNECTED"), which
// are those of IEEE 802.11; that a connection that breaks is tried again every
// few seconds, as the firmware always does; that the module's own access point
// has no neighbours but the stations of the scene.

const (
	joinTime   = 2 * time.Second         // wlan.connect to an address
	scanTime   = 1500 * time.Millisecond // wlan.scan to WLAN_SCAN_DONE
	rejoinTime = 5 * time.Second
	apStart    = 300 * time.Millisecond
)

// Reasons of IEEE 802.11 9.4.1.7, as drivers number them.
const (
	reasonLeft      = 8   // the station left
	reasonHandshake = 15  // 4-way handshake timed out: a wrong password
	reasonNoAP      = 201 // no such access point
)

// Modes of smartconfig.
const (
	smartStop = iota
	smartESPTouch
	smartAirKiss
)

// wifi is the state of the Wi-Fi radio.
type wifi struct {
	joined   bool
	ap       AccessPoint // that the module is on
	want     AccessPoint // that a script asked for
	wanted   bool        // there is one
	next     func()      // cancels the attempt to come
	scanned  []AccessPoint
	apOn     bool
	smart    int
	mode     int
	save     int
	hostname string
}

// openWlan installs wlan.* on firmware that has it.
func (m *Machine) openWlan() {
	if !m.fw.Wlan {
		return
	}
	m.wifi = wifi{joined: !m.fw.Mobile && m.scene().Joined(), smart: smartStop, hostname: "LUATOS_" + m.macTail()}
	if m.wifi.joined {
		m.stationUp()
	}
	t := m.lib("wlan",
		m.recorded("wlan", "init", 1), fn("setMode", m.wlanMode), fn("mode", m.wlanMode),
		fn("hostname", func(l *glua.LState) int {
			for _, n := range []int{1, 2} {
				if s, ok := l.Get(n).(glua.LString); ok {
					m.wifi.hostname = string(s)
				}
			}
			return pushStr(l, m.wifi.hostname)
		}),
		fn("powerSave", func(l *glua.LState) int {
			m.wifi.save = int(m.optInt(l, 1, int64(m.wifi.save)))
			return pushInt(l, int64(m.wifi.save))
		}),
		fn("connect", m.wlanConnect),
		fn("disconnect", func(l *glua.LState) int {
			m.hardware(l, "wlan", "disconnect")
			m.wifi.wanted = false
			m.leave(reasonLeft)
			return pushBool(l, true)
		}),
		fn("ready", func(l *glua.LState) int { return pushBool(l, m.wifi.joined && m.online()) }),
		fn("getMac", m.wlanMAC),
		m.recorded("wlan", "setMac", 1),
		m.recorded("wlan", "staIp", 1),
		fn("getIP", func(l *glua.LState) int { return pushStr(l, m.localIP()) }),
		fn("getInfo", m.wlanInfo),
		fn("scan", func(l *glua.LState) int {
			m.hardware(l, "wlan", "scan")
			m.after(scanTime, func() {
				m.wifi.scanned, _ = m.scene().AccessPoints()
				m.publishLater("WLAN_SCAN_DONE")
			})
			return 0
		}),
		fn("scanResult", m.wlanScanResult),
		fn("createAP", func(l *glua.LState) int {
			m.str(l, 1)
			m.hardware(l, "wlan", "createAP")
			m.after(apStart, func() { m.setAP(true) })
			return pushBool(l, true)
		}),
		fn("stopAP", func(l *glua.LState) int {
			m.hardware(l, "wlan", "stopAP")
			m.setAP(false)
			return pushBool(l, true)
		}),
		fn("smartconfig", func(l *glua.LState) int {
			m.hardware(l, "wlan", "smartconfig")
			m.wifi.smart = int(m.optInt(l, 1, smartESPTouch))
			return pushBool(l, true)
		}),
	)
	constants(t, "NONE", 0, "STATION", 1, "AP", 2, "STATIONAP", 3, "STOP", smartStop, "ESPTOUCH", smartESPTouch, "AIRKISS", smartAirKiss,
		"ESPTOUCH_AIRKISS", 3, "ESPTOUCH_V2", 4, "PS_NONE", 0, "PS_MIN_MODEM", 1, "PS_MAX_MODEM", 2)
}

func (m *Machine) macTail() string {
	mac := m.board.Identity().MAC
	return mac[max(0, len(mac)-6):]
}

func (m *Machine) wlanMode(l *glua.LState) int {
	for _, n := range []int{1, 2} {
		if v, ok := anInteger(l.Get(n)); ok {
			m.wifi.mode = int(v)
			break
		}
	}
	m.hardware(l, "wlan", "setMode")
	return pushBool(l, true)
}

// wlanConnect is connect(ssid, password [, auto, bssid]).
func (m *Machine) wlanConnect(l *glua.LState) int {
	w := &m.wifi
	w.want = AccessPoint{SSID: m.optStr(l, 1, ""), Password: m.optStr(l, 2, ""), BSSID: m.optStr(l, 4, "")}
	m.board.Hardware(HardwareEvent{Unit: "wlan", Action: "connect " + w.want.SSID})
	m.checkPower()
	w.wanted = true
	if w.joined {
		m.leave(reasonLeft)
	}
	m.join(joinTime)
	return pushBool(l, true)
}

// join tries to get on the wanted network after delay.
func (m *Machine) join(delay time.Duration) {
	if m.wifi.next != nil {
		m.wifi.next()
	}
	m.wifi.next = m.after(delay, func() {
		w := &m.wifi
		w.next = nil
		list, anyName := m.scene().AccessPoints()
		reason := reasonNoAP
		for _, ap := range list {
			if ap.SSID != w.want.SSID || w.want.BSSID != "" && ap.BSSID != w.want.BSSID {
				continue
			}
			if ap.Password != "" && ap.Password != w.want.Password {
				reason = reasonHandshake
				continue
			}
			m.arrive(ap)
			return
		}
		if anyName && reason == reasonNoAP && w.want.SSID != "" {
			m.arrive(AccessPoint{SSID: w.want.SSID, BSSID: "\x02\xA1\x4C\x00\x00\x01", Channel: 6, RSSI: -50})
			return
		}
		m.stationEvent(reason)
		m.join(rejoinTime)
	})
}

// arrive is a station that is on a network and has an address.
func (m *Machine) arrive(ap AccessPoint) {
	m.wifi.joined, m.wifi.ap = true, ap
	m.publishLater("WLAN_STA_INC", glua.LString("CONNECTED"), glua.LString(ap.SSID), glua.LString(ap.BSSID))
	m.stationUp()
}

// stationUp is a station that gets its address as soon as the board's network
// has one.
func (m *Machine) stationUp() {
	switch n := m.board.Net(); {
	case n == nil || !m.wifi.joined:
	case n.Ready():
		m.linkChanged(adapterSTA, true)
	default:
		m.after(networkPoll, m.stationUp)
	}
}

// leave is a station that loses its network or gives up looking for it.
func (m *Machine) leave(reason int) {
	if m.wifi.next != nil {
		m.wifi.next()
		m.wifi.next = nil
	}
	if !m.wifi.joined {
		return
	}
	m.wifi.joined = false
	m.stationEvent(reason)
	m.linkChanged(adapterSTA, false)
}

func (m *Machine) stationEvent(reason int) {
	m.publishLater("WLAN_STA_INC", glua.LString("DISCONNECTED"), glua.LNumber(reason))
}

// wifiChanged looks whether the network is still there.
func (m *Machine) wifiChanged() {
	if !m.fw.Wlan || !m.wifi.joined || !m.wifi.wanted {
		return
	}
	list, anyName := m.scene().AccessPoints()
	for _, ap := range list {
		if ap.SSID == m.wifi.ap.SSID {
			m.wifi.ap = ap
			return
		}
	}
	if !anyName {
		m.leave(reasonNoAP)
		m.join(rejoinTime)
	}
}

// wifiProvisioned is a phone that sends credentials.
func (m *Machine) wifiProvisioned(ssid, secret string) {
	if !m.fw.Wlan || m.wifi.smart == smartStop {
		return
	}
	m.wifi.smart = smartStop
	m.wifi.want, m.wifi.wanted = AccessPoint{SSID: ssid, Password: secret}, true
	m.publishLater("SC_RESULT", glua.LString(ssid), glua.LString(secret))
	m.join(joinTime)
}

// setAP starts or ends the module's own access point.
func (m *Machine) setAP(on bool) {
	if m.wifi.apOn != on {
		m.wifi.apOn = on
		m.linkChanged(adapterAP, on)
	}
}

// stationChanged is a station that joins or leaves the module's access point.
func (m *Machine) stationChanged(mac string, on bool) {
	if !m.fw.Wlan || !m.wifi.apOn {
		return
	}
	what := glua.LString("DISCONNECTED")
	if on {
		what = "CONNECTED"
	}
	m.publishLater("WLAN_AP_INC", what, glua.LString(mac))
}

func (m *Machine) wlanMAC(l *glua.LState) int {
	mac := m.board.Identity().MAC
	hexForm := m.optBool(l, 1, true)
	if _, isNumber := m.number(l.Get(1)); isNumber {
		hexForm = m.optBool(l, 2, true) // wlan.getMac(id, hex)
	}
	if !hexForm {
		if b, err := hex.DecodeString(mac); err == nil {
			mac = string(b)
		}
	}
	return pushStr(l, mac)
}

// wlanInfo is getInfo(): the access point that the module is on.
func (m *Machine) wlanInfo(l *glua.LState) int {
	t := l.NewTable()
	w := &m.wifi
	if !w.wanted && w.joined { // on a network that no script asked for
		w.ap.RSSI = -50
		w.ap.BSSID = "\x02\xA1\x4C\x00\x00\x01"
	}
	gateway := "0.0.0.0"
	if w.joined && m.board.Net() != nil {
		_, _, gateway = m.board.Net().LocalIP()
	}
	t.RawSetString("bssid", glua.LString(strings.ToUpper(hex.EncodeToString([]byte(w.ap.BSSID)))))
	t.RawSetString("gw", glua.LString(gateway))
	t.RawSetString("rssi", glua.LNumber(w.ap.RSSI))
	l.Push(t)
	return 1
}

func (m *Machine) wlanScanResult(l *glua.LState) int {
	most := m.optInt(l, 1, 20)
	list := l.NewTable()
	for i, ap := range m.wifi.scanned {
		if int64(i) >= most {
			break
		}
		t := l.NewTable()
		t.RawSetString("ssid", glua.LString(ap.SSID))
		t.RawSetString("bssid", glua.LString(ap.BSSID))
		constants(t, "channel", ap.Channel, "rssi", ap.RSSI)
		list.Append(t)
	}
	l.Push(list)
	return 1
}
