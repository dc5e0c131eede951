package ec

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// module is a board with boot code, for tests.
type module struct {
	t     testing.TB
	boot  *Bootloader
	chips []*flash.Device
	power *flash.Power
	lines []string
}

// newModule is an EC618 FULL module with the images of the vectors.
func newModule(t testing.TB) *module {
	t.Helper()
	tg, err := findTarget("ec618")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tg.layout(128, 96)
	if err != nil {
		t.Fatal(err)
	}
	m := &module{t: t, boot: &Bootloader{Layout: l}, power: new(flash.Power)}
	for i, size := range []int64{l.FlashSize, cpFlashSize} {
		d, err := flash.New(flash.NOR(size))
		if err != nil {
			t.Fatal(err)
		}
		d.Attach(m.power, i)
		m.chips = append(m.chips, d)
	}
	m.burn(0, l.Part(PartBoot).Off, syntheticBoot(100<<10))
	m.burn(0, l.Part(PartAP).Off, oldAP())
	m.burn(1, 0, oldCP())
	return m
}

func (m *module) burn(chip int, off int64, p []byte) {
	m.t.Helper()
	if err := m.chips[chip].Burn(off, p); err != nil {
		m.t.Fatal(err)
	}
}

// fork is a copy on a supply of its own.
func (m *module) fork() *module {
	f := &module{t: m.t, boot: m.boot, power: new(flash.Power)}
	for i, d := range m.chips {
		c := d.Fork()
		c.Attach(f.power, i)
		f.chips = append(f.chips, c)
	}
	return f
}

// wait puts an upgrade into flash as the updater leaves it: delta, common
// part, info record. Each may be nil; a delta alone has a record of length 0.
func (m *module) wait(delta, common []byte) {
	m.burn(0, m.part(PartFota).Off, delta)
	m.burn(0, m.part(PartOTA).Off, common)
	r := Info{Magic: magicEC618, DataStart: xipBase + m.boot.Layout.OTAAddr(), DataLen: uint32(len(common))}
	if common != nil {
		r.CommonMD5 = md5.Sum(common)
	}
	m.burn(0, m.part(PartInfo).Off, r.Encode())
}

func (m *module) part(name string) flash.Partition { return m.boot.Layout.Part(name) }

// once runs the boot code once.
func (m *module) once() (chips.BootResult, error) {
	m.lines = nil
	return m.boot.Boot(&chips.Env{
		Board: &chips.Board{Flash: m.chips}, Sleep: nil,
		Step: func(s chips.Step) { m.lines = append(m.lines, s.Text) },
	})
}

// start boots until the core is entered, at most 8 times.
func (m *module) start() chips.BootResult {
	m.t.Helper()
	for range 8 {
		r, err := m.once()
		if err != nil {
			m.t.Fatal(err)
		}
		if r.Outcome != chips.BootReset {
			return r
		}
	}
	return chips.BootResult{Outcome: chips.BootReset}
}

func (m *module) bytes(chip int, off int64, n int) []byte {
	p := make([]byte, n)
	if _, err := m.chips[chip].ReadAt(p, off); err != nil {
		m.t.Fatal(err)
	}
	return p
}

func (m *module) holds(chip int, off int64, want []byte) bool {
	return bytes.Equal(m.bytes(chip, off, len(want)), want)
}

func (m *module) printed(text string) bool {
	for _, l := range m.lines {
		if strings.Contains(l, text) {
			return true
		}
	}
	return false
}

// script is a script of a given length and its common part.
func script(t testing.TB, n int) (data, common []byte) {
	data = lcg(77, n)
	s, err := NewSection(EC618, 0x2CC000, data)
	if err != nil {
		t.Fatal(err)
	}
	return data, s.Encode()
}

// sweepScript has 176 pages, so that "script only" takes 188 operations.
func sweepScript(t testing.TB) (data, common []byte) { return script(t, 176*256) }

// newAPs are the AP images that the vectors lead to.
func twoAP() []byte { ap := oldAP(); return cat(ap[:50000], lcg(2, 200), ap[50200:]) }
func twoCP() []byte { cp := oldCP(); return cat(cp[:35000], lcg(2, 200)[:16], cp[35016:]) }

func TestNothingToDo(t *testing.T) {
	m := newModule(t)
	if r := m.start(); r.Outcome != chips.BootCore || r.Image != 0x24000 || r.Upgraded {
		t.Errorf("%+v", r)
	}
	want := []string{"no ota info", "D-Fota V 1.2", "no par(0xffff) found!", "no ota info", "bootloader try normal boot system start!"}
	if fmt.Sprint(m.lines) != fmt.Sprint(want) || m.power.Ops() != 0 {
		t.Errorf("%d operations, %q", m.power.Ops(), m.lines)
	}
}

