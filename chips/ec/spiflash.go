package ec

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/spinor"
)

// An upgrade of EC7xx may wait in a flash on an SPI bus instead of behind the
// script area: a package with whole images is too long for that (ec618.md 2.3,
// 3.2, 4.3). The application side is public source; the boot code's part is in
// a library that is public too (assumption spi-flash).

// WithSPIFlash implements [chips.SPIFlashFamily].
func (f *Family) WithSPIFlash(c *chips.Chip, s chips.SPIFlash) (*chips.Chip, error) {
	boot, ok := c.Bootloader.(*Bootloader)
	if !ok || boot.Layout.Series != EC7xx {
		return nil, fmt.Errorf("%s: its firmware has no use for an SPI flash (ec618.md 3.2, 4.3)", c.Model.Name)
	}
	if err := spinor.CheckSize(s.Size); err != nil {
		return nil, err
	}
	if s.Bus < 0 || s.Bus > 1 {
		return nil, fmt.Errorf("SPI bus %d: expected 0 or 1", s.Bus)
	}
	if s.CS < 0 || s.CS > 38 {
		return nil, fmt.Errorf("GPIO %d as chip select: expected 0 to 38", s.CS)
	}
	l, m := boot.Layout, *c.Model
	s.Base = spiAddress
	l.SPI = &s
	m.Flash = append(append([]flash.Geometry(nil), m.Flash...), flash.NOR(s.Size))
	with := f.build(&m, c.Profile, l)
	with.Files = c.Files
	return with, nil
}

// spiBus is what answers on an SPI bus of the module to updater and boot code.
type spiBus struct {
	dev  *flash.Device // nil: nothing
	chip *spinor.Chip
}

// spiOf returns what answers to the device that a script or a record names.
func spiOf(env *chips.Env, used chips.SPIDevice) spiBus {
	for _, s := range env.Board.SPI {
		if s.Bus == used.Bus && (s.CS == used.CS || s.CS < 0) {
			return spiBus{s.Dev, spinor.New(s.Dev)}
		}
	}
	return spiBus{}
}

func (b spiBus) there() bool { return b.dev != nil }

// transfer sends a command and returns the n bytes that follow it: ones, if
// nobody answers.
func (b spiBus) transfer(n int, out ...byte) ([]byte, error) {
	if !b.there() {
		p := make([]byte, n)
		for i := range p {
			p[i] = 0xFF
		}
		return p, nil
	}
	p := b.chip.Transfer(out, n, true)
	return p, b.lost()
}

// lost is ErrPowerLost if the power is.
func (b spiBus) lost() error {
	if b.dev.Power().Lost() {
		return flash.ErrPowerLost
	}
	return nil
}

// id returns the three bytes by which chips say who they are.
func (b spiBus) id() ([]byte, error) { return b.transfer(3, 0x9F) }

// busy returns the status of a flash that is busy, or that is not there: 0 for
// one that is ready.
func (b spiBus) busy() (byte, error) {
	p, err := b.transfer(1, 0x05)
	return p[0] * (p[0] & 1), err
}

// erase erases the 64 KiB that hold addr. What the chip says is logged, and not
// looked at any further (ec618.md 3.3).
func (b spiBus) erase(env *chips.Env, addr uint32) error {
	if s, err := b.busy(); err != nil || s != 0 {
		fail(env, "spi flash busy %x!", s)
		return err
	}
	b.chip.Erase64K(addr)
	return b.lost()
}

// program writes p to addr in pieces of 256 bytes; a piece that crosses the end
// of a page goes on at the page's start.
func (b spiBus) program(env *chips.Env, addr uint32, p []byte) error {
	if s, err := b.busy(); err != nil || s != 0 {
		fail(env, "spi flash busy %x!", s)
		return err
	}
	for len(p) > 0 {
		n := min(len(p), flash.DefaultPageSize)
		b.chip.ProgramPage(addr, p[:n])
		if err := b.lost(); err != nil {
			return err
		}
		addr, p = addr+uint32(n), p[n:]
	}
	return nil
}

// readAt fills p from addr on. Only 24 bits of the address go out.
func (b spiBus) readAt(p []byte, addr uint32) error {
	if !b.there() {
		for i := range p {
			p[i] = 0xFF
		}
		return nil
	}
	b.chip.ReadAt(p, addr)
	return b.lost()
}

// each hands n bytes from addr on to f.
func (b spiBus) each(addr uint32, n int64, f func(p []byte)) error {
	buf := make([]byte, min(n, sector))
	for n > 0 {
		p := buf[:min(n, sector)]
		if err := b.readAt(p, addr); err != nil {
			return err
		}
		f(p)
		addr, n = addr+uint32(len(p)), n-int64(len(p))
	}
	return nil
}

// overflow tells what a common part of n bytes at addr does to a flash that it
// does not fit, or whose blocks it does not begin with; "" if it fits.
func (b spiBus) overflow(addr uint32, n int64) string {
	if !b.there() {
		return ""
	}
	at := int64(addr&0xFFFFFF) & (b.dev.Size() - 1)
	switch end := at + n; {
	case end > b.dev.Size():
		return fmt.Sprintf("the common part of %d bytes at 0x%06X runs over the end of the SPI flash, 0x%06X, and goes on at its start", n, at, b.dev.Size())
	case at%spiBlock != 0:
		return fmt.Sprintf("the common part begins at 0x%06X of the SPI flash, within a block of 64 KiB: all of the block is erased, and the next one too late", at)
	}
	return ""
}

// spiBlock is what the firmware erases of an SPI flash at a time, in bytes.
const spiBlock = 64 * kib
