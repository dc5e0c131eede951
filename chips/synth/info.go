// Package synth makes cores that were never compiled, for tests, demos and
// lessons: nobody has to own a vendor's firmware to see an update.
//
// A synthetic core carries a descriptor, [Info], that says what it is. A real
// core has none: what it is can then only be taken from the profile. The core
// stage reads the descriptor from flash, so that a device is what its flash
// says.
package synth

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
)

// Info is the descriptor that a core made by airlift carries in its body.
type Info struct {
	Model     string // "Air601"
	BSP       string // "AIR601"
	Profile   string // "g2"
	Version   string // "V1025"
	Base      string // version of the LuatOS core
	BuildDate string // "Apr 10 2024"
	BuildTime string // "12:00:00"
	FlashSize int64  // bytes
	Bits      int    // width of Lua numbers, 32 or 64
	Features  chips.Features
	// Partitions is the map the core was built for. Notes are not stored.
	Partitions flash.Table
}

// Where the descriptor lies in a core's body: at a fixed place behind the
// vector table, in airlift's own form. All numbers are little-endian.
//
//	 0  8  magic
//	 8  4  length of the payload in bytes
//	12  4  JAMCRC of the payload
//	16  n  payload: see Encode
const (
	Offset      = 0x100    // bytes from the start of the body
	HeadSize    = 16       // bytes before the payload
	payloadMax  = 12 << 10 // bytes of payload
	magic       = "airlift\x01"
	maxParts    = 64
	maxString   = 63
	stringCount = 7
	Reach       = Offset + HeadSize + payloadMax // a reader needs no more of the body than this
)

// Check reports what the descriptor cannot hold.
func (c *Info) Check() error {
	for i, s := range c.strings() {
		if len(*s) > maxString {
			return fmt.Errorf("core descriptor: string %d has %d bytes, expected at most %d", i+1, len(*s), maxString)
		}
	}
	if len(c.Partitions) > maxParts {
		return fmt.Errorf("core descriptor: %d partitions, expected at most %d", len(c.Partitions), maxParts)
	}
	for _, p := range c.Partitions {
		if len(p.Name) > maxString || len(p.Kind) > maxString {
			return fmt.Errorf("core descriptor: name or kind of partition %.70q is longer than %d bytes", p.Name, maxString)
		}
	}
	return nil
}

func (c *Info) strings() [stringCount]*string {
	return [...]*string{&c.Model, &c.BSP, &c.Profile, &c.Version, &c.Base, &c.BuildDate, &c.BuildTime}
}

// Encode returns the descriptor, head and payload. What [Info.Check]
// complains of is cut off.
//
// Payload: the seven strings in the order of the fields, each a length byte
// and its bytes; FlashSize as 8 bytes; Bits as 1; features as 1 (bit 0 Fota,
// 1 FileOTA, 2 Mobile, 3 Wlan, 4 ScanOnly); number of partitions as 1; for each its name
// and kind as strings, offset and size as 8 bytes each, and 1 byte with bit 0
// for an overlay.
func (c *Info) Encode() []byte {
	b := make([]byte, HeadSize, 1024)
	copy(b, magic)
	str := func(s string) {
		s = s[:min(len(s), maxString)]
		b = append(append(b, byte(len(s))), s...)
	}
	for _, s := range c.strings() {
		str(*s)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(c.FlashSize))
	parts := c.Partitions[:min(len(c.Partitions), maxParts)]
	f := c.Features
	b = append(b, byte(c.Bits), bit(f.Fota, 0)|bit(f.FileOTA, 1)|bit(f.Mobile, 2)|bit(f.Wlan, 3)|bit(f.ScanOnly, 4), byte(len(parts)))
	for _, p := range parts {
		str(p.Name)
		str(p.Kind)
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Size))
		b = append(b, bit(p.Overlay, 0))
	}
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-HeadSize))
	binary.LittleEndian.PutUint32(b[12:], jamcrc(b[HeadSize:]))
	return b
}

func bit(set bool, n uint) byte {
	if set {
		return 1 << n
	}
	return 0
}

// Find reads the descriptor from the start of a core's body, of which
// the first Reach bytes are enough. It reports false for a body
// without one, and a *explain.FormatError (offsets from the start of body) for
// one whose descriptor is damaged.
func Find(body []byte) (Info, bool, error) {
	if len(body) < Offset+HeadSize || string(body[Offset:Offset+8]) != magic {
		return Info{}, false, nil
	}
	head := body[Offset:]
	n := binary.LittleEndian.Uint32(head[8:])
	if n > payloadMax || int(n) > len(head)-HeadSize {
		return Info{}, true, &explain.FormatError{Off: Offset + 8, What: "core descriptor length",
			Want: fmt.Sprintf("at most %d", min(payloadMax, len(head)-HeadSize)), Got: fmt.Sprint(n)}
	}
	payload := head[HeadSize : HeadSize+n]
	if want, got := binary.LittleEndian.Uint32(head[12:]), jamcrc(payload); want != got {
		return Info{}, true, &explain.FormatError{Off: Offset + 12, What: "core descriptor CRC",
			Want: fmt.Sprintf("0x%08X", got), Got: fmt.Sprintf("0x%08X", want)}
	}
	d := decoder{p: payload}
	c := d.info()
	if d.short || len(d.p) != 0 {
		return Info{}, true, &explain.FormatError{Off: Offset + HeadSize, What: "core descriptor",
			Want: "fields that fill it exactly", Got: fmt.Sprintf("%d bytes left, short: %v", len(d.p), d.short)}
	}
	return c, true, nil
}

// decoder reads a payload; after its end every read is zero and short is
// set.
type decoder struct {
	p     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.p) {
		d.short, d.p = true, nil
		return make([]byte, n)
	}
	b := d.p[:n]
	d.p = d.p[n:]
	return b
}

func (d *decoder) u8() byte    { return d.take(1)[0] }
func (d *decoder) i64() int64  { return int64(binary.LittleEndian.Uint64(d.take(8))) }
func (d *decoder) str() string { return string(d.take(int(d.u8()))) }

func (d *decoder) info() Info {
	var c Info
	for _, s := range c.strings() {
		*s = d.str()
	}
	c.FlashSize = d.i64()
	c.Bits = int(d.u8())
	f := d.u8()
	c.Features = chips.Features{Fota: f&1 != 0, FileOTA: f&2 != 0, Mobile: f&4 != 0, Wlan: f&8 != 0, ScanOnly: f&16 != 0}
	for n := int(d.u8()); n > 0 && !d.short; n-- {
		p := flash.Partition{Name: d.str(), Kind: d.str()}
		p.Off, p.Size = d.i64(), d.i64()
		p.Overlay = d.u8()&1 != 0
		c.Partitions = append(c.Partitions, p)
	}
	return c
}

// jamcrc is CRC-32 without the final inversion.
func jamcrc(p []byte) uint32 { return ^crc32.ChecksumIEEE(p) }
