package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"airlift/emu/bench"
)

// What somebody tries who wants to harm the server, or other accounts.

// as makes a request of a person, for the pages themselves.
func (p *person) as(method, path string, body io.Reader) *http.Request {
	p.s.t.Helper()
	req := httptest.NewRequest(method, p.s.http.URL+path, body)
	for _, k := range p.client.Jar.Cookies(p.s.url) {
		req.AddCookie(k)
	}
	req.Header.Set("X-CSRF-Token", p.csrf)
	return req
}

// watching is how many streams are open.
func (s *site) watching() int {
	s.pages.streams.mu.Lock()
	defer s.pages.streams.mu.Unlock()
	return s.pages.streams.total
}

// eventually waits until something is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.After(patience)
	for !ok() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

// deaf is a browser that takes so many pieces of an answer, and then is gone.
type deaf struct {
	http.ResponseWriter
	takes int
}

func (d *deaf) Write(p []byte) (int, error) {
	if d.takes--; d.takes < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

func (d *deaf) SetWriteDeadline(time.Time) error { return nil }
func (d *deaf) Flush()                           {}

// A stream whose reader is gone before its first byte, or behind any other, does
// not keep its place.
func TestDeafReaders(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	for _, path := range []string{"/events", pathOf("/bench", e.ids["bench"]) + "/events"} {
		for takes := range 3 {
			w := &deaf{httptest.NewRecorder(), takes}
			s.pages.ServeHTTP(w, p.as("GET", path, nil))
			if n := s.watching(); n != 0 {
				t.Fatalf("%s: %d streams are open after %d pieces", path, n, takes)
			}
		}
	}
}

// Streams that are opened and dropped leave neither places nor goroutines.
func TestDroppedStreams(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	count := 200
	if full() {
		count = 10_000
	}
	before := runtime.NumGoroutine()
	for i := range count {
		ctx, drop := context.WithCancel(t.Context())
		path := "/events"
		if i%4 == 0 {
			path = pathOf("/bench", e.ids["bench"]) + "/events"
		}
		eventually(t, "a place", func() bool { return s.watching() < streamsAccountMax })
		req, _ := http.NewRequestWithContext(ctx, "GET", s.http.URL+path, nil)
		resp, err := p.client.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("stream %d: %v, %v", i, resp, err)
		}
		drop()
		resp.Body.Close()
	}
	eventually(t, "all streams end", func() bool { return s.watching() == 0 })
	p.client.CloseIdleConnections()
	eventually(t, "their goroutines end", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// Who logged out, or changed the password, is told nothing more by pages that
// are still open.
func TestStreamsEndWithTheSession(t *testing.T) {
	s := newSite(t)
	s.pages.beat = time.Millisecond
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	for _, path := range []string{"/events", pathOf("/bench", e.ids["bench"]) + "/events"} {
		for name, leave := range map[string]func(){
			"logged out": func() { p.post("/logout") },
			"changed the password": func() {
				p.post("/account/password", "old", "correct horse", "new", "correct horse", "again", "correct horse")
			},
		} {
			resp, err := p.client.Get(s.http.URL + path)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s: %v, %v", path, resp, err)
			}
			leave()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Errorf("%s, %s: the stream goes on: %v", path, name, err)
			}
			resp.Body.Close()
			if status, body := p.get("/projects"); !strings.Contains(body, "Log in") {
				t.Fatalf("%s: %d, still logged in", name, status)
			}
			p.post("/login", "name", "13800000000", "password", "correct horse")
		}
	}
}

// A session begins with a token of its own: one that somebody else chose, or had
// before, is not taken over.
func TestSessionFixation(t *testing.T) {
	s := newSite(t)
	s.signUp("13800000000")
	p := s.person()
	planted := &http.Cookie{Name: cookieSession, Value: "planted", Path: "/"}
	p.client.Jar.SetCookies(s.url, []*http.Cookie{planted})
	p.post("/login", "name", "13800000000", "password", "correct horse")
	tokens := map[string]bool{"planted": true}
	for range 2 {
		for _, k := range p.client.Jar.Cookies(s.url) {
			if k.Name != cookieSession {
				continue
			}
			if tokens[k.Value] {
				t.Errorf("the session has the token %q again", k.Value)
			}
			tokens[k.Value] = true
		}
		p.post("/logout")
		p.post("/login", "name", "13800000000", "password", "correct horse")
	}
	for token := range tokens {
		if _, err := s.store.Session(token); err == nil && token == "planted" {
			t.Error("the planted token is a session")
		}
	}
}

