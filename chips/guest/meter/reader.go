package meter

import (
	"fmt"

	"airlift/flash/explain"
)

// reader reads the primitives of the binary format. After the first error
// every read gives zero, and err tells.
type reader struct {
	data []byte
	pos  int
	end  int // of what may be read
	err  error
}

// fail notes the first thing that is wrong, at off.
func (r *reader) fail(off int, what, want, got string) {
	if r.err == nil {
		r.err = &explain.FormatError{Off: int64(off), What: what, Want: want, Got: got}
	}
	r.pos = r.end
}

// refuse notes that the module has something that is not taken.
func (r *reader) refuse(off int, what, why string) {
	if r.err == nil {
		r.err = &explain.FormatError{Off: int64(off), What: what, Want: "a module without it", Got: what, Hint: why}
	}
	r.pos = r.end
}

func (r *reader) byte(what string) byte {
	if r.pos >= r.end {
		r.fail(r.pos, what, "a byte", "the end")
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

// bytes returns the next n bytes; n is at most what a u32 holds.
func (r *reader) bytes(n uint32, what string) []byte {
	if int64(n) > int64(r.end-r.pos) {
		r.fail(r.pos, what, fmt.Sprintf("%d bytes", n), fmt.Sprintf("%d", r.end-r.pos))
		return nil
	}
	p := r.data[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return p
}

// u32 reads an unsigned LEB128 of at most 32 bits.
func (r *reader) u32(what string) uint32 {
	at := r.pos
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte(what)
		if shift == 28 && b > 0x0F {
			break
		}
		v |= uint32(b&0x7F) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail(at, what, "an unsigned number of 32 bits", "a longer one")
	return 0
}

// signed reads a signed LEB128 of at most bits bits.
func (r *reader) signed(bits int, what string) int64 {
	at := r.pos
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte(what)
		v |= int64(b&0x7F) << shift
		if b >= 0x80 {
			continue
		}
		if shift += 7; shift < 64 && b&0x40 != 0 {
			v |= -1 << shift
		}
		return v
	}
	r.fail(at, what, fmt.Sprintf("a signed number of %d bits", bits), "a longer one")
	return 0
}

// count reads a number of things, at most limit.
func (r *reader) count(limit int, what string) int {
	at := r.pos
	n := r.u32(what)
	if int64(n) > int64(limit) {
		r.fail(at, "number of "+what, fmt.Sprintf("at most %d", limit), fmt.Sprint(n))
		return 0
	}
	return int(n)
}

func (r *reader) name(what string) string {
	at := r.pos
	n := r.u32(what)
	if n > nameMax {
		r.fail(at, "length of "+what, fmt.Sprintf("at most %d", nameMax), fmt.Sprint(n))
		return ""
	}
	return string(r.bytes(n, what))
}

// appendU32 appends an unsigned LEB128.
func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// appendSigned appends a signed LEB128.
func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7F)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// appendName appends a name.
func appendName(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }
