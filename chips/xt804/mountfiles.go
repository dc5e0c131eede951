package xt804

import (
	"fmt"

	"airlift/chips"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/flash/mount"
)

var (
	_ chips.Mounter     = (*CoreStage)(nil)
	_ chips.RootMounter = (*CoreStage)(nil)
)

// MountFiles mounts the file systems of a flash as the firmware of the chip's
// profile has them.
func (c *CoreStage) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	r := c.looking(flashes)
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
		m, err := volume.Look(region, r.rootConfig(region), mkfs)
		if err != nil {
			return err
		}
		return r.mounts.Add(m)
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

// MountRoot mounts the file system of "/" alone.
func (c *CoreStage) MountRoot(flashes []*flash.Device) (mount.Mount, error) {
	region, err := flashes[0].Partition(c.Layout.Part(PartFS))
	if err != nil {
		return mount.Mount{}, err
	}
	return volume.Look(region, c.looking(flashes).rootConfig(region), false)
}

// looking is a start that does not happen.
func (c *CoreStage) looking(flashes []*flash.Device) *coreRun {
	return &coreRun{dev: flashes[0], layout: c.Layout, version: versionNumber(c.Profile.CoreVersion), mounts: new(mount.Table)}
}
