package xt804

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
	"airlift/flash/explain"
)

// TestG3Maps is the table of xt804.md 1.3, sizes in KiB.
func TestG3Maps(t *testing.T) {
	small := func(base int64, app int64) [][2]int64 {
		return [][2]int64{{0, 64}, {0x10000, 4}, {0x11000, app}, {base + 0xD0000, 64}, {base + 0xE0000, 64}, {base + 0xF0000, 40}, {base + 0xFA000, 16}, {base + 0xFE000, 8}}
	}
	names := []string{PartSecboot, PartFota, PartApp, PartKV, PartScript, PartFS, "reserved", PartSysparam}
	kinds := []string{"boot", "ota", "app", "data", "script", "fs", "reserved", "sysparam"}
	want := map[string][][2]int64{
		"Air101": small(0x100000, 1788), "Air690": small(0x100000, 1788), "Air103": small(0, 764), "Air601": small(0, 764),
		"Air6208": {{0, 64}, {0x10000, 2048}, {0x210000, 2112}, {0x420000, 64}, {0x430000, 512}, {0x4B0000, 3328}, {0x7F0000, 56}, {0x7FE000, 8}},
	}
	for i := range specs {
		l, err := specs[i].layout(G3, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, w := range want[specs[i].name] {
			p := l.Part(names[k])
			if p.Off != w[0] || p.Size != w[1]*kib || p.Kind != kinds[k] {
				t.Errorf("%s: %+v, want %s at 0x%X, %dK", specs[i].name, p, names[k], w[0], w[1])
			}
		}
		if l.RAMEnd != 0x20028000 {
			t.Errorf("%s: ram_end 0x%08X", specs[i].name, l.RAMEnd)
		}
	}
}

const goodCSV = `# a comment
# flash_base = 0x08000000
# flash_size = 1M
#ram_end=0x20028000

secboot , boot, 0, 64k
fota,ota,0x010000,4096
app,app,0x011000,764K
kv,data,0x0D0000,0x10000
script,script,917504,64K
fs,fs,0x0F0000,40K
sysparam,sysparam,0x0FE000,8K`

func TestParseCSVForms(t *testing.T) {
	for name, text := range map[string]string{"lf": goodCSV, "crlf": strings.ReplaceAll(goodCSV, "\n", "\r\n"), "newline at end": goodCSV + "\n"} {
		l, err := ParseCSV([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := specs[2].layout(G3, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(l, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, l, want)
		}
	}
}

func TestParseCSVRefuses(t *testing.T) {
	sub := func(pairs ...string) string {
		s := goodCSV
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(s, pairs[i]) {
				panic(pairs[i])
			}
			s = strings.Replace(s, pairs[i], pairs[i+1], 1)
		}
		return s
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "flash_base"},
		{"no flash_base", sub("# flash_base = 0x08000000\n", ""), "line 11: end of file: expected a line \"# flash_base"},
		{"no flash_size", sub("flash_size", "size"), "# flash_size"},
		{"no ram_end", sub("ram_end", "end_ram"), "# ram_end"},
		{"flash_base", sub("0x08000000", "0x09000000"), "line 2: flash_base"},
		{"flash_base no number", sub("0x08000000", "08000000x"), "line 2: flash_base"},
		{"flash_size odd", sub("1M", "1100K"), "line 3: flash_size"},
		{"twice", sub("# a comment", "# ram_end = 1"), "line 4: ram_end"},
		{"fields", sub("fota,ota,", "fota,"), "line 7: partition: expected four fields"},
		{"no name", sub("fota,ota", ",ota"), "line 7: partition name"},
		{"bad name", sub("fota,ota", "fo ta,ota"), "line 7: partition name"},
		{"offset", sub("0x011000", "11000h"), "line 8: offset of app"},
		{"offset suffix", sub("0x011000", "68K"), "line 8: offset of app"},
		{"negative", sub("0x011000", "-4096"), "line 8: offset of app"},
		{"size", sub("764K", "764KB"), "line 8: size of app"},
		{"size hex suffix", sub("0x10000", "0x10000K"), "line 9: size of kv"},
		{"size zero", sub("764K", "0"), "line 8: size of app"},
		{"size huge", sub("764K", "99999999999K"), "line 8: size of app"},
		{"size overflow", sub("764K", "4294967295M"), "line 8: size of app"},
		{"order", sub("secboot , boot, 0, 64k\nfota,ota,0x010000,4096", "fota,ota,0x010000,4096\nsecboot , boot, 0, 64k"), "line 7: offset of secboot"},
		{"overlap", sub("764K", "768K"), "line 9: offset of kv: expected at least 0x0D1000"},
		{"beyond", sub("0x0FE000,8K", "0x0FE000,16K"), "line 12: end of sysparam: expected at most flash_size"},
		{"no sysparam", sub("sysparam,", "params,"), "end of file: expected a partition sysparam"},
		{"sysparam elsewhere", sub("0x0FE000,8K", "0x0FD000,8K"), "line 12: sysparam: expected exactly the last 8K"},
		{"in the tail", sub("0x0F0000,40K", "0x0F0000,44K"), "line 11: end of fs: expected at most 0x0FA000"},
		{"off the grid", sub("0x010000,4096", "0x010000,4095"), "line 7: fota: expected multiples of 4K"},
		{"same name", sub("kv,data", "app,data"), "line 9: name"},
		{"no app", sub("app,app", "core,app"), "no partition \"app\""},
		{"secboot elsewhere", sub("boot, 0, 64k", "boot, 0x1000, 60k"), "secboot"},
		// Several things wrong: the first check of the build wins.
		{"metadata before order", sub("ram_end", "x", "0x0D0000", "0"), "# ram_end"},
		{"order before overlap", sub("764K", "768K", "0x0F0000", "0"), "line 11: offset of fs"},
		{"overlap before end", sub("764K", "768K", "8K", "16K"), "line 9: offset of kv"},
		{"end before sysparam", sub("sysparam,sysparam,0x0FE000,8K", "x,x,0x0FE000,16K"), "line 12: end of x"},
		{"sysparam before tail", sub("40K", "44K", "0x0FE000,8K", "0x0FF000,4K"), "line 12: sysparam"},
	} {
		_, err := ParseCSV([]byte(c.text))
		var fe *explain.FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", c.name, err, c.want)
		}
		if fe != nil && fe.Off > int64(len(c.text)) {
			t.Errorf("%s: offset %d of %d", c.name, fe.Off, len(c.text))
		}
	}
	if _, err := ParseCSV(bytes.Repeat([]byte("#\n"), maxCSVBytes)); err == nil {
		t.Error("a huge file was read")
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "p%d,x,%d,4K\n", i, i*4096)
	}
	if _, err := ParseCSV([]byte(many.String())); err == nil || !strings.Contains(err.Error(), "line 49: partitions") {
		t.Errorf("1000 partitions: %v", err)
	}
}

