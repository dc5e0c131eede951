package ec

import (
	"crypto/md5"
	"encoding/binary"
	"strings"
	"testing"

	"airlift/chips"
)

// stored is a section whose blocks are copied as they are.
func stored(addr uint32, blockLen uint32, data []byte) *Section {
	s := &Section{Magic: magicEC618, DataLen: uint32(len(data)), MD5: md5.Sum(data), BlockLen: blockLen, StartAddr: addr}
	for rest := data; len(rest) > 0; {
		n := min(int(blockLen), len(rest))
		s.Stream = append(s.Stream, 1, 0)
		s.Stream = binary.LittleEndian.AppendUint32(s.Stream, uint32(n))
		s.Stream = append(s.Stream, rest[:n]...)
		rest = rest[n:]
	}
	s.TotalLen = uint32(len(s.Stream))
	return s
}

const fullScript = 0x2CC000 // script_addr of the FULL firmware

// TestSections is what the boot code does with sections of every sort
// (ec618.md 4.3, 10.1, 10.2).
func TestSections(t *testing.T) {
	data := lcg(9, 10000)
	edit := func(f func(s *Section)) []byte {
		s := stored(fullScript, BlockLen, data)
		f(s)
		return s.Encode()
	}
	packed, err := NewSection(EC618, fullScript, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		common  []byte
		outcome chips.BootOutcome
		print   string
		written bool // the data is in place
		cleared bool // the info record is gone
	}{
		{"stored block", edit(func(*Section) {}), chips.BootCore, "soc ota done!", true, true},
		{"compressed block", packed.Encode(), chips.BootCore, "soc ota done!", true, true},
		{"blocks of 4096", stored(fullScript, 4096, data).Encode(), chips.BootCore, "soc ota done!", true, true},
		{"13 property bytes", edit(func(s *Section) {
			s.Stream = append(append([]byte{13}, make([]byte, 13)...), s.Stream[2:]...)
			s.TotalLen = uint32(len(s.Stream))
		}), chips.BootCore, "soc ota done!", true, true},
		{"14 property bytes", edit(func(s *Section) { s.Stream[0] = 14 }), chips.BootReset, "ota zip head error", false, false},
		{"wrong magic", edit(func(s *Section) { s.Magic++ }), chips.BootCore, "soc ota sector info error eaf18c17", false, true},
		{"DataLen 0", edit(func(s *Section) { s.DataLen = 0 }), chips.BootCore, "file must zip file", false, true},
		{"DataLen beyond any flash", edit(func(s *Section) { s.DataLen = 0xFFFFFFF0 }), chips.BootReset, "unpacks to 4294967280 bytes", false, false},
		{"DataLen is TotalLen", edit(func(s *Section) { s.DataLen = s.TotalLen }), chips.BootCore, "file must zip file", false, true},
		{"wrong MD5 of the data", edit(func(s *Section) { s.MD5[0]++ }), chips.BootReset, "soc ota final check md5 fail", true, false},
		{"block too long for the memory", edit(func(s *Section) { s.BlockLen = 0x80000 }), chips.BootReset, "crashes", false, false},
		{"block length off the sector grid", stored(fullScript, 0x1800, data).Encode(), chips.BootReset, "soc ota final check md5 fail", false, false},
		{"bytes behind the last section", append(edit(func(*Section) {}), 1, 2, 3), chips.BootCore, "soc ota sector info error", true, true},
		{"damaged LZMA data", func() []byte {
			b := packed.Encode()
			b[SectionHeadSize+2000] ^= 0xFF
			return b
		}(), chips.BootReset, "soc ota final check md5 fail", false, false},
	} {
		m := newModule(t)
		m.wait(nil, c.common)
		r := m.start()
		if r.Outcome != c.outcome || !m.printed(c.print) {
			t.Errorf("%s: %+v %q", c.what, r, m.lines)
		}
		if got := m.holds(0, fullScript, data); got != c.written {
			t.Errorf("%s: data written: %v", c.what, got)
		}
		if got := m.bytes(0, m.part(PartInfo).Off, 1)[0] == 0xFF; got != c.cleared {
			t.Errorf("%s: record cleared: %v", c.what, got)
		}
	}
}

