package rda8910

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// scriptVector is the luadb of version 2 of 8910.md 8.6.
const scriptVector = `01045aa55aa5 02020200 030418000000 04020100 fe022f03
	01045aa55aa5 02086d61696e2e6c7561 03041c000000 fe024506
	50524f4a4543543d2254222056455253494f4e3d22312e302e30220a`

// scriptLZMAR is the same compressed (8910.md 8.7).
const scriptLZMAR = `4e00000040000100490000009b1000000000814bb0478e6440f2f191ad77adb7f90a212a761d18dd8457d8d82524ab7f6bde60ff4b0af10d31ba2892a9342cc371ef7b6c158ed8a34d50b128906d2762a3eeeaf1f90d00ee4000000000000000`

func TestLZMARVectors(t *testing.T) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	for _, c := range []struct {
		name, file string
		plain      []byte
	}{
		{"A", "01000000 40000100 06000000 41000000 00207ffe0000 0000", []byte("A")},
		{"FF", "01000000 40000100 06000000 ff000000 007f7ffe0000 0000", []byte{0xFF}},
		{"script", scriptLZMAR, unhex(t, scriptVector)},
	} {
		got, err := unpackLZMAR(unhex(t, c.file))
		if err != nil || !bytes.Equal(got, c.plain) {
			t.Errorf("%s: %x, %v", c.name, got, err)
		}
		b, err := PackLZMAR(c.plain)
		if err != nil || !bytes.Equal(b, unhex(t, c.file)) {
			t.Errorf("%s: packed as %x, %v", c.name, b, err)
		}
	}
	b, err := PackLZMAR(all)
	if z, _ := ParseLZMAR(b); err != nil || len(z.Blocks) != 1 || len(z.Blocks[0].Stream) != 0xE7 || z.Blocks[0].Sum != 0x7F80 {
		t.Errorf("0..255: %x, %v", b, err)
	}
}

// repetitive draws data with repetitions near and far, and noise.
func repetitive(r *rand.Rand, n int) []byte {
	var p []byte
	for len(p) < n {
		switch k := r.IntN(400); r.IntN(4) {
		case 0:
			for range k {
				p = append(p, byte(r.Uint32()))
			}
		case 1:
			p = append(p, bytes.Repeat([]byte{byte(k)}, k)...)
		default:
			if from := len(p) - 1 - r.IntN(1400); from >= 0 {
				p = append(p, p[from:min(len(p), from+k)]...)
			}
		}
	}
	return p[:n]
}

func TestLZMARRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 8910))
		p := repetitive(r, rapid.IntRange(0, 3000).Draw(t, "size"))
		checkLZMAR(t, p)
	})
	r := rand.New(rand.NewPCG(1, 8910))
	for _, n := range []int{lzmarBlock - 1, lzmarBlock, lzmarBlock + 1, 3*lzmarBlock + 77} {
		checkLZMAR(t, repetitive(r, n))
	}
	checkLZMAR(t, make([]byte, 2*lzmarBlock))
}

func checkLZMAR(t interface{ Fatalf(string, ...any) }, p []byte) {
	b, err := PackLZMAR(p)
	if err != nil || len(b)%lzmarAlign != 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if got, err := unpackLZMAR(b); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("%d bytes packed to %d: %d, %v", len(p), len(b), len(got), err)
	}
}
