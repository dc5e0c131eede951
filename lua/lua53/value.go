package lua53

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Value is a Lua value in a register. Integers and floats have a tag address
// in p and their bits in n; nil and booleans have no p; everything else has
// the data word of its LValue in p and its kind in n.
type Value struct {
	p unsafe.Pointer
	n uint64
}

const valueSize = unsafe.Sizeof(Value{})

// Kinds of values that are not numbers, as held in Value.n.
const (
	kNil uint64 = iota
	kFalse
	kTrue
	kString
	kTable
	kFunc
	kUser
	kThread
	kOther // p points to an LValue of another type
)

var tags [2]uint64

// Nil is Lua's nil.
var Nil = Value{}

// Int is an integer whose magnitude is above 2^53, where an LValue is needed.
type Int int64

// Float is a float with an integral value of at most 2^53 in magnitude, where
// an LValue is needed.
type Float float64

func (i Int) String() string        { return fmt.Sprintf("%d", int64(i)) }
func (Int) Type() glua.LValueType   { return glua.LTNumber }
func (f Float) String() string      { return formatFloat(float64(f), false) }
func (Float) Type() glua.LValueType { return glua.LTNumber }

// iface is the memory layout of a non-empty interface.
type iface struct {
	tab  unsafe.Pointer
	data unsafe.Pointer
}

func tabOf(v glua.LValue) unsafe.Pointer { return (*iface)(unsafe.Pointer(&v)).tab }

var (
	tabNumber = tabOf(glua.LNumber(0))
	tabString = tabOf(glua.LString(""))
	tabTable  = tabOf((*glua.LTable)(nil))
	tabFunc   = tabOf((*glua.LFunction)(nil))
	tabUser   = tabOf((*glua.LUserData)(nil))
	tabThread = tabOf((*glua.LState)(nil))
	tabNil    = tabOf(glua.LNil)
)

var (
	lvTrue  glua.LValue = glua.LTrue
	lvFalse glua.LValue = glua.LFalse
)

// ltable is the layout of glua.LTable; checkLayout compares them.
type ltable struct {
	Metatable glua.LValue

	array   []glua.LValue
	dict    map[glua.LValue]glua.LValue
	strdict map[string]glua.LValue
	keys    []glua.LValue
	k2i     map[glua.LValue]int
}

func init() {
	if err := checkLayout(); err != nil {
		panic(err)
	}
}

// checkLayout compares our idea of gopher-lua's table with the truth.
func checkLayout() error {
	a, b := reflect.TypeOf(ltable{}), reflect.TypeOf(glua.LTable{})
	if a.NumField() != b.NumField() || a.Size() != b.Size() {
		return fmt.Errorf("lua53: gopher-lua's table has %d fields, want %d", b.NumField(), a.NumField())
	}
	for i := 0; i < a.NumField(); i++ {
		x, y := a.Field(i), b.Field(i)
		if x.Name != y.Name || x.Type != y.Type || x.Offset != y.Offset {
			return fmt.Errorf("lua53: gopher-lua's table field %s %v is not %s %v", y.Name, y.Type, x.Name, x.Type)
		}
	}
	return nil
}

func mkInt(i int64) Value     { return Value{unsafe.Pointer(&tags[0]), uint64(i)} }
func mkFloat(f float64) Value { return Value{unsafe.Pointer(&tags[1]), math.Float64bits(f)} }

func mkBool(b bool) Value {
	if b {
		return Value{nil, kTrue}
	}
	return Value{nil, kFalse}
}

var byteStrings = func() (a [256]Value) {
	for i := range a {
		s := string([]byte{byte(i)})
		a[i] = Value{unsafe.Pointer(&s), kString}
	}
	return
}()

var emptyString = func() Value { s := ""; return Value{unsafe.Pointer(&s), kString} }()

func mkString(s string) Value {
	if len(s) <= 1 {
		if s == "" {
			return emptyString
		}
		return byteStrings[s[0]]
	}
	p := new(string)
	*p = s
	return Value{unsafe.Pointer(p), kString}
}

func mkTable(t *glua.LTable) Value   { return Value{unsafe.Pointer(t), kTable} }
func mkFunc(f *glua.LFunction) Value { return Value{unsafe.Pointer(f), kFunc} }
func mkClosure(c *Closure) Value     { return Value{unsafe.Pointer(c), kFunc} }
func mkThread(t *Thread) Value       { return Value{unsafe.Pointer(t), kThread} }

