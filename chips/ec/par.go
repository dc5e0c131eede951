package ec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

// Sizes and places in a delta (ec618.md 2.4).
const (
	ParHeadSize     = 84   // bytes before the first package
	parPackageSize  = 0x70 // head of a package as the tools write it
	parPackageFixed = 56   // the part of it before the options
	retentionOff    = 44   // the progress field, whose bits are cleared in flash
	retentionSize   = 40
	maxParPackages  = 8
	maxParSegments  = 127
)

var parMagic = []byte{0xEC, 0xDF}

// Attributes of a package's image (ec618.md 2.4).
const (
	AttrBL = 1
	AttrAP = 2
	AttrCP = 3
)

// attrName names a package's image.
func attrName(attr int) string {
	names := [...]string{"undefined", "BL", "AP", "CP", "APP", "APP2", "XOBJ", "SYSH"}
	if attr >= 0 && attr < len(names) {
		return names[attr]
	}
	return fmt.Sprintf("image %d", attr)
}

// Par is the vendor's delta (ec618.md 2.4). All numbers are little-endian in
// the file.
type Par struct {
	Version   byte     // bits 7-5 major, 4-0 minor: 0x20 for EC618's tool, 0x45 for EC7xx'
	Flags     byte     // bits 0-3 packages less one, 4-5 patch method, 6 segment size valid, 7 signed
	Cap       uint16   // bits 0-2 fotaCap
	SegField  uint16   // 0x8000 from both tools
	Len       uint32   // parLen: bytes of the whole file
	Hash      [32]byte // parHash
	Retention [retentionSize]byte
	Packages  []*ParPackage
	Rest      []byte // bytes behind parLen
}

// ParPackage is the delta of one image.
type ParPackage struct {
	Off       int64 // where its head is, bytes from the start of the file
	ID        int   // pkgId
	Backwards bool  // the last segment is patched first
	Attr      int   // fwAttr: AttrAP, AttrCP ...
	HeadLen   int
	Segments  int
	Len       uint32 // pkgLen: with its head
	Load      uint32 // where the image lies: offset in the flash (EC618 CP: in its own)
	NewSize   uint32 // bytes
	BaseSize  uint32 // bytes
	BaseHash  [32]byte
	NewHash   *[32]byte // option 3; nil if the new image is not checked
	Name      string    // option 0: "EC618_AP.par"
	Payload   []byte
}

// parHashOf computes parHash: SHA-256 over the file with the hash field zero
// and the progress field erased (ec618.md 2.4). p must hold a head.
func parHashOf(p []byte) [32]byte {
	h := sha256.New()
	h.Write(p[:12])
	h.Write(make([]byte, 32))
	h.Write(bytes.Repeat([]byte{0xFF}, retentionSize))
	h.Write(p[ParHeadSize:])
	return [32]byte(h.Sum(nil))
}

// ParsePar takes a delta apart and checks all that can be checked without the
// images: lengths, hash, the number of segments. The error is a
// *explain.FormatError.
func ParsePar(b []byte) (*Par, error) {
	p, err := parseParHead(b)
	if err != nil {
		return nil, err
	}
	if sum := parHashOf(b[:p.Len]); sum != p.Hash {
		return nil, &explain.FormatError{Off: 12, What: "parHash", Want: fmt.Sprintf("%x", sum), Got: fmt.Sprintf("%x", p.Hash)}
	}
	return p, p.parsePackages(b[:p.Len])
}

func parseParHead(b []byte) (*Par, error) {
	if len(b) < ParHeadSize {
		return nil, &explain.FormatError{What: "delta", Want: "at least 84 bytes", Got: fmt.Sprint(len(b))}
	}
	if !bytes.HasPrefix(b, parMagic) {
		return nil, &explain.FormatError{What: "pmagic", Want: "EC DF", Got: fmt.Sprintf("% X", b[:2])}
	}
	p := decodeParHead(b)
	if p.Len < ParHeadSize || int64(p.Len) > int64(len(b)) {
		return nil, &explain.FormatError{Off: 8, What: "parLen", Want: fmt.Sprintf("84..%d", len(b)), Got: fmt.Sprint(p.Len)}
	}
	p.Rest = b[p.Len:]
	return p, nil
}

// decodeParHead reads a delta's head without judging it; b must hold
// ParHeadSize bytes.
func decodeParHead(b []byte) *Par {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	p := &Par{Version: b[2], Flags: b[3], Cap: u16(b[4:]), SegField: u16(b[6:]), Len: u32(b[8:])}
	copy(p.Hash[:], b[12:])
	copy(p.Retention[:], b[retentionOff:])
	return p
}

// Count returns how many packages the head announces.
func (p *Par) Count() int { return int(p.Flags&0xF) + 1 }

// Method returns the patch method, 0 in every delta there is.
func (p *Par) Method() int { return int(p.Flags >> 4 & 3) }

