package doctor

import (
	"strings"

	"airlift/lua/lua53"
)

// modules looks for modules that require cannot find.
func (x *exam) modules() {
	files := map[string]bool{}
	folded := map[string]string{}
	for _, f := range x.Project.Files {
		base := strings.TrimSuffix(strings.TrimSuffix(f.Name, "c"), ".lua")
		if base != f.Name {
			files[base] = true
			folded[strings.ToLower(base)] = base
		}
	}
	x.eachRef(func(file string, r *lua53.Ref) {
		if r.Name != "require" || r.Module || !r.Call || len(r.Args) == 0 || r.Args[0].Kind != lua53.ArgString {
			return
		}
		name := r.Args[0].Text
		if files[name] || x.Surface.Modules[name] || x.Surface.Globals[name].Type == "table" {
			return
		}
		switch like := folded[strings.ToLower(name)]; {
		case r.Guarded:
		case like != "":
			x.find("module-missing", file, r.Line, "require %q, but the file is %s.lua: names on the module differ by case", name, like)
		default:
			x.find("module-missing", file, r.Line, "require %q: neither the project nor the firmware's libraries have it", name)
		}
	})
}

// names looks for functions that the firmware lacks and for those that are not
// emulated.
func (x *exam) names() {
	x.eachRef(func(file string, r *lua53.Ref) {
		root, field, deep := split(r.Name)
		if r.Module || x.sets[r.Name] != nil || x.sets[root] != nil || x.Surface.Modules[root] && x.Surface.Globals[root].Type == "" {
			return
		}
		g, ok := x.Surface.Globals[root]
		f, has := g.Fields[field]
		switch {
		case !ok && !r.Guarded && (field != "" || r.Call):
			x.findOnce("absent", file, r.Line, root, "%s: there is no %s on %s", r.Name, root, x.module())
		case !ok || field == "" || g.Fields == nil:
			if r.Call && g.Refused {
				x.findOnce("not-emulated", file, r.Line, r.Name, "%s", r.Name)
			}
		case !has && r.Guarded || deep && has:
		case !has && r.Call:
			x.findOnce("absent", file, r.Line, r.Name, "%s: %s on %s has no such function", r.Name, root, x.module())
		case !has:
			x.findOnce("constant-absent", file, r.Line, r.Name, "%s is nil on %s", r.Name, x.module())
		case f.Refused && r.Call:
			x.findOnce("not-emulated", file, r.Line, r.Name, "%s", r.Name)
		}
	})
}

// split returns the first two parts of a path; deep says that there are more.
func split(path string) (root, field string, deep bool) {
	root, rest, _ := strings.Cut(path, ".")
	field, _, deep = strings.Cut(rest, ".")
	return root, field, deep
}

// compiledUses looks through bytecode for what is not emulated. Conditions do
// not show there, so nothing can be said of what the firmware lacks.
func (x *exam) compiledUses() {
	for _, c := range x.compiled {
		for _, u := range c.proto.Uses() {
			if x.Surface.Globals[u.Global].Fields[u.Field].Refused {
				name := u.Global + "." + u.Field
				x.findOnce("not-emulated", c.name, u.Line, name, "%s", name)
			}
		}
	}
}

// waits are the functions that only tasks may call.
var waits = map[string]bool{"sys.wait": true, "sys.waitUntil": true, "sys.waitUntilExt": true, "sys.waitMsg": true}

// resets are the functions that reset the module.
var resets = map[string]bool{"rtos.reboot": true, "pm.reboot": true}

// flow looks at how the scripts run: their loop, waits outside of tasks,
// resets.
func (x *exam) flow() {
	runs := false
	x.eachRef(func(file string, r *lua53.Ref) {
		top := lua53.Function(r.Within) == nil
		runs = runs || r.Call && r.Name == "sys.run"
		if r.Call && top && waits[r.Name] && !r.Guarded {
			x.find("wait-outside-task", file, r.Line, "%s in the file's own code", r.Name)
		}
		if r.Call && len(r.Within) == 0 && resets[r.Name] && len(r.Under) == 0 {
			x.find("reboot-at-start", file, r.Line, "%s each time the file is loaded", r.Name)
		}
	})
	if m := x.main(); m != nil {
		x.mainLoop(m, runs)
	}
	if x.isSet("COROUTINE_ERROR_ROLL_BACK", lua53.ArgFalse) && x.isSet("COROUTINE_ERROR_RESTART", lua53.ArgFalse) {
		p := x.sets["COROUTINE_ERROR_RESTART"][0]
		x.find("errors-swallowed", p.file, p.set.Line, "both COROUTINE_ERROR_ROLL_BACK and COROUTINE_ERROR_RESTART are false")
	}
}

func (x *exam) isSet(name string, kind lua53.ArgKind) bool {
	for _, p := range x.sets[name] {
		if p.set.Value.Kind == kind {
			return true
		}
	}
	return false
}

// mainLoop looks for the end of main.lua.
func (x *exam) mainLoop(m *lua53.Outline, runs bool) {
	end, endless := 0, false
	for _, r := range m.Refs {
		if len(r.Within) == 0 && r.Call && r.Name == "sys.run" && end == 0 {
			end = r.Line
		}
		if len(r.Within) > 0 && r.Within[0].Endless {
			endless = true
		}
	}
	if !runs && !endless && len(x.compiled) == 0 {
		x.find("no-run", "main.lua", 0, "nothing calls sys.run")
	}
	if end == 0 {
		return
	}
	for _, r := range m.Refs {
		if r.Line > end {
			x.find("after-run", "main.lua", r.Line, "behind sys.run in line %d", end)
			return
		}
	}
}

// watchdog looks for a watchdog, and for who feeds it.
func (x *exam) watchdog() {
	if _, ok := x.Surface.Globals["wdt"]; !ok {
		return
	}
	var init, feed bool
	at, file := 0, ""
	x.eachRef(func(f string, r *lua53.Ref) {
		switch r.Name {
		case "wdt.init":
			if !init {
				file, at = f, r.Line
			}
			init = true
		case "wdt.feed":
			feed = true
		}
	})
	switch {
	case len(x.compiled) > 0:
	case init && !feed:
		x.find("watchdog-unfed", file, at, "wdt.init, but nothing calls wdt.feed")
	case !init && !feed:
		x.find("watchdog-missing", "", 0, "nothing calls wdt.init")
	}
}
