package lua

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/atmodem"
	"airlift/lua/lua53"
)

// The Luat script core of the 8910, with scripts that are called LuaTask
// (8910.md 0.2, generation A): Lua 5.1 and other libraries than LuatOS has.
// Its machine is the same; luatask*.go are what is different.
//
// Assumed: how long the core waits before it restarts after an error; that a
// main script that ends restarts it, too.

// taskExitDelay is the time from the end of the main script to the restart.
const taskExitDelay = 5 * time.Second

// taskState is what the libraries of LuaTask keep for the life of a machine.
type taskState struct {
	modem   *atmodem.Modem
	uarts   map[int]*taskUART
	sockets [taskSocketsMax]*taskSocket
	pins    map[int64]*taskPin
	loading *glua.LUserData // in package.loaded: a module that is being loaded
	silent  bool            // rtos.set_trace(0)
}

// openTaskLibs installs everything that scripts of LuaTask find.
func (m *Machine) openTaskLibs() {
	m.vm.OpenLibs()
	m.vm.Open51()
	m.openTaskPackage()
	m.openIo()
	m.fill(m.lib("io"), fn("close", m.fileClose))
	m.fill(m.lib("io"), m.refused("io", "mount", "unmount", "format")...)
	m.setGlobal("fs", glua.LNil)
	m.openOs()
	m.openBit()
	m.openPack()
	m.openIconv()
	m.openTaskJSON()
	m.openTaskCrypto()
	m.openTaskRtos()
	m.openTaskUART()
	m.openTaskPio()
	m.openTaskPmd()
	m.openSocketCore()
	m.openTaskRefused()
	m.scene().Listen(func(e SceneEvent) {
		m.taskSceneEvent(e)
		m.checkPower()
	})
}

// taskBoot runs the scripts: main.lua, until it ends or something ends it.
func (m *Machine) taskBoot() {
	m.openState()
	m.warnOfLibraries()
	m.startModem()
	if text, ok := m.protected(m.taskMain); !ok {
		m.exit.Err = text
		m.lines(text)
		m.uncaught(text)
		m.saveTaskError(text)
	}
	m.wait(taskExitDelay)
	m.stop(Exit{Kind: ExitReboot, Cause: CauseVMExit, Code: 1, Err: m.exit.Err})
}

func (m *Machine) taskMain(lua53.Args) int {
	m.showCalls()
	m.showSurface()
	f, err := m.taskLoad("/lua/main.lua")
	if err != nil {
		m.vm.Throw(glua.LString(err.Error()))
	}
	m.call(m.l, f, 0)
	return 0
}

// taskErrorFile is where the core keeps the error that ended the scripts, for
// errDump.lua.
const taskErrorFile = "/luaerrinfo.txt"

func (m *Machine) saveTaskError(text string) {
	f, err := m.files.OpenFile(taskErrorFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o666)
	if err == nil {
		_, _ = f.Write([]byte(text)) // what does not fit is lost, as on the module
		_ = f.Close()
	}
	m.checkPower()
}

// taskLine writes what a script prints, unless it switched that off.
func (m *Machine) taskLine(line string) {
	if m.task.silent {
		return
	}
	m.userLine(line)
	// sys.lua logs what a task died of.
	if rest, ok := strings.CutPrefix(line, "[E]-["+taskErrorTag+"]"); ok {
		m.taskDied(strings.ReplaceAll(strings.TrimLeft(rest, "\t "), "\r\n", "\n"))
	}
}

// startModem connects the modem with the machine and switches it on.
func (m *Machine) startModem() {
	id := m.board.Identity()
	m.task.modem = atmodem.New(atmodem.Config{
		IMEI: id.IMEI, MUID: fmt.Sprintf("%X", id.MUID), Model: m.fw.Model, Version: m.fw.Version,
		SIM: func() *atmodem.SIM {
			s := m.scene().SIM()
			if s == nil {
				return nil
			}
			return &atmodem.SIM{ICCID: s.ICCID, IMSI: s.IMSI, Number: s.Number, PIN: s.PIN, APN: s.APN}
		},
		Cells: m.taskCells,
		Network: func() atmodem.Network {
			n := m.scene().Cellular()
			return atmodem.Network{Register: n.Register, Roaming: n.Roaming}
		},
		Address: func() (string, bool) {
			n := m.board.Net()
			if n == nil || !n.Ready() {
				return "", false
			}
			ip, _, _ := n.LocalIP()
			return ip, true
		},
		After:   m.after,
		Now:     func() time.Time { return time.Unix(m.board.UnixTime(), 0).UTC() },
		SetNow:  func(t time.Time) { m.board.SetUnixTime(t.Unix()) },
		Say:     func(text string) { m.taskReceived(uartATC, []byte(text)) },
		Unknown: func(name string) { m.board.Hardware(HardwareEvent{Unit: UnitRefused, Action: name}) },
		TakeSMS: func() (atmodem.SMS, bool) {
			s, ok := m.scene().TakeSMS()
			return atmodem.SMS{Number: s.Number, Text: s.Text}, ok
		},
		SendSMS: func(s atmodem.SMS) int { return m.scene().SendSMS(SMS{Number: s.Number, Text: s.Text}) },
		Off:     func() { m.stop(Exit{Kind: ExitOff, Sleep: &Sleep{Off: true}}) },
		Reset:   func() { m.stop(Exit{Kind: ExitReboot, Cause: CauseRtosRestart}) },
	})
	m.task.modem.Start()
}

func (m *Machine) taskCells() []atmodem.Cell {
	var out []atmodem.Cell
	for _, c := range m.scene().Cells() {
		out = append(out, atmodem.Cell{
			MCC: c.MCC, MNC: c.MNC, Band: c.Band, EARFCN: c.EARFCN, PCI: c.PCI, TAC: c.TAC, ECI: c.ECI,
			RSSI: c.RSSI, RSRP: c.RSRP, RSRQ: c.RSRQ, Rejects: c.RegistrationRejected,
		})
	}
	return out
}

func (m *Machine) taskSceneEvent(e SceneEvent) {
	switch e.Kind {
	case ScenePin:
		m.taskPinChanged(e.Pin, e.Level)
	case SceneUART:
		m.taskReceived(e.Port, e.Data)
	case SceneSMS:
		m.task.modem.SMSArrived()
	case SceneSIM:
		m.task.modem.SIMChanged()
	case SceneCells:
		m.task.modem.CellsChanged()
	}
}

// post2 posts a message of two numbers, postTable one that is a table.
func (m *Machine) post2(id, value int64) {
	m.post(func(l *glua.LState) int {
		l.Push(glua.LNumber(id))
		l.Push(glua.LNumber(value))
		return 2
	})
}

func (m *Machine) postTable(pairs ...any) {
	m.post(func(l *glua.LState) int {
		t := l.NewTable()
		constants(t, pairs...)
		l.Push(t)
		return 1
	})
}

// taskFiles is /lua/: the script image, behind it the files of the user's
// library folder, behind them our own libraries. On a module the image holds
// all that is needed.
func taskFiles(image, overlay afero.Fs) libFs {
	all := afero.Fs(taskBuiltinFs())
	if overlay != nil {
		all = afero.NewCopyOnWriteFs(all, afero.NewReadOnlyFs(overlay))
	}
	if image != nil {
		all = afero.NewCopyOnWriteFs(afero.NewReadOnlyFs(all), afero.NewReadOnlyFs(image))
	}
	ro := afero.NewReadOnlyFs(all)
	return libFs{Fs: ro, overlay: ro}
}
