package sweep

import (
	"fmt"
	"reflect"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/chips/ec"
	"airlift/chips/xt804"
	"airlift/emu/fault"
)

// withoutMemo is a chip of which boot code and core remember nothing.
func withoutMemo(t *testing.T, c *chips.Chip) *chips.Chip {
	t.Helper()
	d := *c
	switch b := c.Bootloader.(type) {
	case *xt804.Secboot:
		boot, core := *b, *c.Core.(*xt804.CoreStage)
		boot.Memo, core.Memo = nil, nil
		d.Bootloader, d.Core = &boot, &core
	case *ec.Bootloader:
		boot, core := *b, *c.Core.(*ec.CoreStage)
		boot.Memo, core.Memo = nil, nil
		d.Bootloader, d.Core = &boot, &core
	default:
		t.Fatalf("%T", b)
	}
	return &d
}

// TestMemoOfDefectiveChips: what boot code computed from cells of one chip says
// nothing about a chip of which the reads see something else.
func TestMemoOfDefectiveChips(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		chip, part string
		fault      fault.Fault
	}{
		{"Air6208", "fota", fault.Fault{Kind: fault.Stuck, Count: 400, Value: 1}},
		{"Air780E", "ap", fault.Fault{Kind: fault.Stuck, Count: 40}},
		{"Air780EP", "ap", fault.Fault{Kind: fault.Stuck, Count: 40}},
		{"Air780E", "", fault.Fault{Kind: fault.ReadDisturb, Count: 40}},
		{"Air6208", "", fault.Fault{Kind: fault.ReadDisturb, Count: 40}},
	} {
		ended := map[string]int{}
		for seed := range uint64(3) {
			f := c.fault
			f.Part, f.Seed = c.part, seed+1
			chip, err := all.Chip(c.chip, "")
			if err != nil {
				t.Fatal(err)
			}
			run := func(chip *chips.Chip) (Clean, string) {
				s := Scenario{Name: "memo", Chip: c.chip, Old: Version{CoreBytes: 24 << 10}, New: Version{CoreBytes: 24 << 10, ScriptBytes: 1000}, Faults: []fault.Fault{f}}
				w, err := New(&s, chip)
				if err != nil {
					return Clean{}, err.Error()
				}
				return w.Clean, ""
			}
			with, why := run(chip)
			want, wantWhy := run(withoutMemo(t, chip))
			if !reflect.DeepEqual(with, want) || why != wantWhy {
				t.Errorf("%s: %s, seed %d: with a memo %s %s, without one %s %s", c.chip, f.String(), f.Seed, with.Outcome, why, want.Outcome, wantWhy)
			}
			ended[fmt.Sprintf("%s%.40s", want.Outcome, wantWhy)]++
		}
		t.Logf("%s: %s: %v", c.chip, c.fault.String(), ended)
	}
}
