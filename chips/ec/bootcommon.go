package ec

import (
	"crypto/md5"
	"encoding/binary"

	"airlift/chips"
)

// common applies the common part that the info record points to
// (ec618.md 4.3, 10.1). It reports whether something was written.
func (b *bootRun) common() (bool, error) {
	r, err := b.info()
	switch {
	case err != nil:
		return false, err
	case r.Magic != b.l.Series.Magic():
		b.print("no ota info")
		return false, nil // a foreign record stays for ever
	}
	b.print("soc ota info %02x,%02x,%x,%d,%d", r.Param1, r.Param2, r.DataStart, r.DataLen, InfoSize-8)
	ok, err := b.packageThere(&r)
	if err != nil || !ok {
		return false, err
	}
	s := b.commonAt(&r)
	for s.at < s.end {
		more, err := s.section()
		if err != nil || b.end != nil || !more {
			return s.wrote, err
		}
	}
	b.print("soc ota done!")
	return s.wrote, b.eraseInfo()
}

// commonAt is the way to the common part of a record.
func (b *bootRun) commonAt(r *Info) *commonRun {
	s := &commonRun{bootRun: b, at: int64(r.DataStart) - xipBase, read: b.ap().read}
	if r.Place() == PlaceSPI {
		spi := spiOf(b.env, r.SPI())
		s.at = int64(r.DataStart & spiAddressMask)
		s.read = func(p []byte, off int64) error { return spi.readAt(p, uint32(off)) }
	}
	s.end = s.at + int64(r.DataLen)
	return s
}

// spiAddressMask is what boot code leaves of an address in an SPI flash, of
// which 24 bits go out.
const spiAddressMask = 0x0FFFFFFF

// packageThere finds the package and checks its MD5. A package that is not as
// the record says loses its record.
func (b *bootRun) packageThere(r *Info) (bool, error) {
	switch place := r.Place(); {
	case place == PlaceFlash:
		h := md5.New()
		if err := b.ap().each(int64(r.DataStart)-xipBase, int64(min(r.DataLen, maxImage)), func(p []byte) { h.Write(p) }); err != nil {
			return false, err
		}
		if [16]byte(h.Sum(nil)) == r.CommonMD5 && r.DataLen <= maxImage {
			return true, nil
		}
		b.print("soc ota file md5 failed")
	case place == PlaceSPI && b.l.Series == EC618:
		b.print("soc ota sector info error 00") // the driver is a stub that delivers nothing
	case place == PlaceSPI:
		return b.packageInSPI(r)
	default:
		b.print("core ota storage mode %d not support", place)
	}
	return false, b.eraseInfo()
}

// packageInSPI is packageThere for EC7xx and a package in an SPI flash (blfota.o
// of the library that ec618.md 4 names).
func (b *bootRun) packageInSPI(r *Info) (bool, error) {
	spi := spiOf(b.env, r.SPI())
	id, err := spi.id()
	if err != nil {
		return false, err
	}
	b.print("ff,%x,%x,%x", id[0], id[1], id[2])
	if id[0] == 0xFF || id[0] == 0 {
		b.print("no spiflash!!!")
		return false, b.eraseInfo()
	}
	h := md5.New()
	if err := spi.each(r.DataStart&spiAddressMask, int64(min(r.DataLen, maxImage)), func(p []byte) { h.Write(p) }); err != nil {
		return false, err
	}
	if [16]byte(h.Sum(nil)) == r.CommonMD5 && r.DataLen <= maxImage {
		return true, nil
	}
	b.print("soc ota file md5 failed")
	return false, b.eraseInfo()
}

// commonRun goes through the sections of a common part, which is read from
// flash as it is needed: what it overwrites it cannot read any more.
type commonRun struct {
	*bootRun
	at, end int64 // offsets in the flash that read reads
	read    func(p []byte, off int64) error
	align   bool // of this section only whole words are written
	out     []byte
	wrote   bool
}

// alignedBelow is the last address at which EC7xx writes whole words only: that
// of a CP image. The MD5 is that of all bytes, so that a section there of
// another length never passes (ec618.md 4.3, and BL_Fota in its library).
const alignedBelow = 0x7E000

// give ends the work and drops the record, as boot code does with a package
// that it cannot follow.
func (s *commonRun) give(format string, args ...any) (bool, error) {
	s.print(format, args...)
	return false, s.eraseInfo()
}

