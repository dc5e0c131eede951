package lua

import (
	"fmt"
	"regexp"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/syntax"
)

// savedTrace is the way to the last error that killed a coroutine: gopher-lua
// unwinds the dead thread's innermost frame, which is the interesting one.
type savedTrace struct {
	of    *glua.LState
	lines []string
}

func (m *Machine) noteTrace(l *glua.LState) {
	m.trace = savedTrace{of: l, lines: m.frames(l, 0)}
}

// calls lists the first frames of th, innermost first. gopher-lua answers a
// level that a tail call has eaten with the thread's outermost frame; those
// are left out.
func calls(th *glua.LState, atMost int) []*glua.Debug {
	base, ok := th.GetStack(-1)
	if !ok {
		return nil
	}
	var list []*glua.Debug
	for i := 0; len(list) < atMost; i++ {
		dbg, ok := th.GetStack(i)
		if !ok {
			return append(list, base)
		}
		if *dbg != *base {
			list = append(list, dbg)
		}
	}
	return list
}

// framesMax bounds how much of a deep recursion is looked at: finding a frame
// takes as many steps as it is deep.
const framesMax = 300

// stack lists the frames that scripts are to see on l: those of its thread
// and, behind a pcall, of the threads around it. A pcall is a frame without
// source.
func (m *Machine) stack(l *glua.LState, atMost int) []glua.Debug {
	var list []glua.Debug
	for th := l; th != nil && len(list) < atMost; th = th.Parent {
		for i, dbg := range calls(th, atMost+4) {
			if _, err := th.GetInfo("Sln", dbg, glua.LNil); err != nil {
				break
			}
			inner := th != l && i == 0 // the resume that drives a pcall
			if dbg.Source == preludeName || syntax.IsOpName(dbg.Name) || inner || dbg.Source == "" && dbg.What == "main" {
				continue
			}
			list = append(list, *dbg)
		}
		if !isHelper(th) {
			break
		}
		list = append(list, glua.Debug{What: "G", Name: "pcall"})
	}
	return list
}

// frames lists the calls on l, innermost first, in Lua 5.3's form.
func (m *Machine) frames(l *glua.LState, level int) []string {
	var lines []string
	for _, dbg := range m.stack(l, framesMax) {
		if level > 0 {
			level--
			continue
		}
		lines = append(lines, frameLine(&dbg))
	}
	if len(lines) > 22 {
		short := append([]string{}, lines[:10]...)
		lines = append(append(short, "..."), lines[len(lines)-11:]...)
	}
	return lines
}

func frameLine(dbg *glua.Debug) string {
	if dbg.What == "G" {
		if dbg.Name == "" || dbg.Name[0] == '(' {
			return "[C]: in ?"
		}
		return fmt.Sprintf("[C]: in function '%s'", dbg.Name)
	}
	where := dbg.Source
	if dbg.CurrentLine > 0 {
		where = fmt.Sprintf("%s:%d", dbg.Source, dbg.CurrentLine)
	}
	switch {
	case dbg.LineDefined == 0:
		return where + ": in main chunk"
	case dbg.Name == "" || strings.HasPrefix(dbg.Name, "<") || dbg.Name == "main chunk" || dbg.Name == "corountine" || dbg.Name == "?":
		return fmt.Sprintf("%s: in function <%s:%d>", where, dbg.Source, dbg.LineDefined)
	}
	return fmt.Sprintf("%s: in function '%s'", where, dbg.Name)
}

// traceback is luaL_traceback for th as seen from l.
func (m *Machine) traceback(th *glua.LState, msg string, hasMsg bool, level int) string {
	lines := m.frames(th, level)
	if th.Dead && m.trace.of == th {
		lines = m.trace.lines
	}
	return tracebackText(lines, msg, hasMsg)
}

func tracebackText(lines []string, msg string, hasMsg bool) string {
	var b strings.Builder
	if hasMsg {
		b.WriteString(msg + "\n")
	}
	b.WriteString("stack traceback:")
	for _, line := range lines {
		b.WriteString("\n\t" + line)
	}
	return b.String()
}

// where is the position that error() puts in front of a message: the call at
// level (1: the function that called the running one).
func (m *Machine) where(l *glua.LState, level int) string {
	list := m.stack(l, level+1)
	if level >= len(list) {
		return ""
	}
	if dbg := list[level]; dbg.What != "G" && dbg.CurrentLine > 0 {
		return fmt.Sprintf("%s:%d: ", dbg.Source, dbg.CurrentLine)
	}
	return ""
}

var (
	badIndex   = regexp.MustCompile(`attempt to index a non-table object\((\w+)\) with key '([^']*)'`)
	badCall    = regexp.MustCompile(`attempt to call a non-function object`)
	badArith   = regexp.MustCompile(`cannot perform (\w+) operation between (\w+) and (\w+)`)
	badCompare = regexp.MustCompile(`attempt to compare (\w+) with (\w+)`)
	badArg     = regexp.MustCompile(`bad argument #(\d+) to ([^' (]\S*) \(`)
	hostAddr   = regexp.MustCompile(`\b(table|function|userdata|thread|channel): 0x[0-9a-f]{6,}`)
	badFor     = regexp.MustCompile(`for statement (\w+) must be a number`)
)

