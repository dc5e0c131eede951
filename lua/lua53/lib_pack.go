package lua53

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// packer reads a format of string.pack and keeps its modes.
type packer struct {
	a      Args
	vm     *VM
	fmt    string
	pos    int
	little bool
	align  int
}

// Kinds of pack options.
const (
	pkInt = iota
	pkUint
	pkFloat
	pkChar   // fixed size
	pkString // with its length in front
	pkZstr
	pkPad
	pkAlign
	pkNop
)

type packOption struct {
	kind, size int
	pad        int // alignment bytes in front
}

const maxPackInt = 16

func (a Args) packer() *packer {
	return &packer{a: a, vm: a.t.vm, fmt: a.Str(0), little: true, align: 1}
}

func (p *packer) number(def int) int {
	if p.pos >= len(p.fmt) || !isDigit(p.fmt[p.pos]) {
		return def
	}
	n := 0
	for p.pos < len(p.fmt) && isDigit(p.fmt[p.pos]) && n <= (math.MaxInt32-9)/10 {
		n = n*10 + int(p.fmt[p.pos]-'0')
		p.pos++
	}
	return n
}

func (p *packer) intSize(def int) int {
	n := p.number(def)
	if n > maxPackInt || n <= 0 {
		p.a.Error("integral size (%d) out of limits [1,%d]", n, maxPackInt)
	}
	return n
}

// pointerSize is the size of C's long and size_t.
func (p *packer) pointerSize() int { return p.vm.opts.PointerBytes }

// wordSize is the size of lua_Integer and lua_Number.
func (p *packer) wordSize() int {
	if p.vm.narrow {
		return 4
	}
	return 8
}

func (p *packer) option() (packOption, byte) {
	c := p.fmt[p.pos]
	p.pos++
	switch c {
	case 'b':
		return packOption{kind: pkInt, size: 1}, c
	case 'B':
		return packOption{kind: pkUint, size: 1}, c
	case 'h':
		return packOption{kind: pkInt, size: 2}, c
	case 'H':
		return packOption{kind: pkUint, size: 2}, c
	case 'i':
		return packOption{kind: pkInt, size: p.intSize(4)}, c
	case 'I':
		return packOption{kind: pkUint, size: p.intSize(4)}, c
	case 'l':
		return packOption{kind: pkInt, size: p.pointerSize()}, c
	case 'j':
		return packOption{kind: pkInt, size: p.wordSize()}, c
	case 'L', 'T':
		return packOption{kind: pkUint, size: p.pointerSize()}, c
	case 'J':
		return packOption{kind: pkUint, size: p.wordSize()}, c
	case 'f':
		return packOption{kind: pkFloat, size: 4}, c
	case 'd':
		return packOption{kind: pkFloat, size: 8}, c
	case 'n':
		return packOption{kind: pkFloat, size: p.wordSize()}, c
	case 's':
		return packOption{kind: pkString, size: p.intSize(p.pointerSize())}, c
	case 'c':
		n := p.number(-1)
		if n == -1 {
			p.a.Error("missing size for format option 'c'")
		}
		return packOption{kind: pkChar, size: n}, c
	case 'z':
		return packOption{kind: pkZstr}, c
	case 'x':
		return packOption{kind: pkPad, size: 1}, c
	case 'X':
		return packOption{kind: pkAlign}, c
	case ' ':
	case '<', '=':
		p.little = true
	case '>':
		p.little = false
	case '!':
		p.align = p.intSize(8)
	default:
		p.a.Error("invalid format option '%s'", string([]byte{c}))
	}
	return packOption{kind: pkNop}, c
}

