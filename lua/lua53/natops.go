package lua53

// What operators do for native functions, with metamethods.

// Less is a < b with metamethods; it may call Lua and raise.
func (vm *VM) less(th *Thread, a, b *Value) bool {
	if a.isNum() && b.isNum() {
		return ltNum(a, b)
	}
	if a.isString() && b.isString() {
		return a.str() < b.str()
	}
	mm := vm.metaOf(a, "__lt")
	if mm.isNil() {
		mm = vm.metaOf(b, "__lt")
	}
	if mm.isNil() {
		vm.throwCompare(a, b)
	}
	r := vm.call1(th, mm, *a, *b)
	return !r.falsy()
}

// get is t[key] with metamethods.
func (vm *VM) get(th *Thread, t, key Value) Value {
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			if v := vm.rawGet(t.table(), &key); !v.isNil() {
				return v
			}
			if mm = vm.metaOf(&t, "__index"); mm.isNil() {
				return Nil
			}
		} else if mm = vm.metaOf(&t, "__index"); mm.isNil() {
			vm.throwType("index", t, "")
		}
		if mm.isFunc() {
			return vm.call1(th, mm, t, key)
		}
		t = mm
	}
	vm.throwf("'__index' chain too long; possible loop")
	return Nil
}

// set is t[key] = val with metamethods.
func (vm *VM) set(th *Thread, t, key, val Value) {
	for loop := 0; loop < maxMetaLoop; loop++ {
		var mm Value
		if t.isTable() {
			tab := t.table()
			if mt := tab.meta(); mt != nil {
				if old := vm.rawGet(tab, &key); old.isNil() {
					mm = mt.getStr("__newindex")
				}
			}
			if mm.isNil() {
				vm.checkKey(&key)
				vm.rawSet(tab, &key, &val)
				return
			}
		} else if mm = vm.metaOf(&t, "__newindex"); mm.isNil() {
			vm.throwType("index", t, "")
		}
		if mm.isFunc() {
			vm.call(th, mm, 0, t, key, val)
			return
		}
		t = mm
	}
	vm.throwf("'__newindex' chain too long; possible loop")
}

// length is #v with metamethods, as an integer.
func (vm *VM) length(th *Thread, v Value) int64 {
	mm := vm.metaOf(&v, "__len")
	if mm.isNil() {
		switch {
		case v.isString():
			return int64(len(v.str()))
		case v.isTable():
			return v.table().length()
		}
		vm.throwType("get length of", v, "")
	}
	r := vm.call1(th, mm, v, v)
	i, ok := vm.toInteger(&r)
	if !ok {
		vm.throwf("object length is not an integer")
	}
	return i
}
