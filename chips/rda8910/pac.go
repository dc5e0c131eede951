package rda8910

import (
	"bytes"
	"fmt"
	"unicode/utf16"

	"airlift/flash/explain"
)

// Sizes and places in a .pac (8910.md 2.11).
const (
	pacHead     = 2124
	pacFileHead = 2580
	pacMagicOff = 2116
	pacMagic    = 0xFFFAFFFA
	maxPacFiles = 256
)

// Logical addresses of files in a .pac (8910.md 2.11).
const (
	PacEraseNV    = 0xFE000001
	PacPhaseCheck = 0xFE000002
	PacNV         = 0xFE000003
	PacPrepack    = 0xFE000004
	PacDeleteApp  = 0xFE000005
	PacFormat     = 0xFE000006
)

// Pac is a firmware as the vendor's downloader takes it over USB (8910.md
// 2.11). Numbers are little-endian, strings UTF-16LE in the file.
type Pac struct {
	Version            string // szVersion
	Size               uint32 // pac_size
	Product            string // prdName
	ProductVersion     string // prdVersion
	Alias              string
	CRC1, CRC2         uint16
	Files              []PacFile
	head, body         uint16 // the CRCs computed
	fileCount, fileOff uint32
}

// PacFile is one file of a .pac.
type PacFile struct {
	Off     int64 // where its head is, bytes from the start of the file
	ID      string
	Name    string // file name at the builder's
	Size    uint32
	Flag    uint32 // 1 data, 0 none, 2 XML
	Check   uint32
	DataOff uint32
	Omit    uint32
	Addr    uint32 // mapped address, or a logical one
	Data    []byte
}

func isPac(b []byte) bool { return len(b) >= pacHead && le.Uint32(b[pacMagicOff:]) == pacMagic }

// utf16String reads a string up to its first NUL.
func utf16String(b []byte) string {
	var u []uint16
	for ; len(b) >= 2 && (b[0] != 0 || b[1] != 0); b = b[2:] {
		u = append(u, le.Uint16(b))
	}
	return string(utf16.Decode(u))
}

// putUTF16 writes a string and NULs up to n bytes. What is too long is cut.
func putUTF16(b []byte, s string, n int) []byte {
	field := make([]byte, n)
	for i, c := range utf16.Encode([]rune(s)) {
		if 2*i+4 <= n {
			le.PutUint16(field[2*i:], c)
		}
	}
	return append(b, field...)
}

// ParsePac reads a .pac. The error is a *explain.FormatError; what came before
// it is returned all the same. The CRCs are judged by [Pac.OK]. Data share
// memory with b.
func ParsePac(b []byte) (*Pac, error) {
	if !isPac(b) {
		return nil, wrong(pacMagicOff, "magic of a .pac", fmt.Sprintf("0x%08X", uint32(pacMagic)), fmt.Sprintf("% X", b[min(pacMagicOff, len(b)):min(pacMagicOff+4, len(b))]))
	}
	p := &Pac{
		Version: utf16String(b[:48]), Size: le.Uint32(b[48:]), Product: utf16String(b[52:564]),
		ProductVersion: utf16String(b[564:1076]), fileCount: le.Uint32(b[1076:]), fileOff: le.Uint32(b[1080:]),
		Alias: utf16String(b[1104:1304]), CRC1: le.Uint16(b[2120:]), CRC2: le.Uint16(b[2122:]),
		head: crc16(b[:pacHead-4]), body: crc16(b[pacHead:]),
	}
	switch {
	case int64(p.Size) != int64(len(b)):
		return p, wrong(48, "pac_size", fmt.Sprint(len(b)), p.Size)
	case p.fileCount > maxPacFiles:
		return p, wrong(1076, "fileCount", fmt.Sprintf("at most %d", maxPacFiles), p.fileCount)
	case p.fileOff < pacHead:
		return p, wrong(1080, "fileOffset", fmt.Sprintf("at least %d", pacHead), p.fileOff)
	}
	for i := range p.fileCount {
		f, err := parsePacFile(b, int64(p.fileOff)+int64(i)*pacFileHead)
		if err != nil {
			return p, err
		}
		p.Files = append(p.Files, f)
	}
	return p, nil
}

