package lua

import (
	"math"

	glua "github.com/yuin/gopher-lua"
)

// bytesInt is the integer that at most eight bytes are.
func bytesInt(p []byte, big, signed bool) int64 {
	var u uint64
	for i := range p {
		c := p[i]
		if !big {
			c = p[len(p)-1-i]
		}
		u = u<<8 | uint64(c)
	}
	if shift := 64 - 8*len(p); signed && shift > 0 && shift < 64 {
		return int64(u<<shift) >> shift
	}
	return int64(u)
}

// intBytes are the lowest size bytes of n; there are zeros behind the eighth.
func intBytes(n int64, size int, big bool) []byte {
	p := make([]byte, size)
	for i := range p {
		at := i
		if big {
			at = size - 1 - i
		}
		p[at] = byte(uint64(n) >> (8 * i))
	}
	return p
}

// bytesFloat is the IEEE number that four or eight bytes are.
func bytesFloat(p []byte, big bool) float64 {
	u := uint64(bytesInt(p, big, false))
	if len(p) == 4 {
		return float64(math.Float32frombits(uint32(u)))
	}
	return math.Float64frombits(u)
}

// floatBytes is f as four or eight bytes.
func floatBytes(f float64, size int, big bool) []byte {
	if size == 4 {
		return intBytes(int64(math.Float32bits(float32(f))), 4, big)
	}
	return intBytes(int64(math.Float64bits(f)), 8, big)
}

// zbuffTyped adds readI8 ... writeF64: little endian, at the cursor. Reads
// beyond the end return nil, writes that do not fit 0.
func (m *Machine) zbuffTyped(methods *glua.LTable) {
	kinds := []struct {
		name          string
		size          int
		signed, float bool
	}{
		{"I8", 1, true, false}, {"U8", 1, false, false}, {"I16", 2, true, false}, {"U16", 2, false, false},
		{"I32", 4, true, false}, {"U32", 4, false, false}, {"I64", 8, true, false}, {"U64", 8, false, false},
		{"F32", 4, true, true}, {"F64", 8, true, true},
	}
	for _, k := range kinds {
		m.fill(methods,
			fn("read"+k.name, func(l *glua.LState) int {
				b := m.zbuff(l, 1)
				if len(b.rest()) < k.size {
					l.Push(glua.LNil)
					return 1
				}
				p := b.rest()[:k.size]
				b.used += k.size
				if k.float {
					return m.pushFloat(l, bytesFloat(p, false))
				}
				return m.pushWrapped(l, bytesInt(p, false, k.signed))
			}),
			fn("write"+k.name, func(l *glua.LState) int {
				b := m.zbuff(l, 1)
				var p []byte
				if k.float {
					p = floatBytes(m.num(l, 2), k.size, false)
				} else {
					p = intBytes(m.bits(l, 2), k.size, false)
				}
				if len(b.rest()) < k.size {
					return pushInt(l, 0)
				}
				b.used += copy(b.rest(), p)
				return pushInt(l, int64(k.size))
			}))
	}
}

// zbuffPack is pack(format, ...) at the cursor, with the letters of the
// library pack. It ends at the first value that does not fit; the result is
// the number of bytes written.
func (m *Machine) zbuffPack(l *glua.LState) int {
	b := m.zbuff(l, 1)
	start := b.used
	m.packValues(l, m.str(l, 2), 3, func(p []byte) bool {
		if len(p) > len(b.rest()) {
			return false
		}
		b.used += copy(b.rest(), p)
		return true
	})
	return pushInt(l, int64(b.used-start))
}

// zbuffUnpack is unpack(format) from the cursor: the number of bytes read, and
// the values.
func (m *Machine) zbuffUnpack(l *glua.LState) int {
	b := m.zbuff(l, 1)
	p := b.rest()
	values, n := m.unpackValues(l, m.str(l, 2), 2, p)
	b.used += n
	l.Push(glua.LNumber(n))
	for _, v := range values {
		l.Push(v)
	}
	return 1 + len(values)
}
