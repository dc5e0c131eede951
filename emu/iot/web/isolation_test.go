package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// estate is one thing of every kind that an account can have.
type estate struct {
	s      *site
	tenant iot.Tenant
	owner  int64
	ids    map[string]int64 // by the first part of a page's path
	key    string
	device string // identity
}

// secrets are in everything that an estate has.
var secrets = regexp.MustCompile(`hushed|8600000\d{8}`)

// settle gives an account one of everything.
func (s *site) settle(account int64) *estate {
	s.t.Helper()
	e := &estate{s: s, tenant: s.store.Tenant(account, "test"), owner: account, ids: map[string]int64{}, device: fmt.Sprintf("8600000%08d", account)}
	keep := func(kind string, id int64, err error) {
		s.t.Helper()
		if err != nil || id == 0 {
			s.t.Fatalf("%s: id %d, %v", kind, id, err)
		}
		e.ids[kind] = id
	}
	project, err := e.tenant.CreateProject("hushed project", "")
	keep("projects", project.ID, err)
	e.key = project.Key
	f, err := e.tenant.CreateFirmware(project.ID, iot.FirmwareDraft{FileName: "hushedfw_1103.1.2_LuatOS-SoC_EC618.bin", Allow: true, All: true}, strings.NewReader("hushed file"))
	keep("firmware", f.ID, err)
	if _, err := e.tenant.AddFirmwareDevices(f.ID, []string{e.device}); err != nil {
		s.t.Fatal(err)
	}
	base, err := e.tenant.CreateBase(project.ID, iot.BaseDraft{Core: "3103", FileName: "hushed.soc"}, strings.NewReader("hushed core"))
	keep("bases", base.ID, err)
	s.ask(e.device, project.Key, "hushedfw_LuatOS-SoC_EC618", "1103.1.1")
	s.ask(e.device, project.Key, "hushedfw_LuatOS-SoC_EC618", "1103.1.1&dfota=1&core_version=3103")
	jobs, err := e.tenant.Jobs(project.ID)
	keep("jobs", first(jobs, func(j iot.Job) int64 { return j.ID }), err)
	devices, err := e.tenant.Devices(project.ID, iot.DeviceFilter{}, iot.Page{})
	keep("devices", first(devices.Items, func(d iot.Device) int64 { return d.ID }), err)
	log, err := e.tenant.Log(iot.LogFilter{}, iot.Page{})
	keep("log", first(log.Items, func(l iot.LogEntry) int64 { return l.ID }), err)
	rollout, err := e.tenant.CreateRollout(project.ID, iot.RolloutDraft{Firmware: f.ID, Name: "hushed roll-out", Groups: []iot.Group{{Percent: 100}}})
	keep("rollouts", rollout.ID, err)
	token, _, err := e.tenant.CreateToken("hushed token")
	keep("tokens", token.ID, err)
	hook, err := e.tenant.CreateWebhook(iot.WebhookDraft{URL: "https://example.com/hushed"})
	keep("webhooks", hook.ID, err)
	// Its device asks nothing: nothing of the estate changes by itself.
	spec := bench.Spec{Model: "Air601", Seed: uint64(account) << 8, Project: bench.Project{Name: "hushed", Version: "1.0.0", Key: project.Key, PollS: 3600}}
	if spec.Main, err = spec.Project.Main(); err != nil {
		s.t.Fatal(err)
	}
	spec.Main = strings.Replace(spec.Main, "while true do", "while false do", 1)
	u, err := s.bench.Start(account, spec)
	if err != nil {
		s.t.Fatal(err)
	}
	keep("bench", u.ID, nil)
	return e
}

func first[T any](list []T, id func(T) int64) int64 {
	if len(list) == 0 {
		return 0
	}
	return id(list[0])
}

// target is the method and the path of a route with the id of this estate's
// thing in it.
func (e *estate) target(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.ReplaceAll(path, "{$}", "")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if i := slices.Index(parts, "{id}"); i > 0 {
		id, ok := e.ids[parts[i-1]]
		if !ok {
			e.s.t.Errorf("%s: an estate has nothing of that kind", pattern)
		}
		path = strings.Replace(path, "{id}", fmt.Sprint(id), 1)
	}
	return method, path
}