// The session's cookie is for the server alone, and behind TLS for TLS.
func TestCookies(t *testing.T) {
	s := newSite(t)
	s.signUp("13800000000")
	for _, secure := range []bool{false, true} {
		form := url.Values{"name": {"13800000000"}, "password": {"correct horse"}}
		req := httptest.NewRequest("POST", map[bool]string{false: "http", true: "https"}[secure]+"://127.0.0.1/login", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.pages.ServeHTTP(w, req)
		found := false
		for _, k := range w.Result().Cookies() {
			found = found || k.Name == cookieSession
			if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Secure != secure || k.Path != "/" || k.Domain != "" {
				t.Errorf("cookie %v", k)
			}
		}
		if !found {
			t.Errorf("no session: %d", w.Code)
		}
	}
}

// Only a form with a file may be as large as a firmware; nothing else is read
// that far.
func TestLargeForms(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", ""} {
		for _, path := range []string{"/firmware", "/bases"} {
			body := &counter{Reader: io.LimitReader(endless{}, 64<<20)}
			req := p.as("POST", path, body)
			req.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			s.pages.ServeHTTP(w, req)
			if w.Code != http.StatusRequestEntityTooLarge && w.Code != http.StatusUnsupportedMediaType {
				t.Errorf("%q to %s: %d", kind, path, w.Code)
			}
			if body.n.Load() > bodyMax+4096 {
				t.Errorf("%q to %s: %d bytes were read", kind, path, body.n.Load())
			}
		}
	}
	// 2 GB as a firmware: refused at the limit, and nothing of it kept.
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	before := e.everything()
	s.pages.opt.UploadMax = 4 << 20
	head := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a_1.1.1_b.bin\"\r\n\r\n"
	body := &counter{Reader: io.MultiReader(strings.NewReader(head), io.LimitReader(endless{}, 2<<30), strings.NewReader("\r\n--x--\r\n"))}
	req, err := http.NewRequest("POST", s.http.URL+"/firmware", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formWithFiles+"; boundary=x")
	req.Header.Set("X-CSRF-Token", p.csrf)
	resp, err := p.client.Do(req)
	if err == nil { // or the server hung up
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("2 GB: %d", resp.StatusCode)
		}
	}
	if body.n.Load() > 64<<20 {
		t.Errorf("%d bytes of 2 GB were sent", body.n.Load())
	}
	s.settled(len(s.kept()), temporary)
	if after := e.everything(); after != before {
		t.Error("something changed")
	}
}

