package guest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// Partitions that the core stage of a generic board knows by kind.
const (
	kindFS = "fs"
	kindKV = "kv"
)

// core is what happens between boot code and scripts on a generic board: the
// core is looked at as a processor would, the update agent learns that it runs,
// and the file systems are mounted.
type core struct {
	model   *chips.Model
	profile *chips.Profile
	tables  []flash.Table
	updater *Module // nil if there is no update agent
}

var (
	_ chips.Core    = (*core)(nil)
	_ chips.Mounter = (*core)(nil)
)

// Start runs the core at boot.Image to the first script.
func (c *core) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	d := env.Board.Flash[0]
	id, script, sum, err := c.identify(d, boot.Image)
	if err != nil {
		return nil, err
	}
	env.Log("I", "main", "LuatOS@%s base %s bsp %s %dbit", id.Model, id.Base, id.Version, id.Profile.Bits)
	env.Log("I", "main", "ROM Build: %s %s", id.BuildDate, id.BuildTime)
	run := &chips.Running{Identity: id, Mounts: new(mount.Table), Code: sum}
	if run.Reboot, err = c.fails(d, boot.Image); err != nil {
		return nil, err
	}
	if run.Reboot {
		env.Step(chips.Step{Stage: "core", Kind: chips.KindDecide, Text: "the core is one that fails: the watchdog resets the chip"})
		return run, nil
	}
	if c.updater != nil {
		u, err := newUpdater(env, c.updater, c.tables)
		if err != nil {
			return nil, err
		}
		run.Updater = u
	}
	if err := c.files(env, run.Mounts); err != nil {
		return nil, err
	}
	if _, ok := c.partition(kindKV); ok {
		run.KV = func(env *chips.Env) (*mount.Mount, error) {
			m, err := c.openVolume(env, kindKV)
			m.Path = ""
			return &m, err
		}
	}
	if script == 0 {
		return run, nil
	}
	return run, c.scripts(env, run.Mounts, boot.Image+int64(script))
}

// identify looks at the core as a processor does that runs it: the first
// damaged byte is one too many. It returns where the scripts are, from the
// image's start, and the SHA-256 of the code.
func (c *core) identify(d *flash.Device, image int64) (id chips.Identity, script uint32, sum [32]byte, err error) {
	broken := func(why string, args ...any) error {
		return &chips.CoreError{Image: image, Why: fmt.Sprintf(why, args...)}
	}
	head := make([]byte, coreMin)
	if image < 0 || image+imageHeader+coreMin > d.Size() {
		return id, 0, sum, broken("there is no flash")
	}
	if _, err := d.ReadAt(head, image+imageHeader); err != nil {
		return id, 0, sum, err
	}
	n := int64(binary.LittleEndian.Uint32(head[4:]))
	if string(head[:4]) != coreMagic || n < coreMin || n > min(coreMax, d.Size()-image-imageHeader) {
		return id, 0, sum, broken("there is no core")
	}
	body := make([]byte, n)
	if _, err := d.ReadAt(body, image+imageHeader); err != nil {
		return id, 0, sum, err
	}
	if crc32.ChecksumIEEE(body[:n-4]) != binary.LittleEndian.Uint32(body[n-4:]) {
		return id, 0, sum, broken("its code is damaged")
	}
	p := c.profile
	id = chips.Identity{
		Model: c.model.Name, BSP: c.model.BSP, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "00:00:00", Profile: p,
	}
	desc, found, err := synth.Find(body[:min(n, synth.Reach)])
	switch {
	case err != nil:
		return id, 0, sum, broken("%v", err)
	case found:
		id.Model, id.BSP, id.Version, id.Base, id.Synthetic = desc.Model, desc.BSP, desc.Version, desc.Base, true
		id.BuildDate, id.BuildTime = desc.BuildDate, desc.BuildTime
	}
	return id, binary.LittleEndian.Uint32(head[8:]), sha256.Sum256(body), nil
}