// cleanError turns the interpreter's own error texts into those of Lua 5.3,
// as far as they can be told, and takes host addresses out of them.
func cleanError(v glua.LValue) glua.LValue {
	s, ok := v.(glua.LString)
	if !ok {
		return v
	}
	t := string(s)
	if strings.HasPrefix(t, " bad argument") || strings.HasPrefix(t, " attempt to") {
		t = t[1:] // the interpreter's form of "no position"
	}
	if strings.HasPrefix(t, preludeName+":") {
		// Called by pcall itself: a C function, which has no position and does
		// not know the name of what it calls.
		_, t, _ = strings.Cut(t, " ")
		t = strings.Replace(t, " to f (", " to '?' (", 1)
	}
	switch {
	case strings.Contains(t, "non-table object"):
		t = badIndex.ReplaceAllString(t, "attempt to index a $1 value (field '$2')")
	case strings.Contains(t, "non-function object"):
		t = badCall.ReplaceAllString(t, "attempt to call a non-function value")
	case strings.Contains(t, "cannot perform"):
		t = badArith.ReplaceAllStringFunc(t, arithError)
	case strings.Contains(t, "bad argument"):
		t = badArg.ReplaceAllString(t, "bad argument #$1 to '$2' (")
	case strings.Contains(t, "attempt to compare"):
		t = badCompare.ReplaceAllStringFunc(t, func(s string) string {
			if p := badCompare.FindStringSubmatch(s); p[1] == p[2] {
				return "attempt to compare two " + p[1] + " values"
			}
			return s
		})
	case strings.HasSuffix(t, "lua callstack overflow"), strings.HasSuffix(t, "registry overflow"):
		t = strings.TrimSuffix(strings.TrimSuffix(t, "lua callstack overflow"), "registry overflow") + "stack overflow"
	case strings.Contains(t, "for statement"):
		t = badFor.ReplaceAllString(t, "'for' $1 must be a number")
	case strings.HasPrefix(t, "runtime error: "):
		return glua.LString("internal error of the interpreter: " + t)
	}
	if strings.Contains(t, ": 0x") {
		t = hostAddr.ReplaceAllString(t, "$1: 0x????????")
	}
	return glua.LString(t)
}

func arithError(s string) string {
	p := badArith.FindStringSubmatch(s)
	bad := p[2]
	if bad == "number" {
		bad = p[3]
	}
	if p[1] == "concat" {
		if p[2] == "string" {
			bad = p[3]
		}
		return "attempt to concatenate a " + bad + " value"
	}
	return "attempt to perform arithmetic on a " + bad + " value"
}

// raise raises an error of a library with the position of its caller, as
// luaL_error does.
func (m *Machine) raise(l *glua.LState, format string, args ...any) {
	level := 1
	if dbg := calls(l, 1); len(dbg) > 0 {
		if _, err := l.GetInfo("n", dbg[0], glua.LNil); err == nil && syntax.IsOpName(dbg[0].Name) {
			level = 0 // an operator is no frame of its own
		}
	}
	l.Error(glua.LString(m.where(l, level)+fmt.Sprintf(format, args...)), 0)
}

// openDebug installs debug.traceback and debug.getinfo, the parts that
// scripts use.
func (m *Machine) openDebug() {
	m.lib("debug",
		fn("traceback", func(l *glua.LState) int {
			th, arg := l, 1
			if t, ok := l.Get(1).(*glua.LState); ok {
				th, arg = t, 2
			}
			level := 0
			if th == l {
				level = 1
			}
			level = l.OptInt(arg+1, level)
			msg, isText := m.text(l.Get(arg))
			if !isText && l.Get(arg) != glua.LNil {
				l.Push(l.Get(arg))
				return 1
			}
			l.Push(glua.LString(m.traceback(th, msg, isText, level)))
			return 1
		}),
		fn("getinfo", func(l *glua.LState) int { return m.getinfo(l) }),
	)
}

func (m *Machine) getinfo(l *glua.LState) int {
	dbg := &glua.Debug{}
	t := l.NewTable()
	what := "Slnu"
	var f glua.LValue = l.Get(1)
	if _, isFn := f.(*glua.LFunction); isFn {
		what = ">Slu"
	} else {
		var ok bool
		if dbg, ok = l.GetStack(l.CheckInt(1)); !ok {
			l.Push(glua.LNil)
			return 1
		}
		f, _ = l.GetInfo("f", dbg, glua.LNil)
	}
	if _, err := l.GetInfo(what, dbg, f); err != nil {
		m.raise(l, "%s", err.Error())
	}
	src := dbg.Source
	if src == "" {
		src = "[C]"
	}
	t.RawSetString("source", glua.LString("@"+src))
	t.RawSetString("short_src", glua.LString(src))
	t.RawSetString("what", glua.LString(map[bool]string{true: "C", false: "Lua"}[dbg.What == "G"]))
	t.RawSetString("currentline", glua.LNumber(dbg.CurrentLine))
	t.RawSetString("linedefined", glua.LNumber(dbg.LineDefined))
	t.RawSetString("lastlinedefined", glua.LNumber(dbg.LastLineDefined))
	t.RawSetString("nups", glua.LNumber(dbg.NUpvalues))
	if dbg.Name != "" {
		t.RawSetString("name", glua.LString(dbg.Name))
	}
	t.RawSetString("func", f)
	l.Push(t)
	return 1
}
