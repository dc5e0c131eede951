package xt804

import (
	"sync"

	"airlift/flash"
)

// fls is the chip's flash driver (xt804.md 1.1). Addresses may come with or
// without FlashBase.
//
// The real driver checks where an access begins, not where it ends, and it
// does not look at the chip's error bits: bytes behind the end of the flash
// are dropped here, and so is what the chip says of itself.
type fls struct {
	dev *flash.Device
}

// flsBadArg is what the driver returns for an address behind the flash or for
// no data (xt804.md 1.1).
const flsBadArg = 1

// read reads memory-mapped flash; behind its end everything is 0xFF.
func (f fls) read(p []byte, addr uint32) error {
	off := Off(addr)
	n := max(0, min(int64(len(p)), f.dev.Size()-off))
	for i := range p[n:] {
		p[n+int64(i)] = 0xFF
	}
	_, err := f.dev.ReadAt(p[:n], min(off, f.dev.Size()))
	return err
}

// word reads one little-endian word.
func (f fls) word(addr uint32) (uint32, error) {
	var p [4]byte
	err := f.read(p[:], addr)
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24, err
}

// rewrite erases the sector at off and programs its 16 pages.
func (f fls) rewrite(off int64, sector []byte) error {
	if f.dev.Refresh(off, sector) {
		return nil
	}
	if err := f.dev.EraseUnchecked(off, f.dev.Geometry().SectorSize); err != nil {
		return err
	}
	return f.dev.ProgramUnchecked(off, sector)
}

// write is tls_fls_write: every sector touched is read, erased, merged and
// programmed as a whole (xt804.md 1.1). It returns the driver's code.
func (f fls) write(addr uint32, p []byte) (int, error) {
	off, size := Off(addr), f.dev.Size()
	if off >= size || len(p) == 0 {
		return flsBadArg, nil
	}
	sectorSize := f.dev.Geometry().SectorSize
	var sector []byte
	for len(p) > 0 && off < size {
		base := off &^ (sectorSize - 1)
		if off == base && int64(len(p)) >= sectorSize { // nothing to merge with
			if err := f.rewrite(base, p[:sectorSize]); err != nil {
				return 0, err
			}
			off, p = off+sectorSize, p[sectorSize:]
			continue
		}
		if n := min(int64(len(p)), base+sectorSize-off); f.dev.Refresh(off, p[:n]) {
			off, p = off+n, p[n:]
			continue
		}
		if sector == nil {
			buf := sectorBuffers.Get().(*[]byte)
			defer sectorBuffers.Put(buf)
			if sector = *buf; int64(len(sector)) != sectorSize {
				sector = make([]byte, sectorSize)
			}
		}
		if _, err := f.dev.ReadAt(sector, base); err != nil {
			return 0, err
		}
		n := copy(sector[off-base:], p)
		if err := f.rewrite(base, sector); err != nil {
			return 0, err
		}
		off, p = off+int64(n), p[n:]
	}
	return 0, nil
}

// sectorBuffers are for merging.
var sectorBuffers = sync.Pool{New: func() any {
	p := make([]byte, flash.DefaultSectorSize)
	return &p
}}

// writeNoErase is tls_fls_write_without_erase: every page touched is read,
// merged and programmed as a whole, and NOR cells keep the AND
// (xt804.md 1.1).
func (f fls) writeNoErase(addr uint32, p []byte) (int, error) {
	off, size := Off(addr), f.dev.Size()
	if off >= size || len(p) == 0 {
		return flsBadArg, nil
	}
	pageSize := f.dev.Geometry().PageSize
	page := make([]byte, pageSize)
	for len(p) > 0 && off < size {
		base := off &^ (pageSize - 1)
		if _, err := f.dev.ReadAt(page, base); err != nil {
			return 0, err
		}
		n := copy(page[off-base:], p)
		if err := f.dev.ProgramUnchecked(base, page); err != nil {
			return 0, err
		}
		off, p = off+int64(n), p[n:]
	}
	return 0, nil
}

// erase is tls_fls_erase of the sector that holds addr (xt804.md 1.1).
func (f fls) erase(addr uint32) (int, error) {
	sectorSize := f.dev.Geometry().SectorSize
	off := Off(addr) &^ (sectorSize - 1)
	if off >= f.dev.Size() {
		return flsBadArg, nil
	}
	return 0, f.dev.EraseUnchecked(off, sectorSize)
}

// crc returns the JAMCRC of n bytes at addr, which must lie on the flash.
func (f fls) crc(addr uint32, n int64) (uint32, error) {
	sum := uint32(0)
	err := f.dev.View(Off(addr), n, func(p []byte) bool {
		sum = crcUpdate(sum, p)
		return true
	})
	return ^sum, err
}

// onFlash reports whether n bytes at the mapped address addr lie on the flash.
func (f fls) onFlash(addr uint32, n int64) bool {
	size := f.dev.Size()
	return addr >= FlashBase && int64(addr)-FlashBase < size && n >= 0 && n <= size-(int64(addr)-FlashBase)
}
