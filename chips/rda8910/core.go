package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"airlift/chips"
	"airlift/chips/rda8910/sffs"
	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/mount"
)

// CoreStage is what the core does between boot code and scripts or C program.
// What the firmware is, it reads from the image in flash; model, profile and
// layout stand in for what a real image does not say.
type CoreStage struct {
	Model   *chips.Model
	Profile *chips.Profile
	Layout  Layout

	memo memo
}

var (
	_ chips.Core        = (*CoreStage)(nil)
	_ chips.Mounter     = (*CoreStage)(nil)
	_ chips.RootMounter = (*CoreStage)(nil)
)

// coreRun is one start of a core.
type coreRun struct {
	env  *chips.Env
	dev  *flash.Device
	l    Layout
	id   chips.Identity
	b    *build
	vols volumes
}

func (r *coreRun) step(kind chips.StepKind, format string, args ...any) {
	r.env.Step(chips.Step{Stage: "core", Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (r *coreRun) do(format string, args ...any)     { r.step(chips.KindDo, format, args...) }
func (r *coreRun) decide(format string, args ...any) { r.step(chips.KindDecide, format, args...) }

// Start runs the core to the first script.
func (c *CoreStage) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	if len(env.Board.Flash) == 0 {
		return nil, errors.New("core: the board has no flash")
	}
	r := &coreRun{env: env, dev: env.Board.Flash[0]}
	if err := c.identify(r, boot.Image); err != nil {
		return nil, err
	}
	if err := r.mountRoot(boot.Image); err != nil {
		return nil, err
	}
	if err := r.update(); err != nil {
		return nil, err
	}
	run := &chips.Running{Identity: r.id, Mounts: new(mount.Table)}
	if r.b.gen == GenD {
		env.Log("I", "main", "LuatOS@%s base %s bsp %s %dbit", r.id.Model, r.id.Base, r.id.Version, r.id.Profile.Bits)
		env.Log("I", "main", "ROM Build: %s %s", r.id.BuildDate, r.id.BuildTime)
	} else {
		run.Updater = newUpdater(r.b.gen, r.b.era, &r.vols, r.dev, &c.memo)
	}
	return run, r.files(run.Mounts)
}

// identify reads the image that boot code started (assumption core-integrity).
func (c *CoreStage) identify(r *coreRun, image int64) error {
	broken := func(format string, args ...any) error {
		return &chips.CoreError{Image: image, Why: fmt.Sprintf(format, args...)}
	}
	room := c.Layout.coreRoom()
	p, err := readUImage(r.dev, image, min(room, r.dev.Size()-image))
	if err != nil {
		return err
	}
	m, err := ParseUImage(p)
	switch {
	case err != nil:
		return broken("%v", err)
	case !m.HeadOK() || !m.DataOK():
		return broken("the image is damaged: the CRC of its %s is wrong, which boot code does not look at", map[bool]string{true: "data", false: "head"}[m.HeadOK()])
	case int64(m.Load) != flashBase+image+uimageHead:
		return broken("it was linked for 0x%08X and lies at 0x%08X", m.Load, flashBase+image+uimageHead)
	}
	desc, found, err := synth.Find(m.Data)
	if err != nil {
		return broken("%v", err)
	}
	r.l = c.Layout
	name := c.Profile.Name
	r.id = chips.Identity{
		Model: c.Model.Name, BSP: c.Model.BSP, Version: c.Profile.CoreVersion, Base: c.Profile.Base,
		BuildDate: buildDate(c.Profile.CoreDate), BuildTime: "00:00:00", Profile: c.Profile,
	}
	if !found {
		if p := FindPartitions(m.Data); p != nil {
			if err := p.fits(&c.Layout); err != nil {
				return broken("%v", err)
			}
		}
		if v := versionOf(m.Data); v != "" {
			r.id.Version = v
		}
	} else {
		if r.l, err = layoutFrom(desc.Partitions); err != nil {
			return broken("its flash map: %v", err)
		}
		r.id = c.adopt(desc)
		name = r.id.Profile.Name
	}
	r.b, err = findBuild(name)
	return err
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
	return id
}

// buildDate turns "2021-05-14" into the compiler's form, "May 14 2021".
func buildDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Jan _2 2006")
}

// mountRoot mounts /. Nothing formats it if that fails (8910.md 1.8).
func (r *coreRun) mountRoot(image int64) error {
	root, err := r.l.openVolume(r.dev, PartFS, false)
	if err == nil {
		r.vols.root = root
		return nil
	}
	if errors.Is(err, flash.ErrPowerLost) {
		return err
	}
	return &chips.CoreError{Image: image, Why: fmt.Sprintf("the file system at / does not mount, and nothing formats it: %v", err)}
}

// update does what waits for the application (8910.md 4.7, 4.8).
func (r *coreRun) update() error {
	stage, err := r.vols.stage()
	if err != nil {
		return err
	}
	if stage.Indicator == StageFinished {
		if err := r.logFinished(); err != nil {
			return err
		}
	}
	switch r.b.gen {
	case GenA:
		return r.updateScripts()
	case GenB:
		return r.updateProgram()
	}
	return nil
}

// logFinished is the only trace of an upgrade for the application.
func (r *coreRun) logFinished() error {
	data, ok, err := r.vols.read(packFile)
	if err != nil || !ok {
		return err
	}
	if p, err := ParsePack(data); err == nil {
		r.env.Log("I", "FUPD", "FUPDATE: %s -> %s", p.OldVersion, p.NewVersion)
	}
	return nil
}

// copyChunk is how much of an application is copied at a time, in bytes.
const copyChunk = 64 * kib

// waiting returns an application that is ready to be installed: its last bytes
// say so.
func (r *coreRun) waiting(most int64) ([]byte, error) {
	data, ok, err := r.vols.read(appFile)
	switch {
	case err != nil || !ok:
		return nil, err
	case len(data) <= len(AppTrailer) || !bytes.HasSuffix(data, []byte(AppTrailer)):
		r.decide("%s is not complete: it is left alone", appFile)
		return nil, nil
	case int64(len(data)) > most:
		r.decide("%s%s has %d bytes, more than %d: it is left alone, at every start", chips.FindingMark, appFile, len(data), most)
		return nil, nil
	}
	return data, nil
}

// install erases an area and copies an application into it, with its trailer.
// A cut before the file is removed repeats all of it.
func (r *coreRun) install(off, erase int64, data []byte) error {
	r.do("erase 0x%06X, %d bytes, and copy %s, %d bytes", off, erase, appFile, len(data))
	if err := r.dev.EraseUnchecked(off, erase); err != nil {
		return err
	}
	for len(data) > 0 {
		n := min(copyChunk, len(data))
		if err := r.dev.ProgramUnchecked(off, data[:n]); err != nil {
			return err
		}
		off, data = off+int64(n), data[n:]
	}
	r.do("remove %s", appFile)
	return r.vols.unlink(appFile)
}

// updateScripts is lua_update, which does not look at the flag. Only then is
// the flag removed (8910.md 4.7).
func (r *coreRun) updateScripts() error {
	area := r.l.Part(PartScript)
	data, err := r.waiting(area.Size - 1)
	if err != nil {
		return err
	}
	if data != nil {
		if err := r.install(area.Off, area.Size, data); err != nil {
			return err
		}
	}
	if r.b.era != V302340 {
		return nil
	}
	there, err := r.vols.exists(flagFile)
	if err != nil || !there {
		return err
	}
	r.do("remove %s", flagFile)
	return r.vols.unlink(flagFile)
}

// maxProgram is the longest C program that csdk_update takes, in bytes
// (8910.md 4.8).
const maxProgram = 0x17FFFF

// updateProgram is csdk_update.
func (r *coreRun) updateProgram() error {
	area := r.l.Part(PartApp)
	data, err := r.waiting(min(maxProgram, area.Size))
	if err != nil || data == nil {
		return err
	}
	return r.install(area.Off, (int64(len(data))+eraseSize-1)/eraseSize*eraseSize, data)
}

// dataFolder is where scripts keep their files (8910.md 1.3).
const dataFolder = "/ldata"

// files mounts what programs see. The scripts of generation A are never mounted
// as a file system, they appear below /lua.
func (r *coreRun) files(mounts *mount.Table) error {
	if r.b.gen == GenA {
		if there, err := r.vols.exists(dataFolder); err != nil {
			return err
		} else if !there {
			if err := notFatal(r.vols.root.Mkdir(dataFolder, 0)); err != nil {
				return err
			}
		}
	}
	if err := mounts.Add(volumeMount("/", r.vols.root)); err != nil {
		return err
	}
	for _, part := range []string{PartModem, PartFactory} {
		f, err := r.l.openVolume(r.dev, part, part == PartModem)
		if errors.Is(err, flash.ErrPowerLost) {
			return err
		}
		if err != nil {
			r.decide("%v", err)
			continue
		}
		if part == PartModem {
			r.vols.modem = f
		}
		if err := mounts.Add(volumeMount(mountPoint(part), f)); err != nil {
			return err
		}
	}
	return r.scripts(mounts)
}

// scripts mounts the scripts.
func (r *coreRun) scripts(mounts *mount.Table) error {
	if r.b.gen == GenB {
		return nil
	}
	region, err := r.dev.Partition(r.l.Part(PartScript))
	if err != nil {
		return err
	}
	if r.b.gen == GenD {
		if err := mounts.Add(mount.Mount{Path: "/ram/", Type: "ram", Fs: chips.RAMDisk(r.id.Profile.CoreDate)}); err != nil {
			return err
		}
		return volume.AddScripts(r.env, mounts, region)
	}
	m, err := volume.Scripts(region)
	if err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return err
		}
		r.decide("there are no scripts at 0x%06X: %v", region.Off(), err)
		return nil
	}
	m.Path = "/lua/"
	return mounts.Add(m)
}

