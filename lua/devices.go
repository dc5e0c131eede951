package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// DeviceMode says what functions of devices do that are not emulated.
type DeviceMode uint8

const (
	// DevicesRefuse makes each call an error that names the function.
	DevicesRefuse DeviceMode = iota
	// DevicesNoop makes each call succeed without doing anything, as a device
	// that is present and idle would. The first call of each function is
	// recorded: see UnitNoop.
	DevicesNoop
)

// deviceLibs are the libraries of devices that airlift will not emulate:
// screens and what draws on them, cameras, sound, satellite receivers, storage
// cards, short-range radios.
var deviceLibs = map[string]bool{
	"airui": true, "airtalk": true, "audio": true, "audio_v2": true, "ble": true, "bluetooth": true, "camera": true, "can": true, "codec": true,
	"dac": true, "disp": true, "eink": true, "fatfs": true, "gba": true, "gtfont": true, "ht1621": true, "hzfont": true, "i2s": true, "ir": true,
	"keyboard": true, "lcd": true, "lcdseg": true, "lf": true, "libgnss": true, "lora": true, "lora2": true, "lvgl": true, "max30102": true,
	"mlx90640": true, "nes": true, "otp": true, "rtmp": true, "sdio": true, "sensor": true, "sfud": true, "softkb": true, "speech": true,
	"tp": true, "touchkey": true, "tts": true, "u8g2": true, "usbapp": true, "videoplayer": true, "voip": true, "w5500": true, "ws2812": true,
	"yhm27xx": true,
}

// deviceAnswers are the results of no-op functions that are not one true:
// what an idle device says that is there but has nothing to say.
var deviceAnswers = map[string]func(m *Machine, l *glua.LState) int{
	"audio.isEnd":         answerTrue,
	"audio.getError":      answerNumbers(0),
	"audio.vol":           answerNumbers(50),
	"audio.micVol":        answerNumbers(50),
	"ble.init":            answerTrue,
	"bluetooth.init":      answerObject,
	"camera.init":         answerNumbers(0),
	"codec.create":        answerObject,
	"can.tx":              answerNumbers(0),
	"can.rx":              answerFalse,
	"can.state":           answerNumbers(1),
	"fatfs.getfree":       answerFreeSpace,
	"fatfs.mount":         answerTrue,
	"i2s.setup":           answerTrue,
	"i2s.send":            answerTrue,
	"lcd.getSize":         answerNumbers(320, 480),
	"lcd.getStrWidth":     answerNumbers(0),
	"lcd.init":            answerTrue,
	"lcd.rgb565":          answerNumbers(0),
	"lcd.showImage":       answerTrue,
	"lf.init":             answerObject,
	"lf.mount":            answerFalse,
	"libgnss.getRmc":      answerTable,
	"libgnss.getGsv":      answerTable,
	"libgnss.getGsa":      answerTable,
	"libgnss.getGga":      answerTable,
	"libgnss.getZda":      answerTable,
	"libgnss.getVtg":      answerTable,
	"libgnss.getIntLoc":   answerNumbers(0, 0, 0),
	"libgnss.isFix":       answerFalse,
	"lvgl.scr_act":        answerObject,
	"otp.read":            answerNil,
	"sfud.getDevice":      answerObject,
	"sfud.getDeviceTable": answerObject,
	"sfud.read":           answerEmpty,
	"sdio.init":           answerNumbers(0),
	"tp.init":             answerObject,
	"u8g2.getHeight":      answerNumbers(64),
	"u8g2.getWidth":       answerNumbers(128),
	"u8g2.begin":          answerNumbers(1),
	"w5500.init":          answerTrue,
}

func answerTrue(_ *Machine, l *glua.LState) int  { return pushBool(l, true) }
func answerFalse(_ *Machine, l *glua.LState) int { return pushBool(l, false) }
func answerEmpty(_ *Machine, l *glua.LState) int { return pushStr(l, "") }
func answerNil(_ *Machine, l *glua.LState) int   { l.Push(glua.LNil); return 1 }

func answerNumbers(n ...int) func(*Machine, *glua.LState) int {
	return func(_ *Machine, l *glua.LState) int {
		for _, v := range n {
			l.Push(glua.LNumber(v))
		}
		return len(n)
	}
}

func answerTable(_ *Machine, l *glua.LState) int { l.Push(l.NewTable()); return 1 }

// answerFreeSpace is fatfs.getfree of an empty card.
func answerFreeSpace(_ *Machine, l *glua.LState) int {
	t := l.NewTable()
	constants(t, "total_sectors", 1<<20, "free_sectors", 1<<20, "total_kb", 1<<19, "free_kb", 1<<19)
	l.Push(t)
	return 1
}

// noopObject is what constructors return: a userdata on which every method
// does nothing and returns the object, so that chains of calls go on.
type noopObject struct{ lib string }

func answerObject(m *Machine, l *glua.LState) int { return m.pushNoopObject(l, "object") }

func (m *Machine) pushNoopObject(l *glua.LState, lib string) int {
	ud := l.NewUserData()
	ud.Value = &noopObject{lib}
	meta := l.NewTable()
	m.fill(meta,
		fn("__index", func(l *glua.LState) int {
			name := m.optStr(l, 2, "?")
			l.Push(l.NewFunction(func(l *glua.LState) int {
				m.noopCalled(lib + ":" + short40(name))
				if strings.HasPrefix(name, "get") || strings.HasPrefix(name, "is") {
					l.Push(glua.LNil)
					return 1
				}
				return m.pushNoopObject(l, lib)
			}))
			return 1
		}),
		fn("__newindex", func(*glua.LState) int { return 0 }),
	)
	meta.RawSetString("__name", glua.LString("NOOP*"))
	ud.Metatable = meta
	l.Push(ud)
	return 1
}

// noopsMost bounds what is remembered.
const noopsMost = 1000

// noopCalled records the first call of a function that does nothing.
func (m *Machine) noopCalled(name string) {
	m.charge(10)
	if m.noops[name] || len(m.noops) >= noopsMost {
		return
	}
	if m.noops == nil {
		m.noops = map[string]bool{}
	}
	m.noops[name] = true
	m.board.Hardware(HardwareEvent{Unit: UnitNoop, Action: name})
	m.checkPower()
}

// noop is a function of a device that is not there.
func (m *Machine) noop(lib, name string) glua.LGFunction {
	full := lib + "." + name
	answer := deviceAnswers[full]
	if answer == nil {
		answer = answerTrue
		if lib == "airui" || lib == "lvgl" && strings.HasSuffix(name, "_create") || strings.HasPrefix(name, "create") || strings.HasPrefix(name, "new") {
			answer = func(m *Machine, l *glua.LState) int { return m.pushNoopObject(l, lib) }
		}
	}
	return func(l *glua.LState) int {
		m.noopCalled(full)
		return answer(m, l)
	}
}
