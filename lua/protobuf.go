package lua

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
	"airlift/lua/protobuf"
)

// pbDepthMax bounds messages within messages; a module's C stack takes less.
const pbDepthMax = 100

// openProtobuf installs protobuf.*. Fields are written in the order of their
// numbers (assumed: the firmware's order is that of a hash table, which is the
// same for the small numbers that schemas have).
func (m *Machine) openProtobuf() {
	m.data.pb = protobuf.NewSchema()
	m.lib("protobuf",
		fn("clear", func(l *glua.LState) int {
			if l.GetTop() == 0 || l.Get(1) == glua.LNil {
				m.data.pb, m.data.pbBytes = protobuf.NewSchema(), 0
			} else {
				m.data.pb.Remove(m.str(l, 1))
			}
			return 0
		}),
		fn("load", func(l *glua.LState) int {
			data := []byte(m.str(l, 1))
			m.charge(len(data))
			if m.data.pbBytes += int64(len(data)); m.data.pbBytes > m.fw.LuaMemory {
				m.vm.NoMemory()
			}
			n, err := m.data.pb.Load(data)
			if err != nil {
				m.logf(levelDebug, "protobuf", "load: %v", err)
			}
			l.Push(glua.LBool(err == nil))
			l.Push(glua.LNumber(n + 1))
			return 2
		}),
		fn("encode", func(l *glua.LState) int {
			t := m.pbType(l)
			data, ok := l.Get(2).(*glua.LTable)
			if !ok {
				m.typeError(l, 2, "table")
			}
			e := &pbEncoder{m: m, l: l}
			e.message(t, data, 0)
			return pushStr(l, string(e.out))
		}),
		fn("decode", func(l *glua.LState) int {
			t := m.pbType(l)
			data := []byte(m.optStr(l, 2, ""))
			m.charge(len(data))
			d := &pbDecoder{m: m, l: l}
			into, ok := l.Get(3).(*glua.LTable)
			if !ok {
				into = d.table(t)
			}
			d.message(t, protobuf.NewReader(data), into, 0)
			l.Push(into)
			return 1
		}))
}

func (m *Machine) pbType(l *glua.LState) *protobuf.Type {
	name := m.str(l, 1)
	t := m.data.pb.Lookup(name)
	if t == nil {
		l.ArgError(1, "type '"+name+"' does not exists")
	}
	return t
}

// pbEncoder writes one message.
type pbEncoder struct {
	m   *Machine
	l   *glua.LState
	out []byte
}

func (e *pbEncoder) message(t *protobuf.Type, from *glua.LTable, depth int) {
	if depth > pbDepthMax {
		e.m.raise("stack overflow (message too many levels)")
	}
	for _, f := range t.Fields {
		e.m.charge(4)
		v := e.l.GetField(from, f.Name)
		if v == glua.LNil {
			continue
		}
		switch {
		case f.Type != nil && f.Type.Map:
			e.mapField(f, v, depth)
		case f.Repeated:
			e.repeated(f, v, depth)
		default:
			e.tagged(f, v, t.Proto3 && f.Oneof < 0, depth)
		}
	}
	e.m.allocate(int64(len(e.out)))
}

func (e *pbEncoder) tag(number int32, wire int) {
	e.out = binary.AppendUvarint(e.out, uint64(uint32(number))<<3|uint64(wire))
}

// tagged writes a field with its tag, unless it is zero and zeros are left out.
func (e *pbEncoder) tagged(f *protobuf.Field, v glua.LValue, skipZero bool, depth int) {
	start := len(e.out)
	e.tag(f.Number, protobuf.WireOf(f.Kind))
	if zero := e.value(f, v, depth); zero && skipZero {
		e.out = e.out[:start]
	}
}

// lengthOf puts the length of what write writes in front of it.
func (e *pbEncoder) lengthOf(write func()) {
	outer := e.out
	e.out = nil
	write()
	inner := e.out
	e.out = append(binary.AppendUvarint(outer, uint64(len(inner))), inner...)
}

