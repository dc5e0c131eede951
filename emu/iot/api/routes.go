package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"airlift/emu/iot"
)

// route is one operation.
type route struct {
	method, path string
	tag, summary string
	public       bool    // needs no account
	params       []param // of the query
	in           any     // a value of the body's type; nil: none
	upload       bool    // the body is a file
	out          any     // a value of the answer's type; nil: none
	file         bool    // the answer is a file
	status       int
	handle       func(*call) (any, error)
}

// param is a query parameter.
type param struct {
	name, kind, about string // kind: string, integer, boolean, date-time, number
}

func (r route) param(name string) (param, bool) {
	for _, p := range r.params {
		if p.name == name {
			return p, true
		}
	}
	return param{}, false
}

// paramBytesMax is how long a text in a query may be.
const paramBytesMax = 4096

func (p param) check(v string) (err error) {
	switch p.kind {
	case "string":
		if len(v) > paramBytesMax || !utf8.ValidString(v) {
			return fmt.Errorf("%w: parameter %s is no UTF-8 text of at most %d bytes", iot.ErrInvalid, p.name, paramBytesMax)
		}
	case "integer":
		var n int64
		if n, err = strconv.ParseInt(v, 10, 64); err == nil && n < 0 {
			err = errors.New("negative")
		}
	case "boolean":
		if v != "true" && v != "false" {
			err = errors.New("neither true nor false")
		}
	case "date-time":
		_, err = time.Parse(time.RFC3339, v)
	}
	if err != nil {
		return fmt.Errorf("%w: parameter %s: %q is no %s", iot.ErrInvalid, p.name, shorten(v), p.kind)
	}
	return nil
}

func queryOf(r *http.Request) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: query: %w", iot.ErrInvalid, err)
	}
	return v, nil
}

var (
	pageParams   = []param{{"offset", "integer", "how many are left out at the start"}, {"limit", "integer", "how many at most, default 50, up to 1000"}}
	searchParams = append([]param{{"search", "string", "a part of what is looked for"}}, pageParams...)
	logParams    = append([]param{
		{"project", "integer", "id of a project"}, {"identity", "string", "a whole IMEI or other identity"}, {"reason", "string", "reason"},
		{"from", "date-time", "from this time on"}, {"to", "date-time", "before this time"},
	}, pageParams...)
	deliveryParams = append([]param{
		{"project", "integer", "id of a project"}, {"device", "integer", "id of a device"}, {"firmware", "integer", "id of a firmware"},
		{"rollout", "integer", "id of a roll-out"}, {"outcome", "string", "outcome"},
	}, pageParams...)
	firmwareParams = []param{
		{"file_name", "string", "name of the file; firmware name, version and core are read out of it"}, {"name", "string", "firmware name, if the file's name does not say"},
		{"version", "string", "x.y.z, if the file's name does not say"}, {"core", "string", "core version on its own"}, {"core_id", "integer", "for the turnkey API"},
		{"script_version", "string", "for the turnkey API"}, {"remark", "string", "a note"}, {"allow", "boolean", "allow upgrades, default true"},
		{"all", "boolean", "for all devices of the project, default false"},
	}
	baseParams = []param{
		{"core", "string", "version of the core"}, {"name", "string", "end of the firmware names it goes with, default all"},
		{"chip", "string", "model whose creator of difference packages is used; default: the uploaded firmware is sent as it is"}, {"file_name", "string", "name of the file"},
	}
)

