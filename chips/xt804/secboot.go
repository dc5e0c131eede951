package xt804

import (
	"bytes"
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// Secboot is secboot V1.1, the boot code of V0016 and later (xt804.md 3).
//
// It is a function of the board: flash, OTP, waiting console bytes. What the
// sources do not settle about it:
//
//   - rom-check: ROM "verifies and starts" secboot (xt804.md 3.1) with code
//     that is not in the sources. Here it applies secboot's own rules to
//     secboot's header and body; NoROMCheck leaves that out.
//   - signatures-off: a board whose OTP switches signatures on is refused with
//     ErrSignatures.
//   - partial-sector-on-error: what inflate had flushed before it failed is
//     written, the last partial sector too.
//   - plain-copy-rewrite: an uncompressed copy rewrites each sector that a
//     4096-byte block touches, so that a block off the sector grid erases two.
//   - write-past-end: bytes for addresses behind the flash are dropped.
//   - window-zero: the inflate window holds zeros at first.
type Secboot struct {
	// Memo remembers decompressed packages between boots, also of several
	// devices and from several goroutines. It changes nothing but the speed.
	// Nil is fine.
	Memo *Memo
	// NoROMCheck starts secboot whatever ROM would think of it.
	NoROMCheck bool
}

var _ chips.Bootloader = (*Secboot)(nil)

const banner = "Secboot V1.1\r\n" // (xt804.md 3.8)

// bootRun is one run of secboot.
type bootRun struct {
	env  *chips.Env
	dev  *flash.Device
	fls  fls
	size int64  // of the flash, bytes
	flag uint32 // OTA flag as read at the start
	memo *Memo
	hit  *memoEntry // what the memo knows of the package at UpgradeAddr
	ram  []byte     // RAM from 0x20000000, once something was copied there
}

// Boot runs secboot to its end.
func (s *Secboot) Boot(env *chips.Env) (chips.BootResult, error) {
	if len(env.Board.Flash) == 0 {
		return chips.BootResult{}, errors.New("secboot: the board has no flash")
	}
	dev := env.Board.Flash[0]
	b := &bootRun{env: env, dev: dev, fls: fls{dev}, size: dev.Size(), memo: s.Memo.of(dev)}
	if err := checkOTP(env.Board.OTP); err != nil {
		return chips.BootResult{}, fmt.Errorf("secboot: %w", err)
	}
	if !s.NoROMCheck {
		status, err := b.romCheck()
		if err != nil {
			return chips.BootResult{}, err
		}
		if status != statusOK {
			return b.fail(status), nil
		}
	}
	return b.main()
}

func (b *bootRun) step(kind chips.StepKind, format string, args ...any) {
	b.env.Step(chips.Step{Stage: "secboot", Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (b *bootRun) read(format string, args ...any)   { b.step(chips.KindRead, format, args...) }
func (b *bootRun) decide(format string, args ...any) { b.step(chips.KindDecide, format, args...) }
func (b *bootRun) do(format string, args ...any)     { b.step(chips.KindDo, format, args...) }

// romCheck is what ROM is assumed to do before it starts secboot.
func (b *bootRun) romCheck() (byte, error) {
	h, err := b.header(SecbootHeaderAddr)
	if err != nil {
		return 0, err
	}
	if v := checkHeader(&h, b.size); v != statusOK {
		b.decide("ROM: secboot header at 0x%08X not valid (%s)", uint32(SecbootHeaderAddr), headerFault(&h, v))
		return statusHeader, nil
	}
	status, err := b.checkBody(&h, h.ImgAddr)
	if err == nil && status != statusOK {
		b.decide("ROM: secboot body at 0x%08X does not match its CRC", h.ImgAddr)
	}
	return status, err
}

// main is secboot's main function (xt804.md 3.5).
func (b *bootRun) main() (chips.BootResult, error) {
	flag, err := b.fls.word(FlagAddr(b.size))
	if err != nil {
		return chips.BootResult{}, err
	}
	b.flag = flag
	b.read("flag at 0x%08X is 0x%08X", FlagAddr(b.size), b.flag)
	if escaped(b.env.Board.Console) {
		return b.download()
	}
	run, err := b.find("RUN", SecbootHeaderAddr, findChain)
	if err != nil {
		return b.ended(err)
	}
	upg, err := b.find("UPG", UpgradeAddr, findArea)
	if err != nil {
		return b.ended(err)
	}
	switch {
	case !run.ok() && !upg.ok():
		b.decide("decision: nothing to boot, status %c to ROM", run.status)
		return b.fail(run.status), nil
	case !upg.ok():
		b.decide("decision: boot RUN because there is no valid UPG")
	case !run.ok():
		b.decide("decision: UPGRADE because RUN is bad (%c); the flag does not matter", run.status)
		return b.upgrade(&run, &upg)
	case upg.h.OrgChecksum == run.h.OrgChecksum && upg.h.HdChecksum == run.h.HdChecksum:
		b.decide("decision: boot RUN because UPG is the same image")
	case b.flag != upg.h.OrgChecksum:
		b.decide("decision: boot RUN because flag 0x%08X differs from org_checksum 0x%08X of UPG", b.flag, upg.h.OrgChecksum)
	default:
		b.decide("decision: UPGRADE because flag 0x%08X equals org_checksum of UPG", b.flag)
		return b.upgrade(&run, &upg)
	}
	return b.start(&run.h, Off(run.addr), false)
}

// escaped reports whether three ESC bytes follow each other (xt804.md 3.8).
func escaped(console []byte) bool { return bytes.Contains(console, []byte{0x1B, 0x1B, 0x1B}) }

// download is what three ESC bytes lead to (xt804.md 3.8).
func (b *bootRun) download() (chips.BootResult, error) {
	b.decide("decision: download because three ESC bytes came in a row")
	b.env.Step(chips.Step{Stage: "secboot", Kind: chips.KindPrint, Text: banner})
	if err := b.clearFlag(); err != nil {
		return chips.BootResult{}, err
	}
	return chips.BootResult{Outcome: chips.BootDownload, Status: string(rune(statusOK)), Image: -1}, nil
}

// clearFlag rewrites the flag sector unless the flag is erased.
func (b *bootRun) clearFlag() error {
	if b.flag == 0xFFFFFFFF {
		return nil
	}
	b.do("flag at 0x%08X cleared", FlagAddr(b.size))
	_, err := b.fls.write(FlagAddr(b.size), []byte{0xFF, 0xFF, 0xFF, 0xFF})
	return err
}

func (b *bootRun) fail(status byte) chips.BootResult {
	return chips.BootResult{Outcome: chips.BootFailed, Status: string(rune(status)), Image: -1}
}

// ended turns an endless run into a result.
func (b *bootRun) ended(err error) (chips.BootResult, error) {
	if errors.Is(err, errEndlessChain) {
		b.decide("never ends: %v", err)
		return chips.BootResult{Outcome: chips.BootHang, Image: -1}, nil
	}
	return chips.BootResult{}, err
}

// start hands h over to ROM with the seven boot words (xt804.md 3.6). Off is
// where its header lies on the flash, or -1.
func (b *bootRun) start(h *Header, off int64, upgraded bool) (chips.BootResult, error) {
	sb, err := b.header(SecbootHeaderAddr)
	if err != nil {
		return chips.BootResult{}, err
	}
	params := []uint32{uint32(b.size), h.Attr, h.ImgAddr, h.ImgLen, sb.Attr, sb.ImgAddr, sb.ImgLen}
	b.do("start image at 0x%08X, version %q", h.ImgAddr, h.Version())
	return chips.BootResult{
		Outcome: chips.BootCore, Status: string(rune(statusOK)), Upgraded: upgraded, Image: off, Params: params,
	}, nil
}