// section applies one section; more says that another may follow.
func (s *commonRun) section() (more bool, err error) {
	p := make([]byte, SectionHeadSize)
	if err := s.read(p, s.at); err != nil {
		return false, err
	}
	h := DecodeSectionHead(p)
	if h.Magic != s.l.Series.Magic() {
		return s.give("soc ota sector info error %x", h.Magic)
	}
	if s.align = s.l.Series == EC7xx && h.StartAddr&^cpFlash <= alignedBelow; s.l.Series == EC7xx {
		s.print("block len %x", h.BlockLen)
		s.print("need align %d", map[bool]int{true: 1}[s.align])
	}
	if h.DataLen == 0 || h.DataLen == h.TotalLen {
		return s.give("file must zip file")
	}
	if s.l.Series == EC618 {
		s.print("block len %x", h.BlockLen)
	}
	if h.BlockLen == 0 || h.BlockLen > BlockLen {
		s.stop(chips.BootReset, "a block of 0x%X bytes does not fit the memory: the boot code crashes, at every start", h.BlockLen)
		return false, nil
	}
	if h.DataLen > maxImage {
		s.stop(chips.BootReset, "the section says that it unpacks to %d bytes, more than any flash holds: the boot code reads memory that is not there, and crashes, at every start (the blocks that it writes before are left out here)", h.DataLen)
		return false, nil
	}
	s.at += SectionHeadSize
	chip, start := 0, int64(h.StartAddr)
	if h.StartAddr&cpFlash != 0 && s.l.Series == EC618 {
		chip, start = 1, int64(h.StartAddr&^cpFlash)
	}
	s.do("unpack %d bytes to 0x%06X of %d bytes%s", h.TotalLen, start, h.DataLen, map[int]string{1: " on the CP flash"}[chip])
	if err := s.blocks(&h, chip, start); err != nil || s.bootRun.end != nil {
		return false, err
	}
	return s.finalCheck(&h, chip, start)
}

// blocks unpacks the blocks of a section to flash.
func (s *commonRun) blocks(h *Section, chip int, start int64) error {
	if len(s.out) < int(h.BlockLen) {
		s.out = make([]byte, h.BlockLen)
	}
	addr, left := start, int64(h.DataLen)
	for stop := s.at + int64(h.TotalLen); s.at < stop; {
		n := max(0, min(int64(h.BlockLen), left))
		if err := s.block(int(n)); err != nil || s.bootRun.end != nil {
			return err
		}
		if s.align {
			n &^= 3
		}
		if err := s.write(chip, start, addr, s.out[:n]); err != nil {
			return err
		}
		addr, left = addr+int64(h.BlockLen), left-int64(h.BlockLen)
	}
	return nil
}

// block reads and decompresses one block into out. Nobody looks at the
// decoder's result: damaged data leaves what was in the memory before.
func (s *commonRun) block(n int) error {
	var head [1 + maxProps + 4]byte
	if err := s.read(head[:], s.at); err != nil {
		return err
	}
	props := int(head[0])
	if props > maxProps {
		s.print("ota zip head error")
		s.stop(chips.BootReset, "a block with %d property bytes: the boot code resets, and will find the same again", props)
		return nil
	}
	size := int64(binary.LittleEndian.Uint32(head[1+props:]))
	if size > maxImage {
		s.stop(chips.BootReset, "a block of %d compressed bytes does not fit the memory: the boot code crashes, at every start", size)
		return nil
	}
	b := Block{Props: head[1 : 1+props], Data: make([]byte, size)}
	if err := s.read(b.Data, s.at+int64(1+props+4)); err != nil {
		return err
	}
	s.at += int64(1+props+4) + size
	got, err := b.Unpack(n)
	copy(s.out, got)
	if err != nil && n > 0 {
		s.decide("the block is damaged (%v): the boot code does not look at that", err)
	}
	return nil
}

// write erases and programs a part of the section that begins at start. The
// driver's refusals are not looked at.
func (s *commonRun) write(chip int, start, off int64, p []byte) error {
	n := nor{s.chips[chip]}
	if s.refused(chip, off, int64(len(p))) {
		s.decide("the driver refuses to write 0x%06X", off)
		return nil
	}
	if len(p) == 0 {
		return nil // a block behind the end of the data
	}
	s.print("program %x,%x", off, len(p))
	s.wrote = true
	s.strayed(s.env, "bootloader", "the common part", n, sectionArea(s.table(n), start), off, int64(len(p)))
	if err := n.erase(off, int64(len(p))); err != nil {
		return err
	}
	return n.program(off, p)
}

// finalCheck compares what is in flash now. If it is not what the section
// says, the boot code resets and starts over, as long as the package is whole.
func (s *commonRun) finalCheck(h *Section, chip int, start int64) (bool, error) {
	sum := md5.New()
	if err := (nor{s.chips[chip]}).each(start, int64(h.DataLen), func(p []byte) { sum.Write(p) }); err != nil {
		return false, err
	}
	if [16]byte(sum.Sum(nil)) != h.MD5 {
		s.print("soc ota final check md5 fail")
		s.stop(chips.BootReset, "what was unpacked to 0x%06X is not what the package says: reset, and the same again while the package is whole", start)
		return false, nil
	}
	return true, nil
}
