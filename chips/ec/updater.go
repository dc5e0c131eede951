package ec

import (
	"crypto/md5"
	"fmt"
	"hash"

	"airlift/chips"
	"airlift/flash"
)

// Results of luat_fota_write and luat_fota_done (ec618.md 3.3, 3.4).
const (
	fotaFailed  = -1
	fotaDone    = 0
	fotaOngoing = 1
)

// spiAddress is where addresses of an external SPI flash begin (ec618.md 3.2).
const spiAddress = 0xE0000000

type fotaState uint8

const (
	stateIdle   fotaState = iota // waits for a head, or nothing was begun
	stateCommon                  // takes the common part
	stateSDK                     // takes the delta
	stateOK
	stateError
)

// updater is luat_fota_* of both series (ec618.md 3). It trusts the lengths in
// the head: a part that is too long runs into what lies behind its area.
type updater struct {
	areas
	state fotaState // outlives the memory: a finished download stays finished
	ready bool      // its memory is there: between init and success or end
	buf   []byte
	head  Head
	done  int64 // bytes of the current part that are in flash
	sum   hash.Hash
	mode  byte // ModeFull or ModeDiff
	// What a script last said of an SPI flash. spiStart is where in it the
	// common part goes; 0 means into the module's own flash.
	spiStart uint32
	spiDev   chips.SPIDevice
	eraseAt  uint32 // address whose write needs the next block erased
}

func newUpdater(a areas) *updater { return &updater{areas: a} }

func (u *updater) series() Series { return u.l.Series }

// text chooses between the words of the two series.
func (u *updater) text(ec618, ec7xx string) string {
	if u.series() == EC618 {
		return ec618
	}
	return ec7xx
}

func info(env *chips.Env, format string, args ...any) { env.Log("I", "fota", format, args...) }
func fail(env *chips.Env, format string, args ...any) { env.Log("E", "fota", format, args...) }

// InitSPI implements [chips.SPIUpdater]. EC618 does not look at the device, nor
// does EC7xx if the address is one of the module's own flash. An address that
// was given once stays until a download is finished (ec618.md 3.2).
func (u *updater) InitSPI(env *chips.Env, start, length int64, dev chips.SPIDevice) (int, error) {
	if u.series() == EC7xx && !u.ready && start >= spiAddress {
		u.spiStart, u.spiDev = uint32(start), dev
		id, err := spiOf(env, dev).id()
		if err != nil {
			return 0, err
		}
		if id[0] == 0xFF || id[0] == 0 {
			fail(env, "no spi flash!")
			return fotaFailed, nil
		}
		env.Log("D", "fota", "spi flash use spi %d cs %d power pin %d!", dev.Bus, dev.CS, dev.PowerPin)
	}
	return u.Init(env, start, length)
}

// Init starts a download (ec618.md 3.2). It replaces the info record by one
// that boot code takes for damaged. The address is not looked at.
func (u *updater) Init(_ *chips.Env, _, _ int64) (int, error) {
	if u.series() == EC7xx && u.ready {
		return 0, nil
	}
	u.reset(stateIdle)
	u.ready, u.mode = true, ModeFull
	return 0, u.writeInfo(placeholder(u.series()))
}

// reset forgets what was collected.
func (u *updater) reset(s fotaState) {
	u.state, u.buf, u.done = s, u.buf[:0], 0
}

// writeInfo replaces what the info sector holds.
func (u *updater) writeInfo(record []byte) error {
	off := u.l.Part(PartInfo).Off
	if err := u.ap().erase(off, sector); err != nil {
		return err
	}
	return u.ap().program(off, record)
}

// Write takes a piece and works off what can be worked off (ec618.md 3.3).
func (u *updater) Write(env *chips.Env, p []byte) (int, error) {
	if !u.ready {
		fail(env, "fota need init")
		return fotaFailed, nil
	}
	if u.state == stateError {
		return fotaFailed, nil
	}
	u.buf = append(u.buf, p...)
	for {
		more, ret, err := u.step(env)
		if err != nil || !more {
			return ret, err
		}
	}
}

// step does the next piece of work; more says that it may not have been the
// last.
func (u *updater) step(env *chips.Env) (more bool, ret int, err error) {
	switch u.state {
	case stateIdle:
		if len(u.buf) <= HeadSize {
			return false, fotaOngoing, nil
		}
		return u.takeHead(env)
	case stateCommon:
		return u.take(env, int64(u.head.CommonLen), u.l.Part(PartOTA), u.endCommon)
	case stateSDK:
		return u.take(env, int64(u.head.SDKLen), u.l.Part(PartFota), u.endSDK)
	}
	return false, fotaDone, nil
}