// failingDelta is v_two with a damaged second segment, and a right hash.
func failingDelta(t testing.TB) []byte {
	b := unhex(t, vTwo)
	p, err := ParsePar(b)
	if err != nil {
		t.Fatal(err)
	}
	k := p.Packages[0]
	pl, err := ParsePayload(k.Payload)
	if err != nil {
		t.Fatal(err)
	}
	b[k.Off+int64(k.HeadLen)+pl.Segments[1].Off+segmentHead] ^= 0xFF
	sum := parHashOf(b)
	copy(b[12:], sum[:])
	return b
}

// TestOperationCounts compares with the counts that the real boot code showed
// (ec618.md 10.4).
func TestOperationCounts(t *testing.T) {
	_, common := sweepScript(t)
	two := unhex(t, vTwo)
	for _, c := range []struct {
		what   string
		delta  []byte
		common []byte
		wreck  bool // the AP image is another one
		ops    uint64
	}{
		{"script only", nil, common, false, 188},
		{"v_two with script", two, common, false, 888},
		{"failing delta with script", failingDelta(t), common, false, 133},
		{"wrong base with script", two, common, true, 132},
	} {
		m := newModule(t)
		if c.wreck {
			m.burn(0, 0x24000+100, []byte{1, 2, 3})
		}
		m.wait(c.delta, c.common)
		if r := m.start(); r.Outcome != chips.BootCore {
			t.Errorf("%s: %+v %q", c.what, r, m.lines)
		}
		if got := m.power.Ops(); got != c.ops {
			t.Errorf("%s: %d operations, the real boot code takes %d", c.what, got, c.ops)
		}
	}
}

func TestCombinedUpgrade(t *testing.T) {
	data, common := sweepScript(t)
	m := newModule(t)
	m.wait(unhex(t, vTwo), common)
	r := m.start()
	if r.Outcome != chips.BootCore || !r.Upgraded {
		t.Fatalf("%+v %q", r, m.lines)
	}
	if !m.holds(0, 0x24000, twoAP()) || !m.holds(1, 0, twoCP()) || !m.holds(0, 0x2CC000, data) {
		t.Error("the images are not the new ones")
	}
	if !m.holds(0, m.part(PartBackup).Off, []byte("OK\x00\x00")) || m.bytes(0, m.part(PartInfo).Off, 1)[0] != 0xFF {
		t.Error("result or info record are wrong")
	}
	if !m.printed("And succ!") || !m.printed("soc ota done!") || !m.printed("latest FOTA done with PST(0xc0).") {
		t.Errorf("%q", m.lines)
	}
}

// cut stops before operation op, or in the middle of it.
type cut struct {
	op   uint64
	half bool
}

func (c cut) Before(op *flash.Op) flash.Fate {
	switch {
	case op.Seq != c.op:
		return flash.Fate{}
	case c.half:
		return flash.TearFront(op, op.Len/2)
	}
	return flash.Fate{Kind: flash.FateCutBefore}
}

func (cut) After(*flash.Op) {}

