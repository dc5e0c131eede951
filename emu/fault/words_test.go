package fault

import (
	"strings"
	"testing"
)

// TestWords wants faults of the flash told in words that say all that their fields
// do.
func TestWords(t *testing.T) {
	for want, f := range map[string]Fault{
		"64 bits of fota turn over at rest (seed 3)":                   {Kind: Flips, Part: "fota", Count: 64, Seed: 3},
		"1 cell of fota always reads 0":                                {Kind: Stuck, Part: "fota", Count: 1},
		"2 cells of fota always read 1 (seed 9)":                       {Kind: Stuck, Part: "fota", Count: 2, Value: 1, Seed: 9},
		"cells of a torn operation read differently each time":         {Kind: Unstable},
		"up to 1 cell of a torn operation reads differently each time": {Kind: Unstable, Count: 1},
		"one in 7 programs clears a bit of another page":               {Kind: ProgramDisturb, Count: 7},
		"one in 7 reads clears a bit of the sector, in fs":             {Kind: ReadDisturb, Count: 7, Part: "fs"},
		"all programs in app fail with an error":                       {Kind: BadProgram, Part: "app"},
		"all erases in 3 sectors of app do nothing, silently (seed 2)": {Kind: DeafErase, Part: "app", Count: 3, Seed: 2},
		"program number 0 in app does nothing, silently":               {Kind: DeafProgram, Part: "app", Times: 1},
		"erase number 6 in 1 sector of app fails with an error":        {Kind: BadErase, Part: "app", Op: 6, Count: 1},
		"programs number 6 to 8 in app fail with an error":             {Kind: BadProgram, Part: "app", Op: 6, Times: 3},
		"a sector fails to erase after count erases (count 3)":         {Kind: WearOut, Count: 3},
		"power cut at operation 4, its last half done":                 {Kind: Cut, Op: 4, How: How{Kind: Back, Num: 1, Den: 2}},
		"power cut at operation 4, its first 3/4 done":                 {Kind: Cut, Op: 4, How: How{Kind: Front, Num: 3, Den: 4}},
	} {
		if err := f.Check(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		if got := f.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	for _, s := range Specs {
		if f := (Fault{Kind: s.Kind, Part: "app", Count: 2}); s.Group == "flash" && strings.Contains(f.chipWords(), "%!") {
			t.Errorf("%s: %s", s.Kind, f.chipWords())
		}
	}
}
