package gm

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"airlift/lua/pubkey"
)

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSM3 has the examples of GB/T 32905 annex A.
func TestSM3(t *testing.T) {
	for text, want := range map[string]string{
		"abc":                      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
	} {
		if got := hex.EncodeToString(SM3([]byte(text))); got != want {
			t.Errorf("SM3(%q) is %s, expected %s", text, got, want)
		}
	}
}

// TestSM3Pieces: however the data is cut, the hash is the same.
func TestSM3Pieces(t *testing.T) {
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for n := range data {
		want := SM3(data[:n])
		for cut := 0; cut <= n; cut += 13 {
			h := NewSM3()
			h.Write(data[:cut])
			h.Sum(nil) // changes nothing
			h.Write(data[cut:n])
			if !bytes.Equal(h.Sum(nil), want) {
				t.Fatalf("%d bytes cut at %d", n, cut)
			}
		}
	}
}

// TestSM4 has the examples of GB/T 32907 annex A.
func TestSM4(t *testing.T) {
	key := fromHex(t, "0123456789abcdeffedcba9876543210")
	c, err := NewSM4(key)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, SM4Size)
	c.Encrypt(got, key)
	if want := fromHex(t, "681edf34d206965e86b3e94f536e4246"); !bytes.Equal(got, want) {
		t.Errorf("one round is %x, expected %x", got, want)
	}
	c.Decrypt(got, got)
	if !bytes.Equal(got, key) {
		t.Errorf("decrypted %x", got)
	}
	if _, err := NewSM4(key[:15]); err == nil {
		t.Error("a short key was taken")
	}
	if os.Getenv("AIRLIFT_SCALE") != "full" {
		return
	}
	for range 1_000_000 {
		c.Encrypt(got, got)
	}
	if want := fromHex(t, "595298c7c6fd271f0402f804c33d3f66"); !bytes.Equal(got, want) {
		t.Errorf("a million rounds are %x, expected %x", got, want)
	}
}

func stream(seed uint64) func([]byte) {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(p []byte) {
		for i := range p {
			p[i] = byte(r.Uint32())
		}
	}
}

// TestSM2Signature has the example of GB/T 32918.5 annex A.2.
func TestSM2Signature(t *testing.T) {
	d := new(big.Int).SetBytes(fromHex(t, "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
	k := fromHex(t, "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
	pub := curve.Mul(d, curve.Generator())
	digest := Digest(pub, []byte("1234567812345678"), []byte("message digest"))
	if got := hex.EncodeToString(digest); got != "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640" {
		t.Errorf("digest %s", got)
	}
	r, s, err := Sign(d, digest, func(p []byte) { copy(p, k) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Text(16) != "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3" ||
		s.Text(16) != "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa" {
		t.Errorf("signature %x %x", r, s)
	}
	if !Verify(pub, digest, r, s) {
		t.Error("the signature does not verify")
	}
	for i := range digest {
		digest[i] ^= 1
		if Verify(pub, digest, r, s) {
			t.Errorf("verifies with byte %d changed", i)
		}
		digest[i] ^= 1
	}
	if Verify(pub, digest, new(big.Int), s) || Verify(pub, digest, r, curve.N) || Verify(pub, digest, new(big.Int).Sub(curve.N, s), s) {
		t.Error("numbers out of range verify")
	}
	if _, _, err := Sign(new(big.Int).Sub(curve.N, big.NewInt(1)), digest, stream(1)); err == nil {
		t.Error("n-1 signs")
	}
}

// TestSM2Encryption: the text comes back, and no change goes unnoticed.
func TestSM2Encryption(t *testing.T) {
	fill := stream(7)
	d := curve.RandomScalar(fill)
	pub := curve.Mul(d, curve.Generator())
	for _, n := range []int{1, 31, 32, 33, 100} {
		plain := make([]byte, n)
		fill(plain)
		c, err := Encrypt(pub, plain, fill)
		if err != nil {
			t.Fatal(err)
		}
		der, err := c.DER()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCipherText(der)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decrypt(d, again); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: %x %v, expected %x", n, got, err, plain)
		}
		for _, field := range [][]byte{again.Hash, again.Text} {
			field[len(field)-1] ^= 1
			if _, err := Decrypt(d, again); err == nil {
				t.Error("a changed text decrypts")
			}
			field[len(field)-1] ^= 1
		}
	}
	if _, err := Encrypt(pub, nil, fill); err == nil {
		t.Error("nothing was encrypted")
	}
	if _, err := Encrypt(pubkey.Point{X: big.NewInt(1), Y: big.NewInt(1)}, []byte("x"), fill); err == nil {
		t.Error("encrypted for a point off the curve")
	}
}

// TestSM2CipherText has the text of GB/T 32918.5 annex A.3.
func TestSM2CipherText(t *testing.T) {
	d := new(big.Int).SetBytes(fromHex(t, "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
	k := fromHex(t, "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
	c, err := Encrypt(curve.Mul(d, curve.Generator()), []byte("encryption standard"), func(p []byte) { copy(p, k) })
	if err != nil {
		t.Fatal(err)
	}
	x, y := coordinates(c.C1)
	want := "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0" +
		"59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd876621886ca989ca9c7d58087307ca93092d651efa"
	if got := hex.EncodeToString(slices.Concat(x, y, c.Hash, c.Text)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParseCipherText(f *testing.F) {
	f.Add([]byte("\x30\x00"))
	seed, err := hex.DecodeString("3068020101020101042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd87660441")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseCipherText(der)
		if err != nil {
			return
		}
		_, _ = Decrypt(big.NewInt(5), c)
	})
}