// What goes in and out besides the types of package iot.
type (
	// Credentials are a name and a password.
	Credentials struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	// Opened is a new session. The cookie is set, too.
	Opened struct {
		CSRF    string      `json:"csrf"`
		Account iot.Account `json:"account"`
		Expires time.Time   `json:"expires"`
	}
	// Passwords changes a password.
	Passwords struct {
		Old string `json:"old"`
		New string `json:"new"`
	}
	// Named is something with a name.
	Named struct {
		Name string `json:"name"`
	}
	// NewToken is a token with its secret, which is shown this once.
	NewToken struct {
		Token  iot.Token `json:"token"`
		Secret string    `json:"secret"`
	}
	// NewProject is what a project is made from.
	NewProject struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	// Identities are devices.
	Identities struct {
		Identities []string `json:"identities"`
	}
	// Added tells what adding devices did.
	Added struct {
		Added   int      `json:"added"`
		Skipped []string `json:"skipped"`
	}
	// Transfer says where devices go. Without identities all of them do.
	Transfer struct {
		Identities []string `json:"identities,omitempty"`
		Account    string   `json:"account"`
		Project    string   `json:"project"`
	}
	// Moved tells what a transfer did.
	Moved struct {
		Moved   int      `json:"moved"`
		Skipped []string `json:"skipped"`
	}
	// Number is how many there were.
	Number struct {
		Number int `json:"number"`
	}
	// Question is a URL to be explained.
	Question struct {
		URL string `json:"url"`
	}
	// Recognised is what a file's name says.
	Recognised struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Core    string `json:"core"`
		Warning string `json:"warning,omitempty"`
	}
)

const (
	get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	ok, created, nothing       = http.StatusOK, http.StatusCreated, http.StatusNoContent
)

