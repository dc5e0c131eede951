package survey

import (
	"strings"

	"airlift/chips"
	"airlift/chips/firmware"
	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// ChipFor picks the module and the firmware that a project is for. The model is
// the one that its path names first (of those named there the longest name),
// by its own name or by what rtos.bsp() says; a path that names none leaves
// the choice among all, the fallback first. Of the firmware in question it is
// the first that has the libraries and functions that the project uses, or the
// one that lacks least.
func ChipFor(p Project, files []luadb.File, families []chips.Family, fallback *chips.Chip) (*chips.Chip, error) {
	uses := usedMembers(files)
	if f, m := named(p.Name, families); m != nil {
		c := choice{uses: uses, least: -1}
		if err := c.consider(f, m); err != nil {
			return nil, err
		}
		return f.Chip(m, c.profile, nil)
	}
	c := choice{uses: uses, least: -1}
	if err := c.try(nil, fallback.Model, fallback.Profile.Name); err != nil {
		return nil, err
	} // no family: the fallback itself
	for _, f := range families {
		for _, m := range f.Models() {
			if err := c.consider(f, m); err != nil {
				return nil, err
			}
		}
	}
	if c.family == nil {
		return fallback, nil
	}
	return c.family.Chip(c.model, c.profile, nil)
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

// choice keeps the firmware that lacks least.
type choice struct {
	uses    []string
	family  chips.Family
	model   *chips.Model
	profile string
	least   int
}

// consider tries all firmware of a model, the default first.
func (c *choice) consider(f chips.Family, m *chips.Model) error {
	if err := c.try(f, m, m.Default); err != nil {
		return err
	}
	for _, p := range m.Profiles {
		if err := c.try(f, m, p.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *choice) try(f chips.Family, m *chips.Model, profile string) error {
	if c.least == 0 {
		return nil
	}
	t, err := firmware.For(m.Name, profile)
	if err != nil {
		return err
	}
	if n := lacks(t, c.uses); c.least < 0 || n < c.least {
		c.family, c.model, c.profile, c.least = f, m, profile, n
	}
	return nil
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
		for _, name := range requires(f) {
			if !seen[name] {
				seen[name] = true
				queue = append(queue, name)
			}
		}
	}
	return out
}
