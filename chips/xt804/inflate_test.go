package xt804

import (
	"airlift/chips/synth"
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// collector is a sink that keeps the output up to a limit.
type collector struct {
	out   []byte
	limit int
}

func (c *collector) flush(p, _ []byte, endless bool) error {
	c.out = append(c.out, p...)
	if len(c.out) > c.limit {
		return errStopInflate
	}
	return nil
}

// inflateBytes runs secboot's inflate over raw deflate data.
func inflateBytes(t testing.TB, p []byte, limit int) ([]byte, inflateEnd) {
	t.Helper()
	sink := &collector{limit: limit}
	z := new(inflater)
	z.start(func(b []byte, off int64) error { copy(b, p[off:]); return nil }, 0, int64(len(p)), sink)
	end, err := z.run()
	if err != nil {
		t.Fatal(err)
	}
	return sink.out, end
}

// deflated compresses p at the given level; level -3 means stored blocks.
func deflated(t testing.TB, p []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(p)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sample returns n bytes that compress to about the given share of a byte.
func sample(seed uint64, n int, entropy float64) []byte {
	r := rand.New(rand.NewPCG(seed, 0x5EC))
	p := make([]byte, n)
	symbols := max(1, int(256*entropy))
	for i := range p {
		p[i] = byte(r.IntN(symbols) * r.IntN(symbols) / symbols)
		if i > 300 && r.IntN(60) == 0 {
			from := i - 1 - r.IntN(min(i-1, 32000))
			for k := 3 + r.IntN(300); k > 0 && i < n-1; k-- {
				p[i] = p[from]
				i, from = i+1, from+1
			}
		}
	}
	return p
}

func TestInflateMatchesStandardLibrary(t *testing.T) {
	runs := 24
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		runs = 5000
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range runs {
		p := sample(uint64(i), r.IntN(120_000), r.Float64())
		for _, level := range []int{flate.NoCompression, 1, 6, 9, flate.HuffmanOnly} {
			c := deflated(t, p, level)
			for len(c) > inputSize && len(c)%inputSize == 0 {
				c = append(c, 0) // the fault has its own test
			}
			got, end := inflateBytes(t, c, 1<<20)
			if end != inflateDone || !bytes.Equal(got, p) {
				t.Fatalf("run %d level %d: %d bytes, end %d, want %d bytes", i, level, len(got), end, len(p))
			}
		}
	}
}

// On damaged data both must deliver the same bytes as far as both go; ours
// then keeps back the last window.
func TestInflateDamagedData(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	runs := 60
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		runs = 20000
	}
	for i := range runs {
		p := sample(uint64(i), 1+r.IntN(90_000), r.Float64())
		c := deflated(t, p, 1+i%9)
		if i%2 == 0 {
			c[r.IntN(len(c))] ^= 1 << r.IntN(8)
		} else {
			c = c[:r.IntN(len(c))]
		}
		if len(c)%inputSize == 0 {
			continue
		}
		want, _ := io.ReadAll(flate.NewReader(bytes.NewReader(c)))
		got, end := inflateBytes(t, c, 1<<20)
		n := min(len(want), len(got))
		if !bytes.Equal(got[:n], want[:n]) {
			t.Fatalf("run %d: outputs differ within the first %d bytes (end %d)", i, n, end)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for i, level := range []int{0, 1, 6, flate.HuffmanOnly} {
		f.Add(deflated(f, sample(uint64(i), 3000, 0.5), level))
	}
	f.Add([]byte{0xFF, 0xFF})
	f.Add([]byte{0x03, 0x00})
	f.Add([]byte{0x05, 0xE0, 0x81, 0x08, 0, 0, 0, 0, 0x20, 0x7F, 0xEB, 0x0B, 0, 0}) // no distance code
	f.Fuzz(func(t *testing.T, p []byte) {
		const limit = 1 << 20
		got, end := inflateBytes(t, p, limit)
		if len(p) > inputSize && len(p)%inputSize == 0 {
			return
		}
		r := flate.NewReader(bytes.NewReader(p))
		want, err := io.ReadAll(io.LimitReader(r, limit))
		if err == nil && len(want) < limit {
			if end != inflateDone || !bytes.Equal(got, want) {
				t.Fatalf("end %d, %d bytes; the standard library has %d", end, len(got), len(want))
			}
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	p := SyntheticCore(synth.Info{}, 1200<<10, 1)
	c := append(deflated(b, p, 9), 0)
	z := new(inflater)
	sink := &collector{limit: 1 << 30, out: make([]byte, 0, 2<<20)}
	b.SetBytes(int64(len(p)))
	b.ReportMetric(float64(len(c)), "compressed-bytes")
	for b.Loop() {
		sink.out = sink.out[:0]
		*z = inflater{lit: z.lit, dist: z.dist}
		z.start(func(q []byte, off int64) error { copy(q, c[off:]); return nil }, 0, int64(len(c)), sink)
		if end, _ := z.run(); end != inflateDone {
			b.Fatal(end)
		}
	}
}
