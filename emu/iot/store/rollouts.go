package store

import (
	"encoding/json"
	"fmt"
	"time"

	"airlift/emu/iot"
)

const rolloutsMax = 1000 // of a project

func (v *tenant) Rollouts(project int64) ([]iot.Rollout, error) {
	if _, err := v.Project(project); err != nil {
		return nil, err
	}
	list, err := many(v.s, scanRollout, "select r.body from rollouts r join projects p on p.id = r.project where r.project = ? and p.account = ? order by r.id desc", project, v.id)
	for i := range list {
		if err == nil {
			err = v.counts(&list[i])
		}
	}
	return list, err
}

func scanRollout(r scanner) (o iot.Rollout, err error) {
	var body string
	if err := r.Scan(&body); err != nil {
		return o, err
	}
	return o, json.Unmarshal([]byte(body), &o)
}

func (v *tenant) counts(r *iot.Rollout) error {
	list, err := many(v.s, scanCount, "select grp, outcome, n from rollout_counts where rollout = ?", r.ID)
	fillCounts(r, list)
	return err
}

func (v *tenant) Rollout(id int64) (iot.Rollout, error) {
	r, err := one(v.s, scanRollout, "select r.body from rollouts r join projects p on p.id = r.project where r.id = ? and p.account = ?", id, v.id)
	if err == nil {
		err = v.counts(&r)
	}
	return r, err
}

func (v *tenant) CreateRollout(project int64, d iot.RolloutDraft) (r iot.Rollout, err error) {
	if r, err = d.New(0, project, v.now()); err != nil {
		return r, err
	}
	err = v.do(func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		if f, err := v.ownFirmware(t, d.Firmware); err != nil || f.Project != project {
			return fmt.Errorf("firmware %d: %w", d.Firmware, iot.ErrNotFound)
		}
		var n int
		if err := t.row("select count(*) from rollouts where project = ?", project).Scan(&n); err != nil {
			return err
		}
		if n >= rolloutsMax {
			return fmt.Errorf("%w: a project has at most %d roll-outs", iot.ErrLimit, rolloutsMax)
		}
		id, err := t.insert("insert into rollouts(project, firmware, silent_after, body) values(?, ?, ?, '')", project, d.Firmware, r.SilentAfterS*int64(time.Second))
		if err != nil {
			return err
		}
		r.ID = id
		if err := t.saveRollout(r); err != nil {
			return err
		}
		return v.audit(t, "rollout.create", id, "%s", r.Name)
	})
	return r, err
}

func (v *tenant) ownRollout(t *tx, id int64) (iot.Rollout, error) {
	var found int64
	if err := t.row("select r.id from rollouts r join projects p on p.id = r.project where r.id = ? and p.account = ?", id, v.id).Scan(&found); err != nil {
		return iot.Rollout{}, err
	}
	return t.rollout(id)
}

func (v *tenant) ActRollout(id int64, a iot.RolloutAction) (r iot.Rollout, err error) {
	err = v.do(func(t *tx) error {
		if r, err = v.ownRollout(t, id); err != nil {
			return err
		}
		if err := v.checkRollback(t, r, a); err != nil {
			return err
		}
		before := r.CountFrom
		if r, err = r.Act(a, v.now()); err != nil {
			return err
		}
		if !r.CountFrom.Equal(before) {
			if err := t.exec("delete from rollout_counts where rollout = ? and outcome <> 'open'", id); err != nil {
				return err
			}
		}
		if err := t.saveRollout(r); err != nil {
			return err
		}
		return v.audit(t, "rollout."+a.Action, id, "%s: %s", r.State, r.Why)
	})
	if err != nil {
		return r, err
	}
	return v.Rollout(id)
}

// checkRollback checks that what is rolled back to is of the same name, and not
// newer: otherwise devices would be sent around in circles.
func (v *tenant) checkRollback(t *tx, r iot.Rollout, a iot.RolloutAction) error {
	if a.Action != "rollback" || a.RollbackTo == 0 {
		return nil
	}
	from, err := v.ownFirmware(t, r.Firmware)
	if err != nil {
		return err
	}
	to, err := v.ownFirmware(t, a.RollbackTo)
	if err != nil || to.Project != r.Project {
		return fmt.Errorf("firmware %d: %w", a.RollbackTo, iot.ErrNotFound)
	}
	if to.Name != from.Name {
		return fmt.Errorf("%w: %s cannot be rolled back to %s, which has another name", iot.ErrInvalid, from.Name, to.Name)
	}
	return nil
}

func (v *tenant) DeleteRollout(id int64) error {
	return v.do(func(t *tx) error {
		if _, err := v.ownRollout(t, id); err != nil {
			return err
		}
		return v.gone(t, "rollout.delete", id, "delete from rollouts where id = ?", id)
	})
}
