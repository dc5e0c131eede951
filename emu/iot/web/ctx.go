package web

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// ctx is one request of a person.
type ctx struct {
	p       *Pages
	w       http.ResponseWriter
	r       *http.Request
	session *iot.Session // nil without one
	tenant  iot.Tenant   // nil without a session
	lang    string       // "en" or "zh"
}

func (p *Pages) newCtx(w http.ResponseWriter, r *http.Request) *ctx {
	c := &ctx{p: p, w: w, r: r, lang: pageLanguage(r)}
	if p.opt.Demo != 0 {
		c.session = &p.demo
	} else if token := cookie(r, cookieSession); token != "" {
		if s, err := p.opt.Platform.Session(token); err == nil {
			c.session = &s
		}
	}
	if c.session != nil {
		c.tenant = p.opt.Platform.Tenant(c.session.Account.ID, "page")
	}
	return c
}

// stillIn reports whether the session that a request began with is not over:
// somebody may have logged out meanwhile.
func (c *ctx) stillIn() bool {
	if c.session == &c.p.demo {
		return true
	}
	s, err := c.p.opt.Platform.Session(c.session.Token)
	return err == nil && s.Account.ID == c.session.Account.ID
}

// asker is whose requests are counted together.
func (c *ctx) asker() string {
	if c.session != nil {
		return "account " + strconv.FormatInt(c.session.Account.ID, 10)
	}
	return c.address()
}

// address is where a request comes from. Of an IPv6 address it is the network,
// because a host has as many addresses in it as it likes.
func (c *ctx) address() string {
	from, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	addr := from.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// failure is an error that a person is to read.
type failure struct {
	status int
	text   string // translated
	err    error  // more, in English; may be nil
	lang   string // of who reads it
}

func (f *failure) Error() string {
	if f.err == nil {
		return f.text
	}
	return f.text + ": " + f.err.Error()
}

// Text is what a person reads, and Detail what may help besides.
func (f *failure) Text() string { return f.text }
func (f *failure) Detail() string {
	if f.err == nil || f.status == http.StatusNotFound {
		return ""
	}
	return problemIn(f.lang, f.err.Error())
}

func (f *failure) Unwrap() error { return f.err }

// fail makes an error for people.
func (c *ctx) fail(status int, text string) error { return c.failed(status, c.t(text), nil) }

// failed is a failure for who asks.
func (c *ctx) failed(status int, text string, err error) *failure {
	return &failure{status, text, err, c.lang}
}

// explainError turns any error into one for people.
func (c *ctx) explainError(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var tooBig *http.MaxBytesError
	for _, k := range []struct {
		is     error
		status int
		text   string
	}{
		{iot.ErrNotFound, http.StatusNotFound, "There is nothing here, or it is not yours."},
		{bench.ErrNotFound, http.StatusNotFound, "There is nothing here, or it is not yours."},
		{bench.ErrFull, http.StatusConflict, "The bench is full. Remove a virtual device first."},
		{bench.ErrClosed, http.StatusConflict, "The server is shutting down."},
		{iot.ErrCredentials, http.StatusUnprocessableEntity, "Name or password is wrong."},
		{iot.ErrTooMany, http.StatusTooManyRequests, "Too many attempts. Wait a little and try again."},
		{iot.ErrExists, http.StatusConflict, "That exists already."},
		{iot.ErrFileName, http.StatusUnprocessableEntity, "Firmware name and version cannot be read from the file name. Please enter them."},
		{iot.ErrTooLarge, http.StatusRequestEntityTooLarge, "That is too large."},
		{iot.ErrBusy, http.StatusServiceUnavailable, "The database is busy. Try again in a moment."},
		{iot.ErrFull, http.StatusInsufficientStorage, "The server's disk is full."},
		{iot.ErrConflict, http.StatusConflict, "That is not possible now."},
		{iot.ErrLimit, http.StatusConflict, "There are as many as there may be."},
		{iot.ErrInvalid, http.StatusUnprocessableEntity, "Please check what you entered."},
	} {
		if errors.Is(err, k.is) {
			return c.failed(k.status, c.t(k.text), err)
		}
	}
	if errors.As(err, &tooBig) {
		return c.failed(http.StatusRequestEntityTooLarge, c.t("That is too large."), nil)
	}
	c.p.report(fmt.Errorf("%s %s: %w", c.r.Method, c.r.URL.Path, err))
	return c.failed(http.StatusInternalServerError, c.t("Something went wrong on the server."), nil)
}

// finish ends a request that may have failed.
func (c *ctx) finish(err error) {
	if err == nil || errors.Is(err, context.Canceled) { // nobody is there to read it
		return
	}
	f := c.explainError(err)
	if f.status == http.StatusTooManyRequests {
		c.w.Header().Set("Retry-After", "1")
	}
	if c.partial() { // a message beside the form; app.js shows it
		err = c.partWith(f.status, "failure", f)
	} else {
		err = c.render("error", view{Title: c.t("That did not work"), Status: f.status, Data: f})
	}
	if err != nil {
		c.p.report(err)
	}
}

// partial reports whether htmx asks.
func (c *ctx) partial() bool { return c.r.Header.Get("HX-Request") == "true" }

// done goes on to another page, after something was changed.
func (c *ctx) done(to, message string) error {
	if message != "" {
		c.setCookie(cookieFlash, url.QueryEscape(message), time.Minute)
	}
	return c.to(to)
}

func (c *ctx) to(to string) error {
	if c.partial() {
		c.w.Header().Set("HX-Redirect", to)
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(c.w, c.r, to, http.StatusSeeOther)
	return nil
}

const (
	cookieSession  = "airlift_session"
	cookieLanguage = "airlift_language"
	cookieTheme    = "airlift_theme"
	cookieProject  = "airlift_project"
	cookieFlash    = "airlift_message"
)

func cookie(r *http.Request, name string) string {
	k, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return k.Value
}

// setCookie sets a cookie for a while; 0 takes it away.
func (c *ctx) setCookie(name, value string, age time.Duration) {
	k := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: c.r.TLS != nil, SameSite: http.SameSiteLaxMode, MaxAge: -1}
	if age > 0 {
		k.MaxAge = int(age / time.Second)
	}
	http.SetCookie(c.w, k)
}

// checkToken refuses forms that this session's pages did not make.
func (c *ctx) checkToken() error {
	got := c.r.Header.Get("X-CSRF-Token")
	if got == "" {
		got = c.r.PostFormValue("csrf")
	}
	if c.session.CSRF == "" || subtle.ConstantTimeCompare([]byte(got), []byte(c.session.CSRF)) != 1 {
		return c.fail(http.StatusForbidden, "This page is too old. Load it again and repeat.")
	}
	return nil
}

// memoryMax is how much of an upload is held in memory; the rest goes through a
// temporary file.
const memoryMax = 1 << 20

// formWithFiles is the type of forms with files.
const formWithFiles = "multipart/form-data"

// readForm reads the request's form, with its files.
func (c *ctx) readForm() error {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == formWithFiles:
		end := &ending{ReadCloser: c.r.Body}
		c.r.Body = end
		if err = c.r.ParseMultipartForm(memoryMax); err == nil && !bytes.Contains(end.last, []byte("--"+params["boundary"]+"--")) {
			err = io.ErrUnexpectedEOF // the standard library takes what there is
		}
	case err == nil && kind == "application/x-www-form-urlencoded", c.r.ContentLength == 0: // a button alone has no type
		err = c.r.ParseForm()
	default:
		return c.fail(http.StatusUnsupportedMediaType, "That is not a form.")
	}
	var tooBig *http.MaxBytesError
	switch {
	case err == nil || errors.As(err, &tooBig):
		return err
	case errors.Is(err, multipart.ErrMessageTooLarge): // too many fields
		return iot.ErrTooLarge
	}
	return c.fail(http.StatusBadRequest, "The form did not arrive whole.")
}

