package gm

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"
)

// SM4Size is the length of a key and of a block in bytes.
const SM4Size = 16

// sbox is the substitution of SM4: an affine map, an inversion in GF(2^8) with
// the polynomial 1F5, and the affine map again (GB/T 32907 6.2).
var sbox = sync.OnceValue(func() *[256]byte {
	var s [256]byte
	var log, exp [256]byte
	x := 1
	for i := range 255 {
		log[x], exp[i] = byte(i), byte(x)
		x ^= x << 1 // times 3, which generates the group
		if x > 255 {
			x ^= 0x1F5
		}
	}
	affine := func(v byte) byte {
		out := byte(0xD3)
		for i := range 8 {
			// Row i of the matrix is A7 turned left by i bits.
			out ^= byte(bits.OnesCount8(v&bits.RotateLeft8(0xA7, i))&1) << i
		}
		return out
	}
	for i := range s {
		v := affine(byte(i))
		if v != 0 {
			v = exp[(255-int(log[v]))%255]
		}
		s[i] = affine(v)
	}
	return &s
})

// sm4 is a key schedule.
type sm4 struct {
	box      *[256]byte
	enc, dec [32]uint32
}

// NewSM4 makes the cipher of a key of 16 bytes.
func NewSM4(key []byte) (cipher.Block, error) {
	if len(key) != SM4Size {
		return nil, fmt.Errorf("SM4 key of %d bytes, expected %d", len(key), SM4Size)
	}
	c := &sm4{box: sbox()}
	var k [4]uint32
	for i, fk := range [4]uint32{0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC} {
		k[i] = binary.BigEndian.Uint32(key[4*i:]) ^ fk
	}
	for i := range c.enc {
		var ck uint32
		for j := range 4 {
			ck = ck<<8 | uint32(byte((4*i+j)*7))
		}
		t := c.substitute(k[1] ^ k[2] ^ k[3] ^ ck)
		next := k[0] ^ t ^ bits.RotateLeft32(t, 13) ^ bits.RotateLeft32(t, 23)
		k = [4]uint32{k[1], k[2], k[3], next}
		c.enc[i], c.dec[31-i] = next, next
	}
	return c, nil
}

func (c *sm4) substitute(x uint32) uint32 {
	sbox := c.box
	return uint32(sbox[x>>24])<<24 | uint32(sbox[x>>16&255])<<16 | uint32(sbox[x>>8&255])<<8 | uint32(sbox[x&255])
}

func (c *sm4) BlockSize() int          { return SM4Size }
func (c *sm4) Encrypt(dst, src []byte) { c.crypt(&c.enc, dst, src) }
func (c *sm4) Decrypt(dst, src []byte) { c.crypt(&c.dec, dst, src) }

func (c *sm4) crypt(keys *[32]uint32, dst, src []byte) {
	var x [4]uint32
	for i := range x {
		x[i] = binary.BigEndian.Uint32(src[4*i:])
	}
	for _, k := range keys {
		t := c.substitute(x[1] ^ x[2] ^ x[3] ^ k)
		t ^= bits.RotateLeft32(t, 2) ^ bits.RotateLeft32(t, 10) ^ bits.RotateLeft32(t, 18) ^ bits.RotateLeft32(t, 24)
		x = [4]uint32{x[1], x[2], x[3], x[0] ^ t}
	}
	for i := range x {
		binary.BigEndian.PutUint32(dst[4*i:], x[3-i])
	}
}
