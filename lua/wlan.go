package lua

import (
	"encoding/hex"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// joinTime is how long wlan.connect takes until there is an address: an
// assumption.
const joinTime = 2 * time.Second

// openWlan installs wlan.* on firmware that has it (luatos-runtime.md 9.7).
// There is no radio: whether the module is online is up to the board's network,
// and the signal is always the same.
func (m *Machine) openWlan() {
	if !m.fw.Wlan {
		return
	}
	yes := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "wlan", name)
			return pushBool(l, true)
		})
	}
	t := m.lib("wlan",
		yes("init"), yes("setMode"), yes("mode"), yes("hostname"), yes("powerSave"),
		fn("connect", func(l *glua.LState) int {
			m.str(l, 1)
			m.board.Hardware(HardwareEvent{Unit: "wlan", Action: "connect " + m.str(l, 1)})
			m.after(joinTime, m.networkUp)
			return pushBool(l, true)
		}),
		yes("disconnect"),
		fn("ready", func(l *glua.LState) int { return pushBool(l, m.online()) }),
		fn("getMac", func(l *glua.LState) int {
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
		}),
		fn("getIP", func(l *glua.LState) int { return pushStr(l, m.localIP()) }),
		fn("getInfo", func(l *glua.LState) int {
			t := l.NewTable()
			t.RawSetString("rssi", glua.LNumber(-50))
			t.RawSetString("bssid", glua.LString(strings.ToUpper(m.board.Identity().MAC)))
			l.Push(t)
			return 1
		}),
		fn("scan", m.refuse("wlan.scan")),
		fn("scanResult", m.refuse("wlan.scanResult")),
		fn("createAP", m.refuse("wlan.createAP")),
		fn("smartconfig", m.refuse("wlan.smartconfig")),
	)
	// Scripts only hand these numbers back: their values are ours.
	constants(t, "NONE", 0, "STATION", 1, "AP", 2, "STATIONAP", 3, "STOP", 0, "ESPTOUCH", 0, "AIRKISS", 1)
}
