package rda8910

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// sweepLayout has smaller file systems than a module, so that mounts are fast.
func sweepLayout() Layout {
	return Layout{flash.Table{
		{Name: PartBoot, Kind: "boot", Off: 0, Size: 0x10000},
		{Name: PartAP, Kind: "core", Off: 0x10000, Size: 0x30000},
		{Name: PartApp, Kind: "app", Off: 0x40000, Size: 0x10000},
		{Name: PartScript, Kind: "script", Off: 0x50000, Size: 0x10000},
		{Name: PartFS, Kind: "fs", Off: 0x60000, Size: 0x60000},
		{Name: PartModem, Kind: "fs", Off: 0xC0000, Size: 0x40000},
		{Name: PartFactory, Kind: "fs", Off: 0x7E0000, Size: 0x20000},
	}}
}

// outcome is what an upgrade leads to, in the words of the design.
type outcome string

const (
	outNew   outcome = "new"
	outOld   outcome = "old"
	outMixed outcome = "mixed"
	outStuck outcome = "stuck"
	outBrick outcome = "brick"
)

// sweepCase is a random upgrade of a small module.
type sweepCase struct {
	*world
	era     Era
	stream  []byte
	pack    *Pack
	blocked [2]uint32 // numbers of the blocks of the file in pieces: from, to
	files   map[string][]byte
}

// sweepCore makes a core of a version.
func sweepCore(l Layout, profile, version string, size int64, seed uint64) []byte {
	desc := synth.Info{Model: "Air724UG", BSP: "Air724UG", Profile: profile, Version: version, FlashSize: flashSize, Bits: 32, Partitions: l.Table}
	d := desc.Encode()
	load := uint32(flashBase + l.Part(PartAP).Off + uimageHead)
	code := synth.Thumb(max(size, int64(synth.Offset+len(d))), load, seed, synth.Release(d))
	copy(code[synth.Offset:], d)
	return NewUImage("airlift", load, code)
}

