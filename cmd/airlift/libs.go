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
