package gm

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"airlift/lua/pubkey"
)

const (
	// SM2Size is the length of a coordinate and of a scalar in bytes.
	SM2Size = 32
	// SM2PlainMax is the longest text that the library encrypts, in bytes.
	SM2PlainMax = 16384
	// SM2IDMax is the longest signer's name, in bytes: its length in bits is
	// kept in 16 bits.
	SM2IDMax = 8191
)

var curve = pubkey.SM2

var errCipherText = errors.New("SM2 cipher text does not decrypt")

// CipherText is the parts of an encrypted text (GB/T 32918.4 6.1).
type CipherText struct {
	C1   pubkey.Point // the ephemeral key
	Hash []byte       // C3
	Text []byte       // C2, as long as the plain text
}

// Encrypt encrypts for the owner of a public key, which must be a point of the
// curve.
func Encrypt(pub pubkey.Point, plain []byte, fill func([]byte)) (*CipherText, error) {
	if len(plain) == 0 || len(plain) > SM2PlainMax {
		return nil, fmt.Errorf("SM2 text of %d bytes, expected 1..%d", len(plain), SM2PlainMax)
	}
	if !curve.Contains(pub) {
		return nil, errors.New("SM2 public key is not on the curve")
	}
	for {
		k := curve.RandomScalar(fill)
		x, y := coordinates(curve.Mul(k, pub))
		mask := kdf(append(append([]byte{}, x...), y...), len(plain))
		if allZero(mask) {
			continue
		}
		return &CipherText{curve.Mul(k, curve.Generator()), SM3(x, plain, y), xor(mask, plain)}, nil
	}
}

// Decrypt undoes [Encrypt].
func Decrypt(d *big.Int, c *CipherText) ([]byte, error) {
	if !curve.Contains(c.C1) {
		return nil, errCipherText
	}
	x, y := coordinates(curve.Mul(d, c.C1))
	mask := kdf(append(append([]byte{}, x...), y...), len(c.Text))
	plain := xor(mask, c.Text)
	if allZero(mask) || !bytes.Equal(SM3(x, plain, y), c.Hash) {
		return nil, errCipherText
	}
	return plain, nil
}

// derCipherText is the form of GB/T 35276 7.2.
type derCipherText struct {
	X, Y *big.Int
	Hash []byte
	Text []byte
}

// DER is the form that GmSSL writes.
func (c *CipherText) DER() ([]byte, error) {
	return asn1.Marshal(derCipherText{c.C1.X, c.C1.Y, c.Hash, c.Text})
}

// ParseCipherText reads the form that GmSSL writes.
func ParseCipherText(der []byte) (*CipherText, error) {
	var d derCipherText
	rest, err := asn1.Unmarshal(der, &d)
	switch {
	case err != nil:
		return nil, fmt.Errorf("SM2 cipher text is no DER: %w", err)
	case len(rest) > 0 || len(d.Hash) != SM3Size || len(d.Text) == 0 || len(d.Text) > SM2PlainMax:
		return nil, errCipherText
	}
	return &CipherText{pubkey.Point{X: d.X, Y: d.Y}, d.Hash, d.Text}, nil
}

// coordinates are a point's two numbers, zero at infinity.
func coordinates(p pubkey.Point) (x, y []byte) {
	x, y = make([]byte, SM2Size), make([]byte, SM2Size)
	if p.X != nil {
		p.X.FillBytes(x)
		p.Y.FillBytes(y)
	}
	return x, y
}

// kdf is the key derivation of GB/T 32918.4 5.4.3.
func kdf(z []byte, n int) []byte {
	out := make([]byte, 0, n+SM3Size)
	for i := uint32(1); len(out) < n; i++ {
		out = append(out, SM3(z, binary.BigEndian.AppendUint32(nil, i))...)
	}
	return out[:n]
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range out {
		out[i] = a[i] ^ b[i]
	}
	return out
}

// Digest is the hash that is signed: of the signer's name and key, unless the
// name is empty, and the text (GB/T 32918.2 5.5, 6.1).
func Digest(pub pubkey.Point, id, text []byte) []byte {
	if len(id) == 0 {
		return SM3(text)
	}
	x, y := coordinates(pub)
	length := binary.BigEndian.AppendUint16(nil, uint16(len(id)*8))
	fixed := make([]byte, 0, 4*SM2Size)
	for _, n := range []*big.Int{curve.A, curve.B, curve.Gx, curve.Gy} {
		fixed = append(fixed, n.FillBytes(make([]byte, SM2Size))...)
	}
	return SM3(SM3(length, id, fixed, x, y), text)
}

// Sign signs a digest (GB/T 32918.2 6.1). d is 1..n-2.
func Sign(d *big.Int, digest []byte, fill func([]byte)) (r, s *big.Int, err error) {
	one := big.NewInt(1)
	inverse := new(big.Int).ModInverse(new(big.Int).Add(d, one), curve.N)
	if inverse == nil {
		return nil, nil, errors.New("SM2 private key is out of range")
	}
	e := new(big.Int).SetBytes(digest)
	for {
		k := curve.RandomScalar(fill)
		r = new(big.Int).Add(e, curve.Mul(k, curve.Generator()).X)
		r.Mod(r, curve.N)
		if r.Sign() == 0 || new(big.Int).Add(r, k).Cmp(curve.N) == 0 {
			continue
		}
		s = new(big.Int).Mul(r, d)
		s.Sub(k, s).Mul(s, inverse).Mod(s, curve.N)
		if s.Sign() != 0 {
			return r, s, nil
		}
	}
}

// Verify checks a signature of a digest (GB/T 32918.2 7.1).
func Verify(pub pubkey.Point, digest []byte, r, s *big.Int) bool {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(curve.N) >= 0 || s.Cmp(curve.N) >= 0 {
		return false
	}
	t := new(big.Int).Add(r, s)
	if t.Mod(t, curve.N).Sign() == 0 {
		return false
	}
	p := curve.Add(curve.Mul(s, curve.Generator()), curve.Mul(t, pub))
	if p.X == nil {
		return false
	}
	e := new(big.Int).SetBytes(digest)
	e.Add(e, p.X).Mod(e, curve.N)
	return e.Cmp(r) == 0
}
