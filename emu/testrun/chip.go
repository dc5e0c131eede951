package testrun

import (
	"strings"

	"airlift/chips"
)

// ChipFor picks the module of a case: the first model of its metas.json that
// airlift has, with a firmware of the width that the file asks for, else the
// fallback.
func ChipFor(c Case, families []chips.Family, fallback *chips.Chip) (*chips.Chip, error) {
	for _, b := range c.Metas.Models {
		name := strings.ReplaceAll(b.Model, " ", "")
		f, m, err := chips.FindModel(families, name)
		if err != nil {
			continue
		}
		return f.Chip(m, profileFor(m, b), nil)
	}
	return fallback, nil
}

// profileFor is the model's default profile or, if that is narrower than what
// the builds ask for, the first one that is not.
func profileFor(m *chips.Model, b ModelBuilds) string {
	def, err := m.Profile("")
	if err != nil || !b.Wide() || def.Bits == 64 {
		return m.Default
	}
	for _, p := range m.Profiles {
		if p.Bits == 64 {
			return p.Name
		}
	}
	return m.Default
}