// everything is what an account has, to be compared.
func (e *estate) everything() string {
	e.s.t.Helper()
	var b strings.Builder
	add := func(v any, err error) {
		e.s.t.Helper()
		if err != nil {
			e.s.t.Fatal(err)
		}
		text, err := json.Marshal(v)
		if err != nil || string(text) == "[]" || string(text) == "null" || strings.HasPrefix(string(text), `{"items":[]`) {
			e.s.t.Fatalf("the estate is not complete: %T %s, %v", v, text, err)
		}
		fmt.Fprintf(&b, "%T %s\n", v, text)
	}
	project, firmware := e.ids["projects"], e.ids["firmware"]
	all := iot.Page{Limit: iot.PageMax}
	projects, err := e.tenant.Projects()
	add(projects, err)
	devices, err := e.tenant.Devices(project, iot.DeviceFilter{}, all)
	add(devices, err)
	files, err := e.tenant.Firmware(project, "", all)
	add(files, err)
	listed, err := e.tenant.FirmwareDevices(firmware, "", all)
	add(listed, err)
	bases, err := e.tenant.Bases(project)
	add(bases, err)
	jobs, err := e.tenant.Jobs(project)
	add(jobs, err)
	rollouts, err := e.tenant.Rollouts(project)
	add(rollouts, err)
	tokens, err := e.tenant.Tokens()
	add(tokens, err)
	hooks, err := e.tenant.Webhooks()
	add(hooks, err)
	log, err := e.tenant.Log(iot.LogFilter{}, all)
	add(log, err)
	audit, err := e.tenant.Audit(all)
	add(audit, err)
	units := 0
	for _, u := range e.s.bench.Units(e.owner) {
		if !off(u) {
			units++
		}
	}
	add(units, nil)
	return b.String()
}

// off reports whether somebody switched a unit off.
func off(u *bench.Unit) bool { s := u.Status(); return s.Phase == bench.PhaseOff && s.End != "" }

// question is how a route is asked about the things of an estate.
type question struct {
	// fields of the query or the form: name, value ... $projects is the id of
	// the estate's project.
	fields []string
	file   string // name of an uploaded file
	mine   bool   // the route is about nothing but who asks
	last   int    // it takes something away: the higher, the later it is asked
}

// questions say how each route is asked. One that is not among them fails the
// test.
var questions = map[string]question{
	"GET /{$}":     {mine: true},
	"POST /logout": {mine: true, last: 5},

	"GET /projects":              {mine: true},
	"POST /projects":             {mine: true, fields: []string{"name", "x"}},
	"GET /projects/{id}":         {},
	"POST /projects/{id}":        {fields: []string{"name", "x"}},
	"POST /projects/{id}/hidden": {fields: []string{"hidden", "on"}},
	"POST /projects/{id}/delete": {last: 3},

	"GET /devices":              {fields: []string{"project", "$projects"}},
	"POST /devices":             {fields: []string{"project", "$projects", "identities", "870000000000999"}},
	"POST /devices/transfer":    {fields: []string{"project", "$projects", "account", "$account", "to", "$project"}, last: 2},
	"POST /devices/reset":       {fields: []string{"project", "$projects"}, last: 2},
	"GET /devices/{id}":         {},
	"POST /devices/{id}":        {fields: []string{"name", "x"}},
	"POST /devices/{id}/state":  {fields: []string{"state", "forbid"}},
	"POST /devices/{id}/delete": {last: 1},

	"GET /firmware":               {fields: []string{"project", "$projects"}},
	"POST /firmware":              {fields: []string{"project", "$projects"}, file: "x_1103.1.9_y.bin"},
	"GET /firmware/recognise":     {mine: true, fields: []string{"file", "x_1103.1.9_y.bin"}},
	"GET /firmware/{id}":          {},
	"POST /firmware/{id}":         {fields: []string{"name", "x", "version", "1.1.1"}},
	"POST /firmware/{id}/switch":  {fields: []string{"which", "allow", "to", "off"}},
	"POST /firmware/{id}/delete":  {last: 2},
	"GET /firmware/{id}/file":     {},
	"POST /firmware/{id}/devices": {fields: []string{"identities", "870000000000999"}},
	"POST /firmware/{id}/unlist":  {fields: []string{"identity", "$device"}},

	"GET /differences":        {fields: []string{"project", "$projects"}},
	"POST /bases":             {fields: []string{"project", "$projects", "core", "3104"}, file: "core.soc"},
	"POST /bases/{id}/delete": {last: 1},
	"POST /jobs/{id}/retry":   {},

	"GET /log":        {fields: []string{"project", "$projects"}},
	"GET /log/export": {fields: []string{"project", "$projects"}},
	"GET /log/{id}":   {},
	"GET /explain":    {fields: []string{"url", "/api/site/firmware_upgrade?imei=1&project_key=$key"}},
	"GET /statistics": {fields: []string{"project", "$projects"}},

	"GET /rollouts":              {fields: []string{"project", "$projects"}},
	"POST /rollouts":             {fields: []string{"project", "$projects", "firmware", "$firmware", "name", "x", "percent", "100", "least", "1", "silent", "1"}},
	"GET /rollouts/{id}":         {},
	"POST /rollouts/{id}":        {fields: []string{"action", "start"}},
	"POST /rollouts/{id}/delete": {last: 1},

	"GET /account":                       {mine: true},
	"POST /account/password":             {mine: true, fields: []string{"old", "correct horse", "new", "correct horse", "again", "correct horse"}, last: 4},
	"POST /account/tokens":               {mine: true, fields: []string{"name", "x"}},
	"POST /account/tokens/{id}/delete":   {last: 1},
	"POST /account/webhooks":             {mine: true, fields: []string{"url", "https://example.com/x"}},
	"POST /account/webhooks/{id}/delete": {last: 1},
	"GET /audit":                         {mine: true},
	"GET /events":                        {mine: true},

	"GET /bench":               {fields: []string{"project", "$projects"}},
	"POST /bench":              {fields: []string{"project", "$projects", "model", "Air601", "name", "x", "version", "1.0.0", "poll", "60", "speed", "1"}},
	"GET /bench/profiles":      {mine: true, fields: []string{"model", "Air601"}},
	"GET /bench/{id}":          {},
	"GET /bench/{id}/events":   {},
	"POST /bench/{id}/power":   {fields: []string{"to", "off"}},
	"POST /bench/{id}/delete":  {last: 1},
	"POST /bench/{id}/package": {fields: []string{"kind", "bin", "version", "1.0.1", "do", "publish"}},
}

