package lua_test

import (
	"fmt"
	"slices"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestCalls(t *testing.T) {
	var got []string
	calls := func(c lua.ScriptCall) {
		if c.Chunk == "sys.lua" {
			c.Line = 0 // is not the matter here
		}
		if c.Chunk == "main.lua" || c.From == "main.lua" {
			got = append(got, fmt.Sprintf("%d.%d %s:%d %s < %s:%d", c.Task, c.Depth, c.Chunk, c.Line, c.Name, c.From, c.FromLine))
		}
	}
	m, err := lua.New(luatest.New(`local function twice(x)
  return x + x
end
local t = {}
function t:method() return twice(2) + math.max(1, 2) end
sys.taskInit(function()
  t:method()
  rtos.reboot()
end)
`), lua.Options{Calls: calls})
	if err != nil {
		t.Fatal(err)
	}
	m.Run()
	want := []string{
		"0.3 main.lua:0  < :-1",
		"0.4 sys.lua:0 sys.taskInit < main.lua:6",
		"1.0 main.lua:6  < :-1",
		"1.1 main.lua:5 method < main.lua:7",
		"1.2 main.lua:1 twice < main.lua:5",
		"1.2 [C]:-1 math.max < main.lua:5",
		"1.1 [C]:-1 rtos.reboot < main.lua:8",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, expected\n%q", got, want)
	}
}
