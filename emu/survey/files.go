package survey

import (
	"path/filepath"
	"strings"

	"github.com/spf13/afero"

	"airlift/emu/play"
	"airlift/flash/luadb"
)

// files reads the project's files and, for modules that these require by name
// and that neither they nor the firmware have, files of the folders above, up
// to the survey's root: NAME.lua there or in a folder lib there, and at last
// of the folders in more. Demos are written to be copied together; this is
// that copying.
func (p Project) files(libs afero.Fs, more []string) ([]luadb.File, error) {
	files, err := play.Folder(p.Dir)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, f := range files {
		have[moduleName(f.Name)] = true
	}
	for i := 0; i < len(files) && len(files) < luadb.MaxFiles-1; i++ {
		for _, name := range play.Requires(files[i]) {
			if have[name] || strings.ContainsAny(name, `/\:`) || firmwareHas(libs, name) {
				continue
			}
			have[name] = true
			if data, ok := p.lacking(name+".lua", more); ok {
				files = append(files, luadb.File{Name: name + ".lua", Data: data})
			}
		}
	}
	return files, nil
}

// lacking looks for a file in the folders above the project, and in more.
func (p Project) lacking(name string, more []string) ([]byte, bool) {
	var folders []string
	dir := p.Dir
	for range strings.Split(p.Name, "/") {
		dir = filepath.Dir(dir)
		folders = append(folders, dir, filepath.Join(dir, "lib"))
	}
	for _, dir := range append(folders, more...) {
		if data, err := play.ReadFile(filepath.Join(dir, name), sourceMax); err == nil {
			return data, true
		}
	}
	return nil, false
}

// sourceMax bounds a file that a project is completed with.
const sourceMax = 1 << 20

func moduleName(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(file, ".lua"), ".luac")
}

func firmwareHas(libs afero.Fs, module string) bool {
	if libs == nil {
		return false
	}
	_, err := libs.Stat("/" + module + ".lua")
	return err == nil
}
