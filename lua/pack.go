package lua

import (
	"bytes"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openPack installs pack.* (luatos-runtime.md 9.4).
//
// A letter with a count N is that letter N times, except for A: unpack takes N
// bytes, pack takes up to N string arguments, whole, and stops before one that
// is no string. (Upstream's demo packs five strings with A5, its tests one
// string of eight bytes with A8, and a number behind A5.)
//
// Assumed: without < or > the order is little endian; integers that are too
// large lose their upper bytes; z without an end takes all that is left.
func (m *Machine) openPack() {
	m.lib("pack",
		fn("pack", func(l *glua.LState) int {
			var out []byte
			m.packValues(l, m.str(l, 1), 2, func(p []byte) bool {
				if int64(len(out)+len(p)) > m.stringLimit() {
					m.vm.NoMemory()
				}
				out = append(out, p...)
				return true
			})
			m.allocate(int64(len(out)))
			return pushStr(l, string(out))
		}),
		fn("unpack", func(l *glua.LState) int {
			data := m.str(l, 1)
			at := m.optInt(l, 3, 1)
			if at < 1 || at > int64(len(data)) {
				// Nothing is there: the position comes back as it was.
				m.unpackValues(l, m.str(l, 2), 2, nil)
				return pushInt(l, at)
			}
			values, n := m.unpackValues(l, m.str(l, 2), 2, []byte(data[at-1:]))
			l.Push(glua.LNumber(at + int64(n)))
			for _, v := range values {
				l.Push(v)
			}
			return 1 + len(values)
		}),
	)
}

// packLetter is one letter of a format with its count.
type packLetter struct {
	c     byte
	count int
	big   bool
}

// packCountMax bounds counts: a format of a few characters must not mean more
// work than memory could hold.
const packCountMax = 1 << 16

// packSizes are the bytes of the integer letters; signed letters are those of
// packSigned.
var packSizes = map[byte]int{'c': 1, 'b': 1, 'h': 2, 'H': 2, 'i': 4, 'I': 4, 'l': 8, 'L': 8, 'p': 1, 'P': 2, 'a': 4}

const packSigned = "chil"

// packFormat visits the letters of a format until visit returns false; arg is
// the argument that the format is.
func (m *Machine) packFormat(l *glua.LState, format string, arg int, visit func(packLetter) bool) {
	big := false
	for i := 0; i < len(format); {
		c := format[i]
		i++
		m.charge(1)
		switch c {
		case '<', '=':
			big = false
			continue
		case '>':
			big = true
			continue
		case ' ', ',':
			continue
		}
		if strings.IndexByte("zpPaAfdncbhHiIlL", c) < 0 {
			l.ArgError(arg, "invalid format option '"+string(rune(c))+"'")
		}
		it := packLetter{c: c, count: 1, big: big}
		for n := 0; i < len(format) && isDigit(format[i]); i++ {
			if n = n*10 + int(format[i]-'0'); n > packCountMax {
				l.ArgError(arg, "count too large")
			}
			it.count = n
		}
		if !visit(it) {
			return
		}
	}
}

// packValues turns the arguments from first on into bytes and hands them to
// put, value by value, until that returns false.
func (m *Machine) packValues(l *glua.LState, format string, first int, put func([]byte) bool) {
	arg := first
	m.packFormat(l, format, first-1, func(it packLetter) bool {
		for i := 0; i < it.count; i++ {
			if _, isText := l.Get(arg).(glua.LString); it.c == 'A' && i > 0 && !isText {
				break
			}
			p := m.packOne(l, it, arg)
			arg++
			m.charge(1 + len(p)/64)
			if !put(p) {
				return false
			}
		}
		return true
	})
}

func (m *Machine) packOne(l *glua.LState, it packLetter, arg int) []byte {
	switch it.c {
	case 'A':
		return []byte(m.str(l, arg))
	case 'z':
		return append([]byte(m.str(l, arg)), 0)
	case 'p', 'P', 'a':
		s := m.str(l, arg)
		size := packSizes[it.c]
		if uint64(len(s)) >= 1<<(8*size) {
			l.ArgError(arg, "string too long")
		}
		return append(intBytes(int64(len(s)), size, it.big), s...)
	case 'f', 'd', 'n':
		return floatBytes(m.num(l, arg), m.packFloat(it.c), it.big)
	}
	return intBytes(m.bits(l, arg), packSizes[it.c], it.big)
}

// packFloat is the size of a float letter: n is the VM's own number.
func (m *Machine) packFloat(c byte) int {
	if c == 'd' || c == 'n' && m.fw.Bits == 64 {
		return 8
	}
	return 4
}

// unpackMax bounds the values of one call, as the VM's stack does.
const unpackMax = 7000

// unpackValues reads values as long as the data lasts and returns them with
// the number of bytes read.
func (m *Machine) unpackValues(l *glua.LState, format string, arg int, data []byte) (values []glua.LValue, n int) {
	m.packFormat(l, format, arg, func(it packLetter) bool {
		count := it.count
		if it.c == 'A' {
			count = 1
		}
		for i := 0; i < count; i++ {
			if len(values) >= unpackMax {
				m.raise("too many results to unpack")
			}
			size := m.unpackOne(l, it, data[n:])
			if size < 0 {
				return false
			}
			values = append(values, l.Get(-1))
			l.Pop(1)
			m.charge(1)
			n += size
		}
		return true
	})
	return values, n
}

// unpackOne pushes a value and returns its size, or -1 if the data is too
// short for it.
func (m *Machine) unpackOne(l *glua.LState, it packLetter, data []byte) int {
	text := func(from, to int) int {
		m.allocate(int64(to - from))
		pushStr(l, string(data[from:to]))
		return to
	}
	switch it.c {
	case 'A':
		if len(data) < it.count {
			return -1
		}
		return text(0, it.count)
	case 'z':
		if len(data) == 0 {
			return -1
		}
		end := bytes.IndexByte(data, 0)
		if end < 0 {
			return text(0, len(data))
		}
		return text(0, end) + 1
	case 'f', 'd', 'n':
		size := m.packFloat(it.c)
		if len(data) < size {
			return -1
		}
		m.pushFloat(l, bytesFloat(data[:size], it.big))
		return size
	}
	size := packSizes[it.c]
	if len(data) < size {
		return -1
	}
	n := bytesInt(data[:size], it.big, strings.IndexByte(packSigned, it.c) >= 0)
	if it.c == 'p' || it.c == 'P' || it.c == 'a' {
		if n > int64(len(data)-size) {
			return -1
		}
		return text(size, size+int(n))
	}
	m.pushWrapped(l, n)
	return size
}
