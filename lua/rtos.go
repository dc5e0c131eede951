package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// msgTimer is rtos.MSG_TIMER.
const msgTimer = 1

// luaMemoryUsed is what the libraries take when the scripts start; what these
// take is counted from there. The two below are all that rtos.meminfo and the
// boot lines show of the system's memory: typical numbers (luatos-runtime.md
// 1.3).
const (
	luaMemoryUsed = 15176
	sysMemoryUsed = 54072
	sysMemoryMax  = 66784
)

// psramUsed is what the firmware takes of its PSRAM, if it has any.
func psramUsed(total int64) int64 { return min(total, sysMemoryUsed) }

func (m *Machine) openRtos() {
	t := m.lib("rtos",
		fn("receive", func(l *glua.LState) int { return m.receive(l, m.integer(l, 1)) }),
		fn("timer_start", m.rtosTimerStart),
		fn("timer_stop", func(l *glua.LState) int {
			if f, ok := m.number(l.Get(1)); ok {
				if id, ok := wholeFloat(f); ok {
					m.stopTimer(id)
				}
			}
			return 0
		}),
		fn("reboot", func(l *glua.LState) int {
			code := 0
			if f, ok := m.vm.ToNumber(l.Get(1)); ok {
				code = int(f)
			}
			m.stop(Exit{Kind: ExitReboot, Cause: CauseRtos, Code: code})
			return 0
		}),
		fn("bsp", func(l *glua.LState) int { return pushStr(l, m.fw.BSP) }),
		fn("version", m.rtosVersion),
		fn("firmware", func(l *glua.LState) int {
			return pushStr(l, "LuatOS-SoC_"+m.fw.Version+"_"+m.fw.BSP)
		}),
		fn("buildDate", func(l *glua.LState) int { return pushStr(l, m.fw.BuildDate) }),
		fn("meminfo", m.rtosMeminfo),
		fn("setPaths", m.rtosSetPaths),
		fn("nop", func(*glua.LState) int { return 0 }),
		fn("standy", func(l *glua.LState) int {
			m.board.Sleep(milliseconds(m.integer(l, 1)))
			m.checkPower()
			return 0
		}),
		fn("autoCollectMem", func(*glua.LState) int { return 0 }),
	)
	constants(t, "INF_TIMEOUT", -1, "MSG_TIMER", msgTimer)
}

func (m *Machine) rtosTimerStart(l *glua.LState) int {
	ok := m.startTimer(m.integer(l, 1), m.integer(l, 2), m.optInt(l, 3, 0))
	if ok {
		return pushInt(l, 1)
	}
	return pushInt(l, 0)
}

func (m *Machine) rtosVersion(l *glua.LState) int {
	whole := m.optBool(l, 1, false) // before a Push: results lie above the arguments
	l.Push(glua.LString(m.fw.Version))
	if !whole {
		return 1
	}
	l.Push(glua.LNumber(m.fw.Number))
	l.Push(glua.LNumber(m.fw.Bits))
	return 3
}

func (m *Machine) rtosMeminfo(l *glua.LState) int {
	used := m.vm.MemoryInUse()
	m.luaMemoryMost = max(m.luaMemoryMost, used)
	total, most := m.fw.LuaMemory, m.luaMemoryMost
	switch m.optStr(l, 1, "lua") {
	case "sys":
		total, used, most = m.fw.SysMemory, sysMemoryUsed, sysMemoryMax
	case "psram":
		total, used, most = m.fw.PSRAMMemory, psramUsed(m.fw.PSRAMMemory), psramUsed(m.fw.PSRAMMemory)
	}
	l.Push(glua.LNumber(total))
	l.Push(glua.LNumber(used))
	l.Push(glua.LNumber(most))
	return 3
}

// rtosSetPaths takes up to four patterns of at most 23 characters with exactly
// one %s each; others are ignored.
func (m *Machine) rtosSetPaths(l *glua.LState) int {
	m.paths = nil
	for i := 1; i <= min(4, l.GetTop()); i++ {
		p, ok := m.text(l.Get(i))
		if ok && len(p) <= 23 && strings.Count(p, "%s") == 1 {
			m.paths = append(m.paths, p)
		}
	}
	return 0
}
