package chips

import (
	"fmt"

	"airlift/flash"
)

// SPIFlash is a flash chip that a board has on one of the module's SPI buses,
// besides those inside the module.
type SPIFlash struct {
	Bus  int
	CS   int   // GPIO number that selects it
	Size int64 // bytes
	Base int64 // what fota.init calls its first byte; the family fills it in
}

// BoardSPI is a flash chip on an SPI bus, as boot code and updater find it.
type BoardSPI struct {
	Bus int
	CS  int // -1: it is selected whatever the pin
	Dev *flash.Device
}

// PartSPI is the name of the one partition that such a chip has.
const PartSPI = "spi-flash"

// SPIFlashFamily is a Family with modules whose firmware uses such a chip.
type SPIFlashFamily interface {
	Family
	// WithSPIFlash returns c on a board with the chip, which is the last of
	// Board.Flash.
	WithSPIFlash(c *Chip, s SPIFlash) (*Chip, error)
}

// WithSPIFlash returns c, which is one of f, on a board with an SPI flash.
func WithSPIFlash(f Family, c *Chip, s SPIFlash) (*Chip, error) {
	if with, ok := f.(SPIFlashFamily); ok {
		return with.WithSPIFlash(c, s)
	}
	return nil, fmt.Errorf("%s: its firmware has no use for an SPI flash", c.Model.Name)
}

// SPIDevice is what a script says of a device on an SPI bus.
type SPIDevice struct {
	Bus, CS  int
	PowerPin int // GPIO number, 0xFF for none
}

// SPIUpdater is an Updater that takes an upgrade into an SPI flash.
type SPIUpdater interface {
	Updater
	// InitSPI is Init for a script that names a device.
	InitSPI(env *Env, start, length int64, dev SPIDevice) (int, error)
}

// OnSPI lists the flash chips on SPI buses among those of a board with c.
func (c *Chip) OnSPI(flashes []*flash.Device) []BoardSPI {
	if c.SPI == nil {
		return nil
	}
	return []BoardSPI{{Bus: c.SPI.Bus, CS: c.SPI.CS, Dev: flashes[len(flashes)-1]}}
}

// InitUpdater begins a download as scripts for the board do: into the SPI flash,
// if there is one.
func (c *Chip) InitUpdater(env *Env, u Updater) (int, error) {
	if spi, ok := u.(SPIUpdater); ok && c.SPI != nil {
		return spi.InitSPI(env, c.SPI.Base, 0, SPIDevice{Bus: c.SPI.Bus, CS: c.SPI.CS, PowerPin: 0xFF})
	}
	return u.Init(env, 0, 0)
}
