package lua_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/luatest"
)

// reply is a response with a Content-Length.
func reply(status int, body string, headers ...string) string {
	h := ""
	for _, x := range headers {
		h += x + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, h, len(body), body)
}

// httpCase is one request and its result.
type httpCase struct {
	name  string
	core  string // core date, default 2026-07-01
	fota  bool   // the firmware has the fota library
	call  string // arguments of http.request, default "GET", "http://h.test/x"
	serve luatest.Reply
	never bool // the server accepts and says nothing
	want  string
	at    time.Duration // when the result came, 0: do not look
	calls string        // of the updater
	log   string        // a line that must be there
}

var get = `"GET", "http://h.test/x"`

var httpCases = []httpCase{
	{name: "200", serve: luatest.Reply{Pieces: []string{reply(200, "body", "A:  b", "A: c", "x-Y:z")}}, want: `200 {"A":"c","x-Y":"z","Content-Length":"4"} body`, at: 30 * time.Millisecond},
	{name: "404", serve: luatest.Reply{Pieces: []string{reply(404, "no")}}, want: `404 {"Content-Length":"2"} no`},
	{name: "301 is not followed", serve: luatest.Reply{Pieces: []string{reply(301, "", "Location: http://other/")}}, want: `301 {"Location":"http://other/","Content-Length":"0"} `},
	{name: "byte by byte", serve: luatest.Reply{Pieces: strings.Split(reply(200, "hello"), "")}, want: `200 {"Content-Length":"5"} hello`},
	{name: "204", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 204 No\r\n\r\n"}}, want: `204 {} `},
	{name: "interim answer", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, "x")}}, want: `200 {"Content-Length":"1"} x`},
	{name: "chunked", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r", "\nde\r\n0\r\n\r\n"}}, want: `200 {"Transfer-Encoding":"chunked"} abcde`},
	{name: "chunked, closed before the last chunk", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}, Close: true}, want: `200 {"Transfer-Encoding":"chunked"} abc`},
	{name: "no length: the first piece", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\n\r\n", "abc", "def"}, Close: true}, want: `200 {} abc`},
	{name: "no length, old core: until the close", core: "2026-03-09", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\n\r\n", "abc", "def"}, Close: true}, want: `200 {} abcdef`},
	{name: "no length, no body", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\n\r\n"}, Close: true}, want: `200 {} `},

	{name: "short body counts", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, Close: true}, want: `200 {"Content-Length":"9"} abc`},
	{name: "short body, before 2025-12-19", core: "2025-12-18", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, Close: true}, want: `-5`},
	{name: "complete but not closed", serve: luatest.Reply{Pieces: []string{reply(200, "x")}}, want: `200 {"Content-Length":"1"} x`, at: 30 * time.Millisecond},
	{name: "complete but not closed, before 2026-03-10", core: "2026-03-09", serve: luatest.Reply{Pieces: []string{reply(200, "x")}}, want: `-8`, at: 60*time.Second + 10*time.Millisecond},
	{name: "complete, closed later, before 2026-03-10", core: "2026-03-09", serve: luatest.Reply{Pieces: []string{reply(200, "x")}, Gap: time.Second, Close: true}, want: `200 {"Content-Length":"1"} x`, at: 1030 * time.Millisecond},

	{name: "closed before the head", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nA: b"}, Close: true}, want: `-5`},
	{name: "closed at once", serve: luatest.Reply{Close: true}, want: `-5`},
	{name: "broken before the head", serve: luatest.Reply{Broken: errors.New("reset")}, want: `-6`},
	{name: "refused", serve: luatest.Reply{Refuse: errors.New("refused")}, want: `-4`},
	{name: "no such host", serve: luatest.Reply{Refuse: fmt.Errorf("h.test: %w", lua.ErrResolve)}, want: `-4`},
	{name: "no such host, before 2025-02-09", core: "2025-02-08", serve: luatest.Reply{Refuse: fmt.Errorf("h.test: %w", lua.ErrResolve)}, want: `-5`},
	{name: "silence", never: true, want: `-8`, at: 60*time.Second + 10*time.Millisecond},
	{name: "silence, timeout given", never: true, call: get + `, nil, nil, {timeout = 5000}`, want: `-8`, at: 5010 * time.Millisecond},
	{name: "silence, timeout too small counts as none", never: true, call: get + `, nil, nil, {timeout = 999}`, want: `-8`, at: 60*time.Second + 10*time.Millisecond},
	{name: "silence, file", never: true, call: get + `, nil, nil, {dst = "/x"}`, want: `-8`, at: 300*time.Second + 10*time.Millisecond},
	{name: "silence, fota", never: true, fota: true, call: get + `, nil, nil, {fota = true}`, want: `-8`, at: 600*time.Second + 10*time.Millisecond},
	{name: "not HTTP", serve: luatest.Reply{Pieces: []string{"SSH-2.0-x\r\n"}}, want: `-6`},
	{name: "head too long", serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 8192) + "\r\n\r\n"}}, want: `-6`, log: "E/http resp buff full!!!"},

	{name: "ftp URL", call: `"GET", "ftp://h.test/"`, want: `-4`, at: 10 * time.Millisecond},
	{name: "URL too short", call: `"GET", "http://h/"`, want: `-4`},
	{name: "HEAD", call: `"HEAD", "http://h.test/"`, want: `-4`, log: "E/http NOT SUPPORT HEAD"},
	{name: "fota and dst", fota: true, call: get + `, nil, nil, {fota = true, dst = "/x"}`, want: `-4`, log: "E/http Only one can be selected for FOTA and Download"},
	{name: "adapter", call: get + `, nil, nil, {adapter = 99}`, want: `-4`, log: "E/http bad network adapter index 99"},

	{name: "dst", call: get + `, nil, nil, {dst = "/x"}`, serve: luatest.Reply{Pieces: []string{reply(200, "file!"), ""}}, want: `200 {"Content-Length":"5"} 5 file!`},
	{name: "dst 404", call: get + `, nil, nil, {dst = "/x"}`, serve: luatest.Reply{Pieces: []string{reply(404, "gone")}}, want: `404 {"Content-Length":"4"} 4 nil`, log: "E/http download fail, remove file /x"},
	{name: "dst, no such mount", call: get + `, nil, nil, {dst = "x"}`, serve: luatest.Reply{Pieces: []string{reply(200, "x")}}, want: `-7`, log: "E/http open download file fail x"},

	{name: "fota", fota: true, call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", "def"}}, want: `200 {"Content-Length":"6"} 6`, calls: "init 0 0,write 3,write 3,done,end true"},
	{name: "fota 206", fota: true, call: get + `, nil, nil, {fota = {address = 4096, length = 100}}`, serve: luatest.Reply{Pieces: []string{reply(206, "abc")}}, want: `200 {"Content-Length":"3"} 3`, calls: "init 4096 100,write 3,done,end true"},
	{name: "fota without the library is plain", call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{reply(200, "abc")}}, want: `200 {"Content-Length":"3"} abc`},
	{name: "fota 400, told when the server closes", fota: true, call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{reply(400, "{}")}, Gap: 3 * time.Second, Close: true}, want: `-9 {"Content-Length":"2"} 0`, at: 3030 * time.Millisecond, log: "E/http fota http code error 400"},
	{name: "fota 400, not closed", fota: true, call: get + `, nil, nil, {fota = true, timeout = 20000}`, serve: luatest.Reply{Pieces: []string{reply(400, "{}")}}, want: `-9 {"Content-Length":"2"} 0`, at: 20010 * time.Millisecond},
	{name: "fota 400, at the head", fota: true, core: "2026-02-01", call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{reply(400, "{}")}}, want: `-9 {"Content-Length":"2"} 0`, at: 30 * time.Millisecond},
	{name: "fota 400, with its body", fota: true, core: "2025-12-01", call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{reply(400, `{"code": 27}`)}, Close: true}, want: `-9 {"Content-Length":"12"} {"code": 27}`, calls: "init 0 0,end false"},
	{name: "fota short body", fota: true, call: get + `, nil, nil, {fota = true, timeout = 30000}`, serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, Close: true}, want: `-9 {"Content-Length":"9"} 3`, at: 30010 * time.Millisecond, calls: "init 0 0,write 3,end false", log: "E/http fota body incomplete, 3/9"},
	{name: "fota short body, told at once", fota: true, core: "2026-02-01", call: get + `, nil, nil, {fota = true}`, serve: luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}, Close: true}, want: `-9 {"Content-Length":"9"} 3`, at: 30 * time.Millisecond, calls: "init 0 0,write 3,end false"},
}

