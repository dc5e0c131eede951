package xt804

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/flash/mount"
)

// CoreStage is what LuatOS does between boot code and scripts
// (xt804.md 4.1). What the firmware is, it reads from the image that boot code
// started; Model, Profile and Layout stand in for what an image without a
// descriptor, a real one, does not say.
//
// Assumed: lines about MAC addresses and the flash chip, which the firmware
// logs before its banner, are left out.
type CoreStage struct {
	Model   *chips.Model
	Profile *chips.Profile
	Layout  Layout
	// Memo, if not nil, is that of the boot code: it saves unpacking a package
	// a second time.
	Memo *Memo
}

var _ chips.Core = (*CoreStage)(nil)

// coreRun is one start of a core.
type coreRun struct {
	env     *chips.Env
	dev     *flash.Device
	fls     fls
	id      chips.Identity
	layout  Layout
	feats   chips.Features
	version int // BSP version: 1025 for "V1025"
	mounts  *mount.Table
	memo    *Memo
}

// Start runs the core to the first script.
func (c *CoreStage) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	if len(env.Board.Flash) == 0 {
		return nil, errors.New("core: the board has no flash")
	}
	r := &coreRun{env: env, dev: env.Board.Flash[0], fls: fls{env.Board.Flash[0]}, mounts: new(mount.Table), memo: c.Memo.of(env.Board.Flash[0])}
	if err := c.identify(r, boot.Image); err != nil {
		return nil, err
	}
	env.Log("D", "main", "poweron: %s", poweronText(env.Board.Reset))
	run := &chips.Running{Identity: r.id, Mounts: r.mounts}
	var err error
	if run.Updater, err = r.fota(); err != nil {
		return nil, err
	}
	env.Log("I", "main", "LuatOS@%s base %s bsp %s %dbit", r.id.Model, r.id.Base, r.id.Version, r.bits(c.Profile))
	env.Log("I", "main", "ROM Build: %s %s", r.id.BuildDate, r.id.BuildTime)
	if r.hasKV() {
		run.KV = r.mountKV
	}
	run.Reboot, err = r.files()
	return run, err
}

// bits returns the width of Lua numbers.
func (r *coreRun) bits(p *chips.Profile) int {
	if r.id.Profile != nil {
		return r.id.Profile.Bits
	}
	return p.Bits
}

// poweronText is the firmware's word for why the chip starts, in its own
// spelling (luatos-runtime.md 1.4, 1.8).
func poweronText(c chips.ResetCause) string {
	switch c {
	case chips.ResetSoftware:
		return "reset by software"
	case chips.ResetWatchdog:
		return "reset by watchdog"
	case chips.ResetException:
		return "reboot by exception"
	case chips.ResetWakeup:
		return "wakeup by rtc"
	}
	return "power or reset"
}

// identify reads the started image. Its CRC was boot code's business.
func (c *CoreStage) identify(r *coreRun, image int64) error {
	broken := func(format string, args ...any) error {
		return &chips.CoreError{Image: image, Why: fmt.Sprintf(format, args...)}
	}
	if image < 0 {
		return broken("it runs in RAM, which is not emulated")
	}
	var p [HeaderSize]byte
	if err := r.fls.read(p[:], Addr(image)); err != nil {
		return err
	}
	h := DecodeHeader(p[:])
	switch {
	case !h.HeaderOK():
		return broken("there is no image header")
	case h.Type() != TypeApp:
		return broken("an image of type %d is no core", h.Type())
	case !r.fls.onFlash(h.ImgAddr, int64(h.ImgLen)):
		return broken("its code at 0x%08X is not on the flash", h.ImgAddr)
	}
	body := make([]byte, min(int64(h.ImgLen), synth.Reach))
	if err := r.fls.read(body, h.ImgAddr); err != nil {
		return err
	}
	info, found, err := synth.Find(body)
	if err != nil {
		return broken("%v", err)
	}
	if !found {
		return c.adoptProfile(r)
	}
	if err := c.adoptInfo(r, &info); err != nil {
		return broken("%v", err)
	}
	if want := r.layout.CodeAddr(); h.ImgAddr != want {
		return broken("it was linked for 0x%08X and lies at 0x%08X", want, h.ImgAddr)
	}
	return nil
}

// adoptProfile takes an image without a descriptor for what the chip's profile
// says.
func (c *CoreStage) adoptProfile(r *coreRun) error {
	p := c.Profile
	r.layout, r.feats = c.Layout, p.Features
	r.id = chips.Identity{
		Model: c.Model.Name, BSP: c.Model.BSP, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "00:00:00", Profile: p,
	}
	r.version = versionNumber(r.id.Version)
	return nil
}

// adoptInfo takes a core for what its descriptor says.
func (c *CoreStage) adoptInfo(r *coreRun, info *synth.Info) error {
	g, err := ParseGeneration(info.Profile)
	if err != nil {
		return err
	}
	if info.FlashSize > r.dev.Size() {
		return fmt.Errorf("it was built for a flash of %d KiB, this one has %d", info.FlashSize/kib, r.dev.Size()/kib)
	}
	if r.layout, err = NewLayout(g, info.FlashSize, info.Partitions); err != nil {
		return err
	}
	r.feats = info.Features
	r.id = chips.Identity{
		Model: info.Model, BSP: info.BSP, Version: info.Version, Base: info.Base,
		BuildDate: info.BuildDate, BuildTime: info.BuildTime, Synthetic: true,
	}
	if r.id.Profile, err = c.Model.Profile(info.Profile); err != nil {
		r.id.Profile = c.Profile
	}
	if info.Bits != 0 && info.Bits != r.id.Profile.Bits {
		p := *r.id.Profile
		p.Bits = info.Bits
		r.id.Profile = &p
	}
	r.version = versionNumber(info.Version)
	return nil
}

