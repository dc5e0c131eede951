package scene

// i2cDevice is a device with registers, with answers, or with both: a write
// that an answer is for decides the next read, any other write goes to the
// registers.
type i2cDevice struct {
	answers []Answer
	memory  [256]byte
	at      byte
	answer  []byte // of the next read; nil: from the registers
}

func newI2C(d I2C) *i2cDevice {
	dev := &i2cDevice{answers: d.Answers}
	for reg, p := range d.Registers {
		for i, v := range p {
			dev.memory[reg+byte(i)] = v
		}
	}
	return dev
}

// Write implements lua.I2CDevice.
func (d *i2cDevice) Write(p []byte) bool {
	d.answer = nil
	if a := match(d.answers, p); a != nil {
		d.answer = a.Say
		return true
	}
	if len(p) == 0 {
		return true
	}
	d.at = p[0]
	for i, v := range p[1:] {
		d.memory[d.at+byte(i)] = v
	}
	return true
}

// Read implements lua.I2CDevice.
func (d *i2cDevice) Read(p []byte) bool {
	if d.answer != nil {
		return read(p, d.answer)
	}
	for i := range p {
		p[i] = d.memory[d.at]
		d.at++
	}
	return true
}

// spiDevice answers what it is sent.
type spiDevice struct{ SPI }

// Transfer implements lua.SPIDevice. In full duplex, what comes in starts with
// the first bit that goes out; in half duplex it follows.
func (d *spiDevice) Transfer(out []byte, read int, half bool) []byte {
	in := make([]byte, read)
	for i := range in {
		in[i] = 0xFF
	}
	if d.Loopback {
		copy(in, out)
		return in
	}
	// An answer is for a command: longer transfers may begin with it.
	for _, a := range d.Answers {
		if len(a.When) > len(out) || string(a.When) != string(out[:len(a.When)]) {
			continue
		}
		if half || len(a.When) >= read {
			copy(in, a.Say)
		} else {
			copy(in[len(a.When):], a.Say)
		}
		break
	}
	return in
}

// thermometer is a DS18B20, bit by bit, from its data sheet: a reset, a ROM
// command, a function command.
type thermometer struct {
	rom     [8]byte
	celsius int // thousandths of a degree
	out     []byte
	outBit  int
	in      byte
	inBits  int
	phase   thermoPhase
	skip    int // bits to ignore while a ROM is matched
}

type thermoPhase uint8

const (
	thermoIdle thermoPhase = iota
	thermoROM
	thermoMatch
	thermoFunction
)

// Commands of the DS18B20.
const (
	romRead      = 0x33
	romSkip      = 0xCC
	romMatch     = 0x55
	thermConvert = 0x44
	thermRead    = 0xBE
)

// Reset implements lua.OneWireDevice.
func (t *thermometer) Reset() bool {
	t.phase, t.out, t.in, t.inBits = thermoROM, nil, 0, 0
	return true
}

// Write implements lua.OneWireDevice.
func (t *thermometer) Write(bit int) {
	if t.phase == thermoMatch {
		if at := 64 - t.skip; int(t.rom[at/8]>>(at%8))&1 != bit {
			t.phase = thermoIdle
			return
		}
		if t.skip--; t.skip == 0 {
			t.phase = thermoFunction
		}
		return
	}
	t.in |= byte(bit << t.inBits)
	if t.inBits++; t.inBits < 8 {
		return
	}
	command := t.in
	t.in, t.inBits = 0, 0
	t.command(command)
}

func (t *thermometer) command(c byte) {
	switch {
	case t.phase == thermoROM && c == romRead:
		t.say(t.rom[:])
		t.phase = thermoFunction
	case t.phase == thermoROM && c == romSkip:
		t.phase = thermoFunction
	case t.phase == thermoROM && c == romMatch:
		t.phase, t.skip = thermoMatch, 64
	case t.phase == thermoFunction && c == thermRead:
		t.say(t.scratchpad())
	case t.phase == thermoFunction && c == thermConvert:
		t.out = nil // reads 1: done
	default:
		t.phase = thermoIdle
	}
}

func (t *thermometer) say(p []byte) { t.out, t.outBit = p, 0 }

// Read implements lua.OneWireDevice.
func (t *thermometer) Read() int {
	if t.outBit >= len(t.out)*8 {
		return 1
	}
	bit := int(t.out[t.outBit/8]>>(t.outBit%8)) & 1
	t.outBit++
	return bit
}

// scratchpad holds the temperature in sixteenths of a degree, alarms,
// configuration, and a CRC.
func (t *thermometer) scratchpad() []byte {
	v := uint16(int16(t.celsius * 16 / 1000))
	p := []byte{byte(v), byte(v >> 8), 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10}
	return append(p, crc8(p))
}

// crc8 is Maxim's: polynomial x^8 + x^5 + x^4 + 1, lowest bit first.
func crc8(p []byte) byte {
	var crc byte
	for _, b := range p {
		crc ^= b
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8C
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// ThermometerROM makes the ROM of a DS18B20 from its serial number.
func ThermometerROM(serial [6]byte) [8]byte {
	var rom [8]byte
	rom[0] = 0x28
	copy(rom[1:], serial[:])
	rom[7] = crc8(rom[:7])
	return rom
}
