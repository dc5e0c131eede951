package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"time"

	"airlift/emu/iot"
)

// tenant is what one account sees. Every query names the account.
type tenant struct {
	s  *Store
	id int64
	by string
}

// Tenant is what an account has.
func (s *Store) Tenant(account int64, by string) iot.Tenant { return &tenant{s, account, by} }

// do changes something, and forgets what the cache had.
func (v *tenant) do(fn func(*tx) error) error {
	return v.s.do(func(t *tx) error {
		var one int
		if err := t.row("select 1 from accounts where id = ?", v.id).Scan(&one); err != nil {
			return err
		}
		err := fn(t)
		t.forgetMeta()
		return err
	})
}

// forgetMeta empties the cache after people changed something.
func (t *tx) forgetMeta() {
	added := t.added
	t.added = 0
	t.forget()
	t.added = added
}

func (t *tx) audit(account int64, by, action string, object int64, detail string) error {
	return t.exec("insert into audit(account, time, actor, action, object, detail) values(?, ?, ?, ?, ?, ?)", account, nano(t.s.opt.Now()), by, action, object, detail)
}

func (v *tenant) audit(t *tx, action string, object int64, detail string, args ...any) error {
	return t.audit(v.id, v.by, action, object, fmt.Sprintf(detail, args...))
}

// own finds a project of the account.
func (v *tenant) own(t *tx, project int64) (iot.Project, error) {
	return scanProject(t.row("select "+projectColumns+" from projects p where p.id = ? and p.account = ?", project, v.id))
}

func (v *tenant) Account() (iot.Account, error) {
	a := iot.Account{ID: v.id}
	return a, wrap(v.s.read.QueryRow("select name from accounts where id = ?", v.id).Scan(&a.Name))
}

func (v *tenant) SetPassword(old, new string) error {
	var hash string
	if err := v.s.read.QueryRow("select password from accounts where id = ?", v.id).Scan(&hash); err != nil {
		return wrap(err)
	}
	if len(old) > passwordBytesMax || !v.s.checkPassword(hash, old) {
		return iot.ErrCredentials
	}
	if err := checkNewPassword(new); err != nil {
		return err
	}
	fresh := v.s.hashPassword(new)
	return v.do(func(t *tx) error {
		if err := t.exec("update accounts set password = ? where id = ?", fresh, v.id); err != nil {
			return err
		}
		// Whoever knew the old password is out.
		if err := t.exec("delete from sessions where account = ?", v.id); err != nil {
			return err
		}
		return v.audit(t, "account.password", v.id, "")
	})
}

func (v *tenant) Tokens() ([]iot.Token, error) {
	return many(v.s, func(r scanner) (k iot.Token, err error) {
		var created, used int64
		err = r.Scan(&k.ID, &k.Name, &created, &used)
		k.Created, k.LastUsed = moment(created), moment(used)
		return k, err
	}, "select id, name, created, last_used from tokens where account = ? order by id", v.id)
}

func (v *tenant) CreateToken(name string) (iot.Token, string, error) {
	k := iot.Token{Name: name, Created: v.s.Now()}
	if err := checkName("token name", name); err != nil {
		return k, "", err
	}
	secret := tokenPrefix + rand.Text() + rand.Text()
	err := v.do(func(t *tx) (err error) {
		var n int
		if err := t.row("select count(*) from tokens where account = ?", v.id).Scan(&n); err != nil {
			return err
		}
		if n >= tokensMax {
			return fmt.Errorf("%w: an account has at most %d tokens", iot.ErrLimit, tokensMax)
		}
		if k.ID, err = t.insert("insert into tokens(account, name, hash, created) values(?, ?, ?, ?)", v.id, name, secretHash(secret), nano(k.Created)); err != nil {
			return err
		}
		return v.audit(t, "token.create", k.ID, "%s", name)
	})
	return k, secret, err
}

func (v *tenant) DeleteToken(id int64) error {
	return v.do(func(t *tx) error {
		return v.gone(t, "token.delete", id, "delete from tokens where id = ? and account = ?", id, v.id)
	})
}

// gone deletes one row and notes it.
func (v *tenant) gone(t *tx, action string, id int64, query string, args ...any) error {
	n, err := t.affect(query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return iot.ErrNotFound
	}
	return v.audit(t, action, id, "")
}

const countColumns = ", (select count(*) from devices d where d.project = p.id), (select count(*) from firmware f where f.project = p.id)"

func scanInfo(r scanner) (i iot.ProjectInfo, err error) {
	i.Project, err = scanProject(also{r, []any{&i.Devices, &i.Firmware}})
	return i, err
}

func (v *tenant) Projects() ([]iot.ProjectInfo, error) {
	return many(v.s, scanInfo, "select "+projectColumns+countColumns+" from projects p where p.account = ? order by p.id", v.id)
}

func (v *tenant) Project(id int64) (iot.ProjectInfo, error) {
	return one(v.s, scanInfo, "select "+projectColumns+countColumns+" from projects p where p.id = ? and p.account = ?", id, v.id)
}

const projectsMax = 1000 // of an account

