// Package bzip2 reads and writes bzip2 streams for the deltas of EC618, whose
// boot code differs from the usual decoder in one thing: the level digit
// counts in units of 8192 bytes, not of 100,000 (ec618.md 10.1). A stream with
// larger blocks is one that no module takes. The standard library can neither
// tell the size of a block nor write.
package bzip2

// Units of the level digit, in bytes.
const (
	UnitStandard = 100_000
	UnitEC618    = 8192 // ec618.md 10.1
)

const (
	magicBlock  = 0x314159265359
	magicFinale = 0x177245385090

	groupSize    = 50 // symbols coded with one table
	maxTables    = 6
	maxSymbols   = 258
	maxCodeBits  = 20
	maxSelectors = 18002
	runA, runB   = 0, 1
)

// crcTable is of the CRC-32 that bzip2 uses: most significant bit first.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

func crcUpdate(c uint32, p []byte) uint32 {
	for _, b := range p {
		c = c<<8 ^ crcTable[byte(c>>24)^b]
	}
	return c
}
