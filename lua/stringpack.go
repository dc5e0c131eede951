package lua

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// packReader walks through a format of string.pack and string.unpack.
type packReader struct {
	m      *Machine
	l      *glua.LState
	format string
	big    bool
	align  int
}

// packItem is one option of the format.
type packItem struct {
	verb byte // 'i' signed, 'u' unsigned, 'f', 'd', 's' counted, 'c' fixed, 'z', 'x' padding byte
	size int
	pad  int // bytes of alignment in front
}

const packSizeMax = 1 << 24

// next reads the next option that stands for data; total is the position.
func (p *packReader) next(total int) (packItem, bool) {
	for p.format != "" {
		c := p.format[0]
		p.format = p.format[1:]
		it := packItem{}
		switch c {
		case '<', '=':
			p.big = false
			continue
		case '>':
			p.big = true
			continue
		case '!':
			p.align = p.limit(p.number(8))
			continue
		case ' ':
			continue
		case 'b', 'B':
			it = packItem{verb: 'i', size: 1}
		case 'h', 'H':
			it = packItem{verb: 'i', size: 2}
		case 'l', 'L', 'T':
			it = packItem{verb: 'i', size: 4}
		case 'j', 'J':
			it = packItem{verb: 'i', size: p.m.fw.Bits / 8}
		case 'i', 'I':
			it = packItem{verb: 'i', size: p.limit(p.number(4))}
		case 'f':
			it = packItem{verb: 'f', size: 4}
		case 'd':
			it = packItem{verb: 'd', size: 8}
		case 'n':
			it = packItem{verb: 'f', size: p.m.fw.Bits / 8}
		case 's':
			it = packItem{verb: 's', size: p.limit(p.number(4))}
		case 'z':
			it = packItem{verb: 'z'}
		case 'x':
			it = packItem{verb: 'x', size: 1}
		case 'c':
			n := p.number(-1)
			if n < 0 {
				p.m.raise(p.l, "missing size for format option 'c'")
			}
			it = packItem{verb: 'c', size: n}
		default:
			p.m.raise(p.l, "invalid format option '%s'", string([]byte{c}))
		}
		if it.verb == 'f' && it.size == 8 {
			it.verb = 'd'
		}
		if it.verb == 'i' && (c == 'B' || c == 'H' || c == 'L' || c == 'T' || c == 'J' || c == 'I') {
			it.verb = 'u'
		}
		if a := min(it.size, p.align); strings.IndexByte("iufds", it.verb) >= 0 && a > 1 && a&(a-1) == 0 {
			it.pad = (a - total&(a-1)) & (a - 1)
		}
		return it, true
	}
	return packItem{}, false
}

func (p *packReader) number(def int) int {
	if p.format == "" || !isDigit(p.format[0]) {
		return def
	}
	n := 0
	for p.format != "" && isDigit(p.format[0]) {
		n = n*10 + int(p.format[0]-'0')
		p.format = p.format[1:]
		if n > packSizeMax {
			p.m.raise(p.l, "format result too large")
		}
	}
	return n
}

func (p *packReader) limit(n int) int {
	if n < 1 || n > 16 {
		p.m.raise(p.l, "integral size (%d) out of limits [1,16]", n)
	}
	return n
}

func (p *packReader) bytes(u uint64, size int, negative bool) []byte {
	b := make([]byte, size)
	for i := range b {
		at := i
		if p.big {
			at = size - 1 - i
		}
		switch {
		case i < 8:
			b[at] = byte(u >> (8 * i))
		case negative:
			b[at] = 0xFF
		}
	}
	return b
}

func (m *Machine) packer(l *glua.LState) *packReader {
	return &packReader{m: m, l: l, format: m.str(l, 1), align: 1}
}