func TestHTTP(t *testing.T) {
	for _, c := range httpCases {
		t.Run(c.name, func(t *testing.T) { c.check(t) })
	}
}

func (c httpCase) check(t *testing.T) {
	if c.call == "" {
		c.call = get
	}
	if c.core == "" {
		c.core = "2026-07-01"
	}
	b := luatest.New(`
sys.taskInit(function()
  sys.wait(10)
  local r = table.pack(http.request(` + c.call + `).wait())
  if type(r[2]) == "table" then
    local h = {}
    for k, v in pairs(r[2]) do h[#h + 1] = json.encode(k) .. ":" .. json.encode(v) end
    r[2] = "{" .. table.concat(h, ","):gsub("\\/", "/") .. "}"
  end
  if ` + fmt.Sprint(strings.Contains(c.call, "dst")) + ` and r[1] > 0 then
    r.n = 4
    r[4] = tostring((io.readFile("/x")))
  end
  print("result " .. table.concat(r, " ", 1, r.n) .. "|" .. mcu.ticks())
  rtos.reboot()
end)
sys.run()`)
	b.FW.CoreDate, b.Limit = c.core, time.Hour
	up := &luatest.Fota{}
	if c.fota {
		b.FW.Fota, b.Updater = true, up
	}
	b.Network.Serve = func(call *luatest.Call) luatest.Reply {
		if call.Request == "" {
			return luatest.Reply{Refuse: c.serve.Refuse}
		}
		if c.never {
			return luatest.Reply{}
		}
		return c.serve
	}
	run(t, b)
	lines := printed(b)
	got, ticks, _ := strings.Cut(strings.TrimPrefix(lines[len(lines)-1], "result "), "|")
	if got != c.want {
		t.Errorf("result %s, expected %s\n%s", got, c.want, b.Text())
	}
	if c.at != 0 && ticks != fmt.Sprint(c.at.Milliseconds()) {
		t.Errorf("result after %s ms, expected %v", ticks, c.at)
	}
	if calls := strings.Join(up.Calls, ","); c.calls != "" && calls != c.calls {
		t.Errorf("updater calls %s, expected %s", calls, c.calls)
	}
	if c.log != "" && !strings.Contains(b.Text(), c.log) {
		t.Errorf("no line %q in\n%s", c.log, b.Text())
	}
}

