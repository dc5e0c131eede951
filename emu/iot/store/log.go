package store

import "airlift/emu/iot"

// log adds a row to the upgrade log. It belongs to the account whose project was
// asked, or else to the one that has the device. Other rows are strays.
func (t *tx) log(e iot.Effects, d iot.Device) error {
	l := e.Log
	project := l.Project
	if project == 0 {
		project = d.Project
	}
	p, known := t.Project(project)
	if !known || l.Identity == "" {
		return t.stray(p, l)
	}
	path, err := encodePath(l, t.textID)
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
		if err := t.exec("insert into log_blocks select account, id / ?1, project, reason, count(*), min(time), max(time) from log where id >= ?2 - ?1 and id < ?2 group by 1, 3, 4", logBlock, id); err != nil {
			return err
		}
	}
	t.logged(p.Account, p.ID, id, l)
	return t.err
}

// logged tells those who watch an account that its log has a new row.
func (t *tx) logged(account, project, id int64, l *iot.LogEntry) {
	if account != 0 && t.s.hub.watched() {
		t.events = append(t.events, accountEvent{account, iot.Event{
			Kind: iot.EventRequest, Time: l.Time, Project: project, Device: l.Identity, Reason: l.Reason, Log: id, Detail: l.Result,
		}})
	}
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

// Log has the rows of devices, and among them the strays where they came.
func (v *tenant) Log(f iot.LogFilter, p iot.Page) (iot.List[iot.LogEntry], error) {
	p = p.Clamp()
	strays, err := v.s.strays(v.id, f)
	if err != nil {
		return iot.List[iot.LogEntry]{}, err
	}
	// So many strays can be among the rows before the page.
	before := min(p.Offset, len(strays))
	var l iot.List[iot.LogEntry]
	if f.Identity == "" {
		l, err = v.logPart(f, p.Offset-before, p.Limit+before)
	} else {
		where, more := logClauses(f)
		l, err = part(v.s, p.Offset-before, p.Limit+before, scanLog, logColumns, logOfKey+where, "l.id desc", append([]any{v.id, iot.IdentityKey(f.Identity)}, more...)...)
	}
	if err != nil {
		return l, err
	}
	l.Total += len(strays)
	l.Items = merge(l.Items, strays)
	l.Items = l.Items[min(before, len(l.Items)):]
	l.Items = l.Items[:min(p.Limit, len(l.Items))]
	return l, nil
}

// logClauses are the conditions of a filter, but for that on the identity.
func logClauses(f iot.LogFilter) (where string, args []any) {
	add := func(clause string, arg any) { where, args = where+" and "+clause, append(args, arg) }
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
	return where, args
}

func (v *tenant) LogEntry(id int64) (iot.LogEntry, error) {
	table := "log"
	if id > strayIDs {
		table, id = "strays", id-strayIDs
	}
	return one(v.s, v.s.scanWhole(table), "select "+logColumns+", l.path from "+table+" l where l.id = ? and l.account = ?", id, v.id)
}

// scanWhole reads a row with its decision path.
func (s *Store) scanWhole(table string) func(scanner) (iot.LogEntry, error) {
	return func(r scanner) (iot.LogEntry, error) {
		var path string
		l, err := scanLog(also{r, []any{&path}})
		if err != nil {
			return l, err
		}
		if table == "strays" {
			l.ID += strayIDs
		}
		l.Steps, l.Notes, err = decodePath(path, s.keptText)
		return l, err
	}
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
	for _, query := range []string{
		"delete from log_keys where block < (select min(id) from log) / ?",
		"delete from log_blocks where block < (select min(id) from log) / ?",
	} {
		if err := t.exec(query, logBlock); err != nil {
			return false, err
		}
	}
	return n == trimRows, nil
}
