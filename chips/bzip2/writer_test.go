package bzip2

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// mixed is data like a delta's: zeros, now and then a difference, noise.
func mixed(r *rand.Rand, n int) []byte {
	var p []byte
	few := make([]byte, 1+r.IntN(9))
	for i := range few {
		few[i] = byte(r.Uint32())
	}
	for len(p) < n {
		switch r.IntN(9) {
		case 0:
			for range r.IntN(60) {
				p = append(p, byte(r.Uint32()))
			}
		case 1, 2, 3:
			p = append(p, few[r.IntN(len(few))])
		case 4:
			p = append(p, p[len(p)-min(len(p), r.IntN(200)):]...)
		default:
			p = append(p, make([]byte, r.IntN(300))...)
		}
	}
	return p[:n]
}

// TestEncode writes streams of many kinds that both this package's reader, with
// the small blocks of the module, and the standard library's must take.
func TestEncode(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		p := mixed(r, r.IntN(20000))
		out, err := Encode(p, UnitEC618)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, err := Decode(out, UnitEC618, 1<<20); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("seed %d: %d of %d bytes, %v", seed, len(got), len(p), err)
		}
		if got, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(out))); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("seed %d: the standard library reads %d of %d bytes, %v", seed, len(got), len(p), err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("aaaaaaaabaaaa"), uint16(1))
	f.Add([]byte{0, 1}, uint16(700))
	f.Add(mixed(rand.New(rand.NewPCG(1, 1)), 500), uint16(3))
	f.Fuzz(func(t *testing.T, p []byte, times uint16) {
		if p = bytes.Repeat(p, 1+int(times)%1000); len(p) > 40000 {
			return
		}
		out, err := Encode(p, UnitEC618)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(out, UnitEC618, 1<<20); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(p), err)
		}
		if got, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(out))); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("the standard library reads %d of %d bytes, %v", len(got), len(p), err)
		}
	})
}

// TestTransform compares with sorting the rotations one by one.
func TestTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		p := make([]byte, 1+r.IntN(60))
		for i := range p {
			p[i] = byte(r.IntN(1 + r.IntN(4)))
		}
		rows := make([][]byte, len(p))
		for i := range p {
			rows[i] = append(slices.Clone(p[i:]), p[:i]...)
		}
		slices.SortFunc(rows, bytes.Compare)
		last, orig := transform(p)
		for i, row := range rows {
			if last[i] != row[len(p)-1] {
				t.Fatalf("% x: column % x", p, last)
			}
		}
		if !bytes.Equal(rows[orig], p) {
			t.Fatalf("% x: row %d is not the original", p, orig)
		}
	}
}

// TestCodeLengths compares with the best of all codes, for small alphabets: the
// code must be complete, and is on average within one part in 200 of the best.
func TestCodeLengths(t *testing.T) {
	const longest = 6
	r := rand.New(rand.NewPCG(5, 6))
	sum, optimum := 0, 0
	for range 40 {
		freq := make([]int, 3+r.IntN(3))
		for i := range freq {
			freq[i] = r.IntN(1+r.IntN(60)) * r.IntN(3)
		}
		w := newLengthSearch(freq)
		lengths := codeLengths(freq)
		room := 1 << maxWritten
		for _, l := range lengths {
			room -= 1 << (maxWritten - int(l))
		}
		if room != 0 {
			t.Fatalf("%v: the lengths %v leave %d/2^17 of the code space", freq, lengths, room)
		}
		best := 1 << 30
		try := make([]byte, len(freq))
		var all func(s, room int)
		all = func(s, room int) {
			if s == len(freq) {
				best = min(best, w.size(try))
				return
			}
			for l := 1; l <= longest; l++ {
				if left := room - 1<<(longest-l); left >= 0 {
					try[s] = byte(l)
					all(s+1, left)
				}
			}
		}
		all(0, 1<<longest)
		sum, optimum = sum+w.size(lengths), optimum+best
	}
	if sum*200 > optimum*201 {
		t.Errorf("%d bits, the best codes take %d", sum, optimum)
	}
}