func (v *tenant) CreateProject(name, description string) (iot.ProjectInfo, error) {
	p := iot.Project{Account: v.id, Name: name, Description: description, Key: randomKey(), Created: v.s.Now()}
	if err := checkProject(p); err != nil {
		return iot.ProjectInfo{}, err
	}
	err := v.do(func(t *tx) (err error) {
		var n int
		if err := t.row("select count(*) from projects where account = ?", v.id).Scan(&n); err != nil {
			return err
		}
		if n >= projectsMax {
			return fmt.Errorf("%w: an account has at most %d projects", iot.ErrLimit, projectsMax)
		}
		if p.ID, err = t.addProject(p); err != nil {
			return err
		}
		return v.audit(t, "project.create", p.ID, "%s", name)
	})
	return iot.ProjectInfo{Project: p}, err
}

func (t *tx) addProject(p iot.Project) (int64, error) {
	return t.insert("insert into projects(account, name, description, key, hidden, comparator, created) values(?, ?, ?, ?, ?, ?, ?)",
		p.Account, p.Name, p.Description, p.Key, p.Hidden, string(p.Comparator), nano(p.Created))
}

const descriptionBytesMax = 4096

func checkProject(p iot.Project) error {
	if err := checkName("project name", p.Name); err != nil {
		return err
	}
	if len(p.Description) > descriptionBytesMax {
		return fmt.Errorf("%w: a description has at most %d bytes", iot.ErrInvalid, descriptionBytesMax)
	}
	if err := p.Comparator.Check(); err != nil {
		return fmt.Errorf("%w: %w", iot.ErrInvalid, err)
	}
	return nil
}

// randomKey draws a PRODUCT_KEY.
func randomKey() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	key := make([]byte, 32)
	for i := range key {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(err) // crypto/rand never fails on systems that Go supports
		}
		key[i] = letters[n.Int64()]
	}
	return string(key)
}

func (v *tenant) UpdateProject(id int64, u iot.ProjectUpdate) (iot.ProjectInfo, error) {
	err := v.do(func(t *tx) error {
		p, err := v.own(t, id)
		if err != nil {
			return err
		}
		set(&p.Name, u.Name)
		set(&p.Description, u.Description)
		set(&p.Hidden, u.Hidden)
		set(&p.Comparator, u.Comparator)
		if err := checkProject(p); err != nil {
			return err
		}
		if err := t.exec("update projects set name = ?, description = ?, hidden = ?, comparator = ? where id = ?", p.Name, p.Description, p.Hidden, string(p.Comparator), id); err != nil {
			return err
		}
		return v.audit(t, "project.update", id, "%s", text(u))
	})
	if err != nil {
		return iot.ProjectInfo{}, err
	}
	return v.Project(id)
}

// set changes a value if there is a new one.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (v *tenant) DeleteProject(id int64) error {
	return v.do(func(t *tx) error {
		p, err := v.own(t, id)
		if err != nil {
			return err
		}
		sums, err := t.sums("select sha256 from firmware where project = ?1 union select sha256 from bases where project = ?1 union select j.sha256 from jobs j join firmware f on f.id = j.firmware where f.project = ?1", id)
		if err != nil {
			return err
		}
		var n int64
		if err := t.row("select count(*) from devices where project = ?", id).Scan(&n); err != nil {
			return err
		}
		if err := v.gone(t, "project.delete", id, "delete from projects where id = ? and account = ?", id, v.id); err != nil {
			return err
		}
		t.devices -= n
		t.added -= n
		t.unused(sums)
		return v.audit(t, "project.deleted", p.ID, "%s", p.Name)
	})
}

func (t *tx) sums(query string, args ...any) ([]string, error) {
	rows, err := t.query(query, args...)
	return all(rows, err, func(r scanner) (s string, err error) { return s, r.Scan(&s) })
}

// like is a pattern that finds text anywhere.
func like(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s) + "%"
}

// page reads a page of a list and its length.
func page[T any](s *Store, p iot.Page, read func(scanner) (T, error), columns, from, order string, args ...any) (iot.List[T], error) {
	p = p.Clamp()
	return part(s, p.Offset, p.Limit, read, columns, from, order, args...)
}

// part reads any part of a list and the list's length.
func part[T any](s *Store, offset, limit int, read func(scanner) (T, error), columns, from, order string, args ...any) (iot.List[T], error) {
	var l iot.List[T]
	if err := s.read.QueryRow("select count(*) "+from, args...).Scan(&l.Total); err != nil {
		return l, wrap(err)
	}
	var err error
	l.Items, err = many(s, read, "select "+columns+" "+from+" order by "+order+" limit ? offset ?", append(args, limit, offset)...)
	return l, err
}

func (v *tenant) Audit(p iot.Page) (iot.List[iot.AuditEntry], error) {
	return page(v.s, p, func(r scanner) (e iot.AuditEntry, err error) {
		var at int64
		err = r.Scan(&e.ID, &at, &e.By, &e.Action, &e.Object, &e.Detail)
		e.Time = moment(at)
		return e, err
	}, "id, time, actor, action, object, detail", "from audit where account = ?", "id desc", v.id)
}

func (v *tenant) Watch(ctx context.Context) <-chan iot.Event {
	w := v.s.hub.add(v.id)
	context.AfterFunc(ctx, func() { v.s.hub.remove(w) })
	return w.ch
}

// now is the platform's time.
func (v *tenant) now() time.Time { return v.s.opt.Now() }
