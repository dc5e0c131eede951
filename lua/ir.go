package lua

import (
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library ir: remote controls by infrared light (arguments as the library's
// own sources have them). What is sent is recorded, by its bytes, and takes as
// long as it does by NEC's protocol.

// Times of NEC's protocol.
const (
	necStart  = 13500 * time.Microsecond
	necZero   = 1120 * time.Microsecond
	necOne    = 2250 * time.Microsecond
	necRepeat = 110 * time.Millisecond
)

// irRepeatsMost bounds the repetitions of one call.
const irRepeatsMost = 1000

// openIR installs ir.*.
func (m *Machine) openIR() {
	m.lib("ir", fn("sendNEC", func(l *glua.LState) int {
		pin, user, command := m.integer(l, 1), m.integer(l, 2), byte(m.integer(l, 3))
		repeats := m.optInt(l, 4, 0)
		if repeats < 0 || repeats > irRepeatsMost {
			m.raise("ir.sendNEC: %d repetitions, at most %d are emulated", repeats, irRepeatsMost)
		}
		second := ^byte(user)
		if user > 0xFF {
			second = byte(user >> 8)
		}
		sent := [4]byte{byte(user), second, command, ^command}
		m.board.Hardware(HardwareEvent{Unit: "ir", Action: fmt.Sprintf("pin %d sends % X", pin, sent)})
		length := necStart + time.Duration(repeats)*necRepeat
		for _, b := range sent {
			for i := range 8 {
				if b>>i&1 != 0 {
					length += necOne
				} else {
					length += necZero
				}
			}
		}
		m.board.Sleep(length)
		m.checkPower()
		return 0
	}))
}
