package store

import (
	"bytes"
	"fmt"

	"airlift/emu/iot"
)

// Load adds what a store in memory has: accounts with their projects, devices
// and firmware, and for each project the known cores. Accounts that are here
// already are left alone, with everything in them, so that a description can be
// given at every start. The new ones have no password; see [Store.SetPassword].
func (s *Store) Load(m *iot.Mem) error {
	for _, a := range m.Accounts() {
		if err := s.loadAccount(m, a); err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
	}
	return nil
}

func (s *Store) loadAccount(m *iot.Mem, a iot.Account) error {
	type upload struct {
		f   iot.Firmware
		sum string
	}
	var uploads []upload
	for _, p := range m.Projects() {
		if p.Account != a.ID {
			continue
		}
		for _, f := range m.Firmware(p.ID) {
			c, err := m.Content(f.ID, nil)
			if err != nil {
				return err
			}
			sum, _, err := s.files.put(bytes.NewReader(c.Bytes), iot.FirmwareMax)
			if err != nil {
				return err
			}
			uploads = append(uploads, upload{f, sum})
		}
	}
	return s.do(func(t *tx) error {
		var have int
		if err := t.row("select count(*) from accounts where name = ?", a.Name).Scan(&have); err != nil || have > 0 {
			return err
		}
		id, err := t.addAccount(a.Name, "")
		if err != nil {
			return err
		}
		projects := map[int64]int64{}
		for _, p := range m.Projects() {
			if p.Account != a.ID {
				continue
			}
			old := p.ID
			p.Account = id
			if p.ID, err = t.addProject(p); err != nil {
				return err
			}
			projects[old] = p.ID
			for _, c := range m.Cores() {
				if _, err := t.addBase(iot.Base{Project: p.ID, Name: c.Name, Core: c.Version, Created: p.Created}); err != nil {
					return err
				}
			}
		}
		for _, u := range uploads {
			u.f.Project, u.f.SHA256 = projects[u.f.Project], u.sum
			if u.f.ID, err = t.addFirmware(u.f); err != nil {
				return err
			}
			if _, err := t.list(u.f.ID, u.f.Devices); err != nil {
				return err
			}
		}
		return t.loadDevices(m, projects)
	})
}

func (t *tx) loadDevices(m *iot.Mem, projects map[int64]int64) error {
	for _, d := range m.Devices() {
		project, ok := projects[d.Project]
		if !ok {
			continue
		}
		if _, err := t.insert("insert into devices(project, identity, key, forbidden, created) values(?, ?, ?, ?, ?)",
			project, d.Identity, iot.IdentityKey(d.Identity), d.Forbidden, nano(d.Created)); err != nil {
			return err
		}
		t.devices++
		t.added++
	}
	t.forgetMeta()
	return nil
}

// SetPassword sets the password of an account, for whoever runs the platform.
func (s *Store) SetPassword(name, password string) error {
	if err := checkCredentials(name, password); err != nil {
		return err
	}
	hash := s.hashPassword(password)
	return s.do(func(t *tx) error {
		n, err := t.affect("update accounts set password = ? where name = ?", hash, name)
		if err == nil && n == 0 {
			err = iot.ErrNotFound
		}
		return err
	})
}

// AccountByName finds an account, for whoever runs the platform.
func (s *Store) AccountByName(name string) (iot.Account, error) {
	a := iot.Account{Name: name}
	return a, wrap(s.read.QueryRow("select id from accounts where name = ?", name).Scan(&a.ID))
}
