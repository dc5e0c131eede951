package xt804

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sort"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
)

// codeFor returns code whose package with the given level has a gzip stream of
// more than size-1024 and at most size bytes, so that padding brings it to
// size.
func codeFor(w *world, size int, level int, seed uint64) []byte {
	w.t.Helper()
	all := SyntheticCore(synth.Info{}, int64(6*size), seed)
	length := func(n int) int { return len(gz(w.t, w.app(all[:n]), packOptions{level: level})) }
	n := sort.Search(len(all), func(n int) bool { return length(n) > size-1024 })
	if got := length(n); got > size || got <= size-1024 {
		w.t.Fatalf("no code for a package of %d bytes: %d gives %d", size, n, got)
	}
	return all[:n]
}

// TestP1MultipleOf8192 finds the sizes at which secboot loses the end of a
// package (xt804.md 6, P1). What then happens depends on what the code of all
// ones is where the input ends: a literal or a match goes on for ever; an end
// of block, a match without distances and anything in a stored block end in an
// error. 16384 and 24576 bytes were seen to end so on the real boot code.
func TestP1MultipleOf8192(t *testing.T) {
	for _, c := range []struct {
		size  int
		level int
		seed  uint64
		want  string
	}{
		{8192, 0, 1, "new"},
		{15360, 0, 1, "new"},
		{16384, 0, 1, "hang"},
		{17408, 0, 1, "new"},
		{24576, storedLevel, 1, "M"},
		{25600, 0, 1, "new"},
		{25600, storedLevel, 1, "new"},
		{16384, storedLevel, 1, "M"},
		{24576, 0, 1, "hang"},
		{32768, 0, 2, "hang"},
		{65536, 0, 3, "hang"},
		{65536, storedLevel, 3, "M"}, // after the old app was overwritten
	} {
		t.Run(fmt.Sprintf("%d level %d", c.size, c.level), func(t *testing.T) {
			w := newWorld(t, g2Layout(t))
			code := codeFor(w, c.size, c.level, c.seed)
			pkg := w.pack(w.app(code), packOptions{level: c.level})
			if len(pkg) != HeaderSize+c.size {
				t.Fatalf("package body has %d bytes", len(pkg)-HeaderSize)
			}
			org := area(w, pkg)
			w.setFlag(org)
			before := w.dev.Bytes()
			flushed := c.size%inputSize != 0 || c.size == inputSize
			if !flushed {
				want, n := expectLost(pkg[HeaderSize:])
				if want != c.want {
					t.Fatalf("the standard library makes %s of it", want)
				}
				flushed = n >= windowSize
			}
			for boot := range 2 {
				r := w.boot()
				got := outcome(w, r)
				if r.Outcome == chips.BootCore && w.runs(code) {
					got = "new"
				}
				if got != c.want {
					t.Fatalf("boot %d: %s, want %s\n%s", boot, got, c.want, w.story())
				}
			}
			if c.want == "hang" {
				checkRunaway(t, w, before)
			} else if wantFlag := map[bool]uint32{true: erasedFlag, false: org}[flushed]; w.flag() != wantFlag {
				t.Errorf("flag 0x%08X, want 0x%08X", w.flag(), wantFlag)
			}
		})
	}
}

// expectLost asks the standard library what becomes of a gzip stream of which
// the last 8192 bytes read as 0xFF, for ever. N is the output before an error.
func expectLost(body []byte) (want string, n int) {
	const enough = 4 << 20
	in := append(append([]byte(nil), body[10:len(body)-inputSize]...), bytes.Repeat([]byte{0xFF}, 2*enough)...)
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), enough))
	if err != nil {
		return "M", len(out)
	}
	return "hang", len(out)
}

