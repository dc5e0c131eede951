package lua53

import (
	"fmt"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// Options configure a VM.
type Options struct {
	// Bits is 32 (int32 and float32) or 64.
	Bits int
	// StepHook is called when Slice steps are used up, on the goroutine that
	// runs the VM. It returns the next slice. It may end the goroutine with
	// runtime.Goexit; a panic with *glua.ApiError is a Lua error.
	StepHook func(vm *VM) (slice int64)
	// Slice is the number of steps until the first call of StepHook.
	Slice int64
	// MemoryLimit bounds the bytes that live values may take, by our count.
	// 0 is no limit.
	MemoryLimit int64
	// Roots tells the collector which values are held by Go code only.
	Roots func(mark func(glua.LValue))
	// Address gives the virtual address that tostring shows; nil counts up.
	Address func(v glua.LValue) string
	// MaxStack bounds the registers of one coroutine; 0 is 1,000,000.
	MaxStack int
	// Registry sizes of the LState, 0 for defaults.
	CallStackSize int
	// Print takes what print writes, without the end of line.
	Print func(line string)
	// Separator is what print puts between values; "" is a TAB.
	Separator string
	// PointerBytes is the size of C's long and size_t that string.pack has: 4
	// on every module; 0 is that of a PC, 8.
	PointerBytes int
	// Lua51 makes the language that of Lua 5.1, as far as lua51.go says.
	Lua51 bool
	// ExactNumbers says that libraries know Float and Int, and get them.
	ExactNumbers bool
	// OneNaN gives every NaN that can be seen the same bits, which otherwise
	// depend on the processor.
	OneNaN bool
	// LibrariesCatch says that libraries catch errors of functions that they
	// call. Otherwise the handler of an xpcall below them runs where the error
	// happened, as in C.
	LibrariesCatch bool
	// CallHook, if there is one, sees every call of a function, Lua or native,
	// before its first instruction. It may not call into the VM.
	CallHook func(c Call)
	// Rethrow lets Go run-time errors through instead of making Lua errors of
	// them: for tests.
	Rethrow bool
}

// VM runs Lua 5.3. It is used by one goroutine at a time.
type VM struct {
	narrow bool
	opts   Options
	l      *glua.LState
	main   *Thread
	cur    *Thread
	budget int64 // steps until tick
	slice  int64 // what the budget was at the last tick
	steps  int64 // steps before the last tick
	depth  int   // nested Go calls

	box      boxer
	hints    [nextHints]nextHint
	typeMeta [16]*ltable
	sizes    sizes

	mem      int64 // bytes counted since the last walk plus what it found
	memNext  int64 // when to walk again
	memBase  int64 // what every walk starts to add up from
	inGC     bool
	gcStop   bool
	lastSeen int // objects of the last walk
	gcDue    bool
	gcTop    int            // first free register while the loop collects
	pending  []*glua.LTable // finalizers to call
	finals   []*glua.LTable // tables with __gc, oldest first

	handled   *glua.ApiError // the error that an xpcall handler has seen
	addresses map[unsafe.Pointer]int
	wrappers  []*legacyCall
	tostrFn   *Closure
	nextFn    *Closure // next, which the loop does itself; nil with hooks
	realNext  *Closure
	ipairsFn  *Closure
	rnd       [2]uint64 // state of math.random
	hooked    bool      // somebody wants to know of calls
	hooksSet  bool      // and scripts have set hooks
}

// sizes are the bytes that values are counted with.
type sizes struct {
	table, slot, node, str, closure, upval, thread, user int64
}

var wideSizes = sizes{table: 56, slot: 16, node: 40, str: 25, closure: 32, upval: 40, thread: 1024, user: 40}
var narrowSizes = sizes{table: 32, slot: 8, node: 20, str: 17, closure: 20, upval: 20, thread: 512, user: 24}

// Native is a function in Go that gets and returns values of the VM.
type Native func(a Args) int

// Closure is a function of ours. Its head is what libraries see.
type Closure struct {
	glua.LFunction
	p   *Proto
	nat *nativeInfo
	vm  *VM
	up  []*UpVal
}

type nativeInfo struct {
	fn      Native
	name    string
	special uint8
	co      *Thread // of coroutine.wrap
	hidden  bool    // not in tracebacks
}

// Natives that the loop itself runs.
const (
	spNone = iota
	spPcall
	spXpcall
	spResume
	spWrap
	spYield
	spError
)

// UpVal is a variable that closures share: in a register while its function
// runs, of its own afterwards.
type UpVal struct {
	v      *Value
	closed Value
	next   *UpVal // next open one, further down the stack
	idx    int
}

// Kinds of frames.
const (
	fLua uint8 = iota
	fNative
	fPcall
	fXpcall
	fResume
	fWrap
	fYield
	fBase // bottom of a coroutine
)

// What happens to the results of a call.
const (
	cCall    uint8 = iota // to the function's register, nres of them
	cStore                // the first to register dest of the caller
	cCond                 // its truth decides a jump
	cCondNot              // its falsehood decides a jump
	cDiscard
	cConcat // operand of a concatenation that goes on
)

type frame struct {
	prev, next  *frame
	cl          *Closure
	fn, base    int
	pc          int
	nres        int
	dest        int
	nextra      int
	kind, cont  uint8
	fresh       bool // the loop returns when it ends
	tail        bool
	inHook      bool // its hook runs
	inFinalizer bool // a finalizer runs above it
	co          *Thread
	handler     Value
	target      *glua.LFunction // of a library's function
}

// Thread is a coroutine. Its head is what libraries see.
type Thread struct {
	glua.LState
	vm     *VM
	stack  []Value
	ci     *frame
	base   frame
	top    int
	open   *UpVal
	status int
	parent *Thread // who resumed it
	nny    int     // Go calls on its stack that nothing yields across
	depth  int
	hooks  hooks
}

// Status of a coroutine.
const (
	coSuspended = iota
	coRunning
	coNormal
	coDead
)

var statusNames = [...]string{"suspended", "running", "normal", "dead"}

const (
	defaultMaxStack = 1000000
	maxDepth        = 200
	firstStack      = 64
)

// New makes a VM without libraries.
func New(opts Options) *VM {
	if opts.MaxStack == 0 {
		opts.MaxStack = defaultMaxStack
	}
	if opts.CallStackSize == 0 {
		opts.CallStackSize = 4 * maxDepth
	}
	if opts.PointerBytes == 0 {
		opts.PointerBytes = 8
	}
	if opts.Slice <= 0 {
		opts.Slice = 1 << 40
	}
	vm := &VM{narrow: opts.Bits == 32, opts: opts, budget: opts.Slice, slice: opts.Slice, memNext: 1 << 62}
	vm.sizes = wideSizes
	if vm.narrow {
		vm.sizes = narrowSizes
	}
	vm.l = glua.NewState(glua.Options{
		SkipOpenLibs: true, CallStackSize: opts.CallStackSize,
		RegistrySize: 1024, RegistryMaxSize: 4 << 20, RegistryGrowStep: 1024,
	})
	vm.main = vm.newThread()
	vm.main.status = coRunning
	vm.cur = vm.main
	vm.main.top = 1
	vm.addresses = map[unsafe.Pointer]int{}
	vm.resetMemory()
	vm.seedRandom(0)
	vm.hooked = opts.CallHook != nil
	return vm
}

// L is the state that libraries register with and are called with.
func (vm *VM) L() *glua.LState { return vm.l }

// Bits is the width of numbers, 32 or 64.
func (vm *VM) Bits() int { return vm.intBits() }

// Globals is the table of global variables.
func (vm *VM) Globals() *glua.LTable { return vm.l.G.Global }

func (vm *VM) globals() Value { return mkTable(vm.l.G.Global) }

func (vm *VM) newThread() *Thread {
	vm.budget -= threadSteps
	vm.alloc(vm.sizes.thread)
	th := &Thread{vm: vm, stack: make([]Value, firstStack)}
	th.LState.Options.RegistryGrowStep = threadMark
	th.LState.G = vm.l.G
	th.LState.Env = vm.l.Env
	th.ci = &th.base
	th.base.kind = fBase
	return th
}

// NewNative makes a function value of a native function.
func (vm *VM) NewNative(name string, fn Native) *glua.LFunction {
	return &vm.native(name, fn, spNone).LFunction
}

func (vm *VM) native(name string, fn Native, special uint8) *Closure {
	c := &Closure{vm: vm, nat: &nativeInfo{fn: fn, name: name, special: special}}
	c.IsG = true
	c.GFunction = border
	c.Env = vm.l.G.Global
	return c
}

// keep gives a native function upvalues: what it holds, for the collector and
// for debug.getupvalue.
func (c *Closure) keep(vs ...Value) {
	c.vm.alloc(c.vm.sizes.closure + 8*int64(len(vs)))
	for _, v := range vs {
		c.up = append(c.up, newUpVal(v))
	}
}

func (vm *VM) newClosure(p *Proto) *Closure {
	vm.alloc(vm.sizes.closure + 8*int64(len(p.Upvals)))
	var c *Closure
	switch n := len(p.Upvals); {
	case n == 0:
		c = &Closure{}
	case n <= 3: // in one piece
		x := &struct {
			c  Closure
			up [3]*UpVal
		}{}
		c = &x.c
		c.up = x.up[:n:n]
	default:
		c = &Closure{up: make([]*UpVal, n)}
	}
	c.vm, c.p = vm, p
	c.IsG = true
	c.GFunction = borderFn
	c.Env = vm.l.G.Global
	return c
}

// borderFn is the GFunction of every closure of ours; its address tells them
// from others.
var borderFn glua.LGFunction

func init() { borderFn = border }

func codeOf(f glua.LGFunction) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

var borderCode unsafe.Pointer

func init() { borderCode = codeOf(borderFn) }

// ours returns the closure behind a function value, nil for a library's own.
func ours(f *glua.LFunction) *Closure {
	if *(*unsafe.Pointer)(unsafe.Pointer(&f.GFunction)) == borderCode {
		return (*Closure)(unsafe.Pointer(f))
	}
	return nil
}

// Load makes a function of source text or bytecode. mode is "b", "t" or "bt"
// as load has it; name is the chunk name with its '@' or '='.
func (vm *VM) Load(chunk []byte, name, mode string) (*glua.LFunction, error) {
	p, err := vm.LoadProto(chunk, name, mode)
	if err != nil {
		return nil, err
	}
	return vm.NewFunction(p), nil
}

// LoadProto is Load without the function.
func (vm *VM) LoadProto(chunk []byte, name, mode string) (*Proto, error) {
	if mode == "" {
		mode = "bt"
	}
	if len(chunk) > 0 && chunk[0] == signature[0] {
		if !hasByte(mode, 'b') {
			return nil, fmt.Errorf("attempt to load a binary chunk (mode is '%s')", mode)
		}
		return Undump(chunk, name, vm.intBits())
	}
	if !hasByte(mode, 't') {
		return nil, fmt.Errorf("attempt to load a text chunk (mode is '%s')", mode)
	}
	if vm.opts.Lua51 {
		return Compile51(string(chunk), name)
	}
	return Compile(string(chunk), name, vm.intBits())
}

// LoadFile is Load for the contents of a file: a byte order mark and a first
// line that begins with '#' are skipped.
func (vm *VM) LoadFile(chunk []byte, name string) (*glua.LFunction, error) {
	return vm.Load(SkipPrefix(chunk), name, "bt")
}

// SkipPrefix cuts a byte order mark and replaces a '#' line by an empty one.
func SkipPrefix(b []byte) []byte {
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[3:]
	}
	if len(b) > 0 && b[0] == '#' {
		for i, c := range b {
			if c == '\n' {
				if i+1 < len(b) && b[i+1] == signature[0] {
					return b[i+1:]
				}
				return b[i:]
			}
		}
		return nil
	}
	return b
}

