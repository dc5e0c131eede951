package rda8910

import (
	"crypto/md5"
	"fmt"
	"time"

	"airlift/chips/ec"
	"airlift/chips/synth"
	"airlift/flash/explain"
)

// upgrade explains a package of LuatOS-SoC (8910.md 2.8).
func (x *inspector) upgrade(b []byte, off int64) explain.Field {
	n := newNode(off, b, "upgrade package", "LuatOS-SoC for the 8910; how the module works it off is not known")
	u, err := parseUpgrade(b)
	if u == nil {
		n.fault(off, err, "")
		return n.Field
	}
	h := &u.Head
	n.word(0, "magic", h.Magic, "", explain.OK)
	m, v := verdict(h.CRC == h.ComputedCRC(), "CRC of the head from here on", fmt.Sprintf("the CRC is 0x%08X", h.ComputedCRC()))
	n.word(4, "crc", h.CRC, m, v)
	n.at(8, 20, "MainVersion", fmt.Sprintf("%08X", h.MainVersion), "", explain.None)
	n.word(28, "AppVersion", h.AppVersion, "", explain.None)
	n.at(32, 20, "STDVersion", fmt.Sprintf("%08X", h.STDVersion), "the last is the CP version that the module must have", explain.None)
	n.number(52, "CommonDataLen", h.CommonLen, "bytes of the sectors", explain.None)
	n.number(56, "SDKDataLen", h.SDKLen, "bytes of the core pack for the CP", explain.None)
	if err == nil {
		m, v = sumMeaning(b[ec.HeadSize:ec.HeadSize+int64(h.CommonLen)], h.CommonMD5)
		n.at(60, 16, "CommonMD5", fmt.Sprintf("%x", h.CommonMD5), m, v)
		m, v = sumMeaning(u.SDK, h.SDKMD5)
		n.at(76, 16, "SDKMD5", fmt.Sprintf("%x", h.SDKMD5), m, v)
	}
	for i := range u.Sectors {
		n.Add(x.sector(&u.Sectors[i], off))
	}
	n.fault(off, err, "")
	at := off + n.Len - int64(len(u.SDK)+len(u.Rest))
	if isPack(u.SDK) {
		n.Add(x.pack(u.SDK, at))
	} else if len(u.SDK) > 0 {
		n.at(at-off, int64(len(u.SDK)), "SDK data", fmt.Sprintf("%d bytes", len(u.SDK)), "no core pack", explain.Bad)
	}
	if len(u.Rest) > 0 {
		n.at(n.Len-int64(len(u.Rest)), int64(len(u.Rest)), "rest", fmt.Sprintf("%d bytes", len(u.Rest)), "behind the package", explain.Warn)
	}
	return n.Field
}

// sumMeaning judges the MD5 of a part, which is zero if the part is missing.
func sumMeaning(p []byte, sum [16]byte) (string, explain.Verdict) {
	if len(p) == 0 {
		return "no such part", explain.None
	}
	got := md5.Sum(p)
	return verdict(got == sum, "MD5 of the part", fmt.Sprintf("the MD5 is %x", got))
}

func (x *inspector) sector(s *Sector, base int64) explain.Field {
	off := base + s.File
	n := &node{explain.Field{Off: off, Len: ec.SectionHeadSize + int64(s.TotalLen), Name: "sector", Value: fmt.Sprintf("%d bytes for 0x%06X", s.DataLen, s.StartAddr)}}
	switch s.StartAddr {
	case UpgradeAP:
		n.Meaning = "core"
	case UpgradeScript:
		n.Meaning = "script image"
	}
	n.word(0, "magic", s.Magic, "", explain.OK)
	n.number(4, "TotalLen", s.TotalLen, "bytes of the LZMAR file", explain.OK)
	n.number(8, "DataLen", s.DataLen, "plain bytes", explain.None)
	n.number(28, "BlockLen", s.BlockLen, "plain bytes of a block", explain.None)
	n.word(32, "StartAddress", s.StartAddr, "offset in the flash", explain.None)
	z, err := ParseLZMAR(s.Stream)
	if err == nil && int64(z.Size) > x.room {
		return n.Field
	}
	if err == nil {
		x.room -= int64(z.Size)
	}
	plain, err := s.Unpack()
	n.fault(base, err, "")
	if err == nil {
		n.at(12, 16, "MD5", fmt.Sprintf("%x", s.MD5), "of the plain data", explain.OK)
		if isScript(plain) {
			f := scriptField(plain, 0) // offsets count in the plain data
			f.Name = "luadb, unpacked"
			n.Add(f)
		}
	}
	return n.Field
}

