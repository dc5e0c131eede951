package rda8910

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
)

const familyName = "rda8910"

var (
	_ chips.Family     = (*Family)(nil)
	_ chips.Unpacker   = (*Family)(nil)
	_ chips.Identifier = (*Family)(nil)
)

// Family is the family of the 8910. Its zero value is of no use: see [New].
type Family struct{ models []*chips.Model }

// New returns the family with its models.
func New() *Family { return &Family{models: buildModels()} }

// Name returns "rda8910".
func (f *Family) Name() string { return familyName }

// Models returns the models in the order in which they are listed.
func (f *Family) Models() []*chips.Model { return f.models }

// Chip joins a model and a profile. A layout is refused: these modules have no
// file that describes it.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	if layout != nil {
		return nil, fmt.Errorf("%s: there is no partition file for the 8910: choose a profile", m.Name)
	}
	b, err := findBuild(p.Name)
	if err != nil {
		return nil, err
	}
	l := b.layout()
	return &chips.Chip{
		Model: m, Profile: p, Partitions: []flash.Table{l.Table},
		Bootloader: &Bootloader{Layout: l},
		Core:       &CoreStage{Model: m, Profile: p, Layout: l},
		Maker:      &maker{model: m, profile: p, layout: l},
	}, nil
}

// format is one kind of file of the family.
type format struct {
	is      func(b []byte) bool
	explain func(x *inspector, b []byte, off int64) explain.Field
	unpack  func(u *unpacker, dir string, b []byte) error
}

// formats are tried in this order.
func formats() []format {
	return []format{
		{isStream, (*inspector).stream, (*unpacker).stream},
		{isPack, (*inspector).pack, (*unpacker).pack},
		{isOldPack, (*inspector).oldPack, nil},
		{isUpgrade, (*inspector).upgrade, (*unpacker).upgrade},
		{isPac, (*inspector).pac, (*unpacker).pac},
		{isDump, (*inspector).dump, nil},
		{isUImage, (*inspector).uimage, (*unpacker).uimage},
		{isAppImage, (*inspector).appImage, nil},
		{isLuaApp, (*inspector).app, (*unpacker).app},
		{isLZMAR, (*inspector).lzmar, (*unpacker).lzmar},
		{isStage, (*inspector).stage, nil},
	}
}

// find returns the format of a file.
func find(b []byte) (format, bool) {
	for _, k := range formats() {
		if k.is(b) {
			return k, true
		}
	}
	return format{}, false
}

// Inspect explains streams, core packs, upgrade packages of LuatOS-SoC, .pac
// files, images, applications, LZMAR files and stage files.
func (f *Family) Inspect(data []byte) (*explain.Field, bool) {
	k, ok := find(data)
	if !ok {
		return nil, false
	}
	tree := k.explain(newInspector(), data, 0)
	return &tree, true
}

// Unpack takes the same files apart, as far as they have parts.
func (f *Family) Unpack(data []byte) ([]chips.Part, bool, error) {
	k, ok := find(data)
	if !ok || k.unpack == nil {
		return nil, false, nil
	}
	u := unpacker{room: maxUnpacked}
	err := k.unpack(&u, "", data)
	return u.List, true, err
}
