package pubkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func stream(seed uint64) func([]byte) {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(p []byte) {
		for i := range p {
			p[i] = byte(r.Uint32())
		}
	}
}

func readKey(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeyFiles reads what openssl writes: both forms of both kinds, and the
// same keys encrypted.
func TestKeyFiles(t *testing.T) {
	for _, c := range []struct{ file, like string }{
		{"rsa-legacy.pem", "rsa.pem"}, {"rsa-pbes2.pem", "rsa.pem"}, {"ec-legacy.pem", "ec.pem"},
	} {
		want, err := ParsePrivate(readKey(t, c.like), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.like, err)
		}
		got, err := ParsePrivate(readKey(t, c.file), []byte("secret"))
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		if !bytes.Equal(got.PEM(), want.PEM()) {
			t.Errorf("%s is not the key of %s", c.file, c.like)
		}
		if _, err := ParsePrivate(readKey(t, c.file), []byte("wrong")); err == nil {
			t.Errorf("%s opens with a wrong password", c.file)
		}
		block, _ := pem.Decode(want.PEM())
		if got, err := ParsePrivate(block.Bytes, nil); err != nil || !bytes.Equal(got.PEM(), want.PEM()) {
			t.Errorf("%s in DER: %v", c.like, err)
		}
	}
	for public, private := range map[string]string{"rsa-public.pem": "rsa.pem", "ec-compressed-public.pem": "ec.pem"} {
		pub, err := ParsePublic(readKey(t, public))
		if err != nil {
			t.Fatalf("%s: %v", public, err)
		}
		priv, err := ParsePrivate(readKey(t, private), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pub.PEM(), priv.Public().PEM()) {
			t.Errorf("%s is not the other half of %s", public, private)
		}
	}
}

// TestAgainstStandardLibrary generates keys, and lets the standard library
// read them and check what they sign.
func TestAgainstStandardLibrary(t *testing.T) {
	hash := sha256.Sum256([]byte("text"))
	for _, c := range curves {
		k := &Private{EC: GenerateEC(c, stream(1))}
		block, _ := pem.Decode(k.PEM())
		std, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		sig, err := k.EC.Sign(SHA256, hash[:])
		if err != nil || !ecdsa.VerifyASN1(&std.PublicKey, hash[:], sig) {
			t.Errorf("%s: signature is not good: %v", c.Name, err)
		}
		theirs, err := std.Sign(nil, hash[:], crypto.SHA256)
		if err != nil || !bytes.Equal(sig, theirs) {
			t.Errorf("%s: RFC 6979 signature %x, expected %x (%v)", c.Name, sig, theirs, err)
		}
		if !k.EC.Verify(SHA256, hash[:], theirs) {
			t.Errorf("%s: their signature does not verify", c.Name)
		}
		checkPublic(t, k.Public())
	}
	sizes := []int{1024}
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		sizes = append(sizes, 2048, 4096)
	}
	for _, bits := range sizes {
		var tested int
		r, err := GenerateRSA(bits, stream(2), func(int) { tested++ })
		if err != nil || tested < 2 || r.N.BitLen() != bits {
			t.Fatalf("RSA key of %d bits: %v, %d numbers tested", bits, err, tested)
		}
		k := &Private{RSA: r}
		block, _ := pem.Decode(k.PEM())
		std, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := r.Sign(SHA256, hash[:])
		if err != nil || rsa.VerifyPKCS1v15(&std.PublicKey, crypto.SHA256, hash[:], sig) != nil {
			t.Errorf("%d bits: signature is not good: %v", bits, err)
		}
		checkPublic(t, k.Public())
	}
}

func checkPublic(t *testing.T, k *Public) {
	t.Helper()
	block, _ := pem.Decode(k.PEM())
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		t.Error(err)
	}
	again, err := ParsePublic(k.PEM())
	if err != nil || !bytes.Equal(again.PEM(), k.PEM()) || again.Bits() != k.Bits() {
		t.Errorf("read again: %v", err)
	}
}

