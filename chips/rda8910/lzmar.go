package rda8910

import (
	"fmt"

	"airlift/flash/explain"
)

// Sizes in an LZMAR file (8910.md 2.6).
const (
	lzmarHead      = 8
	lzmarBlockHead = 8
	lzmarBlock     = 64 * kib // plain bytes of a block
	lzmarDict      = 1 * kib  // farthest distance
	lzmarAlign     = 8
	// lzmarMaxStream bounds the stream of a block in bytes. The worst one is
	// longer than its data by a few per cent.
	lzmarMaxStream = 2 * lzmarBlock
)

// LZMAR is a file of the compression that boot code, modem data and the
// packages of LuatOS-SoC use: blocks of 64 KiB, each a stream of an LZMA of its
// own kind (8910.md 2.6).
type LZMAR struct {
	Size   uint32 // plain bytes
	Blocks []LZMARBlock
	End    int64 // bytes of the file, padding included
}

// LZMARBlock is one block of an LZMAR file.
type LZMARBlock struct {
	Off    int64  // where its head is, bytes from the start of the file
	Plain  int    // plain bytes
	Sum    uint32 // of the plain bytes
	Stream []byte
}

// isLZMAR reports whether b begins like an LZMAR file: with the head and with
// the zero that every stream begins with.
func isLZMAR(b []byte) bool {
	const first = lzmarHead + lzmarBlockHead
	return len(b) > first && le.Uint32(b) > 0 && string(b[4:8]) == "\x40\x00\x01\x00" && b[first] == 0
}

// ParseLZMAR reads the heads of an LZMAR file, which may have other data
// behind it. The streams share memory with b. The error is a
// *explain.FormatError; the blocks before it are returned all the same.
func ParseLZMAR(b []byte) (*LZMAR, error) {
	if len(b) < lzmarHead {
		return nil, wrong(0, "LZMAR head", "8 bytes", len(b))
	}
	z := &LZMAR{Size: le.Uint32(b), End: lzmarHead}
	switch {
	case z.Size > maxPlain:
		return nil, wrong(0, "LZMAR size", fmt.Sprintf("at most %d", maxPlain), z.Size)
	case le.Uint16(b[4:]) != lzmarBlock/kib || b[6] != lzmarDict/kib || b[7] != 0:
		return nil, wrong(4, "LZMAR block size, dictionary and property", "40 00 01 00", fmt.Sprintf("% X", b[4:8]))
	}
	for left := int(z.Size); left > 0; left -= lzmarBlock {
		k := LZMARBlock{Off: z.End, Plain: min(left, lzmarBlock)}
		rest := b[min(z.End, int64(len(b))):]
		if len(rest) < lzmarBlockHead {
			return z, wrong(z.End, "LZMAR block head", "8 bytes", len(rest))
		}
		n := le.Uint32(rest)
		if n > lzmarMaxStream || int(n) > len(rest)-lzmarBlockHead {
			return z, wrong(z.End, "stream_size", fmt.Sprintf("at most %d", min(lzmarMaxStream, len(rest)-lzmarBlockHead)), n)
		}
		k.Sum, k.Stream = le.Uint32(rest[4:]), rest[lzmarBlockHead:lzmarBlockHead+n]
		z.Blocks = append(z.Blocks, k)
		z.End += (lzmarBlockHead + int64(n) + lzmarAlign - 1) / lzmarAlign * lzmarAlign
	}
	z.End = min(z.End, int64(len(b))) // the last padding may be missing
	return z, nil
}

// Unpack returns the plain bytes of a block. The error is a
// *explain.FormatError; the bytes before it are returned all the same.
func (k *LZMARBlock) Unpack() ([]byte, error) {
	out, used, err := lzmarCoding.decode(k.Stream, k.Plain)
	if err != nil {
		return out, &explain.FormatError{Off: k.Off + lzmarBlockHead + int64(used), What: "LZMAR stream", Want: err.Error()}
	}
	if sum := byteSum(out); sum != k.Sum {
		return out, wrong(k.Off+4, "checksum of an LZMAR block", fmt.Sprintf("0x%08X", sum), fmt.Sprintf("0x%08X", k.Sum))
	}
	return out, nil
}

// Unpack returns the plain bytes of the file; see [LZMARBlock.Unpack].
func (z *LZMAR) Unpack() ([]byte, error) {
	var out []byte
	for i := range z.Blocks {
		p, err := z.Blocks[i].Unpack()
		out = append(out, p...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// unpackLZMAR parses and unpacks a file with nothing behind it.
func unpackLZMAR(b []byte) ([]byte, error) {
	z, err := ParseLZMAR(b)
	if err != nil {
		return nil, err
	}
	if z.End != int64(len(b)) {
		return nil, wrong(z.End, "LZMAR file", "its end", fmt.Sprintf("%d bytes more", int64(len(b))-z.End))
	}
	return z.Unpack()
}

// PackLZMAR compresses p.
func PackLZMAR(p []byte) ([]byte, error) {
	if len(p) > maxPlain {
		return nil, fmt.Errorf("%d bytes are too many for an LZMAR file: at most %d", len(p), maxPlain)
	}
	b := append(le.AppendUint32(nil, uint32(len(p))), lzmarBlock/kib, 0, lzmarDict/kib, 0)
	for rest := p; len(rest) > 0; {
		n := min(lzmarBlock, len(rest))
		stream := lzmarCoding.encode(rest[:n])
		b = le.AppendUint32(b, uint32(len(stream)))
		b = le.AppendUint32(b, byteSum(rest[:n]))
		b = append(b, stream...)
		for len(b)%lzmarAlign != 0 {
			b = append(b, 0)
		}
		rest = rest[n:]
	}
	return b, nil
}
