package guest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"airlift/flash/explain"
)

// The image that generic boards run: a header that boot code reads, a core and
// a script image behind it. All numbers are little-endian. guests/airlift.h
// has the same for guests.
//
//	  0   4  magic "AIR1"
//	  4   4  bytes of the header, 256: where the core begins
//	  8   4  bytes of the body, all that lies behind the header
//	 12   4  CRC-32 of the body
//	 16   4  version, a number that grows
//	 20   4  bytes of the core
//	 24   4  where the script image begins, from the start of the header; 0 for none
//	 28   4  bytes of the script image
//	 32  32  SHA-256 of the body
//	252   4  CRC-32 of bytes 0..251
const (
	imageMagic  = "AIR1"
	imageHeader = 256
	headerCRC   = 252
)

// The head of a core: what the processor itself would stumble over. The core
// carries a CRC-32 of all before it in its last four bytes, and runs only if
// that is right, whatever boot code looked at.
//
//	0  4  magic "CORE"
//	4  4  bytes of the core, with the CRC
//	8  4  where the script image begins, from the start of the image's header; 0 for none
//	12 4  1 for a core that fails before its first script: the watchdog resets
//	      the chip, and boot code with a way back goes it
const (
	coreMagic   = "CORE"
	coreMin     = 16 + 4
	coreMax     = 64 << 20 // bytes
	coreFailing = 1
)

// Image is the header of an image.
type Image struct {
	Body     uint32 // bytes
	BodyCRC  uint32
	Version  uint32
	Core     uint32 // bytes
	Script   uint32 // offset from the header
	ScriptN  uint32 // bytes
	SHA256   [sha256.Size]byte
	Sum      uint32 // as it stands in the header
	computed uint32
}

// DecodeImage reads a header. It reports a *explain.FormatError for what is
// none.
func DecodeImage(p []byte) (Image, error) {
	if len(p) < imageHeader || string(p[:4]) != imageMagic {
		return Image{}, &explain.FormatError{What: "image magic", Want: imageMagic, Got: fmt.Sprintf("%+q", p[:min(4, len(p))])}
	}
	u := func(at int) uint32 { return binary.LittleEndian.Uint32(p[at:]) }
	im := Image{Body: u(8), BodyCRC: u(12), Version: u(16), Core: u(20), Script: u(24), ScriptN: u(28), Sum: u(headerCRC)}
	copy(im.SHA256[:], p[32:])
	im.computed = crc32.ChecksumIEEE(p[:headerCRC])
	if u(4) != imageHeader {
		return im, &explain.FormatError{Off: 4, What: "image header length", Want: fmt.Sprint(imageHeader), Got: fmt.Sprint(u(4))}
	}
	if im.Sum != im.computed {
		return im, &explain.FormatError{Off: headerCRC, What: "image header CRC", Want: fmt.Sprintf("0x%08X", im.computed), Got: fmt.Sprintf("0x%08X", im.Sum)}
	}
	return im, nil
}

// encode returns the header, its CRC computed.
func (im *Image) encode() []byte {
	p := make([]byte, imageHeader)
	for i := range p {
		p[i] = 0xFF
	}
	copy(p, imageMagic)
	for i, v := range [...]uint32{imageHeader, im.Body, im.BodyCRC, im.Version, im.Core, im.Script, im.ScriptN} {
		binary.LittleEndian.PutUint32(p[4+4*i:], v)
	}
	copy(p[32:], im.SHA256[:])
	binary.LittleEndian.PutUint32(p[headerCRC:], crc32.ChecksumIEEE(p[:headerCRC]))
	return p
}

// buildImage joins a core, which is sealed, with a script image.
func buildImage(core, script []byte, version uint32, sector int64) []byte {
	im := Image{Version: version, Core: uint32(len(core))}
	body := append([]byte(nil), core...)
	if script != nil {
		for (int64(len(body))+imageHeader)%sector != 0 {
			body = append(body, 0xFF)
		}
		im.Script, im.ScriptN = uint32(len(body)+imageHeader), uint32(len(script))
		body = append(body, script...)
	}
	for len(body)%4 != 0 {
		body = append(body, 0xFF)
	}
	im.Body, im.BodyCRC, im.SHA256 = uint32(len(body)), crc32.ChecksumIEEE(body), sha256.Sum256(body)
	return append(im.encode(), body...)
}

// scriptOffset is where buildImage puts the script image.
func scriptOffset(core int, sector int64) uint32 {
	n := int64(core) + imageHeader
	return uint32((n + sector - 1) / sector * sector)
}

// sealCore writes the head and the CRC of a core.
func sealCore(core []byte, script uint32) {
	copy(core, coreMagic)
	binary.LittleEndian.PutUint32(core[4:], uint32(len(core)))
	binary.LittleEndian.PutUint32(core[8:], script)
	if binary.LittleEndian.Uint32(core[12:]) != coreFailing {
		binary.LittleEndian.PutUint32(core[12:], 0)
	}
	end := len(core) - 4
	binary.LittleEndian.PutUint32(core[end:], crc32.ChecksumIEEE(core[:end]))
}

// explainImage explains an image or a slot that begins with one.
func explainImage(p []byte) *explain.Field {
	im, err := DecodeImage(p)
	f := &explain.Field{Len: int64(len(p)), Name: "image", Value: fmt.Sprintf("version %d", im.Version), Meaning: "image for a generic board"}
	head := f.Add(explain.Field{Len: imageHeader, Name: "header", Verdict: explain.OK})
	if err != nil {
		head.Verdict, head.Meaning = explain.Bad, err.Error()
		return f
	}
	for i, w := range []struct {
		name string
		v    uint32
	}{{"body length", im.Body}, {"body CRC-32", im.BodyCRC}, {"version", im.Version}, {"core length", im.Core}, {"script offset", im.Script}, {"script length", im.ScriptN}} {
		value := fmt.Sprint(w.v)
		if i == 1 {
			value = fmt.Sprintf("0x%08X", w.v)
		}
		head.Add(explain.Field{Off: int64(8 + 4*i), Len: 4, Name: w.name, Value: value})
	}
	head.Add(explain.Field{Off: 32, Len: 32, Name: "SHA-256", Value: fmt.Sprintf("%x", im.SHA256)})
	body := f.Add(explain.Field{Off: imageHeader, Len: int64(im.Body), Name: "body", Verdict: explain.OK})
	switch {
	case int64(im.Body) > int64(len(p))-imageHeader:
		body.Verdict, body.Meaning = explain.Bad, fmt.Sprintf("the file has %d bytes of it", len(p)-imageHeader)
	case crc32.ChecksumIEEE(p[imageHeader:][:im.Body]) != im.BodyCRC:
		body.Verdict, body.Meaning = explain.Bad, "CRC-32 does not match"
	}
	return f
}
