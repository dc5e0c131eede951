package lua_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// updateCase is a server and what update.lua makes of it (8910.md 3.3, 7).
type updateCase struct {
	name     string
	answer   func(request int, text string) luatest.Reply // to request number 0, 1 ...
	write    int                                          // what rtos.fota_process returns
	start    int                                          // what rtos.fota_start returns
	callback string                                       // what the callback got, "" if it was not called
	requests int
	took     time.Duration // at least, of virtual time until the callback
	calls    string        // of the updater; writes in a row are one
}

func answerWith(status, head, body string) luatest.Reply {
	return luatest.Reply{Pieces: []string{"HTTP/1.1 " + status + "\r\n" + head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body}, Close: true}
}

func failWith(code string) luatest.Reply {
	return answerWith("400 Bad Request", "", `{"code": `+code+`, "msg": "\u65e0"}`)
}

var updateCases = []updateCase{
	{name: "a package", answer: func(int, string) luatest.Reply { return answerWith("200 OK", "", "~package") },
		callback: "true", requests: 1, calls: "init write end"},
	{name: "already newest", answer: func(int, string) luatest.Reply { return failWith("27") },
		callback: "false", requests: 1, calls: "init end"},
	{name: "no code", answer: func(int, string) luatest.Reply { return answerWith("404 Not Found", "", "nothing here") },
		callback: "false", requests: 1, calls: "init end"},
	{name: "wait three times", answer: func(n int, _ string) luatest.Reply {
		if n < 3 {
			return failWith("43")
		}
		return answerWith("206 Partial Content", "Content-Range: bytes 0-7/8\r\n", "~package")
	}, callback: "true", requests: 4, took: 90 * time.Second, calls: "init write end"},
	{name: "nobody answers", answer: func(int, string) luatest.Reply { return luatest.Reply{Refuse: luatest.ErrNone} },
		callback: "false", requests: 30, calls: "init end"},
	{name: "an error with status 200", answer: func(int, string) luatest.Reply { return answerWith("200 OK", "", `{"code": 27}`) }, write: -96,
		callback: "false", requests: 30, calls: "init write end"},
	{name: "an error in two pieces", answer: func(int, string) luatest.Reply {
		body := `{"code": 43, "msg": "\u65e0"}`
		return luatest.Reply{Pieces: []string{fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:6]), body[6:]}, Close: true}
	}, callback: "false", requests: 1, calls: "init end"},
	{name: "a redirect is kept", answer: func(n int, text string) luatest.Reply {
		switch {
		case n == 0:
			return answerWith("302 Found", "Location: http://10.0.0.9/x\r\n", "")
		case n == 1:
			return failWith("43")
		case strings.HasPrefix(text, "GET /x "):
			return answerWith("200 OK", "", "~package")
		}
		return failWith("27")
	}, callback: "true", requests: 3, took: 32 * time.Second, calls: "init write end"},
	{name: "a redirect to nowhere", answer: func(int, string) luatest.Reply { return answerWith("302 Found", "", "") },
		callback: "false", requests: 1, calls: "init end"},
	{name: "a server that ignores Range", answer: func(n int, _ string) luatest.Reply {
		r := answerWith("200 OK", "", "~package")
		if n == 0 {
			r.Pieces[0] = strings.TrimSuffix(r.Pieces[0], "kage")
		}
		return r
	}, callback: "true", requests: 2, calls: "init write end"},
	{name: "names in lower case", answer: func(int, string) luatest.Reply {
		return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n~package"}, Close: true}
	}, callback: "true", requests: 1, calls: "init write end"},
	{name: "the core refuses to begin", start: -1, answer: func(int, string) luatest.Reply { return failWith("27") }, calls: "init"},
}

// TestLuaTaskUpdateCases tries update.lua, ours and, with a checkout, the
// original, with servers of all kinds: a server sees the same.
func TestLuaTaskUpdateCases(t *testing.T) {
	for _, c := range updateCases {
		t.Run("ours/"+c.name, func(t *testing.T) { c.run(t, lua.Options{}) })
	}
	libs := libsOf(filepath.Join(luat8910(t), "lib"))
	for _, c := range updateCases {
		t.Run("original/"+c.name, func(t *testing.T) { c.run(t, lua.Options{Libs: libs}) })
	}
}

func (c *updateCase) run(t *testing.T, opts lua.Options) {
	b := taskBoard(map[string]string{"main.lua": `PROJECT = "TEST" VERSION = "1.0.0" PRODUCT_KEY = "KEY"
require "log"
require "sys"
require "net"
require "update"
update.request(function(ok) print("callback", ok) end, "10.0.0.1/fota")
sys.init(0, 0)
sys.run()`})
	b.Limit = 10 * time.Minute
	up := &luatest.Fota{WriteResult: c.write, InitResult: c.start}
	b.Updater = up
	b.Network.Serve = func(call *luatest.Call) luatest.Reply {
		if r := c.answer(call.Number, call.Request); r.Refuse != nil || strings.HasSuffix(call.Request, "\r\n\r\n") {
			return r
		}
		return luatest.Reply{}
	}
	_, text := runTask(t, b, opts)
	got, took := "", time.Duration(0)
	for i, line := range b.Lines {
		if rest, ok := strings.CutPrefix(line, "callback\t"); ok {
			got, took = got+rest, b.Times[i]
		}
	}
	calls := ""
	for _, call := range up.Calls {
		if name, _, _ := strings.Cut(call, " "); !strings.HasSuffix(calls, name) || name != "write" {
			calls += " " + name
		}
	}
	if got != c.callback || len(b.Network.Dialled) != c.requests || took < c.took || strings.TrimSpace(calls) != c.calls {
		t.Errorf("callback %q after %v, %d requests, updater %q; want %q, %v, %d, %q\n%s",
			got, took, len(b.Network.Dialled), calls, c.callback, c.took, c.requests, c.calls, text)
	}
}
