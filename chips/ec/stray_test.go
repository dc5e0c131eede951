package ec

import (
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash/flashtest"
)

// findings are the steps that report one.
func findings(lines []string) []string {
	var out []string
	for _, l := range lines {
		if f, ok := strings.CutPrefix(l, chips.FindingMark); ok {
			out = append(out, f)
		}
	}
	return out
}

// TestStraySections: sections that write outside the area that they are for
// say what they hit (pitfalls 1 and 4).
func TestStraySections(t *testing.T) {
	data := lcg(9, 10000)
	for _, c := range []struct {
		what  string
		start uint32
		data  []byte
		hit   string // "" for no finding
	}{
		{"the script area", fullScript, data, ""},
		{"the AP image", 0x24000, data, ""},
		{"the CP image", cpFlash, data, ""},
		{"all of the script area", fullScript, lcg(9, 128<<10), ""},
		{"script address of lite", 0x24D000, data, "0x24D000-0x24FFFF is outside the area that it is for (no script area and no image begins there) and belongs to ap"},
		{"one byte too long", fullScript, lcg(9, 128<<10+1), "0x2EC000-0x2ECFFF is outside the area that it is for (script ends at 0x2EC000) and belongs to ota"},
		{"off the sector grid", fullScript - 0x100, data, "0x2CB000-0x2CEFFF is outside the area that it is for (no script area and no image begins there) and belongs to ap, script"},
		{"into the CP's calibration", cpFlash | 0xCD000, data, "0x0CD000-0x0CFFFF is outside the area that it is for (no script area and no image begins there) and belongs to ip2, cp-nvram-factory"},
		{"behind the end", 0x500000, lcg(9, 100), "0x500000-0x500063 is behind the end of the flash, 0x400000"},
		{"where nothing is", 0x3FF000, lcg(9, 100), "0x3FF000-0x3FFFFF is outside the area that it is for (no script area and no image begins there) and belongs to nothing that has a name"},
	} {
		m := newModule(t)
		m.wait(nil, stored(c.start, BlockLen, c.data).Encode())
		if _, err := m.once(); err != nil {
			t.Fatal(err)
		}
		got := findings(m.lines)
		if c.hit == "" && len(got) > 0 || c.hit != "" && (len(got) != 1 || !strings.HasSuffix(got[0], c.hit)) {
			t.Errorf("%s: %q, expected %q", c.what, got, c.hit)
		}
	}
	// What the driver refuses is not written.
	m := newModule(t)
	m.wait(nil, stored(0x10000, BlockLen, data).Encode())
	if _, err := m.once(); err != nil || len(findings(m.lines)) > 0 || !m.printed("the driver refuses") {
		t.Errorf("into the boot code: %v %q", err, m.lines)
	}
}

// TestStrayDelta: a delta that grows the core beyond its place.
func TestStrayDelta(t *testing.T) {
	room := newModule(t).part(PartAP).Size
	sizes := []int64{room + 5000}
	if flashtest.Full() {
		sizes = append(sizes, room)
	}
	for _, size := range sizes {
		m := newModule(t)
		ap := make([]byte, size)
		copy(ap, oldAP())
		par, err := MakeDelta(&m.boot.Layout, Images{oldAP(), oldCP()}, Images{ap, oldCP()})
		if err != nil {
			t.Fatal(err)
		}
		m.wait(par.Encode(), nil)
		if r := m.start(); r.Outcome != chips.BootCore || !m.holds(0, 0x24000, ap) {
			t.Fatalf("%d bytes: %+v %q", size, r, m.lines)
		}
		got := findings(m.lines)
		if fits := size == room; fits && len(got) > 0 || !fits && (len(got) != 1 || !strings.HasSuffix(got[0], "0x2CC000-0x2CDFFF is outside the area that it is for (ap ends at 0x2CC000) and belongs to script")) {
			t.Errorf("%d bytes: %q", size, got)
		}
	}
}

// TestStrayDownload: parts that are longer than their area (pitfall 3).
func TestStrayDownload(t *testing.T) {
	for _, s := range []Series{EC618, EC7xx} {
		d := newDownload(t, s)
		room := d.part(PartOTA).Size
		for _, n := range []int64{room, room + 1} {
			var lines []string
			env := &chips.Env{Board: &chips.Board{Flash: d.chips}, Step: func(s chips.Step) { lines = append(lines, s.Text) }}
			if _, err := d.u.Init(env, 0xFFFFFFFF, 0); err != nil {
				t.Fatal(err)
			}
			if ret, err := d.u.Write(env, NewPackage(s, lcg(5, int(n)), nil).Encode()); ret != fotaDone || err != nil {
				t.Fatal(ret, err, lines)
			}
			got := findings(lines)
			if fits := n == room; fits && len(got) > 0 || !fits && (len(got) != 1 || !strings.HasSuffix(got[0], "and belongs to "+PartFota)) {
				t.Errorf("%v, %d bytes: %q", s, n, got)
			}
			if _, err := d.u.End(env, true); err != nil {
				t.Fatal(err)
			}
		}
	}
}
