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

// crcBits runs a CRC of width bits over data, bit by bit.
func crcBits(data string, width uint, poly, crc uint64, reflectIn bool) uint64 {
	top, mask := uint64(1)<<(width-1), uint64(1)<<width-1
	for i := 0; i < len(data); i++ {
		b := uint64(data[i])
		if reflectIn {
			b = reverseBits(b, 8)
		}
		for bit := 7; bit >= 0; bit-- {
			in := b >> uint(bit) & 1
			out := crc & top >> (width - 1)
			crc = crc << 1 & mask
			if in != out {
				crc ^= poly
			}
		}
	}
	return crc & mask
}

func reverseBits(v uint64, n uint) uint64 {
	var r uint64
	for i := uint(0); i < n; i++ {
		r = r<<1 | v>>i&1
	}
	return r
}
