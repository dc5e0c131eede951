package xt804

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"airlift/chips/deflate"
	"airlift/flash/explain"
)

// gzipHead is the one gzip header that the packer writes, and the only form
// that the LuatOS firmware can skip: no flags, no name, time 0, OS 3
// (xt804.md 2.4, 4.5).
var gzipHead = [10]byte{0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3}

// Gzip returns payload as a gzip stream with the packer's header. The bytes
// depend on nothing but the payload.
func Gzip(payload []byte) []byte {
	out := append(make([]byte, 0, len(payload)/2+64), gzipHead[:]...)
	return gzipTail(deflate.Append(out, payload), payload)
}

// GzipStored is Gzip without compression, in stored blocks of 65535 bytes.
func GzipStored(payload []byte) []byte {
	out := append(make([]byte, 0, len(payload)+64), gzipHead[:]...)
	for rest := payload; ; {
		n := min(len(rest), 0xFFFF)
		final := byte(0)
		if n == len(rest) {
			final = 1
		}
		out = append(out, final, byte(n), byte(n>>8), byte(^n), byte(^n>>8))
		out = append(out, rest[:n]...)
		if rest = rest[n:]; final == 1 {
			return gzipTail(out, payload)
		}
	}
}

func gzipTail(out, payload []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(payload))
	return binary.LittleEndian.AppendUint32(out, uint32(len(payload)))
}

// gzipStream is what a body that should be a gzip stream turned out to be.
type gzipStream struct {
	head    int // bytes of the gzip header
	flags   byte
	name    string // FNAME, clipped
	data    int    // bytes of compressed data
	payload []byte
	// crc and size are the trailer as found; trailer is false if it is cut off.
	crc, size uint32
	trailer   bool
	rest      []byte // behind the trailer: padding
}

// readGzip unpacks a gzip stream of at most limit bytes of payload. Off is
// where body starts in its file. On an error the stream holds what was read
// until then.
func readGzip(body []byte, off, limit int64) (gzipStream, error) {
	var g gzipStream
	if len(body) < len(gzipHead) || body[0] != 0x1F || body[1] != 0x8B || body[2] != 8 {
		return g, &explain.FormatError{Off: off, What: "gzip header", Want: "1F 8B 08", Got: fmt.Sprintf("% X", body[:min(3, len(body))])}
	}
	g.head, g.flags = len(gzipHead), body[3]
	if err := g.skipOptional(body, off); err != nil {
		return g, err
	}
	payload, data, err := inflateAll(body[g.head:], limit)
	g.payload, g.data = payload, data
	switch {
	case err != nil:
		var corrupt flate.CorruptInputError
		if errors.As(err, &corrupt) {
			return g, &explain.FormatError{Off: off + int64(g.head) + int64(corrupt), What: "deflate data", Want: "a valid block", Got: "a wrong code"}
		}
		return g, &explain.FormatError{Off: off + int64(len(body)), What: "deflate data", Want: "a final block", Got: "the end of the body"}
	case data < 0:
		return g, &explain.FormatError{Off: off, What: "gzip stream", Want: fmt.Sprintf("at most %d bytes of contents", limit), Got: "more", Hint: "no flash of this family could hold them"}
	}
	tail := body[g.head+g.data:]
	if len(tail) < 8 {
		return g, &explain.FormatError{Off: off + int64(g.head+g.data), What: "gzip trailer", Want: "8 bytes", Got: fmt.Sprint(len(tail))}
	}
	g.trailer = true
	g.crc, g.size = binary.LittleEndian.Uint32(tail), binary.LittleEndian.Uint32(tail[4:])
	g.rest = tail[8:]
	return g, nil
}

// inflateAll inflates a stream and returns what came out before its end or an
// error, and how many bytes it has; -1 if more than limit came out. It goes
// through the stream twice, so as to know how much memory it takes.
func inflateAll(stream []byte, limit int64) (out []byte, used int, err error) {
	src := bytes.NewReader(stream)
	n, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(src), limit+1))
	used = len(stream) - src.Len()
	if n > limit {
		n, used, err = limit, -1, nil
	}
	out = make([]byte, n)
	if _, again := io.ReadFull(flate.NewReader(bytes.NewReader(stream)), out); again != nil && err == nil {
		err = again // cannot happen: the first pass got as far
	}
	return out, used, err
}

// skipOptional passes over the optional fields of a gzip header (RFC 1952 2.3).
func (g *gzipStream) skipOptional(body []byte, off int64) error {
	short := func(what string) error {
		return &explain.FormatError{Off: off + int64(g.head), What: "gzip " + what, Want: "its end", Got: "the end of the body"}
	}
	if g.flags&4 != 0 { // FEXTRA
		if len(body) < g.head+2 {
			return short("extra field")
		}
		n := 2 + int(binary.LittleEndian.Uint16(body[g.head:]))
		if len(body) < g.head+n {
			return short("extra field")
		}
		g.head += n
	}
	for _, bit := range []byte{8, 16} { // FNAME, FCOMMENT
		if g.flags&bit == 0 {
			continue
		}
		n := bytes.IndexByte(body[g.head:], 0)
		if n < 0 {
			return short("name or comment")
		}
		if bit == 8 {
			g.name = string(body[g.head : g.head+min(n, 64)])
		}
		g.head += n + 1
	}
	if g.flags&2 != 0 { // FHCRC
		if len(body) < g.head+2 {
			return short("header CRC")
		}
		g.head += 2
	}
	return nil
}
