package lua

import (
	"fmt"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// Log levels (luatos-runtime.md 4.2).
const (
	levelDebug  = 1
	levelInfo   = 2
	levelWarn   = 3
	levelError  = 4
	levelSilent = 7
)

var levelNames = []struct {
	name  string
	level int
}{{"SILENT", levelSilent}, {"DEBUG", levelDebug}, {"INFO", levelInfo}, {"WARN", levelWarn}, {"ERROR", levelError}}

// LogFrame is how a firmware wraps the lines that it writes.
type LogFrame uint8

const (
	// FrameNone: the bare line, as most modules send it.
	FrameNone LogFrame = iota
	// FrameLuat: "luat:U(807):" and "luat:I(595):main:", as Air8101 does
	// (luatos-runtime.md 4.3).
	FrameLuat
)

// logf writes a line of the firmware's own (C) modules.
func (m *Machine) logf(level int, tag, format string, args ...any) {
	if level < m.logLevel {
		return
	}
	l := levelLetter(level)
	text := fmt.Sprintf(format, args...)
	if m.opts.Frame == FrameLuat {
		m.lines(fmt.Sprintf("luat:%s(%d):%s:%s", l, m.board.Now().Milliseconds(), tag, text))
		return
	}
	m.lines(l + "/" + tag + " " + text)
}

func levelLetter(level int) string { return "?DIWE"[level : level+1] }

// userLine writes what a script prints.
func (m *Machine) userLine(line string) {
	m.charge(len(line) / 64)
	if m.opts.Frame == FrameLuat {
		line = fmt.Sprintf("luat:U(%d):%s", m.board.Now().Milliseconds(), line)
	}
	m.lines(line)
}

func (m *Machine) lines(text string) {
	for _, line := range strings.Split(text, "\n") {
		m.board.Log(strings.TrimSuffix(line, "\r"))
	}
	m.checkPower()
}

func (m *Machine) openLog() {
	t := m.lib("log",
		native("debug", m.logger(levelDebug)),
		native("info", m.logger(levelInfo)),
		native("warn", m.logger(levelWarn)),
		native("error", m.logger(levelError)),
		native("fatal", m.logger(levelError)),
		fn("setLevel", m.logSetLevel),
		fn("getLevel", func(l *glua.LState) int { return pushInt(l, int64(m.logLevel)) }),
		fn("style", func(l *glua.LState) int {
			if l.GetTop() == 0 {
				return pushInt(l, int64(m.logStyle))
			}
			m.logStyle = int(m.integer(l, 1))
			return 0
		}),
	)
	constants(t, "LOG_SILENT", levelSilent, "LOG_DEBUG", levelDebug, "LOG_INFO", levelInfo, "LOG_WARN", levelWarn, "LOG_ERROR", levelError)
}

// logger returns log.debug and so on. The line goes through the global print,
// so a script that replaces print sees the log, too.
func (m *Machine) logger(level int) lua53.Native {
	return func(a lua53.Args) int {
		if level < m.logLevel || a.N() == 0 {
			return 0
		}
		tag, ok := m.text(a.Get(0))
		if !ok {
			tag = "(null)"
		}
		letter := levelLetter(level)
		args := make([]glua.LValue, 0, a.N()+1)
		switch m.logStyle {
		case 1:
			args = append(args, glua.LString(letter+"/"+m.caller()), glua.LString(tag))
		case 2:
			args = append(args, glua.LString(letter+"/user."+tag), glua.LString(m.caller()))
		default:
			args = append(args, glua.LString(letter+"/user."+tag))
		}
		for i := 1; i < a.N(); i++ {
			args = append(args, a.Get(i))
		}
		a.Call(m.vm.Globals().RawGetString("print"), args...)
		if level == levelError && tag == taskErrorTag && a.N() == 2 {
			m.taskDied(glua.LVAsString(a.Get(1)))
		}
		return 0
	}
}

// caller is <file>:<line> of the script line that logs.
func (m *Machine) caller() string {
	where := strings.TrimSuffix(m.vm.Where(1), ": ")
	file, line, _ := cutLast(where, ":")
	if file == "" {
		return "?:0"
	}
	if n, err := strconv.Atoi(line); err != nil || n > 65536 {
		line = "0"
	}
	return file + ":" + line
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

func (m *Machine) logSetLevel(l *glua.LState) int {
	level := 0
	if f, ok := m.number(l.Get(1)); ok {
		level = int(f)
	}
	if v, ok := l.Get(1).(glua.LString); ok {
		for _, e := range levelNames {
			if e.name == string(v) {
				level = e.level
			}
		}
	}
	if level <= 0 {
		level = levelSilent
	}
	m.logLevel = level
	return 0
}
