package scene

import (
	"go.yaml.in/yaml/v3"

	"airlift/lua"
)

// Charger is a battery charger YHM27xx: registers for voltage, current and
// mode that scripts write, and what it says of the battery (the meaning of the
// registers is that of upstream's scripts that use it).
type Charger struct {
	Chip    int  // its number on the wire
	Stage   int  // of charging: 0 discharges, 1 pre-charge, 2 trickle, 3 constant current, 5 constant voltage, 7 full
	Battery bool // there is one
	Hot     bool // too hot to charge
}

// Registers of a YHM27xx.
const (
	chargerMode    = 2
	chargerStatus1 = 5 // stage in bits 5 to 7, too hot in bit 3
	chargerStatus2 = 6 // bits 4 to 7: 12 and 13 in turn without a battery
	chargerID      = 8

	chargerStrobe  = 0x08 // of the mode: reads as 0
	chargerStopped = 0xF0 // the mode that stops charging
	chargerName    = 0x20 // what the identification register says: an assumption
)

type chargerAtWork struct {
	*Charger
	registers [chargerStatus1]byte // that can be written
	looks     int
}

// ChargerChange is a change of what the charger says.
type ChargerChange struct{ Charger *Charger }

func (h ChargerChange) happen(b *Bench) []lua.SceneEvent {
	if h.Charger == nil || b.charger == nil {
		b.charger = newCharger(h.Charger)
	} else {
		b.charger.Charger = h.Charger
	}
	return nil
}

func newCharger(c *Charger) *chargerAtWork {
	if c == nil {
		return nil
	}
	return &chargerAtWork{Charger: c}
}

// Charger implements lua.Inputs.
func (b *Bench) Charger(chip byte) lua.Charger {
	if b.charger == nil || b.charger.Chip != int(chip) {
		return nil
	}
	return b.charger
}

// Write implements lua.Charger.
func (c *chargerAtWork) Write(reg, value byte) {
	if int(reg) >= len(c.registers) {
		return
	}
	if reg == chargerMode {
		value &^= chargerStrobe
	}
	c.registers[reg] = value
}

// Read implements lua.Charger.
func (c *chargerAtWork) Read(reg byte) byte {
	switch {
	case int(reg) < len(c.registers):
		return c.registers[reg]
	case reg == chargerStatus1:
		var v byte
		if c.registers[chargerMode] != chargerStopped && c.Battery {
			v = byte(c.Stage << 5)
		}
		if c.Hot {
			v |= 1 << 3
		}
		return v
	case reg == chargerStatus2 && !c.Battery:
		c.looks++
		return byte(12+c.looks%2) << 4
	case reg == chargerID:
		return chargerName
	}
	return 0
}

// readCharger reads a charger; none is none.
func readCharger(n *yaml.Node) *Charger {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	c := *Default().Charger
	readMapping(n, "charger", fields{
		"chip":    func(n *yaml.Node) { c.Chip = number(n, "chip", 0, 255) },
		"stage":   func(n *yaml.Node) { c.Stage = number(n, "stage", 0, 7) },
		"battery": func(n *yaml.Node) { c.Battery = boolean(n, "battery") },
		"hot":     func(n *yaml.Node) { c.Hot = boolean(n, "hot") },
	})
	return &c
}
