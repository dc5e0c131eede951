package lua

import glua "github.com/yuin/gopher-lua"

// Modes, classes and events of USB (luat_usb.h).
const (
	usbDevice = 0
	usbHost   = 1
	usbOTG    = 2

	usbClassCount = 8 // HUB to HID_KB
)

// openUsb installs usb.*: one bus, which is recorded. The scene has no USB
// devices: as a host the module finds nothing, so the function of usb.on is
// never called; as a device its serial ports are those of uart.VUART_0.
//
// Assumed: settings are taken also while USB has power.
func (m *Machine) openUsb() {
	// record makes a function that is true for the one bus if check, which may
	// be nil, agrees.
	record := func(name string, check func(l *glua.LState) bool) entryFn {
		return fn(name, func(l *glua.LState) int {
			ok := m.optInt(l, 1, 0) == 0 && (check == nil || check(l))
			m.hardware(l, "usb", name)
			return pushBool(l, ok)
		})
	}
	// id makes vid or pid. What they are before scripts set them is not known.
	id := func(name string) entryFn {
		v := int64(-1)
		return fn(name, func(l *glua.LState) int {
			ours := m.optInt(l, 1, 0) == 0
			if n, ok := anInteger(l.Get(2)); ok && ours {
				v = n & 0xFFFF
			}
			if v < 0 {
				return m.refuse("usb." + name + " before it is set")(l)
			}
			m.hardware(l, "usb", name)
			pushBool(l, ours)
			pushInt(l, v)
			return 2
		})
	}
	t := m.lib("usb",
		fn("tx", func(l *glua.LState) int { // nobody takes it
			m.optInt(l, 1, 0)
			m.integer(l, 3)
			if asZbuff(l.Get(2)) == nil {
				m.str(l, 2)
			}
			m.hardware(l, "usb", "tx")
			return pushBool(l, false)
		}),
		fn("rx", func(l *glua.LState) int {
			m.optInt(l, 1, 0)
			m.integer(l, 3)
			return pushInt(l, 0)
		}),
		record("mode", func(l *glua.LState) bool {
			mode := m.optInt(l, 2, usbDevice)
			return mode >= usbDevice && mode <= usbOTG
		}),
		record("add_class", func(l *glua.LState) bool {
			class := m.optInt(l, 2, 2)
			m.optInt(l, 3, 1)
			return class >= 0 && class < usbClassCount
		}),
		fn("on", func(l *glua.LState) int {
			m.optInt(l, 1, 0)
			m.hardware(l, "usb", "on")
			return 0
		}),
		id("vid"), id("pid"),
		record("clear_all_class", nil),
		fn("get_free_ep_num", m.refuse("usb.get_free_ep_num")),
		fn("debug", func(l *glua.LState) int { m.optInt(l, 1, 0); return 0 }),
		record("reset_device", func(l *glua.LState) bool { m.integer(l, 2); return false }))
	constants(t, "DEVICE", usbDevice, "HOST", usbHost, "OTG", usbOTG,
		"HUB", 0, "CAMERA", 1, "CDC_ACM", 2, "MSC", 3, "CDC_ECM", 4, "AUDIO", 5, "HID_CM", 6, "HID_KB", 7,
		"EV_NEW_RX", 0, "EV_TX_DONE", 1, "EV_CONNECT", 2, "EV_DISCONNECT", 3, "EV_RX_ERROR", 4, "EV_TX_ERROR", 5,
		"EV_SUSPEND", 6, "EV_RESUME", 7, "EV_ERR_STOP", 8)
}
