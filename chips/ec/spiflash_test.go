package ec

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/flash"
	"airlift/flash/flashtest"
)

var (
	spiBoard = chips.SPIFlash{Bus: 0, CS: 8, Size: 8 << 20}
	spiUsed  = chips.SPIDevice{Bus: 0, CS: 8, PowerPin: 27}
)

// fullUpgrade is a module with an SPI flash, and a package with a whole core
// and a script.
func fullUpgrade(t testing.TB, spi chips.SPIFlash) (*device, []byte) {
	t.Helper()
	const size = 60 << 10
	v1 := chips.MakeInput{Script: scriptImage(t, "one"), CoreVersion: "V1112", CoreSize: size}
	v2 := chips.MakeInput{Script: scriptImage(t, "two"), CoreVersion: "V1113", CoreSize: size + 4321, CoreSeed: 9}
	d := newDeviceWith(t, "Air780EP", "", &spi, v1)
	pkg, err := d.chip.Maker.Make(KindFull, v2)
	if err != nil {
		t.Fatal(err)
	}
	return d, pkg
}

// fork is a copy on a supply of its own.
func (d *device) fork() *device {
	f := &device{t: d.t, chip: d.chip}
	power := new(flash.Power)
	for i, c := range d.chips {
		c = c.Fork()
		c.Attach(power, i)
		f.chips = append(f.chips, c)
	}
	return f
}

func (d *device) power() *flash.Power { return d.chips[0].Power() }

// download feeds a package to the updater; result is what init or the last
// write said.
func (d *device) download(start int64, used chips.SPIDevice, pkg []byte) (result int, err error) {
	run, err := d.tryBoot()
	if err != nil {
		return 0, err
	}
	u := run.Updater.(chips.SPIUpdater)
	if result, err = u.InitSPI(d.env(), start, 0, used); result != 0 || err != nil {
		return result, err
	}
	for rest := pkg; result >= 0 && err == nil && len(rest) > 0; {
		n := min(4096, len(rest))
		result, err = u.Write(d.env(), rest[:n])
		rest = rest[n:]
	}
	if err == nil {
		_, err = u.End(d.env(), true)
	}
	return result, err
}

// tryBoot boots until the core is up, or the power is lost.
func (d *device) tryBoot() (*chips.Running, error) {
	for range 5 {
		r, err := d.chip.Bootloader.Boot(d.env())
		switch {
		case err != nil:
			return nil, err
		case r.Outcome == chips.BootCore:
			return d.chip.Core.Start(d.env(), r)
		}
	}
	return nil, errors.New("resets for ever")
}

// runs is the core's version and the script.
func (d *device) runs() string {
	run, err := d.tryBoot()
	if err != nil {
		return err.Error()
	}
	return run.Identity.Version + " " + script0(d.t, run)
}

func (d *device) said(text string) bool {
	return slices.ContainsFunc(d.lines, func(l string) bool { return strings.Contains(l, text) })
}

// TestFullUpgrade takes whole images and a script into the SPI flash and starts
// them.
func TestFullUpgrade(t *testing.T) {
	d, pkg := fullUpgrade(t, spiBoard)
	if got, err := d.download(spiAddress, spiUsed, pkg); got != 0 || err != nil {
		t.Fatalf("%d %v %q", got, err, d.lines)
	}
	for _, want := range []string{"spi flash use spi 0 cs 8 power pin 27!", "write common data", "common data done, now checking e0000000", "only common data", "fota type 0 ok!, wait reboot"} {
		if !d.said(want) {
			t.Errorf("no line %q in %q", want, d.lines)
		}
	}
	p, _ := ParsePackage(pkg)
	got := make([]byte, len(p.Common))
	if _, err := d.chips[1].ReadAt(got, 0); err != nil || !bytes.Equal(got, p.Common) {
		t.Error("the SPI flash does not hold the common part")
	}
	l := d.chip.Bootloader.(*Bootloader).Layout
	r := make([]byte, InfoSize)
	if _, err := d.chips[0].ReadAt(r, l.Part(PartInfo).Off); err != nil {
		t.Fatal(err)
	}
	i := DecodeInfo(r)
	if i.Place() != PlaceSPI || i.Mode() != ModeFull || i.SPI() != spiUsed || i.DataStart != spiAddress || i.Param2 != 27|8<<24 {
		t.Errorf("record %+v", i)
	}
	checkDump(t, cat(d.chips[0].Bytes(), d.chips[1].Bytes()), p.Common)
	d.lines = nil
	if got := d.runs(); got != "V1113 two" {
		t.Errorf("runs %s: %q", got, d.lines)
	}
	if !d.said("ff,ef,40,17") || !d.said("full update, no dfota") || !d.said("need align 1") || !d.said("soc ota done!") {
		t.Errorf("%q", d.lines)
	}
	if f := findings(d.lines); len(f) > 0 {
		t.Errorf("findings %q", f)
	}
}

