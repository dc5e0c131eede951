package iot

import (
	"slices"
	"time"
)

// Apply changes the store.
func (m *Mem) Apply(e Effects) error {
	if e.Register != 0 {
		if _, err := m.AddDevice(e.Register, e.Identity, e.At); err != nil {
			return err
		}
	}
	if i, ok := m.byID[IdentityKey(e.Identity)]; ok {
		if e.Delivery != nil {
			m.sent++
			v := *e.Delivery
			v.ID, v.Device = m.sent, m.devices[i].ID
			e.Delivery = &v
		}
		m.devices[i].apply(e)
		if e.Settle != nil {
			m.step(e.Settle.Delivery.Rollout, e.At)
		}
		if v, late := m.devices[i].finish(e); late {
			m.step(v.Rollout, e.At)
		}
	}
	if e.Job != nil {
		j := *e.Job
		j.ID = int64(len(m.jobs) + 1)
		m.jobs = append(m.jobs, j)
	}
	if e.Log != nil {
		if len(m.log) == LogEntriesMax {
			m.log = slices.Clone(m.log[LogEntriesMax/10:]) // drop many at once: dropping costs a copy
		}
		m.logged++
		l := *e.Log
		l.ID = m.logged
		m.log = append(m.log, l)
	}
	return nil
}

// step lets the roll-out of a settled delivery go on.
func (m *Mem) step(rollout int64, now time.Time) {
	r, ok := at(m.rollouts, rollout)
	if !ok {
		return
	}
	r.Groups = slices.Clone(r.Groups)
	for i := range r.Groups {
		r.Groups[i].Counts = map[Outcome]int{}
	}
	for i := range m.devices {
		for _, v := range m.devices[i].Deliveries {
			if v.Rollout == r.ID && v.Group < len(r.Groups) && (v.Outcome == OutcomeOpen || !v.Settled.Before(r.CountFrom)) {
				r.Groups[v.Group].Counts[v.Outcome]++
			}
		}
	}
	m.rollouts[r.ID-1], _ = r.Step(now)
}

// apply changes a device. Slices are replaced, because forks share them.
func (d *Device) apply(e Effects) {
	if t := e.Touch; t != nil {
		d.Version, d.FirmwareName, d.Core, d.LastOnline = t.Version, t.FirmwareName, t.Core, e.At
	}
	if e.Request {
		d.Requests = appendRecent(d.Requests, e.At, func(t time.Time) bool { return t.Before(e.Forget) })
	}
	if s := e.Settle; s != nil {
		d.change(func(v *Delivery) bool { return v.ID == s.Delivery.ID }, func(v *Delivery) { v.Outcome, v.Settled = s.Outcome, e.At })
	}
	if e.Delivery != nil {
		d.Deliveries = appendRecent(d.Deliveries, *e.Delivery, func(v Delivery) bool { return v.Outcome != OutcomeOpen && v.At.Before(e.Forget) })
	}
	d.Banned = d.Banned || e.Ban
}

// finish notes that a file has been sent to its end. The device may have been
// faster and have asked again: then it was not interrupted, and late tells.
func (d *Device) finish(e Effects) (v Delivery, late bool) {
	if e.Finish == 0 {
		return v, false
	}
	of := func(v *Delivery) bool {
		return v.Firmware == e.Finish && (v.At.Equal(e.FinishAt) || e.FinishAt.IsZero() && v.Outcome == OutcomeOpen)
	}
	d.change(of, func(x *Delivery) {
		x.Whole = true
		if x.Outcome == OutcomeInterrupted {
			x.Outcome, x.Settled = OutcomeOld, e.At
			v, late = *x, true
		}
	})
	return v, late
}

// change changes a delivery in a new list.
func (d *Device) change(is func(*Delivery) bool, set func(*Delivery)) {
	d.Deliveries = slices.Clone(d.Deliveries)
	for i := range d.Deliveries {
		if is(&d.Deliveries[i]) {
			set(&d.Deliveries[i])
		}
	}
}

// appendRecent returns a new list without what is old, and with v.
func appendRecent[T any](list []T, v T, old func(T) bool) []T {
	out := make([]T, 0, len(list)+1)
	for _, x := range list {
		if !old(x) {
			out = append(out, x)
		}
	}
	if len(out) >= recentMax {
		out = out[len(out)-recentMax+1:]
	}
	return append(out, v)
}
