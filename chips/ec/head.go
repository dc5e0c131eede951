package ec

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

// HeadSize is the length of a package's head in bytes (ec618.md 2.1).
const HeadSize = 92

// Head is the head of an upgrade package (ec618.md 2.1). All numbers are
// little-endian in the file. The device looks at magic, CRC, the two lengths
// and CommonMD5, and at nothing else.
type Head struct {
	Magic       uint32    // MaigcNum: [Series.Magic]
	CRC         uint32    // CRC32: JAMCRC of the bytes behind it
	MainVersion [5]uint32 // core version that the package leads to; 0 in LuatOS packages
	AppVersion  uint32
	STDVersion  [5]uint32 // version that may be upgraded; 0 in LuatOS packages
	CommonLen   uint32    // CommonDataLen: bytes of the common part
	SDKLen      uint32    // SDKDataLen: bytes of the delta
	CommonMD5   [16]byte  // zero without a common part
	SDKMD5      [16]byte  // MD5 of the delta; no device looks at it
	computed    uint32
}

// ComputedCRC returns the CRC of the fields as decoded.
func (h *Head) ComputedCRC() uint32 { return h.computed }

// DecodeHead reads a head without judging it; p must hold HeadSize bytes.
func DecodeHead(p []byte) Head {
	u := binary.LittleEndian.Uint32
	h := Head{Magic: u(p), CRC: u(p[4:]), AppVersion: u(p[28:]), CommonLen: u(p[52:]), SDKLen: u(p[56:]), computed: jamcrc(p[8:HeadSize])}
	for i := range 5 {
		h.MainVersion[i], h.STDVersion[i] = u(p[8+4*i:]), u(p[32+4*i:])
	}
	copy(h.CommonMD5[:], p[60:])
	copy(h.SDKMD5[:], p[76:])
	return h
}

// Encode returns the 92 bytes of h, with its CRC set right.
func (h *Head) Encode() []byte {
	p := make([]byte, HeadSize)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(p[off:], v) }
	put(0, h.Magic)
	for i := range 5 {
		put(8+4*i, h.MainVersion[i])
		put(32+4*i, h.STDVersion[i])
	}
	put(28, h.AppVersion)
	put(52, h.CommonLen)
	put(56, h.SDKLen)
	copy(p[60:], h.CommonMD5[:])
	copy(p[76:], h.SDKMD5[:])
	put(4, jamcrc(p[8:]))
	return p
}

// Package is an upgrade package taken apart. Common and SDK alias the file.
type Package struct {
	Head
	Series Series
	Common []byte // the sections as they are stored
	SDK    []byte // the delta
	Rest   []byte // bytes behind the two parts, which the device drops
}

// NewPackage joins a common part and a delta, either of which may be nil. The
// MD5 of a part that is missing stays zero: a vendor tool that wrote the MD5
// of nothing made packages that every device refuses (ec618.md 2.1).
func NewPackage(s Series, common, sdk []byte) *Package {
	p := &Package{Series: s, Common: common, SDK: sdk}
	p.Magic = s.Magic()
	p.CommonLen, p.SDKLen = uint32(len(common)), uint32(len(sdk))
	if len(common) > 0 {
		p.CommonMD5 = md5.Sum(common)
	}
	if len(sdk) > 0 {
		p.SDKMD5 = md5.Sum(sdk)
	}
	return p
}

// Encode returns the file.
func (p *Package) Encode() []byte {
	b := append(p.Head.Encode(), p.Common...)
	return append(b, p.SDK...)
}

// ParsePackage takes a package apart and checks what the device checks of its
// head, and the lengths. The error is a *explain.FormatError.
func ParsePackage(b []byte) (*Package, error) {
	if len(b) < HeadSize {
		return nil, &explain.FormatError{What: "package head", Want: "92 bytes", Got: fmt.Sprint(len(b))}
	}
	p := &Package{Head: DecodeHead(b)}
	s, ok := SeriesOf(p.Magic)
	switch {
	case !ok:
		return nil, &explain.FormatError{What: "MaigcNum", Want: fmt.Sprintf("0x%08X or 0x%08X", uint32(magicEC618), uint32(magicEC7xx)), Got: fmt.Sprintf("0x%08X", p.Magic), Hint: foreignHint(b)}
	case p.CRC != p.computed:
		return nil, &explain.FormatError{Off: 4, What: "CRC32 of the head", Want: fmt.Sprintf("0x%08X", p.computed), Got: fmt.Sprintf("0x%08X", p.CRC), Hint: crcHint(&p.Head)}
	}
	p.Series = s
	n := int64(p.CommonLen) + int64(p.SDKLen)
	if n > int64(len(b)-HeadSize) {
		return nil, &explain.FormatError{Off: 52, What: "CommonDataLen and SDKDataLen", Want: fmt.Sprintf("at most %d together", len(b)-HeadSize), Got: fmt.Sprint(n), Hint: "the file is cut short"}
	}
	p.Common = b[HeadSize : HeadSize+int64(p.CommonLen)]
	p.SDK = b[HeadSize+int64(p.CommonLen) : HeadSize+n]
	p.Rest = b[HeadSize+n:]
	return p, nil
}

// foreignHint names upgrade files of other firmware (ec618.md 2.3, 2.4).
func foreignHint(b []byte) string {
	switch {
	case isAT(b):
		return "this is an upgrade file of AT firmware, which LuatOS does not take"
	case isAuth(b):
		return "this is a signed delta, which LuatOS does not take"
	case isPar(b):
		return "this is a delta without LuatOS' head"
	}
	return ""
}

// md5OfNothing is what the S22 packer writes for a missing common part.
var md5OfNothing = md5.Sum(nil)

// s22Bug reports a head as the older vendor packer writes it for a package
// without a common part: the CRC was computed over zeros, where the MD5 of
// nothing stands now (ec618.md 2.1).
func s22Bug(h *Head) bool {
	if h.CommonLen != 0 || h.CommonMD5 != md5OfNothing {
		return false
	}
	fixed := *h
	fixed.CommonMD5 = [16]byte{}
	return DecodeHead(fixed.Encode()).CRC == h.CRC
}

func crcHint(h *Head) string {
	if s22Bug(h) {
		return "made by the soc_tools of the EC618 SDK of 2022, which breaks packages without a common part: make it again with a newer one"
	}
	return ""
}
