package store

import (
	"fmt"
	"io"

	"airlift/emu/iot"
)

func (v *tenant) Firmware(project int64, search string, p iot.Page) (iot.List[iot.Firmware], error) {
	if _, err := v.Project(project); err != nil {
		return iot.List[iot.Firmware]{}, err
	}
	from, args := "from firmware f join projects p on p.id = f.project where f.project = ? and p.account = ?", []any{project, v.id}
	if search != "" {
		from += ` and (f.name like ? escape '\' or f.remark like ? escape '\')`
		args = append(args, like(search), like(search))
	}
	return page(v.s, p, scanFirmware, firmwareColumns, from, "f.id desc", args...)
}

const ownFirmware = "select " + firmwareColumns + " from firmware f join projects p on p.id = f.project where f.id = ? and p.account = ?"

func (v *tenant) FirmwareByID(id int64) (iot.Firmware, error) {
	return one(v.s, scanFirmware, ownFirmware, id, v.id)
}

func (v *tenant) ownFirmware(t *tx, id int64) (iot.Firmware, error) {
	return scanFirmware(t.row(ownFirmware, id, v.id))
}

const firmwareOfProjectMax = 10_000

func (v *tenant) CreateFirmware(project int64, d iot.FirmwareDraft, content io.Reader) (iot.Firmware, error) {
	f, err := d.Firmware(project, v.now())
	if err != nil {
		return f, err
	}
	if len(d.Devices) > 0 {
		if err := checkIdentities(d.Devices); err != nil {
			return f, err
		}
	}
	if _, err := v.Project(project); err != nil { // before the file is read
		return f, err
	}
	if f.SHA256, f.Size, err = v.upload(content); err != nil {
		return f, err
	}
	err = v.uploaded(f.SHA256, func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		var n int
		if err := t.row("select count(*) from firmware where project = ?", project).Scan(&n); err != nil {
			return err
		}
		if n >= firmwareOfProjectMax {
			return fmt.Errorf("%w: a project has at most %d firmware", iot.ErrLimit, firmwareOfProjectMax)
		}
		if err := v.room(t, f.Size, f.SHA256); err != nil {
			return err
		}
		if f.ID, err = t.addFirmware(f); err != nil {
			return err
		}
		if _, err := t.list(f.ID, d.Devices); err != nil {
			return err
		}
		t.event(project, iot.Event{Kind: iot.EventFirmware, Time: f.Created, Firmware: f.ID, Detail: f.Name + " " + f.Version})
		return v.audit(t, "firmware.create", f.ID, "%s %s, %d bytes", f.Name, f.Version, f.Size)
	})
	return f, err
}

// upload keeps a file.
func (v *tenant) upload(content io.Reader) (sum string, size int64, err error) {
	sum, size, err = v.s.files.put(content, iot.FirmwareMax)
	if err == nil && size == 0 {
		v.s.discard(sum)
		err = fmt.Errorf("%w: the file is empty; a device takes that for an error", iot.ErrInvalid)
	}
	return sum, size, err
}

// room checks that an account may keep more, and that the file is still there.
func (v *tenant) room(t *tx, size int64, sum string) error {
	if err := v.s.files.there(sum); err != nil {
		return err
	}
	var used int64
	err := t.row("select coalesce((select sum(f.size) from firmware f join projects p on p.id = f.project where p.account = ?1), 0) + coalesce((select sum(b.size) from bases b join projects p on p.id = b.project where p.account = ?1), 0)", v.id).Scan(&used)
	if err == nil && used+size > v.s.opt.AccountBytes {
		err = fmt.Errorf("%w: an account keeps at most %d bytes", iot.ErrTooLarge, v.s.opt.AccountBytes)
	}
	return err
}

func (t *tx) addFirmware(f iot.Firmware) (int64, error) {
	return t.insert(`insert into firmware(project, name, remark, version, core, file_name, size, sha256, allow, everybody, created, core_id, script_version)
		values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Project, f.Name, f.Remark, f.Version, f.Core, f.FileName, f.Size, f.SHA256, f.Allow, f.All, nano(f.Created), f.CoreID, f.ScriptVersion)
}

func (v *tenant) UpdateFirmware(id int64, u iot.FirmwareUpdate) (f iot.Firmware, err error) {
	err = v.do(func(t *tx) error {
		if f, err = v.ownFirmware(t, id); err != nil {
			return err
		}
		set(&f.Name, u.Name)
		set(&f.Version, u.Version)
		set(&f.Core, u.Core)
		set(&f.CoreID, u.CoreID)
		set(&f.ScriptVersion, u.ScriptVersion)
		set(&f.Remark, u.Remark)
		set(&f.Allow, u.Allow)
		set(&f.All, u.All)
		if err := f.Check(); err != nil {
			return fmt.Errorf("%w: %w", iot.ErrInvalid, err)
		}
		if err := t.exec("update firmware set name = ?, version = ?, core = ?, core_id = ?, script_version = ?, remark = ?, allow = ?, everybody = ? where id = ?",
			f.Name, f.Version, f.Core, f.CoreID, f.ScriptVersion, f.Remark, f.Allow, f.All, id); err != nil {
			return err
		}
		return v.audit(t, "firmware.update", id, "%s", text(u))
	})
	return f, err
}

func (v *tenant) DeleteFirmware(id int64) error {
	return v.do(func(t *tx) error {
		f, err := v.ownFirmware(t, id)
		if err != nil {
			return err
		}
		sums, err := t.sums("select sha256 from jobs where firmware = ?", id)
		if err != nil {
			return err
		}
		if err := t.exec("delete from rollouts where firmware = ?", id); err != nil {
			return err
		}
		if err := v.gone(t, "firmware.delete", id, "delete from firmware where id = ?", id); err != nil {
			return err
		}
		t.unused(append(sums, f.SHA256))
		return nil
	})
}

func (v *tenant) OpenFirmware(id int64) (io.ReadCloser, iot.Firmware, error) {
	f, err := v.FirmwareByID(id)
	if err != nil {
		return nil, f, err
	}
	r, err := v.s.files.open(f.SHA256)
	return r, f, err
}

func scanText(r scanner) (s string, err error) { return s, r.Scan(&s) }

func (v *tenant) FirmwareDevices(id int64, search string, p iot.Page) (iot.List[string], error) {
	if _, err := v.FirmwareByID(id); err != nil {
		return iot.List[string]{}, err
	}
	from, args := "from firmware_devices l join firmware f on f.id = l.firmware join projects p on p.id = f.project where l.firmware = ? and p.account = ?", []any{id, v.id}
	if search != "" {
		from += ` and l.key like ? escape '\'`
		args = append(args, like(iot.IdentityKey(search)))
	}
	return page(v.s, p, scanText, "l.identity", from, "l.key", args...)
}

