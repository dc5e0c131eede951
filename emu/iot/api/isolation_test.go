package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"airlift/emu/iot"
)

// estate is one thing of every kind that an account can have.
type estate struct {
	project, device, firmware, other, rollout, base, webhook, token, log, stray, job int64
	key, identity                                                                    string
}

func (c *client) settle(name string) estate {
	c.w.t.Helper()
	p := want[iot.ProjectInfo](c, 201, "POST", "/projects", NewProject{Name: name})
	e := estate{project: p.ID, key: p.Key, identity: "86" + name}
	e.other = c.upload(p.ID, "name=f&version=1.0.0&all=true", "old firmware of "+name).ID
	e.firmware = c.upload(p.ID, "file_name=f_1.0.1_x.bin&name=f", "firmware of "+name).ID
	want[Number](c, 200, "POST", fmt.Sprintf("/firmware/%d/devices", e.firmware), Identities{[]string{e.identity}})
	want[Added](c, 200, "POST", fmt.Sprintf("/projects/%d/devices", p.ID), Identities{[]string{e.identity}})
	e.device = want[iot.List[iot.Device]](c, 200, "GET", fmt.Sprintf("/projects/%d/devices", p.ID), nil).Items[0].ID
	e.webhook = want[iot.Webhook](c, 201, "POST", "/webhooks", iot.WebhookDraft{URL: "http://127.0.0.1:1/"}).ID
	a := c.do("POST", fmt.Sprintf("/projects/%d/bases?core=3103", p.ID), "", nil)
	var b iot.Base
	if err := json.Unmarshal(a.body, &b); err != nil || a.status != 201 {
		c.w.t.Fatalf("%d %s", a.status, a.body)
	}
	e.base = b.ID
	c.w.ask("imei=" + e.identity + "&project_key=" + p.Key + "&firmware_name=f&version=1.0.0&dfota=1&core_version=3103")
	e.job = want[[]iot.Job](c, 200, "GET", fmt.Sprintf("/projects/%d/jobs", p.ID), nil)[0].ID
	c.w.ask("imei=" + e.identity + "&project_key=" + p.Key + "&firmware_name=f&version=1.0.0")
	e.rollout = want[iot.Rollout](c, 201, "POST", fmt.Sprintf("/projects/%d/rollouts", p.ID), iot.RolloutDraft{Firmware: e.firmware, Name: "r", Groups: []iot.Group{{Percent: 10}}}).ID
	e.token = want[[]iot.Token](c, 200, "GET", "/tokens", nil)[0].ID
	log := want[iot.List[iot.LogEntry]](c, 200, "GET", "/log", nil)
	if log.Total == 0 || log.Items[0].Reason != iot.Deliver {
		c.w.t.Fatalf("log %+v", log)
	}
	e.log = log.Items[0].ID
	c.w.ask("project_key=" + p.Key + "&firmware_name=" + name) // without identity
	c.w.ask("project_key=nobody's")
	log = want[iot.List[iot.LogEntry]](c, 200, "GET", "/log", nil)
	if log.Items[0].Reason != iot.NoIdentity || log.Items[0].FirmwareName != name {
		c.w.t.Fatalf("log %+v", log)
	}
	e.stray = log.Items[0].ID
	return e
}

// ids fills the {id} of a route's path with the right thing of an estate.
func (e estate) ids(path string) string {
	for prefix, id := range map[string]int64{"/projects/": e.project, "/devices/": e.device, "/firmware/": e.firmware, "/rollouts/": e.rollout,
		"/bases/": e.base, "/webhooks/": e.webhook, "/tokens/": e.token, "/log/": e.log, "/jobs/": e.job} {
		if strings.HasPrefix(path, prefix+"{id}") {
			return strings.Replace(path, "{id}", fmt.Sprint(id), 1)
		}
	}
	return path
}

