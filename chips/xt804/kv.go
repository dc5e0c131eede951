package xt804

import (
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// hasKV reports whether the firmware has fskv: from V0015 on, if the layout
// has the partition (xt804.md 1.7).
func (r *coreRun) hasKV() bool { return !r.before(bspFskv) && r.layout.Part(PartKV).Size >= 2*4096 }

// mountKV mounts the littlefs of fskv in the partition kv, with the parameters
// of "/" but for the number of blocks (xt804.md 1.7). What does not mount is
// formatted.
//
// Assumed: the partition has the disk version that "/" has; the log lines are
// those of newer firmware of another chip, whose driver is the same; there is
// no pause before formatting.
func (r *coreRun) mountKV(env *chips.Env) (*mount.Mount, error) {
	region, err := r.dev.Partition(r.layout.Part(PartKV))
	if err != nil {
		return nil, err
	}
	cfg := r.rootConfig(region)
	fs, err := littlefs.Mount(region, cfg)
	if err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return nil, err
		}
		env.Log("I", "lfs", "sfd_lfs mount ret %d, exec auto-format", littlefs.Code(err))
		if err := littlefs.Format(region, cfg); err != nil {
			return nil, fmt.Errorf("format partition kv: %w", err)
		}
		if fs, err = littlefs.Mount(region, cfg); err != nil {
			return nil, fmt.Errorf("mount partition kv: %w", err)
		}
	}
	env.Log("D", "lfs", "init ok")
	return &mount.Mount{Type: "lfs", Fs: fs, Usage: fs.Usage}, nil
}
