package lua

import (
	"encoding/base64"
	"math"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// The library zbuff: buffers of bytes that scripts change in place
// (luatos-runtime.md 9.2, and the library's own documentation where that says
// nothing).
//
// A buffer has one position, not two: what seek, read and write call the
// cursor and what used, copy and query call the number of used bytes is one
// variable. The documentation of used says that seek changes it, and logs of
// real modules show it: 3 bytes are used after seek(0) and read(3).
//
// Assumed, because no source settles it: what read does with a negative
// length (nothing is read); that writes that do not fit write nothing (numbers)
// or what fits (write of strings); that bytes a resize adds are 0; that a
// seek with an unknown base does and returns nothing.

// zbuff is one buffer.
type zbuff struct {
	data          []byte
	used          int // also the cursor; never more than len(data)
	width, height int // of the frame buffer, 0 without one
	bits          int // of a pixel
}

// zbuffName is what the userdata is called in error messages.
const zbuffName = "ZBUFF*"

// openZbuff installs zbuff.* and the methods of buffers.
func (m *Machine) openZbuff() {
	meta := m.l.NewTable()
	methods := m.l.NewTable()
	m.fill(methods,
		fn("write", m.zbuffWrite), fn("read", m.zbuffRead), fn("clear", m.zbuffClear), fn("seek", m.zbuffSeek),
		fn("pack", m.zbuffPack), fn("unpack", m.zbuffUnpack))
	m.zbuffTyped(methods)
	m.fill(methods,
		fn("toStr", m.zbuffToStr), fn("len", m.zbuffLen),
		fn("setFrameBuffer", m.zbuffSetFrame), fn("pixel", m.zbuffPixel), fn("drawLine", m.zbuffDrawLine),
		fn("drawRect", m.zbuffDrawRect), fn("drawCircle", m.zbuffDrawCircle),
		fn("free", func(l *glua.LState) int {
			*m.zbuff(l, 1) = zbuff{}
			return 0
		}),
		fn("copy", m.zbuffCopy), fn("set", m.zbuffSet), fn("query", m.zbuffQuery), fn("del", m.zbuffDel),
		fn("resize", m.zbuffResize), fn("reSize", m.zbuffResize), fn("used", m.zbuffUsed),
		fn("isEqual", m.zbuffIsEqual), fn("toBase64", m.zbuffToBase64))
	// get(n) is what [n] is, under a name.
	index := func(l *glua.LState) int {
		b := m.zbuff(l, 1)
		if i, ok := anInteger(l.Get(2)); ok {
			if i < 0 || i >= int64(len(b.data)) {
				return 0
			}
			return pushInt(l, int64(b.data[i]))
		}
		if name, ok := l.Get(2).(glua.LString); ok {
			l.Push(methods.RawGetString(string(name)))
			return 1
		}
		return 0
	}
	m.fill(methods, fn("get", index))
	m.fill(meta,
		fn("__index", index),
		fn("__newindex", func(l *glua.LState) int {
			b := m.zbuff(l, 1)
			if i, ok := anInteger(l.Get(2)); ok && i >= 0 && i < int64(len(b.data)) {
				b.data[i] = byte(m.integer(l, 3))
			}
			return 0
		}),
		fn("__len", m.zbuffLen),
	)
	meta.RawSetString("__name", glua.LString(zbuffName))
	m.zbuffMeta = meta
	t := m.lib("zbuff", fn("create", m.zbuffCreate))
	constants(t, "SEEK_SET", zbuffSeekSet, "SEEK_CUR", zbuffSeekCur, "SEEK_END", zbuffSeekEnd,
		"HEAP_AUTO", 0, "HEAP_SRAM", 1, "HEAP_PSRAM", 2)
}

const (
	zbuffSeekSet = iota
	zbuffSeekCur
	zbuffSeekEnd
)

// zbuff is the buffer that argument n must be.
func (m *Machine) zbuff(l *glua.LState, n int) *zbuff {
	b := asZbuff(l.Get(n))
	if b == nil {
		m.typeError(l, n, zbuffName)
	}
	return b
}

// asZbuff returns v's buffer, or nil if it is none.
func asZbuff(v glua.LValue) *zbuff {
	if ud, ok := v.(*glua.LUserData); ok {
		if b, ok := ud.Value.(*zbuff); ok {
			return b
		}
	}
	return nil
}

// rest are the bytes from the cursor to the end.
func (b *zbuff) rest() []byte { return b.data[b.used:] }

// filled are the used bytes.
func (b *zbuff) filled() []byte { return b.data[:b.used] }

// slice returns at most n bytes from off; nothing for what makes no sense.
func (b *zbuff) slice(off, n int64) []byte {
	if off < 0 || off >= int64(len(b.data)) || n <= 0 {
		return nil
	}
	return b.data[off : off+min(n, int64(len(b.data))-off)]
}

// buffersForget bounds, in bytes, the buffers made without waiting that the
// walk over the heap did not find: they may be temporary values, which it does
// not see.
const buffersForget = 256 << 20

// sysLimit is what all buffers of a machine may hold: the firmware's system
// memory, from which it takes them.
func (m *Machine) sysLimit() int64 {
	if m.fw.SysMemory > 0 {
		return m.fw.SysMemory
	}
	return 64 << 10
}

// newBytes returns n zero bytes of system memory, or nil if the buffers that
// are still reachable leave no room. What is reachable is only looked at when
// it matters, and depends on nothing but the script.
func (m *Machine) newBytes(n int64) []byte {
	limit := m.sysLimit()
	if n <= 0 || n > limit {
		return nil
	}
	if m.buffersHeld+m.buffersNew+n > limit {
		var live int64
		m.charge(m.vm.EachUserData(func(ud *glua.LUserData) {
			if b, ok := ud.Value.(*zbuff); ok {
				live += int64(len(b.data))
			}
		}))
		m.buffersForgiven += max(0, m.buffersHeld+m.buffersNew-live)
		m.buffersHeld, m.buffersNew = live, 0
		if m.buffersHeld+n > limit || m.buffersForgiven > buffersForget {
			return nil
		}
	}
	m.buffersNew += n
	m.charge(int(n / 64))
	return make([]byte, n)
}

// zbuffCreate is create(size or {width, height, bits}, fill, heap): nil when
// the size is 0 or less, or there is no memory.
func (m *Machine) zbuffCreate(l *glua.LState) int {
	var b zbuff
	var size int64
	if t, ok := l.Get(1).(*glua.LTable); ok {
		var dims [3]int64
		for i := range dims {
			dims[i], ok = anInteger(t.RawGetInt(i + 1))
			if !ok {
				l.ArgError(1, "table of width, height and bits expected")
			}
		}
		size = frameBytes(dims[0], dims[1], dims[2])
		b.width, b.height, b.bits = int(dims[0]), int(dims[1]), int(dims[2])
	} else {
		size = m.integer(l, 1)
	}
	if b.data = m.newBytes(size); b.data == nil {
		l.Push(glua.LNil)
		return 1
	}
	switch v := l.Get(2).(type) {
	case glua.LNumber, lua53.Int:
		if b.bits > 0 {
			b.fillFrame(m.integer(l, 2))
		} else {
			fill(b.data, byte(m.integer(l, 2)))
		}
	case glua.LString:
		copy(b.data, v)
	}
	return m.pushZbuff(l, &b)
}

func (m *Machine) pushZbuff(l *glua.LState, b *zbuff) int {
	ud := l.NewUserData()
	ud.Value, ud.Metatable = b, m.zbuffMeta
	l.Push(ud)
	return 1
}

func fill(p []byte, c byte) {
	for i := range p {
		p[i] = c
	}
}

// numbers are the arguments from first on, as bytes, up to the first that is
// no integer.
func (m *Machine) numbers(l *glua.LState, first int) []byte {
	var p []byte
	for i := first; i <= l.GetTop(); i++ {
		n, ok := anInteger(l.Get(i))
		if !ok {
			break
		}
		p = append(p, byte(n))
	}
	return p
}

// zbuffWrite is write(string) or write(number, ...): what fits, from the
// cursor on.
func (m *Machine) zbuffWrite(l *glua.LState) int {
	b := m.zbuff(l, 1)
	var p []byte
	if _, ok := anInteger(l.Get(2)); ok {
		p = m.numbers(l, 2)
	} else {
		p = []byte(m.str(l, 2))
	}
	m.charge(len(p) / 64)
	n := copy(b.rest(), p)
	b.used += n
	return pushInt(l, int64(n))
}

func (m *Machine) zbuffRead(l *glua.LState) int {
	b := m.zbuff(l, 1)
	p := b.slice(int64(b.used), m.optInt(l, 2, 1))
	m.allocate(int64(len(p)))
	b.used += len(p)
	return pushStr(l, string(p))
}

func (m *Machine) zbuffClear(l *glua.LState) int {
	b := m.zbuff(l, 1)
	c := byte(m.optInt(l, 2, 0))
	m.charge(len(b.data) / 64)
	fill(b.data, c)
	return 0
}

func (m *Machine) zbuffSeek(l *glua.LState) int {
	b := m.zbuff(l, 1)
	off := m.integer(l, 2)
	switch m.optInt(l, 3, zbuffSeekSet) {
	case zbuffSeekSet:
	case zbuffSeekCur:
		off = addClamped(off, int64(b.used))
	case zbuffSeekEnd:
		off = addClamped(off, int64(len(b.data)))
	default:
		return 0
	}
	b.used = int(max(0, min(off, int64(len(b.data)))))
	return pushInt(l, int64(b.used))
}

// addClamped adds a size to a number from a script.
func addClamped(n, size int64) int64 {
	if n > math.MaxInt64-size {
		return math.MaxInt64
	}
	return n + size
}

// zbuffToStr is toStr(offset=0, length=everything).
func (m *Machine) zbuffToStr(l *glua.LState) int {
	b := m.zbuff(l, 1)
	p := b.slice(m.optInt(l, 2, 0), m.optInt(l, 3, int64(len(b.data))))
	m.allocate(int64(len(p)))
	return pushStr(l, string(p))
}

func (m *Machine) zbuffLen(l *glua.LState) int { return pushInt(l, int64(len(m.zbuff(l, 1).data))) }

// zbuffResize does nothing if there is no memory for the new size.
func (m *Machine) zbuffResize(l *glua.LState) int {
	b := m.zbuff(l, 1)
	m.resize(b, m.integer(l, 2))
	return 0
}

func (m *Machine) resize(b *zbuff, n int64) bool {
	if n == int64(len(b.data)) {
		return true
	}
	p := m.newBytes(n)
	if p == nil {
		return false
	}
	copy(p, b.data)
	b.data, b.used = p, min(b.used, len(p))
	return true
}

// put copies p to off and grows the buffer if it has to; false without memory.
func (m *Machine) put(b *zbuff, off int64, p []byte) bool {
	end := off + int64(len(p))
	if end > int64(len(b.data)) && !m.resize(b, end) {
		return false
	}
	m.charge(len(p) / 64)
	copy(b.data[off:], p)
	b.used = max(b.used, int(end))
	return true
}

// zbuffCopy is copy(start, string | number, ... | zbuff [, offset, length]).
func (m *Machine) zbuffCopy(l *glua.LState) int {
	b := m.zbuff(l, 1)
	off := int64(b.used)
	if n, ok := anInteger(l.Get(2)); ok {
		if off = n; n < 0 {
			off = addClamped(n, int64(b.used))
		}
	}
	var p []byte
	if from := asZbuff(l.Get(3)); from != nil {
		p = from.slice(m.optInt(l, 4, 0), m.optInt(l, 5, int64(from.used)))
	} else if _, ok := anInteger(l.Get(3)); ok {
		p = m.numbers(l, 3)
	} else {
		p = []byte(m.str(l, 3))
	}
	if off < 0 || off > m.sysLimit() || len(p) == 0 || !m.put(b, off, p) {
		return pushInt(l, 0)
	}
	return pushInt(l, int64(len(p)))
}

func (m *Machine) zbuffUsed(l *glua.LState) int {
	b := m.zbuff(l, 1)
	if n, ok := anInteger(l.Get(2)); ok {
		b.used = int(max(0, min(n, int64(len(b.data)))))
	}
	return pushInt(l, int64(b.used))
}

// offset is a position among the used bytes; negative ones count from their
// end.
func (b *zbuff) offset(n int64) int64 {
	if n < 0 {
		n += int64(b.used)
	}
	return n
}

// zbuffDel is del(offset=0, length=used): the used bytes behind move up.
func (m *Machine) zbuffDel(l *glua.LState) int {
	b := m.zbuff(l, 1)
	off, n := b.offset(m.optInt(l, 2, 0)), m.optInt(l, 3, int64(b.used))
	if off < 0 || off >= int64(b.used) || n <= 0 {
		return 0
	}
	n = min(n, int64(b.used)-off)
	m.charge(b.used / 64)
	copy(b.data[off:], b.data[off+n:b.used])
	b.used -= int(n)
	return 0
}

// zbuffQuery is query(offset=0, length=used [, big endian [, signed [,
// float]]]) within the used bytes: a string, or the number that 1, 2, 4 or 8
// bytes are.
func (m *Machine) zbuffQuery(l *glua.LState) int {
	b := m.zbuff(l, 1)
	off, n := b.offset(m.optInt(l, 2, 0)), m.optInt(l, 3, int64(b.used))
	p := (&zbuff{data: b.filled()}).slice(off, n)
	big, convert := l.Get(4).(glua.LBool)
	if convert {
		switch len(p) {
		case 4, 8:
			if m.optBool(l, 6, false) {
				return m.pushFloat(l, bytesFloat(p, bool(big)))
			}
			fallthrough
		case 1, 2:
			return m.pushWrapped(l, bytesInt(p, bool(big), m.optBool(l, 5, false)))
		}
	}
	m.allocate(int64(len(p)))
	return pushStr(l, string(p))
}

// zbuffSet is set(start=0, value=0, length=everything behind start).
func (m *Machine) zbuffSet(l *glua.LState) int {
	b := m.zbuff(l, 1)
	p := b.slice(m.optInt(l, 2, 0), m.optInt(l, 4, int64(len(b.data))))
	m.charge(len(p) / 64)
	fill(p, byte(m.optInt(l, 3, 0)))
	return 0
}

// zbuffIsEqual is isEqual(start=0, other, start2=0, length): whether, and how
// many bytes from the start the first difference is. A range that leaves a
// buffer differs where it leaves.
func (m *Machine) zbuffIsEqual(l *glua.LState) int {
	a, b := m.zbuff(l, 1), m.zbuff(l, 3)
	n := m.integer(l, 5)
	p, q := a.slice(m.optInt(l, 2, 0), n), b.slice(m.optInt(l, 4, 0), n)
	m.charge(len(p) / 64)
	at := 0
	for at < len(p) && at < len(q) && p[at] == q[at] {
		at++
	}
	if int64(at) >= n {
		l.Push(glua.LTrue)
		l.Push(glua.LNumber(0))
		return 2
	}
	l.Push(glua.LFalse)
	l.Push(glua.LNumber(at))
	return 2
}

// zbuffToBase64 writes the used bytes to another buffer from its start. The
// result is the length, or 0 if it does not fit.
func (m *Machine) zbuffToBase64(l *glua.LState) int {
	b, dst := m.zbuff(l, 1), m.zbuff(l, 2)
	n := base64.StdEncoding.EncodedLen(b.used)
	if n > len(dst.data) {
		return pushInt(l, 0)
	}
	m.charge(n / 16)
	text := base64.StdEncoding.EncodeToString(b.filled())
	dst.used = copy(dst.data, text)
	return pushInt(l, int64(n))
}
