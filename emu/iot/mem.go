package iot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a Mem store.
const (
	DevicesMax    = 1_000_000
	LogEntriesMax = 10_000 // older rows are dropped
	recentMax     = 1_024  // deliveries and requests kept for a device
	textBytesMax  = 255    // names, versions
	// remarkBytesMax bounds what people write about things.
	remarkBytesMax = 4096
	FirmwareMax    = 64 << 20
)

// Mem is a store in memory. It is deterministic: ids count up from 1 and lists
// are in the order of creation. It is not safe for concurrent use; [Server]
// serialises.
type Mem struct {
	seed     uint64
	accounts []Account
	projects []Project
	devices  []Device
	firmware []Firmware
	contents [][]byte       // of firmware, by id-1; shared by forks
	byID     map[string]int // IdentityKey to index in devices
	byKey    map[string]int // project key to index
	cores    []knownCore
	jobs     []Job
	rollouts []Rollout
	sent     int64 // deliveries so far
	logged   int64 // log entries so far
	log      []LogEntry
}

type knownCore struct {
	name string
	core Version
}

var _ interface {
	Store
	Forker
} = (*Mem)(nil)

// NewMem returns an empty store. Project keys are drawn from seed.
func NewMem(seed uint64) *Mem {
	return &Mem{seed: seed, byID: map[string]int{}, byKey: map[string]int{}}
}

// Fork returns an independent copy. File contents are shared, as nobody
// changes them.
func (m *Mem) Fork() Store {
	f := *m
	f.accounts = slices.Clone(m.accounts)
	f.projects = slices.Clone(m.projects)
	f.devices = slices.Clone(m.devices) // their slices are replaced, never changed
	f.firmware = slices.Clone(m.firmware)
	f.contents = slices.Clone(m.contents)
	f.byID = maps.Clone(m.byID)
	f.byKey = maps.Clone(m.byKey)
	f.cores = slices.Clone(m.cores)
	f.jobs = slices.Clone(m.jobs)
	f.rollouts = slices.Clone(m.rollouts)
	f.log = slices.Clone(m.log)
	return &f
}

// AddAccount adds an account.
func (m *Mem) AddAccount(name string) (Account, error) {
	if err := checkText("account name", name); err != nil {
		return Account{}, err
	}
	a := Account{ID: int64(len(m.accounts) + 1), Name: name}
	m.accounts = append(m.accounts, a)
	return a, nil
}

// AddProject adds a project. An empty key is replaced by one drawn from the
// store's seed.
func (m *Mem) AddProject(account int64, name, key string, at time.Time) (Project, error) {
	if _, ok := m.Account(account); !ok {
		return Project{}, fmt.Errorf("account %d: %w", account, ErrNotFound)
	}
	if err := checkText("project name", name); err != nil {
		return Project{}, err
	}
	p := Project{ID: int64(len(m.projects) + 1), Account: account, Name: name, Key: key, Created: at}
	if p.Key == "" {
		p.Key = projectKey(m.seed, p.ID)
	}
	if err := CheckKey(p.Key); err != nil {
		return Project{}, err
	}
	if _, taken := m.byKey[p.Key]; taken {
		return Project{}, fmt.Errorf("project key %s is taken", p.Key)
	}
	m.byKey[p.Key] = len(m.projects)
	m.projects = append(m.projects, p)
	return p, nil
}

// SetComparator chooses a project's comparator.
func (m *Mem) SetComparator(project int64, c Comparator) error {
	if _, ok := m.Project(project); !ok {
		return fmt.Errorf("project %d: %w", project, ErrNotFound)
	}
	if err := c.Check(); err != nil {
		return err
	}
	m.projects[project-1].Comparator = c
	return nil
}

// AddDevice registers a device by hand.
func (m *Mem) AddDevice(project int64, identity string, at time.Time) (Device, error) {
	if _, ok := m.Project(project); !ok {
		return Device{}, fmt.Errorf("project %d: %w", project, ErrNotFound)
	}
	if !usableIdentity(identity) {
		return Device{}, fmt.Errorf("device identity %s is no text of 1 to %d bytes", quote(identity), identityBytesMax)
	}
	if d, ok := m.Device(identity); ok {
		return Device{}, fmt.Errorf("device %s belongs to project %d already", quote(identity), d.Project)
	}
	if len(m.devices) >= DevicesMax {
		return Device{}, fmt.Errorf("the store holds %d devices, which is the limit", DevicesMax)
	}
	d := Device{ID: int64(len(m.devices) + 1), Project: project, Identity: identity, Created: at}
	m.byID[IdentityKey(identity)] = len(m.devices)
	m.devices = append(m.devices, d)
	return d, nil
}

