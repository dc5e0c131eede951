// Package spinor is a serial NOR flash chip as the other end of an SPI bus sees
// it: the commands that the chips of all makers share (JEDEC JESD216, and the
// data sheets of the W25Q family), on the cells of a [flash.Device]. Every page
// program and every sector erase is an operation of that device, so cuts, tears
// and traces see them.
//
// A call of [Chip.Transfer] is one command: the select line goes low before it
// and high after it.
//
// Assumed: a chip is never busy when somebody asks, since an operation is over
// when the call returns, and costs what the board's tap makes it cost; an
// operation that fails leaves its cells as they were, and only reading back
// tells; protection bits are not kept; a transfer that sends nothing goes on
// reading where the one before it ended, as with a select line that a script
// drives itself.
package spinor

import (
	"fmt"
	"math/bits"

	"airlift/flash"
)

// Commands.
const (
	cmdWriteStatus  = 0x01
	cmdProgram      = 0x02
	cmdRead         = 0x03
	cmdWriteDisable = 0x04
	cmdStatus1      = 0x05
	cmdWriteEnable  = 0x06
	cmdFastRead     = 0x0B
	cmdStatus3      = 0x15
	cmdErase4K      = 0x20
	cmdStatus2      = 0x35
	cmdUniqueID     = 0x4B
	cmdErase32K     = 0x52
	cmdSFDP         = 0x5A
	cmdEraseAll2    = 0x60
	cmdEnableReset  = 0x66
	cmdMakerID      = 0x90
	cmdReset        = 0x99
	cmdJEDEC        = 0x9F
	cmdWakeUp       = 0xAB
	cmdPowerDown    = 0xB9
	cmdEraseAll     = 0xC7
	cmdErase64K     = 0xD8
)

// The sizes that a chip with addresses of three bytes may have, in bytes.
const (
	MinSize = 64 << 10
	MaxSize = 16 << 20
)

const (
	makerID       = 0xEF // Winbond
	typeID        = 0x40
	statusEnabled = 1 << 1 // of the status: a program or erase may follow
	page          = flash.DefaultPageSize
)

// CheckSize reports a size that no chip of this kind has.
func CheckSize(size int64) error {
	if size < MinSize || size > MaxSize || size&(size-1) != 0 {
		return fmt.Errorf("SPI flash of %d bytes: expected a power of two from %d to %d", size, MinSize, MaxSize)
	}
	return nil
}

// Models are the names of chips, the smallest first.
var Models = []string{"W25Q80", "W25Q16", "W25Q32", "W25Q64", "W25Q128"}

// ModelSize is the size of a chip of Models in bytes, 0 for another name.
func ModelSize(model string) int64 {
	for i, name := range Models {
		if name == model {
			return 1 << (20 + i)
		}
	}
	return 0
}

// Chip takes commands for a device.
type Chip struct {
	dev     *flash.Device
	enabled bool   // the write enable latch
	reset   bool   // the next command may be a reset
	asleep  bool   // powered down by a command
	command []byte // the last one, with its address and what goes with it
	read    int64  // bytes that were read since it
}

// New is a chip with the contents of dev, whose size must satisfy [CheckSize].
func New(dev *flash.Device) *Chip { return &Chip{dev: dev} }

// Device returns the cells.
func (c *Chip) Device() *flash.Device { return c.dev }

// Power returns the supply that the chip hangs on.
func (c *Chip) Power() *flash.Power { return c.dev.Power() }

// Size returns the chip's size in bytes.
func (c *Chip) Size() int64 { return c.dev.Size() }

// PowerOn is a loss of power and its return: the cells stay.
func (c *Chip) PowerOn() { *c = Chip{dev: c.dev} }

// Transfer runs the command in out and returns read bytes. In full duplex what
// comes in starts with the first bit that goes out; in half duplex it follows.
// The power may be lost afterwards.
func (c *Chip) Transfer(out []byte, read int, half bool) []byte {
	in := make([]byte, read)
	for i := range in {
		in[i] = 0xFF
	}
	answer := in
	if len(out) > 0 {
		c.command, c.read = append(c.command[:0], out...), 0
		if !half {
			answer = in[min(len(in), header(out[0])):]
		}
	}
	if len(c.command) < 1 {
		return in
	}
	if after := len(c.command) - header(c.command[0]); after >= 0 {
		if len(out) > 0 && half {
			c.read = int64(after) // went by while the module sent
		}
		if !c.asleep || c.command[0] == cmdWakeUp {
			c.answer(answer)
		}
		if len(out) > 0 {
			c.execute()
		}
	}
	return in
}

// addressBytes is how many address bytes a command has.
func addressBytes(command byte) int {
	switch command {
	case cmdRead, cmdFastRead, cmdProgram, cmdErase4K, cmdErase32K, cmdErase64K, cmdSFDP, cmdMakerID:
		return 3
	}
	return 0
}

// header is how many bytes a command has before its data: itself, its address,
// and those without a meaning.
func header(command byte) int {
	n := 1 + addressBytes(command)
	switch command {
	case cmdFastRead, cmdSFDP:
		n++
	case cmdUniqueID:
		n += 4
	}
	return n
}

