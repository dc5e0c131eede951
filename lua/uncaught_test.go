package lua_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/lua53"
	"airlift/lua/luatest"
)

// uncaught runs a script for 20 s and returns what was reported.
func uncaught(t *testing.T, board *luatest.Board) (found []lua.ScriptError) {
	t.Helper()
	board.Limit = 20 * time.Second
	m, err := lua.New(board, lua.Options{Uncaught: func(e lua.ScriptError) { found = append(found, e) }})
	if err != nil {
		t.Fatal(err)
	}
	m.Run()
	return found
}

// shown is a report in one string.
func shown(e lua.ScriptError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d %s\n", e.File, e.Line, e.Message())
	for _, l := range e.Source {
		fmt.Fprintf(&b, "%d|%s\n", l.Number, l.Text)
		if l.Number == e.Line {
			fmt.Fprintf(&b, " |%s\n", e.Mark)
		}
	}
	return b.String()
}

func TestUncaught(t *testing.T) {
	for _, c := range []struct{ name, main, other, want string }{
		{"main chunk", "local a = 1\nlocal t\nt.x = a\nprint(a)\n", "", `/luadb/main.lua:3 main.lua:3: attempt to index a nil value (local 't')
1|local a = 1
2|local t
3|t.x = a
 |^
4|print(a)
`},
		{"task", "sys.taskInit(function()\n  sys.wait(10)\n\tnothing.here()\nend)\nsys.run()\n", "", `/luadb/main.lua:3 main.lua:3: attempt to index a nil value (global 'nothing')
1|sys.taskInit(function()
2|  sys.wait(10)
3|	nothing.here()
 |	^^^^^^^
4|end)
5|sys.run()
`},
		{"timer", "sys.timerStart(function() local s = {} .. 'x' end, 10)\nsys.run()\n", "", `/luadb/main.lua:1 main.lua:1: attempt to concatenate a table value
1|sys.timerStart(function() local s = {} .. 'x' end, 10)
 |^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
2|sys.run()
`},
		{"subscriber", "sys.subscribe('T', function() error('文 no', 0) end)\nsys.publish('T')\nsys.run()", "", `/luadb/main.lua:1 文 no
1|sys.subscribe('T', function() error('文 no', 0) end)
 |^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
2|sys.publish('T')
3|sys.run()
`},
		{"module", "require 'other'", "\uFEFFlocal x = 1\nlocal 文 y = 2\n", "/luadb/other.lua:2 main.lua:1: error loading module 'other' from file '/luadb/other.lua':\n\tother.lua:2: <name> expected near '<\\230>'\n1|local x = 1\n2|local 文 y = 2\n |^^^^^^^^^^^^^^\n"},
		{"not a string", "local t = {}\nerror(t)", "", `/luadb/main.lua:2 (error object is a table value)
1|local t = {}
2|error(t)
 |^^^^^^^^
`},
		{"nobody's", "load('error(\"x\")', '=elsewhere')()", "", `/luadb/main.lua:1 elsewhere:1: x
1|load('error("x")', '=elsewhere')()
 |^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			board := luatest.New(c.main)
			if c.other != "" {
				board.Write("/other.lua", c.other)
				c.want = strings.ReplaceAll(c.want, "/luadb/other", "/other")
			}
			found := uncaught(t, board)
			if len(found) != 1 {
				t.Fatalf("%d reports, expected one: %+v\n%s", len(found), found, board.Text())
			}
			if got := shown(found[0]); got != c.want {
				t.Errorf("got\n%s\nexpected\n%s", got, c.want)
			}
		})
	}
}

// Errors that a script catches are its own matter; a task's error that ends
// nothing is reported, and so is the next.
func TestUncaughtWhatCounts(t *testing.T) {
	found := uncaught(t, luatest.New(`pcall(error, "mine")
COROUTINE_ERROR_ROLL_BACK = false
COROUTINE_ERROR_RESTART = false
sys.taskInit(function() error("one") end)
sys.taskInit(function() error("two") end)
log.error("coroutine.resume", "not an error")
sys.run()`))
	if len(found) != 2 || found[0].Line != 4 || found[1].Line != 5 {
		t.Errorf("reported %+v", found)
	}
}

// A compiled script has no source to show, but lines.
func TestUncaughtCompiled(t *testing.T) {
	board := luatest.New("")
	p, err := lua53.Compile("\n\nlocal t\nt.x = 1", "@main.lua", 32)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Dump(lua53.Layout32, false)
	if err != nil {
		t.Fatal(err)
	}
	board.Write("/main.luac", string(code))
	found := uncaught(t, board)
	if len(found) != 1 || found[0].File != "/main.luac" || found[0].Line != 4 || found[0].Source != nil {
		t.Errorf("reported %+v", found)
	}
}
