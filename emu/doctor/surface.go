package doctor

import (
	"fmt"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu/play"
	"airlift/flash/luadb"
	"airlift/lua"
)

// SurfaceOf switches a module on with an empty script and asks what there is.
// Libs are laid over the built-in libraries; nil for none.
func SurfaceOf(chip *chips.Chip, libs afero.Fs) (s lua.Surface, err error) {
	asked := false
	report, err := play.Run(play.Job{
		Files: []luadb.File{{Name: "main.lua"}}, Chip: chip, Limit: time.Minute, Boots: 1,
		Script: lua.Options{Libs: libs, Surface: func(got lua.Surface) { s, asked = got, true }},
	})
	if err != nil {
		return s, err
	}
	if !asked {
		return s, fmt.Errorf("%s %s did not come to its scripts: %s: %s", chip.Model.Name, chip.Profile.Name, report.End, report.Detail)
	}
	return s, nil
}
