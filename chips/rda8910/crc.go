package rda8910

import "hash/crc32"

// packCRC is the CRC of core packs: the polynomial of CRC-32 with a start
// value of 0 and no inversion at the end (8910.md 2.5).
func packCRC(p []byte) uint32 { return ^crc32.Update(^uint32(0), crc32.IEEETable, p) }

// crc16 is CRC-16/ARC, that of .pac files (8910.md 2.11).
func crc16(p []byte) uint16 {
	var c uint16
	for _, b := range p {
		c = c>>8 ^ crc16Table[byte(c)^b]
	}
	return c
}

var crc16Table = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			c = c>>1 ^ c&1*0xA001
		}
		t[i] = c
	}
	return t
}()

// byteSum is the checksum of an LZMAR block: the sum of its plain bytes
// (8910.md 2.6).
func byteSum(p []byte) uint32 {
	var s uint32
	for _, b := range p {
		s += uint32(b)
	}
	return s
}