// next reads an option and finds the padding in front of it.
func (p *packer) next(total int) packOption {
	o, c := p.option()
	align := o.size
	if o.kind == pkAlign {
		if p.pos >= len(p.fmt) {
			p.a.ArgError(0, "invalid next option for option 'X'")
		}
		nx, _ := p.option()
		align = nx.size
		if nx.kind == pkChar || align == 0 {
			p.a.ArgError(0, "invalid next option for option 'X'")
		}
	}
	if align <= 1 || o.kind == pkChar || c == 'x' || c == 'z' {
		return o
	}
	if align > p.align {
		align = p.align
	}
	if align&(align-1) != 0 {
		p.a.ArgError(0, "format asks for alignment not power of 2")
	}
	o.pad = (align - total&(align-1)) & (align - 1)
	return o
}

func strPack(a Args) int {
	p := a.packer()
	var b []byte
	arg := 0
	for p.pos < len(p.fmt) {
		o := p.next(len(b))
		b = append(b, make([]byte, o.pad)...)
		switch o.kind {
		case pkInt, pkUint:
			arg++
			b = p.putInt(b, o, arg)
		case pkFloat:
			arg++
			f := a.Float(arg)
			if o.size == 4 {
				b = p.putUint(b, uint64(math.Float32bits(float32(a.t.vm.plain(f)))), 4)
			} else {
				b = p.putUint(b, math.Float64bits(a.t.vm.plain(f)), 8)
			}
		case pkChar:
			arg++
			s := a.Str(arg)
			if len(s) > o.size {
				a.ArgError(arg, "string longer than given size")
			}
			p.room(len(b) + o.size)
			b = append(b, s...)
			b = append(b, make([]byte, o.size-len(s))...)
		case pkString:
			arg++
			s := a.Str(arg)
			if o.size < 8 && uint64(len(s)) >= 1<<(8*uint(o.size)) {
				a.ArgError(arg, "string length does not fit in given size")
			}
			b = p.putUint(b, uint64(len(s)), o.size)
			b = append(b, s...)
		case pkZstr:
			arg++
			s := a.Str(arg)
			if strings.IndexByte(s, 0) >= 0 {
				a.ArgError(arg, "string contains zeros")
			}
			b = append(append(b, s...), 0)
		case pkPad:
			b = append(b, 0)
		}
		p.room(len(b))
	}
	a.PushString(string(b))
	return 1
}

func (p *packer) room(n int) {
	if n > maxString {
		p.vm.noMemory()
	}
}

func (p *packer) putInt(b []byte, o packOption, arg int) []byte {
	n := p.a.Int(arg)
	if o.size < p.wordSize() {
		if o.kind == pkInt {
			lim := int64(1) << uint(o.size*8-1)
			if n < -lim || n >= lim {
				p.a.ArgError(arg, "integer overflow")
			}
		} else if uint64(p.unsigned(n)) >= 1<<uint(o.size*8) {
			p.a.ArgError(arg, "unsigned overflow")
		}
	}
	u := uint64(n)
	if o.kind == pkUint {
		u = uint64(p.unsigned(n))
	}
	at := len(b)
	b = p.putUint(b, u, o.size)
	if o.kind == pkInt && n < 0 && o.size > 8 { // sign extension
		for i := 8; i < o.size; i++ {
			if p.little {
				b[at+i] = 0xFF
			} else {
				b[at+o.size-1-i] = 0xFF
			}
		}
	}
	if o.kind == pkUint && n < 0 && o.size > p.wordSize() { // C extends the sign here too
		for i := p.wordSize(); i < o.size; i++ {
			v := byte(0)
			if p.little {
				b[at+i] = v
			} else {
				b[at+o.size-1-i] = v
			}
		}
	}
	return b
}

func (p *packer) unsigned(n int64) int64 {
	if p.vm.narrow {
		return int64(uint32(n))
	}
	return n
}

func (p *packer) putUint(b []byte, u uint64, size int) []byte {
	at := len(b)
	b = append(b, make([]byte, size)...)
	for i := 0; i < size; i++ {
		v := byte(0)
		if i < 8 {
			v = byte(u >> (8 * uint(i)))
		}
		if p.little {
			b[at+i] = v
		} else {
			b[at+size-1-i] = v
		}
	}
	return b
}

