package sweep

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"airlift/chips"
	"airlift/flash"
)

// script is boot code of a few lines for tests. N is how many bytes at the start of
// the flash are programmed.
type script func(n int64, e *chips.Env) (chips.BootOutcome, error)

func (s script) Boot(e *chips.Env) (chips.BootResult, error) {
	var p [128]byte
	if _, err := e.Board.Flash[0].ReadAt(p[:], 0); err != nil {
		return chips.BootResult{}, err
	}
	out, err := s(int64(slices.Index(p[:], 0xFF)), e)
	return chips.BootResult{Outcome: out}, err
}

// counts programs one byte more, and resets the chip.
func counts(n int64, e *chips.Env) (chips.BootOutcome, error) {
	if err := e.Board.Flash[0].Program(n, []byte{0}); err != nil {
		return "", err
	}
	return chips.BootReset, e.Checkpoint(func() []byte { return []byte("counted") })
}

// panicked is an error at which the chip resets.
type panicked struct{ error }

func (panicked) ResetsChip() bool { return true }

// settler is a sweep with this boot code, on a board that was counted up to n.
func settler(t *testing.T, code script, n int) (*Sweep, *board) {
	t.Helper()
	d, err := flash.New(flash.Geometry{Size: 64 << 10, SectorSize: flash.DefaultSectorSize, PageSize: flash.DefaultPageSize, Erased: 0xFF})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Burn(0, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	c := &chips.Chip{Model: &chips.Model{RetainedWords: 1}, Profile: new(chips.Profile), Bootloader: code}
	return &Sweep{Scenario: &Scenario{Mode: ModeBoot}, Chip: c, machine: machine{chip: c}}, newBoard([]*flash.Device{d})
}

// TestVerdictsDependOnTheBoardAlone wants the verdict on a board to be the same
// whatever the sweep remembers of others.
func TestVerdictsDependOnTheBoardAlone(t *testing.T) {
	panics := panicked{errors.New("out of memory")}
	for _, c := range []struct {
		name  string
		code  script
		boots int // of the board that is counted up to 0, 0 for one that never settles
	}{
		{"more boots than are tried", func(n int64, e *chips.Env) (chips.BootOutcome, error) {
			if n >= bootsBound+6 {
				return chips.BootFailed, nil
			}
			return counts(n, e)
		}, 0},
		{"as many boots as are tried", func(n int64, e *chips.Env) (chips.BootOutcome, error) {
			if n >= bootsBound-1 {
				return chips.BootFailed, nil
			}
			return counts(n, e)
		}, bootsBound},
		{"a circle of two", func(n int64, e *chips.Env) (chips.BootOutcome, error) {
			if n < 3 {
				return counts(n, e)
			}
			if e.Board.Retained[0] ^= 1; e.Board.Retained[0] == 0 {
				e.Step(chips.Step{Kind: chips.KindDecide, Text: chips.FindingMark + "it erases what is not its own"})
				return "", panics
			}
			return chips.BootReset, e.Checkpoint(func() []byte { return []byte("retained") })
		}, 0},
		{"a long way into a circle", func(n int64, e *chips.Env) (chips.BootOutcome, error) {
			if n < bootsBound+6 {
				return counts(n, e)
			}
			return chips.BootReset, nil
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[int]*verdict{}
			boards := []int{0, 1, 2, 3, 4, 5, 10, 40, bootsBound - 1, bootsBound, bootsBound + 6}
			for _, n := range boards {
				s, b := settler(t, c.code, n)
				v, err := s.settle(b)
				if err != nil {
					t.Fatal(err)
				}
				want[n] = v
			}
			if v := want[0]; v.endless != (c.boots == 0) || v.boots != c.boots {
				t.Errorf("%+v", v)
			}
			same := func(how string, s *Sweep, n int, b *board) {
				t.Helper()
				v, err := s.settle(b)
				if err != nil || v.outcome != want[n].outcome || v.broken != want[n].broken || v.detail != want[n].detail || v.boots != want[n].boots || v.erased.n != want[n].erased.n {
					t.Errorf("%s, board %d: %+v, alone %+v (%v)", how, n, v, want[n], err)
				}
			}
			for how, order := range map[string][]int{"upwards": boards, "downwards": reversed(boards), "twice": append(reversed(boards), boards...)} {
				s, _ := settler(t, c.code, 0)
				for _, n := range order {
					_, b := settler(t, c.code, n)
					same(how, s, n, b)
				}
			}
			// The circle is entered anywhere: a board in the middle of it.
			for _, start := range []uint32{0, 1} {
				s, b := settler(t, c.code, 3)
				b.retained = []uint32{start}
				alone, err := s.settle(b)
				if err != nil {
					t.Fatal(err)
				}
				s, first := settler(t, c.code, 3)
				first.retained = []uint32{1 - start}
				if _, err := s.settle(first); err != nil {
					t.Fatal(err)
				}
				_, b = settler(t, c.code, 3)
				b.retained = []uint32{start}
				if got, err := s.settle(b); err != nil || !reflect.DeepEqual(got, alone) {
					t.Errorf("entered at %d: %+v, alone %+v (%v)", start, got, alone, err)
				}
			}
		})
	}
}

func reversed(list []int) []int {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}
