package ec

import (
	"bytes"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash/explain"
)

// pattern fills n bytes with the numbers from first on, so that each shows where
// it went.
func pattern(first byte, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = first + byte(i)
	}
	return p
}

// TestHeadFields: every field of a package's head is where ec618.md 2.1 has it,
// for reading and for writing.
func TestHeadFields(t *testing.T) {
	p := pattern(1, 92)
	h := DecodeHead(p)
	if h.Magic != 0x04030201 || h.CRC != 0x08070605 || h.MainVersion[0] != 0x0C0B0A09 || h.MainVersion[4] != 0x1C1B1A19 ||
		h.AppVersion != 0x201F1E1D || h.STDVersion[0] != 0x24232221 || h.STDVersion[4] != 0x34333231 ||
		h.CommonLen != 0x38373635 || h.SDKLen != 0x3C3B3A39 ||
		!bytes.Equal(h.CommonMD5[:], pattern(61, 16)) || !bytes.Equal(h.SDKMD5[:], pattern(77, 16)) {
		t.Errorf("%+v", h)
	}
	got := h.Encode()
	if !bytes.Equal(got[:4], p[:4]) || !bytes.Equal(got[8:], p[8:]) {
		t.Errorf("written % X", got)
	}
}

// TestInfoFields does the same for the info record (ec618.md 3.1).
func TestInfoFields(t *testing.T) {
	p := pattern(1, 160)
	i := DecodeInfo(p)
	if i.Magic != 0x04030201 || i.CRC != 0x08070605 || i.DataStart != 0x14131211 || i.DataLen != 0x18171615 ||
		i.MainVersion[0] != 0x1C1B1A19 || i.MainVersion[4] != 0x2C2B2A29 ||
		!bytes.Equal(i.CommonMD5[:], pattern(45, 16)) || !bytes.Equal(i.Path[:], pattern(61, 100)) {
		t.Errorf("%+v", i)
	}
	if s := i.SPI(); i.Mode() != 9 || i.Place() != 10 || s.Bus != 11 || s.CS != 12 || s.PowerPin != 13 {
		t.Errorf("mode %d, place %d, %+v", i.Mode(), i.Place(), s)
	}
	got := i.Encode()
	if !bytes.Equal(got[:4], p[:4]) || !bytes.Equal(got[8:], p[8:]) {
		t.Errorf("written % X", got)
	}
}

// TestSectionFields does the same for a section's head (ec618.md 2.2).
func TestSectionFields(t *testing.T) {
	p := pattern(1, 36)
	s := DecodeSectionHead(p)
	if s.Magic != 0x04030201 || s.TotalLen != 0x08070605 || s.DataLen != 0x0C0B0A09 || !bytes.Equal(s.MD5[:], pattern(13, 16)) ||
		s.BlockLen != 0x201F1E1D || s.StartAddr != 0x24232221 {
		t.Errorf("%+v", s)
	}
	if got := s.Encode(); !bytes.Equal(got, p) {
		t.Errorf("written % X", got)
	}
}

// TestPackageWord: the bits of the first word of a package of a delta
// (ec618.md 2.4).
func TestPackageWord(t *testing.T) {
	for word, want := range map[uint32]ParPackage{
		0x0000_700F: {ID: 15, HeadLen: 0x70},
		0x0000_7010: {Backwards: true, HeadLen: 0x70},
		0x0000_7040: {Attr: AttrAP, HeadLen: 0x70},
		0x0000_7060: {Attr: AttrCP, HeadLen: 0x70},
		0x0080_7020: {Attr: 9, HeadLen: 0x70},
		0x0000_70E0: {Attr: 7, HeadLen: 0x70},
		0xFF00_7000: {Segments: 255, HeadLen: 0x70},
		0x0001_0000: {HeadLen: 0x100},
	} {
		b := make([]byte, 0x200)
		le32 := func(off int, v uint32) { copy(b[off:], []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}) }
		le32(0, word)
		le32(4, 0x180)
		le32(12, 0x11111111)
		le32(16, 0x222222)
		le32(20, 0x333333)
		copy(b[24:], pattern(1, 32))
		k, err := parseParPackage(b, 0)
		if err != nil {
			t.Errorf("0x%08X: %v", word, err)
			continue
		}
		if k.ID != want.ID || k.Backwards != want.Backwards || k.Attr != want.Attr || k.HeadLen != want.HeadLen || k.Segments != want.Segments {
			t.Errorf("0x%08X: %+v", word, k)
		}
		if k.Len != 0x180 || k.Load != 0x11111111 || k.NewSize != 0x222222 || k.BaseSize != 0x333333 || !bytes.Equal(k.BaseHash[:], pattern(1, 32)) || len(k.Payload) != 0x180-k.HeadLen {
			t.Errorf("0x%08X: %+v", word, k)
		}
	}
}

