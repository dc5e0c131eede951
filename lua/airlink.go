package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// The library airlink: the connection to a second module, or to the chip that
// has the radios of modules with two (functions, commands, texts and waits as
// the library's own sources have them). Who is at the other end is the
// scene's; [Coprocessor] gets what is sent.
//
// Assumed: that the other end answers at once; that a module which brings its
// second chip along has started the connection before the scripts run.
//
// Data that the other end forwards to a network is not modelled here: see
// netdrv.

// Commands of the connection.
const (
	airlinkReboot    = 0x03
	airlinkFotaInit  = 0x04
	airlinkFotaWrite = 0x05
	airlinkFotaDone  = 0x06
	airlinkFotaEnd   = 0x07
	airlinkSdata     = 0x20
	airlinkNop       = 0x21
)

const (
	airlinkDataMost = 1500    // bytes of a command
	airlinkPingMost = 256     // bytes of an echo
	airlinkTestMost = 1 << 16 // commands of one airlink.test
	airlinkAnswers  = time.Millisecond
)

// airlinkState is the connection.
type airlinkState struct {
	started      bool
	powered      bool // the second chip is
	paused       bool
	fota         bool // an upgrade of the other end is under way
	sent, failed int  // commands
	pings        int64
}

// openAirlink installs airlink.*.
func (m *Machine) openAirlink() {
	if m.board.Net() == nil {
		return
	}
	m.airlink = airlinkState{started: m.twoChips(), powered: true}
	note := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "airlink", name)
			return 0
		})
	}
	t := m.lib("airlink",
		fn("init", func(l *glua.LState) int {
			m.logf(levelDebug, "airlink", "初始化AirLink")
			m.hardware(l, "airlink", "init")
			return 0
		}),
		fn("config", m.airlinkConfig),
		fn("start", m.airlinkStart),
		fn("stop", func(*glua.LState) int { return 0 }), // does nothing there either
		fn("ready", func(l *glua.LState) int { return pushBool(l, m.airlinkReady()) }),
		fn("sver", func(l *glua.LState) int {
			if !m.airlinkReady() {
				return pushInt(l, 0)
			}
			return pushInt(l, int64(m.scene().Coprocessor().Version()))
		}),
		fn("sdata", func(l *glua.LState) int {
			data, ok := m.airlinkData(l, 1)
			if !ok {
				return 0
			}
			if len(data) > airlinkDataMost {
				return pushBool(l, false)
			}
			m.airlinkSend(airlinkSdata, data)
			return pushBool(l, true)
		}),
		fn("cmd", m.airlinkCommand),
		fn("test", m.airlinkTest),
		fn("ping", m.airlinkPing),
		fn("statistics", m.airlinkStatistics),
		fn("slave_reboot", func(*glua.LState) int {
			m.logf(levelDebug, "airlink", "重启从机")
			m.airlinkSend(airlinkReboot, make([]byte, 4))
			return 0
		}),
		fn("power", m.airlinkPower),
		fn("pause", func(l *glua.LState) int {
			m.airlink.paused = m.integer(l, 1) != 0
			m.hardware(l, "airlink", "pause")
			return 0
		}),
		note("irqmode"), note("wakeupIrqmode"), note("debug"),
		fn("sfota", m.airlinkUpgrade),
		m.airlinkFotaStep("sfota_init", airlinkFotaInit), m.airlinkFotaStep("sfota_done", airlinkFotaDone),
		m.airlinkFotaStep("sfota_end", airlinkFotaEnd),
		fn("sfota_write", func(l *glua.LState) int {
			m.logf(levelDebug, "airlink", "执行sfota_write")
			return m.airlinkSendArg(l, 1, airlinkFotaWrite)
		}),
	)
	for _, name := range []string{"bindTransport", "rpc", "testNanopbGpio", "testNanopbUart", "testNanopbWlan", "testNanopbPm"} {
		m.fill(t, fn(name, m.refuse("airlink."+name)))
	}
	constants(t, "MODE_SPI_SLAVE", 0, "MODE_SPI_MASTER", 1, "MODE_UART", 2, "MODE_LOOPBACK", 3, "MODE_HSPI_MASTER", 4,
		"CONF_SPI_ID", 0x100, "CONF_SPI_CS", 0x102, "CONF_SPI_RDY", 0x103, "CONF_SPI_IRQ", 0x104, "CONF_SPI_SPEED", 0x105,
		"CONF_UART_ID", 0x106, "CONF_IRQ_TIMEOUT", 0x107)
}

// twoChips reports whether the module's Wi-Fi is in a chip of its own.
func (m *Machine) twoChips() bool { return m.fw.Mobile && m.fw.Wlan && !m.fw.ScanOnly }

// airlinkReady reports whether the other end answered in the last two seconds.
func (m *Machine) airlinkReady() bool {
	a := &m.airlink
	other := m.scene().Coprocessor()
	return other != nil && other.Ready() && a.started && a.powered && !a.paused && !a.fota
}

// airlinkCounts counts a command, and reports whether anybody hears it.
func (m *Machine) airlinkCounts() bool {
	if !m.airlinkReady() {
		m.airlink.failed++
		return false
	}
	m.airlink.sent++
	return true
}

// airlinkSend sends a command; it is lost if nobody hears it.
func (m *Machine) airlinkSend(command int, data []byte) {
	if m.airlinkCounts() {
		m.scene().Coprocessor().Command(command, data)
	}
	m.charge(10 + len(data)/64)
	m.checkPower()
}