func (e *pbEncoder) tableOf(f *protobuf.Field, v glua.LValue) *glua.LTable {
	t, ok := v.(*glua.LTable)
	if !ok {
		e.l.ArgError(2, "table expected at field '"+f.Name+"', got "+typeName(v))
	}
	return t
}

func (e *pbEncoder) mapField(f *protobuf.Field, v glua.LValue, depth int) {
	key, val := f.Type.Field(1), f.Type.Field(2)
	if key == nil || val == nil {
		return
	}
	t := e.tableOf(f, v)
	for k, v := e.m.vm.Next(t, glua.LNil); k != glua.LNil; k, v = e.m.vm.Next(t, k) {
		e.tag(f.Number, protobuf.WireBytes)
		e.lengthOf(func() {
			e.tagged(key, k, true, depth)
			e.tagged(val, v, true, depth)
		})
	}
}

func (e *pbEncoder) repeated(f *protobuf.Field, v glua.LValue, depth int) {
	t := e.tableOf(f, v)
	if !f.Packed {
		for i := 1; t.RawGetInt(i) != glua.LNil; i++ {
			e.tagged(f, t.RawGetInt(i), false, depth)
		}
		return
	}
	if t.RawGetInt(1) == glua.LNil {
		return
	}
	e.tag(f.Number, protobuf.WireBytes)
	e.lengthOf(func() {
		for i := 1; t.RawGetInt(i) != glua.LNil; i++ {
			e.value(f, t.RawGetInt(i), depth)
		}
	})
}

// value writes a value and reports whether it is zero.
func (e *pbEncoder) value(f *protobuf.Field, v glua.LValue, depth int) (zero bool) {
	wrong := func(want string) {
		e.l.ArgError(2, want+" expected for field '"+f.Name+"', got "+typeName(v))
	}
	switch f.Kind {
	case protobuf.Message:
		t := e.tableOf(f, v)
		e.lengthOf(func() { e.message(f.Type, t, depth+1) })
		return false
	case protobuf.Enum:
		e.enum(f, v)
		return false
	case protobuf.Bool:
		b := v == glua.LTrue || v != glua.LFalse && v != glua.LNil
		e.out = append(e.out, map[bool]byte{true: 1}[b])
		return !b
	case protobuf.String, protobuf.Bytes:
		s, ok := v.(glua.LString)
		if b := asZbuff(v); b != nil {
			s, ok = glua.LString(b.data), true
		}
		if !ok {
			wrong("string")
		}
		e.out = append(binary.AppendUvarint(e.out, uint64(len(s))), s...)
		return s == ""
	case protobuf.Double, protobuf.Float:
		n, ok := e.m.vm.ToNumber(v)
		if !ok {
			wrong("number")
		}
		if f.Kind == protobuf.Double {
			e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(n))
		} else {
			e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(float32(n)))
		}
		return n == 0
	}
	n, ok := e.integer(v)
	if !ok {
		wrong("number")
	}
	switch f.Kind {
	case protobuf.Int32:
		n = int64(int32(n))
	case protobuf.Uint32:
		n = int64(uint32(n))
	case protobuf.Sint32:
		n = int64(uint32(int32(n)<<1 ^ int32(n)>>31))
	case protobuf.Sint64:
		n = n<<1 ^ n>>63
	case protobuf.Fixed32, protobuf.Sfixed32:
		e.out = binary.LittleEndian.AppendUint32(e.out, uint32(n))
		return n == 0
	case protobuf.Fixed64, protobuf.Sfixed64:
		e.out = binary.LittleEndian.AppendUint64(e.out, uint64(n))
		return n == 0
	}
	e.out = binary.AppendUvarint(e.out, uint64(n))
	return n == 0
}

func (e *pbEncoder) enum(f *protobuf.Field, v glua.LValue) {
	if n, ok := e.m.number(v); ok {
		e.out = binary.AppendUvarint(e.out, uint64(truncate(n)))
		return
	}
	name, ok := v.(glua.LString)
	if !ok {
		e.l.ArgError(2, "number/string expected at field '"+f.Name+"', got "+typeName(v))
	}
	value := f.Type.FieldNamed(string(name))
	if value == nil {
		e.l.ArgError(2, "can not encode unknown enum '"+string(name)+"' at field '"+f.Name+"'")
	}
	e.out = binary.AppendUvarint(e.out, uint64(uint32(value.Number)))
}

