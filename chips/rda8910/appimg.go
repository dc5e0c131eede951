package rda8910

import (
	"fmt"
	"hash/crc32"
)

// Sizes in an APPIMG (8910.md 2.7).
const (
	appImageHead  = 128
	appImageMagic = 0x41505032
	appLoads      = 6
)

// AppImage is a C program for CSDK cores, an APPIMG (8910.md 2.7). All numbers
// are little-endian in the file.
type AppImage struct {
	Size    uint32 // of the whole file
	CRC     uint32
	Version uint32    // of the core's functions: the high half must be the core's, the low one not above it
	Entries [4]uint32 // enter, exit, get_param, set_param
	Loads   [appLoads]AppLoad

	computed uint32
}

// AppLoad says what to do with a part of the program.
type AppLoad struct{ Type, Off, Size, Addr uint32 }

func isAppImage(b []byte) bool { return len(b) >= 4 && le.Uint32(b) == appImageMagic }

// ParseAppImage reads a program's head. Behind its size there may be other
// data. The error is a *explain.FormatError. The CRC is judged by
// [AppImage.OK].
func ParseAppImage(b []byte) (*AppImage, error) {
	switch {
	case !isAppImage(b):
		return nil, wrong(0, "magic of an APPIMG", "2PPA", fmt.Sprintf("%q", b[:min(4, len(b))]))
	case len(b) < appImageHead:
		return nil, wrong(0, "head of an APPIMG", fmt.Sprintf("%d bytes", appImageHead), len(b))
	}
	m := &AppImage{Size: le.Uint32(b[4:]), CRC: le.Uint32(b[8:]), Version: le.Uint32(b[12:])}
	for i := range m.Entries {
		m.Entries[i] = le.Uint32(b[16+4*i:])
	}
	for i := range m.Loads {
		l := b[32+16*i:]
		m.Loads[i] = AppLoad{le.Uint32(l), le.Uint32(l[4:]), le.Uint32(l[8:]), le.Uint32(l[12:])}
	}
	if m.Size < appImageHead || int64(m.Size) > int64(len(b)) {
		return m, wrong(4, "size of the APPIMG", fmt.Sprintf("%d..%d", appImageHead, len(b)), m.Size)
	}
	sum := crc32.ChecksumIEEE(b[:8])
	sum = crc32.Update(sum, crc32.IEEETable, make([]byte, 4))
	m.computed = crc32.Update(sum, crc32.IEEETable, b[12:m.Size])
	return m, nil
}

// OK reports whether the CRC is right. Core V302340 checks it, V302043 does
// not.
func (m *AppImage) OK() bool { return m.CRC == m.computed }
