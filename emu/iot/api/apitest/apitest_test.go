package apitest_test

import (
	"net/http"
	"testing"

	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/api/apitest"
	"airlift/emu/link"
)

// failures is a test that counts what it is told.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Errorf(string, ...any) { f.n++ }

// TestCheckerFinds checks that answers which are not as described are found.
func TestCheckerFinds(t *testing.T) {
	spec, err := api.Description()
	if err != nil {
		t.Fatal(err)
	}
	f := &failures{TB: t}
	c := apitest.New(f, spec)
	kind := func(k string) http.Header { return http.Header{"Content-Type": {k}} }
	const json = "application/json"
	for name, tc := range map[string]struct {
		method, path string
		status       int
		header       http.Header
		body         string
		wrong        int
	}{
		"right":             {"GET", api.Prefix + "/account", 200, kind(json), `{"id":1,"name":"a"}`, 0},
		"an error":          {"GET", api.Prefix + "/account", 401, kind(json), `{"error":"x","reason":"login"}`, 0},
		"a field less":      {"GET", api.Prefix + "/account", 200, kind(json), `{"id":1}`, 1},
		"a field more":      {"GET", api.Prefix + "/account", 200, kind(json), `{"id":1,"name":"a","password":"b"}`, 1},
		"another kind":      {"GET", api.Prefix + "/account", 200, kind(json), `{"id":"1","name":"a"}`, 1},
		"not JSON":          {"GET", api.Prefix + "/account", 200, kind("text/html"), `{"id":1,"name":"a"}`, 1},
		"an unlike error":   {"GET", api.Prefix + "/account", 401, kind(json), `{"message":"x"}`, 1},
		"not there":         {"GET", api.Prefix + "/nothing", 200, kind(json), `{}`, 1},
		"not there, 404":    {"GET", api.Prefix + "/nothing", 404, kind(json), `{}`, 0},
		"device":            {"GET", iot.Path, 400, kind("text/html; charset=utf-8"), `{"code": 3, "msg": "x"}`, 0},
		"device, JSON type": {"GET", iot.Path, 400, kind(json), `{"code": 3, "msg": "x"}`, 1},
		"device, 403":       {"GET", iot.Path, 403, kind("text/html; charset=utf-8"), "", 1},
		"device, 307":       {"GET", iot.Path, 307, kind("text/html; charset=utf-8"), "", 1},
		"offer":             {"GET", iot.TurnkeyPath, 200, kind(json), `{"code": 0, "msg": "", "size": 1}`, 0},
		"offer, more":       {"GET", iot.TurnkeyPath, 200, kind(json), `{"code": 0, "msg": "", "md5": "x"}`, 1},
	} {
		f.n = 0
		r, err := http.NewRequest(tc.method, "http://127.0.0.1"+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.Answer(r, tc.status, tc.header, []byte(tc.body)); f.n != tc.wrong {
			t.Errorf("%s: %d complaints", name, f.n)
		}
	}
	f.n = 0
	c.Handler(link.HandlerFunc(func(*link.Request) *link.Response { return link.Text(200, "x") })).Serve(&link.Request{Method: "HEAD", Target: iot.Path + "?imei=1"})
	if f.n != 1 {
		t.Errorf("%d complaints about a device's answer", f.n)
	}
}
