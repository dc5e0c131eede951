package pubkey

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
)

// Digest is a hash function as a signature names it.
type Digest struct {
	Name string
	Size int // bytes
	New  func() hash.Hash
	info string // the DigestInfo in front of the hash (RFC 8017 9.2)
}

// The hash functions.
var (
	MD5    = &Digest{"md5", md5.Size, md5.New, "\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"}
	SHA1   = &Digest{"sha1", sha1.Size, sha1.New, "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"}
	SHA224 = &Digest{"sha224", sha256.Size224, sha256.New224, sha2Info(4, sha256.Size224)}
	SHA256 = &Digest{"sha256", sha256.Size, sha256.New, sha2Info(1, sha256.Size)}
	SHA384 = &Digest{"sha384", sha512.Size384, sha512.New384, sha2Info(2, sha512.Size384)}
	SHA512 = &Digest{"sha512", sha512.Size, sha512.New, sha2Info(3, sha512.Size)}
)

// sha2Info is the DigestInfo of member n of the SHA-2 family.
func sha2Info(n, size byte) string {
	return "\x30" + string([]byte{size + 17}) + "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" + string([]byte{n}) + "\x05\x00\x04" + string([]byte{size})
}

var errDigest = errors.New("unknown hash function")

// check says whether hash can be one of md.
func (md *Digest) check(hash []byte) error {
	if md == nil {
		return errDigest
	}
	if len(hash) != md.Size {
		return fmt.Errorf("hash has %d bytes, expected %d of %s", len(hash), md.Size, md.Name)
	}
	return nil
}
