package lua

import (
	"fmt"
	"strings"

	glua "github.com/yuin/gopher-lua"
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
		fn("debug", m.logger(levelDebug)),
		fn("info", m.logger(levelInfo)),
		fn("warn", m.logger(levelWarn)),
		fn("error", m.logger(levelError)),
		fn("fatal", m.logger(levelError)),
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
func (m *Machine) logger(level int) glua.LGFunction {
	return func(l *glua.LState) int {
		if level < m.logLevel || l.GetTop() == 0 {
			return 0
		}
		tag, ok := m.text(l.Get(1))
		if !ok {
			tag = "(null)"
		}
		letter := levelLetter(level)
		args := make([]glua.LValue, 0, l.GetTop()+2)
		switch m.logStyle {
		case 1:
			args = append(args, glua.LString(letter+"/"+m.caller(l)), glua.LString(tag))
		case 2:
			args = append(args, glua.LString(letter+"/user."+tag), glua.LString(m.caller(l)))
		default:
			args = append(args, glua.LString(letter+"/user."+tag))
		}
		for i := 2; i <= l.GetTop(); i++ {
			args = append(args, l.Get(i))
		}
		m.call(l, l.G.Global.RawGetString("print"), 0, args...)
		return 0
	}
}

// caller is <file>:<line> of the script line that logs.
func (m *Machine) caller(l *glua.LState) string {
	list := m.stack(l, 2)
	if len(list) < 2 || list[1].What == "G" {
		return "?:0"
	}
	line := list[1].CurrentLine
	if line > 65536 {
		line = 0
	}
	return fmt.Sprintf("%s:%d", list[1].Source, line)
}

func (m *Machine) logSetLevel(l *glua.LState) int {
	level := 0
	switch v := l.Get(1).(type) {
	case glua.LNumber:
		level = int(v)
	case glua.LString:
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
