package web

import (
	"net/http"

	"airlift/emu/iot"
)

// handler is one page, or what one form does.
type handler func(*ctx) error

// route is a handler with what it answers, as net/http writes patterns.
type route struct {
	pattern string
	handle  handler
}

// entryRoutes are open to everybody.
var entryRoutes = []route{
	{"GET /login", (*ctx).loginPage},
	{"POST /login", (*ctx).logIn},
	{"GET /signup", (*ctx).signUpPage},
	{"POST /signup", (*ctx).signUp},
	{"GET /choose", (*ctx).choose},
	{"/", (*ctx).notFound},
}

// sessionRoutes need a session.
var sessionRoutes = []route{
	{"GET /{$}", (*ctx).home},
	{"POST /logout", (*ctx).logOut},

	{"GET /projects", (*ctx).projects},
	{"POST /projects", (*ctx).createProject},
	{"GET /projects/{id}", (*ctx).project},
	{"POST /projects/{id}", (*ctx).updateProject},
	{"POST /projects/{id}/hidden", (*ctx).hideProject},
	{"POST /projects/{id}/delete", (*ctx).deleteProject},

	{"GET /devices", (*ctx).devices},
	{"POST /devices", (*ctx).addDevices},
	{"POST /devices/transfer", (*ctx).transferDevices},
	{"POST /devices/reset", (*ctx).resetDevices},
	{"GET /devices/{id}", (*ctx).device},
	{"POST /devices/{id}", (*ctx).updateDevice},
	{"POST /devices/{id}/state", (*ctx).switchDevice},
	{"POST /devices/{id}/delete", (*ctx).deleteDevice},

	{"GET /firmware", (*ctx).firmwareList},
	{"POST /firmware", (*ctx).createFirmware},
	{"GET /firmware/recognise", (*ctx).recognise},
	{"GET /firmware/{id}", (*ctx).firmware},
	{"POST /firmware/{id}", (*ctx).updateFirmware},
	{"POST /firmware/{id}/switch", (*ctx).switchFirmware},
	{"POST /firmware/{id}/delete", (*ctx).deleteFirmware},
	{"GET /firmware/{id}/file", (*ctx).firmwareFile},
	{"POST /firmware/{id}/devices", (*ctx).listDevices},
	{"POST /firmware/{id}/unlist", (*ctx).unlistDevices},

	{"GET /differences", (*ctx).differences},
	{"POST /bases", (*ctx).createBase},
	{"POST /bases/{id}/delete", (*ctx).deleteBase},
	{"POST /jobs/{id}/retry", (*ctx).retryJob},

	{"GET /log", (*ctx).log},
	{"GET /log/export", (*ctx).exportLog},
	{"GET /log/{id}", (*ctx).logEntry},
	{"GET /explain", (*ctx).explain},
	{"GET /statistics", (*ctx).statistics},

	{"GET /rollouts", (*ctx).rollouts},
	{"POST /rollouts", (*ctx).createRollout},
	{"GET /rollouts/{id}", (*ctx).rollout},
	{"POST /rollouts/{id}", (*ctx).actRollout},
	{"POST /rollouts/{id}/delete", (*ctx).deleteRollout},

	{"GET /account", (*ctx).account},
	{"POST /account/password", (*ctx).setPassword},
	{"POST /account/tokens", (*ctx).createToken},
	{"POST /account/tokens/{id}/delete", (*ctx).deleteToken},
	{"POST /account/webhooks", (*ctx).createWebhook},
	{"POST /account/webhooks/{id}/delete", (*ctx).deleteWebhook},
	{"GET /audit", (*ctx).audit},
	{"GET /events", (*ctx).events},
}

// benchRoutes are there where there is a bench. They need a session.
var benchRoutes = []route{
	{"GET /bench", (*ctx).bench},
	{"POST /bench", (*ctx).startUnit},
	{"GET /bench/profiles", (*ctx).profiles},
	{"GET /bench/{id}", (*ctx).unit},
	{"GET /bench/{id}/events", (*ctx).unitEvents},
	{"POST /bench/{id}/power", (*ctx).unitPower},
	{"POST /bench/{id}/delete", (*ctx).deleteUnit},
	{"POST /bench/{id}/package", (*ctx).unitPackage},
}

// serve puts routes on the mux, behind a guard.
func (p *Pages) serve(routes []route, guard func(*ctx, handler) error) {
	for _, r := range routes {
		p.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			c := p.newCtx(w, req)
			if !p.requests.Allow(c.asker()) {
				c.finish(iot.ErrTooMany)
				return
			}
			c.finish(guard(c, r.handle))
		})
	}
}

// anybody lets everybody in.
func (c *ctx) anybody(h handler) error {
	if c.r.Method == http.MethodPost {
		if err := c.readForm(); err != nil {
			return err
		}
	}
	return h(c)
}

// somebody lets those in who have a session, and forms that its pages sent.
func (c *ctx) somebody(h handler) error {
	if c.session == nil {
		return c.needLogIn()
	}
	if c.r.Method == http.MethodPost {
		at := &c.p.forms
		if takesFile(c.r) {
			at = &c.p.uploads
		}
		if !at.take(c.session.Account.ID) {
			return iot.ErrTooMany
		}
		defer at.give(c.session.Account.ID)
	}
	return c.anybody(func(c *ctx) error {
		if c.r.Method == http.MethodPost {
			if err := c.checkToken(); err != nil {
				return err
			}
		}
		return h(c)
	})
}
