package scene

import (
	"slices"

	"airlift/lua"
)

// Models are the I2C sensors that a scene can have by name; they behave as
// their data sheets say.
var Models = []string{"sht20", "sht30"}

// newSensor makes a sensor. Temperature is in thousandths of a degree Celsius,
// humidity in thousandths of a percent.
func newSensor(model string, temperature, humidity int) lua.I2CDevice {
	if model == "sht20" {
		return &sht20{temperature: temperature, humidity: humidity, user: sht20User}
	}
	return &sht30{temperature: temperature, humidity: humidity}
}

// sensirionCRC is the CRC of 8 bits that these sensors send: polynomial
// x^8 + x^5 + x^4 + 1, highest bit first.
func sensirionCRC(p []byte, crc byte) byte {
	for _, b := range p {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x31
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// scaled is (v + offset) / span of the sensor's full scale of 16 bits.
func scaled(v, offset, span, full int) uint16 {
	return uint16(max(0, min(int64(full), (int64(v+offset)*int64(full)+int64(span)/2)/int64(span))))
}

// read fills p with out, and with ones behind it.
func read(p, out []byte) bool {
	n := copy(p, out)
	for i := range p[n:] {
		p[n+i] = 0xFF
	}
	return true
}

// sht20 is a Sensirion SHT20.
type sht20 struct {
	temperature, humidity int
	user                  byte
	out                   []byte
}

const sht20User = 0x02 // of the user register after a reset

// Write implements lua.I2CDevice.
func (s *sht20) Write(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	s.out = nil
	switch p[0] {
	case 0xE3, 0xF3:
		s.measured(scaled(s.temperature, 46_850, 175_720, 65536) &^ 3)
	case 0xE5, 0xF5:
		s.measured(scaled(s.humidity, 6_000, 125_000, 65536)&^3 | 2)
	case 0xE7:
		s.out = []byte{s.user}
	case 0xE6:
		if len(p) > 1 {
			s.user = p[1]
		}
	case 0xFE:
		s.user = sht20User
	default:
		return false
	}
	return true
}

func (s *sht20) measured(v uint16) {
	s.out = []byte{byte(v >> 8), byte(v)}
	s.out = append(s.out, sensirionCRC(s.out, 0))
}

// Read implements lua.I2CDevice.
func (s *sht20) Read(p []byte) bool { return read(p, s.out) }

// sht30 is a Sensirion SHT30.
type sht30 struct {
	temperature, humidity int
	out                   []byte
}

// sht30Single are the commands for one measurement, sht30Other others that it
// knows: periodic measurements and their end, reset, heater, status.
var (
	sht30Single = []uint16{0x2C06, 0x2C0D, 0x2C10, 0x2400, 0x240B, 0x2416}
	sht30Other  = []uint16{0x2032, 0x2024, 0x202F, 0x2130, 0x2126, 0x212D, 0x3093, 0x30A2, 0x306D, 0x3066, 0x3041}
)

const (
	sht30Fetch  = 0xE000
	sht30Status = 0xF32D
)

// Write implements lua.I2CDevice.
func (s *sht30) Write(p []byte) bool {
	if len(p) < 2 {
		return len(p) == 0
	}
	s.out = nil
	switch command := uint16(p[0])<<8 | uint16(p[1]); {
	case slices.Contains(sht30Single, command) || command == sht30Fetch:
		s.word(scaled(s.temperature, 45_000, 175_000, 65535))
		s.word(scaled(s.humidity, 0, 100_000, 65535))
	case command == sht30Status:
		s.word(0x8010)
	case !slices.Contains(sht30Other, command):
		return false
	}
	return true
}

func (s *sht30) word(v uint16) {
	w := []byte{byte(v >> 8), byte(v)}
	s.out = append(s.out, w[0], w[1], sensirionCRC(w, 0xFF))
}

// Read implements lua.I2CDevice.
func (s *sht30) Read(p []byte) bool { return read(p, s.out) }