// TestRecords is what the boot code makes of info records (ec618.md 4.2, 10.1).
func TestRecords(t *testing.T) {
	data, common := script(t, 5000)
	for _, c := range []struct {
		what    string
		edit    func(r *Info)
		raw     func(p []byte)
		print   string
		script  bool // the script is applied
		delta   bool // the delta is applied
		cleared bool
	}{
		{what: "right", print: "soc ota done!", script: true, delta: true, cleared: true},
		{what: "wrong CRC", raw: func(p []byte) { p[4]++ }, print: "soc ota info error", cleared: true},
		{what: "foreign magic", raw: func(p []byte) { p[0]++ }, print: "no ota info", delta: true},
		{what: "full", edit: func(r *Info) { r.MainVersion[4] = 0xFFFFFFFF }, print: "full update, no dfota", script: true, cleared: true},
		{what: "wrong MD5", edit: func(r *Info) { r.CommonMD5[0]++ }, print: "soc ota file md5 failed", delta: true, cleared: true},
		{what: "on SPI flash", edit: func(r *Info) { r.Param1 = PlaceSPI << 8 }, print: "soc ota sector info error 00", delta: true, cleared: true},
		{what: "in a file", edit: func(r *Info) { r.Param1 = 2 << 8 }, print: "core ota storage mode 2 not support", delta: true, cleared: true},
		{what: "mode does not matter", edit: func(r *Info) { r.Param1 = 0xABCD0002 &^ 0xFF00 }, print: "soc ota done!", script: true, delta: true, cleared: true},
		{what: "no common part", edit: func(r *Info) { r.DataLen, r.CommonMD5 = 0, [16]byte{} }, print: "soc ota file md5 failed", delta: true, cleared: true},
		{what: "no common part, MD5 of nothing", edit: func(r *Info) { r.DataLen, r.CommonMD5 = 0, md5OfNothing }, print: "soc ota done!", delta: true, cleared: true},
	} {
		m := newModule(t)
		m.wait(unhex(t, vTwo), common)
		r := DecodeInfo(m.bytes(0, m.part(PartInfo).Off, InfoSize))
		if c.edit != nil {
			c.edit(&r)
		}
		p := r.Encode()
		if c.raw != nil {
			c.raw(p)
		}
		m.burn(0, m.part(PartInfo).Off, p)
		if b := m.start(); b.Outcome != chips.BootCore || !m.printed(c.print) {
			t.Errorf("%s: %+v %q", c.what, b, m.lines)
		}
		if got := m.holds(0, fullScript, data); got != c.script {
			t.Errorf("%s: script applied: %v", c.what, got)
		}
		if got := m.holds(0, 0x24000, twoAP()); got != c.delta {
			t.Errorf("%s: delta applied: %v", c.what, got)
		}
		if got := m.bytes(0, m.part(PartInfo).Off, 1)[0] == 0xFF; got != c.cleared {
			t.Errorf("%s: record cleared: %v", c.what, got)
		}
	}
}

// rehash makes the hash of an edited delta right.
func rehash(b []byte) []byte {
	sum := parHashOf(b)
	copy(b[12:], sum[:])
	return b
}

// TestDeltas is what the boot code makes of deltas that are not as they should
// be (ec618.md 10.1).
func TestDeltas(t *testing.T) {
	edit := func(f func(b []byte)) []byte {
		b := unhex(t, vTwo)
		f(b)
		return rehash(b)
	}
	_, common := script(t, 5000)
	for _, c := range []struct {
		what    string
		delta   []byte
		prints  []string
		applied bool
		stays   bool // the delta is there afterwards
		result  string
		script  bool
	}{
		{"newer version", edit(func(b []byte) { b[2] = 0x45 }), []string{"par.pver(V2.5) is newer than local.pver(V1.2)", "And succ!"}, true, false, "OK\x00\x00", true},
		{"signed and with fotaCap", edit(func(b []byte) { b[3] |= 0x80; b[4] = 1 }), []string{"And succ!"}, true, false, "OK\x00\x00", true},
		{"segment size not valid", edit(func(b []byte) { b[3] &^= 0x40 }), []string{"par pseg(0) error! size(0x8000)"}, false, true, "", true},
		{"segment size 0", edit(func(b []byte) { b[6], b[7] = 0, 0 }), []string{"par pseg(1) error! size(0x0)"}, false, true, "", true},
		{"too long", edit(func(b []byte) { binary.LittleEndian.PutUint32(b[8:], 491521) }), []string{"error! too large '*.par', maxsize(491520)"}, false, true, "", true},
		{"another patch method", edit(func(b []byte) { b[3] |= 0x10 }), []string{"But failed!!!", "dfota failed, clear soc ota"}, false, false, "NO\x00\x06", false},
		{"a package too many", edit(func(b []byte) { b[3]++ }), []string{"length(-1) invalid!"}, false, true, "NO\x00\x01", true},
		{"wrong hash", func() []byte { b := unhex(t, vTwo); b[12]++; return b }(), []string{"But failed!!!"}, false, false, "NO\x00\x01", false},
		{"package id too high", edit(func(b []byte) { b[ParHeadSize] |= 2 }), []string{"conv: invalid pkgId(2), [0, 2)!"}, false, false, "NO\x00\x06", false},
	} {
		m := newModule(t)
		m.wait(c.delta, common)
		if r := m.start(); r.Outcome != chips.BootCore {
			t.Errorf("%s: %+v", c.what, r)
		}
		for _, p := range c.prints {
			if !m.printed(p) {
				t.Errorf("%s: %q is not in %q", c.what, p, m.lines)
			}
		}
		if got := m.holds(0, 0x24000, twoAP()) && m.holds(1, 0, twoCP()); got != c.applied {
			t.Errorf("%s: applied: %v", c.what, got)
		}
		if got := m.bytes(0, m.part(PartFota).Off, 1)[0] == 0xEC; got != c.stays {
			t.Errorf("%s: the delta stays: %v", c.what, got)
		}
		if got := m.bytes(0, m.part(PartBackup).Off, 4); c.result != "" && string(got) != c.result {
			t.Errorf("%s: result %q", c.what, got)
		}
		if got := m.bytes(0, fullScript, 1)[0] != 0xFF; got != c.script {
			t.Errorf("%s: script applied: %v", c.what, got)
		}
	}
}