// TestHTTPRequestBytes looks at what goes over the wire.
func TestHTTPRequestBytes(t *testing.T) {
	for _, c := range []struct{ core, call, dial, want string }{
		{"2026-07-01", `"GET", "http://h.test/p?q=1 2"`, "h.test:80", "GET /p?q=1 2 HTTP/1.1\r\nConnection: Close\r\nHost: h.test:80\r\n\r\n"},
		{"2025-12-13", `"GET", "http://h.test:8080"`, "h.test:8080", "GET / HTTP/1.1\r\nHost: h.test:8080\r\n\r\n"},
		{"2023-11-30", `"GET", "http://h.test?x"`, "h.test:80", "GET /?x HTTP/1.1\r\nHost: h.test\r\n\r\n"},
		{"2026-07-01", `"POST", "https://u:p@h.test/", {A = "b", ["Content-Length"] = "9", Empty = "", N = 5}, "body"`, "h.test:443", "POST / HTTP/1.1\r\nConnection: Close\r\nHost: h.test:443\r\nAuthorization: Basic dTpw\r\nA: b\r\nN: 5\r\nContent-Length: 4\r\n\r\nbody"},
		{"2026-07-01", `"DELETE", "http://h.test/", {host = "other", connection = "keep-alive"}, "x"`, "h.test:80", "DELETE / HTTP/1.1\r\nhost: other\r\nconnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"},
		{"2026-06-09", `"GET", "http://h.test/", {Connection = "keep-alive"}`, "h.test:80", "GET / HTTP/1.1\r\nConnection: Close\r\nHost: h.test:80\r\nConnection: keep-alive\r\n\r\n"},
		{"2026-07-01", `nil, "http://[::1]:81/"`, "::1:81", "GET / HTTP/1.1\r\nConnection: Close\r\nHost: [::1]:81\r\n\r\n"},
	} {
		b := luatest.New(`sys.taskInit(function() http.request(` + c.call + `).wait() rtos.reboot() end) sys.run()`)
		b.FW.CoreDate = c.core
		b.Network.Serve = func(*luatest.Call) luatest.Reply {
			return luatest.Reply{Pieces: []string{reply(200, "x")}, Close: true}
		}
		run(t, b)
		if len(b.Network.Requests) != 1 || b.Network.Requests[0] != c.want || b.Network.Dialled[0] != c.dial {
			t.Errorf("core %s %s:\n\t%v %q\nexpected\n\t%s %q", c.core, c.call, b.Network.Dialled, b.Network.Requests, c.dial, c.want)
		}
	}
}

