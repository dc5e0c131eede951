package rda8910

import (
	"crypto/md5"
	"errors"
	"fmt"

	"airlift/chips/ec"
	"airlift/flash/explain"
)

// upgradeMagic opens the packages of LuatOS-SoC and each of their sectors
// (8910.md 2.8).
const upgradeMagic = 0xDA188800

// Places of images in the flash of LuatOS-SoC (8910.md 1.5, 2.8).
const (
	UpgradeAP     = 0x010000
	UpgradeScript = 0x230000
)

const maxSectors = 16

// Upgrade is an upgrade package of LuatOS-SoC for this chip, a .sota
// (8910.md 2.8). It has the head of EC618's packages. How the device works it
// off is not known.
type Upgrade struct {
	Head    ec.Head
	Sectors []Sector
	SDK     []byte // core pack for the communication processor, or nil
	Rest    []byte // bytes behind it
}

// Sector is an image in an upgrade package. In its head BlockLen is that of
// LZMAR, and Stream is an LZMAR file.
type Sector struct {
	ec.Section
	File int64 // where the head is, bytes from the start of the package
}

// CPVersion returns the version of the communication processor's firmware that
// a module must have.
func (u *Upgrade) CPVersion() uint32 { return u.Head.STDVersion[4] }

func isUpgrade(b []byte) bool { return len(b) >= 4 && le.Uint32(b) == upgradeMagic }

// ParseUpgrade reads a package and checks its head. The error is a
// *explain.FormatError. Data share memory with b.
func ParseUpgrade(b []byte) (*Upgrade, error) {
	u, err := parseUpgrade(b)
	switch {
	case err != nil:
		return nil, err
	case u.Head.CRC != u.Head.ComputedCRC():
		return nil, wrong(4, "crc of the head", fmt.Sprintf("0x%08X", u.Head.ComputedCRC()), fmt.Sprintf("0x%08X", u.Head.CRC))
	}
	common := b[ec.HeadSize : ec.HeadSize+int64(u.Head.CommonLen)]
	if sum := md5.Sum(common); len(common) > 0 && sum != u.Head.CommonMD5 {
		return nil, wrong(60, "CommonMD5", fmt.Sprintf("%x", sum), fmt.Sprintf("%x", u.Head.CommonMD5))
	}
	return u, nil
}

// parseUpgrade is ParseUpgrade without CRC and MD5. With an error it returns
// what came before it.
func parseUpgrade(b []byte) (*Upgrade, error) {
	switch {
	case len(b) < ec.HeadSize:
		return nil, wrong(0, "head of an upgrade package", fmt.Sprintf("%d bytes", ec.HeadSize), len(b))
	case !isUpgrade(b):
		return nil, wrong(0, "magic", fmt.Sprintf("0x%08X", uint32(upgradeMagic)), fmt.Sprintf("0x%08X", le.Uint32(b)))
	}
	u := &Upgrade{Head: ec.DecodeHead(b)}
	end := ec.HeadSize + int64(u.Head.CommonLen)
	if n := end + int64(u.Head.SDKLen); n > int64(len(b)) {
		return u, &explain.FormatError{Off: 52, What: "CommonDataLen and SDKDataLen", Want: fmt.Sprintf("at most %d together", len(b)-ec.HeadSize), Got: fmt.Sprint(n - ec.HeadSize), Hint: "the file is cut short"}
	}
	for off := int64(ec.HeadSize); off < end; {
		s, err := parseSector(b[:end], off)
		if err != nil {
			return u, err
		}
		if len(u.Sectors) == maxSectors {
			return u, wrong(off, "sectors", fmt.Sprintf("at most %d", maxSectors), "more")
		}
		u.Sectors = append(u.Sectors, s)
		off += ec.SectionHeadSize + int64(s.TotalLen)
	}
	u.SDK, u.Rest = b[end:end+int64(u.Head.SDKLen)], b[end+int64(u.Head.SDKLen):]
	return u, nil
}

func parseSector(b []byte, off int64) (Sector, error) {
	rest := b[off:]
	if len(rest) < ec.SectionHeadSize {
		return Sector{}, wrong(off, "head of a sector", fmt.Sprintf("%d bytes", ec.SectionHeadSize), len(rest))
	}
	s := Sector{Section: ec.DecodeSectionHead(rest), File: off}
	switch {
	case s.Magic != upgradeMagic:
		return s, wrong(off, "magic of a sector", fmt.Sprintf("0x%08X", uint32(upgradeMagic)), fmt.Sprintf("0x%08X", s.Magic))
	case int64(s.TotalLen) > int64(len(rest)-ec.SectionHeadSize):
		return s, wrong(off+4, "TotalLen", fmt.Sprintf("at most %d", len(rest)-ec.SectionHeadSize), s.TotalLen)
	}
	s.Stream = rest[ec.SectionHeadSize : ec.SectionHeadSize+int64(s.TotalLen)]
	return s, nil
}

// Unpack returns the image and checks length and MD5. The error is a
// *explain.FormatError; the offset counts from the start of the package.
func (s *Sector) Unpack() ([]byte, error) {
	p, err := unpackLZMAR(s.Stream)
	if err != nil {
		return p, explain.Moved(err, s.File+ec.SectionHeadSize)
	}
	if len(p) != int(s.DataLen) {
		return p, wrong(s.File+8, "DataLen", fmt.Sprint(len(p)), s.DataLen)
	}
	if sum := md5.Sum(p); sum != s.MD5 {
		return p, wrong(s.File+12, "MD5 of the image", fmt.Sprintf("%x", sum), fmt.Sprintf("%x", s.MD5))
	}
	return p, nil
}

// UpgradeInput says what an upgrade package brings.
type UpgradeInput struct {
	CPVersion uint32 // that the module must have
	AP        []byte // core image, or nil
	Script    []byte // script image, or nil
	CPPack    []byte // core pack for the communication processor, or nil
}

// MakeUpgrade makes an upgrade package: AP first, then script (8910.md 2.8).
func MakeUpgrade(in UpgradeInput) ([]byte, error) {
	if len(in.AP)+len(in.Script)+len(in.CPPack) == 0 {
		return nil, errors.New("the upgrade package would be empty")
	}
	var common []byte
	for _, img := range []struct {
		addr uint32
		data []byte
	}{{UpgradeAP, in.AP}, {UpgradeScript, in.Script}} {
		if len(img.data) == 0 {
			continue
		}
		packed, err := PackLZMAR(img.data)
		if err != nil {
			return nil, err
		}
		common = append(common, sector(img.addr, img.data, packed)...)
	}
	return joinUpgrade(in.CPVersion, common, in.CPPack), nil
}

// sector returns a sector for an image and its LZMAR file.
func sector(addr uint32, plain, packed []byte) []byte {
	s := ec.Section{
		Magic: upgradeMagic, TotalLen: uint32(len(packed)), DataLen: uint32(len(plain)),
		MD5: md5.Sum(plain), BlockLen: lzmarBlock, StartAddr: addr, Stream: packed,
	}
	return s.Encode()
}

func joinUpgrade(cpVersion uint32, common, sdk []byte) []byte {
	h := ec.Head{Magic: upgradeMagic, CommonLen: uint32(len(common)), SDKLen: uint32(len(sdk))}
	h.STDVersion[4] = cpVersion
	if len(common) > 0 {
		h.CommonMD5 = md5.Sum(common)
	}
	if len(sdk) > 0 {
		h.SDKMD5 = md5.Sum(sdk)
	}
	return append(append(h.Encode(), common...), sdk...)
}
