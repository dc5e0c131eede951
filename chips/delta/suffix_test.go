package delta

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSuffixes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	inputs := [][]byte{nil, {5}, []byte("banana"), []byte("mississippi"), bytes.Repeat([]byte{0}, 300), bytes.Repeat([]byte{255, 0}, 99)}
	for range 200 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			p[i] = byte(r.IntN(1 + r.IntN(5)*60))
		}
		inputs = append(inputs, p)
	}
	for _, p := range inputs {
		want := make([]int32, len(p))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortFunc(want, func(a, b int32) int { return bytes.Compare(p[a:], p[b:]) })
		if got := suffixes(p); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, expected %v", p, got, want)
		}
	}
}

func BenchmarkSuffixes(b *testing.B) {
	p := make([]byte, 2<<20)
	r := rand.NewPCG(3, 4)
	for i := range p {
		v := r.Uint64()
		p[i] = byte(v & (v >> 8))
	}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		suffixes(p)
	}
}
