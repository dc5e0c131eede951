package ec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// lzmaProps are the properties that the vendor's packer writes: lc 3, lp 1,
// pb 2, and a dictionary of 256 KiB (ec618.md 2.2).
var lzmaProps = [5]byte{0x66, 0x00, 0x00, 0x04, 0x00}

// lzmaHead is the length of the head of an .lzma file, in bytes: what a block
// leaves out.
const lzmaHead = 13

// lzmaEncode returns the raw LZMA1 stream of p, without head and end marker.
func lzmaEncode(p []byte) ([]byte, error) {
	var b bytes.Buffer
	cfg := lzma.WriterConfig{
		Properties: &lzma.Properties{LC: 3, LP: 1, PB: 2},
		DictCap:    BlockLen, SizeInHeader: true, Size: int64(len(p)),
		Matcher: lzma.HashTable4, // the binary tree takes half a minute for zeros
	}
	w, err := cfg.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(p); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes()[lzmaHead:], nil
}

// lzmaDecode unpacks a raw LZMA1 stream to n bytes. The dictionary is the
// output itself, as in boot code, so the size in props does not matter.
// Damaged data gives what came out before the damage, and an error.
func lzmaDecode(props, data []byte, n int) ([]byte, error) {
	var head [lzmaHead]byte
	head[0] = props[0]
	binary.LittleEndian.PutUint32(head[1:], uint32(max(n, lzma.MinDictCap)))
	binary.LittleEndian.PutUint64(head[5:], uint64(n))
	r, err := lzma.ReaderConfig{DictCap: max(n, lzma.MinDictCap)}.NewReader(io.MultiReader(bytes.NewReader(head[:]), bytes.NewReader(data)))
	if err != nil {
		return nil, err
	}
	out := make([]byte, n)
	got, err := io.ReadFull(r, out)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the compressed data ends early")
	}
	return out[:got], err
}
