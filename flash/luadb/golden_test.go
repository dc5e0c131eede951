package luadb

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// imageL is the 113-byte image of xt804.md 7.3.
const imageL = "01045aa55aa50202020003041800000004020200fe02300301045aa55aa502086d61696e2e6c7561030409000000fe023206" +
	"7072696e742831290a01045aa55aa502142e6169726d326d5f616c6c5f637263232e62696e030410000000fe025f0abb362d65b7c35005f73395729975c26a"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustBuild(t testing.TB, files []File, opts Options) []byte {
	t.Helper()
	img, err := Build(files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestBuildImageL(t *testing.T) {
	img := mustBuild(t, []File{{"main.lua", []byte("print(1)\n")}}, Options{})
	if want := unhex(t, imageL); !bytes.Equal(img, want) {
		t.Fatalf("got  %x\nwant %x", img, want)
	}
	sum := sha256.Sum256(img)
	if got, want := hex.EncodeToString(sum[:]), "5f0bd6e1978f224a0b85bf1ae886994abe95b13e622d8332dad3be3f2d3e44f6"; got != want {
		t.Errorf("sha256 %s, want %s", got, want)
	}
}

func TestBuild708(t *testing.T) {
	img := mustBuild(t, []File{{"main.lua", []byte("-- " + strings.Repeat("x", 600) + "\n")}}, Options{})
	if len(img) != 708 {
		t.Fatalf("%d bytes, want 708", len(img))
	}
	if got, want := hex.EncodeToString(img[708-md5.Size:]), "374c44db1aadc6c1ecbda222c59c6c98"; got != want {
		t.Errorf("trailer %s, want %s", got, want)
	}
}

// Header of an image that LuaTools made, its first file's block and the
// beginning of its data (luadb-and-packages.md 10.7, 10.1).
func TestBuildHeaders(t *testing.T) {
	fill := func(n int) []byte { return make([]byte, n) }
	for _, c := range []struct {
		name  string
		files []File
		head  string
	}{
		{"XT804 script_32bit.img", []File{{"main.luac", fill(2654)}},
			`01 04 5A A5 5A A5 02 02 02 00 03 04 18 00 00 00 04 02 02 00 FE 02 30 03
			 01 04 5A A5 5A A5 02 09 6D 61 69 6E 2E 6C 75 61 63 03 04 5E 0A 00 00 FE 02 F5 06`},
		{"EC7xx fota_uart.bin", []File{{"explorer.html", fill(17658)}, {"main.luac", fill(541)}, {"fota_uart.luac", fill(2965)}},
			`01 04 5A A5 5A A5 02 02 02 00 03 04 18 00 00 00 04 02 04 00 FE 02 32 03
			 01 04 5A A5 5A A5 02 0E 66 6F 74 61 5F 75 61 72 74 2E 6C 75 61 63 03 04 95 0B 00 00 FE 02 52 09`},
		{"Air8101 fota_uart.bin", []File{{"fota_uart.luac", fill(4922)}, {"main.luac", fill(777)}, {"explorer.html", fill(17658)}},
			`01 04 5A A5 5A A5 02 02 02 00 03 04 18 00 00 00 04 02 04 00 FE 02 32 03
			 01 04 5A A5 5A A5 02 0E 66 6F 74 61 5F 75 61 72 74 2E 6C 75 61 63 03 04 3A 13 00 00 FE 02 FF 08`},
	} {
		img := mustBuild(t, c.files, Options{PadTo: PadLuaTools})
		if want := unhex(t, strings.ReplaceAll(c.head, "\t", "")); !bytes.HasPrefix(img, want) {
			t.Errorf("%s:\n got  % X\n want % X", c.name, img[:len(want)], want)
		}
		if len(img)%1024 != 0 {
			t.Errorf("%s: %d bytes are no multiple of 1024", c.name, len(img))
		}
	}
}

// Sizes that the references give for real images.
func TestBuildSizes(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]int
		end   int64
		pad   int
	}{
		{"XT804 script_32bit.img", map[string]int{"main.luac": 2654}, 2759, 3072 - 2759},
		{"EC7xx 4e363a80", map[string]int{"fota_uart.luac": 5218, "main.luac": 758, "explorer.html": 17658}, 0x5CFA, 0x6000 - 0x5CFA},
		{"Air8101 fota_uart.bin", map[string]int{"fota_uart.luac": 4922, "main.luac": 777, "explorer.html": 17658}, 23552 - 27, 27},
		{"EC618 8c392d65, not padded", map[string]int{"main.luac": 2734}, 2839, 0},
	} {
		var files []File
		for name, n := range c.files {
			files = append(files, File{name, make([]byte, n)})
		}
		var opts Options
		if c.pad > 0 {
			opts.PadTo = PadLuaTools
		}
		img, err := Parse(mustBuild(t, files, opts))
		if err != nil {
			t.Fatal(err)
		}
		if img.End != c.end || len(img.Padding()) != c.pad {
			t.Errorf("%s: ends at %d with %d bytes of padding, want %d and %d", c.name, img.End, len(img.Padding()), c.end, c.pad)
		}
	}
}

