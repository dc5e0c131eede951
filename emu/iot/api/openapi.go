package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"airlift/emu/iot"
)

// object is a JSON object of the description. Its keys are written in order by
// encoding/json, so the description is always the same.
type object = map[string]any

// describe makes the OpenAPI description of the routes.
func describe(routes []route) object {
	d := &describer{schemas: object{}}
	d.schema(reflect.TypeFor[Error]())
	paths := object{}
	for _, r := range routes {
		path, _ := paths[Prefix+r.path].(object)
		if path == nil {
			path = object{}
			paths[Prefix+r.path] = path
		}
		path[strings.ToLower(r.method)] = d.operation(r)
	}
	maps.Copy(paths, devicePaths())
	return object{
		"openapi": "3.0.3",
		"info": object{
			"title": "airlift IoT platform", "version": "1",
			"description": "Everything that the pages can do, for programs. An id of another account is answered with 404. Unknown fields and parameters are refused.",
		},
		"paths": paths,
		"components": object{
			"schemas": d.schemas,
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": SessionCookie, "description": "needs " + CSRFHeader + " for everything but GET"},
			},
		},
		"security": []object{{"token": []string{}}, {"session": []string{}}},
	}
}

type describer struct{ schemas object }

func (d *describer) operation(r route) object {
	op := object{"operationId": r.operation(), "summary": r.summary, "tags": []string{r.tag}}
	if r.public {
		op["security"] = []object{}
	}
	var params []object
	if strings.Contains(r.path, "{id}") {
		params = append(params, object{"name": "id", "in": "path", "required": true, "schema": object{"type": "integer", "format": "int64"}})
	}
	for _, p := range r.params {
		params = append(params, object{"name": p.name, "in": "query", "description": p.about, "schema": paramSchema(p)})
	}
	if params != nil {
		op["parameters"] = params
	}
	switch {
	case r.upload:
		op["requestBody"] = object{"content": object{"application/octet-stream": object{"schema": object{"type": "string", "format": "binary"}}}}
	case r.in != nil:
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": d.schema(reflect.TypeOf(r.in))}}}
	}
	answer := object{"description": http.StatusText(r.status)}
	switch {
	case r.file:
		answer["content"] = object{"application/octet-stream": object{"schema": object{"type": "string", "format": "binary"}}}
	case r.out != nil:
		answer["content"] = object{"application/json": object{"schema": d.schema(reflect.TypeOf(r.out))}}
	}
	op["responses"] = object{
		strconv.Itoa(r.status): answer,
		"default": object{
			"description": "an error",
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}},
		},
	}
	return op
}

func paramSchema(p param) object {
	if p.kind == "date-time" {
		return object{"type": "string", "format": "date-time"}
	}
	s := object{"type": p.kind}
	if p.kind == "integer" {
		s["minimum"] = 0
	}
	return s
}

// enums are the types with a fixed set of values.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[iot.Outcome]():      texts(iot.Outcomes),
	reflect.TypeFor[iot.Reason]():       texts(iot.Reasons),
	reflect.TypeFor[iot.RolloutState](): texts(iot.RolloutStates),
	reflect.TypeFor[iot.JobState]():     texts([]iot.JobState{iot.JobBuilding, iot.JobReady, iot.JobFailed}),
	reflect.TypeFor[iot.Comparator]():   append([]string{""}, texts(iot.Comparators)...),
	reflect.TypeFor[iot.EventKind]():    texts(iot.WebhookEvents),
}

func texts[T ~string](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

// schema describes a type. Structures are described once, by name.
func (d *describer) schema(t reflect.Type) object {
	if values, ok := enums[t]; ok {
		if t == reflect.TypeFor[iot.Reason]() || t == reflect.TypeFor[iot.Outcome]() {
			values = append(slices.Clone(values), "") // in events that have none
		}
		return object{"type": "string", "enum": values}
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := d.schema(t.Elem())
		if s["$ref"] == nil {
			s["nullable"] = true
		}
		return s
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.structure(t)
	}
	panic("the description has no word for " + t.String())
}

func (d *describer) structure(t reflect.Type) object {
	name := schemaName(t)
	ref := object{"$ref": "#/components/schemas/" + name}
	if d.schemas[name] != nil {
		return ref
	}
	s := object{"type": "object", "additionalProperties": false}
	d.schemas[name] = s
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(t) {
		if properties[f.name] = d.schema(f.of); !f.optional {
			required = append(required, f.name)
		}
	}
	s["properties"] = properties
	if len(required) > 0 && !input(t) {
		s["required"] = required
	}
	return ref
}

// input reports whether a type only goes in: then what is missing has a zero
// value.
func input(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[iot.RolloutDraft](), reflect.TypeFor[iot.WebhookDraft](), reflect.TypeFor[iot.RolloutAction](), reflect.TypeFor[iot.Group]():
		return true
	}
	return false
}

// schemaName is a type's name without package; List[Device] is DeviceList.
func schemaName(t reflect.Type) string {
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	of = strings.TrimSuffix(of[strings.LastIndex(of, ".")+1:], "]")
	return strings.ToUpper(of[:1]) + of[1:] + name
}