var routes = []route{
	{method: post, path: "/accounts", tag: "account", summary: "Sign up", public: true, in: Credentials{}, out: iot.Account{}, status: created, handle: signUp},
	{method: post, path: "/session", tag: "account", summary: "Log in", public: true, in: Credentials{}, out: Opened{}, status: created, handle: logIn},
	{method: del, path: "/session", tag: "account", summary: "Log out", status: nothing, handle: logOut},
	{method: get, path: "/account", tag: "account", summary: "Whose token this is", out: iot.Account{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Account() }},
	{method: put, path: "/account/password", tag: "account", summary: "Change the password; all sessions end", in: Passwords{}, status: nothing, handle: setPassword},
	{method: get, path: "/tokens", tag: "account", summary: "API tokens, without their secrets", out: []iot.Token{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Tokens() }},
	{method: post, path: "/tokens", tag: "account", summary: "Make an API token", in: Named{}, out: NewToken{}, status: created, handle: createToken},
	{method: del, path: "/tokens/{id}", tag: "account", summary: "Delete an API token", status: nothing, handle: deletes(iot.Tenant.DeleteToken)},
	{method: get, path: "/audit", tag: "account", summary: "What was done in this account", params: pageParams, out: iot.List[iot.AuditEntry]{}, status: ok,
		handle: func(c *call) (any, error) { return c.tenant.Audit(c.page()) }},

	{method: get, path: "/projects", tag: "projects", summary: "Projects", out: []iot.ProjectInfo{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Projects() }},
	{method: post, path: "/projects", tag: "projects", summary: "Make a project", in: NewProject{}, out: iot.ProjectInfo{}, status: created, handle: createProject},
	{method: get, path: "/projects/{id}", tag: "projects", summary: "A project", out: iot.ProjectInfo{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Project(c.id()) }},
	{method: patch, path: "/projects/{id}", tag: "projects", summary: "Change a project", in: iot.ProjectUpdate{}, out: iot.ProjectInfo{}, status: ok, handle: updates(iot.Tenant.UpdateProject)},
	{method: del, path: "/projects/{id}", tag: "projects", summary: "Delete a project with everything in it", status: nothing, handle: deletes(iot.Tenant.DeleteProject)},

	{method: get, path: "/projects/{id}/devices", tag: "devices", summary: "Devices of a project", params: searchParams, out: iot.List[iot.Device]{}, status: ok,
		handle: func(c *call) (any, error) {
			return c.tenant.Devices(c.id(), iot.DeviceFilter{Search: c.query("search")}, c.page())
		}},
	{method: post, path: "/projects/{id}/devices", tag: "devices", summary: "Register devices by hand; those that somebody has are skipped", in: Identities{}, out: Added{}, status: ok, handle: addDevices},
	{method: post, path: "/projects/{id}/devices/reset", tag: "devices", summary: "Remove all devices; they register again", out: Number{}, status: ok, handle: resetDevices},
	{method: post, path: "/projects/{id}/devices/transfer", tag: "devices", summary: "Move devices to a project of this or another account", in: Transfer{}, out: Moved{}, status: ok, handle: transferDevices},
	{method: get, path: "/devices/{id}", tag: "devices", summary: "A device", out: iot.Device{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Device(c.id()) }},
	{method: patch, path: "/devices/{id}", tag: "devices", summary: "Name, forbid or allow a device; allowing lifts a ban", in: iot.DeviceUpdate{}, out: iot.Device{}, status: ok, handle: updates(iot.Tenant.UpdateDevice)},
	{method: del, path: "/devices/{id}", tag: "devices", summary: "Remove a device; it registers again", status: nothing, handle: deletes(iot.Tenant.DeleteDevice)},

	{method: get, path: "/projects/{id}/firmware", tag: "firmware", summary: "Firmware of a project", params: searchParams, out: iot.List[iot.Firmware]{}, status: ok,
		handle: func(c *call) (any, error) { return c.tenant.Firmware(c.id(), c.query("search"), c.page()) }},
	{method: post, path: "/projects/{id}/firmware", tag: "firmware", summary: "Upload a firmware", params: firmwareParams, upload: true, out: iot.Firmware{}, status: created, handle: createFirmware},
	{method: get, path: "/recognise", tag: "firmware", summary: "What a file's name says", params: []param{{"file_name", "string", "name of the file"}}, out: Recognised{}, status: ok, handle: recognise},
	{method: get, path: "/firmware/{id}", tag: "firmware", summary: "A firmware", out: iot.Firmware{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.FirmwareByID(c.id()) }},
	{method: patch, path: "/firmware/{id}", tag: "firmware", summary: "Change a firmware", in: iot.FirmwareUpdate{}, out: iot.Firmware{}, status: ok, handle: updates(iot.Tenant.UpdateFirmware)},
	{method: del, path: "/firmware/{id}", tag: "firmware", summary: "Delete a firmware", status: nothing, handle: deletes(iot.Tenant.DeleteFirmware)},
	{method: get, path: "/firmware/{id}/file", tag: "firmware", summary: "The uploaded file", file: true, status: ok, handle: firmwareFile},
	{method: get, path: "/firmware/{id}/devices", tag: "firmware", summary: "Devices that a firmware is listed for", params: searchParams, out: iot.List[string]{}, status: ok,
		handle: func(c *call) (any, error) {
			return c.tenant.FirmwareDevices(c.id(), c.query("search"), c.page())
		}},
	{method: post, path: "/firmware/{id}/devices", tag: "firmware", summary: "List devices", in: Identities{}, out: Number{}, status: ok, handle: lists(iot.Tenant.AddFirmwareDevices)},
	{method: post, path: "/firmware/{id}/devices/remove", tag: "firmware", summary: "Take devices off the list", in: Identities{}, out: Number{}, status: ok, handle: lists(iot.Tenant.RemoveFirmwareDevices)},
	{method: get, path: "/projects/{id}/statistics", tag: "firmware", summary: "How many devices run which firmware, and what became of deliveries", out: []iot.Statistic{}, status: ok,
		handle: func(c *call) (any, error) { return c.tenant.Statistics(c.id()) }},

	{method: get, path: "/log", tag: "log", summary: "The upgrade log, newest first", params: logParams, out: iot.List[iot.LogEntry]{}, status: ok, handle: upgradeLog},
	{method: get, path: "/log/{id}", tag: "log", summary: "A request with its decision path", out: iot.LogEntry{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.LogEntry(c.id()) }},
	{method: post, path: "/explain", tag: "log", summary: "Why a URL gets its answer; nothing changes", in: Question{}, out: iot.Explanation{}, status: ok, handle: explain},
	{method: get, path: "/deliveries", tag: "log", summary: "What became of deliveries, newest first", params: deliveryParams, out: iot.List[iot.Delivery]{}, status: ok, handle: deliveries},

	{method: get, path: "/projects/{id}/rollouts", tag: "roll-outs", summary: "Roll-outs of a project", out: []iot.Rollout{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Rollouts(c.id()) }},
	{method: post, path: "/projects/{id}/rollouts", tag: "roll-outs", summary: "Plan a roll-out", in: iot.RolloutDraft{}, out: iot.Rollout{}, status: created, handle: createRollout},
	{method: get, path: "/rollouts/{id}", tag: "roll-outs", summary: "A roll-out with its counts", out: iot.Rollout{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Rollout(c.id()) }},
	{method: post, path: "/rollouts/{id}", tag: "roll-outs", summary: "start, pause, resume, advance, cancel or rollback", in: iot.RolloutAction{}, out: iot.Rollout{}, status: ok, handle: updates(iot.Tenant.ActRollout)},
	{method: del, path: "/rollouts/{id}", tag: "roll-outs", summary: "Delete a roll-out; the firmware's own policy is left", status: nothing, handle: deletes(iot.Tenant.DeleteRollout)},

	{method: get, path: "/projects/{id}/bases", tag: "difference packages", summary: "Known cores", out: []iot.Base{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Bases(c.id()) }},
	{method: post, path: "/projects/{id}/bases", tag: "difference packages", summary: "Make a core known; with a chip its file is the body", params: baseParams, upload: true, out: iot.Base{}, status: created, handle: createBase},
	{method: del, path: "/bases/{id}", tag: "difference packages", summary: "Forget a core", status: nothing, handle: deletes(iot.Tenant.DeleteBase)},
	{method: get, path: "/projects/{id}/jobs", tag: "difference packages", summary: "Difference packages that were asked for", out: []iot.Job{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Jobs(c.id()) }},
	{method: post, path: "/jobs/{id}/retry", tag: "difference packages", summary: "Build a package again that could not be built", out: iot.Job{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.RetryJob(c.id()) }},

	{method: get, path: "/webhooks", tag: "webhooks", summary: "Webhooks", out: []iot.Webhook{}, status: ok, handle: func(c *call) (any, error) { return c.tenant.Webhooks() }},
	{method: post, path: "/webhooks", tag: "webhooks", summary: "Add a webhook", in: iot.WebhookDraft{}, out: iot.Webhook{}, status: created, handle: createWebhook},
	{method: del, path: "/webhooks/{id}", tag: "webhooks", summary: "Delete a webhook", status: nothing, handle: deletes(iot.Tenant.DeleteWebhook)},
	{method: get, path: "/webhooks/{id}/calls", tag: "webhooks", summary: "Calls of a webhook, newest first", params: pageParams, out: iot.List[iot.WebhookCall]{}, status: ok,
		handle: func(c *call) (any, error) { return c.tenant.WebhookCalls(c.id(), c.page()) }},
}

