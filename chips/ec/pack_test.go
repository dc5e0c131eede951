package ec

import (
	"errors"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/flash"
	"airlift/flash/flashtest"
	"airlift/flash/luadb"
)

// device is a module of the family, from maker to core stage.
type device struct {
	t     testing.TB
	chip  *chips.Chip
	chips []*flash.Device
	lines []string
}

func newDevice(t testing.TB, model, profile string, in chips.MakeInput) *device {
	t.Helper()
	return newDeviceWith(t, model, profile, nil, in)
}

// newDeviceWith is a module on a board with an SPI flash, if spi is not nil.
func newDeviceWith(t testing.TB, model, profile string, spi *chips.SPIFlash, in chips.MakeInput) *device {
	t.Helper()
	f := New()
	c := chipstest.Chip(t, f, model, profile, nil)
	var err error
	if spi != nil {
		if c, err = chips.WithSPIFlash(f, c, *spi); err != nil {
			t.Fatal(err)
		}
	}
	d := &device{t: t, chip: c}
	if d.chips, err = c.Maker.(chips.FlashMaker).MakeFlash(in); err != nil {
		t.Fatal(err)
	}
	power := new(flash.Power)
	for i, f := range d.chips {
		f.Attach(power, i)
	}
	return d
}

func (d *device) env() *chips.Env {
	b := &chips.Board{Flash: d.chips}
	if s := d.chip.SPI; s != nil {
		b.SPI = []chips.BoardSPI{{Bus: s.Bus, CS: s.CS, Dev: d.chips[len(d.chips)-1]}}
	}
	return &chips.Env{Board: b, Step: func(s chips.Step) { d.lines = append(d.lines, s.Text) }}
}

// boot starts the module up to the first script.
func (d *device) boot() *chips.Running {
	d.t.Helper()
	r, err := d.chip.Bootloader.Boot(d.env())
	if err != nil || r.Outcome != chips.BootCore {
		d.t.Fatalf("%+v %v %q", r, err, d.lines)
	}
	run, err := d.chip.Core.Start(d.env(), r)
	if err != nil {
		d.t.Fatal(err)
	}
	return run
}

func scriptImage(t testing.TB, text string) []byte {
	b, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte(text)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func script0(t testing.TB, run *chips.Running) string {
	for _, m := range run.Mounts.Mounts() {
		if m.Path != "/luadb/" {
			continue
		}
		f, err := m.Fs.Open("main.lua")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, _ := f.Read(b)
		return string(b[:n])
	}
	return ""
}

// TestWholeUpgrade sends each kind of package that fits to a module of each
// map, and looks at what runs then.
func TestWholeUpgrade(t *testing.T) {
	const size = 150 << 10 // a small core, to be quick
	for _, c := range []struct{ model, profile string }{
		{"Air780E", "full"}, {"Air780E", "lite"}, {"Air780EP", ""}, {"Air780EPV", ""}, {"Air780EQ", ""}, {"Air201", ""}, {"Air780EPM", "101"}, {"Air8000", ""}, {"Air8000", "sdk"}, {"Air8000", "ota256"},
	} {
		if (c.model == "Air780EQ" || c.model == "Air8000" && c.profile != "ota256") && !flashtest.Full() {
			continue // as others, at other addresses
		}
		v1 := chips.MakeInput{Script: scriptImage(t, "one"), CoreVersion: "V1112", CoreSize: size}
		v2 := chips.MakeInput{Script: scriptImage(t, "two"), CoreVersion: "V1113", CoreSize: size, Base: &v1}
		kinds := []string{KindBin, KindCombined, KindCore}
		if c.model != "Air780E" && c.model != "Air780EPM" && !flashtest.Full() {
			kinds = kinds[1:2]
		}
		for _, kind := range kinds {
			d := newDevice(t, c.model, c.profile, v1)
			run := d.boot()
			if run.Identity.Version != "V1112" || script0(t, run) != "one" || run.Updater == nil {
				t.Fatalf("%s %s: %+v %q", c.model, c.profile, run.Identity, script0(t, run))
			}
			pkg, err := d.chip.Maker.Make(kind, v2)
			if err != nil {
				t.Fatal(err)
			}
			u := run.Updater
			ret, err := u.Init(d.env(), 0xFFFFFFFF, 0)
			for rest := pkg; ret >= 0 && err == nil && len(rest) > 0; {
				n := min(1460, len(rest))
				ret, err = u.Write(d.env(), rest[:n])
				rest = rest[n:]
			}
			if end, eerr := u.End(d.env(), true); ret != 0 || err != nil || end != 0 || eerr != nil {
				t.Fatalf("%s %s %s: %d %v, end %d %v, %q", c.model, c.profile, kind, ret, err, end, eerr, d.lines)
			}
			run = d.boot()
			version, text := "V1112", "one"
			if kind != KindCore {
				text = "two"
			}
			if kind != KindBin {
				version = "V1113"
			}
			if run.Identity.Version != version || script0(t, run) != text {
				t.Errorf("%s %s %s: core %s, script %q; expected %s and %q", c.model, c.profile, kind, run.Identity.Version, script0(t, run), version, text)
			}
		}
	}
}

func TestMakerRefusals(t *testing.T) {
	d := newDevice(t, "Air780E", "tts-onchip", chips.MakeInput{CoreSize: 100 << 10})
	v1 := chips.MakeInput{Script: scriptImage(t, "one"), CoreVersion: "V1112", CoreSize: 100 << 10}
	same := v1
	same.Base = &v1
	if _, err := d.chip.Maker.Make(KindCore, same); !errors.Is(err, ErrSameCore) {
		t.Errorf("same core: %v", err)
	}
	if p, err := d.chip.Maker.Make(KindCombined, same); err != nil {
		t.Error(err)
	} else if q, err := ParsePackage(p); err != nil || len(q.SDK) != 0 {
		t.Errorf("combined package of the same core: %+v %v", q, err)
	}
	if _, err := d.chip.Maker.Make(KindCore, v1); err == nil || !strings.Contains(err.Error(), "needs the core") {
		t.Errorf("without a base: %v", err)
	}
	big := chips.MakeInput{Script: scriptImage(t, strings.Repeat("x", 70<<10))}
	if _, err := d.chip.Maker.Make(KindBin, big); err == nil || !strings.Contains(err.Error(), "pitfall 4") {
		t.Errorf("too long a script: %v", err)
	}
	if name, err := d.chip.Maker.(chips.PackageNamer).PackageName("fotademo", "V1103", "1.0.2"); err != nil || name != "fotademo_1103.1.2_LuatOS-SoC_EC618.bin" {
		t.Errorf("%s %v", name, err)
	}
}
