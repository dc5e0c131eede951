package xt804

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"airlift/chips/synth"
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

// bitString packs bits, the first of them lowest, with zeros behind them up to n
// bytes.
func bitString(bits string, n int) []byte {
	p := make([]byte, n)
	for i := range bits {
		p[i/8] |= (bits[i] - '0') << (i % 8)
	}
	return p
}

// TestReservedCodes: distance codes 30 and 31, and length codes 286 and 287, can
// be written in a fixed block but mean nothing (RFC 1951 3.2.6), with much input
// behind them and with little.
func TestReservedCodes(t *testing.T) {
	const head, literal, length3, end = "110", "10010001", "0000001", "0000000"
	for name, c := range map[string]struct {
		bits string
		want inflateEnd
	}{
		"distance code 29": {head + literal + length3 + "11101" + "0000000000000" + end, inflateDone},
		"distance code 30": {head + literal + length3 + "11110" + end, inflateError},
		"distance code 31": {head + literal + length3 + "11111" + end, inflateError},
		"length code 285":  {head + literal + "11000101" + "00000" + end, inflateDone},
		"length code 286":  {head + literal + "11000110" + "00000" + end, inflateError},
		"length code 287":  {head + literal + "11000111" + "00000" + end, inflateError},
	} {
		for _, n := range []int{(len(c.bits) + 7) / 8, 64} {
			if _, end := inflateBytes(t, bitString(c.bits, n), 1<<20); end != c.want {
				t.Errorf("%s in %d bytes: ends with %d, expected %d", name, n, end, c.want)
			}
		}
	}
}

// TestGzipHeaderFlags: of the flags secboot knows that of a name alone; with the
// others it inflates what stands where the data would begin without them
// (xt804.md 3.6).
func TestGzipHeaderFlags(t *testing.T) {
	for flags := range 256 {
		p := append([]byte{0x1F, 0x8B, 8, byte(flags), 0, 0, 0, 0, 0, 0}, "name\x00rest"...)
		z := new(inflater)
		z.start(func(b []byte, off int64) error { copy(b, p[off:]); return nil }, 0, int64(len(p)), &collector{})
		end, err := z.gzipHeader()
		next, _ := z.in.next()
		want := byte('n')
		if flags&8 != 0 {
			want = 'r'
		}
		if end != inflateDone || err != nil || next != want || z.plain != (flags&8 == 0) {
			t.Errorf("flags 0x%02X: %d, %v, goes on with %q", flags, end, err, next)
		}
	}
}