// SetForbidden switches a device's upgrade state. Allowing it also releases
// it from the loop guard, as the device list does (iot-platform.md 3.7).
func (m *Mem) SetForbidden(identity string, forbidden bool) error {
	i, ok := m.byID[IdentityKey(identity)]
	if !ok {
		return fmt.Errorf("device %s: %w", quote(identity), ErrNotFound)
	}
	d := &m.devices[i]
	d.Forbidden = forbidden
	if !forbidden {
		d.Banned, d.Deliveries, d.Requests = false, nil, nil
	}
	return nil
}

// AddFirmware adds a firmware with its file. ID and Size are filled in.
func (m *Mem) AddFirmware(f Firmware, content []byte) (Firmware, error) {
	if _, ok := m.Project(f.Project); !ok {
		return f, fmt.Errorf("project %d: %w", f.Project, ErrNotFound)
	}
	if f.FileName == "" {
		f.FileName = "output.bin"
	}
	if err := f.Check(); err != nil {
		return f, err
	}
	if len(content) == 0 || len(content) > FirmwareMax {
		return f, fmt.Errorf("firmware file has %d bytes; 1 to %d are allowed", len(content), FirmwareMax)
	}
	sum := sha256.Sum256(content)
	f.ID, f.Size, f.Devices, f.SHA256 = int64(len(m.firmware)+1), int64(len(content)), slices.Clone(f.Devices), hex.EncodeToString(sum[:])
	m.firmware = append(m.firmware, f)
	m.contents = append(m.contents, content)
	return f, nil
}

// Check refuses what cannot be a firmware.
func (f *Firmware) Check() error {
	if _, err := ParseVersion(f.Version); err != nil {
		return fmt.Errorf("firmware: %w", err)
	}
	if f.Core != "" {
		if _, err := ParseCore(f.Core); err != nil {
			return fmt.Errorf("firmware: %w", err)
		}
	}
	if f.ScriptVersion != "" {
		if _, err := ParseVersion(f.ScriptVersion); err != nil {
			return fmt.Errorf("firmware: script %w", err)
		}
	}
	if len(f.Remark) > remarkBytesMax || !utf8.ValidString(f.Remark) {
		return fmt.Errorf("remark is no text of at most %d bytes", remarkBytesMax)
	}
	if strings.ContainsAny(f.FileName, `/\"`) {
		return fmt.Errorf("file name %s has a folder or a quotation mark", quote(f.FileName))
	}
	return errors.Join(checkText("firmware name", f.Name), checkText("file name", f.FileName))
}

// SetPolicy replaces the switches and the device list of a firmware.
func (m *Mem) SetPolicy(firmware int64, allow, all bool, devices []string) error {
	if firmware < 1 || firmware > int64(len(m.firmware)) {
		return fmt.Errorf("firmware %d: %w", firmware, ErrNotFound)
	}
	f := &m.firmware[firmware-1]
	f.Allow, f.All, f.Devices = allow, all, slices.Clone(devices)
	return nil
}

// AddCore makes a core known as a base of difference packages. name is the end
// of the firmware names it goes with ("LuatOS-Air_RDA8910_BT_TTS_FLOAT"), or
// empty for all.
func (m *Mem) AddCore(name string, core Version) {
	m.cores = append(m.cores, knownCore{name, core})
}

// Account returns an account.
func (m *Mem) Account(id int64) (Account, bool) { return at(m.accounts, id) }

// Project returns a project.
func (m *Mem) Project(id int64) (Project, bool) { return at(m.projects, id) }

func at[T any](list []T, id int64) (v T, ok bool) {
	if id < 1 || id > int64(len(list)) {
		return v, false
	}
	return list[id-1], true
}

// ProjectByKey returns the project with exactly this key.
func (m *Mem) ProjectByKey(key string) (Project, bool) {
	i, ok := m.byKey[key]
	if !ok {
		return Project{}, false
	}
	return m.projects[i], true
}

// Device returns a device by identity.
func (m *Mem) Device(identity string) (Device, bool) {
	i, ok := m.byID[IdentityKey(identity)]
	if !ok {
		return Device{}, false
	}
	return m.devices[i], true
}

