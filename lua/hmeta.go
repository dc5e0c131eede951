package lua

import glua "github.com/yuin/gopher-lua"

// openHmeta installs hmeta.* (luatos-runtime.md 9.5; luat_lib_hmeta.c).
func (m *Machine) openHmeta() {
	orNil := func(s string) glua.LGFunction {
		return func(l *glua.LState) int {
			if s == "" {
				l.Push(glua.LNil)
				return 1
			}
			return pushStr(l, s)
		}
	}
	chip := m.fw.Chip
	if chip == "" {
		chip = m.fw.BSP
	}
	m.lib("hmeta",
		fn("model", orNil(m.fw.Model)),
		fn("hwver", orNil(m.fw.HWVersion)),
		fn("chip", orNil(chip)),
		fn("devid", func(l *glua.LState) int { return pushStr(l, m.deviceID()) }),
		fn("muid", func(l *glua.LState) int { return pushStr(l, m.muid()) }),
		fn("unique_id", func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }),
	)
}

// deviceID is what the module is known by: IMEI, MAC address, or its own id.
func (m *Machine) deviceID() string {
	id := m.board.Identity()
	switch {
	case id.IMEI != "":
		return id.IMEI
	case id.MAC != "":
		return id.MAC
	}
	return m.muid()
}