func newSweepCase(t testing.TB, era Era, seed uint64) *sweepCase {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0x8910))
	profile := map[Era]string{V302340: "a", V302043: "a-v302043"}[era]
	l := sweepLayout()
	c := &sweepCase{era: era, world: &world{t: t, chip: testChip(t, profile)}, files: map[string][]byte{}}
	c.chip.Bootloader = &Bootloader{Layout: l}
	c.chip.Core.(*CoreStage).Layout = l
	size := int64(6000 + r.IntN(20000))
	if seed%5 == 0 {
		size += packBlockSize // two blocks
	}
	old := sweepCore(l, profile, "Luat_V1111_RDA8910", size, seed)
	now := sweepCore(l, profile, "Luat_V2222_RDA8910", size+int64(r.IntN(4000))-2000, seed+seed%2)
	contents := &Contents{Files: map[string][]byte{}}
	blob := repetitive(r, 3000+r.IntN(6000))
	newBlob := edited(r, blob)
	if len(newBlob) < len(blob) { // a file that gets shorter is not documented
		newBlob = append(newBlob, blob[len(newBlob):]...)
	}
	plain := repetitive(r, 1+r.IntN(2000))
	newPlain := append(edited(r, plain), 1)
	in := PackInput{OldVersion: "OLD1", NewVersion: "NEW22", Flash: []FlashChange{{uint32(l.Part(PartAP).Off), old, now}}, Files: []FileChange{
		{Name: "/modem/nvm/rf_nv.bin", Old: plain, New: newPlain},
		{Name: "/modem/cp.bin", Pieces: pieces(t, contents, "/modem/cp.bin", blob), New: newBlob},
		{Name: "/modemnvm/rf_nv.bin", Old: []byte{}},
		{Name: "/modem/fresh/new.bin", New: repetitive(r, 900)},
	}}
	contents.Files["/modem/nvm/rf_nv.bin"] = plain
	contents.Files["/modemnvm/rf_nv.bin"] = []byte("running")
	c.files["/modem/nvm/rf_nv.bin"], c.files["/modem/cp.bin"], c.files["/modem/fresh/new.bin"] = newPlain, newBlob, in.Files[3].New
	c.burn(l, era, old, contents)
	data, err := MakePack(in)
	if err != nil {
		t.Fatal(err)
	}
	if c.pack, err = ParsePack(data); err != nil {
		t.Fatal(err)
	}
	c.countBlocked()
	app, err := LuaApp(scripts(t, "2.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	s := Stream{Files: []StreamFile{{Tag: TagCore, Data: data}, {Tag: TagApp, Data: app}}}
	if seed%2 == 0 {
		s.Files[0], s.Files[1] = s.Files[1], s.Files[0]
	}
	c.stream = s.Encode()
	return c
}

// burn makes the flash of the module, and boots it once.
func (c *sweepCase) burn(l Layout, era Era, core []byte, files *Contents) {
	c.t.Helper()
	dev, err := flash.New(flash.NOR(flashSize))
	if err != nil {
		c.t.Fatal(err)
	}
	c.dev = dev
	for part, b := range map[string][]byte{PartBoot: NewUImage(era.bootName(), bootLoad, make([]byte, 500)), PartAP: core, PartScript: scripts(c.t, "1.0.0")} {
		if err := dev.Burn(l.Part(part).Off, b); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, part := range []string{PartFS, PartModem, PartFactory} {
		if _, err := formatVolume(dev, &l, part); err != nil {
			c.t.Fatal(err)
		}
	}
	v := c.vols()
	for name, b := range files.Files {
		if err := v.makeFolders(name); err != nil {
			c.t.Fatal(err)
		}
		f, inner := v.at(name)
		if err := f.WriteAll(inner, b); err != nil {
			c.t.Fatal(err)
		}
	}
	c.mustBoot()
}

// countBlocked finds the numbers of the blocks of the file in pieces.
func (c *sweepCase) countBlocked() {
	n := uint32(0)
	for i := range c.pack.Bulks {
		k := &c.pack.Bulks[i]
		count := uint32(1)
		if k.Type == BulkFlash || k.Type == BulkBlocked || k.Type == BulkPlain {
			count = 0
			if err := c.pack.eachBlock(k, func(*Block) error { count++; return nil }); err != nil {
				c.t.Fatal(err)
			}
		}
		if k.Type == BulkBlocked {
			c.blocked = [2]uint32{n, n + count}
		}
		n += count
	}
}

// download boots and takes the stream, in calls of 700 bytes.
func (c *sweepCase) download(d *flash.Device) error {
	w := c.on(d)
	_, run, err := w.boot()
	if err != nil {
		return err
	}
	u, env := run.Updater.(chips.FileUpdater), w.env()
	if _, err := u.Init(env, 0, 0); err != nil {
		return err
	}
	for p := c.stream; len(p) > 0; {
		n := min(len(p), 700)
		if len(p) == len(c.stream) || len(p) < 200+700 {
			n = min(len(p), 60) // so that no application comes in one call
		}
		code, err := u.Process(env, p[:n], int64(len(c.stream)))
		if err != nil {
			return err
		}
		if code != 0 {
			return fmt.Errorf("fota_process returns %d: %v", code, w.findings())
		}
		p = p[n:]
	}
	_, err = u.End(env, true)
	return err
}

// upgrade boots once.
func (c *sweepCase) upgrade(d *flash.Device) error {
	_, _, err := c.on(d).boot()
	return err
}

// settle boots until something stays, and says what the module is then.
func (c *sweepCase) settle(d *flash.Device) (outcome, *world) {
	c.t.Helper()
	w := c.on(d)
	for range 6 {
		before := d.Hash()
		r, run, err := w.boot()
		switch {
		case isCoreError(err) || r.Outcome == chips.BootFailed || r.Outcome == chips.BootHang:
			return outBrick, w
		case err != nil:
			c.t.Fatal(err)
		case r.Outcome == chips.BootReset && d.Hash() == before:
			return outStuck, w
		case r.Outcome == chips.BootReset:
			continue
		}
		core, script := strings.Contains(run.Identity.Version, "V2222"), w.scriptVersion(run) == "2.0.0"
		switch {
		case core && script:
			return outNew, w
		case core != script:
			return outMixed, w
		}
		return outOld, w
	}
	c.t.Fatal("the module does not settle")
	return "", nil
}

// checkFiles looks at the modem's files after an upgrade.
func (c *sweepCase) checkFiles(t *testing.T, d *flash.Device) {
	t.Helper()
	v := c.on(d).vols()
	for name, want := range c.files {
		got, ok, err := v.read(name)
		if name == "/modem/cp.bin" {
			if got, ok, err = v.read(pieceName(name, 0)); err == nil && ok {
				got, err = unpackLZMAR(got)
			}
		}
		if err != nil || !ok || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
	}
	if ok, _ := v.exists("/modemnvm/rf_nv.bin"); ok {
		t.Fatal("the running NV is still there")
	}
}

// TestSweep cuts the power in every operation of random upgrades, by both boot
// codes: outcomes are those of 8910.md 4.6 and 5.3, and fatal ones have the
// documented cause.
func TestSweep(t *testing.T) {
	cases, cuts := uint64(10), 4
	for _, era := range []Era{V302340, V302043} {
		tally := map[string]int{}
		for seed := range cases {
			c := newSweepCase(t, era, seed)
			c.sweep(t, "download", c.dev, c.download, cuts, seed, tally)
			armed := c.dev.Fork()
			if err := c.download(armed); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			c.sweep(t, "boot", armed, c.upgrade, 2*cuts, seed, tally)
			if out, w := c.settle(armed); out != outNew {
				t.Fatalf("%v seed %d: %s without a cut\n%s", era, seed, out, w.log())
			}
			c.checkFiles(t, armed)
		}
		t.Logf("%v: %v", era, tally)
		for _, want := range []string{"download old", "boot new", "boot stuck", "download new"} {
			if tally[want] == 0 && (flashtest.Full() || want == "boot new" || want == "download old") {
				t.Errorf("%v: no cut leads to %s", era, want)
			}
		}
	}
}

func (c *sweepCase) sweep(t *testing.T, phase string, from *flash.Device, work func(*flash.Device) error, cuts int, seed uint64, tally map[string]int) {
	t.Helper()
	ops, err := flashtest.Ops(from.Fork(), work)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range flashtest.Sample(flashtest.Sweep(ops, seed), cuts, seed) {
		left := flashtest.Interrupt(t, from, cut, work)
		out, w := c.settle(left)
		if why := c.judge(phase, out, w); why != "" {
			t.Fatalf("%v seed %d, %s, %v: %s: %s\n%s", c.era, seed, phase, cut, out, why, w.log())
		}
		tally[phase+" "+string(out)]++
		if out == outNew {
			c.checkFiles(t, left)
		}
	}
}

// judge says what is wrong with an outcome.
func (c *sweepCase) judge(phase string, out outcome, w *world) string {
	switch {
	case phase == "download" && out == outOld && c.era == V302340 && (w.exists(packFile) || w.exists(appFile)):
		return "what came is still in /fota"
	case phase == "download" && (out == outOld || out == outNew), phase == "boot" && out == outNew:
		return ""
	case phase == "download" && out == outMixed && c.era == V302043:
		return "" // each file is armed for itself (8910.md 5.3)
	case phase == "boot" && out == outStuck:
		named := strings.Contains(strings.Join(w.findings(), "\n"), "does not unpack, and never will")
		s, err := w.vols().stage()
		if err == nil && s.Indicator == StageBackReady && s.Block >= c.blocked[0] && s.Block < c.blocked[1] && named {
			return "" // a piece was cut short (8910.md 4.6)
		}
		return fmt.Sprintf("stage %v, blocks %v in pieces", s, c.blocked)
	}
	return "not documented"
}
