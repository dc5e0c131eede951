package xt804

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"airlift/chips"
)

// TestUpgradeTrace is the upgrade that was traced on the real boot code
// (xt804.md 7.3): operations, contents and boot words.
func TestUpgradeTrace(t *testing.T) {
	l := g3Layout(t)
	w := newWorld(t, l)
	body := make([]byte, 2048)
	for i := range body {
		body[i] = byte(i)
	}
	app := w.app(body)
	luadb, _ := hex.DecodeString("01045aa55aa50202020003041800000004020200fe02300301045aa55aa502086d61696e2e6c7561030409000000fe0232067072696e742831290a" +
		"01045aa55aa502142e6169726d326d5f616c6c5f637263232e62696e030410000000fe025f0abb362d65b7c35005f73395729975c26a")
	script := w.script(TypeScript, luadb)
	pkg := w.pack(nil, packOptions{body: storedGz(append(append([]byte(nil), app...), script...)), size: 4096})
	wantHeader, _ := hex.DecodeString("9fffffa00100010000042108001000000000210800000108d1a9b31300000000" +
		strings.Repeat("00", 24) + "00000000d13fa1e7")
	if !bytes.Equal(pkg[:HeaderSize], wantHeader) {
		t.Fatalf("package header\n%x, want\n%x", pkg[:HeaderSize], wantHeader)
	}
	w.put(UpgradeAddr, pkg)
	w.put(0x087FF000, []byte{0xD1, 0xA9, 0xB3, 0x13})

	log := new(opLog)
	w.dev.Power().SetTap(log)
	r := w.boot()
	var erases []string
	programs := 0
	for _, op := range log.ops {
		if at, ok := strings.CutPrefix(op, "erase "); ok {
			erases = append(erases, at)
		} else {
			programs++
		}
	}
	if got := strings.Join(erases, ", "); got != "0x210000, 0x210000, 0x211000, 0x7FF000" || programs != 64 {
		t.Errorf("erases %s, %d page programs", got, programs)
	}
	for i, op := range log.ops { // 16 ascending pages behind each erase
		at, _ := strings.CutPrefix(erases[i/17], "0x")
		base := binary.BigEndian.Uint64(mustHex(t, fmt.Sprintf("%016s", at)))
		if i%17 != 0 && op != fmt.Sprintf("program 0x%X", base+uint64(i%17-1)*256) {
			t.Fatalf("operation %d is %s", i, op)
		}
	}
	if got := w.get(0x08210000, HeaderSize); !bytes.Equal(got, app[:HeaderSize]) {
		t.Errorf("header on flash %x", got)
	}
	if got := w.get(0x08210C00, len(script)); !bytes.Equal(got, script) {
		t.Errorf("the script image does not lie behind the app: %x", got)
	}
	if w.flag() != 0xFFFFFFFF {
		t.Errorf("flag 0x%08X", w.flag())
	}
	want := []uint32{0x00800000, 1, 0x08210400, 0x800, 0, 0x08002400, 0x5400}
	if fmt.Sprintf("%x", r.Params) != fmt.Sprintf("%x", want) {
		t.Errorf("boot words %x", r.Params)
	}
	if r.Outcome != chips.BootCore || !r.Upgraded || r.Image != 0x210000 || r.Status != "C" {
		t.Errorf("result %+v\n%s", r, w.story())
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bootCase is one situation and what secboot makes of it.
type bootCase struct {
	name  string
	setup func(w *world) (flag uint32) // puts things on the flash
	want  string                       // "new", "old", or a status letter, "hang"
	flag  flagWant
	again string // what the next boot does; empty means not asked
	quiet bool   // no flash operation
}

type flagWant uint8

const (
	flagCleared flagWant = iota
	flagKept
	flagAny
)

const erasedFlag = 0xFFFFFFFF

// area puts a package into the upgrade area and returns its checksum.
func area(w *world, pkg []byte) uint32 {
	w.put(UpgradeAddr, pkg)
	return DecodeHeader(pkg).OrgChecksum
}

func newPackage(w *world, o packOptions) []byte { return w.pack(w.app(newCode()), o) }

// outcome says what a boot started: "new", "old", a status letter, "hang".
func outcome(w *world, r chips.BootResult) string {
	switch {
	case r.Outcome == chips.BootHang:
		return "hang"
	case r.Outcome != chips.BootCore:
		return r.Status
	case w.runs(newCode()):
		return "new"
	case w.runs(oldCode()):
		return "old"
	}
	return "other"
}

func runBootCases(t *testing.T, l Layout, cases []bootCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, l)
			w.t = t
			flag := c.setup(w)
			w.setFlag(flag)
			before := w.dev.Power().Ops()
			got := outcome(w, w.boot())
			if got != c.want {
				t.Errorf("boot: %s, want %s\n%s", got, c.want, w.story())
			}
			if c.quiet && w.dev.Power().Ops() != before {
				t.Errorf("%d flash operations\n%s", w.dev.Power().Ops()-before, w.story())
			}
			switch {
			case c.flag == flagCleared && w.flag() != erasedFlag, c.flag == flagKept && w.flag() != flag:
				t.Errorf("flag 0x%08X was 0x%08X\n%s", w.flag(), flag, w.story())
			}
			if c.again == "" {
				return
			}
			for i := range 2 {
				if got := outcome(w, w.boot()); got != c.again {
					t.Errorf("boot %d: %s, want %s\n%s", i+2, got, c.again, w.story())
				}
			}
		})
	}
}

