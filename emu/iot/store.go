package iot

import (
	"errors"
	"io"
	"time"
)

// Account is a customer of the platform.
type Account struct {
	ID   int64  `json:"id"`
	Name string `json:"name"` // the login, a phone number on the platform
}

// Project is a product of an account. Its key is what devices send.
type Project struct {
	ID          int64      `json:"id"`
	Account     int64      `json:"-"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Key         string     `json:"key"` // 32 letters and digits, unique, never changes
	Hidden      bool       `json:"hidden"`
	Comparator  Comparator `json:"comparator"`
	Created     time.Time  `json:"created"`
}

// Device is a module. It belongs to exactly one project.
type Device struct {
	ID           int64       `json:"id"`
	Project      int64       `json:"project"`
	Identity     string      `json:"identity"` // as first seen
	Name         string      `json:"name"`
	Version      string      `json:"version"`       // as last reported
	FirmwareName string      `json:"firmware_name"` // as last reported
	Core         string      `json:"core"`          // as last reported
	Forbidden    bool        `json:"forbidden"`     // upgrade state 禁止, set by hand
	Banned       bool        `json:"banned"`        // by the loop guard
	LastOnline   time.Time   `json:"last_online,omitzero"`
	Created      time.Time   `json:"created"`
	Deliveries   []Delivery  `json:"-"` // recent ones and an open one, oldest first
	Requests     []time.Time `json:"-"` // recent ones, oldest first
}

// Firmware is an uploaded file with its policy (iot-platform.md 3.3).
type Firmware struct {
	ID       int64     `json:"id"`
	Project  int64     `json:"project"`
	Name     string    `json:"name"` // what firmware_name must be equal to
	Remark   string    `json:"remark"`
	Version  string    `json:"version"`
	Core     string    `json:"core"`      // core version on its own, or empty
	FileName string    `json:"file_name"` // of the upload
	Size     int64     `json:"size"`      // bytes
	SHA256   string    `json:"sha256"`    // of the file, hex
	Allow    bool      `json:"allow"`     // 允许升级
	All      bool      `json:"all"`       // 升级全部设备
	Devices  []string  `json:"-"`         // 指定设备; not filled in by Platform
	Created  time.Time `json:"created"`
	// CoreID and ScriptVersion are what the device will report after the
	// upgrade, for the turnkey API, which compares them (iot-platform.md 1.5.1).
	CoreID        int64  `json:"core_id"`
	ScriptVersion string `json:"script_version"`
}

// Lists reports whether the firmware's device list names an identity.
func (f *Firmware) Lists(identity string) bool {
	key := IdentityKey(identity)
	for _, d := range f.Devices {
		if IdentityKey(d) == key {
			return true
		}
	}
	return false
}

// Job is the building of a difference package from a core to a firmware. One
// job serves all devices with the same core.
type Job struct {
	ID       int64     `json:"id"`
	Core     Version   `json:"core"`
	Base     int64     `json:"base,omitempty"` // id of a [Base], 0 if there is none
	Firmware int64     `json:"firmware"`
	Started  time.Time `json:"started"`
	Ready    time.Time `json:"ready"` // not answered with before this time
	State    JobState  `json:"state"`
	Error    string    `json:"error,omitempty"` // of a failed one
	Size     int64     `json:"size,omitempty"`  // bytes of the package
}

// JobState is where a job is.
type JobState string

const (
	JobBuilding JobState = "building"
	JobReady    JobState = "ready"
	JobFailed   JobState = "failed"
)

// LogEntry is one row of the upgrade log. The platform has none for a request
// without identity (iot-platform.md 2.3); ours has, as it is the one that a person
// wonders about most.
type LogEntry struct {
	ID            int64     `json:"id"`
	Time          time.Time `json:"time"`
	Project       int64     `json:"project"`  // 0 if unknown
	Identity      string    `json:"identity"` // empty if the request had none
	FirmwareName  string    `json:"firmware_name"`
	DeviceVersion string    `json:"device_version"`
	ServerVersion string    `json:"server_version"` // "unknown" if there is no such firmware
	URL           string    `json:"url"`
	Reason        Reason    `json:"reason"`
	Status        int       `json:"status"` // HTTP
	Result        string    `json:"result"` // the answer set's log text
	Steps         []Step    `json:"steps,omitempty"`
	Notes         []string  `json:"notes,omitempty"`
}

// View is what [Decide] may see of a store. What it returns must not be
// changed.
type View interface {
	Account(id int64) (Account, bool)
	Project(id int64) (Project, bool)
	ProjectByKey(key string) (Project, bool)
	// Device finds a device by its identity, without regard to letter case.
	Device(identity string) (Device, bool)
	// Firmware returns a project's firmware in the order of creation. Their
	// device lists may be missing: Lists has them.
	Firmware(project int64) []Firmware
	// Lists reports whether a firmware's device list names an identity.
	Lists(firmware int64, identity string) bool
	// Rollout returns the roll-out that a firmware is in.
	Rollout(firmware int64) (Rollout, bool)
	// KnowsCore finds the base from which a project's difference packages for
	// this core are built. name is the firmware name that the device sent. The
	// id is 0 if the core is only known, not there.
	KnowsCore(project int64, name string, core Version) (base int64, ok bool)
	Job(core Version, firmware int64) (Job, bool)
}

// Effects are what a request changes in a store. The zero value changes
// nothing.
type Effects struct {
	Identity string      // whose request it was
	At       time.Time   // when
	Register int64       // project that the device joins, or 0
	Touch    *Touch      // what the device told about itself
	Settle   *Settlement // what became of an earlier delivery
	Request  bool        // count the request
	Delivery *Delivery   // count a delivery; the store fills in what it knows
	Finish   int64       // firmware whose last byte has been sent, or 0
	FinishAt time.Time   // when its delivery began; zero: an earlier one was gone on with
	Ban      bool
	Forget   time.Time // requests and settled deliveries before this may be forgotten
	Job      *Job      // start building
	Log      *LogEntry
}

// Touch is what a device told about itself.
type Touch struct{ Version, FirmwareName, Core string }

// Settlement is what became of a delivery.
type Settlement struct {
	Delivery Delivery
	Outcome  Outcome
}

// Store keeps the platform's data.
type Store interface {
	View
	// Apply changes the store: first Register, then the rest.
	Apply(Effects) error
	// Content returns a firmware's file, or the difference package of a job.
	// The caller closes it.
	Content(firmware int64, job *Job) (Content, error)
	// File is Content by the SHA-256 of a file, in hex.
	File(sum string) (Content, error)
	// Delivery finds a delivery by its serial.
	Delivery(serial string) (Delivery, bool)
}

// Content is a file: in memory, or open on disk.
type Content struct {
	Bytes []byte // must not be changed
	File  File   // nil if it is in Bytes
	Size  int64  // bytes
	// SHA256 is that of the file, in hex.
	SHA256 string
}

// File is an open file. An *os.File goes out without being copied.
type File interface {
	io.ReaderAt
	io.Closer
}

// Close closes the file, if there is one.
func (c Content) Close() error {
	if c.File == nil {
		return nil
	}
	return c.File.Close()
}

// Database runs functions on a store.
type Database interface {
	// Update calls fn, with nobody else changing the store meanwhile. What fn
	// changed is kept, all of it or nothing, and safe when Update returns nil.
	// fn must be quick and must not keep the store.
	Update(fn func(Store) error) error
}

// Forker is a store that can be copied, for forked worlds. Neither copy sees
// changes of the other.
type Forker interface {
	Fork() Store
}

// ErrNotFound is returned for things that a store does not have.
var ErrNotFound = errors.New("not in the store")
