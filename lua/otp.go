package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// The library otp: the security registers of the module's flash chip, which no
// upgrade and no erase of the chip touches (arguments, results and sizes as the
// ports' sources have them).
//
// Assumed: programming clears bits, as in the rest of a chip; a power cut never
// tears it; locking one zone locks it alone on EC618 and EC7xx, all on XT804,
// whose erase does nothing; modules of other chips are as EC7xx.

// OTP are the security registers of a module, one zone after the other. The
// zero OTP is erased.
type OTP struct {
	zones  [otpZones][]byte // nil: erased
	locked [otpZones]bool
}

const (
	otpZones    = 4
	otpZoneSize = 256     // bytes
	otpMost     = 4 << 10 // bytes that a call may name
)

// otpFirst is the first zone of a port, which has three.
func (m *Machine) otpFirst() int64 {
	if strings.HasPrefix(m.fw.Chip, "XT8") {
		return 0
	}
	return 1
}

// openOTP installs otp.*.
func (m *Machine) openOTP() {
	m.lib("otp",
		fn("read", func(l *glua.LState) int {
			zone, at, n := m.integer(l, 1), m.integer(l, 2), m.integer(l, 3)
			if !m.otpHas(zone) || at < 0 || n < 0 || at+n > otpMost {
				return 0
			}
			p := m.otpZone(zone)
			at = min(at, otpZoneSize)
			return pushStr(l, string(p[at:min(at+n, otpZoneSize)]))
		}),
		fn("write", func(l *glua.LState) int {
			zone, p, at := m.integer(l, 1), m.str(l, 2), m.integer(l, 3)
			m.hardware(l, "otp", "write")
			if at < 0 || at+int64(len(p)) > otpMost || zone < 0 || zone > 16 {
				return 0
			}
			ok := m.otpHas(zone) && !m.board.OTP().locked[zone]
			if ok {
				cells := m.otpZone(zone)
				for i := int64(0); i < int64(len(p)) && at+i < otpZoneSize; i++ {
					cells[at+i] &= p[i]
				}
			}
			return pushBool(l, ok)
		}),
		fn("erase", func(l *glua.LState) int {
			zone := m.integer(l, 1)
			m.hardware(l, "otp", "erase")
			if m.otpFirst() == 0 {
				return pushBool(l, true)
			}
			ok := m.otpHas(zone) && !m.board.OTP().locked[zone]
			if ok {
				m.board.OTP().zones[zone] = nil
			}
			return pushBool(l, ok)
		}),
		fn("lock", func(l *glua.LState) int {
			zone := m.optInt(l, 1, 0)
			m.hardware(l, "otp", "lock")
			if m.otpFirst() == 0 {
				m.board.OTP().locked = [otpZones]bool{true, true, true, true}
				return pushBool(l, true)
			}
			ok := m.otpHas(zone)
			if ok {
				m.board.OTP().locked[zone] = true
			}
			return pushBool(l, ok)
		}))
}

// otpHas reports whether the module has a zone.
func (m *Machine) otpHas(zone int64) bool {
	first := m.otpFirst()
	return zone >= first && zone < first+3
}

func (m *Machine) otpZone(zone int64) []byte {
	o := m.board.OTP()
	if o.zones[zone] == nil {
		o.zones[zone] = make([]byte, otpZoneSize)
		for i := range o.zones[zone] {
			o.zones[zone][i] = 0xFF
		}
	}
	return o.zones[zone]
}
