package ec

import (
	"errors"
	"testing"

	"airlift/chips"
)

// TestCompareCores compares cores from files and synthetic ones.
func TestCompareCores(t *testing.T) {
	m := makerOf(t, "Air780E", "full").(chips.DeltaMaker)
	v1 := chips.MakeInput{CoreVersion: "V1112", CoreSize: 8192}
	v2 := chips.MakeInput{CoreVersion: "V1113", CoreSize: 8192}
	file := func(model, profile, kind string, in chips.MakeInput) chips.MakeInput {
		return chips.MakeInput{Core: make1(t, makerOf(t, model, profile), kind, in)}
	}
	for _, c := range []struct {
		what           string
		old, new       chips.MakeInput
		same           bool
		warnings       int
		scripts, alone string // kinds with scripts and without
	}{
		{"the same", v1, v1, true, 0, KindBin, ""},
		{"the same from a file", v1, file("Air780E", "full", KindSoc, v1), true, 0, KindBin, ""},
		{"two versions", v1, v2, false, 0, KindCombined, KindCore},
		{"two files", file("Air780E", "full", KindSoc, v1), file("Air780E", "full", KindBinpkg, v2), false, 0, KindCombined, KindCore},
		{"another script area", file("Air780E", "lite", KindSoc, v1), v2, false, 1, KindCombined, KindCore},
	} {
		in := c.new
		in.Base = &c.old
		d, err := m.CompareCores(in)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if d.Same() != c.same || len(d.Warnings) != c.warnings || m.DeltaKind(d, true) != c.scripts || m.DeltaKind(d, false) != c.alone {
			t.Errorf("%s: %+v, kinds %q and %q", c.what, d, m.DeltaKind(d, true), m.DeltaKind(d, false))
		}
		if _, err := m.Make(KindCore, in); errors.Is(err, ErrSameCore) != c.same {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := m.CompareCores(v1); err == nil {
		t.Error("a comparison with nothing")
	}
	wrong := v1
	base := file("Air780EPM", "1", KindSoc, v1)
	wrong.Base = &base
	if _, err := m.CompareCores(wrong); err == nil {
		t.Error("a comparison with a core of another series")
	}
}

// TestIdentify tells which model files are for.
func TestIdentify(t *testing.T) {
	f := New()
	for _, kind := range []string{KindSoc, KindBinpkg} {
		b := make1(t, makerOf(t, "Air8000", "101"), kind, chips.MakeInput{CoreSize: 8192})
		if model, profile, hint, ok := f.Identify(b); model != "Air8000" || profile != "101" || hint != "EC7xx" || !ok {
			t.Errorf("%s: %q %q %q %v", kind, model, profile, hint, ok)
		}
	}
	real := &Binpkg{Entries: []BinpkgEntry{{Addr: 0x24000, Type: "AP", Data: oldAP()}, {Type: "CP", Data: oldCP()}}}
	if model, _, hint, ok := f.Identify(real.Encode()); model != "" || hint != "EC618" || !ok {
		t.Errorf("an image without a descriptor: %q %q %v", model, hint, ok)
	}
	if _, _, _, ok := f.Identify([]byte("no firmware")); ok {
		t.Error("any file")
	}
}