// TestWrongTarget: a delta whose new image is another one than it promises
// bricks the module (pitfall 18).
func TestWrongTarget(t *testing.T) {
	b := unhex(t, vTwo)
	p, err := ParsePar(b)
	if err != nil {
		t.Fatal(err)
	}
	b[p.Packages[0].Off+60] ^= 1 // the hash of the new image
	m := newModule(t)
	m.wait(rehash(b), nil)
	for boot := range 2 {
		r, err := m.once()
		if err != nil || r.Outcome != chips.BootHang || !m.printed("oop! target fw(0) is non-identical!") {
			t.Errorf("boot %d: %+v %v %q", boot, r, err, m.lines)
		}
	}
	if !m.printed("DFU already done!") {
		t.Errorf("%q", m.lines)
	}
}

// TestOverrun: a script that is longer than its area (pitfall 4).
func TestOverrun(t *testing.T) {
	m := newModule(t)
	data := lcg(4, 140<<10) // one block; the area has 128 KiB
	copy(data[70<<10:], data[:70<<10])
	s, err := NewSection(EC618, fullScript, data)
	if err != nil {
		t.Fatal(err)
	}
	m.wait(nil, s.Encode())
	if r := m.start(); r.Outcome != chips.BootCore || !m.holds(0, fullScript, data) {
		t.Errorf("one block: %+v %q", r, m.lines)
	}
	m = newModule(t)
	data = make([]byte, BlockLen+40<<10)
	copy(data, lcg(4, 90<<10))
	copy(data[BlockLen:], lcg(6, 40<<10))
	if s, err = NewSection(EC618, fullScript, data); err != nil {
		t.Fatal(err)
	}
	m.wait(nil, s.Encode())
	r := m.start()
	if r.Outcome != chips.BootCore || m.holds(0, fullScript, data) || !m.printed("soc ota file md5 failed") {
		t.Errorf("two blocks: %+v %q", r, m.lines)
	}
}

// TestGuard: the driver protects the boot code by the first and last byte of
// an access only (ec618.md 10.2).
func TestGuard(t *testing.T) {
	m := newModule(t)
	data := lcg(8, 3000)
	m.wait(nil, stored(0x10000, BlockLen, data).Encode())
	if r := m.start(); r.Outcome != chips.BootReset || m.holds(0, 0x10000, data) {
		t.Errorf("into the boot code: %+v %q", r, m.lines)
	}
	m = newModule(t)
	long := lcg(8, 0x20100) // ends in the info sector
	m.wait(nil, stored(0x2000, BlockLen, long).Encode())
	r, err := m.once()
	if err != nil || !m.holds(0, 0x2000, long[:0x20000]) {
		t.Errorf("across the boot code: %+v %v", r, err)
	}
	if r := m.start(); r.Outcome != chips.BootFailed || !strings.Contains(strings.Join(m.lines, " "), "boot code itself is damaged") {
		t.Errorf("and then: %+v %q", r, m.lines)
	}
}

// TestEmptyBlocks: a package of nothing but empty blocks, which costs five
// bytes a block, fills neither the log nor the memory.
func TestEmptyBlocks(t *testing.T) {
	s := stored(fullScript, BlockLen, lcg(9, 100))
	s.Stream = append(s.Stream, make([]byte, 50_000)...)
	s.TotalLen = uint32(len(s.Stream))
	m := newModule(t)
	m.wait(nil, s.Encode())
	if r := m.start(); r.Outcome != chips.BootCore || !m.holds(0, fullScript, lcg(9, 100)) {
		t.Errorf("%+v", r)
	}
	if len(m.lines) > 40 {
		t.Errorf("%d lines", len(m.lines))
	}
}
