package luadb

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
	"airlift/flash/explain"
)

const (
	headHex = "01045aa55aa5 02020200 030418000000 04020100 fe022f03"
	fileHex = "01045aa55aa5 020161 030402000000 fe027003 6869" // a: hi
)

func TestParseVariants(t *testing.T) {
	for _, c := range []struct {
		name     string
		hex      string
		warnings string // joined texts
	}{
		{"as LuaTools", headHex + fileHex, ""},
		{"other tools: head length 0x12, no sums", "01045aa55aa5 02020200 030412000000 04020100 fe02ffff 01045aa55aa5 020161 030402000000 fe02ffff 6869",
			"check of header is 0xFFFF, the bytes add up to 0x0329; no firmware looks at it|header length 0x12: LuaTools writes 0x18, the reader ignores it|check of file \"a\" is 0xFFFF, the bytes add up to 0x0370; no firmware looks at it"},
		{"byte order slip", "01045aa55aa5 02020200 030400000018 04020100 fe022f03" + fileHex, "header length 0x18000000: LuaTools writes 0x18, the reader ignores it"},
		{"one-byte count", "01045aa55aa5 02020200 030417000000 040101 fe022d03" + fileHex, "header length 0x17: LuaTools writes 0x18, the reader ignores it"},
		{"unknown elements", "01045aa55aa5 7703010203 02020200 030418000000 04020100 9900 fe024904" + fileHex,
			"unknown header element 0x77 of 3 bytes|unknown header element 0x99 of 0 bytes|check of header is 0x0449, the bytes add up to 0x0448; no firmware looks at it"},
		{"magic last", "02020200 030418000000 04020100 01045aa55aa5 fe022f03" + fileHex, ""},
		{"version 7", "01045aa55aa5 02020700 030418000000 04020100 fe023403" + fileHex, "version 7: tools write 2"},
		{"wrong magic and check in a file", headHex + "0104deadbeef 020161 030402000000 fe031122336869",
			"luadb magic of file 1 of 1 is 01 04 DE AD BE EF; the reader skips it|check of file \"a\" has 3 bytes: tools write 2"},
		{"bytes behind", headHex + fileHex + "ffff00", ""},
		{"128 header elements and no check", "01045aa55aa5 02020200 030418000000 04020100" + strings.Repeat("9900", 124) + fileHex, strings.TrimSuffix(strings.Repeat("unknown header element 0x99 of 0 bytes|", 124), "|")},
	} {
		data := unhex(t, c.hex)
		img, err := Parse(data)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var texts []string
		for _, w := range img.Warnings {
			texts = append(texts, w.Text)
		}
		if got := strings.Join(texts, "|"); got != c.warnings {
			t.Errorf("%s: warnings\n got  %s\n want %s", c.name, got, c.warnings)
		}
		if len(img.Files) != 1 || img.Files[0].Name != "a" || string(img.Files[0].Data) != "hi" {
			t.Errorf("%s: files %+v", c.name, img.Files)
			continue
		}
		if e := img.Files[0]; &e.Data[0] != &data[e.Off] {
			t.Errorf("%s: the data are a copy", c.name)
		}
		if want := int64(bytes.LastIndex(data, []byte("hi")) + 2); img.End != want || !bytes.Equal(img.Bytes(), data[:want]) || !bytes.Equal(img.Padding(), data[want:]) {
			t.Errorf("%s: end %d, want %d", c.name, img.End, want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	for _, c := range []struct {
		name   string
		hex    string
		device string
		off    int64
		text   string
	}{
		{"nothing", "", DeviceBad, 0, "no data"},
		{"erased", strings.Repeat("ff", 4096), DeviceBad, 0, "erased flash"},
		{"erased, long", strings.Repeat("ff", 40000), DeviceBad, 0, "erased flash"},
		{"zeros", strings.Repeat("00", 4096), DeviceBad, 0, "no script image"},
		{"text", "7072696e742831290a", DeviceBad, 0, "no script image"},
		{"wrong magic", "01045aa55aa6 02020200", DeviceBad, 0, "found 01 04 5A A5 5A A6"},
		{"short magic", "01025aa5 02020200 030418000000 04020100 fe020000", DeviceBad, 0, "found 01 02"},
		{"no magic", "02020200 030418000000 04020100 fe022f03" + fileHex, DeviceBad, 0, "no script image"},
		{"Air724, version 0", "01045aa55aa5 02020000 030417000000 040116 fe024003", DeviceVersion, 0, "Air724"},
		{"no version", "01045aa55aa5 030418000000 04020100 fe022f03" + fileHex, DeviceVersion, 0, "version"},
		{"version of 5 bytes", "01045aa55aa5 02050200000000 030418000000 04020100 fe022f03" + fileHex, DeviceVersion, 0, "version"},
		{"no head size", "01045aa55aa5 02020200 04020100 fe022f03" + fileHex, DeviceHeadSize, 0, "header length"},
		{"head size 0", "01045aa55aa5 02020200 030400000000 04020100 fe022f03" + fileHex, DeviceHeadSize, 0, "header length"},
		{"no count", "01045aa55aa5 02020200 030418000000 fe022f03" + fileHex, DeviceCount, 0, "file count"},
		{"count 0", "01045aa55aa5 02020200 030418000000 04020000 fe022f03", DeviceCount, 0, "file count"},
		{"count 1025", "01045aa55aa5 02020200 030418000000 04020104 fe022f03", DeviceTooMany, 0, "1025"},
		{"cut in the header", "01045aa55aa5 02020200 0304180000", DeviceBad, 10, "cut short"},
		{"file missing", headHex, DeviceBad, 24, "cut short"},
		{"second file missing", "01045aa55aa5 02020200 030418000000 04020200 fe023003" + fileHex, DeviceBad, 45, "file 2 of 2"},
		{"cut in the name", headHex + "01045aa55aa5 0209 61", DeviceBad, 30, "cut short"},
		{"cut in the data", headHex + "01045aa55aa5 020161 030402000000 fe020000 68", DeviceBad, 33, "at most the 1 bytes"},
		{"size 4 GiB", headHex + "01045aa55aa5 020161 0304ffffffff fe020000 6869", DeviceBad, 33, "found 4294967295"},
		{"size of 2 bytes", headHex + "01045aa55aa5 020161 03020200 fe020000 6869", DeviceBad, 33, "4 bytes"},
		{"wrong order", headHex + "01045aa55aa5 030402000000 020161 fe020000 6869", DeviceBad, 30, "type byte 02"},
		{"no magic in a file", headHex + "020161 030402000000 fe020000 6869", DeviceBad, 24, "type byte 01"},
		{"name of 32 bytes", headHex + "01045aa55aa5 0220" + strings.Repeat("61", 32) + "030402000000 fe020000 6869", DeviceBad, 30, "32-byte field"},
	} {
		data := unhex(t, c.hex)
		_, err := Parse(data)
		var fe *explain.FormatError
		if !errors.As(err, &fe) || DeviceText(err) != c.device || fe.Off != c.off || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %q, %v, want %q at 0x%X with %q", c.name, DeviceText(err), err, c.device, c.off, c.text)
		}
		f := Explain(data)
		if f.Worst() != explain.Bad || !strings.Contains(f.Meaning, c.device) {
			t.Errorf("%s: Explain: %+v", c.name, *f)
		}
	}
	err := fmt.Errorf("mount: %w", explain.InFile(second(Parse(nil)), "x.bin"))
	if !strings.HasPrefix(err.Error(), "mount: x.bin: offset 0x0") || DeviceText(err) != DeviceBad || DeviceText(errors.New("other")) != "" {
		t.Errorf("wrapped: %v", err)
	}
}

func second(_ *Image, err error) error { return err }

func TestTrailer(t *testing.T) {
	img := mustBuild(t, []File{{"main.lua", []byte("print(1)\n")}}, Options{PadTo: 1024})
	p, err := Parse(img)
	if err != nil {
		t.Fatal(err)
	}
	tr, ok := p.Trailer()
	if !ok || !tr.Good || tr.Off != 97 || !bytes.Equal(tr.Data, unhex(t, "bb362d65b7c35005f73395729975c26a")) {
		t.Errorf("%v %+v", ok, tr)
	}
	img[55] ^= 1
	p, _ = Parse(img)
	if tr, ok := p.Trailer(); !ok || tr.Good {
		t.Errorf("changed: %v %+v", ok, tr)
	}
	if f := Explain(img); f.Worst() != explain.Bad {
		t.Errorf("changed: Explain finds nothing")
	}
	p, _ = Parse(mustBuild(t, []File{{"a", nil}}, Options{NoTrailer: true}))
	if _, ok := p.Trailer(); ok {
		t.Error("a trailer where there is none")
	}
	p, _ = Parse(mustBuild(t, []File{{TrailerName, []byte("short")}}, Options{NoTrailer: true}))
	if _, ok := p.Trailer(); ok {
		t.Error("a trailer of 5 bytes")
	}
}

func drawFiles(t *rapid.T) []File {
	names := rapid.SliceOfNDistinct(rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z_]{1,20}\.(luac|lua|txt)`),
		rapid.StringMatching(`[ -.0-\[\]-~]{3,31}`),
		rapid.Just("main.luac"),
	), 0, 12, rapid.ID[string]).Draw(t, "names")
	var files []File
	for _, n := range names {
		files = append(files, File{n, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, n)})
	}
	return files
}

func TestBuildParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := drawFiles(t)
		opts := Options{
			NoTrailer: len(files) > 0 && rapid.Bool().Draw(t, "no trailer"),
			PadTo:     rapid.SampledFrom([]int64{0, 0, 1024, 4096, 7}).Draw(t, "pad"),
			KeepOrder: rapid.Bool().Draw(t, "keep order"),
		}
		data, err := Build(files, opts)
		if err != nil {
			t.Fatal(err)
		}
		img, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if cap(data) != len(data) {
			t.Fatalf("the size was counted as %d, it is %d", cap(data), len(data))
		}
		if len(img.Warnings) > 0 || Explain(data).Worst() != explain.OK {
			t.Fatalf("warnings %v", img.Warnings)
		}
		tr, ok := img.Trailer()
		if ok == opts.NoTrailer || ok && !tr.Good {
			t.Fatalf("trailer: %v, %+v", ok, tr)
		}
		if pad := img.Padding(); len(bytes.Trim(pad, "\x00")) > 0 || opts.PadTo > 0 && (int64(len(data))%opts.PadTo != 0 || int64(len(pad)) >= opts.PadTo) {
			t.Fatalf("%d bytes of padding", len(pad))
		}
		got := map[string][]byte{}
		for i, e := range img.Files {
			got[e.Name] = e.Data
			if opts.KeepOrder && i < len(files) && files[i].Name != e.Name {
				t.Fatalf("file %d is %q, want %q", i, e.Name, files[i].Name)
			}
		}
		for _, f := range files {
			if d, ok := got[f.Name]; !ok || !bytes.Equal(d, f.Data) {
				t.Fatalf("file %q: %v, %q", f.Name, ok, d)
			}
		}
		if extra := len(got) - len(files); extra != 0 && opts.NoTrailer || extra != 1 && !opts.NoTrailer {
			t.Fatalf("%d files too many", extra)
		}
		// The order of the arguments does not matter to LuaTools.
		if !opts.KeepOrder {
			again, err := Build(rapid.Permutation(files).Draw(t, "shuffled"), opts)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("the order of the arguments shows: %v", err)
			}
		}
	})
}

// Every image cut short is rejected, and every single wrong byte is either
// seen or harmless; nothing panics.
func TestDamage(t *testing.T) {
	data := mustBuild(t, []File{{"main.lua", []byte("print(1)\n")}, {"b.txt", []byte("x")}}, Options{})
	for n := range data {
		if _, err := Parse(data[:n]); DeviceText(err) != DeviceBad {
			t.Errorf("cut at %d: %v", n, err)
		}
		if f := Explain(data[:n]); f.Worst() != explain.Bad {
			t.Errorf("cut at %d: Explain finds nothing", n)
		}
	}
	for i := range data {
		for bit := range 8 {
			bad := append([]byte(nil), data...)
			bad[i] ^= 1 << bit
			img, err := Parse(bad)
			if err == nil {
				if tr, ok := img.Trailer(); ok && tr.Good {
					t.Errorf("bit %d of byte %d: nobody sees it", bit, i)
				}
			}
			if Explain(bad).Worst() == explain.OK {
				t.Errorf("bit %d of byte %d: Explain finds nothing", bit, i)
			}
		}
	}
}

func TestFromRegion(t *testing.T) {
	data := mustBuild(t, []File{{"main.lua", bytes.Repeat([]byte("-- x\n"), 2000)}, {"b.txt", []byte("text")}}, Options{})
	d, err := flash.New(flash.NOR(256 * 1024))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Region("script", 65536, 65536)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromRegion(r); DeviceText(err) != DeviceBad || !strings.Contains(err.Error(), "erased") {
		t.Errorf("erased: %v", err)
	}
	d.Burn(65536, data)
	img, err := FromRegion(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(img.Bytes(), data) || img.End != int64(len(data)) || len(img.Padding()) != 0 {
		t.Error("other bytes than on the flash")
	}
	if tr, ok := img.Trailer(); !ok || !tr.Good {
		t.Error("bad trailer")
	}
	// An image that says it goes on behind the partition is cut off there.
	small, err := d.Region("small", 65536, 8192)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromRegion(small); DeviceText(err) != DeviceBad {
		t.Errorf("too long for its partition: %v", err)
	}
	d.Power().Cut()
	if _, err := FromRegion(r); !errors.Is(err, flash.ErrPowerLost) {
		t.Errorf("without power: %v", err)
	}
}

// FromRegion and Parse are one reader.
func TestFromRegionIsParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := Build(drawFiles(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "flips") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		d, _ := flash.New(flash.NOR(8192))
		r, _ := d.Region("script", 0, 8192)
		d.Burn(0, data)
		whole := d.Bytes()
		a, errA := Parse(whole)
		b, errB := FromRegion(r)
		if fmt.Sprint(errA) != fmt.Sprint(errB) {
			t.Fatalf("Parse: %v, FromRegion: %v", errA, errB)
		}
		if errA == nil && (fmt.Sprint(a.Files, a.Warnings, a.End) != fmt.Sprint(b.Files, b.Warnings, b.End)) {
			t.Fatalf("Parse: %+v, FromRegion: %+v", a, b)
		}
	})
}

func TestExplain(t *testing.T) {
	f := Explain(append(unhex(t, imageL), make([]byte, 1024-113)...))
	var lines []string
	var walk func(f *explain.Field, depth int)
	walk = func(f *explain.Field, depth int) {
		lines = append(lines, fmt.Sprintf("%s%d+%d %s=%s %s", strings.Repeat(" ", depth), f.Off, f.Len, f.Name, f.Value, f.Verdict))
		for i := range f.Fields {
			walk(&f.Fields[i], depth+1)
		}
	}
	walk(f, 0)
	want := `0+113 luadb=2 files, 113 bytes ok
 0+24 header= ok
  0+6 magic=01 04 5A A5 5A A5 ok
  6+4 version=2 ok
  10+6 header length=0x18 ok
  16+4 file count=2 ok
  20+4 check=0x0330 ok
 24+35 file=main.lua ok
  24+6 magic=01 04 5A A5 5A A5 ok
  30+10 name=main.lua ok
  40+6 size=9 ok
  46+4 check=0x0632 ok
  50+9 data=9 bytes ok
 59+54 file=.airm2m_all_crc#.bin ok
  59+6 magic=01 04 5A A5 5A A5 ok
  65+22 name=.airm2m_all_crc#.bin ok
  87+6 size=16 ok
  93+4 check=0x0A5F ok
  97+16 data=bb362d65b7c35005f73395729975c26a ok
 113+911 padding=911 bytes ok`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, imageL))
	f.Add(unhex(f, headHex+fileHex))
	f.Add(unhex(f, "01045aa55aa5020200000304170000000401 16fe024003"))
	f.Add(bytes.Repeat([]byte{0xFF}, 600))
	for _, opts := range []Options{{}, {NoTrailer: true}, {PadTo: 1024}} {
		f.Add(mustBuild(f, []File{{"main.luac", []byte("\x1bLuaS")}, {"empty", nil}, {"x.txt", bytes.Repeat([]byte{7}, 300)}}, opts))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ex := Explain(data)
		checkFieldTree(t, ex, int64(len(data)))
		img, err := Parse(data)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) || DeviceText(err) == "" || fe.Off < 0 || fe.Off > int64(len(data)) {
				t.Fatalf("error %v", err)
			}
			if ex.Worst() != explain.Bad {
				t.Fatalf("Explain sees nothing of %v", err)
			}
			return
		}
		if img.End > int64(len(data)) || len(img.Files) == 0 || len(img.Files) > MaxFiles || len(img.Warnings) > maxHeaderElements+4*len(img.Files)+1 {
			t.Fatalf("%+v", img)
		}
		img.Trailer()
		at := int64(0)
		for _, e := range img.Files {
			if len(e.Name) > MaxName || e.Block < at || e.Off < e.Block || e.Off+int64(len(e.Data)) > img.End {
				t.Fatalf("file %+v", e)
			}
			at = e.Off + int64(len(e.Data))
		}
		if at != img.End {
			t.Fatalf("files end at %d, the image at %d", at, img.End)
		}
	})
}

// checkFieldTree checks that a tree stays within what it explains.
func checkFieldTree(t *testing.T, f *explain.Field, size int64) {
	if f.Off < 0 || f.Len < 0 || f.Off > size {
		t.Fatalf("field %q at %d+%d of %d", f.Name, f.Off, f.Len, size)
	}
	for i := range f.Fields {
		checkFieldTree(t, &f.Fields[i], size)
	}
}
