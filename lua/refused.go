package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// refuse is a function that the firmware has and the emulator has not.
//
// With [DevicesNoop] it does nothing if it belongs to a device.
func (m *Machine) refuse(name string) glua.LGFunction {
	if lib, f, _ := strings.Cut(name, "."); m.opts.Devices == DevicesNoop && deviceLibs[lib] {
		return m.noop(lib, f)
	}
	m.refusal(name)
	return func(l *glua.LState) int {
		lib := name
		for i := range name {
			if name[i] == '.' {
				lib = name[:i]
			}
		}
		m.board.Hardware(HardwareEvent{Unit: UnitRefused, Action: name})
		m.raise("%s is not emulated: define your own _G.%s = {...} before the script uses it", name, lib)
		return 0
	}
}
