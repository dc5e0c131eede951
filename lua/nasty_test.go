package lua_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/flash"
	"airlift/lua"
	"airlift/lua/luatest"
)

// cutting is a file system whose first change takes the power away.
type cutting struct {
	afero.Fs
	b *luatest.Board
}

func (c *cutting) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	f, err := c.Fs.OpenFile(name, flag, perm)
	return cuttingFile{f, c.b}, err
}

func (c *cutting) Remove(string) error {
	c.b.Lost = true
	return flash.ErrPowerLost
}

type cuttingFile struct {
	afero.File
	b *luatest.Board
}

func (f cuttingFile) Write([]byte) (int, error) {
	f.b.Lost = true
	return 0, flash.ErrPowerLost
}

// traps are ways to catch an error. Each calls the global function boom, and
// prints ALIVE wherever control could come back to.
var traps = map[string]string{
	"plain":       `boom() print("ALIVE")`,
	"pcall":       `while true do pcall(boom) print("ALIVE") end`,
	"pcall loop":  `for i = 1, 100 do pcall(function() pcall(boom) print("ALIVE") end) print("ALIVE") end`,
	"xpcall":      `xpcall(boom, function(e) print("ALIVE handler", e) return e end) print("ALIVE")`,
	"in handler":  `xpcall(function() error("x") end, function() boom() print("ALIVE") end) print("ALIVE")`,
	"bad handler": `xpcall(function() error("x") end, function() pcall(boom) error("y") end) print("ALIVE")`,
	"wrap":        `local f = coroutine.wrap(function() boom() print("ALIVE") end) pcall(f) print("ALIVE") f() print("ALIVE")`,
	"resume":      `local co = coroutine.create(boom) coroutine.resume(co) print("ALIVE") print(coroutine.status(co))`,
	"nested":      `local co = coroutine.wrap(function() pcall(coroutine.wrap(function() pcall(boom) print("ALIVE") end)) print("ALIVE") end) pcall(co) print("ALIVE")`,
	"index":       `local t = setmetatable({}, {__index = function() boom() print("ALIVE") end}) pcall(function() return t.x end) print("ALIVE")`,
	"newindex":    `local t = setmetatable({}, {__newindex = function() boom() print("ALIVE") end}) pcall(function() t.x = 1 end) print("ALIVE")`,
	"tostring":    `local t = setmetatable({}, {__tostring = function() boom() print("ALIVE") return "x" end}) pcall(print, t) print("ALIVE")`,
	"call":        `local t = setmetatable({}, {__call = function() boom() print("ALIVE") end}) pcall(t) print("ALIVE")`,
	"arith":       `local t = setmetatable({}, {__add = function() boom() print("ALIVE") return 1 end}) pcall(function() return t + 1 end) print("ALIVE")`,
	"concat":      `local t = setmetatable({}, {__concat = function() boom() print("ALIVE") return "" end}) pcall(function() return t .. "x" end) print("ALIVE")`,
	"eq":          `local mt = {__eq = function() boom() print("ALIVE") return true end} local a, b = setmetatable({}, mt), setmetatable({}, mt) pcall(function() return a == b end) print("ALIVE")`,
	"len":         `local t = setmetatable({}, {__len = function() boom() print("ALIVE") return 1 end}) pcall(function() return #t end) print("ALIVE")`,
	"pairs":       `local t = setmetatable({}, {__pairs = function() boom() print("ALIVE") end}) pcall(function() for k in pairs(t) do end end) print("ALIVE")`,
	"iterator":    `pcall(function() for x in function() boom() print("ALIVE") end do end end) print("ALIVE")`,
	"gc":          `setmetatable({}, {__gc = function() print("ALIVE") end}) boom() collectgarbage() print("ALIVE")`,
	"sort":        `pcall(table.sort, {3, 2, 1}, function() boom() print("ALIVE") return false end) print("ALIVE")`,
	"gsub":        `pcall(string.gsub, "abc", ".", function() boom() print("ALIVE") end) print("ALIVE")`,
	"load":        `pcall(load("boom() print('ALIVE')")) print("ALIVE")`,
	"load reader": `pcall(load, function() boom() print("ALIVE") end) print("ALIVE")`,
	"require":     `package.loaded.x = nil io.writeFile("/x.lua", "boom() print('ALIVE')") pcall(require, "x") print("ALIVE")`,
	"task":        `sys.taskInit(function() pcall(function() sys.wait(10) pcall(boom) print("ALIVE") end) print("ALIVE") end) sys.taskInit(function() while true do sys.wait(1) if DEAD then print("ALIVE") end end end) sys.run()`,
	"timer":       `sys.timerStart(function() pcall(boom) print("ALIVE") end, 5) sys.timerLoopStart(function() if DEAD then print("ALIVE") end end, 1) sys.run()`,
	"subscriber":  `sys.subscribe("A", function() pcall(boom) print("ALIVE") end) sys.subscribe("A", function() if DEAD then print("ALIVE") end end) sys.publish("A") sys.run()`,
	"print hook":  `local p = print print = function(...) boom() p("ALIVE") end pcall(log.info, "x") p("ALIVE")`,
	"tostr hook":  `local p = print tostring = function() boom() p("ALIVE") return "x" end pcall(print, {}) p("ALIVE")`,
	"error func":  `pcall(error, setmetatable({}, {__tostring = function() boom() print("ALIVE") end})) local e = select(2, pcall(error, setmetatable({}, {__tostring = function() boom() print("ALIVE") return "" end}))) pcall(tostring, e) print("ALIVE")`,
	"json":        `pcall(json.encode, setmetatable({}, {__index = boom})) boom() print("ALIVE")`,
	"http cb":     `http.request("GET", "http://example.com/", nil, nil, {callback = function() pcall(boom) print("ALIVE") end}).cb(function() pcall(boom) print("ALIVE") end) sys.run()`,
}