// deletes makes a handler of a method that deletes.
func deletes(do func(iot.Tenant, int64) error) func(*call) (any, error) {
	return func(c *call) (any, error) { return nil, do(c.tenant, c.id()) }
}

// updates makes a handler of a method that changes.
func updates[In, Out any](do func(iot.Tenant, int64, In) (Out, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		in, err := body[In](c)
		if err != nil {
			return nil, err
		}
		return do(c.tenant, c.id(), in)
	}
}

// lists makes a handler of a method that takes identities.
func lists(do func(iot.Tenant, int64, []string) (int, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		in, err := body[Identities](c)
		if err != nil {
			return nil, err
		}
		n, err := do(c.tenant, c.id(), in.Identities)
		return Number{n}, err
	}
}

func signUp(c *call) (any, error) {
	in, err := body[Credentials](c)
	if err != nil {
		return nil, err
	}
	if !c.api.signUps.Allow(remote(c.r)) {
		return nil, errRate
	}
	return c.platform.SignUp(in.Name, in.Password)
}

func logIn(c *call) (any, error) {
	in, err := body[Credentials](c)
	if err != nil {
		return nil, err
	}
	s, err := c.platform.LogIn(in.Name, in.Password)
	if err != nil {
		return nil, err
	}
	http.SetCookie(c.w, &http.Cookie{Name: SessionCookie, Value: s.Token, Path: "/", Expires: s.Expires, HttpOnly: true, Secure: c.r.TLS != nil, SameSite: http.SameSiteLaxMode})
	return Opened{s.CSRF, s.Account, s.Expires}, nil
}

func logOut(c *call) (any, error) {
	if c.session == nil {
		return nil, fmt.Errorf("%w: there is no session", iot.ErrConflict)
	}
	http.SetCookie(c.w, &http.Cookie{Name: SessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.r.TLS != nil, SameSite: http.SameSiteLaxMode})
	return nil, c.platform.LogOut(c.session.Token)
}

