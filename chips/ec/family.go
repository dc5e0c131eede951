package ec

import (
	"fmt"

	"airlift/chips"
	"airlift/chips/soc"
	"airlift/flash"
)

const familyName = "ec"

var (
	_ chips.SPIFlashFamily = (*Family)(nil)
	_ chips.PackageNamer   = (*maker)(nil)
	_ chips.FlashMaker     = (*maker)(nil)
	_ chips.SPIUpdater     = (*updater)(nil)
)

// Family is the family of EC618 and EC7xx. Its zero value is of no use: see
// [New].
type Family struct {
	models []*chips.Model
	// Cores are the images that EC7xx deltas lead to.
	Cores *Cores
	memo  chips.Memo // shared by all chips of the family
}

// New returns the family with its models.
func New() *Family { return &Family{models: buildModels(), Cores: new(Cores)} }

// Name returns "ec".
func (f *Family) Name() string { return familyName }

// Models returns the models in the order in which they are listed.
func (f *Family) Models() []*chips.Model { return f.models }

// Chip joins a model and a profile. Layout is nil, or the info.json of a
// firmware, or the .soc file with it: its addresses, and the width of its Lua
// numbers, go before the profile's.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	var info *soc.Info
	if layout != nil {
		if info, err = readInfo(layout); err != nil {
			return nil, err
		}
		p = withBits(p, info)
	}
	l, err := layoutFor(m, p, info)
	if err != nil {
		return nil, fmt.Errorf("flash map of %s %s: %w", m.Name, p.Name, err)
	}
	return f.build(m, p, l), nil
}

// build is the chip of a model with a layout.
func (f *Family) build(m *chips.Model, p *chips.Profile, l Layout) *chips.Chip {
	c := &chips.Chip{
		Model: m, Profile: p, SPI: l.SPI, Partitions: []flash.Table{l.Table},
		Bootloader: &Bootloader{Layout: l, Cores: f.Cores, Memo: &f.memo},
		Core:       &CoreStage{Model: m, Profile: p, Layout: l, Memo: &f.memo},
		Maker:      &maker{model: m, profile: p, layout: l},
	}
	if l.CP != nil {
		c.Partitions = append(c.Partitions, l.CP)
	}
	if l.SPI != nil {
		c.Partitions = append(c.Partitions, flash.Table{{Name: chips.PartSPI, Kind: "fota", Size: l.SPI.Size}})
	}
	return c
}

// withBits returns the profile with the width of Lua numbers that info.json
// states.
func withBits(p *chips.Profile, info *soc.Info) *chips.Profile {
	bits := info.Bits()
	if info.Text("script.bitw") == "" || bits == p.Bits {
		return p
	}
	q := *p
	q.Bits = bits
	return &q
}

// layoutFor divides the flash as the profile's build does, or as info says if
// it is not nil.
func layoutFor(m *chips.Model, p *chips.Profile, info *soc.Info) (Layout, error) {
	b, err := find(m, p)
	if err != nil {
		return Layout{}, err
	}
	t, err := findTarget(b.target)
	if err != nil {
		return Layout{}, err
	}
	if info == nil {
		return t.layout(b.script, b.ota)
	}
	return t.layoutFrom(b, info)
}