// versionNumber returns 1025 for "V1025", or 0.
func versionNumber(v string) int {
	digits, _, _ := strings.Cut(strings.TrimLeft(v, "Vv"), ".")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// BSP versions at which behaviour changed.
const (
	bspMD5Check   = 11   // /update.bin is checked by its MD5 only (xt804.md 4.2)
	bspLegacyFS   = 11   // last one that takes a foreign script area for a file system (xt804.md 1.5)
	bspFskv       = 15   // fskv instead of FlashDB (xt804.md 1.7)
	bspOTAReboot  = 14   // the script OTA runs after all mounts and reboots (xt804.md 4.1)
	bspDisk21     = 1023 // littlefs disk version 2.1; no more legacy check (xt804.md 1.5, 1.7)
	bspFSSizeLine = 2001 // logs a file system size other than 48 KiB (xt804.md 1.7)
)

// before reports a BSP older than version v. One whose version is no number is
// as old as its generation.
func (r *coreRun) before(v int) bool {
	if r.version != 0 {
		return r.version < v
	}
	oldest := map[Generation]int{G1: 16, G2: 1023, G2Fota: 1023, G3: 2001}
	return oldest[r.layout.Generation] < v
}

// fota runs the boot check of firmware with FOTA and returns its updater.
func (r *coreRun) fota() (chips.Updater, error) {
	g := r.layout.Generation
	if !r.feats.Fota || g != G2Fota && g != G3 {
		return nil, nil
	}
	area, err := newFotaArea(r.fls, g, r.id.BSP)
	if err != nil {
		return nil, err
	}
	c := &bootCheck{env: r.env, area: area, script: r.layout.ScriptAddr(), bsp: r.id.BSP, memo: r.memo}
	check := c.runG2
	if g == G3 {
		check = c.runG3
	}
	if err := check(); err != nil {
		return nil, err
	}
	return newUpdater(area, g), nil
}

// files is luat_fs_init and the script OTA. Reboot says that a new script was
// applied and the chip resets.
func (r *coreRun) files() (reboot bool, err error) {
	legacy, err := r.legacyScripts()
	if err != nil {
		return false, err
	}
	fsPart := r.layout.Part(PartFS)
	if legacy {
		fsPart = flash.Partition{Name: PartFS, Off: r.layout.Part(PartScript).Off, Size: fsPart.End() - r.layout.Part(PartScript).Off}
	}
	if !r.before(bspFSSizeLine) && fsPart.Size != 48*kib {
		r.env.Log("D", "fs", "可读写文件系统大小 %dkb flash偏移量 %08X", fsPart.Size/kib, fsPart.Off)
	}
	if err := r.mountRoot(fsPart); err != nil {
		return false, err
	}
	early := r.before(bspOTAReboot) && r.feats.FileOTA
	if early { // between the mounts, and without a reboot
		if _, err := r.fileOTA(); err != nil {
			return false, err
		}
	}
	if err := r.mounts.Add(mount.Mount{Path: "/ram/", Type: "ram", Fs: chips.RAMDisk(r.id.Profile.CoreDate)}); err != nil {
		return false, err
	}
	if !legacy {
		if err := r.mountScripts(); err != nil {
			return false, err
		}
	}
	if !r.feats.FileOTA || early {
		return false, nil
	}
	return r.fileOTA()
}

// legacyScripts looks for a script area that is no luadb, as V0008..V1022 do,
// and reports whether it becomes part of the file system (xt804.md 1.5).
func (r *coreRun) legacyScripts() (bool, error) {
	if r.layout.Generation != G1 || !r.before(bspDisk21) {
		return false, nil
	}
	addr := r.layout.ScriptAddr()
	v, err := r.fls.word(addr)
	if err != nil || v == 0xA55A0401 {
		return false, err
	}
	r.env.Log("W", "fs", "Legacy non-LuaDB download, please upgrade your LuatIDE or LuatTools 0x%x", addr)
	return r.before(bspLegacyFS + 1), nil
}

// mountScripts mounts the script partition at /luadb/.
func (r *coreRun) mountScripts() error {
	region, err := r.dev.Partition(r.layout.Part(PartScript))
	if err != nil {
		return err
	}
	img, err := luadb.FromRegion(region)
	if err != nil {
		if text := luadb.DeviceText(err); text != "" {
			r.env.Log("W", "luadb", "%s", text)
			return nil
		}
		return err
	}
	return r.addScripts(region, img)
}

// addScripts mounts a script image.
func (r *coreRun) addScripts(region *flash.Region, img *luadb.Image) error {
	usage := mount.Usage{BlockSize: luadb.StatBlockSize, Blocks: region.Size() / luadb.StatBlockSize}
	usage.Used = usage.Blocks // read-only: nothing is free
	return r.mounts.Add(mount.Mount{
		Path: "/luadb/", Type: "luadb", Fs: img.Fs(), Usage: func() (mount.Usage, error) { return usage, nil },
	})
}

// formatPause is how long the firmware waits before it formats (xt804.md 1.7).
const formatPause = 100 * time.Millisecond
