package pubkey

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// Public is a public key: one of the two is set.
type Public struct {
	RSA *RSAPublic
	EC  *ECPublic
}

// Private is a private key: one of the two is set.
type Private struct {
	RSA *RSAPrivate
	EC  *ECPrivate
}

// Public is the key's other half.
func (k *Private) Public() *Public {
	if k.RSA != nil {
		return &Public{RSA: &k.RSA.RSAPublic}
	}
	return &Public{EC: &k.EC.ECPublic}
}

// Bits is the size of the key.
func (k *Public) Bits() int {
	if k.RSA != nil {
		return k.RSA.N.BitLen()
	}
	return k.EC.Curve.Bits()
}

// ErrUnsupported is wrapped by the error for a sound key of a kind that is not
// emulated.
var ErrUnsupported = errors.New("not emulated")

// keyMax bounds a key file in bytes.
const keyMax = 16 << 10

var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC  = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// ASN.1 forms: PKCS #1 (RFC 8017 A.1), SubjectPublicKeyInfo (RFC 5280 4.1),
// PKCS #8 (RFC 5208 5), SEC 1 (RFC 5915 3).
type (
	pkcs1Public  struct{ N, E *big.Int }
	pkcs1Private struct {
		Version                     int
		N, E, D, P, Q, Dp, Dq, Qinv *big.Int
	}
	algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	spki struct {
		Algorithm algorithm
		Key       asn1.BitString
	}
	pkcs8 struct {
		Version   int
		Algorithm algorithm
		Key       []byte
		Rest      []asn1.RawValue `asn1:"optional,tag:0"`
	}
	sec1 struct {
		Version int
		D       []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Point   asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
)

func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the key", len(rest))
	}
	return err
}

// IsPEM reports whether data has the text form of keys.
func IsPEM(data []byte) bool { return bytes.Contains(data, []byte("-----BEGIN ")) }

// ParsePublic reads a public key in PEM or DER: SubjectPublicKeyInfo, or
// PKCS #1 for RSA.
func ParsePublic(data []byte) (*Public, error) {
	der, kind, err := contents(data, nil)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "PUBLIC KEY":
		return parseSPKI(der)
	case "RSA PUBLIC KEY":
		return parsePKCS1Public(der)
	case "":
		if k, err := parsePKCS1Public(der); err == nil {
			return k, nil
		}
		return parseSPKI(der)
	}
	return nil, fmt.Errorf("PEM block %q, expected a public key", kind)
}

func parsePKCS1Public(der []byte) (*Public, error) {
	var k pkcs1Public
	if err := unmarshal(der, &k); err != nil {
		return nil, fmt.Errorf("RSA public key: %w", err)
	}
	pub := &RSAPublic{k.N, k.E}
	return &Public{RSA: pub}, pub.check()
}

func parseSPKI(der []byte) (*Public, error) {
	var s spki
	if err := unmarshal(der, &s); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	switch {
	case s.Algorithm.OID.Equal(oidRSA):
		return parsePKCS1Public(s.Key.RightAlign())
	case s.Algorithm.OID.Equal(oidEC):
		c, err := namedCurve(s.Algorithm.Parameters.FullBytes)
		if err != nil {
			return nil, err
		}
		p, err := c.parsePoint(s.Key.RightAlign())
		return &Public{EC: &ECPublic{c, p}}, err
	}
	return nil, fmt.Errorf("key of algorithm %v: %w", s.Algorithm.OID, ErrUnsupported)
}

func namedCurve(parameters []byte) (*Curve, error) {
	var oid asn1.ObjectIdentifier
	if err := unmarshal(parameters, &oid); err != nil {
		return nil, fmt.Errorf("curve of the key: %w", err)
	}
	return curveByOID(oid)
}

func curveByOID(oid asn1.ObjectIdentifier) (*Curve, error) {
	for _, c := range curves {
		if c.OID.Equal(oid) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("elliptic curve %v: %w", oid, ErrUnsupported)
}

// parsePoint reads a point of SEC 1 2.3.4, compressed or not.
func (c *Curve) parsePoint(b []byte) (Point, error) {
	bad := errors.New("public key is no point of " + c.Name)
	if len(b) < 1+c.bytes {
		return Point{}, bad
	}
	p := Point{X: new(big.Int).SetBytes(b[1 : 1+c.bytes])}
	switch {
	case b[0] == 4 && len(b) == 1+2*c.bytes:
		p.Y = new(big.Int).SetBytes(b[1+c.bytes:])
	case (b[0] == 2 || b[0] == 3) && len(b) == 1+c.bytes && p.X.Cmp(c.P) < 0:
		if p.Y = new(big.Int).ModSqrt(c.rightSide(p.X), c.P); p.Y == nil {
			return Point{}, bad
		}
		if p.Y.Bit(0) != uint(b[0]&1) {
			p.Y.Sub(c.P, p.Y)
		}
	default:
		return Point{}, bad
	}
	if !c.Contains(p) {
		return Point{}, bad
	}
	return p, nil
}

// Bytes is the uncompressed form of a point.
func (c *Curve) Bytes(p Point) []byte {
	b := make([]byte, 1+2*c.bytes)
	b[0] = 4
	p.X.FillBytes(b[1 : 1+c.bytes])
	p.Y.FillBytes(b[1+c.bytes:])
	return b
}

// ParsePrivate reads a private key in PEM or DER: PKCS #8, PKCS #1 or SEC 1.
// An encrypted one takes the password.
func ParsePrivate(data, password []byte) (*Private, error) {
	der, kind, err := contents(data, password)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "RSA PRIVATE KEY":
		return parsePKCS1(der)
	case "EC PRIVATE KEY":
		return parseSEC1(der, nil)
	case "PRIVATE KEY":
		return parsePKCS8(der)
	case "ENCRYPTED PRIVATE KEY":
		return parseEncrypted(der, password)
	case "":
		return parseAnyPrivate(der, password)
	}
	return nil, fmt.Errorf("PEM block %q, expected a private key", kind)
}

