package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// pagesOfSessions are the routes that need a session, from the code that lists
// them.
func pagesOfSessions(t *testing.T) (list [][2]string) {
	t.Helper()
	code, err := os.ReadFile("web.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`p\.page\("(GET|POST) ([^"]+)"`).FindAllStringSubmatch(string(code), -1) {
		list = append(list, [2]string{m[1], strings.Replace(m[2], "/{$}", "/", 1)})
	}
	if len(list) < 45 {
		t.Fatalf("only %d routes found", len(list))
	}
	return list
}

// estate gives an account one of everything, all with id 1.
func (s *site) estate(t *testing.T, p *person) iot.Tenant {
	t.Helper()
	tenant := s.store.Tenant(1, "test")
	p.post("/projects", "name", "hushed project")
	p.post("/devices", "project", "1", "identities", "860000000000017")
	project, err := tenant.Project(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.CreateFirmware(1, iot.FirmwareDraft{FileName: "hushedfw_1103.1.2_LuatOS-SoC_EC618.bin", Allow: true, All: true}, strings.NewReader("hushed file")); err != nil {
		t.Fatal(err)
	}
	s.ask("860000000000017", project.Key, "hushedfw_LuatOS-SoC_EC618", "1103.1.1")
	p.post("/rollouts", "project", "1", "firmware", "1", "name", "hushed roll-out", "percent", "100", "advance", "0", "errors", "0", "least", "1", "silent", "60")
	p.post("/account/tokens", "name", "hushed token")
	p.post("/account/webhooks", "url", "https://example.com/hushed")
	if _, err := s.bench.Start(1, bench.Spec{Model: "Air601", Main: "-- hushed script\nsys = require('sys') sys.run()"}); err != nil {
		t.Fatal(err)
	}
	return tenant
}

// everything is what an account has, to be compared.
func everything(t *testing.T, s *site, tenant iot.Tenant) []any {
	t.Helper()
	var all []any
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	projects, err := tenant.Projects()
	add(projects, err)
	devices, err := tenant.Devices(1, iot.DeviceFilter{}, iot.Page{})
	add(devices, err)
	firmware, err := tenant.Firmware(1, "", iot.Page{})
	add(firmware, err)
	listed, err := tenant.FirmwareDevices(1, "", iot.Page{})
	add(listed, err)
	rollouts, err := tenant.Rollouts(1)
	add(rollouts, err)
	tokens, err := tenant.Tokens()
	add(tokens, err)
	hooks, err := tenant.Webhooks()
	add(hooks, err)
	audit, err := tenant.Audit(iot.Page{})
	add(audit, err)
	return append(all, len(s.bench.Units(1)))
}

var secrets = regexp.MustCompile(`hushed|860000000000017`)

// Somebody else's things are not there: every page and every form with every id
// of another account answers 404, shows nothing and changes nothing.
func TestIsolation(t *testing.T) {
	s := newSite(t)
	tenant := s.estate(t, s.signUp("13800000000"))
	before := everything(t, s, tenant)
	if n := len(before); n != 9 || reflect.ValueOf(before[4]).Len() != 1 || reflect.ValueOf(before[5]).Len() != 1 || reflect.ValueOf(before[6]).Len() != 1 || before[8] != 1 {
		t.Fatalf("the estate is not complete: %+v", before)
	}
	other := s.signUp("13900000000")
	for _, route := range pagesOfSessions(t) {
		method, path := route[0], route[1]
		if method == "POST" && path == "/logout" {
			continue
		}
		if path == "/events" { // would go on for ever; Watch is the tenant's
			continue
		}
		fields := []string{"project", "1", "identities", "860000000000017", "name", "x", "firmware", "1", "identity", "860000000000017",
			"state", "forbid", "which", "allow", "to", "off", "action", "start", "hidden", "on", "do", "publish", "kind", "bin", "version", "1.0.1",
			"model", "Air601", "speed", "1", "poll", "1", "percent", "100", "least", "1", "silent", "1", "account", "13900000000", "allow", "on"}
		named := strings.Contains(path, "{id}") || slices.Contains([]string{"/devices", "/firmware", "/statistics", "/rollouts", "/bench", "/devices/transfer", "/devices/reset"}, path)
		target := strings.Replace(path, "{id}", "1", 1)
		status, body := 0, ""
		if method == "GET" {
			status, body = other.get(target + "?project=1&file=x&model=Air601")
		} else {
			if strings.HasPrefix(path, "/account/password") || path == "/account/tokens" || path == "/account/webhooks" || path == "/projects" {
				continue // their own
			}
			status, body = other.post(target, fields...)
		}
		if path == "/firmware" && method == "POST" {
			if status != 422 { // a file is missing, whoever's the project is
				t.Errorf("%s %s: %d", method, path, status)
			}
		} else if named && status != 404 {
			t.Errorf("%s %s: %d", method, path, status)
		}
		if m := secrets.FindString(body); m != "" {
			t.Errorf("%s %s shows %q", method, path, m)
		}
	}
	if after := everything(t, s, tenant); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%+v\n%+v", before, after)
	}
	// The upload, with a file.
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("project", "1")
	part, _ := w.CreateFormFile("file", "x_1103.1.9_y.bin")
	part.Write([]byte("x"))
	w.Close()
	req, _ := http.NewRequest("POST", s.http.URL+"/firmware", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("X-CSRF-Token", other.csrf)
	if status, _ := other.do(req); status != 404 {
		t.Errorf("an upload into somebody else's project: %d", status)
	}
	if after := everything(t, s, tenant); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%+v\n%+v", before, after)
	}
}

// Without a session every page leads to the log-in, and no form does anything;
// with one, forms need its token and have to come from these pages.
func TestForms(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	tenant := s.estate(t, p)
	before := everything(t, s, tenant)
	nobody := s.person()
	nobody.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, route := range pagesOfSessions(t) {
		target := strings.Replace(route[1], "{id}", "1", 1)
		req, _ := http.NewRequest(route[0], s.http.URL+target, nil)
		status, body := nobody.do(req)
		if status != http.StatusSeeOther && status != http.StatusUnauthorized || secrets.MatchString(body) {
			t.Errorf("%s %s without a session: %d", route[0], target, status)
		}
		if route[0] != "POST" {
			continue
		}
		for name, change := range map[string]func(*http.Request){
			"without a token": func(*http.Request) {},
			"with another":    func(r *http.Request) { r.Header.Set("X-CSRF-Token", strings.Repeat("0", len(p.csrf))) },
			"from elsewhere": func(r *http.Request) {
				r.Header.Set("X-CSRF-Token", p.csrf)
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			},
			"of another origin": func(r *http.Request) {
				r.Header.Set("X-CSRF-Token", p.csrf)
				r.Header.Set("Origin", "http://example.com")
			},
		} {
			req, _ := http.NewRequest("POST", s.http.URL+target, nil)
			change(req)
			if status, _ := p.do(req); status != http.StatusForbidden {
				t.Errorf("POST %s %s: %d", target, name, status)
			}
		}
	}
	if after := everything(t, s, tenant); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%+v\n%+v", before, after)
	}
}

// What devices say is text, wherever it is shown, and every answer says that it
// runs no scripts but the server's.
func TestHostileText(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	evil := `<img_src=x_onerror=alert(1)>"'` + "`"
	p.post("/projects", "name", evil, "description", evil)
	project, err := s.store.Tenant(1, "test").Project(1)
	if err != nil {
		t.Fatal(err)
	}
	s.ask(evil, project.Key, evil, evil)
	if _, err := s.store.Tenant(1, "test").CreateFirmware(1, iot.FirmwareDraft{FileName: "x.bin", Name: evil, Version: "1.1.1", Remark: evil}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/projects", "/projects/1", "/devices", "/devices/1", "/firmware", "/firmware/1", "/log", "/log/1", "/statistics", "/audit", "/rollouts",
		"/explain?url=/api/site/firmware_upgrade?imei=%3Cimg_src%3D", "/devices?q=%3Cimg_src%3D", "/log?imei=%3Cimg_src%3D", "/firmware/recognise?file=%3Cimg_src%3D.bin"} {
		status, body := p.get(path)
		if status != 200 || strings.Contains(body, "<img") || strings.Contains(body, `onerror=alert(1)>"`) {
			t.Errorf("%s: %d, %q", path, status, body)
		}
	}
	resp, err := http.Get(s.http.URL + "/login")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Content-Security-Policy"); got != policy || strings.Contains(got, "unsafe") {
		t.Errorf("policy %q", got)
	}
}

