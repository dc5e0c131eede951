package lua

// crcKind is one of the named CRC-16 variants (luatos-runtime.md 9.3).
type crcKind struct {
	name               string
	poly, init, xorout uint16
	reflect            bool
}

var crc16Kinds = []crcKind{
	{"IBM", 0x8005, 0x0000, 0x0000, true},
	{"MAXIM", 0x8005, 0x0000, 0xFFFF, true},
	{"USB", 0x8005, 0xFFFF, 0xFFFF, true},
	{"MODBUS", 0x8005, 0xFFFF, 0x0000, true},
	{"CCITT", 0x1021, 0x0000, 0x0000, true},
	{"CCITT-FALSE", 0x1021, 0xFFFF, 0x0000, false},
	{"X25", 0x1021, 0xFFFF, 0xFFFF, true},
	{"XMODEM", 0x1021, 0x0000, 0x0000, false},
	{"DNP", 0x3D65, 0x0000, 0xFFFF, true},
	{"USER-DEFINED", 0, 0, 0, false},
}

// crcState is a CRC of width bits, computed bit by bit.
type crcState struct {
	width     uint
	poly, crc uint64
	reflect   bool // bytes come lowest bit first, and so does the result
}

// newCrc starts a CRC whose register holds start.
func newCrc(width uint, poly, start uint64, reflect bool) *crcState {
	return &crcState{width: width, poly: poly, crc: start, reflect: reflect}
}

func (c *crcState) write(data []byte) {
	top, mask := uint64(1)<<(c.width-1), uint64(1)<<c.width-1
	for _, d := range data {
		b := uint64(d)
		if c.reflect {
			b = reverseBits(b, 8)
		}
		for bit := 7; bit >= 0; bit-- {
			in := b >> uint(bit) & 1
			out := c.crc & top >> (c.width - 1)
			c.crc = c.crc << 1 & mask
			if in != out {
				c.crc ^= c.poly
			}
		}
	}
	c.crc &= mask
}

func (c *crcState) value() uint64 {
	if c.reflect {
		return reverseBits(c.crc, c.width)
	}
	return c.crc
}

func reverseBits(v uint64, n uint) uint64 {
	var r uint64
	for i := uint(0); i < n; i++ {
		r = r<<1 | v>>i&1
	}
	return r
}