// TestRepeatable: the same stream makes the same key.
func TestRepeatable(t *testing.T) {
	make := func() string {
		r, err := GenerateRSA(512, stream(3), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		return r.N.Text(16)
	}
	if a, b := make(), make(); a != b {
		t.Errorf("%s and %s", a, b)
	}
	if got := GenerateEC(P256, stream(3)).D.Text(16); got != GenerateEC(P256, stream(3)).D.Text(16) {
		t.Error("EC keys differ")
	}
}

// TestNonce has the vector of RFC 6979 A.2.5 for "sample" and SHA-256.
func TestNonce(t *testing.T) {
	d := hexInt("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
	hash := sha256.Sum256([]byte("sample"))
	k := newNonces(NewECPrivate(P256, d), SHA256, P256.hashInt(hash[:])).next()
	if want := "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60"; k.Text(16) != want {
		t.Errorf("nonce %x, expected %s", k, want)
	}
}

func TestRSAEncryption(t *testing.T) {
	k, err := ParsePrivate(readKey(t, "rsa.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 50, 117} {
		plain := bytes.Repeat([]byte{0}, n)
		c, err := k.RSA.Encrypt(plain, stream(uint64(n)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.RSA.Decrypt(c); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %x, %v", n, got, err)
		}
		c[0] ^= 0x80
		c[20] ^= 1
		if _, err := k.RSA.Decrypt(c); err == nil {
			t.Error("a changed text decrypts")
		}
	}
	if _, err := k.RSA.Encrypt(make([]byte, 118), stream(1)); err == nil {
		t.Error("118 bytes fit a key of 1024 bits")
	}
	if _, err := k.RSA.Decrypt(make([]byte, 127)); err == nil {
		t.Error("a short cipher text decrypts")
	}
}

func TestRefused(t *testing.T) {
	k256 := "-----BEGIN EC PRIVATE KEY-----\nMHQCAQEEIGsfQr4ZWR43VKfkXTCF2jAHUXEl19XSaTVn5eUw66qOoAcGBSuBBAAKoUQDQgAEi4B4SBZ2Kkz4yPb6gK0jWx6EYuG3iV7IFNbChOG1IFj1fCzaK/79++wSXiWxEo5UE86IfrG6sE8/6UwpaANjbg==\n-----END EC PRIVATE KEY-----\n"
	if _, err := ParsePrivate([]byte(k256), nil); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "1.3.132.0.10") {
		t.Errorf("curve secp256k1: %v", err)
	}
	for _, text := range []string{"", "no key", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", strings.Repeat("x", keyMax+1)} {
		if _, err := ParsePublic([]byte(text)); err == nil {
			t.Errorf("public key %.30q was taken", text)
		}
		if _, err := ParsePrivate([]byte(text), nil); err == nil {
			t.Errorf("private key %.30q was taken", text)
		}
	}
	for _, bits := range []int{0, 511, 8193} {
		if _, err := GenerateRSA(bits, stream(1), func(int) {}); err == nil {
			t.Errorf("%d bits were taken", bits)
		}
	}
	if _, err := (&ECPrivate{}).Sign(nil, nil); err == nil {
		t.Error("signed without a hash function")
	}
	if _, err := (&ECPrivate{}).Sign(SHA1, make([]byte, 10)); err == nil {
		t.Error("signed a short hash")
	}
}

// TestGroup checks the group law on every curve: n times a point is infinity,
// sums agree with products, and adding infinity changes nothing.
func TestGroup(t *testing.T) {
	for _, c := range append([]*Curve{SM2}, curves...) {
		g := c.Generator()
		if !c.Contains(g) || c.Mul(c.N, g).X != nil || c.Contains(Point{}) {
			t.Errorf("%s: generator or order is wrong", c.Name)
		}
		fill := stream(uint64(c.Bits()))
		a, b := c.RandomScalar(fill), c.RandomScalar(fill)
		p, q := c.Mul(a, g), c.Mul(b, g)
		sum := c.Mul(new(big.Int).Add(a, b), g)
		if got := c.Add(p, q); got.X.Cmp(sum.X) != 0 || got.Y.Cmp(sum.Y) != 0 || !c.Contains(got) {
			t.Errorf("%s: aG + bG is not (a+b)G", c.Name)
		}
		minus := Point{p.X, new(big.Int).Sub(c.P, p.Y)}
		if c.Add(p, minus).X != nil {
			t.Errorf("%s: P - P is not infinity", c.Name)
		}
		if two := c.Add(p, p); two.X.Cmp(c.Mul(big.NewInt(2), p).X) != 0 {
			t.Errorf("%s: P + P is not 2P", c.Name)
		}
		if got := c.Add(Point{}, p); got.X.Cmp(p.X) != 0 {
			t.Errorf("%s: 0 + P is not P", c.Name)
		}
	}
	if got := hex.EncodeToString(P256.Bytes(P256.Generator())[:3]); got != "046b17" {
		t.Errorf("bytes of a point: %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"rsa.pem", "rsa-legacy.pem", "rsa-pbes2.pem", "ec.pem", "ec-compressed-public.pem", "rsa-public.pem"} {
		text := readKey(f, name)
		f.Add(text)
		block, _ := pem.Decode(text)
		f.Add(block.Bytes)
	}
	hash := make([]byte, sha256.Size)
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := ParsePublic(data); err == nil && k.Bits() <= 2048 {
			k.PEM()
			if k.EC != nil {
				k.EC.Verify(SHA256, hash, []byte("\x30\x06\x02\x01\x01\x02\x01\x01"))
			} else {
				k.RSA.Verify(SHA256, hash, make([]byte, k.RSA.Size()))
			}
		}
		if k, err := ParsePrivate(data, []byte("secret")); err == nil && k.Public().Bits() <= 2048 {
			k.PEM()
			if k.RSA != nil {
				_, _ = k.RSA.Sign(SHA256, hash)
			}
		}
	})
}