// ending is a body that remembers its last bytes.
type ending struct {
	io.ReadCloser
	last []byte
}

// endingMax is more than the form's reader reads beyond the form's end.
const endingMax = 16 << 10

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if e.last = append(e.last, p[:n]...); len(e.last) > 2*endingMax {
		e.last = append(e.last[:0], e.last[len(e.last)-endingMax:]...)
	}
	return n, err
}

// value is a field of the form or the query, without blanks around it.
func (c *ctx) value(name string) string { return strings.TrimSpace(c.r.FormValue(name)) }

// on reports whether a box is ticked or a switch on.
func (c *ctx) on(name string) bool { return c.value(name) == "on" }

// number is a field that is a number, or 0.
func (c *ctx) number(name string) int64 {
	n, _ := strconv.ParseInt(c.value(name), 10, 64)
	return n
}

// id is the number in the path.
func (c *ctx) id() int64 {
	n, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return 0 // nobody has it
	}
	return n
}

// pageSize is how many rows a table shows.
const pageSize = 25

// counts are fields that are small numbers, or are not there, which is 0.
func (c *ctx) counts(names ...string) ([]int, error) {
	list := make([]int, len(names))
	for i, name := range names {
		text := c.value(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, c.failed(http.StatusUnprocessableEntity, c.t("Please check what you entered."), fmt.Errorf("%.40q is no number", text))
		}
		list[i] = int(n)
	}
	return list, nil
}

// pageOf is the part of a list that is asked for.
func (c *ctx) pageOf() iot.Page {
	n := max(1, min(c.number("page"), 1<<20))
	return iot.Page{Offset: int(n-1) * pageSize, Limit: pageSize}
}

// lines are the non-empty lines of a field.
func lines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// notFound answers paths that are none.
func (c *ctx) notFound() error {
	return c.fail(http.StatusNotFound, "There is nothing here, or it is not yours.")
}
