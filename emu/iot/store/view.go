package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"airlift/emu/iot"
)

// The columns of each kind of row, in the order in which they are read.
const (
	projectColumns  = "p.id, p.account, p.name, p.description, p.key, p.hidden, p.comparator, p.created"
	deviceColumns   = "d.id, d.project, d.identity, d.name, d.version, d.firmware_name, d.core, d.forbidden, d.banned, d.last_online, d.created"
	firmwareColumns = "f.id, f.project, f.name, f.remark, f.version, f.core, f.file_name, f.size, f.sha256, f.allow, f.everybody, f.created, f.core_id, f.script_version"
	deliveryColumns = "v.id, v.device, v.identity, v.firmware, v.from_version, v.from_core, v.to_version, v.to_core, v.at, v.whole, v.outcome, v.settled, v.rollout, v.grp, coalesce(v.serial, '')"
	baseColumns     = "b.id, b.project, b.name, b.core, b.chip, b.file_name, b.size, b.sha256, b.created"
	jobColumns      = "j.id, j.core, j.base, j.firmware, j.started, j.ready, j.state, j.error, j.size"
)

func scanProject(r scanner) (p iot.Project, err error) {
	var created int64
	err = r.Scan(&p.ID, &p.Account, &p.Name, &p.Description, &p.Key, &p.Hidden, &p.Comparator, &created)
	p.Created = moment(created)
	return p, err
}

func scanDevice(r scanner, more ...any) (d iot.Device, err error) {
	var online, created int64
	err = r.Scan(append([]any{&d.ID, &d.Project, &d.Identity, &d.Name, &d.Version, &d.FirmwareName, &d.Core, &d.Forbidden, &d.Banned, &online, &created}, more...)...)
	d.LastOnline, d.Created = moment(online), moment(created)
	return d, err
}

func scanFirmware(r scanner) (f iot.Firmware, err error) {
	var created int64
	err = r.Scan(&f.ID, &f.Project, &f.Name, &f.Remark, &f.Version, &f.Core, &f.FileName, &f.Size, &f.SHA256, &f.Allow, &f.All, &created, &f.CoreID, &f.ScriptVersion)
	f.Created = moment(created)
	return f, err
}

func scanDelivery(r scanner) (v iot.Delivery, err error) {
	var at, settled int64
	err = r.Scan(&v.ID, &v.Device, &v.Identity, &v.Firmware, &v.From, &v.FromCore, &v.To, &v.ToCore, &at, &v.Whole, &v.Outcome, &settled, &v.Rollout, &v.Group, &v.Serial)
	v.At, v.Settled = moment(at), moment(settled)
	return v, err
}

func scanBase(r scanner) (b iot.Base, err error) {
	var created int64
	err = r.Scan(&b.ID, &b.Project, &b.Name, &b.Core, &b.Chip, &b.FileName, &b.Size, &b.SHA256, &created)
	b.Created = moment(created)
	return b, err
}

func scanJob(r scanner, more ...any) (j iot.Job, err error) {
	var started, ready int64
	var core string
	err = r.Scan(append([]any{&j.ID, &core, &j.Base, &j.Firmware, &started, &ready, &j.State, &j.Error, &j.Size}, more...)...)
	if err == nil {
		j.Core, err = iot.ParseCore(core)
	}
	j.Started, j.Ready = moment(started), moment(ready)
	return j, err
}

// Account returns an account.
func (t *tx) Account(id int64) (iot.Account, bool) {
	if a, ok := t.cache.accounts[id]; ok {
		return a, true
	}
	a := iot.Account{ID: id}
	if !t.found(t.row("select name from accounts where id = ?", id).Scan(&a.Name)) {
		return iot.Account{}, false
	}
	keep(t.cache.accounts, id, a)
	return a, true
}

// Project returns a project.
func (t *tx) Project(id int64) (iot.Project, bool) {
	if p, ok := t.cache.projects[id]; ok {
		return p, true
	}
	p, err := scanProject(t.row("select "+projectColumns+" from projects p where p.id = ?", id))
	if !t.found(err) {
		return iot.Project{}, false
	}
	keep(t.cache.projects, id, p)
	return p, true
}

// ProjectByKey returns the project with exactly this key.
func (t *tx) ProjectByKey(key string) (iot.Project, bool) {
	id, ok := t.cache.keys[key]
	if !ok {
		if !t.found(t.row("select id from projects where key = ?", key).Scan(&id)) {
			return iot.Project{}, false
		}
		keep(t.cache.keys, key, id)
	}
	return t.Project(id)
}

// Device returns a device by identity, with what the loop guard counts.
func (t *tx) Device(identity string) (iot.Device, bool) {
	if d := t.device; d != nil && iot.IdentityKey(d.Identity) == iot.IdentityKey(identity) {
		return *d, true
	}
	var sent, latest int64
	d, err := scanDevice(t.row("select "+deviceColumns+", d.last_sent, d.latest from devices d where d.key = ?", iot.IdentityKey(identity)), &sent, &latest)
	if !t.found(err) {
		return iot.Device{}, false
	}
	since := nano(t.s.opt.Now().Add(-t.s.opt.Settings.Loop.Window))
	if sent != 0 && (sent >= since || latest != 0) {
		d.Deliveries = t.deliveries(d.ID, since, latest)
	}
	if t.s.opt.Settings.Loop.Counts == iot.CountRequests {
		d.Requests = t.requests(d.ID, since)
	}
	t.device = &d
	return d, true
}

// deliveriesMax is how many deliveries of a device are looked at.
const deliveriesMax = 1024

