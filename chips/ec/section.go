package ec

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"

	"airlift/flash/explain"
)

const (
	// SectionHeadSize is the length of a section's head in bytes
	// (ec618.md 2.2).
	SectionHeadSize = 36
	// BlockLen is how many bytes the tools put into one block
	// (ec618.md 2.2). Boot code has no memory for more (10.1).
	BlockLen = 0x40000
	// cpFlash marks addresses on the flash of EC618's communication processor
	// (ec618.md 2.2).
	cpFlash = 1 << 31
	// maxProps is how many property bytes boot code takes (ec618.md 2.2).
	maxProps = 13
	// maxBlocks bounds what is listed of a section: as many blocks of the
	// smallest kind as the largest flash has room for.
	maxBlocks = maxImage / 4096
)

// Section is one piece of the common part: data for one place in the flash
// (ec618.md 2.2). All numbers are little-endian in the file.
type Section struct {
	Magic     uint32   // MaigcNum
	TotalLen  uint32   // bytes of the blocks that follow the head
	DataLen   uint32   // bytes after decompression
	MD5       [16]byte // of the decompressed data
	BlockLen  uint32   // decompressed bytes of every block but the last
	StartAddr uint32   // StartAddress: offset in the flash; bit 31 set: CP flash of EC618
	Off       int64    // where the head is, bytes from the start of the common part
	Stream    []byte   // the blocks
}

// Block is one block of a section's stream.
type Block struct {
	Off   int64  // bytes from the start of the stream
	Props []byte // LZMA properties; a first byte of 0 means stored
	Data  []byte // compressed
}

// DecodeSectionHead reads a section's head without judging it; p must hold
// SectionHeadSize bytes.
func DecodeSectionHead(p []byte) Section {
	u := binary.LittleEndian.Uint32
	s := Section{Magic: u(p), TotalLen: u(p[4:]), DataLen: u(p[8:]), BlockLen: u(p[28:]), StartAddr: u(p[32:])}
	copy(s.MD5[:], p[12:])
	return s
}

// Encode returns head and stream.
func (s *Section) Encode() []byte {
	p := make([]byte, SectionHeadSize, SectionHeadSize+len(s.Stream))
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(p[off:], v) }
	put(0, s.Magic)
	put(4, s.TotalLen)
	put(8, s.DataLen)
	copy(p[12:], s.MD5[:])
	put(28, s.BlockLen)
	put(32, s.StartAddr)
	return append(p, s.Stream...)
}

// NewSection compresses data for the flash offset addr, in blocks of BlockLen
// bytes.
func NewSection(series Series, addr uint32, data []byte) (*Section, error) {
	if len(data) == 0 || int64(len(data)) > maxImage {
		return nil, fmt.Errorf("section of %d bytes: expected 1..%d", len(data), int64(maxImage))
	}
	s := &Section{Magic: series.Magic(), DataLen: uint32(len(data)), MD5: md5.Sum(data), BlockLen: BlockLen, StartAddr: addr}
	for rest := data; len(rest) > 0; {
		n := min(BlockLen, len(rest))
		packed, err := lzmaEncode(rest[:n])
		if err != nil {
			return nil, err
		}
		s.Stream = append(s.Stream, byte(len(lzmaProps)))
		s.Stream = append(s.Stream, lzmaProps[:]...)
		s.Stream = binary.LittleEndian.AppendUint32(s.Stream, uint32(len(packed)))
		s.Stream = append(s.Stream, packed...)
		rest = rest[n:]
	}
	s.TotalLen = uint32(len(s.Stream))
	return s, nil
}

// Sections splits a common part. What it cannot follow is a
// *explain.FormatError whose offset counts from the start of the part; the
// sections before it are returned all the same.
func Sections(common []byte, series Series) ([]*Section, error) {
	var list []*Section
	for off := int64(0); off < int64(len(common)); {
		rest := common[off:]
		if len(rest) < SectionHeadSize {
			return list, &explain.FormatError{Off: off, What: "section head", Want: "36 bytes", Got: fmt.Sprint(len(rest))}
		}
		s := DecodeSectionHead(rest)
		s.Off = off
		if s.Magic != series.Magic() {
			return list, &explain.FormatError{Off: off, What: "MaigcNum of a section", Want: fmt.Sprintf("0x%08X", series.Magic()), Got: fmt.Sprintf("0x%08X", s.Magic)}
		}
		if int64(s.TotalLen) > int64(len(rest)-SectionHeadSize) {
			return list, &explain.FormatError{Off: off + 4, What: "TotalLen", Want: fmt.Sprintf("at most %d", len(rest)-SectionHeadSize), Got: fmt.Sprint(s.TotalLen)}
		}
		s.Stream = rest[SectionHeadSize : SectionHeadSize+int64(s.TotalLen)]
		list = append(list, &s)
		off += SectionHeadSize + int64(s.TotalLen)
	}
	return list, nil
}