// request makes the request of a route about this estate's things, with the
// session's token of whoever asks.
func (e *estate) request(pattern string, q question, csrf string) *http.Request {
	e.s.t.Helper()
	method, path := e.target(pattern)
	fields := url.Values{}
	for i := 0; i+1 < len(q.fields); i += 2 {
		v := q.fields[i+1]
		for kind, id := range e.ids {
			if v == "$"+kind {
				v = fmt.Sprint(id)
			}
		}
		fields.Add(q.fields[i], strings.NewReplacer("$key", e.key, "$device", e.device, "$account", "13900000000", "$project", "other project").Replace(v))
	}
	body, kind := []byte(fields.Encode()), "application/x-www-form-urlencoded"
	if q.file != "" {
		body, kind = multipartForm(e.s.t, fields, q.file, []byte("content"))
	}
	if method == "GET" {
		path, body = path+"?"+fields.Encode(), nil
	}
	req, err := http.NewRequest(method, e.s.http.URL+path, bytes.NewReader(body))
	if err != nil {
		e.s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-CSRF-Token", csrf)
	return req
}

// multipartForm is a form with a file.
func multipartForm(t testing.TB, fields url.Values, name string, content []byte) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, list := range fields {
		for _, v := range list {
			w.WriteField(k, v)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// Somebody else's things are not there: every page and every form with every id
// of another account answers 404, exactly as with an id that nobody has, shows
// nothing and changes nothing. What the owner gets shows that the questions are
// good ones.
func TestIsolation(t *testing.T) {
	s := newSite(t)
	owner, other := s.signUp("13800000000"), s.signUp("13900000000")
	e := s.settle(owner.account)
	if _, err := s.store.Tenant(other.account, "test").CreateProject("other project", ""); err != nil {
		t.Fatal(err)
	}
	nobody := &estate{s: s, ids: map[string]int64{}, key: e.key, device: e.device}
	for kind := range e.ids {
		nobody.ids[kind] = 1 << 40
	}
	before := e.everything()
	routes := slices.Concat(sessionRoutes, benchRoutes)
	known := map[string]bool{}
	for _, r := range routes {
		known[r.pattern] = true
		q, ok := questions[r.pattern]
		if !ok {
			t.Errorf("%s: no question says how to ask it", r.pattern)
			continue
		}
		if q.mine {
			continue
		}
		status, body := other.do(e.request(r.pattern, q, other.csrf))
		if status != 404 {
			t.Errorf("%s: %d", r.pattern, status)
		}
		if m := secrets.FindString(body); m != "" {
			t.Errorf("%s shows %q", r.pattern, m)
		}
		theirs, none := e.request(r.pattern, q, other.csrf), nobody.request(r.pattern, q, other.csrf)
		theirs.Header.Set("HX-Request", "true")
		none.Header.Set("HX-Request", "true")
		_, body1 := other.do(theirs)
		if _, body2 := other.do(none); body1 != body2 {
			t.Errorf("%s: %q for somebody else's, %q for nobody's", r.pattern, body1, body2)
		}
	}
	for pattern := range questions {
		if !known[pattern] {
			t.Errorf("%s: there is no such route", pattern)
		}
	}
	if after := e.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	// What takes something away comes last, and larger things after smaller.
	slices.SortStableFunc(routes, func(a, b route) int { return questions[a.pattern].last - questions[b.pattern].last })
	for _, r := range routes {
		q := questions[r.pattern]
		if strings.HasSuffix(r.pattern, "/events") {
			continue // never ends
		}
		want := "23" // 2xx or 3xx
		if r.pattern == "POST /jobs/{id}/retry" {
			want = "4" // 409: the package is there
		}
		status, body := owner.do(e.request(r.pattern, q, owner.csrf))
		if status == 404 || !strings.Contains(want, fmt.Sprint(status/100)) {
			t.Errorf("%s by the owner: %d\n%s", r.pattern, status, body)
		}
	}
}