func parsePacFile(b []byte, off int64) (PacFile, error) {
	if off > int64(len(b)) || int64(len(b))-off < pacFileHead {
		return PacFile{}, wrong(off, "head of a file", fmt.Sprintf("%d bytes", pacFileHead), max(0, int64(len(b))-off))
	}
	h := b[off:]
	if n := le.Uint32(h); n != pacFileHead {
		return PacFile{}, wrong(off, "size of a file's head", fmt.Sprint(pacFileHead), n)
	}
	f := PacFile{
		Off: off, ID: utf16String(h[4:516]), Name: utf16String(h[516:1028]), Size: le.Uint32(h[1540:]), Flag: le.Uint32(h[1544:]),
		Check: le.Uint32(h[1548:]), DataOff: le.Uint32(h[1552:]), Omit: le.Uint32(h[1556:]), Addr: le.Uint32(h[1564:]),
	}
	if !f.hasData() {
		return f, nil
	}
	if int64(f.DataOff)+int64(f.Size) > int64(len(b)) {
		return f, wrong(off+1540, "size and offset of the data", fmt.Sprintf("an end within %d", len(b)), fmt.Sprintf("%d at %d", f.Size, f.DataOff))
	}
	f.Data = b[f.DataOff : int64(f.DataOff)+int64(f.Size)]
	return f, nil
}

// hasData reports whether bytes belong to the file: some only say what to do,
// and their size is a name.
func (f *PacFile) hasData() bool { return f.Flag != 0 }

// OK reports whether both CRCs are right.
func (p *Pac) OK() bool { return p.CRC1 == p.head && p.CRC2 == p.body }

// Encode returns the file. Places, sizes and CRCs are set from the data.
func (p *Pac) Encode() []byte {
	u32 := func(b []byte, words ...uint32) []byte {
		for _, v := range words {
			b = le.AppendUint32(b, v)
		}
		return b
	}
	var heads, data []byte
	at := pacHead + pacFileHead*len(p.Files)
	for i := range p.Files {
		f := &p.Files[i]
		size := f.Size
		if f.hasData() {
			size = uint32(len(f.Data))
		}
		heads = u32(heads, pacFileHead)
		heads = putUTF16(putUTF16(heads, f.ID, 512), f.Name, 512)
		heads = append(heads, make([]byte, 512)...)
		heads = u32(heads, size, f.Flag, f.Check, uint32(at+len(data)), f.Omit, 1, f.Addr)
		heads = append(heads, make([]byte, 16+996)...)
		data = append(data, f.Data...)
	}
	b := putUTF16(nil, p.Version, 48)
	b = u32(b, uint32(at+len(data)))
	b = putUTF16(putUTF16(b, p.Product, 512), p.ProductVersion, 512)
	b = u32(b, uint32(len(p.Files)), pacHead, 0, 1, 1, 1, 0)
	b = putUTF16(b, p.Alias, 200)
	b = u32(b, 0, 1, 1) // omaDmProductFlag, isOmaDm, isPreload
	b = append(b, make([]byte, 800)...)
	b = u32(b, pacMagic)
	b = le.AppendUint16(b, crc16(b))
	body := bytes.Join([][]byte{heads, data}, nil)
	return append(le.AppendUint16(b, crc16(body)), body...)
}

// Place says in words where a file goes.
func (f *PacFile) Place() string {
	switch f.Addr {
	case PacEraseNV:
		return "erase the running NV"
	case PacPhaseCheck:
		return "phase check"
	case PacNV:
		return "NV"
	case PacPrepack:
		return "files for the file systems, in a cpio"
	case PacDeleteApp:
		return "delete the application"
	case PacFormat:
		if f.Size == 0 {
			return "format a file system"
		}
		return "format " + explain.Printable(cstring(le.AppendUint32(nil, f.Size)))
	}
	if f.Addr>>24 == flashBase>>24 {
		return fmt.Sprintf("flash 0x%06X", f.Addr-flashBase)
	}
	if f.Addr == 0 {
		return "nowhere"
	}
	return "RAM"
}
