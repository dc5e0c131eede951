package lua

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/afero"
)

// TaskLibsFromDir returns the libraries of a checkout of the Luat script core,
// for [Options].Libs: dir is the folder that holds sys.lua, or one above it.
func TaskLibsFromDir(dir string) (afero.Fs, error) {
	for _, sub := range []string{"", "lib", filepath.Join("script_LuaTask", "lib")} {
		d := filepath.Join(dir, sub)
		if info, err := os.Stat(filepath.Join(d, "sys.lua")); err == nil && info.Mode().IsRegular() {
			return afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), d)), nil
		}
	}
	return nil, fmt.Errorf("%s has no sys.lua, nor has its folder lib: expected script_LuaTask of a Luat_4G_RDA_8910 checkout", dir)
}

// taskLibCores are releases of the script libraries whose notes name the core
// that they need; behind each come all later libraries. Cores of the two
// baselines count on their own: from 3000 on it is the second.
var taskLibCores = []struct{ lib, core int }{
	{20400, 3102}, {20104, 14}, {20103, 13}, {20100, 11},
}

var (
	taskLibVersion  = regexp.MustCompile(`(?m)^\s*SCRIPT_LIB_VER\s*=\s*["'](\d+)\.(\d+)\.(\d+)["']`)
	taskCoreVersion = regexp.MustCompile(`_V(\d+)(_|$)`)
)

// taskLibMismatch says why the version of sys.lua does not fit a core, "" if
// it does or says nothing.
func taskLibMismatch(sys, core string) string {
	lib, c := taskLibVersion.FindStringSubmatch(sys), taskCoreVersion.FindStringSubmatch(core)
	if lib == nil || c == nil {
		return ""
	}
	number := 0
	for _, part := range lib[1:] {
		n, _ := strconv.Atoi(part)
		number = number*100 + n
	}
	have, _ := strconv.Atoi(c[1])
	for _, t := range taskLibCores {
		if number < t.lib || (t.core >= 3000) != (have >= 3000) {
			continue
		}
		if have < t.core {
			return fmt.Sprintf("the libraries are version %s, made for cores from V%04d on; this is %s", strings.Join(lib[1:], "."), t.core, core)
		}
		return ""
	}
	return ""
}

// warnOfLibraries reports libraries that do not fit the core.
func (m *Machine) warnOfLibraries() {
	text, _, err := m.files.readAll("/lua/sys.lua", sourceMax)
	m.checkPower()
	if err != nil {
		return
	}
	if why := taskLibMismatch(text, m.fw.Version); why != "" {
		m.board.Hardware(HardwareEvent{Unit: "libraries", Action: "warning: " + why})
	}
}
