package lua

import glua "github.com/yuin/gopher-lua"

// openMobile installs mobile.* on firmware with a cellular radio
// (luatos-runtime.md 9.7). There is no radio: signal values are those of a good
// cell and never change, SIM data is missing.
func (m *Machine) openMobile() {
	if !m.fw.Mobile {
		return
	}
	number := func(name string, n int64) entryFn {
		return fn(name, func(l *glua.LState) int { return pushInt(l, n) })
	}
	none := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int { l.Push(glua.LNil); return 1 })
	}
	t := m.lib("mobile",
		fn("imei", func(l *glua.LState) int { return pushStr(l, m.board.Identity().IMEI) }),
		none("imsi"), none("iccid"), none("number"), none("sn"),
		fn("muid", func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }),
		number("csq", 25), number("rssi", -63), number("rsrp", -90), number("rsrq", -9), number("snr", 15),
		fn("status", func(l *glua.LState) int {
			if m.online() {
				return pushInt(l, 1)
			}
			return pushInt(l, 2)
		}),
		number("simid", 0),
		fn("flymode", func(l *glua.LState) int {
			m.hardware(l, "mobile", "flymode")
			return pushBool(l, false)
		}),
		fn("config", func(l *glua.LState) int { m.hardware(l, "mobile", "config"); return pushBool(l, true) }),
		fn("apn", m.refuse("mobile.apn")),
		fn("getCellInfo", m.refuse("mobile.getCellInfo")),
		fn("reqCellInfo", m.refuse("mobile.reqCellInfo")),
		fn("scell", m.refuse("mobile.scell")),
		fn("ipv6", func(l *glua.LState) int { return pushBool(l, false) }),
		fn("setAuto", func(*glua.LState) int { return 0 }),
	)
	constants(t, "UNREGISTER", 0, "REGISTERED", 1, "SEARCH", 2, "DENIED", 3, "UNKNOW", 4, "REGISTERED_ROAMING", 5)
}
