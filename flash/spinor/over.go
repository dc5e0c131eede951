package spinor

import (
	"fmt"

	"airlift/flash"
)

// SizeMin and SizeMax bound chips whose commands have three address bytes, in
// bytes.
const (
	SizeMin = 64 << 10
	SizeMax = 16 << 20
)

// CheckSize reports a size that no chip with three address bytes has.
func CheckSize(size int64) error {
	if size < SizeMin || size > SizeMax || size&(size-1) != 0 {
		return fmt.Errorf("SPI flash of %d bytes: expected a power of two from %d to %d", size, SizeMin, SizeMax)
	}
	return nil
}

// Over returns a chip whose cells are those of a device, which must have a size
// that is a power of two.
func Over(cells *flash.Device) *Chip { return &Chip{cells: cells} }

// Transfer runs one command: it selects the chip, sends out, reads n more bytes
// and deselects it.
func (c *Chip) Transfer(out []byte, n int) []byte {
	c.Select()
	for _, b := range out {
		c.Exchange(b)
	}
	in := make([]byte, n)
	for i := range in {
		in[i] = c.Exchange(0xFF)
	}
	c.Deselect()
	return in
}

// ReadCells fills p from addr on as one read command does, in less time: address
// bits that the chip lacks do not count, and behind its last byte comes its
// first.
func (c *Chip) ReadCells(p []byte, addr uint32) error {
	size := c.cells.Size()
	for at := int64(addr) % size; len(p) > 0; at = 0 {
		n := min(int64(len(p)), size-at)
		if _, err := c.cells.ReadAt(p[:n], at); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
