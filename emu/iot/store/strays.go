package store

import (
	"slices"

	"airlift/emu/iot"
)

// stray keeps a request without identity, or one that nobody owns: neither its
// key nor its identity is anybody's. There are only so many of each account, so
// that who floods the platform with them pushes out no row of a device. p is the
// project whose key it had, or none.
func (t *tx) stray(p iot.Project, l *iot.LogEntry) error {
	account := p.Account
	if account == 0 {
		account = t.s.operator.Load()
	}
	path, err := encodePath(l, unkept)
	if err != nil {
		return err
	}
	id, err := t.insert(`insert into strays(account, n, after, time, project, identity, key, firmware_name, device_version, server_version, url, reason, status, result, path)
		values(?1, (select coalesce(max(n), 0) + 1 from strays where account = ?1), (select coalesce(max(id), 0) from log), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
		account, nano(l.Time), l.Project, l.Identity, iot.IdentityKey(l.Identity), l.FirmwareName, l.DeviceVersion, l.ServerVersion, l.URL,
		string(l.Reason), l.Status, l.Result, path)
	if err != nil {
		return err
	}
	if err := t.exec("delete from strays where account = ?1 and n <= (select max(n) from strays where account = ?1) - ?2", account, t.s.opt.StrayRows); err != nil {
		return err
	}
	t.logged(account, p.ID, strayIDs+id, l)
	return t.err
}

// unkept is textID for what anybody can make the platform write: it must not fill
// the table of texts.
func unkept(string, string) (int64, error) { return 0, nil }

// strayIDs is added to the ids of strays among those of the log. What programs in
// JavaScript can count exactly ends at twice this.
const strayIDs = 1 << 52

// stray is a row with the row of the log that it came after.
type stray struct {
	iot.LogEntry
	after int64
}

// strays are those of an account that a filter lets through, newest first.
func (s *Store) strays(account int64, f iot.LogFilter) ([]stray, error) {
	from, args := "from strays l where l.account = ?", []any{account}
	if f.Identity != "" {
		from, args = from+" and l.key = ?", append(args, iot.IdentityKey(f.Identity))
	}
	where, more := logClauses(f)
	return many(s, func(r scanner) (x stray, err error) {
		x.LogEntry, err = scanLog(also{r, []any{&x.after}})
		x.ID += strayIDs
		return x, err
	}, "select "+logColumns+", l.after "+from+where+" order by l.n desc", append(args, more...)...)
}

// merge puts strays among the rows that they came after. Both are newest first.
func merge(rows []iot.LogEntry, strays []stray) []iot.LogEntry {
	if len(strays) == 0 {
		return rows
	}
	all := make([]iot.LogEntry, 0, len(rows)+len(strays))
	for _, r := range rows {
		for len(strays) > 0 && strays[0].after >= r.ID {
			all, strays = append(all, strays[0].LogEntry), strays[1:]
		}
		all = append(all, r)
	}
	for _, x := range strays {
		all = append(all, x.LogEntry)
	}
	return slices.Clip(all)
}

// SetOperator says whose log also has the requests that nobody owns, from now on:
// those of whoever runs the platform alone. Without one they are nobody's, and
// [Store.Unowned] has them.
func (s *Store) SetOperator(account int64) { s.operator.Store(account) }

// Unowned are the requests that nobody owns, newest first, with their decision
// paths: for whoever runs the platform, as there may be keys and identities of
// anybody in them.
func (s *Store) Unowned(p iot.Page) (iot.List[iot.LogEntry], error) {
	return page(s, p, s.scanWhole("strays"), logColumns+", l.path", "from strays l where l.account = 0", "l.n desc")
}
