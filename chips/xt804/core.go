package xt804

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
)

// CoreInfo is the descriptor that a core made by airlift carries in its body.
// A real core has none: what it is can then only be taken from the profile.
// The core stage reads it from flash, so that a device is what its flash says.
type CoreInfo struct {
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
//	 0  8  coreMagic
//	 8  4  length of the payload in bytes
//	12  4  JAMCRC of the payload
//	16  n  payload: see Encode
const (
	CoreInfoOffset   = 0x100 // bytes from the start of the body
	coreInfoHead     = 16
	coreInfoMax      = 12 << 10 // bytes of payload
	coreMagic        = "airlift\x01"
	maxCoreParts     = 64
	maxCoreString    = 63
	coreStrings      = 7
	CoreInfoReach    = CoreInfoOffset + coreInfoHead + coreInfoMax // a reader needs no more of the body than this
	defaultCoreBytes = 1200 << 10
)

// Check reports what the descriptor cannot hold.
func (c *CoreInfo) Check() error {
	for i, s := range c.strings() {
		if len(*s) > maxCoreString {
			return fmt.Errorf("core descriptor: string %d has %d bytes, expected at most %d", i+1, len(*s), maxCoreString)
		}
	}
	if len(c.Partitions) > maxCoreParts {
		return fmt.Errorf("core descriptor: %d partitions, expected at most %d", len(c.Partitions), maxCoreParts)
	}
	for _, p := range c.Partitions {
		if len(p.Name) > maxCoreString || len(p.Kind) > maxCoreString {
			return fmt.Errorf("core descriptor: name or kind of partition %.70q is longer than %d bytes", p.Name, maxCoreString)
		}
	}
	return nil
}

func (c *CoreInfo) strings() [coreStrings]*string {
	return [...]*string{&c.Model, &c.BSP, &c.Profile, &c.Version, &c.Base, &c.BuildDate, &c.BuildTime}
}

// Encode returns the descriptor, head and payload. What [CoreInfo.Check]
// complains of is cut off.
//
// Payload: the seven strings in the order of the fields, each a length byte
// and its bytes; FlashSize as 8 bytes; Bits as 1; features as 1 (bit 0 Fota,
// 1 FileOTA, 2 Mobile, 3 Wlan); number of partitions as 1; for each its name
// and kind as strings, offset and size as 8 bytes each, and 1 byte with bit 0
// for an overlay.
func (c *CoreInfo) Encode() []byte {
	b := make([]byte, coreInfoHead, 1024)
	copy(b, coreMagic)
	str := func(s string) {
		s = s[:min(len(s), maxCoreString)]
		b = append(append(b, byte(len(s))), s...)
	}
	for _, s := range c.strings() {
		str(*s)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(c.FlashSize))
	parts := c.Partitions[:min(len(c.Partitions), maxCoreParts)]
	f := c.Features
	b = append(b, byte(c.Bits), bit(f.Fota, 0)|bit(f.FileOTA, 1)|bit(f.Mobile, 2)|bit(f.Wlan, 3), byte(len(parts)))
	for _, p := range parts {
		str(p.Name)
		str(p.Kind)
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Size))
		b = append(b, bit(p.Overlay, 0))
	}
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-coreInfoHead))
	binary.LittleEndian.PutUint32(b[12:], JAMCRC(b[coreInfoHead:]))
	return b
}

func bit(set bool, n uint) byte {
	if set {
		return 1 << n
	}
	return 0
}

// FindCoreInfo reads the descriptor from the start of a core's body, of which
// the first CoreInfoReach bytes are enough. It reports false for a body
// without one, and a *explain.FormatError (offsets from the start of body) for
// one whose descriptor is damaged.
func FindCoreInfo(body []byte) (CoreInfo, bool, error) {
	if len(body) < CoreInfoOffset+coreInfoHead || string(body[CoreInfoOffset:CoreInfoOffset+8]) != coreMagic {
		return CoreInfo{}, false, nil
	}
	head := body[CoreInfoOffset:]
	n := binary.LittleEndian.Uint32(head[8:])
	if n > coreInfoMax || int(n) > len(head)-coreInfoHead {
		return CoreInfo{}, true, &explain.FormatError{Off: CoreInfoOffset + 8, What: "core descriptor length",
			Want: fmt.Sprintf("at most %d", min(coreInfoMax, len(head)-coreInfoHead)), Got: fmt.Sprint(n)}
	}
	payload := head[coreInfoHead : coreInfoHead+n]
	if want, got := binary.LittleEndian.Uint32(head[12:]), JAMCRC(payload); want != got {
		return CoreInfo{}, true, &explain.FormatError{Off: CoreInfoOffset + 12, What: "core descriptor CRC",
			Want: fmt.Sprintf("0x%08X", got), Got: fmt.Sprintf("0x%08X", want)}
	}
	d := coreDecoder{p: payload}
	c := d.info()
	if d.short || len(d.p) != 0 {
		return CoreInfo{}, true, &explain.FormatError{Off: CoreInfoOffset + coreInfoHead, What: "core descriptor",
			Want: "fields that fill it exactly", Got: fmt.Sprintf("%d bytes left, short: %v", len(d.p), d.short)}
	}
	return c, true, nil
}

