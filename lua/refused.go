package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// refusedLibs are libraries that the firmware has and that are not emulated,
// with the functions that scripts call. They are there, because scripts branch
// on "if lcd then", and each function says by name that it is missing.
var refusedLibs = []struct {
	name  string
	funcs []string
}{
	{"lcd", []string{"init", "clear", "drawStr", "flush", "fill", "setFont"}},
	{"errDump", []string{"config", "record", "dump"}},
	{"fatfs", []string{"mount", "unmount", "getfree"}},
}

// openRefused installs the refusals.
func (m *Machine) openRefused() {
	for _, lib := range refusedLibs {
		var fns []entryFn
		for _, f := range lib.funcs {
			fns = append(fns, fn(f, m.refuse(lib.name+"."+f)))
		}
		m.lib(lib.name, fns...)
	}
}

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
