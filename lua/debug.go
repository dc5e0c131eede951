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

// frames lists the calls on l, innermost first, in Lua 5.3's form.
func (m *Machine) frames(l *glua.LState, level int) []string {
	var lines []string
	for th := l; th != nil; th = th.Parent {
		for i := 0; i < 250; i++ {
			dbg, ok := th.GetStack(i)
			if !ok {
				break
			}
			if _, err := th.GetInfo("Sln", dbg, glua.LNil); err != nil {
				break
			}
			if dbg.Source == preludeName || syntax.IsOpName(dbg.Name) {
				continue
			}
			if level > 0 {
				level--
				continue
			}
			lines = append(lines, frameLine(dbg))
		}
		if !isHelper(th) {
			break
		}
	}
	if len(lines) > 22 {
		short := append([]string{}, lines[:10]...)
		lines = append(append(short, "..."), lines[len(lines)-11:]...)
	}
	return lines
}

func frameLine(dbg *glua.Debug) string {
	if dbg.What == "G" {
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
	for th := l; th != nil; th = th.Parent {
		for i := 0; i < 250; i++ {
			dbg, ok := th.GetStack(i)
			if !ok {
				break
			}
			th.GetInfo("Sl", dbg, glua.LNil)
			if dbg.Source == preludeName {
				continue
			}
			if level == 0 {
				if dbg.What == "G" || dbg.CurrentLine <= 0 {
					return ""
				}
				return fmt.Sprintf("%s:%d: ", dbg.Source, dbg.CurrentLine)
			}
			level--
		}
		if !isHelper(th) {
			break
		}
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
	switch {
	case strings.Contains(t, "non-table object"):
		t = badIndex.ReplaceAllString(t, "attempt to index a $1 value (field '$2')")
	case strings.Contains(t, "non-function object"):
		t = badCall.ReplaceAllString(t, "attempt to call a non-function value")
	case strings.Contains(t, "cannot perform"):
		t = badArith.ReplaceAllStringFunc(t, arithError)
	case strings.Contains(t, "bad argument"):
		t = badArg.ReplaceAllString(t, "bad argument #$1 to '$2' (")
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
			if th == l && level > 0 {
				// the traceback function itself is frame 0
			}
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
		l.RaiseError("%s", err.Error())
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