// integer is a number, or text of one: decimal or 0x, with any of #+- in
// front, as the library writes numbers that do not fit a VM of 32 bits.
func (e *pbEncoder) integer(v glua.LValue) (int64, bool) {
	if n, ok := e.m.vm.ToInteger(v); ok {
		return n, true
	}
	s, ok := v.(glua.LString)
	if !ok {
		return 0, false
	}
	digits := strings.TrimLeft(string(s), "#+-")
	negative := strings.Count(string(s[:len(s)-len(digits)]), "-")%2 == 1
	base := 10
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		base, digits = 16, digits[2:]
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil && digits != "" {
		e.m.raise("integer format error: '%s'", string(s))
	}
	if negative {
		n = -n
	}
	return int64(n), true
}

// pbDecoder reads one message.
type pbDecoder struct {
	m *Machine
	l *glua.LState
}

func (d *pbDecoder) fail(err error) {
	if err != nil {
		d.m.raise("%v", err)
	}
}

// table is a new table for a message: in proto3 with the defaults of its
// fields.
func (d *pbDecoder) table(t *protobuf.Type) *glua.LTable {
	into := d.l.NewTable()
	d.m.vm.Alloc(56)
	if !t.Proto3 {
		return into
	}
	for _, f := range t.Fields {
		switch {
		case f.Repeated:
			into.RawSetString(f.Name, d.l.NewTable())
		case f.Oneof < 0 && f.Kind != protobuf.Message:
			into.RawSetString(f.Name, d.zero(f))
		}
	}
	return into
}

// zero is the default of a field of proto3.
func (d *pbDecoder) zero(f *protobuf.Field) glua.LValue {
	switch f.Kind {
	case protobuf.Enum:
		if v := f.Type.Field(0); v != nil {
			return glua.LString(v.Name)
		}
	case protobuf.String, protobuf.Bytes:
		return glua.LString("")
	case protobuf.Bool:
		return glua.LFalse
	case protobuf.Double, protobuf.Float:
		return lua53.Float(0)
	case protobuf.Message:
		return d.table(f.Type)
	}
	return glua.LNumber(0)
}

func (d *pbDecoder) message(t *protobuf.Type, r *protobuf.Reader, into *glua.LTable, depth int) {
	if depth > pbDepthMax {
		d.m.raise("stack overflow (not enough stack space for fields)")
	}
	for !r.Done() {
		number, wire, err := r.Tag()
		if err != nil {
			return // the library takes it for the end
		}
		f := t.Field(number)
		switch {
		case f == nil:
			if r.Skip(number, wire) != nil {
				return
			}
		case f.Type != nil && f.Type.Map:
			d.check(f, wire, r)
			d.mapEntry(f, r, d.fetch(into, f.Name), depth)
		case f.Repeated:
			d.repeated(f, wire, r, d.fetch(into, f.Name), depth)
		default:
			d.check(f, wire, r)
			if f.Oneof >= 0 {
				into.RawSetString(t.Oneofs[f.Oneof], glua.LString(f.Name))
			}
			into.RawSetString(f.Name, d.value(f, r, depth))
		}
	}
}

// fetch is the table in a field, new if there is none.
func (d *pbDecoder) fetch(into *glua.LTable, name string) *glua.LTable {
	if t, ok := into.RawGetString(name).(*glua.LTable); ok {
		return t
	}
	t := d.l.NewTable()
	into.RawSetString(name, t)
	return t
}

var pbWireNames = [...]string{"varint", "64bit", "bytes", "gstart", "gend", "32bit", "6", "7"}

var pbKindNames = [...]string{"?", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string",
	"group", "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64"}