// checkDump looks into the dump of a module with a common part that waits in its
// SPI flash.
func checkDump(t *testing.T, dump, common []byte) {
	t.Helper()
	text := treeText(inspect(t, dump), 0)
	for _, want := range []string{"mode full, SPI flash on bus 0 with chip select 8", "a place in the SPI flash", "spi-flash", "waits for the boot code, MD5 right", "3 whole sections"} {
		if !strings.Contains(text, want) {
			t.Errorf("the account of the dump has no %q", want)
		}
	}
	parts, ok, err := New().Unpack(dump)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if !slices.ContainsFunc(parts, func(p chips.Part) bool { return p.Name == "waiting/common.bin" && bytes.Equal(p.Data, common) }) {
		t.Error("the common part is not unpacked")
	}
}

// cutDevice is what a cut leaves on both chips.
type cutDevice struct {
	*device
	op   uint64 // the operation that was cut
	kind flash.FateKind
	chip int
}

// cuts does work on forks of from and cuts it at operations: before, in the
// middle and after each.
func (from *device) cuts(work func(*device) error, points []uint64) (left []cutDevice) {
	from.t.Helper()
	for _, k := range points {
		for _, fate := range []func(*flash.Op) flash.Fate{
			func(*flash.Op) flash.Fate { return flash.Fate{Kind: flash.FateCutBefore} },
			func(op *flash.Op) flash.Fate { return flash.TearFront(op, op.Len/2) },
			func(*flash.Op) flash.Fate { return flash.Fate{Kind: flash.FateCutAfter} },
		} {
			c := cutDevice{device: from.fork(), op: k}
			c.power().SetTap(cutAt{k, func(op *flash.Op) flash.Fate {
				f := fate(op)
				c.chip, c.kind = op.Chip, f.Kind
				return f
			}})
			if err := work(c.device); !errors.Is(err, flash.ErrPowerLost) {
				from.t.Fatalf("cut at %d: %v", k, err)
			}
			c.power().SetTap(nil)
			c.power().Restore()
			left = append(left, c)
		}
	}
	return left
}

// everyCut does work once, and hands over what a cut before every operation and
// in its middle would leave, without doing it again for each.
func (from *device) everyCut(work func(*device) error, check func(cutDevice)) {
	from.t.Helper()
	d := from.fork()
	d.power().SetTap(forking{d, check})
	if err := work(d); err != nil {
		from.t.Fatal(err)
	}
}

// forking is the tap of everyCut.
type forking struct {
	d     *device
	check func(cutDevice)
}

func (f forking) Before(op *flash.Op) flash.Fate {
	c := cutDevice{device: f.d.fork(), op: op.Seq, kind: flash.FateCutBefore, chip: op.Chip}
	torn := cutDevice{device: f.d.fork(), op: op.Seq, kind: flash.FateCutTorn, chip: op.Chip}
	torn.chips[op.Chip].Tear(op, flash.TearFront(op, op.Len/2))
	f.check(c)
	f.check(torn)
	return flash.Fate{}
}

func (forking) After(*flash.Op) {}