// refuse forgets everything and waits for another head.
func (u *updater) refuse() (bool, int, error) {
	u.reset(stateIdle)
	return false, fotaFailed, nil
}

func (u *updater) takeHead(env *chips.Env) (bool, int, error) {
	u.head = DecodeHead(u.buf)
	h := &u.head
	switch {
	case h.Magic != u.series().Magic():
		fail(env, u.text("magic num error %x", "OTA包头标志error %x"), h.Magic)
		return u.refuse()
	case h.CRC != h.computed:
		fail(env, "file head crc32 error %x,%x", h.computed, h.CRC)
		return u.refuse()
	case u.series() == EC7xx && h.CommonLen > 0 && u.spiStart == 0 && u.l.Part(PartOTA).Off < u.l.Part(PartAP).End():
		fail(env, "全量或者脚本包保存地址(%x)在程序区(%x)内，请检查FULL_OTA_SAVE_ADDR和AP_FLASH_LOAD_SIZE定义是否正确！", u.l.OTAAddr()+xipBase, u.l.Part(PartAP).End()+xipBase)
		u.state = stateError
		return false, fotaFailed, nil
	}
	u.buf = u.buf[HeadSize:]
	u.done = 0
	if h.CommonLen > 0 {
		info(env, "%s", u.text("write stript data", "write common data"))
		u.sum = md5.New()
		u.state = stateCommon
		if err := u.startSPI(env); err != nil {
			return false, 0, err
		}
	} else {
		u.startSDK(env)
	}
	return true, 0, nil
}

// startSPI makes room in the SPI flash, if that is where the common part goes.
func (u *updater) startSPI(env *chips.Env) error {
	if u.spiStart == 0 {
		return nil
	}
	b := spiOf(env, u.spiDev)
	if why := b.overflow(u.spiStart, int64(u.head.CommonLen)); why != "" {
		env.Step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: chips.FindingMark + why})
	}
	u.eraseAt = u.spiStart + spiBlock
	return b.erase(env, u.spiStart)
}

// writeSPI writes a piece of the common part to the SPI flash (ec618.md 3.3).
func (u *updater) writeSPI(env *chips.Env, p []byte) error {
	b, addr := spiOf(env, u.spiDev), u.spiStart+uint32(u.done)
	if addr >= u.eraseAt {
		if err := b.erase(env, u.eraseAt); err != nil {
			return err
		}
		u.eraseAt += spiBlock
	}
	return b.program(env, addr, p)
}

func (u *updater) startSDK(env *chips.Env) {
	info(env, "write core data")
	u.mode = ModeDiff
	u.done = 0
	u.state = stateSDK
}

// take moves a piece of a part from the buffer to flash: 4096 bytes, or what
// is left of the part. A part of no bytes still has its first sector erased
// (ec618.md 3.3). Nobody asks whether the part fits its area.
func (u *updater) take(env *chips.Env, total int64, area flash.Partition, end func(*chips.Env) (bool, int, error)) (bool, int, error) {
	n := min(sector, total-u.done)
	if int64(len(u.buf)) < n {
		return false, fotaOngoing, nil
	}
	off := area.Off + u.done
	if u.state == stateCommon && u.spiStart != 0 {
		if err := u.writeSPI(env, u.buf[:n]); err != nil {
			return false, 0, err
		}
	} else if err := u.writeFlash(env, off, u.buf[:n], area, total); err != nil {
		return false, 0, err
	}
	if u.state == stateCommon && u.series() == EC618 {
		if err := u.ap().each(off, n, func(p []byte) { u.sum.Write(p) }); err != nil {
			return false, 0, err
		}
	}
	u.buf = u.buf[n:]
	if u.done += n; u.done < total {
		return true, 0, nil
	}
	return end(env)
}

// writeFlash writes a piece of a part of total bytes to the module's own flash.
func (u *updater) writeFlash(env *chips.Env, off int64, p []byte, area flash.Partition, total int64) error {
	if off == area.End() {
		u.strayed(env, "updater", fmt.Sprintf("a part of %d bytes", total), u.ap(), area, area.Off, total)
	}
	if err := u.ap().erase(off, sector); err != nil {
		return err
	}
	return u.ap().program(off, p)
}

