package rda8910

import (
	"bytes"
	"strings"
	"testing"

	"airlift/flash/explain"
)

func checkInspect(t testing.TB, b []byte, want explain.Verdict) *explain.Field {
	t.Helper()
	f, ok := New().Inspect(b)
	if !ok {
		t.Fatalf("%d bytes beginning with % X are not recognised", len(b), b[:min(8, len(b))])
	}
	if got := f.Worst(); got != want {
		t.Errorf("%s: verdict %q, expected %q: %s", f.Name, got, want, faults(f))
	}
	return f
}

// faults lists what is wrong in a tree.
func faults(f *explain.Field) string {
	var b strings.Builder
	if f.Verdict == explain.Bad || f.Verdict == explain.Warn {
		b.WriteString(f.Name + ": " + f.Value + ": " + f.Meaning + "\n")
	}
	for i := range f.Fields {
		b.WriteString(faults(&f.Fields[i]))
	}
	return b.String()
}

// TestInspect explains one file of each format, and checks what it says of
// damaged ones.
func TestInspect(t *testing.T) {
	app := appVector(t)
	change := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at]++
		return b
	}
	luaStream := func(data []byte) []byte {
		return (&Stream{Files: []StreamFile{{Tag: TagApp, Data: data}}}).Encode()
	}
	coreStream := func(data []byte) []byte {
		return (&Stream{Files: []StreamFile{{Tag: TagCore, Data: data}}}).Encode()
	}
	image := testUImage([]byte("boot code"))
	prog := testAppImage()
	pac := testPac(image).Encode()
	for _, c := range []struct {
		name string
		b    []byte
		v    explain.Verdict
		says string
	}{
		{"stream", bothVector(t), explain.OK, ""},
		{"app", app, explain.OK, ""},
		{"app with trailer", append(bytes.Clone(app), AppTrailer...), explain.OK, ""},
		{"app with a wrong MD5", append(change(app, 60), AppTrailer...), explain.Bad, "-95 (core V302043) or -96"},
		{"script without MD5", luaStream([]byte{1, 4, 0x5A, 0xA5, 0x5A, 0xA5, 2, 2, 1, 0}), explain.Bad, "looks for no MD5"},
		{"no script at all", luaStream([]byte("hello")), explain.Bad, "neither script image nor APPIMG"},
		{"three files", change(bothVector(t)[:240], 4), explain.Bad, "fota_process returns -96"},
		{"cut stream", bothVector(t)[:200], explain.Bad, "fota_end returns -96"},
		{"more behind", append(bothVector(t), 1), explain.Bad, "fota_process returns -96"},
		{"same tag twice", (&Stream{Files: []StreamFile{{Tag: TagApp, Data: app}, {Tag: TagApp, Data: app}}}).Encode(), explain.Bad, "the state becomes -98, fota_process returns 0"},
		{"empty file", luaStream(nil), explain.Bad, "gives -96 in fota_end"},
		{"no pack", coreStream([]byte("RDAOTA03")), explain.Bad, "no RDAOTA02"},
		{"pack with a wrong CRC", coreStream(change(unhex(t, miniPack), 80)), explain.Bad, refusedByCore},
		{"pack of version 1", []byte("RDAOTA01 and so on"), explain.Bad, "wants RDAOTA02"},
		{"stage", unhex(t, "0300000007000000"), explain.OK, ""},
		{"LZMAR", unhex(t, scriptLZMAR), explain.OK, ""},
		{"damaged LZMAR", change(unhex(t, scriptLZMAR), 40), explain.Bad, "LZMAR"},
		{"cut LZMAR", unhex(t, scriptLZMAR)[:60], explain.Bad, "stream_size"},
		{"uImage", image, explain.OK, ""},
		{"uImage with a wrong CRC", change(image, 70), explain.Bad, "jumps into it"},
		{"cut uImage", image[:66], explain.Bad, "size of the image"},
		{"APPIMG", prog, explain.OK, ""},
		{"damaged APPIMG", luaStream(change(prog, 130)), explain.Bad, "V302340 returns -96"},
		{"pac", pac, explain.OK, ""},
		{"damaged pac", change(pac, 3000), explain.Bad, "the CRC is"},
	} {
		f := checkInspect(t, c.b, c.v)
		if text := faults(f); !strings.Contains(text, c.says) {
			t.Errorf("%s: nothing says %q: %s", c.name, c.says, text)
		}
	}
}

// TestForeign checks that files of others are left to them.
func TestForeign(t *testing.T) {
	for name, b := range map[string][]byte{
		"EC618 AT firmware": append([]byte{0x7E, 0, 0, 0, 1, 0x7D, 0, 0, 0, 2}, 0xEC, 0xDF),
		"script image":      unhex(t, scriptVector),
		"text":              []byte("hello, this is no file of the family"),
		"nothing":           nil,
	} {
		if f, ok := New().Inspect(b); ok {
			t.Errorf("%s is explained as %s", name, f.Name)
		}
		if _, ok, _ := New().Unpack(b); ok {
			t.Errorf("%s is unpacked", name)
		}
	}
}

func TestUnpack(t *testing.T) {
	upgrade, err := MakeUpgrade(UpgradeInput{CPVersion: 0x8910A002, AP: testUImage(make([]byte, 100000)), Script: unhex(t, scriptVector), CPPack: unhex(t, miniPack)})
	if err != nil {
		t.Fatal(err)
	}
	checkInspect(t, upgrade, explain.OK)
	for _, c := range []struct {
		name  string
		b     []byte
		parts string
	}{
		{"stream", bothVector(t), "0-app.bin 0-app/main.lua 1-core.bin 1-core/0-raw_flash-0.bin"},
		{"app", append(appVector(t), AppTrailer...), "main.lua"},
		{"upgrade", upgrade, "0-0x010000.bin 1-0x230000.bin 1-0x230000/main.lua cp.pack"},
		{"LZMAR", unhex(t, scriptLZMAR), "plain.bin"},
		{"pac", testPac(testUImage([]byte("x"))).Encode(), "00-BOOTLOADER.bin 00-BOOTLOADER/data.bin"},
	} {
		parts, ok, err := New().Unpack(c.b)
		var names []string
		for _, p := range parts {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); !ok || err != nil || got != c.parts {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if _, ok, err := New().Unpack(c.b[:len(c.b)/2]); ok && err == nil {
			t.Errorf("%s, cut: no error", c.name)
		}
	}
}