// address is that of the last command.
func (c *Chip) address() int64 {
	return int64(c.command[1])<<16 | int64(c.command[2])<<8 | int64(c.command[3])
}

// answer fills p with what the chip sends.
func (c *Chip) answer(p []byte) {
	at := c.read
	c.read += int64(len(p))
	size := c.dev.Size()
	switch c.command[0] {
	case cmdRead, cmdFastRead:
		c.ReadAt(p, uint32((c.address()+at)%size))
	case cmdSFDP:
		for i := range p {
			p[i] = sfdpByte(size, c.address()+at+int64(i))
		}
	case cmdJEDEC:
		repeat(p, at, makerID, typeID, c.sizeID())
	case cmdMakerID:
		repeat(p, at+c.address(), makerID, c.sizeID()-1)
	case cmdWakeUp:
		if at += int64(len(c.command)) - 1; at >= 3 { // after three bytes without a meaning
			repeat(p, 0, c.sizeID()-1)
		}
	case cmdUniqueID:
		repeat(p, at, 0xD1, 0x60, 0x58, 0x83, 0x42, 0x2C, 0x31, 0x2F)
	case cmdStatus1:
		if repeat(p, 0, 0); c.enabled {
			repeat(p, 0, statusEnabled)
		}
	case cmdStatus2, cmdStatus3:
		repeat(p, 0, 0)
	}
}

// repeat fills p with what over and over, from place at of it on.
func repeat(p []byte, at int64, what ...byte) {
	for i := range p {
		p[i] = what[(at+int64(i))%int64(len(what))]
	}
}

// sizeID is the third byte of the JEDEC ID: the size as a power of two.
func (c *Chip) sizeID() byte { return byte(bits.Len64(uint64(c.dev.Size())) - 1) }

// execute does what a command does at its end.
func (c *Chip) execute() {
	reset := c.reset
	c.reset = false
	switch command := c.command[0]; {
	case command == cmdWakeUp:
		c.asleep = false
	case c.asleep:
	case command == cmdPowerDown:
		c.asleep = true
	case command == cmdEnableReset:
		c.reset = true
	case command == cmdReset && reset:
		c.PowerOn()
	case command == cmdWriteEnable, command == cmdWriteDisable:
		c.enabled = command == cmdWriteEnable
	case c.enabled:
		c.change()
	}
}

// change carries out a command that needs writing to be enabled, and disables
// it again.
func (c *Chip) change() {
	switch size := c.dev.Size(); c.command[0] {
	case cmdProgram:
		c.enabled = false
		c.program(c.address()%size, c.command[header(cmdProgram):])
	case cmdErase4K:
		c.erase(4 << 10)
	case cmdErase32K:
		c.erase(32 << 10)
	case cmdErase64K:
		c.erase(64 << 10)
	case cmdEraseAll, cmdEraseAll2:
		c.enabled = false
		_ = c.dev.EraseUnchecked(0, size) // the chip has no way to say that it failed
	case cmdWriteStatus:
		c.enabled = false
	}
}

// erase erases the block that the address lies in.
func (c *Chip) erase(block int64) {
	c.enabled = false
	at := c.address() % c.dev.Size()
	_ = c.dev.EraseUnchecked(at-at%block, block)
}

// program programs the page of at. What would go behind its end goes to its
// start, and of what falls together the last counts.
func (c *Chip) program(at int64, p []byte) {
	if at%page+int64(len(p)) <= page {
		_ = c.dev.Program(at, p)
		return
	}
	whole := make([]byte, page)
	repeat(whole, 0, 0xFF)
	for i, b := range p {
		whole[(at+int64(i))%page] = b
	}
	_ = c.dev.Program(at-at%page, whole)
}

// ReadAt fills p as the read command does: address bits that the chip lacks do
// not count, and behind its last byte comes its first. Without power p stays as
// it is.
func (c *Chip) ReadAt(p []byte, addr uint32) {
	at := int64(addr) % c.dev.Size()
	for len(p) > 0 {
		n := min(int64(len(p)), c.dev.Size()-at)
		if _, err := c.dev.ReadAt(p[:n], at); err != nil {
			return
		}
		p, at = p[n:], 0
	}
}

// Erase64K erases the block that holds addr, with the two commands that it
// takes.
func (c *Chip) Erase64K(addr uint32) {
	c.Transfer([]byte{cmdWriteEnable}, 0, true)
	c.Transfer([]byte{cmdErase64K, byte(addr >> 16), byte(addr >> 8), byte(addr)}, 0, true)
}

// ProgramPage programs up to 256 bytes from addr on, with the two commands that
// it takes.
func (c *Chip) ProgramPage(addr uint32, p []byte) {
	c.Transfer([]byte{cmdWriteEnable}, 0, true)
	c.Transfer(append([]byte{cmdProgram, byte(addr >> 16), byte(addr >> 8), byte(addr)}, p...), 0, true)
}
