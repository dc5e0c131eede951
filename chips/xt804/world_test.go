package xt804

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/deflate"
	"airlift/flash"
)

// world is a flash with secboot and an old app on it, for tests.
type world struct {
	t   testing.TB
	l   Layout
	dev *flash.Device

	console []byte
	otp     []byte
	cause   chips.ResetCause
	steps   []chips.Step
	slept   time.Duration
}

func newWorld(t testing.TB, l Layout) *world {
	t.Helper()
	dev, err := flash.New(flash.NOR(l.FlashSize))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, l: l, dev: dev}
	if err := BurnImages(dev, l.SecbootImage()); err != nil {
		t.Fatal(err)
	}
	w.install(w.app(oldCode()))
	return w
}

// code returns app code bytes of n bytes that tell old from new.
func code(seed uint64, n int) []byte { return sample(seed, n, 0.3) }

func oldCode() []byte { return code(100, 5000) }
func newCode() []byte { return code(200, 6000) }

func g3Layout(t testing.TB) Layout {
	t.Helper()
	text, err := maps.ReadFile("maps/air6208.csv")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseCSV(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mapLayout(t testing.TB, f func(MapInput) (Layout, error), size int64, fota bool) Layout {
	t.Helper()
	l, err := f(DefaultMap(size, fota))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// g2Layout is a 2 MiB module with a FOTA area.
func g2Layout(t testing.TB) Layout { return mapLayout(t, ComputeG2, 2<<20, true) }

// app returns an app image for the world's layout.
func (w *world) app(code []byte) []byte { return w.l.AppImage(code) }

// install burns images where their headers say.
func (w *world) install(img []byte) {
	w.t.Helper()
	if err := BurnImages(w.dev, img); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(addr uint32, p []byte) {
	w.t.Helper()
	if err := w.dev.Burn(Off(addr), p); err != nil {
		w.t.Fatal(err)
	}
}

// flip inverts one bit of the flash.
func (w *world) flip(addr uint32) {
	p := w.get(addr, 1)
	p[0] ^= 0x10
	w.put(addr, p)
}

func (w *world) get(addr uint32, n int) []byte {
	w.t.Helper()
	p := make([]byte, n)
	if _, err := w.dev.ReadAt(p, Off(addr)); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) setFlag(v uint32) {
	var p [4]byte
	binary.LittleEndian.PutUint32(p[:], v)
	w.put(w.l.FlagAddr(), p[:])
}

func (w *world) flag() uint32 { return binary.LittleEndian.Uint32(w.get(w.l.FlagAddr(), 4)) }

// runs reports whether code is what lies at the app's code address.
func (w *world) runs(code []byte) bool { return bytes.Equal(w.get(w.l.CodeAddr(), len(code)), code) }

func (w *world) env() *chips.Env {
	return &chips.Env{
		Board: &chips.Board{Flash: []*flash.Device{w.dev}, Console: w.console, OTP: w.otp, Reset: w.cause},
		Step:  func(s chips.Step) { w.steps = append(w.steps, s) },
		Sleep: func(d time.Duration) { w.slept += d },
	}
}

func (w *world) boot() chips.BootResult {
	w.t.Helper()
	w.steps = nil
	r, err := new(Secboot).Boot(w.env())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// fork returns a world on a copy of the flash.
func (w *world) fork() *world {
	f := *w
	f.dev = w.dev.Fork()
	f.steps, f.slept = nil, 0
	return &f
}

// logs returns the log lines as "I/fota text".
func (w *world) logs() []string {
	var lines []string
	for _, s := range w.steps {
		if s.Kind == chips.KindLog {
			lines = append(lines, s.Level+"/"+s.Tag+" "+s.Text)
		}
	}
	return lines
}

func (w *world) story() string {
	var b strings.Builder
	for _, s := range w.steps {
		fmt.Fprintf(&b, "  %s %s: %s%s %s\n", s.Stage, s.Kind, s.Level, s.Tag, s.Text)
	}
	return b.String()
}

// packOptions bend a package.
type packOptions struct {
	level   int           // of compress/flate; 0 means our own encoder, storedLevel stored blocks
	typ     uint32        // outer type; 0 means app
	plain   bool          // the payload is put behind the header uncompressed
	body    []byte        // what to use instead of the gzip stream
	name    string        // file name in the gzip header
	exact   bool          // no padding
	size    int           // body padded to this
	trailer bool          // zero the gzip trailer
	edit    func(*Header) // last change to the outer header, before its CRC
}

const storedLevel = -3

// pack makes a package of a payload for the world's layout.
func (w *world) pack(payload []byte, o packOptions) []byte {
	w.t.Helper()
	body := o.body
	switch {
	case body != nil:
	case o.plain:
		body = payload
	default:
		body = gz(w.t, payload, o)
	}
	if o.size > 0 {
		if len(body) > o.size {
			w.t.Fatalf("body has %d bytes, want %d", len(body), o.size)
		}
		body = padTo(body, o.size)
	}
	h := w.l.AppHeader()
	h.Ver = [16]byte{}
	if o.typ != 0 {
		h.Attr = o.typ
	}
	if !o.plain {
		h.Attr |= AttrZipped
	}
	pad := ImagePad
	if o.exact {
		pad = 1
	}
	padded := padTo(body, pad)
	h.ImgLen, h.OrgChecksum = uint32(len(padded)), JAMCRC(padded)
	if o.edit != nil {
		o.edit(&h)
	}
	return append(h.Encode(), padded...)
}

// gz makes a gzip stream with the packer's header (xt804.md 2.4).
func gz(t testing.TB, p []byte, o packOptions) []byte {
	t.Helper()
	head := []byte{0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3}
	if o.name != "" {
		head[3] = 0x08
		head = append(append(head, o.name...), 0)
	}
	var out []byte
	switch o.level {
	case 0:
		out = deflate.Append(head, p)
	case storedLevel:
		out = append(head, deflated(t, p, flate.NoCompression)...)
	default:
		out = append(head, deflated(t, p, o.level)...)
	}
	var tail [8]byte
	if !o.trailer {
		binary.LittleEndian.PutUint32(tail[:], crc32.ChecksumIEEE(p))
		binary.LittleEndian.PutUint32(tail[4:], uint32(len(p)))
	}
	return append(out, tail[:]...)
}

// storedGz is the gzip of the reference's vectors: one stored block.
func storedGz(p []byte) []byte {
	out := []byte{0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1}
	out = binary.LittleEndian.AppendUint16(out, uint16(len(p)))
	out = binary.LittleEndian.AppendUint16(out, ^uint16(len(p)))
	out = append(out, p...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(p))
	return binary.LittleEndian.AppendUint32(out, uint32(len(p)))
}

// script returns a script image of type typ for the world's layout.
func (w *world) script(typ uint32, luadb []byte) []byte {
	return NewImage(w.l.ScriptHeader(typ), luadb, ImagePad)
}

// opLog is a tap that notes every operation.
type opLog struct{ ops []string }

func (o *opLog) Before(op *flash.Op) flash.Fate {
	o.ops = append(o.ops, fmt.Sprintf("%s 0x%X", op.Kind, op.Off))
	return flash.Fate{}
}

func (o *opLog) After(*flash.Op) {}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x804)) }