func (m *Machine) stringPack(l *glua.LState) int {
	p := m.packer(l)
	var out []byte
	arg := 1
	for {
		it, ok := p.next(len(out))
		if !ok {
			break
		}
		out = append(out, make([]byte, it.pad)...)
		if it.verb != 'x' {
			arg++
		}
		switch it.verb {
		case 'i', 'u':
			n := m.integer(l, arg)
			if it.size < 8 {
				limit := int64(1) << (8*it.size - 1)
				if it.verb == 'i' && (n < -limit || n >= limit) || it.verb == 'u' && uint64(n) >= uint64(limit)*2 {
					l.ArgError(arg, map[byte]string{'i': "integer", 'u': "unsigned"}[it.verb]+" overflow")
				}
			}
			out = append(out, p.bytes(uint64(n), it.size, n < 0)...)
		case 'f':
			out = append(out, p.bytes(uint64(math.Float32bits(float32(oneNaN(m.num(l, arg))))), 4, false)...)
		case 'd':
			out = append(out, p.bytes(math.Float64bits(oneNaN(m.num(l, arg))), 8, false)...)
		case 's':
			s := m.str(l, arg)
			if it.size < 8 && uint64(len(s)) >= uint64(1)<<(8*it.size) {
				l.ArgError(arg, "string length does not fit in given size")
			}
			out = append(append(out, p.bytes(uint64(len(s)), it.size, false)...), s...)
		case 'c':
			s := m.str(l, arg)
			if len(s) > it.size {
				l.ArgError(arg, "string longer than given size")
			}
			out = append(append(out, s...), make([]byte, it.size-len(s))...)
		case 'z':
			s := m.str(l, arg)
			if strings.IndexByte(s, 0) >= 0 {
				l.ArgError(arg, "string contains zeros")
			}
			out = append(append(out, s...), 0)
		case 'x':
			out = append(out, 0)
		}
		if int64(len(out)) > m.stringLimit() {
			m.raise(l, "not enough memory")
		}
	}
	m.allocate(l, int64(len(out)))
	return pushStr(l, string(out))
}

func (m *Machine) stringPacksize(l *glua.LState) int {
	p := m.packer(l)
	total := 0
	for {
		it, ok := p.next(total)
		if !ok {
			return pushInt(l, int64(total))
		}
		if it.verb == 's' || it.verb == 'z' {
			l.ArgError(1, "variable-length format")
		}
		if total += it.pad + it.size; total > packSizeMax {
			l.ArgError(1, "format result too large")
		}
	}
}

func (m *Machine) stringUnpack(l *glua.LState) int {
	p := m.packer(l)
	data := m.str(l, 2)
	init := m.optInt(l, 3, 1)
	if init < 0 {
		init = int64(len(data)) + init + 1
	}
	if init < 1 || init > int64(len(data))+1 {
		l.ArgError(3, "initial position out of string")
	}
	at, n := int(init-1), 0
	need := func(size int) {
		if size > len(data)-at {
			l.ArgError(2, "data string too short")
		}
	}
	for {
		it, ok := p.next(at)
		if !ok {
			break
		}
		need(it.pad)
		at += it.pad
		need(it.size)
		field := data[at : at+it.size]
		at += it.size
		if it.verb == 'x' {
			continue
		}
		n++
		switch it.verb {
		case 'i', 'u':
			l.Push(glua.LNumber(m.wrapField(p.integer(field, it.verb == 'i'), it.size)))
		case 'f':
			l.Push(glua.LNumber(math.Float32frombits(uint32(p.integer(field, false)))))
		case 'd':
			l.Push(glua.LNumber(math.Float64frombits(uint64(p.integer(field, false)))))
		case 'c':
			l.Push(glua.LString(field))
		case 's':
			size := p.integer(field, false)
			if size < 0 || size > int64(len(data)-at) {
				l.ArgError(2, "data string too short")
			}
			l.Push(glua.LString(data[at : at+int(size)]))
			at += int(size)
		case 'z':
			end := strings.IndexByte(data[at:], 0)
			if end < 0 {
				l.ArgError(2, "unfinished string for format 'z'")
			}
			l.Push(glua.LString(data[at : at+end]))
			at += end + 1
		}
	}
	l.Push(glua.LNumber(at + 1))
	return n + 1
}

// wrapField is what an integer field becomes on this VM: a 32-bit one shows
// four unsigned bytes as a signed number.
func (m *Machine) wrapField(n int64, size int) int64 {
	if size >= 4 {
		return m.wrap(n)
	}
	return n
}

func (p *packReader) integer(field string, signed bool) int64 {
	var u uint64
	size := len(field)
	for i := 0; i < size && i < 8; i++ {
		at := i
		if p.big {
			at = size - 1 - i
		}
		u |= uint64(field[at]) << (8 * i)
	}
	if signed && size < 8 {
		shift := 64 - 8*size
		return int64(u<<shift) >> shift
	}
	return int64(u)
}

// oneNaN replaces every NaN by the same one: which bits an operation gives it
// depends on the host's processor.
func oneNaN(f float64) float64 {
	if f != f {
		return math.Float64frombits(0x7FF8000000000000)
	}
	return f
}
