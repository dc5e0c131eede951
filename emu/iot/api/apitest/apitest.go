// Package apitest checks answers against the platform's OpenAPI description:
// every answer that a test sees.
//
//   - [Run] checks all that the platform answers in a test's process, to devices
//     and below /api/v1/, whoever started it. It is in the TestMain of emu,
//     emu/bench, emu/demo, emu/iot, emu/iot/host, emu/iot/store, emu/iot/web,
//     emu/play, emu/sweep and cmd/airlift.
//   - [Record] keeps what a process of its own answers: each airlift that a script
//     of cmd/airlift runs, serve among them. Run checks it at the end.
//   - A [Checker] checks answer by answer in the tests of emu/iot/api.
//
// Not described, and so not checked, are a server's own paths (--route, --site)
// and the pages for people. Of a file only the status and the type are looked at.
package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"airlift/emu/iot/internal/tap"
	"airlift/emu/link"
)

func init() {
	openapi3filter.RegisterBodyDecoder("text/html", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
}

// Reporter is told what is wrong. A test is one.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Checker has a description.
type Checker struct {
	t      Reporter
	router routers.Router
}

// New reads a description and checks it by itself.
func New(t testing.TB, spec []byte) *Checker {
	t.Helper()
	c, err := newChecker(t, spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newChecker(t Reporter, spec []byte) (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		return nil, fmt.Errorf("the description is not valid: %w", err)
	}
	router, err := legacy.NewRouter(doc)
	return &Checker{t, router}, err
}

// Answer checks an answer. What is not described may only be answered with 404
// or 405.
func (c *Checker) Answer(req *http.Request, status int, header http.Header, body []byte) {
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		if status != 404 && status != 405 {
			c.t.Errorf("%s %s: not in the description, but answered with %d", req.Method, req.URL, status)
		}
		return
	}
	if r := route.Operation.Responses; r.Status(status) == nil && r.Default() == nil { // the filter lets some redirects pass
		c.t.Errorf("%s %.300s: %d: no such status in the description", req.Method, req.URL, status)
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(req.Context(), in); err != nil {
		c.t.Errorf("%s %.300s: %d: not as described: %v", req.Method, req.URL, status, err)
	}
}

// Handler checks everything that a handler for devices answers.
func (c *Checker) Handler(h link.Handler) link.Handler {
	return link.HandlerFunc(func(req *link.Request) *link.Response {
		resp := h.Serve(req)
		c.seen(tap.Of(req, resp))
		return resp
	})
}

// described are the paths that have to be in the description. On others a server
// has what its owner likes.
var described = []string{api, "/api/site/", "/download/", "/air8000/"}

const api = "/api/v1/"

// seen checks an answer that a tap saw.
func (c *Checker) seen(a tap.Answer) {
	if a.Path == api+"openapi.json" || !slices.ContainsFunc(described, func(p string) bool { return strings.HasPrefix(a.Path, p) }) {
		return
	}
	if a.Device && strings.HasPrefix(a.Path, api) { // a port of devices only has no API
		if a.Status != 404 && a.Status != 405 {
			c.t.Errorf("%s %q: devices are answered with %d where the API is", a.Method, a.Path, a.Status)
		}
		return
	}
	r, err := http.NewRequest(a.Method, "http://127.0.0.1"+a.Path, nil)
	if err != nil {
		if a.Status != 404 && a.Status != 405 {
			c.t.Errorf("%s %q: answered with %d: %v", a.Method, a.Path, a.Status, err)
		}
		return
	}
	c.Answer(r, a.Status, http.Header{"Content-Type": {a.Type}}, a.Body)
}