// coreDecoder reads a payload; after its end every read is zero and short is
// set.
type coreDecoder struct {
	p     []byte
	short bool
}

func (d *coreDecoder) take(n int) []byte {
	if n > len(d.p) {
		d.short, d.p = true, nil
		return make([]byte, n)
	}
	b := d.p[:n]
	d.p = d.p[n:]
	return b
}

func (d *coreDecoder) u8() byte    { return d.take(1)[0] }
func (d *coreDecoder) i64() int64  { return int64(binary.LittleEndian.Uint64(d.take(8))) }
func (d *coreDecoder) str() string { return string(d.take(int(d.u8()))) }

func (d *coreDecoder) info() CoreInfo {
	var c CoreInfo
	for _, s := range c.strings() {
		*s = d.str()
	}
	c.FlashSize = d.i64()
	c.Bits = int(d.u8())
	f := d.u8()
	c.Features = chips.Features{Fota: f&1 != 0, FileOTA: f&2 != 0, Mobile: f&4 != 0, Wlan: f&8 != 0}
	for n := int(d.u8()); n > 0 && !d.short; n-- {
		p := flash.Partition{Name: d.str(), Kind: d.str()}
		p.Off, p.Size = d.i64(), d.i64()
		p.Overlay = d.u8()&1 != 0
		c.Partitions = append(c.Partitions, p)
	}
	return c
}

// SyntheticCore returns the code bytes of a core that was never compiled: a
// vector table, the descriptor, and a stream with the statistics of 32-bit
// microcontroller code, so that packages have realistic sizes. The same
// arguments give the same bytes on every platform. Size is in bytes and is
// raised to what the descriptor needs.
func SyntheticCore(info CoreInfo, size int64, seed uint64) []byte {
	desc := info.Encode()
	size = max(size, int64(CoreInfoOffset+len(desc)))
	b := make([]byte, size)
	pseudoCode(b, seed)
	for i := 0; i < CoreInfoOffset; i += 4 {
		binary.LittleEndian.PutUint32(b[i:], FlashBase+0x10000+uint32(i)*64) // vectors
	}
	copy(b[CoreInfoOffset:], desc)
	return b
}

// pseudoCode fills b with made-up instructions: functions of some tens of
// half-words, drawn with a skew from a vocabulary, with literals behind them
// and now and then a stretch repeated from further up.
func pseudoCode(b []byte, seed uint64) {
	r := rand.NewPCG(seed, 0x58543830345F636F)
	below := func(n uint64) uint64 { return r.Uint64() >> 32 * n >> 32 } // IntN may change with the toolchain
	var words [1024]uint16
	for i := range words {
		words[i] = uint16(r.Uint64())
	}
	at := 0
	half := func(v uint16) {
		if at < len(b) {
			b[at] = byte(v)
		}
		if at+1 < len(b) {
			b[at+1] = byte(v >> 8)
		}
		at += 2
	}
	for at < len(b) {
		for n := 8 + below(56); n > 0; n-- {
			v := r.Uint64()
			switch {
			case v&0x1F < 2 && at > 4096: // something the compiler emits again and again
				from := (at - 2 - int(v>>8&0xFFF)) &^ 1
				for k := 4 + int(v>>20&0xF); k > 0 && from+1 < len(b); k-- {
					half(uint16(b[from]) | uint16(b[from+1])<<8)
					from += 2
				}
			case v&0x1F < 26: // common opcode with common operands
				x, y, z := v>>8&0x3FF, v>>18&0x3FF, v>>28&0x3FF
				half(words[x*y>>10*z>>10])
			default: // an operand or offset that hardly repeats
				half(words[v>>8&0x3F]&0xFF00 | uint16(v>>16&0xFF))
			}
		}
		half(0x783C) // return
		for n := below(4); n > 0; n-- {
			v := r.Uint64()
			half(uint16(v))
			half(0x0800 | uint16(v>>16&0x1F))
		}
	}
}