// Blocks splits the stream. The error is a *explain.FormatError whose offset
// counts from the start of the stream; the blocks before it are returned.
func (s *Section) Blocks() ([]Block, error) {
	var list []Block
	for off := int64(0); off < int64(len(s.Stream)); {
		if len(list) == maxBlocks {
			return list, &explain.FormatError{Off: off, What: "blocks", Want: fmt.Sprintf("at most %d", maxBlocks), Got: "more"}
		}
		rest := s.Stream[off:]
		n := int(rest[0])
		if n > maxProps {
			return list, &explain.FormatError{Off: off, What: "number of property bytes", Want: "0..13", Got: fmt.Sprint(n), Hint: "the boot code resets here"}
		}
		if len(rest) < 1+n+4 {
			return list, &explain.FormatError{Off: off, What: "block head", Want: fmt.Sprintf("%d bytes", 1+n+4), Got: fmt.Sprint(len(rest))}
		}
		size := int64(binary.LittleEndian.Uint32(rest[1+n:]))
		data := rest[1+n+4:]
		if size > int64(len(data)) {
			return list, &explain.FormatError{Off: off + 1 + int64(n), What: "compLen", Want: fmt.Sprintf("at most %d", len(data)), Got: fmt.Sprint(size)}
		}
		list = append(list, Block{Off: off, Props: rest[1 : 1+n], Data: data[:size]})
		off += int64(1+n+4) + size
	}
	return list, nil
}

// Stored reports a block that is copied as it is (ec618.md 2.2).
func (b *Block) Stored() bool { return len(b.Props) > 0 && b.Props[0] == 0 }

// maxImage bounds a section's data in bytes: no chip of the family has more
// flash.
const maxImage = 16 << 20

// Unpack decompresses a section whole and checks its MD5. Memory is bounded by
// DataLen, which is bounded by the largest flash. Errors are
// *explain.FormatError with offsets from the start of the common part.
func (s *Section) Unpack() ([]byte, error) {
	switch {
	case s.DataLen == 0 || s.DataLen == s.TotalLen:
		return nil, &explain.FormatError{Off: s.Off + 8, What: "DataLen", Want: "the length of compressed data", Got: fmt.Sprint(s.DataLen), Hint: "the boot code only takes compressed sections"}
	case s.DataLen > maxImage:
		return nil, &explain.FormatError{Off: s.Off + 8, What: "DataLen", Want: fmt.Sprintf("at most %d", int64(maxImage)), Got: fmt.Sprint(s.DataLen)}
	case s.BlockLen == 0 || s.BlockLen > BlockLen || s.BlockLen%4096 != 0:
		return nil, &explain.FormatError{Off: s.Off + 28, What: "BlockLen", Want: "a multiple of 4096 up to 0x40000", Got: fmt.Sprintf("0x%X", s.BlockLen)}
	}
	stream := s.Off + SectionHeadSize
	blocks, err := s.Blocks()
	if err != nil {
		return nil, explain.Moved(err, stream)
	}
	var out []byte
	for i := range blocks {
		b := &blocks[i]
		want := int(min(int64(s.BlockLen), int64(s.DataLen)-int64(len(out))))
		data, err := b.Unpack(want)
		if err == nil && len(data) != want {
			err = fmt.Errorf("%d bytes, expected %d", len(data), want)
		}
		if err != nil {
			return out, &explain.FormatError{Off: stream + b.Off, What: fmt.Sprintf("block %d", i), Want: fmt.Sprintf("%d bytes of LZMA", want), Got: err.Error()}
		}
		out = append(out, data...)
	}
	if len(out) != int(s.DataLen) {
		return out, &explain.FormatError{Off: s.Off + 8, What: "DataLen", Want: fmt.Sprint(len(out)), Got: fmt.Sprint(s.DataLen)}
	}
	if sum := md5.Sum(out); sum != s.MD5 {
		return out, &explain.FormatError{Off: s.Off + 12, What: "MD5 of the data", Want: fmt.Sprintf("%x", sum), Got: fmt.Sprintf("%x", s.MD5)}
	}
	return out, nil
}

// errProps is a block without usable LZMA properties.
var errProps = errors.New("no LZMA properties")

// lzmaPool is the memory that boot code has for a decoder's model, in bytes: that
// of EC7xx (ec618.md 4.3). EC618 has 768 KiB for model and data together (10.1),
// which is taken to leave no more.
const lzmaPool = 384 << 10

// model is how many bytes the block's decoder takes for its probabilities, or 0
// for a block without a decoder.
func (b *Block) model() int64 {
	if b.Stored() || len(b.Props) < 5 {
		return 0
	}
	return 2 * (1846 + 768<<(b.Props[0]%9+b.Props[0]/9%5))
}

// Unpack decompresses one block to at most n bytes. Damaged data gives what
// came out before the damage, and an error.
func (b *Block) Unpack(n int) ([]byte, error) {
	switch {
	case b.Stored():
		return b.Data[:min(n, len(b.Data))], nil
	case len(b.Props) < 5:
		return nil, errProps
	case b.model() > lzmaPool:
		return nil, fmt.Errorf("the decoder's model takes %d KiB, boot code has %d", b.model()>>10, lzmaPool>>10)
	case n == 0:
		return nil, nil // behind the end of the data
	}
	return lzmaDecode(b.Props, b.Data, n)
}