// TestStates: the state that a failed mission reports is that of the lowest bit of
// PST that is still set (ec618.md 4.4).
func TestStates(t *testing.T) {
	for bit, want := range []byte{1, 2, 3, 4, 6, 5, 0, 0} {
		for _, pst := range []byte{1 << bit, byte(0xFF) << bit} {
			d := &deltaRun{}
			d.field[0] = pst
			if got := d.stateOf(); got != want {
				t.Errorf("PST %02X: state %d, expected %d", pst, got, want)
			}
		}
	}
}

// TestMaps: places of the flash maps, from ec618.md 1.2 and 1.4 (offset, length).
func TestMaps(t *testing.T) {
	for target, parts := range map[string]map[string][2]int64{
		"ec618": {PartInfo: {0x22000, 0x1000}, PartAP: {0x24000, 0}, PartFota: {0x304000, 0x78000}, PartBackup: {0x37C000, 0x8000}, PartFS: {0x384000, 0x48000}, PartKV: {0x3CC000, 0x10000}},
		"718p":  {PartInfo: {0x14000, 0x1000}, PartAP: {0x7E000, 0}, PartFota: {0x340000, 0}, PartFS: {0x3A9000, 0x20000}, PartKV: {0x3C9000, 0x10000}, PartCP: {0x1A000, 0x64000}},
		"718pv": {PartInfo: {0x14000, 0x1000}, PartAP: {0xBA000, 0}, PartFota: {0x340000, 0}, PartFS: {0x3A9000, 0x20000}, PartKV: {0x3C9000, 0x10000}, PartCP: {0x1A000, 0xA0000}},
		"716e":  {PartInfo: {0x14000, 0x1000}, PartAP: {0x7E000, 0}, PartFota: {0x340000, 0}, PartFS: {0x3A9000, 0x20000}, PartKV: {0x3C9000, 0x10000}, PartCP: {0x1A000, 0x64000}},
		"718u":  {PartInfo: {0x22000, 0x1000}, PartAP: {0x8C000, 0}, PartFota: {0x649000, 0}, PartFS: {0x749000, 0x80000}, PartKV: {0x7C9000, 0x10000}, PartCP: {0x28000, 0x64000}},
		"718pm": {PartInfo: {0x16000, 0x1000}, PartAP: {0x82000, 0}, PartFota: {0x321000, 0}, PartFS: {0x3B7000, 0x2A000}, PartKV: {0x3E1000, 0x10000}, PartCP: {0x1E000, 0x64000}},
		"718hm": {PartInfo: {0x20000, 0x1000}, PartAP: {0x91000, 0}, PartFota: {0x64E000, 0}, PartFS: {0x754000, 0x80000}, PartKV: {0x7D4000, 0x10000}, PartCP: {0x2D000, 0x64000}},
	} {
		tg, err := findTarget(target)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tg.layout(128, 96)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range parts {
			p, ok := l.Table.Lookup(name)
			if !ok || p.Off != want[0] || want[1] != 0 && p.Size != want[1] {
				t.Errorf("%s %s: 0x%X + 0x%X, expected 0x%X + 0x%X", target, name, p.Off, p.Size, want[0], want[1])
			}
		}
		fota := l.Part(PartFota)
		if script, ota := fota.Off-(128+96)*1024, fota.Off-96*1024; int64(l.ScriptAddr()) != script || int64(l.OTAAddr()) != ota {
			t.Errorf("%s: script 0x%X, ota 0x%X, expected 0x%X, 0x%X", target, l.ScriptAddr(), l.OTAAddr(), script, ota)
		}
	}
	// Lengths of the download zone (1.4, "delta download size"): that of 718hm is
	// the tool's limit.
	for target, want := range map[string]int64{"ec618": 491520, "718p": 331776, "718pv": 331776, "716e": 331776, "718u": 950272, "718pm": 516096, "718hm": 974848} {
		tg, err := findTarget(target)
		if err != nil {
			t.Fatal(err)
		}
		if tg.download != want {
			t.Errorf("%s: download zone of %d bytes, expected %d", target, tg.download, want)
		}
	}
}

