package play

import (
	"path"
	"strings"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// Choice finds the firmware that has what a project uses: of those that it is
// asked to consider the first that lacks nothing, or the one that lacks least.
type Choice struct {
	uses   []string
	found  bool
	family chips.Family
	chip   *chips.Chip
	model  *chips.Model
	prof   string
	least  int
}

// NewChoice prepares a choice for a project with these files.
func NewChoice(files []luadb.File) *Choice { return &Choice{uses: usedMembers(files)} }

// Consider tries the firmware of a model, the default first. With bits only
// that of this width counts; 0 means any.
func (c *Choice) Consider(f chips.Family, m *chips.Model, bits int) error {
	def, err := m.Profile("")
	if err != nil {
		return err
	}
	for _, p := range append([]*chips.Profile{def}, m.Profiles...) {
		if bits != 0 && p.Bits != bits {
			continue
		}
		better, err := c.better(m, p)
		if err != nil {
			return err
		}
		if better {
			c.family, c.model, c.prof, c.chip = f, m, p.Name, nil
		}
	}
	return nil
}

// ConsiderChip tries one chip as it is.
func (c *Choice) ConsiderChip(chip *chips.Chip) error {
	better, err := c.better(chip.Model, chip.Profile)
	if better {
		c.chip = chip
	}
	return err
}

// better reports whether a firmware lacks less than the best so far, and makes
// it the best.
func (c *Choice) better(m *chips.Model, p *chips.Profile) (bool, error) {
	if c.found && c.least == 0 {
		return false, nil
	}
	t, err := firmware.For(m.Name, p.Name)
	if err != nil {
		return false, err
	}
	n := lacks(t, c.uses)
	if c.found && n >= c.least {
		return false, nil
	}
	c.found, c.least = true, n
	return true, nil
}

// Chip returns what was chosen, nil if there was nothing to choose from.
func (c *Choice) Chip() (*chips.Chip, error) {
	if c.chip != nil || !c.found {
		return c.chip, nil
	}
	return c.family.Chip(c.model, c.prof, nil)
}

// lacks says how much of what is used a firmware has not: a library weighs
// more than any number of single functions. Firmware without a table has all.
func lacks(t *firmware.Table, uses []string) int {
	if t == nil {
		return 0
	}
	n := 0
	for _, name := range uses {
		lib, member, _ := strings.Cut(name, ".")
		l, ok := t.Library(lib)
		if !ok {
			n += 1000
			continue
		}
		if _, ok := l.Member(member); !ok {
			n++
		}
	}
	return n
}

// usedMembers are the members of firmware libraries that main.lua and what it
// requires use without asking whether they are there, each once.
func usedMembers(files []luadb.File) []string {
	libs := map[string]bool{}
	for _, name := range firmware.LibraryNames() {
		libs[name] = true
	}
	seen := map[string]bool{}
	var list []string
	for _, f := range reached(files) {
		o, err := lua53.ReadOutline(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, 64)
		if err != nil {
			continue // the run will tell
		}
		for _, s := range o.Sets {
			seen[s.Name] = true // its own
		}
		for _, r := range o.Refs {
			if root := lua53.Root(r.Name); r.Module || r.Guarded || !libs[root] || root == r.Name || seen[r.Name] || seen[root] {
				continue
			}
			lib, member, _ := strings.Cut(r.Name, ".")
			member, _, _ = strings.Cut(member, ".")
			if name := lib + "." + member; !seen[name] {
				seen[name] = true
				list = append(list, name)
			}
		}
	}
	return list
}

// reached are the files that run: main.lua, and what it requires by literal
// names.
func reached(files []luadb.File) []luadb.File {
	byName := map[string]luadb.File{}
	for _, f := range files {
		byName[f.Name] = f
	}
	var out []luadb.File
	seen := map[string]bool{"main": true}
	for queue := []string{"main"}; len(queue) > 0; queue = queue[1:] {
		f, ok := byName[queue[0]+".lua"]
		if !ok {
			continue
		}
		out = append(out, f)
		for _, name := range Requires(f) {
			if !seen[name] {
				seen[name] = true
				queue = append(queue, name)
			}
		}
	}
	return out
}

// Requires lists the modules that a script asks for by a literal name. A
// script that does not compile asks for none: the run will tell.
func Requires(f luadb.File) []string {
	if path.Ext(f.Name) != ".lua" {
		return nil
	}
	p, err := lua53.Compile(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, 32)
	if err != nil {
		return nil
	}
	return p.Requires()
}
