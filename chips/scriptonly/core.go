package scriptonly

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// core is what happens before the scripts: the banner and the file systems.
// Lines that a model's port logs before its banner are left out.
type core struct {
	model   *chips.Model
	profile *chips.Profile
}

var (
	_ chips.Core    = (*core)(nil)
	_ chips.Mounter = (*core)(nil)
)

// Start mounts / (formatting it if that fails), /ram/ and /luadb/.
func (c *core) Start(env *chips.Env, _ chips.BootResult) (*chips.Running, error) {
	m, p := c.model, c.profile
	id := chips.Identity{
		Model: m.Name, BSP: m.BSP, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "00:00:00", Profile: p,
	}
	env.Log("I", "main", "LuatOS@%s base %s bsp %s %dbit", id.Model, id.Base, id.Version, p.Bits)
	env.Log("I", "main", "ROM Build: %s %s", id.BuildDate, id.BuildTime)
	if err := applyUpdate(env); err != nil {
		return nil, err
	}
	updater, err := newUpdater(env.Board.Flash[0], m.SoC.Name)
	if err != nil {
		return nil, err
	}
	mounts := new(mount.Table)
	root, err := openVolume(env, partFS)
	if err != nil {
		return nil, err
	}
	root.Path = "/"
	for _, add := range []mount.Mount{*root, {Path: "/ram/", Type: "ram", Fs: chips.RAMDisk(p.CoreDate)}} {
		if err := mounts.Add(add); err != nil {
			return nil, err
		}
	}
	if err := addScripts(env, mounts); err != nil {
		return nil, err
	}
	return &chips.Running{Identity: id, Mounts: mounts, Updater: updater, KV: func(env *chips.Env) (*mount.Mount, error) {
		return openVolume(env, partKV)
	}}, nil
}

// region returns a partition of the plain flash.
func region(d *flash.Device, name string) (*flash.Region, error) {
	p, ok := plainFlash.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("the plain flash has no partition %q", name)
	}
	return d.Partition(p)
}

// openVolume mounts a littlefs; what does not mount is formatted.
func openVolume(env *chips.Env, name string) (*mount.Mount, error) {
	r, err := region(env.Board.Flash[0], name)
	if err != nil {
		return nil, err
	}
	m, _, err := volume.Open(r, littlefs.LuatOS(r.Size()))
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", name, err)
	}
	m.Path = ""
	return &m, nil
}

// addScripts mounts the script image at /luadb/, if there is one.
func addScripts(env *chips.Env, mounts *mount.Table) error {
	r, err := region(env.Board.Flash[0], partScript)
	if err != nil {
		return err
	}
	return volume.AddScripts(env, mounts, r)
}

// MountFiles mounts the file systems of a flash without running anything.
func (c *core) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	root, _ := plainFlash.Lookup(partFS)
	script, _ := plainFlash.Lookup(partScript)
	return volume.LookAll(flashes[0], root, script, littlefs.LuatOS, mkfs)
}

// buildDate turns "2026-07-07" into the compiler's form, "Jul  7 2026".
func buildDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Jan _2 2006")
}
