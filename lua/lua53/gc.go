package lua53

import (
	"strings"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Memory is counted, not measured: every allocation of a script adds to mem,
// and when that reaches a mark, a walk over everything reachable finds what
// lives. The walk happens at fixed points of the program, so limits, weak
// tables and finalizers behave the same in every run and on every host.

// firstWalk is when the first walk happens; without a memory limit walks are
// rarer, since nothing but finalizers and weak tables waits for them.
const (
	firstWalk     = 512 << 10
	firstWalkFree = 8 << 20
)

// ptrSet is a set of addresses. The objects are held by what the walk visits.
type ptrSet struct {
	slots []uintptr
	n     int
}

func newPtrSet(size int) *ptrSet {
	n := 1 << 10
	for n < 2*size {
		n *= 2
	}
	return &ptrSet{slots: make([]uintptr, n)}
}

func (s *ptrSet) at(p uintptr) int {
	mask := uint64(len(s.slots) - 1)
	i := uint64(p) * 0x9E3779B97F4A7C15 >> 20 & mask
	for s.slots[i] != 0 && s.slots[i] != p {
		i = (i + 1) & mask
	}
	return int(i)
}

func (s *ptrSet) has(p unsafe.Pointer) bool { return s.slots[s.at(uintptr(p))] != 0 }

// add reports whether p is new.
func (s *ptrSet) add(p unsafe.Pointer) bool {
	i := s.at(uintptr(p))
	if s.slots[i] != 0 {
		return false
	}
	s.slots[i] = uintptr(p)
	if s.n++; 2*s.n > len(s.slots) {
		old := s.slots
		s.slots = make([]uintptr, 2*len(old))
		for _, q := range old {
			if q != 0 {
				s.slots[s.at(q)] = q
			}
		}
	}
	return true
}

// What memory costs in steps, besides one for 64 bytes: a module looks for room
// on its heap, and later frees it again, which takes as long as some
// instructions. A collection looks at every object.
const (
	allocSteps   = 8
	threadSteps  = 60 // more, for a coroutine
	collectSteps = 200
	objectSteps  = 8 // of a collection, for each object
)

// alloc counts n bytes, and the work of making and filling them: a step for
// sixty-four, as a module fills memory much faster than it executes code.
func (vm *VM) alloc(n int64) {
	vm.mem += n
	vm.budget -= allocSteps + n>>6
	if vm.mem >= vm.memNext {
		vm.full(n)
	}
}

// allocString counts a string of n bytes.
func (vm *VM) allocString(n int) {
	if n > maxString {
		vm.noMemory()
	}
	vm.alloc(vm.sizes.str + int64(n))
}

// Alloc counts memory that a library takes on behalf of a script. It raises
// "not enough memory" if the limit does not allow it.
func (vm *VM) Alloc(n int64) { vm.alloc(n) }

// noMemory raises the error that no handler sees, as in C.
func (vm *VM) noMemory() {
	err := vm.newError(mkString("not enough memory"))
	vm.handled = err
	panic(err)
}

// MemoryInUse is what collectgarbage("count") reports, in bytes.
func (vm *VM) MemoryInUse() int64 { return vm.mem }

// full measures the live values because a new allocation of n bytes reached
// the mark.
func (vm *VM) full(n int64) {
	if vm.inGC {
		return
	}
	w := newWalk(vm)
	w.roots()
	w.drain(false)
	vm.mem = w.bytes + n
	vm.lastSeen = w.seen.n
	vm.budget -= collectSteps + objectSteps*int64(w.seen.n) // so that a script without memory comes to its end
	vm.setMark(w.bytes)
	vm.gcDue = !vm.gcStop
	if l := vm.opts.MemoryLimit; l > 0 && vm.mem > l {
		vm.mem -= n
		vm.memNext = max(vm.memNext, vm.mem+1024)
		vm.noMemory()
	}
}

func (vm *VM) setMark(live int64) {
	next := max(2*live, firstWalk)
	if vm.opts.MemoryLimit == 0 {
		next = max(3*live, firstWalkFree)
	}
	if l := vm.opts.MemoryLimit; l > 0 && next > l {
		next = max(l, live+l/32)
	}
	vm.memNext = next
}

func (vm *VM) resetMemory() {
	vm.memNext = firstWalk
	if vm.opts.MemoryLimit == 0 {
		vm.memNext = firstWalkFree
	}
	if l := vm.opts.MemoryLimit; l > 0 && l < vm.memNext {
		vm.memNext = l
	}
}

// autoCollect is Collect where the loop allocates, if it is due.
// Registers from top up are free at that instruction.
func (vm *VM) autoCollect(top int) {
	vm.gcDue = false
	if vm.inGC {
		return
	}
	vm.cur.top = top
	vm.gcTop = top
	defer func() { vm.gcTop = 0 }()
	vm.Collect()
}

// collectForScript is a collection that a script asks for: it takes its time.
func (vm *VM) collectForScript() {
	vm.Collect()
	vm.Charge(collectSteps + objectSteps*vm.lastSeen)
}

// Collect is a full collection: it clears weak tables and runs finalizers.
func (vm *VM) Collect() {
	if vm.inGC {
		return
	}
	vm.inGC = true
	defer func() { vm.inGC = false }()
	w := newWalk(vm)
	w.roots()
	w.drain(true)
	w.clearWeak(w.weakVals, true)
	dead := vm.unreachable(w)
	for _, t := range dead {
		w.mark(mkTable(t))
	}
	w.drain(true)
	w.clearWeak(w.weakKeys, false)
	w.clearWeak(w.weakVals, true)
	vm.mem = w.bytes
	vm.lastSeen = w.seen.n
	vm.setMark(w.bytes)
	vm.inGC = false
	vm.gcTop = 0
	vm.pending = append(dead, vm.pending...)
	for len(vm.pending) > 0 {
		n := len(vm.pending) - 1
		v := mkTable(vm.pending[n])
		vm.pending = vm.pending[:n]
		vm.runFinalizer(v)
	}
}

// runFinalizer calls __gc. Its error is raised where the collection happened,
// as Lua 5.3 does; what else waits is called by the next collection.
func (vm *VM) runFinalizer(v Value) {
	mm := vm.metaOf(&v, "__gc")
	if !mm.isFunc() {
		return
	}
	th := vm.cur
	if th.ci.kind == fLua {
		th.top = max(th.top, th.ci.base+th.ci.cl.p.MaxStack)
	}
	off := th.hooks.off
	th.hooks.off, th.ci.inFinalizer = true, true
	ok, e := vm.tryCall(th, mm, v)
	th.hooks.off, th.ci.inFinalizer = off, false
	if !ok {
		msg := "no message"
		if e.isString() {
			msg = e.str()
		}
		vm.throwValue(mkString("error in __gc metamethod (" + msg + ")"))
	}
}

// unreachable takes the tables with finalizers that the walk did not reach.
func (vm *VM) unreachable(w *walk) []*glua.LTable {
	var dead []*glua.LTable
	live := vm.finals[:0]
	for _, t := range vm.finals {
		if w.seen.has(unsafe.Pointer(t)) {
			live = append(live, t)
		} else {
			dead = append(dead, t)
		}
	}
	clear(vm.finals[len(live):])
	vm.finals = live
	return dead
}

// Finalize runs the finalizers of everything that has one, as lua_close does.
func (vm *VM) Finalize() {
	dead := vm.finals
	vm.finals = nil
	for i := len(dead) - 1; i >= 0; i-- {
		v := mkTable(dead[i])
		if mm := vm.metaOf(&v, "__gc"); mm.isFunc() {
			vm.tryCall(vm.cur, mm, v)
		}
	}
}

// walk visits what is reachable and adds up its size.
type walk struct {
	vm       *VM
	seen     *ptrSet
	onUser   func(*glua.LUserData)
	onProto  func(*Proto)
	todo     []Value
	bytes    int64
	waiting  int       // coroutines that yielded
	weakKeys []*ltable // ephemerons
	weakVals []*ltable // weak keys too or not
}

func newWalk(vm *VM) *walk {
	return &walk{vm: vm, seen: newPtrSet(vm.lastSeen), bytes: vm.memBase}
}

func (w *walk) roots() {
	vm := w.vm
	w.mark(mkTable(vm.l.G.Global))
	w.mark(mkTable(vm.l.G.Registry))
	w.mark(mkThread(vm.main))
	for th := vm.cur; th != nil; th = th.parent {
		w.mark(mkThread(th))
	}
	for _, mt := range vm.typeMeta {
		if mt != nil {
			w.mark(Value{unsafe.Pointer(mt), kTable})
		}
	}
	for _, t := range vm.pending {
		w.mark(mkTable(t))
	}
	for i := 1; i <= vm.l.GetTop(); i++ {
		w.mark(fromL(vm.l.Get(i)))
	}
	if vm.opts.Roots != nil {
		vm.opts.Roots(func(lv glua.LValue) { w.mark(fromL(lv)) })
	}
}

func (w *walk) mark(v Value) {
	if v.p == nil || v.isNum() || v.n == kOther {
		return
	}
	if v.n == kString {
		s := v.str()
		p := unsafe.Pointer(unsafe.StringData(s))
		if len(s) > 1 && w.seen.add(p) {
			w.bytes += w.vm.sizes.str + int64(len(s))
		}
		return
	}
	if w.seen.add(v.p) {
		w.todo = append(w.todo, v)
	}
}

// drain visits everything marked. With full, entries of ephemeron tables wait
// for their keys.
func (w *walk) drain(full bool) {
	for {
		for len(w.todo) > 0 {
			v := w.todo[len(w.todo)-1]
			w.todo = w.todo[:len(w.todo)-1]
			w.visit(v, full)
		}
		if !full || !w.ephemerons() {
			return
		}
	}
}

// ephemerons marks the values of reached keys; it reports whether any was new.
func (w *walk) ephemerons() bool {
	for _, t := range w.weakKeys {
		for k, v := range t.dict {
			if w.dead(fromL(k)) {
				continue
			}
			w.mark(fromL(v))
		}
	}
	return len(w.todo) > 0
}

func (w *walk) visit(v Value, full bool) {
	vm := w.vm
	switch v.n {
	case kTable:
		w.table(v.table(), full)
	case kUser:
		if w.onUser != nil {
			w.onUser(v.user())
		}
		w.bytes += vm.sizes.user
		w.markL(v.user().Metatable)
	case kFunc:
		w.function(v.fn())
	case kThread:
		if th := v.thread(); th != nil {
			w.thread(th)
		}
	}
}

func (w *walk) markL(lv glua.LValue) {
	if lv != nil {
		w.mark(fromL(lv))
	}
}

func (w *walk) table(t *ltable, full bool) {
	w.bytes += w.vm.sizes.table + int64(len(t.array))*w.vm.sizes.slot + int64(len(t.strdict)+len(t.dict))*w.vm.sizes.node
	w.markL(t.Metatable)
	weakK, weakV := false, false
	if mt := t.meta(); mt != nil && full {
		if m := mt.getStr("__mode"); m.isString() {
			weakK = strings.Contains(m.str(), "k")
			weakV = strings.Contains(m.str(), "v")
		}
	}
	if weakV {
		w.weakVals = append(w.weakVals, t)
	}
	if weakK && !weakV {
		w.weakKeys = append(w.weakKeys, t)
	}
	if !weakV {
		for _, v := range t.array {
			w.mark(fromL(v))
		}
	}
	for s, v := range t.strdict {
		w.bytes += int64(len(s)) / 4 // keys are mostly shared constants
		if !weakV {
			w.mark(fromL(v))
		}
	}
	for k, v := range t.dict {
		if !weakK {
			w.mark(fromL(k))
			if !weakV {
				w.mark(fromL(v))
			}
		}
	}
}

func (w *walk) function(f *glua.LFunction) {
	c := ours(f)
	if c == nil {
		w.bytes += w.vm.sizes.closure
		for _, u := range f.Upvalues {
			if u != nil && u.IsClosed() {
				w.markL(u.Value())
			}
		}
		return
	}
	w.bytes += w.vm.sizes.closure + 8*int64(len(c.up))
	for _, u := range c.up {
		if u == nil {
			continue
		}
		if u.idx < 0 && w.seen.add(unsafe.Pointer(u)) {
			w.bytes += w.vm.sizes.upval
		}
		w.mark(*u.v)
	}
	if c.p != nil {
		if w.onProto != nil {
			w.onProto(c.p)
		}
		for i := range c.p.K {
			w.mark(c.p.K[i])
		}
	} else if c.nat.co != nil {
		w.mark(mkThread(c.nat.co))
	}
}

func (w *walk) thread(th *Thread) {
	w.bytes += w.vm.sizes.thread + int64(len(th.stack)-firstStack)*w.vm.sizes.slot
	top := th.top
	if f := th.ci; f.kind == fLua && (th != w.vm.cur || w.vm.gcTop == 0) {
		top = max(top, f.base+f.cl.p.MaxStack)
	}
	if th.status == coDead {
		top = 0
	}
	if th.status == coSuspended && th.ci != &th.base {
		w.waiting++
	}
	for i := 0; i < top && i < len(th.stack); i++ {
		w.mark(th.stack[i])
	}
	for f := th.ci; f != nil && f != &th.base; f = f.prev {
		w.mark(f.handler)
	}
	w.mark(th.hooks.fn)
	if th.parent != nil {
		w.mark(mkThread(th.parent))
	}
}

// dead reports whether a value is collectable and was not reached.
func (w *walk) dead(v Value) bool {
	return v.p != nil && !v.isNum() && v.n != kString && v.n != kOther && !w.seen.has(v.p)
}

// clearWeak removes dead entries: dead values if vals, else dead keys.
func (w *walk) clearWeak(tables []*ltable, vals bool) {
	for _, t := range tables {
		if vals {
			for i, v := range t.array {
				if w.dead(fromL(v)) {
					t.array[i] = glua.LNil
				}
			}
			t.trim()
		}
		for _, k := range t.keys {
			if k == nil {
				continue
			}
			if s, ok := k.(glua.LString); ok {
				if v, ok := t.strdict[string(s)]; ok && vals && w.dead(fromL(v)) {
					delete(t.strdict, string(s))
				}
				continue
			}
			v, ok := t.dict[k]
			if ok && (vals && w.dead(fromL(v)) || w.dead(fromL(k))) {
				delete(t.dict, k)
			}
		}
	}
}