func TestOwnPath(t *testing.T) {
	for in, want := range map[string]string{
		"/log?imei=1": "/log?imei=1", "/": "/", "": "/", "//example.com": "/", "http://example.com/": "/", `/\example.com`: "/", "/\r\nSet-Cookie: x": "/",
		"javascript:alert(1)": "/", "log": "/", "/a//b": "/a//b", "%2f%2fexample.com": "/", "/%2f%2fexample.com": "/", "/%2f example.com": "/", "/%5cexample.com": "/%5cexample.com",
	} {
		if got := ownPath(in); got != want {
			t.Errorf("%q leads to %q, not %q", in, got, want)
		}
	}
}

// The demo is for this host under its own name.
func TestDemo(t *testing.T) {
	s := newSite(t, func(o *Options) {
		if _, err := o.Platform.SignUp("13800000000", "correct horse"); err != nil {
			t.Fatal(err)
		}
		o.Demo = 1
	})
	p := s.person()
	if status, body := p.get("/"); status != 200 || !strings.Contains(body, "My projects") || strings.Contains(body, "Log out") {
		t.Errorf("the demo: %d\n%s", status, body)
	}
	if status, _ := p.post("/projects", "name", "demo"); status != 200 {
		t.Errorf("making a project: %d", status)
	}
	for _, c := range []struct {
		remote, host string
		ok           bool
	}{
		{"127.0.0.1:5", "localhost:8000", true}, {"[::1]:5", "[::1]:8000", true}, {"127.0.0.1:5", "127.0.0.1", true}, {"[::ffff:127.0.0.1]:5", "LOCALHOST", true},
		{"127.0.0.1:5", "example.com", false}, {"192.168.1.2:5", "localhost", false}, {"127.0.0.1:5", "127.0.0.1.example.com", false}, {"", "localhost", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if got := local(r); got != c.ok {
			t.Errorf("from %s for %s: %v", c.remote, c.host, got)
		}
	}
}

// Bad input gets an answer that says so, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	s := newSite(t, func(o *Options) { o.UploadMax = 1 << 20 })
	p := s.signUp("13800000000")
	p.post("/projects", "name", "demo")
	many := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		path   string
		fields []string
		status int
		says   string
	}{
		{"/projects", []string{"name", ""}, 422, "check what you entered"},
		{"/projects", []string{"name", strings.Repeat("n", 256)}, 422, "check what you entered"},
		{"/projects", []string{"name", "\xff\xfe"}, 422, "check what you entered"},
		{"/projects", []string{"name", many}, 413, "too large"},
		{"/projects/99/delete", nil, 404, "nothing here"},
		{"/projects/x/delete", nil, 404, "nothing here"},
		{"/projects/-1/delete", nil, 404, "nothing here"},
		{"/devices", []string{"project", "1", "identities", " \n \n"}, 422, "at least one IMEI"},
		{"/devices", []string{"project", "1", "identities", strings.Repeat("9", 65)}, 422, "check what you entered"},
		{"/devices/transfer", []string{"project", "1", "account", "nobody", "to", "demo"}, 404, "nothing here"},
		{"/firmware", []string{"project", "1"}, 422, "Choose a file first"},
		{"/rollouts", []string{"project", "1", "firmware", "9", "name", "x", "percent", "100"}, 404, "nothing here"},
		{"/rollouts", []string{"project", "1", "firmware", "1", "name", "x", "percent", "many"}, 422, "percentages"},
		{"/bench", []string{"project", "1", "model", "Air1", "name", "x", "version", "1.0.0", "poll", "1", "speed", "1"}, 422, "no model is called"},
		{"/bench", []string{"project", "1", "model", "Air601", "name", "x", "version", "1", "poll", "1", "speed", "1"}, 422, "VERSION"},
		{"/account/password", []string{"old", "wrong", "new", "new password", "again", "new password"}, 422, "wrong"},
		{"/account/password", []string{"old", "correct horse", "new", "a", "again", "b"}, 422, "differ"},
		{"/account/webhooks", []string{"url", "file:///etc/passwd"}, 422, "check what you entered"},
	} {
		if status, body := p.post(c.path, c.fields...); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %.60q: %d, want %d with %q\n%.600s", c.path, c.fields, status, c.status, c.says, body[strings.Index(body, "<main")+1:])
		}
	}
	for _, path := range []string{"/log?date=yesterday", "/log?project=99", "/devices?project=99", "/log/99", "/bench/99", "/bench/99/events", "/firmware/1/file", "/static/../web.go", "/static/nothing"} {
		if status, body := p.get(path); status != 404 && status != 422 {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	for _, body := range []string{"", "--x\r\n", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\nabc", many} {
		req, _ := http.NewRequest("POST", s.http.URL+"/firmware", strings.NewReader(body))
		req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		req.Header.Set("X-CSRF-Token", p.csrf)
		if status, text := p.do(req); status != 400 && status != 413 && (status != 422 || len(body) > 5) {
			t.Errorf("an upload of %d bytes that is cut off: %d\n%s", len(body), status, text)
		}
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("project", "1")
	part, _ := w.CreateFormFile("file", "../../x_1.1.1_y.bin")
	io.CopyN(part, zeros{}, 1<<20+1)
	w.Close()
	req, _ := http.NewRequest("POST", s.http.URL+"/firmware", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("X-CSRF-Token", p.csrf)
	if status, text := p.do(req); status != 413 {
		t.Errorf("an upload above the limit: %d\n%s", status, text)
	}
	if list, err := s.store.Tenant(1, "test").Firmware(1, "", iot.Page{}); err != nil || list.Total != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A stream tells what happens, ends when nobody reads it, and there are not
// more of them than allowed.
func TestStreams(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	p.post("/projects", "name", "demo")
	project, err := s.store.Tenant(1, "test").Project(1)
	if err != nil {
		t.Fatal(err)
	}
	pages := s.http.Config.Handler.(*Pages)
	open := func() int {
		pages.streams.mu.Lock()
		defer pages.streams.mu.Unlock()
		return pages.streams.total
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var bodies []io.Closer
	for i := range streamsAccountMax + 1 {
		req, _ := http.NewRequestWithContext(ctx, "GET", s.http.URL+"/events", nil)
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if i == streamsAccountMax {
			if resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("stream %d: %d", i+1, resp.StatusCode)
			}
			resp.Body.Close()
			break
		}
		bodies = append(bodies, resp.Body)
		lines := bufio.NewScanner(resp.Body)
		lines.Scan()
		if i > 0 {
			continue
		}
		// It says what happens until it is seen: the watching begins a moment
		// after the stream.
		done := make(chan struct{})
		go func() {
			defer close(done)
			for lines.Scan() {
				if lines.Text() == "event: request" {
					return
				}
			}
			t.Error("the stream ended without an event")
		}()
		for n := 0; ; n++ {
			s.ask(fmt.Sprintf("86000000000%04d", n), project.Key, "x", "1.1.1")
			select {
			case <-done:
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break
		}
	}
	for _, b := range bodies {
		b.Close()
	}
	for open() > 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("%d streams are still open", open())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
