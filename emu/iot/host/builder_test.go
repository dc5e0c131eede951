package host_test

import (
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/iot"
	"airlift/emu/iot/host"
)

// TestBuild makes difference packages with our creators.
func TestBuild(t *testing.T) {
	chip := must[*chips.Chip](t)(all.Chip("air780e", ""))
	soc := func(version string) []byte {
		return must[[]byte](t)(chip.Maker.Make("soc", chips.MakeInput{CoreVersion: version, CoreSize: 64 << 10, CoreSeed: 1}))
	}
	old, fresh := soc("V1114"), soc("V1115")
	base := iot.Base{Chip: "air780e", Core: "1114"}
	p := must[[]byte](t)(host.Build(t.Context(), base, old, iot.Firmware{FileName: "new.soc"}, fresh))
	if len(p) == 0 || len(p) >= len(fresh) {
		t.Errorf("package of %d bytes for a core of %d", len(p), len(fresh))
	}
	for name, tc := range map[string]struct {
		base     iot.Base
		from, to []byte
		says     string
	}{
		"same":         {base, old, old, "nothing to send"},
		"no such chip": {iot.Base{Chip: "air9"}, old, fresh, "air9"},
		"no creator":   {iot.Base{Chip: "air601"}, old, fresh, "no core deltas"},
		"not a core":   {base, []byte("x"), fresh, ""},
	} {
		if _, err := host.Build(t.Context(), tc.base, tc.from, iot.Firmware{FileName: "new.soc"}, tc.to); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
