package all

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/littlefs"
)

// volumeMax bounds a file that is taken for a littlefs volume, in bytes.
const volumeMax = 64 << 20

// volume puts a littlefs volume on a flash of its own, if data is one.
func volume(data []byte) (*flash.Region, bool) {
	size := int64(len(data))
	if size < 2*flash.DefaultSectorSize || size > volumeMax || size%flash.DefaultSectorSize != 0 || !littlefs.Probe(data) {
		return nil, false
	}
	d, err := flash.New(flash.NOR(size))
	if err != nil || d.Burn(0, data) != nil {
		return nil, false
	}
	r, err := d.Region("volume", 0, size)
	return r, err == nil
}

// withVolumes puts the files of the littlefs volumes among the parts, a dump's
// partitions, behind them. A volume that does not mount has its partition
// alone: inspect says what is wrong with it.
func withVolumes(parts []chips.Part) (all []chips.Part) {
	for _, p := range parts {
		all = append(all, p)
		dir, ok := strings.CutSuffix(p.Name, ".bin")
		if !ok || strings.Contains(dir, "/") {
			continue
		}
		if r, ok := volume(p.Data); ok {
			files, err := volumeParts(r)
			if err != nil {
				continue
			}
			for _, f := range files {
				all = append(all, chips.Part{Name: dir + "/" + f.Name, Data: f.Data})
			}
		}
	}
	return all
}

// volumeParts returns the files of a volume.
func volumeParts(r *flash.Region) ([]chips.Part, error) {
	v, err := littlefs.Mount(r, littlefs.LuatOS(r.Size()))
	if err != nil {
		return nil, fmt.Errorf("mount the littlefs volume: %w", err)
	}
	var parts []chips.Part
	err = afero.Walk(v, "/", func(name string, info fs.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := afero.ReadFile(v, name)
		if err != nil {
			return err
		}
		parts = append(parts, chips.Part{Name: strings.TrimPrefix(name, "/"), Data: data})
		return nil
	})
	return parts, err
}
