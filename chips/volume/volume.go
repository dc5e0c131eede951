// Package volume mounts what every firmware of these modules mounts: littlefs
// volumes and script images on regions of the flash.
package volume

import (
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/littlefs"
	"airlift/flash/luadb"
	"airlift/flash/mount"
)

// Open mounts the littlefs of a region. One that does not mount is formatted,
// without asking, as the firmware does; failed is then why it did not mount.
// The error is flash.ErrPowerLost or why there is no file system.
func Open(r *flash.Region, cfg littlefs.Config) (m mount.Mount, failed, err error) {
	fs, err := littlefs.Mount(r, cfg)
	if err == nil {
		return Mounted(fs, r, cfg), nil, nil
	}
	if errors.Is(err, flash.ErrPowerLost) {
		return m, nil, err
	}
	failed = err
	if err := littlefs.Format(r, cfg); err != nil {
		return m, failed, fmt.Errorf("format: %w", err)
	}
	if fs, err = littlefs.Mount(r, cfg); err != nil {
		return m, failed, fmt.Errorf("mount after format: %w", err)
	}
	return Mounted(fs, r, cfg), failed, nil
}

// Look mounts the littlefs of a region for a person who looks into a dump:
// nothing is formatted, unless the region is erased and mkfs is set.
func Look(r *flash.Region, cfg littlefs.Config, mkfs bool) (mount.Mount, error) {
	empty := true
	err := r.Device().View(r.Off(), r.Size(), func(p []byte) bool {
		empty = flash.Erased(p)
		return empty
	})
	if err != nil {
		return mount.Mount{}, err
	}
	if empty {
		if !mkfs {
			return mount.Mount{}, errors.New("erased: the firmware makes a file system at its first start (--mkfs does it now)")
		}
		if err := littlefs.Format(r, cfg); err != nil {
			return mount.Mount{}, err
		}
	}
	fs, err := littlefs.Mount(r, cfg)
	if err != nil {
		return mount.Mount{}, err
	}
	return Mounted(fs, r, cfg), nil
}

// Explain explains the littlefs in a partition's contents p, which begin at off
// in their file. The error says why it is none.
func Explain(p []byte, off int64) (*explain.Field, error) {
	d, err := flash.New(flash.NOR(int64(len(p))))
	if err != nil {
		return nil, err
	}
	if err := d.Burn(0, p); err != nil {
		return nil, err
	}
	r, err := d.Region("volume", 0, int64(len(p)))
	if err != nil {
		return nil, err
	}
	tree, err := littlefs.Inspect(r)
	if err != nil {
		return nil, err
	}
	tree.Shift(off)
	return tree, nil
}

// Scripts mounts the script image of a region at /luadb/. It is read-only:
// nothing is free.
func Scripts(r *flash.Region) (mount.Mount, error) {
	img, err := luadb.FromRegion(r)
	if err != nil {
		return mount.Mount{}, err
	}
	blocks := r.Size() / luadb.StatBlockSize
	usage := mount.Usage{BlockSize: luadb.StatBlockSize, Blocks: blocks, Used: blocks}
	return mount.Mount{
		Path: "/luadb/", Type: "luadb", Fs: img.Fs(), Usage: func() (mount.Usage, error) { return usage, nil },
	}, nil
}

// AddScripts mounts the script image of a region, if there is one; the device
// logs why its reader rejects what is there.
func AddScripts(env *chips.Env, mounts *mount.Table, r *flash.Region) error {
	m, err := Scripts(r)
	if err != nil {
		if text := luadb.DeviceText(err); text != "" {
			env.Log("W", "luadb", "%s", text)
			return nil
		}
		return err
	}
	return mounts.Add(m)
}

// LookAll mounts root and script partition of a dump for a person, and says
// what does not mount.
func LookAll(d *flash.Device, root, script flash.Partition, cfg func(size int64) littlefs.Config, mkfs bool) (*mount.Table, []error) {
	mounts := new(mount.Table)
	var problems []error
	try := func(p flash.Partition, open func(*flash.Region) (mount.Mount, error)) {
		r, err := d.Partition(p)
		if err == nil {
			var m mount.Mount
			if m, err = open(r); err == nil {
				err = mounts.Add(m)
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("partition %s at 0x%X: %w", p.Name, p.Off, err))
		}
	}
	try(root, func(r *flash.Region) (mount.Mount, error) { return Look(r, cfg(r.Size()), mkfs) })
	try(script, Scripts)
	return mounts, problems
}