func (t *tx) list(firmware int64, identities []string) (added int, err error) {
	for _, id := range identities {
		n, err := t.affect("insert into firmware_devices(firmware, key, identity) values(?, ?, ?) on conflict do nothing", firmware, iot.IdentityKey(id), id)
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}

func (v *tenant) AddFirmwareDevices(id int64, identities []string) (added int, err error) {
	if err := checkIdentities(identities); err != nil {
		return 0, err
	}
	err = v.do(func(t *tx) error {
		if _, err := v.ownFirmware(t, id); err != nil {
			return err
		}
		var have int
		if err := t.row("select count(*) from firmware_devices where firmware = ?", id).Scan(&have); err != nil {
			return err
		}
		if have+len(identities) > iot.DevicesMax {
			return fmt.Errorf("%w: a firmware lists at most %d devices", iot.ErrLimit, iot.DevicesMax)
		}
		if added, err = t.list(id, identities); err != nil {
			return err
		}
		return v.audit(t, "firmware.devices", id, "%d added", added)
	})
	return added, err
}

func (v *tenant) RemoveFirmwareDevices(id int64, identities []string) (removed int, err error) {
	if err := checkIdentities(identities); err != nil {
		return 0, err
	}
	err = v.do(func(t *tx) error {
		if _, err := v.ownFirmware(t, id); err != nil {
			return err
		}
		for _, d := range identities {
			n, err := t.affect("delete from firmware_devices where firmware = ? and key = ?", id, iot.IdentityKey(d))
			if err != nil {
				return err
			}
			removed += n
		}
		return v.audit(t, "firmware.devices", id, "%d removed", removed)
	})
	return removed, err
}

// Statistics counts the devices that report a firmware's name and version, and
// the outcomes of its deliveries.
func (v *tenant) Statistics(project int64) ([]iot.Statistic, error) {
	if _, err := v.Project(project); err != nil {
		return nil, err
	}
	list, err := many(v.s, func(r scanner) (st iot.Statistic, err error) {
		st.Outcomes = map[iot.Outcome]int{}
		st.Firmware, err = scanFirmware(also{r, []any{&st.Devices}})
		return st, err
	}, "select "+firmwareColumns+`, (select count(*) from devices d where d.project = f.project and d.firmware_name = f.name and d.version = f.version and (f.core = '' or d.core = f.core))
		from firmware f join projects p on p.id = f.project where f.project = ? and p.account = ? order by f.id desc limit ?`, project, v.id, iot.PageMax)
	if err != nil {
		return nil, err
	}
	at := map[int64]int{}
	for i := range list {
		at[list[i].Firmware.ID] = i
	}
	type tally struct {
		firmware int64
		outcome  iot.Outcome
		n        int
	}
	counts, err := many(v.s, func(r scanner) (c tally, err error) { return c, r.Scan(&c.firmware, &c.outcome, &c.n) },
		"select v.firmware, v.outcome, count(*) from deliveries v where v.project = ? group by v.firmware, v.outcome", project)
	for _, c := range counts {
		if i, ok := at[c.firmware]; ok {
			list[i].Outcomes[c.outcome] = c.n
		}
	}
	return list, err
}

func (v *tenant) Deliveries(f iot.DeliveryFilter, p iot.Page) (iot.List[iot.Delivery], error) {
	from, args := "from deliveries v join projects p on p.id = v.project where p.account = ?", []any{v.id}
	add := func(clause string, arg any) { from, args = from+" and "+clause, append(args, arg) }
	if f.Project != 0 {
		add("v.project = ?", f.Project)
	}
	if f.Device != 0 {
		add("v.device = ?", f.Device)
	}
	if f.Firmware != 0 {
		add("v.firmware = ?", f.Firmware)
	}
	if f.Rollout != 0 {
		add("v.rollout = ?", f.Rollout)
	}
	if f.Outcome != "" {
		add("v.outcome = ?", string(f.Outcome))
	}
	return page(v.s, p, scanDelivery, deliveryColumns, from, "v.id desc", args...)
}
