package sweep

import (
	"encoding/json"
	"fmt"
	"sync"

	"airlift/emu/fault"
	"airlift/flash"
)

// made remembers packages that were put together again around edits: many trials
// share one. What it returns is never changed.
type made struct {
	mu    sync.Mutex
	bytes int
	known map[string]*madePackage
}

type madePackage struct {
	data  []byte
	notes []string // on edits that had nothing to be done to
	err   error
}

// madeBytesMax bounds what is remembered.
const madeBytesMax = 32 << 20

// withEdits is the package with edits. An edit that nothing is left for, as those
// before it have spoilt the package's form, is noted and left out.
func (s *Sweep) withEdits(edits []fault.Edit) ([]byte, []string, error) {
	key, err := json.Marshal(edits)
	if err != nil {
		return nil, nil, err
	}
	m := &s.made
	m.mu.Lock()
	p := m.known[string(key)]
	m.mu.Unlock()
	if p != nil {
		return p.data, p.notes, p.err
	}
	p = s.makeWith(edits)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bytes += len(p.data) + len(key); m.known == nil || m.bytes > madeBytesMax {
		m.known, m.bytes = map[string]*madePackage{}, len(p.data)+len(key)
	}
	m.known[string(key)] = p
	return p.data, p.notes, p.err
}

func (s *Sweep) makeWith(edits []fault.Edit) *madePackage {
	out := &madePackage{data: s.Package}
	for i := range edits {
		p, err := s.edited(out.data, &edits[i])
		switch {
		case err == nil:
			out.data = p
		case i == 0:
			out.err = fmt.Errorf("%w: %w", ErrUntried, err)
			return out
		default:
			out.notes = append(out.notes, err.Error())
		}
	}
	return out
}

// burnEdit edits a partition at rest. An edit that would change its length changes
// what fits.
func burnEdit(d *flash.Device, part flash.Partition, e *fault.Edit) error {
	from, to := int64(0), part.Size
	switch e.Do { // those that leave the rest alone: read no more than that
	case fault.EditSet:
		from, to = e.Off, e.Off+int64(len(e.Data))
	case fault.EditFlip:
		from, to = e.Off, e.Off+1
	case fault.EditFill:
		from, to = e.Off, e.Off+min(e.Bytes, part.Size)
	}
	from, to = min(from, part.Size), min(to, part.Size)
	if from >= to {
		return nil
	}
	p := contents(d, flash.Partition{Name: part.Name, Off: part.Off + from, Size: to - from})
	near := *e
	near.Off -= from
	q := near.Apply(p)
	return d.Burn(part.Off+from, q[:min(len(p), len(q))])
}
