package lua53

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Layout is the sizes of a bytecode file's size_t, integers and floats.
type Layout struct{ SizeT, Integer, Number int }

// The three forms of bytecode in use (luatos-runtime.md 11.5).
var (
	Layout32    = Layout{4, 4, 4} // 32-bit numbers
	LayoutMCU64 = Layout{4, 8, 8} // 64-bit numbers on a 32-bit processor
	LayoutPC    = Layout{8, 8, 8} // a PC
)

const (
	signature   = "\x1bLua"
	luacVersion = 0x53
	luacData    = "\x19\x93\r\n\x1a\n"
	luacInt     = 0x5678
	luacNum     = 370.5
)

// Tags of constants.
const (
	tagNil      = 0
	tagBool     = 1
	tagFloat    = 3
	tagShortStr = 4
	tagInt      = 0x13
	tagLongStr  = 0x14
	maxShort    = 40
)

// noSource is the chunk name of stripped functions.
const noSource = "=?"

type dumper struct {
	b      []byte
	lay    Layout
	strip  bool
	failed error
}

// Dump writes bytecode. It fails if a number does not fit the layout.
func (p *Proto) Dump(lay Layout, strip bool) ([]byte, error) {
	d := &dumper{lay: lay, strip: strip}
	d.b = append(d.b, signature...)
	d.b = append(d.b, luacVersion, 0)
	d.b = append(d.b, luacData...)
	d.b = append(d.b, 4, byte(lay.SizeT), 4, byte(lay.Integer), byte(lay.Number))
	d.integer(luacInt)
	d.number(luacNum)
	d.b = append(d.b, byte(len(p.Upvals)))
	d.function(p, noSource)
	return d.b, d.failed
}

func (d *dumper) int32(n int) { d.b = binary.LittleEndian.AppendUint32(d.b, uint32(n)) }

func (d *dumper) integer(i int64) {
	if d.lay.Integer == 4 {
		if i != int64(int32(i)) && d.failed == nil {
			d.failed = fmt.Errorf("integer %d does not fit 32 bits", i)
		}
		d.int32(int(int32(i)))
		return
	}
	d.b = binary.LittleEndian.AppendUint64(d.b, uint64(i))
}

func (d *dumper) number(f float64) {
	if d.lay.Number == 4 {
		d.int32(int(int32(math.Float32bits(float32(f)))))
		return
	}
	d.b = binary.LittleEndian.AppendUint64(d.b, math.Float64bits(f))
}

// str writes a string; absent says that there is none.
func (d *dumper) str(s string, absent bool) {
	if absent {
		d.b = append(d.b, 0)
		return
	}
	n := len(s) + 1
	if n < 0xFF {
		d.b = append(d.b, byte(n))
	} else {
		d.b = append(d.b, 0xFF)
		if d.lay.SizeT == 4 {
			d.int32(n)
		} else {
			d.b = binary.LittleEndian.AppendUint64(d.b, uint64(n))
		}
	}
	d.b = append(d.b, s...)
}

func (d *dumper) function(p *Proto, parent string) {
	d.str(p.Source, d.strip || p.Source == parent || p.Source == noSource)
	d.int32(p.LineDefined)
	d.int32(p.LastLine)
	d.b = append(d.b, byte(p.NumParams), byte(b2i(p.IsVararg)), byte(p.MaxStack))
	d.int32(len(p.Code))
	for _, i := range p.code() {
		d.b = binary.LittleEndian.AppendUint32(d.b, i)
	}
	d.constants(p)
	d.int32(len(p.Upvals))
	for _, u := range p.Upvals {
		d.b = append(d.b, byte(b2i(u.InStack)), byte(u.Index))
	}
	d.int32(len(p.Protos))
	for _, q := range p.Protos {
		d.function(q, p.Source)
	}
	d.debug(p)
}

