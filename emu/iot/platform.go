package iot

import (
	"context"
	"errors"
	"io"
	"time"
)

// Platform is the whole platform as people and programs use it: what the REST
// API and the pages are made of. Package emu/iot/store has the implementation.
//
// Everything that belongs to somebody is behind [Platform.Tenant], whose
// methods see one account only: an id of another account is [ErrNotFound],
// exactly as one that does not exist.
//
// A method that changes something returns after the change is safe on disk.
// Methods may be called from several goroutines.
type Platform interface {
	// SignUp makes an account with a password.
	SignUp(name, password string) (Account, error)
	// LogIn opens a session. A wrong name and a wrong password are the same
	// error, ErrCredentials; ErrTooMany says that guessing has to pause.
	LogIn(name, password string) (Session, error)
	// Session finds a session that is not over.
	Session(token string) (Session, error)
	LogOut(token string) error
	// TokenAccount finds the account of an API token's secret.
	TokenAccount(secret string) (Account, error)
	// Tenant is what an account has. by says who acts, for the audit log:
	// "page", or the name of a token.
	Tenant(account int64, by string) Tenant
	// Now is the platform's time.
	Now() time.Time
	// AnswerSet is how the platform answers devices.
	AnswerSet() *AnswerSet
}

// Tenant is what one account has and can do.
type Tenant interface {
	Account() (Account, error)
	SetPassword(old, new string) error
	Tokens() ([]Token, error)
	// CreateToken returns the secret, which is shown this once.
	CreateToken(name string) (Token, string, error)
	DeleteToken(id int64) error

	Projects() ([]ProjectInfo, error)
	Project(id int64) (ProjectInfo, error)
	CreateProject(name, description string) (ProjectInfo, error)
	UpdateProject(id int64, u ProjectUpdate) (ProjectInfo, error)
	// DeleteProject deletes a project with everything in it.
	DeleteProject(id int64) error

	Devices(project int64, f DeviceFilter, p Page) (List[Device], error)
	Device(id int64) (Device, error)
	// AddDevices registers devices by hand. skipped are those that somebody has
	// already, without saying who.
	AddDevices(project int64, identities []string) (added int, skipped []string, err error)
	UpdateDevice(id int64, u DeviceUpdate) (Device, error)
	// DeleteDevice removes a device; it registers again at its next request.
	DeleteDevice(id int64) error
	// ResetDevices removes all devices of a project.
	ResetDevices(project int64) (n int, err error)
	// TransferDevices moves devices (nil: all) of a project to a project of
	// this or another account, both named. What is not in the project is
	// skipped.
	TransferDevices(project int64, identities []string, toAccount, toProject string) (moved int, skipped []string, err error)

	Firmware(project int64, search string, p Page) (List[Firmware], error)
	FirmwareByID(id int64) (Firmware, error)
	// CreateFirmware uploads a file. Name, version and core that the draft does
	// not have come from the file's name; ErrFileName if they cannot.
	CreateFirmware(project int64, d FirmwareDraft, content io.Reader) (Firmware, error)
	UpdateFirmware(id int64, u FirmwareUpdate) (Firmware, error)
	DeleteFirmware(id int64) error
	// OpenFirmware opens the uploaded file.
	OpenFirmware(id int64) (io.ReadCloser, Firmware, error)
	// FirmwareDevices is the list 指定设备.
	FirmwareDevices(id int64, search string, p Page) (List[string], error)
	AddFirmwareDevices(id int64, identities []string) (added int, err error)
	RemoveFirmwareDevices(id int64, identities []string) (removed int, err error)

	// Log is the upgrade log, newest first.
	Log(f LogFilter, p Page) (List[LogEntry], error)
	// LogEntry is one row with the decision path.
	LogEntry(id int64) (LogEntry, error)
	// Explain decides about a URL without any effect.
	Explain(url string) (Explanation, error)
	// Statistics tells for each firmware how many devices run it.
	Statistics(project int64) ([]Statistic, error)
	// Deliveries tells what became of each delivery, newest first.
	Deliveries(f DeliveryFilter, p Page) (List[Delivery], error)

	Rollouts(project int64) ([]Rollout, error)
	Rollout(id int64) (Rollout, error)
	CreateRollout(project int64, d RolloutDraft) (Rollout, error)
	// ActRollout starts, pauses, resumes, advances, stops or rolls back.
	ActRollout(id int64, a RolloutAction) (Rollout, error)
	DeleteRollout(id int64) error

	// Bases are cores that the platform can build difference packages from.
	Bases(project int64) ([]Base, error)
	CreateBase(project int64, d BaseDraft, content io.Reader) (Base, error)
	DeleteBase(id int64) error
	// Jobs are the difference packages that were asked for.
	Jobs(project int64) ([]Job, error)
	// RetryJob builds a package again that could not be built.
	RetryJob(id int64) (Job, error)

	Webhooks() ([]Webhook, error)
	CreateWebhook(d WebhookDraft) (Webhook, error)
	DeleteWebhook(id int64) error
	// WebhookCalls are the latest calls of a webhook.
	WebhookCalls(id int64, p Page) (List[WebhookCall], error)

	// Audit is what was done in this account, newest first.
	Audit(p Page) (List[AuditEntry], error)
	// Watch sends what happens in the account until ctx ends. A slow reader
	// loses events: it gets one with Lost set.
	Watch(ctx context.Context) <-chan Event
}