// TestDecisionTable has one case for each row of xt804.md 3.5.
func TestDecisionTable(t *testing.T) {
	runBootCases(t, g2Layout(t), []bootCase{
		{"RUN ok, UPG bad", func(w *world) uint32 { return 0x12345678 }, "old", flagKept, "old", true},
		{"RUN ok, UPG ok, same image", func(w *world) uint32 {
			return area(w, w.pack(padTo(oldCode(), ImagePad), packOptions{plain: true, edit: func(h *Header) { h.Ver = w.l.AppHeader().Ver }}))
		}, "old", flagKept, "old", true},
		{"RUN ok, UPG ok, other flag", func(w *world) uint32 { return area(w, newPackage(w, packOptions{})) ^ 1 }, "old", flagKept, "old", true},
		{"RUN ok, UPG ok, flag set", func(w *world) uint32 { return area(w, newPackage(w, packOptions{})) }, "new", flagCleared, "new", false},
		{"RUN bad, UPG ok, no flag", func(w *world) uint32 {
			area(w, newPackage(w, packOptions{}))
			w.flip(w.l.CodeAddr() + 100)
			return erasedFlag
		}, "new", flagCleared, "new", false},
		{"RUN bad, UPG ok, other flag", func(w *world) uint32 {
			area(w, newPackage(w, packOptions{}))
			w.flip(w.l.CodeAddr() + 100)
			return 0x1234
		}, "new", flagCleared, "new", false},
		{"RUN bad, UPG bad", func(w *world) uint32 { w.flip(w.l.CodeAddr() + 100); return 0x1234 }, "M", flagKept, "M", true},
	})
}

