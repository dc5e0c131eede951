package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"airlift/emu/iot"
)

// online knows when devices were last online. To write that into a device's row
// at every question would change a page of the database for each. So it is
// written at leisure, in the order of the rows. Until then it is here, and for a
// start after a crash it is in the log.
type online struct {
	mu     sync.Mutex
	recent map[int64]int64 // by device, since the last round began
	older  map[int64]int64 // what the last round wrote, or is writing
	last   int64           // newest row of the log that recent and older know of
	missed bool            // the last round did not write all of older

	round sync.Mutex // held by a round
}

// touch is a device that told about itself.
type touch struct{ device, at, log int64 }

// note takes what a commit has made true.
func (o *online) note(list []touch) {
	if len(list) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.recent == nil {
		o.recent = map[int64]int64{}
	}
	for _, n := range list {
		o.recent[n.device] = max(o.recent[n.device], n.at)
		o.last = max(o.last, n.log)
	}
}

// fill gives devices that have just been read the time that is not in their rows
// yet. What was written stays here for another round, so that it is not missed
// between reading and asking.
func (o *online) fill(list []iot.Device) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range list {
		d := &list[i]
		d.LastOnline = moment(max(nano(d.LastOnline), o.recent[d.ID], o.older[d.ID]))
	}
}

// begin begins a round: it returns what is to be written, and the row of the log
// up to which everything is in the devices' rows when it has been.
func (o *online) begin() (list []touch, last int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.missed {
		for device, at := range o.recent {
			o.older[device] = max(o.older[device], at)
		}
	} else {
		o.older = o.recent
	}
	o.recent, o.missed = nil, true
	for device, at := range o.older {
		list = append(list, touch{device: device, at: at})
	}
	slices.SortFunc(list, func(a, b touch) int { return cmp.Compare(a.device, b.device) })
	return list, o.last
}

func (o *online) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.missed = false
}

// onlineChunk is how many devices' times one piece of work writes.
const onlineChunk = 256

// keepOnline writes when devices were last online, a few in each transaction.
func (s *Store) keepOnline(hand func(*work) error) error {
	s.online.round.Lock()
	defer s.online.round.Unlock()
	list, last := s.online.begin()
	for chunk := range slices.Chunk(list, onlineChunk) {
		if err := hand(quickly(func(t *tx) error { return t.keepOnline(chunk) })); err != nil {
			return err
		}
	}
	if len(list) > 0 {
		if err := hand(quickly(func(t *tx) error { return t.exec("update online set log = ?", last) })); err != nil {
			return err
		}
	}
	s.online.end()
	return nil
}

func (t *tx) keepOnline(list []touch) error {
	pairs := make([][2]int64, len(list))
	for i, n := range list {
		pairs[i] = [2]int64{n.device, n.at}
	}
	body, err := json.Marshal(pairs)
	if err != nil {
		return err
	}
	return t.exec("update devices set last_online = max(last_online, n.value ->> 1) from json_each(?) n where devices.id = n.value ->> 0", string(body))
}

// recoverOnline finds in the log what the last process could not write.
func (s *Store) recoverOnline() error {
	rows, err := s.t.query("select device, max(time), max(id) from log where id > (select log from online) and device <> 0 group by device")
	list, err := all(rows, err, func(r scanner) (n touch, err error) { return n, r.Scan(&n.device, &n.at, &n.log) })
	if err != nil {
		return fmt.Errorf("when devices were last online: %w", err)
	}
	s.online.note(list)
	return nil
}
