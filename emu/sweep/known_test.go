package sweep

import (
	"testing"

	"airlift/chips/all"
	"airlift/emu"
)

// Packages of growing size, as a tool makes them that pads to 1024 bytes and
// knows nothing of secboot: one in eight is lost, although nothing goes wrong
// on the way (xt804.md 6, pitfall P1). The test looks at outcomes first, and
// only then at what the sizes have in common.
func TestSizesOfPackages(t *testing.T) {
	lost, sizes := []int{}, 0
	for n := range 17 {
		s := Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", NoPad: true, Force: true,
			Old: Version{CoreBytes: 20 << 10}, New: Version{CoreBytes: 21 << 10, ScriptBytes: int64(n) << 10}}
		s.Name = "sizes"
		w := mustNew(t, &s)
		sizes++
		size := len(w.Package) - packageHeader
		if w.Clean.Outcome == emu.OutcomeNew && len(w.Clean.Broken) == 0 {
			continue
		}
		t.Logf("%d bytes: %s, broken %v: %s", size, w.Clean.Outcome, w.Clean.Broken, w.Clean.Detail)
		lost = append(lost, size)
	}
	if len(lost) == 0 || len(lost) > sizes/4 {
		t.Fatalf("%d of %d packages are lost, expected about one in eight", len(lost), sizes)
	}
	for _, size := range lost {
		if size%8192 != 0 {
			t.Errorf("a package of %d bytes is lost, which is no multiple of 8192", size)
		}
	}
}

// packageHeader is the image header in front of the body, in bytes.
const packageHeader = 64

func mustNew(t *testing.T, s *Scenario) *Sweep {
	t.Helper()
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
