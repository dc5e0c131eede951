package iot

import (
	"errors"
	"time"
)

// Account is a customer of the platform.
type Account struct {
	ID   int64
	Name string // the login, a phone number on the platform
}

// Project is a product of an account. Its key is what devices send.
type Project struct {
	ID, Account int64
	Name        string
	Key         string // 32 letters and digits, unique, never changes
	Comparator  Comparator
	Created     time.Time
}

// Device is a module. It belongs to exactly one project.
type Device struct {
	ID, Project  int64
	Identity     string // as first seen
	Name         string
	Version      string // as last reported
	FirmwareName string // as last reported
	Core         string // as last reported
	Forbidden    bool   // upgrade state 禁止, set by hand
	Banned       bool   // by the loop guard
	LastOnline   time.Time
	Created      time.Time
	Deliveries   []Delivery  // recent ones, oldest first
	Requests     []time.Time // recent ones, oldest first
}

// Delivery is one time that a firmware was sent to a device.
type Delivery struct {
	Firmware int64
	From     string // version that the device reported
	At       time.Time
}

// Firmware is an uploaded file with its policy (iot-platform.md 3.3).
type Firmware struct {
	ID, Project int64
	Name        string // what firmware_name must be equal to
	Remark      string
	Version     string
	Core        string // core version on its own, or empty
	FileName    string // of the upload
	Size        int64  // bytes
	Allow       bool   // 允许升级
	All         bool   // 升级全部设备
	Devices     []string
	Created     time.Time
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
	Core     Version
	Firmware int64
	Started  time.Time
	Ready    time.Time
}

// LogEntry is one row of the upgrade log.
type LogEntry struct {
	Time          time.Time
	Project       int64 // 0 if unknown
	Identity      string
	FirmwareName  string
	DeviceVersion string
	ServerVersion string // "unknown" if there is no such firmware
	URL           string
	Reason        Reason
	Result        string // the answer set's log text
}

// View is what [Decide] may see of a store. What it returns must not be
// changed.
type View interface {
	Account(id int64) (Account, bool)
	Project(id int64) (Project, bool)
	ProjectByKey(key string) (Project, bool)
	// Device finds a device by its identity, without regard to letter case.
	Device(identity string) (Device, bool)
	// Firmware returns a project's firmware in the order of creation.
	Firmware(project int64) []Firmware
	// KnowsCore reports whether the platform can build from this core. name is
	// the firmware name that the device sent.
	KnowsCore(name string, core Version) bool
	Job(core Version, firmware int64) (Job, bool)
}

// Effects are what a request changes in a store. The zero value changes
// nothing.
type Effects struct {
	Identity string    // whose request it was
	At       time.Time // when
	Register int64     // project that the device joins, or 0
	Touch    *Touch    // what the device told about itself
	Request  bool      // count the request
	Delivery *Delivery // count a delivery
	Ban      bool
	Forget   time.Time // requests and deliveries before this are forgotten
	Job      *Job      // start building
	Log      *LogEntry
}

// Touch is what a device told about itself.
type Touch struct{ Version, FirmwareName, Core string }

// Store keeps the platform's data. Apply is called for one request at a time.
type Store interface {
	View
	// Apply changes the store: first Register, then the rest.
	Apply(Effects) error
	// Content returns a firmware's file. It must not be changed.
	Content(firmware int64) ([]byte, error)
}

// Forker is a store that can be copied, for forked worlds. Neither copy sees
// changes of the other.
type Forker interface {
	Fork() Store
}

// ErrNotFound is returned for things that a store does not have.
var ErrNotFound = errors.New("not in the store")