func volumeMount(path string, f *sffs.FS) mount.Mount {
	return mount.Mount{Path: path, Type: "sffs", Fs: f, Usage: func() (mount.Usage, error) {
		size, blocks, used, _ := f.Usage()
		return mount.Usage{BlockSize: size, Blocks: blocks, Used: used}, nil
	}}
}

// MountFiles mounts the file systems of a dump for a person.
func (c *CoreStage) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	d, mounts := flashes[0], new(mount.Table)
	var problems []error
	for _, part := range []string{PartFS, PartModem, PartFactory} {
		if err := c.lookAt(d, part, mkfs, mounts); err != nil {
			problems = append(problems, err)
		}
	}
	if c.Layout.Part(PartScript).Size == 0 {
		return mounts, problems
	}
	region, err := d.Partition(c.Layout.Part(PartScript))
	if err == nil {
		var m mount.Mount
		if m, err = volume.Scripts(region); err == nil {
			if b, berr := findBuild(c.Profile.Name); berr == nil && b.gen == GenA {
				m.Path = "/lua/"
			}
			err = mounts.Add(m)
		}
	}
	if err != nil {
		problems = append(problems, fmt.Errorf("partition %s: %w", PartScript, err))
	}
	return mounts, problems
}

// MountRoot mounts the file system of "/" alone.
func (c *CoreStage) MountRoot(flashes []*flash.Device) (mount.Mount, error) {
	f, err := c.Layout.openVolume(flashes[0], PartFS, false)
	if err != nil {
		return mount.Mount{}, err
	}
	return volumeMount("/", f), nil
}

func (c *CoreStage) lookAt(d *flash.Device, part string, mkfs bool, mounts *mount.Table) error {
	r, err := d.Partition(c.Layout.Part(part))
	if err != nil {
		return err
	}
	if mkfs {
		empty, err := erased(r)
		if err != nil {
			return err
		}
		if empty {
			if err := sffs.Format(r, volumeConfig(part)); err != nil {
				return fmt.Errorf("partition %s: %w", part, err)
			}
		}
	}
	f, err := c.Layout.openVolume(d, part, false)
	if err != nil {
		return err
	}
	return mounts.Add(volumeMount(mountPoint(part), f))
}

// erased reports whether a volume's partition is empty.
func erased(r *flash.Region) (bool, error) {
	var p [flash.DefaultSectorSize]byte
	for off := int64(0); off < r.Size(); off += int64(len(p)) {
		n, err := r.ReadAt(p[:min(int64(len(p)), r.Size()-off)], off)
		if err != nil || !flash.Erased(p[:n]) {
			return false, err
		}
	}
	return true, nil
}