func (d *dumper) constants(p *Proto) {
	d.int32(len(p.K))
	for i := range p.K {
		switch v := &p.K[i]; {
		case v.isInt():
			d.b = append(d.b, tagInt)
			d.integer(v.i())
		case v.isFloat():
			d.b = append(d.b, tagFloat)
			d.number(v.f())
		case v.isString():
			if len(v.str()) <= maxShort {
				d.b = append(d.b, tagShortStr)
			} else {
				d.b = append(d.b, tagLongStr)
			}
			d.str(v.str(), false)
		case v.isNil():
			d.b = append(d.b, tagNil)
		default:
			d.b = append(d.b, tagBool, byte(b2i(v.n == kTrue)))
		}
	}
}

func (d *dumper) debug(p *Proto) {
	if d.strip {
		d.int32(0)
		d.int32(0)
		d.int32(0)
		return
	}
	d.int32(len(p.LineInfo))
	for _, l := range p.LineInfo {
		d.int32(int(l))
	}
	d.int32(len(p.LocVars))
	for _, v := range p.LocVars {
		d.str(v.Name, false)
		d.int32(v.StartPC)
		d.int32(v.EndPC)
	}
	named := 0
	for _, u := range p.Upvals {
		if u.Name != "" {
			named = len(p.Upvals)
		}
	}
	d.int32(named)
	for _, u := range p.Upvals[:named] {
		d.str(u.Name, false)
	}
}

// UndumpError says what is wrong with bytecode and where.
type UndumpError struct {
	Chunk  string
	Offset int // in bytes, -1 if a whole function is meant
	Msg    string
}

func (e *UndumpError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: bad precompiled chunk: %s", e.Chunk, e.Msg)
	}
	return fmt.Sprintf("%s: %s precompiled chunk (at byte %d)", e.Chunk, e.Msg, e.Offset)
}

// ErrWidth says that bytecode is for the other width of numbers.
var ErrWidth = errors.New("number width of the chunk is not the machine's")

// Unwrap lets errors.Is find ErrWidth.
func (e *UndumpError) Unwrap() error {
	if e.Msg == msgWidth {
		return ErrWidth
	}
	return nil
}

const msgWidth = "version mismatch in"

// Bounds of what a file may ask for.
const maxProtoDepth = 200

type undumper struct {
	b     []byte
	pos   int
	chunk string
	lay   Layout
	depth int
}

// ChunkLayout reads the header of bytecode.
func ChunkLayout(b []byte) (Layout, error) {
	u := &undumper{b: b, chunk: "?"}
	var lay Layout
	err := u.guard(func() { u.header(); lay = u.lay })
	return lay, err
}

// Undump reads bytecode in any of the three layouts and verifies it. bits is
// the width of numbers that the machine has.
func Undump(b []byte, name string, bits int) (*Proto, error) {
	chunk := name
	if chunk != "" && (chunk[0] == '@' || chunk[0] == '=') {
		chunk = chunk[1:]
	} else if chunk != "" && chunk[0] == signature[0] {
		chunk = "binary string"
	}
	u := &undumper{b: b, chunk: chunk}
	var p *Proto
	err := u.guard(func() {
		u.header()
		if u.lay.Integer*8 != bits {
			u.fail(msgWidth)
		}
		u.byte() // upvalues of the main function; the function says it again
		p = u.function(noSource, bits == 32)
	})
	if err != nil {
		return nil, err
	}
	if err := p.Verify(); err != nil {
		return nil, &UndumpError{chunk, -1, err.Error()}
	}
	return p, nil
}

func (u *undumper) guard(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*UndumpError)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	f()
	return nil
}

func (u *undumper) fail(msg string) { panic(&UndumpError{u.chunk, u.pos, msg}) }

func (u *undumper) bytes(n int) []byte {
	if n < 0 || n > len(u.b)-u.pos {
		u.fail("truncated")
	}
	s := u.b[u.pos : u.pos+n]
	u.pos += n
	return s
}

func (u *undumper) byte() int { return int(u.bytes(1)[0]) }

func (u *undumper) literal(s, msg string) {
	if string(u.bytes(len(s))) != s {
		u.fail(msg)
	}
}