// The sum of the header is 0x032E plus the file count, that of every trailer
// block 0x0A5F (luadb-and-packages.md 1.3, 1.6).
func TestCheckSums(t *testing.T) {
	for count, want := range map[int]uint16{2: 0x0330, 4: 0x0332, 5: 0x0333, 6: 0x0334, 8: 0x0336, 9: 0x0337, 255: 0x032E + 255} {
		var files []File
		for i := range count - 1 {
			files = append(files, File{Name: string(rune('a'+i%26)) + strings.Repeat("x", i/26)})
		}
		img := mustBuild(t, files, Options{})
		if got := uint16(img[22]) | uint16(img[23])<<8; got != want {
			t.Errorf("%d files: header sum 0x%04X, want 0x%04X", count, got, want)
		}
		if got := img[len(img)-18 : len(img)-16]; got[0] != 0x5F || got[1] != 0x0A {
			t.Errorf("%d files: trailer sum % X", count, got)
		}
	}
}

func TestBuildOrder(t *testing.T) {
	names := func(opts Options) string {
		var files []File
		for _, n := range []string{"b.txt", "main.luac", "A.png", "Z.luac", "a.lua", "c.luac", "B.txt"} {
			files = append(files, File{Name: n})
		}
		img, err := Parse(mustBuild(t, files, opts))
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, e := range img.Files {
			list = append(list, e.Name)
		}
		return strings.Join(list, " ")
	}
	if got, want := names(Options{}), "Z.luac c.luac main.luac a.lua A.png B.txt b.txt "+TrailerName; got != want {
		t.Errorf("LuaTools order: %s, want %s", got, want)
	}
	if got, want := names(Options{KeepOrder: true, NoTrailer: true}), "b.txt main.luac A.png Z.luac a.lua c.luac B.txt"; got != want {
		t.Errorf("given order: %s, want %s", got, want)
	}
}

func TestBuildRefuses(t *testing.T) {
	many := make([]File, 1025)
	for i := range many {
		many[i].Name = strings.Repeat("n", 1+i%31) + string(rune('0'+i/31))
		many[i].Name = many[i].Name[len(many[i].Name)-min(31, len(many[i].Name)):]
	}
	for _, c := range []struct {
		name  string
		files []File
		opts  Options
		want  string
	}{
		{"no name", []File{{}}, Options{}, "no name"},
		{"32 bytes", []File{{Name: strings.Repeat("x", 32)}}, Options{}, "32 bytes"},
		{"folder", []File{{Name: "lib/x.lua"}}, Options{}, "path separator"},
		{"Windows folder", []File{{Name: `lib\x.lua`}}, Options{}, "path separator"},
		{"parent", []File{{Name: ".."}}, Options{}, "folder"},
		{"NUL", []File{{Name: "a\x00b"}}, Options{}, "NUL"},
		{"twice", []File{{Name: "a"}, {Name: "b"}, {Name: "a"}}, Options{}, "twice"},
		{"trailer", []File{{Name: TrailerName}}, Options{}, "trailer"},
		{"too many", many[:1024], Options{}, "1024 files are too many: expected at most 1023"},
		{"too many without trailer", many, Options{NoTrailer: true}, "1025 files are too many"},
		{"nothing", nil, Options{NoTrailer: true}, "no files"},
		{"padding", []File{{Name: "a"}}, Options{PadTo: -1}, "padding"},
	} {
		if _, err := Build(c.files, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, good := range []struct {
		files []File
		opts  Options
	}{
		{nil, Options{}}, // a trailer alone
		{[]File{{Name: strings.Repeat("x", 31)}}, Options{}},
		{[]File{{Name: TrailerName}}, Options{NoTrailer: true}},
		{[]File{{Name: "中文.lua"}, {Name: "\xFF\xFE"}}, Options{}},
	} {
		if _, err := Parse(mustBuild(t, good.files, good.opts)); err != nil {
			t.Error(err)
		}
	}
}
