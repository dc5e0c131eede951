package store

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"airlift/emu/iot"
)

func (v *tenant) Bases(project int64) ([]iot.Base, error) {
	if _, err := v.Project(project); err != nil {
		return nil, err
	}
	return many(v.s, scanBase, "select "+baseColumns+" from bases b join projects p on p.id = b.project where b.project = ? and p.account = ? order by b.id", project, v.id)
}

const basesMax = 1000 // of a project

// CreateBase makes a core known. With a chip its file is uploaded, too, and the
// platform builds; without, content may be nil.
func (v *tenant) CreateBase(project int64, d iot.BaseDraft, content io.Reader) (iot.Base, error) {
	b := iot.Base{Project: project, Name: d.Name, Core: d.Core, Chip: d.Chip, FileName: d.FileName, Created: v.now()}
	if _, err := iot.ParseCore(d.Core); err != nil {
		return b, fmt.Errorf("%w: %w", iot.ErrInvalid, err)
	}
	for what, s := range map[string]string{"name": d.Name, "chip": d.Chip, "file name": d.FileName} {
		if err := checkLine(what, s); err != nil {
			return b, err
		}
	}
	if _, err := v.Project(project); err != nil {
		return b, err
	}
	var err error
	switch {
	case content != nil:
		if b.SHA256, b.Size, err = v.upload(content); err != nil {
			return b, err
		}
	case d.Chip != "":
		return b, fmt.Errorf("%w: to build from a core its file is needed", iot.ErrInvalid)
	}
	err = v.uploaded(b.SHA256, func(t *tx) error {
		if _, err := v.own(t, project); err != nil {
			return err
		}
		var n int
		if err := t.row("select count(*) from bases where project = ?", project).Scan(&n); err != nil {
			return err
		}
		if n >= basesMax {
			return fmt.Errorf("%w: a project has at most %d base cores", iot.ErrLimit, basesMax)
		}
		if b.SHA256 != "" {
			if err := v.room(t, b.Size, b.SHA256); err != nil {
				return err
			}
		}
		if b.ID, err = t.addBase(b); err != nil {
			return err
		}
		return v.audit(t, "base.create", b.ID, "%s %s", b.Name, b.Core)
	})
	return b, err
}

func (t *tx) addBase(b iot.Base) (int64, error) {
	return t.insert("insert into bases(project, name, core, chip, file_name, size, sha256, created) values(?, ?, ?, ?, ?, ?, ?, ?)",
		b.Project, b.Name, b.Core, b.Chip, b.FileName, b.Size, b.SHA256, nano(b.Created))
}

func (v *tenant) DeleteBase(id int64) error {
	return v.do(func(t *tx) error {
		b, err := scanBase(t.row("select "+baseColumns+" from bases b join projects p on p.id = b.project where b.id = ? and p.account = ?", id, v.id))
		if err != nil {
			return err
		}
		sums, err := t.sums("select sha256 from jobs where base = ?", id)
		if err != nil {
			return err
		}
		if err := t.exec("delete from jobs where base = ?", id); err != nil {
			return err
		}
		if err := v.gone(t, "base.delete", id, "delete from bases where id = ?", id); err != nil {
			return err
		}
		t.unused(append(sums, b.SHA256))
		return nil
	})
}

func (v *tenant) Jobs(project int64) ([]iot.Job, error) {
	if _, err := v.Project(project); err != nil {
		return nil, err
	}
	return many(v.s, func(r scanner) (iot.Job, error) { return scanJob(r) }, "select "+jobColumns+` from jobs j join firmware f on f.id = j.firmware
		join projects p on p.id = f.project where f.project = ? and p.account = ? order by j.id desc limit ?`, project, v.id, iot.PageMax)
}

// RetryJob builds a package again. Only one that failed can change: a package
// that was built is the same every time.
func (v *tenant) RetryJob(id int64) (j iot.Job, err error) {
	err = v.do(func(t *tx) error {
		j, err = scanJob(t.row("select "+jobColumns+` from jobs j join firmware f on f.id = j.firmware
			join projects p on p.id = f.project where j.id = ? and p.account = ?`, id, v.id))
		if err != nil {
			return err
		}
		if j.State != iot.JobFailed {
			return fmt.Errorf("%w: the package is %s", iot.ErrConflict, j.State)
		}
		j.State, j.Error, j.Started = iot.JobBuilding, "", v.now()
		if err := t.exec("update jobs set state = ?, error = '', started = ? where id = ?", string(j.State), nano(j.Started), id); err != nil {
			return err
		}
		t.kick = true
		return v.audit(t, "job.retry", id, "core %s", coreText(j.Core))
	})
	return j, err
}

// builder builds the packages that were asked for, one at a time. What a crash
// interrupted is begun again at the next start.
func (s *Store) builder() {
	if s.opt.Build == nil {
		return
	}
	for {
		again, err := s.buildNext()
		if err != nil && s.ctx.Err() == nil {
			s.opt.Error(fmt.Errorf("build a difference package: %w", err))
			again = false
		}
		if again {
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.building:
		}
	}
}

// buildNext builds the oldest package that is wanted. It reports whether there
// was one.
func (s *Store) buildNext() (bool, error) {
	type wanted struct {
		iot.Job
		project int64
	}
	list, err := many(s, func(r scanner) (w wanted, err error) {
		w.Job, err = scanJob(also{r, []any{&w.project}})
		return w, err
	}, "select "+jobColumns+", f.project from jobs j join firmware f on f.id = j.firmware where j.state = 'building' order by j.id limit 1")
	if err != nil || len(list) == 0 {
		return false, err
	}
	job := list[0]
	sum, size, failure := s.build(s.ctx, job.Job)
	if s.ctx.Err() != nil {
		return false, s.ctx.Err()
	}
	return true, s.do(func(t *tx) error {
		state, why := iot.JobReady, ""
		if failure != nil {
			state, why = iot.JobFailed, shorten(failure.Error())
		} else if s.files.there(sum) != nil {
			t.kick = true // it is built again
			return nil
		}
		n, err := t.affect("update jobs set state = ?, error = ?, size = ?, sha256 = ? where id = ?", string(state), why, size, sum, job.ID)
		if err != nil {
			return err
		}
		if n == 0 { // deleted meanwhile
			t.unused([]string{sum})
		}
		t.event(job.project, iot.Event{Kind: iot.EventJob, Time: s.opt.Now(), Firmware: job.Firmware, Detail: string(state) + " " + why})
		return nil
	})
}

func (s *Store) build(ctx context.Context, job iot.Job) (sum string, size int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the builder has a bug: %v", p)
		}
	}()
	base, err := one(s, scanBase, "select "+baseColumns+" from bases b where b.id = ?", job.Base)
	if err != nil {
		return "", 0, fmt.Errorf("base core: %w", err)
	}
	f, err := one(s, scanFirmware, "select "+firmwareColumns+" from firmware f where f.id = ?", job.Firmware)
	if err != nil {
		return "", 0, fmt.Errorf("firmware: %w", err)
	}
	from, err := s.files.read(base.SHA256)
	if err != nil {
		return "", 0, err
	}
	to, err := s.files.read(f.SHA256)
	if err != nil {
		return "", 0, err
	}
	p, err := s.opt.Build(ctx, base, from, f, to)
	if err != nil {
		return "", 0, err
	}
	if len(p) == 0 {
		return "", 0, fmt.Errorf("the package is empty")
	}
	return s.files.put(bytes.NewReader(p), iot.FirmwareMax)
}
