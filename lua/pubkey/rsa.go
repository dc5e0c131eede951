package pubkey

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"sync"
)

// Limits of an RSA modulus in bits: what mbedtls can hold, and what its key
// generation starts at.
const (
	RSABitsMin = 512
	RSABitsMax = 8192
)

// RSAPublic is a public key.
type RSAPublic struct{ N, E *big.Int }

// RSAPrivate is a private key with its two primes.
type RSAPrivate struct {
	RSAPublic
	D, P, Q *big.Int
}

// Size is the length of the modulus, and of every cipher text and signature,
// in bytes.
func (k *RSAPublic) Size() int { return (k.N.BitLen() + 7) / 8 }

var (
	errRange   = errors.New("number is not below the modulus")
	errPadding = errors.New("wrong padding")
)

// paddingBytes is what PKCS #1 v1.5 needs besides the data.
const paddingBytes = 11

// Encrypt encrypts with PKCS #1 v1.5 (RFC 8017 7.2.1).
func (k *RSAPublic) Encrypt(data []byte, fill func([]byte)) ([]byte, error) {
	room := k.Size() - paddingBytes
	if len(data) > room {
		return nil, fmt.Errorf("%d bytes are too long, expected at most %d", len(data), room)
	}
	block := make([]byte, k.Size())
	block[1] = 2
	pad := block[2 : k.Size()-len(data)-1]
	for i := range pad {
		for pad[i] == 0 {
			fill(pad[i : i+1])
		}
	}
	copy(block[k.Size()-len(data):], data)
	return k.apply(block)
}

// Decrypt undoes [RSAPublic.Encrypt].
func (k *RSAPrivate) Decrypt(data []byte) ([]byte, error) {
	if len(data) != k.Size() {
		return nil, fmt.Errorf("%d bytes of cipher text, expected %d", len(data), k.Size())
	}
	block, err := k.invert(data)
	if err != nil {
		return nil, err
	}
	end := bytes.IndexByte(block[min(2, len(block)):], 0)
	if end < 8 || block[0] != 0 || block[1] != 2 {
		return nil, errPadding
	}
	return block[2+end+1:], nil
}

// Sign signs a hash with PKCS #1 v1.5. A nil md signs the bytes as they are.
func (k *RSAPrivate) Sign(md *Digest, hash []byte) ([]byte, error) {
	block, err := k.signatureBlock(md, hash)
	if err != nil {
		return nil, err
	}
	return k.invert(block)
}

// Verify checks a signature.
func (k *RSAPublic) Verify(md *Digest, hash, sig []byte) bool {
	if len(sig) != k.Size() {
		return false
	}
	want, err := k.signatureBlock(md, hash)
	if err != nil {
		return false
	}
	got, err := k.apply(sig)
	return err == nil && bytes.Equal(got, want)
}

func (k *RSAPublic) signatureBlock(md *Digest, hash []byte) ([]byte, error) {
	text := hash
	if md != nil {
		if err := md.check(hash); err != nil {
			return nil, err
		}
		text = append([]byte(md.info), hash...)
	}
	if len(text) > k.Size()-paddingBytes {
		return nil, fmt.Errorf("hash of %d bytes is too long for a key of %d", len(hash), k.Size())
	}
	block := bytes.Repeat([]byte{0xFF}, k.Size())
	block[0], block[1] = 0, 1
	block[k.Size()-len(text)-1] = 0
	copy(block[k.Size()-len(text):], text)
	return block, nil
}

// apply raises a block to the public exponent.
func (k *RSAPublic) apply(block []byte) ([]byte, error) {
	x := new(big.Int).SetBytes(block)
	if x.Cmp(k.N) >= 0 {
		return nil, errRange
	}
	return x.Exp(x, k.E, k.N).FillBytes(make([]byte, k.Size())), nil
}

// invert raises a block to the private exponent, modulo each prime for speed,
// and checks the result as the firmware does.
func (k *RSAPrivate) invert(block []byte) ([]byte, error) {
	x := new(big.Int).SetBytes(block)
	if x.Cmp(k.N) >= 0 {
		return nil, errRange
	}
	one := big.NewInt(1)
	part := func(p *big.Int) *big.Int {
		d := new(big.Int).Mod(k.D, new(big.Int).Sub(p, one))
		return d.Exp(x, d, p)
	}
	a, b := part(k.P), part(k.Q)
	inverse := new(big.Int).ModInverse(k.Q, k.P)
	y := a.Sub(a, b)
	y.Mul(y, inverse).Mod(y, k.P).Mul(y, k.Q).Add(y, b)
	if new(big.Int).Exp(y, k.E, k.N).Cmp(x) != 0 {
		return nil, errors.New("the key's halves do not fit")
	}
	return y.FillBytes(make([]byte, k.Size())), nil
}

