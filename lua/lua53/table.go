package lua53

import (
	"math"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Tables are gopher-lua's; these functions read and write their fields, so
// that integers in the array part and strings cost no interface conversion.
// Unlike gopher-lua we never fill an array with a long run of nils: keys far
// behind its end live in the dictionary until the gap is closed.

// arrayGap is how many nils an assignment may put into an array.
const arrayGap = 3

// Small tables are made in one piece with their first keys or array.
type (
	tableWithKeys struct {
		t    ltable
		keys [4]glua.LValue
	}
	tableWithArray struct {
		t     ltable
		array [4]glua.LValue
	}
)

// newTable makes a table with room for what NEWTABLE says in B and C.
func (vm *VM) newTable(b, c int) Value {
	vm.alloc(vm.sizes.table)
	arrayLen, keysLen := min(fbToInt(b), 1<<12), min(fbToInt(c), 1<<10)
	var t *ltable
	switch {
	case keysLen > 0 && keysLen <= 4:
		x := &tableWithKeys{}
		t = &x.t
		t.keys = x.keys[:0]
	case keysLen == 0 && arrayLen > 0 && arrayLen <= 4:
		x := &tableWithArray{}
		t = &x.t
		t.array = x.array[:0]
	default:
		t = &ltable{}
	}
	t.Metatable = glua.LNil
	if arrayLen > cap(t.array) {
		t.array = make([]glua.LValue, 0, arrayLen)
	}
	if keysLen > 0 {
		t.strdict = make(map[string]glua.LValue, keysLen)
		t.k2i = map[glua.LValue]int{}
		if keysLen > cap(t.keys) {
			t.keys = make([]glua.LValue, 0, keysLen)
		}
	}
	return Value{unsafe.Pointer(t), kTable}
}

func keyL(i int64) glua.LValue {
	if uint64(i-boxMin) < boxMax-boxMin {
		return intBoxes[i-boxMin]
	}
	if uint64(i+maxExact) <= 2*maxExact {
		return glua.LNumber(i)
	}
	return Int(i)
}

func (t *ltable) getInt(i int64) Value {
	if uint64(i-1) < uint64(len(t.array)) {
		return fromL(t.array[i-1])
	}
	if len(t.dict) == 0 {
		return Value{}
	}
	return fromL(t.dict[keyL(i)])
}

func (t *ltable) getStr(s string) Value {
	if lv, ok := t.strdict[s]; ok {
		return fromL(lv)
	}
	return Value{}
}

// dictKey is the dictionary key of a value that is neither string nor nil.
func (vm *VM) dictKey(k Value) glua.LValue {
	if k.isFloat() {
		if f := k.f(); f != math.Trunc(f) {
			return glua.LNumber(f)
		}
	}
	return vm.box.toL(k)
}

func (vm *VM) rawGet(t *ltable, k *Value) Value {
	switch {
	case k.p == unsafe.Pointer(&tags[0]):
		return t.getInt(k.i())
	case k.isString():
		return t.getStr(k.str())
	case k.p == unsafe.Pointer(&tags[1]):
		if i, ok := vm.floatToInt(k.f()); ok {
			return t.getInt(i)
		}
	case k.isNil():
		return Value{}
	}
	if len(t.dict) == 0 {
		return Value{}
	}
	return fromL(t.dict[vm.dictKey(*k)])
}

// rawSet assigns; the key must not be nil or not a number.
func (vm *VM) rawSet(t *ltable, k *Value, v *Value) {
	switch {
	case k.p == unsafe.Pointer(&tags[0]):
		vm.setInt(t, k.i(), v)
		return
	case k.isString():
		vm.setStr(t, k, v)
		return
	case k.p == unsafe.Pointer(&tags[1]):
		if i, ok := vm.floatToInt(k.f()); ok {
			vm.setInt(t, i, v)
			return
		}
	}
	vm.setDict(t, vm.dictKey(*k), v)
}

func (vm *VM) setInt(t *ltable, i int64, v *Value) {
	idx, n := uint64(i-1), uint64(len(t.array))
	switch {
	case idx < n:
		if v.p == nil && v.n == kNil {
			t.array[idx] = glua.LNil
			if idx == n-1 {
				t.trim()
			}
			return
		}
		t.array[idx] = vm.box.toL(*v)
	case v.isNil():
		if len(t.dict) > 0 {
			delete(t.dict, keyL(i))
		}
	case idx == n && len(t.dict) == 0:
		vm.alloc(vm.sizes.slot)
		t.array = append(t.array, vm.box.toL(*v))
	case idx <= n+arrayGap:
		vm.appendArray(t, idx, v)
	default:
		vm.setDict(t, keyL(i), v)
	}
}

func (vm *VM) appendArray(t *ltable, idx uint64, v *Value) {
	vm.alloc(vm.sizes.slot)
	if len(t.dict) > 0 { // the keys may be in the dictionary
		for i := uint64(len(t.array)); i < idx; i++ {
			lv := t.dict[keyL(int64(i+1))]
			if lv == nil {
				lv = glua.LNil
			} else {
				t.forget(keyL(int64(i + 1)))
			}
			t.array = append(t.array, lv)
		}
		t.forget(keyL(int64(idx + 1)))
	}
	for uint64(len(t.array)) < idx {
		t.array = append(t.array, glua.LNil)
	}
	t.array = append(t.array, vm.box.toL(*v))
	for len(t.dict) > 0 {
		k := keyL(int64(len(t.array) + 1))
		lv, ok := t.dict[k]
		if !ok {
			return
		}
		t.forget(k)
		t.array = append(t.array, lv)
	}
}

// trim cuts nils off the end of the array. They stay behind it: next goes on
// from an index that was cleared, and from no other.
func (t *ltable) trim() {
	n := len(t.array)
	for n > 0 && tabOf(t.array[n-1]) == tabNil {
		n--
	}
	t.array = t.array[:n]
}

// The order of iteration is that of keys. k2i says where a key is in it; we
// fill it only when somebody asks, which is rare: keys that are written while
// all that were before are still there just follow. So k2i is empty, or was
// filled by index and is complete, or was filled by gopher-lua's own methods
// and lacks keys; where one of these is written again it follows once more.

// indexed is in a k2i that is complete.
var indexed = glua.LValue(&glua.LUserData{})

// index completes k2i.
func (t *ltable) index() {
	if _, ok := t.k2i[indexed]; ok {
		return
	}
	if t.k2i == nil {
		t.k2i = map[glua.LValue]int{}
	}
	clear(t.k2i)
	t.k2i[indexed] = -1
	for i, k := range t.keys {
		if k == nil {
			continue
		}
		if _, twice := t.k2i[k]; twice {
			t.keys[i] = nil
			continue
		}
		t.k2i[k] = i
	}
}

// inOrder reports whether keys are just those of n entries, each of them once.
func (t *ltable) inOrder(n int) bool { return len(t.k2i) == 0 && len(t.keys) == n }

// forget removes a key that moves to the array.
func (t *ltable) forget(k glua.LValue) {
	if _, ok := t.dict[k]; !ok && t.inOrder(len(t.strdict)+len(t.dict)) {
		return
	}
	t.index()
	delete(t.dict, k)
	if pos, ok := t.k2i[k]; ok {
		t.keys[pos] = nil
		delete(t.k2i, k)
	}
}

// setStr assigns to a string key.
func (vm *VM) setStr(t *ltable, k, v *Value) {
	s := k.str()
	if v.isNil() {
		delete(t.strdict, s)
		return
	}
	counted := false
	if vm.mem+vm.sizes.node >= vm.memNext { // the walk must find the table as it was
		if _, ok := t.strdict[s]; !ok {
			vm.alloc(vm.sizes.node)
			counted = true
		}
	}
	if t.strdict == nil {
		t.strdict = map[string]glua.LValue{}
	}
	n := len(t.strdict)
	t.strdict[s] = vm.box.toL(*v)
	if len(t.strdict) != n {
		if !counted { // alloc
			vm.mem += vm.sizes.node
			vm.budget -= vm.sizes.node >> 3
		}
		t.remember(ifaceOf(tabString, k.p))
	}
}

func (vm *VM) setDict(t *ltable, k glua.LValue, v *Value) {
	if v.isNil() {
		if len(t.dict) > 0 {
			delete(t.dict, k)
		}
		return
	}
	if t.dict == nil {
		t.dict = map[glua.LValue]glua.LValue{}
	}
	n := len(t.dict)
	t.dict[k] = vm.box.toL(*v)
	if len(t.dict) != n {
		vm.alloc(vm.sizes.node)
		t.remember(k)
	}
}

// remember gives a key that has just been added its place in the order of
// iteration: the one that it had before, or the last.
func (t *ltable) remember(k glua.LValue) {
	if t.k2i == nil {
		t.k2i = map[glua.LValue]int{} // gopher-lua's methods want one
	}
	if t.keys == nil {
		t.keys = make([]glua.LValue, 0, 4)
	}
	live := len(t.strdict) + len(t.dict)
	if !t.inOrder(live - 1) {
		t.index()
		if _, ok := t.k2i[k]; ok {
			return
		}
		if n := len(t.keys); n > 32 && n > 2*live {
			t.compact()
		} else {
			t.k2i[k] = n
		}
	}
	t.keys = append(t.keys, k)
}

// compact drops keys without a value from the order of iteration.
func (t *ltable) compact() {
	live := t.keys[:0]
	for _, k := range t.keys {
		if k != nil && t.hasKey(k) {
			live = append(live, k)
		}
	}
	clear(t.keys[len(live):])
	t.keys = live
	clear(t.k2i)
}

func (t *ltable) hasKey(k glua.LValue) bool {
	if s, ok := k.(glua.LString); ok {
		_, ok := t.strdict[string(s)]
		return ok
	}
	_, ok := t.dict[k]
	return ok
}

// length is a border of the table.
func (t *ltable) length() int64 {
	n := len(t.array)
	if n > 0 && tabOf(t.array[n-1]) == tabNil {
		return int64((*glua.LTable)(unsafe.Pointer(t)).Len())
	}
	if len(t.dict) > 0 {
		i := int64(n)
		for {
			if _, ok := t.dict[keyL(i+1)]; !ok {
				return i
			}
			i++
		}
	}
	return int64(n)
}

// nextHint remembers where a traversal is, so that the next step need not
// look for its key.
type nextHint struct {
	t      *ltable
	pos    int
	key    Value // the one at pos
	placed int   // size of k2i: gopher-lua's methods may write meanwhile
}

const nextHints = 16

// next is the iteration step behind key: array, then keys in order of
// insertion. ok is false if key is not in the table.
func (vm *VM) next(t *ltable, key *Value, slot int) (k, v Value, ok bool) {
	pos := 0 // in t.keys
	if key.isNil() {
		if len(t.k2i) > 0 {
			t.index()
		}
		if k, v, ok := t.nextArray(0); ok {
			return k, v, true
		}
	} else if i, isInt := arrayIndex(key); isInt && i <= len(t.array) {
		if k, v, ok := t.nextArray(i); ok {
			return k, v, true
		}
	} else {
		h := &vm.hints[slot&(nextHints-1)]
		if h.t == t && h.key == *key && h.placed == len(t.k2i) && h.pos < len(t.keys) && fromL(t.keys[h.pos]) == *key {
			pos = h.pos + 1
		} else if p, found := t.place(vm.dictKey(*key)); found {
			pos = p + 1
		} else if !isInt || i > cap(t.array) || t.array[:cap(t.array)][i-1] == nil {
			// An index behind the array's end may have been cleared: it was in
			// use then.
			return Nil, Nil, false
		}
	}
	for ; pos < len(t.keys); pos++ {
		lk := t.keys[pos]
		w := (*iface)(unsafe.Pointer(&lk))
		var lv glua.LValue
		switch w.tab {
		case nil:
			continue
		case tabString:
			lv = t.strdict[*(*string)(w.data)]
		default:
			lv = t.dict[lk]
		}
		if lv == nil {
			continue
		}
		k := fromL(lk)
		vm.hints[slot&(nextHints-1)] = nextHint{t, pos, k, len(t.k2i)}
		return k, fromL(lv), true
	}
	return Nil, Nil, true
}

func (t *ltable) place(k glua.LValue) (pos int, ok bool) {
	t.index()
	pos, ok = t.k2i[k]
	return pos, ok
}

func (t *ltable) nextArray(i int) (k, v Value, ok bool) {
	for ; i < len(t.array); i++ {
		if v := fromL(t.array[i]); !v.isNil() {
			return mkInt(int64(i + 1)), v, true
		}
	}
	return Nil, Nil, false
}

// arrayIndex returns an integer key that may be in the array part.
func arrayIndex(k *Value) (int, bool) {
	i := k.i()
	if k.isFloat() {
		var ok bool
		if i, ok = floatToInt(k.f()); !ok {
			return 0, false
		}
	} else if !k.isInt() {
		return 0, false
	}
	if i < 1 || i > 1<<31-1 {
		return 0, false
	}
	return int(i), true
}

// metatable returns the metatable of any value.
func (vm *VM) metatable(v *Value) *ltable {
	var lv glua.LValue
	switch {
	case v.isNum():
		return vm.typeMeta[glua.LTNumber]
	case v.p == nil:
		if v.n == kNil {
			return vm.typeMeta[glua.LTNil]
		}
		return vm.typeMeta[glua.LTBool]
	case v.n == kTable:
		lv = v.table().Metatable
	case v.n == kUser:
		lv = v.user().Metatable
	case v.n == kString:
		return vm.typeMeta[glua.LTString]
	case v.n == kFunc:
		return vm.typeMeta[glua.LTFunction]
	case v.n == kThread:
		return vm.typeMeta[glua.LTThread]
	}
	if mt, ok := lv.(*glua.LTable); ok {
		return (*ltable)(unsafe.Pointer(mt))
	}
	return nil
}

func (t *ltable) meta() *ltable {
	if mt, ok := t.Metatable.(*glua.LTable); ok {
		return (*ltable)(unsafe.Pointer(mt))
	}
	return nil
}

// metaOf returns a metamethod, nil if there is none.
func (vm *VM) metaOf(v *Value, event string) Value {
	if mt := vm.metatable(v); mt != nil {
		return mt.getStr(event)
	}
	return Value{}
}

// RawGet is what the scripts of this VM find in a table without metamethods.
func (vm *VM) RawGet(t *glua.LTable, key glua.LValue) glua.LValue {
	k := fromL(key)
	return vm.box.toL(vm.rawGet((*ltable)(unsafe.Pointer(t)), &k))
}

// RawSet assigns without metamethods; nil and not-a-number keys are ignored.
func (vm *VM) RawSet(t *glua.LTable, key, val glua.LValue) {
	k, v := fromL(key), fromL(val)
	if k.isNil() || k.isFloat() && k.f() != k.f() {
		return
	}
	vm.rawSet((*ltable)(unsafe.Pointer(t)), &k, &v)
}

// Next is the iteration order of pairs: (nil, nil) at the end.
func (vm *VM) Next(t *glua.LTable, key glua.LValue) (glua.LValue, glua.LValue) {
	k := fromL(key)
	nk, nv, _ := vm.next((*ltable)(unsafe.Pointer(t)), &k, 0)
	return vm.box.toL(nk), vm.box.toL(nv)
}
