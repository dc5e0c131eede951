package xt804

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"airlift/flash/explain"
)

const (
	// HeaderSize is the length of an image header in bytes (xt804.md 2.1).
	HeaderSize = 64
	// Magic opens every image header.
	Magic = 0xA0FFFF9F
	// FlashBase is where the flash is mapped into the address space
	// (xt804.md 1.1). Addresses in headers include it.
	FlashBase = 0x08000000
	// CodeGap is the room that a header takes up on flash: the body starts
	// this many bytes behind it (xt804.md 2.1).
	CodeGap = 0x400
	// RAMHeader is the header address that means "do not keep the header"
	// (xt804.md 2.1).
	RAMHeader = 0x20008000
)

// Image types, bits 0..3 of the attributes (xt804.md 2.2).
const (
	TypeSecboot = 0x0
	TypeApp     = 0x1 // bootable; IMG_TYPE_FLASHBIN0
	TypeScript  = 0x2 // LuatOS convention
	TypeCPFT    = 0xE // factory test
)

// Attribute bits of a header (xt804.md 2.2).
const (
	AttrType      = 0xF
	AttrEncrypted = 1 << 4
	AttrSigned    = 1 << 8
	AttrZipped    = 1 << 16
)

// SignatureSize is the length of the signature behind a signed body, in bytes.
const SignatureSize = 128

// Header is the 64-byte image header, with the SDK's field names
// (xt804.md 2.1). All numbers are little-endian on flash.
type Header struct {
	Attr             uint32 // img_attr
	ImgAddr          uint32 // img_addr: where the body is written to or runs from
	ImgLen           uint32 // img_len: body bytes that follow in the file
	ImgHeaderAddr    uint32 // img_header_addr: where the header is stored
	UpgradeImgAddr   uint32 // upgrade_img_addr: where the image waits to be applied
	OrgChecksum      uint32 // org_checksum: JAMCRC of the body; also the OTA flag's value
	UpdNo            uint32 // upd_no: never read
	Ver              [16]byte
	Reserved0        uint32
	Reserved1        uint32
	Next             uint32 // next: address of the next header in the boot chain
	HdChecksum       uint32 // hd_checksum: JAMCRC of the first 60 bytes
	MagicNo          uint32 // as found; Magic in a valid header
	computedChecksum uint32
}

// Type returns the image type, one of the Type constants.
func (h *Header) Type() uint32 { return h.Attr & AttrType }

// Zipped reports whether the body is a gzip stream.
func (h *Header) Zipped() bool { return h.Attr&AttrZipped != 0 }

// Signed reports whether a signature follows the body.
func (h *Header) Signed() bool { return h.Attr&AttrSigned != 0 }

// HeaderOK reports whether magic and header CRC are right.
func (h *Header) HeaderOK() bool { return h.MagicNo == Magic && h.HdChecksum == h.computedChecksum }

// ComputedChecksum returns the JAMCRC of the first 60 bytes as parsed.
func (h *Header) ComputedChecksum() uint32 { return h.computedChecksum }

// Version returns the version string up to its first NUL.
func (h *Header) Version() string {
	v, _, _ := bytes.Cut(h.Ver[:], []byte{0})
	return string(v)
}

// DecodeHeader reads a header without judging it; p must hold HeaderSize
// bytes. Boot code and inspect need the fields of wrong headers too.
func DecodeHeader(p []byte) Header {
	u := func(off int) uint32 { return binary.LittleEndian.Uint32(p[off:]) }
	h := Header{
		MagicNo: u(0x00), Attr: u(0x04), ImgAddr: u(0x08), ImgLen: u(0x0C),
		ImgHeaderAddr: u(0x10), UpgradeImgAddr: u(0x14), OrgChecksum: u(0x18), UpdNo: u(0x1C),
		Reserved0: u(0x30), Reserved1: u(0x34), Next: u(0x38), HdChecksum: u(0x3C),
		computedChecksum: JAMCRC(p[:60]),
	}
	copy(h.Ver[:], p[0x20:0x30])
	return h
}

// ParseHeader reads a header and refuses one with a wrong magic or CRC.
// Off is where p lies in its file, for the error.
func ParseHeader(p []byte, off int64) (Header, error) {
	if len(p) < HeaderSize {
		return Header{}, &explain.FormatError{Off: off, What: "image header", Want: "64 bytes", Got: fmt.Sprintf("%d", len(p))}
	}
	h := DecodeHeader(p)
	switch {
	case h.MagicNo != Magic:
		return h, &explain.FormatError{Off: off, What: "magic_no", Want: fmt.Sprintf("0x%08X", uint32(Magic)), Got: fmt.Sprintf("0x%08X", h.MagicNo)}
	case !h.HeaderOK():
		return h, &explain.FormatError{Off: off + 0x3C, What: "hd_checksum", Want: fmt.Sprintf("0x%08X", h.computedChecksum), Got: fmt.Sprintf("0x%08X", h.HdChecksum)}
	}
	return h, nil
}

// Encode returns the 64 bytes of h with magic and header CRC set right; the
// other fields are written as they are.
func (h *Header) Encode() []byte {
	p := make([]byte, HeaderSize)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(p[off:], v) }
	put(0x00, Magic)
	put(0x04, h.Attr)
	put(0x08, h.ImgAddr)
	put(0x0C, h.ImgLen)
	put(0x10, h.ImgHeaderAddr)
	put(0x14, h.UpgradeImgAddr)
	put(0x18, h.OrgChecksum)
	put(0x1C, h.UpdNo)
	copy(p[0x20:], h.Ver[:])
	put(0x30, h.Reserved0)
	put(0x34, h.Reserved1)
	put(0x38, h.Next)
	put(0x3C, JAMCRC(p[:60]))
	return p
}

// JAMCRC is the one CRC of this family: CRC-32 without the final inversion
// (xt804.md 2.3).
func JAMCRC(p []byte) uint32 { return ^crc32.ChecksumIEEE(p) }

// JAMCRCWords is JAMCRC over whole 32-bit words only, as the LuatOS firmware
// computes it: a remainder of 1..3 bytes is left out (xt804.md 2.3).
func JAMCRCWords(p []byte) uint32 { return JAMCRC(p[:len(p)&^3]) }