// checkRunaway: everything from the app to the end of the flash was
// overwritten, nothing in front of it.
func checkRunaway(t *testing.T, w *world, before []byte) {
	t.Helper()
	app := Off(w.l.Header)
	after := w.dev.Bytes()
	if !bytes.Equal(after[:app], before[:app]) {
		t.Error("the flash in front of the app has changed")
	}
	const sector = 4096
	for off := app; off < w.dev.Size(); off += sector {
		if w.dev.Wear(off) == 0 {
			t.Fatalf("sector 0x%X was not touched", off)
		}
	}
	if w.flag() == erasedFlag {
		t.Log("the endless output is 0xFF, so the flag reads erased")
	}
}

// TestPitfalls has the pitfalls of xt804.md 6 that show in boot code. Those of
// the updater and of the core are in updater_test.go and corestage_test.go.
func TestPitfalls(t *testing.T) {
	otherLayout := func(edit func(h *Header)) func(w *world) uint32 {
		return func(w *world) uint32 {
			app := w.app(newCode())
			h := DecodeHeader(app)
			edit(&h)
			copy(app, h.Encode())
			return area(w, w.pack(app, packOptions{}))
		}
	}
	runBootCases(t, g2Layout(t), []bootCase{
		{"P2 inner body corrupt", func(w *world) uint32 {
			app := w.app(newCode())
			app[len(app)-1] ^= 1
			return area(w, w.pack(app, packOptions{}))
		}, "M", flagCleared, "M", false},
		{"P3 zip flag without gzip", func(w *world) uint32 {
			return area(w, w.pack(nil, packOptions{body: bytes.Repeat([]byte{0x55}, 3000)}))
		}, "M", flagKept, "M", true},
		{"P3 empty payload", func(w *world) uint32 { return area(w, w.pack(nil, packOptions{})) }, "M", flagKept, "M", true},
		{"P3 upgrade_img_addr elsewhere", func(w *world) uint32 {
			return area(w, newPackage(w, packOptions{edit: func(h *Header) { h.UpgradeImgAddr = FlashBase + 0x20000 }}))
		}, "M", flagKept, "M", true},
		{"P4 other layout, old app intact", otherLayout(func(h *Header) {
			h.ImgHeaderAddr, h.ImgAddr = FlashBase+0x110000, FlashBase+0x110400
		}), "old", flagCleared, "old", false},
		{"P5 payload is a raw .bin", func(w *world) uint32 { return area(w, w.pack(newCode(), packOptions{})) }, "old", flagCleared, "old", false},
		{"P25 downgrade", func(w *world) uint32 {
			img := w.app(newCode())
			h := DecodeHeader(img)
			h.Ver = [16]byte{'G', '0', '0'}
			copy(img, h.Encode())
			return area(w, w.pack(img, packOptions{}))
		}, "new", flagCleared, "new", false},
		{"P26 repair without flag", func(w *world) uint32 {
			area(w, newPackage(w, packOptions{}))
			w.flip(w.l.Header + 0x18)
			return erasedFlag
		}, "new", flagKept, "new", false},
		{"P27 damaged, area empty", func(w *world) uint32 { w.flip(w.l.Header); return erasedFlag }, "L", flagKept, "L", true},
	})
}

// P4: the package's own addresses are booted once; the chain still leads to
// the old place.
func TestP4BootedOnce(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		w := newWorld(t, g2Layout(t))
		app := w.app(newCode())
		h := DecodeHeader(app)
		h.ImgHeaderAddr, h.ImgAddr = FlashBase+0x110000, FlashBase+0x110400
		copy(app, h.Encode())
		w.setFlag(area(w, w.pack(app, packOptions{})))
		if damaged {
			w.flip(w.l.CodeAddr())
		}
		for boot := range 3 {
			r := w.boot()
			upgraded := boot == 0 || damaged
			if r.Outcome != chips.BootCore || r.Upgraded != upgraded {
				t.Fatalf("damaged %v, boot %d: %+v\n%s", damaged, boot, r, w.story())
			}
			if want := int64(0x110000); upgraded && (r.Image != want || r.Params[2] != FlashBase+0x110400) {
				t.Errorf("booted 0x%X, want 0x%X", r.Image, want)
			}
			if want := Off(w.l.Header); !upgraded && r.Image != want {
				t.Errorf("boot %d starts 0x%X, want the old place 0x%X", boot, r.Image, want)
			}
		}
		if wear := w.dev.Wear(0x110000); damaged && wear != 6 || !damaged && wear != 2 {
			t.Errorf("damaged %v: sector written %d times", damaged, wear)
		}
	}
}

