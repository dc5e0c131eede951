package main

import (
	"fmt"
	"strconv"
	"strings"

	"airlift/chips"
)

// spiFlashValue is the flag --spi-flash: SIZE or SIZE@BUS:CS.
type spiFlashValue struct {
	text string
	chip *chips.SPIFlash // nil: none
}

func (v *spiFlashValue) String() string { return v.text }
func (v *spiFlashValue) Type() string   { return "size" }

// Set reads the flag. Without bus and pin they are those of upstream's demos.
func (v *spiFlashValue) Set(text string) error {
	size, place, placed := strings.Cut(text, "@")
	s := chips.SPIFlash{Bus: 0, CS: 8}
	unit := int64(1)
	switch {
	case strings.HasSuffix(size, "M"):
		unit = 1 << 20
	case strings.HasSuffix(size, "K"):
		unit = 1 << 10
	}
	n, err := strconv.ParseInt(strings.TrimRight(size, "MK"), 10, 32)
	if s.Size = n * unit; err != nil || n <= 0 {
		return fmt.Errorf("%q: expected a size such as 8M or 512K, and perhaps @BUS:CS", text)
	}
	if placed {
		bus, cs, _ := strings.Cut(place, ":")
		var errs [2]error
		s.Bus, errs[0] = strconv.Atoi(bus)
		s.CS, errs[1] = strconv.Atoi(cs)
		if errs[0] != nil || errs[1] != nil {
			return fmt.Errorf("%q: expected @BUS:CS behind the size, two numbers", text)
		}
	}
	v.text, v.chip = text, &s
	return nil
}

// solder puts the flash on the board of a chip.
func (v *spiFlashValue) solder(f chips.Family, c *chips.Chip) (*chips.Chip, error) {
	if v.chip == nil {
		return c, nil
	}
	c, err := chips.WithSPIFlash(f, c, *v.chip)
	if err != nil {
		err = usagef("--spi-flash %s: %w", v.text, err)
	}
	return c, err
}
