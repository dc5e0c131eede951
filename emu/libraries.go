package emu

import (
	"airlift/chips/firmware"
	"airlift/lua"
)

// memberKinds are the kinds of members in the machine's terms.
var memberKinds = map[firmware.Kind]lua.MemberKind{
	firmware.Func: lua.MemberFunc, firmware.Int: lua.MemberInt, firmware.Str: lua.MemberStr,
	firmware.Handle: lua.MemberHandle, firmware.Own: lua.MemberOwn,
}

// libraries translates the table of a model's profile; nil if there is none.
func libraries(model, profile string) ([]lua.Library, error) {
	t, err := firmware.For(model, profile)
	if t == nil || err != nil {
		return nil, err
	}
	libs := make([]lua.Library, len(t.Libraries))
	for i, l := range t.Libraries {
		libs[i] = lua.Library{Name: l.Name, Aliases: l.Aliases, Members: make([]lua.Member, len(l.Members))}
		for k, m := range l.Members {
			libs[i].Members[k] = lua.Member{Name: m.Name, Kind: memberKinds[m.Kind], Int: m.Int, Str: m.Str}
		}
	}
	return libs, nil
}
