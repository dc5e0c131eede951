package ec

import (
	"bytes"
	"crypto/md5"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

var updateTrees = flag.Bool("update", false, "rewrite the field trees in testdata/inspect")

// treeText shows a tree one field a line.
func treeText(f *explain.Field, depth int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%06X %6d %s%s", f.Off, f.Len, strings.Repeat("  ", depth), f.Name)
	for _, s := range []string{f.Value, f.Meaning, string(f.Verdict)} {
		fmt.Fprintf(&b, " | %s", s)
	}
	b.WriteString("\n")
	for i := range f.Fields {
		b.WriteString(treeText(&f.Fields[i], depth+1))
	}
	return b.String()
}

func inspect(t testing.TB, data []byte) *explain.Field {
	t.Helper()
	f, ok := New().Inspect(data)
	if !ok {
		t.Fatalf("%d bytes beginning with % X were not recognised", len(data), data[:min(8, len(data))])
	}
	return f
}

// findField returns the first field called name.
func findField(f *explain.Field, name string) *explain.Field {
	if f.Name == name {
		return f
	}
	for i := range f.Fields {
		if g := findField(&f.Fields[i], name); g != nil {
			return g
		}
	}
	return nil
}

// vectorFiles are the files of ec618.md 8.2 that can be built.
func vectorFiles(t testing.TB) map[string][]byte {
	sota, err := ParsePackage(unhex(t, scriptSota))
	if err != nil {
		t.Fatal(err)
	}
	fwd := unhex(t, vFwd)
	broken := NewPackage(EC618, nil, fwd).Encode()
	none := md5.Sum(nil)
	copy(broken[60:], none[:])
	return map[string][]byte{
		"script.sota": unhex(t, scriptSota),
		"comb.sota":   NewPackage(EC618, sota.Common, fwd).Encode(),
		"core.sota":   NewPackage(EC618, nil, fwd).Encode(),
		"core22.sota": broken,
		"v_fwd.par":   fwd,
		"v_two.par":   unhex(t, vTwo),
		"v_shr.par":   unhex(t, vShr),
		"v_old.binpkg": (&Binpkg{Entries: []BinpkgEntry{
			{Name: "ap_bootloader", Addr: 0x4000, FlashSize: 0x1E000, Type: "BL", Data: lcg(5, 4096)},
			{Name: "ap", Addr: 0x24000, FlashSize: 0x2E0000, Type: "AP", Data: oldAP()},
			{Name: "cp", Addr: 0, FlashSize: 0x80000, Type: "CP", Data: oldCP()},
		}}).Encode(),
		"ec7xx.binpkg": (&Binpkg{BuildTime: 1700000000, Args: []BinpkgArg{{1, "pkgmode", "1"}, {4, "banoldtool", "1"}, {2, "productname", "EC718P_PRD"}}, Entries: []BinpkgEntry{
			{Name: "ap_bootloader", Addr: 0x803000, FlashSize: 0x11000, Type: "BL", Data: lcg(5, 100)},
			{Name: "cp", Addr: 0x81A000, FlashSize: 0x64000, Type: "CP", Data: lcg(3, 100)},
			{Name: "ap", Addr: 0x87E000, FlashSize: 0x2C2000, Type: "AP", Data: lcg(1, 100)},
		}}).Encode(),
		"script7.sota":   NewPackage(EC7xx, to7xx(t, sota.Common), nil).Encode(),
		"cut-780e.bin":   unhex(t, cut780E),
		"cut-780epm.bin": unhex(t, cut780EPM),
		"ec7xx.par":      ec7Delta(t),
		"at.bin":         append([]byte{0x7E, 0, 0, 0, 1, 0x7D, 0, 0, 1, 0xE3}, fwd...),
		"signed.par":     append(append([]byte{0xEC, 0xAE}, make([]byte, authHead-2)...), fwd...),
		"arguments.sota": unhex(t, argumentsHead),
	}
}

// argumentsHead is the head that make_ota_file makes of the arguments 1 2 3 4 5
// (ec618.md 8.2).
const argumentsHead = `
168cf1eaea41589c2000000000000000 00000000000000000100000005000000
40000000000000000000000000000000 03000000ec02000019070000560a90bb
25cf5d94ef05572e79cb4373088aab5f 78c25610de8f4c70d877ef5c168cf1ea`

// cut780E and cut780EPM are the starts of two packages that LuaTools made
// (luadb-and-packages.md 10.7).
const (
	cut780E = `
168cf1eaeb550c930000000000000000 00000000000000000000000000000000 00000000000000000000000000000000
00000000f704000000000000c9616997 ee70091521bbc8ace1c3920100000000 000000000000000000000000168cf1ea
d3040000170b0000d57cb8e0423e8612 ac10dc82d802844c0000040000c02c00 05660000 0400c90400000000`
	cut780EPM = `
1872c3ea72da1d770000000000000000 00000000000000000000000000000000 00000000000000000000000000000000
0000000015160000000000009542b0c3 83445419cc16e877d150349200000000 0000000000000000000000001872c3ea
f115000000540000f8e41ef7df34a6fa 9604eeff324ffc010000040000102b00 056600000400e71500000000`
)

// ec7Delta is the start of the EC7xx delta of ec618.md 8.2 with the table of
// its payload; the opaque rest is not printed there, and zero here.
func ec7Delta(t testing.TB) []byte {
	b := append(unhex(t, ec7Head), unhex(t, `
00000000ec50534801000400e0930400 2c980400e09304002c98040000480000
00280100008001000848000000280100 00800100104800000028010000800100
18480000002801000080010045434845 4144455254000000014b000000017200`)...)
	return append(b, make([]byte, 564-len(b))...)
}

func TestTrees(t *testing.T) {
	trees := map[string]*explain.Field{"info": infoTree(t, unhex(t, infoExample)), "placeholder": infoTree(t, placeholder(EC618))}
	for name, data := range vectorFiles(t) {
		trees[name] = inspect(t, data)
	}
	for name, tree := range trees {
		got := treeText(tree, 0)
		file := filepath.Join("testdata", "inspect", name+".txt")
		if *updateTrees {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// infoTree explains an info record in the flash of an Air780E.
func infoTree(t testing.TB, record []byte) *explain.Field {
	t.Helper()
	data := make1(t, makerOf(t, "Air780E", "full"), KindFlash, chips.MakeInput{CoreSize: 4096})
	copy(data[0x22000:], record)
	return findField(inspect(t, data), PartInfo)
}

// TestVerdicts has what inspect must not overlook, nor invent.
func TestVerdicts(t *testing.T) {
	files := vectorFiles(t)
	for _, c := range []struct {
		name, field string
		verdict     explain.Verdict
		meaning     string
	}{
		{"core.sota", "CRC32", explain.OK, ""},
		{"core22.sota", "CRC32", explain.Bad, "SDK of 2022"},
		{"at.bin", "prefix", explain.Bad, "for AT firmware"},
		{"signed.par", "authentication head", explain.Bad, "LuatOS refuses it"},
		{"arguments.sota", "CommonDataLen", explain.Bad, "the file has 4"},
		{"arguments.sota", "CRC32", explain.OK, ""},
		{"ec7xx.par", "load offset", explain.OK, "718p, 716e"},
		{"v_old.binpkg", "hash", explain.None, ""},
	} {
		f := findField(inspect(t, files[c.name]), c.field)
		if f == nil || f.Verdict != c.verdict || !strings.Contains(f.Meaning, c.meaning) {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	for name, want := range map[string]explain.Verdict{"comb.sota": explain.OK, "v_two.par": explain.OK, "v_old.binpkg": explain.OK, "core22.sota": explain.Bad} {
		if got := inspect(t, files[name]).Worst(); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestPlacement asks which firmware an address is for, and what it does to
// others (ec618.md 7, 1).
func TestPlacement(t *testing.T) {
	script, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: bytes.Repeat([]byte("x"), 5000)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		series  Series
		addr    uint32
		verdict explain.Verdict
		want    map[string]string // effect: one of the firmware names
	}{
		{EC7xx, 0x2B1000, explain.OK, map[string]string{"fits": "Air780EPM 1, 101", "overwrites ap": "Air8000 1, 101, sdk, ota256"}},
		{EC7xx, 0x54E000, explain.OK, map[string]string{"fits": "Air8000 ota256", "overwrites ap": "Air780EHM sdk", "outside the flash": "Air780EP 1"}},
		{EC618, 0x2CC000, explain.OK, map[string]string{"fits": "Air780E full", "overwrites ota": "Air780E lite, tts", "overwrites ap": "Air780E tts-onchip"}},
		{EC618, cpFlash, explain.OK, map[string]string{"fits": "Air780E full, lite, tts, tts-onchip"}},
		{EC618, 0x22000, explain.Warn, map[string]string{"overwrites ota-info": "Air780E full"}},
		{EC7xx, 0x48E000, explain.Warn, map[string]string{"overwrites ap": "Air8000 1, 101, sdk, ota256"}},
		{EC7xx, 0xFFFFF000, explain.Warn, map[string]string{"outside the flash": "Air780EP 1"}},
	} {
		s, err := NewSection(c.series, c.addr, script)
		if err != nil {
			t.Fatal(err)
		}
		f := findField(inspect(t, NewPackage(c.series, s.Encode(), nil).Encode()), "StartAddress")
		if f.Verdict != c.verdict {
			t.Errorf("0x%X: %s %s", c.addr, f.Verdict, f.Meaning)
		}
		for effect, firmware := range c.want {
			if g := findField(f, effect); g == nil || !strings.Contains(g.Value, firmware) {
				t.Errorf("0x%X: %s on %s is missing:\n%s", c.addr, effect, firmware, treeText(f, 0))
			}
		}
	}
}

// TestTooLong has the packages that do not fit though their address does
// (ec618.md 7, 3 and 4).
func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want string
	}{
		{make([]byte, 128*kib+1), "pitfall 4"},
		{lcg(9, 110*kib), "pitfall 3"},
	} {
		s, err := NewSection(EC618, 0x2CC000, c.data)
		if err != nil {
			t.Fatal(err)
		}
		f := findField(inspect(t, NewPackage(EC618, s.Encode(), nil).Encode()), "fits")
		if f == nil || f.Verdict != explain.Warn || !strings.Contains(f.Meaning, c.want) {
			t.Errorf("%s: %+v", c.want, f)
		}
	}
}

// TestLongDeltas has the deltas that do not fit where they wait (ec618.md 7, 5).
func TestLongDeltas(t *testing.T) {
	for _, c := range []struct {
		version byte
		len     int
		verdict explain.Verdict
		meaning string
	}{
		{0x20, parMaxEC618, explain.OK, ""},
		{0x20, parMaxEC618 + 1, explain.Bad, "too large"},
		{0x45, 331776, explain.OK, "bytes of the whole delta"},
		{0x45, 331777, explain.OK, "718p, 718pv, 716e"},
		{0x45, 1 << 20, explain.Warn, "every known map"},
	} {
		b := (&Par{Version: c.version, Flags: 0x40, SegField: 0x8000, Packages: []*ParPackage{{NewHash: new([32]byte), Payload: make([]byte, c.len-ParHeadSize-parPackageSize)}}}).Encode()
		f := findField(inspect(t, b), "parLen")
		if f.Value != fmt.Sprint(c.len) || f.Verdict != c.verdict || !strings.Contains(f.Meaning, c.meaning) {
			t.Errorf("%d bytes: %+v", c.len, f)
		}
	}
}

// TestDamagedPackages flips bytes all over a package: wherever the device would
// notice, inspect does.
func TestDamagedPackages(t *testing.T) {
	good := vectorFiles(t)["comb.sota"]
	for i := 4; i < len(good); i++ {
		if i > 200 && i%7 != 0 && os.Getenv("AIRLIFT_SCALE") != "full" {
			continue
		}
		b := bytes.Clone(good)
		b[i] ^= 0x10
		// SDKMD5 is nobody's business; the progress field is no part of the
		// delta's hash.
		want := explain.Bad
		if i >= 0x142+retentionOff && i < 0x142+ParHeadSize {
			want = explain.Warn
		}
		if f := inspect(t, b); f.Worst() != want {
			t.Errorf("byte 0x%X changed: %q:\n%s", i, f.Worst(), treeText(f, 0))
		}
	}
	for n := range good[:HeadSize] {
		if n < 4 {
			continue
		}
		if inspect(t, good[:n]).Worst() != explain.Bad {
			t.Errorf("cut to %d bytes, and nothing is wrong", n)
		}
	}
}

func TestUnpack(t *testing.T) {
	files := vectorFiles(t)
	for name, want := range map[string]string{
		"script.sota":  "0-data.bin 3100",
		"comb.sota":    "0-data.bin 3100, delta.par 483, delta/0-AP.payload 287",
		"v_two.par":    "0-AP.payload 586, 1-CP.payload 220",
		"at.bin":       "0-AP.payload 287",
		"v_old.binpkg": "0-BL.bin 4096, 1-AP.bin 70000, 2-CP.bin 40000",
	} {
		parts, ok, err := New().Unpack(files[name])
		var got []string
		for _, p := range parts {
			got = append(got, fmt.Sprintf("%s %d", p.Name, len(p.Data)))
		}
		if list := strings.Join(got, ", "); err != nil || !ok || list != want {
			t.Errorf("%s: %s %v", name, list, err)
		}
	}
	if _, ok, _ := New().Unpack([]byte("nothing of ours")); ok {
		t.Error("took a foreign file")
	}
	if _, ok, err := New().Unpack(files["core22.sota"]); !ok || err == nil || !strings.Contains(err.Error(), "soc_tools") {
		t.Errorf("core22.sota: %v", err)
	}
}

// TestForeignFiles refuses by name what LuatOS does not take.
func TestForeignFiles(t *testing.T) {
	files := vectorFiles(t)
	for name, want := range map[string]string{"at.bin": "AT firmware", "signed.par": "signed delta", "v_fwd.par": "without LuatOS' head"} {
		if _, err := ParsePackage(files[name]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyBlocks keeps a stream of empty blocks from filling the memory.
func TestManyBlocks(t *testing.T) {
	s := &Section{Magic: magicEC618, Stream: make([]byte, 5*(maxBlocks+10)), DataLen: 9, BlockLen: BlockLen, StartAddr: 0x2CC000}
	s.TotalLen = uint32(len(s.Stream))
	if blocks, err := s.Blocks(); err == nil || len(blocks) != maxBlocks {
		t.Errorf("%d blocks, %v", len(blocks), err)
	}
	f := inspect(t, NewPackage(EC618, s.Encode(), nil).Encode())
	if g := findField(f, "more"); g == nil || f.Worst() != explain.Bad {
		t.Errorf("%d fields", len(f.Fields))
	}
}

// FuzzInspect gives inspect and unpack anything: trees stay within the file,
// and nothing panics.
func FuzzInspect(f *testing.F) {
	for _, data := range vectorFiles(f) {
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	fam := New()
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = fam.Unpack(data)
		tree, ok := fam.Inspect(data)
		if ok && tree.Len != int64(len(data)) {
			t.Fatalf("the root has %d bytes, the file %d", tree.Len, len(data))
		}
	})
}
