package xt804

import (
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/luadb"
	"airlift/flash/mount"
)

var _ chips.Mounter = (*CoreStage)(nil)

// MountFiles mounts the file systems of a flash as the firmware of the chip's
// profile has them.
func (c *CoreStage) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	r := &coreRun{dev: flashes[0], layout: c.Layout, version: versionNumber(c.Profile.CoreVersion), mounts: new(mount.Table)}
	var problems []error
	try := func(name, path string, mounts func(*flash.Region) error) {
		p := c.Layout.Part(name)
		region, err := r.dev.Partition(p)
		if err == nil {
			err = mounts(region)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: partition %s at 0x%X: %w", path, p.Name, p.Off, err))
		}
	}
	try(PartFS, "/", func(region *flash.Region) error {
		fs, err := r.openRoot(region, mkfs)
		if err != nil {
			return err
		}
		return r.mounts.Add(mount.Mount{Path: "/", Type: "lfs", Fs: fs, Usage: fs.Usage})
	})
	try(PartScript, "/luadb/", func(region *flash.Region) error {
		img, err := luadb.FromRegion(region)
		if err != nil {
			return err
		}
		return r.addScripts(region, img)
	})
	return r.mounts, problems
}

// openRoot mounts the littlefs of a region, or makes one on an erased region.
func (r *coreRun) openRoot(region *flash.Region, mkfs bool) (*littlefs.FS, error) {
	empty, err := erased(region)
	if err != nil {
		return nil, err
	}
	if empty && !mkfs {
		return nil, errors.New("erased: the firmware makes a file system at its first start (--mkfs does it now)")
	}
	if empty {
		if err := littlefs.Format(region, r.rootConfig(region)); err != nil {
			return nil, err
		}
	}
	return littlefs.Mount(region, r.rootConfig(region))
}

// erased reports whether a region holds nothing but 0xFF.
func erased(region *flash.Region) (bool, error) {
	p := make([]byte, region.Size())
	if _, err := region.ReadAt(p, 0); err != nil {
		return false, err
	}
	return flash.Erased(p), nil
}