// parseAnyPrivate tries the forms in the firmware's order.
func parseAnyPrivate(der, password []byte) (*Private, error) {
	forms := []func() (*Private, error){
		func() (*Private, error) { return parseEncrypted(der, password) },
		func() (*Private, error) { return parsePKCS8(der) },
		func() (*Private, error) { return parsePKCS1(der) },
		func() (*Private, error) { return parseSEC1(der, nil) },
	}
	var last error
	for _, f := range forms {
		k, err := f()
		if err == nil {
			return k, nil
		}
		if last == nil || errors.Is(err, ErrUnsupported) {
			last = err
		}
	}
	return nil, last
}

func parsePKCS1(der []byte) (*Private, error) {
	var k pkcs1Private
	if err := unmarshal(der, &k); err != nil {
		return nil, fmt.Errorf("RSA private key: %w", err)
	}
	priv := &RSAPrivate{RSAPublic{k.N, k.E}, k.D, k.P, k.Q}
	return &Private{RSA: priv}, priv.check()
}

func parseSEC1(der []byte, c *Curve) (*Private, error) {
	var k sec1
	if err := unmarshal(der, &k); err != nil {
		return nil, fmt.Errorf("EC private key: %w", err)
	}
	if len(k.Curve) > 0 {
		var err error
		if c, err = curveByOID(k.Curve); err != nil {
			return nil, err
		}
	}
	if c == nil {
		return nil, errors.New("EC private key does not say its curve")
	}
	if len(k.D) > c.bytes {
		return nil, errors.New("EC private key is too long")
	}
	d := new(big.Int).SetBytes(k.D)
	if !c.scalar(d) {
		return nil, errors.New("EC private key is out of range")
	}
	return &Private{EC: NewECPrivate(c, d)}, nil
}

func parsePKCS8(der []byte) (*Private, error) {
	var k pkcs8
	if err := unmarshal(der, &k); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	switch {
	case k.Algorithm.OID.Equal(oidRSA):
		return parsePKCS1(k.Key)
	case k.Algorithm.OID.Equal(oidEC):
		c, err := namedCurve(k.Algorithm.Parameters.FullBytes)
		if err != nil {
			return nil, err
		}
		return parseSEC1(k.Key, c)
	}
	return nil, fmt.Errorf("key of algorithm %v: %w", k.Algorithm.OID, ErrUnsupported)
}

// contents takes the armour off. kind is "" for DER.
func contents(data, password []byte) (der []byte, kind string, err error) {
	if len(data) > keyMax {
		return nil, "", fmt.Errorf("key of %d bytes, expected at most %d", len(data), keyMax)
	}
	if !IsPEM(data) {
		return data, "", nil
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, "", errors.New("no key in the PEM text")
		}
		if block.Type == "EC PARAMETERS" {
			continue
		}
		if der, err = openBlock(block, password); err != nil {
			return nil, "", err
		}
		return der, block.Type, nil
	}
}

// PEM is the text form that the firmware writes: PKCS #1 or SEC 1.
func (k *Private) PEM() []byte {
	if k.RSA != nil {
		one := big.NewInt(1)
		r := k.RSA
		return armour("RSA PRIVATE KEY", pkcs1Private{
			0, r.N, r.E, r.D, r.P, r.Q,
			new(big.Int).Mod(r.D, new(big.Int).Sub(r.P, one)), new(big.Int).Mod(r.D, new(big.Int).Sub(r.Q, one)),
			new(big.Int).ModInverse(r.Q, r.P),
		})
	}
	c := k.EC.Curve
	return armour("EC PRIVATE KEY", sec1{1, k.EC.D.FillBytes(make([]byte, (c.N.BitLen()+7)/8)), c.OID, bitString(c.Bytes(k.EC.Point))})
}

// PEM is the text form of SubjectPublicKeyInfo.
func (k *Public) PEM() []byte {
	if k.RSA != nil {
		inner := marshal(pkcs1Public{k.RSA.N, k.RSA.E})
		return armour("PUBLIC KEY", spki{algorithm{oidRSA, asn1.NullRawValue}, bitString(inner)})
	}
	c := k.EC.Curve
	return armour("PUBLIC KEY", spki{algorithm{oidEC, asn1.RawValue{FullBytes: marshal(c.OID)}}, bitString(c.Bytes(k.EC.Point))})
}

func bitString(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: len(b) * 8} }

func armour(kind string, v any) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: marshal(v)})
}

// marshal writes values that cannot fail.
func marshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("pubkey: %v", err))
	}
	return der
}