func setPassword(c *call) (any, error) {
	in, err := body[Passwords](c)
	if err != nil {
		return nil, err
	}
	return nil, c.tenant.SetPassword(in.Old, in.New)
}

func createToken(c *call) (any, error) {
	in, err := body[Named](c)
	if err != nil {
		return nil, err
	}
	t, secret, err := c.tenant.CreateToken(in.Name)
	return NewToken{t, secret}, err
}

func createProject(c *call) (any, error) {
	in, err := body[NewProject](c)
	if err != nil {
		return nil, err
	}
	return c.tenant.CreateProject(in.Name, in.Description)
}

func addDevices(c *call) (any, error) {
	in, err := body[Identities](c)
	if err != nil {
		return nil, err
	}
	n, skipped, err := c.tenant.AddDevices(c.id(), in.Identities)
	return Added{n, orEmpty(skipped)}, err
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func resetDevices(c *call) (any, error) {
	n, err := c.tenant.ResetDevices(c.id())
	return Number{n}, err
}

func transferDevices(c *call) (any, error) {
	in, err := body[Transfer](c)
	if err != nil {
		return nil, err
	}
	n, skipped, err := c.tenant.TransferDevices(c.id(), in.Identities, in.Account, in.Project)
	return Moved{n, orEmpty(skipped)}, err
}

func createFirmware(c *call) (any, error) {
	r, err := c.upload()
	if err != nil {
		return nil, err
	}
	return c.tenant.CreateFirmware(c.id(), iot.FirmwareDraft{
		FileName: c.query("file_name"), Name: c.query("name"), Version: c.query("version"), Core: c.query("core"), CoreID: c.number("core_id"),
		ScriptVersion: c.query("script_version"), Remark: c.query("remark"), Allow: c.query("allow") != "false", All: c.yes("all"),
	}, r)
}

func recognise(c *call) (any, error) {
	n, err := iot.RecogniseFileName(c.query("file_name"))
	return Recognised{n.Name, n.Version, n.Core, iot.VersionWarning(n.Version)}, err
}

func firmwareFile(c *call) (any, error) {
	r, f, err := c.tenant.OpenFirmware(c.id())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(f.FileName))
	h.Set("X-Content-Sha256", f.SHA256)
	c.done = true
	io.Copy(c.w, r)
	return nil, nil
}

func upgradeLog(c *call) (any, error) {
	return c.tenant.Log(iot.LogFilter{
		Project: c.number("project"), Identity: c.query("identity"), Reason: iot.Reason(c.query("reason")), From: c.time("from"), To: c.time("to"),
	}, c.page())
}

func explain(c *call) (any, error) {
	in, err := body[Question](c)
	if err != nil {
		return nil, err
	}
	return c.tenant.Explain(in.URL)
}

func deliveries(c *call) (any, error) {
	return c.tenant.Deliveries(iot.DeliveryFilter{
		Project: c.number("project"), Device: c.number("device"), Firmware: c.number("firmware"), Rollout: c.number("rollout"), Outcome: iot.Outcome(c.query("outcome")),
	}, c.page())
}

func createRollout(c *call) (any, error) {
	in, err := body[iot.RolloutDraft](c)
	if err != nil {
		return nil, err
	}
	return c.tenant.CreateRollout(c.id(), in)
}

func createBase(c *call) (any, error) {
	d := iot.BaseDraft{Name: c.query("name"), Core: c.query("core"), Chip: c.query("chip"), FileName: c.query("file_name")}
	var r io.Reader
	if c.r.ContentLength != 0 {
		var err error
		if r, err = c.upload(); err != nil {
			return nil, err
		}
	}
	return c.tenant.CreateBase(c.id(), d, r)
}

func createWebhook(c *call) (any, error) {
	in, err := body[iot.WebhookDraft](c)
	if err != nil {
		return nil, err
	}
	return c.tenant.CreateWebhook(in)
}

// operation names a route in the description: method and path without marks.
func (r route) operation() string {
	return strings.ToLower(r.method) + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(r.path)
}
