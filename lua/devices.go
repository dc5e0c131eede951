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
// cards, radios of long range.
var deviceLibs = map[string]bool{
	"airui": true, "airtalk": true, "audio": true, "audio_v2": true, "camera": true, "codec": true,
	"dac": true, "disp": true, "eink": true, "fatfs": true, "gba": true, "gtfont": true, "ht1621": true, "hzfont": true, "i2s": true, "keyboard": true, "lcd": true, "lcdseg": true, "libgnss": true, "lora": true, "lora2": true, "lvgl": true, "max30102": true,
	"mlx90640": true, "nes": true, "rtmp": true, "sdio": true, "softkb": true, "speech": true,
	"tp": true, "touchkey": true, "tts": true, "u8g2": true, "usbapp": true, "videoplayer": true, "voip": true, "ws2812": true,
	"yhm27xx": true,
}

// deviceAnswers are the results of no-op functions that are not one true:
// what an idle device says that is there but has nothing to say.
var deviceAnswers = map[string]func(m *Machine, l *glua.LState) int{
	"airui.get_rotation":       answerNumbers(0),
	"airui.version":            answerText("0"),
	"audio.micVol":             answerNumbers(50),
	"audio.vol":                answerNumbers(50),
	"audio_v2.get_driver_id":   answerNumbers(0),
	"audio_v2.get_driver_info": answerNumbers(0, 0),
	"audio_v2.get_play_info":   answerFalse,
	"audio_v2.is_all_done":     answerTrue,
	"audio_v2.print_probe_id":  answerText(""),
	"camera.get_usb_config":    answerNil,
	"camera.init":              answerNumbers(0),
	"codec.create":             answerObject,
	"codec.data":               answerFalse,
	"codec.info":               answerFalse,
	"eink.clear":               answerObject,
	"eink.draw":                answerObject,
	"eink.show":                answerObject,
	"fatfs.getfree":            answerFreeSpace,
	"i2s.txStat":               answerNumbers(4096, 0),
	"lcd.getGtfontStrWidth":    answerNumbers(0),
	"lcd.getHzFontStrWidth":    answerNumbers(0),
	"lcd.getSize":              answerNumbers(320, 480),
	"lcd.rgb565":               answerNumbers(0),
	"libgnss.getGga":           answerTable,
	"libgnss.getGll":           answerTable,
	"libgnss.getGsa":           answerTable,
	"libgnss.getGsv":           answerTable,
	"libgnss.getIntLocation":   answerNumbers(0, 0, 0),
	"libgnss.getRmc":           answerTable,
	"libgnss.getVtg":           answerTable,
	"libgnss.getZda":           answerTable,
	"lora2.init":               answerObject,
	"lvgl.scr_act":             answerObject,
	"max30102.get":             answerObject,
	"sdio.init":                answerNumbers(0),
	"tp.init":                  answerObject,
	"u8g2.GetDisplayHeight":    answerNumbers(64),
	"u8g2.GetDisplayWidth":     answerNumbers(128),
	"u8g2.begin":               answerNumbers(1),
	"videoplayer.info":         answerVideo,
	"videoplayer.open":         answerObject,
}

func answerTrue(_ *Machine, l *glua.LState) int  { return pushBool(l, true) }
func answerFalse(_ *Machine, l *glua.LState) int { return pushBool(l, false) }
func answerNil(_ *Machine, l *glua.LState) int   { l.Push(glua.LNil); return 1 }

func answerNumbers(n ...int) func(*Machine, *glua.LState) int {
	return func(_ *Machine, l *glua.LState) int {
		for _, v := range n {
			l.Push(glua.LNumber(v))
		}
		return len(n)
	}
}

func answerText(s string) func(*Machine, *glua.LState) int {
	return func(_ *Machine, l *glua.LState) int { return pushStr(l, s) }
}

// answerVideo is videoplayer.info of a film.
func answerVideo(_ *Machine, l *glua.LState) int {
	t := l.NewTable()
	constants(t, "width", 160, "height", 160, "fps", 10, "frames", 0, "frame_count", 0)
	l.Push(t)
	return 1
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
		answer = m.usualAnswer(lib, name)
	}
	return func(l *glua.LState) int {
		m.noopCalled(full)
		return answer(m, l)
	}
}

// usualAnswer is what a function says by its name: constructors an object,
// questions false or 0, everything else true.
func (m *Machine) usualAnswer(lib, name string) func(*Machine, *glua.LState) int {
	lower := strings.ToLower(name)
	switch {
	case lib == "airui", lib == "lvgl" && strings.HasSuffix(lower, "_create"), strings.HasPrefix(lower, "create"), strings.HasPrefix(lower, "new"):
		return func(m *Machine, l *glua.LState) int { return m.pushNoopObject(l, lib) }
	case strings.HasPrefix(lower, "is"), strings.HasPrefix(lower, "has"):
		return answerFalse
	case strings.HasPrefix(lower, "get"):
		return answerNumbers(0)
	}
	return answerTrue
}
