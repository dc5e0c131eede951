package testrun

import (
	"strings"

	"airlift/chips"
	"airlift/emu/play"
	"airlift/flash/luadb"
)

// ChipFor picks the module and the firmware of a case: of the models of its
// metas.json, in their order, and of these models' firmware of the width that
// the file asks for, the first that has what the case uses, or the one that
// lacks least. The fallback is for cases that name none of airlift's models.
func ChipFor(c Case, files []luadb.File, families []chips.Family, fallback *chips.Chip) (*chips.Chip, error) {
	choice := play.NewChoice(files)
	for _, b := range c.Metas.Models {
		f, m, err := chips.FindModel(families, strings.ReplaceAll(b.Model, " ", ""))
		if err != nil {
			continue
		}
		if err := choice.Consider(f, m, b.bits(m)); err != nil {
			return nil, err
		}
	}
	chip, err := choice.Chip()
	if chip == nil && err == nil {
		chip = fallback
	}
	return chip, err
}

// bits is the width that a case wants a model's numbers to have, 0 for any: 64
// if it names such a build and the model has one.
func (b ModelBuilds) bits(m *chips.Model) int {
	if b.Wide() {
		for _, p := range m.Profiles {
			if p.Bits == 64 {
				return 64
			}
		}
	}
	return 0
}