// P6: what does not fit the app partition spills into what follows.
func TestP6Spill(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	kv := w.l.Part(PartKV)
	w.put(Addr(kv.Off), []byte("kv data"))
	app := w.app(sample(9, int(w.l.CodeRoom())-2000, 0.05))
	script := w.script(TypeScript, code(10, 5000))
	pkg := w.pack(append(app, script...), packOptions{level: 9})
	w.setFlag(area(w, pkg))
	if r := w.boot(); r.Outcome != chips.BootCore || !r.Upgraded {
		t.Fatalf("%+v\n%s", r, w.story())
	}
	at := Off(w.l.CodeAddr()) + int64(len(app)) - HeaderSize
	if kv.Off-at <= 0 || int64(len(script)) <= kv.Off-at {
		t.Fatal("the test's images do not spill")
	}
	if got := w.get(Addr(at), len(script)); !bytes.Equal(got, script) {
		t.Error("the script image does not lie behind the app body")
	}
	if bytes.Equal(w.get(Addr(kv.Off), 7), []byte("kv data")) {
		t.Error("kv survived")
	}
}

// P28: type 1 passes the check, but the copy reads the type-2 image in front.
func TestP28TypeTwoInFront(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	scriptImg := w.script(TypeScript, []byte("new script"))
	first := w.pack(scriptImg, packOptions{typ: TypeScript})
	second := newPackage(w, packOptions{})
	w.put(UpgradeAddr, first)
	w.put(UpgradeAddr+uint32(len(first)), second)
	w.setFlag(DecodeHeader(second).OrgChecksum)
	r := w.boot()
	if r.Outcome != chips.BootCore || r.Params[2] != w.l.ScriptAddr() || r.Image != w.l.Part(PartScript).Off {
		t.Fatalf("%+v\n%s", r, w.story())
	}
	if !bytes.HasPrefix(w.get(w.l.ScriptAddr(), 20), []byte("new script")) {
		t.Error("the script partition has not changed")
	}
	if got := outcome(w, w.boot()); got != "old" {
		t.Errorf("next boot: %s", got)
	}
}

// A package whose gzip name never ends keeps secboot busy for ever.
func TestEndlessName(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	body := append([]byte{0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3}, bytes.Repeat([]byte{'x'}, 1014)...)
	w.setFlag(area(w, w.pack(nil, packOptions{body: body})))
	if got := outcome(w, w.boot()); got != "hang" {
		t.Errorf("%s\n%s", got, w.story())
	}
}

// An uncompressed package is copied in whole blocks: what lies behind it in
// the area comes along, and each block off the sector grid costs two erases.
func TestPlainCopyRoundsUp(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	app := w.app(newCode())
	pkg := w.pack(app[HeaderSize:], packOptions{plain: true})
	w.setFlag(area(w, pkg))
	behind := bytes.Repeat([]byte("behind"), 700)
	w.put(UpgradeAddr+uint32(len(pkg)), behind)
	log := new(opLog)
	w.dev.Power().SetTap(log)
	if r := w.boot(); !r.Upgraded {
		t.Fatal(w.story())
	}
	n := int(DecodeHeader(pkg).ImgLen)
	rest := (n+4095)/4096*4096 - n
	if got := w.get(w.l.CodeAddr()+uint32(n), rest); !bytes.Equal(got, behind[:rest]) {
		t.Errorf("behind the body lies %q...", got[:20])
	}
	blocks := (n + 4095) / 4096
	if want := (1 + 2*blocks + 1) * 17; len(log.ops) != want {
		t.Errorf("%d operations, want %d", len(log.ops), want)
	}
}
