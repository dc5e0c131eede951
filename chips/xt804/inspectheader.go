package xt804

import (
	"fmt"
	"strings"

	"airlift/flash/explain"
)

// header explains the 64 bytes of h at off. Body is what its CRC is over, or
// nil and missing says why.
func (x *inspector) header(h *Header, off int64, body []byte, missing string) explain.Field {
	f := explain.Field{Off: off, Len: HeaderSize, Name: "header"}
	word := func(at int64, name string, v uint32, meaning string, verdict explain.Verdict) {
		f.Add(explain.Field{Off: off + at, Len: 4, Name: name, Value: fmt.Sprintf("0x%08X", v), Meaning: meaning, Verdict: verdict})
	}
	magic := explain.OK
	if h.MagicNo != Magic {
		magic = explain.Bad
	}
	word(0x00, "magic_no", h.MagicNo, wrongOr(magic, fmt.Sprintf("expected 0x%08X", uint32(Magic)), ""), magic)
	m, v := attrMeaning(h)
	word(0x04, "img_attr", h.Attr, m, v)
	m, v = x.addrMeaning(h)
	word(0x08, "img_addr", h.ImgAddr, m, v)
	m, v = lenMeaning(h, body, missing)
	word(0x0C, "img_len", h.ImgLen, m, v)
	m, v = headerAddrMeaning(h)
	word(0x10, "img_header_addr", h.ImgHeaderAddr, m, v)
	m, v = upgradeAddrMeaning(h)
	word(0x14, "upgrade_img_addr", h.UpgradeImgAddr, m, v)
	m, v = checksumMeaning(h, body)
	word(0x18, "org_checksum", h.OrgChecksum, m, v)
	word(0x1C, "upd_no", h.UpdNo, "nobody reads it", explain.None)
	f.Add(explain.Field{Off: off + 0x20, Len: 16, Name: "ver", Value: fmt.Sprintf("%+q", h.Version()), Meaning: "nobody reads it"})
	word(0x30, "_reserved0", h.Reserved0, "", zeroOrWarn(h.Reserved0))
	word(0x34, "_reserved1", h.Reserved1, "", zeroOrWarn(h.Reserved1))
	m, v = x.nextMeaning(h)
	word(0x38, "next", h.Next, m, v)
	crc := explain.OK
	if h.HdChecksum != h.ComputedChecksum() {
		crc = explain.Bad
	}
	word(0x3C, "hd_checksum", h.HdChecksum, wrongOr(crc, fmt.Sprintf("the CRC of the first 60 bytes is 0x%08X", h.ComputedChecksum()), "CRC of the first 60 bytes"), crc)
	return f
}

func wrongOr(v explain.Verdict, wrong, right string) string {
	if v == explain.Bad {
		return wrong
	}
	return right
}

func zeroOrWarn(v uint32) explain.Verdict {
	if v != 0 {
		return explain.Warn
	}
	return explain.None
}

// attrBits are the attributes above the type (xt804.md 2.2).
var attrBits = [...]struct {
	mask    uint32
	name    string
	verdict explain.Verdict
}{
	{AttrEncrypted, "code encrypted (not emulated)", explain.Warn},
	{7 << 5, "private key selected", explain.Warn},
	{AttrSigned, "signature follows", explain.OK},
	{0x7F << 9, "reserved bits 9..15", explain.Warn},
	{AttrZipped, "body is gzip", explain.OK},
	{1 << 17, "psram_io (ignored)", explain.OK},
	{1 << 18, "erase_block_en (ignored)", explain.OK},
	{1 << 19, "erase_always (ignored)", explain.OK},
	{0xFFF << 20, "reserved bits 20..31", explain.Warn},
}

func attrMeaning(h *Header) (string, explain.Verdict) {
	parts, verdict := []string{typeName(h.Type())}, explain.OK
	if t := h.Type(); t != TypeSecboot && t != TypeApp && t != TypeScript && t != TypeCPFT {
		parts[0], verdict = fmt.Sprintf("type %d, of no known meaning", t), explain.Warn
	}
	for _, b := range attrBits {
		if h.Attr&b.mask != 0 {
			parts = append(parts, b.name)
			if b.verdict == explain.Warn {
				verdict = explain.Warn
			}
		}
	}
	return strings.Join(parts, ", "), verdict
}

