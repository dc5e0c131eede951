package lua

import glua "github.com/yuin/gopher-lua"

// openHmeta installs hmeta.* (luatos-runtime.md 9.5).
func (m *Machine) openHmeta() {
	muid := func(l *glua.LState) int { return pushStr(l, m.board.Identity().MUID) }
	m.lib("hmeta",
		fn("model", func(l *glua.LState) int {
			if m.fw.Model == "" {
				l.Push(glua.LNil)
				return 1
			}
			return pushStr(l, m.fw.Model)
		}),
		fn("chip", func(l *glua.LState) int { return pushStr(l, m.fw.BSP) }),
		fn("hwver", func(l *glua.LState) int {
			l.Push(glua.LNil) // known to few ports; scripts have a fallback
			return 1
		}),
		fn("muid", muid),
		fn("devid", muid),
	)
}
