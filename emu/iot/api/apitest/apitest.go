// Package apitest checks answers against the platform's OpenAPI description.
package apitest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"airlift/emu/link"
)

func init() {
	openapi3filter.RegisterBodyDecoder("text/html", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
}

// Checker has a description.
type Checker struct {
	t      testing.TB
	router routers.Router
}

// New reads a description and checks it by itself.
func New(t testing.TB, spec []byte) *Checker {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		t.Fatalf("the description is not valid: %v", err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &Checker{t, router}
}

// Answer checks an answer. What is not described may only be answered with 404
// or 405.
func (c *Checker) Answer(req *http.Request, status int, header http.Header, body []byte) {
	c.t.Helper()
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		if status != 404 && status != 405 {
			c.t.Errorf("%s %s: not in the description, but answered with %d", req.Method, req.URL, status)
		}
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

// Device checks an answer to a device. HEAD is answered as GET is, without the
// body.
func (c *Checker) Device(req *link.Request, resp *link.Response) {
	c.t.Helper()
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, "http://127.0.0.1"+req.Path(), nil)
	if err != nil {
		c.t.Errorf("%s %q: %v", req.Method, req.Target, err)
		return
	}
	header := http.Header{}
	for _, f := range resp.Header {
		header.Add(f.Name, f.Value)
	}
	c.Answer(r, resp.Status, header, resp.Body)
}

// Handler checks everything that a handler for devices answers.
func (c *Checker) Handler(h link.Handler) link.Handler {
	return link.HandlerFunc(func(req *link.Request) *link.Response {
		resp := h.Serve(req)
		c.Device(req, resp)
		return resp
	})
}
