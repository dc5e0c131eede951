package play

import (
	"path"
	"strings"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// Choice finds the firmware that has what a project uses and room for it: of
// those that it is asked to consider the first that lacks nothing, or the one
// that lacks least.
type Choice struct {
	uses  []string
	text  string // of what runs
	image int64  // bytes of the script image
	found bool
	chip  *chips.Chip
	least int
}

// NewChoice prepares a choice for a project with these files.
func NewChoice(files []luadb.File) *Choice {
	c := &Choice{uses: usedMembers(files)}
	for _, f := range reached(files) {
		c.text += string(f.Data)
	}
	if image, err := luadb.Build(files, luadb.Options{}); err == nil {
		c.image = int64(len(image))
	}
	return c
}

// Mentions reports whether the scripts have the model's name, or what
// rtos.bsp() says on it, in quotes: they then know it.
func (c *Choice) Mentions(m *chips.Model) bool {
	for _, name := range []string{m.Name, m.BSP} {
		if strings.Contains(c.text, `"`+name+`"`) || strings.Contains(c.text, "'"+name+"'") {
			return true
		}
	}
	return false
}

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
		if c.found && c.least == 0 {
			return nil
		}
		chip, err := f.Chip(m, p.Name, nil)
		if err != nil {
			return err
		}
		if err := c.ConsiderChip(chip); err != nil {
			return err
		}
	}
	return nil
}

// ConsiderChip tries one chip.
func (c *Choice) ConsiderChip(chip *chips.Chip) error {
	t, err := firmware.For(chip.Model.Name, chip.Profile.Name)
	if err != nil {
		return err
	}
	n := lacks(t, c.uses)
	if !fits(chip, c.image) {
		n += tooLarge
	}
	if !c.found || n < c.least {
		c.found, c.least, c.chip = true, n, chip
	}
	return nil
}

// tooLarge is what it weighs that the scripts do not fit.
const tooLarge = 1_000_000

// fits reports whether an image of so many bytes fits the chip's partition for
// scripts.
func fits(chip *chips.Chip, image int64) bool {
	for _, table := range chip.Partitions {
		for _, p := range table {
			if p.Name == "script" {
				return image <= p.Size
			}
		}
	}
	return true
}

// Fits reports whether scripts fit the chip's partition for them.
func Fits(chip *chips.Chip, files []luadb.File) bool {
	image, err := luadb.Build(files, luadb.Options{})
	return err != nil || fits(chip, int64(len(image)))
}

// Chip returns what was chosen, nil if there was nothing to choose from.
func (c *Choice) Chip() *chips.Chip { return c.chip }

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
		if _, ok := l.Member(member); !ok && member != "" {
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
	seen, needed := map[string]bool{}, map[string]bool{}
	var list []string
	for _, f := range reached(files) {
		o, err := lua53.ReadOutline(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, 64)
		if err != nil {
			continue // the run will tell
		}
		for _, s := range o.Sets {
			seen[s.Name] = true // its own
		}
		asked := map[string]bool{} // libraries that the file asks for as a whole
		for _, r := range o.Refs {
			asked[r.Name] = true
		}
		for _, r := range o.Refs {
			if root := lua53.Root(r.Name); r.Guarded && !r.Module && libs[root] && root != r.Name && !asked[root] && !seen[root] && !needed[root] {
				// Who asks for a function only needs its library all the same.
				needed[root] = true
				list = append(list, root)
				continue
			}
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
