package ec

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ulikunitz/xz/lzma"

	"airlift/chips"
	"airlift/chips/bzip2"
	"airlift/flash/explain"
	"airlift/flash/flashtest"
)

// formatError is the *explain.FormatError in err.
func formatError(t *testing.T, err error) *explain.FormatError {
	t.Helper()
	var fe *explain.FormatError
	if !errors.As(err, &fe) {
		t.Fatalf("%v: expected a format error", err)
	}
	return fe
}

// sectionOf has blocks of n bytes that unpack to zeros, packed with the
// properties given.
func sectionOf(t *testing.T, blocks, n int, props lzma.Properties) *Section {
	t.Helper()
	var b bytes.Buffer
	cfg := lzma.WriterConfig{Properties: &props, DictCap: BlockLen, Matcher: lzma.HashTable4, SizeInHeader: true, Size: int64(n)}
	w, err := cfg.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	packed := b.Bytes()
	block := append([]byte{5}, packed[:5]...)
	block = binary.LittleEndian.AppendUint32(block, uint32(len(packed)-lzmaHead))
	block = append(block, packed[lzmaHead:]...)
	return &Section{
		Magic: EC618.Magic(), TotalLen: uint32(blocks * len(block)), DataLen: uint32(blocks * n), MD5: md5.Sum(make([]byte, blocks*n)),
		BlockLen: uint32(n), StartAddr: 0x2CC000, Stream: bytes.Repeat(block, blocks),
	}
}

// TestBombs: a small package that unpacks to gigabytes is given up in time, in
// every way of taking it apart.
func TestBombs(t *testing.T) {
	whole := sectionOf(t, maxImage/BlockLen, BlockLen, lzma.Properties{LC: 3, LP: 1, PB: 2})
	wild := sectionOf(t, 2000, 4096, lzma.Properties{LC: 4, LP: 3, PB: 2})
	for name, c := range map[string]struct {
		section *Section
		want    string
	}{
		"data":   {whole, "DataLen: expected at most 33554432 bytes in all sections"},
		"models": {wild, "models of the blocks: expected at most 268435456 bytes in all sections"},
	} {
		one := c.section.Encode()
		pkg := NewPackage(EC618, bytes.Repeat(one, 6), nil).Encode()
		layers, err := new(maker).Layers(pkg)
		size := 0
		for _, l := range layers {
			size += len(l.Data)
		}
		if fe := formatError(t, err); !strings.Contains(fe.Error(), c.want) || (fe.Off-HeadSize)%int64(len(one)) >= SectionHeadSize {
			t.Errorf("%s: layers: %v, expected %s, in a head", name, err, c.want)
		}
		if size > maxShownBytes+2*len(pkg) {
			t.Errorf("%s: %d bytes of layers", name, size)
		}
		if name == "data" && !flashtest.Full() {
			continue // the others unpack as much once more
		}
		parts, _, err := New().Unpack(pkg)
		if fe := formatError(t, err); !strings.Contains(fe.Error(), c.want) || (fe.Off-HeadSize)%int64(len(one)) >= SectionHeadSize {
			t.Errorf("%s: unpack: %v, expected %s, in a head", name, err, c.want)
		}
		if len(parts)+2 != len(layers) {
			t.Errorf("%s: %d parts, %d layers", name, len(parts), len(layers))
		}
		f, _ := New().Inspect(pkg)
		if text := fmt.Sprint(f); !strings.Contains(text, "the file unpacks to too much") {
			t.Errorf("%s: inspect unpacks all", name)
		}
	}
}

// TestLargeModel: a decoder whose model has no place in boot code's pool of
// 384 KiB cannot run (ec618.md 4.3).
func TestLargeModel(t *testing.T) {
	for bits, ok := range map[int]bool{4: true, 7: true, 8: false, 12: false} {
		s := sectionOf(t, 1, 4096, lzma.Properties{LC: min(bits, 8), LP: max(0, bits-8), PB: 0})
		_, err := s.Unpack()
		if ok != (err == nil) {
			t.Errorf("lc + lp = %d: %v", bits, err)
		}
		if !ok && !strings.Contains(err.Error(), fmt.Sprintf("%d KiB", 2*(1846+768<<bits)/1024)) {
			t.Errorf("lc + lp = %d: %v", bits, err)
		}
	}
}