func (u *undumper) header() {
	u.literal(signature, "not a")
	u.literal(string([]byte{luacVersion}), "version mismatch in")
	u.literal("\x00", "format mismatch in")
	u.literal(luacData, "corrupted")
	s := u.bytes(5)
	u.lay = Layout{int(s[1]), int(s[3]), int(s[4])}
	if s[0] != 4 || s[2] != 4 || u.lay != Layout32 && u.lay != LayoutMCU64 && u.lay != LayoutPC {
		u.fail("size mismatch in")
	}
	if u.integer() != luacInt {
		u.fail("endianness mismatch in")
	}
	if u.number() != luacNum {
		u.fail("float format mismatch in")
	}
}

func (u *undumper) int32() int { return int(int32(binary.LittleEndian.Uint32(u.bytes(4)))) }

// count reads the number of things of at least size bytes that follow.
func (u *undumper) count(size int) int {
	n := u.int32()
	if n < 0 || n > (len(u.b)-u.pos)/size {
		u.fail("truncated")
	}
	return n
}

func (u *undumper) integer() int64 {
	if u.lay.Integer == 4 {
		return int64(u.int32())
	}
	return int64(binary.LittleEndian.Uint64(u.bytes(8)))
}

func (u *undumper) number() float64 {
	if u.lay.Number == 4 {
		return float64(math.Float32frombits(uint32(u.int32())))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(u.bytes(8)))
}

func (u *undumper) str() (s string, ok bool) {
	n := int64(u.byte())
	if n == 0xFF {
		if u.lay.SizeT == 4 {
			n = int64(binary.LittleEndian.Uint32(u.bytes(4)))
		} else {
			n = int64(binary.LittleEndian.Uint64(u.bytes(8)))
		}
	}
	if n == 0 {
		return "", false
	}
	if n < 0 || n-1 > int64(len(u.b)-u.pos) {
		u.fail("truncated")
	}
	return string(u.bytes(int(n - 1))), true
}

func (u *undumper) function(parent string, narrow bool) *Proto {
	u.depth++
	if u.depth > maxProtoDepth {
		u.fail("too deeply nested")
	}
	p := &Proto{}
	src, ok := u.str()
	if !ok {
		src = parent
	}
	p.Source = src
	p.LineDefined = u.int32()
	p.LastLine = u.int32()
	p.NumParams = u.byte()
	p.IsVararg = u.byte() != 0
	p.MaxStack = u.byte()
	p.Code = make([]uint32, u.count(4))
	for i := range p.Code {
		p.Code[i] = uint32(u.int32())
	}
	u.constants(p, narrow)
	p.Upvals = make([]UpvalDesc, u.count(2))
	for i := range p.Upvals {
		p.Upvals[i].InStack = u.byte() != 0
		p.Upvals[i].Index = u.byte()
	}
	p.Protos = make([]*Proto, u.count(1))
	for i := range p.Protos {
		p.Protos[i] = u.function(p.Source, narrow)
	}
	u.debug(p)
	u.depth--
	return p
}

func (u *undumper) constants(p *Proto, narrow bool) {
	p.K = make([]Value, u.count(1))
	for i := range p.K {
		switch u.byte() {
		case tagNil:
		case tagBool:
			p.K[i] = mkBool(u.byte() != 0)
		case tagFloat:
			p.K[i] = mkFloat(u.number())
		case tagInt:
			p.K[i] = mkInt(u.integer())
		case tagShortStr, tagLongStr:
			s, ok := u.str()
			if !ok {
				u.fail("bad constant in")
			}
			p.K[i] = mkString(s)
		default:
			u.fail("bad constant in")
		}
	}
}

func (u *undumper) debug(p *Proto) {
	p.LineInfo = make([]int32, u.count(4))
	for i := range p.LineInfo {
		p.LineInfo[i] = int32(u.int32())
	}
	p.LocVars = make([]LocVar, u.count(9))
	for i := range p.LocVars {
		p.LocVars[i].Name, _ = u.str()
		p.LocVars[i].StartPC = u.int32()
		p.LocVars[i].EndPC = u.int32()
	}
	n := u.count(1)
	if n > len(p.Upvals) {
		u.fail("bad upvalue names in")
	}
	for i := 0; i < n; i++ {
		p.Upvals[i].Name, _ = u.str()
	}
}