func strPackSize(a Args) int {
	p := a.packer()
	total := 0
	for p.pos < len(p.fmt) {
		o := p.next(total)
		if o.kind == pkString || o.kind == pkZstr {
			a.ArgError(0, "variable-length format")
		}
		size := o.size + o.pad
		if o.kind == pkNop || o.kind == pkAlign {
			size = o.pad
		}
		if total > math.MaxInt32-size {
			a.ArgError(0, "format result too large")
		}
		total += size
	}
	return a.ret(mkInt(int64(total)))
}

func strUnpack(a Args) int {
	p := a.packer()
	data := a.Str(1)
	start := posRelative(a.OptInt(2, 1), len(data)) - 1
	if uint64(start) > uint64(len(data)) {
		a.ArgError(2, "initial position out of string")
	}
	pos := int(start)
	n := 0
	for p.pos < len(p.fmt) {
		o := p.next(pos)
		size := o.size
		if o.kind == pkNop || o.kind == pkAlign {
			size = 0
		}
		if o.pad+size > len(data)-pos {
			a.ArgError(1, "data string too short")
		}
		pos += o.pad
		n++
		switch o.kind {
		case pkInt, pkUint:
			a.push(mkInt(p.getInt(data[pos:pos+size], o.kind == pkInt)))
		case pkFloat:
			u := p.getUint(data[pos : pos+size])
			if size == 4 {
				a.PushFloat(float64(math.Float32frombits(uint32(u))))
			} else {
				a.PushFloat(math.Float64frombits(u))
			}
		case pkChar:
			a.PushString(data[pos : pos+size])
		case pkString:
			l := uint64(p.getInt(data[pos:pos+size], false))
			if l > uint64(len(data)-pos-size) {
				p.shortString(a, l, pos+size, len(data))
			}
			a.PushString(data[pos+size : pos+size+int(l)])
			pos += int(l)
		case pkZstr:
			i := strings.IndexByte(data[pos:], 0)
			if i < 0 {
				a.PushString(data[pos:]) // C finds its own zero at the end
				pos = len(data) + 1
				continue
			}
			a.PushString(data[pos : pos+i])
			pos += i + 1
		default:
			n--
		}
		pos += size
	}
	a.PushInt(int64(pos + 1))
	return n + 1
}

func (p *packer) getUint(s string) uint64 {
	var u uint64
	for i := 0; i < len(s) && i < 8; i++ {
		c := s[i]
		if !p.little {
			c = s[len(s)-1-i]
		}
		u |= uint64(c) << (8 * uint(i))
	}
	return u
}

// shortString raises the error for a string of l bytes at pos, of which there
// are not so many. C adds these numbers as size_t before it compares: a length
// that runs over passes the check, and then there is no such memory.
func (p *packer) shortString(a Args, l uint64, pos, size int) {
	end := l + uint64(pos)
	if p.pointerSize() == 4 {
		end = uint64(uint32(end))
	}
	if end <= uint64(size) {
		p.vm.Throw(glua.LString("memory allocation error: block too big"))
	}
	a.ArgError(1, "data string too short")
}

func (p *packer) getInt(s string, signed bool) int64 {
	word := p.wordSize()
	u := p.getUint(s)
	size := len(s)
	if size < word {
		if signed {
			sh := uint(64 - 8*size)
			return int64(u<<sh) >> sh
		}
		return int64(u)
	}
	r := int64(u)
	if p.vm.narrow {
		r = int64(int32(u))
	}
	want := byte(0)
	if signed && r < 0 {
		want = 0xFF
	}
	for i := word; i < size; i++ {
		c := s[i]
		if !p.little {
			c = s[size-1-i]
		}
		if c != want {
			p.a.Error("%d-byte integer does not fit into Lua Integer", size)
		}
	}
	return r
}