// TestCSVRoundTrip draws maps, writes and reads them.
func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := int64(1) << rapid.IntRange(20, 25).Draw(t, "size")
		sectors := (size - systemTail) / flash.DefaultSectorSize
		names := []string{PartSecboot, PartFota, PartApp, "extra", PartKV, PartScript, PartFS}
		cuts := rapid.SliceOfNDistinct(rapid.Int64Range(17, sectors), len(names), len(names), rapid.ID[int64]).Draw(t, "cuts")
		ends := append([]int64(nil), cuts...)
		for i := range ends { // sort
			for k := range i {
				if ends[k] > ends[i] {
					ends[k], ends[i] = ends[i], ends[k]
				}
			}
		}
		l := Layout{FlashSize: size, RAMEnd: DefaultRAMEnd}
		at := int64(0)
		for i, name := range names {
			l.Table = append(l.Table, flash.Partition{Name: name, Kind: "k", Off: at * 4096, Size: (ends[i] - at) * 4096})
			at = ends[i]
		}
		l.Table = append(l.Table, flash.Partition{Name: PartSysparam, Kind: "sysparam", Off: size - sysparamSize, Size: sysparamSize})
		got, err := ParseCSV(l.CSV())
		if err != nil {
			t.Fatalf("%v\n%s", err, l.CSV())
		}
		for _, p := range l.Table {
			if q, ok := got.Table.Lookup(p.Name); !ok || q != p {
				t.Fatalf("%+v became %+v", p, q)
			}
		}
		if string(got.CSV()) != string(l.CSV()) {
			t.Fatalf("written again:\n%s\nfirst:\n%s", got.CSV(), l.CSV())
		}
	})
}

