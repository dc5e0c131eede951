package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// delayMax bounds a busy wait, so that a wrong unit does not end the run.
const delayMax = 24 * time.Hour

// openTimer installs timer.*: busy waits, in which scripts stand still.
func (m *Machine) openTimer() {
	delay := func(unit time.Duration) glua.LGFunction {
		return func(l *glua.LState) int {
			if n := m.integer(l, 1); n > 0 {
				m.board.Sleep(time.Duration(min(n, int64(delayMax/unit))) * unit)
				m.checkPower()
			}
			return 0
		}
	}
	m.lib("timer", fn("mdelay", delay(time.Millisecond)), fn("udelay", delay(time.Microsecond)))
}
