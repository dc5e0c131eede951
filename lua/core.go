package lua

import (
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

const (
	// sliceSteps is how many steps a script may take without waiting before
	// they cost time.
	sliceSteps = 1 << 16
	// stepTime is what a step then costs: an estimate for a 240 MHz core that
	// fetches from flash. It only matters to scripts that compute for long or
	// wait in a busy loop.
	stepTime = 500 * time.Nanosecond
)

// openState makes the VM and its libraries.
func (m *Machine) openState() {
	sep := " " // since 2635e00fa (luatos-runtime.md 4.1)
	if !m.core("2025-07-18") {
		sep = "\t"
	}
	opts := lua53.Options{
		Bits:      m.fw.Bits,
		Slice:     m.slice(),
		StepHook:  func(*lua53.VM) int64 { m.tick(); return m.slice() },
		Roots:     m.markRoots,
		Address:   m.address,
		Print:     m.userLine,
		Separator: sep,
		// Every module has a 32-bit processor.
		PointerBytes: 4,
		// As deep as calls between Go and Lua nest, and some.
		CallStackSize: 320,
		ExactNumbers:  true,
		OneNaN:        true,
	}
	if m.fw.LuaTask {
		// Numbers are doubles. Libraries work with 32 bits nevertheless.
		opts.Lua51, opts.Bits, opts.Separator, opts.Print, opts.ExactNumbers = true, 64, "\t", m.taskLine, false
	}
	if m.opts.Calls != nil {
		opts.CallHook = m.called
	}
	m.vm = lua53.New(opts)
	m.l = m.vm.L()
	m.vm.SeedRandom(int64(m.board.Rand("lua").Uint64()))
	if m.fw.LuaTask {
		m.openTaskLibs()
	} else {
		m.openLibs()
	}
	m.vm.StartMemory(luaMemoryUsed, m.fw.LuaMemory)
	m.luaMemoryMost = luaMemoryUsed
	if m.opts.Started != nil {
		m.opts.Started(m)
	}
}

// steps is how much the scripts have computed: about VM instructions.
func (m *Machine) steps() int64 {
	if m.vm == nil {
		return 0
	}
	return m.vm.Steps()
}

// charge counts n steps of work in a library.
func (m *Machine) charge(n int) { m.vm.Charge(n) }

// slice returns after how many steps to look at budget and time again.
func (m *Machine) slice() int64 {
	n := m.sliceEnd - m.steps()
	if m.opts.Steps > 0 {
		n = min(n, int64(m.opts.Steps)-m.steps())
	}
	return max(n, 1)
}

// tick is called between steps at the end of a slice. When a script has run
// for sliceSteps without waiting the clock moves, so that a busy loop on
// mcu.ticks ends, the watchdog bites and the run's time comes to its end.
func (m *Machine) tick() {
	if m.opts.Steps > 0 && m.steps() >= int64(m.opts.Steps) {
		m.stop(Exit{Kind: ExitBudget})
	}
	if m.steps() >= m.sliceEnd {
		m.sliceEnd = m.steps() + sliceSteps
		m.board.Sleep(sliceSteps * stepTime)
		m.checkPower()
		m.wait(0)
	}
	m.luaMemoryMost = max(m.luaMemoryMost, m.vm.MemoryInUse())
}

// rested notes that the scripts waited: what they computed so far is free.
func (m *Machine) rested() {
	m.sliceEnd = m.steps() + sliceSteps
	m.buffersForgiven = 0
	if m.vm != nil {
		m.vm.SetSlice(m.slice())
	}
}

// stringLimit is how long one string may get: no module holds one longer than
// its memory.
func (m *Machine) stringLimit() int64 { return m.fw.LuaMemory }

// allocate is called before a library makes a string of n bytes. The string
// itself is counted when the library returns it.
func (m *Machine) allocate(n int64) {
	if n > m.stringLimit() {
		m.vm.NoMemory()
	}
	if n > 256 {
		m.charge(int(n / 64))
	}
}

// markRoots tells the collector what only Go code holds.
func (m *Machine) markRoots(mark func(glua.LValue)) {
	for _, t := range []*glua.LTable{m.fileMeta, m.zbuffMeta, m.spiMeta} {
		if t != nil {
			mark(t)
		}
	}
	for _, p := range m.uart {
		mark(p.sent)
		mark(p.received)
	}
	for _, p := range m.gpio {
		mark(p.callback)
	}
	for _, v := range []glua.LValue{m.null, m.sms.received, m.sms.reported, m.recording.callback, m.ble.callback, m.ble.object} {
		if v != nil {
			mark(v)
		}
	}
	for v := range m.held {
		mark(v)
	}
}

// hold keeps a value for a callback; it returns the function that lets it go.
func (m *Machine) hold(v glua.LValue) (release func()) {
	m.held[v]++
	return func() {
		if m.held[v]--; m.held[v] <= 0 {
			delete(m.held, v)
		}
	}
}

// call calls f from a library; the results are on the stack.
func (m *Machine) call(l *glua.LState, f glua.LValue, nret int, args ...glua.LValue) {
	l.Push(f)
	for _, a := range args {
		l.Push(a)
	}
	l.Call(len(args), nret)
}

// call1 calls f and returns its first result.
func (m *Machine) call1(l *glua.LState, f glua.LValue, args ...glua.LValue) glua.LValue {
	m.call(l, f, 1, args...)
	r := l.Get(-1)
	l.Pop(1)
	return r
}

// raise raises an error of a library with the position of its caller, as
// luaL_error does.
func (m *Machine) raise(format string, args ...any) {
	m.vm.Throw(glua.LString(m.vm.Where(1) + fmt.Sprintf(format, args...)))
}

// protected calls a native function on the main coroutine and returns the
// message and traceback of an error that nobody caught.
func (m *Machine) protected(fn lua53.Native) (text string, ok bool) {
	failed, err := m.vm.Protect(fn, func(a lua53.Args) int {
		msg, isText := m.text(a.Get(0))
		if !isText {
			msg = fmt.Sprintf("(error object is a %s value)", typeName(a.Get(0)))
		}
		a.Push(glua.LString(msg + "\n" + m.vm.Traceback(1)))
		return 1
	})
	if !failed {
		return "", true
	}
	return err.String(), false
}

// addressBook gives tables, functions, threads and userdata addresses that
// look like a module's and are the same in every run.
type addressBook map[any]int

func (m *Machine) address(v glua.LValue) string {
	if v == m.null {
		return "(nil)"
	}
	prefix := ""
	if f, ok := v.(*glua.LFunction); ok && m.vm.IsNative(f) {
		prefix = "builtin: "
	}
	n, ok := m.addresses[v]
	if !ok {
		n = len(m.addresses)
		m.addresses[v] = n
	}
	return fmt.Sprintf("%s0x%08x", prefix, 0x0c100000+n*24)
}