// TestHTTPRetry: cores before 2025-01-27 connect again, three times, and ask
// for the rest.
func TestHTTPRetry(t *testing.T) {
	b := luatest.New(`sys.taskInit(function() print(http.request("GET", "http://h.test/f", nil, nil, {fota = true}).wait()) rtos.reboot() end) sys.run()`)
	up := &luatest.Fota{}
	b.FW.Fota, b.Updater, b.FW.CoreDate = true, up, "2025-01-26"
	whole := "0123456789"
	b.Network.Serve = func(c *luatest.Call) luatest.Reply {
		if c.Number == 0 {
			return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + whole[:4]}, Close: true}
		}
		return luatest.Reply{Pieces: []string{reply(206, whole[4:])}, Close: true}
	}
	run(t, b)
	if got := b.Network.Requests[1]; !strings.Contains(got, "\r\nRange: bytes=4-\r\n") {
		t.Errorf("second request %q", got)
	}
	if string(up.Data) != whole || strings.Join(up.Calls, ",") != "init 0 0,write 4,write 6,done,end true" {
		t.Errorf("updater got %q: %v\n%s", up.Data, up.Calls, b.Text())
	}
	b = luatest.New(`sys.taskInit(function() print(http.request("GET", "http://h.test/f").wait()) rtos.reboot() end) sys.run()`)
	b.Network.Serve = func(c *luatest.Call) luatest.Reply { return luatest.Reply{Close: c.Request != ""} }
	run(t, b)
	if len(b.Network.Requests) != 4 || strings.Join(printed(b), "") != "-5" {
		t.Errorf("%d connections, %v", len(b.Network.Requests), printed(b))
	}
}

func TestHTTPProgressAndPolling(t *testing.T) {
	b := luatest.New(`
sys.taskInit(function()
  print(http.request("GET", "http://h.test/f", nil, nil, {fota = true, userdata = "u", callback = function(...) print("progress", ...) end}).wait())
  print(mcu.ticks())
  http.request("GET", "http://h.test/g").cb(function(code, h, body) print("cb", code, body) end)
  http.request("GET", "bad").cb(function(...) print("at once", ...) end)
end)
sys.timerStart(rtos.reboot, 5000)
sys.run()`)
	b.Updater = &luatest.Fota{DoneAfter: 3}
	b.FW.Fota, b.FW.CoreDate = true, "2026-07-01"
	b.Network.Serve = func(c *luatest.Call) luatest.Reply {
		return luatest.Reply{Pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "abc", "def"}}
	}
	run(t, b)
	want := "progress 6 0 u\nprogress 6 3 u\nprogress 6 6 u\n200 table: 0x0c100000 6\n320\nat once -4\ncb 200 abcdef"
	if got := strings.Join(printed(b), "\n"); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func FuzzHTTPResponse(f *testing.F) {
	for _, c := range httpCases {
		f.Add(strings.Join(c.serve.Pieces, ""), 7)
	}
	f.Fuzz(func(t *testing.T, response string, piece int) {
		if piece < 1 || piece > 1000 {
			piece = 1
		}
		pieces := []string{}
		for s := response; s != ""; {
			n := min(piece, len(s))
			pieces = append(pieces, s[:n])
			s = s[n:]
		}
		results := map[string]bool{}
		for _, p := range [][]string{pieces, {response}} {
			b := luatest.New(`sys.taskInit(function() print(http.request("GET", "http://h.test/f").wait()) rtos.reboot() end) sys.run()`)
			b.FW.CoreDate = "2026-03-09" // waits for the close, so pieces do not matter
			b.Limit = 2 * time.Minute
			b.Network.Serve = func(*luatest.Call) luatest.Reply { return luatest.Reply{Pieces: p, Close: true} }
			exit := run(t, b)
			if exit.Cause != lua.CauseRtos {
				t.Fatalf("exit %v %s\n%s", exit, exit.Err, b.Text())
			}
			results[strings.Join(printed(b), "\n")] = true
		}
		if len(results) != 1 {
			t.Errorf("the result depends on the pieces: %v", results)
		}
	})
}