// TestFullUpgradeCuts cuts the power at operations on both chips: in the
// download the old firmware stays, in upgrade mode the new one comes.
func TestFullUpgradeCuts(t *testing.T) {
	base, pkg := fullUpgrade(t, spiBoard)
	waiting := base.fork()
	if got, err := waiting.download(spiAddress, spiUsed, pkg); got != 0 || err != nil {
		t.Fatal(got, err)
	}
	for _, c := range []struct {
		what string
		from *device
		do   func(*device) error
		want string
	}{
		{"download", base, func(d *device) error { _, err := d.download(spiAddress, spiUsed, pkg); return err }, "V1112 one"},
		{"upgrade mode", waiting, func(d *device) error { _, err := d.tryBoot(); return err }, "V1113 two"},
	} {
		probe := c.from.fork()
		if err := c.do(probe); err != nil {
			t.Fatal(err)
		}
		ops := probe.power().Ops()
		onSPI := 0
		check := func(d cutDevice) {
			onSPI += d.chip
			want := c.want
			if c.what == "download" && d.op == ops-1 && d.kind == flash.FateCutAfter {
				want = "V1113 two" // the record is there
			}
			if got := d.runs(); got != want {
				t.Errorf("%s, cut at %d of %d, %d: %s, expected %s", c.what, d.op, ops, d.kind, got, want)
			}
		}
		const sample = 3
		points := []uint64{ops - 2, ops - 1} // the record, both ways
		for i := range uint64(sample) {
			points = append(points, i*(1+ops/sample))
		}
		for _, d := range c.from.cuts(c.do, points) {
			check(d)
		}
		if flashtest.Full() {
			c.from.everyCut(c.do, check)
		}
		if (onSPI > 0) != (c.what == "download") {
			t.Errorf("%s: %d cuts on the SPI flash", c.what, onSPI)
		}
	}
}

// TestNoSPIFlash is what is said when nothing answers where a script or a
// record expects the flash.
func TestNoSPIFlash(t *testing.T) {
	d, pkg := fullUpgrade(t, spiBoard)
	for _, used := range []chips.SPIDevice{{Bus: 1, CS: 8}, {Bus: 0, CS: 9}} {
		d.lines = nil
		if got, err := d.download(spiAddress, used, pkg); got != -1 || err != nil || !d.said("no spi flash!") {
			t.Errorf("%+v: %d %v %q", used, got, err, d.lines)
		}
	}
	// An address outside, without a device, is not looked at.
	run := d.boot()
	if got, err := run.Updater.Init(d.env(), spiAddress, 0); got != 0 || err != nil {
		t.Errorf("init without a device: %d %v", got, err)
	}
	// The flash is gone when the boot code looks.
	if got, err := d.download(spiAddress, spiUsed, pkg); got != 0 || err != nil {
		t.Fatal(got, err)
	}
	gone := d.fork()
	gone.chip = newDevice(t, "Air780EP", "", chips.MakeInput{CoreSize: 60 << 10}).chip
	gone.chips = gone.chips[:1]
	if got := gone.runs(); got != "V1112 one" || !gone.said("no spiflash!!!") {
		t.Errorf("without the flash: %s %q", got, gone.lines)
	}
	// It holds something else.
	if err := d.chips[1].Erase(0, 4096); err != nil {
		t.Fatal(err)
	}
	if got := d.runs(); got != "V1112 one" || !d.said("soc ota file md5 failed") {
		t.Errorf("with another content: %s %q", got, d.lines)
	}
}

// TestSPIAddressStays: after init found no flash, an init without a device
// still means it.
func TestSPIAddressStays(t *testing.T) {
	d, pkg := fullUpgrade(t, spiBoard)
	run := d.boot()
	u := run.Updater.(chips.SPIUpdater)
	if got, err := u.InitSPI(d.env(), spiAddress, 0, chips.SPIDevice{Bus: 1}); got != -1 || err != nil {
		t.Fatal(got, err)
	}
	if got, err := u.Init(d.env(), 0, 0); got != 0 || err != nil {
		t.Fatal(got, err)
	}
	if got, err := u.Write(d.env(), pkg); got != -1 || err != nil || !d.said("spi flash busy ff!") || !d.said("全量包或者脚本包完整性检测失败") {
		t.Errorf("%d %v %q", got, err, d.lines)
	}
}

