package lua_test

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/lua"
	"airlift/lua/luatest"
)

// TestLuaTaskNothingCatchesAnUnwind tries what scripts of LuaTask can try.
func TestLuaTaskNothingCatchesAnUnwind(t *testing.T) {
	booms := []struct {
		name, lua string
		kind      lua.ExitKind
	}{
		{"restart", `rtos.restart()`, lua.ExitReboot},
		{"AT+RESET", `uart.write(uart.ATC, "AT+RESET\r") rtos.receive(60000)`, lua.ExitReboot},
		{"power off", `rtos.poweroff()`, lua.ExitOff},
		{"cut in fota_process", `rtos.fota_start() rtos.fota_process("x", 1)`, lua.ExitPowerLost},
		{"cut in a file", `local f = io.open("/cut/x", "w") f:write("x") f:close()`, lua.ExitPowerLost},
		{"budget", `while true do end`, lua.ExitBudget},
		{"budget in a pattern", `("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b")  while true do end`, lua.ExitBudget},
		{"watchdog", `rtos.openSoftDog(1000) while true do rtos.receive(10) end`, lua.ExitReboot},
	}
	traps := map[string]string{
		"plain":      `boom()`,
		"pcall":      `pcall(boom) print("ALIVE")`,
		"xpcall":     `xpcall(boom, function() print("ALIVE") end) print("ALIVE")`,
		"coroutine":  `coroutine.resume(coroutine.create(boom)) print("ALIVE")`,
		"wrap":       `pcall(coroutine.wrap(function() pcall(boom) print("ALIVE") end)) print("ALIVE")`,
		"index":      `pcall(function() return setmetatable({}, {__index = boom}).x end) print("ALIVE")`,
		"gc":         `setmetatable(newproxy and newproxy() or {}, {__gc = boom}) boom() print("ALIVE")`,
		"gsub":       `pcall(string.gsub, "x", "x", boom) print("ALIVE")`,
		"sort":       `pcall(table.sort, {3, 2, 1}, boom) print("ALIVE")`,
		"foreach":    `pcall(table.foreach, {1}, boom) print("ALIVE")`,
		"require":    `package.preload.m = boom pcall(require, "m") print("ALIVE")`,
		"module":     `pcall(function() module("m", boom) end) print("ALIVE")`,
		"setfenv":    `pcall(setfenv(function() local _ = x end, setmetatable({}, {__index = boom}))) print("ALIVE")`,
		"loadstring": `pcall(load, boom) print("ALIVE")`,
		"handler": `xpcall(function() error("x") end, boom) print("ALIVE")
`,
	}
	for trap, body := range traps {
		for _, b := range booms {
			t.Run(trap+"/"+b.name, func(t *testing.T) {
				board := taskBoard(map[string]string{"main.lua": `function boom() if DEAD then return end DEAD = true ` + b.lua + ` print("ALIVE") end ` + body})
				up := &luatest.Fota{OnWrite: func() { board.Lost = true }}
				board.Updater = up
				board.Mount("/cut/", "lfs", &cutting{Fs: afero.NewMemMapFs(), b: board})
				opts := lua.Options{}
				if b.kind == lua.ExitBudget {
					opts.Steps = 500_000
				}
				exit, text := runTask(t, board, opts)
				if exit.Kind != b.kind {
					t.Errorf("exit %v (%s), expected %v\n%s", exit, exit.Err, b.kind, text)
				}
				if strings.Contains(text, "ALIVE") {
					t.Errorf("the script ran on:\n%s", text)
				}
				if board.AfterLoss > 0 {
					t.Errorf("%d calls reached the board after the power was gone", board.AfterLoss)
				}
			})
		}
	}
}

