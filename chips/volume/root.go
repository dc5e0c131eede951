package volume

import (
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// root is a littlefs that can be formatted while it is mounted.
type root struct {
	*littlefs.FS
	region *flash.Region
	cfg    littlefs.Config
}

// Mounted is the mount of a littlefs that is on a region: at "/", and ready to
// be formatted.
func Mounted(fs *littlefs.FS, r *flash.Region, cfg littlefs.Config) mount.Mount {
	v := &root{FS: fs, region: r, cfg: cfg}
	return mount.Mount{
		Path: "/", Type: "lfs", Fs: v, Format: v.format,
		Usage: func() (mount.Usage, error) { return v.FS.Usage() },
	}
}

// format makes the file system anew, and mounts it.
func (v *root) format() error {
	if err := littlefs.Format(v.region, v.cfg); err != nil {
		return err
	}
	fs, err := littlefs.Mount(v.region, v.cfg)
	if err == nil {
		v.FS = fs
	}
	return err
}