func (t *tx) deliveries(device, since, latest int64) []iot.Delivery {
	rows, err := t.query("select * from (select "+deliveryColumns+" from deliveries v where v.device = ? and (v.counted and v.at >= ? or v.id = ?) order by v.id desc limit ?) order by 1",
		device, since, latest, deliveriesMax)
	list, err := all(rows, err, scanDelivery)
	t.fail(err)
	return list
}

func (t *tx) requests(device, since int64) []time.Time {
	rows, err := t.query("select at from requests where device = ? and at >= ? order by at limit ?", device, since, deliveriesMax)
	list, err := all(rows, err, func(r scanner) (time.Time, error) {
		var at int64
		err := r.Scan(&at)
		return moment(at), err
	})
	t.fail(err)
	return list
}

// Firmware returns a project's firmware in the order of creation.
func (t *tx) Firmware(project int64) []iot.Firmware {
	if list, ok := t.cache.firmware[project]; ok {
		return list
	}
	rows, err := t.query("select "+firmwareColumns+" from firmware f where f.project = ? order by f.id", project)
	list, err := all(rows, err, scanFirmware)
	if !t.fail(err) {
		return nil
	}
	rows, err = t.query("select distinct l.firmware from firmware_devices l join firmware f on f.id = l.firmware where f.project = ?", project)
	ids, err := all(rows, err, func(r scanner) (id int64, err error) { return id, r.Scan(&id) })
	if !t.fail(err) {
		return nil
	}
	for _, f := range list {
		t.cache.listed[f.ID] = false
	}
	for _, id := range ids {
		t.cache.listed[id] = true
	}
	keep(t.cache.firmware, project, list)
	return list
}

// Lists reports whether a firmware's device list names an identity.
func (t *tx) Lists(firmware int64, identity string) bool {
	if listed, known := t.cache.listed[firmware]; known && !listed {
		return false
	}
	var one int
	return t.found(t.row("select 1 from firmware_devices where firmware = ? and key = ?", firmware, iot.IdentityKey(identity)).Scan(&one))
}

// Rollout returns the latest roll-out of a firmware, without its counts.
func (t *tx) Rollout(firmware int64) (iot.Rollout, bool) {
	r, known := t.cache.rollouts[firmware]
	if !known {
		var body string
		if t.found(t.row("select body from rollouts where firmware = ? order by id desc limit 1", firmware).Scan(&body)) {
			r = new(iot.Rollout)
			if !t.fail(json.Unmarshal([]byte(body), r)) {
				return iot.Rollout{}, false
			}
		} else if t.err != nil {
			return iot.Rollout{}, false
		}
		keep(t.cache.rollouts, firmware, r)
	}
	if r == nil {
		return iot.Rollout{}, false
	}
	return *r, true
}

// KnowsCore finds the base of a core that goes with a firmware name: the one
// with the longest name that fits.
func (t *tx) KnowsCore(project int64, name string, core iot.Version) (int64, bool) {
	rows, err := t.query("select "+baseColumns+" from bases b where b.project = ? order by length(b.name) desc, b.id desc", project)
	list, err := all(rows, err, scanBase)
	t.fail(err)
	for _, b := range list {
		if v, err := iot.ParseCore(b.Core); err != nil || v != core || !iot.CoreGoesWith(b.Name, name) {
			continue
		}
		if b.Chip == "" || t.s.opt.Build == nil {
			return 0, true // the uploaded file is what is sent
		}
		return b.ID, true
	}
	return 0, false
}

// coreText is how a core's number is kept.
func coreText(v iot.Version) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Job returns a difference job.
func (t *tx) Job(core iot.Version, firmware int64) (iot.Job, bool) {
	j, err := scanJob(t.row("select "+jobColumns+" from jobs j where j.firmware = ? and j.core = ?", firmware, coreText(core)))
	return j, t.found(err)
}

// Delivery finds a delivery by its serial.
func (t *tx) Delivery(serial string) (iot.Delivery, bool) {
	v, err := scanDelivery(t.row("select "+deliveryColumns+" from deliveries v where v.serial = ?", serial))
	return v, t.found(err)
}

// Content opens a firmware's file, or the package of a job.
func (t *tx) Content(firmware int64, job *iot.Job) (iot.Content, error) {
	query, id := "select sha256, size from firmware where id = ?", firmware
	if job != nil && job.Base != 0 {
		query, id = "select sha256, size from jobs where id = ?", job.ID
	}
	var sum string
	var size int64
	if err := t.row(query, id).Scan(&sum, &size); err != nil {
		return iot.Content{}, wrap(err)
	}
	f, err := t.s.files.open(sum)
	if err != nil {
		return iot.Content{}, fmt.Errorf("file of firmware %d: %w", firmware, err)
	}
	return iot.Content{File: f, Size: size, SHA256: sum}, nil
}

// File opens a firmware's file or a package by its sum.
func (t *tx) File(sum string) (iot.Content, error) {
	var size int64
	if err := t.row("select size from firmware where sha256 = ?1 union all select size from jobs where sha256 = ?1 and sha256 <> '' limit 1", sum).Scan(&size); err != nil {
		return iot.Content{}, wrap(err)
	}
	f, err := t.s.files.open(sum)
	if err != nil {
		return iot.Content{}, err
	}
	return iot.Content{File: f, Size: size, SHA256: sum}, nil
}

var _ iot.Store = (*tx)(nil)

// one reads a single row on a connection for reading.
func one[T any](s *Store, read func(scanner) (T, error), query string, args ...any) (T, error) {
	v, err := read(s.read.QueryRow(query, args...))
	return v, wrap(err)
}

// many reads rows on a connection for reading.
func many[T any](s *Store, read func(scanner) (T, error), query string, args ...any) ([]T, error) {
	var rows *sql.Rows
	rows, err := s.read.Query(query, args...)
	list, err := all(rows, err, read)
	return list, wrap(err)
}