// bodies are valid for each route that takes one.
func (e estate) body(r route) any {
	name := "n"
	switch r.in.(type) {
	case Credentials:
		return Credentials{"somebody", "a long password"}
	case Passwords:
		return Passwords{"wrong one", "a long password"}
	case Named:
		return Named{"n"}
	case NewProject:
		return NewProject{Name: "n"}
	case iot.ProjectUpdate:
		return iot.ProjectUpdate{Name: &name}
	case iot.DeviceUpdate:
		return iot.DeviceUpdate{Name: &name}
	case iot.FirmwareUpdate:
		return iot.FirmwareUpdate{Remark: &name}
	case Identities:
		return Identities{[]string{e.identity}}
	case Transfer:
		return Transfer{Account: "B", Project: "B"}
	case Question:
		return Question{"imei=" + e.identity + "&project_key=" + e.key}
	case iot.RolloutDraft:
		return iot.RolloutDraft{Firmware: e.firmware, Name: "r", Groups: []iot.Group{{Percent: 1}}}
	case iot.RolloutAction:
		return iot.RolloutAction{Action: "start"}
	case iot.WebhookDraft:
		return iot.WebhookDraft{URL: "http://127.0.0.1:1/"}
	}
	return nil
}

func (c *client) call(r route, e estate) answer {
	c.w.t.Helper()
	path := e.ids(r.path)
	if strings.Contains(path, "{") || r.in != nil && e.body(r) == nil {
		c.w.t.Fatalf("%s %s: an estate has to have what this route is about, and a body for it", r.method, r.path)
	}
	switch {
	case r.upload && r.path == "/projects/{id}/bases":
		return c.do(r.method, path+"?core=1", "application/octet-stream", strings.NewReader("core"))
	case r.upload:
		return c.do(r.method, path+"?name=n&version=1.0.0", "application/octet-stream", strings.NewReader("content"))
	case r.path == "/recognise":
		path += "?file_name=f_1.0.1_x.bin"
	}
	return c.json(r.method, path, e.body(r))
}

// swapped are the numbers in queries and bodies that mean somebody's things;
// the others mean nobody's. A new one has to be put into one of the lists, and
// TestIsolation has to send that of somebody else.
var (
	swapped  = []string{"project", "device", "firmware", "rollout", "rollback_to"}
	harmless = []string{
		"offset", "limit", "core_id", "percent", "error_percent", "advance_percent", "min_outcomes", "silent_after_s", "outcomes",
	}
)

// TestEveryIDIsSwapped fails for a number that TestIsolation does not know.
func TestEveryIDIsSwapped(t *testing.T) {
	check := func(r route, name string) {
		if !slices.Contains(swapped, name) && !slices.Contains(harmless, name) {
			t.Errorf("%s %s: whose is %q?", r.method, r.path, name)
		}
	}
	var numbers func(r route, of reflect.Type, name string)
	numbers = func(r route, of reflect.Type, name string) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			numbers(r, of.Elem(), name)
		case reflect.Struct:
			for _, f := range fieldsOf(of) {
				numbers(r, f.of, f.name)
			}
		case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
			check(r, name)
		}
	}
	for _, r := range routes {
		if strings.Count(r.path, "{") > 1 || strings.Contains(strings.ReplaceAll(r.path, "{id}", ""), "{") {
			t.Errorf("%s %s: only {id} is swapped", r.method, r.path)
		}
		for _, p := range r.params {
			if p.kind == "integer" {
				check(r, p.name)
			}
		}
		if r.in != nil {
			numbers(r, reflect.TypeOf(r.in), "")
		}
	}
}

