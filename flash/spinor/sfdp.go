package spinor

import "encoding/binary"

// The serial flash discoverable parameters of a chip (JESD216): a header, the
// header of one table, and the basic flash parameter table of nine words.

const (
	sfdpTable = 0x80 // where the table begins
	sfdpWords = 9
)

// sfdpByte is the byte at an address of the parameters; 0xFF is where there
// are none.
func sfdpByte(size, at int64) byte {
	p := sfdp(size)
	if at < 0 || at >= int64(len(p)) {
		return 0xFF
	}
	return p[at]
}

func sfdp(size int64) []byte {
	p := make([]byte, sfdpTable+4*sfdpWords)
	for i := range p {
		p[i] = 0xFF
	}
	copy(p, "SFDP")
	copy(p[4:], []byte{0, 1, 0, 0xFF})                                // revision 1.0, one table
	copy(p[8:], []byte{0x00, 0, 1, sfdpWords, sfdpTable, 0, 0, 0xFF}) // JEDEC's table, revision 1.0
	for i, w := range [sfdpWords]uint32{
		// Sectors of 4 KiB by 0x20, pages of 64 bytes or more, addresses of
		// three bytes, no other modes.
		0xFF80_20E5,
		uint32(size*8 - 1),
		0, 0, 0xFFFF_FFEE, 0xFF00_FFFF, 0xFF00_FFFF,
		// Erases: 2^12 by 0x20, 2^15 by 0x52; 2^16 by 0xD8.
		0x520F_200C,
		0x0000_D810,
	} {
		binary.LittleEndian.PutUint32(p[sfdpTable+4*i:], w)
	}
	return p
}