// Errors that callers decide on. ErrNotFound and ErrFileName are among them.
var (
	ErrCredentials = errors.New("name or password is wrong")
	ErrTooMany     = errors.New("too many attempts, try again later")
	ErrExists      = errors.New("exists already")
	ErrInvalid     = errors.New("invalid")      // what was given cannot be taken
	ErrConflict    = errors.New("not possible") // in this state
	ErrTooLarge    = errors.New("too large")
	ErrBusy        = errors.New("the database is locked")
	ErrFull        = errors.New("the disk is full")
	ErrLimit       = errors.New("no more are possible") // there are as many as there may be
)

// Page chooses a part of a list. The zero value is the first page.
type Page struct {
	Offset int `json:"offset"`
	Limit  int `json:"limit"` // default 50, at most PageMax
}

// PageMax is the longest page.
const PageMax = 1000

// Clamp returns the page with its limits applied.
func (p Page) Clamp() Page {
	if p.Limit <= 0 {
		p.Limit = 50
	}
	return Page{Offset: max(p.Offset, 0), Limit: min(p.Limit, PageMax)}
}

// List is a page of a list.
type List[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
}

// Session is a person's session in a browser.
type Session struct {
	Token   string // for the cookie
	CSRF    string // what forms have to send back
	Account Account
	Expires time.Time
}

// Token is an API token. The secret is not kept.
type Token struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// ProjectInfo is a project with its counts.
type ProjectInfo struct {
	Project
	Devices  int `json:"device_count"`
	Firmware int `json:"firmware_count"`
}

// ProjectUpdate changes what is not nil.
type ProjectUpdate struct {
	Name        *string     `json:"name,omitempty"`
	Description *string     `json:"description,omitempty"`
	Hidden      *bool       `json:"hidden,omitempty"`
	Comparator  *Comparator `json:"comparator,omitempty"`
}

// DeviceFilter chooses devices.
type DeviceFilter struct {
	Search string `json:"search"` // part of identity or name
}

// DeviceUpdate changes what is not nil. Forbidden false also lifts a ban.
type DeviceUpdate struct {
	Name      *string `json:"name,omitempty"`
	Forbidden *bool   `json:"forbidden,omitempty"`
}

// FirmwareDraft is what the dialog for new firmware asks.
type FirmwareDraft struct {
	FileName      string   `json:"file_name"`
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	Core          string   `json:"core"`
	CoreID        int64    `json:"core_id"`
	ScriptVersion string   `json:"script_version"`
	Remark        string   `json:"remark"`
	Allow         bool     `json:"allow"`
	All           bool     `json:"all"`
	Devices       []string `json:"devices"`
}

// FirmwareUpdate changes what is not nil.
type FirmwareUpdate struct {
	Name          *string `json:"name,omitempty"`
	Version       *string `json:"version,omitempty"`
	Core          *string `json:"core,omitempty"`
	CoreID        *int64  `json:"core_id,omitempty"`
	ScriptVersion *string `json:"script_version,omitempty"`
	Remark        *string `json:"remark,omitempty"`
	Allow         *bool   `json:"allow,omitempty"`
	All           *bool   `json:"all,omitempty"`
}

// LogFilter chooses log entries. Zero fields choose all.
type LogFilter struct {
	Project  int64
	Identity string // complete, without regard to letter case
	Reason   Reason
	From, To time.Time
}