// addrMeaning explains img_addr by the boot code's rules (xt804.md 3.2).
func (x *inspector) addrMeaning(h *Header) (string, explain.Verdict) {
	size := x.flashSize
	if size == 0 {
		size = 64 << 20
	}
	switch a := h.ImgAddr; {
	case !h.Zipped() && a&0x3FF != 0:
		return "not a multiple of 1024: secboot says K", explain.Bad
	case a < FlashBase || a >= ramTop && a <= 0x2FFFFFFF || a <= flashSpaceLast && int64(a)-FlashBase >= size:
		return "neither in flash nor in RAM: secboot says J", explain.Bad
	case a > flashSpaceLast:
		return "in RAM", explain.Warn
	}
	return "where the body belongs" + layoutsWith(func(l *Layout) uint32 {
		switch {
		case h.Type() == TypeSecboot:
			return 0
		case h.Type() == TypeScript || h.ImgHeaderAddr == RAMHeader:
			return l.ScriptAddr()
		}
		return l.CodeAddr()
	}, h.ImgAddr, x.flashSize), explain.OK
}

func lenMeaning(h *Header, body []byte, missing string) (string, explain.Verdict) {
	n := int64(h.ImgLen)
	switch {
	case n == 0:
		return "no body: secboot says I", explain.Bad
	case body == nil:
		return fmt.Sprintf("%d bytes of body, but %s", n, missing), explain.Bad
	case h.Zipped() && HitsRefillBug(n):
		return fmt.Sprintf("%d bytes, a multiple of 8192: secboot loses the last 8192 and wrecks the module (P1)", n), explain.Warn
	case n%4 != 0:
		return fmt.Sprintf("%d bytes, no multiple of 4: the firmware computes another CRC than secboot (P20)", n), explain.Warn
	}
	return fmt.Sprintf("%d bytes of body", n), explain.OK
}

func headerAddrMeaning(h *Header) (string, explain.Verdict) {
	switch a := h.ImgHeaderAddr; {
	case a == RAMHeader:
		return "in RAM: the header is not kept", explain.OK
	case a < FlashBase || a > flashSpaceLast:
		return "not in flash", explain.Warn
	case h.Type() == TypeSecboot && a != SecbootHeaderAddr:
		return fmt.Sprintf("ROM looks for secboot at 0x%08X", uint32(SecbootHeaderAddr)), explain.Warn
	}
	return "where this header belongs", explain.OK
}

func upgradeAddrMeaning(h *Header) (string, explain.Verdict) {
	switch {
	case h.Zipped() && h.UpgradeImgAddr != UpgradeAddr:
		return fmt.Sprintf("secboot finds packages at 0x%08X only, but unpacks from here: status M at every boot (P3)", uint32(UpgradeAddr)), explain.Warn
	case h.UpgradeImgAddr == 0:
		return "none", explain.None
	}
	return "where the image waits to be applied", explain.OK
}

func checksumMeaning(h *Header, body []byte) (string, explain.Verdict) {
	if body == nil {
		return "CRC of the body, which is not there", explain.None
	}
	got := JAMCRC(body)
	if got != h.OrgChecksum {
		return fmt.Sprintf("the CRC of the body is 0x%08X", got), explain.Bad
	}
	if h.Zipped() && h.Type() == TypeApp {
		return "CRC of the body; the OTA flag's value for this package", explain.OK
	}
	return "CRC of the body", explain.OK
}

func (x *inspector) nextMeaning(h *Header) (string, explain.Verdict) {
	switch {
	case h.Next == 0 && h.Type() == TypeSecboot:
		return "secboot must name the app's header", explain.Bad
	case h.Next == 0:
		return "end of the chain", explain.None
	case h.Next < FlashBase || h.Next > flashSpaceLast:
		return "not in flash", explain.Warn
	}
	return "next header in the boot chain" + layoutsWith(func(l *Layout) uint32 { return l.Header }, h.Next, x.flashSize), explain.OK
}