func (p *Par) parsePackages(b []byte) error {
	segments := 0
	off := int64(ParHeadSize)
	if p.Count() > maxParPackages {
		return &explain.FormatError{Off: 3, What: "number of packages", Want: "1..8", Got: fmt.Sprint(p.Count())}
	}
	for range p.Count() {
		k, err := parseParPackage(b, off)
		if err != nil {
			return err
		}
		p.Packages = append(p.Packages, k)
		off += int64(k.Len)
		segments += k.Segments
	}
	switch {
	case off != int64(len(b)):
		return &explain.FormatError{Off: off, What: "packages", Want: fmt.Sprintf("to end at parLen %d", len(b)), Got: fmt.Sprint(off)}
	case segments > maxParSegments:
		return &explain.FormatError{Off: ParHeadSize, What: "segments of all packages", Want: "at most 127", Got: fmt.Sprint(segments)}
	}
	return nil
}

func parseParPackage(b []byte, off int64) (*ParPackage, error) {
	rest := b[off:]
	if len(rest) < parPackageFixed {
		return nil, &explain.FormatError{Off: off, What: "package head", Want: "at least 56 bytes", Got: fmt.Sprint(len(rest))}
	}
	u32 := binary.LittleEndian.Uint32
	w := u32(rest)
	k := &ParPackage{
		Off: off, ID: int(w & 0xF), Backwards: w&0x10 != 0, Attr: int(w>>5&7) | int(w>>23&1)<<3,
		HeadLen: int(w >> 8 & 0x3FF), Segments: int(w >> 24),
		Len: u32(rest[4:]), Load: u32(rest[12:]), NewSize: u32(rest[16:]), BaseSize: u32(rest[20:]),
	}
	copy(k.BaseHash[:], rest[24:])
	switch {
	case int64(k.Len) > int64(len(rest)):
		return nil, &explain.FormatError{Off: off + 4, What: "pkgLen", Want: fmt.Sprintf("at most %d", len(rest)), Got: fmt.Sprint(k.Len)}
	case k.HeadLen < parPackageFixed || int64(k.HeadLen) > int64(k.Len):
		return nil, &explain.FormatError{Off: off, What: "length of the package head", Want: fmt.Sprintf("56..%d", k.Len), Got: fmt.Sprint(k.HeadLen)}
	case k.NewSize > maxImage || k.BaseSize > maxImage:
		return nil, &explain.FormatError{Off: off + 16, What: "image sizes", Want: fmt.Sprintf("at most %d", int64(maxImage)), Got: fmt.Sprintf("%d and %d", k.NewSize, k.BaseSize)}
	}
	k.Payload = rest[k.HeadLen:k.Len]
	return k, k.options(rest[:k.HeadLen])
}

// options reads what stands behind the fixed part of a package's head: type,
// length with these two bytes, data (ec618.md 2.4).
func (k *ParPackage) options(head []byte) error {
	for at := parPackageFixed; at < len(head); {
		rest := head[at:]
		if len(rest) < 2 {
			return nil // a byte of padding
		}
		n := int(rest[1])
		if n == 0 {
			return nil
		}
		if n < 2 || n > len(rest) {
			return &explain.FormatError{Off: k.Off + int64(at) + 1, What: "length of an option", Want: fmt.Sprintf("2..%d", len(rest)), Got: fmt.Sprint(n)}
		}
		data := rest[2:n]
		switch rest[0] {
		case 3:
			if len(data) >= 34 {
				k.NewHash = (*[32]byte)(data[2:34])
			}
		case 0:
			name, _, _ := bytes.Cut(data, []byte{0})
			k.Name = string(name)
		}
		at += n
	}
	return nil
}

// encodeHead returns the head of a package with the options that the tools
// write; Len must be set.
func (k *ParPackage) encodeHead() []byte {
	b := make([]byte, parPackageSize)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
	w := uint32(k.ID) | uint32(k.Attr&7)<<5 | parPackageSize<<8 | uint32(k.Attr>>3)<<23 | uint32(k.Segments)<<24
	if k.Backwards {
		w |= 0x10
	}
	put(0, w)
	put(4, k.Len)
	put(12, k.Load)
	put(16, k.NewSize)
	put(20, k.BaseSize)
	copy(b[24:], k.BaseHash[:])
	b[56], b[57] = 3, 0x24
	copy(b[60:], k.NewHash[:])
	b[93] = 0x14
	b[92] = 0
	copy(b[94:], k.Name)
	return b
}

// Encode returns the file: head, packages, hash. Every package needs NewHash
// and Payload; lengths and Count are set from them.
func (p *Par) Encode() []byte {
	b := make([]byte, ParHeadSize)
	copy(b, parMagic)
	b[2] = p.Version
	b[3] = p.Flags&^0xF | byte(len(p.Packages)-1)
	binary.LittleEndian.PutUint16(b[4:], p.Cap)
	binary.LittleEndian.PutUint16(b[6:], p.SegField)
	copy(b[retentionOff:], bytes.Repeat([]byte{0xFF}, retentionSize))
	for _, k := range p.Packages {
		k.Len = uint32(parPackageSize + len(k.Payload))
		b = append(append(b, k.encodeHead()...), k.Payload...)
	}
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
	sum := parHashOf(b)
	copy(b[12:], sum[:])
	return b
}
