package sweep

import (
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
)

// TestSPIFlashIsPartOfTheCase: a case of a board with an SPI flash is another one
// than that of a board without, or with another.
func TestSPIFlashIsPartOfTheCase(t *testing.T) {
	plain, err := all.Chip("Air780EP", "")
	if err != nil {
		t.Fatal(err)
	}
	with := func(s chips.SPIFlash) *chips.Chip {
		for _, f := range all.Families() {
			if c, err := chips.WithSPIFlash(f, plain, s); err == nil {
				return c
			}
		}
		t.Fatal("no family takes an SPI flash")
		return nil
	}
	digests := map[string]bool{}
	boards := []*chips.Chip{plain, with(chips.SPIFlash{Size: 8 << 20, CS: 8}), with(chips.SPIFlash{Size: 4 << 20, CS: 8}), with(chips.SPIFlash{Size: 8 << 20, Bus: 1, CS: 8})}
	for i, c := range boards {
		s := Scenario{Name: "a", Chip: "Air780EP"}
		if err := s.Use(c); err != nil {
			t.Fatal(err)
		}
		digests[s.Digest()] = true
		if err := s.Use(c); err != nil {
			t.Errorf("board %d: used twice: %v", i, err)
		}
		if i == 0 {
			continue
		}
		for k, other := range boards {
			if err := s.Use(other); (err == nil) != (k == i) || err != nil && !strings.Contains(err.Error(), "SPI flash") {
				t.Errorf("board %d in the place of %d: %v", k, i, err)
			}
		}
	}
	if len(digests) != len(boards) {
		t.Errorf("%d digests of %d boards", len(digests), len(boards))
	}
}