// TestSectionOffsets: what is wrong in a section is where the error says, from
// the start of the common part, and from that of the file.
func TestSectionOffsets(t *testing.T) {
	one := sectionOf(t, 3, 4096, lzma.Properties{LC: 3, LP: 1, PB: 2})
	blockLen := len(one.Stream) / 3
	for name, c := range map[string]struct {
		edit func(p []byte)
		at   int // bytes from the start of the section
	}{
		"DataLen":     {func(p []byte) { clear(p[8:12]) }, 8},
		"BlockLen":    {func(p []byte) { p[28] = 1 }, 28},
		"MD5":         {func(p []byte) { p[12]++ }, 12},
		"props":       {func(p []byte) { p[SectionHeadSize+2*blockLen] = 14 }, SectionHeadSize + 2*blockLen},
		"compLen":     {func(p []byte) { p[SectionHeadSize+blockLen+8] = 1 }, SectionHeadSize + blockLen + 6},
		"wrong block": {func(p []byte) { p[SectionHeadSize+blockLen+10] = 1 }, SectionHeadSize + blockLen},
	} {
		bad := one.Encode()
		at := len(bad) + c.at
		c.edit(bad)
		common := append(one.Encode(), bad...)
		sections, err := Sections(common, EC618)
		if err != nil || len(sections) != 2 {
			t.Fatal(name, err)
		}
		_, err = sections[1].Unpack()
		if fe := formatError(t, err); fe.Off != int64(at) {
			t.Errorf("%s: %v, expected offset 0x%X", name, err, at)
		}
		pkg := NewPackage(EC618, common, nil).Encode()
		_, err = new(maker).Layers(pkg)
		if fe := formatError(t, err); fe.Off != int64(HeadSize+at) {
			t.Errorf("%s: layers: %v, expected offset 0x%X", name, err, HeadSize+at)
		}
		_, _, err = New().Unpack(pkg)
		if fe := formatError(t, err); fe.Off != int64(HeadSize+at) {
			t.Errorf("%s: unpack: %v, expected offset 0x%X", name, err, HeadSize+at)
		}
		f, _ := New().Inspect(pkg)
		if text := fmt.Sprint(f); strings.Contains(text, "offset 0x") && !strings.Contains(text, fmt.Sprintf("offset 0x%X", HeadSize+at)) {
			t.Errorf("%s: inspect: %s, expected offset 0x%X", name, text, HeadSize+at)
		}
	}
	// The same for a delta behind a common part.
	par := unhex(t, vFwd)
	par[12]++
	_, err := new(maker).Layers(NewPackage(EC618, one.Encode(), par).Encode())
	if fe, want := formatError(t, err), int64(HeadSize+len(one.Encode())+12); fe.Off != want {
		t.Errorf("delta: %v, expected offset 0x%X", err, want)
	}
}

// TestManySegments: steps that do nothing make the check of a segment long, so
// only as many are checked as boot code takes of one delta.
func TestManySegments(t *testing.T) {
	idle, err := bzip2.Encode(make([]byte, 12), bzip2.UnitStandard)
	if err != nil {
		t.Fatal(err)
	}
	par := &Par{Version: 0x45, Flags: 0x40, SegField: 0x8000}
	for id := range 3 {
		p := &Payload{Own: true, OldSize: 1000}
		for range maxParSegments {
			p.Segments = append(p.Segments, Segment{NewSize: 96 << 10, Data: idle})
		}
		par.Packages = append(par.Packages, &ParPackage{ID: id, Attr: AttrAP, Segments: 1, NewHash: new([32]byte), Payload: p.Encode()})
	}
	f, _ := New().Inspect(NewPackage(EC7xx, nil, par.Encode()).Encode())
	text := fmt.Sprint(f)
	if n := strings.Count(text, "the delta fails here"); n != maxParSegments {
		t.Errorf("%d segments checked, expected %d", n, maxParSegments)
	}
	if n := strings.Count(text, "not checked: boot code takes 127 segments"); n != 2*maxParSegments {
		t.Errorf("%d segments left out, expected %d", n, 2*maxParSegments)
	}
}

// TestMemoTellsPackagesApart: two packages for one image with the same id, whose
// segments look at the same old bytes, are still two packages.
func TestMemoTellsPackagesApart(t *testing.T) {
	const seg = 32 << 10
	old := lcg(3, seg)
	grow := func(p []byte) []byte {
		data, err := bzip2.Encode(append(putMagnitude(putMagnitude(putMagnitude(nil, 0), len(p)), 0), p...), bzip2.UnitEC618)
		if err != nil {
			t.Fatal(err)
		}
		same := Segment{Unchanged: true, NewSize: seg}
		return (&Payload{OldSize: seg, Segments: []Segment{same, {NewSize: uint32(len(p)), Data: data}}}).Encode()
	}
	first, second := bytes.Repeat([]byte{1}, 4096), bytes.Repeat([]byte{2}, 4096)
	final := cat(old, second)
	sum := sha256.Sum256(final)
	par := &Par{Version: 0x20, Flags: 0x40, SegField: 0x8000}
	for _, p := range [][]byte{first, second} {
		par.Packages = append(par.Packages, &ParPackage{
			Attr: AttrAP, Segments: 2, Load: 0x24000, NewSize: uint32(len(final)), BaseSize: seg,
			BaseHash: sha256.Sum256(old), NewHash: &sum, Payload: grow(p),
		})
	}
	for _, memo := range []*chips.Memo{nil, {}} {
		m := newModule(t)
		m.boot.Memo = memo
		m.burn(0, m.part(PartAP).Off, bytes.Repeat([]byte{0xFF}, len(oldAP())))
		m.burn(0, m.part(PartAP).Off, old)
		m.wait(par.Encode(), nil)
		if r := m.start(); r.Outcome != chips.BootCore || !m.holds(0, m.part(PartAP).Off, final) {
			t.Errorf("with a memory %v: %+v\n%s", memo != nil, r, strings.Join(m.lines, "\n"))
		}
	}
}
