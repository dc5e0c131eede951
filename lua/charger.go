package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// pm.chgcmd and pm.chginfo: the YHM27xx charger on one wire (arguments and
// results as the library's own sources have them). The charger is the scene's.

// chargerRegisters is how many registers chginfo reads.
const chargerRegisters = 9

// pmChargerCommand is chgcmd(pin, chip, register [, value]): it reads without
// a value. Which pin it is on is not looked at: there is one charger.
func (m *Machine) pmChargerCommand(l *glua.LState) int {
	m.optInt(l, 1, 0)
	chip, reg := byte(m.integer(l, 2)), byte(m.integer(l, 3))
	m.hardware(l, "pm", "chgcmd")
	c := m.scene().Charger(chip)
	if c == nil {
		return pushBool(l, false)
	}
	if l.GetTop() >= 4 {
		c.Write(reg, byte(m.integer(l, 4)))
		return pushBool(l, true)
	}
	pushBool(l, true)
	pushInt(l, int64(c.Read(reg)))
	return 2
}

// pmChargerInfo is chginfo(pin, chip): the message YHM27XX_REG brings all
// registers, which stay what they were if nobody answers.
func (m *Machine) pmChargerInfo(l *glua.LState) int {
	m.optInt(l, 1, 0)
	chip := byte(m.integer(l, 2))
	if c := m.scene().Charger(chip); c != nil {
		for reg := range m.power.charger {
			m.power.charger[reg] = c.Read(byte(reg))
		}
	}
	m.publishLater("YHM27XX_REG", glua.LString(m.power.charger[:]))
	m.checkPower()
	return 0
}