// Explanation is why a URL gets its answer.
type Explanation struct {
	URL    string   `json:"url"`
	Reason Reason   `json:"reason"`
	Status int      `json:"status"`
	Body   string   `json:"body,omitempty"` // of an error
	Result string   `json:"result"`         // what the log would say
	Steps  []Step   `json:"steps"`
	Notes  []string `json:"notes,omitempty"`
}

// Statistic is one firmware in the table 升级统计.
type Statistic struct {
	Firmware Firmware        `json:"firmware"`
	Devices  int             `json:"device_count"` // that report its version now
	Outcomes map[Outcome]int `json:"outcomes"`
}

// DeliveryFilter chooses deliveries. Zero fields choose all.
type DeliveryFilter struct {
	Project, Device, Firmware, Rollout int64
	Outcome                            Outcome
}

// Base is a core from which difference packages are built.
type Base struct {
	ID       int64     `json:"id"`
	Project  int64     `json:"project"`
	Name     string    `json:"name"` // end of the firmware names it goes with, or empty for all
	Core     string    `json:"core"`
	Chip     string    `json:"chip"` // model whose delta creator is used; empty: the uploaded firmware is sent as it is
	FileName string    `json:"file_name,omitempty"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256,omitempty"`
	Created  time.Time `json:"created"`
}

// BaseDraft is what is asked about a base core.
type BaseDraft struct {
	Name     string `json:"name"`
	Core     string `json:"core"`
	Chip     string `json:"chip"`
	FileName string `json:"file_name"`
}

// EventKind says what happened. The names are those of webhooks.
type EventKind string

const (
	EventRequest    EventKind = "request"           // a device asked; not for webhooks
	EventRegistered EventKind = "device.registered" // a device joined a project
	EventBanned     EventKind = "device.banned"     // by the loop guard
	EventDelivery   EventKind = "delivery.sent"     // a firmware was sent
	EventOutcome    EventKind = "delivery.settled"  // what became of it is known
	EventRollout    EventKind = "rollout.changed"
	EventFirmware   EventKind = "firmware.created"
	EventJob        EventKind = "job.finished"
)

// WebhookEvents are the events that a webhook may ask for.
var WebhookEvents = []EventKind{
	EventRegistered, EventBanned, EventDelivery, EventOutcome, EventRollout, EventFirmware, EventJob,
}

// Event is something that happened in an account.
type Event struct {
	Kind     EventKind `json:"event"`
	Time     time.Time `json:"time"`
	Project  int64     `json:"project,omitempty"`
	Device   string    `json:"device,omitempty"` // identity
	Firmware int64     `json:"firmware,omitempty"`
	Rollout  int64     `json:"rollout,omitempty"`
	Log      int64     `json:"log,omitempty"` // id of the log entry
	Reason   Reason    `json:"reason,omitempty"`
	Outcome  Outcome   `json:"outcome,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Lost     bool      `json:"lost,omitempty"` // events before this one are missing
}

// Webhook is an address that is told what happens.
type Webhook struct {
	ID      int64       `json:"id"`
	URL     string      `json:"url"`
	Events  []EventKind `json:"events"` // empty: all
	Secret  string      `json:"secret,omitempty"`
	Created time.Time   `json:"created"`
}

// WebhookDraft is what is asked about a webhook. Without a secret one is made.
type WebhookDraft struct {
	URL    string      `json:"url"`
	Events []EventKind `json:"events"`
	Secret string      `json:"secret"`
}

// WebhookCall is one event on its way to a webhook.
type WebhookCall struct {
	ID      int64     `json:"id"`
	Event   Event     `json:"event"`
	Tries   int       `json:"tries"`
	Done    bool      `json:"done"`             // answered with 2xx
	GaveUp  bool      `json:"gave_up"`          // after the last try
	Status  int       `json:"status,omitempty"` // of the last answer
	Error   string    `json:"error,omitempty"`
	NextTry time.Time `json:"next_try,omitzero"`
}

// AuditEntry is something that a person or a program did.
type AuditEntry struct {
	ID     int64     `json:"id"`
	Time   time.Time `json:"time"`
	By     string    `json:"by"`     // "page" or a token's name
	Action string    `json:"action"` // "firmware.create"
	Object int64     `json:"object"` // id of what it was done to
	Detail string    `json:"detail"`
}
