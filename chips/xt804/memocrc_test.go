package xt804

import (
	"math/rand/v2"
	"testing"

	"airlift/flash"
)

// CRCs that are put together are those of the bytes, wherever they lie, and
// after changes too.
func TestMemoCRC(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	d, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 700<<10)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	if err := d.Burn(0x10000, data); err != nil {
		t.Fatal(err)
	}
	m, f := new(Memo), fls{d}
	for range 300 {
		off := r.Int64N(1<<20 - longBody)
		n := longBody + r.Int64N(1<<20-longBody-off+1)
		if r.IntN(3) == 0 {
			off &^= crcPiece - 1
		}
		if err := d.Program(r.Int64N(1<<20), []byte{byte(r.Uint32())}); err != nil {
			t.Fatal(err)
		}
		want, err := f.crc(Addr(off), n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.crc(f, Addr(off), n); err != nil || got != want {
			t.Fatalf("%d bytes at 0x%X: 0x%08X, want 0x%08X (%v)", n, off, got, want, err)
		}
	}
}
