package ec

import (
	"fmt"

	"airlift/chips"
)

// Bootloader is the boot code of both series (ec618.md 4, 10). There is no
// second slot, no boot counter and no way back: it applies what waits and
// starts whatever lies at the core's place.
//
// That of EC618 was executed from its binary. The main routine of EC7xx is in
// a library that nobody has: it is taken to be the same (assumption
// ec7xx-boot).
type Bootloader struct {
	Layout Layout
	// Cores finds the new images of EC7xx deltas, whose payload nobody can
	// read.
	Cores *Cores
	// Memo saves computing the same again; nil is fine.
	Memo *chips.Memo
}

// bootRun is one run of the boot code.
type bootRun struct {
	areas
	env   *chips.Env
	cores *Cores
	// end is set when the run ends before the core starts.
	end *chips.BootResult
}

// Boot runs the boot code.
func (c *Bootloader) Boot(env *chips.Env) (chips.BootResult, error) {
	a, err := newAreas(&c.Layout, env.Board.Flash, c.Memo)
	if err != nil {
		return chips.BootResult{}, err
	}
	b := &bootRun{areas: a, env: env, cores: c.Cores}
	if whole, err := b.selfCheck(); err != nil || !whole {
		return chips.BootResult{Outcome: chips.BootFailed, Image: -1}, err
	}
	upgraded, err := b.upgrade()
	if err != nil || b.end != nil {
		r := chips.BootResult{}
		if b.end != nil {
			r = *b.end
		}
		return r, err
	}
	b.print("bootloader try normal boot system start!")
	return chips.BootResult{Outcome: chips.BootCore, Image: b.l.Part(PartAP).Off, Upgraded: upgraded}, nil
}

// upgrade is what boot code does before it starts the core (ec618.md 4.1).
func (b *bootRun) upgrade() (bool, error) {
	full, err := b.preCheck()
	if err != nil {
		return false, err
	}
	var applied int
	if full {
		b.print("full update, no dfota")
	} else if applied, err = b.delta(); err != nil || b.end != nil {
		return false, err
	}
	if applied < 0 {
		b.print("dfota failed, clear soc ota")
		return false, b.eraseInfo()
	}
	done, err := b.common()
	return done || applied > 0, err
}

// preCheck looks at the info record before everything else (ec618.md 4.2). It
// reports whether the delta is to be left alone.
func (b *bootRun) preCheck() (full bool, err error) {
	r, err := b.info()
	switch {
	case err != nil:
		return false, err
	case r.Magic != b.l.Series.Magic():
		b.print("no ota info")
		return false, nil
	case r.CRC != r.computed:
		b.print("soc ota info error, %x,%x", r.computed, r.CRC)
		b.do("erase the info record and the first sector of the download zone")
		if err := b.eraseInfo(); err != nil {
			return false, err
		}
		return false, b.ap().erase(b.l.Part(PartFota).Off, sector)
	case b.l.Series == EC618:
		return r.Place() == PlaceFlash && r.MainVersion[4] == 0xFFFFFFFF, nil
	}
	return r.Mode() == ModeFull, nil
}

func (b *bootRun) info() (Info, error) {
	p := make([]byte, InfoSize)
	err := b.ap().read(p, b.l.Part(PartInfo).Off)
	return DecodeInfo(p), err
}

func (b *bootRun) eraseInfo() error { return b.ap().erase(b.l.Part(PartInfo).Off, sector) }

// stop ends the run before the core starts.
func (b *bootRun) stop(o chips.BootOutcome, why string, args ...any) {
	b.env.Step(chips.Step{Stage: "bootloader", Kind: chips.KindDecide, Text: fmt.Sprintf(why, args...)})
	b.end = &chips.BootResult{Outcome: o, Image: -1}
}

// print reports what boot code writes to its serial port.
func (b *bootRun) print(format string, args ...any) {
	b.env.Step(chips.Step{Stage: "bootloader", Kind: chips.KindPrint, Text: fmt.Sprintf(format, args...)})
}

func (b *bootRun) do(format string, args ...any) {
	b.env.Step(chips.Step{Stage: "bootloader", Kind: chips.KindDo, Text: fmt.Sprintf(format, args...)})
}

func (b *bootRun) decide(format string, args ...any) {
	b.env.Step(chips.Step{Stage: "bootloader", Kind: chips.KindDecide, Text: fmt.Sprintf(format, args...)})
}

// Guarded ranges of EC618's boot driver: it refuses an erase or a write whose
// first or last byte lies in one of them (ec618.md 10.2).
var guarded = [...][2]int64{{0, 0x2000}, {0x4000, 0x22000}}

// refused reports whether the driver refuses an access to the AP flash.
func (b *bootRun) refused(chip int, off, length int64) bool {
	if chip != 0 || b.l.Series != EC618 || length <= 0 {
		return false
	}
	for _, g := range guarded {
		for _, at := range [...]int64{off, off + length - 1} {
			if at >= g[0] && at < g[1] {
				return true
			}
		}
	}
	return false
}
