package luatest

import (
	"maps"
	"slices"

	"airlift/lua"
)

// AddLibraries gives the firmware all libraries that the machine has, and
// these: what of them the machine lacks is refused.
func (b *Board) AddLibraries(libs ...lua.Library) error {
	var found lua.Surface
	probe := New("rtos.reboot()")
	probe.FW = b.FW
	m, err := lua.New(probe, lua.Options{Surface: func(s lua.Surface) { found = s }})
	if err != nil {
		return err
	}
	m.Run()
	b.FW.Libraries = libs
	for _, name := range slices.Sorted(maps.Keys(found.Globals)) {
		if g := found.Globals[name]; g.Fields != nil && name != "package" && name != "sys" && name != "sysplus" {
			b.FW.Libraries = append(b.FW.Libraries, lua.Library{Name: name, Members: members(g)})
		}
	}
	return nil
}

func members(g lua.Global) []lua.Member {
	var out []lua.Member
	for _, name := range slices.Sorted(maps.Keys(g.Fields)) {
		kind := lua.MemberOwn
		if g.Fields[name].Type == "function" {
			kind = lua.MemberFunc
		}
		out = append(out, lua.Member{Name: name, Kind: kind})
	}
	return out
}

// Functions is a library of functions.
func Functions(name string, functions ...string) lua.Library {
	l := lua.Library{Name: name}
	for _, f := range functions {
		l.Members = append(l.Members, lua.Member{Name: f, Kind: lua.MemberFunc})
	}
	return l
}
