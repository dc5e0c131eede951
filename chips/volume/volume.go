// Package volume mounts what every firmware of these modules mounts: littlefs
// volumes and script images on regions of the flash.
package volume

import (
	"bytes"
	"errors"
	"fmt"

	"airlift/flash"
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
		return littleMount(fs), nil, nil
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
	return littleMount(fs), failed, nil
}

// Look mounts the littlefs of a region for a person who looks into a dump:
// nothing is formatted, unless the region is erased and mkfs is set.
func Look(r *flash.Region, cfg littlefs.Config, mkfs bool) (mount.Mount, error) {
	p := make([]byte, r.Size())
	if _, err := r.ReadAt(p, 0); err != nil {
		return mount.Mount{}, err
	}
	if len(bytes.TrimLeft(p, "\xFF")) == 0 {
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
	return littleMount(fs), nil
}

func littleMount(fs *littlefs.FS) mount.Mount {
	return mount.Mount{Path: "/", Type: "lfs", Fs: fs, Usage: fs.Usage}
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
