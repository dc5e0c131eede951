package rda8910

import (
	"fmt"
	"hash/crc32"

	"airlift/flash"
)

// uimageHead is the length of an image's head in bytes (8910.md 2.12).
const (
	uimageHead  = 64
	uimageMagic = 0x27051956
)

// UImage is boot code or a core as it lies in flash: u-boot's legacy image
// (8910.md 2.12). All numbers are big-endian in the file.
type UImage struct {
	HeadCRC, Time, Size, Load, Entry, DataCRC uint32
	OS, Arch, Type, Comp                      byte
	Name                                      string
	Data                                      []byte
	Rest                                      []byte // behind the image
	headComputed                              uint32
}

// NewUImage wraps data into an image that runs at load (8910.md 8.3). Its time is
// that of boot.img of V302340.
func NewUImage(name string, load uint32, data []byte) []byte {
	h := make([]byte, uimageHead)
	for i, v := range []uint32{uimageMagic, 0, 0x609e38e0, uint32(len(data)), load, load, crc32.ChecksumIEEE(data)} {
		be.PutUint32(h[4*i:], v)
	}
	copy(h[28:], []byte{5, 2, 1, 0})
	copy(h[32:uimageHead-1], name)
	be.PutUint32(h[4:], crc32.ChecksumIEEE(h))
	return append(h, data...)
}

func isUImage(b []byte) bool { return len(b) >= 4 && be.Uint32(b) == uimageMagic }

// ParseUImage reads an image. It does not judge the CRCs: boot code does not
// either. The error is a *explain.FormatError; the head is returned with it if
// there is one.
func ParseUImage(b []byte) (*UImage, error) {
	switch {
	case !isUImage(b):
		return nil, wrong(0, "magic of an image", fmt.Sprintf("%08X", uimageMagic), fmt.Sprintf("% X", b[:min(4, len(b))]))
	case len(b) < uimageHead:
		return nil, wrong(0, "head of an image", fmt.Sprintf("%d bytes", uimageHead), len(b))
	}
	u := be.Uint32
	m := &UImage{
		HeadCRC: u(b[4:]), Time: u(b[8:]), Size: u(b[12:]), Load: u(b[16:]), Entry: u(b[20:]), DataCRC: u(b[24:]),
		OS: b[28], Arch: b[29], Type: b[30], Comp: b[31], Name: cstring(b[32:uimageHead]),
	}
	zeroed := append(append([]byte{}, b[:4]...), 0, 0, 0, 0)
	m.headComputed = crc32.ChecksumIEEE(append(zeroed, b[8:uimageHead]...))
	if int64(m.Size) > int64(len(b)-uimageHead) {
		m.Data = b[uimageHead:]
		return m, wrong(12, "size of the image", fmt.Sprintf("at most %d", len(b)-uimageHead), m.Size)
	}
	m.Data, m.Rest = b[uimageHead:uimageHead+int64(m.Size)], b[uimageHead+int64(m.Size):]
	return m, nil
}

// readUImage reads an image that room bytes hold: no more than it takes, or all of
// them if that is not known.
func readUImage(d *flash.Device, off, room int64) ([]byte, error) {
	p := make([]byte, min(room, uimageHead))
	if _, err := d.ReadAt(p, off); err != nil {
		return nil, err
	}
	if m, err := ParseUImage(p); m != nil && err != nil && uimageHead+int64(m.Size) <= room {
		room = uimageHead + int64(m.Size)
	}
	p = make([]byte, room)
	_, err := d.ReadAt(p, off)
	return p, err
}

// HeadOK and DataOK report whether the CRCs are right.
func (m *UImage) HeadOK() bool { return m.HeadCRC == m.headComputed }

// DataOK reports whether the CRC of the data is right.
func (m *UImage) DataOK() bool { return m.DataCRC == crc32.ChecksumIEEE(m.Data) }
