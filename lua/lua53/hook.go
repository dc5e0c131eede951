package lua53

import (
	"slices"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// Hooks cost nothing where there are none: they work by marks in the code. A
// mark is an opcode that takes the place of an instruction's, whose operands
// stay; the loop asks hookInstr for the instruction behind it. Functions are
// marked when the first hook is set, and from then on when they are loaded.

// hooks are what debug.sethook set for a coroutine.
type hooks struct {
	fn    Value
	mask  uint8
	every int // instructions between two count events
	count int // instructions until the next one
	oldPC int // where the last line event was looked for
	off   bool
}

const (
	hookCall uint8 = 1 << iota
	hookReturn
	hookLine
	hookCount
)

// Call is a call that Options.CallHook sees.
type Call struct {
	vm *VM
	th *Thread
	f  *frame
}

// Function is what is called.
func (c Call) Function() *glua.LFunction { return c.f.function() }

// Native reports whether it is written in Go.
func (c Call) Native() bool { return c.f.kind != fLua }

// Tail reports whether it takes the place of its caller's frame.
func (c Call) Tail() bool { return c.f.tail }

// Name is how the caller calls it, as tracebacks say: ("method", "x"); two
// empty strings if that cannot be told.
func (c Call) Name() (kind, name string) {
	if kind, name = c.f.callName(); kind != "" {
		return kind, name
	}
	if name = c.vm.globalName(c.f.function()); name != "" {
		return "function", name
	}
	return "", ""
}

// GlobalName is the name by which a loaded module or a global variable holds
// the function, "sys.wait"; "" if none does. It searches all of them.
func (c Call) GlobalName() string { return c.vm.globalName(c.f.function()) }

// Defined is where a Lua function is written, "main.lua" and its first line;
// line is 0 for a main chunk, -1 for a native function.
func (c Call) Defined() (chunk string, line int) {
	if c.f.kind != fLua {
		return "[C]", -1
	}
	return c.f.cl.p.source(), c.f.cl.p.LineDefined
}

// From is the position of the caller, "" and -1 if that is not a Lua function.
func (c Call) From() (chunk string, line int) {
	if p := c.f.prev; p != nil && p.kind == fLua {
		return p.cl.p.source(), p.currentLine()
	}
	return "", -1
}

// Depth is the number of calls below this one in its coroutine.
func (c Call) Depth() int {
	n := -1
	for f := c.f; f != &c.th.base; f = f.prev {
		n++
	}
	return n
}

// Coroutine is where the call happens.
func (c Call) Coroutine() *glua.LState { return &c.th.LState }

// Args are the arguments.
func (c Call) Args() []glua.LValue {
	from, to := c.f.base, c.th.top
	if c.f.kind == fLua {
		to = from + c.f.cl.p.NumParams
	}
	var out []glua.LValue
	for _, v := range c.th.stack[from:to] {
		out = append(out, c.vm.box.toL(v))
	}
	if c.f.kind == fLua {
		for _, v := range c.th.stack[from-c.f.nextra : from] {
			out = append(out, c.vm.box.toL(v))
		}
	}
	return out
}

// code is the code as it was compiled.
func (p *Proto) code() []uint32 {
	if p.plain != nil {
		return p.plain
	}
	return p.Code
}

// mark marks a function and those in it: its first instruction for a
// CallHook, all if scripts set hooks.
func (vm *VM) mark(p *Proto) {
	if !vm.hooked {
		return
	}
	p.plain = p.code()
	p.Code = slices.Clone(p.plain)
	for pc := 0; pc < len(p.Code); pc++ {
		i := p.plain[pc]
		p.Code[pc] = i&^0x3f | opHook
		if !vm.hooksSet {
			break
		}
		switch opOf(i) { // what these read themselves is never fetched
		case opEq, opLt, opLe, opTest, opTestSet, opLoadKX, opTForCall:
			pc++
		case opSetList:
			if argC(i) == 0 {
				pc++
			}
		}
	}
	for _, q := range p.Protos {
		vm.mark(q)
	}
}

// markAll marks every function that lives.
func (vm *VM) markAll() {
	if vm.hooksSet {
		return
	}
	vm.hooked, vm.hooksSet, vm.nextFn = true, true, nil
	w := newWalk(vm)
	w.onProto = func(p *Proto) {
		if p.plain == nil || opOf(p.Code[len(p.Code)-1]) != opHook {
			vm.mark(p)
		}
	}
	w.roots()
	w.drain(false)
}

// hookInstr lets hooks see the instruction before pc, and returns it.
func (vm *VM) hookInstr(th *Thread, ci *frame, pc int) uint32 {
	i := ci.cl.p.plain[pc-1]
	entered := ci.pc == 0
	ci.pc = pc
	if entered {
		vm.callEvent(th, ci)
	}
	h := &th.hooks
	if h.mask == 0 {
		return i
	}
	// What a hook itself executes counts, though it makes no events.
	if h.mask&hookCount != 0 {
		if h.count--; h.count <= 0 {
			h.count = h.every
			vm.runHook(th, "count", -1)
		}
	}
	if h.mask&hookLine != 0 {
		p := ci.cl.p
		if line := p.line(pc - 1); pc == 1 || pc <= h.oldPC || line != p.line(h.oldPC-1) {
			vm.runHook(th, "line", line)
		}
		h.oldPC = pc
	}
	if opOf(i) == opReturn {
		vm.returned(th, ci)
	}
	return i
}

// callEvent tells hooks that the function of frame f was called.
func (vm *VM) callEvent(th *Thread, f *frame) {
	if vm.opts.CallHook != nil {
		vm.opts.CallHook(Call{vm, th, f})
	}
	if th.hooks.mask&hookCall != 0 {
		event := "call"
		if f.tail {
			event = "tail call"
		}
		vm.runHook(th, event, -1)
	}
}

// returnEvent tells hooks that a native function ends with n results at
// register first.
func (vm *VM) returnEvent(th *Thread, f *frame, first, n int) {
	if th.hooks.mask == 0 {
		return
	}
	top := th.top
	th.ci, th.top = f, max(top, first+n)
	vm.returned(th, f)
	th.top = top
}

func (vm *VM) returned(th *Thread, f *frame) {
	if th.hooks.mask&hookReturn != 0 {
		vm.runHook(th, "return", -1)
	}
	if f.prev.kind == fLua {
		th.hooks.oldPC = f.prev.pc
	}
}

// runHook calls the hook of a coroutine, which is off meanwhile.
func (vm *VM) runHook(th *Thread, event string, line int) {
	h := &th.hooks
	if h.off {
		return
	}
	f, top := th.ci, th.top
	h.off, f.inHook = true, true
	defer func() { h.off, f.inHook = false, false }()
	arg := Nil
	if line >= 0 {
		arg = mkInt(int64(line))
	}
	vm.call(th, h.fn, 0, mkString(event), arg)
	th.top = top
}

func dbgSetHook(a Args) int {
	th, n := a.threadArg()
	if a.None(n) {
		th.hooks = hooks{}
		return 0
	}
	mask := a.Str(n + 1)
	fn := a.Func(n)
	count := int(min(a.OptInt(n+2, 0), 1<<31-1))
	h := hooks{fn: fn, every: count, count: count, off: th.hooks.off}
	for i, c := range "crl" {
		if strings.ContainsRune(mask, c) {
			h.mask |= 1 << i
		}
	}
	if count > 0 {
		h.mask |= hookCount
	}
	if h.mask == 0 {
		h = hooks{off: h.off}
	} else {
		a.t.vm.markAll()
	}
	h.oldPC = th.hooks.oldPC
	th.hooks = h
	return 0
}

func dbgGetHook(a Args) int {
	th, _ := a.threadArg()
	h := &th.hooks
	mask := ""
	for i, c := range "crl" {
		if h.mask&(1<<i) != 0 {
			mask += string(c)
		}
	}
	a.push(h.fn)
	a.PushString(mask)
	a.PushInt(int64(h.every))
	return 3
}