// endCommon checks the common part as it is in flash.
func (u *updater) endCommon(env *chips.Env) (bool, int, error) {
	if u.series() == EC618 {
		info(env, "stript data done, now checking")
	} else {
		info(env, "common data done, now checking %x", u.spiStart)
		if err := u.eachCommon(env, func(p []byte) { u.sum.Write(p) }); err != nil {
			return false, 0, err
		}
	}
	if sum := [16]byte(u.sum.Sum(nil)); sum != u.head.CommonMD5 {
		if u.series() == EC618 {
			fail(env, "stript data md5 check failed")
		} else {
			fail(env, "%x", sum)
			fail(env, "%x", u.head.CommonMD5)
			fail(env, "全量包或者脚本包完整性检测失败")
		}
		return u.refuse()
	}
	info(env, "%s", u.text("stript data md5 ok", "common data md5 ok"))
	if u.head.SDKLen > 0 {
		u.startSDK(env)
		return true, 0, nil
	}
	info(env, "%s", u.text("stript data md5 ok", "only common data"))
	return u.finish(env)
}

// eachCommon hands the common part as it is in flash to f.
func (u *updater) eachCommon(env *chips.Env, f func(p []byte)) error {
	n := int64(u.head.CommonLen)
	if u.spiStart != 0 {
		return spiOf(env, u.spiDev).each(u.spiStart, n, f)
	}
	return u.ap().each(int64(u.l.OTAAddr()), n, f)
}

// endSDK checks the delta and the images that it is for (ec618.md 3.3, 3.5).
func (u *updater) endSDK(env *chips.Env) (bool, int, error) {
	state, par, err := u.validate()
	if err != nil {
		return false, 0, err
	}
	if state != deltaOK {
		fail(env, u.text("validate delta err! errno(%d)", "差分包完整性检查错误! errno(%d)"), int(state))
		return u.refuse()
	}
	info(env, "validate delta ok!")
	zone := u.l.Part(PartFota)
	matches := int64(par.Len) <= zone.Size
	if matches {
		if matches, err = u.baseMatches(par.Rest, par.Count()); err != nil {
			return false, 0, err
		}
	}
	if !matches {
		fail(env, "%s", u.text("however, base fw is unmatched!", "模块固件版本和差分中的旧固件版本不一致，不能升级!"))
		if err := u.ap().erase(zone.Off, sector); err != nil {
			return false, 0, err
		}
		return u.refuse()
	}
	info(env, "sdk data ok!")
	return u.finish(env)
}

// finish writes the info record (ec618.md 3.1): EC618 calls everything full.
func (u *updater) finish(env *chips.Env) (bool, int, error) {
	r := Info{Magic: u.series().Magic(), DataStart: xipBase + u.l.OTAAddr(), DataLen: u.head.CommonLen, CommonMD5: u.head.CommonMD5}
	if u.series() == EC7xx {
		u.describeSPI(&r)
	}
	if err := u.writeInfo(r.Encode()); err != nil {
		return false, 0, err
	}
	u.reset(stateOK)
	u.ready, u.spiStart = false, 0
	if u.series() == EC618 {
		info(env, "fota ok!, wait reboot")
	} else {
		info(env, "fota type %d ok!, wait reboot", u.mode)
	}
	return false, fotaDone, nil
}

// describeSPI fills what only EC7xx has in a record: mode, and the SPI flash
// that was last spoken of.
func (u *updater) describeSPI(r *Info) {
	place := PlaceFlash
	if u.spiStart != 0 {
		place, r.DataStart = PlaceSPI, u.spiStart
	}
	bus, cs := uint32(byte(u.spiDev.Bus)), uint32(byte(u.spiDev.CS))
	r.Param1 = uint32(u.mode) | uint32(place)<<8 | bus<<16 | cs<<24
	r.Param2 = uint32(byte(u.spiDev.PowerPin)) | bus<<16 | cs<<24
}

// Done says how far the download is (ec618.md 3.4).
func (u *updater) Done(*chips.Env) (int, error) {
	switch u.state {
	case stateIdle:
		return fotaFailed, nil
	case stateOK:
		return fotaDone, nil
	case stateError:
		return fotaDone, nil // as the code has it (ec618.md 7, 12)
	}
	return fotaOngoing, nil
}

// End ends a download; ok is not looked at, and what Done says stays as it was
// (ec618.md 3.4).
func (u *updater) End(env *chips.Env, _ bool) (int, error) {
	if u.state == stateOK {
		return 0, nil
	}
	u.buf, u.ready = nil, false
	if err := u.ap().erase(u.l.Part(PartInfo).Off, sector); err != nil {
		return 0, err
	}
	fail(env, "fota failed")
	return fotaFailed, nil
}

// WaitReady is always true (ec618.md 3.4).
func (u *updater) WaitReady(*chips.Env) (bool, error) { return true, nil }

func (s fotaState) String() string {
	names := [...]string{"idle", "common", "sdk", "ok", "error"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}
