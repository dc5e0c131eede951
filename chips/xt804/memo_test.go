package xt804

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// gunzip runs secboot's inflate over a gzip stream and says whether it was
// proper.
func gunzip(t testing.TB, p []byte) (out []byte, proper bool) {
	t.Helper()
	sink := &collector{limit: 1 << 20}
	z := new(inflater)
	z.start(func(b []byte, off int64) error { copy(b, p[off:]); return nil }, 0, int64(len(p)), sink)
	end, err := z.gzipHeader()
	if err == nil && end == inflateDone {
		end, err = z.run()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sink.out, z.proper(end)
}

// checkProper compares a proper stream with what another inflate makes of it.
func checkProper(t *testing.T, p []byte) (proper bool) {
	t.Helper()
	out, proper := gunzip(t, p)
	if !proper {
		return false
	}
	want, err := io.ReadAll(flate.NewReader(bytes.NewReader(p[gzipSkip:])))
	if err != nil || !bytes.Equal(out, want) {
		t.Fatalf("taken for a proper stream: %d bytes; the standard library has %d, %v", len(out), len(want), err)
	}
	return true
}

// The firmware may use what secboot unpacked only if no other inflate can see
// the stream in another way.
func TestProperStreams(t *testing.T) {
	runs := 150
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		runs = 40000
	}
	r := rand.New(rand.NewPCG(5, 6))
	proper := 0
	for i := range runs {
		p := append(bytes.Clone(gzipHead[:]), deflated(t, sample(uint64(i), r.IntN(60_000), r.Float64()), 1+i%9)...)
		if i%4 != 0 {
			for range 3 {
				p[gzipSkip+r.IntN(min(len(p)-gzipSkip, 90))] ^= 1 << r.IntN(8)
			}
		}
		if checkProper(t, p) {
			proper++
		}
	}
	if proper < runs/4 || proper > runs*3/4 {
		t.Errorf("%d of %d streams were proper", proper, runs)
	}
}

func TestImproperStreams(t *testing.T) {
	whole := deflated(t, sample(1, 40_000, 0.5), 6)
	exact := append(bytes.Clone(gzipHead[:]), whole...)
	exact = append(exact, make([]byte, inputSize-len(exact)%inputSize)...)
	for _, c := range []struct {
		name   string
		data   []byte
		proper bool
	}{
		{"whole", append(bytes.Clone(gzipHead[:]), whole...), true},
		{"a name", append([]byte{0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 0xFF, 'x', 0}, whole...), false},
		{"no magic", append([]byte{0x1F, 0x8C}, whole...), false},
		{"cut", append(bytes.Clone(gzipHead[:]), whole[:len(whole)/2]...), false},
		// A fixed block: the length 3 at distance 1 in front of any output.
		{"distance before the start", append(bytes.Clone(gzipHead[:]), 0x03, 0x02, 0x00), false},
		{"the last of whole buffers is never read, nor needed", append(exact, make([]byte, inputSize)...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checkProper(t, c.data); got != c.proper {
				t.Errorf("proper: %v", got)
			}
		})
	}
}

func FuzzProper(f *testing.F) {
	for i, level := range []int{0, 1, 6, flate.HuffmanOnly} {
		f.Add(append(bytes.Clone(gzipHead[:]), deflated(f, sample(uint64(i), 3000, 0.5), level)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) { checkProper(t, p) })
}

// start boots and starts a module with a memo for boot code and core.
func memoStart(t *testing.T, m *module, memo *Memo) (story string) {
	t.Helper()
	log := new(opLog)
	m.dev.Power().SetTap(log)
	boot, err := (&Secboot{Memo: memo}).Boot(m.env())
	if err != nil {
		t.Fatal(err)
	}
	core := *m.core
	core.Memo = memo
	if _, err := core.Start(m.env(), boot); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x\n%s\n%v", m.dev.Hash(), m.story(), log.ops)
}

// fotaModule is a module whose area asks for an upgrade with a script.
func fotaModule(t *testing.T, model, profile string, o packOptions) *module {
	m := newModule(t, model, profile)
	m.t = t
	m.setFlag(area(m.world, m.pack(m.fullPayload(), o)))
	return m
}

// The core does the same with the boot code's memo as without, on the first
// boot and on later ones.
func TestMemoInCore(t *testing.T) {
	for _, c := range []struct{ model, profile string }{{"Air101", "g2-fota"}, {"Air6208", "g3"}} {
		for _, o := range []packOptions{{}, {level: storedLevel}, {level: 9}} {
			memo := new(Memo)
			want := memoStart(t, fotaModule(t, c.model, c.profile, o), nil)
			for range 2 {
				if got := memoStart(t, fotaModule(t, c.model, c.profile, o), memo); got != want {
					t.Fatalf("%s %+v: without a memo\n%.2000s\nwith\n%.2000s", c.model, o, want, got)
				}
			}
		}
	}
}

// A memo that lies shows whether it is asked: only for the very bytes that it
// knows, if they were proper.
func TestMemoInCoreIsUsed(t *testing.T) {
	lie := bytes.Repeat([]byte{'L'}, len(newScript))
	for _, c := range []struct {
		name string
		edit func(m *module, e *memoEntry)
		used bool
	}{
		{"as it is", func(*module, *memoEntry) {}, true},
		{"not proper", func(_ *module, e *memoEntry) { e.proper = false }, false},
		{"other bytes", func(m *module, e *memoEntry) { e.in[len(e.in)-1] ^= 1 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			memo := new(Memo)
			memoStart(t, fotaModule(t, "Air6208", "g3", packOptions{}), memo)
			if len(memo.entries) != 1 {
				t.Fatalf("%d entries", len(memo.entries))
			}
			m := fotaModule(t, "Air6208", "g3", packOptions{})
			boot := m.boot() // past the memo
			for _, e := range memo.entries {
				copy(e.out[len(m.app(newCode()))+HeaderSize:], lie)
				c.edit(m, e)
			}
			m.core.Memo = memo
			if _, err := m.core.Start(m.env(), boot); err != nil {
				t.Fatal(err)
			}
			if used := bytes.Equal(m.get(m.l.ScriptAddr(), len(lie)), lie); used != c.used {
				t.Errorf("used: %v", used)
			}
		})
	}
}

// With a map of one's own scripts may lie in front of the area and run into
// it: then the firmware reads what it writes.
func TestScriptsTouch(t *testing.T) {
	image := func(typ, n uint32) []byte {
		h := Header{Attr: typ, ImgLen: n}
		return append(h.Encode(), make([]byte, n)...)
	}
	s := &scriptStream{addr: Addr(0x10000)}
	for _, c := range []struct {
		name    string
		out     []byte
		touches bool
	}{
		{"none", nil, false},
		{"app only", image(TypeApp, 0x8000), false},
		{"short script", image(TypeScript, 0x4000), false},
		{"one byte too many", image(TypeScript, 0x4001), true},
		{"behind an app", append(image(TypeApp, 70), image(TypeScript, 0x5000)...), true},
		{"length without body", image(TypeScript, 0x5000)[:0x2000], false},
	} {
		if got := s.touches(c.out, 0x14000, 0x20000); got != c.touches {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if s.touches(image(TypeScript, 0x4001), 0x4000, 0x10000) {
		t.Error("scripts behind the area touch it")
	}
}
