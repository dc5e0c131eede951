package bzip2

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// first is the stream of the first segment of the vendor's delta v_fwd.par
// (ec618.md 8.2).
const first = "425a683131415926535996571b8d00010be0e5d800004000044000400000400050000820003100d34d0152801a6715276c249cd081ab480f577ccaf5701f17724538509096571b8d"

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeVector(t *testing.T) {
	p := unhex(t, first)
	want, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(p)))
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []int{UnitStandard, UnitEC618} {
		got, err := Decode(p, unit, 1<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("unit %d: %d bytes, %v; expected %d", unit, len(got), err, len(want))
		}
	}
	var e *Error
	if _, err := Decode(p, UnitStandard, int64(len(want)-1)); !errors.As(err, &e) {
		t.Errorf("too much output: %v", err)
	}
	for n := range p {
		if out, err := Decode(p[:n], UnitEC618, 1<<20); err == nil {
			t.Errorf("cut to %d bytes: %d bytes and no error", n, len(out))
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(unhex(f, first), true)
	f.Fuzz(func(t *testing.T, p []byte, standard bool) {
		if !standard {
			_, _ = Decode(p, UnitEC618, 1<<18)
			return
		}
		// What the standard library takes, we take, and the other way round.
		got, err := Decode(p, UnitStandard, 1<<20)
		want, stdErr := io.ReadAll(io.LimitReader(stdbzip2.NewReader(bytes.NewReader(p)), 1<<20+1))
		if err != nil || stdErr != nil {
			return
		}
		if len(want) <= 1<<20 && len(got) <= len(want) && !bytes.Equal(got, want[:len(got)]) {
			t.Fatalf("%d bytes, the standard library has %d others", len(got), len(want))
		}
	})
}

func TestRoundTrip(t *testing.T) {
	text := bytes.Repeat([]byte("a module updates itself over the air; "), 60)
	inputs := [][]byte{nil, {0}, []byte("aaaa"), bytes.Repeat([]byte{7}, 5), bytes.Repeat([]byte{0}, 32768), text,
		bytes.Repeat([]byte("ab"), 3000)}
	random := make([]byte, 30000)
	x := uint32(1)
	for i := range random {
		x = x*1664525 + 1013904223
		random[i] = byte(x >> 24)
		if i%3 == 0 {
			random[i] = 0
		}
	}
	inputs = append(inputs, random)
	for n := 250; n < 270; n++ {
		inputs = append(inputs, append(bytes.Repeat([]byte("q"), n), text[:n]...))
	}
	for _, in := range inputs {
		out, err := Encode(in, UnitEC618)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(out, UnitEC618, 1<<20); err != nil || !bytes.Equal(got, in) {
			t.Errorf("%d bytes: %d came back, %v", len(in), len(got), err)
		}
		if got, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(out))); err != nil || !bytes.Equal(got, in) {
			t.Errorf("%d bytes: the standard library reads %d, %v", len(in), len(got), err)
		}
	}
	if _, err := Encode(append(random, append(random, random...)...), UnitEC618); err == nil {
		t.Error("90,000 bytes in one block")
	}
}

// TestOrigin: the place of the first byte must lie in the block (origPtr, 24 bits
// behind the stream's head, the block's magic and CRC, and one bit).
func TestOrigin(t *testing.T) {
	good := unhex(t, first)
	want, err := Decode(good, UnitStandard, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(good, UnitStandard)
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	size := len(r.tt)
	for _, origin := range []int{size - 1, size, size + 1, 1<<24 - 1} {
		p := bytes.Clone(good)
		at := (4+6+4)*8 + 1
		for i := range 24 {
			p[(at+i)/8] &^= 0x80 >> ((at + i) % 8)
			p[(at+i)/8] |= byte(origin>>(23-i)&1) << (7 - (at+i)%8)
		}
		var e *Error
		got, err := Decode(p, UnitStandard, 1<<20)
		if !errors.As(err, &e) || bytes.Equal(got, want) {
			t.Errorf("origin %d of %d: %d bytes, %v", origin, size, len(got), err)
		}
		if lies := strings.Contains(fmt.Sprint(err), "lies outside the block"); lies != (origin >= size) {
			t.Errorf("origin %d of %d: %v", origin, size, err)
		}
	}
}
