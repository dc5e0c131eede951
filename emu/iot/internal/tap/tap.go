// Package tap is where a test sees every answer of the platform in its process:
// those to devices and those of the REST API. Nothing but package apitest sets
// it, and it changes no answer.
package tap

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"

	"airlift/emu/link"
)

// Answer is one answer.
type Answer struct {
	Method, Path string
	Status       int
	Type         string // Content-Type
	Body         []byte // without that of a binary file
	Device       bool   // of the devices' side
}

// Sum is one number for all of an answer.
func (a Answer) Sum() [sha256.Size]byte {
	head := fmt.Appendf(nil, "%s %q %d %q\n", a.Method, a.Path, a.Status, a.Type)
	return sha256.Sum256(append(head, a.Body...))
}

// See, if not nil, is told every answer, from several goroutines. It is set
// before anything is served.
var See func(Answer)

// Device tells an answer to a device.
func Device(req *link.Request, resp *link.Response) {
	if See != nil {
		See(Of(req, resp))
	}
}

// Of is an answer to a device. HEAD is answered as GET is, without the body.
func Of(req *link.Request, resp *link.Response) Answer {
	a := Answer{Method: req.Method, Path: req.Path(), Status: resp.Status, Type: resp.Header.Get("Content-Type"), Body: resp.Body, Device: true}
	if a.Method == http.MethodHead {
		a.Method = http.MethodGet
	}
	if binary(a.Type) {
		a.Body = nil
	}
	return a
}

// binary reports whether anything may be in a body.
func binary(contentType string) bool { return contentType == "application/octet-stream" }

// Handler is h, whose answers are told if there is somebody to tell.
func Handler(h http.Handler) http.Handler {
	if See == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		h.ServeHTTP(rec, r)
		if rec.cut {
			return // nobody was there to see it
		}
		if rec.status == 0 {
			rec.status = http.StatusOK
		}
		See(Answer{Method: r.Method, Path: r.URL.EscapedPath(), Status: rec.status, Type: w.Header().Get("Content-Type"), Body: rec.body.Bytes()})
	})
}

// recorder keeps a copy of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	cut    bool
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.cut = r.cut || err != nil
	if !binary(r.Header().Get("Content-Type")) {
		r.body.Write(p[:n])
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
