package lua

import (
	"regexp"
	"strconv"
	"strings"
)

// ScriptError is an error that nothing in the scripts caught, and where in
// them it happened.
type ScriptError struct {
	// Text is the message with its traceback, as the firmware logs it.
	Text string
	// File is the file's path on the device, "/luadb/main.lua", and Line the
	// line in it; empty and 0 if the error names none.
	File string
	Line int
	// Source are the lines around it, Mark that line with what the message
	// names marked by carets. Both are empty for a compiled script.
	Source []SourceLine
	Mark   string
}

// SourceLine is one line of a script.
type SourceLine struct {
	Number int // from 1
	Text   string
}

// Message is the error without its traceback.
func (e *ScriptError) Message() string {
	msg, _, _ := strings.Cut(e.Text, "\nstack traceback:")
	return strings.TrimRight(msg, "\r\n")
}

// sourceAround is how many lines are shown before and after that of an error.
const sourceAround = 2

// taskErrorTag is the tag under which sys logs the error of a task
// (luatos-runtime.md 3.3).
const taskErrorTag = "coroutine.resume"

// uncaught reports an error to whoever asked for it. sys raises what a task
// died of once more, half a second later, so that the VM ends: that is the
// same error.
func (m *Machine) uncaught(text string) {
	if m.opts.Uncaught == nil || m.taskError != "" && strings.HasPrefix(text, m.taskError) {
		return
	}
	e := ScriptError{Text: text}
	for _, p := range positions(text) {
		if m.locate(&e, p) {
			break
		}
	}
	m.opts.Uncaught(e)
}

// taskDied reports what sys logs of a task. Tasks may log the same tag for
// reasons of their own, so there must be a traceback.
func (m *Machine) taskDied(text string) {
	if m.opts.Uncaught != nil && strings.Contains(text, "\nstack traceback:") {
		m.uncaught(text)
		m.taskError = text
	}
}

// position is a place that an error names.
type position struct {
	name string // of the chunk, "main.lua"
	line int
}

var (
	positionLoad  = regexp.MustCompile(`error loading module '[^'\n]*' from file '[^'\n]*':\n\t([^:\n]+):(\d+):`)
	positionHead  = regexp.MustCompile(`^([^:\n]+):(\d+):`)
	positionTrace = regexp.MustCompile(`\n\t([^:\n]+):(\d+): in `)
)

// positions returns the places that an error names, the most telling first: a
// file that does not load, what stands in front of the message, the functions
// of the traceback.
func positions(text string) (found []position) {
	for _, re := range []*regexp.Regexp{positionLoad, positionHead, positionTrace} {
		for _, g := range re.FindAllStringSubmatch(text, 20) {
			if line, err := strconv.Atoi(g[2]); err == nil && line > 0 {
				found = append(found, position{g[1], line})
			}
		}
	}
	return found
}

// locate looks for the file of a place. The order is that of require.
func (m *Machine) locate(e *ScriptError, p position) bool {
	dirs := []string{"/", "/luadb/", libDir}
	if strings.HasPrefix(p.name, "/") {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		file := dir + p.name
		if m.files.exists(file) {
			text, _, err := m.files.readAll(file, sourceMax)
			if err != nil || strings.HasPrefix(text, "\x1bLua") {
				continue
			}
			e.File, e.Line = file, p.line
			e.around(text)
			return true
		}
		if m.files.exists(file + "c") {
			e.File, e.Line = file+"c", p.line
			return true
		}
	}
	return false
}

// around cuts the lines around the error out of its file.
func (e *ScriptError) around(text string) {
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "\uFEFF"), "\n"), "\n")
	if e.Line > len(lines) {
		return
	}
	for n := max(1, e.Line-sourceAround); n <= min(len(lines), e.Line+sourceAround); n++ {
		e.Source = append(e.Source, SourceLine{n, strings.TrimSuffix(lines[n-1], "\r")})
	}
	e.Mark = mark(strings.TrimSuffix(lines[e.Line-1], "\r"), e.Message())
}

var quotedName = regexp.MustCompile(`(?:local|global|field|method|upvalue|constant|to|near) '([^'\n]+)'`)

// mark returns what stands below line: carets under the name that the message
// ends with if the line has it, else under the whole statement.
func mark(line, message string) string {
	code := strings.TrimSpace(line)
	from, n := strings.Index(line, code), len(code)
	if g := quotedName.FindAllStringSubmatch(message, -1); g != nil {
		name := g[len(g)-1][1]
		if at := wordIndex(line, name); at >= 0 {
			from, n = at, len(name)
		}
	}
	return blanks(line[:from]) + strings.Repeat("^", width(line[from:from+n]))
}

// wordIndex finds word where no name goes on before or behind it.
func wordIndex(line, word string) int {
	for from := 0; from < len(line); {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		if (i == 0 || !isNameByte(line[i-1]) || !isNameByte(word[0])) &&
			(i+len(word) == len(line) || !isNameByte(line[i+len(word)]) || !isNameByte(word[len(word)-1])) {
			return i
		}
		from = i + 1
	}
	return -1
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// blanks is as wide as s on a terminal.
func blanks(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte('\t')
		default:
			b.WriteString(strings.Repeat(" ", runeWidth(r)))
		}
	}
	return b.String()
}

func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 2 for what East Asian fonts draw wide.
func runeWidth(r rune) int {
	if r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 {
		return 2
	}
	return 1
}
