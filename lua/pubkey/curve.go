package pubkey

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
)

// Curve is an elliptic curve y^2 = x^3 + ax + b over the integers modulo P,
// whose generator has the prime order N.
type Curve struct {
	Name        string
	OID         asn1.ObjectIdentifier
	P, A, B     *big.Int
	N, Gx, Gy   *big.Int
	aliases     string
	bytes, bits int
}

// Point is a point of a curve. X is nil at infinity.
type Point struct{ X, Y *big.Int }

func known(name, alias string, c elliptic.Curve, oid ...int) *Curve {
	p := c.Params()
	a := new(big.Int).Sub(p.P, big.NewInt(3))
	return newCurve(Curve{Name: name, aliases: alias, OID: oid, P: p.P, A: a, B: p.B, N: p.N, Gx: p.Gx, Gy: p.Gy})
}

func newCurve(c Curve) *Curve {
	c.bits = c.P.BitLen()
	c.bytes = (c.bits + 7) / 8
	return &c
}

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("pubkey: bad constant " + s)
	}
	return n
}

// The curves that keys can be on, and SM2's (GB/T 32918.5).
var (
	P256 = known("P-256", "secp256r1", elliptic.P256(), 1, 2, 840, 10045, 3, 1, 7)
	P384 = known("P-384", "secp384r1", elliptic.P384(), 1, 3, 132, 0, 34)
	P521 = known("P-521", "secp521r1", elliptic.P521(), 1, 3, 132, 0, 35)
	SM2  = newCurve(Curve{
		Name: "SM2",
		P:    hexInt("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF"),
		A:    hexInt("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"),
		B:    hexInt("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"),
		N:    hexInt("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123"),
		Gx:   hexInt("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"),
		Gy:   hexInt("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"),
	})
)

// curves are those that a key file may name.
var curves = []*Curve{P256, P384, P521}

// CurveByName finds a curve by either of its usual names, or returns nil.
func CurveByName(name string) *Curve {
	for _, c := range curves {
		if name == c.Name || name == c.aliases {
			return c
		}
	}
	return nil
}

// Bits is the size of the field.
func (c *Curve) Bits() int { return c.bits }

// Generator is the base point.
func (c *Curve) Generator() Point { return Point{c.Gx, c.Gy} }

// Contains reports whether p is a point of the curve other than infinity.
func (c *Curve) Contains(p Point) bool {
	if p.X == nil || p.X.Sign() < 0 || p.Y.Sign() < 0 || p.X.Cmp(c.P) >= 0 || p.Y.Cmp(c.P) >= 0 {
		return false
	}
	right := c.rightSide(p.X)
	left := new(big.Int).Mul(p.Y, p.Y)
	return left.Sub(left, right).Mod(left, c.P).Sign() == 0
}

// rightSide is x^3 + ax + b.
func (c *Curve) rightSide(x *big.Int) *big.Int {
	r := new(big.Int).Mul(x, x)
	r.Add(r, c.A).Mul(r, x).Add(r, c.B)
	return r.Mod(r, c.P)
}

// Add adds two points. They need not be on the curve: the formulas do not look.
func (c *Curve) Add(p, q Point) Point {
	return c.affine(c.addJacobian(c.jacobian(p), c.jacobian(q)))
}

// Mul multiplies a point by k >= 0.
func (c *Curve) Mul(k *big.Int, p Point) Point {
	base := c.jacobian(p)
	var sum jacobian
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = c.double(sum)
		if k.Bit(i) == 1 {
			sum = c.addJacobian(sum, base)
		}
	}
	return c.affine(sum)
}

// jacobian is a point (x/z^2, y/z^3). z is nil or 0 at infinity.
type jacobian struct{ x, y, z *big.Int }

func (j jacobian) infinite() bool { return j.z == nil || j.z.Sign() == 0 }

func (c *Curve) jacobian(p Point) jacobian {
	if p.X == nil {
		return jacobian{}
	}
	return jacobian{p.X, p.Y, big.NewInt(1)}
}

func (c *Curve) affine(j jacobian) Point {
	if j.infinite() {
		return Point{}
	}
	inv := new(big.Int).ModInverse(j.z, c.P)
	inv2 := c.mul(inv, inv)
	return Point{c.mul(j.x, inv2), c.mul(j.y, c.mul(inv2, inv))}
}

func (c *Curve) mul(a, b *big.Int) *big.Int {
	r := new(big.Int).Mul(a, b)
	return r.Mod(r, c.P)
}

func (c *Curve) sub(a, b *big.Int) *big.Int {
	r := new(big.Int).Sub(a, b)
	return r.Mod(r, c.P)
}

func (c *Curve) times(a *big.Int, n uint) *big.Int {
	r := new(big.Int).Lsh(a, n)
	return r.Mod(r, c.P)
}

func (c *Curve) double(j jacobian) jacobian {
	if j.infinite() {
		return j
	}
	xx, yy, zz := c.mul(j.x, j.x), c.mul(j.y, j.y), c.mul(j.z, j.z)
	s := c.times(c.mul(j.x, yy), 2)
	m := c.mul(c.A, c.mul(zz, zz))
	m.Add(m, c.times(xx, 1)).Add(m, xx).Mod(m, c.P)
	x := c.sub(c.mul(m, m), c.times(s, 1))
	y := c.sub(c.mul(m, c.sub(s, x)), c.times(c.mul(yy, yy), 3))
	return jacobian{x, y, c.times(c.mul(j.y, j.z), 1)}
}

func (c *Curve) addJacobian(p, q jacobian) jacobian {
	if p.infinite() {
		return q
	}
	if q.infinite() {
		return p
	}
	pzz, qzz := c.mul(p.z, p.z), c.mul(q.z, q.z)
	u := c.mul(p.x, qzz)
	s := c.mul(p.y, c.mul(q.z, qzz))
	h := c.sub(c.mul(q.x, pzz), u)
	r := c.sub(c.mul(q.y, c.mul(p.z, pzz)), s)
	if h.Sign() == 0 {
		if r.Sign() == 0 {
			return c.double(p)
		}
		return jacobian{}
	}
	hh := c.mul(h, h)
	hhh, v := c.mul(h, hh), c.mul(u, hh)
	x := c.sub(c.sub(c.mul(r, r), hhh), c.times(v, 1))
	y := c.sub(c.mul(r, c.sub(v, x)), c.mul(s, hhh))
	return jacobian{x, y, c.mul(c.mul(p.z, q.z), h)}
}

// RandomScalar draws a number of 1..N-1.
func (c *Curve) RandomScalar(fill func([]byte)) *big.Int {
	buf := make([]byte, (c.N.BitLen()+7)/8)
	for {
		fill(buf)
		k := new(big.Int).SetBytes(buf)
		k.Rsh(k, uint(len(buf)*8-c.N.BitLen()))
		if k.Sign() > 0 && k.Cmp(c.N) < 0 {
			return k
		}
	}
}
