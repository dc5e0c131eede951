package web

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/emu/iot"
)

// Without a session every page leads to the log-in, and no form does anything;
// with one, forms need its token and have to come from these pages.
func TestForms(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	before := e.everything()
	nobody := s.person()
	nobody.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, r := range slices.Concat(sessionRoutes, benchRoutes) {
		method, target := e.target(r.pattern)
		req, _ := http.NewRequest(method, s.http.URL+target, nil)
		status, body := nobody.do(req)
		if status != http.StatusSeeOther && status != http.StatusUnauthorized || secrets.MatchString(body) {
			t.Errorf("%s without a session: %d", r.pattern, status)
		}
		if method != "POST" {
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
	if after := e.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
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

// Choosing a language, and logging in, lead to where one came from only if that
// is here.
func TestBack(t *testing.T) {
	s := newSite(t)
	s.signUp("13800000000")
	p := s.person()
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for back, want := range map[string]string{
		"/log?imei=1": "/log?imei=1", "//example.com/": "/", "https://example.com/": "/", `/\example.com`: "/", "javascript:alert(1)": "/", "": "/",
	} {
		for name, ask := range map[string]func() (*http.Response, error){
			"choose": func() (*http.Response, error) {
				return p.client.Get(s.http.URL + "/choose?language=en&back=" + url.QueryEscape(back))
			},
			"login": func() (*http.Response, error) {
				return p.client.PostForm(s.http.URL+"/login", url.Values{"name": {"13800000000"}, "password": {"correct horse"}, "back": {back}})
			},
		} {
			resp, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != want {
				t.Errorf("%s with back to %q: %d, leads to %q, want %q", name, back, resp.StatusCode, got, want)
			}
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
		{"127.0.0.1:5", "example.com", false}, {"127.0.0.1:5", "192.168.1.2:8000", false}, {"192.168.1.2:5", "localhost", false}, {"127.0.0.1:5", "127.0.0.1.example.com", false}, {"", "localhost", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if got := local(r); got != c.ok {
			t.Errorf("from %s for %s: %v", c.remote, c.host, got)
		}
		w := httptest.NewRecorder()
		if s.pages.ServeHTTP(w, r); w.Code == http.StatusForbidden == c.ok {
			t.Errorf("from %s for %s: %d", c.remote, c.host, w.Code)
		}
	}
}

// Requests of an account, and of an address without one, are bounded, and so are
// the accounts that an address makes. Files that never change are not counted.
func TestRateLimits(t *testing.T) {
	s := newSite(t, func(o *Options) { o.PerSecond, o.Burst, o.SignUpsPerHour = 1e-9, 12, 2 })
	get := func(p *person, path string) (status int, retry string) {
		t.Helper()
		resp, err := p.client.Get(s.http.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	p := s.join("13800000000")
	for range 20 {
		if status, _ := get(p, "/static/app.js"); status != 200 {
			t.Fatalf("a file: %d", status)
		}
	}
	served := 0
	for ; served < 20; served++ {
		status, retry := get(p, "/projects")
		if status == 200 {
			continue
		}
		if status != 429 || retry != "1" {
			t.Errorf("%d, try again after %q s", status, retry)
		}
		break
	}
	if served == 0 || served > 12 {
		t.Errorf("%d pages, 12 are allowed", served)
	}
	s.join("13900000000") // an account has requests of its own
	if status, body := s.person().post("/signup", "name", "13700000000", "password", "correct horse", "again", "correct horse"); status != 429 || !strings.Contains(body, "Too many attempts") {
		t.Errorf("a third account: %d", status)
	}
	nobody := s.person()
	for n := 0; ; n++ {
		if status, _ := get(nobody, "/login"); status == 429 {
			break
		}
		if n > 12 {
			t.Fatal("no limit without a session")
		}
	}
}

// Language and colours are what a person chose, or else what the browser wants.
func TestChoices(t *testing.T) {
	s := newSite(t)
	p := s.person()
	for _, c := range []struct{ choose, has string }{
		{"", `<html lang="en">`},
		{"language=zh", `<html lang="zh-CN">`},
		{"theme=dark", `<html lang="zh-CN" data-theme="dark">`},
		{"theme=light&language=en", `<html lang="en" data-theme="light">`},
		{"theme=auto", `<html lang="en">`},
		{"theme=pink&language=tlh", `<html lang="en">`},
	} {
		if status, body := p.get("/choose?back=/login&" + c.choose); status != 200 || !strings.Contains(body, c.has) {
			t.Errorf("%s: %d %.300s, want %s", c.choose, status, body, c.has)
		}
	}
	req, _ := http.NewRequest("GET", s.http.URL+"/login", nil)
	req.Header.Set("Accept-Language", "fr, zh-CN;q=0.9, en;q=0.5")
	if _, body := s.person().do(req); !strings.Contains(body, `<html lang="zh-CN">`) {
		t.Errorf("a browser that wants Chinese: %.300s", body)
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
		{"/rollouts", []string{"project", "1", "firmware", "1", "name", "x", "percent", "100", "errors", "ten"}, 422, `&#34;ten&#34; is no number`},
		{"/rollouts", []string{"project", "1", "firmware", "1", "name", "x", "percent", "100", "errors", "4294967306"}, 422, "is no number"},
		{"/rollouts", []string{"project", "1", "firmware", "1", "name", "x", "percent", "100", "silent", "307445734561825921"}, 422, "is no number"},
		{"/bench", []string{"project", "1", "model", "Air601", "name", "x", "version", "1.0.0", "poll", "1", "speed", "4294967297"}, 422, "is no number"},
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
}

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
	open := func() int {
		s.pages.streams.mu.Lock()
		defer s.pages.streams.mu.Unlock()
		return s.pages.streams.total
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
		seen := func(event string) {
			t.Helper()
			for lines.Scan() {
				if lines.Text() == "event: "+event {
					return
				}
			}
			t.Fatalf("the stream ended without %s: %v", event, lines.Err())
		}
		seen("request") // the page may have missed something
		seen("change")
		if i == 0 {
			s.ask("860000000000017", project.Key, "x", "1.1.1")
			seen("request")
			if _, err := s.store.Tenant(p.account, "test").CreateFirmware(project.ID, iot.FirmwareDraft{FileName: "x_1.1.1_y.bin"}, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			seen("change")
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