// check refuses what is no key.
func (k *RSAPublic) check() error {
	switch {
	case k.N == nil || k.E == nil || k.N.Sign() <= 0 || k.E.Sign() <= 0:
		return errors.New("RSA key has numbers that are not positive")
	case k.N.BitLen() < 128 || k.N.BitLen() > RSABitsMax:
		return fmt.Errorf("RSA key of %d bits, expected 128..%d", k.N.BitLen(), RSABitsMax)
	case k.N.Bit(0) == 0 || k.E.BitLen() < 2 || k.E.Cmp(k.N) >= 0:
		return errors.New("RSA key has an even modulus or an exponent out of range")
	}
	return nil
}

func (k *RSAPrivate) check() error {
	if err := k.RSAPublic.check(); err != nil {
		return err
	}
	one := big.NewInt(1)
	if k.D.Sign() <= 0 || k.D.Cmp(k.N) >= 0 || k.P.Cmp(one) <= 0 || k.Q.Cmp(one) <= 0 {
		return errors.New("RSA key has private numbers out of range")
	}
	if new(big.Int).Mul(k.P, k.Q).Cmp(k.N) != 0 || new(big.Int).ModInverse(k.Q, k.P) == nil {
		return errors.New("RSA key whose primes do not make its modulus")
	}
	return nil
}

// rsaExponent is the public exponent of generated keys.
const rsaExponent = 65537

// GenerateRSA draws a key. step is told the size in bits of each number that
// is tested for being prime.
func GenerateRSA(bits int, fill func([]byte), step func(bits int)) (*RSAPrivate, error) {
	if bits < RSABitsMin || bits > RSABitsMax {
		return nil, fmt.Errorf("RSA key of %d bits, expected %d..%d", bits, RSABitsMin, RSABitsMax)
	}
	one, e := big.NewInt(1), big.NewInt(rsaExponent)
	for {
		p, q := prime((bits+1)/2, fill, step), prime(bits-(bits+1)/2, fill, step)
		if p.Cmp(q) < 0 {
			p, q = q, p
		}
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		n := new(big.Int).Mul(p, q)
		lcm := new(big.Int).Mul(p1, q1)
		lcm.Div(lcm, new(big.Int).GCD(nil, nil, p1, q1))
		d := new(big.Int).ModInverse(e, lcm)
		if d == nil || p.Cmp(q) == 0 || n.BitLen() != bits {
			continue
		}
		return &RSAPrivate{RSAPublic{n, e}, d, p, q}, nil
	}
}

// smallPrimes sorts out most candidates cheaply.
var smallPrimes = sync.OnceValue(func() (list []uint64) {
next:
	for n := uint64(3); n < 2000; n += 2 {
		for _, p := range list {
			if n%p == 0 {
				continue next
			}
		}
		list = append(list, n)
	}
	return list
})

// prime draws a prime whose two highest bits are set, so that the product of
// two has all its bits. The test is Baillie-PSW: without randomness.
func prime(bits int, fill func([]byte), step func(bits int)) *big.Int {
	buf := make([]byte, (bits+7)/8)
	fill(buf)
	n := new(big.Int).SetBytes(buf)
	n.Rsh(n, uint(len(buf)*8-bits))
	n.SetBit(n, bits-1, 1).SetBit(n, bits-2, 1).SetBit(n, 0, 1)
	two := big.NewInt(2)
	for ; ; n.Add(n, two) {
		if n.BitLen() > bits {
			n.SetBit(n, bits, 0).SetBit(n, bits-1, 1).SetBit(n, bits-2, 1)
		}
		if !hasSmallFactor(n) {
			step(bits)
			if n.ProbablyPrime(0) {
				return n
			}
		}
	}
}

func hasSmallFactor(n *big.Int) bool {
	var m, rest big.Int
	for _, p := range smallPrimes() {
		if rest.Mod(n, m.SetUint64(p)).Sign() == 0 {
			return true
		}
	}
	return false
}
