package xt804

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

const familyName = "xt804"

// memoBytes bounds what secboot remembers of packages that it unpacked.
const memoBytes = 64 << 20

var (
	_ chips.Family       = (*Family)(nil)
	_ chips.Unpacker     = (*Family)(nil)
	_ chips.PackageNamer = (*maker)(nil)
)

// Family is the XT804 family. Its zero value is of no use: see [New].
type Family struct {
	models []*chips.Model
	memo   *Memo // shared by all chips of the family
}

// New returns the family with its models.
func New() *Family { return &Family{models: buildModels(), memo: &Memo{Limit: memoBytes}} }

// Name returns "xt804".
func (f *Family) Name() string { return familyName }

// Models returns Air101, Air103, Air601, Air690 and Air6208.
func (f *Family) Models() []*chips.Model { return f.models }

// Chip joins a model and a profile. Layout is nil or, for g3, a partition CSV
// and, for g1 and g2, a luat_conf_bsp.h.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	g, err := ParseGeneration(p.Name)
	if err != nil {
		return nil, err
	}
	s, err := findSpec(m)
	if err != nil {
		return nil, err
	}
	l, err := s.layout(g, layout)
	if err != nil {
		return nil, fmt.Errorf("flash map of %s %s: %w", m.Name, p.Name, err)
	}
	return &chips.Chip{
		Model: m, Profile: p, Partitions: []flash.Table{l.Table},
		Bootloader: &Secboot{Memo: f.memo},
		Core:       &CoreStage{Model: m, Profile: p, Layout: l, Memo: f.memo},
		Maker:      &maker{model: m, profile: p, layout: l},
	}, nil
}

// LayoutOf returns the layout of a chip that this family made.
func LayoutOf(c *chips.Chip) (Layout, error) {
	g, err := ParseGeneration(c.Profile.Name)
	if err != nil {
		return Layout{}, err
	}
	if len(c.Partitions) != 1 || len(c.Model.Flash) != 1 {
		return Layout{}, fmt.Errorf("%s: expected one flash chip, found %d", c.Model.Name, len(c.Partitions))
	}
	return NewLayout(g, c.Model.Flash[0].Size, c.Partitions[0])
}
