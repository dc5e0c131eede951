package lua53

import (
	"fmt"
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// OpenTable installs table.
func (vm *VM) OpenTable() {
	vm.Register("table", []NativeEntry{
		{"concat", tableConcat}, {"insert", tableInsert}, {"maxn", tableMaxn}, {"move", tableMove},
		{"pack", tablePack}, {"remove", tableRemove}, {"sort", tableSort}, {"unpack", tableUnpack},
	})
}

// plain reports whether a table can be read and written without metamethods.
func plainTable(v *Value) bool { return v.isTable() && v.table().meta() == nil }

const (
	needRead = 1 << iota
	needWrite
	needLen
)

// tableLike checks that the argument is a table or has the metamethods that
// make it look like one.
func (a Args) tableLike(i, need int) Value {
	v := a.at(i)
	if v.isTable() {
		return v
	}
	vm := a.t.vm
	if mt := vm.metatable(&v); mt != nil {
		has := func(flag int, event string) bool {
			if need&flag == 0 {
				return true
			}
			mm := mt.getStr(event)
			return !mm.isNil()
		}
		if has(needRead, "__index") && has(needWrite, "__newindex") && has(needLen, "__len") {
			return v
		}
	}
	a.TypeError(i, "table")
	return v
}

func (vm *VM) geti(th *Thread, t Value, i int64) Value {
	if t.isTable() {
		tab := t.table()
		v := tab.getInt(i)
		if !v.isNil() || tab.meta() == nil {
			return v
		}
	}
	return vm.get(th, t, mkInt(i))
}

func (vm *VM) seti(th *Thread, t Value, i int64, v Value) {
	if plainTable(&t) {
		vm.setInt(t.table(), i, &v)
		return
	}
	vm.set(th, t, mkInt(i), v)
}

func (vm *VM) lenOf(th *Thread, t Value) int64 {
	if plainTable(&t) {
		return t.table().length()
	}
	return vm.length(th, t)
}

func tableInsert(a Args) int {
	vm := a.t.vm
	t := a.tableLike(0, needRead|needWrite|needLen)
	e := vm.wrap(vm.lenOf(a.t, t) + 1)
	switch a.n {
	case 2:
		vm.seti(a.t, t, e, a.at(1))
	case 3:
		pos := a.Int(1)
		if uint64(pos-1) >= uint64(e) {
			a.ArgError(1, "position out of bounds")
		}
		if plainTable(&t) {
			if tab := t.table(); int64(len(tab.array)) == e-1 && len(tab.dict) == 0 {
				v := a.at(2)
				if !v.isNil() {
					vm.alloc(vm.sizes.slot)
					vm.Charge(int(e-pos) / 8)
					tab.array = append(tab.array, nil)
					copy(tab.array[pos:], tab.array[pos-1:])
					tab.array[pos-1] = vm.box.toL(v)
					return 0
				}
			}
		}
		for i := e; i > pos; i-- {
			vm.Charge(1)
			vm.seti(a.t, t, i, vm.geti(a.t, t, i-1))
		}
		vm.seti(a.t, t, pos, a.at(2))
	default:
		a.Error("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableRemove(a Args) int {
	vm := a.t.vm
	t := a.tableLike(0, needRead|needWrite|needLen)
	size := vm.lenOf(a.t, t)
	pos := a.OptInt(1, size)
	if a.n > 1 && uint64(pos-1) >= uint64(size+1) && !(size == 0 && pos == 0) {
		if size+1 != pos {
			a.ArgError(0, "position out of bounds")
		}
	}
	v := vm.geti(a.t, t, pos)
	if plainTable(&t) {
		if tab := t.table(); int64(len(tab.array)) == size && len(tab.dict) == 0 && pos >= 1 && pos < size {
			vm.Charge(int(size-pos) / 8)
			copy(tab.array[pos-1:], tab.array[pos:])
			tab.array[size-1] = glua.LNil
			tab.trim()
			return a.ret(v)
		}
	}
	for ; pos < size; pos++ {
		vm.Charge(1)
		vm.seti(a.t, t, pos, vm.geti(a.t, t, pos+1))
	}
	vm.seti(a.t, t, pos, Nil)
	return a.ret(v)
}

func tableMaxn(a Args) int {
	t := a.Table(0)
	max := 0.0
	isFloat := false
	var maxV Value = mkInt(0)
	vm := a.t.vm
	vm.each(a.Get(0).(*glua.LTable), func(k, _ Value) bool {
		if k.isNum() {
			f := constFloat(k, false)
			if f > max {
				max, isFloat, maxV = f, k.isFloat(), k
			}
		}
		return true
	})
	_, _ = t, isFloat
	return a.ret(mkFloat(constFloat(maxV, vm.narrow)))
}

func tableMove(a Args) int {
	vm := a.t.vm
	f, e, t := a.Int(1), a.Int(2), a.Int(3)
	to := 0
	if !a.None(4) {
		to = 4
	}
	src := a.tableLike(0, needRead)
	dst := a.tableLike(to, needWrite)
	if e < f {
		return a.ret(dst)
	}
	maxI := vm.maxInt()
	if !(f > 0 || e < maxI+f) {
		a.ArgError(2, "too many elements to move")
	}
	n := e - f + 1
	if t > maxI-n+1 {
		a.ArgError(3, "destination wrap around")
	}
	if t > e || t <= f || to != 0 && !rawEqual(&src, &dst) {
		for i := int64(0); i < n; i++ {
			vm.Charge(2)
			vm.seti(a.t, dst, t+i, vm.geti(a.t, src, f+i))
		}
	} else {
		for i := n - 1; i >= 0; i-- {
			vm.Charge(2)
			vm.seti(a.t, dst, t+i, vm.geti(a.t, src, f+i))
		}
	}
	return a.ret(dst)
}

func tableConcat(a Args) int {
	vm := a.t.vm
	t := a.tableLike(0, needRead|needLen)
	size := vm.lenOf(a.t, t)
	sep := a.OptStr(1, "")
	i := a.OptInt(2, 1)
	last := a.OptInt(3, size)
	var b []byte
	for ; i <= last; i++ {
		v := vm.geti(a.t, t, i)
		switch {
		case v.isString():
			b = append(b, v.str()...)
		case v.isInt():
			b = strconv.AppendInt(b, v.i(), 10)
		case v.isFloat():
			b = append(b, vm.formatFloat(v.f())...)
		default:
			a.Error("invalid value (%s) at index %d in table for 'concat'", vm.typeNameOf(&v), i)
		}
		vm.Charge(1)
		if i == last { // i++ might wrap
			break
		}
		b = append(b, sep...)
		if len(b) > maxString {
			vm.noMemory()
		}
	}
	a.PushString(string(b))
	return 1
}

func tablePack(a Args) int {
	vm := a.t.vm
	v := vm.newTable(intToFB(a.n), 1)
	t := v.table()
	for i := 0; i < a.n; i++ {
		x := a.at(i)
		if x.isNil() {
			if i < a.n-1 && len(t.array) == i {
				t.array = append(t.array, glua.LNil)
			}
			continue
		}
		vm.setInt(t, int64(i+1), &x)
	}
	t.trim()
	vm.setField(v.gtable(), "n", mkInt(int64(a.n)))
	return a.ret(v)
}

func tableUnpack(a Args) int {
	vm := a.t.vm
	t := a.at(0)
	i := a.OptInt(1, 1)
	var e int64
	if a.None(2) {
		e = vm.lenOf(a.t, t)
	} else {
		e = a.Int(2)
	}
	if i > e {
		return 0
	}
	n := uint64(e) - uint64(i)
	if n >= 1<<31-1 || int(n) >= vm.opts.MaxStack-a.t.top-20 {
		a.Error("too many results to unpack")
	}
	a.t.ensure(a.t.top, int(n)+2)
	vm.Charge(int(n))
	for ; i < e; i++ {
		a.push(vm.geti(a.t, t, i))
	}
	a.push(vm.geti(a.t, t, e))
	return int(n) + 1
}

// sorter sorts with a comparison that may be wrong or raise.
type sorter struct {
	a    Args
	vm   *VM
	t    Value
	less Value
}

func tableSort(a Args) int {
	vm := a.t.vm
	t := a.tableLike(0, needRead|needWrite|needLen)
	n := vm.lenOf(a.t, t)
	if n < 2 {
		return 0
	}
	if n >= 1<<31-1 {
		a.ArgError(0, "array too big")
	}
	s := sorter{a: a, vm: vm, t: t}
	if !a.None(1) {
		s.less = a.Func(1)
	}
	s.sort(1, n)
	return 0
}

func (s *sorter) get(i int64) Value    { return s.vm.geti(s.a.t, s.t, i) }
func (s *sorter) set(i int64, v Value) { s.vm.seti(s.a.t, s.t, i, v) }

func (s *sorter) lt(x, y *Value) bool {
	s.vm.Charge(2)
	if s.less.isNil() {
		return s.vm.less(s.a.t, x, y)
	}
	th := s.a.t
	fn := th.top
	th.ensure(fn, 4)
	th.stack[fn], th.stack[fn+1], th.stack[fn+2] = s.less, *x, *y
	th.top = fn + 3
	s.vm.callAt(th, fn, 2, 1)
	th.top = fn
	return !th.stack[fn].falsy()
}

func (s *sorter) swapIf(i, j int64) { // puts the smaller of the two at i
	x, y := s.get(i), s.get(j)
	if s.lt(&y, &x) {
		s.set(i, y)
		s.set(j, x)
	}
}

// sort is quicksort with the median of three as pivot. An order that is not
// one raises an error when the scans leave the range.
func (s *sorter) sort(lo, up int64) {
	for lo < up {
		s.swapIf(lo, up)
		if up-lo == 1 {
			return
		}
		mid := lo + (up-lo)/2
		m, l := s.get(mid), s.get(lo)
		if s.lt(&m, &l) {
			s.set(mid, l)
			s.set(lo, m)
		} else {
			u := s.get(up)
			if s.lt(&u, &m) {
				s.set(mid, u)
				s.set(up, m)
			}
		}
		if up-lo == 2 {
			return
		}
		pivot := s.get(mid)
		x := s.get(up - 1)
		s.set(mid, x)
		s.set(up-1, pivot)
		p := s.partition(lo, up, pivot)
		if p-lo < up-p {
			s.sort(lo, p-1)
			lo = p + 1
		} else {
			s.sort(p+1, up)
			up = p - 1
		}
	}
}

func (s *sorter) partition(lo, up int64, pivot Value) int64 {
	i, j := lo, up-1
	for {
		i++
		vi := s.get(i)
		for s.lt(&vi, &pivot) {
			if i == up-1 {
				s.a.Error("invalid order function for sorting")
			}
			i++
			vi = s.get(i)
		}
		j--
		vj := s.get(j)
		for s.lt(&pivot, &vj) {
			if j < i {
				s.a.Error("invalid order function for sorting")
			}
			j--
			vj = s.get(j)
		}
		if j < i {
			s.set(up-1, vi)
			s.set(i, pivot)
			return i
		}
		s.set(i, vj)
		s.set(j, vi)
	}
}

var _ = fmt.Sprint
