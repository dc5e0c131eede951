package web

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"airlift/emu/bench"
	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link/linktest"
)

// site is a server with pages, for tests.
type site struct {
	t        testing.TB
	store    *store.Store
	server   *iot.Server
	bench    *bench.Bench
	pages    *Pages
	http     *httptest.Server
	url      *url.URL
	problems chan error // faults that were reported
}

// newSite is a site for one test.
func newSite(t testing.TB, change ...func(*Options)) *site {
	t.Helper()
	s, err := openSite(t.TempDir(), nil, change...)
	if err != nil {
		t.Fatal(err)
	}
	s.closedAfter(t)
	return s
}

// closedAfter ends the site with a test, which must not have seen faults.
func (s *site) closedAfter(t testing.TB) {
	s.t = t
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		s.faults()
	})
}

// openSite opens a site on a listener, nil: of its own.
func openSite(dir string, ln net.Listener, change ...func(*Options)) (*site, error) {
	s := &site{problems: make(chan error, 100)}
	var err error
	if s.store, err = store.Open(dir, store.Options{Build: host.Build}); err != nil {
		return nil, err
	}
	if s.server, err = iot.NewServerOn(s.store, s.store.AnswerSet(), noDelay()); err != nil {
		return nil, err
	}
	s.bench = bench.New(bench.Options{Server: s.server, Host: iot.Host, Port: 80, Limits: bench.Limits{OwnerUnits: 8}})
	opt := Options{Platform: s.store, Bench: s.bench, PerSecond: -1, Error: func(err error) { s.problems <- err }}
	for _, f := range change {
		f(&opt)
	}
	if s.pages, err = New(opt); err != nil {
		return nil, err
	}
	if ln == nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	s.http = &httptest.Server{Listener: ln, Config: &http.Server{Handler: s.pages}}
	s.http.Start()
	s.url, err = url.Parse(s.http.URL)
	return s, err
}

// noDelay are settings with which a difference package is sent as soon as it is
// built.
func noDelay() iot.Settings {
	s := iot.DefaultSettings()
	s.DiffDelay = 0
	return s
}

func (s *site) close() error {
	s.bench.Close()
	s.http.CloseClientConnections()
	s.http.Close()
	return s.store.Close()
}

// faults fails the test for each fault that was reported.
func (s *site) faults() {
	s.t.Helper()
	for {
		select {
		case err := <-s.problems:
			s.t.Errorf("a fault was reported: %v", err)
		default:
			return
		}
	}
}

// person is a browser without a screen.
type person struct {
	s       *site
	client  *http.Client
	csrf    string
	account int64 // 0 before signing up
}

func (s *site) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: patience}
	if ln, ok := s.http.Listener.(*linktest.Listener); ok {
		client.Transport = &http.Transport{DialContext: ln.DialContext}
	}
	return &person{s: s, client: client}
}

// signUp makes an account whose person is logged in. That takes one hash of the
// password; by the forms it would be two, of 20 ms each.
func (s *site) signUp(name string) *person {
	s.t.Helper()
	a, err := s.store.SignUp(name, "correct horse")
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := s.store.OpenSession(a)
	if err != nil {
		s.t.Fatal(err)
	}
	p := s.person()
	p.account, p.csrf = a.ID, session.CSRF
	p.client.Jar.SetCookies(s.url, []*http.Cookie{{Name: cookieSession, Value: session.Token, Path: "/"}})
	return p
}

// join makes an account by the form, and logs in.
func (s *site) join(name string) *person {
	s.t.Helper()
	p := s.person()
	if status, body := p.post("/signup", "name", name, "password", "correct horse", "again", "correct horse"); p.csrf == "" {
		s.t.Fatalf("%s could not sign up: %d %s", name, status, body)
	}
	return p
}

var csrfIn = regexp.MustCompile(`X-CSRF-Token&#34;: &#34;([^&]+)&|"X-CSRF-Token": "([^"]+)"`)

func (p *person) do(req *http.Request) (int, string) {
	p.s.t.Helper()
	resp, err := p.client.Do(req)
	if err != nil {
		p.s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.s.t.Fatal(err)
	}
	if m := csrfIn.FindStringSubmatch(string(body)); m != nil {
		p.csrf = m[1] + m[2]
	}
	return resp.StatusCode, string(body)
}

func (p *person) get(path string) (int, string) {
	p.s.t.Helper()
	req, err := http.NewRequest("GET", p.s.http.URL+path, nil)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return p.do(req)
}

// post sends a form of name, value ... and follows to where it leads.
func (p *person) post(path string, fields ...string) (int, string) {
	p.s.t.Helper()
	form := url.Values{"csrf": {p.csrf}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	req, err := http.NewRequest("POST", p.s.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(req)
}

// A live part that is fetched between a change and the page that tells of it
// does not take the message away.
func TestMessageOutlivesLiveParts(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if status, body := p.post("/projects", "name", "demo"); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	live, err := http.NewRequest("GET", s.http.URL+"/devices", nil)
	if err != nil {
		t.Fatal(err)
	}
	live.Header.Set("HX-Request", "true")
	p.do(live)
	for _, told := range []bool{true, false} {
		if _, body := p.get("/projects"); strings.Contains(body, "created.") != told {
			t.Errorf("message %v, want %v", !told, told)
		}
	}
}

func TestPagesOfAnEmptyAccount(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	for _, path := range []string{"/projects", "/devices", "/firmware", "/log", "/statistics", "/rollouts", "/explain", "/bench", "/account", "/audit", "/choose?language=zh&back=/projects"} {
		if status, body := p.get(path); status != 200 || !strings.Contains(body, "<h1>") {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	resp, err := p.client.Get(s.http.URL + "/nothing")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h := resp.Header; resp.StatusCode != 404 || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("an unknown page: %d %v", resp.StatusCode, h)
	}
}