// TestIsolation asks every route with the ids of somebody else, and as nobody.
// All is as if those things did not exist, nothing of the other's appears in
// any answer, and nothing of the other's changes.
func TestIsolation(t *testing.T) {
	w := newWorld(t, Options{})
	a, b := w.user("A"), w.user("B")
	ea, eb := a.settle("secretA"), b.settle("B")
	secrets := []string{ea.key, "secretA", ea.identity, a.token}
	snapshot := func() string {
		var all strings.Builder
		for _, r := range routes {
			if r.method == "GET" && r.path != "/recognise" {
				fmt.Fprintf(&all, "%s %s\n", r.path, a.call(r, ea).body)
			}
		}
		return all.String()
	}
	before := snapshot()
	for _, r := range routes {
		if r.public || r.path == "/session" {
			continue
		}
		name := r.method + " " + r.path
		foreign := ea
		foreign.identity = eb.identity // otherwise the answer would repeat what was sent
		got := b.call(r, foreign)
		if strings.Contains(r.path, "{id}") && got.status != 404 {
			t.Errorf("%s with somebody else's id: %d %s", name, got.status, got.body)
		}
		if r.path == "/explain" && got.status != 404 {
			t.Errorf("%s with somebody else's key: %d %s", name, got.status, got.body)
		}
		for _, s := range secrets {
			if bytes.Contains(got.body, []byte(s)) {
				t.Errorf("%s leaks %q: %s", name, s, got.body)
			}
		}
		// A nonexistent id looks exactly the same.
		if strings.Contains(r.path, "{id}") {
			none := estate{1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, ea.key, eb.identity}
			if other := b.call(r, none); other.status != got.status || !bytes.Equal(other.body, got.body) {
				t.Errorf("%s: %d %s for somebody else's, %d %s for nobody's", name, got.status, got.body, other.status, other.body)
			}
		}
		for _, c := range []*client{{w: w}, {w: w, token: "airlift_wrong"}, {w: w, header: http.Header{"Cookie": {SessionCookie + "=wrong"}}}} {
			if got := c.call(r, ea); got.status != 401 {
				t.Errorf("%s by nobody: %d %s", name, got.status, got.body)
			}
		}
	}
	// What A's devices without identity asked, and what nobody owns.
	all := want[iot.List[iot.LogEntry]](b, 200, "GET", "/log?limit=1000", nil)
	for _, e := range all.Items {
		if e.FirmwareName == "secretA" || strings.Contains(e.URL, "nobody's") {
			t.Errorf("B sees %+v", e)
		}
	}
	stray := b.json("GET", fmt.Sprintf("/log/%d", ea.stray), nil)
	if nothing := b.json("GET", fmt.Sprintf("/log/%d", int64(1e9)), nil); stray.status != 404 || !bytes.Equal(stray.body, nothing.body) {
		t.Errorf("a request without identity: %d %s", stray.status, stray.body)
	}
	// Things of A in bodies and parameters of requests about B's own things.
	for name, got := range map[string]answer{
		"roll-out of A's firmware": b.json("POST", fmt.Sprintf("/projects/%d/rollouts", eb.project), iot.RolloutDraft{Firmware: ea.firmware, Name: "r", Groups: []iot.Group{{Percent: 1}}}),
		"roll back to A's":         b.json("POST", fmt.Sprintf("/rollouts/%d", eb.rollout), iot.RolloutAction{Action: "rollback", RollbackTo: ea.firmware}),
	} {
		if got.status != 404 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	lists := []string{"/log?identity=" + ea.identity}
	things := map[string]int64{"project": ea.project, "device": ea.device, "firmware": ea.firmware, "rollout": ea.rollout}
	for _, r := range routes {
		for _, p := range r.params {
			if slices.Contains(swapped, p.name) {
				lists = append(lists, fmt.Sprintf("%s?%s=%d", r.path, p.name, things[p.name]))
			}
		}
	}
	for _, path := range lists {
		if l := want[iot.List[json.RawMessage]](b, 200, "GET", path, nil); l.Total != 0 || len(l.Items) != 0 {
			t.Errorf("%s: %d rows of somebody else", path, l.Total)
		}
	}
	if got := want[Added](b, 200, "POST", fmt.Sprintf("/projects/%d/devices", eb.project), Identities{[]string{ea.identity}}); got.Added != 0 {
		t.Error("B took A's device")
	}
	// A device of A that has B's key: B's log says so, and nothing about A.
	w.ask("imei=" + ea.identity + "&project_key=" + eb.key + "&firmware_name=f&version=1.0.0")
	foreign := want[iot.List[iot.LogEntry]](b, 200, "GET", "/log?limit=1", nil).Items[0]
	told := b.json("GET", fmt.Sprintf("/log/%d", foreign.ID), nil)
	if foreign.Reason != iot.ForeignAccount || bytes.Contains(told.body, []byte(ea.key)) || bytes.Contains(told.body, []byte(`"secretA`)) {
		t.Errorf("%s %s", foreign.Reason, told.body)
	}
	if after := snapshot(); after != before {
		t.Errorf("B changed A's things:\n%s\nbefore:\n%s", after, before)
	}
}
