package testrun

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"airlift/flash/explain"
)

func TestParseMetas(t *testing.T) {
	long := `{"model":{` + strings.Repeat(`"a":[1],`, modelsMax) + `"b":[1]}}`
	for _, c := range []struct {
		name, text string
		want       Metas
		err        string // part of the error, empty for none
	}{
		{"empty", `{}`, Metas{}, ""},
		{"usual", "\xEF\xBB\xBF" + `{"timeout": 1.5, "model": {"air8000": [1, 101], "air780 epm": [2]}, "action_count": 1, "description": "d"}`,
			Metas{Timeout: 1500 * time.Millisecond, Models: []ModelBuilds{{"air8000", []int{1, 101}}, {"air780 epm", []int{2}}}, Description: "d"}, ""},
		{"platforms", `{"platform": ["pc", "air1601"], "summary": "s", "testcase_dir": "scripts", "x": {"y": [null]}}`,
			Metas{Models: []ModelBuilds{{Model: "pc"}, {Model: "air1601"}}, Description: "s", ScriptsDir: "scripts"}, ""},
		{"one platform", `{"platform": "pc"}`, Metas{Models: []ModelBuilds{{Model: "pc"}}}, ""},
		{"first description", `{"summary": "a", "description": "b"}`, Metas{Description: "a"}, ""},
		{"not json", `timeout`, Metas{}, "expected JSON"},
		{"list", `[]`, Metas{}, "expected {"},
		{"cut", `{"timeout": 1`, Metas{}, "expected JSON"},
		{"no time", `{"timeout": 0}`, Metas{}, "offset 0xD: timeout: expected seconds"},
		{"too long", `{"timeout": 1e300}`, Metas{}, "expected seconds"},
		{"text as time", `{"timeout": "60"}`, Metas{}, "timeout: expected a number, found string"},
		{"builds", `{"model": {"a": "b"}}`, Metas{}, "builds of a: expected a list of whole numbers, found string"},
		{"half build", `{"model": {"a": [1.5]}}`, Metas{}, "builds of a: expected a whole number, found number 1.5"},
		{"many models", long, Metas{}, "at most 100 models"},
		{"platform number", `{"platform": 5}`, Metas{}, "a name or a list of names"},
		{"behind", `{} {}`, Metas{}, "nothing behind the object"},
		{"huge", "{" + strings.Repeat(" ", metasBytesMax) + "}", Metas{}, "at most 65536 bytes"},
	} {
		got, err := ParseMetas([]byte(c.text))
		if c.err == "" {
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %+v, %v", c.name, got, err)
			}
			continue
		}
		var format *explain.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, expected a FormatError with %q", c.name, err, c.err)
		}
	}
}

// FuzzMetas: any text gives metas within the bounds, or a FormatError.
func FuzzMetas(f *testing.F) {
	for _, s := range []string{`{}`, `{"timeout":1,"model":{"air8000":[1,101]},"platform":["pc"]}`, `{"platform":"pc"}`, `{"a":[[[`, "\xEF\xBB\xBF{", `{"timeout":-1}`, `{"description":5}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMetas(data)
		var format *explain.FormatError
		if err != nil {
			if !errors.As(err, &format) || format.Off < 0 || format.Off > int64(len(data)) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if m.Timeout < 0 || m.Timeout > timeoutMax || len(m.Models) > modelsMax {
			t.Fatalf("out of bounds: %+v", m)
		}
	})
}
