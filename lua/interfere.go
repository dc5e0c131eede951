package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// What faults need: a machine that is not left alone.

// Call has the main coroutine run source, a chunk of Lua, when the scripts next
// wait for a message, as the callback of a timer would run, and then calls done
// with the text that the chunk returns. Like everything that happens to a machine
// it may only be called from within an event of the clock, or from
// Options.Started.
func (m *Machine) Call(source string, done func(text string)) {
	m.post(func(l *glua.LState) int {
		text, _ := m.text(m.call1(l, m.builtin("=[C]", source)))
		done(text)
		return 0
	})
}

// Watch starts a hardware watchdog that scripts may feed, but did not start.
func (m *Machine) Watch(period time.Duration) {
	m.watchdog.period = period
	m.feedWatchdog()
}
