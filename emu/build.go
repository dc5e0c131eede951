package emu

import (
	"bytes"
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// MakeFlash makes the flash of a module as it leaves production: boot code,
// core, scripts.
func MakeFlash(c *chips.Chip, in chips.MakeInput) ([]*flash.Device, error) {
	if m, ok := c.Maker.(chips.FlashMaker); ok {
		return m.MakeFlash(in)
	}
	dump, err := c.Maker.Make("flash", in)
	if err != nil {
		return nil, err
	}
	return LoadFlash(c, dump)
}

// LoadFlash reads the dumps of a chip's flashes, one behind the other.
func LoadFlash(c *chips.Chip, dump []byte) ([]*flash.Device, error) {
	if want := FlashBytes(c.Model); int64(len(dump)) != want {
		return nil, fmt.Errorf("%d bytes, expected a flash dump of %s: %d bytes", len(dump), c.Model.Name, want)
	}
	var out []*flash.Device
	for _, g := range c.Model.Flash {
		d, err := flash.New(g)
		if err != nil {
			return nil, err
		}
		if err := d.LoadDump(bytes.NewReader(dump[:g.Size])); err != nil {
			return nil, err
		}
		dump = dump[g.Size:]
		out = append(out, d)
	}
	return out, nil
}

// FlashBytes is the size of a model's flashes together, in bytes.
func FlashBytes(m *chips.Model) int64 {
	var total int64
	for _, g := range m.Flash {
		total += g.Size
	}
	return total
}
