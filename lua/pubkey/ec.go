package pubkey

import (
	"crypto/hmac"
	"encoding/asn1"
	"math/big"
)

// ECPublic is a public key on a curve.
type ECPublic struct {
	Curve *Curve
	Point Point
}

// ECPrivate is a private key on a curve.
type ECPrivate struct {
	ECPublic
	D *big.Int
}

// NewECPrivate makes the key of d, which is 1..N-1.
func NewECPrivate(c *Curve, d *big.Int) *ECPrivate {
	return &ECPrivate{ECPublic{c, c.Mul(d, c.Generator())}, d}
}

// GenerateEC draws a key.
func GenerateEC(c *Curve, fill func([]byte)) *ECPrivate { return NewECPrivate(c, c.RandomScalar(fill)) }

// ecdsaSignature is the DER form of a signature (RFC 3279).
type ecdsaSignature struct{ R, S *big.Int }

// Sign signs a hash with ECDSA and the nonce of RFC 6979, in DER. The hash must
// be as long as md says.
func (k *ECPrivate) Sign(md *Digest, hash []byte) ([]byte, error) {
	if err := md.check(hash); err != nil {
		return nil, err
	}
	c := k.Curve
	e := c.hashInt(hash)
	nonces := newNonces(k, md, e)
	for {
		nonce := nonces.next()
		r := new(big.Int).Mod(c.Mul(nonce, c.Generator()).X, c.N)
		s := new(big.Int).Mul(r, k.D)
		s.Add(s, e).Mul(s, new(big.Int).ModInverse(nonce, c.N)).Mod(s, c.N)
		if r.Sign() != 0 && s.Sign() != 0 {
			return asn1.Marshal(ecdsaSignature{r, s})
		}
	}
}

// Verify checks a signature in DER.
func (k *ECPublic) Verify(md *Digest, hash, sig []byte) bool {
	var v ecdsaSignature
	rest, err := asn1.Unmarshal(sig, &v)
	c := k.Curve
	if err != nil || len(rest) > 0 || md.check(hash) != nil || !c.scalar(v.R) || !c.scalar(v.S) {
		return false
	}
	w := new(big.Int).ModInverse(v.S, c.N)
	u1 := new(big.Int).Mul(c.hashInt(hash), w)
	u2 := new(big.Int).Mul(v.R, w)
	p := c.Add(c.Mul(u1.Mod(u1, c.N), c.Generator()), c.Mul(u2.Mod(u2, c.N), k.Point))
	return p.X != nil && new(big.Int).Mod(p.X, c.N).Cmp(v.R) == 0
}

func (c *Curve) scalar(n *big.Int) bool { return n.Sign() > 0 && n.Cmp(c.N) < 0 }

// hashInt is the leftmost bits of a hash as a number below 2^bits(N).
func (c *Curve) hashInt(hash []byte) *big.Int {
	e := new(big.Int).SetBytes(hash)
	if excess := len(hash)*8 - c.N.BitLen(); excess > 0 {
		e.Rsh(e, uint(excess))
	}
	return e
}

// nonces is the generator of RFC 6979 3.2.
type nonces struct {
	c    *Curve
	md   *Digest
	k, v []byte
}

func newNonces(key *ECPrivate, md *Digest, e *big.Int) *nonces {
	n := &nonces{c: key.Curve, md: md, k: make([]byte, md.Size), v: make([]byte, md.Size)}
	for i := range n.v {
		n.v[i] = 1
	}
	size := (n.c.N.BitLen() + 7) / 8
	seed := append(key.D.FillBytes(make([]byte, size)), new(big.Int).Mod(e, n.c.N).FillBytes(make([]byte, size))...)
	n.update(0, seed)
	n.update(1, seed)
	return n
}

func (n *nonces) update(round byte, seed []byte) {
	n.k = n.mac(n.v, []byte{round}, seed)
	n.v = n.mac(n.v)
}

func (n *nonces) mac(parts ...[]byte) []byte {
	h := hmac.New(n.md.New, n.k)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func (n *nonces) next() *big.Int {
	for {
		var t []byte
		for len(t)*8 < n.c.N.BitLen() {
			n.v = n.mac(n.v)
			t = append(t, n.v...)
		}
		nonce := n.c.hashInt(t)
		n.update(0, nil)
		if n.c.scalar(nonce) {
			return nonce
		}
	}
}