// TestSPIOverflow: a package that the flash has no room for overwrites its own
// start, one off the grid its own blocks; both are findings, and refused by the
// MD5 in the end.
func TestSPIOverflow(t *testing.T) {
	_, pkg := fullUpgrade(t, spiBoard)
	for _, c := range []struct {
		what  string
		size  int64
		start int64
		want  string // "" for none
	}{
		{"fits", 1 << 20, spiAddress, ""},
		{"at the last blocks", 1 << 20, spiAddress + 8<<16, ""},
		{"too long", 64 << 10, spiAddress, "runs over the end of the SPI flash, 0x010000, and goes on at its start"},
		{"off the grid", 1 << 20, spiAddress + 0x8000, "within a block of 64 KiB"},
		{"off a page", 1 << 20, spiAddress + 0x80, "within a block of 64 KiB"},
	} {
		spi := spiBoard
		spi.Size = c.size
		d := newDeviceWith(t, "Air780EP", "", &spi, chips.MakeInput{Script: scriptImage(t, "one"), CoreVersion: "V1112", CoreSize: 60 << 10})
		got, err := d.download(c.start, spiUsed, pkg)
		f := findings(d.lines)
		if ok := c.want == ""; err != nil || ok != (got == 0) || ok != (len(f) == 0) || !ok && !strings.Contains(f[0], c.want) {
			t.Errorf("%s: %d %v %q", c.what, got, err, f)
		}
	}
}

// TestSPIRefusals: boards that there are not, and packages that do not fit.
func TestSPIRefusals(t *testing.T) {
	f := New()
	chip := func(name string) *chips.Chip { return chipstest.Chip(t, f, name, "", nil) }
	for _, c := range []struct {
		model string
		spi   chips.SPIFlash
		want  string
	}{
		{"Air780E", spiBoard, "has no use for an SPI flash"},
		{"Air780EP", chips.SPIFlash{Size: 3 << 20}, "expected a power of two"},
		{"Air780EP", chips.SPIFlash{Size: 1 << 25}, "expected a power of two"},
		{"Air780EP", chips.SPIFlash{Size: 1 << 20, Bus: 2}, "SPI bus 2"},
		{"Air780EP", chips.SPIFlash{Size: 1 << 20, CS: 99}, "GPIO 99"},
	} {
		if _, err := chips.WithSPIFlash(f, chip(c.model), c.spi); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v", c.model, c.spi, err)
		}
	}
	in := chips.MakeInput{CoreSize: 300 << 10}
	if _, err := chip("Air780EP").Maker.Make(KindFull, in); err == nil || !strings.Contains(err.Error(), "the OTA area 196608") {
		t.Errorf("a full package without an SPI flash: %v", err)
	}
	in.Force = true
	if _, err := chip("Air780E").Maker.Make(KindFull, in); err != nil {
		t.Errorf("forced: %v", err)
	}
}

// TestAlignedSections: below the AP image EC7xx writes whole words only, but
// compares all bytes.
func TestAlignedSections(t *testing.T) {
	for _, c := range []struct {
		addr uint32
		n    int
		ok   bool
	}{{0x1E000, 10000, true}, {0x1E000, 10001, false}, {0x2B1000, 10001, true}} {
		d := newDownload(t, EC7xx)
		d.burn(0, d.part(PartBoot).Off, syntheticBoot(d.part(PartBoot).Size))
		s, err := NewSection(EC7xx, c.addr, lcg(3, c.n))
		if err != nil {
			t.Fatal(err)
		}
		d.init(0)
		d.write(0, NewPackage(EC7xx, s.Encode(), nil).Encode())
		r, err := d.once()
		if err != nil || (r.Outcome == chips.BootCore) != c.ok || d.printed("soc ota final check md5 fail") == c.ok {
			t.Errorf("%d bytes at 0x%X: %+v %v %q", c.n, c.addr, r, err, d.lines)
		}
	}
}
