package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/flash"
)

// Bootloader is the second stage of the boot code (8910.md 4.4). It mounts the
// file systems, applies an upgrade that waits in /fota, and jumps into the core
// without looking at its CRC.
type Bootloader struct {
	Layout Layout

	memo memo
}

var _ chips.Bootloader = (*Bootloader)(nil)

// bootRun is one run of the boot code.
type bootRun struct {
	env  *chips.Env
	l    *Layout
	dev  *flash.Device
	era  Era
	vols volumes
	memo *memo
}

func (b *bootRun) step(kind chips.StepKind, format string, args ...any) {
	b.env.Step(chips.Step{Stage: "bootloader", Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (b *bootRun) print(format string, args ...any)  { b.step(chips.KindPrint, format, args...) }
func (b *bootRun) decide(format string, args ...any) { b.step(chips.KindDecide, format, args...) }
func (b *bootRun) do(format string, args ...any)     { b.step(chips.KindDo, format, args...) }
func (b *bootRun) finding(format string, args ...any) {
	b.decide("%s", chips.FindingMark+fmt.Sprintf(format, args...))
}

// Boot runs the boot code.
func (c *Bootloader) Boot(env *chips.Env) (chips.BootResult, error) {
	failed := chips.BootResult{Outcome: chips.BootFailed, Image: -1}
	b := &bootRun{env: env, l: &c.Layout, dev: env.Board.Flash[0], memo: &c.memo}
	if ok, err := b.selfCheck(); err != nil || !ok {
		return failed, err
	}
	upgraded := false
	if env.Board.Reset == chips.ResetWakeup {
		b.decide("wake-up from sleep: straight to the core, without a look at upgrades")
	} else {
		result, err := b.upgrade()
		if err != nil {
			return failed, err
		}
		if result.Outcome != "" {
			return result, nil
		}
		upgraded = result.Upgraded
	}
	ap := b.l.Part(PartAP).Off
	var magic [4]byte
	if _, err := b.dev.ReadAt(magic[:], ap); err != nil {
		return failed, err
	}
	if be.Uint32(magic[:]) != uimageMagic {
		b.decide("there is no core at 0x%06X: dead loop", ap)
		return chips.BootResult{Outcome: chips.BootHang, Image: -1}, nil
	}
	return chips.BootResult{Outcome: chips.BootCore, Image: ap, Upgraded: upgraded}, nil
}

// selfCheck looks at the image of the boot code itself (assumption
// boot-integrity), and at which it is.
func (b *bootRun) selfCheck() (bool, error) {
	part := b.l.Part(PartBoot)
	p, err := readUImage(b.dev, part.Off, part.Size)
	if err != nil {
		return false, err
	}
	m, err := ParseUImage(p)
	if err != nil || !m.HeadOK() || !m.DataOK() {
		b.decide("the boot code itself is missing or damaged: nothing runs any more")
		return false, nil
	}
	if b.era = eraOf(m.Name); b.era.bootName() != m.Name {
		b.decide("the boot code calls itself %q, which is not known: taken for %v", m.Name, b.era)
	}
	return true, nil
}

// eraOf tells the boot code from its image's name.
func eraOf(name string) Era {
	if strings.Contains(name, "svn2043") {
		return V302043
	}
	return V302340
}

// upgrade is what happens before the core starts. A result without outcome lets
// the boot go on.
func (b *bootRun) upgrade() (r chips.BootResult, err error) {
	mounted, err := b.mount()
	if err != nil || !mounted {
		return r, err
	}
	status, err := b.fupdate()
	if err != nil {
		return r, err
	}
	if status != fupdateSkipped {
		b.print("FUPDATE: %d", status)
	}
	if status == FupdateFailed {
		b.finding("the upgrade cannot go on: reset, and the same again at every start. The module needs a cable")
		return chips.BootResult{Outcome: chips.BootReset, Status: status.String(), Image: -1}, nil
	}
	r.Upgraded = status == FupdateFinished
	forced, err := b.vols.exists(downloadFile)
	switch {
	case err != nil:
		return r, err
	case forced:
		b.decide("%s asks for a download by cable", downloadFile)
		return chips.BootResult{Outcome: chips.BootDownload, Image: -1}, b.vols.unlink(downloadFile)
	case bytes.Contains(b.env.Board.Console, []byte{0x7E, 0x7E, 0x7E}):
		b.print("Spreadtrum Boot Block version 1.2")
		return chips.BootResult{Outcome: chips.BootDownload, Image: -1}, nil
	}
	return r, nil
}

// mount mounts what boot code sees: not /factory (8910.md 1.6). It may write to
// the modem's files.
func (b *bootRun) mount() (bool, error) {
	for _, v := range []struct {
		part string
		fs   func() error
	}{
		{PartFS, func() (err error) { b.vols.root, err = b.l.openVolume(b.dev, PartFS, false); return }},
		{PartModem, func() (err error) { b.vols.modem, err = b.l.openVolume(b.dev, PartModem, false); return }},
	} {
		if err := v.fs(); errors.Is(err, flash.ErrPowerLost) {
			return false, err
		} else if err != nil {
			b.finding("%v: no upgrade is looked for", err)
			return false, nil
		}
	}
	return true, nil
}
