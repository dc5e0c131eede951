package ec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"airlift/flash/explain"
)

// Sizes in a .binpkg (ec618.md 5.2).
const (
	binpkgHead     = 0x34 // bytes before the arguments or the first entry
	binpkgArg      = 140  // bytes of one argument
	binpkgEntry    = 364  // bytes of an entry's head
	binpkgMaxCount = 64
	binpkgMaxArgs  = 64
)

// Binpkg is a firmware as the vendor's downloader takes it: boot code, AP and
// CP image with their places (ec618.md 5.2). All numbers are little-endian in
// the file.
type Binpkg struct {
	BuildTime uint32 // seconds since 1970
	Args      []BinpkgArg
	Entries   []BinpkgEntry
}

// BinpkgArg is an argument of the packing tool, which EC7xx files carry.
type BinpkgArg struct {
	ID    uint32
	Name  string // "pkgmode"
	Value string
}

// BinpkgEntry is one image.
type BinpkgEntry struct {
	Off       int64  // where its head is, bytes from the start of the file
	Name      string // "ap_bootloader"
	Addr      uint32 // EC618: offset in its flash; EC7xx: mapped address
	FlashSize uint32 // bytes that it may take
	Type      string // "BL", "AP", "CP"
	Hash      string // SHA-256 of the data, hexadecimal
	Data      []byte
}

const binpkgMagic = "bpkg"

// isBinpkg reports whether a file begins like a .binpkg.
func isBinpkg(b []byte) bool {
	return len(b) >= binpkgHead && bytes.HasPrefix(b, []byte("111\x00\x00\x00\x00\x00")) && string(b[8:12]) == binpkgMagic
}

// ParseBinpkg reads a .binpkg. The error is a *explain.FormatError. Data of
// entries aliases b.
func ParseBinpkg(b []byte) (*Binpkg, error) {
	if !isBinpkg(b) {
		return nil, &explain.FormatError{What: ".binpkg", Want: `"111" and "bpkg"`, Got: fmt.Sprintf("%.12q", b)}
	}
	u32 := binary.LittleEndian.Uint32
	p := &Binpkg{BuildTime: u32(b[0x0C:])}
	count := u32(b[0x10:])
	if count > binpkgMaxCount {
		return nil, &explain.FormatError{Off: 0x10, What: "number of entries", Want: "at most 64", Got: fmt.Sprint(count)}
	}
	off, err := p.arguments(b)
	if err != nil {
		return nil, err
	}
	for i := range count {
		e, err := parseBinpkgEntry(b, off, int(i))
		if err != nil {
			return nil, err
		}
		p.Entries = append(p.Entries, e)
		off = e.Off + binpkgEntry + int64(len(e.Data))
	}
	return p, nil
}

// arguments reads what newer files have between head and first entry, and
// returns where that is.
func (p *Binpkg) arguments(b []byte) (int64, error) {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	argc, size := int(u16(b[0x1C:])), int(u16(b[0x1E:]))
	if argc == 0 || size == 0 {
		return binpkgHead, nil
	}
	if argc > binpkgMaxArgs || size != argc*binpkgArg || binpkgHead+size > len(b) {
		return 0, &explain.FormatError{Off: 0x1C, What: "arguments", Want: fmt.Sprintf("%d bytes for each, within the file", binpkgArg), Got: fmt.Sprintf("%d in %d bytes", argc, size)}
	}
	for i := range argc {
		a := b[binpkgHead+i*binpkgArg:]
		p.Args = append(p.Args, BinpkgArg{ID: u32(a), Name: cstring(a[4:68]), Value: cstring(a[68:140])})
	}
	return int64(binpkgHead + size), nil
}

func parseBinpkgEntry(b []byte, off int64, i int) (BinpkgEntry, error) {
	if off < 0 || int64(len(b))-off < binpkgEntry {
		return BinpkgEntry{}, &explain.FormatError{Off: off, What: fmt.Sprintf("head of entry %d", i), Want: "364 bytes", Got: fmt.Sprint(max(0, int64(len(b))-off))}
	}
	h := b[off:]
	u32 := binary.LittleEndian.Uint32
	e := BinpkgEntry{Off: off, Name: cstring(h[:64]), Addr: u32(h[64:]), FlashSize: u32(h[68:]), Hash: cstring(h[80:336]), Type: cstring(h[336:352])}
	size := int64(u32(h[76:]))
	if size > int64(len(h))-binpkgEntry {
		return e, &explain.FormatError{Off: off + 76, What: fmt.Sprintf("size of entry %d", i), Want: fmt.Sprintf("at most %d", int64(len(h))-binpkgEntry), Got: fmt.Sprint(size)}
	}
	e.Data = h[binpkgEntry : binpkgEntry+size]
	return e, nil
}

// HashOK reports whether the SHA-256 that the entry states is that of its data.
func (e *BinpkgEntry) HashOK() bool {
	return strings.EqualFold(e.Hash, fmt.Sprintf("%x", sha256.Sum256(e.Data)))
}

// Image returns the entry of a type, "BL", "AP" or "CP".
func (p *Binpkg) Image(typ string) (BinpkgEntry, bool) {
	for _, e := range p.Entries {
		if e.Type == typ {
			return e, true
		}
	}
	return BinpkgEntry{}, false
}

// Encode returns the file; places and hashes are set from the data.
func (p *Binpkg) Encode() []byte {
	b := make([]byte, binpkgHead)
	copy(b, "111")
	copy(b[8:], binpkgMagic)
	binary.LittleEndian.PutUint32(b[0x0C:], p.BuildTime)
	binary.LittleEndian.PutUint32(b[0x10:], uint32(len(p.Entries)))
	copy(b[0x14:], "SHA256")
	if len(p.Args) > 0 {
		binary.LittleEndian.PutUint16(b[0x1C:], uint16(len(p.Args)))
		binary.LittleEndian.PutUint16(b[0x1E:], uint16(len(p.Args)*binpkgArg))
	}
	for _, a := range p.Args {
		arg := make([]byte, binpkgArg)
		binary.LittleEndian.PutUint32(arg, a.ID)
		copy(arg[4:67], a.Name)
		copy(arg[68:139], a.Value)
		b = append(b, arg...)
	}
	for _, e := range p.Entries {
		h := make([]byte, binpkgEntry)
		copy(h[:63], e.Name)
		binary.LittleEndian.PutUint32(h[64:], e.Addr)
		binary.LittleEndian.PutUint32(h[68:], e.FlashSize)
		binary.LittleEndian.PutUint32(h[72:], uint32(len(b)))
		binary.LittleEndian.PutUint32(h[76:], uint32(len(e.Data)))
		copy(h[80:], fmt.Sprintf("%X", sha256.Sum256(e.Data)))
		copy(h[336:351], e.Type)
		b = append(append(b, h...), e.Data...)
	}
	return b
}

// cstring returns a string up to its first NUL.
func cstring(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
