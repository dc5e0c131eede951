// Package api is the platform for programs: a REST API with JSON under
// /api/v1/, and its OpenAPI description at /api/v1/openapi.json.
//
// A program sends "Authorization: Bearer TOKEN". A page may use the session
// that it has as a cookie; then everything that changes something needs the
// session's X-CSRF-Token, too. Everything belongs to the account of the token:
// what is somebody else's is 404, as if it did not exist.
//
// One table, [routes], has every operation with the types that go in and out.
// The handlers, the description and the tests are made from it.
package api

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/internal/tap"
)

// Prefix is the path below which everything is.
const Prefix = "/api/v1"

// SessionCookie has the session of a page.
const SessionCookie = "airlift_session"

// CSRFHeader is needed with a session's cookie.
const CSRFHeader = "X-CSRF-Token"

// Limits of what a request may bring.
const (
	jsonBytesMax   = 8 << 20 // a list of 100,000 identities
	uploadBytesMax = iot.FirmwareMax + 1
)

// Options are how the API behaves. Zero fields mean the defaults.
type Options struct {
	// Demo, if not nil, is whose everything is that comes without token and
	// cookie. Only for listeners that nobody else reaches.
	Demo *iot.Account
	// PerSecond and Burst bound the requests of an account, or of an address
	// that has not said who it is; default 50 and 200. Below 0: no limit.
	PerSecond float64
	Burst     int
	// SignUpsPerHour bounds the accounts that an address makes, default 20.
	SignUpsPerHour int
	// Error, if not nil, is told about what goes wrong inside.
	Error func(error)
}

// API is the handler.
type API struct {
	platform iot.Platform
	opt      Options
	mux      *http.ServeMux
	serve    http.Handler
	spec     []byte
	requests *iot.Limiter
	signUps  *iot.Limiter
}

// New returns the handler for all paths below Prefix.
func New(p iot.Platform, opt Options) (*API, error) {
	if opt.PerSecond == 0 {
		opt.PerSecond = 50
	}
	if opt.Burst <= 0 {
		opt.Burst = 200
	}
	if opt.SignUpsPerHour <= 0 {
		opt.SignUpsPerHour = 20
	}
	if opt.Error == nil {
		opt.Error = func(error) {}
	}
	a := &API{platform: p, opt: opt, mux: http.NewServeMux(), requests: iot.NewLimiter(opt.PerSecond, opt.Burst),
		signUps: iot.NewLimiter(float64(opt.SignUpsPerHour)/3600, opt.SignUpsPerHour)}
	var err error
	if a.spec, err = Description(); err != nil {
		return nil, err
	}
	a.serve = tap.Handler(http.HandlerFunc(a.answer))
	for _, r := range routes {
		a.mux.Handle(r.method+" "+Prefix+r.path, a.handler(r))
	}
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(a.spec)
	})
	return a, nil
}

// Description is the OpenAPI description of the API and of what devices ask.
func Description() ([]byte, error) { return json.MarshalIndent(describe(routes), "", "  ") }

// ServeHTTP answers.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.serve.ServeHTTP(w, r) }

func (a *API) answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	handler, pattern := a.mux.Handler(r)
	if pattern == "" {
		a.unknown(w, r, handler)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// unknown answers for paths and methods that are not there, as JSON.
func (a *API) unknown(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &probe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if allow := probe.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		writeError(w, http.StatusMethodNotAllowed, "method", "this path takes "+allow)
		return
	}
	writeError(w, http.StatusNotFound, "not_found", "there is no such path")
}

// probe takes what the mux would answer.
type probe struct{ header http.Header }

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(int)             {}

// call is one request to one route.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	api      *API
	platform iot.Platform
	account  iot.Account
	tenant   iot.Tenant
	session  *iot.Session
	done     bool // the answer was written
}

func (a *API) handler(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				a.opt.Error(fmt.Errorf("%s %s: panic: %v\n%s", r.method, r.path, p, debug.Stack()))
				writeError(w, http.StatusInternalServerError, "internal", "something went wrong inside; it has been logged")
			}
		}()
		c := &call{w: w, r: req, api: a, platform: a.platform}
		out, err := c.run(r)
		switch {
		case err != nil:
			c.fail(err)
		case c.done:
		case r.out == nil:
			w.WriteHeader(r.status)
		default:
			writeJSON(w, r.status, out)
		}
	})
}

func (c *call) run(r route) (any, error) {
	c.w.Header().Set("Vary", "Authorization, Cookie")
	limit := int64(jsonBytesMax)
	if r.upload {
		limit = uploadBytesMax
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, limit)
	if err := c.identify(r); err != nil {
		return nil, err
	}
	if err := checkQuery(c.r, r); err != nil {
		return nil, err
	}
	if c.r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit} // before all of it has come
	}
	return r.handle(c)
}