// endless are bytes without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// counter counts, also what a client sends behind its answer.
type counter struct {
	io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// An account uploads only so many files at a time, and others go on.
func TestUploadsAtATime(t *testing.T) {
	s := newSite(t)
	p, other := s.signUp("13800000000"), s.signUp("13900000000")
	for _, q := range []*person{p, other} {
		if _, err := s.store.Tenant(q.account, "test").CreateProject("demo", ""); err != nil {
			t.Fatal(err)
		}
	}
	upload := func(q *person, body io.Reader) int {
		req := q.as("POST", "/firmware", body)
		req.Header.Set("Content-Type", formWithFiles+"; boundary=x")
		w := httptest.NewRecorder()
		s.pages.ServeHTTP(w, req)
		return w.Code
	}
	var ends []*io.PipeWriter
	done := make(chan int)
	for range uploadsAccountMax {
		r, w := io.Pipe()
		ends = append(ends, w)
		go func() { done <- upload(p, r) }()
		if _, err := w.Write([]byte("-")); err != nil { // it is being read
			t.Fatal(err)
		}
	}
	if got := upload(p, strings.NewReader("--x--\r\n")); got != http.StatusTooManyRequests {
		t.Errorf("one more: %d", got)
	}
	if got := upload(other, strings.NewReader("--x--\r\n")); got != http.StatusUnprocessableEntity {
		t.Errorf("somebody else: %d", got)
	}
	for _, w := range ends {
		w.Close()
		if got := <-done; got != http.StatusBadRequest {
			t.Errorf("one that ended early: %d", got)
		}
	}
	if got := upload(p, strings.NewReader("--x--\r\n")); got != http.StatusUnprocessableEntity {
		t.Errorf("after them: %d", got)
	}
}

// Packages are made one at a time; nobody fills the queue for it.
func TestPackagesAtATime(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	s.pages.making <- struct{}{} // one is being made for somebody
	ask := func() int {
		form := url.Values{"kind": {"bin"}, "version": {"1.0.1"}, "do": {"download"}}
		req := p.as("POST", pathOf("/bench", e.ids["bench"])+"/package", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.pages.ServeHTTP(w, req)
		return w.Code
	}
	done := make(chan int)
	for range makersAccountMax + 3 {
		go func() { done <- ask() }()
	}
	for range 3 {
		if got := <-done; got != http.StatusTooManyRequests {
			t.Errorf("too many packages: %d", got)
		}
	}
	<-s.pages.making
	for range makersAccountMax {
		if got := <-done; got != http.StatusOK {
			t.Errorf("a package: %d", got)
		}
	}
	if n := s.pages.makers.total; n != 0 {
		t.Errorf("%d places are taken after all", n)
	}
}

// Who has a session but not the password cannot find it out.
func TestPasswordGuesses(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	guess := func(old string) int {
		status, _ := p.post("/account/password", "old", old, "new", "another horse", "again", "another horse")
		return status
	}
	for n := range 20 {
		if got := guess(fmt.Sprint("guess ", n)); got == http.StatusTooManyRequests {
			if n < 3 {
				t.Errorf("only %d guesses", n)
			}
			if got := guess("correct horse"); got != http.StatusTooManyRequests {
				t.Errorf("the right one is told from a wrong one: %d", got)
			}
			return
		}
	}
	t.Error("20 guesses were answered")
}

// What belongs to an account is neither kept by the browser nor shown in pages
// of somebody else.
func TestPrivateAnswers(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	for _, path := range append(e.pages(), "/log/export", pathOf("/firmware", e.ids["firmware"])+"/file", "/firmware/recognise?file=x", "/bench/profiles?model=Air601") {
		resp, err := p.client.Get(s.http.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": policy,
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "same-origin",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if strings.Contains(path, "/file") || strings.Contains(path, "/export") {
			if got := resp.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=") {
				t.Errorf("%s is shown: %q", path, got)
			}
		}
	}
}

// The bounds of the bench are those of accounts, also through the pages.
func TestBenchIsFull(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	project, err := s.store.Tenant(p.account, "test").CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	s.pages.opt.Bench = bench.New(bench.Options{Server: s.server, Host: "x", Port: 80, Limits: bench.Limits{OwnerUnits: 1}})
	defer s.pages.opt.Bench.Close()
	start := func() (int, string) {
		return p.post("/bench", "project", fmt.Sprint(project.ID), "model", "Air601", "name", "x", "version", "1.0.0", "poll", "60", "speed", "1")
	}
	if status, body := start(); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := start(); status != http.StatusConflict || !strings.Contains(body, "bench is full") {
		t.Errorf("a second one: %d", status)
	}
}

// What is held in memory for an account is bounded, and of those who have none
// there is little.
func TestHeldInMemory(t *testing.T) {
	s := newSite(t)
	p, other := s.signUp("13800000000"), s.signUp("13900000000")
	export := func(q *person) int { status, _ := q.get("/log/export"); return status }
	form := func(q *person) int { status, _ := q.post("/projects", "name", ""); return status }
	for _, c := range []struct {
		name   string
		places *places
		ask    func(*person) int
		status int
	}{{"an export", &s.pages.exports, export, 200}, {"a form", &s.pages.forms, form, 422}} {
		for n := range c.places.each {
			if got := c.ask(p); got != c.status {
				t.Errorf("%s beside %d others: %d", c.name, n, got)
			}
			if !c.places.take(p.account) {
				t.Fatalf("%s: after %d there is no place", c.name, n)
			}
		}
		if got := c.ask(p); got != http.StatusTooManyRequests {
			t.Errorf("%s too many: %d", c.name, got)
		}
		if got := c.ask(other); got != c.status {
			t.Errorf("%s of somebody else: %d", c.name, got)
		}
		c.places.give(p.account)
		if got := c.ask(p); got != c.status {
			t.Errorf("%s after one ended: %d", c.name, got)
		}
	}
	for _, path := range []string{"/login", "/signup"} {
		if status, _ := s.person().post(path, "name", strings.Repeat("x", entryMax)); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with %d bytes: %d", path, entryMax, status)
		}
	}
}

// Two passwords that differ make no account.
func TestPasswordsDiffer(t *testing.T) {
	s := newSite(t)
	if status, body := s.person().post("/signup", "name", "13800000000", "password", "correct horse", "again", "other horse"); status != 422 || !strings.Contains(body, "differ") {
		t.Errorf("%d %s", status, body)
	}
	if _, err := s.store.SignUp("13800000000", "correct horse"); err != nil {
		t.Errorf("there is an account: %v", err)
	}
}

// A host counts as one address, and it has a whole network of them with IPv6.
func TestAddresses(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1",
		"[2001:db8::1]:5": "2001:db8::/64", "[2001:db8::ffff:1]:7": "2001:db8::/64", "[2001:db8:0:1::1]:5": "2001:db8:0:1::/64",
		"[fe80::1%eth0]:5": "fe80::/64", "pipe": "pipe",
	} {
		c := &ctx{r: &http.Request{RemoteAddr: from}}
		if got := c.asker(); got != want {
			t.Errorf("%s counts as %s, want %s", from, got, want)
		}
	}
}
