package lua_test

import (
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestSurface(t *testing.T) {
	var got lua.Surface
	board := luatest.New(`x = 1 rtos.reboot()`)
	addDevices(t, board)
	m, err := lua.New(board, lua.Options{Surface: func(s lua.Surface) { got = s }})
	if err != nil {
		t.Fatal(err)
	}
	m.Run()
	if f := got.Globals["log"].Fields["info"]; f.Type != "function" || f.Refused {
		t.Errorf("log.info: %+v", f)
	}
	if f := got.Globals["lcd"].Fields["init"]; f.Type != "function" || !f.Refused {
		t.Errorf("lcd.init: %+v", f)
	}
	if f := got.Globals["gpio"].Fields["OUTPUT"]; f.Type != "number" {
		t.Errorf("gpio.OUTPUT: %+v", f)
	}
	if g := got.Globals["print"]; g.Type != "function" || g.Fields != nil {
		t.Errorf("print: %+v", g)
	}
	for name, want := range map[string]bool{"mobile": false, "x": false, "_G": true, "string": true} {
		if _, ok := got.Globals[name]; ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	if got.Globals["sys"].Fields["run"].Type != "function" {
		t.Error("sys is not there")
	}
	if !got.Modules["libfota2"] || !got.Modules["sys"] || got.Modules["main"] {
		t.Errorf("modules %v", got.Modules)
	}
}
