package main

import (
	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/lua"
)

// scriptLibs reads the folder of --libs, which looks as the firmware's script
// machine wants it; nil without a folder.
func scriptLibs(chip *chips.Chip, dir string) (libs afero.Fs, err error) {
	switch {
	case dir == "":
		return nil, nil
	case chip.Profile.Scripts == chips.ScriptsLuaTask:
		libs, err = lua.TaskLibsFromDir(dir)
	default:
		libs, err = lua.LibsFromDir(dir)
	}
	return libs, withCode(exitEnv, err)
}

// anyLibs reads the folder of --libs where projects may be for several modules:
// that of LuatOS, or else that of the Luat core.
func anyLibs(dir string) (afero.Fs, error) {
	libs, err := lua.LibsFromDir(dir)
	if err != nil {
		if task, e := lua.TaskLibsFromDir(dir); e == nil {
			return task, nil
		}
	}
	return libs, err
}
