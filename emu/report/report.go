// Package report writes what came of a sweep for machines and for people: JUnit
// for CI servers, SARIF for code scanning, and a page of HTML that needs nothing
// else, with the map of the operation axis, the flash of each finding before and
// after, and its account.
package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
	"airlift/flash"
)

// Sweep is one scenario and what came of it.
type Sweep struct {
	Header  *sweep.Header
	Summary *sweep.Summary
	Took    time.Duration // real time
	// File is the scenario's or the results file, as given; "" for a built-in
	// scenario.
	File     string
	Findings []Finding
}

// Finding is a finding with its evidence.
type Finding struct {
	*sweep.Finding
	Replay  string         // the command line that tells its first case
	Account *sweep.Account // nil where nobody ran the case again
	Parts   []Part         // of the flash, those that changed or should have
	Bytes   *Bytes         // where the flash first is what it should not be; nil if nowhere
}

// findingsMax bounds the findings of a sweep that are run again for their
// accounts.
const findingsMax = 40

// Gather makes the report of a sweep. With a prepared sweep the first case of
// each finding is run again for its account; w may be nil. Extra are the flags
// that a replay needs.
func Gather(ctx context.Context, h *sweep.Header, sum *sweep.Summary, w *sweep.Sweep, extra string) (*Sweep, error) {
	r := &Sweep{Header: h, Summary: sum}
	for i, f := range sum.Findings {
		n := Finding{Finding: f, Replay: "airlift replay " + f.ID.String() + extra}
		if w != nil && i < findingsMax {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := n.gather(w); err != nil {
				return nil, fmt.Errorf("%s: %w", f.ID, err)
			}
		}
		r.Findings = append(r.Findings, n)
	}
	return r, nil
}

func (f *Finding) gather(w *sweep.Sweep) (err error) {
	if f.Account, err = w.Replay(f.First.Path); err != nil {
		return err
	}
	now := f.Account.Result
	if now.Outcome != f.Outcome || now.Detail != f.First.Detail {
		return errors.New("the replay ends otherwise than the case did: the results are of another build")
	}
	before, after, meant := readable(f.Account.Before), readable(f.Account.After), readable(w.Meant())
	for i, table := range w.Chip.Partitions {
		for _, p := range table {
			if p.Overlay {
				continue
			}
			part, diff, err := compare(i, p, before, after, meant)
			if err != nil {
				return err
			}
			if part != nil {
				f.Parts = append(f.Parts, *part)
			}
			if f.Bytes == nil {
				f.Bytes = diff
			}
		}
	}
	return nil
}

// readable are copies with a supply that is on.
func readable(flashes []*flash.Device) []*flash.Device {
	var out []*flash.Device
	for i, f := range flashes {
		n := f.Fork()
		n.Attach(new(flash.Power), i)
		out = append(out, n)
	}
	return out
}

// Letters of the sectors of a [Part].
const (
	SectorSame    = '.' // as before, as it should be
	SectorMeant   = 'n' // changed, as without a fault
	SectorMissing = 'o' // as before, though it changes without a fault
	SectorOther   = 'x' // changed, and not as without a fault
)

// Part is a partition of the flash, before and after.
type Part struct {
	Name    string
	Chip    int
	Off     int64 // bytes
	Size    int64 // bytes
	Sectors string
}

// Bytes is a place of the flash in three states.
type Bytes struct {
	Part                 string
	Chip                 int
	Off                  int64
	Before, After, Meant []byte // Meant is nil where that is not known
}

const (
	sectorBytes = flash.DefaultSectorSize
	bytesShown  = 32
)

// compare compares a partition; nil if nothing happened to it.
func compare(chip int, p flash.Partition, before, after, meant []*flash.Device) (*Part, *Bytes, error) {
	out := &Part{Name: p.Name, Chip: chip, Off: p.Off, Size: p.Size}
	var letters []byte
	var diff *Bytes
	var x, y, z [sectorBytes]byte
	changed := false
	for off := p.Off; off < p.Off+p.Size; off += sectorBytes {
		n := min(sectorBytes, p.Off+p.Size-off)
		a, b, c := x[:n], y[:n], z[:n]
		for _, r := range []struct {
			p []byte
			d []*flash.Device
		}{{a, before}, {b, after}, {c, meant}} {
			if r.d == nil {
				copy(r.p, a)
				continue
			}
			if _, err := r.d[chip].ReadAt(r.p, off); err != nil {
				return nil, nil, err
			}
		}
		l := letter(a, b, c)
		changed = changed || l != SectorSame
		if diff == nil && (l == SectorOther || l == SectorMissing) {
			diff = difference(p, chip, off, a, b, c)
			if meant == nil {
				diff.Meant = nil
			}
		}
		letters = append(letters, l)
	}
	if !changed {
		return nil, nil, nil
	}
	out.Sectors = string(letters)
	return out, diff, nil
}

func letter(before, after, meant []byte) byte {
	switch {
	case bytes.Equal(after, meant) && bytes.Equal(before, after):
		return SectorSame
	case bytes.Equal(after, meant):
		return SectorMeant
	case bytes.Equal(before, after):
		return SectorMissing
	}
	return SectorOther
}

func difference(p flash.Partition, chip int, off int64, before, after, meant []byte) *Bytes {
	at := 0
	for at < len(after)-1 && after[at] == meant[at] {
		at++
	}
	at &^= 15
	end := min(len(after), at+bytesShown)
	return &Bytes{
		Part: p.Name, Chip: chip, Off: off + int64(at),
		Before: bytes.Clone(before[at:end]), After: bytes.Clone(after[at:end]), Meant: bytes.Clone(meant[at:end]),
	}
}

// Title says in a line what is wrong.
func (f *Finding) Title() string {
	head := string(f.Outcome)
	if f.Outcome == emu.OutcomeNew || f.Outcome == emu.OutcomeOld {
		head = "an invariant broken"
	}
	return fmt.Sprintf("%s: %s", head, f.First.Detail)
}

// Faults says what its first case is.
func (f *Finding) Faults() string { return fault.Describe(f.First.Faults) }

// Fingerprint is the same for the same finding in every run, whatever the
// numbers of its cases.
func (f *Finding) Fingerprint(scenario string) string {
	sum := sha256.Sum256([]byte(scenario + "\n" + f.Signature))
	return hex.EncodeToString(sum[:16])
}

// stretch is a row of operations in one stage and partition.
type stretch struct {
	From, To    int // operations
	Stage, Part string
	Letters     string
}

// stretches cuts the operation axis into rows.
func stretches(h *sweep.Header, m *sweep.Summary) []stretch {
	var out []stretch
	for from := 0; from < len(h.Ops) && from < len(m.Map); {
		to := from + 1
		for to < len(h.Ops) && to < len(m.Map) && h.Ops[to].Stage == h.Ops[from].Stage && h.Ops[to].Part == h.Ops[from].Part {
			to++
		}
		out = append(out, stretch{from, to, h.Ops[from].Stage, h.Ops[from].Part, m.Map[from:to]})
		from = to
	}
	return out
}
