package lua

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// gopher-lua cannot yield across a pcall, because its pcall is a Go call. Here
// a pcall runs its function on a *helper*: a thread of its own, driven by a
// few lines of Lua that pass every yield on to whoever resumed the caller and
// every resume back in. Scripts never see helpers: coroutine.running and
// coroutine.status speak of the coroutine that the pcall belongs to.
//
// A helper is told from a coroutine by an option that nothing else uses once
// a state is made; that way no table of threads keeps dead ones alive.

func markHelper(th *glua.LState)    { th.Options.SkipOpenLibs = false }
func markCoroutine(th *glua.LState) { th.Options.SkipOpenLibs = true }
func isHelper(th *glua.LState) bool { return !th.Options.SkipOpenLibs }

// logical returns the coroutine that runs on th.
func logical(th *glua.LState) *glua.LState {
	for isHelper(th) && th.Parent != nil {
		th = th.Parent
	}
	return th
}

// prelude is the Lua part. Its frames do not show in tracebacks.
const prelude = `
local helper, resume, yield, dead, failed, enter = ...
local function drive(co, guard, ok, ...)
  if not ok then return failed(guard, ...) end
  if dead(co) then return true, ... end
  return drive(co, guard, resume(co, yield(...)))
end
local function pcall(f, ...)
  local co, guard = helper(f)
  return drive(co, guard, resume(co, ...))
end
local function xpcall(f, h, ...)
  local co, guard = helper(f, h)
  return drive(co, guard, resume(co, ...))
end
local function entry(f, guard)
  return function(...)
    enter(guard)
    return f(...)
  end
end
return pcall, xpcall, entry
`

const preludeName = "=prelude"

// raw are the functions of gopher-lua's own libraries that ours build on.
var raw = sync.OnceValue(func() map[string]glua.LGFunction {
	l := glua.NewState(glua.Options{SkipOpenLibs: true})
	defer l.Close()
	fns := map[string]glua.LGFunction{}
	for _, lib := range []struct {
		open  glua.LGFunction
		names []string
	}{
		{glua.OpenBase, []string{"next", "rawequal", "rawget", "rawset", "select"}},
		{glua.OpenCoroutine, []string{"coroutine.create", "coroutine.resume", "coroutine.yield"}},
	} {
		l.Push(l.NewFunction(lib.open))
		l.Call(0, 0)
		for _, name := range lib.names {
			table, field, dotted := strings.Cut(name, ".")
			v := l.GetGlobal(table)
			if dotted {
				v = l.GetField(v, field)
			}
			fns[name] = v.(*glua.LFunction).GFunction
		}
	}
	return fns
})

// guard is what a thread knows about errors: the handler of the xpcall that it
// serves.
type guard struct {
	m       *Machine
	handler glua.LValue // nil if there is none
	handled bool
	busy    bool
}

// openCoroutine installs coroutine.*, pcall and xpcall.
func (m *Machine) openCoroutine(l *glua.LState) {
	l.Push(m.builtin(l, preludeName, prelude))
	for _, f := range []glua.LGFunction{
		m.coHelper, m.rawResume, raw()["coroutine.yield"], coDead, coFailed, coEnter,
	} {
		l.Push(l.NewFunction(f))
	}
	l.Call(6, 3)
	m.entry = l.Get(-1).(*glua.LFunction)
	m.setGlobal("pcall", l.Get(-3))
	m.setGlobal("xpcall", l.Get(-2))
	l.Pop(3)
	m.lib("coroutine",
		fn("create", func(l *glua.LState) int {
			l.Push(m.newThread(l, l.CheckFunction(1), &guard{m: m}))
			return 1
		}),
		fn("resume", func(l *glua.LState) int {
			if s := status(l, l.CheckThread(1)); s != "suspended" {
				l.Push(glua.LFalse)
				l.Push(glua.LString(cannotResume(s)))
				return 2
			}
			return m.rawResume(l)
		}),
		fn("yield", m.coYield),
		fn("wrap", func(l *glua.LState) int {
			th := m.newThread(l, l.CheckFunction(1), &guard{m: m})
			l.Push(l.NewFunction(func(l *glua.LState) int { return m.wrapped(l, th) }))
			return 1
		}),
		fn("running", func(l *glua.LState) int {
			co := logical(l)
			l.Push(co)
			l.Push(glua.LBool(co.Parent == nil))
			return 2
		}),
		fn("isyieldable", func(l *glua.LState) int {
			l.Push(glua.LBool(logical(l).Parent != nil))
			return 1
		}),
		fn("status", func(l *glua.LState) int {
			l.Push(glua.LString(status(l, l.CheckThread(1))))
			return 1
		}),
	)
}

// newThread makes a coroutine that calls f.
func (m *Machine) newThread(l *glua.LState, f glua.LValue, g *guard) *glua.LState {
	ud := l.NewUserData()
	ud.Value = g
	l.Insert(m.call1(l, m.entry, f, ud), 1)
	raw()["coroutine.create"](l)
	th := l.Get(-1).(*glua.LState)
	l.Pop(1)
	l.Remove(1)
	th.SetContext(gauge{m})
	markCoroutine(th)
	return th
}

// resumeSteps is what a resume with its yield costs, in instructions: a pass
// through the C side of the VM, on the module as here.
const resumeSteps = 10