// TestDecisionVectors has the rows of xt804.md 7.4.
func TestDecisionVectors(t *testing.T) {
	type option = func(*packOptions)
	pkg := func(flag func(org uint32) uint32, options ...option) func(w *world) uint32 {
		return func(w *world) uint32 {
			var o packOptions
			for _, set := range options {
				set(&o)
			}
			return flag(area(w, newPackage(w, o)))
		}
	}
	set := func(org uint32) uint32 { return org }
	flipIn := func(at uint32) func(w *world) uint32 {
		return func(w *world) uint32 {
			org := area(w, newPackage(w, packOptions{}))
			w.flip(UpgradeAddr + at)
			return org
		}
	}
	runBootCases(t, g2Layout(t), []bootCase{
		{"gz package, flag = org", pkg(set), "new", flagCleared, "new", false},
		{"gz package, flag FFFFFFFF", pkg(func(uint32) uint32 { return erasedFlag }), "old", flagKept, "old", true},
		{"gz package, flag org^1", pkg(func(org uint32) uint32 { return org ^ 1 }), "old", flagKept, "old", true},
		{"package body bit flipped", flipIn(500), "old", flagKept, "old", true},
		{"package header bit flipped", flipIn(0x20), "old", flagKept, "old", true},
		{"inner header CRC bad", func(w *world) uint32 {
			app := w.app(newCode())
			app[0x3C] ^= 1
			return area(w, w.pack(app, packOptions{}))
		}, "old", flagCleared, "old", false},
		{"inner body bad", func(w *world) uint32 {
			app := w.app(newCode())
			app[1000] ^= 1
			return area(w, w.pack(app, packOptions{}))
		}, "M", flagCleared, "M", false},
		{"zip bit but not gzip", func(w *world) uint32 {
			return area(w, w.pack(nil, packOptions{body: []byte("this is not gzip")}))
		}, "M", flagKept, "M", true},
		{"uncompressed image, flag = its org", pkg(set, func(o *packOptions) { o.plain = true; o.body = padTo(newCode(), ImagePad) }), "new", flagCleared, "new", false},
		{"uncompressed copy of the running image", func(w *world) uint32 {
			return area(w, w.app(oldCode()))
		}, "old", flagKept, "old", true},
		{"run body bad, package ok, flag FFFFFFFF", func(w *world) uint32 {
			area(w, newPackage(w, packOptions{}))
			w.flip(w.l.CodeAddr() + 4000)
			return erasedFlag
		}, "new", flagCleared, "new", false},
		{"run body bad, area empty", func(w *world) uint32 { w.flip(w.l.CodeAddr()); return erasedFlag }, "M", flagKept, "M", true},
		{"run header bad, area empty", func(w *world) uint32 { w.flip(w.l.Header + 4); return erasedFlag }, "L", flagKept, "L", true},
		{"secboot header bad, area empty", func(w *world) uint32 { w.flip(SecbootHeaderAddr); return erasedFlag }, "L", flagKept, "L", true},
		{"type-2 package, flag = org", pkg(set, func(o *packOptions) { o.typ = TypeScript }), "old", flagKept, "old", true},
		{"gz trailer zeroed", pkg(set, func(o *packOptions) { o.trailer = true }), "new", flagCleared, "new", false},
		{"gz with FNAME", pkg(set, func(o *packOptions) { o.name = "app.bin" }), "new", flagCleared, "new", false},
		{"img_len not multiple of 4", pkg(set, func(o *packOptions) {
			o.exact = true
			o.level = 1
			o.edit = func(h *Header) {
				if h.ImgLen%4 == 0 {
					panic("choose other contents")
				}
			}
		}), "new", flagCleared, "new", false},
	})
}

func TestEscape(t *testing.T) {
	for _, c := range []struct {
		name    string
		console string
		status  string
		print   string
	}{
		{"three", "\x1b\x1b\x1b", "C", "Secboot V1.1\r\n"},
		{"noise around", "x\x1b\x1b\x1b\x1by", "C", "Secboot V1.1\r\n"},
		{"two", "\x1b\x1b", "new", ""},
		{"interrupted", "\x1ba\x1b\x1b", "new", ""},
	} {
		for _, flagged := range []bool{true, false} {
			w := newWorld(t, g2Layout(t))
			org := area(w, newPackage(w, packOptions{}))
			want := c.status
			if flagged {
				w.setFlag(org)
			} else if want == "new" {
				want = "old"
			}
			w.console = []byte(c.console)
			r := w.boot()
			if got := outcome(w, r); got != want {
				t.Errorf("%s: %s, want %s", c.name, got, want)
			}
			printed := ""
			for _, s := range w.steps {
				if s.Kind == chips.KindPrint {
					printed += s.Text
				}
			}
			if printed != c.print {
				t.Errorf("%s: printed %q", c.name, printed)
			}
			if c.status != "C" {
				continue
			}
			if r.Outcome != chips.BootDownload || w.flag() != erasedFlag {
				t.Errorf("%s: %v, flag 0x%08X", c.name, r.Outcome, w.flag())
			}
			if ops := w.dev.Power().Ops(); flagged != (ops == 17) || !flagged && ops != 0 {
				t.Errorf("%s, flag set %v: %d operations", c.name, flagged, ops)
			}
			// P21: the update is lost.
			w.console = nil
			if got := outcome(w, w.boot()); got != "old" {
				t.Errorf("%s: boot after download mode: %s", c.name, got)
			}
		}
	}
}

