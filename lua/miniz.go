package lua

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"io"

	glua "github.com/yuin/gopher-lua"
)

// Flags of miniz. Only those of the container, and raw blocks, change what
// comes out here; the others choose among ways to compress.
const (
	minizZlib  = 0x01000 // WRITE_ZLIB_HEADER
	minizRaw   = 0x80000 // FORCE_ALL_RAW_BLOCKS
	minizParse = 1       // PARSE_ZLIB_HEADER
)

const minizMax = 32768 // bytes of input and of output (luatos-runtime.md 9.9)

// openMiniz installs miniz.* (luatos-runtime.md 9.9). What compress returns is
// deflate that every module and host unpacks, but not miniz's bytes, and
// shorter or longer than those.
func (m *Machine) openMiniz() {
	t := m.lib("miniz",
		fn("compress", func(l *glua.LState) int {
			data, flags := []byte(m.str(l, 1)), m.optInt(l, 2, minizZlib)
			if len(data) > minizMax {
				return 0
			}
			m.charge(len(data))
			out := deflate(data, flags&minizRaw != 0)
			if flags&minizZlib != 0 {
				out = binary.BigEndian.AppendUint32(append([]byte{0x78, 0x01}, out...), adler32.Checksum(data))
			}
			if len(out) > minizMax {
				return 0
			}
			m.allocate(int64(len(out)))
			return pushStr(l, string(out))
		}),
		fn("uncompress", func(l *glua.LState) int {
			data, flags := []byte(m.str(l, 1)), m.optInt(l, 2, minizParse)
			if len(data) > minizMax {
				return 0
			}
			m.charge(len(data))
			out, ok := inflate(data, flags&minizParse != 0)
			if !ok {
				return 0
			}
			m.allocate(int64(len(out)))
			return pushStr(l, string(out))
		}),
		fn("unzip", m.minizUnzip),
	)
	constants(t, "WRITE_ZLIB_HEADER", minizZlib, "COMPUTE_ADLER32", 0x02000, "GREEDY_PARSING_FLAG", 0x04000,
		"NONDETERMINISTIC_PARSING_FLAG", 0x08000, "RLE_MATCHES", 0x10000, "FILTER_MATCHES", 0x20000,
		"FORCE_ALL_STATIC_BLOCKS", 0x40000, "FORCE_ALL_RAW_BLOCKS", minizRaw, "PARSE_ZLIB_HEADER", minizParse)
}

// inflate unpacks at most minizMax bytes, out of a zlib container or bare;
// what follows is ignored.
func inflate(data []byte, zlib bool) ([]byte, bool) {
	if zlib {
		if len(data) < 2 || data[0]&15 != 8 || data[0]>>4 > 7 || data[1]&32 != 0 || binary.BigEndian.Uint16(data)%31 != 0 {
			return nil, false
		}
		data = data[2:]
	}
	in := bytes.NewReader(data) // a ByteReader: nothing is read ahead
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(in), minizMax+1))
	if err != nil || len(out) > minizMax {
		return nil, false
	}
	if zlib {
		rest := data[len(data)-in.Len():]
		if len(rest) < 4 || binary.BigEndian.Uint32(rest) != adler32.Checksum(out) {
			return nil, false
		}
	}
	return out, true
}
