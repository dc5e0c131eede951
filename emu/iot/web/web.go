package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

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
	// UploadMax bounds an uploaded firmware, bytes, default iot.FirmwareMax.
	UploadMax int64
	// Error, if not nil, is told of faults that a person cannot do anything
	// about.
	Error func(error)
}

// Pages is a handler for people.
type Pages struct {
	opt     Options
	mux     *http.ServeMux
	views   *views
	assets  *assets
	origin  *http.CrossOriginProtection
	demo    iot.Session
	streams streams
	making  chan struct{} // a slot: packages are made one at a time
}

// New returns the pages.
func New(opt Options) (*Pages, error) {
	opt.UploadMax = cmp.Or(opt.UploadMax, iot.FirmwareMax)
	p := &Pages{opt: opt, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), making: make(chan struct{}, 1)}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.views, err = loadViews(p.assets); err != nil {
		return nil, err
	}
	if opt.Demo != 0 {
		account, err := opt.Platform.Tenant(opt.Demo, "page").Account()
		if err != nil {
			return nil, err
		}
		p.demo = iot.Session{Account: account, CSRF: randomText()}
	}
	p.routes()
	return p, nil
}

func randomText() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// routes lists every page.
func (p *Pages) routes() {
	p.mux.HandleFunc("GET /static/", p.assets.serve)
	p.open("GET /login", (*ctx).loginPage)
	p.open("POST /login", (*ctx).logIn)
	p.open("GET /signup", (*ctx).signUpPage)
	p.open("POST /signup", (*ctx).signUp)
	p.open("GET /choose", (*ctx).choose)
	p.open("/", (*ctx).notFound)
	p.page("GET /{$}", (*ctx).home)
	p.page("POST /logout", (*ctx).logOut)

	p.page("GET /projects", (*ctx).projects)
	p.page("POST /projects", (*ctx).createProject)
	p.page("GET /projects/{id}", (*ctx).project)
	p.page("POST /projects/{id}", (*ctx).updateProject)
	p.page("POST /projects/{id}/hidden", (*ctx).hideProject)
	p.page("POST /projects/{id}/delete", (*ctx).deleteProject)

	p.page("GET /devices", (*ctx).devices)
	p.page("POST /devices", (*ctx).addDevices)
	p.page("POST /devices/transfer", (*ctx).transferDevices)
	p.page("POST /devices/reset", (*ctx).resetDevices)
	p.page("GET /devices/{id}", (*ctx).device)
	p.page("POST /devices/{id}", (*ctx).updateDevice)
	p.page("POST /devices/{id}/state", (*ctx).switchDevice)
	p.page("POST /devices/{id}/delete", (*ctx).deleteDevice)

	p.page("GET /firmware", (*ctx).firmwareList)
	p.page("POST /firmware", (*ctx).createFirmware)
	p.page("GET /firmware/recognise", (*ctx).recognise)
	p.page("GET /firmware/{id}", (*ctx).firmware)
	p.page("POST /firmware/{id}", (*ctx).updateFirmware)
	p.page("POST /firmware/{id}/switch", (*ctx).switchFirmware)
	p.page("POST /firmware/{id}/delete", (*ctx).deleteFirmware)
	p.page("GET /firmware/{id}/file", (*ctx).firmwareFile)
	p.page("POST /firmware/{id}/devices", (*ctx).listDevices)
	p.page("POST /firmware/{id}/unlist", (*ctx).unlistDevices)

	p.page("GET /log", (*ctx).log)
	p.page("GET /log/{id}", (*ctx).logEntry)
	p.page("GET /explain", (*ctx).explain)
	p.page("GET /statistics", (*ctx).statistics)

	p.page("GET /rollouts", (*ctx).rollouts)
	p.page("POST /rollouts", (*ctx).createRollout)
	p.page("GET /rollouts/{id}", (*ctx).rollout)
	p.page("POST /rollouts/{id}", (*ctx).actRollout)
	p.page("POST /rollouts/{id}/delete", (*ctx).deleteRollout)

	p.page("GET /account", (*ctx).account)
	p.page("POST /account/password", (*ctx).setPassword)
	p.page("POST /account/tokens", (*ctx).createToken)
	p.page("POST /account/tokens/{id}/delete", (*ctx).deleteToken)
	p.page("POST /account/webhooks", (*ctx).createWebhook)
	p.page("POST /account/webhooks/{id}/delete", (*ctx).deleteWebhook)
	p.page("GET /audit", (*ctx).audit)
	p.page("GET /events", (*ctx).events)

	if p.opt.Bench == nil {
		return
	}
	p.page("GET /bench", (*ctx).bench)
	p.page("POST /bench", (*ctx).startUnit)
	p.page("GET /bench/profiles", (*ctx).profiles)
	p.page("GET /bench/{id}", (*ctx).unit)
	p.page("GET /bench/{id}/events", (*ctx).unitEvents)
	p.page("POST /bench/{id}/power", (*ctx).unitPower)
	p.page("POST /bench/{id}/delete", (*ctx).deleteUnit)
	p.page("POST /bench/{id}/package", (*ctx).unitPackage)
}

// handler is one page.
type handler func(*ctx) error

// open is a page that needs no session.
func (p *Pages) open(pattern string, h handler) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c := p.newCtx(w, r)
		c.finish(h(c))
	})
}

// page is a page that needs a session.
func (p *Pages) page(pattern string, h handler) {
	p.open(pattern, func(c *ctx) error {
		if c.session == nil {
			return c.needLogIn()
		}
		if c.r.Method == http.MethodPost {
			if err := c.readForm(); err != nil {
				return err
			}
			if err := c.checkToken(); err != nil {
				return err
			}
		}
		return h(c)
	})
}

// policy forbids everything that the pages do not do.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// bodyMax bounds what a form may send, other than an upload.
const bodyMax = 2 << 20

// ServeHTTP answers a person's browser.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if err := p.origin.Check(r); err != nil {
		http.Error(w, "this form was not sent by these pages", http.StatusForbidden)
		return
	}
	if p.opt.Demo != 0 && !local(r) {
		http.Error(w, "the demo answers on this host only, as localhost", http.StatusForbidden)
		return
	}
	most := int64(bodyMax)
	if r.URL.Path == "/firmware" {
		most += p.opt.UploadMax
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
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
