package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func unpack(t interface{ Fatalf(string, ...any) }, stream []byte) []byte {
	src := bytes.NewReader(stream)
	r := flate.NewReader(src)
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if src.Len() != 0 {
		t.Fatalf("%d bytes behind the final block", src.Len())
	}
	return out
}

// sources are inputs that between them use every kind of block and code.
func sources() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	words := make([]byte, 0, 300_000)
	for len(words) < 300_000 {
		words = fmt.Appendf(words, "sys.wait(%d) log.info(\"%x\")\n", r.IntN(2000), r.IntN(1<<(1+r.IntN(24))))
	}
	skewed := make([]byte, 100_000) // Fibonacci-like weights make codes longer than 15 bits
	for i := range skewed {
		for skewed[i] < 40 && r.IntN(8) < 5 {
			skewed[i]++
		}
		skewed[i] = skewed[i]*37 + 11
	}
	far := append(append(bytes.Clone(noise[:40]), noise[1000:1000+windowSize-41]...), noise[:40]...)
	return map[string][]byte{
		"empty": nil, "one": {7}, "two": {7, 7}, "zeros": make([]byte, 1<<20), "ff": bytes.Repeat([]byte{0xFF}, 70_000),
		"noise": noise, "text": words, "skewed": skewed, "far": far, "pairs": bytes.Repeat([]byte("ab"), 300),
		"mixed": append(append(bytes.Clone(noise[:70_000]), words...), make([]byte, 70_000)...),
	}
}

func TestRoundTrip(t *testing.T) {
	for name, src := range sources() {
		if got := unpack(t, Append(nil, src)); !bytes.Equal(got, src) {
			t.Errorf("%s: %d bytes came back as %d others", name, len(src), len(got))
		}
	}
}

func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.IntRange(1, 256).Draw(t, "alphabet")
		var src []byte
		for _, piece := range rapid.SliceOf(rapid.Uint32()).Draw(t, "pieces") {
			n := int(piece >> 8 % 600)
			if piece&1 == 0 && len(src) > 0 { // repeat something
				from := int(piece>>1) % len(src)
				for range n {
					src = append(src, src[from])
					from++
				}
				continue
			}
			r := rand.New(rand.NewPCG(uint64(piece), 0))
			for range n {
				src = append(src, byte(r.IntN(alphabet)))
			}
		}
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "prefix")
		out := Append(bytes.Clone(prefix), src)
		if !bytes.HasPrefix(out, prefix) {
			t.Fatalf("prefix is gone")
		}
		if got := unpack(t, out[len(prefix):]); !bytes.Equal(got, src) {
			t.Fatalf("%d bytes came back as %d others", len(src), len(got))
		}
	})
}

// TestGolden pins the output: packages made by airlift may not change.
func TestGolden(t *testing.T) {
	for name, want := range map[string]uint32{
		"empty": 0x6AF4413C, "pairs": 0x3179F888, "text": 0x5970CDB0, "skewed": 0x4630AE4E, "mixed": 0xDD47CE46, "noise": 0xFC23E8BF,
	} {
		if got := crc32.ChecksumIEEE(Append(nil, sources()[name])); got != want {
			t.Errorf("%s: CRC-32 0x%08X, want 0x%08X", name, got, want)
		}
	}
}

// TestRatio compares with the standard library's level 6: close to it, or the
// packages would not have believable sizes.
func TestRatio(t *testing.T) {
	for name, src := range sources() {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 6)
		w.Write(src)
		w.Close()
		if got, ref := len(Append(nil, src)), b.Len(); got > ref+ref/20+16 {
			t.Errorf("%s: %d bytes, compress/flate makes %d", name, got, ref)
		} else {
			t.Logf("%s: %d bytes of %d, compress/flate makes %d", name, got, len(src), ref)
		}
	}
}

func FuzzDeflate(f *testing.F) {
	for _, src := range sources() {
		f.Add(src[:min(len(src), 400)])
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if got := unpack(t, Append(nil, src)); !bytes.Equal(got, src) {
			t.Errorf("%d bytes came back as %d others", len(src), len(got))
		}
	})
}

func BenchmarkText(b *testing.B) {
	src := sources()["text"]
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Append(nil, src)
	}
}