// TestCutSweeps cuts the power before and in the middle of every operation
// (ec618.md 10.4).
func TestCutSweeps(t *testing.T) {
	data, common := sweepScript(t)
	two := unhex(t, vTwo)
	classify := func(m *module) string {
		newCore := m.holds(0, 0x24000, twoAP()) && m.holds(1, 0, twoCP())
		oldCore := m.holds(0, 0x24000, oldAP()) && m.holds(1, 0, oldCP())
		newScript := m.holds(0, 0x2CC000, data)
		blank := m.bytes(0, 0x2CC000, 1)[0] == 0xFF
		switch {
		case newCore && newScript:
			return "new"
		case oldCore && newScript:
			return "new script, old core"
		case oldCore && blank:
			return "old"
		}
		return "other"
	}
	for _, c := range []struct {
		what  string
		setup func(m *module)
		want  map[string]int
	}{
		{"wrong base", func(m *module) { m.wait(two, common); m.burn(0, 0x24000+100, []byte{1, 2, 3}) }, map[string]int{"new script, old core": 240, "old": 24}},
		{"failing delta", func(m *module) { m.wait(failingDelta(t), common) }, map[string]int{"new script, old core": 240, "old": 26}},
		{"v_two with script", func(m *module) { m.wait(two, common) }, map[string]int{"new": 2 * 888}},
		{"script only", func(m *module) { m.wait(nil, common) }, map[string]int{"new script, old core": 376}},
	} {
		base := newModule(t)
		c.setup(base)
		probe := base.fork()
		probe.start()
		ops := probe.power.Ops()
		got := map[string]int{}
		step := uint64(1)
		if !flashtest.Full() {
			step = 1 + ops/10
		}
		for k := uint64(0); k < ops; k += step {
			for _, half := range []bool{false, true} {
				m := base.fork()
				m.power.SetTap(cut{k, half})
				for {
					r, err := m.once()
					if errors.Is(err, flash.ErrPowerLost) {
						break
					}
					if err != nil || r.Outcome != chips.BootReset {
						t.Fatalf("%s, cut at %d: %+v %v", c.what, k, r, err)
					}
				}
				m.power.SetTap(nil)
				m.power.Restore()
				if r := m.start(); r.Outcome != chips.BootCore {
					t.Fatalf("%s, cut at %d, half %v: %+v %q", c.what, k, half, r, m.lines)
				}
				if c.what == "wrong base" { // undo the wreck so that the core can be told
					m.burn(0, 0x24000+100, oldAP()[100:103])
				}
				got[classify(m)]++
			}
		}
		for outcome := range got {
			if c.want[outcome] == 0 {
				t.Errorf("%s: %d cuts ended with %s", c.what, got[outcome], outcome)
			}
		}
		if step == 1 && fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, expected %v", c.what, got, c.want)
		}
	}
}

// TestDamagedRecord cuts between the two erases that a record with a wrong CRC
// leads to: then the delta is applied without the script (ec618.md 10.1, 10.4).
func TestDamagedRecord(t *testing.T) {
	data, common := sweepScript(t)
	base := newModule(t)
	base.wait(unhex(t, vTwo), common)
	p := base.bytes(0, base.part(PartInfo).Off, InfoSize)
	p[4]++
	base.burn(0, base.part(PartInfo).Off, p)
	got := map[string]int{}
	for op := range uint64(2) {
		for _, half := range []bool{false, true} {
			m := base.fork()
			m.power.SetTap(cut{op, half})
			if _, err := m.once(); !errors.Is(err, flash.ErrPowerLost) {
				t.Fatalf("cut at %d: %v", op, err)
			}
			m.power.SetTap(nil)
			m.power.Restore()
			if r := m.start(); r.Outcome != chips.BootCore || m.holds(0, fullScript, data) {
				t.Errorf("cut at %d, half %v: %+v", op, half, r)
			}
			switch {
			case m.holds(0, 0x24000, twoAP()) && m.holds(1, 0, twoCP()):
				got["delta applied"]++
			case m.holds(0, 0x24000, oldAP()):
				got["delta killed"]++
			}
		}
	}
	if got["delta applied"] != 2 || got["delta killed"] != 2 {
		t.Errorf("%v, the real boot code: 2 and 2 (ec618.md 10.4)", got)
	}
}

// TestOverrunCuts: a script of one block that runs over its area takes 624
// operations, and wherever it is cut the core starts (ec618.md 10.4).
func TestOverrunCuts(t *testing.T) {
	data := lcg(4, 586*256)
	copy(data[70<<10:], data[:70<<10]) // so that it is short when compressed
	s, err := NewSection(EC618, fullScript, data)
	if err != nil {
		t.Fatal(err)
	}
	base := newModule(t)
	base.wait(nil, s.Encode())
	clean := base.fork()
	if clean.start(); clean.power.Ops() != 624 || !clean.holds(0, fullScript, data) {
		t.Errorf("%d operations", clean.power.Ops())
	}
	step := uint64(61)
	if flashtest.Full() {
		step = 1
	}
	got := map[string]int{}
	for op := uint64(0); op < 624; op += step {
		for _, half := range []bool{false, true} {
			m := base.fork()
			m.power.SetTap(cut{op, half})
			if _, err := m.once(); !errors.Is(err, flash.ErrPowerLost) {
				t.Fatalf("cut at %d: %v", op, err)
			}
			m.power.SetTap(nil)
			m.power.Restore()
			if r := m.start(); r.Outcome != chips.BootCore {
				t.Errorf("cut at %d, half %v: %+v", op, half, r)
			}
			switch {
			case m.holds(0, fullScript, data):
				got["whole script"]++
			case m.printed("soc ota file md5 failed"):
				got["damaged script, record dropped"]++
			default:
				got["damaged script"]++
			}
		}
	}
	t.Logf("%v", got)
	if got["damaged script, record dropped"] == 0 || got["damaged script"] != 0 {
		t.Errorf("%v", got)
	}
}