func (v *Value) isInt() bool   { return v.p == unsafe.Pointer(&tags[0]) }
func (v *Value) isFloat() bool { return v.p == unsafe.Pointer(&tags[1]) }
func (v *Value) isNum() bool {
	return v.p == unsafe.Pointer(&tags[0]) || v.p == unsafe.Pointer(&tags[1])
}
func (v *Value) i() int64   { return int64(v.n) }
func (v *Value) f() float64 { return math.Float64frombits(v.n) }

func (v *Value) setInt(i int64) {
	if v.p != unsafe.Pointer(&tags[0]) {
		v.p = unsafe.Pointer(&tags[0])
	}
	v.n = uint64(i)
}

func (v *Value) setFloat(f float64) {
	if v.p != unsafe.Pointer(&tags[1]) {
		v.p = unsafe.Pointer(&tags[1])
	}
	v.n = math.Float64bits(f)
}

// setNumber is the number that a library or a table means by f.
func (v *Value) setNumber(f float64) {
	if i := int64(f); float64(i) == f && uint64(i+maxExact) <= 2*maxExact {
		v.setInt(i)
	} else {
		v.setFloat(f)
	}
}

// setL is fromL in place.
func (v *Value) setL(lv glua.LValue) {
	switch w := (*iface)(unsafe.Pointer(&lv)); w.tab {
	case tabNumber:
		v.setNumber(*(*float64)(w.data))
	case tabString:
		*v = Value{w.data, kString}
	case tabTable:
		*v = Value{w.data, kTable}
	case tabFunc:
		*v = Value{w.data, kFunc}
	case tabNil, nil:
		*v = Value{}
	default:
		*v = fromLSlow(lv)
	}
}

func (v *Value) isNil() bool { return v.p == nil && v.n == kNil }
func (v *Value) falsy() bool { return v.p == nil && v.n <= kFalse }

// is is for the kinds that have a pointer.
func (v *Value) is(k uint64) bool {
	return v.n == k && v.p != unsafe.Pointer(&tags[0]) && v.p != unsafe.Pointer(&tags[1])
}
func (v *Value) isString() bool { return v.is(kString) }
func (v *Value) isTable() bool  { return v.is(kTable) }
func (v *Value) isFunc() bool   { return v.is(kFunc) }

func (v *Value) str() string           { return *(*string)(v.p) }
func (v *Value) table() *ltable        { return (*ltable)(v.p) }
func (v *Value) gtable() *glua.LTable  { return (*glua.LTable)(v.p) }
func (v *Value) fn() *glua.LFunction   { return (*glua.LFunction)(v.p) }
func (v *Value) user() *glua.LUserData { return (*glua.LUserData)(v.p) }

// thread returns the coroutine of a thread value, nil if the thread is
// gopher-lua's own.
func (v *Value) thread() *Thread {
	l := (*glua.LState)(v.p)
	if l.Options.RegistryGrowStep == threadMark {
		return (*Thread)(v.p)
	}
	return nil
}

// threadMark in the options of an LState says that it is the head of a Thread.
const threadMark = -53

const maxExact = 1 << 53

// fromL converts an LValue.
func fromL(lv glua.LValue) Value {
	w := (*iface)(unsafe.Pointer(&lv))
	switch w.tab {
	case tabNumber:
		return fromNumber(*(*float64)(w.data))
	case tabString:
		return Value{w.data, kString}
	case tabTable:
		return Value{w.data, kTable}
	case tabNil, nil:
		return Value{}
	case tabFunc:
		return Value{w.data, kFunc}
	}
	return fromLSlow(lv)
}

func fromNumber(f float64) Value {
	if i := int64(f); float64(i) == f && uint64(i+maxExact) <= 2*maxExact {
		return Value{unsafe.Pointer(&tags[0]), uint64(i)}
	}
	return Value{unsafe.Pointer(&tags[1]), math.Float64bits(f)}
}

func fromLSlow(lv glua.LValue) Value {
	switch x := lv.(type) {
	case glua.LBool:
		return mkBool(bool(x))
	case *glua.LUserData:
		return Value{unsafe.Pointer(x), kUser}
	case *glua.LState:
		return Value{unsafe.Pointer(x), kThread}
	case Int:
		return mkInt(int64(x))
	case Float:
		return mkFloat(float64(x))
	}
	p := new(glua.LValue)
	*p = lv
	return Value{unsafe.Pointer(p), kOther}
}

