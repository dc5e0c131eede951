package api

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// MiB is what is far too long.
const MiB = 1 << 20

// TestEveryFieldWrong sends every field of every body in every wrong way. All
// answers are as described; what has no meaning or two is refused, and nothing
// goes wrong inside.
func TestEveryFieldWrong(t *testing.T) {
	refused := []int{400}
	decided := []int{200, 201, 204, 400, 401, 404, 409, 429} // by what the field is
	ways := []struct {
		name   string
		body   func(others, field, value string) string
		status []int
	}{
		{"missing", func(o, f, v string) string { return o }, decided},
		{"null", func(o, f, v string) string { return join(o, f+":null") }, decided},
		{"doubled", func(o, f, v string) string { return join(o, f+":"+v, f+":"+v) }, refused},
		{"wrong case", func(o, f, v string) string { return join(o, strings.ToUpper(f)+":"+v) }, refused},
		{"blank after the name", func(o, f, v string) string { return join(o, strings.TrimSuffix(f, `"`)+` ":`+v) }, refused},
		{"1 MB long", func(o, f, v string) string { return join(o, f+`:"`+strings.Repeat("x", MiB)+`"`) }, []int{400, 401, 404, 429}},
		{"invalid UTF-8", func(o, f, v string) string { return join(o, f+":\"\xff\xfe\"") }, refused},
		{"half of a surrogate pair", func(o, f, v string) string { return join(o, f+`:"\ud800"`) }, decided},
		{"spaces", func(o, f, v string) string { return join(o, f+`:"   "`) }, decided},
		{"nil", func(o, f, v string) string { return join(o, f+`:"nil"`) }, decided},
		{"NUL", func(o, f, v string) string { return join(o, f+`:"\u0000"`) }, decided},
		{"another kind", func(o, f, v string) string { return join(o, f+`:{"x":[1]}`) }, refused},
		{"a huge number", func(o, f, v string) string { return join(o, f+`:1e999`) }, refused},
	}
	w := newWorld(t, Options{})
	a := w.user("A")
	e := a.settle("mine")
	fields := 0
	for _, r := range routes {
		if r.in == nil {
			continue
		}
		good := map[string]json.RawMessage{}
		if err := json.Unmarshal(must[[]byte](t)(json.Marshal(e.body(r))), &good); err != nil {
			t.Fatal(err)
		}
		for _, f := range fieldsOfBody(t, w, r) {
			fields++
			value := "1"
			if v, ok := good[f]; ok {
				value = string(v)
			}
			var others []string
			for _, name := range slices.Sorted(maps.Keys(good)) {
				if name != f {
					others = append(others, quoted(name)+":"+string(good[name]))
				}
			}
			for _, way := range ways {
				body := "{" + way.body(strings.Join(others, ","), quoted(f), value) + "}"
				got := a.do(r.method, e.ids(r.path), "application/json", strings.NewReader(body))
				if !slices.Contains(way.status, got.status) {
					t.Errorf("%s %s, %s %s: %d %.200s", r.method, r.path, f, way.name, got.status, got.body)
				}
				if err := errorOf(got); got.status >= 400 && err.Reason == "" {
					t.Errorf("%s %s, %s %s: %d without a reason", r.method, r.path, f, way.name, got.status)
				}
			}
		}
	}
	if fields < 30 {
		t.Errorf("only %d fields were tried", fields)
	}
}

func quoted(s string) string { return `"` + s + `"` }

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ",")
}

func errorOf(a answer) (e Error) {
	json.Unmarshal(a.body, &e)
	return e
}

// fieldsOfBody takes the fields of a route's body from the description.
func fieldsOfBody(t *testing.T, w *world, r route) []string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(w.api.spec, &doc); err != nil {
		t.Fatal(err)
	}
	ref := doc.Paths[Prefix+r.path][strings.ToLower(r.method)].RequestBody.Content["application/json"].Schema.Ref
	return slices.Sorted(maps.Keys(doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].Properties))
}

// TestEveryParameterWrong is the same for the parameters of queries.
func TestEveryParameterWrong(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.user("A")
	e := a.settle("mine")
	refused := []int{400}
	for _, r := range routes {
		for _, p := range r.params {
			text := p.kind == "string"
			wrong := map[string]struct {
				query  string
				status []int
			}{
				"doubled":       {p.name + "=1&" + p.name + "=1", refused},
				"wrong case":    {strings.ToUpper(p.name) + "=1", refused},
				"1 MB long":     {p.name + "=" + strings.Repeat("1", MiB), refused},
				"invalid UTF-8": {p.name + "=%ff%fe", refused},
				"bad escape":    {p.name + "=%zz", refused},
				"semicolon":     {p.name + "=1;x=2", refused},
				"empty":         {p.name + "=", refused},
				"spaces":        {p.name + "=%20%20", refused},
				"nil":           {p.name + "=nil", refused},
				"NUL":           {p.name + "=%00", refused},
			}
			for way, tc := range wrong {
				if text && !slices.Contains([]string{"doubled", "wrong case", "1 MB long", "invalid UTF-8", "bad escape", "semicolon"}, way) {
					tc.status = []int{200, 201, 400} // a text may be nearly anything
				}
				var got answer
				query := tc.query
				if r.upload {
					for k, v := range map[string]string{"name": "n", "version": "1.0.0", "core": "1"} {
						if _, takes := r.param(k); takes && k != p.name {
							query += "&" + k + "=" + url.QueryEscape(v)
						}
					}
					got = a.do(r.method, e.ids(r.path)+"?"+query, "application/octet-stream", strings.NewReader("content"))
				} else {
					got = a.do(r.method, e.ids(r.path)+"?"+query, "", nil)
				}
				if !slices.Contains(tc.status, got.status) {
					t.Errorf("%s %s, %s %s: %d %.200s", r.method, r.path, p.name, way, got.status, got.body)
				}
			}
		}
	}
}