func TestHeaderRules(t *testing.T) {
	const size = 2 << 20
	good := Header{Attr: TypeApp, ImgAddr: 0x08020400, ImgLen: 4096}
	for _, c := range []struct {
		name string
		edit func(h *Header)
		want byte
	}{
		{"good", func(*Header) {}, 'C'},
		{"unaligned", func(h *Header) { h.ImgAddr += 4 }, 'K'},
		{"unaligned but zipped", func(h *Header) { h.ImgAddr += 4; h.Attr |= AttrZipped }, 'C'},
		{"behind the flash", func(h *Header) { h.ImgAddr = FlashBase + size }, 'J'},
		{"last KiB", func(h *Header) { h.ImgAddr, h.ImgLen = FlashBase+size-1024, 1023 }, 'C'},
		{"to the very end", func(h *Header) { h.ImgAddr, h.ImgLen = FlashBase+size-1024, 1024 }, 'I'},
		{"between flash and RAM", func(h *Header) { h.ImgAddr = 0x1FFFFC00 }, 'J'},
		{"RAM", func(h *Header) { h.ImgAddr = 0x20000000 }, 'C'},
		{"RAM, longest", func(h *Header) { h.ImgAddr, h.ImgLen = 0x20000000, 0x47FFF }, 'C'},
		{"RAM, too long", func(h *Header) { h.ImgAddr, h.ImgLen = 0x20000000, 0x48000 }, 'I'},
		{"behind RAM", func(h *Header) { h.ImgAddr = 0x20048000 }, 'J'},
		{"below 0x30000000", func(h *Header) { h.ImgAddr = 0x2FFFFC00 }, 'J'},
		{"from 0x30000000", func(h *Header) { h.ImgAddr = 0x30000000 }, 'C'},
		{"no body", func(h *Header) { h.ImgLen = 0 }, 'I'},
		{"below the flash", func(h *Header) { h.ImgAddr = 0 }, 'C'},
	} {
		h := good
		c.edit(&h)
		h = DecodeHeader(h.Encode())
		if got := checkHeader(&h, size); got != c.want {
			t.Errorf("%s: %c, want %c", c.name, got, c.want)
		}
		if h.HdChecksum++; c.want == 'C' && checkHeader(&h, size) != 'L' {
			t.Errorf("%s: wrong CRC passes", c.name)
		}
		if h.MagicNo++; checkHeader(&h, size) != 'L' {
			t.Errorf("%s: a wrong magic must come first", c.name)
		}
	}
}

// TestStatusLetters has every letter that secboot can hand to ROM with
// signatures off: I and K end as L, since a search says L for any bad header,
// N and Y need a ROM that fails (xt804.md 3.4, 3.9).
func TestStatusLetters(t *testing.T) {
	header := func(edit func(h *Header)) func(w *world) uint32 {
		return func(w *world) uint32 {
			h := DecodeHeader(w.get(w.l.Header, HeaderSize))
			edit(&h)
			w.put(w.l.Header, h.Encode())
			return 0x1234
		}
	}
	runBootCases(t, g2Layout(t), []bootCase{
		{"J: chain ends", header(func(h *Header) { h.Attr = TypeCPFT }), "J", flagKept, "J", true},
		{"J: chain leaves the flash", header(func(h *Header) { h.Attr, h.Next = TypeCPFT, FlashBase+2<<20 }), "J", flagKept, "J", true},
		{"L: next leads nowhere", header(func(h *Header) { h.Attr, h.Next = TypeCPFT, FlashBase+0x1000 }), "L", flagKept, "L", true},
		{"L instead of I", header(func(h *Header) { h.ImgLen = 0 }), "L", flagKept, "L", true},
		{"L instead of K", header(func(h *Header) { h.ImgAddr++ }), "L", flagKept, "L", true},
		{"L instead of J", header(func(h *Header) { h.ImgAddr = 0x1FFFFC00 }), "L", flagKept, "L", true},
		{"M", func(w *world) uint32 { w.flip(w.l.CodeAddr()); return 0x1234 }, "M", flagKept, "M", true},
		{"endless chain", header(func(h *Header) { h.Attr, h.Next = TypeCPFT, w0(h) }), "hang", flagKept, "hang", true},
	})
}

