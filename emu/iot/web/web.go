package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// Options are what the pages need.
type Options struct {
	Platform iot.Platform
	// Bench runs virtual modules; nil for pages without it.
	Bench *bench.Bench
	// Demo is the account that a browser on this host has without a password;
	// 0 for none.
	Demo int64
	// PerSecond and Burst bound the requests of an account, or of an address
	// without a session; default 50 and 400. Below 0: no limit.
	PerSecond float64
	Burst     int
	// SignUpsPerHour bounds the accounts that an address makes, default 60: a
	// class may share one address.
	SignUpsPerHour int
	// UploadMax bounds an uploaded firmware, bytes, default iot.FirmwareMax.
	UploadMax int64
	// Error, if not nil, is told of faults that a person cannot do anything
	// about.
	Error func(error)
}

// Pages is a handler for people.
type Pages struct {
	opt       Options
	mux       *http.ServeMux
	views     *views
	assets    *assets
	origin    *http.CrossOriginProtection
	demo      iot.Session
	requests  *iot.Limiter
	signUps   *iot.Limiter
	passwords *iot.Limiter
	streams   places
	beat      time.Duration // see streamBeat
	uploads   places
	forms     places // other ones
	exports   places
	exportMax int
	makers    places
	making    chan struct{} // a slot: packages are made one at a time
}

// New returns the pages.
func New(opt Options) (*Pages, error) {
	opt.UploadMax = cmp.Or(opt.UploadMax, iot.FirmwareMax)
	opt.PerSecond, opt.Burst = cmp.Or(opt.PerSecond, 50), cmp.Or(opt.Burst, 400)
	opt.SignUpsPerHour = cmp.Or(opt.SignUpsPerHour, 60)
	p := &Pages{
		opt: opt, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), making: make(chan struct{}, 1),
		requests:  iot.NewLimiter(opt.PerSecond, opt.Burst),
		signUps:   iot.NewLimiter(float64(opt.SignUpsPerHour)/3600, opt.SignUpsPerHour),
		passwords: iot.NewLimiter(1.0/30, 5),
		streams:   places{most: streamsMax, each: streamsAccountMax}, beat: streamBeat,
		uploads: places{each: uploadsAccountMax}, forms: places{each: formsAccountMax}, exports: places{each: exportsAccountMax}, exportMax: exportMax, makers: places{each: makersAccountMax},
	}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.views, err = loadViews(); err != nil {
		return nil, err
	}
	if opt.Demo != 0 {
		account, err := opt.Platform.Tenant(opt.Demo, "page").Account()
		if err != nil {
			return nil, err
		}
		p.demo = iot.Session{Account: account, CSRF: randomText()}
	}
	p.serve(entryRoutes, (*ctx).anybody)
	p.serve(sessionRoutes, (*ctx).somebody)
	if opt.Bench != nil {
		p.serve(benchRoutes, (*ctx).somebody)
	}
	p.mux.HandleFunc("GET /static/", p.assets.serve)
	return p, nil
}

func randomText() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// policy forbids everything that the pages do not do.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	// bodyMax bounds what a form may send, other than an upload.
	bodyMax = 2 << 20
	// entryMax bounds what those send who are not logged in.
	entryMax = 64 << 10
	// uploadsAccountMax bounds the uploads of an account at a time: each of them
	// may hold a temporary file.
	uploadsAccountMax = 4
	// formsAccountMax bounds its other forms at a time, and exportsAccountMax its
	// exports of the log: they are held in memory.
	formsAccountMax   = 16
	exportsAccountMax = 2
	// makersAccountMax bounds the packages that an account waits for: all
	// accounts share one place where they are made.
	makersAccountMax = 2
)

// mostBytes is how large the body of a request may be.
func (p *Pages) mostBytes(r *http.Request) int64 {
	switch {
	case takesFile(r):
		return bodyMax + p.opt.UploadMax
	case r.URL.Path == "/login", r.URL.Path == "/signup":
		return entryMax
	}
	return bodyMax
}

// takesFile reports whether a request may bring a firmware. Fields of other
// forms are held in memory.
func takesFile(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && (r.URL.Path == "/firmware" || r.URL.Path == "/bases") && err == nil && kind == formWithFiles
}

// ServeHTTP answers a person's browser.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if err := p.origin.Check(r); err != nil {
		http.Error(w, "this form was not sent by these pages", http.StatusForbidden)
		return
	}
	if p.opt.Demo != 0 && !local(r) {
		http.Error(w, "the demo answers on this host only, as localhost", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, p.mostBytes(r))
	p.mux.ServeHTTP(w, r)
}

// local reports whether a request comes from this host and is meant for it: a
// name that only resolves to it could be anybody's.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// report tells of a fault.
func (p *Pages) report(err error) {
	if p.opt.Error != nil && !errors.Is(err, context.Canceled) {
		p.opt.Error(err)
	}
}
