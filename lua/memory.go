package lua

import (
	"runtime/metrics"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// A module has little memory, the host has much. Scripts that keep too much
// get Lua's "not enough memory"; the bound is generous, because what is
// counted here is an estimate. The estimate is a function of what the scripts
// did and nothing else. When it is made is, too, with one exception: if the
// host's memory grows faster than scripts can make values (one assignment to a
// far index takes a megabyte) it is made at once.

// setArrayLimit bounds how large gopher-lua makes a table's array part when a
// script assigns to a far index: by default t[60000000] = 1 takes a gigabyte.
// Larger indices live in the hash part.
var setArrayLimit = sync.OnceFunc(func() { glua.MaxArrayIndex = 1 << 16 })

const (
	heapSlack     = 4         // how much more than the firmware's Lua memory a script may hold
	heapMin       = 8 << 20   // bytes that every script may hold
	heapHard      = 8         // times the soft limit: the module would have crashed
	heapLookSteps = 1 << 18   // instructions between two looks
	heapLookBytes = 8 << 20   // bytes of new strings between two looks
	heapGrowth    = 256 << 20 // bytes that the host's heap may grow between two looks
	threadBytes   = 4000      // what a thread takes on the host
)

// stringLimit is how long one string may get: no module holds one longer than
// its memory.
func (m *Machine) stringLimit() int64 { return max(m.fw.LuaMemory, 1<<20) }

// allocate is called before a library makes a string of n bytes.
func (m *Machine) allocate(l *glua.LState, n int64) {
	if n > m.stringLimit() {
		m.raise(l, "not enough memory")
	}
	m.allocated += n
	if n > 256 {
		m.charge(int(n / 64))
	}
}

// checkMemory looks at what the scripts hold, if much happened since the last
// look. It is called between instructions.
func (m *Machine) checkMemory() {
	if m.steps-m.lookedAt < heapLookSteps && m.allocated < heapLookBytes && !m.hostGrew() {
		return
	}
	m.lookedAt, m.allocated, m.hostHeap = m.steps, 0, 0
	held := m.heap()
	limit := max(heapMin, heapSlack*m.fw.LuaMemory)
	if held > heapHard*limit {
		m.logf(levelError, "main", "out of memory: the scripts hold %d KiB", held>>10)
		m.stop(Exit{Kind: ExitReboot, Cause: CauseMemory})
	}
	if held > limit {
		l := m.l.G.CurrentThread
		l.Error(glua.LString("not enough memory"), 0)
	}
}

// hostGrew reports whether the host's heap is much larger than at the last
// look.
func (m *Machine) hostGrew() bool {
	sample := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample[:])
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return false
	}
	now := sample[0].Value.Uint64()
	if m.hostHeap == 0 || now < m.hostHeap {
		m.hostHeap = now
	}
	return now-m.hostHeap > heapGrowth
}

// heap estimates what is reachable from the globals and the running threads.
func (m *Machine) heap() int64 { return m.walk().bytes }

func (m *Machine) walk() *heapWalk {
	w := &heapWalk{seen: map[any]struct{}{}}
	w.add(m.l.G.Global)
	w.add(m.l.G.Registry)
	w.add(m.l)
	for th := m.l.G.CurrentThread; th != nil; th = th.Parent {
		w.add(th)
	}
	for len(w.todo) > 0 {
		v := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		w.visit(v)
	}
	return w
}

type heapWalk struct {
	seen  map[any]struct{}
	todo  []glua.LValue
	bytes int64
	// buffers are the bytes of zbuffs, which are not the VM's memory.
	buffers int64
}

// add counts v once.
func (w *heapWalk) add(v glua.LValue) {
	switch v := v.(type) {
	case glua.LString:
		w.bytes += 24 + int64(len(v))
		return
	case *glua.LTable, *glua.LFunction, *glua.LUserData, *glua.LState:
	default:
		return
	}
	if _, ok := w.seen[v]; !ok {
		w.seen[v] = struct{}{}
		w.todo = append(w.todo, v)
	}
}

func (w *heapWalk) visit(v glua.LValue) {
	switch v := v.(type) {
	case *glua.LTable:
		w.bytes += 56 + 16*int64(v.MaxN())
		v.ForEach(func(k, e glua.LValue) { // the order does not matter for a sum
			w.bytes += 16
			w.add(k)
			w.add(e)
		})
		w.add(v.Metatable)
	case *glua.LFunction:
		w.bytes += 40
		for _, up := range v.Upvalues {
			if up != nil {
				w.add(up.Value())
			}
		}
	case *glua.LUserData:
		w.bytes += 40
		if b, ok := v.Value.(*zbuff); ok {
			w.buffers += int64(len(b.data))
		}
		if v.Metatable != nil {
			w.add(v.Metatable)
		}
	case *glua.LState:
		w.bytes += threadBytes
		w.thread(v)
	}
}

// thread counts the local variables of every frame.
func (w *heapWalk) thread(th *glua.LState) {
	for _, dbg := range calls(th, framesMax) {
		f, err := th.GetInfo("f", dbg, glua.LNil)
		if err != nil {
			continue
		}
		w.add(f)
		for i := 1; ; i++ {
			name, v := th.GetLocal(dbg, i)
			if name == "" {
				break
			}
			if v != nil {
				w.add(v)
			}
		}
	}
}