func TestParseConf(t *testing.T) {
	text := "/* #define LUAT_USE_FDB\n */ #define LUAT_FS_SIZE 96 // KiB\n//#define LUAT_USE_FOTA 1\n#define LUAT_SCRIPT_SIZE (128)\r\n#define LUAT_USE_FSKV 1\n"
	l, err := ParseConf(G2, 2<<20, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	in := DefaultMap(2<<20, false)
	in.FSKiB, in.ScriptKiB = 96, 128
	want, err := ComputeG2(in)
	if err != nil || !reflect.DeepEqual(l, want) {
		t.Errorf("got %+v, want %+v, %v", l, want, err)
	}
	l, err = ParseConf(G2Fota, 1<<20, []byte("#define LUAT_USE_FOTA\n"))
	if err != nil || l.Part(PartKV).Size != 0 || l.FotaRoom() <= 4096 {
		t.Errorf("without kv: %+v, %v", l, err)
	}
	for _, c := range []struct {
		g          Generation
		text, want string
	}{
		{G2, "#define LUAT_USE_FOTA 1", "profile"},
		{G2Fota, "", "LUAT_USE_FOTA"},
		{G2, "\n#define LUAT_FS_SIZE big", "line 2: LUAT_FS_SIZE"},
		{G2, "#define LUAT_FS_SIZE", "line 1: LUAT_FS_SIZE"},
		{G2, "#define LUAT_FS_SIZE -4", "line 1: LUAT_FS_SIZE"},
		{G2, "#define LUAT_SCRIPT_SIZE 2000", "leave no room"},
		{G2, "#define LUAT_SCRIPT_SIZE 10000", "script area of"},
		{G1, "#define FLASH_FS_REGION_SIZE 40", "script area of"},
	} {
		if _, err := ParseConf(c.g, 1<<20, []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %q: %v, want %s", c.g, c.text, err, c.want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(goodCSV))
	for i := range specs {
		text, err := maps.ReadFile("maps/" + specs[i].csv + ".csv")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("# flash_base=0x08000000\n# flash_size=0xffffffff\n# ram_end=0\na,b,4294967295,4095M\n"))
	f.Add([]byte("#define LUAT_FS_SIZE 48\n#define LUAT_USE_FOTA\n/*"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, g := range []Generation{G1, G2, G2Fota} {
			if l, err := ParseConf(g, 1<<20, text); err == nil && l.Table.Check(flash.NOR(l.FlashSize)) != nil {
				t.Errorf("ParseConf gave a bad table")
			}
		}
		l, err := ParseCSV(text)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) || fe.Off < 0 || fe.Off > int64(len(text)) {
				t.Errorf("error %v of %d bytes", err, len(text))
			}
			return
		}
		if err := l.Table.Check(flash.NOR(l.FlashSize)); err != nil {
			t.Error(err)
		}
		again, err := ParseCSV(l.CSV())
		if err != nil || again.Header != l.Header {
			t.Errorf("written and read again: %v\n%s", err, l.CSV())
		}
	})
}
