package survey

import (
	"strings"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/emu/play"
	"airlift/flash/luadb"
)

// ChipFor picks the module and the firmware that a project is for. The model is
// the one that its path names first (of those named there the longest name),
// by its own name or by what rtos.bsp() says; a path that names none leaves
// the choice among all: those that the scripts have in quotes, the fallback,
// the others. Of the firmware in question it is the first that has the
// libraries and functions that the project uses, or the one that lacks least.
func ChipFor(p Project, files []luadb.File, families []chips.Family, fallback *chips.Chip) (*chips.Chip, error) {
	c := play.NewChoice(files)
	if f, m := named(p.Name, families); m != nil {
		err := c.Consider(f, m, 0)
		return c.Chip(), err
	}
	consider := func(mentioned bool) error {
		for _, f := range families {
			for _, m := range f.Models() {
				if mentioned && !c.Mentions(m) || !mentioned && !hasTable(m) {
					continue
				}
				if err := c.Consider(f, m, 0); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := consider(true); err != nil {
		return nil, err
	}
	if err := c.ConsiderChip(fallback); err != nil {
		return nil, err
	}
	err := consider(false)
	return c.Chip(), err
}

// hasTable reports whether it is known what libraries a model's firmware has.
func hasTable(m *chips.Model) bool {
	t, err := firmware.For(m.Name, m.Default)
	return err == nil && t != nil
}

// named is the model that a path names.
func named(path string, families []chips.Family) (family chips.Family, model *chips.Model) {
	path = strings.ToLower(path)
	at, length := -1, 0
	for _, f := range families {
		for _, m := range f.Models() {
			for _, name := range []string{m.Name, m.BSP} {
				i := strings.Index(path, strings.ToLower(name))
				if i >= 0 && (model == nil || i < at || i == at && len(name) > length) {
					family, model, at, length = f, m, i, len(name)
				}
			}
		}
	}
	return family, model
}
