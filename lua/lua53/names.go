package lua53

import (
	"fmt"
	"strings"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// idSize is LUA_IDSIZE: the longest chunk name that messages show, with an end.
const idSize = 60

// ChunkID is a chunk name as messages show it.
func ChunkID(source string) string {
	if source == "" {
		return `[string ""]`
	}
	switch source[0] {
	case '=':
		if len(source) <= idSize {
			return source[1:]
		}
		return source[1:idSize]
	case '@':
		if len(source) <= idSize {
			return source[1:]
		}
		return "..." + source[1+len(source)-(idSize-3):]
	}
	const room = idSize - len(`[string "..."]`) - 1
	line, _, cut := strings.Cut(source, "\n")
	if !cut && len(line) < room {
		return `[string "` + line + `"]`
	}
	if len(line) > room {
		line = line[:room]
	}
	return `[string "` + line + `..."]`
}

func (p *Proto) source() string {
	return ChunkID(p.Source)
}

// line is the source line of an instruction, -1 if it was stripped.
func (p *Proto) line(pc int) int {
	if pc >= 0 && pc < len(p.LineInfo) {
		return int(p.LineInfo[pc])
	}
	return -1
}

// currentLine is the line that a Lua function's frame is at.
func (f *frame) currentLine() int { return f.cl.p.line(f.pc - 1) }

// position is "chunk:line: " of a Lua function's frame; "?:-1: " if that was
// stripped.
func (f *frame) position() string {
	return fmt.Sprintf("%s:%d: ", f.cl.p.source(), f.currentLine())
}

// level returns the frame that is n calls below the running function.
func (th *Thread) level(n int) *frame {
	f := th.ci
	for ; n > 0 && f != &th.base; n-- {
		f = f.prev
	}
	if f == &th.base {
		return nil
	}
	return f
}

// where is the position that error messages begin with.
func (vm *VM) where(th *Thread, level int) string {
	f := th.level(level)
	if f == nil || f.kind != fLua || f.currentLine() <= 0 {
		return ""
	}
	return f.position()
}

// Where is luaL_where: "chunk:line: " of the function at a level of the
// running coroutine, "" if it is not a Lua function. Level 1 called the
// native function that asks.
func (vm *VM) Where(level int) string { return vm.where(vm.cur, level) }

// localName is the name of a register at an instruction.
func (p *Proto) localName(reg, pc int) string {
	for i := range p.LocVars {
		v := &p.LocVars[i]
		if v.StartPC > pc {
			break
		}
		if pc < v.EndPC {
			if reg == 0 {
				return v.Name
			}
			reg--
		}
	}
	return ""
}

// setter returns the instruction before pc that gave reg its value, -1 if
// that depends on the way control took.
func (p *Proto) setter(reg, last int) int {
	set, target := -1, 0
	for pc := 0; pc < last; pc++ {
		i := p.code()[pc]
		a := argA(i)
		var sets bool
		switch op := opOf(i); op {
		case opLoadNil:
			sets = reg >= a && reg <= a+argB(i)
		case opTForCall:
			sets = reg >= a+2
		case opCall, opTailCall:
			sets = reg >= a
		case opJmp:
			dest := pc + 1 + argSBx(i)
			if pc < dest && dest <= last && dest > target {
				target = dest
			}
		default:
			sets = setsA(op) && reg == a
		}
		if sets {
			if pc < target {
				set = -1
			} else {
				set = pc
			}
		}
	}
	return set
}

// setsA reports whether an opcode writes register A.
func setsA(op uint32) bool {
	switch op {
	case opSetTabUp, opSetUpval, opSetTable, opJmp, opEq, opLt, opLe, opTest, opReturn, opSetList, opExtraArg, opTForCall:
		return false
	}
	return true
}

// regName says what a register holds: "local 'x'", "field 'y'".
func (p *Proto) regName(reg, pc int) (kind, name string) {
	if n := p.localName(reg, pc); n != "" {
		return "local", n
	}
	if pc < 0 || pc > len(p.Code) {
		return "", ""
	}
	at := p.setter(reg, pc)
	if at < 0 {
		return "", ""
	}
	i := p.code()[at]
	switch opOf(i) {
	case opMove:
		if argB(i) < argA(i) {
			return p.regName(argB(i), at)
		}
	case opGetTabUp:
		if p.upvalName(argB(i)) == "_ENV" {
			return "global", p.keyName(argC(i), at)
		}
		return "field", p.keyName(argC(i), at)
	case opGetTable:
		if p.localName(argB(i), at) == "_ENV" {
			return "global", p.keyName(argC(i), at)
		}
		return "field", p.keyName(argC(i), at)
	case opGetUpval:
		return "upvalue", p.upvalName(argB(i))
	case opLoadK, opLoadKX:
		k := argBx(i)
		if opOf(i) == opLoadKX {
			k = argAx(p.code()[at+1])
		}
		if v := &p.K[k]; v.isString() {
			return "constant", v.str()
		}
	case opSelf:
		return "method", p.keyName(argC(i), at)
	}
	return "", ""
}

func (p *Proto) upvalName(i int) string {
	if i < len(p.Upvals) && p.Upvals[i].Name != "" {
		return p.Upvals[i].Name
	}
	return "?"
}

// keyName is the name of a key operand if it is a constant string.
func (p *Proto) keyName(c, pc int) string {
	if c&bitRK != 0 {
		if v := &p.K[c&^bitRK]; v.isString() {
			return v.str()
		}
	} else if kind, name := p.regName(c, pc); kind == "constant" {
		return name
	}
	return "?"
}

func quoteName(kind, name string) string {
	if kind == "" {
		return ""
	}
	return fmt.Sprintf(" (%s '%s')", kind, cutNUL(name))
}

// operandName describes a value that an instruction of the running function
// uses, by its address.
func (vm *VM) operandName(v *Value) string {
	th := vm.cur
	f := th.ci
	if f.kind != fLua {
		return ""
	}
	for i, u := range f.cl.up {
		if u.v == v {
			return quoteName("upvalue", f.cl.p.upvalName(i))
		}
	}
	off := uintptr(unsafe.Pointer(v)) - uintptr(unsafe.Pointer(&th.stack[f.base]))
	if reg := off / valueSize; reg < uintptr(f.cl.p.MaxStack) {
		return quoteName(f.cl.p.regName(int(reg), f.pc-1))
	}
	return ""
}

// indexedName describes the value that the current instruction indexes.
func (vm *VM) indexedName() string {
	f := vm.cur.ci
	if f.kind != fLua {
		return ""
	}
	p, pc := f.cl.p, f.pc-1
	switch i := p.code()[pc]; opOf(i) {
	case opGetTabUp:
		return quoteName("upvalue", p.upvalName(argB(i)))
	case opSetTabUp:
		return quoteName("upvalue", p.upvalName(argA(i)))
	case opSetTable:
		return quoteName(p.regName(argA(i), pc))
	case opGetTable, opSelf:
		return quoteName(p.regName(argB(i), pc))
	}
	return ""
}

// calleeName describes the value that the running function calls.
func (vm *VM) calleeName(th *Thread, fn int) string {
	f := th.ci
	if f.kind != fLua {
		return ""
	}
	if op := opOf(f.cl.p.code()[f.pc-1]); op != opCall && op != opTailCall {
		return ""
	}
	if reg := fn - f.base; reg >= 0 && reg < f.cl.p.MaxStack {
		return quoteName(f.cl.p.regName(reg, f.pc-1))
	}
	return ""
}

// callName is how the function of frame f was called.
func (f *frame) callName() (kind, name string) {
	if f.inFinalizer {
		return "metamethod", "__gc"
	}
	if f.prev != nil && f.prev.inHook {
		return "hook", "?"
	}
	if f.tail || f.prev == nil || f.prev.kind != fLua {
		return "", ""
	}
	p, pc := f.prev.cl.p, f.prev.pc-1
	i := p.code()[pc]
	switch op := opOf(i); op {
	case opCall, opTailCall:
		return p.regName(argA(i), pc)
	case opTForCall:
		return "for iterator", "for iterator"
	case opSelf, opGetTabUp, opGetTable:
		return "metamethod", "__index"
	case opSetTabUp, opSetTable:
		return "metamethod", "__newindex"
	case opEq:
		return "metamethod", "__eq"
	case opLt:
		return "metamethod", "__lt"
	case opLe:
		return "metamethod", "__le"
	case opLen:
		return "metamethod", "__len"
	case opConcat:
		return "metamethod", "__concat"
	default:
		if op >= opAdd && op <= opBnot {
			return "metamethod", opEvents[op-opAdd]
		}
	}
	return "", ""
}

// function is the function value of a frame.
func (f *frame) function() *glua.LFunction {
	if f.cl != nil {
		return &f.cl.LFunction
	}
	return f.target
}

// globalName looks for a function in the loaded modules: "string.rep",
// "print".
func (vm *VM) globalName(fn *glua.LFunction) string {
	if fn == nil {
		return ""
	}
	loaded, ok := vm.l.G.Registry.RawGetString("_LOADED").(*glua.LTable)
	if !ok {
		return ""
	}
	found := ""
	vm.each(loaded, func(k, v Value) bool {
		if !k.isString() || !v.isTable() {
			return true
		}
		vm.each(v.gtable(), func(k2, v2 Value) bool {
			if k2.isString() && v2.isFunc() && v2.fn() == fn {
				found = k2.str()
				if k.str() != "_G" {
					found = k.str() + "." + found
				}
				return false
			}
			return true
		})
		return found == ""
	})
	return found
}

// each visits a table in the order of pairs until visit returns false.
func (vm *VM) each(t *glua.LTable, visit func(k, v Value) bool) {
	lt := (*ltable)(unsafe.Pointer(t))
	for i := range lt.array {
		if v := fromL(lt.array[i]); !v.isNil() && !visit(mkInt(int64(i+1)), v) {
			return
		}
	}
	for _, k := range lt.keys {
		if k == nil || !lt.hasKey(k) {
			continue
		}
		kv := fromL(k)
		if !visit(kv, vm.rawGet(lt, &kv)) {
			return
		}
	}
}

// describe is how tracebacks name the function of a frame.
func (vm *VM) describe(f *frame) string {
	if name := vm.globalName(f.function()); name != "" {
		return "function '" + name + "'"
	}
	if kind, name := f.callName(); kind != "" {
		return fmt.Sprintf("%s '%s'", kind, name)
	}
	if f.kind != fLua {
		return "?"
	}
	if f.cl.p.LineDefined == 0 {
		return "main chunk"
	}
	return fmt.Sprintf("function <%s:%d>", f.cl.p.source(), f.cl.p.LineDefined)
}

const traceHead, traceTail = 10, 11

// traceback is the text of debug.traceback without its message.
func (vm *VM) traceback(th *Thread, level int) string {
	var lines []string
	f := th.level(level)
	if level > 0 && f == nil && th.level(0) == nil {
		f = nil
	}
	var frames []*frame // a description takes time: only those that show
	for ; f != nil && f != &th.base; f = f.prev {
		if f.cl == nil || f.cl.nat == nil || !f.cl.nat.hidden {
			frames = append(frames, f)
		}
	}
	n := len(frames)
	if th == vm.main {
		n++
	}
	for i, f := range frames {
		if n > traceHead+traceTail && i >= traceHead && i < n-traceTail {
			if i == traceHead {
				lines = append(lines, "\n\t...")
			}
			continue
		}
		lines = append(lines, vm.traceLine(f))
	}
	if th == vm.main {
		lines = append(lines, "\n\t[C]: in ?")
	}
	return "stack traceback:" + strings.Join(lines, "")
}

func (vm *VM) traceLine(f *frame) string {
	where := "[C]"
	if f.kind == fLua {
		where = f.cl.p.source()
		if n := f.currentLine(); n > 0 {
			where = fmt.Sprintf("%s:%d", where, n)
		}
	}
	line := "\n\t" + where + ": in " + vm.describe(f)
	if f.tail {
		line += "\n\t(...tail calls...)"
	}
	return line
}

// Traceback is debug.traceback of the running coroutine.
func (vm *VM) Traceback(level int) string { return vm.traceback(vm.cur, level) }

// TracebackOf is debug.traceback of a coroutine of this VM.
func (vm *VM) TracebackOf(l *glua.LState, level int) string {
	v := Value{unsafe.Pointer(l), kThread}
	if th := v.thread(); th != nil {
		return vm.traceback(th, level)
	}
	return "stack traceback:"
}

// argMessage is the text of luaL_argerror for argument n, counted from 1.
func (vm *VM) argMessage(th *Thread, n int, msg string) string {
	f := th.ci
	kind, name := "", ""
	if f != &th.base {
		kind, name = f.callName()
		if kind == "method" {
			n--
			if n == 0 {
				return fmt.Sprintf("calling '%s' on bad self (%s)", cutNUL(name), msg)
			}
		}
		if kind == "" {
			if name = vm.globalName(f.function()); name == "" {
				name = "?"
			}
		}
	}
	return fmt.Sprintf("bad argument #%d to '%s' (%s)", n, cutNUL(name), msg)
}
