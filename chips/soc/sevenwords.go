package soc

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"airlift/flash/explain"
)

// names reads n UTF-16 strings, each with its end.
func (r *sevenReader) names(n int) []string {
	var names []string
	var name []uint16
	for len(names) < n && r.err == nil {
		p := r.take(2)
		if len(p) < 2 {
			break
		}
		u := binary.LittleEndian.Uint16(p)
		if u != 0 {
			if name = append(name, u); len(name) > maxName {
				r.fail("name", fmt.Sprintf("at most %d characters", maxName), "more")
			}
			continue
		}
		names = append(names, string(utf16.Decode(name)))
		name = name[:0]
	}
	return names
}

// internal checks that what follows is not kept elsewhere.
func (r *sevenReader) internal() {
	if r.byte() != 0 {
		r.fail("7z header", "its parts in one place", "a part elsewhere")
	}
}

// digests reads up to n CRCs.
func (r *sevenReader) digests(n int) ([]uint32, []bool) {
	has := make([]bool, n)
	if r.byte() == 0 {
		has = r.bits(n)
	} else {
		for i := range has {
			has[i] = true
		}
	}
	crcs := make([]uint32, n)
	for i := range crcs {
		if has[i] {
			if p := r.take(4); len(p) == 4 {
				crcs[i] = binary.LittleEndian.Uint32(p)
			}
		}
	}
	return crcs, has
}

func (r *sevenReader) bits(n int) []bool {
	bits := make([]bool, n)
	p := r.take((n + 7) / 8)
	for i := range bits {
		if i/8 < len(p) {
			bits[i] = p[i/8]&(0x80>>(i%8)) != 0
		}
	}
	return bits
}

// fail keeps the first error.
func (r *sevenReader) fail(what, want, got string) {
	if r.err != nil {
		return
	}
	e := &explain.FormatError{What: what, Want: want, Got: got}
	if r.at >= 0 {
		e.Off = r.at + int64(r.i)
	} else {
		e.Hint = fmt.Sprintf("at byte %d of the packed header", r.i)
	}
	r.err = e
}

func (r *sevenReader) byte() byte {
	if p := r.take(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

// take returns the next n bytes, or nil if there are fewer.
func (r *sevenReader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.p)-r.i {
		r.fail("7z header", fmt.Sprintf("%d more bytes", n), fmt.Sprint(len(r.p)-r.i))
		return nil
	}
	r.i += n
	return r.p[r.i-n : r.i : r.i]
}

// number reads a number of 1 to 9 bytes: as many leading ones as the first
// byte has, as many bytes follow, low byte first; the rest of the first byte
// is on top. What does not fit is negative.
func (r *sevenReader) number() int64 {
	first := r.byte()
	var v uint64
	mask := byte(0x80)
	for i := 0; i < 8; i++ {
		if first&mask == 0 {
			return int64(v | uint64(first&(mask-1))<<(8*i))
		}
		v |= uint64(r.byte()) << (8 * i)
		mask >>= 1
	}
	return int64(v)
}

// count reads a number that may be at most most.
func (r *sevenReader) count(what string, most int) int {
	v := r.number()
	if r.err == nil && (v < 0 || v > int64(most)) {
		r.fail(what, fmt.Sprintf("at most %d", most), fmt.Sprint(uint64(v)))
	}
	if r.err != nil {
		return 0
	}
	return int(v)
}

// length reads a number of unpacked bytes.
func (r *sevenReader) length(what string) int64 {
	v := r.number()
	if r.err == nil && (v < 0 || v > maxOutput) {
		r.fail(what, fmt.Sprintf("at most %d bytes", int64(maxOutput)), fmt.Sprint(uint64(v)))
		return 0
	}
	return v
}