// TestErrorMarks: a failure clears the bit of its number in the error mask, and
// leaves the package's id in the byte of the validations (ec618.md 3.5, 4.4).
func TestErrorMarks(t *testing.T) {
	for errno, byteAndBit := range map[int][2]int{errnoMethod: {5, 6}, errnoBase: {5, 7}, errnoPatch: {6, 0}, errnoChecksum: {6, 4}} {
		d := &deltaRun{}
		for i := range d.field {
			d.field[i] = 0xFF
		}
		d.fail(&ParPackage{ID: 1}, errno)
		want := bytes.Repeat([]byte{0xFF}, retentionSize)
		want[2] = 0x1F
		want[byteAndBit[0]] &^= 1 << byteAndBit[1]
		if !bytes.Equal(d.field[:], want) {
			t.Errorf("errno %d: % X, expected % X", errno, d.field, want)
		}
	}
}

// TestGuardedAccess: the driver looks at the first and the last byte of an access to the
// AP flash, and at nothing between (ec618.md 10.2).
func TestGuardedAccess(t *testing.T) {
	for _, c := range []struct {
		series   Series
		chip     int
		off, len int64
		refused  bool
	}{
		{EC618, 0, 0, 1, true}, {EC618, 0, 0x1FFF, 1, true}, {EC618, 0, 0x2000, 0x2000, false}, {EC618, 0, 0x2000, 0x2001, true},
		{EC618, 0, 0x3FFF, 1, false}, {EC618, 0, 0x4000, 1, true}, {EC618, 0, 0x21FFF, 1, true}, {EC618, 0, 0x22000, 1, false},
		{EC618, 0, 0x2000, 0x20000, true}, {EC618, 0, 0x2000, 0x20001, false}, {EC618, 0, 0x21FFF, 0x10000, true},
		{EC618, 0, 0, 0, false}, {EC618, 1, 0, 0x1000, false}, {EC7xx, 0, 0, 0x1000, false},
	} {
		b := &bootRun{areas: areas{l: &Layout{Series: c.series}}}
		if got := b.refused(c.chip, c.off, c.len); got != c.refused {
			t.Errorf("%v chip %d, 0x%X bytes at 0x%X: refused %v", c.series, c.chip, c.len, c.off, got)
		}
	}
}

// TestDeltaLimit: EC618's boot code takes a delta of 491520 bytes, and none that
// is longer (ec618.md 10.1).
func TestDeltaLimit(t *testing.T) {
	for _, n := range []uint32{491519, 491520, 491521} {
		if _, v := lengthMeaning(&Par{Version: 0x20, Len: n}); (v == explain.OK) != (n <= 491520) {
			t.Errorf("%d bytes: %v", n, v)
		}
		m := newModule(t)
		head := make([]byte, ParHeadSize)
		copy(head, parMagic)
		copy(head[2:], []byte{0x20, 0x40, 0, 0, 0, 0x80, byte(n), byte(n >> 8), byte(n >> 16)})
		m.burn(0, m.part(PartFota).Off, head)
		if _, err := m.once(); err != nil {
			t.Fatal(err)
		}
		if large := m.printed("error! too large '*.par', maxsize(491520)"); large != (n > 491520) {
			t.Errorf("%d bytes: too large %v: %q", n, large, m.lines)
		}
	}
}

// TestAlignedTargets: EC7xx' boot code writes whole words only to what begins at
// 0x7E000 or below (ec618.md 4.3).
func TestAlignedTargets(t *testing.T) {
	for addr, want := range map[uint32]string{0: "need align 1", 0x1A000: "need align 1", 0x7E000: "need align 1", 0x7E001: "need align 0", 0x2D0000: "need align 0"} {
		head := Section{Magic: magicEC7xx, TotalLen: 1, DataLen: 2, BlockLen: 2 * BlockLen, StartAddr: addr}
		var lines []string
		b := &bootRun{areas: areas{l: &Layout{Series: EC7xx}}, env: &chips.Env{Step: func(s chips.Step) { lines = append(lines, s.Text) }}}
		s := &commonRun{bootRun: b, read: func(p []byte, _ int64) error { copy(p, head.Encode()); return nil }}
		if more, err := s.section(); more || err != nil {
			t.Fatal(more, err)
		}
		if text := strings.Join(lines, "\n"); !strings.Contains(text, want) {
			t.Errorf("0x%X: %q, expected %s", addr, text, want)
		}
	}
}
