package gm

import (
	"encoding/binary"
	"hash"
	"math/bits"
)

const (
	// SM3Size is the length of a hash in bytes.
	SM3Size = 32
	// sm3Block is the length of a block in bytes.
	sm3Block = 64
)

// sm3 is the state of a hash in progress.
type sm3 struct {
	v    [8]uint32
	rest []byte // less than a block
	n    uint64 // bytes so far
}

// NewSM3 starts a hash.
func NewSM3() hash.Hash {
	h := &sm3{}
	h.Reset()
	return h
}

// SM3 hashes data.
func SM3(data ...[]byte) []byte {
	h := NewSM3()
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

func (h *sm3) Size() int      { return SM3Size }
func (h *sm3) BlockSize() int { return sm3Block }

func (h *sm3) Reset() {
	*h = sm3{v: [8]uint32{0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E}}
}

func (h *sm3) Write(p []byte) (int, error) {
	n := len(p)
	h.n += uint64(n)
	if len(h.rest) > 0 {
		take := min(sm3Block-len(h.rest), len(p))
		h.rest = append(h.rest, p[:take]...)
		if p = p[take:]; len(h.rest) < sm3Block {
			return n, nil
		}
		h.compress(h.rest)
		h.rest = h.rest[:0]
	}
	for ; len(p) >= sm3Block; p = p[sm3Block:] {
		h.compress(p[:sm3Block])
	}
	h.rest = append(h.rest, p...)
	return n, nil
}

func (h *sm3) Sum(b []byte) []byte {
	end := sm3{v: h.v, rest: append([]byte(nil), h.rest...), n: h.n}
	pad := make([]byte, 1+(sm3Block+sm3Block-9-len(h.rest))%sm3Block)
	pad[0] = 0x80
	pad = binary.BigEndian.AppendUint64(pad, h.n*8)
	end.Write(pad)
	for _, v := range end.v {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func p0(x uint32) uint32 { return x ^ bits.RotateLeft32(x, 9) ^ bits.RotateLeft32(x, 17) }
func p1(x uint32) uint32 { return x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) }

// compress is the compression function (GB/T 32905 5.3).
func (h *sm3) compress(p []byte) {
	var w [68]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(p[4*i:])
	}
	for i := 16; i < len(w); i++ {
		w[i] = p1(w[i-16]^w[i-9]^bits.RotateLeft32(w[i-3], 15)) ^ bits.RotateLeft32(w[i-13], 7) ^ w[i-6]
	}
	a, b, c, d, e, f, g, k := h.v[0], h.v[1], h.v[2], h.v[3], h.v[4], h.v[5], h.v[6], h.v[7]
	for i := range 64 {
		t, ff, gg := uint32(0x79CC4519), a^b^c, e^f^g
		if i >= 16 {
			t, ff, gg = 0x7A879D8A, a&b|a&c|b&c, e&f|^e&g
		}
		ss1 := bits.RotateLeft32(bits.RotateLeft32(a, 12)+e+bits.RotateLeft32(t, i%32), 7)
		ss2 := ss1 ^ bits.RotateLeft32(a, 12)
		tt1 := ff + d + ss2 + (w[i] ^ w[i+4])
		tt2 := gg + k + ss1 + w[i]
		a, b, c, d = tt1, a, bits.RotateLeft32(b, 9), c
		e, f, g, k = p0(tt2), e, bits.RotateLeft32(f, 19), g
	}
	for i, x := range [8]uint32{a, b, c, d, e, f, g, k} {
		h.v[i] ^= x
	}
}
