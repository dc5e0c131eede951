package store

import (
	"fmt"
	"unicode/utf8"

	"airlift/emu/iot"
)

func readDevice(r scanner) (iot.Device, error) { return scanDevice(r) }

func (v *tenant) Devices(project int64, f iot.DeviceFilter, p iot.Page) (iot.List[iot.Device], error) {
	if _, err := v.Project(project); err != nil {
		return iot.List[iot.Device]{}, err
	}
	from, args := "from devices d join projects p on p.id = d.project where d.project = ? and p.account = ?", []any{project, v.id}
	if f.Search != "" {
		from += ` and (d.key like ? escape '\' or d.name like ? escape '\')`
		args = append(args, like(iot.IdentityKey(f.Search)), like(f.Search))
	}
	l, err := page(v.s, p, readDevice, deviceColumns, from, "d.id", args...)
	v.s.online.fill(l.Items)
	return l, err
}

func (v *tenant) Device(id int64) (iot.Device, error) {
	d, err := one(v.s, readDevice, "select "+deviceColumns+" from devices d join projects p on p.id = d.project where d.id = ? and p.account = ?", id, v.id)
	list := []iot.Device{d}
	v.s.online.fill(list)
	return list[0], err
}

// listMax is how many identities one call takes.
const listMax = 100_000

func checkIdentities(list []string) error {
	if len(list) == 0 || len(list) > listMax {
		return fmt.Errorf("%w: 1 to %d identities are taken at a time, not %d", iot.ErrInvalid, listMax, len(list))
	}
	for _, id := range list {
		if !iot.UsableIdentity(id) {
			return fmt.Errorf("%w: %q is no identity", iot.ErrInvalid, shorten(id))
		}
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return s
}

func (v *tenant) AddDevices(project int64, identities []string) (added int, skipped []string, err error) {
	if err := checkIdentities(identities); err != nil {
		return 0, nil, err
	}
	err = v.do(func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		now := v.now()
		for _, id := range identities {
			if t.devices >= iot.DevicesMax {
				return fmt.Errorf("%w: the platform holds %d devices", iot.ErrLimit, t.devices)
			}
			n, err := t.affect("insert into devices(project, identity, key, created) values(?, ?, ?, ?) on conflict do nothing", project, id, iot.IdentityKey(id), nano(now))
			if err != nil {
				return err
			}
			if n == 0 {
				skipped = append(skipped, id)
				continue
			}
			added++
			t.devices++
			t.added++
		}
		return v.audit(t, "device.add", project, "%d added, %d skipped", added, len(skipped))
	})
	if err != nil {
		return 0, nil, err
	}
	return added, skipped, nil
}

func (v *tenant) ownDevice(t *tx, id int64) (iot.Device, error) {
	return scanDevice(t.row("select "+deviceColumns+" from devices d join projects p on p.id = d.project where d.id = ? and p.account = ?", id, v.id))
}

func (v *tenant) UpdateDevice(id int64, u iot.DeviceUpdate) (iot.Device, error) {
	if u.Name != nil {
		if err := checkLine("device name", *u.Name); err != nil {
			return iot.Device{}, err
		}
	}
	err := v.do(func(t *tx) error {
		d, err := v.ownDevice(t, id)
		if err != nil {
			return err
		}
		set(&d.Name, u.Name)
		set(&d.Forbidden, u.Forbidden)
		if err := t.exec("update devices set name = ?, forbidden = ? where id = ?", d.Name, d.Forbidden, id); err != nil {
			return err
		}
		if u.Forbidden != nil && !*u.Forbidden {
			if err := t.release(id); err != nil {
				return err
			}
		}
		return v.audit(t, "device.update", id, "%s %s", d.Identity, text(u))
	})
	if err != nil {
		return iot.Device{}, err
	}
	return v.Device(id)
}

// release lifts a ban: the loop guard begins anew. The history stays.
func (t *tx) release(device int64) error {
	if err := t.exec("update devices set banned = 0 where id = ?", device); err != nil {
		return err
	}
	if err := t.exec("update deliveries set counted = 0 where device = ?", device); err != nil {
		return err
	}
	return t.exec("delete from requests where device = ?", device)
}

func (v *tenant) DeleteDevice(id int64) error {
	return v.do(func(t *tx) error {
		if _, err := v.ownDevice(t, id); err != nil {
			return err
		}
		t.devices--
		t.added--
		return v.gone(t, "device.delete", id, "delete from devices where id = ?", id)
	})
}

func (v *tenant) ResetDevices(project int64) (n int, err error) {
	err = v.do(func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		if n, err = t.affect("delete from devices where project = ?", project); err != nil {
			return err
		}
		t.devices -= int64(n)
		t.added -= int64(n)
		return v.audit(t, "device.reset", project, "%d devices", n)
	})
	return n, err
}

func (v *tenant) TransferDevices(project int64, identities []string, toAccount, toProject string) (moved int, skipped []string, err error) {
	if identities != nil {
		if err := checkIdentities(identities); err != nil {
			return 0, nil, err
		}
	}
	err = v.do(func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		var to int64
		err := t.row("select p.id from projects p join accounts a on a.id = p.account where a.name = ? and p.name = ? order by p.id limit 1", toAccount, toProject).Scan(&to)
		if err != nil {
			return err
		}
		// A ban does not survive the transfer (iot-platform.md, U-25).
		const move = "update devices set project = ?, banned = 0, latest = 0 where project = ?"
		if identities == nil {
			if moved, err = t.affect(move, to, project); err != nil {
				return err
			}
		}
		for _, id := range identities {
			n, err := t.affect(move+" and key = ?", to, project, iot.IdentityKey(id))
			if err != nil {
				return err
			}
			if n == 0 {
				skipped = append(skipped, id)
			}
			moved += n
		}
		if err := t.exec("update deliveries set counted = 0 where project = ?1 and device in (select id from devices where project = ?2)", project, to); err != nil {
			return err
		}
		return v.audit(t, "device.transfer", project, "%d devices to project %q of %q, %d skipped", moved, toProject, toAccount, len(skipped))
	})
	if err != nil {
		return 0, nil, err
	}
	return moved, skipped, nil
}

// urlBytesMax is how long a URL may be that is explained.
const urlBytesMax = 64 << 10

// Explain decides without any effect. Only questions about the account's own
// projects, or about none, are answered: what there is to be learnt about
// others, their devices would be told, too, but no more.
func (v *tenant) Explain(url string) (iot.Explanation, error) {
	if len(url) > urlBytesMax || !utf8.ValidString(url) {
		return iot.Explanation{}, fmt.Errorf("%w: a URL is text of at most %d bytes", iot.ErrInvalid, urlBytesMax)
	}
	target := iot.TargetOf(url)
	var e iot.Explanation
	err := v.s.do(func(t *tx) error {
		q := iot.ParseTarget(target)
		d := iot.Decide(q, t, v.s.opt.Settings, v.now())
		if d.Project != nil && d.Project.Account != v.id {
			return fmt.Errorf("%w: the key is not of one of your projects", iot.ErrNotFound)
		}
		e = iot.NewExplanation(q, &d, v.s.opt.Answers)
		return nil
	})
	return e, err
}
