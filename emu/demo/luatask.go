package demo

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu/iot"
	"airlift/emu/trace"
	"airlift/flash/luadb"
	"airlift/lua"
)

//go:embed project/luatask.lua
var luaTaskLua string

// libraryUpdate is the library of the Luat script core that asks for upgrades.
const libraryUpdate = "update"

func luaTask(c *chips.Chip) bool { return c.Profile.Scripts == chips.ScriptsLuaTask }

// taskLibs are the libraries that a script image of the Luat core carries.
func taskLibs() (files []luadb.File, err error) {
	libs := lua.TaskLibs()
	infos, err := afero.ReadDir(libs, "/")
	for _, info := range infos {
		var data []byte
		if data, err = afero.ReadFile(libs, "/"+info.Name()); err != nil {
			return nil, err
		}
		files = append(files, luadb.File{Name: info.Name(), Data: data})
	}
	return files, err
}

// coreNumber finds the number in a core's version: 2001 in "V2001", 3103 in
// "Luat_V3103_RDA8910".
var coreNumber = regexp.MustCompile(`^(|.*_)V(\d+)(_.*|)$`)

// nextCore counts a core version up: "V2001" to "V2002".
func nextCore(v string) (string, error) {
	m := coreNumber.FindStringSubmatch(v)
	if m == nil {
		return "", fmt.Errorf("core version %q: expected V and digits", v)
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return "", fmt.Errorf("core version %q: %w", v, err)
	}
	return fmt.Sprintf("%sV%04d%s", m[1], n+1, m[3]), nil
}

// taskPlatform is what a module with the Luat core tells the platform: the
// core's number and the scripts' version, each on its own (8910.md 3.1).
func taskPlatform(core, script string) string {
	if m := coreNumber.FindStringSubmatch(core); m != nil {
		return m[2] + "-" + script
	}
	return script
}

// registerCore tells the platform of the core that the module runs: it builds
// packages from cores that it knows.
func (s *Story) registerCore() error {
	m := coreNumber.FindStringSubmatch(s.From.Core)
	if m == nil {
		return fmt.Errorf("core version %q has no number", s.From.Core)
	}
	v, err := iot.ParseCore(m[2])
	if err != nil {
		return err
	}
	s.Store.AddCore("", v)
	return nil
}

// endWhenSettled ends every run of the story when the scripts say that they
// have nothing to do. The libraries of the core feed a watchdog: with them the
// module is never idle.
func (s *Story) endWhenSettled() {
	s.World.Trace.Sink(func(e *trace.Event) {
		if e.Kind == trace.Log && strings.Contains(e.Text, "nothing to do, running on") {
			s.settled = true
		}
	})
	s.World.Clock.SetStop(func() bool { return s.settled })
}
