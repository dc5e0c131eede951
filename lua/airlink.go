package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// openAirlink installs airlink.*, the connection to a second module. There is
// none: it can be configured and started, and is never ready. What needs the
// other module is refused by name.
func (m *Machine) openAirlink() {
	if m.board.Net() == nil {
		return
	}
	note := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "airlink", name)
			return pushBool(l, true)
		})
	}
	t := m.lib("airlink",
		note("init"), note("config"), note("start"), note("stop"),
		fn("ready", func(l *glua.LState) int { return pushBool(l, false) }),
		fn("sdata", func(l *glua.LState) int {
			m.board.Hardware(HardwareEvent{Unit: "airlink", Action: "sdata to nobody"})
			return pushBool(l, false)
		}),
		fn("statistics", func(*glua.LState) int { return 0 }),
		fn("sver", func(l *glua.LState) int { return pushInt(l, 0) }), // of nobody
		note("power"), note("irqmode"), note("wakeupIrqmode"), note("pause"), note("debug"))
	for _, name := range []string{"test", "cmd", "ping", "slave_reboot", "sfota", "sfota_init", "sfota_done",
		"sfota_end", "sfota_write", "bindTransport", "rpc", "testNanopbGpio", "testNanopbUart", "testNanopbWlan", "testNanopbPm"} {
		m.fill(t, fn(name, m.refuse("airlink."+name)))
	}
	// Scripts only hand these numbers back: their values are ours.
	constants(t, "MODE_SPI_SLAVE", 0, "MODE_SPI_MASTER", 1, "MODE_UART", 2, "MODE_LOOPBACK", 3, "MODE_HSPI_MASTER", 4,
		"CONF_SPI_ID", 0x100, "CONF_SPI_CS", 0x101, "CONF_SPI_RDY", 0x102, "CONF_SPI_IRQ", 0x103, "CONF_SPI_SPEED", 0x104,
		"CONF_IRQ_TIMEOUT", 0x110, "CONF_UART_ID", 0x120)
}
