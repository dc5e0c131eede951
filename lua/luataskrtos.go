package lua

import (
	"math/big"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// CauseRtosRestart is the cause of an [ExitReboot] by rtos.restart.
const CauseRtosRestart = "rtos.restart"

// Messages of rtos.receive, by the numbers of the core.
const (
	taskTimeout   = 4
	taskTimer     = 5
	taskUARTRx    = 6
	taskUARTTx    = 7
	taskInt       = 9
	taskSockRecv  = 31
	taskSockSend  = 32
	taskSockClose = 33
	taskSockConn  = 34
	taskSockLost  = 36
)

// ticksSecond is how many ticks of rtos.tick a second has.
const ticksSecond = 16384

// openTaskRtos installs rtos.* of LuaTask. rtos.on is sys.lua's own.
func (m *Machine) openTaskRtos() {
	nothing := func(*glua.LState) int { return 0 }
	t := m.lib("rtos",
		fn("receive", func(l *glua.LState) int { return m.receive(l, m.integer(l, 1)) }),
		fn("timer_start", m.taskTimerStart),
		fn("timer_stop", func(l *glua.LState) int { m.stopTimer(m.integer(l, 1)); return pushInt(l, 1) }),
		fn("sleep", func(l *glua.LState) int {
			m.board.Sleep(milliseconds(m.integer(l, 1)))
			m.checkPower()
			return 0
		}),
		fn("restart", func(*glua.LState) int {
			m.stop(Exit{Kind: ExitReboot, Cause: CauseRtosRestart})
			return 0
		}),
		fn("poweroff", func(*glua.LState) int {
			m.stop(Exit{Kind: ExitOff, Sleep: &Sleep{Off: true}})
			return 0
		}),
		fn("poweron", func(l *glua.LState) int {
			if m.integer(l, 1) == 0 {
				m.raise("rtos.poweron(0): a start without the radio is not emulated")
			}
			return 0
		}),
		fn("poweron_reason", func(l *glua.LState) int { return pushInt(l, m.taskPoweron()) }),
		fn("tick", func(l *glua.LState) int {
			return pushInt(l, int64(m.board.Now()/time.Microsecond)*ticksSecond/1e6)
		}),
		fn("get_version", func(l *glua.LState) int { return pushStr(l, m.fw.Version) }),
		fn("get_build_time", func(l *glua.LState) int { return pushStr(l, m.fw.BuildDate+" "+m.fw.BuildTime) }),
		fn("get_env_usage", func(l *glua.LState) int { return pushInt(l, 50) }),
		fn("get_fs_free_size", func(l *glua.LState) int { return m.taskFsSize(l, true) }),
		fn("get_fs_total_size", func(l *glua.LState) int { return m.taskFsSize(l, false) }),
		fn("get_fs_flush_status", func(l *glua.LState) int { return pushBool(l, true) }),
		fn("make_dir", func(l *glua.LState) int { return m.taskDone(l, m.files.Mkdir(m.str(l, 1), 0o777)) }),
		fn("remove_dir", func(l *glua.LState) int { return m.taskDone(l, m.files.Rmdir(m.str(l, 1))) }),
		fn("get_fatal_info", func(l *glua.LState) int { return pushStr(l, "") }),
		fn("remove_fatal_info", func(l *glua.LState) int { return pushBool(l, true) }),
		fn("set_trace", func(l *glua.LState) int {
			m.task.silent = m.optInt(l, 1, 0) == 0
			return pushBool(l, true)
		}),
		fn("set_trace_port", func(l *glua.LState) int { m.hardware(l, "rtos", "set_trace_port"); return pushBool(l, true) }),
		fn("get_trace_port", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("set_time", func(l *glua.LState) int { m.board.SetUnixTime(m.integer(l, 1)); return 0 }),
		fn("sms_is_ready", func(l *glua.LState) int {
			if m.task.modem.Registered() {
				return pushInt(l, 1)
			}
			return pushInt(l, 0)
		}),
		// Keypads and touch panels are recorded: nobody presses a key.
		fn("init_module", func(l *glua.LState) int { m.hardware(l, "rtos", "init_module"); return pushInt(l, 1) }),
		fn("keypad_state", func(l *glua.LState) int { return pushInt(l, 0) }),
		fn("keypad_init_end", nothing), fn("sendevent", nothing), fn("sys32k_clk_out", nothing),
		fn("toint64", m.taskInt64),
		fn("openSoftDog", func(l *glua.LState) int {
			m.watchdog.period = milliseconds(m.optInt(l, 1, 0))
			m.feedWatchdog()
			return pushBool(l, true)
		}),
		fn("eatSoftDog", func(*glua.LState) int {
			if m.watchdog.cancel != nil {
				m.feedWatchdog()
			}
			return 0
		}),
		fn("closeSoftDog", func(*glua.LState) int { m.watchdog.stop(); return 0 }),
		fn("fota_start", m.fotaStart), fn("fota_process", m.fotaProcess), fn("fota_end", m.fotaEnd),
	)
	m.fill(t, m.refused("rtos", "repoweron", "app_monitor", "set_alarm", "base64_encode", "base64_decode", "disk_free",
		"disk_volume", "compare_distance", "send_ok")...)
	constants(t, "INF_TIMEOUT", -1, "MOD_KEYPAD", 0, "MOD_ALARM", 1, "MOD_TP", 2,
		"POWERON_KEY", 0, "POWERON_CHARGER", 1, "POWERON_ALARM", 2, "POWERON_RESTART", 3, "POWERON_OTHER", 4, "POWERON_UNKNOWN", 5,
		"POWERON_EXCEPTION", 6, "POWERON_HOST", 7, "POWERON_WATCHDOG", 8,
		"WAIT_MSG_TIMEOUT", taskTimeout, "MSG_TIMER", taskTimer, "MSG_UART_RXDATA", taskUARTRx, "MSG_UART_TX_DONE", taskUARTTx, "MSG_KEYPAD", 8,
		"MSG_INT", taskInt, "MSG_PMD", 10, "MSG_AUDIO", 11, "MSG_WEAR_STATUS", 12, "MSG_RECORD", 13, "MSG_STREAM_RECORD", 14,
		"MSG_ALARM", 15, "MSG_TP", 1, "MSG_PDP_ACT_CNF", 28, "MSG_PDP_DEACT_CNF", 29, "MSG_PDP_DEACT_IND", 30,
		"MSG_SOCK_RECV_IND", taskSockRecv, "MSG_SOCK_SEND_CNF", taskSockSend, "MSG_SOCK_CLOSE_CNF", taskSockClose,
		"MSG_SOCK_CONN_CNF", taskSockConn, "MSG_SOCK_SEND_IND", 35, "MSG_SOCK_CLOSE_IND", taskSockLost,
		"MSG_TTSPLY_STATUS", 37, "MSG_TTSPLY_ERROR", 38, "MSG_ZBAR", 39, "MSG_WIFI", 40,
		// Cores have these, too, with numbers that no source shows.
		"MSG_BLUETOOTH", 41, "MSG_HEADSET", 42)
}

// refused makes refusals of functions of a library.
func (m *Machine) refused(lib string, names ...string) []entryFn {
	var out []entryFn
	for _, name := range names {
		out = append(out, fn(name, m.refuse(lib+"."+name)))
	}
	return out
}

func (m *Machine) taskTimerStart(l *glua.LState) int {
	id := m.integer(l, 1)
	m.stopTimer(id)
	if m.startTimer(id, m.integer(l, 2), 0) {
		return pushInt(l, 1)
	}
	return pushInt(l, -1)
}

// taskPoweron is why the module started (8910.md 3.4).
func (m *Machine) taskPoweron() int64 {
	switch m.board.Poweron()[2] {
	case 3:
		return 3
	case 6, 8:
		return 4
	}
	return 0
}

// taskFsSize is what is free of the file system, or all of it, in bytes; with
// 1 as second argument in kilobytes. An SD card, 1 as first, is never there.
func (m *Machine) taskFsSize(l *glua.LState, free bool) int {
	if m.optInt(l, 1, 0) != 0 {
		return pushInt(l, 0)
	}
	u, _, err := m.files.Usage("/")
	m.checkPower()
	if err != nil {
		return pushInt(l, 0)
	}
	blocks := int64(u.Blocks)
	if free {
		blocks -= int64(u.Used)
	}
	size := blocks * int64(u.BlockSize)
	if m.optInt(l, 2, 0) == 1 {
		size /= 1024
	}
	return pushInt(l, size)
}

func (m *Machine) taskDone(l *glua.LState, err error) int {
	m.checkPower()
	return pushBool(l, err == nil)
}

// taskInt64 turns decimal digits into the eight bytes of a number, "little"
// endian or "big".
func (m *Machine) taskInt64(l *glua.LState) int {
	s := m.str(l, 1)
	const digitsMax = 18
	n := new(big.Int)
	if _, ok := n.SetString(s, 10); !ok || len(s) > digitsMax {
		m.raise("rtos.toint64: %q is not a number of at most %d digits", short40(s), digitsMax)
	}
	return pushStr(l, string(intBytes(n.Int64(), 8, m.optStr(l, 2, "little") == "big")))
}

// FileFota is a [Fota] whose packages are streams of known length (8910.md
// 3.4).
type FileFota interface {
	Fota
	// Process takes the next bytes of a package that is total bytes long.
	Process(p []byte, total int64) int
}

// fota is the updater of the core.
func (m *Machine) taskFota() Fota {
	f := m.board.Fota()
	if f == nil {
		m.raise("this firmware has no upgrades over the air")
	}
	return f
}

func (m *Machine) fotaStart(l *glua.LState) int {
	n := m.taskFota().Init(0, 0)
	m.checkPower()
	return pushInt(l, int64(n))
}

func (m *Machine) fotaProcess(l *glua.LState) int {
	p, total := []byte(m.str(l, 1)), m.integer(l, 2)
	f, n := m.taskFota(), 0
	if stream, ok := f.(FileFota); ok {
		n = stream.Process(p, total)
	} else {
		n = f.Write(p)
	}
	m.checkPower()
	return pushInt(l, int64(n))
}

func (m *Machine) fotaEnd(l *glua.LState) int {
	n := m.taskFota().End(true)
	m.checkPower()
	return pushInt(l, int64(n))
}