// Firmware returns a project's firmware in the order of creation.
func (m *Mem) Firmware(project int64) []Firmware {
	var list []Firmware
	for _, f := range m.firmware {
		if f.Project == project {
			list = append(list, f)
		}
	}
	return list
}

// Accounts, Projects and Devices list everything in the order of creation.
func (m *Mem) Accounts() []Account { return slices.Clone(m.accounts) }
func (m *Mem) Projects() []Project { return slices.Clone(m.projects) }
func (m *Mem) Devices() []Device   { return slices.Clone(m.devices) }

// Log returns the upgrade log, oldest first.
func (m *Mem) Log() []LogEntry { return slices.Clone(m.log) }

// Lists reports whether a firmware's device list names an identity.
func (m *Mem) Lists(firmware int64, identity string) bool {
	f, ok := at(m.firmware, firmware)
	return ok && f.Lists(identity)
}

// AddRollout starts to roll a firmware out.
func (m *Mem) AddRollout(project int64, d RolloutDraft, now time.Time) (Rollout, error) {
	r, err := d.New(int64(len(m.rollouts)+1), project, now)
	if err != nil {
		return r, err
	}
	if f, ok := at(m.firmware, d.Firmware); !ok || f.Project != project {
		return r, fmt.Errorf("firmware %d: %w", d.Firmware, ErrNotFound)
	}
	m.rollouts = append(m.rollouts, r)
	return r, nil
}

// ActRollout does what a person wants done.
func (m *Mem) ActRollout(id int64, a RolloutAction, now time.Time) error {
	r, ok := at(m.rollouts, id)
	if !ok {
		return fmt.Errorf("roll-out %d: %w", id, ErrNotFound)
	}
	r, err := r.Act(a, now)
	if err == nil {
		m.rollouts[id-1] = r
	}
	return err
}

// Rollout returns the latest roll-out of a firmware.
func (m *Mem) Rollout(firmware int64) (Rollout, bool) {
	for i := len(m.rollouts) - 1; i >= 0; i-- {
		if m.rollouts[i].Firmware == firmware {
			return m.rollouts[i], true
		}
	}
	return Rollout{}, false
}

// KnowsCore reports whether a core was added with AddCore.
func (m *Mem) KnowsCore(_ int64, name string, core Version) (int64, bool) {
	return 0, slices.ContainsFunc(m.cores, func(k knownCore) bool {
		return k.core == core && CoreGoesWith(k.name, name)
	})
}

// CoreGoesWith reports whether a base core is for a firmware name: it is the
// name's end, or empty.
func CoreGoesWith(end, name string) bool {
	return end == "" || name == end || strings.HasSuffix(name, "_"+end)
}

// Job returns a difference job.
func (m *Mem) Job(core Version, firmware int64) (Job, bool) {
	for _, j := range m.jobs {
		if j.Core == core && j.Firmware == firmware {
			return j, true
		}
	}
	return Job{}, false
}

// Content returns a firmware's file. This store builds no difference packages:
// a job has the same one.
func (m *Mem) Content(firmware int64, _ *Job) (Content, error) {
	p, ok := at(m.contents, firmware)
	if !ok {
		return Content{}, fmt.Errorf("firmware %d: %w", firmware, ErrNotFound)
	}
	return Content{Bytes: p, Size: int64(len(p)), SHA256: m.firmware[firmware-1].SHA256}, nil
}

// File returns a firmware's file by its sum.
func (m *Mem) File(sum string) (Content, error) {
	for i := range m.firmware {
		if m.firmware[i].SHA256 == sum {
			return m.Content(m.firmware[i].ID, nil)
		}
	}
	return Content{}, fmt.Errorf("file %s: %w", quote(sum), ErrNotFound)
}

// Delivery finds a delivery by its serial.
func (m *Mem) Delivery(serial string) (Delivery, bool) {
	for i := range m.devices {
		for _, v := range m.devices[i].Deliveries {
			if v.Serial == serial {
				return v, true
			}
		}
	}
	return Delivery{}, false
}

func checkText(what, s string) error {
	if s == "" || len(s) > textBytesMax || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7F }) {
		return fmt.Errorf("%s %s is no text of 1 to %d bytes", what, quote(s), textBytesMax)
	}
	return nil
}

// Cores lists what AddCore added.
func (m *Mem) Cores() []CoreConfig {
	var list []CoreConfig
	for _, c := range m.cores {
		list = append(list, CoreConfig{Name: c.name, Version: fmt.Sprintf("%d.%d.%d", c.core[0], c.core[1], c.core[2])})
	}
	return list
}