// lzmar explains a compressed file (8910.md 2.6).
func (x *inspector) lzmar(b []byte, off int64) explain.Field {
	n := newNode(off, b, "LZMAR", "blocks of the 8910's own LZMA")
	z, err := ParseLZMAR(b)
	if z == nil {
		n.fault(off, err, "")
		return n.Field
	}
	n.Value = fmt.Sprintf("%d plain bytes in %d blocks", z.Size, len(z.Blocks))
	n.number(0, "size", z.Size, "plain bytes", explain.OK)
	n.at(4, 4, "block size, dictionary, property", "64 KiB, 1 KiB, 0", "", explain.OK)
	for i := range z.Blocks {
		k := &z.Blocks[i]
		if i == maxShownBlocks {
			n.at(k.Off, z.End-k.Off, "more", fmt.Sprintf("%d blocks", len(z.Blocks)-i), "not shown", explain.None)
			break
		}
		f := explain.Field{Off: off + k.Off, Len: lzmarBlockHead + int64(len(k.Stream)), Name: "block", Value: fmt.Sprintf("%d bytes from %d", k.Plain, len(k.Stream)), Verdict: explain.OK}
		if x.room -= int64(k.Plain); x.room < 0 {
			f.Verdict = explain.None
		} else if _, err := k.Unpack(); err != nil {
			n.fault(off, err, "")
			f.Verdict = explain.Bad
		}
		n.Add(f)
	}
	n.fault(off, err, "")
	if rest := n.Len - z.End; err == nil && rest > 0 {
		n.at(z.End, rest, "rest", fmt.Sprintf("%d bytes", rest), "behind the file", explain.None)
	}
	return n.Field
}

// uimage explains boot code or a core (8910.md 2.12).
func (x *inspector) uimage(b []byte, off int64) explain.Field {
	n := newNode(off, b, "uImage", "image as it lies in flash, with u-boot's head")
	m, err := ParseUImage(b)
	if m == nil {
		n.fault(off, err, "")
		return n.Field
	}
	n.Value = explain.Printable(m.Name)
	n.word(0, "magic", uimageMagic, "the one thing that boot code checks, where no signature is wanted", explain.OK)
	text, v := verdict(m.HeadOK(), "CRC-32 of the head", fmt.Sprintf("the CRC is 0x%08X; boot code does not look", m.headComputed))
	n.word(4, "hcrc", m.HeadCRC, text, v)
	n.at(8, 4, "time", time.Unix(int64(m.Time), 0).UTC().Format(time.DateTime), "UTC", explain.None)
	n.number(12, "size", m.Size, "bytes behind the head", explain.None)
	n.word(16, "load", m.Load, "", explain.None)
	n.word(20, "entry", m.Entry, "", explain.None)
	text, v = verdict(m.DataOK(), "CRC-32 of the data", "not the CRC of the data; boot code does not look, and jumps into it")
	n.word(24, "dcrc", m.DataCRC, text, v)
	n.at(28, 4, "os, arch, type, comp", fmt.Sprintf("%d, %d, %d, %d", m.OS, m.Arch, m.Type, m.Comp), "", explain.None)
	n.at(32, 32, "name", explain.Printable(m.Name), "", explain.None)
	n.fault(off, err, "")
	body := explain.Field{Off: off + uimageHead, Len: int64(len(m.Data)), Name: "data", Value: fmt.Sprintf("%d bytes", len(m.Data))}
	synth.Explain(&body, m.Data, body.Off)
	explainPartitions(&body, m.Data, body.Off)
	n.Add(body)
	if len(m.Rest) > 0 {
		n.at(n.Len-int64(len(m.Rest)), int64(len(m.Rest)), "rest", fmt.Sprintf("%d bytes", len(m.Rest)), "behind the image", explain.None)
	}
	return n.Field
}

// pac explains what a cable takes (8910.md 2.11).
func (x *inspector) pac(b []byte, off int64) explain.Field {
	n := newNode(off, b, "pac", "firmware for the vendor's downloader, by cable")
	p, err := ParsePac(b)
	n.Value = fmt.Sprintf("%s, %d files", explain.Printable(p.Product), p.fileCount)
	n.at(0, 48, "szVersion", explain.Printable(p.Version), "", explain.None)
	m, v := verdict(int64(p.Size) == n.Len, "bytes", fmt.Sprintf("the file has %d", n.Len))
	n.number(48, "pac_size", p.Size, m, v)
	n.at(52, 512, "prdName", explain.Printable(p.Product), "", explain.None)
	n.at(564, 512, "prdVersion", explain.Printable(p.ProductVersion), "", explain.None)
	n.number(1076, "fileCount", p.fileCount, "", explain.None)
	n.number(1080, "fileOffset", p.fileOff, "", explain.None)
	n.at(1104, 200, "alias", explain.Printable(p.Alias), "", explain.None)
	n.word(pacMagicOff, "magic", pacMagic, "", explain.OK)
	m, v = verdict(p.CRC1 == p.head, "CRC-16 of the head", fmt.Sprintf("the CRC is 0x%04X", p.head))
	n.at(2120, 2, "crc1", fmt.Sprintf("0x%04X", p.CRC1), m, v)
	m, v = verdict(p.CRC2 == p.body, "CRC-16 of what follows", fmt.Sprintf("the CRC is 0x%04X", p.body))
	n.at(2122, 2, "crc2", fmt.Sprintf("0x%04X", p.CRC2), m, v)
	for i := range p.Files {
		f := &p.Files[i]
		t := newNode(off+f.Off, b[:0], "file", f.Place())
		t.Len, t.Value = pacFileHead, explain.Printable(f.ID)
		t.at(516, 512, "name", explain.Printable(f.Name), "", explain.None)
		t.number(1540, "size", f.Size, "bytes", explain.None)
		t.number(1552, "offset", f.DataOff, "", explain.None)
		t.word(1564, "address", f.Addr, f.Place(), explain.None)
		if isUImage(f.Data) {
			t.Add(x.uimage(f.Data, off+int64(f.DataOff)))
		}
		n.Add(t.Field)
	}
	n.fault(off, err, "")
	return n.Field
}