// errors of the API itself.
var (
	errLogin = errors.New("send a token as Authorization: Bearer TOKEN")
	errCSRF  = errors.New("with a cookie, " + CSRFHeader + " is needed")
	errRate  = errors.New("too many requests, slow down")
	errType  = errors.New("wrong Content-Type")
)

// identify finds out whose request it is, and whether it may go on.
func (c *call) identify(r route) error {
	within := c.api.requests.Allow("address " + remote(c.r))
	secret, bearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	cookie, _ := c.r.Cookie(SessionCookie)
	unknown := errLogin
	if !within {
		unknown = errRate // nor may somebody try out tokens
	}
	if !within && !bearer && cookie == nil {
		return errRate
	}
	if r.public {
		return nil
	}
	by := "page"
	switch {
	case bearer:
		account, err := c.platform.TokenAccount(strings.TrimSpace(secret))
		if errors.Is(err, iot.ErrNotFound) {
			return unknown
		}
		if err != nil {
			return err
		}
		c.account, by = account, "token"
	case cookie != nil:
		s, err := c.platform.Session(cookie.Value)
		if errors.Is(err, iot.ErrNotFound) {
			return unknown
		}
		if err != nil {
			return err
		}
		c.session, c.account = &s, s.Account
		if c.r.Method != http.MethodGet && !equal(c.r.Header.Get(CSRFHeader), s.CSRF) {
			return errCSRF
		}
	case c.api.opt.Demo != nil:
		c.account = *c.api.opt.Demo
	default:
		return errLogin
	}
	if !c.api.requests.Allow("account " + strconv.FormatInt(c.account.ID, 10)) {
		return errRate
	}
	c.tenant = c.platform.Tenant(c.account.ID, by)
	return nil
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// fail answers with an error.
func (c *call) fail(err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = fmt.Errorf("%w: at most %d bytes are taken", iot.ErrTooLarge, tooLarge.Limit)
	}
	for _, m := range failures {
		if errors.Is(err, m.err) {
			if m.retry > 0 {
				c.w.Header().Set("Retry-After", strconv.Itoa(m.retry))
			}
			if m.status == http.StatusUnauthorized {
				c.w.Header().Set("WWW-Authenticate", "Bearer")
			}
			writeError(c.w, m.status, m.reason, err.Error())
			return
		}
	}
	if c.r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
		writeError(c.w, http.StatusBadRequest, "truncated", "the request ended early")
		return
	}
	c.api.opt.Error(fmt.Errorf("%s %s: %w", c.r.Method, c.r.URL.Path, err))
	writeError(c.w, http.StatusInternalServerError, "internal", "something went wrong inside; it has been logged")
}

// failures say how errors are answered. The first that fits counts.
var failures = []struct {
	err    error
	status int
	reason string
	retry  int // seconds, for Retry-After
}{
	{errLogin, http.StatusUnauthorized, "login", 0},
	{errCSRF, http.StatusForbidden, "csrf", 0},
	{errRate, http.StatusTooManyRequests, "rate", 1},
	{errType, http.StatusUnsupportedMediaType, "content_type", 0},
	{iot.ErrCredentials, http.StatusUnauthorized, "credentials", 0},
	{iot.ErrTooMany, http.StatusTooManyRequests, "rate", 30},
	{iot.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large", 0},
	{iot.ErrFileName, http.StatusBadRequest, "file_name", 0},
	{iot.ErrInvalid, http.StatusBadRequest, "invalid", 0},
	{iot.ErrNotFound, http.StatusNotFound, "not_found", 0},
	{iot.ErrExists, http.StatusConflict, "exists", 0},
	{iot.ErrConflict, http.StatusConflict, "conflict", 0},
	{iot.ErrLimit, http.StatusConflict, "limit", 0},
	{iot.ErrBusy, http.StatusServiceUnavailable, "busy", 5},
	{iot.ErrFull, http.StatusInsufficientStorage, "full", 0},
}

// Error is the body of every answer that is not what was asked for.
type Error struct {
	Error  string `json:"error"`  // for people
	Reason string `json:"reason"` // for programs
}

func writeError(w http.ResponseWriter, status int, reason, message string) {
	writeJSON(w, status, Error{strings.ToValidUTF8(message, "\uFFFD"), reason})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // nosniff keeps it from being taken for a page
	if err := enc.Encode(v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":"the answer cannot be written","reason":"internal"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// id is the {id} of the path.
func (c *call) id() int64 {
	n, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return 0 // which nothing has
	}
	return n
}

// query returns a parameter that checkQuery has let pass.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

func (c *call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.query(name), 10, 64)
	return n
}

func (c *call) yes(name string) bool { return c.query(name) == "true" }

func (c *call) time(name string) time.Time {
	t, _ := time.Parse(time.RFC3339, c.query(name))
	return t
}

func (c *call) page() iot.Page {
	return iot.Page{Offset: int(c.number("offset")), Limit: int(c.number("limit"))}
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
