package lua

import (
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

// ScriptCall is a call of a function, as [Options.Calls] sees it.
type ScriptCall struct {
	// Chunk and Line say where the function is written: "main.lua" and its
	// first line, 0 for a file's own code; "[C]" and -1 for the firmware's.
	Chunk string
	Line  int
	// Name is the name in its library, "sys.wait", or what the caller calls it
	// by; empty if neither can be told.
	Name string
	// From and FromLine are the line that calls; "" and -1 if the firmware
	// does.
	From     string
	FromLine int
	// Depth counts the calls below this one in its task. Task is 0 for what
	// runs outside of tasks, else the task's number in the order in which they
	// first ran.
	Depth, Task int
}

// called passes calls on once the scripts run.
func (m *Machine) called(c lua53.Call) {
	if m.callers == nil {
		return
	}
	co := c.Coroutine()
	task, ok := m.callers[co]
	if !ok {
		task = len(m.callers)
		m.callers[co] = task
	}
	s := ScriptCall{Name: m.nameOf(c), Depth: c.Depth(), Task: task}
	s.Chunk, s.Line = c.Defined()
	s.From, s.FromLine = c.From()
	if s.Line < 0 && s.Name == "" && s.From == "" {
		return // a function of the machine's own
	}
	m.opts.Calls(s)
}

// nameOf asks for the library's name of a function once: that takes long. A
// function gets it late if its file has not returned yet.
func (m *Machine) nameOf(c lua53.Call) string {
	f := c.Function()
	name, ok := m.callees[f]
	if !ok {
		name = c.GlobalName()
		m.callees[f] = name
	}
	if name == "" {
		_, name = c.Name()
	}
	return name
}

// showCalls begins to pass calls on. It is called on the main coroutine, which
// so becomes number 0.
func (m *Machine) showCalls() {
	if m.opts.Calls != nil {
		co, _ := m.vm.Running()
		m.callers = map[*glua.LState]int{co: 0}
		m.callees = map[*glua.LFunction]string{}
	}
}