const (
	boxMin = -256
	boxMax = 4096
)

var intBoxes = func() []glua.LValue {
	a := make([]glua.LValue, boxMax-boxMin)
	fs := make([]float64, len(a))
	for i := range a {
		fs[i] = float64(i + boxMin)
		a[i] = ifaceOf(tabNumber, unsafe.Pointer(&fs[i]))
	}
	return a
}()

func ifaceOf(tab, data unsafe.Pointer) glua.LValue {
	w := iface{tab, data}
	return *(*glua.LValue)(unsafe.Pointer(&w))
}

// boxer allocates boxed numbers in pages.
type boxer struct{ page []float64 }

func (b *boxer) number(f float64) glua.LValue {
	if len(b.page) == 0 {
		b.page = make([]float64, 64)
	}
	p := &b.page[0]
	b.page = b.page[1:]
	*p = f
	return ifaceOf(tabNumber, unsafe.Pointer(p))
}

// toL converts to an LValue.
func (b *boxer) toL(v Value) glua.LValue {
	switch v.p {
	case unsafe.Pointer(&tags[0]):
		i := int64(v.n)
		if uint64(i-boxMin) < boxMax-boxMin {
			return intBoxes[i-boxMin]
		}
		if uint64(i+maxExact) <= 2*maxExact {
			return b.number(float64(i))
		}
		return Int(i)
	case unsafe.Pointer(&tags[1]):
		f := math.Float64frombits(v.n)
		if i := int64(f); float64(i) == f && uint64(i+maxExact) <= 2*maxExact {
			return Float(f)
		}
		return b.number(f)
	case nil:
		switch v.n {
		case kFalse:
			return lvFalse
		case kTrue:
			return lvTrue
		}
		return glua.LNil
	}
	switch v.n {
	case kString:
		return ifaceOf(tabString, v.p)
	case kTable:
		return ifaceOf(tabTable, v.p)
	case kFunc:
		return ifaceOf(tabFunc, v.p)
	case kUser:
		return ifaceOf(tabUser, v.p)
	case kThread:
		return ifaceOf(tabThread, v.p)
	}
	return *(*glua.LValue)(v.p)
}

// toLegacy is toL for libraries that know only LNumbers.
func (b *boxer) toLegacy(v Value) glua.LValue {
	switch v.p {
	case unsafe.Pointer(&tags[0]):
		if i := int64(v.n); uint64(i-boxMin) < boxMax-boxMin {
			return intBoxes[i-boxMin]
		}
		return b.number(float64(int64(v.n)))
	case unsafe.Pointer(&tags[1]):
		return b.number(math.Float64frombits(v.n))
	}
	return b.toL(v)
}

// rawEqual is equality without metamethods.
func rawEqual(a, b *Value) bool {
	if a.p == b.p {
		if a.n == b.n {
			return !(a.p == unsafe.Pointer(&tags[1]) && a.f() != a.f())
		}
		return a.p == unsafe.Pointer(&tags[1]) && a.f() == b.f()
	}
	switch {
	case a.isInt():
		return b.isFloat() && eqIntFloat(a.i(), b.f())
	case a.isFloat():
		return b.isInt() && eqIntFloat(b.i(), a.f())
	case a.p == nil || b.p == nil || b.isNum() || a.n != b.n:
		return false
	case a.n == kString:
		return a.str() == b.str()
	case a.n == kOther:
		return *(*glua.LValue)(a.p) == *(*glua.LValue)(b.p)
	}
	return false
}

func eqIntFloat(i int64, f float64) bool {
	j, ok := floatToInt(f)
	return ok && i == j
}

// floatToInt converts f if it has an exact integer representation.
func floatToInt(f float64) (int64, bool) {
	if f >= -(1<<63) && f < 1<<63 {
		i := int64(f)
		return i, float64(i) == f
	}
	return 0, false
}

// typeName is Lua's name of v's type.
func (v *Value) typeName() string {
	switch {
	case v.isNum():
		return "number"
	case v.p == nil:
		if v.n == kNil {
			return "nil"
		}
		return "boolean"
	}
	switch v.n {
	case kString:
		return "string"
	case kTable:
		return "table"
	case kFunc:
		return "function"
	case kUser:
		return "userdata"
	case kThread:
		return "thread"
	}
	return (*(*glua.LValue)(v.p)).Type().String()
}
