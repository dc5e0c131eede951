package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// watchdog is the hardware watchdog: when nobody feeds it, it resets the
// module.
type watchdog struct {
	period time.Duration
	cancel func()
}

func (w *watchdog) stop() {
	if w.cancel != nil {
		w.cancel()
		w.cancel = nil
	}
}

// feedWatchdog starts the watchdog's time anew.
func (m *Machine) feedWatchdog() {
	m.watchdog.stop()
	m.watchdog.cancel = m.after(m.watchdog.period, func() {
		m.stop(Exit{Kind: ExitReboot, Cause: CauseWatchdog})
	})
}

// openWdt installs wdt.* (luatos-runtime.md 9.5).
func (m *Machine) openWdt() {
	set := func(l *glua.LState) int {
		ms := m.integer(l, 1)
		m.hardware(l, "wdt", "init")
		if ms <= 0 {
			return pushBool(l, false)
		}
		m.watchdog.period = milliseconds(ms)
		m.feedWatchdog()
		return pushBool(l, true)
	}
	m.lib("wdt",
		fn("init", set),
		fn("setTimeout", set),
		fn("feed", func(l *glua.LState) int {
			if m.watchdog.cancel == nil {
				return pushBool(l, false)
			}
			m.feedWatchdog()
			return pushBool(l, true)
		}),
		fn("close", func(l *glua.LState) int {
			m.watchdog.stop()
			m.hardware(l, "wdt", "close")
			return pushBool(l, true)
		}),
	)
}
