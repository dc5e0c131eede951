package ec

import (
	"encoding/binary"

	"airlift/chips"
)

// InfoSize is the length of an info record in bytes (ec618.md 3.1).
const InfoSize = 160

// Modes and places of an [Info] (ec618.md 3.1).
const (
	ModeFull = 0 // a common part alone
	ModeDiff = 1 // a delta, with or without a common part

	PlaceFlash = 0 // the common part is in the chip's own flash
	PlaceSPI   = 1 // in a flash on an SPI bus
)

// Info is the record in the OTA-info sector that tells boot code what waits
// (ec618.md 3.1).
type Info struct {
	Magic       uint32 // MaigcNum: [Series.Magic]
	CRC         uint32 // CRC32: JAMCRC of the bytes behind it
	Param1      uint32 // byte 0 mode, 1 place, 2 SPI bus, 3 CS pin
	Param2      uint32 // byte 0 power pin, 2 SPI bus, 3 CS pin
	DataStart   uint32 // DataStartAddress: mapped or external address of the common part
	DataLen     uint32 // bytes of the common part
	MainVersion [5]uint32
	CommonMD5   [16]byte
	Path        [100]byte // FilePath
	computed    uint32
}

// Mode returns ModeFull or ModeDiff, or what else is there.
func (i *Info) Mode() byte { return byte(i.Param1) }

// SPI returns the device that holds the common part if the place is PlaceSPI.
func (i *Info) SPI() chips.SPIDevice {
	return chips.SPIDevice{Bus: int(byte(i.Param1 >> 16)), CS: int(byte(i.Param1 >> 24)), PowerPin: int(byte(i.Param2))}
}

// Place returns PlaceFlash or PlaceSPI, or what else is there.
func (i *Info) Place() byte { return byte(i.Param1 >> 8) }

// ComputedCRC returns the CRC of the fields as decoded.
func (i *Info) ComputedCRC() uint32 { return i.computed }

// DecodeInfo reads a record without judging it; p must hold InfoSize bytes.
func DecodeInfo(p []byte) Info {
	u := binary.LittleEndian.Uint32
	i := Info{Magic: u(p), CRC: u(p[4:]), Param1: u(p[8:]), Param2: u(p[12:]), DataStart: u(p[16:]), DataLen: u(p[20:]), computed: jamcrc(p[8:InfoSize])}
	for k := range i.MainVersion {
		i.MainVersion[k] = u(p[24+4*k:])
	}
	copy(i.CommonMD5[:], p[44:])
	copy(i.Path[:], p[60:])
	return i
}

// Encode returns the 160 bytes of a record with its CRC set right.
func (i *Info) Encode() []byte {
	p := make([]byte, InfoSize)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(p[off:], v) }
	put(0, i.Magic)
	put(8, i.Param1)
	put(12, i.Param2)
	put(16, i.DataStart)
	put(20, i.DataLen)
	for k, v := range i.MainVersion {
		put(24+4*k, v)
	}
	copy(p[44:], i.CommonMD5[:])
	copy(p[60:], i.Path[:])
	put(4, jamcrc(p[8:]))
	return p
}

// placeholder is the record that luat_fota_init leaves: a magic, and a CRC
// that is never right (ec618.md 3.2).
func placeholder(s Series) []byte {
	p := make([]byte, InfoSize)
	binary.LittleEndian.PutUint32(p, s.Magic())
	return p
}
