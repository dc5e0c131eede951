package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"airlift/emu/iot"
	"airlift/emu/iot/api/apitest"
	"airlift/emu/iot/store"
	"airlift/emu/link"
)

// world is an API on a real store, and the description that every answer is
// checked against.
type world struct {
	t      testing.TB
	store  *store.Store
	api    *API
	check  *apitest.Checker
	device *iot.Server
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t testing.TB, opt Options) *world {
	t.Helper()
	w := &world{t: t, store: must[*store.Store](t)(store.Open(t.TempDir(), store.Options{Every: -1, PrivateWebhooks: true, Error: func(err error) { t.Error(err) }}))}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if opt.PerSecond == 0 {
		opt.PerSecond = -1
	}
	opt.SignUpsPerHour = 1000
	opt.Error = func(err error) { t.Error(err) }
	w.api = must[*API](t)(New(w.store, opt))
	w.check = apitest.New(t, w.api.spec)
	w.device = must[*iot.Server](t)(iot.NewServerOn(w.store, w.store.AnswerSet(), iot.DefaultSettings()))
	return w
}

// client is somebody who uses the API.
type client struct {
	w      *world
	token  string
	header http.Header
}

// answer is what came back, checked against the description.
type answer struct {
	status int
	body   []byte
	header http.Header
}

func (c *client) do(method, path, contentType string, body io.Reader) answer {
	c.w.t.Helper()
	req := httptest.NewRequest(method, "http://127.0.0.1"+Prefix+path, body)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	maps.Copy(req.Header, c.header)
	rec := httptest.NewRecorder()
	c.w.api.ServeHTTP(rec, req)
	a := answer{rec.Code, rec.Body.Bytes(), rec.Header()}
	c.w.check.Answer(req, a.status, a.header, a.body)
	return a
}

func (c *client) json(method, path string, in any) answer {
	c.w.t.Helper()
	if in == nil {
		return c.do(method, path, "", nil)
	}
	return c.do(method, path, "application/json", bytes.NewReader(must[[]byte](c.w.t)(json.Marshal(in))))
}