// w0 is a header's own address.
func w0(h *Header) uint32 { return h.ImgHeaderAddr }

func TestROMCheck(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	area(w, newPackage(w, packOptions{}))
	w.flip(SecbootCodeAddr + 77)
	if r := w.boot(); r.Outcome != chips.BootFailed || r.Status != "M" {
		t.Errorf("damaged secboot: %+v", r)
	}
	r, err := (&Secboot{NoROMCheck: true}).Boot(w.env())
	if err != nil || r.Outcome != chips.BootCore {
		t.Errorf("without the check: %+v, %v", r, err)
	}
}

func TestSignaturesRefused(t *testing.T) {
	otp := make([]byte, 0x1100)
	p := otp[0x1000:]
	binary.LittleEndian.PutUint32(p, 0x453ECDA5)
	p[4] = 1
	for _, c := range []struct {
		name   string
		edit   func()
		refuse bool
	}{
		{"CRC wrong", func() {}, false},
		{"provisioned", func() { binary.LittleEndian.PutUint32(p[252:], JAMCRC(p[:252])) }, true},
		{"off", func() { p[4] = 0; binary.LittleEndian.PutUint32(p[252:], JAMCRC(p[:252])) }, false},
		{"short", func() { otp = otp[:0x1080] }, false},
	} {
		c.edit()
		w := newWorld(t, g2Layout(t))
		w.otp = otp
		_, err := new(Secboot).Boot(w.env())
		if errors.Is(err, ErrSignatures) != c.refuse {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestMemoChangesNothing boots many packages with and without a memo: steps,
// operations, contents and results must be equal.
func TestMemoChangesNothing(t *testing.T) {
	l := g2Layout(t)
	memo := &Memo{Limit: 300_000}
	var packages [][]byte
	for i := range 12 {
		w := newWorld(t, l)
		o := packOptions{level: []int{1, 9, storedLevel}[i%3]}
		app := w.app(code(uint64(i), 1000+i*9000))
		switch i {
		case 3:
			app[0x10] ^= 1 // discarded
		case 5:
			o.body = gz(t, app, o)[:6000] // truncated
		case 7: // unpacks over itself
			h := DecodeHeader(app)
			h.ImgAddr, h.ImgHeaderAddr = UpgradeAddr+0x1400, UpgradeAddr+0x1000
			copy(app, h.Encode())
		case 8:
			o.body = gz(t, []byte("short"), o)
		}
		packages = append(packages, w.pack(app, o))
	}
	for round := range 3 {
		for i, pkg := range packages {
			var results [2]string
			for k, m := range []*Memo{nil, memo} {
				w := newWorld(t, l)
				w.setFlag(area(w, pkg))
				log := new(opLog)
				w.dev.Power().SetTap(log)
				r, err := (&Secboot{Memo: m}).Boot(w.env())
				if err != nil {
					t.Fatal(err)
				}
				results[k] = fmt.Sprintf("%+v\n%x\n%s\n%v", r, w.dev.Hash(), w.story(), log.ops)
			}
			if results[0] != results[1] {
				t.Fatalf("round %d package %d: without\n%.3000s\nwith\n%.3000s", round, i, results[0], results[1])
			}
		}
	}
	if len(memo.entries) == 0 || memo.bytes > memo.Limit {
		t.Errorf("memo holds %d entries, %d bytes", len(memo.entries), memo.bytes)
	}
}