// booms are what ends a machine. Each sets DEAD first.
var booms = map[string]struct {
	lua  string
	kind lua.ExitKind
}{
	"rtos.reboot": {`rtos.reboot()`, lua.ExitReboot},
	"pm.reboot":   {`pm.reboot()`, lua.ExitReboot},
	"shutdown":    {`pm.shutdown()`, lua.ExitOff},
	"cut write":   {`io.writeFile("/cut/x", "data")`, lua.ExitPowerLost},
	"cut file":    {`local f = io.open("/cut/x", "w") f:write("a") print("ALIVE") f:close()`, lua.ExitPowerLost},
	"cut remove":  {`os.remove("/cut/x")`, lua.ExitPowerLost},
	"cut fota":    {`fota.init() fota.run("data") print("ALIVE") fota.finish(true)`, lua.ExitPowerLost},
	"budget":      {`while true do end`, lua.ExitBudget},
	"budget pm":   {`string.find(string.rep("a", 4000), ".-.-.-.-.-b")`, lua.ExitBudget},
	"watchdog":    {`wdt.init(500) while true do end`, lua.ExitReboot},
	"time up":     {`while true do rtos.receive(10000) end`, lua.ExitTimeUp},
	"busy":        {`while mcu.ticks() < 1e9 do end`, lua.ExitTimeUp},
}

func TestNothingCatchesAnUnwind(t *testing.T) {
	for trap, body := range traps {
		for boom, b := range booms {
			if trap == "http cb" && boom == "time up" {
				continue // rtos.receive rightly hands out the other callback
			}
			t.Run(trap+"/"+boom, func(t *testing.T) {
				script := `function boom() if DEAD then return end DEAD = true ` + b.lua + ` print("ALIVE") end ` + "\n" + body
				board := luatest.New(script)
				board.Limit = time.Second
				board.FW.Fota = true
				up := &luatest.Fota{}
				up.OnWrite = func() { board.Lost = true }
				board.Updater = up
				board.Mount("/cut/", "lfs", &cutting{Fs: afero.NewMemMapFs(), b: board})
				board.Network.Serve = func(*luatest.Call) luatest.Reply {
					return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, Close: true}
				}
				opts := lua.Options{}
				if b.kind == lua.ExitBudget {
					opts.Steps = 500_000
				}
				exit := run(t, board, opts)
				if exit.Kind != b.kind {
					t.Errorf("exit %v (%s), expected %v\n%s", exit, exit.Err, b.kind, board.Text())
				}
				if strings.Contains(board.Text(), "ALIVE") {
					t.Errorf("the script ran on:\n%s", board.Text())
				}
				if board.AfterLoss > 0 {
					t.Errorf("%d calls reached the board after the power was gone", board.AfterLoss)
				}
				for i, c := range up.Calls {
					if strings.HasPrefix(c, "write") && i+1 < len(up.Calls) {
						t.Errorf("the updater was called after the cut: %v", up.Calls)
					}
				}
			})
		}
	}
}
