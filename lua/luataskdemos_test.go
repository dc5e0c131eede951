package lua_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// taskDemos are upstream's demos that run without an error and without a
// refusal; the others meet devices that are not emulated.
var taskDemos = []string{
	"ctwing", "formatString", "fs", "http", "huaWeiYun", "json", "keypad", "lbsLoc", "modbus", "ntp", "nvm", "onenet_studio", "pm", "sms", "softdog",
	"timeSync", "txiot", "uart", "usbdata", "websocket", "console", "update/LuatIotServer", "gpio/uartGpioSwitch", "socketSsl/longConnection",
	"socketSsl/shortConnection", "socketSsl/shortConnectionFlymode", "mqtt/sync/sendWaitRecv", "socket/async/asyncSocket",
	"socket/async/asyncSocketCallback",
}

// TestLuaTaskDemos runs all of upstream's demos, unmodified, for a minute.
func TestLuaTaskDemos(t *testing.T) {
	root := filepath.Join(luat8910(t), "demo")
	libs := libsOf(filepath.Join(filepath.Dir(root), "lib"))
	tried := 0
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "main.lua" {
			return err
		}
		tried++
		demo, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		demo = filepath.ToSlash(demo)
		t.Run(demo, func(t *testing.T) {
			runTaskDemo(t, filepath.Dir(name), lua.Options{Libs: libs}, slices.Contains(taskDemos, demo))
		})
		return nil
	})
	if err != nil || tried < len(taskDemos) {
		t.Errorf("%d demos, %v", tried, err)
	}
}

func runTaskDemo(t *testing.T, dir string, opts lua.Options, fine bool) {
	files := map[string]string{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Type().IsRegular() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(b)
		}
	}
	b := taskBoard(files)
	b.Updater = &luatest.Fota{}
	b.Network.Serve = func(*luatest.Call) luatest.Reply { return luatest.Reply{Refuse: luatest.ErrNone} }
	var wrong []string
	opts.Steps = 100_000_000
	opts.Uncaught = func(e lua.ScriptError) { wrong = append(wrong, e.Message()) }
	exit, text := runTask(t, b, opts)
	for _, e := range b.Events {
		if e.Unit == lua.UnitRefused {
			wrong = append(wrong, "refused: "+e.Action)
		}
	}
	if !fine {
		t.Logf("%v: %q", exit, slices.Compact(wrong))
		return
	}
	if len(wrong) > 0 || exit.Kind != lua.ExitTimeUp || !strings.Contains(text, "publish IP_READY_IND") {
		t.Errorf("%v: %q\n%s", exit, wrong, text)
	}
}
