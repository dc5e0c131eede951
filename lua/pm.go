package lua

import (
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library pm (luatos-runtime.md 1.8, 9.5; the rest as the library's own
// documentation and upstream's low-power demos have it). Restarting, switching
// off and deep sleep are real: scripts end, and the module starts again when
// something wakes it.
//
// Assumed: how long it takes from the permission to sleep to the sleep (the
// demos name 1.2 s and 2.6 s); that timers of scripts do not keep a module
// from deep sleep; that light sleep changes nothing that a script can see;
// that a connected USB host keeps the module awake until its power is
// switched off; that an alarm that runs out while the module is awake is only
// a message.

// Sleep modes.
const (
	sleepNone = iota
	sleepIdle
	sleepLight
	sleepDeep
	sleepHibernate
)

// Power switches that have an effect.
const (
	powerUSB  = 0
	powerMode = 6 // WORK_MODE: 3 permits deep sleep
	powerWifi = 10
)

const (
	sleepOffline = 1200 * time.Millisecond // permission to sleep, without a network
	sleepOnline  = 2600 * time.Millisecond // and with one, which is left first
	uartWakes    = 1                       // the port that wakes a mobile module
)

// power is what scripts did to sleep.
type power struct {
	usbOff bool
	votes  int64  // of pm.keep: bits of who wants to stay awake
	sleep  func() // cancels the sleep to come
	wake   []WakePin
	// charger is what pm.chginfo read last.
	charger [chargerRegisters]byte
}

// openPm installs pm.*.
func (m *Machine) openPm() {
	t := m.lib("pm",
		fn("request", func(l *glua.LState) int {
			mode, chip := m.integer(l, 1), m.optInt(l, 2, 0)
			m.hardware(l, "pm", "request")
			if mode < sleepNone || mode > sleepHibernate {
				return pushBool(l, false)
			}
			if chip == 0 {
				m.permitSleep(mode >= sleepDeep)
			}
			return pushBool(l, true)
		}),
		fn("dtimerStart", m.pmAlarmStart),
		fn("dtimerStop", func(l *glua.LState) int {
			id := m.integer(l, 1)
			m.hardware(l, "pm", "dtimerStop")
			if m.alarms() != nil && id >= 0 && id < AlarmCount {
				m.alarms().Stop(int(id))
				m.watchAlarm(int(id))
			}
			return 0
		}),
		fn("dtimerCheck", func(l *glua.LState) int {
			if id := m.integer(l, 1); m.alarms() != nil && id >= 0 && id < AlarmCount {
				if left, ok := m.alarms().Left(int(id)); ok {
					l.Push(glua.LTrue)
					l.Push(glua.LNumber(left.Milliseconds()))
					return 2
				}
			}
			return pushBool(l, false)
		}),
		fn("dtimerList", m.pmAlarmList),
		fn("dtimerWkId", func(l *glua.LState) int {
			if m.alarms() == nil {
				return pushInt(l, -1)
			}
			return pushInt(l, int64(m.alarms().WokenBy()))
		}),
		fn("force", func(l *glua.LState) int {
			mode := m.integer(l, 1)
			m.hardware(l, "pm", "force")
			if mode >= sleepDeep && mode <= sleepHibernate {
				m.goToSleep()
			}
			return pushInt(l, 0)
		}),
		fn("check", func(l *glua.LState) int {
			ok := m.maySleep()
			l.Push(glua.LBool(ok))
			if ok {
				l.Push(glua.LNumber(0))
			} else {
				l.Push(glua.LNumber(1))
			}
			return 2
		}),
		fn("lastReson", func(l *glua.LState) int {
			for _, n := range m.board.Poweron() {
				l.Push(glua.LNumber(n))
			}
			return 4
		}),
		fn("shutdown", func(l *glua.LState) int {
			m.hardware(l, "pm", "shutdown")
			m.stop(Exit{Kind: ExitOff, Sleep: &Sleep{Off: true}})
			return 0
		}),
		fn("reboot", func(*glua.LState) int {
			m.stop(Exit{Kind: ExitReboot, Cause: CausePm})
			return 0
		}),
		fn("power", m.pmPower),
		m.recorded("pm", "ioVol", 1),
		fn("wakeupPin", m.pmWakeupPin),
		fn("keep", func(l *glua.LState) int {
			if id := m.optInt(l, 1, 16); id >= 0 && id < 16 {
				m.power.votes &^= 1 << id
				if m.optBool(l, 2, false) {
					m.power.votes |= 1 << id
				}
			}
			return pushInt(l, m.power.votes)
		}),
		fn("chgcmd", m.pmChargerCommand), fn("chginfo", m.pmChargerInfo),
	)
	constants(t, "NONE", sleepNone, "IDLE", sleepIdle, "LIGHT", sleepLight, "DEEP", sleepDeep, "HIB", sleepHibernate,
		"USB", powerUSB, "GPS", 1, "GPS_ANT", 2, "CAMERA", 3, "DAC_EN", 4, "PWK_MODE", 5, "WORK_MODE", powerMode, "LDO_CTL", 7,
		"WIFI_STA_DTIM", 8, "WIFI_AP_DTIM", 9, "WIFI", 10,
		"IOVOL_ALL_GPIO", 0, "IOVOL_SDIO", 1, "IOVOL_LCD", 2, "IOVOL_CAMA", 3, "IOVOL_CAMD", 4, "ID_NATIVE", 0, "ID_WIFI", 1)
	for id := range AlarmCount {
		m.watchAlarm(id)
	}
}

func (m *Machine) alarms() Alarms { return m.board.Alarms() }

// pmAlarmStart is dtimerStart(id, ms).
func (m *Machine) pmAlarmStart(l *glua.LState) int {
	id, ms := m.integer(l, 1), m.integer(l, 2)
	m.hardware(l, "pm", "dtimerStart")
	if m.alarms() == nil || id < 0 || id >= AlarmCount || ms <= 0 {
		return pushBool(l, false)
	}
	m.alarms().Start(int(id), milliseconds(ms))
	m.watchAlarm(int(id))
	return pushBool(l, true)
}

// watchAlarm tells the scripts of an alarm that runs out while they run.
func (m *Machine) watchAlarm(id int) {
	if m.alarmWatch[id] != nil {
		m.alarmWatch[id]()
		m.alarmWatch[id] = nil
	}
	if m.alarms() == nil {
		return
	}
	left, running := m.alarms().Left(id)
	if !running {
		return
	}
	m.alarmWatch[id] = m.after(left, func() {
		m.alarms().Stop(id)
		m.alarmWatch[id] = nil
		m.publishLater("DTIMER_WAKEUP", glua.LNumber(id))
	})
}

// pmAlarmList is dtimerList(): how many alarms run, and which.
func (m *Machine) pmAlarmList(l *glua.LState) int {
	var ids []glua.LValue
	for id := range AlarmCount {
		if m.alarms() == nil {
			break
		}
		if _, ok := m.alarms().Left(id); ok {
			ids = append(ids, glua.LNumber(id))
		}
	}
	l.Push(glua.LNumber(len(ids)))
	for _, id := range ids {
		l.Push(id)
	}
	return 1 + len(ids)
}

// pmPower is power(id, on or mode [, chip]).
func (m *Machine) pmPower(l *glua.LState) int {
	id, chip := m.integer(l, 1), m.optInt(l, 3, 0)
	value, isNumber := anInteger(l.Get(2))
	m.hardware(l, "pm", "power")
	switch {
	case chip != 0:
	case id == powerUSB:
		m.power.usbOff = !(isNumber && value != 0 || l.Get(2) == glua.LTrue)
	case id == powerWifi && isNumber && m.twoChips():
		m.airlinkSwitch(value != 0)
	case id == powerMode && isNumber:
		if value < 0 || value > 3 {
			return pushBool(l, false)
		}
		m.permitSleep(value == 3)
	}
	return pushBool(l, true)
}

// pmWakeupPin is wakeupPin(pin or pins, edge).
func (m *Machine) pmWakeupPin(l *glua.LState) int {
	edge := m.optInt(l, 2, edgeRising)
	add := func(n int64) {
		m.power.wake = append(m.power.wake, wakePin(m.pinName(n), edge))
	}
	if t, ok := l.Get(1).(*glua.LTable); ok {
		for i := 1; i <= min(t.Len(), pinMost); i++ {
			if n, ok := anInteger(t.RawGetInt(i)); ok {
				add(n)
			}
		}
	} else {
		add(m.integer(l, 1))
	}
	m.hardware(l, "pm", "wakeupPin")
	return pushBool(l, true)
}

// wakePin is a pin that wakes on an edge.
func wakePin(name string, edge int64) WakePin {
	return WakePin{
		Pin:     name,
		Rising:  edge == edgeRising || edge == levelHigh || edge == edgeBoth,
		Falling: edge == edgeFalling || edge == levelLow || edge == edgeBoth,
	}
}

// permitSleep lets the module go to deep sleep after a while, or takes that
// back.
func (m *Machine) permitSleep(permitted bool) {
	if m.power.sleep != nil {
		m.power.sleep()
		m.power.sleep = nil
	}
	if !permitted {
		return
	}
	delay := sleepOffline
	if m.fw.Mobile && m.registered() {
		delay = sleepOnline
	}
	m.power.sleep = m.after(delay, func() {
		m.power.sleep = nil
		if m.maySleep() {
			m.goToSleep()
		} else {
			m.permitSleep(true)
		}
	})
}

// maySleep reports whether nothing keeps the module awake.
func (m *Machine) maySleep() bool {
	return m.power.votes == 0 && (m.power.usbOff || !m.scene().USB())
}

// goToSleep ends the scripts: the module sleeps until an alarm, a pin with an
// interrupt that is made for it, or a serial port wakes it.
func (m *Machine) goToSleep() {
	s := &Sleep{Pins: m.power.wake}
	for _, name := range namedPins {
		n, ok := m.gpioConstant(name)
		if p := m.gpio[n]; ok && p != nil && p.callback != glua.LNil {
			s.Pins = append(s.Pins, wakePin(m.pinName(n), p.trigger))
		}
	}
	if p := m.uart[uartWakes]; m.fw.Mobile && p != nil && p.open {
		s.Ports = []int{uartWakes}
	}
	m.stop(Exit{Kind: ExitSleep, Sleep: s})
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
