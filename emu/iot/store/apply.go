package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"airlift/emu/iot"
)

// Apply keeps what follows from a device's request.
func (t *tx) Apply(e iot.Effects) error {
	if e.Register != 0 {
		if err := t.register(e); err != nil {
			return err
		}
	}
	d, known := t.Device(e.Identity)
	if known {
		if err := t.applyDevice(d, e); err != nil {
			return err
		}
	}
	t.device = nil // what was read is no longer true
	if e.Job != nil {
		if err := t.startJob(e.Job); err != nil {
			return err
		}
	}
	if e.Log != nil {
		return t.log(e, d)
	}
	return t.err
}

// register adds a device.
func (t *tx) register(e iot.Effects) error {
	if t.devices >= iot.DevicesMax {
		return fmt.Errorf("%w: the platform holds %d devices", iot.ErrLimit, t.devices)
	}
	_, err := t.insert("insert into devices(project, identity, key, created) values(?, ?, ?, ?)", e.Register, e.Identity, iot.IdentityKey(e.Identity), nano(e.At))
	if err != nil {
		return err
	}
	t.devices++
	t.added++
	t.device = nil
	t.event(e.Register, iot.Event{Kind: iot.EventRegistered, Time: e.At, Device: e.Identity})
	return nil
}

func (t *tx) applyDevice(d iot.Device, e iot.Effects) error {
	if err := t.touch(d, e); err != nil {
		return err
	}
	if e.Request {
		if err := t.countRequest(d.ID, e); err != nil {
			return err
		}
	}
	if e.Settle != nil {
		if err := t.settle(d.Project, e.Settle.Delivery, e.Settle.Outcome, e.At); err != nil {
			return err
		}
	}
	if e.Delivery != nil {
		if err := t.deliver(d, *e.Delivery); err != nil {
			return err
		}
	}
	if e.Finish != 0 {
		if err := t.finish(d, e); err != nil {
			return err
		}
	}
	if e.Ban {
		t.event(d.Project, iot.Event{Kind: iot.EventBanned, Time: e.At, Device: d.Identity})
		return t.exec("update devices set banned = 1 where id = ?", d.ID)
	}
	return nil
}

// touch notes what the device told about itself. Most tell nothing new, and when
// they were online the log says; see [online].
func (t *tx) touch(d iot.Device, e iot.Effects) error {
	c := e.Touch
	if c == nil {
		return nil
	}
	if e.Log == nil {
		t.touched = append(t.touched, touch{device: d.ID, at: nano(e.At)})
	} else if *c == (iot.Touch{Version: d.Version, FirmwareName: d.FirmwareName, Core: d.Core}) {
		return nil
	}
	return t.exec("update devices set version = ?, firmware_name = ?, core = ?, last_online = max(last_online, ?) where id = ?",
		c.Version, c.FirmwareName, c.Core, nano(e.At), d.ID)
}

func (t *tx) countRequest(device int64, e iot.Effects) error {
	if err := t.exec("insert into requests(device, at) values(?, ?)", device, nano(e.At)); err != nil {
		return err
	}
	return t.exec("delete from requests where device = ? and at < ?", device, nano(e.Forget))
}

// deliver notes that a file is sent. What is still open then was interrupted:
// the request has settled it already if it told anything.
func (t *tx) deliver(d iot.Device, v iot.Delivery) error {
	var serial any
	if v.Serial != "" {
		serial = v.Serial
	}
	id, err := t.insert(`insert into deliveries(device, identity, project, firmware, from_version, from_core, to_version, to_core, at, outcome, rollout, grp, serial)
		values(?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?)`,
		d.ID, d.Identity, d.Project, v.Firmware, v.From, v.FromCore, v.To, v.ToCore, nano(v.At), v.Rollout, v.Group, serial)
	if err != nil {
		return err
	}
	if err := t.exec("update devices set last_sent = ?, latest = ? where id = ?", nano(v.At), id, d.ID); err != nil {
		return err
	}
	if v.Rollout != 0 {
		if err := t.tally(v.Rollout, v.Group, iot.OutcomeOpen, 1); err != nil {
			return err
		}
	}
	t.event(d.Project, iot.Event{Kind: iot.EventDelivery, Time: v.At, Device: d.Identity, Firmware: v.Firmware, Rollout: v.Rollout, Detail: v.From + " -> " + v.To})
	return nil
}

// finish notes that a file has been sent to its end. The device may have been
// faster and have asked again: then it was not interrupted.
func (t *tx) finish(d iot.Device, e iot.Effects) error {
	if e.FinishAt.IsZero() {
		return t.exec("update deliveries set whole = 1 where id = (select latest from devices where id = ?) and firmware = ? and outcome = 'open'", d.ID, e.Finish)
	}
	v, err := scanDelivery(t.row("select "+deliveryColumns+" from deliveries v where v.device = ? and v.at = ? and v.firmware = ? order by v.id desc limit 1",
		d.ID, nano(e.FinishAt), e.Finish))
	if errors.Is(err, sql.ErrNoRows) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if err := t.exec("update deliveries set whole = 1 where id = ?", v.ID); err != nil || v.Outcome != iot.OutcomeInterrupted {
		return err
	}
	return t.settle(d.Project, v, iot.OutcomeOld, e.At)
}

