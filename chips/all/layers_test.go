package all

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash/luadb"
)

// Every kind of upgrade package has layers. One that is wrapped as it was gives
// the same package, and one that has changed is found in the new package,
// although every checksum around it has to be right for that.
func TestLayers(t *testing.T) {
	for _, c := range []struct {
		model, profile, kind string
		want                 []string
	}{
		{"Air6208", "g3", "fota", []string{"header", "body", "payload", "app-header", "app-body", "script-header", "script-body"}},
		{"Air101", "g2-fota", "sota", []string{"header", "body", "payload", "script-header", "script-body"}},
		{"Air601", "g2", "bin", []string{"script"}},
		{"Air780E", "full", "combined", []string{"head", "delta", "delta-head-0", "common", "script"}},
		{"Air780E", "full", "core", []string{"head", "delta", "delta-head-0"}},
		{"Air780EP", "", "combined", []string{"head", "delta", "delta-head-0", "common", "script"}},
		{"Air780EP", "", "bin", []string{"head", "common", "script"}},
		{"Air724UG", "", "all-stream", []string{"stream", "script", "pack", "bundle-0"}},
		{"Air724UG", "", "script-stream", []string{"stream", "script"}},
	} {
		t.Run(c.model+" "+c.kind, func(t *testing.T) {
			chip, pkg := packageOf(t, c.model, c.profile, c.kind)
			list, err := chip.Maker.(chips.Layered).Layers(pkg)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i := range list {
				names = append(names, list[i].Name)
				checkLayer(t, chip, pkg, &list[i])
			}
			if !slices.Equal(names, c.want) {
				t.Errorf("layers %v, want %v", names, c.want)
			}
			if _, err := chip.FindLayer(pkg, "none"); err == nil {
				t.Error("a layer that is not there is found")
			}
		})
	}
}

func packageOf(t *testing.T, model, profile, kind string) (*chips.Chip, []byte) {
	t.Helper()
	chip, err := Chip(model, profile)
	if err != nil {
		t.Fatal(err)
	}
	script, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: bytes.Repeat([]byte("-- layers\n"), 90)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := chips.MakeInput{CoreSize: 20 << 10, CoreSeed: 1}
	in := chips.MakeInput{Script: script, CoreSize: 24 << 10, CoreSeed: 1, Pad: true, Base: &base}
	if kind == "script-stream" || kind == "bin" || kind == "sota" {
		in.Base = nil
	}
	pkg, err := chip.Maker.Make(kind, in)
	if err != nil {
		t.Fatal(err)
	}
	return chip, pkg
}

func checkLayer(t *testing.T, chip *chips.Chip, pkg []byte, l *chips.Layer) {
	t.Helper()
	same, err := l.Wrap(l.Data)
	if err != nil || !bytes.Equal(same, pkg) {
		t.Errorf("%s: wrapped as it was it makes another package (%v)", l.Name, err)
	}
	changed := bytes.Clone(l.Data)
	changed[len(changed)/2] ^= 1
	out, err := l.Wrap(changed)
	if err != nil || bytes.Equal(out, pkg) {
		t.Fatalf("%s: a change makes no other package (%v)", l.Name, err)
	}
	again, err := chip.FindLayer(out, l.Name)
	if err != nil {
		t.Fatalf("%s: %v", l.Name, err)
	}
	// A head has its own checksum in it, a body may be padded.
	differ := 0
	for i := range changed {
		if again.Data[i] != changed[i] {
			differ++
		}
	}
	if differ > 32 || again.Data[len(changed)/2] != changed[len(changed)/2] {
		t.Errorf("%s: %d bytes are not as they were wrapped", l.Name, differ)
	}
}

// TestFindLayerErrors: what cannot be found, and why.
func TestFindLayerErrors(t *testing.T) {
	plain, err := Chip("Air8101", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.FindLayer(nil, "head"); err == nil || !strings.Contains(err.Error(), "packages of Air8101 are not taken apart") {
		t.Errorf("a family without layers: %v", err)
	}
	chip, pkg := packageOf(t, "Air724UG", "", "all-stream")
	_, err = chip.FindLayer(pkg, "none")
	if err == nil || !strings.HasSuffix(err.Error(), "expected one of stream, script, pack, bundle-0") {
		t.Errorf("%v", err)
	}
	// Damage to the pack: the layers in front of it are there all the same, and
	// the error says where it is in the package.
	at := bytes.Index(pkg, []byte("RDAOTA02"))
	pkg[at+12] ^= 1
	if l, err := chip.FindLayer(pkg, "pack"); err != nil || len(l.Data) == 0 {
		t.Errorf("%v", err)
	}
	_, err = chip.FindLayer(pkg, "bundle-0")
	if want := fmt.Sprintf(`layer "bundle-0" of the package: offset 0x%X: pack_crc`, at+12); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, expected %s", err, want)
	}
}
