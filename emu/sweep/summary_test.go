package sweep

import (
	"strings"
	"testing"

	"airlift/emu"
)

// TestFindingsBeyondTheList counts cases that go wrong in more ways than are told
// apart.
func TestFindingsBeyondTheList(t *testing.T) {
	s := &Scenario{Name: "s", Chip: "Air601"}
	if err := s.Fill(); err != nil {
		t.Fatal(err)
	}
	sum := NewSummary(s, 0)
	const ways, rounds = findingsMax + 7, 2
	for n := range uint64(ways * rounds) {
		r := Result{Case: Case{Number: n}, Outcome: emu.OutcomeStuck, Detail: strings.Repeat("x", int(n%ways))}
		sum.Add(&r)
	}
	sum.Close()
	listed := uint64(0)
	for _, f := range sum.Findings {
		listed += f.Cases
	}
	if len(sum.Findings) != findingsMax || listed != findingsMax*rounds || sum.Unlisted != 7*rounds || sum.Cases != ways*rounds {
		t.Errorf("%d findings of %d cases, %d cases not listed, %d in all", len(sum.Findings), listed, sum.Unlisted, sum.Cases)
	}
}