// rawResume is coroutine.resume without the question whether it may.
func (m *Machine) rawResume(l *glua.LState) int {
	depth := m.depth
	m.deeper(l)
	defer func() { m.depth = depth }()
	m.charge(resumeSteps)
	n := raw()["coroutine.resume"](l)
	if n == 2 && l.Get(-2) == glua.LFalse {
		err := cleanError(l.Get(-1))
		l.Pop(1)
		l.Push(err)
	}
	return n
}

// coHelper is helper(f, handler): a thread for a pcall, and its guard.
func (m *Machine) coHelper(l *glua.LState) int {
	g := &guard{m: m, handler: l.Get(2)}
	if g.handler == glua.LNil {
		g.handler = nil
	}
	f := l.Get(1)
	if msg, ok := notCallable(l, f); ok {
		f = l.NewFunction(func(l *glua.LState) int {
			l.Error(glua.LString(msg), 0)
			return 0
		})
	}
	th := m.newThread(l, f, g)
	markHelper(th)
	ud := l.NewUserData()
	ud.Value = g
	l.Push(th)
	l.Push(ud)
	return 2
}

// notCallable returns the error of calling v, if it cannot be called.
func notCallable(l *glua.LState, v glua.LValue) (string, bool) {
	if _, ok := v.(*glua.LFunction); ok {
		return "", false
	}
	if mt, ok := metatable(l, v); ok && mt.RawGetString("__call") != glua.LNil {
		return "", false
	}
	return "attempt to call a " + typeName(v) + " value", true
}

// coEnter is the first thing that happens on every thread.
func coEnter(l *glua.LState) int {
	l.Panic = l.Get(1).(*glua.LUserData).Value.(*guard).raise
	return 0
}

func coDead(l *glua.LState) int {
	l.Push(glua.LBool(l.Get(1).(*glua.LState).Dead))
	return 1
}

// coFailed is failed(guard, err): what pcall and xpcall return.
func coFailed(l *glua.LState) int {
	g, err := l.Get(1).(*glua.LUserData).Value.(*guard), l.Get(2)
	if g.handler != nil && !g.handled {
		err = g.run(l, err)
	}
	l.Push(glua.LFalse)
	l.Push(err)
	return 2
}

func (m *Machine) coYield(l *glua.LState) int {
	if logical(l).Parent == nil {
		m.raise(l, "attempt to yield from outside a coroutine")
	}
	if nested() {
		m.raise(l, "attempt to yield across a C-call boundary")
	}
	return -1
}

func cannotResume(status string) string {
	if status != "dead" {
		status = "non-suspended"
	}
	return "cannot resume " + status + " coroutine"
}

// wrapped resumes the coroutine of a coroutine.wrap function and raises its
// error again.
func (m *Machine) wrapped(l *glua.LState, th *glua.LState) int {
	if s := status(l, th); s != "suspended" {
		m.raise(l, "%s", cannotResume(s))
	}
	l.Insert(th, 1)
	n := m.rawResume(l)
	first := l.GetTop() - n + 1
	if l.Get(first) == glua.LFalse {
		err := l.Get(-1)
		if text, ok := err.(glua.LString); ok {
			err = glua.LString(m.where(l, 1)) + text // as luaB_auxwrap does
		}
		l.Error(err, 0)
	}
	l.Remove(first)
	return n - 1
}

// status is coroutine.status as scripts see it from l.
func status(l, th *glua.LState) string {
	if th.Dead {
		return "dead"
	}
	if th == logical(l) {
		return "running"
	}
	for t := l; t != nil; t = t.Parent {
		if t == th {
			return "normal"
		}
	}
	return "suspended"
}

// raise is the Panic function of a thread: it runs the handler of an xpcall
// where the error happened, so that a traceback shows the way there.
func (g *guard) raise(l *glua.LState) {
	err := cleanError(l.Get(-1))
	if g.handler != nil && !g.busy {
		err = g.run(l, err)
		g.handled = true
	} else if g.handler == nil && !isHelper(l) {
		g.m.noteTrace(l)
	}
	panic(&glua.ApiError{Type: glua.ApiErrorRun, Object: err})
}

// run calls the handler. An error in it is what xpcall then returns.
func (g *guard) run(l *glua.LState, err glua.LValue) (result glua.LValue) {
	g.busy = true
	depth := g.m.depth
	defer func() {
		g.busy, g.m.depth = false, depth
		if r := recover(); r != nil {
			if e, ok := r.(*glua.ApiError); ok {
				result = cleanError(e.Object)
			} else {
				result = cleanError(glua.LString(fmt.Sprint(r)))
			}
		}
	}()
	return g.m.call1(l, g.handler, err)
}

// nested reports whether the running thread is inside a call that gopher-lua
// made from Go (a metamethod, an iterator, a callback of a library): there it
// cannot yield. Between the thread's start and here is one main loop if not.
func nested() bool {
	var pcs [64]uintptr
	loops := 0
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			f := runtime.FuncForPC(pc - 1)
			if f == nil {
				continue
			}
			switch name := f.Name(); {
			case strings.HasSuffix(name, ".mainLoopWithContext"):
				if loops++; loops > 1 {
					return true
				}
			case strings.HasSuffix(name, ".threadRun"):
				return false
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
