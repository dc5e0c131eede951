package pubkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"
)

var errPassword = errors.New("wrong password, or a damaged key")

// blockCiphers are the ciphers of encrypted keys, with their names in PEM text
// (RFC 1423) and in PBES2 (RFC 8018 B.2).
var blockCiphers = []struct {
	pem string
	oid asn1.ObjectIdentifier
	key int // bytes
	new func([]byte) (cipher.Block, error)
}{
	{"DES-CBC", asn1.ObjectIdentifier{1, 3, 14, 3, 2, 7}, 8, des.NewCipher},
	{"DES-EDE3-CBC", asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, des.NewTripleDESCipher},
	{"AES-128-CBC", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, aes.NewCipher},
	{"AES-192-CBC", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, aes.NewCipher},
	{"AES-256-CBC", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, aes.NewCipher},
}

// openBlock decrypts a PEM block of the old form, with headers.
func openBlock(b *pem.Block, password []byte) ([]byte, error) {
	info, encrypted := b.Headers["DEK-Info"]
	if !encrypted {
		return b.Bytes, nil
	}
	name, salt, _ := strings.Cut(info, ",")
	iv, err := hex.DecodeString(strings.TrimSpace(salt))
	if err != nil || len(iv) < 8 {
		return nil, fmt.Errorf("DEK-Info %q of the key: bad initial vector", info)
	}
	for _, c := range blockCiphers {
		if c.pem != name {
			continue
		}
		var key, last []byte
		for len(key) < c.key {
			sum := md5.Sum(append(append(append([]byte{}, last...), password...), iv[:8]...))
			last = sum[:]
			key = append(key, last...)
		}
		return decryptCBC(c.new, key[:c.key], iv, b.Bytes)
	}
	return nil, fmt.Errorf("key encrypted with %s: %w", name, ErrUnsupported)
}

func decryptCBC(open func([]byte) (cipher.Block, error), key, iv, data []byte) ([]byte, error) {
	block, err := open(key)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errPassword
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	if n < 1 || n > size {
		return nil, errPassword
	}
	for _, c := range out[len(out)-n:] {
		if int(c) != n {
			return nil, errPassword
		}
	}
	return out[:len(out)-n], nil
}

// The forms of PBES2 (RFC 8018 6.2, A.2, A.4).
type (
	encryptedKey struct {
		Algorithm algorithm
		Data      []byte
	}
	pbes2 struct{ KDF, Cipher algorithm }
	kdf   struct {
		Salt       []byte
		Iterations int
		KeyLength  int       `asn1:"optional"`
		PRF        algorithm `asn1:"optional"`
	}
)

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
)

// iterationsMax bounds what a key can ask for. A module needs minutes for it.
const iterationsMax = 100_000

// parseEncrypted reads PKCS #8 with PBES2, as openssl writes it.
func parseEncrypted(der, password []byte) (*Private, error) {
	var e encryptedKey
	if err := unmarshal(der, &e); err != nil {
		return nil, fmt.Errorf("encrypted private key: %w", err)
	}
	if !e.Algorithm.OID.Equal(oidPBES2) {
		return nil, fmt.Errorf("key encrypted with algorithm %v: %w", e.Algorithm.OID, ErrUnsupported)
	}
	var p pbes2
	var k kdf
	if err := unmarshal(e.Algorithm.Parameters.FullBytes, &p); err != nil {
		return nil, fmt.Errorf("encrypted private key: %w", err)
	}
	if err := unmarshal(p.KDF.Parameters.FullBytes, &k); err != nil || !p.KDF.OID.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("encrypted private key: key derivation %v", p.KDF.OID)
	}
	var prf func() hash.Hash
	switch {
	case len(k.PRF.OID) == 0, k.PRF.OID.Equal(oidHMACSHA1):
		prf = sha1.New
	case k.PRF.OID.Equal(oidHMACSHA256):
		prf = sha256.New
	default:
		return nil, fmt.Errorf("key derivation with %v: %w", k.PRF.OID, ErrUnsupported)
	}
	if k.Iterations < 1 || k.Iterations > iterationsMax {
		return nil, fmt.Errorf("key derivation in %d rounds, expected 1..%d", k.Iterations, iterationsMax)
	}
	var iv []byte
	if err := unmarshal(p.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("encrypted private key: %w", err)
	}
	for _, c := range blockCiphers {
		if !c.oid.Equal(p.Cipher.OID) {
			continue
		}
		key, err := pbkdf2.Key(prf, string(password), k.Salt, k.Iterations, c.key)
		if err != nil {
			return nil, err
		}
		plain, err := decryptCBC(c.new, key, iv, e.Data)
		if err != nil {
			return nil, err
		}
		return parsePKCS8(plain)
	}
	return nil, fmt.Errorf("key encrypted with %v: %w", p.Cipher.OID, ErrUnsupported)
}