// fails reports whether the core is one that never gets to its first script.
func (c *core) fails(d *flash.Device, image int64) (bool, error) {
	var word [4]byte
	_, err := d.ReadAt(word[:], image+imageHeader+12)
	return binary.LittleEndian.Uint32(word[:]) == coreFailing, err
}

// partition returns the first partition of a kind on flash chip 0.
func (c *core) partition(kind string) (flash.Partition, bool) {
	for _, p := range c.tables[0] {
		if p.Kind == kind {
			return p, true
		}
	}
	return flash.Partition{}, false
}

// openVolume mounts the littlefs in a partition of a kind; what does not mount
// is formatted.
func (c *core) openVolume(env *chips.Env, kind string) (mount.Mount, error) {
	p, _ := c.partition(kind)
	r, err := env.Board.Flash[0].Partition(p)
	if err != nil {
		return mount.Mount{}, err
	}
	m, failed, err := volume.Open(r, littlefs.LuatOS(r.Size()))
	if err == nil && failed != nil {
		env.Log("I", "lfs", "lfs mount fail ret=%d , exec format", littlefs.Code(failed))
	}
	if err != nil {
		err = fmt.Errorf("partition %s: %w", p.Name, err)
	}
	return m, err
}

// files mounts / and /ram/.
func (c *core) files(env *chips.Env, mounts *mount.Table) error {
	if _, ok := c.partition(kindFS); ok {
		m, err := c.openVolume(env, kindFS)
		if err != nil {
			return err
		}
		m.Path = "/"
		if err := mounts.Add(m); err != nil {
			return err
		}
	}
	return mounts.Add(mount.Mount{Path: "/ram/", Type: "ram", Fs: chips.RAMDisk(c.profile.CoreDate)})
}

// scripts mounts the script image at off, which the core was built to find
// there.
func (c *core) scripts(env *chips.Env, mounts *mount.Table, off int64) error {
	d := env.Board.Flash[0]
	end := d.Size()
	if p, ok := c.tables[0].At(off); ok {
		end = p.End()
	}
	r, err := d.Region("script", off, end-off)
	if err != nil {
		env.Step(chips.Step{Stage: "core", Kind: chips.KindDecide, Text: "no scripts: " + err.Error()})
		return nil
	}
	return volume.AddScripts(env, mounts, r)
}

// MountFiles mounts the file systems of a flash without running anything: the
// scripts of the first slot that has some.
func (c *core) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	mounts := new(mount.Table)
	var problems []error
	if p, ok := c.partition(kindFS); ok {
		r, err := flashes[0].Partition(p)
		if err == nil {
			var m mount.Mount
			if m, err = volume.Look(r, littlefs.LuatOS(r.Size()), mkfs); err == nil {
				err = mounts.Add(m)
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("partition %s at 0x%X: %w", p.Name, p.Off, err))
		}
	}
	if err := c.lookScripts(flashes[0], mounts); err != nil {
		problems = append(problems, err)
	}
	return mounts, problems
}

// lookScripts mounts the scripts of the first slot that has some.
func (c *core) lookScripts(d *flash.Device, mounts *mount.Table) error {
	for _, p := range c.tables[0].Sorted() {
		if p.Kind != kindApp {
			continue
		}
		_, script, _, err := c.identify(d, p.Off)
		if err != nil || script == 0 || int64(script) >= p.Size {
			continue
		}
		r, err := d.Region("script", p.Off+int64(script), p.Size-int64(script))
		if err != nil {
			continue
		}
		m, err := volume.Scripts(r)
		if err != nil {
			return fmt.Errorf("scripts in %s: %w", p.Name, err)
		}
		return mounts.Add(m)
	}
	return fmt.Errorf("no slot holds a core with scripts")
}

// buildDate turns "2026-07-07" into the compiler's form, "Jul  7 2026".
func buildDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Jan _2 2006")
}
