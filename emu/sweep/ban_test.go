package sweep

import (
	"strings"
	"testing"

	"airlift/emu"
	"airlift/emu/fault"
)

// TestCutsThatBan has the power fail in six downloads in a row: the platform takes
// a module that fetches the same package so often for one in a loop and sends it
// away (iot-platform.md 3.7). What is told of the case says so.
func TestCutsThatBan(t *testing.T) {
	for _, family := range families {
		t.Run(family.Name, func(t *testing.T) {
			clean, err := inMode(t, family, ModeSystem)
			if err != nil {
				t.Fatal(err)
			}
			var download []uint64
			for _, p := range clean.Clean.Ops {
				if p.Boot == 0 && (p.Stage == "scripts" || p.Stage == "updater") {
					download = append(download, p.Number)
				}
			}
			if len(download) == 0 {
				t.Fatalf("the download has no operation: %v", clean.Clean.Ops[0])
			}
			op := download[len(download)/2]
			var cuts []fault.Fault
			for range 6 {
				cuts = append(cuts, fault.Fault{Kind: fault.Cut, Op: op, How: fault.How{Kind: fault.Before}})
			}
			for n := 5; n <= 6; n++ {
				a, err := clean.ReplayFaults(cuts[:n])
				if err != nil {
					t.Fatal(err)
				}
				banned := strings.Contains(a.Result.Detail, "loop_ban")
				if want := map[bool]emu.Outcome{false: emu.OutcomeNew, true: emu.OutcomeOld}[n == 6]; a.Result.Outcome != want || banned != (n == 6) {
					t.Errorf("%d cuts: %s, expected %s: %s", n, a.Result.Outcome, want, a.Result.Detail)
				}
			}
		})
	}
}
