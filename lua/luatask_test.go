package lua_test

import (
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/lua"
	"airlift/lua/luatest"
)

// taskBoard is a board of an Air724UG whose script image holds the files.
func taskBoard(files map[string]string) *luatest.Board {
	b := luatest.New("")
	b.FW = lua.Firmware{
		Model: "Air724UG", BSP: "AIR724UG", Version: "Luat_V0031_RDA8910_TTS_FLOAT", BuildDate: "Jan 27 2021", BuildTime: "10:00:00",
		Bits: 32, LuaTask: true, Mobile: true, LuaMemory: 2 << 20, HTTPHeaderLimit: 8192,
	}
	b.ID = lua.Identity{IMEI: "860000000000001", MUID: "\x01\x02"}
	b.Surroundings = taskScene{}
	for name, text := range files {
		b.Write("/luadb/"+name, text)
	}
	b.Limit = time.Minute
	return b
}

// runTask runs a main script and returns the log.
func runTask(t *testing.T, b *luatest.Board, opts lua.Options) (lua.Exit, string) {
	t.Helper()
	m, err := lua.New(b, opts)
	if err != nil {
		t.Fatal(err)
	}
	exit := m.Run()
	return exit, b.Text()
}

// taskScene is a place with a SIM card, a cell and nothing else.
type taskScene struct{ lua.Scene }

func (taskScene) Listen(func(lua.SceneEvent)) {}
func (taskScene) SIM() *lua.SIM {
	return &lua.SIM{ICCID: "89860012345678901234", IMSI: "460001234567890", Number: "+8613800138000", APN: "cmnet"}
}
func (taskScene) Cells() []lua.Cell {
	return []lua.Cell{{MCC: 460, TAC: 30005, ECI: 124045360, RSSI: -63, RSRP: -90, RSRQ: -9}}
}
func (taskScene) Cellular() lua.CellularNetwork {
	return lua.CellularNetwork{Register: 2 * time.Second}
}
func (taskScene) TakeSMS() (lua.SMS, bool) { return lua.SMS{}, false }
func (taskScene) SendSMS(lua.SMS) int      { return 0 }
func (taskScene) Pin(string) (int, bool)   { return 0, false }
func (taskScene) Output(string, int)       {}
func (taskScene) UARTSent(int, []byte)     {}

// libsOf is a folder of libraries on the host.
func libsOf(dir string) afero.Fs {
	return afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), dir))
}

func TestLuaTaskHello(t *testing.T) {
	b := taskBoard(map[string]string{"main.lua": `print("hi", 10/2, rtos.get_version(), rtos.poweron_reason())`})
	exit, text := runTask(t, b, lua.Options{})
	if want := "hi\t5\tLuat_V0031_RDA8910_TTS_FLOAT\t0"; text != want || exit.Kind != lua.ExitReboot {
		t.Errorf("%v: %q, want %q", exit, text, want)
	}
}