// want asks and decodes; any other status is fatal.
func want[T any](c *client, status int, method, path string, in any) T {
	c.w.t.Helper()
	a := c.json(method, path, in)
	var v T
	if a.status != status {
		c.w.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if len(a.body) > 0 {
		if err := json.Unmarshal(a.body, &v); err != nil {
			c.w.t.Fatal(err)
		}
	}
	return v
}

// user signs somebody up and gives them a token.
func (w *world) user(name string) *client {
	w.t.Helper()
	page := &client{w: w}
	want[iot.Account](page, 201, "POST", "/accounts", Credentials{name, "password of " + name})
	s := page.json("POST", "/session", Credentials{name, "password of " + name})
	var opened Opened
	if err := json.Unmarshal(s.body, &opened); err != nil || s.status != 201 {
		w.t.Fatalf("%d %s", s.status, s.body)
	}
	cookie, _, _ := strings.Cut(s.header.Get("Set-Cookie"), ";")
	page.header = http.Header{"Cookie": {cookie}}
	page.header.Set(CSRFHeader, opened.CSRF)
	t := want[NewToken](page, 201, "POST", "/tokens", Named{"test"})
	return &client{w: w, token: t.Secret}
}

func (c *client) upload(project int64, query, content string) iot.Firmware {
	c.w.t.Helper()
	a := c.do("POST", fmt.Sprintf("/projects/%d/firmware?%s", project, query), "application/octet-stream", strings.NewReader(content))
	var f iot.Firmware
	if err := json.Unmarshal(a.body, &f); err != nil || a.status != 201 {
		c.w.t.Fatalf("%d %s", a.status, a.body)
	}
	return f
}

// ask asks as a device does.
func (w *world) ask(query string) *link.Response {
	resp := w.check.Handler(w.device).Serve(&link.Request{Method: "GET", Target: iot.Path + "?" + query, Proto: "HTTP/1.1", Time: w.store.Now(), Remote: "10.0.0.2:1"})
	if resp.Done != nil {
		resp.Done(link.Outcome{Whole: true, Time: w.store.Now()})
	}
	return resp
}

func TestDescriptionIsStable(t *testing.T) {
	a, b := must[[]byte](t)(json.Marshal(describe(routes))), must[[]byte](t)(json.Marshal(describe(routes)))
	if !bytes.Equal(a, b) {
		t.Error("two descriptions")
	}
	seen := map[string]bool{}
	for _, r := range routes {
		if op := r.operation(); seen[op] {
			t.Errorf("two operations %s", op)
		} else {
			seen[op] = true
		}
	}
}

// TestEveryRoute uses each route as its owner; the answers are checked against
// the description.
func TestEveryRoute(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.user("A")
	w.user("B")
	e := a.settle("mine")
	var last []route
	for _, r := range routes {
		if r.method == "DELETE" || r.path == "/projects/{id}/devices/transfer" || r.path == "/projects/{id}/devices/reset" {
			last = append([]route{r}, last...) // the deepest first
			continue
		}
		statuses := []int{r.status}
		switch r.path {
		case "/account/password":
			statuses = []int{401} // the old one is wrong
		case "/jobs/{id}/retry":
			statuses = []int{409} // it did not fail
		}
		if got := a.call(r, e); !slices.Contains(statuses, got.status) {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
	for _, r := range last {
		if r.path == "/tokens/{id}" { // at the very end
			continue
		}
		got := a.call(r, e)
		want := r.status
		switch r.path {
		case "/session":
			want = 409 // a token has no session
		case "/projects/{id}/devices/transfer":
			want = 404 // B has no such project
		}
		if got.status != want && !(r.path == "/devices/{id}" && got.status == 404) {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
	if got := a.json("DELETE", fmt.Sprintf("/tokens/%d", e.token), nil); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.json("GET", "/account", nil); got.status != 401 {
		t.Errorf("a deleted token: %d", got.status)
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.user("A")
	e := a.settle("mine")
	project := fmt.Sprintf("/projects/%d", e.project)
	for name, tc := range map[string]struct {
		method, path, kind, body string
		status                   int
		reason                   string
	}{
		"no such path":             {"GET", "/nothing", "", "", 404, "not_found"},
		"wrong method":             {"DELETE", "/projects", "", "", 405, "method"},
		"no content type":          {"POST", "/projects", "", `{"name":"x"}`, 415, "content_type"},
		"wrong content type":       {"POST", "/projects", "text/plain", `{"name":"x"}`, 415, "content_type"},
		"not JSON":                 {"POST", "/projects", "application/json", `{name`, 400, "invalid"},
		"cut JSON":                 {"POST", "/projects", "application/json", `{"name":"x`, 400, "truncated"},
		"cut after a field":        {"POST", "/projects", "application/json", `{"name":"x"`, 400, "truncated"},
		"no JSON at all":           {"POST", "/projects", "application/json", ``, 400, "invalid"},
		"a list":                   {"POST", "/projects", "application/json", `[{"name":"x"}]`, 400, "invalid"},
		"null":                     {"POST", "/projects", "application/json", `null`, 400, "invalid"},
		"deep":                     {"POST", "/projects", "application/json", strings.Repeat("[", 1<<20), 400, "invalid"},
		"deep in a field":          {"POST", "/projects", "application/json", `{"name":` + strings.Repeat(`{"a":`, 1<<20), 400, "invalid"},
		"wrong kind":               {"POST", "/projects", "application/json", `{"name":1}`, 400, "invalid"},
		"two values":               {"POST", "/projects", "application/json", `{"name":"x"}{}`, 400, "invalid"},
		"unknown field":            {"POST", "/projects", "application/json", `{"name":"x","nmae":1}`, 400, "invalid"},
		"empty name":               {"POST", "/projects", "application/json", `{"name":" "}`, 400, "invalid"},
		"long name":                {"POST", "/projects", "application/json", `{"name":"` + strings.Repeat("x", 256) + `"}`, 400, "invalid"},
		"line end in the name":     {"POST", "/projects", "application/json", `{"name":"x\ny"}`, 400, "invalid"},
		"huge body":                {"POST", "/projects", "application/json", `{"name":"` + strings.Repeat("x", 9<<20) + `"}`, 413, "too_large"},
		"unknown comparator":       {"PATCH", project, "application/json", `{"comparator":"best"}`, 400, "invalid"},
		"id is a word":             {"GET", "/projects/x", "", "", 404, "not_found"},
		"id too large":             {"GET", "/projects/99999999999999999999", "", "", 404, "not_found"},
		"id below 0":               {"GET", "/projects/-1", "", "", 404, "not_found"},
		"unknown parameter":        {"GET", "/log?imei=1", "", "", 400, "invalid"},
		"doubled parameter":        {"GET", "/log?limit=1&limit=2", "", "", 400, "invalid"},
		"limit is a word":          {"GET", "/log?limit=x", "", "", 400, "invalid"},
		"offset below 0":           {"GET", "/log?offset=-1", "", "", 400, "invalid"},
		"no time":                  {"GET", "/log?from=yesterday", "", "", 400, "invalid"},
		"broken escape":            {"GET", "/log?identity=%zz", "", "", 400, "invalid"},
		"no identities":            {"POST", project + "/devices", "application/json", `{"identities":[]}`, 400, "invalid"},
		"identity of 65 bytes":     {"POST", project + "/devices", "application/json", `{"identities":["` + strings.Repeat("1", 65) + `"]}`, 400, "invalid"},
		"firmware without a name":  {"POST", project + "/firmware", "application/octet-stream", "x", 400, "file_name"},
		"empty firmware":           {"POST", project + "/firmware?name=f&version=1.0.0", "application/octet-stream", "", 400, "invalid"},
		"firmware as a form":       {"POST", project + "/firmware?name=f&version=1.0.0", "multipart/form-data; boundary=x", "x", 415, "content_type"},
		"allow=yes":                {"POST", project + "/firmware?name=f&version=1.0.0&allow=yes", "application/octet-stream", "x", 400, "invalid"},
		"file name cannot be read": {"GET", "/recognise?file_name=output.bin", "", "", 400, "file_name"},
		"base without core":        {"POST", project + "/bases", "application/octet-stream", "x", 400, "invalid"},
		"base with chip, no file":  {"POST", project + "/bases?core=1&chip=air780e", "", "", 400, "invalid"},
		"roll-out to nobody":       {"POST", project + "/rollouts", "application/json", fmt.Sprintf(`{"firmware":%d,"name":"r"}`, e.firmware), 400, "invalid"},
		"unknown action":           {"POST", fmt.Sprintf("/rollouts/%d", e.rollout), "application/json", `{"action":"go"}`, 400, "invalid"},
		"action out of turn":       {"POST", fmt.Sprintf("/rollouts/%d", e.rollout), "application/json", `{"action":"resume"}`, 409, "conflict"},
		"webhook to a file":        {"POST", "/webhooks", "application/json", `{"url":"file:///etc/passwd"}`, 400, "invalid"},
		"webhook of no event":      {"POST", "/webhooks", "application/json", `{"url":"http://x/","events":["all"]}`, 400, "invalid"},
		"transfer to nobody":       {"POST", project + "/devices/transfer", "application/json", `{"account":"no","project":"no"}`, 404, "not_found"},
		"account exists":           {"POST", "/accounts", "application/json", `{"name":"A","password":"long enough"}`, 409, "exists"},
		"short password":           {"POST", "/accounts", "application/json", `{"name":"C","password":"short"}`, 400, "invalid"},
		"wrong password":           {"POST", "/session", "application/json", `{"name":"A","password":"wrong one"}`, 401, "credentials"},
		"wrong name":               {"POST", "/session", "application/json", `{"name":"nobody","password":"wrong one"}`, 401, "credentials"},
		"explain binary":           {"POST", "/explain", "application/json", "{\"url\":\"imei=\\u0000\"}", 200, ""},
	} {
		got := a.do(tc.method, tc.path, tc.kind, strings.NewReader(tc.body))
		var e Error
		if got.status != tc.status || tc.reason != "" && (json.Unmarshal(got.body, &e) != nil || e.Reason != tc.reason) {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.body, tc.status, tc.reason)
		}
	}
	if p := want[iot.ProjectInfo](a, 200, "GET", project, nil); p.Firmware != 2 || p.Devices != 1 {
		t.Errorf("bad input left something behind: %+v", p)
	}
}

func TestSessionsNeedCSRF(t *testing.T) {
	w := newWorld(t, Options{})
	w.user("A")
	page := &client{w: w}
	a := page.json("POST", "/session", Credentials{"A", "password of A"})
	var s Opened
	json.Unmarshal(a.body, &s)
	set := a.header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(set, part) {
			t.Errorf("cookie %q without %s", set, part)
		}
	}
	cookie, _, _ := strings.Cut(set, ";")
	page.header = http.Header{"Cookie": {cookie}}
	if got := page.json("GET", "/projects", nil); got.status != 200 {
		t.Errorf("reading: %d", got.status)
	}
	for _, token := range []string{"", "wrong", s.CSRF[1:]} {
		page.header.Set(CSRFHeader, token)
		if got := page.json("POST", "/projects", NewProject{Name: "x"}); got.status != 403 {
			t.Errorf("CSRF token %q: %d", token, got.status)
		}
	}
	page.header.Set(CSRFHeader, s.CSRF)
	want[iot.ProjectInfo](page, 201, "POST", "/projects", NewProject{Name: "x"})
	want[any](page, 204, "PUT", "/account/password", Passwords{"password of A", "another password"})
	if got := page.json("GET", "/projects", nil); got.status != 401 {
		t.Errorf("a session outlived the password: %d", got.status)
	}
}

func TestGuessingPasswordsIsSlow(t *testing.T) {
	w := newWorld(t, Options{})
	w.user("A")
	page := &client{w: w}
	var last answer
	for range 6 {
		last = page.json("POST", "/session", Credentials{"A", "not the password"})
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", last.status, last.body)
	}
	if got := page.json("POST", "/session", Credentials{"A", "password of A"}); got.status != 429 {
		t.Errorf("the right one during the pause: %d", got.status)
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t, Options{PerSecond: 0.001, Burst: 40})
	a := w.user("A")
	status := 0
	for i := 0; i < 100 && status != 429; i++ {
		status = a.json("GET", "/projects", nil).status
	}
	if status != 429 {
		t.Error("no limit")
	}
}

// TestGuessingTokensIsSlow checks that wrong tokens count for the address that
// they come from, and do not keep the right one out.
func TestGuessingTokensIsSlow(t *testing.T) {
	w := newWorld(t, Options{PerSecond: 0.001, Burst: 20})
	a := w.user("A")
	guess := &client{w: w, token: "airlift_guess"}
	status := 0
	for i := 0; i < 40 && status != 429; i++ {
		status = guess.json("GET", "/account", nil).status
	}
	if status != 429 {
		t.Error("no limit")
	}
	if got := a.json("GET", "/account", nil); got.status != 200 {
		t.Errorf("the right token: %d", got.status)
	}
}

// TestLimitsAreNoFullDisk creates as many tokens as there may be, and one more.
func TestLimitsAreNoFullDisk(t *testing.T) {
	c := newWorld(t, Options{}).user("a")
	for range 200 {
		switch a := c.json("POST", "/tokens", Named{"t"}); {
		case a.status == 201:
		case a.status != 409 || !strings.Contains(string(a.body), `"limit"`) || strings.Contains(string(a.body), "disk"):
			t.Fatalf("%d %s", a.status, a.body)
		default:
			return
		}
	}
	t.Error("there is no end of tokens")
}

func TestSignUpsAreLimited(t *testing.T) {
	w := newWorld(t, Options{})
	w.api.signUps = iot.NewLimiter(0.001, 2)
	page := &client{w: w}
	var got []int
	for i := range 3 {
		got = append(got, page.json("POST", "/accounts", Credentials{fmt.Sprint("user", i), "a long password"}).status)
	}
	if !slices.Equal(got, []int{201, 201, 429}) {
		t.Errorf("%d", got)
	}
}

func TestDemoNeedsNoToken(t *testing.T) {
	w := newWorld(t, Options{})
	account := must[iot.Account](t)(w.store.SignUp("demo", "a long password"))
	w.api.opt.Demo = &account
	want[iot.ProjectInfo](&client{w: w}, 201, "POST", "/projects", NewProject{Name: "x"})
	if got := (&client{w: w, token: "wrong"}).json("GET", "/projects", nil); got.status != 401 {
		t.Errorf("a wrong token: %d", got.status)
	}
}
