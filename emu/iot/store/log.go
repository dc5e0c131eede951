package store

import "airlift/emu/iot"

// log adds a row to the upgrade log. It belongs to the account whose project was
// asked, or else to the one that has the device.
func (t *tx) log(e iot.Effects, d iot.Device) error {
	l := e.Log
	project := l.Project
	if project == 0 {
		project = d.Project
	}
	p, _ := t.Project(project)
	path, err := t.encodePath(l)
	if err != nil {
		return err
	}
	var device int64
	if e.Touch != nil {
		device = d.ID
	}
	id, err := t.insert(`insert into log(time, account, project, identity, key, firmware_name, device_version, server_version, url, reason, status, result, path, device)
		values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		nano(l.Time), p.Account, l.Project, l.Identity, iot.IdentityKey(l.Identity), l.FirmwareName, l.DeviceVersion, l.ServerVersion, l.URL,
		string(l.Reason), l.Status, l.Result, path, device)
	if err != nil {
		return err
	}
	if device != 0 {
		t.touched = append(t.touched, touch{device, nano(l.Time), id})
	}
	if id%logBlock == 0 {
		if err := t.exec("insert into log_keys select id / ?1, account, key, id from log where id >= ?2 - ?1 and id < ?2 order by account, key, id", logBlock, id); err != nil {
			return err
		}
	}
	if p.Account != 0 && t.s.hub.watched() {
		t.events = append(t.events, accountEvent{p.Account, iot.Event{
			Kind: iot.EventRequest, Time: l.Time, Project: p.ID, Device: l.Identity, Reason: l.Reason, Log: id, Detail: l.Result,
		}})
	}
	return t.err
}

func scanLog(r scanner) (l iot.LogEntry, err error) {
	var at int64
	err = r.Scan(&l.ID, &at, &l.Project, &l.Identity, &l.FirmwareName, &l.DeviceVersion, &l.ServerVersion, &l.URL, &l.Reason, &l.Status, &l.Result)
	l.Time = moment(at)
	return l, err
}

const logColumns = "l.id, l.time, l.project, l.identity, l.firmware_name, l.device_version, l.server_version, l.url, l.reason, l.status, l.result"

// logBlock is how many rows the index of devices takes at a time. One that takes
// each row by itself would have every row change a page of its own. The
// migrations have the number, too.
const logBlock = 1024

// logOfKey finds what a device asked: block by block of rows, and among those
// that are not in the index yet.
const logOfKey = `from (
	with recursive blocks(b) as (select max(block) from log_keys union all select b - 1 from blocks where b > (select min(block) from log_keys))
	select l.* from blocks cross join log_keys k cross join log l where k.block = b and k.account = ?1 and k.key = ?2 and l.id = k.id
	union all
	select l.* from log l where l.id >= coalesce((select max(block) + 1 from log_keys), 0) * 1024 and l.account = ?1 and l.key = ?2) l where true`

func (v *tenant) Log(f iot.LogFilter, p iot.Page) (iot.List[iot.LogEntry], error) {
	from, args := "from log l where l.account = ?", []any{v.id}
	if f.Identity != "" {
		from, args = logOfKey, []any{v.id, iot.IdentityKey(f.Identity)}
	}
	add := func(clause string, arg any) { from, args = from+" and "+clause, append(args, arg) }
	if f.Project != 0 {
		add("l.project = ?", f.Project)
	}
	if f.Reason != "" {
		add("l.reason = ?", string(f.Reason))
	}
	if !f.From.IsZero() {
		add("l.time >= ?", nano(f.From))
	}
	if !f.To.IsZero() {
		add("l.time < ?", nano(f.To))
	}
	return page(v.s, p, scanLog, logColumns, from, "l.id desc", args...)
}

func (v *tenant) LogEntry(id int64) (iot.LogEntry, error) {
	return one(v.s, func(r scanner) (iot.LogEntry, error) {
		var path string
		l, err := scanLog(also{r, []any{&path}})
		if err == nil {
			l.Steps, l.Notes, err = decodePath(path, v.s.keptText)
		}
		return l, err
	}, "select "+logColumns+", l.path from log l where l.id = ? and l.account = ?", id, v.id)
}

// trimRows is how many rows of the log one piece of work drops: a millisecond's
// worth.
const trimRows = 128

// trim drops some rows of the log that are too old to be kept, and reports
// whether there may be more.
func (t *tx) trim() (bool, error) {
	n, err := t.affect("delete from log where id <= (select max(id) from log) - ? and id < (select min(id) from log) + ?", t.s.opt.LogRows, trimRows)
	if err != nil || n == 0 {
		return false, err
	}
	return n == trimRows, t.exec("delete from log_keys where block < (select min(id) from log) / ?", logBlock)
}
