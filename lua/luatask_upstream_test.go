package lua_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// luat8910 returns the folder script_LuaTask of a checkout of
// openLuat/Luat_4G_RDA_8910, or skips loudly.
func luat8910(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LUAT_8910_SRC")
	if dir == "" {
		t.Skip("LUAT_8910_SRC is not set: the original sys.lua, http.lua and update.lua of the 8910 were NOT tried; set it to a Luat_4G_RDA_8910 checkout")
	}
	return filepath.Join(dir, "script_LuaTask")
}

// streamFota is an updater for streams.
type streamFota struct {
	luatest.Fota
	totals []int64
}

func (f *streamFota) Process(p []byte, total int64) int {
	f.totals = append(f.totals, total)
	return f.Write(p)
}

// updateServer is a platform that makes a module wait, sends it elsewhere and
// loses the connection in the middle.
type updateServer struct {
	pkg  string
	cut  int // bytes after which the first download breaks
	wait int // so many requests get code 43
}

func (s *updateServer) serve(c *luatest.Call) luatest.Reply {
	if !strings.HasSuffix(c.Request, "\r\n\r\n") {
		return luatest.Reply{}
	}
	_, from, _ := strings.Cut(c.Request, "Range: bytes=")
	from, _, _ = strings.Cut(from, "-")
	at, err := strconv.Atoi(from)
	switch {
	case err != nil || at > len(s.pkg):
		return luatest.Reply{Pieces: []string{"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"}, Close: true}
	case s.wait > 0:
		s.wait--
		body := `{"code": 43, "msg": "\u8bf7\u7a0d\u7b49"}`
		return luatest.Reply{Pieces: []string{fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}, Close: true}
	case strings.Contains(c.Request, "GET /api/"):
		return luatest.Reply{Pieces: []string{"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.2/package.bin\r\nContent-Length: 0\r\n\r\n"}, Close: true}
	}
	head := fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n",
		len(s.pkg)-at, at, len(s.pkg)-1, len(s.pkg))
	rest := s.pkg[at:]
	if s.cut > 0 {
		rest, s.cut = rest[:s.cut], 0
		return luatest.Reply{Pieces: pieces(head, rest), Close: true}
	}
	return luatest.Reply{Pieces: pieces(head, rest), Close: true}
}

// pieces cuts a body into what a TCP segment holds.
func pieces(head, body string) []string {
	out := []string{head}
	for len(body) > 0 {
		n := min(len(body), 1460)
		out, body = append(out, body[:n]), body[n:]
	}
	return out
}

// TestLuaTaskUpgrade runs an upgrade with each set of libraries: code 43, a
// redirect, a broken download that is resumed.
func TestLuaTaskUpgrade(t *testing.T) {
	t.Run("ours", func(t *testing.T) { testTaskUpgrade(t, lua.Options{}) })
	t.Run("original", func(t *testing.T) {
		testTaskUpgrade(t, lua.Options{Libs: libsOf(filepath.Join(luat8910(t), "lib"))})
	})
}

func testTaskUpgrade(t *testing.T, opts lua.Options) {
	b := taskBoard(map[string]string{"main.lua": `PROJECT = "TEST" VERSION = "1.0.0" PRODUCT_KEY = "KEY"
require "log"
LOG_LEVEL = log.LOGLEVEL_TRACE
require "sys"
require "net"
require "update"
update.request(nil, "10.0.0.1/api/site/firmware_upgrade", nil, true)
sys.init(0, 0)
sys.run()`})
	b.Limit = 5 * time.Minute
	up := &streamFota{}
	b.Updater = up
	server := &updateServer{pkg: "~" + strings.Repeat("0123456789", 700), cut: 3000, wait: 1}
	b.Network.Serve = server.serve
	exit, text := runTask(t, b, opts)
	if exit.Kind != lua.ExitReboot || exit.Cause != lua.CauseRtosRestart || !strings.Contains(text, "UPDATE_DOWNLOAD_SUCCESS") {
		t.Errorf("exit %v\n%s", exit, text)
	}
	if string(up.Data) != server.pkg {
		t.Errorf("the updater got %d bytes of %d", len(up.Data), len(server.pkg))
	}
	for _, total := range up.totals {
		if total != int64(len(server.pkg)) {
			t.Errorf("total %d of %d", total, len(server.pkg))
		}
	}
	const query = "GET /api/site/firmware_upgrade?project_key=KEY&imei=860000000000001&firmware_name=TEST_Luat_RDA8910_TTS_FLOAT" +
		"&core_version=31&dfota=1&version=1.0.0&need_oss_url=1 HTTP/1.1\r\n"
	want := []struct{ line, rang string }{{query, "0"}, {query, "0"}, {"GET /package.bin HTTP/1.1\r\n", "0"}, {"GET /package.bin HTTP/1.1\r\n", "3000"}}
	if len(b.Network.Requests) != len(want) {
		t.Fatalf("%d requests: %q", len(b.Network.Requests), b.Network.Requests)
	}
	for i, w := range want {
		r := b.Network.Requests[i]
		if !strings.HasPrefix(r, w.line) || !strings.Contains(r, "\r\nRange: bytes="+w.rang+"-\r\n") || !strings.Contains(r, "\r\nConnection: short\r\n") ||
			!strings.Contains(r, "\r\nHost: ") {
			t.Errorf("request %d: %q", i, r)
		}
	}
	if calls := strings.Join(up.Calls, " "); !strings.HasPrefix(calls, "init 0 0 write ") || !strings.HasSuffix(calls, "end true") {
		t.Errorf("calls of the updater: %s", calls)
	}
	for _, e := range b.Events {
		if e.Unit == lua.UnitRefused {
			t.Errorf("refused: %s", e.Action)
		}
	}
}
