package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"airlift/emu/iot"
)

// body reads a JSON body. Unknown fields are refused, so that a misspelt one
// does not go unnoticed, and so is what has two meanings.
func body[T any](c *call) (T, error) {
	var v T
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return v, fmt.Errorf("%w: expected application/json", errType)
	}
	text, err := io.ReadAll(c.r.Body)
	if err != nil {
		return v, err
	}
	if !utf8.Valid(text) {
		return v, fmt.Errorf("%w: the body is not UTF-8", iot.ErrInvalid)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := exact(d, reflect.TypeFor[T]()); err != nil && !errors.Is(err, errElsewhere) {
		return v, fmt.Errorf("%w: body, offset %d: %w", iot.ErrInvalid, d.InputOffset(), err)
	}
	d = json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return v, err
		}
		return v, fmt.Errorf("%w: body, offset %d: %s", iot.ErrInvalid, d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, fmt.Errorf("%w: body, offset %d: expected one JSON value", iot.ErrInvalid, d.InputOffset())
	}
	return v, nil
}

// errElsewhere ends exact: the decoder knows better what is wrong.
var errElsewhere = errors.New("no such value")

// exact refuses what encoding/json lets pass: a name in another case, and one
// that comes twice. It goes no deeper than the type does.
func exact(d *json.Decoder, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	token, err := d.Token()
	if err != nil {
		return errElsewhere
	}
	switch {
	case token == json.Delim('{') && t.Kind() == reflect.Struct:
		err = exactFields(d, t)
	case token == json.Delim('[') && t.Kind() == reflect.Slice:
		for err == nil && d.More() {
			err = exact(d, t.Elem())
		}
	case token == json.Delim('{'), token == json.Delim('['):
		return errElsewhere
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := d.Token(); err != nil { // the closing one
		return errElsewhere
	}
	return nil
}

func exactFields(d *json.Decoder, t reflect.Type) error {
	types, seen := map[string]reflect.Type{}, map[string]bool{}
	for _, f := range fieldsOf(t) {
		types[f.name] = f.of
	}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errElsewhere
		}
		of, known := types[name]
		switch {
		case !known:
			return fmt.Errorf("unknown field %q", shorten(name))
		case seen[name]:
			return fmt.Errorf("field %q comes twice", name)
		}
		seen[name] = true
		if err := exact(d, of); err != nil {
			return err
		}
	}
	return nil
}

// field is a field of a JSON object.
type field struct {
	name     string
	of       reflect.Type
	optional bool // left out when it is empty
}

// fieldsOf are the fields of a structure in JSON.
func fieldsOf(t reflect.Type) []field {
	var list []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && !f.Anonymous && name != "-" {
			list = append(list, field{name, f.Type, options != ""})
		}
	}
	return list
}

// upload is the body of an upload.
func (c *call) upload() (io.Reader, error) {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/octet-stream" {
		return nil, fmt.Errorf("%w: expected application/octet-stream", errType)
	}
	return c.r.Body, nil
}

// checkQuery refuses parameters that the route does not know, doubled ones, and
// values of the wrong kind.
func checkQuery(r *http.Request, to route) error {
	given, err := queryOf(r)
	if err != nil {
		return err
	}
	for name, values := range given {
		p, known := to.param(name)
		if !known {
			return fmt.Errorf("%w: no parameter %q here", iot.ErrInvalid, shorten(name))
		}
		if len(values) > 1 {
			return fmt.Errorf("%w: parameter %s comes %d times", iot.ErrInvalid, name, len(values))
		}
		if err := p.check(values[0]); err != nil {
			return err
		}
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return s
}
