package ec

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// CoreStage is what LuatOS does between boot code and scripts. What the
// firmware is, it reads from the AP image in flash; model, profile and layout
// stand in for what a real image does not say.
//
// The line about the module that the port logs before its banner is left out:
// the reference shows only parts of it.
type CoreStage struct {
	Model   *chips.Model
	Profile *chips.Profile
	Layout  Layout
	Memo    *chips.Memo // saves computing the same again; nil is fine
}

var (
	_ chips.Core        = (*CoreStage)(nil)
	_ chips.Mounter     = (*CoreStage)(nil)
	_ chips.RootMounter = (*CoreStage)(nil)
)

// Start runs the core to the first script.
func (c *CoreStage) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	a, err := newAreas(&c.Layout, env.Board.Flash, c.Memo)
	if err != nil {
		return nil, err
	}
	if err := c.alive(env, a, boot.Image); err != nil {
		return nil, err
	}
	id, feats, layout, err := c.identify(a, boot.Image)
	if err != nil {
		return nil, err
	}
	a.l = &layout // scripts are where the core was built to look for them
	env.Log("I", "pm", "poweron: %s", poweronText(env.Board.Reset))
	env.Log("I", "main", "LuatOS@%s base %s bsp %s %dbit", id.Model, id.Base, id.Version, id.Profile.Bits)
	env.Log("I", "main", "ROM Build: %s %s", id.BuildDate, id.BuildTime)
	run := &chips.Running{Identity: id, Mounts: new(mount.Table)}
	if feats.Fota {
		run.Updater = newUpdater(a)
	}
	if layout.Part(PartKV).Size > 0 {
		run.KV = func(env *chips.Env) (*mount.Mount, error) { return a.openKV(env) }
	}
	return run, a.files(env, run.Mounts, run.Identity.Profile.CoreDate)
}

// poweronText is the port's word for why the chip starts
// (luatos-runtime.md 1.4; those but the first are assumed).
func poweronText(c chips.ResetCause) string {
	switch c {
	case chips.ResetSoftware:
		return "Software Reset"
	case chips.ResetWatchdog:
		return "Watchdog Reset"
	case chips.ResetException:
		return "Exception Reset"
	case chips.ResetWakeup:
		return "Wakeup"
	}
	return "Power/Reset"
}

// alive asks whether the images in flash can run (assumption core-integrity).
func (c *CoreStage) alive(env *chips.Env, a areas, image int64) error {
	for _, attr := range []int{AttrAP, AttrCP} {
		n, part, _ := a.image(attr)
		state, err := integrityOf(a.memo, n, part)
		if err != nil {
			return err
		}
		broken := func(why string) error {
			return &chips.CoreError{Image: image, Why: fmt.Sprintf("the %s image %s", attrName(attr), why)}
		}
		switch state {
		case imageErased:
			return broken("is not there")
		case imageDamaged:
			return broken("is damaged")
		case imageUnknown:
			if attr == AttrAP && c.Layout.Series == EC618 {
				if ok, err := startsInside(n, part); err != nil || !ok {
					if err != nil {
						return err
					}
					return broken("has a reset vector that points elsewhere")
				}
			}
			env.Step(chips.Step{Stage: "core", Kind: chips.KindDecide, Text: fmt.Sprintf("the %s image is none of airlift's: whether it is whole cannot be told, it is taken for good", attrName(attr))})
		}
	}
	return nil
}

// identify reads what the core is, and the map that it was built for.
func (c *CoreStage) identify(a areas, image int64) (chips.Identity, chips.Features, Layout, error) {
	p := c.Profile
	id := chips.Identity{
		Model: c.Model.Name, BSP: c.Model.BSP, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "00:00:00", Profile: p,
	}
	body := make([]byte, synth.Reach)
	if err := a.ap().read(body, image); err != nil {
		return id, p.Features, c.Layout, err
	}
	desc, found, err := synth.Find(body)
	if err != nil {
		return id, p.Features, c.Layout, &chips.CoreError{Image: image, Why: err.Error()}
	}
	if !found {
		return id, p.Features, c.Layout, nil
	}
	layout := c.Layout
	if len(desc.Partitions) > 0 {
		layout.Table = desc.Partitions
		if err := layout.check(); err != nil {
			return id, p.Features, layout, &chips.CoreError{Image: image, Why: "its flash map: " + err.Error()}
		}
	}
	return c.adopt(desc), desc.Features, layout, nil
}

// adopt takes a core for what its descriptor says.
func (c *CoreStage) adopt(desc synth.Info) chips.Identity {
	id := chips.Identity{
		Model: desc.Model, BSP: desc.BSP, Version: desc.Version, Base: desc.Base,
		BuildDate: desc.BuildDate, BuildTime: desc.BuildTime, Profile: c.Profile, Synthetic: true,
	}
	if q, err := c.Model.Profile(desc.Profile); err == nil && desc.Profile != "" {
		id.Profile = q
	}
	if desc.Bits != 0 && desc.Bits != id.Profile.Bits {
		q := *id.Profile
		q.Bits = desc.Bits
		id.Profile = &q
	}
	return id
}

// rootConfig is the geometry of "/" (ec618.md 1.7: known of the tool that
// makes images, assumed of the firmware).
func rootConfig(size int64) littlefs.Config {
	cfg := littlefs.LuatOS(size)
	cfg.DiskVersion = littlefs.DiskVersion20
	return cfg
}

// files mounts /, /ram/ and /luadb/ as a core of this date does.
func (a areas) files(env *chips.Env, mounts *mount.Table, coreDate string) error {
	r, err := a.chips[0].Partition(a.l.Part(PartFS))
	if err != nil {
		return err
	}
	root, failed, err := volume.Open(r, rootConfig(r.Size()))
	if err != nil {
		return err
	}
	if failed != nil {
		env.Log("I", "lfs", "lfs mount fail ret=%d , exec format", littlefs.Code(failed))
	}
	for _, m := range []mount.Mount{root, {Path: "/ram/", Type: "ram", Fs: chips.RAMDisk(coreDate)}} {
		if err := mounts.Add(m); err != nil {
			return err
		}
	}
	if r, err = a.chips[0].Partition(a.l.Part(PartScript)); err != nil {
		return err
	}
	return volume.AddScripts(env, mounts, r)
}

// openKV mounts the littlefs of fskv (ec618.md 1.7).
func (a areas) openKV(env *chips.Env) (*mount.Mount, error) {
	r, err := a.chips[0].Partition(a.l.Part(PartKV))
	if err != nil {
		return nil, err
	}
	m, failed, err := volume.Open(r, rootConfig(r.Size()))
	if err != nil {
		return nil, err
	}
	if failed != nil {
		env.Log("I", "lfs", "sfd_lfs mount ret %d, exec auto-format", littlefs.Code(failed))
	}
	env.Log("D", "lfs", "init ok")
	m.Path = ""
	return &m, nil
}

// MountFiles mounts the file systems of a flash without running anything.
func (c *CoreStage) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	return volume.LookAll(flashes[0], c.Layout.Part(PartFS), c.Layout.Part(PartScript), rootConfig, mkfs)
}

// MountRoot mounts the file system of "/" alone.
func (c *CoreStage) MountRoot(flashes []*flash.Device) (mount.Mount, error) {
	r, err := flashes[0].Partition(c.Layout.Part(PartFS))
	if err != nil {
		return mount.Mount{}, err
	}
	return volume.Look(r, rootConfig(r.Size()), false)
}

// buildDate turns "2024-11-15" into the compiler's form, "Nov 15 2024".
func buildDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Jan _2 2006")
}
