package xt804

import (
	"errors"

	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
)

// mountRoot mounts the file system at "/". What does not mount is formatted,
// without asking (xt804.md 1.7).
func (r *coreRun) mountRoot(p flash.Partition) error {
	region, err := r.dev.Partition(p)
	if err != nil {
		return err
	}
	cfg := r.rootConfig(region)
	fs, err := littlefs.Mount(region, cfg)
	if err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return err
		}
		if fs, err = r.format(region, cfg, littlefs.Code(err)); err != nil || fs == nil {
			return err
		}
	}
	return r.mounts.Add(volume.Mounted(fs, region, cfg))
}

// rootConfig returns the geometry and disk version of "/" (xt804.md 1.7).
func (r *coreRun) rootConfig(region *flash.Region) littlefs.Config {
	cfg := littlefs.LuatOS(region.Size())
	cfg.DiskVersion = littlefs.DiskVersion21
	if r.before(bspDisk21) {
		cfg.DiskVersion = littlefs.DiskVersion20
	}
	return cfg
}

// format makes a new file system because mounting returned code. It returns
// nil if that does not work: then nothing is mounted.
func (r *coreRun) format(region *flash.Region, cfg littlefs.Config, code int) (*littlefs.FS, error) {
	r.env.Log("I", "lfs", "lfs mount fail ret=%d , exec format", code)
	r.env.Sleep(formatPause)
	if err := littlefs.Format(region, cfg); err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return nil, err
		}
		r.env.Log("W", "lfs", "lfs format fail ret=%d", littlefs.Code(err))
		return nil, nil
	}
	fs, err := littlefs.Mount(region, cfg)
	if err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return nil, err
		}
		return nil, nil
	}
	return fs, nil
}