// settle notes what became of a delivery, and lets its roll-out go on.
func (t *tx) settle(project int64, v iot.Delivery, o iot.Outcome, at time.Time) error {
	if v.Outcome == o {
		return nil
	}
	if err := t.exec("update deliveries set outcome = ?, settled = ? where id = ?", string(o), nano(at), v.ID); err != nil {
		return err
	}
	if o != iot.OutcomeNever { // it may still come back
		if err := t.exec("update devices set latest = 0 where id = ? and latest = ?", v.Device, v.ID); err != nil {
			return err
		}
	}
	t.event(project, iot.Event{Kind: iot.EventOutcome, Time: at, Device: v.Identity, Firmware: v.Firmware, Rollout: v.Rollout, Outcome: o, Detail: v.From + " -> " + v.To})
	if v.Rollout == 0 {
		return nil
	}
	if err := t.tally(v.Rollout, v.Group, v.Outcome, -1); err != nil {
		return err
	}
	if err := t.tally(v.Rollout, v.Group, o, 1); err != nil {
		return err
	}
	return t.stepRollout(v.Rollout, at)
}

// tally counts a roll-out's deliveries. What was settled before the count began
// anew is not there to be taken back.
func (t *tx) tally(rollout int64, group int, o iot.Outcome, n int) error {
	if n < 0 {
		return t.exec("update rollout_counts set n = max(n - 1, 0) where rollout = ? and grp = ? and outcome = ?", rollout, group, string(o))
	}
	return t.exec("insert into rollout_counts(rollout, grp, outcome, n) select ?, ?, ?, 1 where exists (select 1 from rollouts where id = ?) on conflict do update set n = n + 1",
		rollout, group, string(o), rollout)
}

func (t *tx) stepRollout(id int64, at time.Time) error {
	r, err := t.rollout(id)
	if err == iot.ErrNotFound {
		return nil // it was deleted
	}
	if err != nil {
		return err
	}
	if next, changed := r.Step(at); changed {
		return t.saveRollout(next)
	}
	return nil
}

// rollout reads a roll-out with its counts.
func (t *tx) rollout(id int64) (iot.Rollout, error) {
	var r iot.Rollout
	var body string
	if err := t.row("select body from rollouts where id = ?", id).Scan(&body); err != nil {
		return r, wrap(err)
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		return r, err
	}
	rows, err := t.query("select grp, outcome, n from rollout_counts where rollout = ?", id)
	counts, err := all(rows, err, scanCount)
	if err != nil {
		return r, err
	}
	fillCounts(&r, counts)
	return r, nil
}

type count struct {
	group   int
	outcome iot.Outcome
	n       int
}

func scanCount(r scanner) (c count, err error) { return c, r.Scan(&c.group, &c.outcome, &c.n) }

func fillCounts(r *iot.Rollout, counts []count) {
	for i := range r.Groups {
		r.Groups[i].Counts = map[iot.Outcome]int{}
	}
	for _, c := range counts {
		if c.group >= 0 && c.group < len(r.Groups) {
			r.Groups[c.group].Counts[c.outcome] = c.n
		}
	}
}

// saveRollout keeps a changed roll-out.
func (t *tx) saveRollout(r iot.Rollout) error {
	body := r
	body.Groups = append([]iot.Group(nil), r.Groups...)
	for i := range body.Groups {
		body.Groups[i].Counts = nil
	}
	delete(t.cache.rollouts, r.Firmware)
	t.event(r.Project, iot.Event{Kind: iot.EventRollout, Time: r.Changed, Firmware: r.Firmware, Rollout: r.ID, Detail: string(r.State) + ": " + r.Why})
	return t.exec("update rollouts set silent_after = ?, body = ? where id = ?", r.SilentAfterS*int64(time.Second), text(body), r.ID)
}

func (t *tx) startJob(j *iot.Job) error {
	t.kick = true
	return t.exec("insert into jobs(firmware, base, core, started, ready, state) values(?, ?, ?, ?, ?, ?)",
		j.Firmware, j.Base, coreText(j.Core), nano(j.Started), nano(j.Ready), string(j.State))
}

// overdue settles some deliveries whose devices never came back, and reports
// whether there may be more.
func (t *tx) overdue() (bool, error) {
	now := t.s.opt.Now()
	rows, err := t.query("select "+deliveryColumns+`, v.project from deliveries v left join rollouts r on r.id = v.rollout
		where v.outcome = 'open' and v.at < ? - coalesce(r.silent_after, ?) order by v.at limit ?`, nano(now), int64(t.s.opt.SilentAfter), overdueMax)
	type late struct {
		iot.Delivery
		project int64
	}
	list, err := all(rows, err, func(r scanner) (l late, err error) {
		l.Delivery, err = scanDelivery(also{r, []any{&l.project}})
		return l, err
	})
	if err != nil {
		return false, err
	}
	for _, l := range list {
		if err := t.settle(l.project, l.Delivery, iot.OutcomeNever, now); err != nil {
			return false, err
		}
	}
	return len(list) == overdueMax, nil
}

// also reads more columns after those that a scan function knows.
type also struct {
	scanner
	more []any
}

func (a also) Scan(dest ...any) error { return a.scanner.Scan(append(dest, a.more...)...) }

// event tells those who watch a project's account, and its webhooks.
func (t *tx) event(project int64, e iot.Event) {
	p, ok := t.Project(project)
	if !ok {
		return
	}
	e.Project = project
	t.events = append(t.events, accountEvent{p.Account, e})
	for _, h := range t.webhooks(p.Account) {
		if wants(h, e.Kind) {
			t.kick = true
			t.newCalls[h.ID]++
			t.fail(t.exec("insert into webhook_calls(webhook, event, next_try) values(?, ?, ?)", h.ID, text(e), nano(e.Time)))
		}
	}
}
