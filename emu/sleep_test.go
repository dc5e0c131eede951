package emu_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/scene"
	"airlift/emu/trace"
	"airlift/flash/luadb"
)

// live runs a script on a model in a scene and returns what it logged with
// log.info("x", ...), with the number of the boot. Times are left out: how long
// a module takes to start is not what this is about.
func live(t *testing.T, model, yaml, script string, limit time.Duration) (lines []string, res emu.Result, sum string) {
	t.Helper()
	s, err := scene.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	image, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte(script)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chip := mustChip(t, model, "")
	flashes, err := emu.MakeFlash(chip, chips.MakeInput{Script: image})
	if err != nil {
		t.Fatal(err)
	}
	w := emu.NewWorld(1, limit)
	w.Trace.Sink(func(e *trace.Event) {
		if _, text, ok := strings.Cut(e.Text, "I/user.x"); ok && e.Kind == trace.Log {
			lines = append(lines, fmt.Sprintf("%d %s", e.Boot, strings.TrimSpace(strings.ReplaceAll(text, "\t", " "))))
		}
	})
	dev, err := emu.NewDevice(emu.Config{
		Chip: chip, Flash: flashes, Seed: 1, Clock: w.Clock, Trace: w.Trace, Net: w.Net, BootsMax: 20, Scene: s, UnixTime: link.Epoch.Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if res, err = dev.Run(); err != nil {
		t.Fatal(err)
	}
	return lines, res, w.Trace.Sum()
}

func TestSleep(t *testing.T) {
	said := `
local function x(...) log.info("x", ...) end
x(table.concat({pm.lastReson()}, ","), pm.dtimerWkId())
`
	for _, c := range []struct {
		name, model, scene, script string
		want                       []string
		end                        emu.End
		detail                     string
	}{
		{"an alarm wakes", "air780epm", "", `pm.dtimerStart(2, 30000) pm.power(pm.WORK_MODE, 3) sys.timerLoopStart(x, 1000, "tick") sys.run()`,
			[]string{"0 0,0,0,0 -1", "0 tick", "1 1,4,0,0 2", "1 tick", "2 1,4,0,0 2", "2 tick"}, emu.EndTime, "time up, asleep"},
		{"an alarm is seen awake", "air780epm", "", `sys.subscribe("DTIMER_WAKEUP", function(id) x("alarm", id, (pm.dtimerCheck(id))) end) sys.timerStart(x, 20000, "on")
pm.dtimerStart(0, 5000) pm.dtimerStart(1, 3000) pm.dtimerStart(9, 1) pm.dtimerStop(1) x(pm.dtimerCheck(0)) x(pm.dtimerList()) sys.run()`,
			[]string{"0 0,0,0,0 -1", "0 true 5000", "0 1 0", "0 alarm 0 false", "0 on"}, emu.EndIdle, ""},
		{"an alarm survives a reboot", "air6208", "", `if pm.lastReson() == 0 and select(3, pm.lastReson()) == 0 then pm.dtimerStart(0, 10000) rtos.reboot() end
x((pm.dtimerCheck(0))) pm.force(pm.HIB)`,
			[]string{"0 0,0,0,0 -1", "1 0,0,3,0 -1", "1 true", "2 1,3,2,0 0", "2 false"}, emu.EndIdle, "asleep for ever: nothing will wake the module"},
		{"pins wake", "air780epm", "events: [{at: 5s, pin: {pin: WAKEUP0, level: 1}}, {at: 10s, pin: {pin: WAKEUP0, level: 0}}, {at: 20s, key: PWR_KEY}, {at: 40s, pin: {pin: 7, level: 1}}]",
			`gpio.setup(gpio.WAKEUP0, function() end, gpio.PULLUP, gpio.FALLING) gpio.setup(gpio.PWR_KEY, function() end, gpio.PULLUP, gpio.FALLING)
gpio.setup(7, function() x("never") end) pm.request(pm.DEEP) sys.run()`,
			[]string{"0 0,0,0,0 -1", "1 2,4,0,1 -1", "2 5,4,0,256 -1"}, emu.EndIdle, "asleep for ever: nothing will wake the module"},
		{"pm.wakeupPin", "air6208", "events: [{at: 5s, pin: {pin: 7, level: 1}}]", `pm.wakeupPin({6, 7}, gpio.RISING) pm.force(pm.DEEP)`,
			[]string{"0 0,0,0,0 -1", "1 2,3,2,0 -1"}, emu.EndIdle, ""},
		{"the serial port wakes", "air780epm", "events: [{at: 5s, uart: {port: 2, text: x}}, {at: 9s, uart: {port: 1, text: x}}]", `uart.setup(1) uart.setup(2) pm.power(pm.WORK_MODE, 3) sys.run()`,
			[]string{"0 0,0,0,0 -1", "1 3,4,0,64 -1"}, emu.EndIdle, ""},
		{"off, and on by the key", "air780epm", "events: [{at: 5s, pin: {pin: WAKEUP0, level: 0}}, {at: 9s, key: PWR_KEY, for: 2s}]",
			`gpio.setup(gpio.WAKEUP0, function() end, gpio.PULLUP, gpio.BOTH) pm.shutdown()`,
			[]string{"0 0,0,0,0 -1", "1 0,0,0,0 -1"}, emu.EndOff, "switched off"},
		{"off, and on by an alarm", "air780epm", "", `pm.dtimerStart(1, 7000) if pm.lastReson() == 0 and pm.dtimerWkId() < 0 then pm.shutdown() end pm.dtimerStop(1) sys.run()`,
			[]string{"0 0,0,0,0 -1", "1 0,0,2,0 1"}, "", ""},
		{"a USB host keeps awake", "air780epm", "{usb: true, events: [{at: 10s, usb: false}]}", `x(pm.check()) pm.power(pm.WORK_MODE, 3) sys.timerStart(x, 9000, "awake") sys.timerStart(x, 15000, "never") sys.run()`,
			[]string{"0 0,0,0,0 -1", "0 false 1", "0 awake"}, emu.EndIdle, ""},
		{"its power is off", "air780epm", "usb: true", `pm.power(pm.USB, false) pm.power(pm.WORK_MODE, 3) sys.timerStart(x, 9000, "awake") sys.run()`,
			[]string{"0 0,0,0,0 -1"}, emu.EndIdle, ""},
		{"somebody keeps awake", "air780epm", "", `x(pm.keep(1, true)) pm.power(pm.WORK_MODE, 3) sys.timerStart(function() x(pm.keep(1, false)) end, 9000) sys.timerStart(x, 15000, "awake") sys.run()`,
			[]string{"0 0,0,0,0 -1", "0 2", "0 0"}, emu.EndIdle, ""},
		{"back to normal", "air780epm", "", `pm.power(pm.WORK_MODE, 3) sys.timerStart(function() pm.power(pm.WORK_MODE, 0) end, 500) sys.timerStart(x, 9000, "awake") sys.run()`,
			[]string{"0 0,0,0,0 -1", "0 awake"}, emu.EndIdle, ""},
		{"a watchdog", "air780epm", "", `if select(3, pm.lastReson()) == 0 then wdt.init(5000) end sys.run()`, []string{"0 0,0,0,0 -1", "1 0,0,8,0 -1"}, emu.EndIdle, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := 85 * time.Second
			lines, res, sum := live(t, c.model, c.scene, said+c.script, limit)
			if got := strings.Join(lines, "|"); got != strings.Join(c.want, "|") {
				t.Errorf("got  %s\nwant %s", got, strings.Join(c.want, "|"))
			}
			if c.end != "" && res.End != c.end || c.detail != "" && res.Detail != c.detail {
				t.Errorf("end %s: %s", res.End, res.Detail)
			}
			if _, _, again := live(t, c.model, c.scene, said+c.script, limit); again != sum {
				t.Error("another run has another trace")
			}
		})
	}
}