// airlinkData is a string or the used part of a zbuff.
func (m *Machine) airlinkData(l *glua.LState, n int) ([]byte, bool) {
	if b := asZbuff(l.Get(n)); b != nil {
		return append([]byte(nil), b.slice(0, int64(b.used))...), true
	}
	if s, ok := l.Get(n).(glua.LString); ok {
		return []byte(s), true
	}
	m.logf(levelError, "airlink", "无效的参数,只能是字符串或者zbuff")
	return nil, false
}

// airlinkSendArg sends argument n as a command.
func (m *Machine) airlinkSendArg(l *glua.LState, n, command int) int {
	data, ok := m.airlinkData(l, n)
	if !ok {
		return 0
	}
	if len(data) > airlinkDataMost {
		m.logf(levelError, "airlink", "无效的数据长度,最大1500字节")
		return 0
	}
	m.airlinkSend(command, data)
	return pushBool(l, true)
}

func (m *Machine) airlinkFotaStep(name string, command int) entryFn {
	return fn(name, func(l *glua.LState) int {
		m.logf(levelDebug, "airlink", "执行%s", name)
		m.airlinkSend(command, nil)
		return pushBool(l, true)
	})
}

func (m *Machine) airlinkCommand(l *glua.LState) int {
	return m.airlinkSendArg(l, 2, int(m.integer(l, 1)))
}

// airlinkConfig is config(key, value): unknown keys are nil.
func (m *Machine) airlinkConfig(l *glua.LState) int {
	key := m.integer(l, 1)
	m.integer(l, 2)
	m.hardware(l, "airlink", "config")
	if key < 0x100 || key > 0x107 || key == 0x101 {
		return 0
	}
	return pushBool(l, true)
}

func (m *Machine) airlinkStart(l *glua.LState) int {
	mode := m.integer(l, 1)
	if names := []string{"从机模式", "主机模式", " UART模式"}; mode >= 0 && mode < int64(len(names)) {
		m.logf(levelDebug, "airlink", "启动AirLink%s", names[mode])
	}
	m.hardware(l, "airlink", "start")
	m.airlink.started = true
	return 0
}

// airlinkTest is test(count): commands that do nothing.
func (m *Machine) airlinkTest(l *glua.LState) int {
	n := m.integer(l, 1)
	if n > 0 {
		m.logf(levelDebug, "airlink", "测试AirLink发送%d次", n)
		for range min(n, airlinkTestMost) {
			m.airlinkSend(airlinkNop, make([]byte, 128))
		}
	}
	return 0
}

// airlinkPing is ping(data, timeout in ms): the answer is the message
// AIRLINK_PING_RESULT.
func (m *Machine) airlinkPing(l *glua.LState) int {
	data := ""
	if s, ok := l.Get(1).(glua.LString); ok {
		data = string(s)
	} else if b := asZbuff(l.Get(1)); b != nil {
		data = string(b.slice(0, int64(b.used)))
	}
	if len(data) > airlinkPingMost {
		m.logf(levelError, "airlink", "ping: payload too large %d (max %d)", len(data), airlinkPingMost)
		l.Push(glua.LNil)
		return 1
	}
	timeout := milliseconds(m.optInt(l, 2, 3000))
	m.airlink.pings++
	id := glua.LNumber(m.airlink.pings)
	if m.airlinkCounts() && timeout >= airlinkAnswers {
		m.after(airlinkAnswers, func() {
			m.publishLater("AIRLINK_PING_RESULT", id, glua.LTrue, glua.LNumber(airlinkAnswers.Milliseconds()), glua.LString(data))
		})
	} else {
		m.after(timeout, func() { m.publishLater("AIRLINK_PING_RESULT", id, glua.LFalse, glua.LString("timeout"), glua.LNil) })
	}
	return pushInt(l, m.airlink.pings)
}

// airlinkStatistics prints counts. What a master polls is not counted.
func (m *Machine) airlinkStatistics(*glua.LState) int {
	sent, failed := m.airlink.sent, m.airlink.failed
	m.logf(levelDebug, "airlink", "统计信息 收发总包 %d %d %d 0", sent+failed, sent, failed)
	for _, what := range []string{"发送IP包", "发送IP字节", "接收IP包", "接收IP字节"} {
		m.logf(levelDebug, "airlink", "统计信息 %s 0 0 0 0", what)
	}
	for _, what := range []string{"等待从机", "Task超时事件", "Task新数据事件"} {
		m.logf(levelDebug, "airlink", "统计信息 %s 0", what)
	}
	return 0
}

// airlinkPower switches the second chip of modules that have one.
func (m *Machine) airlinkPower(l *glua.LState) int {
	on := l.Get(1) == glua.LTrue
	if n, ok := anInteger(l.Get(1)); ok {
		on = n != 0
	}
	m.hardware(l, "airlink", "power")
	if !m.twoChips() {
		return 0
	}
	m.airlinkSwitch(on)
	if on {
		m.logf(levelInfo, "airlink", "wifi chip power on, airlink pause=false")
	} else {
		m.logf(levelInfo, "airlink", "wifi chip power off, airlink pause=true")
	}
	return 0
}

// airlinkSwitch is the power of the second chip: with it go its radios.
func (m *Machine) airlinkSwitch(on bool) {
	m.airlink.powered, m.airlink.paused = on, !on
	if !on {
		m.bleOff()
	}
}

// airlinkReceived is data that the other end sends.
func (m *Machine) airlinkReceived(data []byte) {
	if m.airlinkReady() {
		m.publishLater("AIRLINK_SDATA", glua.LString(data))
	}
}
