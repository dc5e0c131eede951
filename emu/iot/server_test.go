package iot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"airlift/emu/link"
	"airlift/flash/explain"
	"airlift/lua"
)

// stubClock is a virtual clock for one link.
type stubClock struct {
	now   time.Duration
	queue []func()
	at    []time.Duration
}

func (c *stubClock) Now() time.Duration { return c.now }

func (c *stubClock) After(d time.Duration, fn func()) func() {
	i := len(c.queue)
	c.queue, c.at = append(c.queue, fn), append(c.at, c.now+d)
	return func() { c.queue[i] = nil }
}

func (c *stubClock) run() {
	for {
		next := -1
		for i, fn := range c.queue {
			if fn != nil && (next < 0 || c.at[i] < c.at[next]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		fn := c.queue[next]
		c.queue[next], c.now = nil, c.at[next]
		fn()
	}
}

// fetch sends raw bytes to the platform over a link and returns raw bytes.
func fetch(t testing.TB, h link.Handler, request string) string {
	t.Helper()
	n := link.NewNetwork()
	if err := Mount(n, h); err != nil {
		t.Fatal(err)
	}
	clock := new(stubClock)
	l := must[*link.Link](t)(link.New(clock, n, link.Options{}))
	var got []byte
	var c lua.Conn
	c = l.Dial("iot.openluat.com", 80, nil, lua.ConnEvents{
		Connected: func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			c.Send([]byte(request))
		},
		Data:   func(p []byte) { got = append(got, p...) },
		Closed: func(error) {},
	})
	clock.run()
	return string(got)
}

// TestTranscripts are the exchanges of iot-platform.md 8.2, byte for byte.
func TestTranscripts(t *testing.T) {
	w := newWorld(t)
	const name = "demo_LuatOS-SoC_Air780EPM"
	w.add(Firmware{Name: name, Version: "2012.001.001", FileName: "output.bin", Allow: true, All: true})
	w.serve("/") // makes the server
	libfota2 := "GET /api/site/firmware_upgrade?imei=860000000000017&project_key=" + keyA1 + "&firmware_name=" + name +
		"&version=2012.001.000 HTTP/1.1\r\nConnection: Close\r\nHost: iot.openluat.com:80\r\n\r\n"
	head := "HTTP/1.1 200 OK\r\nDate: Wed, 10 Apr 2024 05:44:46 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: 800\r\n" +
		"Connection: close\r\nContent-Disposition: inline; filename=output.bin_20240718155749202132\r\n" +
		"Last-Modified: Thu, 18 Jul 2024 07:57:49 GMT\r\nCache-Control: no-cache\r\nETag: \"1721289469.202132-800-2670069881\"\r\n" +
		"Air-UpgradeTime: 0\r\nSet-Cookie: SERVERID=airlift;Path=/\r\n\r\n"
	if got := fetch(t, w.server, libfota2); got != head+string(w.file) {
		t.Errorf("libfota2: %q", got[:min(len(got), len(head))])
	}
	if len(head) > 2048 {
		t.Errorf("head of %d bytes", len(head))
	}

	rda := "GET /api/site/firmware_upgrade?project_key=" + keyA1 + "&imei=8&firmware_name=" + name + "&core_version=3103&dfota=1&version=2012.1.0 HTTP/1.1\r\n" +
		"Range: bytes=0-\r\nHost: iot.openluat.com\r\nConnection: short\r\n\r\n"
	w.mem.AddCore("", Version{2: 3103})
	w.server.settings.DiffDelay = 0
	got := fetch(t, w.server, rda)
	if !strings.HasPrefix(got, "HTTP/1.1 206 PARTIAL CONTENT\r\n") || !strings.Contains(got, "\r\nContent-Length: 800\r\nContent-Range: bytes 0-799/800\r\nConnection: close\r\n") ||
		!strings.HasSuffix(got, "\r\n\r\n"+string(w.file)) {
		t.Errorf("RDA8910: %q", got)
	}

	wrong := strings.Replace(libfota2, name, "g", 1)
	want := "HTTP/1.1 400 BAD REQUEST\r\nDate: Wed, 10 Apr 2024 05:44:46 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
		"Content-Length: 53\r\nConnection: close\r\n\r\n" + `{"code": 26, "msg": "\u65e0\u6548\u7684\u56fa\u4ef6"}`
	if got := fetch(t, w.server, wrong); got != want {
		t.Errorf("error: %q", got)
	}
	if got := fetch(t, w.server, strings.Replace(wrong, "Connection: Close\r\n", "", 1)); got != strings.Replace(want, "close", "keep-alive", 1) {
		t.Errorf("error without Connection: Close: %q", got)
	}
}

func TestRanges(t *testing.T) {
	for _, tc := range []struct {
		value        string
		status       int
		body         string
		contentRange string
	}{
		{"bytes=0-", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=4-", 206, "456789", "bytes 4-9/10"},
		{"bytes=4-5", 206, "45", "bytes 4-5/10"},
		{"bytes=10-", 416, "", "bytes */10"},
		{"bytes=x", 200, "0123456789", ""},
	} {
		for _, ignore := range []bool{false, true} {
			w := newWorld(t)
			w.s.IgnoreRange = ignore
			w.file = []byte("0123456789")
			w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
			resp := w.serve(Path+"?"+q(imei, keyA1, "f", "1.0.0"), link.Field{Name: "Range", Value: tc.value})
			status, body, cr := tc.status, tc.body, tc.contentRange
			if ignore {
				status, body, cr = 200, "0123456789", ""
			}
			if resp.Status != status || string(resp.Body) != body || resp.Header.Get("Content-Range") != cr {
				t.Errorf("%s, ignored %v: %d %q %q", tc.value, ignore, resp.Status, resp.Body, resp.Header.Get("Content-Range"))
			}
		}
	}
}

func TestRedirect(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1.0.1", FileName: "output.bin", Allow: true, All: true})
	resp, d := w.ask(q(imei, keyA1, "f", "1.0.0") + "&need_oss_url=1")
	path := fmt.Sprintf("/download/%x/output.bin", sha256.Sum256(w.file))
	to := ""
	for _, f := range resp.Header {
		if f.Name == "Location" { // this spelling
			to = f.Value
		}
	}
	if resp.Status != 302 || len(resp.Body) != 0 || to != "http://iot.openluat.com"+path || !d.Redirect {
		t.Fatalf("%d %q", resp.Status, to)
	}
	if file := w.serve(path); file.Status != 200 || !bytes.Equal(file.Body, w.file) {
		t.Errorf("download: %d", file.Status)
	}
	// What is not a whole sum, or is that of nothing, is no file.
	for _, path := range []string{"/download/1/output.bin", "/download/0", "/download/", "/download/x", path[:len("/download/")+32], "/download/" + strings.Repeat("0", 64)} {
		if file := w.serve(path); file.Status != 404 {
			t.Errorf("%s: %d", path, file.Status)
		}
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	w.serve("/")
	for _, tc := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/", 404}, {"GET", Path + "/", 404}, {"GET", strings.ToUpper(Path), 404}, {"POST", Path, 405}, {"GET", "*", 404},
		{"GET", Path, 400}, {"HEAD", Path, 400}, {"GET", "http://iot.openluat.com" + Path + "?imei=1", 400},
	} {
		resp := w.server.Serve(&link.Request{Method: tc.method, Target: tc.target, Time: noon})
		if resp.Status != tc.status {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.target, resp.Status, tc.status)
		}
	}
	log := w.mem.Log()
	if len(log) != 3 || log[0].Reason != NoIdentity || log[1].Reason != NoIdentity || log[2].Reason != UnknownProject {
		t.Errorf("every question is logged, and nothing else: %+v", log)
	}
}

// TestNoIdentityIsLogged checks that a question without identity is logged for
// the project whose key it has, in both APIs, and that explaining it tells nobody
// whose key that is.
func TestNoIdentityIsLogged(t *testing.T) {
	for _, target := range []string{Path + "?project_key=", TurnkeyPath + "?uid=&project_key="} {
		for key, project := range map[string]int64{keyA1: 1, keyB1: 3, "123": 0, "": 0} {
			w := newWorld(t)
			w.serve(target + key + "&firmware_name=f&version=1.0.0")
			log := w.mem.Log()
			if len(log) != 1 || log[0].Reason != NoIdentity || log[0].Project != project || log[0].Identity != "" || len(log[0].Steps) != 1 {
				t.Errorf("%s%s: %+v", target, key, log)
			}
			if _, d, err := w.server.Explain(target+key, noon); err != nil || d.Project != nil || len(d.Steps) != 1 {
				t.Errorf("%s%s: explained %+v: %v", target, key, d, err)
			}
		}
	}
}

// brokenStore fails where it is told to.
type brokenStore struct {
	*Mem
	apply, content error
}

func (b *brokenStore) Apply(e Effects) error {
	if b.apply != nil {
		return b.apply
	}
	return b.Mem.Apply(e)
}

func (b *brokenStore) Content(id int64, job *Job) (Content, error) {
	if b.content != nil {
		return Content{}, b.content
	}
	return b.Mem.Content(id, job)
}

func TestBrokenStore(t *testing.T) {
	broken := errors.New("disk full")
	for _, set := range AnswerSetNames {
		for _, b := range []brokenStore{{apply: broken}, {content: broken}} {
			if set == "turnkey" { // has no such address
				continue
			}
			w := newWorld(t)
			w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
			b.Mem = w.mem
			s := must[*Server](t)(NewServer(&b, must[*AnswerSet](t)(AnswersByName(set)), w.s))
			resp := s.Serve(&link.Request{Method: "GET", Target: Path + "?" + q(imei, keyA1, "f", "1.0.0"), Time: noon})
			if resp.Status != 500 || len(resp.Body) != 0 {
				t.Errorf("%s: %d %q", set, resp.Status, resp.Body)
			}
			if d, _ := w.mem.Device(imei); len(d.Deliveries) != 0 {
				t.Errorf("%s: a file that was not sent counts as delivered", set)
			}
		}
	}
}

func TestSelfhostSets(t *testing.T) {
	for _, tc := range []struct {
		set, version string
		status       int
	}{
		{"selfhost-minimal", "1.0.0", 200}, {"selfhost-minimal", "1.0.1", 404}, {"selfhost-minimal", "1.0.2", 404},
		{"selfhost-304", "1.0.0", 200}, {"selfhost-304", "1.0.1", 304}, {"selfhost-304", "1.0.2", 200}, // the accidental rollback
	} {
		w := newWorld(t)
		w.set = tc.set
		w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
		resp, _ := w.ask(q(imei, keyA1, "f", tc.version))
		if resp.Status != tc.status || resp.Status != 200 && len(resp.Body) != 0 {
			t.Errorf("%s %s: %d %q", tc.set, tc.version, resp.Status, resp.Body)
		}
	}
}

// TestOwnFileAtAPathOfThePlatform serves a file where the platform would answer
// otherwise: what the description says of the path does not hold for it, and
// TestMain may not blame it.
func TestOwnFileAtAPathOfThePlatform(t *testing.T) {
	var own Static
	if err := own.Add(Route{Path: wifiPaths[1], Content: []byte("mine")}); err != nil {
		t.Fatal(err)
	}
	s := &Server{Static: &own}
	if resp := s.Serve(&link.Request{Method: "GET", Target: wifiPaths[1]}); resp.Status != 200 || resp.Header.Get("Content-Type") == "application/json" {
		t.Errorf("%d %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}

func TestStatic(t *testing.T) {
	var s Static
	for _, r := range []Route{
		{Path: "/x.bin", Content: []byte("file")},
		{Path: "/none", Status: 404, Content: []byte("no")},
		{Path: "/update", Content: []byte("v2"), Version: "1025.1.2"},
		{Path: "/iotm", Content: []byte("v2"), Version: "v2", Comparator: StringDiffers, NotModified: true},
		{Path: "/endless", Content: []byte("v2"), Version: "1.0.0", Comparator: Always},
		{Path: "/empty"},
	} {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddDir("/files/", fstest.MapFS{"a b.bin": {Data: []byte("dir")}, "sub/c.bin": {Data: []byte("sub")}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		target string
		status int
		body   string
	}{
		{"/x.bin", 200, "file"}, {"/x.bin?", 200, "file"}, {"/x.bin?imei=1&version=9.9.9", 200, "file"}, {"/none", 404, "no"},
		{"/update?version=1025.1.1", 200, "v2"}, {"/update?version=1025.1.2", 404, ""}, {"/update?version=1025.1.3", 404, ""}, {"/update", 404, ""},
		{"/updateimei=1&version=1025.1.1", 404, ""}, // the URL without its question mark
		{"/iotm?version=v2", 304, ""}, {"/iotm?version=v3", 200, "v2"}, {"/endless?version=1.0.0", 200, "v2"}, {"/empty", 200, ""},
		{"/files/a%20b.bin", 200, "dir"}, {"/files/sub/c.bin", 200, "sub"}, {"/files/sub", 404, ""}, {"/files/", 404, ""}, {"/files", 404, ""},
		{"/files/../x.bin", 404, ""}, {"/files/%2e%2e/x.bin", 404, ""}, {"/files/sub/../a%20b.bin", 404, ""}, {"/files//sub/c.bin", 404, ""},
		{"/files/sub%5cc.bin", 404, ""}, {"/files/%zz", 404, ""}, {"/files/%00", 404, ""}, {"/files/c:x", 404, ""},
	} {
		resp := s.Serve(&link.Request{Method: "GET", Target: tc.target, Time: noon})
		if got := string(read(t, resp)); resp.Status != tc.status || got != tc.body || !resp.Close {
			t.Errorf("%s: %d %q close %v", tc.target, resp.Status, got, resp.Close)
		}
	}
	for _, bad := range []Route{{Path: "x"}, {Path: "/x", Status: 100}, {Path: "/x", Version: "1"}, {Path: "/x", Comparator: "best"}} {
		if s.Add(bad) == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// trustingFS opens whatever it is asked for.
type trustingFS struct{ opened []string }

func (f *trustingFS) Open(name string) (fs.File, error) {
	f.opened = append(f.opened, name)
	return nil, fs.ErrNotExist
}

func TestStaticNamesAreCheckedFirst(t *testing.T) {
	var s Static
	files := new(trustingFS)
	s.AddDir("/", files)
	for _, target := range []string{"/../a", "/a/../../b", "/%2e%2e%2fa", "//a", "/a/", "/./a", "/a%00", "/a%5c..%5cb", "/c:/a", "/ok"} {
		s.Serve(&link.Request{Method: "GET", Target: target})
	}
	if len(files.opened) != 1 || files.opened[0] != "ok" {
		t.Errorf("opened %q", files.opened)
	}
}

func read(t testing.TB, r *link.Response) []byte {
	t.Helper()
	if r.File == nil {
		return r.Body
	}
	p := make([]byte, r.Length)
	if _, err := r.File.ReadAt(p, r.Offset); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStaticFolder serves a folder of the host and looks for ways out of it.
func TestStaticFolder(t *testing.T) {
	base := t.TempDir()
	for name, content := range map[string]string{"secret": "secret", "in/x.bin": "0123456789"} {
		os.MkdirAll(filepath.Dir(filepath.Join(base, name)), 0o755)
		if err := os.WriteFile(filepath.Join(base, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	linked := os.Symlink(filepath.Join(base, "secret"), filepath.Join(base, "in", "out")) == nil
	root := must[*os.Root](t)(os.OpenRoot(filepath.Join(base, "in")))
	defer root.Close()
	var s Static
	if err := s.AddDir("/", root.FS()); err != nil {
		t.Fatal(err)
	}
	get := func(target string) *link.Response {
		return s.Serve(&link.Request{Method: "GET", Target: target, Header: link.Header{{Name: "Range", Value: "bytes=2-3"}}})
	}
	resp := get("/x.bin")
	if resp.Status != 206 || string(read(t, resp)) != "23" {
		t.Errorf("%d", resp.Status)
	}
	resp.Done(link.Outcome{})
	if _, err := resp.File.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("the file is open after Done")
	}
	for _, target := range []string{"/../secret", "/%2e%2e/secret", "/out", "/."} {
		if target == "/out" && !linked {
			continue
		}
		if resp := get(target); resp.Status != 404 {
			t.Errorf("%s: %d", target, resp.Status)
		}
	}
}

const exampleConfig = `{
  "answers": "wiki2024",
  "loop": {"count": 3, "window_s": 3600},
  "diff_delay_s": 60,
  "cores": [{"name": "LuatOS-Air_RDA8910_BT_TTS_FLOAT", "version": "3103"}],
  "accounts": [
    {"name": "AAA", "projects": [
      {"name": "PPP", "key": "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM",
       "devices": [{"id": "861234"}, {"id": "861235", "forbidden": true}],
       "firmware": [
         {"file": "out/fotademo_1025.1.1_LuatOS-SoC_AIR601.bin", "all": true},
         {"file": "123.bin", "name": "any", "version": "1.2.99", "devices": ["861234"]}
       ]},
      {"name": "ZZZZZ"}]},
    {"name": "BBB", "projects": [{"name": "QQQ", "comparator": "docs-ac"}]}
  ],
  "static": [{"path": "/x.bin", "file": "123.bin"}, {"path": "/no", "status": 404}]
}`

func TestConfig(t *testing.T) {
	c := must[*Config](t)(LoadConfig([]byte(exampleConfig)))
	s, m, err := c.Build(7, func(name string) ([]byte, error) { return []byte("content of " + name), nil })
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		q("861234", "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM", "fotademo_LuatOS-SoC_AIR601", "1025.1.0"): "200 content of out/fotademo_1025.1.1_LuatOS-SoC_AIR601.bin",
		q("861234", "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM", "any", "1.0.0"):                           "200 content of 123.bin",
		q("861234", projectKey(7, 2), "any", "1.0.0"):                                             "400 " + body(26, "无效的项目"),
		q("861234", projectKey(7, 3), "any", "1.0.0"):                                             "400 " + body(25, "无权限"),
		q("861235", "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM", "any", "1.0.0"):                           "400 " + body(21, "21"),
	} {
		resp := s.Serve(&link.Request{Method: "GET", Target: Path + "?" + query, Time: noon})
		if got := fmt.Sprintf("%d %s", resp.Status, resp.Body); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if resp := s.Serve(&link.Request{Method: "GET", Target: "/x.bin"}); string(resp.Body) != "content of 123.bin" {
		t.Errorf("static: %d %q", resp.Status, resp.Body)
	}
	if s.settings.Loop != (Loop{3, time.Hour, CountSameTarget}) || s.settings.DiffDelay != time.Minute {
		t.Errorf("settings %+v", s.settings)
	}
	if p, _ := m.Project(3); p.Comparator != DocsAC {
		t.Errorf("project %+v", p)
	}
}

func TestConfigErrors(t *testing.T) {
	for in, want := range map[string]string{
		`{"anwsers": "cloud"}`:                  "anwsers",
		`{"answers": 1}`:                        "answers",
		`{`:                                     "the end",
		``:                                      "the end",
		`{} {}`:                                 "more after it",
		`[1]`:                                   "Config",
		`{"answers": "cloud",}`:                 "0x15",
		`{"answers": "x"}`:                      `no answer set "x"`,
		`{"registration": "x"}`:                 "registration",
		`{"comparator": "x"}`:                   "comparator",
		`{"headers": "x"}`:                      "headers",
		`{"loop": {"counts": "x"}}`:             "loop guard",
		`{"loop": {"count": -1}}`:               "loop guard",
		`{"loop": {"window_s": -1}}`:            "window_s",
		`{"diff_delay_s": 9223372036854775807}`: "diff_delay_s",
		`{"cores": [{"version": "x"}]}`:         "cores[0]",
		`{"baselines": [{"name": "a"}]}`:        "baselines[0]",
		`{"accounts": [{}]}`:                    "accounts[0]",
		`{"accounts": [{"name": "a", "projects": [{"name": "p", "key": "a b"}]}]}`:                                                       "projects[0]",
		`{"accounts": [{"name": "a", "projects": [{"name": "p", "devices": [{"id": ""}]}]}]}`:                                            "devices[0]",
		`{"accounts": [{"name": "a", "projects": [{"name": "p", "firmware": [{}]}]}]}`:                                                   "firmware[0]",
		`{"accounts": [{"name": "a", "projects": [{"name": "p"}, {"name": "q", "key": "k"}, {"name": "r", "key": "k"}]}]}`:               "taken",
		`{"accounts": [{"name": "a", "projects": [{"name": "p", "firmware": [{"file": "missing", "name": "n", "version": "1.1.1"}]}]}]}`: "no such file",
		`{"static": [{"path": "x"}]}`: "static[0]",
	} {
		c, err := LoadConfig([]byte(in))
		if err == nil {
			_, _, err = c.Build(1, func(string) ([]byte, error) { return nil, errors.New("no such file") })
		} else if fe := (*explain.FormatError)(nil); !errors.As(err, &fe) {
			t.Errorf("%s: %v is no FormatError", in, err)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func BenchmarkFirmwareRequest(b *testing.B) {
	w := newWorld(b)
	w.s.Loop.Count = 0
	w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
	w.serve("/")
	w.server.OnAccess = nil
	req := &link.Request{Method: "GET", Target: Path + "?" + q(imei, keyA1, "f", "1.0.1"), Proto: "HTTP/1.1", Time: noon}
	b.ReportAllocs()
	for b.Loop() {
		if resp := w.server.Serve(req); resp.Status != 400 {
			b.Fatal(resp.Status)
		}
	}
}