func hasByte(s string, c byte) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == c {
			return true
		}
	}
	return false
}

// NewFunction makes a main function: its first upvalue is the globals.
func (vm *VM) NewFunction(p *Proto) *glua.LFunction {
	p = p.private()
	vm.mark(p)
	c := vm.newClosure(p)
	for i := range c.up {
		c.up[i] = newUpVal(Nil)
	}
	if len(c.up) > 0 {
		c.up[0].closed = vm.globals()
	}
	return &c.LFunction
}

// private copies the functions of a prototype, not their code: a prototype may
// be shared by several VMs, what the VM notes in it must not be.
func (p *Proto) private() *Proto {
	q := *p
	q.cache, q.Code, q.plain = nil, p.code(), nil
	q.Protos = make([]*Proto, len(p.Protos))
	for i := range p.Protos {
		q.Protos[i] = p.Protos[i].private()
	}
	return &q
}

func newUpVal(v Value) *UpVal {
	u := &UpVal{closed: v, idx: -1}
	u.v = &u.closed
	return u
}

// Call calls a function of any kind from Go and returns its results. A Lua
// error comes back as *glua.ApiError.
func (vm *VM) Call(f glua.LValue, args ...glua.LValue) (results []glua.LValue, err error) {
	th := vm.cur
	top, ci, depth, nny := th.top, th.ci, vm.depth, th.nny
	done := false
	defer func() {
		if done {
			return
		}
		if r := recover(); r != nil {
			err = vm.recovered(r)
			vm.cur = th
			th.closeUpvals(top)
			th.ci, th.top, vm.depth, th.nny = ci, top, depth, nny
		}
	}()
	vs := make([]Value, len(args))
	for i, a := range args {
		vs[i] = fromL(a)
	}
	n := vm.call(th, fromL(f), -1, vs...)
	for i := 0; i < n; i++ {
		results = append(results, vm.box.toL(th.stack[th.top-n+i]))
	}
	th.top = top
	done = true
	return results, nil
}

// Steps is the number of steps executed: deterministic, about instructions.
func (vm *VM) Steps() int64 { return vm.steps + vm.slice - vm.budget }

// Charge counts n steps of work that a library does.
func (vm *VM) Charge(n int) {
	vm.budget -= int64(n)
	if vm.budget < 0 {
		vm.tick()
	}
}

func (vm *VM) tick() {
	vm.steps += vm.slice - vm.budget
	vm.slice, vm.budget = 1<<40, 1<<40
	if vm.opts.StepHook != nil {
		if n := vm.opts.StepHook(vm); n > 0 {
			vm.slice, vm.budget = n, n
		}
	}
}

// SetSlice sets the steps until the next call of the StepHook.
func (vm *VM) SetSlice(n int64) {
	vm.steps += vm.slice - vm.budget
	vm.slice, vm.budget = n, n
}

// Running is the coroutine that runs; main is true for the main thread.
func (vm *VM) Running() (th *glua.LState, main bool) { return &vm.cur.LState, vm.cur == vm.main }
