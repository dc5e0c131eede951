package ec

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

const familyName = "ec"

var (
	_ chips.Family       = (*Family)(nil)
	_ chips.PackageNamer = (*maker)(nil)
	_ chips.FlashMaker   = (*maker)(nil)
)

// Family is the family of EC618 and EC7xx. Its zero value is of no use: see
// [New].
type Family struct {
	models []*chips.Model
	// Cores are the images that EC7xx deltas lead to.
	Cores *Cores
}

// New returns the family with its models.
func New() *Family { return &Family{models: buildModels(), Cores: new(Cores)} }

// Name returns "ec".
func (f *Family) Name() string { return familyName }

// Models returns the models in the order in which they are listed.
func (f *Family) Models() []*chips.Model { return f.models }

// Chip joins a model and a profile. Layout is nil, or the info.json of a
// firmware, or the .soc file with it: its addresses go before the profile's.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	l, err := layoutFor(m, p, layout)
	if err != nil {
		return nil, fmt.Errorf("flash map of %s %s: %w", m.Name, p.Name, err)
	}
	c := &chips.Chip{
		Model: m, Profile: p, Partitions: []flash.Table{l.Table},
		Bootloader: &Bootloader{Layout: l, Cores: f.Cores},
		Core:       &CoreStage{Model: m, Profile: p, Layout: l},
		Maker:      &maker{model: m, profile: p, layout: l},
	}
	if l.CP != nil {
		c.Partitions = append(c.Partitions, l.CP)
	}
	return c, nil
}

func layoutFor(m *chips.Model, p *chips.Profile, layout []byte) (Layout, error) {
	b, err := find(m, p)
	if err != nil {
		return Layout{}, err
	}
	t, err := findTarget(b.target)
	if err != nil {
		return Layout{}, err
	}
	if layout == nil {
		return t.layout(b.script, b.ota)
	}
	info, err := readInfo(layout)
	if err != nil {
		return Layout{}, err
	}
	return t.layoutFrom(b, info)
}
