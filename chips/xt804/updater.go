package xt804

import (
	"airlift/chips"
	"airlift/flash"
)

// What luat_fota_* returns besides 0 and the driver's codes (xt804.md 4.4).
const (
	fotaFailed   = -1 // wrong state, area full, nothing written
	fotaMagic    = -2 // magic_no wrong; from done: less than a header
	fotaChecksum = -3 // header or body CRC wrong
	fotaShort    = -4 // body not complete
)

// fotaState is the updater's state (xt804.md 4.4).
type fotaState uint8

const (
	fotaIdle fotaState = iota
	fotaOngoing
	fotaDone
)

// fotaArea is what both generations of the updater share: where the area is,
// and how far the download has come. The header of the package is read back
// from flash wherever it is looked at.
type fotaArea struct {
	fls    fls
	addr   uint32 // bus address of the area
	size   int64  // bytes
	flag   uint32 // bus address of the OTA flag
	state  fotaState
	offset int64 // bytes on flash
}

// newFotaArea finds the FOTA area as the boot check does: from the addresses in
// secboot's header, whatever they are, except that V2001 for Air6208 has it
// built in (xt804.md 4.4).
func newFotaArea(f fls, g Generation, bsp string) (fotaArea, error) {
	a := fotaArea{fls: f, flag: FlagAddr(f.dev.Size())}
	if g == G3 && bsp == "AIR6208" {
		a.addr, a.size = UpgradeAddr, 2048*kib
		return a, nil
	}
	var p [HeaderSize]byte
	if err := f.read(p[:], SecbootHeaderAddr); err != nil {
		return a, err
	}
	h := DecodeHeader(p[:])
	a.addr = h.UpgradeImgAddr
	a.size = (int64(h.Next-h.UpgradeImgAddr) + 1023) &^ 1023
	return a, nil
}

// newUpdater returns the updater of a generation, or nil for one without.
func newUpdater(a fotaArea, g Generation) chips.Updater {
	switch g {
	case G2Fota:
		return &fotaG2{a}
	case G3:
		return &fotaG3{fotaArea: a}
	}
	return nil
}

// erase erases the whole area, as far as there is flash.
func (a *fotaArea) erase() error {
	for n := int64(0); n < a.size/flash.DefaultSectorSize; n++ {
		if Off(a.addr)+n*flash.DefaultSectorSize >= a.fls.dev.Size() {
			return nil
		}
		if _, err := a.fls.erase(a.addr + uint32(n*flash.DefaultSectorSize)); err != nil {
			return err
		}
	}
	return nil
}

// init starts a download; its arguments are ignored (xt804.md 4.4).
func (a *fotaArea) init(env *chips.Env) error {
	a.state, a.offset = fotaOngoing, 0
	if err := a.erase(); err != nil {
		return err
	}
	env.Log("I", "fota", "OTA区域初始化完成, 大小 %d kbyte", a.size/kib)
	return nil
}

// header returns the package header as it is on flash.
func (a *fotaArea) header() (Header, error) {
	var p [HeaderSize]byte
	err := a.fls.read(p[:], a.addr)
	return DecodeHeader(p[:]), err
}

// bodyCRC is the CRC of the package body over whole words, as img_checksum
// computes it (xt804.md 2.3). A body that ends behind the flash has none.
func (a *fotaArea) bodyCRC(h *Header) (sum uint32, ok bool, err error) {
	n := int64(h.ImgLen) &^ 3
	if !a.fls.onFlash(a.addr+HeaderSize, n) {
		return 0, false, nil
	}
	sum, err = a.fls.crc(a.addr+HeaderSize, n)
	return sum, true, err
}

// checkHead looks at the header of the package on flash and returns 0 or what
// is wrong with it, of which the generations speak in different words.
func (a *fotaArea) checkHead(badMagic, badSum func(h *Header)) (int, error) {
	h, err := a.header()
	switch {
	case err != nil:
		return 0, err
	case h.MagicNo != Magic:
		badMagic(&h)
		return fotaMagic, nil
	case h.HdChecksum != h.ComputedChecksum():
		badSum(&h)
		return fotaChecksum, nil
	}
	return 0, nil
}

// finish ends Done: it compares the CRC of the package's body. Good and bad say
// what came of it.
func (a *fotaArea) finish(h *Header, good func(), bad func(sum uint32)) (int, error) {
	sum, ok, err := a.bodyCRC(h)
	if err != nil {
		return 0, err
	}
	if !ok || sum != h.OrgChecksum {
		bad(sum)
		return fotaChecksum, nil
	}
	good()
	a.state = fotaDone
	return 0, nil
}

// ending is how End begins. Full says that the package is one that the boot
// code has to apply; otherwise code and err are End's results.
func (a *fotaArea) ending(env *chips.Env, ok bool) (h Header, full bool, code int, err error) {
	if a.state != fotaDone || !ok {
		return h, false, notReady(env), nil
	}
	if h, err = a.header(); err != nil {
		return h, false, 0, err
	}
	if h.Type() != TypeApp {
		scriptOnly(env)
		return h, false, 0, nil
	}
	return h, true, 0, nil
}

// WaitReady reports false: nothing is to be waited for (xt804.md 4.4, 4.6).
func (a *fotaArea) WaitReady(*chips.Env) (bool, error) { return false, nil }

// notReady is what End says of a download that Done has not passed.
func notReady(env *chips.Env) int {
	env.Log("D", "fota", "状态不正确, 要么数据没写完,要么校验没通过")
	return fotaFailed
}

// writeFlag writes the package's checksum to the OTA flag: a sector rewrite
// (xt804.md 4.4). It returns the driver's code.
func (a *fotaArea) writeFlag(env *chips.Env, h *Header) (int, error) {
	env.Log("I", "fota", "整包升级,写入升级标志 addr %08X checksum %08X", a.flag, h.OrgChecksum)
	v := h.OrgChecksum
	ret, err := a.fls.write(a.flag, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
	if err == nil && ret != 0 {
		env.Log("E", "fota", "写入升级标志位失败, ret %d", ret)
	}
	return ret, err
}

// scriptOnly is what End says of a package that is no full one.
func scriptOnly(env *chips.Env) { env.Log("I", "fota", "仅脚本升级, 重启后自动更新") }
