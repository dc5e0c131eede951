package sweep

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"airlift/emu/fault"
)

func scenarioSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	// A relative name would be one in this folder, whose own may need escapes.
	const name = "https://airlift.invalid/scenario.json"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON turns YAML into what a JSON schema looks at.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The schema takes what the reader takes, and refuses what it refuses.
func TestSchemaAgrees(t *testing.T) {
	schema := scenarioSchema(t)
	entries, err := builtinFiles.ReadDir("scenarios")
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := builtinFiles.ReadFile("scenarios/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, data)); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
	head := "name: a\nchip: Air601\n"
	for text, good := range map[string]bool{
		head: true, "chip: a\n": false, "name: a\n": false,
		head + "hows: [before, after, front 1/2, back 4, bits 1, few 2, most 3]\n": true,
		head + "hows: [sideways]\n": false, head + "hows: [front]\n": false, head + "mode: fast\n": false,
		head + "hows: []\n": false, head + "invariants: []\n": false, head + "brown_outs: [0]\n": false, head + "brown_outs: [1000001]\n": false,
		head + "sample: 1000000000\n": true, head + "sample: 1000000001\n": false, head + "boots_max: 65\n": false,
		head + "cuts: 9\n": false, head + "unknown: 1\n": false, head + "old: {core: V1, unknown: 2}\n": false,
		head + "faults: [{kind: cut, op: 3, how: after}, {kind: cut-at, at: 1.5s}]\n": true,
		head + "faults: [{kind: flood}]\n":                                            false, head + "invariants: [boots, nice]\n": false,
		head + "mode: volume\nvolume: {steps: [{do: write, name: /a, bytes: 9}, {do: rename, name: /a, to: /b}]}\n": true,
		head + "mode: volume\nvolume: {steps: []}\n":                                                                false,
		head + "mode: volume\nvolume: {steps: [{do: sing}]}\n":                                                      false,
		head + "mode: volume\nvolume: {steps: [{do: write, name: /../a, bytes: 1}]}\n":                              false,
		head + "old: {script_bytes: 9999999}\n":                                                                     false, head + "boots_max: 1001\n": false,
	} {
		_, err := ReadScenario([]byte(text))
		if (err == nil) != good {
			t.Errorf("reader on %q: %v", text, err)
		}
		if err := schema.Validate(asJSON(t, []byte(text))); (err == nil) != good {
			t.Errorf("schema on %q: %v", text, err)
		}
	}
}

// Every field is in the schema, and nothing else.
func TestSchemaIsComplete(t *testing.T) {
	var schema struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v     any
		names map[string]any
	}{{Scenario{}, schema.Properties}, {Version{}, schema.Defs["version"].Properties}, {Volume{}, schema.Defs["volume"].Properties}, {FileStep{}, schema.Defs["step"].Properties}, {fault.Fault{}, schema.Defs["fault"].Properties}} {
		typ := reflect.TypeOf(c.v)
		fields := 0
		for i := range typ.NumField() {
			if !typ.Field(i).IsExported() {
				continue
			}
			fields++
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			if _, ok := c.names[name]; !ok {
				t.Errorf("%v: field %s is not in the schema", typ, name)
			}
		}
		if len(c.names) != fields {
			t.Errorf("%v: %d fields, %d in the schema", typ, fields, len(c.names))
		}
	}
}
