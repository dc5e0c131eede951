package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library w5500: an Ethernet chip on SPI as a network adapter (arguments,
// results and messages as the library's own documentation has them). Whether
// there is a chip is the scene's.
//
// Assumed: the cable is in, and DHCP takes a second; a chip that is not there
// is never heard of.

const w5500Address = time.Second

// openW5500 installs w5500.*.
func (m *Machine) openW5500() {
	var known, static bool
	var a *adapter
	address := func(l *glua.LState, n int) string { return m.optStr(l, n, "") }
	var ip, mask, gateway string
	m.lib("w5500",
		fn("init", func(l *glua.LState) int {
			for i := 1; i <= 5; i++ {
				m.integer(l, i)
			}
			m.hardware(l, "w5500", "init")
			known = m.hasInterface("w5500")
			return 0
		}),
		fn("config", func(l *glua.LState) int {
			m.hardware(l, "w5500", "config")
			ip, mask, gateway = address(l, 1), address(l, 2), address(l, 3)
			static = ip != ""
			return pushBool(l, true)
		}),
		fn("bind", func(l *glua.LState) int {
			id := int(m.integer(l, 1))
			m.hardware(l, "w5500", "bind")
			if id <= 0 || id >= adapterCount || id == m.net.first {
				return 0
			}
			a = m.register(id)
			if !known {
				return 0
			}
			if static {
				a.ip, a.mask, a.gateway, a.dhcp = ip, mask, gateway, false
			}
			m.publishLater("W5500_IND", glua.LString("CABLE_INSERT"))
			m.after(w5500Address, func() { m.linkChanged(id, true) })
			return 0
		}),
		fn("getMac", func(l *glua.LState) int {
			if a == nil {
				return pushStr(l, "\x00\x00\x00\x00\x00\x00")
			}
			return pushStr(l, string(m.macOf(a)))
		}),
	)
}