// TestLuaTaskHostile runs what would hurt the host.
func TestLuaTaskHostile(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"doubling", `local s = ("x"):rep(1000) print(pcall(function() while true do s = s .. s end end))`, "not enough memory"},
		{"tables", `local t = {} print(pcall(function() while true do t[#t + 1] = {} end end))`, "not enough memory"},
		{"rep", `print(pcall(string.rep, "x", 1e15))`, "false"},
		{"recursion", `local function f() return 1 + f() end print(pcall(f))`, "false"},
		{"nested source", `print(loadstring(("("):rep(1e5) .. ")"))`, "nil"},
		{"module of a number", `x = 5 print(pcall(function() module("x") end))`, "name conflict for module 'x'"},
		{"loaded is gone", `package.loaded.package = nil print(pcall(require, "nothing"))`, "package.loaded.package must be a table"},
		{"path is a table", `package.path = {} print(pcall(require, "nothing"))`, "'package.path' must be a string"},
		{"no module", `print(pcall(require, "nothing"))`, "module 'nothing' not found"},
		{"loop", `package.preload.a = function() return require "a" end print(pcall(require, "a"))`, "loop or previous error loading module 'a'"},
		{"setfenv of Go", `print(pcall(setfenv, print, {}))`, "cannot change environment"},
		{"levels", `print(pcall(setfenv, -1, {}), pcall(getfenv, 1e300))`, "invalid level"},
		{"numbers", `print(pcall(rtos.timer_start, 0/0, 1e300), rtos.receive(1))`, "true"},
		{"sockets", `print(socketcore.sock_send(1e9, "x"), socketcore.sock_recv(-1, 5), socketcore.sock_conn_ext(9, "x", -5))`, "-1"},
		{"uart", `print(pcall(uart.setup, 77, 0, 0, 0, 0), uart.read(5, 1e9), pcall(uart.write, 1, 256))`, "invalid number"},
		{"AT", `for i = 1, 5000 do uart.write(uart.ATC, ("AT"):rep(9000), "\r") end print("fine")`, "fine"},
		{"pins", `print(pcall(pio.pin.setdir, pio.OUTPUT, 1e9), pcall(pio.pin.setdir, 99, 1))`, "invalid"},
		{"no such pin", `print(pcall(pio.pin.getval, 96))`, "invalid pin"},
		{"slow port", `uart.setup(1, 1, 8, 2, 0) local s, n = ("x"):rep(60000), 0 for i = 1, 1000 do n = n + uart.write(1, s) end print(n)`, "1020000"},
		{"huge line", `local s = ("x"):rep(60000) local t = {} for i = 1, 100 do t[i] = s end print(pcall(uart.write, 1, unpack(t)))`, "not enough memory"},
		{"bytecode", `print(loadfile("/lua/c.luac"))`, "bytecode, which is not emulated"},
		{"toint64", `print(pcall(rtos.toint64, ("9"):rep(1000)))`, "false"},
		{"refused", `print(pcall(disp.init, {}))`, "disp.init is not emulated"},
		{"no fota", `print(pcall(rtos.fota_start))`, "no upgrades"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := taskBoard(map[string]string{"main.lua": tt.src, "c.luac": "\x1bLuaQ\x00"})
			exit, text := runTask(t, b, lua.Options{Steps: 50_000_000})
			if !strings.Contains(text, tt.want) || exit.Kind != lua.ExitReboot {
				t.Errorf("%v: %.2000s", exit, text)
			}
		})
	}
}

// TestLuaTaskMarker gives a metatable to what stands for a module that is
// being loaded: the next machine sees nothing of it.
func TestLuaTaskMarker(t *testing.T) {
	const src = `package.preload.x = function()
  local u = package.loaded.x
  print(type(u), debug.getmetatable(u))
  debug.setmetatable(u, {})
  return 1
end
require "x"
rtos.restart()`
	for range 2 {
		if _, text := runTask(t, taskBoard(map[string]string{"main.lua": src}), lua.Options{}); text != "userdata\tnil" {
			t.Errorf("printed %q", text)
		}
	}
}

// TestLuaTaskError says what an error that nobody catches leaves behind.
func TestLuaTaskError(t *testing.T) {
	b := taskBoard(map[string]string{"main.lua": "local x\nx.y = 1"})
	var seen []lua.ScriptError
	exit, text := runTask(t, b, lua.Options{Uncaught: func(e lua.ScriptError) { seen = append(seen, e) }})
	const want = "/lua/main.lua:2: attempt to index local 'x' (a nil value)"
	if exit.Kind != lua.ExitReboot || !strings.HasPrefix(text, want+"\nstack traceback:") {
		t.Errorf("%v: %q", exit, text)
	}
	if len(seen) != 1 || seen[0].File != "/lua/main.lua" || seen[0].Line != 2 {
		t.Errorf("reported: %+v", seen)
	}
	if saved, err := afero.ReadFile(b.Tree, "/luaerrinfo.txt"); err != nil || !strings.HasPrefix(string(saved), want) {
		t.Errorf("/luaerrinfo.txt: %q, %v", saved, err)
	}
}
