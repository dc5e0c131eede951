package lua

import (
	"fmt"

	glua "github.com/yuin/gopher-lua"
)

// openPm installs pm.* (luatos-runtime.md 9.5): what scripts do to power is
// recorded; restarting and switching off are real.
func (m *Machine) openPm() {
	record := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "pm", name)
			return pushBool(l, true)
		})
	}
	t := m.lib("pm",
		fn("lastReson", func(l *glua.LState) int {
			for _, n := range m.board.Poweron() {
				l.Push(glua.LNumber(n))
			}
			return 4
		}),
		fn("reboot", func(*glua.LState) int {
			m.stop(Exit{Kind: ExitReboot, Cause: CausePm})
			return 0
		}),
		fn("shutdown", func(l *glua.LState) int {
			m.hardware(l, "pm", "shutdown")
			m.stop(Exit{Kind: ExitOff})
			return 0
		}),
		record("request"), record("power"), record("ioVol"), record("dtimerStop"),
		fn("force", m.refuse("pm.force")),
		fn("dtimerStart", m.refuse("pm.dtimerStart")),
	)
	// NONE to HIB are the firmware's. Scripts only hand the others back: their
	// values are ours.
	constants(t, "NONE", 0, "IDLE", 1, "LIGHT", 2, "DEEP", 3, "HIB", 4,
		"USB", 0, "GPS", 1, "GPS_ANT", 2, "CAMERA", 3, "DAC_EN_PIN", 4, "PWK_MODE", 5, "WORK_MODE", 6)
}

// hardware records one use of hardware with its arguments.
func (m *Machine) hardware(l *glua.LState, unit, action string) {
	for i := 1; i <= l.GetTop(); i++ {
		switch v := l.Get(i).(type) {
		case *glua.LFunction, *glua.LTable, *glua.LUserData, *glua.LState:
			action += " <" + typeName(v) + ">"
		case glua.LString:
			action += fmt.Sprintf(" %q", short40(string(v)))
		default:
			action += " " + m.vm.ToString(v)
		}
	}
	m.board.Hardware(HardwareEvent{Unit: unit, Action: action})
	m.checkPower()
}

func short40(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