// check refuses a field that was written as another kind.
func (d *pbDecoder) check(f *protobuf.Field, wire int, r *protobuf.Reader) {
	want := protobuf.WireOf(f.Kind)
	if wire == want {
		return
	}
	kind := ""
	if f.Packed {
		kind += "packed "
	}
	if f.Repeated {
		kind += "repeated "
	}
	d.m.raise("type mismatch for %sfield '%s' at offset %d, %s expected for type %s, got %s",
		kind, f.Name, r.Offset()+1, pbWireNames[want], pbKindNames[f.Kind], pbWireNames[wire])
}

func (d *pbDecoder) repeated(f *protobuf.Field, wire int, r *protobuf.Reader, into *glua.LTable, depth int) {
	if wire != protobuf.WireBytes || protobuf.WireOf(f.Kind) == protobuf.WireBytes {
		d.check(f, wire, r)
		into.Append(d.value(f, r, depth))
		return
	}
	p, err := r.Bytes()
	d.fail(err)
	for packed := protobuf.NewReader(p); !packed.Done(); {
		d.m.vm.Alloc(16)
		into.Append(d.value(f, packed, depth))
	}
}

func (d *pbDecoder) mapEntry(f *protobuf.Field, r *protobuf.Reader, into *glua.LTable, depth int) {
	p, err := r.Bytes()
	d.fail(err)
	var parts [2]glua.LValue
	for entry := protobuf.NewReader(p); !entry.Done(); {
		number, wire, err := entry.Tag()
		if err != nil {
			break
		}
		part := f.Type.Field(number)
		if part == nil || number != 1 && number != 2 {
			if entry.Skip(number, wire) != nil {
				break
			}
			continue
		}
		d.check(part, wire, entry)
		parts[number-1] = d.value(part, entry, depth)
	}
	for i := range parts {
		part := f.Type.Field(int32(i + 1))
		if parts[i] == nil && part != nil {
			parts[i] = d.zero(part)
		}
		if parts[i] == nil {
			return
		}
	}
	d.l.SetTable(into, parts[0], parts[1])
}

func (d *pbDecoder) value(f *protobuf.Field, r *protobuf.Reader, depth int) glua.LValue {
	d.m.charge(4)
	switch f.Kind {
	case protobuf.String, protobuf.Bytes:
		p, err := r.Bytes()
		d.fail(err)
		d.m.vm.Alloc(stringHead + int64(len(p)))
		return glua.LString(p)
	case protobuf.Message:
		p, err := r.Bytes()
		d.fail(err)
		into := d.table(f.Type)
		d.message(f.Type, protobuf.NewReader(p), into, depth+1)
		return into
	case protobuf.Group:
		d.m.raise("unknown type group (%d)", f.Kind)
	case protobuf.Float, protobuf.Fixed32, protobuf.Sfixed32:
		n, err := r.Fixed4()
		d.fail(err)
		switch f.Kind {
		case protobuf.Float:
			return d.m.vm.FloatValue(float64(math.Float32frombits(n)))
		case protobuf.Fixed32:
			return integerValue(d.m.wrap(int64(n)))
		}
		return glua.LNumber(int32(n))
	case protobuf.Double, protobuf.Fixed64, protobuf.Sfixed64:
		n, err := r.Fixed8()
		d.fail(err)
		if f.Kind == protobuf.Double {
			return d.m.vm.FloatValue(math.Float64frombits(n))
		}
		return integerValue(d.m.wrap(int64(n)))
	}
	n, err := r.Varint()
	d.fail(err)
	return d.varint(f, n)
}

func (d *pbDecoder) varint(f *protobuf.Field, n uint64) glua.LValue {
	switch f.Kind {
	case protobuf.Enum:
		if v := f.Type.Field(int32(n)); v != nil {
			return glua.LString(v.Name)
		}
	case protobuf.Bool:
		return glua.LBool(n != 0)
	case protobuf.Int32:
		return glua.LNumber(int32(n))
	case protobuf.Uint32:
		return integerValue(d.m.wrap(int64(uint32(n))))
	case protobuf.Sint32:
		return glua.LNumber(int32(uint32(n)>>1) ^ -int32(n&1))
	case protobuf.Sint64:
		n = n>>1 ^ -(n & 1)
	}
	return integerValue(d.m.wrap(int64(n)))
}
