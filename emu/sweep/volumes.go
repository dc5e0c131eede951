package sweep

import (
	"io/fs"
	"maps"
	"slices"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/flash"
)

// Some modules keep code in files of a volume of its own, as the 8910 does with
// the modem's. Where those lie on the flash depends on the volume's history: so
// such code is compared file by file.

// fsKind is what every family calls partitions that hold a file system.
const fsKind = "fs"

// volumesOf reads the volumes of a module, but for "/", which is the user's,
// and the scripts: contents by name, by mount point.
func volumesOf(c *chips.Chip, flashes []*flash.Device) map[string]map[string]string {
	m, ok := c.Core.(chips.Mounter)
	if !ok {
		return nil
	}
	forks := make([]*flash.Device, len(flashes))
	for i, f := range flashes {
		forks[i] = f.Fork()
	}
	table, _ := m.MountFiles(forks, false) // what does not mount has no files
	out := map[string]map[string]string{}
	for _, v := range table.Mounts() {
		if v.Path == "/" || v.Type == "luadb" || v.Type == "ram" {
			continue
		}
		files := map[string]string{}
		_ = afero.Walk(v.Fs, "/", func(name string, info fs.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				data, err := afero.ReadFile(v.Fs, name)
				if err != nil {
					data = []byte("unreadable: " + err.Error())
				}
				files[name] = string(data)
			}
			return nil
		})
		out[v.Path] = files
	}
	return out
}

// codeVolumes says which volumes hold code: those in which two versions differ
// as they leave production.
func codeVolumes(a, b map[string]map[string]string) []string {
	var out []string
	for path := range a {
		if !maps.Equal(a[path], b[path]) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// volumesMatch compares the code in volumes.
func (s *Sweep) volumesMatch(b *board) (match, string) {
	if len(s.codeVolumes) == 0 {
		return matchBoth, ""
	}
	got, all, where := volumesOf(s.Chip, b.flashes), matchBoth, ""
	for _, path := range s.codeVolumes {
		m := matchNone
		if s.fresh.volumes == nil || maps.Equal(got[path], s.fresh.volumes[path]) {
			m |= matchNew
		}
		if maps.Equal(got[path], s.old.volumes[path]) {
			m |= matchOld
		}
		if all&m == 0 {
			where = "the files of " + path
		}
		all &= m
	}
	return all, where
}
